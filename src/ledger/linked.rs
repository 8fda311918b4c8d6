//! Owns the question whether a row stands as the ledger's chain says: one that was written by hand does not.

use rusqlite::{Connection, OptionalExtension};

use super::LedgerError;
use super::approval::ApprovalRow;
use super::chain::{Hash, Link};
use super::extension::ExtensionRow;

/// The last link of an extension, as its index has it.
const EXTENSION: &str = r#"SELECT n, data, hash FROM links WHERE substr(data, 1, 19) = '{"kind":"extension"'
    AND CASE WHEN json_valid(data) THEN json_extract(data, '$.extension.id') END = ?1 ORDER BY n DESC LIMIT 1"#;

/// The last link of a question, as its index has it.
const APPROVAL: &str = r#"SELECT n, data, hash FROM links WHERE substr(data, 1, 18) = '{"kind":"approval"'
    AND CASE WHEN json_valid(data) THEN json_extract(data, '$.approval.id') END = ?1 ORDER BY n DESC LIMIT 1"#;

impl ExtensionRow {
    /// The chain's last word about this extension is this row.
    pub(super) fn is_linked(&self, conn: &Connection) -> Result<bool, LedgerError> {
        let link = last_link(conn, EXTENSION, self.id)?;
        Ok(matches!(link, Some(Link::Extension { extension, .. }) if extension == *self))
    }
}

impl ApprovalRow {
    /// The chain's last word about this question is this row.
    pub(super) fn is_linked(&self, conn: &Connection) -> Result<bool, LedgerError> {
        let link = last_link(conn, APPROVAL, self.id)?;
        Ok(matches!(link, Some(Link::Approval { approval, .. }) if approval == *self))
    }
}

/// A link whose hash follows from the one before it; `None` if there is none, or if it was not made by a govern.
fn last_link(conn: &Connection, sql: &str, id: i64) -> Result<Option<Link>, LedgerError> {
    let found: Option<(i64, String, Hash)> =
        conn.prepare_cached(sql)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    let Some((n, data, hash)) = found else { return Ok(None) };
    let before = match n {
        1 => Some(Hash::ledger_seed(&conn.query_row("SELECT id FROM ledger", [], |row| row.get::<_, Vec<u8>>(0))?)),
        _ => conn
            .prepare_cached("SELECT hash FROM links WHERE n = ?1")?
            .query_row([n.saturating_sub(1)], |row| row.get(0))
            .optional()?,
    };
    let follows = before.is_some_and(|before: Hash| before.next(data.as_bytes()) == hash);
    Ok(if follows { serde_json::from_str(&data).ok() } else { None })
}

#[cfg(test)]
mod tests {
    use crate::ledger::Ledger;
    use crate::ledger::testing::*;

    #[test]
    fn a_rows_link_is_found_without_reading_the_chain() {
        let ledger = Ledger::in_memory().unwrap();
        for (index, sql) in [("links_by_extension", super::EXTENSION), ("links_by_approval", super::APPROVAL)] {
            let sql = format!("EXPLAIN QUERY PLAN {sql}");
            let plan: String = ledger.conn.query_row(&sql, [1], |row| row.get(3)).unwrap();
            assert!(plan.contains(index), "{plan}");
        }
    }

    #[test]
    fn a_limit_lifted_by_hand_stays_where_it_was_and_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (mut a, mut b) = (Ledger::open(dir.path()).unwrap(), Ledger::open(dir.path()).unwrap());
        govern(&mut a, "r1");
        turn(&mut a, |turn| turn.watch_from_now().unwrap());
        let web = key("team=web");
        turn(&mut b, |turn| turn.extend(&web, 5, "alice (cli)", None, None).unwrap());
        // A copy of a true one, one that was raised, and one with a link that follows from nothing.
        b.conn
            .execute_batch(
                "INSERT INTO extensions SELECT 2, key, budget, scope, window, unit, 700, by, reason, at, until
                   FROM extensions WHERE id = 1;
                 INSERT INTO extensions SELECT 3, key, budget, scope, window, unit, 800, by, reason, at, until
                   FROM extensions WHERE id = 1;
                 INSERT INTO links SELECT (SELECT max(n) + 1 FROM links),
                   json_set(data, '$.extension.id', 3, '$.extension.amount', 800), hash
                   FROM links WHERE data LIKE '%\"kind\":\"extension\"%';",
            )
            .unwrap();
        let told = turn(&mut a, |turn| turn.news().unwrap());
        assert_eq!(told.extensions.iter().map(|extension| extension.amount).collect::<Vec<_>>(), [5]);
        assert_eq!(told.forged, ["extension 2", "extension 3"]);
        assert!(turn(&mut a, |turn| turn.news().unwrap()).is_empty(), "once");
        assert_eq!(turn(&mut a, |turn| turn.extended(&web).unwrap()), 5);
        assert_eq!(a.extended(&web, at(0)).unwrap(), 5);
        b.conn.execute("UPDATE extensions SET amount = 900 WHERE id = 1", []).unwrap();
        assert_eq!(a.extended(&web, at(0)).unwrap(), 0);
    }

    #[test]
    fn a_question_answered_by_hand_is_not_answered_for_who_waits() {
        let dir = tempfile::tempdir().unwrap();
        let (mut a, b) = (Ledger::open(dir.path()).unwrap(), Ledger::open(dir.path()).unwrap());
        govern(&mut a, "r1");
        turn(&mut a, |turn| {
            turn.watch_from_now().unwrap();
            turn.ask(&question("team=web"), &|_| true).unwrap()
        });
        b.conn
            .execute(
                "UPDATE approvals SET state = 'approved', answer = '{\"extend\":{\"amount\":9}}', revision = 99",
                [],
            )
            .unwrap();
        let told = turn(&mut a, |turn| turn.news().unwrap());
        assert_eq!((told.approvals.len(), told.forged), (0, vec!["approval 1".to_owned()]));
    }
}
