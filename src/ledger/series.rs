//! The series: who spends, by number.

use std::collections::HashMap;
use std::rc::Rc;

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use crate::model::{AgentName, Attribution, Billing, Dimension, ModelId, Source};

use super::LedgerError;

/// Who spends: what responses of one agent on one model have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Series {
    pub(super) agent: Option<AgentName>,
    pub(super) model: Option<ModelId>,
    pub(super) billing: Billing,
    pub(super) attribution: Attribution,
    /// Left out for the session file: it is what all responses of old ledgers have.
    #[serde(default, skip_serializing_if = "Source::is_record")]
    pub(super) source: Source,
}

impl Series {
    /// Its value along a dimension; run and thread are not its own.
    pub(super) fn get(&self, dimension: &Dimension) -> Option<&str> {
        match dimension {
            Dimension::Agent => self.agent.as_ref().map(AgentName::as_str),
            Dimension::Model => self.model.as_ref().map(ModelId::as_str),
            other => self.attribution.get(other),
        }
    }
}

/// The series of a ledger, read once each.
#[derive(Debug, Default)]
pub(super) struct SeriesBook(HashMap<i64, Rc<Series>>);

impl SeriesBook {
    pub(super) fn get(&mut self, conn: &Connection, id: i64) -> Result<Rc<Series>, LedgerError> {
        if let Some(series) = self.0.get(&id) {
            return Ok(Rc::clone(series));
        }
        let data: String = conn
            .prepare_cached("SELECT data FROM series WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?
            .ok_or_else(|| LedgerError::unreadable(format!("series {id} is missing")))?;
        let series: Rc<Series> = Rc::new(
            serde_json::from_str(&data).map_err(|error| LedgerError::unreadable(format!("series {id}: {error}")))?,
        );
        self.0.insert(id, Rc::clone(&series));
        Ok(series)
    }
}
