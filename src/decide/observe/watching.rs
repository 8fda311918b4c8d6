//! Codexes come and are seen, or are not, and what follows from that.

use crate::model::event::{GateReach, UNOBSERVED};
use crate::model::{ProcessIdentity, ThreadId};

use crate::decide::accounts::{Accounts, Spenders};
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::State;
use crate::decide::agents::{Agent, Agents, Begins};
use crate::decide::context::Context;
use crate::decide::evaluate::budgets;
use crate::decide::message::{Effect, Effects, Timer, Works};
use crate::decide::observe::Observed;
use crate::decide::people::released;

/// A Codex runs in the agent's tree.
pub(in crate::decide) fn codex_seen(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    (process, works): (ProcessIdentity, Works),
    (ephemeral, tells): (bool, bool),
) {
    let enforces = accounts.enforces();
    let expects = enforces || cx.fixed.warns_of_unobserved();
    let agent = &mut agents[who];
    if agent.state == State::Gone {
        return;
    }
    if agent.codexes.contains_key(&process) {
        return;
    }
    let hides = !tells && (ephemeral || works == Works::ForOthers && enforces);
    let known = match works {
        _ if hides => Observed::Told,
        _ if ephemeral => Observed::NotYet,
        Works::AtOnce => Observed::NotYet,
        Works::WhenTyped => Observed::NotExpected,
        Works::ForOthers if tells => Observed::Serves,
        Works::ForOthers => Observed::Unsure,
    };
    let has_others = !agent.codexes.is_empty();
    agent.codexes.insert(process, known);
    agent.newest = Some(process);
    let pid = process.pid;
    if hides {
        let what = if ephemeral {
            "keeps no session file (`--ephemeral`, or threads in memory)"
        } else {
            "serves other programs without govern's hooks (`govern hooks install` gives it them), so that a thread \
             without a session file would not be seen"
        };
        unobservable(cx, agents, accounts, effects, who, format!("codex (process {pid}) {what}"));
    } else if works == Works::AtOnce && expects {
        effects.push(Effect::Arm(Timer::Observe(agents.name(who).clone(), process), cx.fixed.observe_within));
    }
    if has_others {
        budgets::evaluate(cx, agents, accounts, effects, who);
    }
}

/// A Codex that does not ask here before is about to ask its model: a limit that this would pass ends it before.
pub(in crate::decide) fn codex_begins(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    begins: Begins,
) {
    let by = Spenders::of(cx.fixed, agents);
    accounts.open_named(cx, &by, who, begins.thread.as_ref(), begins.model.as_ref());
    agents[who].begins = Some(begins);
    budgets::evaluate(cx, agents, accounts, effects, who);
}

/// A Codex works for a thread of which nothing else tells. Of one that is known to hide, that is no news.
pub(in crate::decide) fn stranger(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    codex: ProcessIdentity,
    thread: &ThreadId,
) {
    let agent = &mut agents[who];
    if agent.state == State::Gone {
        return;
    }
    if agent.codexes.insert(codex, Observed::Told) == Some(Observed::Told) {
        return;
    }
    let pid = codex.pid;
    let what =
        format!("codex (process {pid}) works for thread {thread}, which neither a session file nor a hook tells of");
    unobservable(cx, agents, accounts, effects, who, what);
}

/// Nothing of a Codex was seen, and nothing will be: told once.
pub(in crate::decide) fn hides(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    codex: ProcessIdentity,
    what: String,
) {
    let agent = &mut agents[who];
    let Some(known) = agent.codexes.get_mut(&codex) else { return };
    if agent.state != State::Gone && known.is_awaited() {
        *known = Observed::Told;
        unobservable(cx, agents, accounts, effects, who, what);
    }
}

/// What a Codex spends can be seen, whether its thread is new or goes on in a file that was known before.
pub(in crate::decide) fn codex_observed(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    process: ProcessIdentity,
) {
    let agent = &mut agents[who];
    let is_another = !agent.codexes.is_empty() && !agent.codexes.contains_key(&process);
    let known = agent.codexes.entry(process).or_insert(Observed::Yes);
    let is_sure = !matches!(known, Observed::Unsure | Observed::Partly);
    *known = if is_sure { Observed::Yes } else { Observed::Partly };
    if is_another {
        budgets::evaluate(cx, agents, accounts, effects, who);
    }
}

/// A Codex that has sent nothing has spent nothing: there is nothing to be seen of it.
pub(in crate::decide) fn asked_nothing(agents: &mut Agents, who: AgentId) {
    let agent = &mut agents[who];
    let uncalled: Vec<ThreadId> = agent.lost_uncalled().cloned().collect();
    uncalled.iter().for_each(|thread| agent.begins_only_now(thread));
    if !was_never_asked(&agents[who]) {
        return;
    }
    agents[who].codexes.values_mut().for_each(|known| *known = Observed::Yes);
}

/// The time in which a Codex had to be observed is over.
pub(in crate::decide) fn observation_is_late(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    process: ProcessIdentity,
) {
    let agent = &mut agents[who];
    let lives = agent.state != State::Gone;
    let known = agent.codexes.get_mut(&process);
    if let Some(known) = known.filter(|known| lives && **known == Observed::NotYet) {
        *known = Observed::Told;
        let (pid, seconds) = (process.pid, cx.fixed.observe_within.as_secs());
        unobservable(
            cx,
            agents,
            accounts,
            effects,
            who,
            format!("codex (process {pid}) wrote no session file within {seconds} s"),
        );
    }
}

/// The agent's command has ended, by itself or by govern: all that was written is read. A Codex that worked in it
/// without being seen may have spent something.
pub(in crate::decide) fn unobserved_at_end(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    let expects = accounts.enforces() || cx.fixed.warns_of_unobserved();
    let agent = &mut agents[who];
    let unseen = agent.codexes.iter_mut().filter_map(|(process, known)| {
        let what = known.unseen_at_end(expects)?;
        *known = Observed::Told;
        Some(format!("codex (process {}) {what} {UNOBSERVED}", process.pid))
    });
    for what in unseen.collect::<Vec<_>>() {
        agents.mark(Some(who), what.clone(), effects);
        agents.say(who, &what, effects);
    }
}

/// Something of the agent cannot be seen.
pub(in crate::decide) fn unobservable(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    what: String,
) {
    if accounts.enforces() {
        released::stop_because(
            cx,
            agents,
            accounts,
            effects,
            who,
            format!("{what}: under a limit what cannot be observed is stopped"),
        );
    } else {
        agents.mark(Some(who), format!("{what}: its spend {UNOBSERVED}"), effects);
        let unjudged = if cx.fixed.warns_of_unobserved() {
            ", and no alert can judge it: what the policy would hold or end goes on"
        } else {
            ""
        };
        agents.say(who, &format!("{what}: its spend is not counted{unjudged}"), effects);
    }
}

/// What a Codex does is not counted before it is done: no limit on it could be kept. One on what it spends can.
pub(in crate::decide) fn uncounted(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    what: &str,
) {
    if cx.policy.counts_by_hooks() {
        let because =
            format!("{what}, so its tool calls and sub-agents cannot be counted: under a limit on them it is stopped");
        released::stop_because(cx, agents, accounts, effects, who, because);
    }
}

/// Somebody else than its Codex has changed a session file: what it tells is no proof any more.
pub(in crate::decide) fn altered(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    what: String,
) {
    if accounts.enforces() {
        released::stop_because(
            cx,
            agents,
            accounts,
            effects,
            who,
            format!("{what}: under a limit what cannot be observed is stopped"),
        );
    } else {
        agents.mark(Some(who), format!("{what}; what is written to it is counted"), effects);
        agents.say(who, &format!("{what}; what is written to it is counted"), effects);
    }
}

pub(in crate::decide) fn was_never_asked(agent: &Agent) -> bool {
    let is_unseen = |known: &Observed| matches!(known, Observed::NotYet | Observed::NotExpected);
    let unseen = !agent.codexes.is_empty() && agent.codexes.values().all(is_unseen);
    unseen && agent.gate.reach() < Some(GateReach::Requests)
}
