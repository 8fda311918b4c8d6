//! The classes of work that responses are told as: kept beside their rows, and in the sums.

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::{ResponseKey, ThreadId, WorkClass};

use super::LedgerError;
use super::rollup::Shares;
use super::rows::usage::{SELECT, Stored};
use super::values::work_number;

/// Who says of which class a response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClassSource {
    /// The run that has it: it may know what its session file does not say.
    ByItsRun,
    /// A session file that is read again: of a run's responses only those that have no class yet.
    ByHistory,
}

/// Gives rows their class, and moves their share of the sums there.
pub(super) fn classify<'a>(
    conn: &Connection,
    told: ClassSource,
    responses: impl Iterator<Item = (&'a ThreadId, &'a ResponseKey, WorkClass)>,
) -> Result<(), LedgerError> {
    let (mut from, mut to) = (Shares::default(), Shares::default());
    let sql = format!("{} WHERE u.thread = (SELECT no FROM thread_ids WHERE id = ?1) AND u.key = ?2", SELECT);
    let mut find = conn.prepare_cached(&sql)?;
    let mut set = conn.prepare_cached("UPDATE usage SET work = ?2 WHERE id = ?1")?;
    for (thread, key, class) in responses {
        let found = find.query_row(params![thread.as_str(), key.as_str()], Stored::read).optional()?;
        let may =
            |stored: &Stored| told == ClassSource::ByItsRun || stored.run_no.is_none() || stored.row.work.is_none();
        let other = |stored: &Stored| stored.row.work != Some(work_number(class));
        let Some(stored) = found.filter(|stored| may(stored) && other(stored)) else { continue };
        let (sum, share) = (stored.row.sum()?, stored.share());
        set.execute(params![stored.id, work_number(class)])?;
        from.add(share, &sum);
        to.add(super::rollup::Share { work: work_number(class), ..share }, &sum);
    }
    from.take(conn)?;
    to.write(conn)
}
