//! A trial as JSON: names and meanings are a contract.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::text::rfc3339;
use super::trial::{Doings, TrialReport, fate};
use crate::model::trial::{Deed, Origin, Spend, TriedRun, TriedStep};
use crate::model::{Money, Subject};

/// Counters of a sum, each with a word before it.
struct Named<'a>(&'a str, &'a Spend, Option<Money>);

impl Named<'_> {
    fn put<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Self(name, spend, cost) = self;
        map.serialize_entry(&format!("{name}_cost_usd"), cost)?;
        map.serialize_entry(&format!("{name}_responses"), &spend.responses)?;
        map.serialize_entry(&format!("{name}_unpriced_responses"), &spend.unpriced)
    }
}

struct Totals<'a>(&'a Spend, &'a Spend);

impl Totals<'_> {
    fn put<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let (actual, would) = (self.0.known_cost(), self.1.known_cost());
        Named("actual", self.0, actual).put(map)?;
        Named("would", self.1, would).put(map)?;
        // Of what has no price nobody knows what it saves.
        let saved = self.0.less(self.1);
        Named("saved", &saved, actual.and(would).map(|_| saved.cost)).put(map)
    }
}

impl Serialize for Totals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.put(&mut map)?;
        map.end()
    }
}

struct Step<'a>(&'a TriedStep);

impl Serialize for Step<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("at", &rfc3339(self.0.at))?;
        match &self.0.deed {
            Deed::Decided(decision) => {
                map.serialize_entry("do", decision.verb.as_str())?;
                map.serialize_entry("budget", &decision.budget)?;
                map.serialize_entry("scope", &decision.scope)?;
                map.serialize_entry("observed_only", &decision.would)?;
                map.serialize_entry("to", &decision.to)?;
                map.serialize_entry("because", &decision.because)?;
            }
            Deed::Routed { to } => {
                map.serialize_entry("do", "go_on_with")?;
                map.serialize_entry("to", to)?;
            }
            Deed::Answered(answer) => {
                map.serialize_entry("do", "answer")?;
                map.serialize_entry("answer", answer.word(Subject::Limit).as_str())?;
            }
            Deed::Released => map.serialize_entry("do", "release")?,
            Deed::Ended { because } => {
                map.serialize_entry("do", "stop")?;
                map.serialize_entry("because", &[because])?;
            }
            Deed::Refused { budget, because } => {
                map.serialize_entry("do", "refuse")?;
                map.serialize_entry("budget", budget)?;
                map.serialize_entry("because", &[because])?;
            }
        }
        map.end()
    }
}

struct Row<'a>(&'a TriedRun);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let run = self.0;
        let (id, root) = match &run.origin {
            Origin::Run(run) => (Some(run), None),
            Origin::Imported(root) => (None, Some(root)),
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("run", &id)?;
        map.serialize_entry("imported_thread", &root)?;
        map.serialize_entry("started_at", &rfc3339(run.started))?;
        map.serialize_entry("agents", &run.agents)?;
        map.serialize_entry("attribution", &run.attribution)?;
        map.serialize_entry("ended_then", &run.cut)?;
        map.serialize_entry("end", fate(run).0)?;
        Totals(&run.actual, &run.would).put(&mut map)?;
        map.serialize_entry("steps", &run.steps.iter().map(Step).collect::<Vec<_>>())?;
        map.end()
    }
}

struct Rule<'a>(Option<&'a str>, Doings);

impl Serialize for Rule<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("budget", &self.0)?;
        for (word, runs) in self.1.words() {
            map.serialize_entry(word, &runs)?;
        }
        map.end()
    }
}

impl Serialize for TrialReport {
    /// `govern.policy_try/1`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let trial = &self.trial;
        let rules: Vec<Rule<'_>> = self.all_rules().into_iter().map(|(rule, doings)| Rule(rule, doings)).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "govern.policy_try/1")?;
        map.serialize_entry("policy", &self.policy)?;
        map.serialize_entry("timezone", self.zone.name())?;
        map.serialize_entry("since", &self.since.map(rfc3339))?;
        map.serialize_entry("until", &self.until.map(rfc3339))?;
        map.serialize_entry("answer", if self.approves { "approve" } else { "else" })?;
        map.serialize_entry("runs_tried", &(trial.runs.len() as u64 + trial.untouched))?;
        map.serialize_entry("runs_touched", &trial.runs.len())?;
        map.serialize_entry("runs_imported", &trial.imported)?;
        map.serialize_entry("runs_begun_before", &trial.earlier)?;
        map.serialize_entry("begun_before_cost_usd", &trial.earlier_spend.cost)?;
        map.serialize_entry("repriced_responses", &trial.repriced)?;
        map.serialize_entry("totals", &Totals(&trial.actual, &trial.would))?;
        map.serialize_entry("rules", &rules)?;
        map.serialize_entry("rows", &trial.runs.iter().map(Row).collect::<Vec<_>>())?;
        map.serialize_entry("not_tried", &self.unreplayed)?;
        map.serialize_entry("assumptions", &self.assumptions())?;
        map.end()
    }
}
