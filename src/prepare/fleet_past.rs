//! What the ledger tells of a fleet that goes on: who is done, and where the others were.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::codex::{AskedModel, Invocation};
use crate::error::Result;
use crate::fleet::FleetAgent;
use crate::ledger::Ledger;
use crate::model::event::{AgentResult, Answer, EventKind};
use crate::model::{AgentName, Examined, ModelId, RunId, ThreadId};
use crate::policy::rule::Rung;
use crate::supervise::GO_ON;

/// How far the agents of an earlier fleet came; empty for a new one.
#[derive(Debug, Default)]
pub(super) struct Past {
    agents: BTreeMap<AgentName, Came>,
}

/// How far one agent came.
#[derive(Debug, Default)]
struct Came {
    /// Its command ended well, and its work was good enough.
    done: bool,
    /// What its work came to, while nobody has said no to it.
    examined: Option<Examined>,
    /// Somebody said no to its work; what its thread is told of that.
    refused: Option<String>,
    /// Its last root thread.
    thread: Option<ThreadId>,
    /// The model that its last command named.
    model: Option<ModelId>,
}

impl Past {
    /// Read from the run's chain.
    pub(super) fn of(ledger: &Ledger, run: &RunId) -> Result<Self> {
        let mut agents: BTreeMap<AgentName, Came> = BTreeMap::new();
        for entry in ledger.runs().events(run)? {
            if let Some(agent) = entry.event.agent {
                agents.entry(agent).or_default().note(entry.event.kind);
            }
        }
        Ok(Self { agents })
    }

    /// The agents that are not done; what they needed of the others is there.
    pub(super) fn left(&self, mut agents: Vec<FleetAgent>) -> Vec<FleetAgent> {
        let done = |name: &AgentName| self.agents.get(name).is_some_and(|came| came.done);
        agents.retain(|agent| !done(&agent.name));
        for agent in &mut agents {
            agent.needs.retain(|need| !done(need));
            let came = self.agents.get(&agent.name).and_then(|came| came.examined.clone());
            agent.done = came.filter(|_| agent.review.is_some());
        }
        agents
    }

    /// The command that goes on in the agent's thread, on the model that it was on; its own from the beginning where
    /// there is none, or where that is no Codex that can go on.
    pub(super) fn command(
        &self,
        agent: &FleetAgent,
        invocation: Option<&Invocation>,
    ) -> (Vec<OsString>, Option<ThreadId>) {
        let again = || {
            let came = self.agents.get(&agent.name)?;
            let thread = came.thread.clone()?;
            let routed = came.model.clone().filter(|model| Some(model) != agent.model.as_ref());
            let rung = routed.map(|model| Rung { model, effort: None });
            let told = came.refused.as_deref().unwrap_or(GO_ON);
            let command = invocation?.resume_with(&thread, rung.as_ref(), told).ok()?;
            Some((command, Some(thread)))
        };
        again().unwrap_or_else(|| (agent.command.clone(), None))
    }
}

impl Came {
    fn note(&mut self, kind: EventKind) {
        match kind {
            EventKind::AgentStarted { command, .. } => {
                let argv: Vec<OsString> = command.into_iter().map(OsString::from).collect();
                let asked = Invocation::parse(&argv).map(|one| one.asked());
                self.model = if let Some(AskedModel::Model(model)) = asked { Some(model) } else { None };
                self.done = false;
                self.examined = None;
                self.refused = None;
            }
            EventKind::ThreadSeen { thread, root, .. } if thread == root => self.thread = Some(thread),
            EventKind::Examined(examined) => self.examined = examined.is_passed().then_some(examined),
            // Silence is no word about the work: only a no has its agent go on with it.
            EventKind::Answered { answer: Answer::Refuse, reason, .. } => {
                let reviewed = self.examined.take();
                self.refused = reviewed.map(|_| no_said(reason.as_deref()));
            }
            EventKind::AgentEnded { result, .. } => self.done = result == Some(AgentResult::Done),
            _ => {}
        }
    }
}

/// What the thread whose work was refused is told.
fn no_said(reason: Option<&str>) -> String {
    let why = reason.map_or_else(|| ".".to_owned(), |reason| format!(": {reason}"));
    format!("Your work was reviewed and not accepted{why}\n\nLook at it again, and correct it.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ApprovalId, Money};

    fn came(kinds: Vec<EventKind>) -> Came {
        let mut came = Came::default();
        kinds.into_iter().for_each(|kind| came.note(kind));
        came
    }

    fn started(words: &[&str]) -> EventKind {
        let command = words.iter().map(|&word| word.to_owned()).collect();
        EventKind::AgentStarted { command, pid: 1, resumes: None }
    }

    fn ended(result: AgentResult) -> EventKind {
        let (code, because) = (0, String::new());
        EventKind::AgentEnded {
            code,
            in_flight: 0,
            in_flight_cost: Money::ZERO,
            result: Some(result),
            because,
            active_ms: None,
        }
    }

    #[test]
    fn done_is_who_ended_well_the_last_time() {
        let codex = || started(&["codex", "exec", "do it"]);
        for (kinds, done) in [
            (vec![], false),
            (vec![codex()], false),
            (vec![codex(), ended(AgentResult::Done)], true),
            (vec![codex(), ended(AgentResult::Failed)], false),
            (vec![codex(), ended(AgentResult::Stopped), codex(), ended(AgentResult::Done)], true),
            (vec![codex(), ended(AgentResult::Done), codex()], false),
        ] {
            let said = format!("{kinds:?}");
            assert_eq!(came(kinds).done, done, "{said}");
        }
    }

    #[test]
    fn a_thread_is_told_why_its_work_was_refused() {
        let refused = || EventKind::Answered {
            approval: ApprovalId(1),
            answer: Answer::Refuse,
            by: "lead".to_owned(),
            reason: Some("no tests".to_owned()),
        };
        let told = came(vec![started(&["codex"]), EventKind::Examined(Examined::default()), refused()]).refused;
        assert_eq!(
            told.as_deref(),
            Some("Your work was reviewed and not accepted: no tests\n\nLook at it again, and correct it.")
        );
        // Of something else than its work.
        assert_eq!(came(vec![started(&["codex"]), refused()]).refused, None);
        let again = vec![EventKind::Examined(Examined::default()), refused(), started(&["codex"])];
        assert_eq!(came(again).refused, None);
    }

    #[test]
    fn the_model_is_that_of_the_last_command() {
        let routed = started(&["codex", "exec", "resume", "01a2", "-m", "cheap", "go on"]);
        assert_eq!(
            came(vec![started(&["codex", "exec", "-m", "dear", "x"]), routed]).model,
            Some(ModelId::new("cheap"))
        );
        assert_eq!(came(vec![started(&["make"])]).model, None);
    }
}
