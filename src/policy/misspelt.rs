//! Pure. Limits of their own whose keys name nobody that is known, but almost somebody.

use std::collections::BTreeSet;

use super::rule::Policy;
use super::suggest;
use crate::model::Dimension;

/// A sentence for each value in a budget's `limits` that is unknown and near one that is known. `known` tells what a
/// dimension's values are, as far as the ledger has seen; the policy itself knows what its attribution rules set and
/// which models it names.
pub fn misspelt_limits(policy: &Policy, known: impl Fn(&Dimension) -> BTreeSet<String>) -> Vec<String> {
    let mut said = Vec::new();
    for budget in policy.budgets.iter().filter(|budget| !budget.limits.is_empty()) {
        for (place, dimension) in budget.per.iter().enumerate() {
            let mut values = known(dimension);
            values.extend(named(policy, dimension));
            let written: BTreeSet<&str> =
                budget.limits.keys().filter_map(|key| key.parts().nth(place).flatten()).collect();
            for word in written {
                if values.contains(word) {
                    continue;
                }
                let near = suggest::nearest(word, values.iter().map(String::as_str));
                if let Some(near) = near {
                    let name = &budget.name;
                    said.push(format!(
                        "`limits` of the budget `{name}` names the {dimension} `{word}`, of which nothing is known: did you mean `{near}`?"
                    ));
                }
            }
        }
    }
    said
}

/// The values of a dimension that the policy names elsewhere.
fn named(policy: &Policy, dimension: &Dimension) -> BTreeSet<String> {
    let set = policy.attribute.iter().filter_map(|rule| rule.set.get(dimension)).map(str::to_owned);
    let ladder = policy.models.ladder.iter().map(|rung| &rung.model);
    let models = ladder.chain(policy.models.tiers.values());
    let models = models.filter(|_| *dimension == Dimension::Model).map(ToString::to_string);
    set.chain(models).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::layers::{FlagRules, load};
    use crate::policy::mistake::LayerText;
    use crate::policy::rule::Layer;

    #[test]
    fn a_slip_of_the_finger_is_told_and_a_newcomer_is_not() {
        let text = r#"
            version = 1
            [[budget]]
            name   = "teams"
            per    = ["team", "user"]
            window = "month"
            limit  = "1 usd"
            limits = { "wbe/*" = "5 usd", "web/alise" = "2 usd", "newcomers/*" = "3 usd", "infra/bob" = "4 usd" }
            [[attribute]]
            set = { team = "infra" }
        "#;
        let layers = vec![LayerText { layer: Layer::User, path: None, text: text.to_owned() }];
        let policy = load(layers, FlagRules::default()).unwrap().policy;
        let known = |dimension: &Dimension| match dimension {
            Dimension::Team => ["web".to_owned()].into(),
            Dimension::User => ["alice".to_owned(), "bob".to_owned()].into(),
            _ => BTreeSet::new(),
        };
        let said = misspelt_limits(&policy, known);
        assert_eq!(
            said,
            [
                "`limits` of the budget `teams` names the team `wbe`, of which nothing is known: did you mean `web`?",
                "`limits` of the budget `teams` names the user `alise`, of which nothing is known: did you mean `alice`?",
            ]
        );
        assert!(misspelt_limits(&policy, |_| BTreeSet::new()).is_empty(), "nobody else is known");
    }
}
