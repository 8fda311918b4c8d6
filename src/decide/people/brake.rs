//! The emergency brake: a person lets agents stand still, go on, or end, whatever their budgets say.

use crate::model::event::EventKind;
use crate::model::{Brake, Braked};

use crate::decide::accounts::Accounts;
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Intent, State};
use crate::decide::context::Context;
use crate::decide::evaluate::budgets;
use crate::decide::gate::drain;
use crate::decide::message::Effects;
use crate::decide::passing;
use crate::decide::people::lift::{Lifting, lifting};
use crate::decide::people::{approvals, pause, released};

/// A person uses the brake on all agents, or on those of a team.
pub(in crate::decide) fn braked(
    cx: &Context<'_>,
    lifting: &mut Lifting,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    (brake, team): (Brake, Option<&str>),
    braked: &Braked,
) {
    for who in agents.ids() {
        let agent = &agents[who];
        if agent.review_question().is_some() && matches!(brake, Brake::Stop | Brake::Kill) && agent.setup.is_of(team) {
            let (by, reason) = (braked.by.clone(), braked.reason.clone());
            agents.record(Some(who), EventKind::Braked { brake, by, reason }, effects);
            passing::break_off(agents, effects, who, &format!("stopped {}", braked.text()));
            continue;
        }
        if agent.is_past(brake) || !agent.setup.is_of(team) {
            continue;
        }
        let (by, reason) = (braked.by.clone(), braked.reason.clone());
        agents.record(Some(who), EventKind::Braked { brake, by, reason }, effects);
        match brake {
            Brake::Pause => pause::pause(cx, agents, accounts, effects, who, braked),
            Brake::Continue => unpause(cx, agents, accounts, effects, who, braked),
            Brake::Stop => end_by_hand(
                cx,
                lifting,
                agents,
                accounts,
                effects,
                who,
                (Intent::Stop, &format!("stopped {}", braked.text())),
            ),
            Brake::Kill => end_by_hand(
                cx,
                lifting,
                agents,
                accounts,
                effects,
                who,
                (Intent::Kill, &format!("killed {}", braked.text())),
            ),
        }
    }
}

/// A person has used the brake, and somebody else wrote it down and told of it.
pub(in crate::decide) fn paused(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    pause: Option<&Braked>,
) {
    for who in agents.ids() {
        match pause {
            Some(braked) => pause::stand_still(cx, agents, accounts, effects, who, braked),
            None => end_pause(cx, agents, accounts, effects, who, "continued".to_owned()),
        }
    }
}

pub(in crate::decide) fn unpause(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    braked: &Braked,
) {
    if agents[who].pause.is_some() {
        let what = format!("continued {}", braked.text());
        agents.say(who, &what, effects);
        end_pause(cx, agents, accounts, effects, who, what);
    }
}

/// Goes on, unless a question keeps it or a step of a budget holds it now.
fn end_pause(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    what: String,
) {
    let agent = &mut agents[who];
    if agent.pause.is_none() {
        return;
    }
    agent.pause = None;
    let (state, at_rest) = (agent.state, !agent.turn_under_way());
    let paused = [State::Paused, State::Freezing(Intent::Pause), State::Starting(Some(Intent::Pause))];
    if !paused.contains(&state) {
        return;
    }
    agents[who].because = what;
    // Between turns nothing is asked of a model, and so nothing of a person.
    if at_rest {
        released::go_on(cx, agents, accounts, effects, who);
    } else {
        approvals::release_or_ask_again(cx, agents, accounts, effects, who);
    }
    budgets::evaluate(cx, agents, accounts, effects, who);
}

fn end_by_hand(
    cx: &Context<'_>,
    lifting: &mut Lifting,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    (intent, what): (Intent, &str),
) {
    agents.say(who, what, effects);
    accounts.last_hard = None;
    lifting::note_limit_in_the_way(lifting, agents, who);
    let agent = &mut agents[who];
    agent.pause = None;
    agent.because = what.to_owned();
    drain::spare_no_tools(agents, who);
    released::end_held_or_running(cx, agents, accounts, effects, who, intent);
}

/// Somebody ended govern's own wait by a signal: no rule ended the agent, and the limit that it waited at stands in
/// the way of whoever goes on with it.
pub(in crate::decide) fn ended_by_signal(
    cx: &Context<'_>,
    lifting: &mut Lifting,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    what: String,
) {
    lifting::note_limit_in_the_way(lifting, agents, who);
    accounts.last_hard = None;
    released::stop_because(cx, agents, accounts, effects, who, what);
}
