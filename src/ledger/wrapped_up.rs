//! The look for what agents of a run were told before a stop: to commit and sum up.

use rusqlite::params;

use crate::model::event::{Decision, EventKind};
use crate::model::{BudgetKey, Event, RunId};

use super::{LedgerError, Turn};

/// As its index has it.
const DECIDED: &str = r#"SELECT data FROM events INDEXED BY events_decided WHERE run_no = (SELECT no FROM runs WHERE id = ?1)
    AND instr(data, '"kind":"decided"') > 0 ORDER BY seq DESC"#;

/// The limit of this budget under which the run's agents were told so last.
///
/// # Errors
/// The ledger cannot be read.
pub fn wrapped_up(turn: &Turn<'_>, run: &RunId, key: &BudgetKey) -> Result<Option<i64>, LedgerError> {
    let mut statement = turn.tx.prepare_cached(DECIDED)?;
    let mut rows = statement.query(params![run.as_str()])?;
    while let Some(row) = rows.next()? {
        let event = serde_json::from_str::<Event>(&row.get::<_, String>(0)?);
        let Ok(EventKind::Decided(Decision { budget, scope, wrap_up: Some(told), would: false, .. })) =
            event.map(|event| event.kind)
        else {
            continue;
        };
        if budget == key.budget && scope == key.scope && told.window == key.window_start {
            return Ok(Some(told.limit));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;
    use crate::ledger::tests::testing::*;
    use crate::model::event::WrapUp;

    #[test]
    fn the_last_limit_under_which_a_runs_agents_were_told_is_found_by_an_index() {
        let mut ledger = Ledger::in_memory().unwrap();
        govern(&mut ledger, "r1");
        govern(&mut ledger, "r2");
        let EventKind::Decided(decision) = decided("r1").kind else { unreachable!() };
        let of = key(&decision.scope);
        for limit in [5, 7] {
            let wrap_up = Some(WrapUp { limit, more: 1, window: of.window_start });
            append(&mut ledger, &event("r1", EventKind::Decided(Decision { wrap_up, ..decision.clone() })));
        }
        append(&mut ledger, &event("r1", EventKind::Decided(decision.clone())));
        let found = |ledger: &mut Ledger, run: &str, key: &BudgetKey| {
            turn(ledger, |turn| wrapped_up(turn, &run.into(), key).unwrap())
        };
        let own = BudgetKey { budget: decision.budget.clone(), ..of.clone() };
        assert_eq!(found(&mut ledger, "r1", &own), Some(7));
        assert_eq!(found(&mut ledger, "r2", &own), None, "another run");
        assert_eq!(found(&mut ledger, "r1", &BudgetKey { scope: "team=x".into(), ..own }), None);
        let sql = format!("EXPLAIN QUERY PLAN {DECIDED}");
        let plan: String = ledger.conn.query_row(&sql, ["r1"], |row| row.get(3)).unwrap();
        assert!(plan.contains("events_decided"), "{plan}");
    }
}
