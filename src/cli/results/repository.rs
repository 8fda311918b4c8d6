//! What git tells of a repository's commits: where they came to lie on its default branch, and which of their lines stand.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::shallow::{Cut, SHALLOW};
use super::standing_lines::{Findings, LineOwners};
use crate::model::{Commit, CommitId, Timestamp};
use crate::process::git::{GitQuery, Repository};
use crate::results::branch::{DefaultBranch, Tip, default_branch};
use crate::results::deduplicate::{Claim, counts};
use crate::results::landed::{Series, Sought, by_history, by_lines, by_patch, take_back_by_patch};
use crate::results::overlap::{only_restores, removed_by, takes_back};
use crate::results::patch::{Change, changes};
use crate::results::run_result::{Counts, DAY, Fate, Fates, NOT_FETCHED, younger};
use crate::results::totals::{AFTER, Figure, Unit};
use crate::results::{LandedBy, Landing, Patch, Trunk};

/// So many commits are asked for at once.
const AT_ONCE: usize = 200;

/// More names than these are not asked for.
const MOST_NAMES: usize = 500;

/// Of so many commits it is looked whether they were melted into one with those before them.
const MOST_SERIES: usize = 100;

/// So far it is looked back where work may have gone on after it was melted into one.
const MOST_BACK: usize = 10;

/// Why something was not found out.
pub(super) const NOT_ASKED: &str = "it took too long: ask again, what is known by now is kept";

/// Why it is not known what became of a commit.
pub(super) const MISSING: &str = "its commits are not in this repository";

const CHANGED_ON_THE_WAY: &str = "some of its lines came to the default branch in another commit";

/// A commit that is asked for.
#[derive(Clone, Copy)]
pub(super) struct Made<'a> {
    /// Which.
    pub(super) commit: &'a Commit,
    /// Its run, by a number.
    pub(super) run: usize,
    /// It is asked for its own sake, and not only since it may have lines of others.
    pub(super) wanted: bool,
}

/// A repository, and what is asked of it.
pub(super) struct Asked<'a> {
    /// How it is asked.
    pub(super) repository: &'a Repository,
    /// The folder that its work trees share.
    pub(super) common: &'a Path,
    /// What was committed there, by whichever run, the oldest first.
    pub(super) commits: &'a [Made<'a>],
    /// The time.
    pub(super) now: Timestamp,
}

/// What the default branch is known by.
struct Default {
    tip: CommitId,
    known_until: i64,
}

/// What became of the commits.
pub(super) fn fates(asked: &Asked<'_>, known: &mut Findings<'_>) -> Result<Fates, String> {
    let default = asked.default().map_err(|error| told(&error))?.ok_or("no branch is the default one")?;
    let since = asked.commits.iter().map(|made| made.commit.at.timestamp()).min().unwrap_or_default() - DAY;
    let history = asked.changes(&GitQuery::History(&default.tip, since)).map_err(|error| told(&error))?;
    let cut = Cut::of(asked.common, &history);
    let mut trunk = Trunk::new(&default.tip, &history);
    let mut own = asked.own().map_err(|error| told(&error))?;
    let missing: HashSet<&CommitId> = asked.ids().filter(|id| !own.contains_key(*id)).collect();
    own.retain(|id, _| !cut.is_at(id));
    let names = names(&own);
    let sought = sought(asked.commits);
    let mut landed = by_history(&sought, &trunk);
    let left: Vec<&CommitId> = sought.iter().map(|one| &one.id).filter(|id| !landed.contains_key(*id)).collect();
    let (on_trunk, complete) = match asked.changes(&GitQuery::HistoryOf(&default.tip, since, &names)) {
        Ok(mut on_trunk) => {
            on_trunk.retain(|change| !cut.is_at(&change.id));
            (on_trunk, true)
        }
        // Too much to read, and nothing has to be found in it but what was taken back without saying so.
        Err(_) if left.is_empty() => (Vec::new(), false),
        Err(error) => return Err(told(&error)),
    };
    let series = asked.series(&left, &own, &default.tip);
    by_patch(&sought, &series, &on_trunk, &trunk, &mut landed);
    let open = asked.commits.iter().filter(|made| !landed.contains_key(&made.commit.id));
    let open: Vec<_> = open
        .filter_map(|made| Some((&made.commit.id, made.commit.at.timestamp(), &own.get(&made.commit.id)?.patch)))
        .collect();
    let unclear = by_lines(&open, &on_trunk, &trunk, &mut landed);
    let all: HashMap<&CommitId, &Change> = on_trunk.iter().chain(own.values()).map(|one| (&one.id, one)).collect();
    taken_back(&on_trunk, (&all, complete), &landed, &mut trunk);
    let mut stands = LineOwners::new(asked.repository, &trunk, (&all, complete), asked.ids().collect());
    let counts = counts_of(asked.commits, &landed);
    let found =
        Found { asked, default: &default, cut: &cut, trunk: &trunk, own: &own, missing, landed, unclear, counts };
    let wanted = asked.commits.iter().filter(|made| made.wanted);
    let of = wanted.map(|made| (made.commit.id.clone(), found.fate(made, &mut stands, known))).collect();
    Ok(Fates { of, known_until: default.known_until })
}

/// What was found out about all of the commits together.
struct Found<'a> {
    asked: &'a Asked<'a>,
    default: &'a Default,
    cut: &'a Cut,
    trunk: &'a Trunk,
    /// What they change, as far as that is known.
    own: &'a HashMap<CommitId, Change>,
    missing: HashSet<&'a CommitId>,
    landed: HashMap<CommitId, Landing>,
    /// Some of their lines landed in another commit.
    unclear: HashSet<CommitId>,
    counts: HashMap<CommitId, Counts>,
}

impl Found<'_> {
    /// What became of one of them.
    fn fate(&self, made: &Made<'_>, stands: &mut LineOwners<'_>, known: &mut Findings<'_>) -> Fate {
        let Self { asked, cut, own, landed, counts, .. } = self;
        let id = &made.commit.id;
        let landing = landed.get(id);
        let mut fate = Fate { counts: counts.get(id).cloned().unwrap_or_default(), ..Fate::default() };
        let lost = match landing {
            Some(_) => None,
            None if self.missing.contains(id) => Some(MISSING),
            None if cut.hides(made.commit.at.timestamp()) => Some(SHALLOW),
            None if self.unclear.contains(id) => Some(CHANGED_ON_THE_WAY),
            None => None,
        };
        fate.landing = match lost {
            Some(why) => Err(why.to_owned()),
            None => Ok(landing.cloned()),
        };
        if lost.is_none() && fate.counts != Counts::Nothing {
            let before = landing.map(|landing| before(made, landing, asked.commits, (landed, counts), own));
            let own = own.get(id).map(|change| &change.patch);
            fate.kept = match landing {
                Some(landing) if cut.blurs(&landing.as_commit) => {
                    AFTER.map(|_| Figure::unknown_of(SHALLOW, Unit::Commits, 1))
                }
                _ => {
                    let of = (landing, own, before.as_deref().unwrap_or_default());
                    kept(made.commit, of, stands, (self.default, asked.now), known)
                }
            };
        }
        fate.reverted = landing.is_some_and(|landing| is_reverted(id, landing, self.trunk));
        if fate.landing == Ok(None) {
            match asked.is_gone(id) {
                Ok(gone) => fate.gone = gone,
                Err(error) => fate.landing = Err(told(&error)),
            }
        }
        fate
    }
}

/// The files that these changes touch; none where they are too many, and then all of the branch is asked for.
fn names(own: &HashMap<CommitId, Change>) -> Vec<String> {
    let names: HashSet<&str> = own.values().flat_map(|change| change.patch.names()).collect();
    if names.len() > MOST_NAMES {
        return Vec::new();
    }
    let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    names.sort();
    names
}

/// What of each commit is counted, where several came to the default branch in the same one.
fn counts_of(commits: &[Made<'_>], landed: &HashMap<CommitId, Landing>) -> HashMap<CommitId, Counts> {
    let mut together: HashMap<&CommitId, Vec<Claim<'_>>> = HashMap::new();
    for made in commits {
        let Some(landing) = landed.get(&made.commit.id) else { continue };
        let claim = Claim { id: &made.commit.id, run: made.run, landing, lines: &made.commit.lines };
        together.entry(&landing.as_commit).or_default().push(claim);
    }
    let shared = together.into_values().filter(|claims| claims.len() > 1);
    shared
        .flat_map(|claims| claims.iter().map(|claim| claim.id.clone()).zip(counts(&claims)).collect::<Vec<_>>())
        .collect()
}

/// How another commit came to the default branch, and what it does.
type Earlier<'p> = (LandedBy, Option<&'p Patch>);

/// Those that came to the default branch in the same commit and whose lines are theirs first.
fn before<'p>(
    made: &Made<'_>,
    landing: &Landing,
    commits: &[Made<'_>],
    (landed, counts): (&HashMap<CommitId, Landing>, &HashMap<CommitId, Counts>),
    own: &'p HashMap<CommitId, Change>,
) -> Vec<Earlier<'p>> {
    let is_whole = made.commit.id == landing.as_commit;
    let earlier = commits.iter().take_while(|other| is_whole || other.commit.id != made.commit.id);
    let same = earlier.filter(|other| other.commit.id != made.commit.id && other.commit.id != landing.as_commit);
    same.filter_map(|other| {
        let id = &other.commit.id;
        let theirs = landed.get(id).filter(|theirs| theirs.as_commit == landing.as_commit)?;
        let counted = counts.get(id) != Some(&Counts::Nothing);
        counted.then(|| (theirs.way, own.get(id).map(|change| &change.patch)))
    })
    .collect()
}

/// Finds what was taken back: by its lines, where they are known. A message alone may be wrong, or speak of a part.
fn taken_back(
    on_trunk: &[Change],
    (all, complete): (&HashMap<&CommitId, &Change>, bool),
    landed: &HashMap<CommitId, Landing>,
    trunk: &mut Trunk,
) {
    let merges: HashSet<CommitId> = trunk
        .taken_back()
        .filter(|(target, by)| trunk.is_merge(target) || trunk.is_merge(by))
        .map(|(of, _)| of)
        .collect();
    trunk.believe(|target, by| {
        match (all.get(target), all.get(by)) {
            _ if merges.contains(target) => true,
            (Some(target), Some(by)) => takes_back(&target.patch, &by.patch),
            // It touches none of the files.
            (Some(_), None) => !complete,
            (None, _) => true,
        }
    });
    take_back_by_patch(on_trunk, trunk);
    let removed = removed_by(on_trunk.iter().map(|change| &change.patch));
    let restoring: Vec<&Change> = on_trunk
        .iter()
        .filter(|change| !change.patch.files.is_empty() && only_restores(&change.patch, &removed))
        .collect();
    let targets: HashSet<&CommitId> = landed.values().map(|landing| &landing.as_commit).collect();
    for target in targets.into_iter().filter_map(|id| all.get(id)) {
        let later = |by: &&&Change| trunk.place(&by.id).zip(trunk.place(&target.id)).is_some_and(|(by, of)| by < of);
        let by: Vec<CommitId> = restoring
            .iter()
            .filter(later)
            .filter(|by| takes_back(&target.patch, &by.patch))
            .map(|by| by.id.clone())
            .collect();
        by.iter().for_each(|by| trunk.take_back(&target.id, by));
    }
}

fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => NOT_ASKED.to_owned(),
        io::ErrorKind::NotFound => "git is not installed".to_owned(),
        _ => format!("git cannot read its repository: {error}"),
    }
}

fn sought(commits: &[Made<'_>]) -> Vec<Sought> {
    commits.iter().map(|made| Sought { id: made.commit.id.clone(), patch: made.commit.patch.clone() }).collect()
}

fn is_reverted(commit: &CommitId, landing: &Landing, trunk: &Trunk) -> bool {
    let by = trunk.merge_of(&landing.as_commit);
    [Some(commit), Some(&landing.as_commit), by].into_iter().flatten().any(|one| trunk.is_reverted(one))
}

/// How many lines of a commit stand after so many days.
fn kept(
    commit: &Commit,
    (landing, own, before): (Option<&Landing>, Option<&Patch>, &[Earlier<'_>]),
    stands: &mut LineOwners<'_>,
    (default, now): (&Default, Timestamp),
    known: &mut Findings<'_>,
) -> [Figure; 3] {
    AFTER.map(|days| {
        let when = commit.at.timestamp().saturating_add(i64::from(days) * DAY);
        if now.timestamp() < when {
            return Figure::unknown_of(younger(days), Unit::Commits, 1);
        }
        if default.known_until < when {
            return Figure::unknown_of(NOT_FETCHED, Unit::Commits, 1);
        }
        let Some(landing) = landing else { return Figure::of_some(0, Unit::Commits, 1) };
        match stands.lines(&commit.id, (landing, own), before, when, known) {
            Ok(lines) => Figure::of_some(lines, Unit::Commits, 1),
            Err(error) => Figure::unknown_of(told(&error), Unit::Commits, 1),
        }
    })
}

impl<'a> Asked<'a> {
    fn ids(&self) -> impl Iterator<Item = &'a CommitId> + use<'a> {
        self.commits.iter().map(|made| &made.commit.id)
    }

    fn changes(&self, question: &GitQuery<'_>) -> io::Result<Vec<Change>> {
        Ok(changes(&self.repository.ask(question)?))
    }

    /// The commits themselves, those that are still there.
    fn own(&self) -> io::Result<HashMap<CommitId, Change>> {
        let ids: Vec<CommitId> = self.commits.iter().map(|made| made.commit.id.clone()).collect();
        let mut own = HashMap::new();
        for some in ids.chunks(AT_ONCE) {
            own.extend(self.changes(&GitQuery::Changes(some))?.into_iter().map(|change| (change.id.clone(), change)));
        }
        Ok(own)
    }

    /// No branch has it, here or at a remote as it was fetched last: it was deleted, or moved elsewhere.
    fn is_gone(&self, commit: &CommitId) -> io::Result<bool> {
        Ok(self.repository.ask(&GitQuery::RefWith(commit))?.is_empty())
    }

    /// It has this commit.
    pub(super) fn has(&self, commit: &CommitId) -> io::Result<bool> {
        Ok(!self.repository.ask(&GitQuery::Changes(std::slice::from_ref(commit)))?.is_empty())
    }

    /// The default branch: what was fetched last, unless the one here has gone on from there.
    fn default(&self) -> io::Result<Option<Default>> {
        let Some(branch) = default_branch(&self.repository.ask(&GitQuery::Refs)?) else { return Ok(None) };
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
        match self.repository.ask(&GitQuery::MergeBase(&one.commit, &other.commit)) {
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
            let base = self.repository.ask(&GitQuery::MergeBase(tip, last)).ok();
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
        let patch = Patch::parse(&self.repository.ask(&GitQuery::Between(base, last)).ok()?).fingerprint()?;
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
pub(super) fn touched(
    asked: &Asked<'_>,
    names: &[String],
    (since, until): (i64, i64),
    from: Option<&CommitId>,
) -> Result<bool, String> {
    if let Some(from) = from
        && !asked.has(from).map_err(|error| told(&error))?
    {
        return Err("the commit that it began at is not in this repository".to_owned());
    }
    let default = asked.default().map_err(|error| told(&error))?.ok_or("no branch is the default one")?;
    if default.known_until < until {
        return Err(NOT_FETCHED.to_owned());
    }
    let found = asked.changes(&GitQuery::HistoryOf(&default.tip, since, names)).map_err(|error| told(&error))?;
    Ok(found.iter().any(|change| change.at >= since))
}
