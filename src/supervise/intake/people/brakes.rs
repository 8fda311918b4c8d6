//! The emergency brake, as it is pulled from outside: who is heard, and what they are told.

use std::collections::BTreeMap;

use crate::decide::Governor;
use crate::decide::agents::Agent;
use crate::decide::agents::lifecycle::State;
use crate::decide::people::permission;
use crate::gate::message::Reply;
use crate::gate::socket::Call;
use crate::model::{AgentName, Answerer, Brake, Braked, Door};
use crate::supervise::run::Run;
use crate::turn::answers::{by_token, may_answer};
use crate::turn::login::started_by;
use crate::turn::refused_answer::NotTaken;

/// Another govern that waits to be told what became of its brake.
#[derive(Debug)]
struct Braking {
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

/// Those who have used the brake and wait to be told what came of it.
#[derive(Debug, Default)]
pub(in crate::supervise) struct Brakes(Vec<Braking>);

impl Brakes {
    /// Somebody uses it. What came of it is told once that is so.
    pub(in crate::supervise) fn pull(
        &mut self,
        call: Call,
        brake: Brake,
        team: Option<&str>,
        (run, governor): (&Run, &Governor),
    ) {
        let before = run.order.iter().filter_map(|name| {
            let agent = governor.agent(name).filter(|agent| agent.setup.is_of(team))?;
            Some((name.clone(), Before { pause: agent.pause.clone(), past_braking: agent.is_past(brake) }))
        });
        self.0.push(Braking { call, brake, before: before.collect() });
    }

    /// Replies to those whose brake has taken hold. An order to stand still has, when all stands still. `waits`: one could
    /// not be recorded yet.
    pub(in crate::supervise) async fn reply(&mut self, waits: bool, run: &Run, governor: &Governor) {
        let mut agents = run.order.iter().filter_map(|name| governor.agent(name));
        if agents.any(Agent::is_being_paused) {
            return;
        }
        for braking in std::mem::take(&mut self.0) {
            let reply = told_of(&braking, waits, run, governor);
            braking.call.reply(&reply).await;
        }
    }
}

/// Anybody may stop an agent; to let it go on is an answer.
pub(super) fn may_brake(brake: Brake, who: &Answerer, run: &Run, governor: &Governor) -> Result<(), NotTaken> {
    match brake {
        Brake::Continue => permission::judge(&governor.policy().approvals, who, &started_by(), None).map_err(|not| {
            let command = format!("govern continue {} --token TOKEN", run.id);
            let letter = governor.policy().notify.mail.is_some() && who.door == Door::Cli;
            by_token(not.into(), letter.then_some(command))
        }),
        Brake::Pause | Brake::Stop | Brake::Kill => Ok(()),
    }
}

/// Somebody has paused an agent, and nobody let it go on since.
pub(super) fn is_paused(run: &Run, governor: &Governor) -> bool {
    run.order.iter().filter_map(|name| governor.agent(name)).any(|agent| agent.pause.is_some())
}

/// What became of a brake, to whoever used it.
fn told_of(Braking { brake, before, .. }: &Braking, waits: bool, run: &Run, governor: &Governor) -> Reply {
    if waits {
        let why = "another process keeps the ledger locked: it is done once it can be recorded".to_owned();
        return Reply::Refused { why, hint: None };
    }
    let of = |name: &AgentName| Some(became(*brake, name, before.get(name)?, governor));
    if let Some(alone) = &run.alone {
        // Nothing, where it is of another team than is meant.
        return Reply::Done { what: of(alone).unwrap_or_default() };
    }
    // None is of the team that is meant.
    if before.is_empty() {
        return Reply::Done { what: String::new() };
    }
    let each = run.order.iter().filter_map(|name| Some(format!("`{name}` {}", of(name)?)));
    Reply::Done { what: format!("has several agents: {}", each.collect::<Vec<_>>().join("; ")) }
}

/// What the brake has come to for one agent.
fn became(brake: Brake, name: &AgentName, before: &Before, governor: &Governor) -> String {
    let Some(agent) = governor.agent(name).filter(|agent| agent.state != State::Gone) else {
        return "is over".to_owned();
    };
    if before.past_braking {
        return "is being ended already".to_owned();
    }
    match (brake, &before.pause) {
        (Brake::Pause, None) if agent.state == State::Waiting => "starts only once it is continued".to_owned(),
        (Brake::Stop, _) => "is being stopped".to_owned(),
        (Brake::Kill, _) => "is being killed".to_owned(),
        (Brake::Continue, None) => format!("is not paused{}", asks(agent, governor)),
        (Brake::Continue, Some(_)) => match asks(agent, governor) {
            asks if asks.is_empty() => "goes on".to_owned(),
            asks => format!("is no longer paused{asks}"),
        },
        (Brake::Pause, Some(pause)) => format!("is paused already, {}{}", pause.text(), asks(agent, governor)),
        (Brake::Pause, None) => format!("is paused: {}{}", stillness(agent), asks(agent, governor)),
    }
}

fn asks(agent: &Agent, governor: &Governor) -> String {
    let approval = governor.waits_for_answer(&agent.setup.name);
    let asked = approval.and_then(|id| Some((id, governor.waits_for(id)?)));
    asked
        .map(|(id, question)| {
            let may = may_answer(governor, &question);
            let who = may.who().map_or_else(String::new, |who| format!(" of {who}"));
            let how = may.command("approve", id).unwrap_or_else(|| may.short(id));
            format!("; it waits for an answer{who}, too: {how}")
        })
        .unwrap_or_default()
}

/// Its processes are kept from running, or its requests from being sent, so that it cannot heed a signal.
pub(in crate::supervise) fn stands_still(agent: &AgentName, governor: &Governor) -> bool {
    governor.agent(agent).is_some_and(|agent| match agent.state {
        State::Held => true,
        // At the gate its processes run.
        State::Paused => !agent.gate.is_shut(),
        State::Running => agent.is_stilled(),
        State::Waiting | State::Starting(_) | State::Freezing(_) | State::Ending(_) | State::Gone => false,
    })
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
