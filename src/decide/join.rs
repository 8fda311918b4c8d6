//! Pure. A governor that comes to a session which is under way: each hook of an installed Codex has one of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use crate::model::event::{EventKind, GateReach};
use crate::model::{AgentName, Cost, Dimension, Response, ThreadId, Timestamp, Verb};
use crate::policy::rule::{Step, StepId};

use super::accounts::Spenders;
use super::accounts::account::{Account, Books};
use super::admission::Admission;
use super::agents::ids::AgentId;
use super::agents::lifecycle::State;
use super::bar::{Bar, BarTold};
use super::context::Context;
use super::governor::Governor;
use super::message::{Effect, Moment, Phase};
use crate::decide::evaluate::alerts::Alerts;
use crate::decide::evaluate::due::Source;
use crate::decide::evaluate::throttle::Throttle;

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

impl Governor {
    /// Joins a session that is under way: what was spent is in the books. Mild steps that lie behind were carried out
    /// by those who saw them reached, unless the session `begins`. Nobody else is held: what waits is the one hook.
    pub fn join(&mut self, now: Moment, joined: Joined, books: &dyn Books) {
        let fixed = Rc::clone(&self.fixed);
        let cx = &fixed.at(now, books);
        let Some(who) = self.agents.id(&joined.agent) else { return };
        (self.defers, self.defers_time) = (joined.defers, joined.defers);
        self.accounts.open_current(cx, &Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref()), who);
        for response in joined.threads.iter().flat_map(|thread| &thread.recent) {
            self.open_late(cx, response, now.wall, who);
        }
        for response in &joined.imported {
            self.accounts.charge_beside(cx, response, response, Some(who));
        }
        let last = joined.threads.iter().flat_map(|thread| &thread.recent).max_by_key(|last| last.at).cloned();
        // The hook before this one has claimed what it let through.
        self.accounts.iter_mut().for_each(|account| account.is_claimed_so = false);
        self.take_over(cx, who, &joined);
        self.agents[who].cost = books.cost(&self.fixed.run, &joined.agent);
        self.count_minutes(cx);
        if joined.begins {
            self.record(Some(who), EventKind::Gated { reach: GateReach::Requests });
            self.say_unseen(who);
            self.say_nobody();
        } else {
            self.pass_steps(who);
        }
        self.agents[who].was_active(joined.passed);
        // What goes wrong and what was said of it, only one who stays with the agent can know.
        self.alerts = Alerts::default();
        if let Some(what) = joined.broken.filter(|_| self.gates()) {
            self.stop_because(cx, who, what);
        }
        // What had no price when it was recorded may have one by now.
        if let Some(last) = last {
            let cost = last.model.as_ref().map_or(last.cost, |model| self.fixed.quoted(model, &last));
            let last = Response { cost: if last.cost == Cost::Unpriced { cost } else { last.cost }, ..last };
            self.refuse_unpriced(cx, who, &last);
        }
    }

    /// What only one who stays with the agent looks at.
    fn say_unseen(&mut self, who: AgentId) {
        let mut alerts: Vec<&str> = self.alerts.iter().map(|alert| alert.name.as_str()).collect();
        alerts.dedup();
        if alerts.is_empty() {
            return;
        }
        let names = alerts.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let what = format!("only `govern run` looks at alerts and at what is used of a plan, and not here: {names}");
        self.effects.push(Effect::Say(what.clone()));
        self.mark(Some(who), what);
    }

    /// Others have counted how long an agent was active, until now.
    pub fn was_active(&mut self, now: Moment, name: &AgentName, active: Duration) {
        self.of(name, |own, who| own.agents[who].has_been_active(active, now.uptime));
    }

    /// The agent is as its session is.
    fn take_over(&mut self, cx: &Context<'_>, who: AgentId, joined: &Joined) {
        let agent = &mut self.agents[who];
        agent.state = State::Running;
        let mut active = joined.active.clone();
        agent.was_active(active.remove(&joined.agent).unwrap_or_default());
        self.accounts.over_before = active;
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
    fn pass_steps(&mut self, who: AgentId) {
        for id in self.accounts.ids() {
            let account = &mut self.accounts[id];
            account.pass_mild_steps();
            let agent = &mut self.agents[who];
            if let Some((step, throttle)) = throttle_behind(account) {
                agent.throttles.insert(Source::Step { account: id, step }, throttle);
                agent.fired.insert(id, step);
            }
        }
    }

    /// Opens the accounts of this moment that only an answer tells of: of its model, of its thread.
    fn open_late(&mut self, cx: &Context<'_>, response: &Response, now: Timestamp, who: AgentId) {
        let late = |dimension: &Dimension| matches!(dimension, Dimension::Thread | Dimension::Model);
        let budgets = self.accounts.rules().iter();
        let value = |dimension: &Dimension| response.get(dimension).map(str::to_owned);
        let places: Vec<Account> = budgets
            .filter(|budget| budget.per.iter().any(late))
            .filter_map(|budget| Account::place(budget, cx.policy.timezone, now, value))
            .collect();
        for place in places {
            self.accounts.open(cx, place, who);
        }
    }
}

/// The throttle that is in force for what was spent, and its step's place.
fn throttle_behind(account: &Account) -> Option<(StepId, Throttle)> {
    let behind = |step: &Step| step.at.amount(account.limit()) <= account.spent;
    let (id, step) = account.rule.own_steps().rfind(|(_, step)| step.verb == Verb::Throttle && behind(step))?;
    Some((id, Throttle::under_way(step.to?, account.show(0))))
}
