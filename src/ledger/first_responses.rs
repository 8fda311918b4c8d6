//! What earlier runs of an agent were answered first.

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::{AgentName, Response, RunId};

use super::LedgerError;
use super::responses::Responses;
use super::rows::usage::{SELECT, Stored};
use super::series::SeriesBook;

/// So many of the last threads are looked through, and so many runs are enough.
const THREADS: i64 = 2_000;
const RUNS: usize = 20;

impl Responses<'_> {
    /// The first answers of the last runs of this agent in this project, the newest run first; `but` aside. Bounded: it
    /// reads no more of a large ledger than of a small one.
    pub fn first_answers(
        &self,
        agent: &AgentName,
        project: Option<&str>,
        but: &RunId,
    ) -> Result<Vec<Response>, LedgerError> {
        first_answers(self.conn, agent, project, but)
    }
}

fn first_answers(
    conn: &Connection,
    agent: &AgentName,
    project: Option<&str>,
    but: &RunId,
) -> Result<Vec<Response>, LedgerError> {
    let mut roots = conn.prepare_cached(
        "SELECT t.run_no, i.no FROM (SELECT no, run_no, thread, root, agent FROM threads ORDER BY no DESC LIMIT ?3) t
         JOIN thread_ids i ON i.id = t.thread
         WHERE t.agent = ?1 AND t.thread = t.root AND t.run_no <> ifnull((SELECT no FROM runs WHERE id = ?2), 0)
         ORDER BY t.no DESC",
    )?;
    // By the index of runs, in which a run's first rows come first.
    let sql = format!("{} WHERE u.run_no = ?1 AND +u.thread = ?2 ORDER BY u.id LIMIT 1", SELECT);
    let mut first = conn.prepare_cached(&sql)?;
    let mut rows = roots.query(params![agent.as_str(), but.as_str(), THREADS])?;
    let (mut book, mut found) = (SeriesBook::default(), Vec::new());
    while let Some(row) = rows.next()? {
        let (run, thread): (i64, i64) = (row.get(0)?, row.get(1)?);
        let Some(stored) = first.query_row([run, thread], Stored::read).optional()? else { continue };
        let response = stored.response(conn, &mut book)?;
        if response.attribution.project.as_deref() == project {
            found.push(response);
        }
        if found.len() == RUNS {
            break;
        }
    }
    Ok(found)
}
