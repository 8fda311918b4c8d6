//! What is under way: requests of a live run that nobody has answered yet, and those that a killed govern left so.

use rusqlite::{Connection, params};

use crate::model::event::EventKind;
use crate::model::{AgentName, Alive, Event, Money, ProcessIdentity, RunId, RunProcess, UnderWay};

use super::runs::Runs;
use super::values::moment;
use super::{LedgerError, Turn};

impl Turn<'_> {
    /// Replaces what is under way of an agent of this run; of no request it removes it. After the run's end nothing is.
    pub fn keep_under_way(&mut self, run: &RunId, agent: &AgentName, what: UnderWay) -> Result<(), LedgerError> {
        let sql = match what.requests {
            0 => "DELETE FROM under_way WHERE run_no = (SELECT no FROM runs WHERE id = ?1) AND agent = ?2",
            _ => {
                "INSERT OR REPLACE INTO under_way (run_no, agent, requests, cost, at)
                 SELECT no, ?2, ?3, ?4, ?5 FROM runs WHERE id = ?1 AND ended IS NULL"
            }
        };
        let mut statement = self.tx.prepare_cached(sql)?;
        let at = what.sent.unwrap_or(self.now).timestamp_millis();
        match what.requests {
            0 => statement.execute(params![run.as_str(), agent.as_str()])?,
            requests => statement.execute(params![run.as_str(), agent.as_str(), requests, what.cost.nanos(), at])?,
        };
        Ok(())
    }

    /// The run goes on: what its govern left under way when it was killed is told by its chain from now on.
    pub(super) fn take_over_cut_off(&mut self, run: &RunId, run_no: i64) -> Result<(), LedgerError> {
        for (event, _) in left(self.tx, Some(run))? {
            self.append(&event)?;
        }
        self.forget_under_way(run_no, None)
    }

    /// Nothing of this agent is under way any more, or of none of the run's.
    pub(super) fn forget_under_way(&self, run_no: i64, agent: Option<&AgentName>) -> Result<(), LedgerError> {
        self.tx
            .prepare_cached("DELETE FROM under_way WHERE run_no = ?1 AND (?2 IS NULL OR agent = ?2)")?
            .execute(params![run_no, agent.map(AgentName::as_str)])?;
        Ok(())
    }
}

impl Runs<'_> {
    /// What runs whose govern is no longer `alive`, and which were not sealed, have left under way: as their chains will
    /// tell it when they go on. Of one run, or of all.
    pub fn cut_off(&self, run: Option<&RunId>, alive: &Alive<'_>) -> Result<Vec<Event>, LedgerError> {
        let left = left(self.conn, run)?.into_iter();
        Ok(left
            .filter(|(event, process)| {
                !alive(&RunProcess { run: &event.run, process: *process, sockets: self.sockets })
            })
            .map(|(event, _)| event)
            .collect())
    }
}

/// What is under way of runs that were not sealed, as events, and which process governs or governed each.
fn left(conn: &Connection, run: Option<&RunId>) -> Result<Vec<(Event, ProcessIdentity)>, LedgerError> {
    let mut statement = conn.prepare_cached(
        "SELECT r.id, w.agent, w.requests, w.cost, w.at, r.pid, r.pid_started
         FROM under_way w JOIN runs r ON r.no = w.run_no WHERE r.ended IS NULL AND (?1 IS NULL OR r.id = ?1)
         ORDER BY w.run_no, w.at, w.agent",
    )?;
    let mut rows = statement.query([run.map(RunId::as_str)])?;
    let mut left = Vec::new();
    while let Some(row) = rows.next()? {
        let event = Event {
            at: moment(row.get(4)?)?,
            run: RunId::new(row.get::<_, String>(0)?),
            agent: Some(AgentName::new(row.get::<_, String>(1)?)),
            kind: EventKind::CutOff { requests: row.get(2)?, cost: Money::from_nanos(row.get(3)?) },
        };
        left.push((event, ProcessIdentity { pid: row.get(5)?, started: row.get::<_, i64>(6)?.unsigned_abs() }));
    }
    Ok(left)
}
