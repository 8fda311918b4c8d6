//! `govern.run/1`: a run as JSON.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::json::counters;
use super::run::{Handoff, RunReport};
use super::run_rows::RunRow;
use super::summary::Totals;
use super::text::rfc3339;
use super::timeline::Entry;
use crate::model::{BudgetName, Money};

#[derive(serde::Serialize)]
struct Outcome<'a> {
    /// `running`, `ended`, `stopped`, `killed`, `refused`, `failed`.
    kind: &'a str,
    /// The budget that ended it.
    rule: Option<&'a BudgetName>,
    /// The person who stopped it, and why.
    by: Option<&'a str>,
    reason: Option<&'a str>,
    /// The command that goes on with it.
    resume: Option<&'a str>,
}

#[derive(serde::Serialize)]
struct InFlight {
    requests: u64,
    cost_usd: Money,
    basis: &'static str,
}

impl Serialize for RunReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let info = &self.info;
        let outcome = Outcome {
            kind: info.outcome.as_deref().unwrap_or("running"),
            rule: info.rule.as_ref(),
            by: self.stopped.as_ref().map(|braked| braked.by.as_str()),
            reason: match &self.stopped {
                Some(braked) => braked.reason.as_deref(),
                None => self.ended_because(),
            },
            resume: self.handoff.as_ref().and_then(Handoff::command),
        };
        let in_flight = InFlight { requests: self.in_flight.0, cost_usd: self.in_flight.1, basis: "estimated" };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "govern.run/1")?;
        map.serialize_entry("run", &info.id)?;
        map.serialize_entry("outcome", &outcome)?;
        map.serialize_entry("exit_code", &info.code)?;
        map.serialize_entry("observe", &info.observe)?;
        map.serialize_entry("command", &info.command)?;
        map.serialize_entry("cwd", &info.cwd)?;
        map.serialize_entry("attribution", &info.attribution)?;
        map.serialize_entry("started_at", &rfc3339(info.started))?;
        map.serialize_entry("ended_at", &info.ended.map(rfc3339))?;
        map.serialize_entry("policy", &info.policy)?;
        map.serialize_entry("rows", &self.rows)?;
        map.serialize_entry("totals", &self.totals)?;
        if !self.fleet.agents.is_empty() {
            map.serialize_entry("agents", &self.fleet.agents)?;
            map.serialize_entry("pools", &self.fleet.pools)?;
            map.serialize_entry("teams", &by("team", &self.fleet.teams))?;
            map.serialize_entry("models", &by("model", &self.fleet.models))?;
        }
        let work = self.work.iter().map(|(class, totals)| (class.map(|class| class.to_string()), totals.clone()));
        map.serialize_entry("work", &by("work", &work.collect()))?;
        map.serialize_entry("in_flight", &in_flight)?;
        map.serialize_entry("unpriced_models", &self.unpriced_models)?;
        map.serialize_entry("skipped_lines", &self.skipped_lines)?;
        map.serialize_entry("decisions", &self.told)?;
        map.serialize_entry("budgets", &self.budgets)?;
        map.serialize_entry("sub_agents", &self.sub_agents)?;
        map.serialize_entry("changed_files", &self.handoff.as_ref().and_then(|handoff| handoff.files.as_ref()))?;
        map.serialize_entry("prices", &self.prices)?;
        map.end()
    }
}

/// What one team, or model, comes to; its name stands under what it is.
struct Of<'a> {
    what: &'static str,
    name: &'a Option<String>,
    totals: &'a Totals,
}

fn by<'a>(what: &'static str, all: &'a BTreeMap<Option<String>, Totals>) -> Vec<Of<'a>> {
    all.iter().map(|(name, totals)| Of { what, name, totals }).collect()
}

impl Serialize for Of<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.what, self.name)?;
        counters(&mut map, self.totals)?;
        map.end()
    }
}

impl Serialize for RunRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("agent", &self.agent)?;
        map.serialize_entry("thread", &self.thread)?;
        map.serialize_entry("root", &self.root)?;
        map.serialize_entry("parent", &self.parent)?;
        map.serialize_entry("role", &self.role)?;
        map.serialize_entry("model", &self.model)?;
        counters(&mut map, &self.totals)?;
        map.end()
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("at", &rfc3339(self.at))?;
        map.serialize_entry("agent", &self.agent)?;
        map.serialize_entry("what", &self.what)?;
        map.serialize_entry("would", &self.would)?;
        map.serialize_entry("budget", &self.budget)?;
        map.serialize_entry("because", &self.because)?;
        map.serialize_entry("approval", &self.approval)?;
        map.serialize_entry("held_seconds", &self.held.map(|held| held.as_secs()))?;
        map.serialize_entry("answer", &self.answer)?;
        map.end()
    }
}
