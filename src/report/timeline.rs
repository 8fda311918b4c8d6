//! What govern did in a run, and why: one line per thing, from the run's events.

mod shares;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono_tz::Tz;

use super::answer::answer_text;
use super::page::{Item, Tone};
use super::rounding::grouped;
use super::text::{between, clock, count, duration};
use crate::model::event::{Answer, Decision, EventKind, GOVERNOR, ToolVerdict};
use crate::model::{
    AgentName, ApprovalId, Brake, Braked, BudgetName, Event, ModelId, Money, Subject, Timestamp, Tokens, Unit, Verb,
};

/// One thing that govern did, or that its owner should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it began.
    pub at: Timestamp,
    /// The agent it is about.
    pub agent: Option<AgentName>,
    /// `warned`, `routed`, `held`, `paused`, `extended`, `stopped`, `killed`, `ended`, `restarted`, `noted`, `skipped`,
    /// `unlogged`, `resumed`, `failed`, `decided` (to let it go on), `allotted`, `gave back`, `meant to route` (the model that was to be next never answered), `meant to stop`, `meant to kill` (the agent ended by itself before), or the word of a request that this version does not know.
    pub what: String,
    /// Observed only: it would have.
    pub would: bool,
    /// The budget behind it.
    pub budget: Option<BudgetName>,
    /// Why, as a sentence without its end.
    pub because: String,
    /// The question, where a person was asked.
    pub approval: Option<ApprovalId>,
    /// How long the agent was held.
    pub held: Option<Duration>,
    /// What came of the question: who, what, why.
    pub answer: Option<String>,
}

impl Entry {
    fn new(event: &Event, what: &str, because: String) -> Self {
        Self {
            at: event.at,
            agent: event.agent.clone(),
            what: what.to_owned(),
            would: false,
            budget: None,
            because,
            approval: None,
            held: None,
            answer: None,
        }
    }

    /// Somebody, or the policy, decided this about an agent.
    pub fn is_decision(&self) -> bool {
        let words = [
            "warned",
            "steered",
            "throttled",
            "routed",
            "meant to route",
            "held",
            "stopped",
            "killed",
            "extended",
            "decided",
            "refused",
            "paused",
        ];
        words.contains(&self.what.as_str())
    }

    fn is_route(&self) -> bool {
        matches!(self.what.as_str(), "routed" | "meant to route")
    }

    /// It says who was given what of a budget that is shared out.
    pub fn is_share(&self) -> bool {
        matches!(self.what.as_str(), "allotted" | "gave back")
    }

    /// The sentence after its verb.
    pub fn text(&self) -> String {
        let held = self.held.map(|held| format!("{}: ", duration(held))).unwrap_or_default();
        let question = self.approval.map(|id| format!(" (question {id})")).unwrap_or_default();
        let answer = self.answer.as_deref().map(|answer| format!("; {answer}")).unwrap_or_default();
        format!("{held}{}{question}{answer}", self.because)
    }

    /// As a line of a page; the agent is named where a run has several.
    pub fn item(&self, zone: Tz, name_agent: bool) -> Item {
        let what = if self.would { format!("would have {}", self.what) } else { self.what.clone() };
        let agent = match &self.agent {
            Some(agent) if name_agent => format!("{agent}: "),
            _ => String::new(),
        };
        let tone = match self.what.as_str() {
            "stopped" | "killed" | "ended" | "failed" if !self.would => Tone::Bad,
            "warned" | "routed" | "meant to route" | "held" | "paused" | "skipped" | "unlogged" | "meant to stop"
            | "meant to kill"
                if !self.would =>
            {
                Tone::Warn
            }
            _ => Tone::Plain,
        };
        Item::new(format!("{}  {what}", clock(self.at, zone)), format!("{agent}{}", self.text()), tone)
    }
}

/// All that is to be told, in order.
pub fn told(events: &[Event]) -> Vec<Entry> {
    let mut teller = Teller::default();
    for event in events {
        teller.hear(event);
    }
    teller.told
}

#[derive(Default)]
struct Teller {
    told: Vec<Entry>,
    /// Open questions and holds by agent: where they are told, and when a hold began.
    holds: BTreeMap<Option<AgentName>, Hold>,
    /// Questions at a gate, for which only the call waits: where they are told, and since when.
    calls: BTreeMap<ApprovalId, Hold>,
    /// Agents that are paused: where that is told, and since when.
    pauses: BTreeMap<Option<AgentName>, Hold>,
    /// Extensions whose unit is told by the event that follows the answer.
    extends: Vec<Extend>,
    /// Agents whose end needs no further reason.
    ending: Vec<Option<AgentName>>,
    requests: BTreeMap<u64, String>,
    /// Verdicts that end an agent: where they are told, of whom, and whether one of its ends came off.
    verdicts: Vec<(usize, Option<AgentName>, bool)>,
    /// Routes whose model has not answered yet: where they are told, of whom, and to what.
    routes: Vec<(usize, Option<AgentName>, ModelId)>,
}

/// An answer that extends, before its unit is known.
struct Extend {
    budget: BudgetName,
    amount: i64,
    told: usize,
    who: String,
    why: String,
}

#[derive(Clone, Copy)]
struct Hold {
    told: usize,
    since: Option<Timestamp>,
}

impl Teller {
    fn hear(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Decided(decision) => self.decided(event, decision),
            EventKind::Requested { request, what, because } => {
                self.requests.insert(*request, what.clone());
                self.requested(event, what, because);
            }
            EventKind::Outcome { request, ok: false, detail } => {
                let what = self.requests.get(request).map_or("something", String::as_str);
                let because = format!("to {what}: {detail}");
                self.told.push(Entry::new(event, "failed", because));
            }
            EventKind::Outcome { request, ok: true, .. } => {
                if let Some("end" | "stop" | "kill") = self.requests.get(request).map(String::as_str) {
                    let of_agent = self.verdicts.iter_mut().filter(|(_, agent, _)| *agent == event.agent);
                    of_agent.for_each(|(_, _, done)| *done = true);
                }
            }
            EventKind::Asked { approval, budget, question, .. } => {
                self.asked(event, *approval, budget.as_ref(), question)
            }
            EventKind::Answered { approval, answer, by, reason } => {
                self.answered(event, *approval, answer, by, reason.as_deref());
            }
            // Told as the governor's choice.
            EventKind::Extended { by, .. } if by == GOVERNOR => {}
            EventKind::Allotted { .. } | EventKind::Pooled { .. } => self.told.extend(shares::share(event)),
            EventKind::Extended { budget, scope, amount, unit, by, reason } => {
                self.extended(event, budget, scope, *amount, unit, (by, reason.as_deref()));
            }
            EventKind::Skipped { path, lines, reason } => {
                let name = path.rsplit('/').next().unwrap_or(path);
                let because = format!("{} of {name}: {reason}", count(*lines, "line", "lines"));
                self.told.push(Entry::new(event, "skipped", because));
            }
            EventKind::ToolCalled { verdict: ToolVerdict::Denied, tool, short, because, by, .. } => {
                let by = by.as_ref().map_or_else(String::new, |by| format!(", by {by}"));
                let because = because.as_deref().unwrap_or("a gate");
                self.told.push(Entry::new(event, "refused", format!("{tool}: {short}: {because}{by}")));
            }
            EventKind::Braked { brake, by, reason } => {
                let braked = Braked { by: by.clone(), reason: reason.clone(), at: event.at };
                self.braked(event, *brake, &braked);
            }
            EventKind::RunResumed { by, .. } => self.told.push(Entry::new(event, "resumed", format!("by {by}"))),
            EventKind::Differed { thread, record, hook, .. } => {
                let (record, hook) = in_what_they_differ(record, hook);
                let because = format!(
                    "a response of thread {thread}: {record} in its session file, {hook} by what Codex told after the \
                     request; what came first counts"
                );
                self.told.push(Entry::new(event, "differs", because));
            }
            EventKind::Marked { what } => self.told.push(Entry::new(event, "noted", what.clone())),
            EventKind::AgentEnded { in_flight, in_flight_cost, .. } => {
                self.released(event);
                self.unpaused(event);
                if *in_flight > 0 {
                    self.told.push(Entry::new(event, "unlogged", unlogged(*in_flight, *in_flight_cost)));
                }
            }
            EventKind::CutOff { requests, cost } => {
                self.told.push(Entry::new(event, "unlogged", unlogged(*requests, *cost)));
            }
            EventKind::Examined(examined) => self.told.push(Entry::new(event, "examined", examined.to_string())),
            EventKind::AgentSkipped { because } => self.told.push(Entry::new(event, "skipped", because.clone())),
            EventKind::RunEnded { outcome, .. } => self.run_ended(event, outcome),
            // What was to come of its routes before it ended came to nothing.
            EventKind::RunReopened => self.routes.clear(),
            EventKind::RunStarted { .. }
            | EventKind::Registered { .. }
            | EventKind::AgentStarted { .. }
            | EventKind::Confirmed { .. }
            | EventKind::ThreadSeen { .. }
            | EventKind::Gated { .. }
            | EventKind::ToolCalled { verdict: ToolVerdict::Allowed, .. } => {}
            EventKind::Response(response) => self.arrived(event, response.model.as_ref()),
        }
    }

    fn braked(&mut self, event: &Event, brake: Brake, braked: &Braked) {
        match brake {
            Brake::Pause if self.pauses.contains_key(&event.agent) => {}
            Brake::Pause => {
                self.pauses.insert(event.agent.clone(), Hold { told: self.told.len(), since: Some(event.at) });
                self.told.push(Entry::new(event, "paused", braked.text()));
            }
            Brake::Continue => {
                if let Some(pause) = self.pauses.remove(&event.agent) {
                    self.close(pause, event.at);
                    if let Some(told) = self.told.get_mut(pause.told) {
                        told.answer = Some(format!("continued {}", braked.text()));
                    }
                }
            }
            Brake::Stop | Brake::Kill => {
                let what = if brake == Brake::Kill { "killed" } else { "stopped" };
                self.ending.push(event.agent.clone());
                self.verdicts.push((self.told.len(), event.agent.clone(), false));
                self.told.push(Entry::new(event, what, braked.text()));
            }
        }
    }

    fn decided(&mut self, event: &Event, decision: &Decision) {
        let mut because = decision.because.join("; ");
        if !because.contains(decision.budget.as_str()) {
            because = format!("`{}`: {because}", decision.budget);
        }
        let what = decision.verb.past();
        if let (Verb::Route, Some(model)) = (decision.verb, &decision.to) {
            because = format!("to {model}: {because}");
        }
        let (what, because) = match &decision.chosen {
            Some(chosen) => shares::chosen(decision, chosen),
            None => (what, because),
        };
        let mut told = Entry::new(event, what, because);
        told.budget = Some(decision.budget.clone());
        told.would = decision.would;
        if let (Verb::Route, false, "routed", Some(model)) = (decision.verb, decision.would, what, &decision.to) {
            told.what = "meant to route".to_owned();
            self.routes.push((self.told.len(), event.agent.clone(), model.clone()));
        }
        if !decision.would {
            match decision.verb {
                Verb::Ask => {
                    self.holds.insert(event.agent.clone(), Hold { told: self.told.len(), since: None });
                }
                Verb::Stop | Verb::Kill => {
                    self.ending.push(event.agent.clone());
                    self.verdicts.push((self.told.len(), event.agent.clone(), false));
                }
                Verb::Warn | Verb::Steer | Verb::Throttle | Verb::Route => {}
            }
        }
        self.told.push(told);
    }

    fn requested(&mut self, event: &Event, what: &str, because: &str) {
        match what {
            "hold" => match self.holds.get_mut(&event.agent) {
                Some(hold) => hold.since = Some(event.at),
                None => {
                    self.holds.insert(event.agent.clone(), Hold { told: self.told.len(), since: Some(event.at) });
                    self.told.push(Entry::new(event, "held", because.to_owned()));
                }
            },
            // On the way to something that is told itself.
            "end to restart" => self.released(event),
            "freeze" | "wait for the answers under way" | "wait for the tools under way" => {}
            // What starts is there.
            "start" | "start again" | "end at once" => {}
            "end to try again" => self.told.push(Entry::new(event, "retried", because.to_owned())),
            // Told by who paused it.
            "pause" => {}
            "release" => self.released(event),
            // A route says why it restarts, and a stop why it ends.
            // Told by what decided it.
            "steer" if self.told.iter().any(|told| told.what == "steered" && told.agent == event.agent) => {}
            "restart" if self.told.iter().any(|told| told.is_route() && told.agent == event.agent) => {}
            "restart" => self.told.push(Entry::new(event, "restarted", because.to_owned())),
            "end" | "stop" | "kill" if self.ending.contains(&event.agent) => {}
            "end" | "stop" | "kill" => {
                self.ending.push(event.agent.clone());
                // A finding that ends the agent is told once, as its end.
                match self.told.last_mut() {
                    Some(told) if told.what == "noted" && told.because == because => told.what = "ended".to_owned(),
                    _ => self.told.push(Entry::new(event, "ended", because.to_owned())),
                }
            }
            other => self.told.push(Entry::new(event, other, because.to_owned())),
        }
    }

    /// A model answered: a route to it has come off.
    fn arrived(&mut self, event: &Event, model: Option<&ModelId>) {
        let Some(model) = model else { return };
        let (told, routes) = (&mut self.told, &mut self.routes);
        routes.retain(|(index, agent, to)| {
            let came = *agent == event.agent && to == model;
            if let Some(told) = told.get_mut(*index).filter(|_| came) {
                told.what = "routed".to_owned();
            }
            !came
        });
    }

    fn asked(&mut self, event: &Event, approval: ApprovalId, budget: Option<&BudgetName>, question: &str) {
        let open = self.holds.get(&event.agent).map(|hold| hold.told);
        let told = open.and_then(|index| self.told.get_mut(index)).filter(|told| told.approval.is_none());
        if let Some(told) = told {
            told.approval = Some(approval);
            return;
        }
        match self.holds.get(&event.agent).and_then(|hold| hold.since) {
            since @ Some(_) => drop(self.holds.insert(event.agent.clone(), Hold { told: self.told.len(), since })),
            None => drop(self.calls.insert(approval, Hold { told: self.told.len(), since: Some(event.at) })),
        }
        let mut told = Entry::new(event, "held", question.to_owned());
        told.approval = Some(approval);
        told.budget = budget.cloned();
        self.told.push(told);
    }

    fn answered(&mut self, event: &Event, approval: ApprovalId, answer: &Answer, by: &str, reason: Option<&str>) {
        let Some(index) = self.told.iter().rposition(|told| told.approval == Some(approval)) else {
            return;
        };
        let who = if by == "deadline" { "nobody answered in time: it was".to_owned() } else { format!("{by}:") };
        let why = reason.map(|reason| format!(", “{reason}”")).unwrap_or_default();
        if let Some(call) = self.calls.remove(&approval) {
            self.close(call, event.at);
        }
        if let Answer::Stop | Answer::Kill = answer {
            self.ending.push(event.agent.clone());
        }
        let Some(told) = self.told.get_mut(index) else { return };
        if let (Answer::Extend { amount }, Some(budget)) = (answer, &told.budget) {
            told.answer = Some(format!("{who} extended{why}"));
            self.extends.push(Extend { budget: budget.clone(), amount: *amount, told: index, who, why });
        } else {
            // Without its budget the unit of an extension is not known; money is by far the likeliest.
            told.answer = Some(format!("{who} {}{why}", answer_text(answer, Unit::Usd, Subject::Limit)));
        }
    }

    fn extended(
        &mut self,
        event: &Event,
        budget: &BudgetName,
        scope: &str,
        amount: i64,
        unit: &str,
        (by, reason): (&str, Option<&str>),
    ) {
        let shown = Unit::from_str_exact(unit).map_or_else(|| format!("{amount} {unit}"), |unit| unit.show(amount));
        let answered = self.extends.iter().position(|extend| extend.budget == *budget && extend.amount == amount);
        if let Some(extend) = answered.map(|position| self.extends.remove(position)) {
            if let Some(told) = self.told.get_mut(extend.told) {
                told.answer = Some(format!("{} extended by {shown}{}", extend.who, extend.why));
            }
            return;
        }
        let scope = if scope.is_empty() { String::new() } else { format!(" for {scope}") };
        let why = reason.map(|reason| format!(": “{reason}”")).unwrap_or_default();
        let mut told = Entry::new(event, "extended", format!("`{budget}`{scope} by {shown}, by {by}{why}"));
        told.budget = Some(budget.clone());
        self.told.push(told);
    }

    /// A pause ends with its agent, too.
    fn unpaused(&mut self, event: &Event) {
        if let Some(pause) = self.pauses.remove(&event.agent) {
            self.close(pause, event.at);
        }
    }

    fn released(&mut self, event: &Event) {
        if let Some(hold) = self.holds.remove(&event.agent) {
            self.close(hold, event.at);
        }
    }

    fn run_ended(&mut self, event: &Event, outcome: &str) {
        let undone = self.verdicts.iter().filter(|(_, _, done)| outcome == "ended" && !done);
        for (index, _, _) in undone {
            if let Some(told) = self.told.get_mut(*index) {
                let meant = if told.what == "killed" { "meant to kill" } else { "meant to stop" };
                told.what = meant.to_owned();
            }
        }
        let open = [&mut self.holds, &mut self.pauses].map(std::mem::take);
        let calls = std::mem::take(&mut self.calls);
        for hold in open.into_iter().flat_map(BTreeMap::into_values).chain(calls.into_values()) {
            self.close(hold, event.at);
        }
    }

    fn close(&mut self, hold: Hold, at: Timestamp) {
        if let (Some(told), Some(since)) = (self.told.get_mut(hold.told), hold.since) {
            told.held = Some(told.held.unwrap_or_default() + between(since, at));
        }
    }
}

/// What is said of requests that were cut off, as a sentence without its end.
fn unlogged(requests: u32, cost: Money) -> String {
    let (requests, they) =
        if requests == 1 { ("1 request was", "it") } else { (&*format!("{requests} requests were"), "they") };
    let cost = match cost {
        Money::ZERO => format!("what {they} may have cost is not known, and in no sum here"),
        cost => format!("{they} may have cost {cost}, which is in no sum here"),
    };
    format!("{requests} cut off: perhaps served, never logged; {cost}")
}

/// Such as `110 tokens` and `120`: all of them, or, where all are as many, the parts that are not.
fn in_what_they_differ(record: &Tokens, hook: &Tokens) -> (String, String) {
    if record.total() != hook.total() {
        let tokens = if record.total() == 1 { "token" } else { "tokens" };
        return (format!("{} {tokens}", grouped(record.total().into())), grouped(hook.total().into()));
    }
    let parts = |of: &Tokens| {
        [
            ("input", of.input),
            ("cached input", of.cached_input),
            ("cache write input", of.cache_write_input),
            ("output", of.output),
            ("reasoning output", of.reasoning_output),
        ]
    };
    let told = |of: &Tokens, other: &Tokens| -> Vec<String> {
        let unequal = parts(of).into_iter().zip(parts(other)).filter(|(one, other)| one.1 != other.1);
        let counted = |name: &str, count: u64| {
            format!("{} {name} {}", grouped(count.into()), if count == 1 { "token" } else { "tokens" })
        };
        unequal.map(|((name, count), _)| counted(name, count)).collect()
    };
    (told(record, hook).join(", "), told(hook, record).join(", "))
}

#[cfg(test)]
mod tests;
