//! Pure. What came of one run, from what it committed and what became of that.

use std::collections::{BTreeMap, HashMap};

use super::landed::Landing;
use super::sum::{AFTER, Amount, Figure, Part};
use crate::model::{Commit, CommitId, Lines, Money};

/// In seconds.
pub const DAY: i64 = 86_400;

/// What became of a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Where it lies on the default branch.
    pub landing: Option<Landing>,
    /// It was taken back there.
    pub reverted: bool,
    /// How many of its lines stand after so many days.
    pub kept: [Figure; 3],
    /// No branch has it any more.
    pub gone: bool,
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
    pub cost: Money,
    /// The same without research and review.
    pub at_stake: Money,
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
}

/// Why a figure of so many days is not known yet.
pub fn younger(days: u32) -> String {
    format!("younger than {days} day{}", if days == 1 { "" } else { "s" })
}

/// Why it will not be known before the remote is asked.
pub const NOT_FETCHED: &str = "the default branch was not fetched since";

/// What came of it. `now` is in seconds since 1970.
pub fn part(work: &Work<'_>, fates: Result<&Fates, &str>, now: i64) -> Part {
    let mut part = match work.commits {
        Ok(commits) => of_commits(commits, fates),
        Err(why) => Part::unknown(why),
    };
    part.cost = work.cost;
    (part.tests, part.failed) = match work.tests {
        Ok((tests, failed)) => (Figure::of(tests), Figure::of(failed)),
        Err(why) => (Figure::unknown(why), Figure::unknown(why)),
    };
    part.abandoned = match abandoned(work, fates, now) {
        Ok(true) => Amount::of(work.at_stake),
        Ok(false) => Amount::of(Money::ZERO),
        Err(why) => Amount::unknown(why),
    };
    part
}

fn of_commits(commits: &[Commit], fates: Result<&Fates, &str>) -> Part {
    let mut kinds: BTreeMap<_, Lines> = BTreeMap::new();
    let (mut added, mut removed) = (0_u64, 0_u64);
    for (kind, lines) in commits.iter().flat_map(|commit| &commit.lines) {
        let of_kind = kinds.entry(*kind).or_default();
        of_kind.added = of_kind.added.saturating_add(lines.added);
        of_kind.removed = of_kind.removed.saturating_add(lines.removed);
        added = added.saturating_add(lines.added);
        removed = removed.saturating_add(lines.removed);
    }
    let mut part = Part {
        commits: Figure::of(commits.len() as u64),
        added: Figure::of(added),
        removed: Figure::of(removed),
        kinds,
        kept: Default::default(),
        merged: Ok(Default::default()),
        reverted: Figure::of(0),
        ..Part::unknown("")
    };
    if commits.is_empty() {
        part.kept = AFTER.map(|_| Figure::of(0));
        return part;
    }
    let fates = match fates {
        Ok(fates) => fates,
        Err(why) => {
            part.kept = AFTER.map(|_| Figure::unknown(why));
            part.merged = Err(why.to_owned());
            part.reverted = Figure::unknown(why);
            return part;
        }
    };
    for fate in commits.iter().filter_map(|commit| fates.of.get(&commit.id)) {
        part.kept.iter_mut().zip(&fate.kept).for_each(|(kept, more)| kept.add(more));
        part.reverted.add(&Figure::of(u64::from(fate.reverted)));
        if let (Some(landing), Ok(merged)) = (&fate.landing, &mut part.merged) {
            merged.insert(landing.unit.clone());
        }
    }
    part
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
    if of.iter().any(|fate| fate.landing.is_some() && !fate.reverted) {
        return Ok(false);
    }
    if of.iter().all(|fate| fate.landing.is_none() && fate.gone) {
        return Ok(true);
    }
    match () {
        () if now < when => Err(younger(30)),
        () if fates.known_until < when => Err(NOT_FETCHED.to_owned()),
        () => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::super::landed::Way;
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
            cost: Money::from_nanos(100),
            at_stake: Money::from_nanos(80),
            wrote: true,
            ended: ENDED,
            commits,
            tests: Ok((3, 1)),
            touched_since: Ok(false),
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
        let landing = Landing { way: Way::Direct, as_commit: commit(1).id, unit: commit(1).id };
        let landed = Fate { landing: Some(landing), ..Fate::default() };
        assert_eq!(abandoned(&work, &fates(landed.clone()), 1), Ok(0));
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
        assert_eq!(told.merged, Err("its repository is gone".into()));
        assert_eq!((told.kept[0].value(), told.tests.value(), told.failed.value()), (None, Some(3), Some(1)));
        let nothing = part(&work(Ok(&[])), Err("its repository is gone"), ENDED);
        assert_eq!((nothing.merged, nothing.kept[2].value()), (Ok([].into()), Some(0)), "nobody need ask git for that");
    }
}
