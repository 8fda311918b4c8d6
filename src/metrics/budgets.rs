//! Budgets as gauges: of several that a metric cannot tell apart, the one that is nearest to its limit.

use std::collections::BTreeMap;

use super::bound::OTHER;
use super::figures::BudgetFigure;

impl BudgetFigure {
    /// Spent and reserved as a share of the limit, in millionths.
    fn share(&self) -> i128 {
        (i128::from(self.spent) + i128::from(self.reserved)) * 1_000_000 / i128::from(self.limit).max(1)
    }
}

/// At most so many, the fullest first; what has no place is among `other`, and how many those are.
pub fn bounded(budgets: &[BudgetFigure], most: usize) -> (Vec<BudgetFigure>, u64) {
    let mut by: BTreeMap<(&str, &[String], &str), &BudgetFigure> = BTreeMap::new();
    for figure in budgets {
        let found = by.entry((&figure.budget, &figure.labels, &figure.window)).or_insert(figure);
        if figure.share() > found.share() {
            *found = figure;
        }
    }
    let mut shown: Vec<BudgetFigure> = by.into_values().cloned().collect();
    if shown.len() <= most {
        return (shown, 0);
    }
    shown.sort_by_key(|figure| std::cmp::Reverse(figure.share()));
    let rest = shown.split_off(most.saturating_sub(1));
    let dropped = rest.len() as u64;
    shown.extend(rest.into_iter().next().map(|fullest| BudgetFigure {
        labels: vec![OTHER.to_owned(); fullest.labels.len()],
        budget: OTHER.to_owned(),
        window: OTHER.to_owned(),
        ..fullest
    }));
    (shown, dropped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(budget: &str, team: &str, spent: i64) -> BudgetFigure {
        BudgetFigure {
            labels: vec![team.to_owned()],
            budget: budget.to_owned(),
            window: "month".to_owned(),
            limit: 100,
            spent,
            reserved: 0,
            forecast: None,
        }
    }

    #[test]
    fn of_what_cannot_be_told_apart_the_fullest_is_shown() {
        let all = [figure("run", "", 20), figure("run", "", 90), figure("run", "", 30), figure("teams", "web", 10)];
        let (shown, dropped) = bounded(&all, 500);
        assert_eq!(shown, [figure("run", "", 90), figure("teams", "web", 10)]);
        assert_eq!(dropped, 0);
    }

    #[test]
    fn of_too_many_the_fullest_keep_their_names() {
        let all: Vec<BudgetFigure> = (0..6).map(|at| figure("teams", &format!("t{at}"), at * 10)).collect();
        let (shown, dropped) = bounded(&all, 3);
        let teams: Vec<(&str, i64)> = shown.iter().map(|one| (one.labels[0].as_str(), one.spent)).collect();
        assert_eq!((teams, dropped), (vec![("t5", 50), ("t4", 40), ("other", 30)], 4));
    }
}
