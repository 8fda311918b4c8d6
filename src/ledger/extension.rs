//! Extensions: limits that were lifted, by whom, why and until when.

use rusqlite::{Connection, params};

use crate::model::event::GOVERNOR;
use crate::model::{BudgetKey, Extension, Grant, RunId, Timestamp};

use super::budgets::{Budgets, BudgetsMut};
use super::chain::Link;
use super::grants;
use super::own_run::Seat;
use super::rows::extension::{ExtensionRow, SELECT};
use super::values::key_text;
use super::{LedgerError, Turn};

impl BudgetsMut<'_, '_> {
    /// Lifts a budget's limit by an amount of its unit's smallest part, for all runs that share the key, until then or
    /// until its window ends. Who answers a question with an extension does both in one turn, and this only if
    /// [`super::QuestionsMut::answer`] said `true`: several runs may wait for the one answer.
    pub fn extend(
        &mut self,
        key: &BudgetKey,
        amount: i64,
        by: &str,
        reason: Option<&str>,
        until: Option<Timestamp>,
    ) -> Result<Extension, LedgerError> {
        let id: i64 =
            self.turn.tx.query_row("SELECT coalesce(max(id), 0) + 1 FROM extensions", [], |row| row.get(0))?;
        let row = ExtensionRow {
            id,
            key: key_text(key)?,
            budget: key.budget.as_str().to_owned(),
            scope: key.scope.clone(),
            window: key.window_start.map(|at| at.timestamp_millis()),
            unit: key.unit.as_str().to_owned(),
            amount,
            by: by.to_owned(),
            reason: reason.map(str::to_owned),
            at: self.turn.now.timestamp_millis(),
            until: until.map(|at| at.timestamp_millis()),
        };
        self.turn.tx.execute(
            "INSERT INTO extensions (id, key, budget, scope, window, unit, amount, by, reason, at, until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                row.id, row.key, row.budget, row.scope, row.window, row.unit, row.amount, row.by, row.reason, row.at,
                row.until
            ],
        )?;
        if let Some(watch) = &mut self.turn.watch {
            watch.own_extension(id);
        }
        self.turn.link(&Link::Extension { at: self.turn.now, extension: row.clone() })?;
        row.extension()
    }

    /// By how much a budget's limit is lifted now.
    pub fn extended(&self, key: &BudgetKey) -> Result<i64, LedgerError> {
        let sql = format!("{SELECT} WHERE key = ?1 AND (until IS NULL OR until > ?2)");
        sum(self.turn.tx, &sql, params![key_text(key)?, self.turn.now.timestamp_millis()], &|id, run| {
            is_by(self.turn, id, run)
        })
    }

    /// By how much people's answers have lifted a budget's limit, since then: what the governor gives from a pool is no
    /// answer of anybody's.
    pub fn given(&self, key: &BudgetKey, since: Option<Timestamp>) -> Result<i64, LedgerError> {
        given(self.turn.tx, key, since)
    }

    /// All grants, the oldest first. While this process supervises a run it counts what was there when it began, and what a
    /// person has told it of since ([`super::Ledger::believe`]): its agents can write into the same file.
    pub fn grants(&self) -> Result<Vec<Grant>, LedgerError> {
        let lives = self.turn.seat.is_some_and(Seat::is_this_process);
        let watch = self.turn.watch.as_ref().filter(|_| lives);
        let known = |n: i64| watch.is_none_or(|watch| watch.believes_link(n));
        Ok(grants::all(self.turn.tx)?.into_iter().filter(|(n, _)| known(*n)).map(|(_, grant)| grant).collect())
    }
}

/// An extension that a run's chain tells of was written by that run's supervisor. What this one tells of it has written
/// itself, while it lives.
pub(super) fn is_by(turn: &Turn<'_>, id: i64, run: &RunId) -> bool {
    let is_ours = turn.seat.is_some_and(|seat| seat.is_this_process() && seat.run == *run);
    !is_ours || turn.watch.as_ref().is_none_or(|watch| watch.wrote_extension(id))
}

impl Budgets<'_> {
    /// By how much people's answers have lifted a budget's limit, since then.
    pub fn given(&self, key: &BudgetKey, since: Option<Timestamp>) -> Result<i64, LedgerError> {
        given(self.conn, key, since)
    }

    /// By how much a budget's limit is lifted at a moment.
    pub fn extended(&self, key: &BudgetKey, at: Timestamp) -> Result<i64, LedgerError> {
        extended(self.conn, key, at)
    }

    /// All extensions, the oldest first.
    pub fn extensions(&self) -> Result<Vec<Extension>, LedgerError> {
        let mut statement = self.conn.prepare_cached(&format!("{SELECT} ORDER BY id"))?;
        statement.query_map([], ExtensionRow::read)?.map(|row| row?.extension()).collect()
    }
}

fn given(conn: &Connection, key: &BudgetKey, since: Option<Timestamp>) -> Result<i64, LedgerError> {
    let sql = format!("{SELECT} WHERE key = ?1 AND at >= ?2 AND by <> ?3 AND amount > 0");
    let since = since.map_or(i64::MIN, |since| since.timestamp_millis());
    sum(conn, &sql, params![key_text(key)?, since, GOVERNOR], &|_, _| true)
}

/// Only by what the chains hold.
fn extended(conn: &Connection, key: &BudgetKey, at: Timestamp) -> Result<i64, LedgerError> {
    let sql = format!("{SELECT} WHERE key = ?1 AND (until IS NULL OR until > ?2)");
    sum(conn, &sql, params![key_text(key)?, at.timestamp_millis()], &|_, _| true)
}

fn sum(
    conn: &Connection,
    sql: &str,
    of: impl rusqlite::Params,
    counts: &dyn Fn(i64, &RunId) -> bool,
) -> Result<i64, LedgerError> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(of)?;
    let mut total = 0_i64;
    while let Some(row) = rows.next()? {
        let row = ExtensionRow::read(row)?;
        if row.told_by(conn)?.is_some_and(|run| counts(row.id, &run)) {
            total = total.saturating_add(row.amount);
        }
    }
    Ok(total)
}
