//! What came of one run, from what it committed and what became of that.

use std::collections::{BTreeMap, HashMap};

use super::landed::Landing;
use super::totals::{AFTER, Amount, Figure, TreeResult, Unit};
use crate::model::{Commit, CommitId, LineKind, Lines, Money};

/// In seconds.
pub const DAY: i64 = 86_400;

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Where it lies on the default branch, if it does; or why nobody can say.
    pub landing: Result<Option<Landing>, String>,
    /// It was taken back there.
    pub reverted: bool,
    /// How many of its lines stand after so many days.
    pub kept: [Figure; 3],
    /// No branch has it any more.
    pub gone: bool,
    /// What of it is counted.
    pub counts: Counts,
}

impl Default for Fate {
    fn default() -> Self {
        Self {
            landing: Ok(None),
            reverted: false,
            kept: AFTER.map(|_| Figure::of_some(0, Unit::Commits, 1)),
            gone: false,
            counts: Counts::Whole,
        }
    }
}

/// What of a commit is counted, where agents have done the same in several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Counts {
    /// All of it.
    #[default]
    Whole,
    /// It, without these lines, which count with earlier commits of other runs.
    Without(BTreeMap<LineKind, Lines>),
    /// Nothing: another commit counts in its place.
    Nothing,
}

/// What became of the commits of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    /// By commit.
    pub of: HashMap<CommitId, Fate>,
    /// Until when it is known what lies on the default branch, in seconds since 1970.
    pub known_until: i64,
}

/// What is known of a run, or of one agent of it.
#[derive(Clone, Debug)]
pub struct Work<'a> {
    /// What it cost.
    pub cost: Amount,
    /// The same without research and review.
    pub at_stake: Amount,
    /// It changed files, by the class of its work or by its patches.
    pub wrote: bool,
    /// When it ended, in seconds since 1970.
    pub ended: i64,
    /// What it committed, or why that is not known.
    pub commits: Result<&'a [Commit], &'a str>,
    /// Commands that ran tests, and those that did not end well; or why that is not known.
    pub tests: Result<(u64, u64), &'a str>,
    /// Of one that changed files and committed nothing: whether others committed changes of these files since, or why that
    /// is not known.
    pub touched_since: Result<bool, &'a str>,
    /// The time that is asked for: commits of another time are not counted.
    pub time: Span,
}

/// A time, in seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// From then on.
    pub since: Option<i64>,
    /// Before then.
    pub until: Option<i64>,
}

impl Span {
    /// It is in it.
    pub fn has(self, at: i64) -> bool {
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until)
    }
}

/// Why a figure of so many days is not known yet.
pub fn younger(days: u32) -> String {
    format!("younger than {days} day{}", if days == 1 { "" } else { "s" })
}

/// Why it will not be known before the remote is asked.
pub const NOT_FETCHED: &str = "the default branch was not fetched since";

/// What came of it. `now` is in seconds since 1970.
pub fn part(work: &Work<'_>, fates: Result<&Fates, &str>, now: i64) -> TreeResult {
    let mut part = match work.commits {
        Ok(commits) => {
            let counted: Vec<&Commit> = commits.iter().filter(|commit| work.time.has(commit.at.timestamp())).collect();
            of_commits(&counted, fates)
        }
        Err(why) => TreeResult::unknown(why),
    };
    part.cost = work.cost.clone();
    (part.tests, part.failed) = match work.tests {
        Ok((tests, failed)) => (Figure::of(tests), Figure::of(failed)),
        Err(why) => (Figure::unknown(why), Figure::unknown(why)),
    };
    part.abandoned = match abandoned(work, fates, now) {
        Ok(true) => work.at_stake.clone(),
        Ok(false) => Amount::of(Money::ZERO),
        Err(why) => Amount::unknown(why),
    };
    part
}

fn of_commits(commits: &[&Commit], fates: Result<&Fates, &str>) -> TreeResult {
    let counts = |commit: &Commit| match fates.ok().and_then(|fates| fates.of.get(&commit.id)) {
        Some(fate) => &fate.counts,
        None => &Counts::Whole,
    };
    let mut kinds: BTreeMap<_, Lines> = BTreeMap::new();
    let (mut count, mut added, mut removed) = (0_u64, 0_u64, 0_u64);
    for commit in commits.iter().filter(|commit| *counts(commit) != Counts::Nothing) {
        count = count.saturating_add(1);
        for (kind, lines) in &commit.lines {
            let lines = match counts(commit) {
                Counts::Without(others) => rest(*lines, others.get(kind)),
                Counts::Whole | Counts::Nothing => *lines,
            };
            let of_kind = kinds.entry(*kind).or_default();
            of_kind.added = of_kind.added.saturating_add(lines.added);
            of_kind.removed = of_kind.removed.saturating_add(lines.removed);
            added = added.saturating_add(lines.added);
            removed = removed.saturating_add(lines.removed);
        }
    }
    let mut part = TreeResult {
        commits: Figure::of(count),
        added: Figure::of(added),
        removed: Figure::of(removed),
        kinds,
        kept: AFTER.map(|_| Figure::of(0)),
        merged: Figure::of(0),
        reverted: Figure::of(0),
        ..TreeResult::unknown("")
    };
    if commits.is_empty() {
        return part;
    }
    match fates {
        Ok(fates) => commits.iter().filter_map(|commit| fates.of.get(&commit.id)).for_each(|fate| add(&mut part, fate)),
        Err(why) => {
            part.kept = AFTER.map(|_| Figure::unknown(why));
            part.merged = Figure::unknown(why);
            part.reverted = Figure::unknown(why);
        }
    }
    part
}

fn rest(lines: Lines, others: Option<&Lines>) -> Lines {
    let others = others.copied().unwrap_or_default();
    Lines { added: lines.added.saturating_sub(others.added), removed: lines.removed.saturating_sub(others.removed) }
}

/// Adds what became of one commit.
fn add(part: &mut TreeResult, fate: &Fate) {
    let landing = match &fate.landing {
        Ok(landing) => landing,
        Err(why) => {
            let unknown = || Figure::unknown_of(why.as_str(), Unit::Commits, 1);
            part.kept.iter_mut().for_each(|kept| kept.add(&unknown()));
            part.merged.add(&unknown());
            part.reverted.add(&unknown());
            return;
        }
    };
    part.changes.extend(landing.iter().map(|landing| landing.unit.clone()));
    if fate.counts == Counts::Nothing {
        return;
    }
    part.kept.iter_mut().zip(&fate.kept).for_each(|(kept, more)| kept.add(more));
    part.merged.add(&Figure::of_some(0, Unit::Commits, 1));
    part.reverted.add(&Figure::of_some(fate.reverted.into(), Unit::Commits, 1));
}

/// Whether it came to nothing.
fn abandoned(work: &Work<'_>, fates: Result<&Fates, &str>, now: i64) -> Result<bool, String> {
    let commits = work.commits.map_err(str::to_owned)?;
    if commits.is_empty() && !work.wrote {
        return Ok(false);
    }
    let when = work.ended.saturating_add(30 * DAY);
    if commits.is_empty() {
        return match work.touched_since {
            _ if now < when => Err(younger(30)),
            Ok(false) => Ok(true),
            Ok(true) => Err("it committed nothing, and others have changed the same files since".to_owned()),
            Err(why) => Err(why.to_owned()),
        };
    }
    let fates = fates.map_err(str::to_owned)?;
    let of: Vec<&Fate> = commits.iter().filter_map(|commit| fates.of.get(&commit.id)).collect();
    if commits
        .iter()
        .filter_map(|commit| Some((commit, fates.of.get(&commit.id)?)))
        .any(|(commit, fate)| lives(commit, fate))
    {
        return Ok(false);
    }
    if let Some(why) = of.iter().find_map(|fate| fate.landing.as_ref().err()) {
        return Err(why.clone());
    }
    if of.iter().all(|fate| fate.landing == Ok(None) && fate.gone) {
        return Ok(true);
    }
    match () {
        () if now < when => Err(younger(30)),
        () if fates.known_until < when => Err(NOT_FETCHED.to_owned()),
        () => Ok(true),
    }
}

/// Something of it is on the default branch, by its lines, where it added any and it is known what became of them.
fn lives(commit: &Commit, fate: &Fate) -> bool {
    let landed = matches!(fate.landing, Ok(Some(_))) && !fate.reverted;
    let told_by_lines = fate.counts != Counts::Nothing && commit.lines.values().any(|lines| lines.added > 0);
    landed && !(told_by_lines && fate.kept[2].is_whole() && fate.kept[2].value() == Some(0))
}

#[cfg(test)]
mod tests {
    use super::super::landed::LandedBy;
    use super::*;
    use crate::model::{LineKind, Timestamp};

    const ENDED: i64 = 1_000_000;

    fn commit(n: u8) -> Commit {
        let id = CommitId::parse(&format!("{n:02x}").repeat(20)).unwrap();
        let lines = BTreeMap::from([(LineKind::Code, Lines { added: 10, removed: 2 })]);
        Commit { id, at: Timestamp::from_timestamp(ENDED, 0).unwrap(), merge: false, lines, patch: None }
    }

    fn work<'a>(commits: Result<&'a [Commit], &'static str>) -> Work<'a> {
        Work {
            cost: Amount::of(Money::from_nanos(100)),
            at_stake: Amount::of(Money::from_nanos(80)),
            wrote: true,
            ended: ENDED,
            commits,
            tests: Ok((3, 1)),
            touched_since: Ok(false),
            time: Span::default(),
        }
    }

    fn fates(fate: Fate) -> Fates {
        Fates { of: [(commit(1).id, fate)].into(), known_until: i64::MAX }
    }

    fn abandoned(work: &Work<'_>, fates: &Fates, days: i64) -> Result<i64, String> {
        let part = part(work, Ok(fates), ENDED + days * DAY);
        part.abandoned.value().map(Money::nanos).ok_or_else(|| part.abandoned.why().unwrap())
    }

    #[test]
    fn what_came_to_nothing_is_told_after_a_month_or_once_its_branch_is_gone() {
        let commits = [commit(1)];
        let work = work(Ok(&commits));
        let open = fates(Fate::default());
        assert_eq!(abandoned(&work, &open, 29), Err("younger than 30 days".into()));
        assert_eq!(abandoned(&work, &open, 30), Ok(80));
        assert_eq!(abandoned(&work, &fates(Fate { gone: true, ..Fate::default() }), 1), Ok(80));
        let landing = Landing { way: LandedBy::Direct, as_commit: commit(1).id, unit: commit(1).id };
        let kept = AFTER.map(|_| Figure::of_some(3, Unit::Commits, 1));
        let landed = Fate { landing: Ok(Some(landing)), kept, ..Fate::default() };
        assert_eq!(abandoned(&work, &fates(landed.clone()), 1), Ok(0));
        let rewritten = Fate { kept: Fate::default().kept, ..landed.clone() };
        assert_eq!(abandoned(&work, &fates(rewritten), 31), Ok(80), "none of its lines stands");
        let reverted = fates(Fate { reverted: true, ..landed });
        assert_eq!(abandoned(&work, &reverted, 1), Err("younger than 30 days".into()));
        assert_eq!(abandoned(&work, &reverted, 31), Ok(80));
        let stale = Fates { known_until: ENDED + DAY, ..open };
        assert_eq!(abandoned(&work, &stale, 31), Err(NOT_FETCHED.into()));
    }

    #[test]
    fn what_was_never_committed_came_to_nothing_unless_somebody_else_may_have_done_that() {
        let none = fates(Fate::default());
        let never = work(Ok(&[]));
        assert_eq!(abandoned(&never, &none, 29), Err("younger than 30 days".into()));
        assert_eq!(abandoned(&never, &none, 30), Ok(80));
        assert!(abandoned(&Work { touched_since: Ok(true), ..never.clone() }, &none, 30).is_err());
        assert_eq!(abandoned(&Work { wrote: false, ..never }, &none, 0), Ok(0), "research is no waste");
    }

    #[test]
    fn what_git_cannot_tell_is_not_known_and_lines_are_all_the_same() {
        let commits = [commit(1), commit(2)];
        let told = part(&work(Ok(&commits)), Err("its repository is gone"), ENDED);
        assert_eq!((told.commits.value(), told.added.value(), told.removed.value()), (Some(2), Some(20), Some(4)));
        assert_eq!(told.merged, Figure::unknown("its repository is gone"));
        assert_eq!((told.kept[0].value(), told.tests.value(), told.failed.value()), (None, Some(3), Some(1)));
        let nothing = part(&work(Ok(&[])), Err("its repository is gone"), ENDED);
        assert_eq!(
            (nothing.merged.value(), nothing.kept[2].value()),
            (Some(0), Some(0)),
            "nobody need ask git for that"
        );
    }

    #[test]
    fn a_commit_of_which_nobody_can_say_where_it_is_came_to_nothing_that_is_known() {
        let commits = [commit(1)];
        let lost = fates(Fate { landing: Err("its commits are not in this repository".into()), ..Fate::default() });
        let told = part(&work(Ok(&commits)), Ok(&lost), ENDED + 31 * DAY);
        assert_eq!((told.merged.value(), told.kept[0].value(), told.reverted.value()), (None, None, None));
        assert_eq!(told.abandoned.why().as_deref(), Some("its commits are not in this repository"));
        assert_eq!(told.commits.value(), Some(1), "that was recorded");
    }

    #[test]
    fn what_counts_with_another_commit_counts_once() {
        let commits = [commit(1), commit(2)];
        let lines = BTreeMap::from([(LineKind::Code, Lines { added: 4, removed: 2 })]);
        let mut both = fates(Fate { counts: Counts::Nothing, ..Fate::default() });
        both.of.insert(commit(2).id, Fate { counts: Counts::Without(lines), ..Fate::default() });
        let told = part(&work(Ok(&commits)), Ok(&both), ENDED);
        assert_eq!((told.commits.value(), told.added.value(), told.removed.value()), (Some(1), Some(6), Some(0)));
    }

    #[test]
    fn a_commit_counts_in_the_time_in_which_it_was_made() {
        let commits = [commit(1)];
        let landed = fates(Fate::default());
        let counted = |since, until| {
            let work = Work { time: Span { since, until }, ..work(Ok(&commits)) };
            part(&work, Ok(&landed), ENDED).commits.value()
        };
        assert_eq!((counted(None, Some(ENDED)), counted(Some(ENDED), None)), (Some(0), Some(1)));
    }
}
