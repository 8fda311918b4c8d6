//! The count of sub-agents: by the calls that were let run to start them, and by the threads that came of them.

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::{AgentName, RunId, ThreadId};

use super::LedgerError;

/// A family is not deeper: what links back to itself ends here.
const DEEPEST: u32 = 1_000;

/// Sub-agents of runs and threads.
#[derive(Clone, Copy, Debug)]
pub struct SubAgents<'a> {
    pub(super) conn: &'a Connection,
}

impl SubAgents<'_> {
    /// How many sub-agents were started in a run, by one agent or thread if that is named; a thread's in all runs that
    /// it went on in. Counts the calls that started them, or the threads that were seen, whichever are more: not each
    /// way to start one is a call, and a thread is seen only once it is there.
    pub fn started(
        &self,
        run: &RunId,
        agent: Option<&AgentName>,
        thread: Option<&ThreadId>,
    ) -> Result<u64, LedgerError> {
        started(self.conn, run, agent, thread)
    }

    /// How many sub-agents stand from a thread up to its root: 0 for a root, and for one that is not known.
    pub fn depth(&self, thread: &ThreadId) -> Result<u32, LedgerError> {
        depth(self.conn, thread)
    }
}

fn started(
    conn: &Connection,
    run: &RunId,
    agent: Option<&AgentName>,
    thread: Option<&ThreadId>,
) -> Result<u64, LedgerError> {
    let (agent, thread) = (agent.map(AgentName::as_str), thread.map(ThreadId::as_str));
    // A group's name may stand before the tool's; a tool of an MCP server only sounds like it. One call for a whole file
    // counts as one, until its sub-agents are seen.
    let called = "SELECT count(*) FROM events WHERE run_no = (SELECT no FROM runs WHERE id = ?1)
         AND json_extract(data, '$.kind') = 'tool_called' AND json_extract(data, '$.verdict') = 'allowed'
         AND (json_extract(data, '$.tool') LIKE '%spawn\\_agent' ESCAPE '\\'
              OR json_extract(data, '$.tool') LIKE '%spawn\\_agents\\_on\\_csv' ESCAPE '\\')
         AND json_extract(data, '$.tool') NOT LIKE 'mcp\\_\\_%' ESCAPE '\\'
         AND (?2 IS NULL OR json_extract(data, '$.agent') = ?2)
         AND (?3 IS NULL OR json_extract(data, '$.thread') = ?3)";
    // `role` is a sub-agent's; a fork of a person's has a parent, too.
    let seen = "SELECT count(DISTINCT thread) FROM threads WHERE role IS NOT NULL AND parent IS NOT NULL
         AND (?3 IS NOT NULL OR run_no = (SELECT no FROM runs WHERE id = ?1))
         AND (?2 IS NULL OR ?3 IS NOT NULL OR agent = ?2) AND (?3 IS NULL OR parent = ?3)";
    let count = |sql: &str| -> Result<i64, LedgerError> {
        Ok(conn.prepare_cached(sql)?.query_row(params![run.as_str(), agent, thread], |row| row.get(0))?)
    };
    Ok(count(called)?.max(count(seen)?).unsigned_abs())
}

fn depth(conn: &Connection, thread: &ThreadId) -> Result<u32, LedgerError> {
    let sql = "SELECT parent FROM threads WHERE thread = ?1 AND role IS NOT NULL AND parent IS NOT NULL
         ORDER BY no DESC LIMIT 1";
    let mut parents = conn.prepare_cached(sql)?;
    let (mut at, mut depth) = (thread.to_string(), 0);
    while depth < DEEPEST {
        let Some(parent) = parents.query_row([&at], |row| row.get(0)).optional()? else { break };
        (at, depth) = (parent, depth + 1);
    }
    Ok(depth)
}
