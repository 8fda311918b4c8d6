//! What the agents of a run committed: where the logs of their work trees ended at its start, and what they have at its end.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::clock;
use crate::clocks::COMMITS_WITHIN;
use crate::codex::Invocation;
use crate::ledger::{Ledger, Patience, committed};
use crate::model::{AgentName, Commit, CommitId, Committed, RunId, Timestamp};
use crate::place::{Checkout, checkout};
use crate::process::git::{GitQuery, Repository};
use crate::results::patch::changes;
use crate::results::reflog::{Made, made, moves};
use crate::supervise::{Outcome, Plan, Planned};

/// More commits of one run are not told apart at its end.
const MOST: usize = 1_000;

/// Where the agents of a run work, as it was before they did.
pub(crate) struct Trees {
    run: RunId,
    began: Timestamp,
    trees: Vec<Tree>,
}

struct Tree {
    folder: PathBuf,
    agents: Vec<AgentName>,
    /// `None`: it was in no repository.
    start: Option<Checkout>,
}

impl Trees {
    /// Looks at the folders of a run that is about to start. Costs no process.
    pub(crate) fn before(plan: &Plan) -> Self {
        let mut by_root: BTreeMap<PathBuf, Tree> = BTreeMap::new();
        for agent in &plan.agents {
            let folder = folder_of(agent, &plan.cwd);
            let start = checkout(&folder);
            let root = start.as_ref().map_or_else(|| folder.clone(), |start| start.root.clone());
            let tree = by_root.entry(root).or_insert_with(|| Tree { folder, agents: Vec::new(), start });
            tree.agents.push(agent.setup.name.clone());
        }
        Self { run: plan.run.clone(), began: clock::now(), trees: by_root.into_values().collect() }
    }

    /// Writes down what was committed, once the run is over. Where nothing was, git is not asked.
    pub(crate) fn record(self, outcome: &mut Outcome) {
        let Some(ledger) = outcome.ledger.as_mut().filter(|_| outcome.error.is_none()) else { return };
        let ended = clock::now();
        let found: Vec<Committed> = self.trees.iter().filter_map(|tree| self.found(tree, ended)).collect();
        if let Err(error) = write(ledger, ended, found) {
            crate::ui::to_stderr(&format!("govern: what was committed is not recorded: {error}\n"));
        }
    }

    fn found(&self, tree: &Tree, ended: Timestamp) -> Option<Committed> {
        let end = checkout(&tree.folder);
        let known = end.as_ref().or(tree.start.as_ref())?;
        let (commits, unknown) = match end.as_ref().map_or(Err(GONE.to_owned()), |end| self.commits(tree, end)) {
            Ok(commits) => (Some(commits), None),
            Err(why) => (None, Some(why)),
        };
        Some(Committed {
            run: self.run.clone(),
            agents: tree.agents.clone(),
            tree: known.root.display().to_string(),
            repository: known.common.display().to_string(),
            began: self.began,
            ended,
            from: tree.start.as_ref().and_then(|start| start.head.clone()),
            to: end.and_then(|end| end.head),
            commits,
            unknown,
        })
    }

    fn commits(&self, tree: &Tree, end: &Checkout) -> Result<Vec<Commit>, String> {
        let same = tree.start.as_ref().filter(|start| start.root == end.root);
        logged(end, same, self.began)
    }
}

const GONE: &str = "its work tree was gone when the run ended";

fn write(ledger: &mut Ledger, now: Timestamp, found: Vec<Committed>) -> Result<(), crate::ledger::LedgerError> {
    if found.is_empty() {
        return Ok(());
    }
    // Nobody waits at a run's end for this alone: a report finds it in the work tree's log.
    ledger.set_patience(Patience::Short)?;
    ledger.turn(now, |turn| found.into_iter().try_for_each(|one| committed::record(turn, one)))
}

/// Where an agent works: Codex may be told to work elsewhere than where it is started.
fn folder_of(agent: &Planned, cwd: &Path) -> PathBuf {
    let folder = agent.folder.clone().unwrap_or_else(|| cwd.to_owned());
    let own = agent.invocation.as_ref().and_then(Invocation::working_folder);
    own.map_or_else(|| folder.clone(), |own| folder.join(own))
}

/// What the log of a work tree says was committed since its start, or since then.
pub(crate) fn logged(end: &Checkout, start: Option<&Checkout>, began: Timestamp) -> Result<Vec<Commit>, String> {
    let from = start.map_or(0, |start| start.logged);
    let log = match end.log_from(from) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Nothing was ever committed or checked out here, or no log is kept.
            let still = start.is_some_and(|start| start.head == end.head) && !end.is_opaque();
            return if still { Ok(Vec::new()) } else { Err("its work tree keeps no log of its commits".to_owned()) };
        }
        Err(error) => return Err(error.to_string()),
    };
    let mut moves = moves(&log);
    // Of one whose length at the start is not known, or that was written anew since, times tell, which are whole seconds.
    if start.is_none() || end.logged < from {
        moves.retain(|step| step.at >= began.timestamp());
    }
    of_log(&end.root, &made(&moves))
}

/// The commits of a log, with what each changes.
pub(crate) fn of_log(root: &Path, made: &Made) -> Result<Vec<Commit>, String> {
    if made.commits.is_empty() {
        return Ok(Vec::new());
    }
    if made.commits.len() > MOST {
        return Err(format!("it made more than {MOST} commits"));
    }
    let repository = Repository::at(root, COMMITS_WITHIN);
    let told = repository.ask(&GitQuery::Changes(&made.commits)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "git is not installed".to_owned(),
        _ => format!("git cannot read its repository: {error}"),
    })?;
    let mut found: Vec<Commit> = Vec::new();
    for change in changes(&told) {
        let Some(at) = Timestamp::from_timestamp(change.at, 0) else { continue };
        let (merge, patch) = (change.parents.len() > 1, change.patch.fingerprint());
        found.push(Commit { id: change.id, at, merge, lines: change.patch.lines(), patch });
    }
    if found.len() != made.commits.len() {
        return Err("git does not tell of all commits that were made".to_owned());
    }
    if made.rebased {
        only_last(&mut found, &made.commits);
    }
    Ok(found)
}

/// Of commits that do the same, the last one stands for all: the others were rebased.
fn only_last(found: &mut Vec<Commit>, order: &[CommitId]) {
    let place = |commit: &Commit| order.iter().position(|id| *id == commit.id);
    found.sort_by_key(place);
    let mut seen = HashSet::new();
    found.reverse();
    found.retain(|commit| commit.patch.as_ref().is_none_or(|patch| seen.insert(patch.clone())));
    found.reverse();
}
