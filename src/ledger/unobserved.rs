//! Owns the question which runs had a part that could not be observed.

use rusqlite::params;

use crate::model::event::UNOBSERVED;
use crate::model::{Attribution, Event, RunId, Unobserved};

use super::read::Filter;
use super::{Ledger, LedgerError};

impl Ledger {
    /// The agents of which part, or all, of what they spent could not be seen, in the order in which that was recorded;
    /// each as often as it was found.
    pub fn unobserved(&self, filter: &Filter) -> Result<Vec<Unobserved>, LedgerError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT r.attribution, e.data FROM events e JOIN runs r ON r.no = e.run_no
             WHERE (?1 IS NULL OR r.id = ?1) AND instr(e.data, '\"kind\":\"marked\"') > 0 AND instr(e.data, ?2) > 0",
        )?;
        let mut rows = statement.query(params![filter.run.as_ref().map(RunId::as_str), UNOBSERVED])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let unreadable = |error: serde_json::Error| LedgerError::unreadable(format!("an event of a run: {error}"));
            let event: Event = serde_json::from_str(&row.get::<_, String>(1)?).map_err(unreadable)?;
            let begun = filter.since.is_none_or(|since| since <= event.at);
            let over = filter.until.is_some_and(|until| until <= event.at);
            if let (true, false, Some(agent)) = (begun, over, event.unobserved()) {
                let attribution: Attribution = serde_json::from_str(&row.get::<_, String>(0)?).map_err(unreadable)?;
                found.push(Unobserved { at: event.at, agent: agent.clone(), run: event.run, attribution });
            }
        }
        Ok(found)
    }
}
