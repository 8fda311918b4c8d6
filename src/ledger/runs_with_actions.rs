//! The question in which runs govern did something, so that not all chains are read for it.

use rusqlite::params;

use crate::model::RunId;

use super::responses::Filter;
use super::values::{at_least, before};
use super::{Ledger, LedgerError};

/// Runs of a time in which something was decided and done, or that went on after their end; the newest first.
///
/// # Errors
///
/// The ledger cannot be read.
pub fn acted(ledger: &Ledger, filter: &Filter) -> Result<Vec<RunId>, LedgerError> {
    // The conditions are those of the indexes on events: the rest of a chain is not looked at.
    let mut statement = ledger.conn.prepare_cached(
        "SELECT id FROM runs WHERE (ended IS NULL OR ended >= ?1) AND started < ?2 AND (?3 IS NULL OR id = ?3) AND no IN (
             SELECT run_no FROM events WHERE instr(data, '\"kind\":\"decided\"') > 0
             UNION
             SELECT run_no FROM events
             WHERE (instr(data, '\"kind\":\"braked\"') > 0 OR instr(data, '\"kind\":\"run_resumed\"') > 0)
               AND instr(data, '\"kind\":\"run_resumed\"') > 0
         ) ORDER BY no DESC",
    )?;
    let run = filter.run.as_ref().map(RunId::as_str);
    let mut rows = statement.query(params![at_least(filter.since), before(filter.until), run])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(RunId::new(row.get::<_, String>(0)?));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tests::testing::*;
    use crate::model::event::{Decision, EventKind};
    use crate::model::{Event, Verb};

    #[test]
    fn runs_without_a_decision_are_not_read() {
        let mut ledger = Ledger::in_memory().unwrap();
        let decided = Decision {
            verb: Verb::Stop,
            budget: "each run".into(),
            scope: "run=r2".into(),
            alert: None,
            because: Vec::new(),
            would: false,
            to: None,
            chosen: None,
            wrap_up: None,
        };
        govern(&mut ledger, "r1");
        turn(&mut ledger, |turn| turn.append(&answered(response("r1", "t1", "a"))).unwrap());
        govern(&mut ledger, "r2");
        let event = Event { at: at(1), run: "r2".into(), agent: None, kind: EventKind::Decided(decided) };
        turn(&mut ledger, |turn| turn.append(&event).unwrap());
        let found = acted(&ledger, &Filter::default()).unwrap();
        assert_eq!(found.iter().map(RunId::as_str).collect::<Vec<_>>(), ["r2"]);
        let none = Filter { run: Some("r1".into()), ..Filter::default() };
        assert_eq!(acted(&ledger, &none).unwrap(), []);
    }
}
