//! The default branch: its commits by time, how others came to it, and what of it was taken back.

use std::collections::{HashMap, HashSet};

use super::patch::Change;
use crate::model::CommitId;

/// How `git revert` names what it takes back.
const REVERTS: &str = "This reverts commit ";

/// The default branch, from some time on.
#[derive(Clone, Debug, Default)]
pub struct Trunk {
    /// From its last commit back, by the first parent of each.
    chain: Vec<(CommitId, i64)>,
    place: HashMap<CommitId, usize>,
    /// Those of the branch's own commits that merge others.
    merges: HashSet<CommitId>,
    /// Commits that a merge brought, by that merge.
    merged: HashMap<CommitId, CommitId>,
    /// What was taken back, by what.
    reverted: HashMap<CommitId, Vec<CommitId>>,
}

impl Trunk {
    /// Of what leads to this commit.
    pub fn new(tip: &CommitId, history: &[Change]) -> Self {
        let known: HashMap<&CommitId, &Change> = history.iter().map(|change| (&change.id, change)).collect();
        let mut trunk = Self::default();
        let mut next = known.get(tip).copied();
        while let Some(change) = next {
            if trunk.place.insert(change.id.clone(), trunk.chain.len()).is_some() {
                break;
            }
            trunk.chain.push((change.id.clone(), change.at));
            if change.parents.len() > 1 {
                trunk.merges.insert(change.id.clone());
            }
            next = change.parents.first().and_then(|parent| known.get(parent).copied());
        }
        for (id, _) in trunk.chain.iter().rev() {
            let others = known.get(id).map(|change| change.parents.iter().skip(1)).into_iter().flatten();
            let mut open: Vec<&CommitId> = others.collect();
            while let Some(commit) = open.pop() {
                let Some(change) = known.get(commit) else { continue };
                if trunk.place.contains_key(commit) || trunk.merged.contains_key(commit) {
                    continue;
                }
                trunk.merged.insert(commit.clone(), id.clone());
                open.extend(&change.parents);
            }
        }
        for change in history {
            for target in reverts(&change.body) {
                trunk.take_back(&target, &change.id);
            }
        }
        trunk
    }

    /// What takes back what, as far as is said or known.
    pub fn taken_back(&self) -> impl Iterator<Item = (CommitId, CommitId)> {
        self.reverted.iter().flat_map(|(target, by)| by.iter().map(|by| (target.clone(), by.clone())))
    }

    /// Keeps of what takes back what only that which does: whoever writes a message may be wrong, or take back a part.
    pub fn believe(&mut self, does: impl Fn(&CommitId, &CommitId) -> bool) {
        for (target, by) in &mut self.reverted {
            by.retain(|by| does(target, by));
        }
    }

    /// It was taken back, and that was taken back again: by what.
    pub fn reinstated_by(&self, commit: &CommitId) -> Vec<CommitId> {
        let by = self.reverted.get(commit).into_iter().flatten();
        let again = by.filter_map(|by| self.reverted.get(by)).flatten();
        again.filter(|again| self.is_direct(again) || self.merged.contains_key(*again)).cloned().collect()
    }

    /// It joins histories.
    pub fn is_merge(&self, commit: &CommitId) -> bool {
        self.merges.contains(commit)
    }

    /// The commit takes back what the other one did.
    pub fn take_back(&mut self, target: &CommitId, by: &CommitId) {
        let known = self.reverted.entry(target.clone()).or_default();
        if !known.contains(by) {
            known.push(by.clone());
        }
    }

    /// Its last commit at or before then, in seconds since 1970; `None`: it is older than what is known of it.
    pub fn at(&self, when: i64) -> Option<&CommitId> {
        self.chain.iter().find(|(_, at)| *at <= when).map(|(id, _)| id)
    }

    /// It is one of the branch's own commits, not one that a merge brought.
    pub fn is_direct(&self, commit: &CommitId) -> bool {
        self.place.contains_key(commit)
    }

    /// The merge that brought it.
    pub fn merge_of(&self, commit: &CommitId) -> Option<&CommitId> {
        self.merged.get(commit)
    }

    /// How many of the branch's own commits lie above this one.
    pub fn place(&self, commit: &CommitId) -> Option<usize> {
        self.place.get(commit).copied()
    }

    /// At this commit of the branch the other one had come to it.
    pub fn has_at(&self, commit: &CommitId, at: &CommitId) -> bool {
        let came = self.place(commit).or_else(|| self.merge_of(commit).and_then(|merge| self.place(merge)));
        // The last commit has the place 0.
        came.zip(self.place(at)).is_some_and(|(came, at)| came >= at)
    }

    /// The branch's own commits after this one and up to the other; `None`: there is a merge among them, or one is none of its
    /// own.
    pub fn plain_since(&self, commit: &CommitId, at: &CommitId) -> Option<&[(CommitId, i64)]> {
        let later = self.chain.get(self.place(at)?..self.place(commit)?)?;
        later.iter().all(|(id, _)| !self.merges.contains(id)).then_some(later)
    }

    /// It was taken back, and what took it back was not.
    pub fn is_reverted(&self, commit: &CommitId) -> bool {
        self.stands_reverted(commit, &mut HashSet::new())
    }

    fn stands_reverted(&self, commit: &CommitId, seen: &mut HashSet<CommitId>) -> bool {
        if !seen.insert(commit.clone()) {
            return false;
        }
        let by = self.reverted.get(commit).into_iter().flatten();
        let counts = |by: &CommitId| self.is_direct(by) || self.merged.contains_key(by);
        let by: Vec<&CommitId> = by.filter(|by| counts(by)).collect();
        by.into_iter().any(|by| !self.stands_reverted(by, seen))
    }
}

fn reverts(body: &str) -> Vec<CommitId> {
    let named = body.match_indices(REVERTS).filter_map(|(at, _)| body.get(at.saturating_add(REVERTS.len())..));
    let hash = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        rest.get(..end).and_then(CommitId::parse)
    };
    named.filter_map(hash).collect()
}
