//! What came of runs, added up: a sum knows what is missing from it, and why.

use std::collections::{BTreeMap, BTreeSet};

use super::pull::{Pull, PullState};
use crate::model::{CommitId, LineKind, Lines, Money};

/// After so many days it is looked which lines stand.
pub const AFTER: [u32; 3] = [1, 7, 30];

/// What the parts of a sum are, and so what its reasons count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// Commits of runs.
    Commits,
    /// Responses that a run paid for.
    Responses,
    /// Runs as wholes.
    Runs,
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Self::Commits => "commits",
            Self::Responses => "responses",
            Self::Runs => "runs",
        }
    }
}

/// A sum, and what is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    sum: u64,
    /// How many parts it has.
    known: BTreeMap<Unit, u64>,
    /// How many parts are missing, for each reason.
    missing: BTreeMap<(Unit, String), u64>,
}

impl Figure {
    /// That of one run.
    pub fn of(value: u64) -> Self {
        Self::of_some(value, Unit::Runs, 1)
    }

    /// That of so many parts together.
    pub fn of_some(value: u64, unit: Unit, count: u64) -> Self {
        Self { sum: value, known: [(unit, count)].into(), missing: BTreeMap::new() }
    }

    /// That of one run, which nobody knows.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self::unknown_of(why, Unit::Runs, 1)
    }

    /// That of so many parts, which nobody knows.
    pub fn unknown_of(why: impl Into<String>, unit: Unit, count: u64) -> Self {
        Self { sum: 0, known: BTreeMap::new(), missing: [((unit, why.into()), count)].into() }
    }

    /// Adds another sum.
    pub fn add(&mut self, other: &Self) {
        self.sum = self.sum.saturating_add(other.sum);
        for (unit, count) in &other.known {
            let of_all = self.known.entry(*unit).or_default();
            *of_all = of_all.saturating_add(*count);
        }
        for (why, count) in &other.missing {
            let of_all = self.missing.entry(why.clone()).or_default();
            *of_all = of_all.saturating_add(*count);
        }
    }

    /// The sum of what is known; `None`: nothing is.
    pub fn value(&self) -> Option<u64> {
        let knows_some = |unit: Unit| match unit {
            // A run of which it is known that it has no such part says nothing of the parts of another one.
            Unit::Commits | Unit::Responses => self.known_of(unit) > 0,
            Unit::Runs => self.known.values().any(|count| *count > 0),
        };
        self.missing.keys().all(|(unit, _)| knows_some(*unit)).then_some(self.sum)
    }

    fn known_of(&self, unit: Unit) -> u64 {
        self.known.get(&unit).copied().unwrap_or_default()
    }

    /// Nothing is missing.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// Why it is not known, or what is missing from it.
    pub fn why(&self) -> Option<String> {
        if self.missing.is_empty() {
            return None;
        }
        if self.value().is_none() {
            let reasons: BTreeSet<&str> = self.missing.keys().map(|(_, why)| why.as_str()).collect();
            return Some(reasons.into_iter().collect::<Vec<_>>().join("; "));
        }
        let units: BTreeSet<Unit> = self.missing.keys().map(|(unit, _)| *unit).collect();
        let of_unit = |unit: Unit| {
            let own = || self.missing.iter().filter(|((of, _), _)| *of == unit);
            let missing: u64 = own().map(|(_, count)| count).sum();
            let reasons: Vec<&str> = own().map(|((_, why), _)| why.as_str()).collect();
            let all = missing.saturating_add(self.known_of(unit));
            format!("not known of {missing} of {all} {}: {}", unit.as_str(), reasons.join("; "))
        };
        Some(units.into_iter().map(of_unit).collect::<Vec<_>>().join("; "))
    }
}

/// An amount of money, and what is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    sum: Money,
    count: Figure,
}

impl Amount {
    /// That of one run.
    pub fn of(value: Money) -> Self {
        Self { sum: value, count: Figure::of(0) }
    }

    /// What so many responses cost.
    pub fn of_responses(value: Money, count: u64) -> Self {
        Self { sum: value, count: Figure::of_some(0, Unit::Responses, count) }
    }

    /// What so many responses cost, which nobody knows.
    pub fn unknown_of_responses(why: &str, count: u64) -> Self {
        Self { sum: Money::ZERO, count: Figure::unknown_of(why, Unit::Responses, count) }
    }

    /// Nothing is missing.
    pub fn is_whole(&self) -> bool {
        self.count.is_whole()
    }

    /// That of one run, which nobody knows.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self { sum: Money::ZERO, count: Figure::unknown(why) }
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        self.count.add(&other.count);
    }

    /// What is known of it; `None`: nothing is.
    pub fn value(&self) -> Option<Money> {
        self.count.value().map(|_| self.sum)
    }

    /// Why it is not known, or what is missing from it.
    pub fn why(&self) -> Option<String> {
        self.count.why()
    }
}

/// Pull requests of several runs, each once, and what is not known of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pulls {
    found: BTreeMap<(String, u64), PullState>,
    known: Figure,
    /// What the runs cost of which it is known.
    cost: Amount,
}

impl Pulls {
    /// Adds those of one run that cost so much.
    pub fn add(&mut self, pulls: &Result<BTreeSet<Pull>, String>, cost: &Amount) {
        match pulls {
            Ok(pulls) => {
                self.found.extend(pulls.iter().map(|one| ((one.repository.clone(), one.number), one.state)));
                self.known.add(&Figure::of(0));
                self.cost.add(cost);
            }
            Err(why) => self.known.add(&Figure::unknown(why.as_str())),
        }
    }

    /// How many there are; `None`: nobody knows.
    pub fn count(&self) -> Option<u64> {
        self.known.value().map(|_| self.found.len() as u64)
    }

    /// How many of them stand so.
    pub fn of(&self, state: PullState) -> Option<u64> {
        self.known.value().map(|_| self.found.values().filter(|of| **of == state).count() as u64)
    }

    /// Why that is not known, or what is missing.
    pub fn why(&self) -> Option<String> {
        self.known.why()
    }

    /// What a merged one cost, what came to nothing included; or why nobody can say.
    pub fn per_merged(&self) -> Result<Money, String> {
        let merged = self.of(PullState::Merged).ok_or_else(|| self.why().unwrap_or_default())?;
        let cost = self.cost.value().ok_or_else(|| self.cost.why().unwrap_or_default())?;
        match i64::try_from(merged) {
            Ok(merged) if merged > 0 => Ok(Money::from_nanos(cost.nanos().div_euclid(merged))),
            _ => Err("no pull request was merged".to_owned()),
        }
    }
}

/// What came of one run in one work tree, or of one agent of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeResult {
    /// What it cost.
    pub cost: Amount,
    /// Commits.
    pub commits: Figure,
    /// Lines that they added.
    pub added: Figure,
    /// Lines that they removed.
    pub removed: Figure,
    /// The same by what their files are for.
    pub kinds: BTreeMap<LineKind, Lines>,
    /// Lines that stand on the default branch after so many days, commit by commit.
    pub kept: [Figure; 3],
    /// Changes that came to the default branch, each by what stands for it.
    pub changes: BTreeSet<CommitId>,
    /// Of which commits it is known whether they came there; the sum is that of `changes`.
    pub merged: Figure,
    /// Commits that were taken back there.
    pub reverted: Figure,
    /// What was spent on what came to nothing.
    pub abandoned: Amount,
    /// Commands that ran tests.
    pub tests: Figure,
    /// Those of them that did not end well.
    pub failed: Figure,
    /// Pull requests, or why nobody knows; `None`: nobody asked.
    pub pulls: Option<Result<BTreeSet<Pull>, String>>,
}

impl Default for TreeResult {
    fn default() -> Self {
        Self::unknown("")
    }
}

impl TreeResult {
    /// One of which nothing is known but its cost.
    pub fn unknown(why: &str) -> Self {
        let figure = || Figure::unknown(why);
        Self {
            cost: Amount::default(),
            commits: figure(),
            added: figure(),
            removed: figure(),
            kinds: BTreeMap::new(),
            kept: std::array::from_fn(|_| figure()),
            changes: BTreeSet::new(),
            merged: figure(),
            reverted: figure(),
            abandoned: Amount::unknown(why),
            tests: figure(),
            failed: figure(),
            pulls: None,
        }
    }
}

/// What came of several runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// Commits.
    pub commits: Figure,
    /// Lines that they added.
    pub added: Figure,
    /// Lines that they removed.
    pub removed: Figure,
    /// The same by what their files are for.
    pub kinds: BTreeMap<LineKind, Lines>,
    /// Lines that stand after so many days ([`AFTER`]).
    pub kept: [Figure; 3],
    /// Commits that were taken back.
    pub reverted: Figure,
    /// What was spent on what came to nothing.
    pub abandoned: Amount,
    /// Commands that ran tests.
    pub tests: Figure,
    /// Those of them that did not end well.
    pub failed: Figure,
    /// Pull requests, where they were asked for.
    pub pulls: Option<Pulls>,
    changes: BTreeSet<CommitId>,
    merged: Figure,
    /// What all runs cost.
    cost: Amount,
}

/// What one of something cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In money.
    pub cost: Money,
    /// How exact that is.
    pub bound: Bound,
}

/// How exact a figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// It is known.
    Exact,
    /// It is at least that: a part of the cost is not known.
    Least,
    /// It is at most that: there may be more to divide by.
    Most,
}

impl Results {
    /// Adds what came of one more. A change that several had a part in counts once.
    pub fn add(&mut self, part: &TreeResult) {
        self.commits.add(&part.commits);
        self.added.add(&part.added);
        self.removed.add(&part.removed);
        for (kind, lines) in &part.kinds {
            let of_all = self.kinds.entry(*kind).or_default();
            of_all.added = of_all.added.saturating_add(lines.added);
            of_all.removed = of_all.removed.saturating_add(lines.removed);
        }
        self.kept.iter_mut().zip(&part.kept).for_each(|(kept, more)| kept.add(more));
        self.reverted.add(&part.reverted);
        self.abandoned.add(&part.abandoned);
        self.tests.add(&part.tests);
        self.failed.add(&part.failed);
        if let Some(pulls) = &part.pulls {
            self.pulls.get_or_insert_default().add(pulls, &part.cost);
        }
        self.changes.extend(part.changes.iter().cloned());
        self.merged.add(&part.merged);
        self.cost.add(&part.cost);
    }

    /// Changes that came to the default branch.
    pub fn merged(&self) -> Option<u64> {
        self.merged.value().map(|_| self.changes.len() as u64)
    }

    /// Why that is not known, or what is missing from it.
    pub fn merged_why(&self) -> Option<String> {
        self.merged.why()
    }

    /// What one of them cost, what came to nothing included; or why nobody can say.
    pub fn per_merged(&self) -> Result<Rate, String> {
        let Some(merged) = self.merged() else { return Err(self.merged_why().unwrap_or_default()) };
        self.rate(merged, &self.merged, "nothing was merged")
    }

    /// What a line cost that stands, and after how many days: the longest time that is known of every commit.
    pub fn per_kept(&self) -> Result<(Rate, u32), String> {
        let whole = AFTER.iter().zip(&self.kept).rev().find(|(_, kept)| kept.is_whole());
        let Some((days, kept)) = whole else {
            return Err(self.kept.iter().find_map(Figure::why).unwrap_or_default());
        };
        let lines = kept.value().unwrap_or_default();
        self.rate(lines, kept, "no line stands").map(|rate| (rate, *days))
    }

    fn rate(&self, by: u64, counted: &Figure, none: &str) -> Result<Rate, String> {
        let cost = self.cost.value().ok_or_else(|| self.cost.why().unwrap_or_default())?;
        let bound = match (self.cost.is_whole(), counted.is_whole()) {
            (true, true) => Bound::Exact,
            (false, true) => Bound::Least,
            (true, false) => Bound::Most,
            (false, false) => {
                return Err([self.cost.why(), counted.why()].into_iter().flatten().collect::<Vec<_>>().join("; "));
            }
        };
        divided(cost, by).map(|cost| Rate { cost, bound }).ok_or_else(|| none.to_owned())
    }

    /// Why what a merged change cost is not known, or in which direction it is not exact.
    pub fn per_merged_why(&self) -> Option<String> {
        match self.per_merged() {
            Ok(rate) => self.inexact(rate.bound, &self.merged),
            Err(why) => Some(why),
        }
    }

    /// The same of a line that stands.
    pub fn per_kept_why(&self) -> Option<String> {
        match self.per_kept() {
            // It is only told where the lines of all commits are known.
            Ok((rate, _)) => self.inexact(rate.bound, &Figure::default()),
            Err(why) => Some(why),
        }
    }

    fn inexact(&self, bound: Bound, counted: &Figure) -> Option<String> {
        match bound {
            Bound::Exact => None,
            Bound::Least => self.cost.why().map(|why| format!("at least that: its cost is {why}")),
            Bound::Most => counted.why().map(|why| format!("at most that: {why}")),
        }
    }
}

fn divided(cost: Money, by: u64) -> Option<Money> {
    let by = i64::try_from(by).ok().filter(|by| *by > 0)?;
    Some(Money::from_nanos(cost.nanos().div_euclid(by)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(cost: i64, merged: &[u8]) -> TreeResult {
        let id = |n: &u8| CommitId::parse(&format!("{n:02x}").repeat(20)).unwrap();
        TreeResult {
            cost: Amount::of_responses(Money::from_nanos(cost), 1),
            commits: Figure::of(2),
            kept: [Figure::of(8), Figure::of(6), Figure::unknown("younger than 30 days")],
            changes: merged.iter().map(id).collect(),
            merged: Figure::of(0),
            ..TreeResult::default()
        }
    }

    fn exact(nanos: i64) -> Rate {
        Rate { cost: Money::from_nanos(nanos), bound: Bound::Exact }
    }

    #[test]
    fn a_change_of_two_runs_counts_once_and_what_came_to_nothing_is_paid_for_too() {
        let mut results = Results::default();
        [part(30, &[1]), part(20, &[1, 2]), part(10, &[])].iter().for_each(|part| results.add(part));
        assert_eq!(results.merged(), Some(2));
        assert_eq!(results.per_merged(), Ok(exact(30)));
        assert_eq!(results.per_kept(), Ok((exact(3), 7)), "60 for 18 lines, after the longest time known");
    }

    #[test]
    fn what_is_missing_is_said_and_is_no_zero() {
        let mut results = Results::default();
        results.add(&TreeResult::unknown("its work tree is gone"));
        assert_eq!((results.commits.value(), results.merged()), (None, None));
        assert_eq!(results.commits.why().as_deref(), Some("its work tree is gone"));
        assert_eq!(results.per_merged(), Err("its work tree is gone".to_owned()));
        results.add(&part(30, &[]));
        assert_eq!(results.commits.value(), Some(2));
        assert_eq!(results.commits.why().as_deref(), Some("not known of 1 of 2 runs: its work tree is gone"));
        assert_eq!(results.per_merged(), Err("nothing was merged".to_owned()));
    }

    #[test]
    fn a_pull_request_of_two_runs_counts_once_and_what_is_not_known_is_no_zero() {
        let pull = |number, state| Pull { repository: "acme/shop".to_owned(), number, state };
        let all = [(1, PullState::Open), (2, PullState::Merged), (3, PullState::Closed)];
        let found: BTreeSet<Pull> = all.into_iter().map(|(number, state)| pull(number, state)).collect();
        let mut pulls = Pulls::default();
        pulls.add(&Ok(found.clone()), &Amount::of(Money::from_nanos(30)));
        pulls.add(&Ok(found), &Amount::of(Money::from_nanos(20)));
        assert_eq!((pulls.count(), all.map(|(_, state)| pulls.of(state))), (Some(3), [Some(1); 3]));
        assert_eq!(pulls.per_merged(), Ok(Money::from_nanos(50)));
        pulls.add(&Err("it was asked too often".to_owned()), &Amount::of(Money::from_nanos(1)));
        assert_eq!(pulls.why().as_deref(), Some("not known of 1 of 3 runs: it was asked too often"));
        let mut none = Pulls::default();
        none.add(&Err("no remote is on GitHub".to_owned()), &Amount::default());
        assert_eq!((none.count(), none.per_merged()), (None, Err("no remote is on GitHub".to_owned())));
    }

    #[test]
    fn reasons_count_commits_and_runs_apart() {
        let mut kept = Figure::of_some(7, Unit::Commits, 3);
        kept.add(&Figure::unknown_of("younger than 7 days", Unit::Commits, 2));
        kept.add(&Figure::of(0));
        assert_eq!(kept.why().as_deref(), Some("not known of 2 of 5 commits: younger than 7 days"));
        kept.add(&Figure::unknown("it runs still"));
        assert!(kept.why().unwrap().ends_with("; not known of 1 of 2 runs: it runs still"), "{:?}", kept.why());
        let mut none = Figure::of(0);
        none.add(&Figure::unknown_of("younger than 7 days", Unit::Commits, 2));
        assert_eq!((none.value(), none.why().as_deref()), (None, Some("younger than 7 days")));
    }

    #[test]
    fn what_a_change_cost_is_that_of_all_runs_and_says_where_it_is_not_exact() {
        let mut results = Results::default();
        results.add(&part(30, &[1]));
        results.add(&TreeResult {
            cost: Amount::of_responses(Money::from_nanos(12), 1),
            ..TreeResult::unknown("it runs still")
        });
        assert_eq!(results.per_merged(), Ok(Rate { cost: Money::from_nanos(42), bound: Bound::Most }));
        let why = "at most that: not known of 1 of 2 runs: it runs still";
        assert_eq!(results.per_merged_why().as_deref(), Some(why));

        let unpriced = TreeResult { cost: Amount::unknown_of_responses("no price", 2), ..part(0, &[2]) };
        let mut results = Results::default();
        results.add(&unpriced);
        assert_eq!(results.per_merged(), Err("no price".to_owned()));
        assert_eq!(results.per_kept(), Err("no price".to_owned()));
        results.add(&part(30, &[1]));
        assert_eq!(results.per_merged(), Ok(Rate { cost: Money::from_nanos(15), bound: Bound::Least }));
        let why = "at least that: its cost is not known of 2 of 3 responses: no price";
        assert_eq!(results.per_merged_why().as_deref(), Some(why));
    }
}
