//! Where commits came to lie on the default branch: themselves, by a merge, by another commit that does the same, or
//! with others in one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::default_branch::Trunk;
use super::overlap::{Overlap, overlap};
use super::patch::{Change, Patch};
use crate::model::CommitId;

/// How a commit came to the default branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LandedBy {
    /// It was committed there, or the branch was moved on to it.
    Direct,
    /// A merge brought it.
    Merged,
    /// Another commit does the same: it was rebased or picked.
    Rebased,
    /// Another commit does the same as it and others together.
    Squashed,
}

/// Where a commit lies on the default branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landing {
    /// How it came there.
    pub way: LandedBy,
    /// The commit that its lines are known by.
    pub as_commit: CommitId,
    /// What stands for the change as a whole: a merge, the first of a rebased series, a commit.
    pub unit: CommitId,
}

/// A commit that is looked for.
#[derive(Clone, Debug)]
pub struct Sought {
    /// Its name.
    pub id: CommitId,
    /// What it does.
    pub patch: Option<String>,
}

/// Commits that may have been melted into one: which, and what they do together.
#[derive(Clone, Debug)]
pub struct Series {
    /// All of them.
    pub commits: Vec<CommitId>,
    /// The fingerprint of what they come to.
    pub patch: String,
}

/// Of those that lie on the branch as they are, where.
pub fn by_history(sought: &[Sought], trunk: &Trunk) -> HashMap<CommitId, Landing> {
    let own = |commit: &Sought| {
        let id = &commit.id;
        let (way, unit) = match (trunk.is_direct(id), trunk.merge_of(id)) {
            (true, _) => (LandedBy::Direct, id),
            (false, Some(merge)) => (LandedBy::Merged, merge),
            (false, None) => return None,
        };
        Some((id.clone(), Landing { way, as_commit: id.clone(), unit: unit.clone() }))
    };
    sought.iter().filter_map(own).collect()
}

/// Of the others, by what they do: `changes` are those of the branch that may do the same, each with its patch.
pub fn by_patch(
    sought: &[Sought],
    series: &[Series],
    changes: &[Change],
    trunk: &Trunk,
    landed: &mut HashMap<CommitId, Landing>,
) {
    // The oldest counts: what was picked twice came with the first.
    let mut doing: HashMap<String, &CommitId> = HashMap::new();
    let on_trunk = |change: &&Change| trunk.is_direct(&change.id) || trunk.merge_of(&change.id).is_some();
    for change in changes.iter().filter(on_trunk) {
        doing.extend(change.patch.fingerprint().map(|patch| (patch, &change.id)));
    }
    let mut rebased: BTreeMap<usize, (CommitId, CommitId)> = BTreeMap::new();
    for commit in sought.iter().filter(|commit| !landed.contains_key(&commit.id)).collect::<Vec<_>>() {
        let Some(found) = commit.patch.as_ref().and_then(|patch| doing.get(patch)) else { continue };
        let found: &CommitId = found;
        let unit = trunk.merge_of(found).unwrap_or(found).clone();
        landed.insert(commit.id.clone(), Landing { way: LandedBy::Rebased, as_commit: found.clone(), unit });
        if let Some(place) = trunk.place(found) {
            rebased.insert(place, (commit.id.clone(), found.clone()));
        }
    }
    one_unit_a_series(&rebased, landed);
    for one in series {
        let Some(found) = doing.get(&one.patch) else { continue };
        for id in one.commits.iter().filter(|id| !landed.contains_key(*id)).collect::<Vec<_>>() {
            let unit = trunk.merge_of(found).unwrap_or(found).clone();
            landed.insert(id.clone(), Landing { way: LandedBy::Squashed, as_commit: (*found).clone(), unit });
        }
    }
}

/// Of those that are left, by their lines: `known` are their patches. One whose lines are all in one change of the branch is that
/// one, with more beside it; of one that has some of them there nobody can say.
pub fn by_lines(
    left: &[(&CommitId, i64, &Patch)],
    changes: &[Change],
    trunk: &Trunk,
    landed: &mut HashMap<CommitId, Landing>,
) -> HashSet<CommitId> {
    let mut of_file: HashMap<&str, Vec<&Change>> = HashMap::new();
    let on_trunk = |change: &&Change| trunk.is_direct(&change.id) || trunk.merge_of(&change.id).is_some();
    for change in changes.iter().filter(on_trunk) {
        change.patch.grown().for_each(|(name, _)| of_file.entry(name).or_default().push(change));
    }
    let mut unclear = HashSet::new();
    for (id, at, patch) in left {
        let same = patch.grown().filter_map(|(name, _)| of_file.get(name)).flatten();
        let later = same.filter(|change| change.at >= *at && change.id != **id);
        let found = later.map(|change| (overlap(patch, &change.patch), change));
        // The oldest counts of those that have all.
        let best = found.max_by_key(|(overlap, change)| (*overlap, Reverse(change.at)));
        match best {
            Some((Overlap::All, change)) => {
                let unit = trunk.merge_of(&change.id).unwrap_or(&change.id).clone();
                let landing = Landing { way: LandedBy::Squashed, as_commit: change.id.clone(), unit };
                landed.insert((*id).clone(), landing);
            }
            Some((Overlap::Some, _)) => {
                unclear.insert((*id).clone());
            }
            Some((Overlap::Nothing, _)) | None => {}
        }
    }
    unclear
}

/// Rebased commits that follow one another on the branch are one change: that of the oldest.
fn one_unit_a_series(rebased: &BTreeMap<usize, (CommitId, CommitId)>, landed: &mut HashMap<CommitId, Landing>) {
    let mut before: Option<(usize, CommitId)> = None;
    // The branch's last commit has the place 0, so this begins with the oldest.
    for (place, (id, found)) in rebased.iter().rev() {
        let unit = match before {
            Some((last, unit)) if last == place.saturating_add(1) => unit,
            _ => found.clone(),
        };
        if let Some(landing) = landed.get_mut(id) {
            landing.unit = unit.clone();
        }
        before = Some((*place, unit));
    }
}

/// What of the branch takes back what landed, by what it does.
pub fn take_back_by_patch(changes: &[Change], trunk: &mut Trunk) {
    let mut doing: HashMap<String, Vec<&Change>> = HashMap::new();
    for change in changes {
        if let Some(patch) = change.patch.fingerprint() {
            doing.entry(patch).or_default().push(change);
        }
    }
    for change in changes {
        let Some(backward) = change.patch.backward() else { continue };
        for by in doing.get(&backward).into_iter().flatten() {
            let later = trunk.place(&by.id).zip(trunk.place(&change.id)).is_some_and(|(by, of)| by < of);
            if later {
                trunk.take_back(&change.id, &by.id);
            }
        }
    }
}
