//! `govern.status/1`: what runs now as JSON.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::budget::Amount;
use super::status::{RunStatus, Source, StatusReport};
use super::text::rfc3339;
use crate::model::{Braked, LiveAgent, LiveLimit, LivePool};

impl Serialize for StatusReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "govern.status/1")?;
        map.serialize_entry("at", &rfc3339(self.at))?;
        map.serialize_entry("runs", &self.runs)?;
        map.serialize_entry("resumes", &self.resumes)?;
        map.end()
    }
}

impl Serialize for RunStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let info = &self.info;
        let why = match &self.source {
            Source::Ledger(why) => Some(why),
            Source::Supervisor | Source::Hooks => None,
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("run", &info.id)?;
        map.serialize_entry("command", &info.command)?;
        map.serialize_entry("cwd", &info.cwd)?;
        map.serialize_entry("attribution", &info.attribution)?;
        map.serialize_entry("started_at", &rfc3339(info.started))?;
        map.serialize_entry("observe", &info.observe)?;
        map.serialize_entry("source", self.source.as_str())?;
        map.serialize_entry("unanswered", &why)?;
        map.serialize_entry("agents", &self.live.agents.iter().map(AgentJson).collect::<Vec<_>>())?;
        map.serialize_entry("budgets", &self.live.limits.iter().map(LimitJson).collect::<Vec<_>>())?;
        map.serialize_entry("approvers", &self.live.approvers)?;
        map.serialize_entry("pools", &self.live.pools.iter().map(PoolJson).collect::<Vec<_>>())?;
        map.end()
    }
}

struct AgentJson<'a>(&'a LiveAgent);

impl Serialize for AgentJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let agent = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("agent", &agent.agent)?;
        map.serialize_entry("state", &agent.state)?;
        map.serialize_entry("since", &rfc3339(agent.since))?;
        map.serialize_entry("because", &agent.because)?;
        map.serialize_entry("approval", &agent.approval)?;
        map.serialize_entry("paused", &agent.paused.as_ref().map(PausedJson))?;
        map.serialize_entry("attempts", &agent.attempt)?;
        map.serialize_entry("model", &agent.model)?;
        map.serialize_entry("work", &agent.work)?;
        map.serialize_entry("responses", &agent.responses)?;
        map.serialize_entry("cost_usd", &agent.cost_usd)?;
        map.serialize_entry("cost_usd_per_minute", &agent.cost_usd_per_minute)?;
        map.serialize_entry("limit", &agent.limit.as_ref().map(LimitJson))?;
        map.end()
    }
}

struct PausedJson<'a>(&'a Braked);

impl Serialize for PausedJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("by", &self.0.by)?;
        map.serialize_entry("reason", &self.0.reason)?;
        map.serialize_entry("since", &rfc3339(self.0.at))?;
        map.end()
    }
}

struct LimitJson<'a>(&'a LiveLimit);

impl Serialize for LimitJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let limit = self.0;
        let amount = |amount| Amount(limit.unit, amount);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("budget", &limit.budget)?;
        map.serialize_entry("scope", &limit.scope)?;
        map.serialize_entry("unit", limit.unit.as_str())?;
        map.serialize_entry("allotment", &limit.allotment)?;
        map.serialize_entry("spent", &amount(limit.spent))?;
        map.serialize_entry("reserved", &amount(limit.reserved))?;
        map.serialize_entry("limit", &amount(limit.limit))?;
        map.serialize_entry("granted", &amount(limit.granted))?;
        map.serialize_entry("per_minute", &amount(limit.per_minute))?;
        map.serialize_entry("seconds_left", &limit.seconds_left)?;
        map.end()
    }
}

struct PoolJson<'a>(&'a LivePool);

impl Serialize for PoolJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pool = self.0;
        let amount = |amount| Amount(pool.unit, amount);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("budget", &pool.budget)?;
        map.serialize_entry("scope", &pool.scope)?;
        map.serialize_entry("unit", pool.unit.as_str())?;
        map.serialize_entry("size", &amount(pool.size))?;
        map.serialize_entry("given", &amount(pool.given))?;
        map.serialize_entry("got_back", &amount(pool.got_back))?;
        map.end()
    }
}
