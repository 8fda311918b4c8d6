//! What a file leaves to its relatives: the root above its parent, and the counts that it copied.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{ThreadId, Timestamp};
use crate::rollout;
use crate::tail::cursor::Cursor;
use crate::tail::locate;
use crate::tail::session::{name_of, root_of};
use crate::usage::meter::{Counting, Meter, RunningTotal};

use super::Index;

/// No family is as deep as this; a circle in damaged files must end.
const DEEPEST: usize = 64;

/// The families of an import's files. Readers share what one of them found out.
pub(super) struct Families<'a> {
    files: Files<'a>,
    roots: Mutex<HashMap<ThreadId, Option<ThreadId>>>,
    totals: Mutex<HashMap<ThreadId, Arc<Vec<RunningTotal>>>>,
}

/// Where the files of a thread are found.
pub(super) enum Files<'a> {
    /// In a plan that has them all.
    Index(&'a Index),
    /// In a home, looked through when a relative is asked for.
    Home(PathBuf),
}

impl Files<'_> {
    fn of(&self, thread: &ThreadId) -> Vec<PathBuf> {
        match self {
            Self::Index(index) => index.get(thread).cloned().unwrap_or_default(),
            // A home that cannot be looked through says as little of relatives as one without them.
            Self::Home(home) => locate::find_thread(home, thread).unwrap_or_default(),
        }
    }
}

impl<'a> Families<'a> {
    pub(super) fn new(files: Files<'a>) -> Self {
        Self { files, roots: Mutex::default(), totals: Mutex::default() }
    }

    /// The root above a root: files of versions up to about 0.135 name only their parent.
    pub(super) fn root(&self, named: &ThreadId) -> ThreadId {
        let mut root = named.clone();
        for _ in 0..DEEPEST {
            match self.named_root(&root) {
                Some(above) if above != root => root = above,
                Some(_) | None => break,
            }
        }
        root
    }

    fn named_root(&self, thread: &ThreadId) -> Option<ThreadId> {
        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = roots.get(thread) {
            return known.clone();
        }
        // A relative that cannot be read says nothing; its own reading tells of it.
        let root = self.files.of(thread).first().and_then(|path| root_of(path).ok().flatten());
        roots.insert(thread.clone(), root.clone());
        root
    }

    /// The running totals that a thread's files have shown: what a fork of it may repeat. `None` if it has no file.
    pub(super) fn totals(&self, parent: &ThreadId) -> Option<Arc<Vec<RunningTotal>>> {
        let paths = self.files.of(parent);
        if paths.is_empty() {
            return None;
        }
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = totals.get(parent) {
            return Some(Arc::clone(known));
        }
        let name = paths.first().and_then(|path| name_of(path));
        let mut meter = Meter::new(name.as_ref(), Counting { from: Timestamp::MAX_UTC, grown_from: u64::MAX });
        for path in &paths {
            // As above: what can be read of it counts.
            let _unreadable = Cursor::open(path).and_then(|mut cursor| {
                cursor.read(|position, line| {
                    if let Ok(record) = rollout::read_for_accounting(line) {
                        let _history = meter.push(position, &record);
                    }
                })
            });
        }
        let found = Arc::new(meter.totals().to_vec());
        totals.insert(parent.clone(), Arc::clone(&found));
        Some(found)
    }
}
