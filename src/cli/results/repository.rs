//! Owns what git tells of a repository's commits: where they came to lie on its default branch, and which of their lines stand.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::kept::{Known, Stands};
use crate::model::{Commit, CommitId, Timestamp};
use crate::process::git::{Question, Repository};
use crate::results::branch::{DefaultBranch, Tip, default_branch};
use crate::results::landed::{Series, Sought, by_history, by_patch, take_back_by_patch};
use crate::results::part::{DAY, Fate, Fates, NOT_FETCHED, younger};
use crate::results::patch::{Change, changes};
use crate::results::sum::{AFTER, Figure};
use crate::results::{Landing, Patch, Trunk};

/// So many commits are asked for at once.
const AT_ONCE: usize = 200;

/// More names than these are not asked for: then all of the branch is.
const MOST_NAMES: usize = 500;

/// Of so many commits it is looked whether they were melted into one with those before them.
const MOST_SERIES: usize = 100;

/// So far it is looked back where work may have gone on after it was melted into one.
const MOST_BACK: usize = 10;

/// Why something was not found out.
pub(super) const NOT_ASKED: &str = "it took too long: ask again, what is known by now is kept";

/// A repository, and what is asked of it.
pub(super) struct Asked<'a> {
    /// How it is asked.
    pub(super) repository: &'a Repository,
    /// The folder that its work trees share.
    pub(super) common: &'a Path,
    /// What was committed there, by whichever run.
    pub(super) commits: &'a [&'a Commit],
    /// The time.
    pub(super) now: Timestamp,
}

/// What the default branch is known by.
struct Default {
    tip: CommitId,
    known_until: i64,
}

/// What became of the commits.
pub(super) fn fates(asked: &Asked<'_>, known: &mut Known<'_>) -> Result<Fates, String> {
    let default = asked.default().map_err(|error| told(&error))?.ok_or("no branch is the default one")?;
    let since = asked.commits.iter().map(|commit| commit.at.timestamp()).min().unwrap_or_default() - DAY;
    let history = asked.changes(&Question::History(&default.tip, since)).map_err(|error| told(&error))?;
    let mut trunk = Trunk::new(&default.tip, &history);
    let own = asked.own().map_err(|error| told(&error))?;
    let names: HashSet<&str> = own.values().flat_map(|change| change.patch.names()).collect();
    let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    names.sort();
    if names.len() > MOST_NAMES {
        names.clear();
    }
    let sought = sought(asked.commits);
    let mut landed = by_history(&sought, &trunk);
    let left: Vec<&CommitId> = sought.iter().map(|one| &one.id).filter(|id| !landed.contains_key(*id)).collect();
    let (on_trunk, complete) = match asked.changes(&Question::HistoryOf(&default.tip, since, &names)) {
        Ok(on_trunk) => (on_trunk, true),
        // Too much to read, and nothing has to be found in it but what was taken back without saying so.
        Err(_) if left.is_empty() => (Vec::new(), false),
        Err(error) => return Err(told(&error)),
    };
    let series = asked.series(&left, &own, &default.tip);
    by_patch(&sought, &series, &on_trunk, &trunk, &mut landed);
    take_back_by_patch(&on_trunk, &mut trunk);
    let all: HashMap<&CommitId, &Change> = on_trunk.iter().chain(own.values()).map(|one| (&one.id, one)).collect();
    let mut of = HashMap::new();
    let mut stands = Stands::new(asked.repository, &trunk, (&all, complete));
    for commit in asked.commits {
        let landing = landed.get(&commit.id);
        let own = own.get(&commit.id).map(|change| &change.patch);
        let kept = kept(commit, (landing, own), &mut stands, (&default, asked.now), known);
        let reverted = landing.is_some_and(|landing| is_reverted(&commit.id, landing, &trunk));
        let gone = landing.is_none() && asked.is_gone(&commit.id);
        of.insert(commit.id.clone(), Fate { landing: landing.cloned(), reverted, kept, gone });
    }
    Ok(Fates { of, known_until: default.known_until })
}

fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => NOT_ASKED.to_owned(),
        io::ErrorKind::NotFound => "git is not installed".to_owned(),
        _ => format!("git cannot read its repository: {error}"),
    }
}

fn sought(commits: &[&Commit]) -> Vec<Sought> {
    commits.iter().map(|commit| Sought { id: commit.id.clone(), patch: commit.patch.clone() }).collect()
}

fn is_reverted(commit: &CommitId, landing: &Landing, trunk: &Trunk) -> bool {
    let by = trunk.merge_of(&landing.as_commit);
    [Some(commit), Some(&landing.as_commit), by].into_iter().flatten().any(|one| trunk.is_reverted(one))
}

/// How many lines of a commit stand after so many days.
fn kept(
    commit: &Commit,
    (landing, own): (Option<&Landing>, Option<&Patch>),
    stands: &mut Stands<'_>,
    (default, now): (&Default, Timestamp),
    known: &mut Known<'_>,
) -> [Figure; 3] {
    AFTER.map(|days| {
        let when = commit.at.timestamp().saturating_add(i64::from(days) * DAY);
        if now.timestamp() < when {
            return Figure::unknown(younger(days));
        }
        if default.known_until < when {
            return Figure::unknown(NOT_FETCHED);
        }
        let Some(landing) = landing else { return Figure::of(0) };
        match stands.lines(&commit.id, landing, own, when, known) {
            Ok(lines) => Figure::of(lines),
            Err(error) => Figure::unknown(told(&error)),
        }
    })
}

impl Asked<'_> {
    fn changes(&self, question: &Question<'_>) -> io::Result<Vec<Change>> {
        Ok(changes(&self.repository.ask(question)?))
    }

    /// The commits themselves, those that are still there.
    fn own(&self) -> io::Result<HashMap<CommitId, Change>> {
        let ids: Vec<CommitId> = self.commits.iter().map(|commit| commit.id.clone()).collect();
        let mut own = HashMap::new();
        for some in ids.chunks(AT_ONCE) {
            own.extend(self.changes(&Question::Changes(some))?.into_iter().map(|change| (change.id.clone(), change)));
        }
        Ok(own)
    }

    /// No branch has it: it was deleted, or moved elsewhere. One that is missing altogether is had by none.
    fn is_gone(&self, commit: &CommitId) -> bool {
        match self.repository.ask(&Question::RefWith(commit)) {
            Ok(name) => name.is_empty(),
            Err(error) => error.kind() != io::ErrorKind::TimedOut,
        }
    }

    /// The default branch: what was fetched last, unless the one here has gone on from there.
    fn default(&self) -> io::Result<Option<Default>> {
        let Some(branch) = default_branch(&self.repository.ask(&Question::Refs)?) else { return Ok(None) };
        let here = |tip: Tip| Default { tip: tip.commit, known_until: i64::MAX };
        match (&branch.remote, branch.local.clone()) {
            (None, None) => Ok(None),
            (None, Some(local)) => Ok(Some(here(local))),
            (Some((_, remote)), Some(local)) if remote.commit != local.commit && self.leads_to(remote, &local)? => {
                Ok(Some(here(local)))
            }
            (Some((_, remote)), _) => {
                let known_until = seen(self.common, &branch).unwrap_or_default().max(remote.at);
                Ok(Some(Default { tip: remote.commit.clone(), known_until }))
            }
        }
    }

    fn leads_to(&self, one: &Tip, other: &Tip) -> io::Result<bool> {
        match self.repository.ask(&Question::MergeBase(&one.commit, &other.commit)) {
            Ok(base) => Ok(String::from_utf8_lossy(&base).trim() == one.commit.as_str()),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(error),
            // Histories that have nothing in common.
            Err(_) => Ok(false),
        }
    }

    /// What commits that are not on the branch come to together with those of them before: from where the branch was left, and
    /// from each of these on, since work may go on where it was melted into one before.
    fn series(&self, left: &[&CommitId], own: &HashMap<CommitId, Change>, tip: &CommitId) -> Vec<Series> {
        let mut all = Vec::new();
        for last in left.iter().rev().take(MOST_SERIES) {
            let chain = chain_to(last, left, own);
            let base = self.repository.ask(&Question::MergeBase(tip, last)).ok();
            let base = base.and_then(|told| CommitId::parse(String::from_utf8_lossy(&told).trim()));
            all.extend(base.and_then(|base| self.series_from(&base, last, &chain)));
            for place in 2..chain.len().min(MOST_BACK) {
                let Some((since, before)) = chain.split_at_checked(place) else { break };
                all.extend(before.first().and_then(|base| self.series_from(base, last, since)));
            }
        }
        all
    }

    fn series_from(&self, base: &CommitId, last: &CommitId, commits: &[CommitId]) -> Option<Series> {
        let patch = Patch::parse(&self.repository.ask(&Question::Between(base, last)).ok()?).fingerprint()?;
        Some(Series { commits: commits.to_vec(), patch })
    }
}

/// Those of the commits that lead to this one without one that is not theirs in between, the last one first.
fn chain_to(last: &CommitId, left: &[&CommitId], own: &HashMap<CommitId, Change>) -> Vec<CommitId> {
    let mut chain = Vec::new();
    let mut next = Some(last);
    while let Some(id) = next.filter(|id| left.contains(id) && !chain.contains(*id)) {
        chain.push(id.clone());
        next = own.get(id).and_then(|change| change.parents.first());
    }
    chain
}

/// When the remote's branch was looked at last: git writes these files whenever it fetches, clones or pushes.
fn seen(common: &Path, branch: &DefaultBranch) -> Option<i64> {
    let (remote, _) = branch.remote.as_ref()?;
    let name = &branch.name;
    let files: [PathBuf; 4] = [
        common.join("FETCH_HEAD"),
        common.join(format!("refs/remotes/{remote}/{name}")),
        common.join(format!("logs/refs/remotes/{remote}/{name}")),
        common.join(format!("logs/refs/remotes/{remote}/HEAD")),
    ];
    let modified = |path: &PathBuf| {
        let time = std::fs::metadata(path).ok()?.modified().ok()?;
        let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_secs()).ok()
    };
    files.iter().filter_map(modified).max()
}

/// Somebody has committed a change of one of these files on the default branch since then, of which is known what it was until
/// at least `until`.
pub(super) fn touched(asked: &Asked<'_>, names: &[String], (since, until): (i64, i64)) -> Result<bool, String> {
    let default = asked.default().map_err(|error| told(&error))?.ok_or("no branch is the default one")?;
    if default.known_until < until {
        return Err(NOT_FETCHED.to_owned());
    }
    let found = asked.changes(&Question::HistoryOf(&default.tip, since, names)).map_err(|error| told(&error))?;
    Ok(found.iter().any(|change| change.at >= since))
}
