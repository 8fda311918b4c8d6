//! What an agent is to be told reaches each of its threads with the next hook that can carry it.

use std::collections::BTreeSet;

use crate::model::ThreadId;
use crate::model::event::EventKind;

use crate::decide::accounts::Accounts;
use crate::decide::accounts::ids::AccountId;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::{Agent, Agents};
use crate::decide::barred::barring;
use crate::decide::context::Context;
use crate::decide::evaluate::due::{Due, Source};
use crate::decide::evaluate::steer::{FINISH, Steering, THINK};
use crate::decide::message::{Effect, Effects, HookId};

/// From its next hooks on, each thread of the agent is told once.
pub(in crate::decide) fn steer(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &Accounts,
    effects: &mut Effects,
    who: AgentId,
    due: &Due,
) {
    let said = due.step.as_ref().and_then(|step| step.say.as_deref());
    let text = match due.source {
        Source::Step { account, .. } => {
            let account = &accounts[account];
            if let Some(more) = due.wraps_up() {
                let end = account.limit().saturating_add(more);
                sum_up(&account.show(0), &account.key.unit.show(end.saturating_sub(account.spent).clamp(0, more)))
            } else {
                let left = account.key.unit.show(account.limit().saturating_sub(account.spent).max(0));
                format!("govern: {} is used: {left} is left. {}", account.show(0), said.unwrap_or(FINISH))
            }
        }
        Source::Alert(alert) => {
            let of_budget = cx.fixed.alerts[alert].step_of.is_some();
            let unsaid = if of_budget { FINISH } else { THINK };
            format!("govern: {}. {}", due.because, said.unwrap_or(unsaid))
        }
    };
    let request = agents.next_number();
    let (what, because) = ("steer".to_owned(), due.because.clone());
    agents.record(Some(who), EventKind::Requested { request, what, because }, effects);
    let agent = &mut agents[who];
    let source = due.source;
    agent.steering.retain(|steering| !steering.source.is_of_one_rule(source));
    agent.steering.push(Steering { source, text, request, told: BTreeSet::new() });
}

/// What an agent's models are told before it is stopped.
fn sum_up(spent: &str, more: &str) -> String {
    format!(
        "govern: {spent} is used, and you are about to be stopped. Commit what works now, say in a few sentences what is done and \
         what is left to do, and do nothing else: you may use {more} for that."
    )
}

/// Tells a thread what it was not told yet, together with the answer that follows.
pub(in crate::decide) fn tell(
    agents: &mut Agents,
    effects: &mut Effects,
    who: AgentId,
    hook: HookId,
    thread: &ThreadId,
) {
    let agent = &mut agents[who];
    let mut new: Vec<(u64, String)> = Vec::new();
    for steering in &mut agent.steering {
        if steering.told.insert(thread.clone()) {
            new.push((steering.request, steering.text.clone()));
        }
    }
    for (request, text) in new {
        effects.push(Effect::Tell { hook, text });
        let detail = format!("thread {thread} was told");
        agents.record(Some(who), EventKind::Outcome { request, ok: true, detail }, effects);
    }
    barring::tell_of_bars(agents, effects, who, hook, thread);
}

/// A Codex that answers and was never seen to ask cannot be told: a person is told that.
pub(in crate::decide) fn say_untold(agents: &mut Agents, effects: &mut Effects, who: AgentId) {
    let deaf = |agent: &Agent| agent.gate.reach().is_none();
    let agent = &mut agents[who];
    if !deaf(agent) {
        return;
    }
    for steering in std::mem::take(&mut agent.steering) {
        let detail = "the agent could not be told: its Codex was not seen to call govern's hooks".to_owned();
        agents.say(who, &format!("steer: {detail}"), effects);
        agents.record(Some(who), EventKind::Outcome { request: steering.request, ok: false, detail }, effects);
    }
}

/// The agent is over: what it was not told, it never will be.
pub(in crate::decide) fn end_steering(agents: &mut Agents, effects: &mut Effects, who: AgentId) {
    let agent = &mut agents[who];
    for steering in std::mem::take(&mut agent.steering).into_iter().filter(|steering| steering.told.is_empty()) {
        let detail = "it ended before it could be told".to_owned();
        agents.record(Some(who), EventKind::Outcome { request: steering.request, ok: false, detail }, effects);
    }
}

/// What lies ahead once more is said no longer.
pub(in crate::decide) fn forget_steering(agents: &mut Agents, accounts: &Accounts, id: AccountId) {
    let account = &accounts[id];
    for agent in agents.values_mut() {
        agent.steering.retain(|steering| {
            let Source::Step { account: of, step } = steering.source else { return true };
            of != id || account.still_behind(Some(step)) == Some(step)
        });
    }
}
