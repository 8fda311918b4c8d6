//! Reservations: what live runs are about to spend of budgets that they share.

use std::path::Path;

use rusqlite::{Connection, params};

use crate::model::{Alive, BudgetKey, ProcessIdentity, RunId, RunProcess};

use super::values::key_text;
use super::{LedgerError, Turn};

/// What shared budgets hold: what is reserved, and by how much limits are lifted.
#[derive(Clone, Copy, Debug)]
pub struct Budgets<'a> {
    pub(super) conn: &'a Connection,
    /// Where runs listen.
    pub(super) sockets: Option<&'a Path>,
}

impl Budgets<'_> {
    /// What all live runs together have reserved of a budget.
    pub fn reserved(&self, key: &BudgetKey, alive: &Alive<'_>) -> Result<i64, LedgerError> {
        let holders = holders(self.conn, &key_text(key)?)?;
        let live = holders.iter().filter(|holder| holder.open && alive(&holder.govern(self.sockets)));
        Ok(live.fold(0_i64, |total, holder| total.saturating_add(holder.amount)))
    }
}

/// The same in a turn, which may change it.
#[derive(Debug)]
pub struct BudgetsMut<'t, 'a> {
    pub(super) turn: &'t mut Turn<'a>,
}

impl BudgetsMut<'_, '_> {
    /// Replaces what this run has reserved of a budget; zero or less removes it.
    pub fn reserve(&mut self, key: &BudgetKey, amount: i64) -> Result<(), LedgerError> {
        let (key, run_no) = (key_text(key)?, self.turn.own_run()?);
        if amount > 0 {
            self.turn
                .tx
                .prepare_cached("INSERT OR REPLACE INTO reservations (key, run_no, amount) VALUES (?1, ?2, ?3)")?
                .execute(params![key, run_no, amount])?;
        } else {
            self.turn
                .tx
                .prepare_cached("DELETE FROM reservations WHERE key = ?1 AND run_no = ?2")?
                .execute(params![key, run_no])?;
        }
        Ok(())
    }

    /// What other live runs have reserved of a budget. Reservations of runs that ended, or whose govern is no longer
    /// `alive`, do not count and are removed.
    pub fn reserved_by_others(&mut self, key: &BudgetKey, alive: &Alive<'_>) -> Result<i64, LedgerError> {
        let (key, own) = (key_text(key)?, self.turn.own_run()?);
        let mut total = 0_i64;
        for holder in holders(self.turn.tx, &key)?.into_iter().filter(|holder| holder.run_no != own) {
            if holder.open && alive(&holder.govern(self.turn.sockets)) {
                total = total.saturating_add(holder.amount);
            } else {
                self.turn
                    .tx
                    .prepare_cached("DELETE FROM reservations WHERE key = ?1 AND run_no = ?2")?
                    .execute(params![key, holder.run_no])?;
            }
        }
        Ok(total)
    }
}

struct Holder {
    run_no: i64,
    run: RunId,
    amount: i64,
    process: ProcessIdentity,
    open: bool,
}

impl Holder {
    fn govern<'a>(&'a self, sockets: Option<&'a Path>) -> RunProcess<'a> {
        RunProcess { run: &self.run, process: self.process, sockets }
    }
}

fn holders(conn: &Connection, key: &str) -> Result<Vec<Holder>, LedgerError> {
    let mut statement = conn.prepare_cached(
        "SELECT v.run_no, v.amount, r.pid, r.pid_started, r.ended IS NULL, r.id
         FROM reservations v JOIN runs r ON r.no = v.run_no WHERE v.key = ?1",
    )?;
    let rows = statement.query_map([key], |row| {
        Ok(Holder {
            run_no: row.get(0)?,
            amount: row.get(1)?,
            process: ProcessIdentity { pid: row.get(2)?, started: row.get::<_, i64>(3)?.unsigned_abs() },
            open: row.get(4)?,
            run: RunId::new(row.get::<_, String>(5)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
