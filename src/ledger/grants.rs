//! Grants: what people let be spent beyond a budget before it is needed. They are links of the ledger's own chain and
//! nothing else. One whose hash does not follow from the link before it was given by nobody.

use rusqlite::Connection;

use crate::model::{BudgetName, Grant, Quantity, Timestamp};

use super::chain::Link;
use super::hash::Hash;
use super::provenance::follows;
use super::rows::grant::GrantRow;
use super::values::moment;
use super::{Ledger, LedgerError, Turn};

/// As its index has it.
const GRANTS: &str = r#"SELECT n, data, hash FROM links WHERE substr(data, 1, 14) = '{"kind":"grant' ORDER BY n"#;

/// A grant that is about to be given.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// Whose limit.
    pub budget: BudgetName,
    /// Only for this of what the budget counts per.
    pub scope: Option<String>,
    /// How much more.
    pub by_amount: Quantity,
    /// When it ends.
    pub until: Timestamp,
    /// The login of who gives it.
    pub login: String,
    /// The same, and through what.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Gives it; says its number, and that of its link: by that a run that lives knows which one a person has told it of.
///
/// # Errors
///
/// The ledger cannot be written.
pub fn give(turn: &mut Turn<'_>, new: &NewGrant) -> Result<(Grant, i64), LedgerError> {
    let id = all(turn.tx)?.iter().map(|(_, grant)| grant.id).max().unwrap_or_default().saturating_add(1);
    let row = GrantRow {
        id,
        budget: new.budget.as_str().to_owned(),
        scope: new.scope.clone(),
        unit: new.by_amount.unit.as_str().to_owned(),
        amount: new.by_amount.amount,
        until: new.until.timestamp_millis(),
        login: new.login.clone(),
        by: new.by.clone(),
        reason: new.reason.clone(),
        given: turn.now.timestamp_millis(),
    };
    turn.link(&Link::Grant { at: turn.now, grant: row.clone() })?;
    let n = turn.tx.query_row("SELECT max(n) FROM links", [], |row| row.get(0))?;
    Ok((row.grant()?, n))
}

/// Takes one back; `None`: there is none of that number, or it is over or taken back already.
///
/// # Errors
///
/// The ledger cannot be written.
pub fn revoke(turn: &mut Turn<'_>, id: i64, by: &str, reason: Option<&str>) -> Result<Option<Grant>, LedgerError> {
    let found = all(turn.tx)?.into_iter().map(|(_, grant)| grant).find(|grant| grant.id == id);
    let Some(grant) = found.filter(|grant| grant.holds(turn.now)) else { return Ok(None) };
    let reason = reason.map(str::to_owned);
    turn.link(&Link::GrantRevoked { at: turn.now, grant: id, by: by.to_owned(), reason })?;
    Ok(Some(grant))
}

/// All that were ever given, the oldest first.
///
/// # Errors
///
/// The ledger cannot be read.
pub fn grants(ledger: &Ledger) -> Result<Vec<Grant>, LedgerError> {
    Ok(all(&ledger.conn)?.into_iter().map(|(_, grant)| grant).collect())
}

/// The same, each with the number of its link.
pub(super) fn all(conn: &Connection) -> Result<Vec<(i64, Grant)>, LedgerError> {
    let mut statement = conn.prepare_cached(GRANTS)?;
    let mut rows = statement.query([])?;
    let mut found: Vec<(i64, Grant)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (n, data, hash): (i64, String, Hash) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if !follows(conn, n, &data, hash)? {
            continue;
        }
        let unreadable = |error| LedgerError::unreadable(format!("link {n} of the ledger: {error}"));
        match serde_json::from_str::<Link>(&data).map_err(unreadable)? {
            Link::Grant { grant, .. } if found.iter().all(|(_, known)| known.id != grant.id) => {
                found.push((n, grant.grant()?));
            }
            Link::GrantRevoked { at, grant, by, .. } => {
                let at = moment(at.timestamp_millis())?;
                found.iter_mut().filter(|(_, known)| known.id == grant).for_each(|(_, known)| {
                    known.revoked.get_or_insert((at, by.clone()));
                });
            }
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Verified;
    use crate::ledger::tests::testing::*;
    use crate::model::Unit;

    fn new(amount: i64) -> NewGrant {
        NewGrant {
            budget: "teams".into(),
            scope: Some("team=web".into()),
            by_amount: Quantity { unit: Unit::Usd, amount },
            until: at(60_000),
            login: "alice".into(),
            by: "alice (cli)".into(),
            reason: "the release".into(),
        }
    }

    #[test]
    fn what_is_granted_reads_back_and_stays_in_the_chain_when_it_is_taken_back() {
        let mut ledger = Ledger::in_memory().unwrap();
        let (first, _) = turn(&mut ledger, |turn| give(turn, &new(5)).unwrap());
        let (second, _) = turn(&mut ledger, |turn| give(turn, &new(7)).unwrap());
        assert_eq!((first.id, second.id), (1, 2));
        assert!(first.lifts(&key("team=web")) && !first.lifts(&key("team=infra")));
        assert!(turn(&mut ledger, |turn| revoke(turn, 1, "bob (cli)", Some("not needed")).unwrap()).is_some());
        assert!(turn(&mut ledger, |turn| revoke(turn, 1, "bob (cli)", None).unwrap()).is_none(), "once");
        assert!(turn(&mut ledger, |turn| revoke(turn, 9, "bob (cli)", None).unwrap()).is_none());
        let all = grants(&ledger).unwrap();
        assert_eq!(all.iter().map(|grant| grant.holds(at(0))).collect::<Vec<_>>(), [false, true]);
        assert!(!all[1].holds(at(60_000)), "until then, and not longer");
        assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { .. }));
    }

    #[test]
    fn a_grant_whose_link_follows_from_nothing_is_none() {
        let mut ledger = Ledger::in_memory().unwrap();
        turn(&mut ledger, |turn| give(turn, &new(5)).unwrap());
        let copy = "INSERT INTO links SELECT max(n) + 1, json_set(data, '$.grant.id', 2, '$.grant.amount', 900), hash FROM links";
        ledger.conn.execute(copy, []).unwrap();
        assert_eq!(grants(&ledger).unwrap().len(), 1);
    }

    #[test]
    fn a_run_that_lives_counts_what_was_there_before_it_and_what_it_was_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let (mut run, mut person) = (Ledger::open(dir.path()).unwrap(), Ledger::open(dir.path()).unwrap());
        turn(&mut person, |turn| give(turn, &new(5)).unwrap());
        run.start_run("r1".into(), process(std::process::id().cast_signed()));
        turn(&mut run, |turn| {
            turn.append(&started("r1")).unwrap();
            turn.watch_from_now().unwrap();
        });
        let (_, link) = turn(&mut person, |turn| give(turn, &new(7)).unwrap());
        let ids = |run: &mut Ledger| -> Vec<i64> {
            turn(run, |turn| turn.budgets().grants().unwrap()).iter().map(|grant| grant.id).collect()
        };
        assert_eq!(ids(&mut run), [1], "a row that somebody wrote beside it");
        run.believe(link);
        assert_eq!(ids(&mut run), [1, 2]);
    }

    #[test]
    fn grants_are_found_without_reading_the_chain() {
        let ledger = Ledger::in_memory().unwrap();
        let sql = format!("EXPLAIN QUERY PLAN {GRANTS}");
        let plan: String = ledger.conn.query_row(&sql, [], |row| row.get(3)).unwrap();
        assert!(plan.contains("links_of_grants"), "{plan}");
    }
}
