//! Where a repository's history is cut off: git takes a commit there for the first one, with all lines that there are.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::model::CommitId;
use crate::results::patch::Change;

/// Why what lies behind is not known.
pub(super) const SHALLOW: &str = "its repository has no more than a part of its history";

/// The most of such a file that is read.
const MOST: u64 = 1 << 20;

/// The commits whose parents a repository does not have, as far as they matter.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut {
    at: HashSet<CommitId>,
    /// The time of the last one, in seconds since 1970.
    last: Option<i64>,
    times: HashMap<CommitId, i64>,
}

impl Cut {
    /// Those of a shallow clone and of grafts, where this history comes upon them.
    pub(super) fn of(common: &Path, history: &[Change]) -> Self {
        let mut at = HashSet::new();
        for name in ["shallow", "info/grafts"] {
            let path = common.join(name);
            if std::fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() <= MOST) {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                at.extend(text.lines().filter_map(|line| CommitId::parse(line.split(' ').next()?)));
            }
        }
        let last = history.iter().filter(|change| at.contains(&change.id)).map(|change| change.at).max();
        let times = match last {
            Some(_) => history.iter().map(|change| (change.id.clone(), change.at)).collect(),
            None => HashMap::new(),
        };
        Self { at, last, times }
    }

    /// Git does not know what came before it.
    pub(super) fn is_at(&self, commit: &CommitId) -> bool {
        self.at.contains(commit)
    }

    /// What was committed then may lie behind.
    pub(super) fn hides(&self, at: i64) -> bool {
        self.last.is_some_and(|last| last >= at)
    }

    /// The lines of a commit of this history may be told as another one's, or those of others as its own.
    pub(super) fn blurs(&self, commit: &CommitId) -> bool {
        self.is_at(commit) || self.times.get(commit).is_some_and(|at| self.hides(*at))
    }
}
