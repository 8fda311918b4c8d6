//! The emergency brake, as it is pulled from outside: who is heard, and what they are told.

use std::collections::BTreeMap;

use crate::codex;
use crate::decide::Effect;
use crate::decide::agents::Agent;
use crate::decide::agents::lifecycle::State;
use crate::decide::message::Input;
use crate::decide::people::permission;
use crate::error::Error;
use crate::gate::message::Reply;
use crate::gate::socket::Call;
use crate::model::{AgentName, Answerer, Brake, Braked, Door};
use crate::turn::answers::{by_token, may_answer};
use crate::turn::login::started_by;
use crate::turn::not_taken::NotTaken;

use super::supervisor::Supervisor;

/// Another govern that waits to be told what became of its brake.
#[derive(Debug)]
pub(super) struct Braking {
    call: Call,
    brake: Brake,
    before: BTreeMap<AgentName, Before>,
}

/// How the agent was when the brake was pulled.
#[derive(Clone, Debug)]
struct Before {
    pause: Option<Braked>,
    past_braking: bool,
}

impl Supervisor {
    /// Anybody may stop an agent; to let it go on is an answer.
    pub(super) fn may_brake(&self, brake: Brake, who: &Answerer) -> Result<(), NotTaken> {
        match brake {
            Brake::Continue => {
                permission::judge(&self.governor.policy().approvals, who, &started_by(), None).map_err(|not| {
                    let command = format!("govern continue {} --token TOKEN", self.run);
                    let letter = self.governor.policy().notify.mail.is_some() && who.door == Door::Cli;
                    by_token(not.into(), letter.then_some(command))
                })
            }
            Brake::Pause | Brake::Stop | Brake::Kill => Ok(()),
        }
    }

    /// Somebody has paused an agent, and nobody let it go on since.
    pub(super) fn is_paused(&self) -> bool {
        self.order.iter().filter_map(|name| self.governor.agent(name)).any(|agent| agent.pause.is_some())
    }

    /// Hears one that uses the brake. It is told what came of it once that is so.
    pub(super) fn brake(
        &mut self,
        call: Call,
        who: &Answerer,
        (brake, team): (Brake, Option<String>),
        reason: Option<String>,
    ) -> Result<Vec<Effect>, Error> {
        let before = self.order.iter().filter_map(|name| {
            let agent = self.governor.agent(name).filter(|agent| agent.setup.is_of(team.as_deref()))?;
            Some((name.clone(), Before { pause: agent.pause.clone(), past_braking: agent.is_past(brake) }))
        });
        let before = before.collect();
        self.braking.push(Braking { call, brake, before });
        let reason = reason.map(|reason| codex::redact(&reason));
        self.turn(vec![Input::Braked { brake, team, by: self.by(who), reason }])
    }

    /// Replies to those whose brake has taken hold. An order to stand still has, when all stands still.
    pub(super) async fn reply_to_brakes(&mut self) {
        let mut agents = self.order.iter().filter_map(|name| self.governor.agent(name));
        if agents.any(Agent::is_being_paused) {
            return;
        }
        for Braking { call, brake, before } in std::mem::take(&mut self.braking) {
            let reply = self.told_of(brake, &before);
            call.reply(&reply).await;
        }
    }

    fn told_of(&self, brake: Brake, before: &BTreeMap<AgentName, Before>) -> Reply {
        if self.backlog.iter().any(|input| matches!(input, Input::Braked { .. })) {
            let why = "another process keeps the ledger locked: it is done once it can be recorded".to_owned();
            return Reply::Refused { why, hint: None };
        }
        let of = |name: &AgentName| Some(self.became(brake, name, before.get(name)?));
        if let Some(alone) = &self.alone {
            // Nothing, where it is of another team than is meant.
            return Reply::Done { what: of(alone).unwrap_or_default() };
        }
        // None is of the team that is meant.
        if before.is_empty() {
            return Reply::Done { what: String::new() };
        }
        let each = self.order.iter().filter_map(|name| Some(format!("`{name}` {}", of(name)?)));
        Reply::Done { what: format!("has several agents: {}", each.collect::<Vec<_>>().join("; ")) }
    }

    /// What the brake has come to for one agent.
    fn became(&self, brake: Brake, name: &AgentName, before: &Before) -> String {
        let Some(agent) = self.governor.agent(name).filter(|agent| agent.state != State::Gone) else {
            return "is over".to_owned();
        };
        if before.past_braking {
            return "is being ended already".to_owned();
        }
        match (brake, &before.pause) {
            (Brake::Pause, None) if agent.state == State::Waiting => "starts only once it is continued".to_owned(),
            (Brake::Stop, _) => "is being stopped".to_owned(),
            (Brake::Kill, _) => "is being killed".to_owned(),
            (Brake::Continue, None) => format!("is not paused{}", self.asks(agent)),
            (Brake::Continue, Some(_)) => match self.asks(agent) {
                asks if asks.is_empty() => "goes on".to_owned(),
                asks => format!("is no longer paused{asks}"),
            },
            (Brake::Pause, Some(pause)) => format!("is paused already, {}{}", pause.text(), self.asks(agent)),
            (Brake::Pause, None) => format!("is paused: {}{}", stillness(agent), self.asks(agent)),
        }
    }

    fn asks(&self, agent: &Agent) -> String {
        let approval = self.governor.waits_for_answer(&agent.setup.name);
        let asked = approval.and_then(|id| Some((id, self.governor.waits_for(id)?)));
        asked
            .map(|(id, question)| {
                let may = may_answer(&self.governor, &question);
                let who = may.who().map_or_else(String::new, |who| format!(" of {who}"));
                let how = may.command("approve", id).unwrap_or_else(|| may.short(id));
                format!("; it waits for an answer{who}, too: {how}")
            })
            .unwrap_or_default()
    }

    /// Its processes are kept from running, or its requests from being sent, so that it cannot heed a signal.
    pub(super) fn stands_still(&self, agent: &AgentName) -> bool {
        self.governor.agent(agent).is_some_and(|agent| match agent.state {
            State::Held => true,
            // At the gate its processes run.
            State::Paused => !agent.gate.is_shut(),
            State::Running => agent.is_stilled(),
            State::Waiting | State::Starting(_) | State::Freezing(_) | State::Ending(_) | State::Gone => false,
        })
    }
}

/// What stands still of a paused agent, and what does not.
fn stillness(agent: &Agent) -> &'static str {
    if !agent.gate.is_shut() {
        "all its processes are stopped"
    } else if agent.turn_under_way() {
        "its next request and its next tool wait; what is under way may end"
    } else {
        "it rests, and its next turn waits"
    }
}
