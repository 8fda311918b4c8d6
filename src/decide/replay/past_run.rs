//! One run of history, governed again: what was recorded becomes inputs, what the governor wants is done at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::decide::agents::AgentSetup;
use crate::decide::agents::lifecycle::State;
use crate::decide::message::{Ending, Phase, Timer};
use crate::decide::{Before, Effect, Governor, Input, Moment, Setup};
use crate::model::event::{Answer, EventKind};
use crate::model::trial::{Deed, Origin, Spend, TriedRun, TriedStep};
use crate::model::{AgentName, Answerer, ApprovalId, Door, Response, RunId, ThreadId, Timestamp, Verb};
use crate::policy::rule::Policy;
use crate::usage::price::PriceTable;

use super::totals::Shelf;
use super::{PastRun, REST, Reply};

/// A plain yes is said so often to one question after the other at most: then nobody answers.
const MOST_YES: usize = 50;

/// What all runs share.
pub(super) struct World {
    pub(super) policy: Arc<Policy>,
    pub(super) prices: Arc<PriceTable>,
    pub(super) reply: Reply,
    pub(super) shelf: Shelf,
}

/// A run, and what came of it so far.
pub(super) struct Past {
    place: usize,
    known: PastRun,
    agents: BTreeSet<AgentName>,
    tried: TriedRun,
    /// Agents that would have been ended.
    gone: BTreeSet<AgentName>,
    /// While some of its threads are to answer once more.
    live: Option<Box<Live>>,
}

/// What its governor and its clock are at.
struct Live {
    governor: Governor,
    now: Moment,
    /// How much later than it was everything is: it was held.
    delay: TimeDelta,
    /// Where time stands still after a long silence; `None`: the run is known to have been there.
    rests: Option<Duration>,
    timers: Timers,
    threads: BTreeMap<ThreadId, Session>,
    /// The books as they were at its last turn.
    seen: u64,
    questions: i64,
    /// Why it is ended, where that is no budget's step.
    marked: String,
    /// A stop or a kill was decided by a budget, or for no answer.
    decided: bool,
}

/// What the governor asked to be told of.
#[derive(Default)]
struct Timers {
    /// On the run's own clock.
    minutes: Option<Duration>,
    deadline: Option<(ApprovalId, Timestamp)>,
    window: Option<Timestamp>,
}

/// A thread that has something to say yet.
struct Session {
    agent: AgentName,
    phase: Phase,
    last: Timestamp,
    goes_on: bool,
}

impl Past {
    pub(super) fn new(place: usize, origin: Origin, known: PastRun, agents: BTreeSet<AgentName>) -> Self {
        let named = matches!(origin, Origin::Run(_));
        let tried = TriedRun {
            origin,
            started: known.started,
            agents: agents.iter().filter(|_| named).cloned().collect(),
            attribution: known.attribution.clone(),
            actual: Spend::default(),
            would: Spend::default(),
            steps: Vec::new(),
            cut: known.cut.clone(),
        };
        Self { place, known, agents, tried, gone: BTreeSet::new(), live: None }
    }

    /// Its next response, if it still comes to that. `goes_on`: its thread is answered once more.
    pub(super) fn answered(&mut self, response: Response, goes_on: bool, world: &mut World) {
        self.tried.actual.add(&response);
        let agent = response.agent.clone().unwrap_or_else(|| super::UNNAMED.into());
        if self.gone.contains(&agent) {
            return;
        }
        let mut live = match self.live.take() {
            Some(live) => live,
            None => self.begin(response.at, world),
        };
        if let Some(would) = live.would(self, response, goes_on, world) {
            self.tried.would.add(&would);
        }
        if live.is_over(self) {
            live.exit(self, world);
            world.shelf.forget(self.place);
            // A thread that nobody knew of goes on with a run that is over.
            self.known.started = live.now.wall;
        } else {
            self.live = Some(live);
        }
    }

    pub(super) fn finish(mut self, world: &mut World) -> TriedRun {
        if let Some(mut live) = self.live.take() {
            live.exit(&mut self, world);
        }
        self.tried
    }

    fn begin(&mut self, first: Timestamp, world: &mut World) -> Box<Live> {
        let run = RunId::new(self.tried.origin.as_str());
        let prices = Arc::clone(&world.prices);
        let agents = self.staying().map(|name| AgentSetup {
            restartable: self.known.restartable,
            ..AgentSetup::alone(name, self.known.attribution.clone())
        });
        let governor = Governor::new(Setup {
            run,
            policy: Arc::clone(&world.policy),
            agents: agents.collect(),
            concurrency: None,
            nobody: None,
            quote: Box::new(move |model, tier, at, tokens| prices.quote(model, tier, at, tokens).cost),
            lift: None,
            before: Before::default(),
        })
        .impatient();
        let imported = matches!(self.tried.origin, Origin::Imported(_));
        let wall = self.known.started.min(first);
        let mut live = Box::new(Live {
            governor,
            now: Moment { wall, uptime: Duration::ZERO },
            delay: TimeDelta::zero(),
            rests: imported.then_some(REST),
            timers: Timers::default(),
            threads: BTreeMap::new(),
            seen: world.shelf.revision,
            questions: 0,
            marked: String::new(),
            decided: false,
        });
        live.feed(self, [Input::Begin], world);
        live.settle(self, world);
        live
    }

    fn staying(&self) -> impl Iterator<Item = AgentName> {
        self.agents.iter().filter(|agent| !self.gone.contains(*agent)).cloned()
    }

    fn step(&mut self, at: Timestamp, deed: Deed) {
        self.tried.steps.push(TriedStep { at, deed });
    }
}

impl Live {
    /// The response as it would have been; `None`: it would not.
    fn would(&mut self, past: &mut Past, response: Response, goes_on: bool, world: &mut World) -> Option<Response> {
        let name = response.agent.clone().filter(|name| !past.gone.contains(name))?;
        let recorded = response.at;
        self.pass_minutes(past, recorded, world);
        self.advance(recorded + self.delay);
        self.rest_threads(past, world);
        if self.seen != world.shelf.revision {
            self.seen = world.shelf.revision;
            self.feed(past, [Input::Recount], world);
            self.settle(past, world);
        }
        let idle = self.threads.get(&response.thread).is_none_or(|thread| thread.phase == Phase::Idle);
        if idle {
            let begins = self.phase(&response.thread, &name, Phase::InFlight);
            self.feed(past, begins, world);
            self.settle(past, world);
        }
        if past.gone.contains(&name) {
            return None;
        }
        let would = self.routed(Response { at: recorded + self.delay, ..response }, world);
        world.shelf.charge(&would, recorded);
        self.seen = world.shelf.revision;
        let next = if goes_on { Phase::Tools } else { Phase::Idle };
        let rests = self.phase(&would.thread, &name, next);
        if let Some(thread) = self.threads.get_mut(&would.thread) {
            (thread.last, thread.goes_on) = (self.now.wall, goes_on);
        }
        self.rests = self.rests.map(|_| self.now.uptime + REST);
        world.shelf.heard(past.place, self.now.wall);
        self.feed(past, rests.into_iter().chain([Input::Responded(Box::new(would.clone()))]), world);
        self.settle(past, world);
        Some(would)
    }

    /// With the model that its agent was routed to, where that is not dearer.
    fn routed(&self, response: Response, world: &World) -> Response {
        let agent = response.agent.as_ref().and_then(|name| self.governor.agent(name));
        let Some(rung) = agent.and_then(|agent| agent.routed.as_ref()) else { return response };
        let cost = world.prices.quote(&rung.model, &response.tier, response.at, &response.tokens).cost;
        match (cost.money(), response.cost.money()) {
            (Some(new), Some(old)) if new < old => Response { model: Some(rung.model.clone()), cost, ..response },
            _ => response,
        }
    }

    /// No thread that was heard of has more to say: sub-agents are heard of before their root has said its last word.
    fn is_over(&self, past: &Past) -> bool {
        let silent = !self.threads.is_empty() && self.threads.values().all(|thread| !thread.goes_on);
        silent || past.agents.iter().all(|agent| past.gone.contains(agent))
    }

    /// Its commands end by themselves.
    fn exit(&mut self, past: &mut Past, world: &mut World) {
        let agents = past.agents.clone();
        self.feed(past, agents.into_iter().map(|agent| Input::Exited { agent, leftover: 0, ok: true }), world);
    }

    /// What a thread's new phase tells the governor, if it is one.
    fn phase(&mut self, thread: &ThreadId, agent: &AgentName, phase: Phase) -> Option<Input> {
        let last = self.now.wall;
        let known = self.threads.entry(thread.clone());
        let session =
            known.or_insert_with(|| Session { agent: agent.clone(), phase: Phase::Idle, last, goes_on: true });
        let changed = session.phase != phase;
        session.phase = phase;
        changed.then(|| Input::Phase {
            agent: agent.clone(),
            thread: thread.clone(),
            root: None,
            phase,
            by_answer: false,
        })
    }

    /// What was silent for long had ended its turn.
    fn rest_threads(&mut self, past: &mut Past, world: &mut World) {
        let now = self.now.wall;
        let silent = |session: &Session| (now - session.last).to_std().is_ok_and(|silent| silent > REST);
        let resting: Vec<(ThreadId, AgentName)> = self
            .threads
            .iter()
            .filter(|(_, session)| session.phase != Phase::Idle && silent(session))
            .map(|(thread, session)| (thread.clone(), session.agent.clone()))
            .collect();
        for (thread, agent) in resting {
            let rests = self.phase(&thread, &agent, Phase::Idle);
            self.feed(past, rests, world);
        }
    }

    /// Budgets in minutes reach their steps between two responses.
    fn pass_minutes(&mut self, past: &mut Past, recorded: Timestamp, world: &mut World) {
        while let Some(due) = self.timers.minutes {
            let until = recorded + self.delay;
            if due > self.uptime_at(until) {
                return;
            }
            let wait = due.saturating_sub(self.now.uptime);
            self.timers.minutes = None;
            self.advance(self.now.wall + TimeDelta::from_std(wait).unwrap_or_default());
            self.feed(past, [Input::Due(Timer::Minutes)], world);
            self.settle(past, world);
        }
    }

    fn uptime_at(&self, wall: Timestamp) -> Duration {
        let then = self.now.uptime + (wall - self.now.wall).to_std().unwrap_or_default();
        self.rests.map_or(then, |rests| then.min(rests.max(self.now.uptime)))
    }

    fn advance(&mut self, wall: Timestamp) {
        let wall = wall.max(self.now.wall);
        self.now = Moment { wall, uptime: self.uptime_at(wall) };
    }

    /// Until nobody is held: a person answers, or nobody does, or what held it is over.
    fn settle(&mut self, past: &mut Past, world: &mut World) {
        let mut yes = 0;
        while let Some((name, approval)) = self.held(past) {
            if world.reply == Reply::Approve && yes < MOST_YES {
                yes += 1;
                let Some(question) = self.governor.waits_for(approval) else { return };
                let answer = Answer::Extend { amount: question.extend.amount };
                let by = vec![Answerer::login("govern policy try", Door::Cli)];
                self.feed(past, [Input::Answered { approval, answer, by, reason: None }], world);
                continue;
            }
            let deadline = self.timers.deadline.filter(|(asked, _)| *asked == approval).map(|(_, at)| at);
            let (at, timer) = match (deadline, self.timers.window) {
                (Some(deadline), Some(window)) if window < deadline => (window, Timer::WindowEnd),
                (Some(deadline), _) => (deadline, Timer::Deadline(approval)),
                (None, Some(window)) => (window, Timer::WindowEnd),
                // INVARIANT: a question comes with its deadline.
                (None, None) => return,
            };
            self.timers.window = None;
            let steps = past.tried.steps.len();
            let held = (at - self.now.wall).max(TimeDelta::zero());
            self.delay += held;
            // Who is held ages by no minute.
            self.now.wall += held;
            self.now.uptime += held.to_std().unwrap_or_default();
            self.rests = self.rests.map(|rests| rests + held.to_std().unwrap_or_default());
            self.feed(past, [Input::Due(timer)], world);
            let works = self.governor.agent(&name).is_some_and(|agent| agent.state == State::Running);
            if works && past.tried.steps.len() == steps {
                past.step(self.now.wall, Deed::Released);
            }
        }
    }

    fn held(&self, past: &Past) -> Option<(AgentName, ApprovalId)> {
        let mut agents = past.agents.iter();
        agents.find_map(|name| Some((name.clone(), self.governor.held_approval(name)?)))
    }

    /// Hands inputs over, and then carries out what comes of them until nothing more does.
    fn feed(&mut self, past: &mut Past, inputs: impl IntoIterator<Item = Input>, world: &mut World) {
        let mut queue: VecDeque<Input> = inputs.into_iter().collect();
        while let Some(input) = queue.pop_front() {
            world.shelf.asked_by(past.place, self.now.wall);
            let effects = self.governor.handle(self.now, input, &world.shelf);
            for effect in effects {
                match self.perform(past, effect, world) {
                    // A question gets its number within the same turn.
                    Some(first @ Input::Asked { .. }) => queue.push_front(first),
                    Some(later) => queue.push_back(later),
                    None => {}
                }
            }
        }
    }

    fn perform(&mut self, past: &mut Past, effect: Effect, world: &mut World) -> Option<Input> {
        match effect {
            Effect::Record { kind, .. } => self.recorded(past, kind),
            Effect::Claim { key, amount } => world.shelf.claim(past.place, key, amount),
            Effect::Extend { key, amount, .. } => world.shelf.extend(key, amount),
            Effect::Ask(question) => {
                self.questions += 1;
                let approval = ApprovalId(self.questions);
                return Some(Input::Asked { agent: question.agent, approval, left: None });
            }
            Effect::Launch { agent, .. } => return Some(Input::Launched(agent)),
            Effect::Freeze(agent) => return Some(Input::Frozen(agent)),
            Effect::End(agent) => return Some(Input::Ended(agent)),
            Effect::Restart { agent, rung, .. } => {
                past.step(self.now.wall, Deed::Routed { to: rung.model });
                // What was under way before has ended with it.
                self.threads.values_mut().filter(|thread| thread.agent == agent).for_each(|t| t.phase = Phase::Idle);
                return Some(Input::Launched(agent));
            }
            Effect::Arm(timer, wait) => self.arm(timer, wait),
            Effect::Refuse(because) => {
                let budget = self.governor.last_hard_budget().cloned();
                past.step(self.now.wall, Deed::Refused { budget, because });
                past.gone.extend(past.agents.iter().cloned());
            }
            Effect::Finish { agent, ending, .. } => {
                if ending != Ending::Itself {
                    if !self.decided {
                        past.step(self.now.wall, Deed::Ended { because: self.marked.clone() });
                    }
                    past.gone.insert(agent);
                }
            }
            // History has no Codex that waits, and nobody is asked about it. INVARIANT: nothing is reserved elsewhere, for no
            // budget of a governor over history is kept there.
            Effect::Reserve { .. }
            | Effect::Release { .. }
            | Effect::Withdraw(_)
            | Effect::Consult(_)
            | Effect::EndConsult(_)
            | Effect::Expire(..)
            | Effect::Thaw(_)
            | Effect::Look(_)
            | Effect::Examine(_)
            | Effect::Again { .. }
            | Effect::Tell { .. }
            | Effect::Answer { .. }
            | Effect::Open(_)
            | Effect::Say(_) => {}
        }
        None
    }

    fn recorded(&mut self, past: &mut Past, kind: EventKind) {
        match kind {
            EventKind::Decided(decision) => {
                self.decided |= matches!(decision.verb, Verb::Stop | Verb::Kill) && !decision.would;
                past.step(self.now.wall, Deed::Decided(decision));
            }
            EventKind::Answered { answer, .. } => {
                self.decided |= matches!(answer, Answer::Stop | Answer::Kill);
                past.step(self.now.wall, Deed::Answered(answer));
            }
            EventKind::Marked { what } => self.marked = what,
            EventKind::RunStarted { .. }
            | EventKind::RunResumed { .. }
            | EventKind::RunReopened
            | EventKind::AgentStarted { .. }
            | EventKind::ThreadSeen { .. }
            | EventKind::Response(_)
            | EventKind::Confirmed { .. }
            | EventKind::Differed { .. }
            | EventKind::Skipped { .. }
            | EventKind::Requested { .. }
            | EventKind::Braked { .. }
            | EventKind::Outcome { .. }
            | EventKind::Asked { .. }
            | EventKind::Extended { .. }
            | EventKind::Allotted { .. }
            | EventKind::Pooled { .. }
            | EventKind::Gated { .. }
            | EventKind::ToolCalled { .. }
            | EventKind::Registered { .. }
            | EventKind::AgentEnded { .. }
            | EventKind::CutOff { .. }
            | EventKind::Examined(_)
            | EventKind::AgentSkipped { .. }
            | EventKind::RunEnded { .. } => {}
        }
    }

    fn arm(&mut self, timer: Timer, wait: Duration) {
        let at = TimeDelta::from_std(wait).ok().and_then(|wait| self.now.wall.checked_add_signed(wait));
        match timer {
            Timer::Minutes => self.timers.minutes = Some(self.now.uptime + wait),
            Timer::Deadline(approval) => self.timers.deadline = at.map(|at| (approval, at)),
            Timer::WindowEnd => self.timers.window = at,
            // No process is seen in history, and nothing waits at a gate.
            Timer::Idle(_)
            | Timer::PlanReset(_)
            | Timer::Observe(..)
            | Timer::Gate(_)
            | Timer::Drain(_)
            | Timer::Advice(_)
            | Timer::Room(_)
            | Timer::Reserving(_)
            | Timer::Pace(_)
            | Timer::Record(_) => {}
        }
    }
}
