//! The work trees of runs as they were recorded, and the question whose a commit is where several had one tree.

use std::collections::{BTreeMap, BTreeSet};

use super::spend::Holder;
use crate::model::{AgentName, Commit, CommitId, Committed};

/// Times of git are whole seconds.
pub(super) const SECOND: i64 = 1;

/// A work tree, as one run had it.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) holder: Holder,
    /// Who worked there.
    pub(super) agents: BTreeSet<AgentName>,
    /// Its root.
    pub(super) root: String,
    /// The folder that all work trees of its repository share.
    pub(super) repository: String,
    /// In seconds since 1970.
    pub(super) began: i64,
    pub(super) ended: i64,
    /// The commit that was checked out at its start, if that was noted.
    pub(super) from: Option<CommitId>,
    /// What the run committed there, or why that is not known.
    pub(super) commits: Result<Vec<Commit>, String>,
}

/// Why commits are nobody's.
const SHARED: &str = "another run worked in the same work tree at the same time";

/// The work trees that were recorded, each run's once: a run that went on has recorded several times.
pub(super) fn recorded(all: Vec<Committed>) -> Vec<Tree> {
    let mut trees: BTreeMap<(Holder, String), Tree> = BTreeMap::new();
    for one in all {
        let commits = one.commits.ok_or_else(|| one.unknown.unwrap_or_else(|| "it was not recorded".to_owned()));
        let tree = Tree {
            holder: Holder::Run(one.run),
            agents: one.agents.into_iter().collect(),
            root: one.tree,
            repository: one.repository,
            began: one.began.timestamp(),
            ended: one.ended.timestamp(),
            from: one.from,
            commits,
        };
        trees.entry((tree.holder.clone(), tree.root.clone())).and_modify(|known| known.goes_on(&tree)).or_insert(tree);
    }
    trees.into_values().collect()
}

impl Tree {
    fn goes_on(&mut self, later: &Self) {
        self.agents.extend(later.agents.iter().cloned());
        self.ended = self.ended.max(later.ended);
        match (&mut self.commits, &later.commits) {
            (Ok(known), Ok(more)) => known.extend(more.iter().cloned()),
            (commits, Err(why)) => *commits = Err(why.clone()),
            (Err(_), Ok(_)) => {}
        }
    }

    /// A commit of the other one's may be this run's, as far as anybody can say.
    fn may_have(&self, commit: &Commit) -> bool {
        let at = commit.at.timestamp();
        let meanwhile = self.began.saturating_sub(SECOND) <= at && at <= self.ended.saturating_add(SECOND);
        match &self.commits {
            Ok(own) => own.iter().any(|known| known.id == commit.id),
            Err(_) => meanwhile,
        }
    }
}

/// What two runs may have committed in one tree is whose session has git's word for it; of what neither has, or both, nobody can
/// say.
pub(super) fn tell_apart(trees: &mut [Tree], announced: &dyn Fn(&Holder, &CommitId) -> bool) {
    let mut by_root: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, tree) in trees.iter().enumerate() {
        by_root.entry(tree.root.clone()).or_default().push(place);
    }
    let mut told = Vec::new();
    for places in by_root.values().filter(|places| places.len() > 1) {
        let all: Vec<&Tree> = places.iter().filter_map(|place| trees.get(*place)).collect();
        for (place, tree) in places.iter().zip(&all) {
            let Ok(commits) = &tree.commits else { continue };
            let mut own = Ok(Vec::new());
            for commit in commits {
                let others = all.iter().filter(|other| other.holder != tree.holder && other.may_have(commit));
                let others: Vec<&Holder> = others.map(|other| &other.holder).collect();
                let said = |holder: &Holder| !others.is_empty() && announced(holder, &commit.id);
                let by_others = others.iter().filter(|other| said(other)).count();
                match (said(&tree.holder), by_others, &mut own) {
                    (_, 0, Ok(own)) if others.is_empty() => own.push(commit.clone()),
                    (true, 0, Ok(own)) => own.push(commit.clone()),
                    (false, 1, _) => {}
                    (_, _, own) => *own = Err(SHARED.to_owned()),
                }
            }
            told.push((*place, own));
        }
    }
    for (place, own) in told {
        if let Some(tree) = trees.get_mut(place) {
            tree.commits = own;
        }
    }
}
