//! Threads are barred, and their families told.

use std::collections::BTreeSet;

use crate::model::event::{Decision, EventKind};
use crate::model::{Dimension, ThreadId, Verb};

use crate::decide::accounts::Accounts;
use crate::decide::accounts::ids::AccountId;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::{Agent, Agents};
use crate::decide::barred::{Bar, BarTold, Spent};
use crate::decide::context::Context;
use crate::decide::evaluate::binding;
use crate::decide::evaluate::due::{Due, Source};
use crate::decide::gate::Gate;
use crate::decide::message::{Effect, Effects, HookId, Phase, Wants};

impl Gate {
    /// Nothing is asked on this thread.
    pub(in crate::decide) fn is_barred(&self, thread: &ThreadId, wants: &Wants) -> bool {
        (wants.spends() || *wants == Wants::Turn) && self.barred.contains_key(thread)
    }
}

/// Nothing more is asked on this thread. Its family is told at the next hooks that can carry it.
pub(in crate::decide) fn bar(
    agents: &mut Agents,
    accounts: &Accounts,
    effects: &mut Effects,
    who: AgentId,
    thread: &ThreadId,
    because: String,
    account: Option<AccountId>,
) {
    let limit = account.map(|id| Spent::of(id, &accounts[id]));
    let agent = &mut agents[who];
    let entry = agent.threads.entry(thread.clone()).or_default();
    // It asks for nothing, so that nothing is kept for it, and its agent may rest.
    entry.phase = Phase::Idle;
    let subject = if entry.is_sub_agent(thread) { format!("sub-agent {thread}") } else { "held".to_owned() };
    let said = agent.gate.barred.get(thread).is_some_and(|bar| bar.because == because);
    let told = BTreeSet::from([thread.clone()]);
    agent.gate.barred.insert(thread.clone(), Bar { because: because.clone(), limit, told });
    // Whoever typed a prompt reads the reason with its refusal.
    let reads = subject == "held" && !agent.gate.turns_of(thread).is_empty();
    if !said {
        let what = format!("{subject}: {because}: nothing more is asked of a model there");
        agents.mark(Some(who), what.clone(), effects);
        if !reads {
            agents.say(who, &what, effects);
        }
    }
    refuse_turns(agents, effects, who, thread);
}

/// A prompt can be refused with the reason; a request can only wait.
fn refuse_turns(agents: &mut Agents, effects: &mut Effects, who: AgentId, thread: &ThreadId) {
    let agent = &mut agents[who];
    let Some(because) = agent.gate.barred.get(thread).map(|bar| bar.because.clone()) else { return };
    for hook in agent.gate.turns_of(thread) {
        agent.gate.take(hook);
        effects.push(Effect::Answer { hook, deny: Some(format!("govern: {because}")) });
    }
}

/// The thread asks for a model that is allowed.
pub(in crate::decide) fn unbar_model(agents: &mut Agents, who: AgentId, thread: &ThreadId) {
    let agent = &mut agents[who];
    if agent.gate.barred.get(thread).is_some_and(|bar| bar.limit.is_none()) {
        agent.gate.barred.remove(thread);
    }
}

/// Limits that were lifted, or whose window has moved on, bar nothing any more.
pub(in crate::decide) fn unbar_limits(cx: &Context<'_>, agents: &mut Agents, accounts: &Accounts, who: AgentId) {
    let accounts = &accounts;
    let over = |bar: &Bar| bar.limit.is_some_and(|limit| limit.is_over(&accounts[limit.account], cx.now.wall));
    let agent = &mut agents[who];
    let open: Vec<ThreadId> =
        agent.gate.barred.iter().filter(|(_, bar)| over(bar)).map(|(thread, _)| thread.clone()).collect();
    for thread in open {
        agent.gate.barred.remove(&thread);
        if agent.gate.has(&thread) {
            agent.threads.entry(thread).or_default().phase = Phase::InFlight;
        }
    }
}

/// Takes out the steps that end a sub-agent by a limit of its own thread, and ends that one's way alone.
pub(in crate::decide) fn end_threads_of_their_own(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &Accounts,
    effects: &mut Effects,
    who: AgentId,
    due: Vec<Due>,
) -> Vec<Due> {
    let mut rest = Vec::new();
    for due in due {
        let Some((account, thread)) = thread_of(cx, agents, accounts, who, &due) else {
            rest.push(due);
            continue;
        };
        let barred = |agent: &Agent| agent.gate.barred.contains_key(&thread);
        if barred(&agents[who]) {
            continue;
        }
        record_end(agents, accounts, effects, who, &due, account);
        bar(agents, accounts, effects, who, &thread, due.because, Some(account));
    }
    rest
}

/// The sub-agent's thread that a step ends, and nothing else.
fn thread_of(
    cx: &Context<'_>,
    agents: &Agents,
    accounts: &Accounts,
    who: AgentId,
    due: &Due,
) -> Option<(AccountId, ThreadId)> {
    let Source::Step { account: of, .. } = due.source else { return None };
    if due.verb != Verb::Stop || binding::observes(cx, accounts, due.source) {
        return None;
    }
    let account = &accounts[of];
    let place = account.per.iter().position(|dimension| *dimension == Dimension::Thread)?;
    let id = ThreadId::new(account.values.get(place)?.clone()?);
    let agent = &agents[who];
    let thread = agent.threads.get(&id)?;
    agent.ends_alone(&id, thread).then_some((of, id))
}

fn record_end(
    agents: &Agents,
    accounts: &Accounts,
    effects: &mut Effects,
    who: AgentId,
    due: &Due,
    account: AccountId,
) {
    let account = &accounts[account];
    let decision = Decision {
        verb: due.verb,
        budget: account.key.budget.clone(),
        scope: account.key.scope.clone(),
        alert: None,
        because: vec![due.because.clone()],
        would: false,
        to: None,
        chosen: due.chosen.clone(),
        wrap_up: None,
    };
    agents.record(Some(who), EventKind::Decided(decision), effects);
}

/// Tells a thread of those beside it that will not go on.
pub(in crate::decide) fn tell_of_bars(
    agents: &mut Agents,
    effects: &mut Effects,
    who: AgentId,
    hook: HookId,
    thread: &ThreadId,
) {
    let agent = &mut agents[who];
    let family = |id: &ThreadId| agent.threads.get(id).and_then(|thread| thread.root.clone());
    let own = family(thread);
    let beside: Vec<ThreadId> = agent.gate.barred.keys().filter(|id| family(id) == own).cloned().collect();
    for id in beside {
        let Some(bar) = agent.gate.barred.get_mut(&id) else { continue };
        if !bar.told.insert(thread.clone()) {
            continue;
        }
        let text = format!(
            "govern: sub-agent {id} will not go on: {}. Do not wait for it: close it, and go on without it.",
            bar.because
        );
        effects.push(Effect::Tell { hook, text });
    }
}

/// The agent's threads on which nothing more is asked.
pub(in crate::decide) fn bars(agent: &Agent) -> Vec<(ThreadId, BarTold)> {
    let told = |bar: &Bar| BarTold { because: bar.because.clone(), told: bar.told.clone() };
    agent.gate.barred.iter().map(|(thread, bar)| (thread.clone(), told(bar))).collect()
}
