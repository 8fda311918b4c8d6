//! An agent's processes have started, stand still, or are gone.

use crate::decide::accounts::{Accounts, Spenders, minutes};
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Happening, Intent, State};
use crate::decide::agents::{Agent, Agents, Hold};
use crate::decide::context::Context;
use crate::decide::evaluate::{alarms, budgets};
use crate::decide::message::{Effect, Effects};
use crate::decide::observe::watching;
use crate::decide::people::approvals;
use crate::decide::people::lift::{Lifting, lifting};
use crate::decide::signal_hold::holding;
use crate::decide::starting::Starting;
use crate::decide::{action_ids, passing, starting, transition};

pub(in crate::decide) fn launched(
    cx: &Context<'_>,
    lifting: &mut Lifting,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    action_ids::outcome(agents, effects, who, true, "");
    lifting::book_lift(cx, lifting, agents, accounts, effects);
    agents[who].resume_clock(cx.now.uptime);
    transition::happen(cx, agents, accounts, effects, who, Happening::Launched);
    minutes::arm(accounts, cx, &Spenders::of(cx.fixed, agents), effects);
    budgets::evaluate(cx, agents, accounts, effects, who);
}

pub(in crate::decide) fn frozen(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    if holding::stilled(agents, effects, who) {
        return;
    }
    let agent = &mut agents[who];
    let State::Freezing(intent) = agent.state else { return };
    agent.pause_clock(cx.now.uptime);
    let safe = agent.in_flight() == 0 && agent.sub_agents_idle();
    let asked = agent.question.as_ref().map(|hold| hold.source);
    action_ids::outcome(agents, effects, who, true, "");
    if let Some(source) = asked.filter(|_| intent == Intent::Ask)
        && !approvals::still_applies(cx, agents, accounts, who, source)
    {
        // Nobody is asked what a lifted limit, or the last records, have answered meanwhile.
        approvals::release_or_ask_again(cx, agents, accounts, effects, who);
    }
    transition::happen(cx, agents, accounts, effects, who, Happening::Frozen { safe });
    accounts.reserve(cx, agents, who, effects);
}

pub(in crate::decide) fn exited(
    cx: &Context<'_>,
    starting: &Starting,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    (leftover, ok): (u32, bool),
) {
    watching::unobserved_at_end(cx, agents, accounts, effects, who);
    alarms::tell_of_unknown_plan(cx, agents, effects, who, 1);
    if leftover > 0 {
        let what = format!("{leftover} Codex process(es) that outlived the command were ended");
        agents.mark(Some(who), what, effects);
    }
    let agent = &mut agents[who];
    agent.pause_clock(cx.now.uptime);
    let early = matches!(agent.state, State::Freezing(_));
    if let Some(Hold { approval: Some(approval), .. }) = agent.held.take() {
        effects.push(Effect::Withdraw(approval));
    }
    if early {
        action_ids::outcome(agents, effects, who, false, "its command ended first");
    }
    let barred = |agent: &Agent| agent.gate.has_failed() && !matches!(agent.state, State::Ending(_));
    let happening = match ok {
        _ if barred(&agents[who]) => Happening::Ended,
        true => Happening::Exited,
        false if starting::may_retry(starting, agents, who) => Happening::Retry,
        false => Happening::Failed,
    };
    if happening == Happening::Exited && passing::examine(agents, effects, who) {
        return;
    }
    let agent = &mut agents[who];
    if happening == Happening::Retry && agent.is_live() {
        agent.because = format!("attempt {} of {} failed", agent.attempt, agent.setup.retries.saturating_add(1));
    }
    transition::happen(cx, agents, accounts, effects, who, happening);
}
