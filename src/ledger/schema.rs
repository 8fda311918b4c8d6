//! The shape of the database: its migrations, and which shapes this govern knows.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::hash::Hash;
use super::{LedgerError, figures, rollup};

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
    Migration { version: 3, sql: include_str!("migrations/2026-11-22-0003-history.sql"), then: nothing_else },
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
    // Here, since sums are written as they are now: those of before version 3 were of another shape.
    Migration { version: 13, sql: include_str!("migrations/2026-11-30-0013-classes-of-work.sql"), then: rollup::fill },
    Migration {
        version: 14,
        sql: include_str!("migrations/2026-11-30-0014-figures-of-metrics.sql"),
        then: figures::fill,
    },
    Migration { version: 15, sql: include_str!("migrations/2026-11-30-0015-outbox.sql"), then: nothing_else },
    Migration {
        version: 16,
        sql: include_str!("migrations/2026-11-30-0016-corrections-of-where-spend-belongs.sql"),
        then: nothing_else,
    },
    Migration {
        version: 17,
        sql: include_str!("migrations/2026-11-30-0017-grants-and-reviews.sql"),
        then: nothing_else,
    },
    Migration {
        version: 18,
        sql: include_str!("migrations/2026-11-30-0018-questions-keep-who-may-answer.sql"),
        then: nothing_else,
    },
    Migration {
        version: 19,
        sql: include_str!("migrations/2026-12-01-0019-what-was-committed.sql"),
        then: nothing_else,
    },
];

/// The newest version that this govern knows.
pub(super) const KNOWN: i64 = 19;

/// How a file stands to this govern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileFormat {
    /// No table yet.
    Empty,
    /// Made by an older govern: this version.
    Old(i64),
    /// As this govern writes it.
    Current,
}

/// Looks at what is there; refuses what is no ledger, or too new.
pub(super) fn shape(conn: &Connection, path: &Path) -> Result<FileFormat, LedgerError> {
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
        return if tables == 0 { Ok(FileFormat::Empty) } else { Err(foreign()) };
    }
    if pragma("application_id")? != APPLICATION {
        return Err(foreign());
    }
    match version {
        KNOWN => Ok(FileFormat::Current),
        found if found > KNOWN => Err(LedgerError::TooNew { found, known: KNOWN }),
        old => Ok(FileFormat::Old(old)),
    }
}

/// A newer govern may bring a ledger up to date while an older one has it open, which must not write from then on.
pub(super) fn expect_known(conn: &Connection) -> Result<(), LedgerError> {
    let found = conn.prepare_cached("PRAGMA user_version")?.query_row([], |row| row.get(0))?;
    if found == KNOWN { Ok(()) } else { Err(LedgerError::TooNew { found, known: KNOWN }) }
}

/// What the migrations make, by its digest; the test below tells another.
const MADE: &str = "c600d0b4b44b03fcfc7babd7bfe6ef6ef66ebc9b19f5ab3ad01c9800068cdb49";

/// Something that takes part in what SQLite does with the tables: its kind, its name, its table, and its text where that is a
/// rule. (The text of a table is no rule that could be changed without its name.)
type Part = (String, String, String, String);

fn parts(conn: &Connection) -> Result<BTreeSet<Part>, LedgerError> {
    let mut statement = conn.prepare(
        "SELECT type, name, tbl_name, iif(type = 'table', '', coalesce(sql, '')) FROM sqlite_schema
         WHERE substr(name, 1, 7) <> 'sqlite_'",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn digest(parts: &BTreeSet<Part>) -> String {
    let text: Vec<String> =
        parts.iter().map(|(kind, name, of, sql)| [kind, name, of, sql].map(String::as_str).join("\0")).collect();
    Hash::of(text.join("\0").as_bytes()).to_string()
}

/// What the database has beside what govern makes: ``has `z` (trigger), which no govern made``. A trigger takes rows away, or
/// changes them, as they are written. (Without those of govern's own that forbid changes, a change is found by the chains.)
pub(super) fn strange(conn: &Connection) -> Result<Option<String>, LedgerError> {
    let found = parts(conn)?;
    if digest(&found) == MADE {
        return Ok(None);
    }
    let mut own = Connection::open_in_memory()?;
    migrate(&mut own, Path::new(":memory:"), 0)?;
    let made = parts(&own)?;
    let added = found.difference(&made).next();
    Ok(added.map(|(kind, name, ..)| format!("has `{name}` ({kind}), which no govern made")))
}

/// Nobody has put anything of their own into the database.
pub(super) fn expect_own(conn: &Connection) -> Result<(), LedgerError> {
    match strange(conn)? {
        None => Ok(()),
        Some(what) => Err(LedgerError::Strange { what }),
    }
}

/// Brings an empty or old ledger up to date, in one transaction. `now` is the time of creation in milliseconds.
pub(super) fn migrate(conn: &mut Connection, path: &Path, now: i64) -> Result<(), LedgerError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again inside: another process may have done it in between.
    let from = match shape(&tx, path)? {
        FileFormat::Current => return Ok(()),
        FileFormat::Empty => 0,
        FileFormat::Old(version) => version,
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

    #[test]
    fn what_somebody_else_put_into_the_database_is_named() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, Path::new(":memory:"), 0).unwrap();
        assert_eq!(digest(&parts(&conn).unwrap()), MADE, "the digest of what the migrations make");
        assert_eq!(strange(&conn).unwrap(), None);
        conn.execute_batch("ANALYZE").unwrap();
        assert_eq!(strange(&conn).unwrap(), None, "statistics are SQLite's own");
        for (sql, what) in [
            (
                "CREATE TRIGGER z BEFORE INSERT ON usage BEGIN SELECT RAISE(IGNORE); END",
                "has `z` (trigger), which no govern made",
            ),
            ("DROP TRIGGER z; CREATE VIEW v AS SELECT 1", "has `v` (view), which no govern made"),
            ("DROP VIEW v; CREATE UNIQUE INDEX one ON usage (at)", "has `one` (index), which no govern made"),
        ] {
            conn.execute_batch(sql).unwrap();
            assert_eq!(strange(&conn).unwrap().as_deref(), Some(what));
        }
        conn.execute_batch("DROP INDEX one; DROP TRIGGER usage_stays").unwrap();
        assert_eq!(strange(&conn).unwrap(), None);
    }
}
