//! Runs that a timer lets go on when their limit begins anew.

use chrono_tz::Tz;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::page::Item;
use super::text::{moment, rfc3339};
use crate::model::{RunId, Timestamp};

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumesAt {
    /// The run.
    pub run: RunId,
    /// When it goes on.
    pub at: Timestamp,
    /// The limit that begins anew then.
    pub limit: String,
}

/// A line for each.
pub(super) fn notes(all: &[ResumesAt], zone: Tz) -> Vec<Item> {
    let note = |one: &ResumesAt| {
        Item::note(format!(
            "{} goes on at {}, when `{}` begins anew; to take that back: `govern resume {} --cancel`",
            one.run,
            moment(one.at, zone),
            one.limit,
            one.run
        ))
    };
    all.iter().map(note).collect()
}

impl Serialize for ResumesAt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("run", &self.run)?;
        map.serialize_entry("at", &rfc3339(self.at))?;
        map.serialize_entry("limit", &self.limit)?;
        map.end()
    }
}
