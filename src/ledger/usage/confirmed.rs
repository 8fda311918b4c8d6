//! The question which records are of responses that count already: a hook told of them first and did not name them.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use crate::ledger::LedgerError;
use crate::model::{ResponseKey, ThreadId};

use super::number_thread;
use crate::ledger::rows::usage::UsageRow;

/// How far apart hook and record may tell of one response, in milliseconds: Codex ends a hook after ten minutes, and
/// 0.171 writes the record after the last of them.
const APART: i64 = 600_000;

/// What is said of a record that is not in the ledger by its own key.
pub(super) enum Record {
    /// It is known to be of a response that counts.
    Known,
    /// It is found now to be of the one with this key.
    Confirms(ResponseKey),
}

/// Whether a record is of a response that a hook told of; `None` where it must count by itself, or does.
pub(super) fn of(conn: &Connection, thread: i64, row: &UsageRow) -> Result<Option<Record>, LedgerError> {
    let by_key = params![thread, row.key];
    if conn.prepare_cached("SELECT 1 FROM confirmed WHERE thread = ?1 AND key = ?2")?.exists(by_key)? {
        return Ok(Some(Record::Known));
    }
    // Hardly a thread has responses without a name.
    let has_unnamed = "SELECT 1 FROM usage WHERE thread = ?1 AND key >= 'hook@' AND key < 'hookA'";
    if row.key.starts_with(ResponseKey::UNNAMED) || !conn.prepare_cached(has_unnamed)?.exists([thread])? {
        return Ok(None);
    }
    if conn.prepare_cached("SELECT 1 FROM usage WHERE thread = ?1 AND key = ?2")?.exists(by_key)? {
        return Ok(None);
    }
    let told: Option<String> = conn
        .prepare_cached(
            "SELECT u.key FROM usage u
             WHERE u.thread = ?1 AND u.key >= 'hook@' AND u.key < 'hookA'
               AND (u.input, u.cached_input, u.cache_write, u.output, u.reasoning) = (?2, ?3, ?4, ?5, ?6)
               AND abs(u.at - ?7) <= ?8
               AND NOT EXISTS (SELECT 1 FROM confirmed c WHERE c.thread = u.thread AND c.told = u.key)
             ORDER BY abs(u.at - ?7), u.id LIMIT 1",
        )?
        .query_row(
            params![thread, row.input, row.cached_input, row.cache_write, row.output, row.reasoning, row.at, APART],
            |found| found.get(0),
        )
        .optional()?;
    Ok(told.map(|told| Record::Confirms(ResponseKey::new(told))))
}

/// Keeps that a record is of the response that counts under the key `told`. What was kept before stays.
pub(in crate::ledger) fn keep(
    conn: &Connection,
    thread: &ThreadId,
    key: &ResponseKey,
    told: &ResponseKey,
) -> Result<(), LedgerError> {
    let thread = number_thread(conn, thread.as_str())?;
    conn.prepare_cached("INSERT OR IGNORE INTO confirmed (thread, key, told) VALUES (?1, ?2, ?3)")?
        .execute(params![thread, key.as_str(), told.as_str()])?;
    Ok(())
}

/// What the chains say of records, for the audit.
#[derive(Debug, Default)]
pub(in crate::ledger) struct Confirmed {
    told: HashMap<(String, String), HashSet<String>>,
}

impl Confirmed {
    /// A chain says so.
    pub(in crate::ledger) fn add(&mut self, thread: &ThreadId, key: &ResponseKey, told: &ResponseKey) {
        let of = self.told.entry((thread.as_str().to_owned(), key.as_str().to_owned())).or_default();
        of.insert(told.as_str().to_owned());
    }

    /// Where the rows are not what the chains say, if they are not.
    pub(in crate::ledger) fn differs(&self, conn: &Connection) -> Result<Option<String>, LedgerError> {
        let mut statement =
            conn.prepare("SELECT t.id, c.key, c.told FROM confirmed c LEFT JOIN thread_ids t ON t.no = c.thread")?;
        let mut rows = statement.query([])?;
        let mut found = 0_usize;
        while let Some(row) = rows.next()? {
            let (thread, key): (Option<String>, String) = (row.get(0)?, row.get(1)?);
            let place = format!("the record `{key}`");
            let told = self.told.get(&(thread.unwrap_or_default(), key));
            if !told.is_some_and(|told| row.get::<_, String>(2).is_ok_and(|by| told.contains(&by))) {
                return Ok(Some(place));
            }
            found = found.saturating_add(1);
        }
        Ok((found != self.told.len()).then(|| "a record of a response that a hook told of".to_owned()))
    }
}
