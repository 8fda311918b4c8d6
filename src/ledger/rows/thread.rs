//! A thread of a run as it is stored.

use crate::model::Event;
use crate::model::event::EventKind;

/// A thread of a run, as its row says and as the last event about it said.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ledger) struct ThreadRow {
    pub(in crate::ledger) thread: String,
    pub(in crate::ledger) root: String,
    pub(in crate::ledger) parent: Option<String>,
    pub(in crate::ledger) agent: Option<String>,
    pub(in crate::ledger) path: String,
    pub(in crate::ledger) codex: Option<String>,
    pub(in crate::ledger) billing: String,
    pub(in crate::ledger) role: Option<String>,
}

impl ThreadRow {
    /// The threads of a run, for [`ThreadRow::read`].
    pub(in crate::ledger) const SELECT: &str =
        "SELECT thread, root, parent, agent, path, codex, billing, role FROM threads WHERE run_no = ?1 ORDER BY no";

    pub(in crate::ledger) fn of(event: &Event) -> Option<Self> {
        let EventKind::ThreadSeen { thread, root, parent, path, codex, billing, role } = &event.kind else {
            return None;
        };
        Some(Self {
            thread: thread.as_str().to_owned(),
            root: root.as_str().to_owned(),
            parent: parent.as_ref().map(|parent| parent.as_str().to_owned()),
            agent: event.agent.as_ref().map(|agent| agent.as_str().to_owned()),
            path: path.clone(),
            codex: codex.clone(),
            billing: billing.as_str().to_owned(),
            role: role.clone(),
        })
    }

    pub(in crate::ledger) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            thread: row.get(0)?,
            root: row.get(1)?,
            parent: row.get(2)?,
            agent: row.get(3)?,
            path: row.get(4)?,
            codex: row.get(5)?,
            billing: row.get(6)?,
            role: row.get(7)?,
        })
    }
}
