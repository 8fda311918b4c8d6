//! The logs of work trees, where runs and sessions have recorded nothing: what they tell by the time.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Instant;

use chrono::TimeDelta;

use super::repository::NOT_ASKED;
use super::sessions::Session;
use super::spend::Holder;
use super::work_trees::{SECOND, Tree};
use crate::clock;
use crate::error::Result;
use crate::ledger::{Filter, Ledger};
use crate::model::{AgentName, Commit, CommitId, RunInfo, ThreadId, Timestamp};
use crate::place::{Checkout, checkout};
use crate::prepare::committed::of_log;
use crate::prepare::here::Here;
use crate::results::reflog::{Move, made, moves};

/// A run whose govern was killed may have gone on for so long after its last answer, in seconds.
const AFTER_THE_LAST: i64 = 60;

/// Logs that were read, each once, for as long as there is time.
pub(super) struct Logs {
    until: Instant,
    read: HashMap<PathBuf, Vec<Move>>,
}

impl Logs {
    /// None yet.
    pub(super) fn new(until: Instant) -> Self {
        Self { until, read: HashMap::new() }
    }

    /// What was committed in a tree from the first second to the last, if this commit was checked out at the first.
    fn between(
        &mut self,
        tree: &Checkout,
        (first, last): (i64, i64),
        at_first: Option<&CommitId>,
    ) -> std::result::Result<Vec<Commit>, String> {
        if clock::monotonic() >= self.until {
            return Err(NOT_ASKED.to_owned());
        }
        if !self.read.contains_key(&tree.root) {
            let log = tree.log_from(0).map_err(|_| "its work tree keeps no log of its commits")?;
            self.read.insert(tree.root.clone(), moves(&log));
        }
        let all = self.read.get(&tree.root).map_or(&[][..], Vec::as_slice);
        let place = match at_first {
            None => 0,
            Some(commit) => began_at(all, first, commit)
                .ok_or("its work tree does not tell any more of the commit that it began at")?,
        };
        let meanwhile = all.iter().skip(place).filter(|step| first <= step.at && step.at <= last);
        of_log(&tree.root, &made(&meanwhile.cloned().collect::<Vec<_>>()))
    }
}

/// When a run ended; `None`: it runs still.
pub(super) fn ended(ledger: &Ledger, run: &RunInfo, here: &Here<'_>) -> Result<Option<Timestamp>> {
    if run.ended.is_some() {
        return Ok(run.ended);
    }
    if run.outcome.is_none() && ledger.runs().lives(run, here.alive) {
        return Ok(None);
    }
    let span = ledger.sums().span(&Filter { run: Some(run.id.clone()), ..Filter::default() })?;
    Ok(Some(span.map_or(run.started, |(_, last)| last) + TimeDelta::seconds(AFTER_THE_LAST)))
}

/// The tree of a run that recorded none: its govern was killed, it runs still, or nobody governed it but hooks. `Err`: it has
/// none, and why. Of one that is not wanted only its time is looked at.
pub(super) fn of_run(
    ledger: &Ledger,
    run: &RunInfo,
    agents: BTreeSet<AgentName>,
    (wanted, here): (bool, &Here<'_>),
    logs: &mut Logs,
) -> Result<std::result::Result<Tree, String>> {
    let folder = Path::new(&run.cwd);
    let Some(end) = checkout(folder) else {
        let why = if folder.exists() { "it worked in no repository" } else { "the folder where it worked is gone" };
        return Ok(Err(why.to_owned()));
    };
    let lives = run.outcome.is_none() && ledger.runs().lives(run, here.alive);
    let began = run.started.timestamp();
    let ended = ended(ledger, run, here)?.unwrap_or(here.now).timestamp();
    let commits = match (lives, wanted) {
        (true, _) => Err("it runs still".to_owned()),
        (false, false) => Err(String::new()),
        (false, true) => logs.between(&end, (began, ended), None),
    };
    Ok(Ok(tree(Holder::Run(run.id.clone()), agents, &end, (began, ended), commits)))
}

/// The tree of a session that no run governed. Its file says which commit was checked out when it began: where the tree's log
/// tells of another one, it is another tree by now. `Err`: it has none, and why.
pub(super) fn of_session(root: &ThreadId, session: &Session, logs: &mut Logs) -> std::result::Result<Tree, String> {
    let began = session.began.as_ref().ok_or("its session file is gone, or does not say where it began")?;
    let (first, last) = session.span.ok_or("its session file does not say when it was")?;
    let folder = began.folder.as_deref().ok_or("its session file does not say where it worked")?;
    let commit = began.commit.as_ref().ok_or("its session file names no commit that it began at")?;
    let end = checkout(Path::new(folder)).ok_or("the repository where it worked is gone")?;
    let span = (first.timestamp(), last.timestamp().saturating_add(SECOND));
    let commits = logs.between(&end, span, Some(commit));
    Ok(tree(Holder::Session(root.clone()), BTreeSet::new(), &end, span, commits))
}

fn tree(
    holder: Holder,
    agents: BTreeSet<AgentName>,
    end: &Checkout,
    (began, ended): (i64, i64),
    commits: std::result::Result<Vec<Commit>, String>,
) -> Tree {
    let (root, repository) = (end.root.display().to_string(), end.common.display().to_string());
    Tree { holder, agents, root, repository, began, ended, from: None, commits }
}

/// From which line on a log tells of what came after this commit was checked out in that second; `None`: another one was.
fn began_at(moves: &[Move], second: i64, commit: &CommitId) -> Option<usize> {
    let start = moves.iter().position(|step| step.at >= second).unwrap_or(moves.len());
    let before = match start.checked_sub(1) {
        Some(last) => moves.get(last)?.new.as_ref(),
        None => moves.first()?.old.as_ref(),
    };
    if before == Some(commit) {
        return Some(start);
    }
    // It was checked out in the very second in which the session began.
    let meanwhile = moves.iter().enumerate().skip(start).take_while(|(_, step)| step.at == second);
    meanwhile.filter(|(_, step)| step.new.as_ref() == Some(commit)).map(|(place, _)| place.saturating_add(1)).next()
}
