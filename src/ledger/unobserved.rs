//! The question which runs had a part that could not be observed.

use rusqlite::params;

use crate::model::event::UNOBSERVED;
use crate::model::{Alive, Attribution, Event, RunId, Unobserved};

use super::LedgerError;
use super::responses::Filter;
use super::runs::Runs;

impl Runs<'_> {
    /// The agents of which part, or all, of what they spent could not be seen, in the order in which that was recorded;
    /// each as often as it was found. Last those whose govern is no longer `alive`, and left requests under way.
    pub fn unobserved(&self, filter: &Filter, alive: &Alive<'_>) -> Result<Vec<Unobserved>, LedgerError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT r.attribution, e.data FROM events e JOIN runs r ON r.no = e.run_no
             WHERE (?1 IS NULL OR r.id = ?1) AND instr(e.data, '\"kind\":\"marked\"') > 0 AND instr(e.data, ?2) > 0
             UNION ALL
             SELECT r.attribution, e.data FROM events e JOIN runs r ON r.no = e.run_no
             WHERE (?1 IS NULL OR r.id = ?1) AND instr(e.data, '\"kind\":\"cut_off\"') > 0",
        )?;
        let mut rows = statement.query(params![filter.run.as_ref().map(RunId::as_str), UNOBSERVED])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let unreadable = |error: serde_json::Error| LedgerError::unreadable(format!("an event of a run: {error}"));
            let event: Event = serde_json::from_str(&row.get::<_, String>(1)?).map_err(unreadable)?;
            let attribution: Attribution = serde_json::from_str(&row.get::<_, String>(0)?).map_err(unreadable)?;
            found.extend(within(filter, event, attribution));
        }
        for event in self.cut_off(filter.run.as_ref(), alive)? {
            let attribution = self.find(event.run.as_str())?.attribution;
            found.extend(within(filter, event, attribution));
        }
        Ok(found)
    }
}

/// What this event says of what could not be seen, where it is of the time that is asked for.
fn within(filter: &Filter, event: Event, attribution: Attribution) -> Option<Unobserved> {
    let begun = filter.since.is_none_or(|since| since <= event.at);
    let over = filter.until.is_some_and(|until| until <= event.at);
    let agent = event.unobserved().filter(|_| begun && !over)?.clone();
    Some(Unobserved { at: event.at, agent, run: event.run, attribution })
}
