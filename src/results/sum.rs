//! Pure. What came of runs, added up: a sum knows what is missing from it, and why.

use std::collections::{BTreeMap, BTreeSet};

use super::pull::{Pull, PullState};
use crate::model::{CommitId, LineKind, Lines, Money};

/// After so many days it is looked which lines stand.
pub const AFTER: [u32; 3] = [1, 7, 30];

/// A sum, and what is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    sum: u64,
    /// How many parts it has.
    known: u64,
    /// How many parts are missing, for each reason.
    missing: BTreeMap<String, u64>,
}

impl Figure {
    /// One part.
    pub fn of(value: u64) -> Self {
        Self { sum: value, known: 1, missing: BTreeMap::new() }
    }

    /// One part that nobody knows.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self { sum: 0, known: 0, missing: BTreeMap::from([(why.into(), 1)]) }
    }

    /// Adds another sum.
    pub fn add(&mut self, other: &Self) {
        self.sum = self.sum.saturating_add(other.sum);
        self.known = self.known.saturating_add(other.known);
        for (why, count) in &other.missing {
            let of_all = self.missing.entry(why.clone()).or_default();
            *of_all = of_all.saturating_add(*count);
        }
    }

    /// The sum of what is known; `None`: nothing is.
    pub fn value(&self) -> Option<u64> {
        (self.known > 0 || self.missing.is_empty()).then_some(self.sum)
    }

    /// Nothing is missing.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// Why it is not known, or what is missing from it. `noun` is what its parts are.
    pub fn why(&self, noun: &str) -> Option<String> {
        let missing: u64 = self.missing.values().sum();
        let all = missing.saturating_add(self.known);
        let reasons: Vec<&str> = self.missing.keys().map(String::as_str).collect();
        let reasons = reasons.join("; ");
        match missing {
            0 => None,
            _ if missing == all => Some(reasons),
            _ => Some(format!("not known of {missing} of {all} {noun}: {reasons}")),
        }
    }
}

/// An amount of money, and what is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    sum: Money,
    count: Figure,
}

impl Amount {
    /// One part.
    pub fn of(value: Money) -> Self {
        Self { sum: value, count: Figure::of(0) }
    }

    /// One part that nobody knows.
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
        self.count.why("runs")
    }
}

/// Pull requests of several runs, each once, and what is not known of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pulls {
    found: BTreeMap<(String, u64), PullState>,
    known: Figure,
    /// What the runs cost of which it is known.
    cost: Money,
}

impl Pulls {
    /// Adds those of one run that cost so much.
    pub fn add(&mut self, pulls: &Result<BTreeSet<Pull>, String>, cost: Money) {
        match pulls {
            Ok(pulls) => {
                self.found.extend(pulls.iter().map(|one| ((one.repository.clone(), one.number), one.state)));
                self.known.add(&Figure::of(0));
                self.cost += cost;
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
        self.known.why("runs")
    }

    /// What a merged one cost, what came to nothing included; or why nobody can say.
    pub fn per_merged(&self) -> Result<Money, String> {
        let merged = self.of(PullState::Merged).ok_or_else(|| self.why().unwrap_or_default())?;
        match i64::try_from(merged) {
            Ok(merged) if merged > 0 => Ok(Money::from_nanos(self.cost.nanos().div_euclid(merged))),
            _ => Err("no pull request was merged".to_owned()),
        }
    }
}

/// What came of one run in one work tree, or of one agent of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it cost, as far as that has a price.
    pub cost: Money,
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
    /// Changes that came to the default branch, each by what stands for it; or why nobody knows.
    pub merged: Result<BTreeSet<CommitId>, String>,
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

impl Default for Part {
    fn default() -> Self {
        Self::unknown("")
    }
}

impl Part {
    /// One of which nothing is known but its cost.
    pub fn unknown(why: &str) -> Self {
        let figure = || Figure::unknown(why);
        Self {
            cost: Money::ZERO,
            commits: figure(),
            added: figure(),
            removed: figure(),
            kinds: BTreeMap::new(),
            kept: std::array::from_fn(|_| figure()),
            merged: Err(why.to_owned()),
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
    /// What the runs cost of which it is known whether their changes were merged.
    cost: Money,
}

impl Results {
    /// Adds what came of one more. A change that several had a part in counts once.
    pub fn add(&mut self, part: &Part) {
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
            self.pulls.get_or_insert_default().add(pulls, part.cost);
        }
        match &part.merged {
            Ok(changes) => {
                self.changes.extend(changes.iter().cloned());
                self.merged.add(&Figure::of(0));
                self.cost += part.cost;
            }
            Err(why) => self.merged.add(&Figure::unknown(why.as_str())),
        }
    }

    /// Changes that came to the default branch.
    pub fn merged(&self) -> Option<u64> {
        self.merged.value().map(|_| self.changes.len() as u64)
    }

    /// Why that is not known.
    pub fn merged_why(&self) -> Option<String> {
        self.merged.why("runs")
    }

    /// What one of them cost, what came to nothing included; or why nobody can say.
    pub fn per_merged(&self) -> Result<Money, String> {
        let Some(merged) = self.merged() else { return Err(self.merged_why().unwrap_or_default()) };
        divided(self.cost, merged).ok_or_else(|| "nothing was merged".to_owned())
    }

    /// What a line cost that stands, and after how many days: the longest time that is known of every commit.
    pub fn per_kept(&self) -> Result<(Money, u32), String> {
        let whole = AFTER.iter().zip(&self.kept).rev().find(|(_, kept)| kept.is_whole());
        let Some((days, kept)) = whole.filter(|_| self.merged.value().is_some()) else {
            let first = self.kept.iter().find_map(|kept| kept.why("commits"));
            return Err(first.or_else(|| self.merged_why()).unwrap_or_default());
        };
        let lines = kept.value().unwrap_or_default();
        divided(self.cost, lines).map(|cost| (cost, *days)).ok_or_else(|| "no line stands".to_owned())
    }
}

fn divided(cost: Money, by: u64) -> Option<Money> {
    let by = i64::try_from(by).ok().filter(|by| *by > 0)?;
    Some(Money::from_nanos(cost.nanos().div_euclid(by)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(cost: i64, merged: &[u8]) -> Part {
        let id = |n: &u8| CommitId::parse(&format!("{n:02x}").repeat(20)).unwrap();
        Part {
            cost: Money::from_nanos(cost),
            commits: Figure::of(2),
            kept: [Figure::of(8), Figure::of(6), Figure::unknown("younger than 30 days")],
            merged: Ok(merged.iter().map(id).collect()),
            ..Part::default()
        }
    }

    #[test]
    fn a_change_of_two_runs_counts_once_and_what_came_to_nothing_is_paid_for_too() {
        let mut results = Results::default();
        [part(30, &[1]), part(20, &[1, 2]), part(10, &[])].iter().for_each(|part| results.add(part));
        assert_eq!(results.merged(), Some(2));
        assert_eq!(results.per_merged(), Ok(Money::from_nanos(30)));
        assert_eq!(results.per_kept(), Ok((Money::from_nanos(3), 7)), "60 for 18 lines, after the longest time known");
    }

    #[test]
    fn what_is_missing_is_said_and_is_no_zero() {
        let mut results = Results::default();
        results.add(&Part::unknown("its work tree is gone"));
        assert_eq!((results.commits.value(), results.merged()), (None, None));
        assert_eq!(results.commits.why("runs").as_deref(), Some("its work tree is gone"));
        assert_eq!(results.per_merged(), Err("its work tree is gone".to_owned()));
        results.add(&part(30, &[]));
        assert_eq!(results.commits.value(), Some(2));
        assert_eq!(results.commits.why("runs").as_deref(), Some("not known of 1 of 2 runs: its work tree is gone"));
        assert_eq!(results.per_merged(), Err("nothing was merged".to_owned()));
    }

    #[test]
    fn a_pull_request_of_two_runs_counts_once_and_what_is_not_known_is_no_zero() {
        let pull = |number, state| Pull { repository: "acme/shop".to_owned(), number, state };
        let all = [(1, PullState::Open), (2, PullState::Merged), (3, PullState::Closed)];
        let found: BTreeSet<Pull> = all.into_iter().map(|(number, state)| pull(number, state)).collect();
        let mut pulls = Pulls::default();
        pulls.add(&Ok(found.clone()), Money::from_nanos(30));
        pulls.add(&Ok(found), Money::from_nanos(20));
        assert_eq!((pulls.count(), all.map(|(_, state)| pulls.of(state))), (Some(3), [Some(1); 3]));
        assert_eq!(pulls.per_merged(), Ok(Money::from_nanos(50)));
        pulls.add(&Err("it was asked too often".to_owned()), Money::from_nanos(1));
        assert_eq!(pulls.why().as_deref(), Some("not known of 1 of 3 runs: it was asked too often"));
        let mut none = Pulls::default();
        none.add(&Err("no remote is on GitHub".to_owned()), Money::ZERO);
        assert_eq!((none.count(), none.per_merged()), (None, Err("no remote is on GitHub".to_owned())));
    }
}
