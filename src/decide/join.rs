//! A governor that comes to a session which is under way: each hook of an installed Codex has one of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::event::{EventKind, GateReach};
use crate::model::{AgentName, Cost, Response, ThreadId, Verb};
use crate::policy::rule::{Step, StepId};

use crate::decide::accounts::account::Account;
use crate::decide::accounts::{Accounts, Spenders, minutes};
use crate::decide::admission::Admission;
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::State;
use crate::decide::barred::{Bar, BarTold};
use crate::decide::context::Context;
use crate::decide::evaluate::binding;
use crate::decide::evaluate::due::Source;
use crate::decide::evaluate::throttle::Throttle;
use crate::decide::evaluate::wrap_up;
use crate::decide::message::{Effect, Effects, Phase};
use crate::decide::people::released;
use crate::decide::{models, starting};

/// A session as it stands when a hook comes to it.
#[derive(Clone, Debug)]
pub struct Joined {
    /// The agent.
    pub agent: AgentName,
    /// Its root thread.
    pub root: ThreadId,
    /// Nothing was decided about it before.
    pub begins: bool,
    /// Its threads.
    pub threads: Vec<JoinedThread>,
    /// What it was answered before it was a run of its own, or while it was: an import took it.
    pub imported: Vec<Response>,
    /// What it was answered within the time that throttles look back, oldest first.
    pub paced: Vec<Response>,
    /// The first answers of the agent's last runs, the newest first; none where it was answered in this one.
    pub firsts: Vec<Response>,
    /// What went past the gate of this Codex before.
    pub broken: Option<String>,
    /// The hook that comes spends nothing, and begins nothing that does: hard steps wait for one that does.
    pub defers: bool,
    /// How long each agent of the session was active when the hook before this one came.
    pub active: BTreeMap<AgentName, Duration>,
    /// How long its agent was active since.
    pub passed: Duration,
}

/// A thread of such a session.
#[derive(Clone, Debug)]
pub struct JoinedThread {
    /// Which.
    pub thread: ThreadId,
    /// How it stands.
    pub phase: Phase,
    /// It asks before its requests.
    pub gated: bool,
    /// It writes a session file.
    pub has_file: bool,
    /// Codex names its requests.
    pub named: bool,
    /// What was let through of it and has no answer yet.
    pub admission: Admission,
    /// When that was, by uptime.
    pub sent: Option<Duration>,
    /// Its last responses, oldest first: they foretell its next one. None for one that was never answered.
    pub recent: Vec<Response>,
    /// Nothing more was asked on it when its last hook came; `None` for the thread whose hook comes now, which is judged
    /// anew.
    pub barred: Option<BarTold>,
}

/// Joins a session that is under way: what was spent is in the books. Mild steps that lie behind were carried out
/// by those who saw them reached, unless the session `begins`. Nobody else is held: what waits is the one hook.
pub(super) fn join(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    joined: Joined,
) {
    let Some(who) = agents.id(&joined.agent) else { return };
    (accounts.defers, accounts.defers_time) = (joined.defers, joined.defers);
    accounts.open_current(cx, &Spenders::of(cx.fixed, agents), who);
    for response in joined.threads.iter().flat_map(|thread| &thread.recent) {
        accounts.open_for_answer(cx, response, who);
    }
    for response in &joined.imported {
        accounts.charge_beside(cx, response, response, Some(who));
    }
    let last = joined.threads.iter().flat_map(|thread| &thread.recent).max_by_key(|last| last.at).cloned();
    // The hook before this one has claimed what it let through.
    accounts.iter_mut().for_each(|account| account.is_claimed_so = false);
    take_over(cx, agents, accounts, who, &joined);
    agents[who].cost = cx.books.cost(cx.run, &joined.agent);
    minutes::count(accounts, cx, &Spenders::of(cx.fixed, agents));
    wrap_up::recall(cx, accounts);
    if joined.begins {
        agents.record(Some(who), EventKind::Gated { reach: GateReach::Requests }, effects);
        say_unseen(cx, agents, effects, who);
        starting::say_nobody(cx, accounts, effects);
    } else {
        pass_steps(agents, accounts, who);
    }
    agents[who].was_active(joined.passed);
    if let Some(what) = joined.broken.filter(|_| binding::gates(cx.policy, accounts)) {
        released::stop_because(cx, agents, accounts, effects, who, what);
    }
    // What had no price when it was recorded may have one by now.
    if let Some(last) = last {
        let cost = last.model.as_ref().map_or(last.cost, |model| cx.quoted(model, &last));
        let last = Response { cost: if last.cost == Cost::Unpriced { cost } else { last.cost }, ..last };
        models::refuse_unpriced(cx, agents, accounts, effects, who, &last);
    }
}

/// What only one who stays with the agent looks at.
pub(in crate::decide) fn say_unseen(cx: &Context<'_>, agents: &Agents, effects: &mut Effects, who: AgentId) {
    let mut alerts: Vec<&str> = cx.fixed.alerts.iter().map(|alert| alert.name.as_str()).collect();
    alerts.dedup();
    if alerts.is_empty() {
        return;
    }
    let names = alerts.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let what = format!("only `govern run` looks at alerts and at what is used of a plan, and not here: {names}");
    effects.push(Effect::Say(what.clone()));
    agents.mark(Some(who), what, effects);
}

/// The agent is as its session is.
pub(in crate::decide) fn take_over(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    who: AgentId,
    joined: &Joined,
) {
    let agent = &mut agents[who];
    agent.state = State::Running;
    let mut active = joined.active.clone();
    agent.was_active(active.remove(&joined.agent).unwrap_or_default());
    accounts.over_before = active;
    agent.resume_clock(cx.now.uptime);
    agent.gate.trust(joined.threads.iter().any(|known| known.gated).then(|| joined.root.clone()));
    for response in &joined.paced {
        agent.pace.recalls(cx.now, response);
    }
    for known in &joined.threads {
        known.recent.iter().for_each(|response| agent.note(response));
        if let Some(sent) = known.sent {
            agent.pace.sends(sent.min(cx.now.uptime), &known.thread);
        }
        let thread = agent.threads.entry(known.thread.clone()).or_default();
        (thread.phase, thread.gated, thread.has_file) = (known.phase, known.gated, known.has_file);
        (thread.is_named, thread.is_told) = (known.named, known.named);
        thread.admission.clone_from(&known.admission);
        thread.root = Some(joined.root.clone());
        if let Some(bar) = &known.barred {
            agent.gate.barred.insert(known.thread.clone(), Bar::of_another_hook(bar));
        }
    }
    agent.root = Some(joined.root.clone());
    agent.firsts.clone_from(&joined.firsts);
    // A turn that others saw begin.
    agent.began_spent = agent.turn_under_way().then(BTreeSet::new);
}

/// Mild steps that lie behind were carried out; a throttle goes on.
pub(in crate::decide) fn pass_steps(agents: &mut Agents, accounts: &mut Accounts, who: AgentId) {
    for id in accounts.ids() {
        let account = &mut accounts[id];
        account.pass_mild_steps();
        let agent = &mut agents[who];
        if let Some((step, throttle)) = throttle_behind(account) {
            agent.throttles.insert(Source::Step { account: id, step }, throttle);
            agent.fired.insert(id, step);
        }
    }
}

/// The throttle that is in force for what was spent, and its step's place.
fn throttle_behind(account: &Account) -> Option<(StepId, Throttle)> {
    let behind = |step: &Step| step.at.amount(account.limit()) <= account.spent;
    let (id, step) = account.rule.own_steps().rfind(|(_, step)| step.verb == Verb::Throttle && behind(step))?;
    Some((id, Throttle::under_way(step.to?, account.show(0))))
}
