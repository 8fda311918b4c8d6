//! The question whether a row stands as the ledger's chain says, and whether a run's own chain tells how it came to
//! be: one that was written by hand does not.

use rusqlite::{Connection, OptionalExtension};

use crate::model::event::EventKind;
use crate::model::{Event, RunId};

use super::LedgerError;
use super::chain::Link;
use super::hash::Hash;
use super::rows::approval::ApprovalRow;
use super::rows::extension::ExtensionRow;

/// The last link of an extension, as its index has it.
const EXTENSION: &str = r#"SELECT n, data, hash FROM links WHERE substr(data, 1, 19) = '{"kind":"extension"'
    AND CASE WHEN json_valid(data) THEN json_extract(data, '$.extension.id') END = ?1 ORDER BY n DESC LIMIT 1"#;

/// The last link of a question, as its index has it.
const APPROVAL: &str = r#"SELECT n, data, hash FROM links WHERE substr(data, 1, 18) = '{"kind":"approval"'
    AND CASE WHEN json_valid(data) THEN json_extract(data, '$.approval.id') END = ?1 ORDER BY n DESC LIMIT 1"#;

/// How many links may stand between an answer and what its run says of it.
const NEAR: i64 = 4;

impl ExtensionRow {
    /// The chain's last word about this extension is this row, and a run's chain tells of it: that run's id.
    pub(super) fn told_by(&self, conn: &Connection) -> Result<Option<RunId>, LedgerError> {
        match last_link(conn, EXTENSION, self.id)? {
            Some((n, Link::Extension { extension, .. })) if extension == *self => accounts_for(conn, n, self),
            Some(_) | None => Ok(None),
        }
    }
}

/// The run whose supervisor lifted a limit by the extension of this link: it writes so just before, in its own chain. In
/// ledgers of the first version there may be the answer in the place of that.
fn accounts_for(conn: &Connection, n: i64, row: &ExtensionRow) -> Result<Option<RunId>, LedgerError> {
    match link_at(conn, n.saturating_sub(1))? {
        Some(Link::Point { run, seq, head, .. }) => {
            let event = event_at(conn, &run, seq, head)?;
            Ok(event.is_some_and(|event| row.is_told_by(&event)).then_some(run))
        }
        Some(Link::Approval { approval, .. }) if approval.is_of_first_version() => Ok(Some(approval.run())),
        Some(_) | None => Ok(None),
    }
}

impl ApprovalRow {
    /// The chain's last word about this question is this row, and of an answer a run's chain tells: that run's id. One that
    /// nobody waits for any more says nothing of itself.
    pub(super) fn told_by(&self, conn: &Connection) -> Result<Option<RunId>, LedgerError> {
        let Some((n, Link::Approval { approval, .. })) = last_link(conn, APPROVAL, self.id)? else { return Ok(None) };
        if approval != *self {
            return Ok(None);
        }
        if !self.is_answered() {
            return Ok(Some(self.run()));
        }
        for near in n.saturating_add(1)..=n.saturating_add(NEAR) {
            let Some(Link::Point { run, seq, head, .. }) = link_at(conn, near)? else { continue };
            let event = event_at(conn, &run, seq, head)?;
            let Some(EventKind::Answered { approval, .. }) = event.map(|event| event.kind) else { continue };
            if approval.0 == self.id {
                return Ok(Some(run));
            }
        }
        Ok(None)
    }

    /// As [`Self::told_by`], or written by a govern that may not have told of answers.
    pub(super) fn is_accounted_for(&self, conn: &Connection) -> Result<bool, LedgerError> {
        Ok(self.is_of_first_version() || self.told_by(conn)?.is_some())
    }
}

fn link_at(conn: &Connection, n: i64) -> Result<Option<Link>, LedgerError> {
    let mut found = conn.prepare_cached("SELECT data FROM links WHERE n = ?1")?;
    let data: Option<String> = found.query_row([n], |row| row.get(0)).optional()?;
    Ok(data.and_then(|data| serde_json::from_str(&data).ok()))
}

/// The event of a run that has this place and hash in its chain.
fn event_at(conn: &Connection, run: &RunId, seq: u64, hash: Hash) -> Result<Option<Event>, LedgerError> {
    let sql = "SELECT data FROM events WHERE run_no = (SELECT no FROM runs WHERE id = ?1) AND seq = ?2 AND hash = ?3";
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let mut found = conn.prepare_cached(sql)?;
    let data: Option<String> = found.query_row((run.as_str(), seq, hash), |row| row.get(0)).optional()?;
    let event: Option<Event> = data.and_then(|data| serde_json::from_str(&data).ok());
    Ok(event.filter(|event| event.run == *run))
}

/// A link whose hash follows from the one before it; `None` if there is none, or if it was not made by a govern.
fn last_link(conn: &Connection, sql: &str, id: i64) -> Result<Option<(i64, Link)>, LedgerError> {
    let found: Option<(i64, String, Hash)> =
        conn.prepare_cached(sql)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    let Some((n, data, hash)) = found else { return Ok(None) };
    let is_made = follows(conn, n, &data, hash)?;
    Ok(if is_made { serde_json::from_str(&data).ok().map(|link| (n, link)) } else { None })
}

/// The hash of the `n`th link follows from what it says and from the one before it.
pub(super) fn follows(conn: &Connection, n: i64, data: &str, hash: Hash) -> Result<bool, LedgerError> {
    let before = match n {
        1 => Some(Hash::ledger_seed(&conn.query_row("SELECT id FROM ledger", [], |row| row.get::<_, Vec<u8>>(0))?)),
        _ => conn
            .prepare_cached("SELECT hash FROM links WHERE n = ?1")?
            .query_row([n.saturating_sub(1)], |row| row.get(0))
            .optional()?,
    };
    Ok(before.is_some_and(|before: Hash| before.next(data.as_bytes()) == hash))
}

#[cfg(test)]
mod tests {
    use crate::ledger::tests::testing::*;
    use crate::ledger::{Ledger, Verified};
    use crate::model::ApprovalState;

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
        govern(&mut b, "r2");
        turn(&mut b, |turn| extend(turn, "r2", &web, 5, None, None));
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
        assert_eq!(turn(&mut a, |turn| turn.budgets().extended(&web).unwrap()), 5);
        assert_eq!(a.budgets().extended(&web, at(0)).unwrap(), 5);
        b.conn.execute("UPDATE extensions SET amount = 900 WHERE id = 1", []).unwrap();
        assert_eq!(a.budgets().extended(&web, at(0)).unwrap(), 0);
    }

    #[test]
    fn a_limit_lifted_by_hand_with_a_proper_link_is_lifted_by_no_run() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(dir.path()).unwrap();
        govern(&mut ledger, "r1");
        turn(&mut ledger, |turn| turn.watch_from_now().unwrap());
        let mut hand = Ledger::open(dir.path()).unwrap();
        let (own, web) = (key("run=r1"), key("team=web"));
        // As a govern would write it, but that no supervisor tells of it.
        turn(&mut hand, |turn| turn.budgets().extend(&own, 900, "alice (cli)", None, None).unwrap());
        assert_eq!(turn(&mut ledger, |turn| turn.news().unwrap()).forged, ["extension 1"]);
        assert_eq!(turn(&mut ledger, |turn| turn.budgets().extended(&own).unwrap()), 0);
        assert_eq!(ledger.budgets().given(&own, None).unwrap(), 0);
        let Verified::Broken { place, what } = ledger.audit().verify().unwrap() else {
            panic!("{:?}", ledger.audit().verify())
        };
        assert_eq!((place.as_str(), what.as_str()), ("extension 1", "no run has written that it lifted this limit"));
        // What is one run's alone another one does not lift; what they share it does.
        govern(&mut hand, "r2");
        turn(&mut hand, |turn| extend(turn, "r2", &own, 800, None, None));
        turn(&mut hand, |turn| extend(turn, "r2", &web, 5, None, None));
        assert_eq!(turn(&mut ledger, |turn| turn.budgets().extended(&own).unwrap()), 0);
        assert_eq!(turn(&mut ledger, |turn| turn.budgets().extended(&web).unwrap()), 5);
    }

    #[test]
    fn what_a_runs_own_chain_tells_and_its_supervisor_has_not_written_is_not_obeyed() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(dir.path()).unwrap();
        let own = key("run=r1");
        ledger.start_run("r1".into(), process(std::process::id().cast_signed()));
        let asked = turn(&mut ledger, |turn| {
            turn.append(&started("r1")).unwrap();
            extend(turn, "r1", &own, 3, None, None);
            turn.watch_from_now().unwrap();
            extend(turn, "r1", &own, 4, None, None);
            turn.questions().ask(&question("run=r1"), &|_| true).unwrap().approval
        });
        let mut hand = Ledger::open(dir.path()).unwrap();
        let yes = crate::model::Answer::Extend { amount: 9 };
        turn(&mut hand, |turn| {
            extend(turn, "r1", &own, 900, None, None);
            answer(turn, asked, &yes, "alice (cli)", None);
        });
        let told = turn(&mut ledger, |turn| turn.news().unwrap());
        assert_eq!(told.forged, ["extension 3".to_owned(), format!("approval {asked}")]);
        assert!(told.extensions.is_empty() && told.approvals.is_empty());
        assert_eq!(turn(&mut ledger, |turn| turn.budgets().extended(&own).unwrap()), 7);
        assert!(turn(&mut ledger, |turn| turn.questions().last_answered(&own).unwrap()).is_none());
    }

    #[test]
    fn a_question_answered_by_hand_with_a_proper_link_is_answered_by_no_run() {
        let dir = tempfile::tempdir().unwrap();
        let (mut a, mut b) = (Ledger::open(dir.path()).unwrap(), Ledger::open(dir.path()).unwrap());
        govern(&mut a, "r1");
        let asked = turn(&mut a, |turn| {
            turn.watch_from_now().unwrap();
            turn.questions().ask(&question("team=web"), &|_| true).unwrap().approval
        });
        let yes = crate::model::Answer::Extend { amount: 9 };
        turn(&mut b, |turn| {
            turn.questions().answer(asked, ApprovalState::Approved, Some(&yes), "alice (cli)", None).unwrap()
        });
        assert_eq!(turn(&mut a, |turn| turn.news().unwrap()).forged, [format!("approval {asked}")]);
        assert!(turn(&mut a, |turn| turn.questions().last_answered(&key("team=web")).unwrap()).is_none());
        assert!(
            matches!(a.audit().verify().unwrap(), Verified::Broken { place, .. } if place == format!("approval {asked}"))
        );
    }

    #[test]
    fn a_question_answered_by_hand_is_not_answered_for_who_waits() {
        let dir = tempfile::tempdir().unwrap();
        let (mut a, b) = (Ledger::open(dir.path()).unwrap(), Ledger::open(dir.path()).unwrap());
        govern(&mut a, "r1");
        turn(&mut a, |turn| {
            turn.watch_from_now().unwrap();
            turn.questions().ask(&question("team=web"), &|_| true).unwrap()
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
