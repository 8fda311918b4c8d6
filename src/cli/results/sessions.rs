//! The sessions that no run governed, as imported history has them: their files, their families, and where each began.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use crate::error::Result;
use crate::ledger::{Filter, Ledger, SliceQuery};
use crate::model::{ThreadId, Timestamp};
use crate::tail::session::{Began, began, name_of, root_of};

/// A root thread with its sub-agents.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    /// Their files.
    pub(super) files: Vec<PathBuf>,
    /// Where the root began; `None`: its file is gone, or does not say.
    pub(super) began: Option<Began>,
    /// From the first record to the last.
    pub(super) span: Option<(Timestamp, Timestamp)>,
}

/// All of them, by their roots.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    roots: HashMap<ThreadId, ThreadId>,
    pub(super) by_root: BTreeMap<ThreadId, Session>,
}

impl Sessions {
    /// Those that spent something in this time and that no run governed.
    pub(super) fn of(ledger: &Ledger, filter: &Filter) -> Result<Self> {
        let mut wanted = HashSet::new();
        if filter.run.is_none() {
            let (since, until) = (filter.since, filter.until);
            let query = SliceQuery { since, until, by_run: true, by_thread: true, ..SliceQuery::default() };
            ledger.sums().each_slice(&query, |slice| wanted.extend(slice.thread.filter(|_| slice.run.is_none())))?;
        }
        let mut found = Self::default();
        if wanted.is_empty() {
            return Ok(found);
        }
        let mut marks: Vec<_> = ledger.history().file_marks()?.into_iter().collect();
        marks.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (path, mark) in marks {
            let Some(thread) = name_of(&path).map(|name| name.thread).filter(|thread| wanted.contains(thread)) else {
                continue;
            };
            let root = root_of(&path).ok().flatten().unwrap_or_else(|| thread.clone());
            let session = found.by_root.entry(root.clone()).or_default();
            if root == thread && session.began.is_none() {
                session.began = began(&path);
            }
            session.files.push(path);
            session.span = match (session.span, mark.span) {
                (Some((first, last)), Some((began, ended))) => Some((first.min(began), last.max(ended))),
                (known, span) => known.or(span),
            };
            found.roots.insert(thread, root);
        }
        Ok(found)
    }

    /// The root of a thread's family; itself where nobody knows another.
    pub(super) fn root<'t>(&'t self, thread: &'t ThreadId) -> &'t ThreadId {
        self.roots.get(thread).unwrap_or(thread)
    }
}
