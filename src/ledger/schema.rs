//! Owns the shape of the database: its migrations, and which shapes this govern knows.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::{LedgerError, rollup};

/// `application_id` of a ledger: "govr".
const APPLICATION: i64 = 0x676f_7672;

/// One step from a version to the next. What a released govern has run is never changed.
struct Migration {
    /// `user_version` after it.
    version: i64,
    sql: &'static str,
    /// What SQL can't do.
    then: fn(&Connection) -> Result<(), LedgerError>,
}

fn nothing_else(_: &Connection) -> Result<(), LedgerError> {
    Ok(())
}

const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: include_str!("migrations/2026-11-22-0001-first-ledger.sql"), then: nothing_else },
    Migration { version: 2, sql: include_str!("migrations/2026-11-22-0002-links-by-row.sql"), then: nothing_else },
    Migration { version: 3, sql: include_str!("migrations/2026-11-22-0003-history.sql"), then: rollup::fill },
    Migration { version: 4, sql: include_str!("migrations/2026-11-22-0004-attended.sql"), then: nothing_else },
    Migration {
        version: 5,
        sql: include_str!("migrations/2026-11-28-0005-questions-say-what-they-are-about.sql"),
        then: nothing_else,
    },
    Migration {
        version: 6,
        sql: include_str!("migrations/2026-11-29-0006-records-of-told-responses.sql"),
        then: nothing_else,
    },
    Migration {
        version: 7,
        sql: include_str!("migrations/2026-11-29-0007-policies-of-a-session.sql"),
        then: nothing_else,
    },
    Migration {
        version: 8,
        sql: include_str!("migrations/2026-11-29-0008-questions-keep-their-step.sql"),
        then: nothing_else,
    },
    Migration {
        version: 9,
        sql: include_str!("migrations/2026-11-29-0009-prices-that-came-later.sql"),
        then: nothing_else,
    },
    Migration {
        version: 10,
        sql: include_str!("migrations/2026-11-29-0010-stamps-of-wrong-clocks.sql"),
        then: nothing_else,
    },
    Migration { version: 11, sql: include_str!("migrations/2026-11-29-0011-marks-of-runs.sql"), then: nothing_else },
    Migration {
        version: 12,
        sql: include_str!("migrations/2026-11-29-0012-requests-under-way.sql"),
        then: nothing_else,
    },
];

/// The newest version that this govern knows.
pub(super) const KNOWN: i64 = 12;

/// How a file stands to this govern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// No table yet.
    Empty,
    /// Made by an older govern: this version.
    Old(i64),
    /// As this govern writes it.
    Current,
}

/// Looks at what is there; refuses what is no ledger, or too new.
pub(super) fn shape(conn: &Connection, path: &Path) -> Result<Shape, LedgerError> {
    let foreign = || LedgerError::NotALedger { path: path.to_owned() };
    let pragma = |name: &str| {
        conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(|error| match error {
            rusqlite::Error::SqliteFailure(failure, _) if failure.code == rusqlite::ErrorCode::NotADatabase => {
                foreign()
            }
            error => error.into(),
        })
    };
    let version = pragma("user_version")?;
    if version == 0 {
        let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        return if tables == 0 { Ok(Shape::Empty) } else { Err(foreign()) };
    }
    if pragma("application_id")? != APPLICATION {
        return Err(foreign());
    }
    match version {
        KNOWN => Ok(Shape::Current),
        found if found > KNOWN => Err(LedgerError::TooNew { found, known: KNOWN }),
        old => Ok(Shape::Old(old)),
    }
}

/// A newer govern may bring a ledger up to date while an older one has it open, which must not write from then on.
pub(super) fn expect_known(conn: &Connection) -> Result<(), LedgerError> {
    let found = conn.prepare_cached("PRAGMA user_version")?.query_row([], |row| row.get(0))?;
    if found == KNOWN { Ok(()) } else { Err(LedgerError::TooNew { found, known: KNOWN }) }
}

/// Brings an empty or old ledger up to date, in one transaction. `now` is the time of creation in milliseconds.
pub(super) fn migrate(conn: &mut Connection, path: &Path, now: i64) -> Result<(), LedgerError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again inside: another process may have done it in between.
    let from = match shape(&tx, path)? {
        Shape::Current => return Ok(()),
        Shape::Empty => 0,
        Shape::Old(version) => version,
    };
    for migration in MIGRATIONS.iter().filter(|migration| migration.version > from) {
        tx.execute_batch(migration.sql)?;
        (migration.then)(&tx)?;
        tx.pragma_update(None, "user_version", migration.version)?;
    }
    if from == 0 {
        tx.execute("INSERT INTO ledger (only, id, created) VALUES (1, randomblob(16), ?1)", [now])?;
    }
    tx.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_rise_one_by_one_to_the_known_version() {
        let versions: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        assert_eq!(versions, (1..=KNOWN).collect::<Vec<_>>());
    }
}
