//! What hooks tell of requests after they were let through, and what it means where nothing is told.

use crate::model::{Dimension, Response, Source, ThreadId};
use crate::policy::gate;

use crate::decide::accounts::Accounts;
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::State;
use crate::decide::agents::thread::Thread;
use crate::decide::context::Context;
use crate::decide::evaluate::budgets;
use crate::decide::message::{Effects, HookId, Judged, Phase, Used, Wants};
use crate::decide::observe::watching;
use crate::decide::people::released;
use crate::decide::reserving::closing;

impl Thread {
    /// Why what the thread does now, or has done until a turn's end, is not known, if it is not: it writes no session
    /// file, and this Codex does not tell of it.
    pub(super) fn unseen(&self, wants: &Wants, ends: bool) -> Option<&'static str> {
        let compacts = *wants == Wants::Compaction;
        let works = ends || matches!(wants, Wants::Tool(_));
        match self.has_file {
            true => None,
            // 0.169 tells of no compaction, and names no request.
            false if compacts && !self.is_named => Some("does not tell what a compaction uses"),
            false if works && !self.gated => Some("does not ask before its requests"),
            false => None,
        }
    }
}

/// A hook told of a response: whether the turn goes on is not known before something more is heard of the thread.
pub(in crate::decide) fn answered_by_hook(agents: &mut Agents, who: AgentId, response: &Response) {
    let agent = &mut agents[who];
    if response.source != Source::Hook {
        return;
    }
    let works = agent.gate.keeps(&response.thread);
    let Some(thread) = agent.threads.get_mut(&response.thread) else { return };
    thread.is_told = true;
    if thread.phase == Phase::InFlight {
        thread.phase = if works { Phase::Tools } else { Phase::Answered };
    }
}

/// A request was answered, and what it used is not known: nothing of it is waited for.
pub(in crate::decide) fn answered_untold(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    thread: &ThreadId,
) {
    let agent = &mut agents[who];
    agent.gate.recorded(thread);
    let works = agent.gate.keeps(thread);
    let is_first = agent.threads.get_mut(thread).is_none_or(|known| {
        known.is_told = true;
        known.admission.fails();
        closing::close(known, effects, Used::Unknown);
        if known.phase == Phase::InFlight {
            known.phase = if works { Phase::Tools } else { Phase::Answered };
        }
        !std::mem::replace(&mut known.is_untold, true)
    });
    if is_first {
        watching::unobservable(
            cx,
            agents,
            accounts,
            effects,
            who,
            format!("the provider of thread {thread} did not tell what a request used"),
        );
    }
    budgets::evaluate(cx, agents, accounts, effects, who);
}

/// A request failed: it adds nothing, and nothing of it is waited for. One whose answer broke off was perhaps served.
pub(in crate::decide) fn request_failed(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    (who, thread): (AgentId, &ThreadId),
    cut_off: bool,
) {
    let agent = &mut agents[who];
    // What was not let through was not served.
    let sent = |known: &Thread| known.admission.is_open() || !(known.gated || agent.asks_first(known));
    let lost = cut_off && agent.threads.get(thread).is_none_or(sent);
    if lost {
        agent.lose(thread);
    }
    agent.gate.recorded(thread);
    agent.pace.takes_back(thread);
    let waits = agent.gate.keeps_from_asking(thread);
    let Some(known) = agent.threads.get_mut(thread) else { return };
    known.is_told = true;
    known.admission.fails();
    closing::close(known, effects, if lost { Used::Unknown } else { Used::Nothing });
    if known.phase == Phase::InFlight && !waits {
        known.phase = Phase::Answered;
    }
    budgets::evaluate(cx, agents, accounts, effects, who);
}

/// The session file of a thread shows a request without an answer. Where its Codex asks first, or tells of its requests,
/// that is known better; one that is being ended was looked at when that began.
pub(in crate::decide) fn unanswered(agents: &mut Agents, who: AgentId, thread: &ThreadId) {
    let agent = &mut agents[who];
    let is_known = |known: &Thread| known.is_told || known.admission.is_open() || agent.asks_first(known);
    let over = matches!(agent.state, State::Ending(_) | State::Gone);
    if !over && !agent.threads.get(thread).is_some_and(is_known) {
        agent.lose(thread);
    }
}

/// The answer to the request before this call was waited for long enough: where the thread has a session file, the
/// request has failed. Where only a hook could have told of it, nobody knows.
pub(in crate::decide) fn record_is_late(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    hook: HookId,
) {
    let mut untold = None;
    for agent in agents.values_mut() {
        if !agent.gate.expect_no_record(hook) {
            continue;
        }
        let Some((thread, wants)) = agent.gate.waiting.get(&hook) else { continue };
        let is_untold = |known: &&Thread| !known.has_file && known.admission.is_open() && wants.spends();
        if agent.threads.get(thread).filter(is_untold).is_some() {
            untold = Some((agent.id, thread.clone()));
        }
    }
    if let Some((who, thread)) = untold {
        cannot_be_told(cx, agents, accounts, effects, who, &thread, "did not tell what a request used");
    }
}

/// A tool ran that is one of those that ask first. Codex lets it run once its hook is answered: where it never came here,
/// something else has answered in govern's place, or hooks were turned off for its thread. What could have held it
/// holds nothing then. A Codex that has called no hook at all has none of govern's, which is told by itself.
pub(in crate::decide) fn ran(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    (who, thread): (AgentId, &ThreadId),
    (tool, call): (&str, &str),
    hooked: bool,
) {
    let agent = &mut agents[who];
    if !hooked || agent.gate.may_have_asked(call) {
        return;
    }
    let what = format!("{tool} of thread {thread} ran without asking (call {call}): its hook was kept from govern");
    let value = |dimension: &Dimension| agent.value(cx.run, dimension);
    let gated = gate::concerns(&cx.policy.gates, tool, &value);
    let is_news = agent.gate.told_of.insert(thread.clone());
    if !cx.policy.observe && (gated || cx.policy.counts_by_hooks()) {
        agent.gate.broken = true;
        if agent.is_live() {
            let because = format!("{what}, so gates and limits on tools hold nothing: it is stopped");
            return released::stop_because(cx, agents, accounts, effects, who, because);
        }
    }
    if is_news {
        agents.mark(Some(who), what.clone(), effects);
        agents.say(who, &what, effects);
    }
}

/// A tool ran that is not what its hook has asked about: Codex lets a hook of the user's, or of the agent's own, change
/// the input of a tool, and tells the others of the first one only. What ran is judged once more; where a gate is in
/// its way, nothing holds that agent any more.
pub(in crate::decide) fn ran_otherwise(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    (who, thread): (AgentId, &ThreadId),
    (tool, call): (&str, &str),
    judged: Option<&Judged>,
) {
    let agent = &mut agents[who];
    let changed = format!(
        "{tool} of thread {thread} ran with another command than was judged (call {call}): another hook has changed it"
    );
    let is_news = agent.gate.told_of.insert(thread.clone());
    let Some(judged) = judged.filter(|judged| !judged.would && !cx.policy.observe) else {
        if is_news {
            agents.mark(Some(who), changed.clone(), effects);
            agents.say(who, &changed, effects);
        }
        return;
    };
    agent.gate.broken = true;
    let because = format!("{changed}; what ran meets gate `{}` ({})", judged.rule, judged.because);
    if agent.is_live() {
        return released::stop_because(cx, agents, accounts, effects, who, format!("{because}: it is stopped"));
    }
    agents.mark(Some(who), because.clone(), effects);
    agents.say(who, &because, effects);
}

/// A thread without a session file whose spend nobody tells.
pub(in crate::decide) fn cannot_be_told(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    thread: &ThreadId,
    what: &str,
) {
    let known = agents[who].threads.get_mut(thread);
    if known.is_some_and(|known| !std::mem::replace(&mut known.is_untold, true)) {
        watching::unobservable(
            cx,
            agents,
            accounts,
            effects,
            who,
            format!("thread {thread} writes no session file, and its Codex {what}"),
        );
    }
}
