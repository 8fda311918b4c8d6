//! Pure. The governor: `handle(now, input) → effects`. It owns all that a run decides by.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::clocks::Clocks;
use crate::model::event::EventKind;
use crate::model::{AgentName, ApprovalId, Braked, BudgetName, Response, RunId, ThreadId, Verb};
use crate::policy::rule::{Alert, Policy, Rung};

use super::accounts::account::{Account, Books};
use super::accounts::pool::Allotments;
use super::accounts::{Accounts, Recorded, Spenders};
use super::agent::{Agent, AgentSetup, Hold};
use super::before::Before;
use super::consult::Adviser;
use super::context::Context;
use super::context::Fixed;
use super::effect::{Effect, Effects, Question};
use super::input::{Input, Interrupt, Moment, Phase, Timer};
use super::ladder;
use super::lifecycle::{Happening, Intent, State};
use super::lift::{Lift, Lifted};
use super::pace::Pace;
use super::reach::Nobody;

pub use super::context::Quoter;

/// All that a governor is made of.
pub struct Setup {
    /// The run.
    pub run: RunId,
    /// What it obeys.
    pub policy: Arc<Policy>,
    /// Whom it governs.
    pub agents: Vec<AgentSetup>,
    /// How many of them may work at once; `None`: all that are ready.
    pub concurrency: Option<NonZeroUsize>,
    /// Why nobody can be asked; `None`: somebody can.
    pub nobody: Option<Nobody>,
    /// Prices for what-if.
    pub quote: Quoter,
    /// A limit that a person lifted before the run goes on.
    pub lift: Option<Lift>,
    /// What is known before it begins.
    pub before: Before,
}

/// Decides for one run. Holds no clock, no file, no process.
pub struct Governor {
    pub(super) fixed: Rc<Fixed>,
    /// The policy's alerts, as far as this governor looks at any.
    pub(super) alerts: Arc<[Alert]>,
    pub(super) observe_within: Duration,
    pub(super) lift: Option<Lift>,
    pub(super) lifted: Option<Lifted>,
    pub(super) history: Vec<Response>,
    /// Questions to the governor model that had no answer before the run went on.
    pub(super) unanswered: u32,
    pub(super) agents: BTreeMap<AgentName, Agent>,
    /// As they were named.
    pub(super) order: Vec<AgentName>,
    pub(super) concurrency: Option<NonZeroUsize>,
    /// Agents may be started.
    pub(super) begun: bool,
    /// Nothing is started any more.
    pub(super) interrupted: Option<Interrupt>,
    pub(super) accounts: Accounts,
    /// A model that can be asked where the rule is not sure.
    pub(super) adviser: Option<Box<Adviser>>,
    /// A request that others' claims leave no room for waits for them.
    pub(super) patient: bool,
    pub(super) requests: u64,
    pub(super) last_hard: Option<BudgetName>,
    /// The account that keeps the run from starting, by its place.
    pub(super) refused_by: Option<usize>,
    /// The budget at whose limit an agent waited that a person ended.
    pub(super) waited_at: Option<BudgetName>,
    /// Hard steps wait: what is judged spends nothing, and somebody will ask before what does.
    pub(super) defers: bool,
    /// So do those of budgets in minutes: what is judged is no tool either.
    pub(super) defers_time: bool,
    pub(super) effects: Effects,
}

impl Governor {
    /// A governor before its run.
    pub fn new(setup: Setup) -> Self {
        let order = setup.agents.iter().map(|agent| agent.name.clone()).collect();
        let Before { responses: history, mut active, mut firsts, unanswered } = setup.before;
        let mut waiting = |setup_of: AgentSetup| {
            let before = active.remove(&setup_of.name).unwrap_or_default();
            let mut agent = Agent::new(setup_of, Pace::of(&setup.policy));
            agent.was_active(before);
            agent.firsts = firsts.remove(&agent.setup.name).unwrap_or_default();
            agent
        };
        let agents = setup.agents.into_iter().map(|agent| (agent.name.clone(), waiting(agent))).collect();
        let mut accounts = Accounts::under(&setup.policy);
        accounts.over_before = active;
        Self {
            alerts: setup.policy.alerts.clone().into(),
            fixed: Rc::new(Fixed { run: setup.run, policy: setup.policy, nobody: setup.nobody, quote: setup.quote }),
            observe_within: Clocks::STANDARD.observe,
            lift: setup.lift,
            lifted: None,
            history,
            unanswered,
            agents,
            order,
            concurrency: setup.concurrency,
            begun: false,
            interrupted: None,
            accounts,
            adviser: None,
            patient: true,
            requests: 0,
            last_hard: None,
            refused_by: None,
            waited_at: None,
            defers: false,
            defers_time: false,
            effects: Effects::default(),
        }
    }

    /// Some budget can hold or end an agent here, so that what cannot be observed is refused or stopped.
    ///
    /// An alert, or a budget over a plan's own limit, does not make it so, however hard it is: it sets no limit on spend
    /// that an unseen response could pass. Whoever writes `idle = "20m"`, `do = "stop"` asks for a stop where something
    /// goes wrong, not for one where nothing can be known. What they cannot judge is said aloud instead
    /// ([`Self::warns_of_unobserved`]), and the agent goes on.
    pub fn enforces(&self) -> bool {
        !self.fixed.policy.observe
            && self
                .accounts
                .rules()
                .iter()
                .any(|budget| !budget.observe && budget.all_steps().any(|step| step.verb >= Verb::Route))
    }

    /// Some alert, or budget over a plan's own limit, could hold or end an agent here, if it sees what it does.
    pub fn warns_of_unobserved(&self) -> bool {
        !self.fixed.policy.observe && self.alerts.iter().any(|alert| !alert.observe && alert.is_hard())
    }

    /// How each budget stands for this run.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter()
    }

    /// The agent by that name.
    pub fn agent(&self, name: &AgentName) -> Option<&Agent> {
        self.agents.get(name)
    }

    /// The question that this approval is about, while somebody is held for it.
    pub fn waits_for(&self, approval: ApprovalId) -> Option<Question> {
        self.question(approval)
    }

    /// The question that holds this agent.
    pub fn held_approval(&self, name: &AgentName) -> Option<ApprovalId> {
        self.agents.get(name)?.held.as_ref()?.approval
    }

    /// The number of this question, while it waits.
    pub fn approval_of(&self, question: &Question) -> Option<ApprovalId> {
        let agent = self.agents.get(&question.agent)?;
        agent
            .gate
            .approval(question)
            .or_else(|| agent.held.as_ref().filter(|hold| hold.question == *question)?.approval)
    }

    /// The budget whose hard step was decided last.
    pub fn last_hard_budget(&self) -> Option<&BudgetName> {
        self.last_hard.as_ref()
    }

    /// How far back throttles look; `None`: the policy has none.
    pub fn pace_span(&self) -> Option<Duration> {
        self.agents.values().find_map(|agent| agent.pace.span())
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.fixed.policy
    }

    /// Takes one input and says what is to be done, in order.
    #[must_use]
    pub fn handle(&mut self, now: Moment, input: Input, books: &dyn Books) -> Vec<Effect> {
        let fixed = Rc::clone(&self.fixed);
        let cx = &fixed.at(now, books);
        self.accounts.recount_for_waiting(cx, &Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref()));
        match input {
            // What it spent is known in a moment: until then nobody else is let through for it.
            Input::Phase { agent, thread, root, phase, by_answer: true } => {
                self.stands(&agent, thread, root, phase);
                return Vec::new();
            }
            Input::Begin => self.begin(cx),
            Input::Launched(agent) => self.launched(cx, &agent),
            Input::Responded(response) => self.responded(cx, &response, Recorded::Here),
            Input::Taken { response, recorded } => {
                self.responded(cx, &response, Recorded::Elsewhere(&recorded));
            }
            Input::Failed { agent, thread, cut_off } => self.request_failed(cx, (&agent, &thread), cut_off),
            Input::Unanswered { agent, thread } => self.unanswered(&agent, &thread),
            Input::Untold { agent, thread } => self.answered_untold(cx, &agent, &thread),
            Input::Phase { agent, thread, root, phase, by_answer: false } => {
                if self.stands(&agent, thread, root, phase) {
                    self.heard(cx, &agent);
                    self.evaluate(cx, &agent);
                }
            }
            Input::Elsewhere(news) => self.elsewhere(cx, news),
            Input::Recount => self.recount(cx),
            Input::Frozen(agent) => self.frozen(cx, &agent),
            Input::Ended(agent) => {
                self.unobserved_at_end(&agent);
                self.outcome(&agent, true, "");
                self.happen(cx, &agent, Happening::Ended);
            }
            Input::Braked { brake, by, reason } => self.braked(cx, brake, &Braked { by, reason, at: now.wall }),
            Input::Paused(pause) => self.paused(cx, pause.as_ref()),
            Input::GateFailed(agent) => self.gate_failed(&agent),
            Input::Exited { agent, leftover, ok } => self.exited(cx, &agent, leftover, ok),
            Input::NotLaunched { agent, because } => self.not_launched(cx, &agent, because),
            Input::Interrupted { how, because } => self.interrupt(cx, how, &because),
            Input::Asked { agent, approval } => self.asked(cx, &agent, approval),
            Input::Answered { approval, answer, by, reason } => {
                self.answered(cx, approval, &answer, &by, reason.as_deref());
            }
            Input::Stranger { agent, codex, thread } => self.stranger(cx, &agent, codex, &thread),
            Input::AskedNothing(agent) => self.asked_nothing(&agent),
            Input::CodexHides { agent, codex, what } => self.hides(cx, &agent, codex, what),
            Input::Blind { agent, what } => self.unobservable(cx, &agent, what),
            Input::Uncounted { agent, what } => self.uncounted(cx, &agent, &what),
            Input::Altered { agent, what } => self.altered(cx, &agent, what),
            Input::Ran { agent, thread, tool, call, hooked } => {
                self.ran(cx, (&agent, &thread), (&tool, &call), hooked);
            }
            Input::GiveUp { agent, because } => {
                let what = format!("{because} while the agent was held");
                self.stop_because(cx, &agent, what);
            }
            Input::CodexSeen { agent, process, ephemeral, tells, works } => {
                self.codex_seen(cx, &agent, process, (ephemeral, tells), works);
            }
            Input::CodexObserved { agent, process } => self.codex_observed(cx, &agent, process),
            Input::Advised { consult, answer } => self.consulted(cx, consult, answer),
            Input::Progress { agent, progress } => self.progressed(cx, &agent, *progress),
            Input::Plan { agent, windows } => self.plan_said(cx, &agent, windows),
            Input::Due(timer) => self.due(cx, timer),
            Input::Hook(hook) => self.at_gate(cx, *hook),
            Input::HookGone { hook, why } => self.left_gate(cx, hook, why),
        }
        self.settle(cx);
        self.schedule(cx);
        if self.accounts.take_freed() {
            self.offer_to_held(cx);
            self.settle(cx);
        }
        if self.settle_room(cx) {
            self.settle(cx);
        }
        if self.accounts.take_lifted_time() {
            self.arm_minutes(cx);
        }
        self.accounts.settle_pools(cx, &Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref()));
        self.note_standings(now.wall);
        self.effects.take()
    }

    fn settle(&mut self, cx: &Context<'_>) {
        self.keep_for_advice(cx);
        for name in self.names() {
            self.keep_paused(cx, &name);
            self.settle_gate(cx, &name);
        }
    }

    fn launched(&mut self, cx: &Context<'_>, agent: &AgentName) {
        self.outcome(agent, true, "");
        self.book_lift(cx);
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.resume_clock(cx.now.uptime);
        }
        self.happen(cx, agent, Happening::Launched);
        self.arm_minutes(cx);
        self.evaluate(cx, agent);
    }

    fn responded(&mut self, cx: &Context<'_>, response: &Response, recorded: Recorded<'_>) {
        if self.adviser_spent(cx, response, recorded) {
            return;
        }
        let Some(name) = response.agent.clone() else { return };
        let Some(agent) = self.agents.get_mut(&name) else { return };
        agent.note(response);
        agent.pace.answered(cx.now.uptime, response);
        agent.watch.answered(cx.now.uptime, response);
        agent.trend.note(agent.active(cx.now.uptime), response);
        if !agent.waits_for_room() {
            agent.room = None;
        }
        let arrived = agent.arriving.take_if(|model| response.model.as_ref() == Some(model));
        if let Some(model) = arrived {
            self.say(&name, &format!("routed to {model}"));
        }
        self.rearm_requests(&name);
        // What an answer tells of the plan comes right after it.
        self.tell_of_unknown_plan(&name, 2);
        self.expect_admitted(cx, &name, response);
        self.answered_by_hook(&name, response);
        self.accounts.charge_as(cx, recorded, response, Some(&name));
        self.accounts.spend_share(&name, response);
        if !self.refuse_unpriced(cx, &name, response) && !self.refuse_model(cx, &name, response) {
            self.evaluate_one(cx, &name);
        }
        self.evaluate_peers(cx, &name);
        self.say_untold(&name);
        self.say_unthrottled(&name);
    }

    /// Notes how a thread stands; says whether that is another way than before.
    fn stands(&mut self, name: &AgentName, thread: ThreadId, root: Option<ThreadId>, phase: Phase) -> bool {
        let Some(agent) = self.agents.get_mut(name) else { return false };
        let entry = agent.threads.entry(thread).or_default();
        entry.root = root.or(entry.root.take());
        std::mem::replace(&mut entry.phase, phase) != phase
    }

    fn heard(&mut self, cx: &Context<'_>, name: &AgentName) {
        if let Some(agent) = self.agents.get_mut(name) {
            agent.watch.heard(cx.now.uptime);
        }
    }

    fn frozen(&mut self, cx: &Context<'_>, name: &AgentName) {
        if self.stilled(name) {
            return;
        }
        let Some(agent) = self.agents.get_mut(name) else { return };
        let State::Freezing(intent) = agent.state else { return };
        agent.pause_clock(cx.now.uptime);
        let safe = agent.in_flight() == 0 && agent.sub_agents_idle();
        let asked = agent.question.as_ref().map(|hold| hold.source);
        self.outcome(name, true, "");
        if let Some(source) = asked.filter(|_| intent == Intent::Ask)
            && !self.still_applies(cx, name, source)
        {
            // Nobody is asked what a lifted limit, or the last records, have answered meanwhile.
            self.release_or_ask_again(cx, name);
        }
        self.happen(cx, name, Happening::Frozen { safe });
        self.reserve(cx, name);
    }

    fn exited(&mut self, cx: &Context<'_>, name: &AgentName, leftover: u32, ok: bool) {
        self.unobserved_at_end(name);
        self.tell_of_unknown_plan(name, 1);
        if leftover > 0 {
            let what = format!("{leftover} Codex process(es) that outlived the command were ended");
            self.mark(Some(name), what);
        }
        if let Some(agent) = self.agents.get_mut(name) {
            agent.pause_clock(cx.now.uptime);
            let early = matches!(agent.state, State::Freezing(_));
            if let Some(Hold { approval: Some(approval), .. }) = agent.held.take() {
                self.effects.push(Effect::Withdraw(approval));
            }
            if early {
                self.outcome(name, false, "its command ended first");
            }
        }
        let barred = |agent: &Agent| agent.gate.has_failed() && !matches!(agent.state, State::Ending(_));
        let happening = match ok {
            _ if self.agents.get(name).is_some_and(barred) => Happening::Ended,
            true => Happening::Exited,
            false if self.may_retry(name) => Happening::Retry,
            false => Happening::Failed,
        };
        if let Some(agent) = self.agents.get_mut(name).filter(|agent| happening == Happening::Retry && agent.is_live())
        {
            agent.because = format!("attempt {} of {} failed", agent.attempt, agent.setup.retries.saturating_add(1));
        }
        self.happen(cx, name, happening);
    }

    fn due(&mut self, cx: &Context<'_>, timer: Timer) {
        match timer {
            Timer::Deadline(approval) => self.deadline(cx, approval),
            Timer::Observe(name, process) => self.observation_is_late(cx, &name, process),
            Timer::Gate(name) => self.expect_at_gate(cx, &name),
            Timer::Drain(name) => self.drain_is_late(&name),
            Timer::Advice(consult) => self.advice_is_late(cx, consult),
            Timer::Minutes => {
                self.arm_minutes(cx);
                for name in self.names() {
                    self.evaluate_one(cx, &name);
                }
            }
            Timer::WindowEnd => self.release_who_fits(cx),
            Timer::Record(hook) => self.record_is_late(cx, hook),
            Timer::Idle(name) => self.evaluate_one(cx, &name),
            Timer::PlanReset(name) => self.plan_reset(cx, &name),
            Timer::Room(name) => self.look_for_room(&name),
            // Who may go on is looked at after every input.
            Timer::Pace(_) => {}
        }
    }

    /// All who spend from the accounts, as they stand.
    pub(super) fn spenders(&self) -> Spenders<'_> {
        Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref())
    }

    /// Claims what the live threads of an agent are likely to add.
    pub(super) fn reserve(&mut self, cx: &Context<'_>, name: &AgentName) {
        let by = Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref());
        self.accounts.reserve(cx, &by, name, &mut self.effects);
    }

    pub(super) fn reserve_all(&mut self, cx: &Context<'_>) {
        for name in self.names() {
            self.reserve(cx, &name);
        }
    }

    /// Looks again when a budget in minutes reaches its next step.
    pub(super) fn arm_minutes(&mut self, cx: &Context<'_>) {
        let by = Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref());
        self.accounts.arm_minutes(cx, &by, &mut self.effects);
    }

    /// Time passes by itself: what budgets in minutes have spent is counted when they are judged.
    pub(super) fn count_minutes(&mut self, cx: &Context<'_>) {
        let by = Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref());
        self.accounts.count_minutes(cx, &by);
    }

    /// The next model down the ladder for this agent that it may go on with.
    pub(super) fn next_rung(&self, agent: &Agent) -> Option<Rung> {
        ladder::next(&self.fixed, agent, self.accounts.counts_money(&self.spenders(), &agent.setup.name))
    }

    /// How each budget that is divided stands.
    pub fn allotments(&self) -> Vec<Allotments> {
        self.accounts.allotments()
    }

    /// Says something of an agent, which is named where there are several.
    pub(super) fn say(&mut self, name: &AgentName, text: &str) {
        let text = if self.agents.len() > 1 { format!("{name}: {text}") } else { text.to_owned() };
        self.effects.push(Effect::Say(text));
    }

    pub(super) fn mark(&mut self, name: Option<&AgentName>, what: String) {
        self.effects.mark(name, what);
    }

    pub(super) fn record(&mut self, name: Option<&AgentName>, kind: EventKind) {
        self.effects.record(name, kind);
    }

    pub(super) fn names(&self) -> Vec<AgentName> {
        self.agents.keys().cloned().collect()
    }
}
