//! What the agents of runs committed: links of the ledger's own chain. Beside them lies what was found out about it, which
//! may be lost: it can be found out again.

use rusqlite::{OptionalExtension, params};

use crate::model::{CommitId, Committed};

use super::chain::Link;
use super::hash::Hash;
use super::provenance::follows;
use super::values::json;
use super::{Ledger, LedgerError, Turn};

/// As its index has it.
const COMMITTED: &str =
    r#"SELECT n, data, hash FROM links WHERE substr(data, 1, 18) = '{"kind":"committed' ORDER BY n"#;

/// Which lines of which commit are looked for, and where.
#[derive(Clone, Copy, Debug)]
pub struct Stand<'a> {
    /// The commit.
    pub commit: &'a CommitId,
    /// The one by which its lines are known on the default branch.
    pub stands_as: &'a CommitId,
    /// The one at which they are looked for.
    pub at: &'a CommitId,
}

/// What session files say of tests and changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestsTold {
    /// Commands that ran tests.
    pub tests: u64,
    /// Those that did not end well.
    pub failed: u64,
    /// Files that patches changed.
    pub changed: Vec<String>,
}

/// Remembers what was committed in one work tree.
///
/// # Errors
/// The ledger cannot be written.
pub fn record(turn: &mut Turn<'_>, committed: Committed) -> Result<(), LedgerError> {
    turn.link(&Link::Committed { at: turn.now, committed })
}

/// All that was committed, in the order in which runs ended.
///
/// # Errors
/// The ledger cannot be read.
pub fn committed(ledger: &Ledger) -> Result<Vec<Committed>, LedgerError> {
    let mut statement = ledger.conn.prepare_cached(COMMITTED)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (n, data, hash): (i64, String, Hash) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if !follows(&ledger.conn, n, &data, hash)? {
            continue;
        }
        let unreadable = |error| LedgerError::unreadable(format!("link {n} of the ledger: {error}"));
        if let Link::Committed { committed, .. } = serde_json::from_str(&data).map_err(unreadable)? {
            found.push(committed);
        }
    }
    Ok(found)
}

/// How many lines stand, if that was found out before.
///
/// # Errors
/// The ledger cannot be read.
pub fn kept_lines(ledger: &Ledger, stand: Stand<'_>) -> Result<Option<u64>, LedgerError> {
    let sql = "SELECT lines FROM kept_lines WHERE commit_id = ?1 AND stands_as = ?2 AND at = ?3";
    let key = [stand.commit.as_str(), stand.stands_as.as_str(), stand.at.as_str()];
    let lines: Option<i64> = ledger.conn.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?;
    Ok(lines.map(i64::unsigned_abs))
}

/// Keeps that for the next time.
///
/// # Errors
/// The ledger cannot be written.
pub fn keep_lines(turn: &mut Turn<'_>, stand: Stand<'_>, lines: u64) -> Result<(), LedgerError> {
    let lines = i64::try_from(lines).unwrap_or(i64::MAX);
    let key = params![stand.commit.as_str(), stand.stands_as.as_str(), stand.at.as_str(), lines];
    turn.tx.prepare_cached("INSERT OR REPLACE INTO kept_lines VALUES (?1, ?2, ?3, ?4)")?.execute(key)?;
    Ok(())
}

/// What session files of this size say, all of these agents', if they were read before.
///
/// # Errors
/// The ledger cannot be read.
pub fn tests_told(ledger: &Ledger, of: &str, size: u64) -> Result<Option<TestsTold>, LedgerError> {
    let sql = "SELECT tests, failed, changed FROM tests_told WHERE of = ?1 AND size = ?2";
    let key = params![of, i64::try_from(size).unwrap_or(i64::MAX)];
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?));
    let found = ledger.conn.prepare_cached(sql)?.query_row(key, read).optional()?;
    Ok(found.map(|(tests, failed, changed)| TestsTold {
        tests: tests.unsigned_abs(),
        failed: failed.unsigned_abs(),
        changed: serde_json::from_str(&changed).unwrap_or_default(),
    }))
}

/// Keeps that for the next time.
///
/// # Errors
/// The ledger cannot be written.
pub fn keep_tests(turn: &mut Turn<'_>, of: &str, size: u64, told: &TestsTold) -> Result<(), LedgerError> {
    let [size, tests, failed] = [size, told.tests, told.failed].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    turn.tx.prepare_cached("INSERT OR REPLACE INTO tests_told VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        of,
        size,
        tests,
        failed,
        json(&told.changed)?
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ledger::Verified;
    use crate::ledger::tests::testing::*;
    use crate::model::{Commit, LineKind, Lines, RunId};

    fn id(n: u8) -> CommitId {
        CommitId::parse(&format!("{n:02x}").repeat(20)).unwrap()
    }

    fn of(run: &str) -> Committed {
        let lines = BTreeMap::from([(LineKind::Test, Lines { added: 3, removed: 1 })]);
        let commit = Commit { id: id(2), at: at(1_000), merge: false, lines, patch: Some("ab".into()) };
        Committed {
            run: RunId::new(run),
            agents: vec!["coder".into()],
            tree: "/work/shop".into(),
            repository: "/work/shop/.git".into(),
            began: at(0),
            ended: at(2_000),
            from: Some(id(1)),
            to: Some(id(2)),
            commits: Some(vec![commit]),
            unknown: None,
        }
    }

    #[test]
    fn what_was_committed_reads_back_and_is_in_the_chain() {
        let mut ledger = Ledger::in_memory().unwrap();
        govern(&mut ledger, "r1");
        turn(&mut ledger, |turn| record(turn, of("r1")).unwrap());
        append(&mut ledger, &ended("r1"));
        assert_eq!(committed(&ledger).unwrap(), [of("r1")]);
        assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { .. }));
        let copy = "INSERT INTO links SELECT max(n) + 1, json_set(data, '$.committed.commits', null), hash FROM links";
        ledger.conn.execute(copy, []).unwrap();
        assert_eq!(committed(&ledger).unwrap(), [of("r1")], "one that follows from nothing was written by nobody");
        assert!(matches!(ledger.audit().verify().unwrap(), Verified::Broken { .. }));
    }

    #[test]
    fn of_a_run_that_nobody_started_nothing_was_committed() {
        let mut ledger = Ledger::in_memory().unwrap();
        turn(&mut ledger, |turn| record(turn, of("r9")).unwrap());
        assert!(matches!(ledger.audit().verify().unwrap(), Verified::Broken { .. }));
    }

    #[test]
    fn what_was_found_out_is_kept_for_the_same_question_alone() {
        let mut ledger = Ledger::in_memory().unwrap();
        let (one, two, three) = (id(1), id(2), id(3));
        let stand = Stand { commit: &one, stands_as: &two, at: &three };
        let told = TestsTold { tests: 3, failed: 1, changed: vec!["a.rs".into()] };
        turn(&mut ledger, |turn| {
            keep_lines(turn, stand, 7).unwrap();
            keep_tests(turn, "r1/coder", 100, &told).unwrap();
        });
        assert_eq!(kept_lines(&ledger, stand).unwrap(), Some(7));
        assert_eq!(kept_lines(&ledger, Stand { at: &two, ..stand }).unwrap(), None);
        assert_eq!(tests_told(&ledger, "r1/coder", 100).unwrap(), Some(told));
        assert_eq!(tests_told(&ledger, "r1/coder", 101).unwrap(), None, "it has grown");
    }

    #[test]
    fn what_was_committed_is_found_without_reading_the_chain() {
        let ledger = Ledger::in_memory().unwrap();
        let plan: String =
            ledger.conn.query_row(&format!("EXPLAIN QUERY PLAN {COMMITTED}"), [], |row| row.get(3)).unwrap();
        assert!(plan.contains("links_of_commits"), "{plan}");
    }
}
