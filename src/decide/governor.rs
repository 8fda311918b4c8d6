//! Pure. The governor: `handle(now, input) → effects`. It owns all that a run decides by.

use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::clocks::Clocks;
use crate::model::event::EventKind;
use crate::model::{AgentName, ApprovalId, Attribution, Braked, BudgetName, Live, Response, RunId, ThreadId, Verb};
use crate::policy::rule::{Policy, Rung};

use super::accounts::account::{Account, Books};
use super::accounts::ids::AccountId;
use super::accounts::pool::Allotments;
use super::accounts::{Accounts, Recorded, Spenders, minutes, tool_calls};
use super::agents::Agents;
use super::agents::ids::AgentId;
use super::agents::lifecycle::{Happening, Intent, State};
use super::agents::{Agent, AgentSetup, Hold};
use super::before::Before;
use super::context::Context;
use super::context::Fixed;
use super::message::{Classed, Effect, Effects, Input, Interrupt, Moment, Phase, Question, Timer};
use super::ways::StartedBy;
use super::{snapshot, ways};
use crate::decide::discretion::advisor::Adviser;
use crate::decide::evaluate::alerts::Alerts;
use crate::decide::evaluate::effective;
use crate::decide::evaluate::throttle::Pace;
use crate::decide::people::lift::{Lift, Lifted};
use crate::decide::people::reach::{Nobody, questions};

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
    pub(super) alerts: Alerts,
    pub(super) observe_within: Duration,
    pub(super) lift: Option<Lift>,
    pub(super) lifted: Option<Lifted>,
    pub(super) history: Vec<Response>,
    /// Questions to the governor model that had no answer before the run went on.
    pub(super) unanswered: u32,
    pub(super) agents: Agents,
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
    /// The account that keeps the run from starting.
    pub(super) refused_by: Option<AccountId>,
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
        let Before { responses: history, mut active, mut firsts, unanswered } = setup.before;
        let agents = Agents::new(setup.agents, |id, setup_of| {
            let before = active.remove(&setup_of.name).unwrap_or_default();
            let mut agent = Agent::new(id, setup_of, Pace::of(&setup.policy));
            agent.was_active(before);
            agent.work = setup.policy.work.said;
            agent.work_is_said = agent.work.is_some();
            agent.firsts = firsts.remove(&agent.setup.name).unwrap_or_default();
            agent
        });
        let mut accounts = Accounts::under(&setup.policy);
        accounts.over_before = active;
        Self {
            alerts: setup.policy.alerts.iter().cloned().collect(),
            fixed: Rc::new(Fixed { run: setup.run, policy: setup.policy, nobody: setup.nobody, quote: setup.quote }),
            observe_within: Clocks::STANDARD.observe,
            lift: setup.lift,
            lifted: None,
            history,
            unanswered,
            agents,
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
        Some(&self.agents[self.agents.id(name)?])
    }

    /// Where the spend of each agent belongs.
    pub fn attributions(&self) -> impl Iterator<Item = &Attribution> {
        self.agents.as_named().map(|agent| &agent.setup.attribution)
    }

    /// The question that this approval is about, while somebody is held for it.
    pub fn waits_for(&self, approval: ApprovalId) -> Option<Question> {
        self.question(approval)
    }

    /// The question that holds this agent.
    pub fn held_approval(&self, name: &AgentName) -> Option<ApprovalId> {
        self.agent(name)?.held.as_ref()?.approval
    }

    /// The number of this question, while it waits.
    pub fn approval_of(&self, question: &Question) -> Option<ApprovalId> {
        let agent = self.agent(&question.agent)?;
        let ahead = agent.ahead.as_ref().filter(|(asked, _)| asked == question).and_then(|(_, approval)| *approval);
        agent
            .gate
            .approval(question)
            .or(ahead)
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

    /// What lets a run start that was refused because a limit is spent, each way in a few words; none where it was
    /// refused for another reason.
    pub fn ways_past_refusal(&self, by: StartedBy) -> Vec<String> {
        let account = self.refused_by.map(|account| &self.accounts[account]);
        account.map(|account| ways::past_refusal(&self.fixed, account, by)).unwrap_or_default()
    }

    /// The run at this moment. Asks nobody, and changes nothing.
    pub fn live(&self, now: Moment) -> Live {
        snapshot::of(&self.accounts, &self.spenders(), now)
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
        let by = Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref());
        tool_calls::recount_waiting(&mut self.accounts, cx, &by);
        if let Input::Phase { agent, thread, root, phase, by_answer: true } = input {
            // What it spent is known in a moment: until then nobody else is let through for it.
            self.of(&agent, |own, who| {
                own.stands(who, thread, root, phase);
            });
            return Vec::new();
        }
        self.regranted(cx, false);
        self.take(cx, input);
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
        snapshot::note_standings(&mut self.agents, now);
        self.effects.take()
    }

    /// What is told of an agent; where it is none of this run's, nothing comes of it.
    pub(super) fn of(&mut self, name: &AgentName, then: impl FnOnce(&mut Self, AgentId)) {
        if let Some(who) = self.agents.id(name) {
            then(self, who);
        }
    }

    fn take(&mut self, cx: &Context<'_>, input: Input) {
        match input {
            Input::Begin => self.begin(cx),
            Input::Launched(agent) => self.of(&agent, |own, who| own.launched(cx, who)),
            Input::Responded(response) => self.responded(cx, &response, Recorded::Here),
            Input::Taken { response, recorded } => {
                self.responded(cx, &response, Recorded::Elsewhere(&recorded));
            }
            Input::Classed { agent, classed } => self.of(&agent, |own, who| own.classed(cx, who, &classed)),
            Input::Failed { agent, thread, cut_off } => {
                self.of(&agent, |own, who| own.request_failed(cx, (who, &thread), cut_off));
            }
            Input::Unanswered { agent, thread } => self.of(&agent, |own, who| own.unanswered(who, &thread)),
            Input::Untold { agent, thread } => self.of(&agent, |own, who| own.answered_untold(cx, who, &thread)),
            Input::Phase { agent, thread, root, phase, .. } => self.of(&agent, |own, who| {
                if own.stands(who, thread, root, phase) {
                    own.agents[who].watch.heard(cx.now.uptime);
                    own.evaluate(cx, who);
                }
            }),
            Input::Elsewhere(news) => self.elsewhere(cx, news),
            Input::Granted => self.regranted(cx, true),
            Input::Recount => self.recount(cx),
            Input::Frozen(agent) => self.of(&agent, |own, who| own.frozen(cx, who)),
            Input::Ended(agent) => self.of(&agent, |own, who| {
                own.unobserved_at_end(who);
                own.outcome(who, true, "");
                own.happen(cx, who, Happening::Ended);
            }),
            Input::Braked { brake, team, by, reason } => {
                self.braked(cx, brake, team.as_deref(), &Braked { by, reason, at: cx.now.wall });
            }
            Input::Paused(pause) => self.paused(cx, pause.as_ref()),
            Input::GateFailed(agent) => self.of(&agent, |own, who| own.gate_failed(who)),
            Input::Exited { agent, leftover, ok } => self.of(&agent, |own, who| own.exited(cx, who, leftover, ok)),
            Input::NotLaunched { agent, because } => self.of(&agent, |own, who| own.not_launched(cx, who, because)),
            Input::Interrupted { how, because } => self.interrupt(cx, how, &because),
            Input::AskedAhead { agent, budget, by_amount, reason } => self.of(&agent, |own, who| {
                own.ask_ahead(cx, who, (budget.as_ref(), by_amount), &reason);
            }),
            Input::Asked { agent, approval, left } => self.of(&agent, |own, who| own.asked(cx, who, (approval, left))),
            Input::Answered { approval, answer, by, reason } => {
                self.answered(cx, approval, &answer, &by, reason.as_deref());
            }
            Input::Stranger { agent, codex, thread } => {
                self.of(&agent, |own, who| own.stranger(cx, who, codex, &thread));
            }
            Input::AskedNothing(agent) => self.of(&agent, |own, who| own.asked_nothing(who)),
            Input::CodexHides { agent, codex, what } => self.of(&agent, |own, who| own.hides(cx, who, codex, what)),
            Input::Blind { agent, what } => self.of(&agent, |own, who| own.unobservable(cx, who, what)),
            Input::Uncounted { agent, what } => self.of(&agent, |own, who| own.uncounted(cx, who, &what)),
            Input::Altered { agent, what } => self.of(&agent, |own, who| own.altered(cx, who, what)),
            Input::Ran { agent, thread, tool, call, hooked } => {
                self.of(&agent, |own, who| own.ran(cx, (who, &thread), (&tool, &call), hooked));
            }
            Input::RanOtherwise { agent, thread, tool, call, judged } => {
                self.of(&agent, |own, who| own.ran_otherwise(cx, (who, &thread), (&tool, &call), judged.as_ref()));
            }
            Input::GiveUp { agent, because } => {
                let what = format!("{because} while the agent was held");
                self.of(&agent, |own, who| own.ended_by_signal(cx, who, what));
            }
            Input::CodexSeen { agent, process, ephemeral, tells, works } => {
                self.of(&agent, |own, who| own.codex_seen(cx, who, process, (ephemeral, tells), works));
            }
            Input::CodexObserved { agent, process } => {
                self.of(&agent, |own, who| own.codex_observed(cx, who, process));
            }
            Input::Advised { consult, answer } => self.consulted(cx, consult, answer),
            Input::Progress { agent, progress } => self.of(&agent, |own, who| own.progressed(cx, who, *progress)),
            Input::Plan { agent, windows } => self.of(&agent, |own, who| own.plan_said(cx, who, windows)),
            Input::Due(timer) => self.due(cx, timer),
            Input::Hook(hook) => self.of(&hook.agent.clone(), |own, who| own.at_gate(cx, who, *hook)),
            Input::HookGone { hook, why } => self.left_gate(cx, hook, why),
        }
    }

    fn settle(&mut self, cx: &Context<'_>) {
        self.keep_for_advice(cx);
        for who in self.agents.ids() {
            self.keep_paused(cx, who);
            self.settle_gate(cx, who);
        }
    }

    fn launched(&mut self, cx: &Context<'_>, who: AgentId) {
        self.outcome(who, true, "");
        self.book_lift(cx);
        self.agents[who].resume_clock(cx.now.uptime);
        self.happen(cx, who, Happening::Launched);
        self.arm_minutes(cx);
        self.evaluate(cx, who);
    }

    /// What a turn's tools did shows what its responses were part of: budgets and alerts over classes of work look again.
    fn classed(&mut self, cx: &Context<'_>, who: AgentId, classed: &Classed) {
        let last = self.agents[who].classed(classed);
        if self.accounts.reclass(cx, who, last.as_ref()) {
            self.evaluate(cx, who);
        }
    }

    fn responded(&mut self, cx: &Context<'_>, response: &Response, recorded: Recorded<'_>) {
        if self.adviser_spent(cx, response, recorded) {
            return;
        }
        let Some(who) = response.agent.as_ref().and_then(|name| self.agents.id(name)) else { return };
        let agent = &mut self.agents[who];
        agent.note(response);
        agent.pace.answered(cx.now.uptime, response);
        agent.watch.answered(cx.now.uptime, response);
        agent.trend.note(agent.active(cx.now.uptime), response);
        if !agent.waits_for_room() {
            agent.room = None;
        }
        let arrived = agent.arriving.take_if(|model| response.model.as_ref() == Some(model));
        if let Some(model) = arrived {
            self.say(who, &format!("routed to {model}"));
        }
        self.rearm_requests(who);
        // What an answer tells of the plan comes right after it.
        self.tell_of_unknown_plan(who, 2);
        self.expect_admitted(cx, who, response);
        self.answered_by_hook(who, response);
        self.accounts.charge_as(cx, recorded, response, Some(who));
        self.accounts.spend_share(self.agents.name(who), response);
        if !self.refuse_unpriced(cx, who, response) && !self.refuse_model(cx, who, response) {
            self.evaluate_one(cx, who);
        }
        self.evaluate_peers(cx, who);
        self.say_untold(who);
        self.say_unthrottled(who);
    }

    /// Notes how a thread stands; says whether that is another way than before.
    fn stands(&mut self, who: AgentId, thread: ThreadId, root: Option<ThreadId>, phase: Phase) -> bool {
        let agent = &mut self.agents[who];
        let entry = agent.threads.entry(thread).or_default();
        entry.root = root.or(entry.root.take());
        std::mem::replace(&mut entry.phase, phase) != phase
    }

    fn frozen(&mut self, cx: &Context<'_>, who: AgentId) {
        if self.stilled(who) {
            return;
        }
        let agent = &mut self.agents[who];
        let State::Freezing(intent) = agent.state else { return };
        agent.pause_clock(cx.now.uptime);
        let safe = agent.in_flight() == 0 && agent.sub_agents_idle();
        let asked = agent.question.as_ref().map(|hold| hold.source);
        self.outcome(who, true, "");
        if let Some(source) = asked.filter(|_| intent == Intent::Ask)
            && !self.still_applies(cx, who, source)
        {
            // Nobody is asked what a lifted limit, or the last records, have answered meanwhile.
            self.release_or_ask_again(cx, who);
        }
        self.happen(cx, who, Happening::Frozen { safe });
        self.reserve(cx, who);
    }

    fn exited(&mut self, cx: &Context<'_>, who: AgentId, leftover: u32, ok: bool) {
        self.unobserved_at_end(who);
        self.tell_of_unknown_plan(who, 1);
        if leftover > 0 {
            let what = format!("{leftover} Codex process(es) that outlived the command were ended");
            self.mark(Some(who), what);
        }
        let agent = &mut self.agents[who];
        agent.pause_clock(cx.now.uptime);
        let early = matches!(agent.state, State::Freezing(_));
        if let Some(Hold { approval: Some(approval), .. }) = agent.held.take() {
            self.effects.push(Effect::Withdraw(approval));
        }
        if early {
            self.outcome(who, false, "its command ended first");
        }
        let barred = |agent: &Agent| agent.gate.has_failed() && !matches!(agent.state, State::Ending(_));
        let happening = match ok {
            _ if barred(&self.agents[who]) => Happening::Ended,
            true => Happening::Exited,
            false if self.may_retry(who) => Happening::Retry,
            false => Happening::Failed,
        };
        let agent = &mut self.agents[who];
        if happening == Happening::Retry && agent.is_live() {
            agent.because = format!("attempt {} of {} failed", agent.attempt, agent.setup.retries.saturating_add(1));
        }
        self.happen(cx, who, happening);
    }

    fn due(&mut self, cx: &Context<'_>, timer: Timer) {
        match timer {
            Timer::Deadline(approval) => self.deadline(cx, approval),
            Timer::Observe(agent, process) => {
                self.of(&agent, |own, who| own.observation_is_late(cx, who, process));
            }
            Timer::Gate(agent) => self.of(&agent, |own, who| own.expect_at_gate(cx, who)),
            Timer::Drain(agent) => self.of(&agent, |own, who| own.drain_is_late(who)),
            Timer::Advice(consult) => self.advice_is_late(cx, consult),
            Timer::Minutes => {
                self.arm_minutes(cx);
                for who in self.agents.ids() {
                    self.evaluate_one(cx, who);
                }
            }
            Timer::WindowEnd => self.release_who_fits(cx),
            Timer::Record(hook) => self.record_is_late(cx, hook),
            Timer::Idle(agent) => self.of(&agent, |own, who| own.evaluate_one(cx, who)),
            Timer::PlanReset(agent) => self.of(&agent, |own, who| own.plan_reset(cx, who)),
            Timer::Room(agent) => self.of(&agent, |own, who| own.look_for_room(who)),
            // Who may go on is looked at after every input.
            Timer::Pace(_) => {}
        }
    }

    /// All who spend from the accounts, as they stand.
    pub(super) fn spenders(&self) -> Spenders<'_> {
        Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref())
    }

    /// Claims what the live threads of an agent are likely to add.
    pub(super) fn reserve(&mut self, cx: &Context<'_>, who: AgentId) {
        let by = Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref());
        self.accounts.reserve(cx, &by, who, &mut self.effects);
    }

    pub(super) fn reserve_all(&mut self, cx: &Context<'_>) {
        for who in self.agents.ids() {
            self.reserve(cx, who);
        }
    }

    /// Looks again when a budget in minutes reaches its next step.
    pub(super) fn arm_minutes(&mut self, cx: &Context<'_>) {
        let by = Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref());
        minutes::arm(&mut self.accounts, cx, &by, &mut self.effects);
    }

    /// Time passes by itself: what budgets in minutes have spent is counted when they are judged.
    pub(super) fn count_minutes(&mut self, cx: &Context<'_>) {
        let by = Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref());
        minutes::count(&mut self.accounts, cx, &by);
    }

    /// The next model down the ladder for this agent that it may go on with.
    pub(super) fn next_rung(&self, agent: &Agent) -> Option<Rung> {
        effective::next_rung(&self.accounts, &self.spenders(), agent)
    }

    /// How each budget that is divided stands.
    pub fn allotments(&self) -> Vec<Allotments> {
        self.accounts.allotments()
    }

    /// Says at the start that questions are not put, where the policy has some.
    pub(super) fn say_nobody(&mut self) {
        let what = questions::not_put(&self.fixed, self.accounts.rules(), &self.alerts);
        if let Some(what) = what {
            self.effects.push(Effect::Say(what));
        }
    }

    /// Says something of an agent, which is named where there are several.
    pub(super) fn say(&mut self, who: AgentId, text: &str) {
        let text = if self.agents.len() > 1 { format!("{}: {text}", self.agents.name(who)) } else { text.to_owned() };
        self.effects.push(Effect::Say(text));
    }

    pub(super) fn mark(&mut self, who: Option<AgentId>, what: String) {
        self.record(who, EventKind::Marked { what });
    }

    pub(super) fn record(&mut self, who: Option<AgentId>, kind: EventKind) {
        self.effects.record(who.map(|who| self.agents.name(who)), kind);
    }
}
