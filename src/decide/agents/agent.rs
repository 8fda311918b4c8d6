//! One agent as the governor sees it: its threads, its treatment, its active time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{
    AgentName, AgentState, ApprovalId, Attribution, Brake, Braked, Cost, Dimension, Examined, ModelId, Money,
    ProcessIdentity, Progress, Registration, Response, RunId, Source as Told, ThreadId, Timestamp, Verb, WorkCheck,
    WorkClass, WorkReview,
};
use crate::policy::rule::{Rung, StepId};

use super::clock::ActiveClock;
use super::ids::AgentId;
use super::lifecycle::{After, Intent, State};
use super::thread::{RECENT, Thread};
use super::trend::Trend;
use crate::decide::accounts::ids::AccountId;
use crate::decide::admission::Admission;
use crate::decide::evaluate::due::Source;
use crate::decide::evaluate::steer::Steering;
use crate::decide::evaluate::throttle::{Pace, Throttle};
use crate::decide::evaluate::watch::Watch;
use crate::decide::gate::Gate;
use crate::decide::headroom::Room;
use crate::decide::message::{Classed, Ending, Moment, Phase, Question};
use crate::decide::observe::Observed;
use crate::decide::passing::Passing;

/// An agent before it starts.
#[derive(Clone, Debug)]
pub struct AgentSetup {
    /// Its name.
    pub name: AgentName,
    /// Where its spend belongs.
    pub attribution: Attribution,
    /// govern started this Codex itself and can start its thread again.
    pub restartable: bool,
    /// It takes the whole screen, for a person: at rest it is not made to stand still, only what is asked of it next.
    pub full_screen: bool,
    /// The model that it begins with, where its command or Codex's configuration says so.
    pub asks: Option<ModelId>,
    /// What it declares.
    pub registration: Registration,
    /// Those that must have ended well before it starts.
    pub needs: Vec<AgentName>,
    /// How often it is started again where its command fails.
    pub retries: u32,
    /// What says whether its work is done, once its command has ended well.
    pub check: Option<WorkCheck>,
    /// Who says whether that is good enough for what needs it.
    pub review: Option<WorkReview>,
    /// What its work came to in the run that goes on: it is not started again, but reviewed.
    pub done: Option<Examined>,
}

impl AgentSetup {
    /// It belongs to this team, where one is meant.
    pub fn is_of(&self, team: Option<&str>) -> bool {
        team.is_none_or(|team| self.attribution.team.as_deref() == Some(team))
    }

    /// One that starts at once, declares nothing and is not tried again.
    pub fn alone(name: AgentName, attribution: Attribution) -> Self {
        Self {
            name,
            attribution,
            restartable: false,
            full_screen: false,
            asks: None,
            registration: Registration::default(),
            needs: Vec::new(),
            retries: 0,
            check: None,
            review: None,
            done: None,
        }
    }
}

/// What a Codex begins with that does not ask here before, as far as its command line and its configuration say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::decide) struct Begins {
    pub(in crate::decide) process: ProcessIdentity,
    pub(in crate::decide) model: Option<ModelId>,
    /// It goes on with this one.
    pub(in crate::decide) thread: Option<ThreadId>,
}

impl Begins {
    /// The thread that it asks on first, as it is before its first answer here.
    pub(in crate::decide) fn first(&self) -> (ThreadId, Thread) {
        let id = self.thread.clone().unwrap_or_else(|| ThreadId::new(""));
        (id, Thread { model: self.model.clone(), ..Thread::default() })
    }
}

/// An agent under way.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Which it is.
    pub(in crate::decide) id: AgentId,
    /// What it was started as.
    pub setup: AgentSetup,
    /// How it stands.
    pub state: State,
    /// How often its command was started, from the beginning each time.
    pub attempt: u32,
    /// How it ended, once it is over.
    pub ending: Option<Ending>,
    /// Its Codex sessions.
    pub threads: BTreeMap<ThreadId, Thread>,
    /// The first root thread: what a restart goes on with.
    pub root: Option<ThreadId>,
    /// The model it was last routed to.
    pub routed: Option<Rung>,
    /// A route waits for a moment at which no request is under way.
    pub route_wanted: Option<Rung>,
    /// The question that holds it.
    pub held: Option<Hold>,
    /// What was asked for before its limit is met, and the question's number once it has one.
    pub(in crate::decide) ahead: Option<(Question, Option<ApprovalId>)>,
    /// Somebody paused it: it does not go on until somebody continues it, whatever else is settled.
    pub pause: Option<Braked>,
    /// The question to put once it stands still.
    pub question: Option<Hold>,
    /// The mild steps that were carried out on it, by account: each once. Hard steps
    /// are not remembered: one that applies to an agent that works is always carried out.
    pub fired: BTreeMap<AccountId, StepId>,
    /// What the governor chose that keeps it working, by account: the step, and how severe it was.
    pub(in crate::decide) chosen: BTreeMap<AccountId, (StepId, Verb)>,
    /// The questions that were answered without lifting the limit: not put again below it.
    pub settled: BTreeMap<AccountId, StepId>,
    /// It waits, or waited, until others' requests are answered.
    pub(in crate::decide) room: Option<Room>,
    /// The first answers of its last runs, the newest first: they foretell its first one.
    pub(in crate::decide) firsts: Vec<Response>,
    /// Which model answered last at the gateway where that one was asked.
    answers_as: BTreeMap<ModelId, ModelId>,
    /// The accounts that its turn began at the end of: grace is for a turn that began before. `None` between turns.
    pub(in crate::decide) began_spent: Option<BTreeSet<AccountId>>,
    /// It is about to be restarted, whatever is under way: somebody decided so while it was held.
    pub restarting: bool,
    /// How many responses it had when nobody answered a question in time and it was to go on with a cheaper model.
    pub(in crate::decide) routed_unanswered: Option<u64>,
    /// The Codexes that it has run, and whether what they spend was seen.
    pub(in crate::decide) codexes: BTreeMap<ProcessIdentity, Observed>,
    /// Which of them was seen to start last.
    pub(in crate::decide) newest: Option<ProcessIdentity>,
    /// What the one begins with that was told of last.
    pub(in crate::decide) begins: Option<Begins>,
    /// A stop lets the tools that are under way end: they are paid for.
    pub(in crate::decide) spares_tools: bool,
    /// It was started again with this model, which has not answered yet.
    pub(in crate::decide) arriving: Option<ModelId>,
    /// How far its work has come, once its command has ended well.
    pub(in crate::decide) passing: Passing,
    /// What its work came to, as far as it was looked at.
    pub(in crate::decide) examined: Option<Examined>,
    /// It was told that its check has failed: once.
    pub(in crate::decide) told_of_check: bool,
    /// Why it is treated as it is, for a person.
    pub because: String,
    /// The request whose outcome is awaited.
    pub request: Option<u64>,
    /// Requests under way when its processes ended, restarts included, and those whose answers broke off.
    pub lost: u32,
    /// What those may have cost, by the dearest response that foretold them.
    pub lost_cost: Money,
    /// Those of them of which nobody could tell whether they had been sent, by thread: its Codex may yet say that they were
    /// not.
    pub(in crate::decide) lost_unsure: BTreeMap<ThreadId, Money>,
    /// How many responses it had so far.
    pub responses: u64,
    /// The class of work of its turn by now; of several threads, that of the one that told last.
    pub work: Option<WorkClass>,
    /// A person has said which class it is, whatever it does: known before its first request.
    pub(in crate::decide) work_is_said: bool,
    /// What its responses cost so far, as far as they have a price.
    pub cost: Money,
    /// What it has to show for that.
    pub progress: Progress,
    /// What its Codex waits for at the gate.
    pub gate: Gate,
    /// What its threads are told.
    pub(in crate::decide) steering: Vec<Steering>,
    /// The rates that it keeps to, one for each rule.
    pub(in crate::decide) throttles: BTreeMap<Source, Throttle>,
    /// How fast it went.
    pub(in crate::decide) pace: Pace,
    /// What its alerts look at.
    pub(in crate::decide) watch: Watch,
    /// How fast it spends, and how its requests grow.
    pub(in crate::decide) trend: Trend,
    /// The last responses of the attempt before this one.
    pub(super) earlier: Vec<Response>,
    /// How it stands for a person, and since when.
    pub(in crate::decide) stands: Option<(AgentState, Timestamp)>,
    clock: ActiveClock,
    held_clock: ActiveClock,
}

/// What an agent is held for.
#[derive(Clone, Debug)]
pub struct Hold {
    /// The question.
    pub question: Question,
    /// What put it.
    pub source: Source,
    /// A governor model wanted it put, where the rule might have done something else.
    pub advised: bool,
    /// Its number, once the ledger gave one.
    pub approval: Option<ApprovalId>,
}

impl Agent {
    /// An agent that has not started.
    pub(in crate::decide) fn new(id: AgentId, setup: AgentSetup, pace: Pace) -> Self {
        Self {
            id,
            setup,
            state: State::Waiting,
            attempt: 0,
            ending: None,
            threads: BTreeMap::new(),
            root: None,
            routed: None,
            route_wanted: None,
            held: None,
            ahead: None,
            pause: None,
            question: None,
            fired: BTreeMap::new(),
            chosen: BTreeMap::new(),
            settled: BTreeMap::new(),
            room: None,
            firsts: Vec::new(),
            answers_as: BTreeMap::new(),
            began_spent: None,
            restarting: false,
            codexes: BTreeMap::new(),
            newest: None,
            begins: None,
            routed_unanswered: None,
            spares_tools: false,
            arriving: None,
            passing: Passing::default(),
            examined: None,
            told_of_check: false,
            because: String::new(),
            request: None,
            lost: 0,
            lost_cost: Money::ZERO,
            lost_unsure: BTreeMap::new(),
            responses: 0,
            work: None,
            work_is_said: false,
            cost: Money::ZERO,
            progress: Progress::default(),
            gate: Gate::default(),
            steering: Vec::new(),
            throttles: BTreeMap::new(),
            pace,
            watch: Watch::default(),
            trend: Trend::default(),
            earlier: Vec::new(),
            stands: None,
            clock: ActiveClock::default(),
            held_clock: ActiveClock::default(),
        }
    }

    /// Its value along a dimension before any response: run, agent and attribution.
    pub fn value(&self, run: &RunId, dimension: &Dimension) -> Option<String> {
        match dimension {
            Dimension::Run => Some(run.to_string()),
            Dimension::Agent => Some(self.setup.name.to_string()),
            Dimension::Thread | Dimension::Model => None,
            Dimension::Work => Some(self.work.unwrap_or(WorkClass::UNTIL_IT_WRITES).to_string()),
            other => self.setup.attribution.get(other).map(str::to_owned),
        }
    }

    /// Responses of its turn are of another class of work than they were told as; its last one of that class by now.
    pub fn classed(&mut self, classed: &Classed) -> Option<Response> {
        let mut last = None;
        self.work = Some(classed.class);
        for (thread, key) in &classed.responses {
            let Some(thread) = self.threads.get_mut(thread) else { continue };
            if let Some(response) = thread.recent.iter_mut().find(|response| response.key == *key) {
                response.work = Some(classed.class);
                last = Some(response.clone());
            }
        }
        last
    }

    /// Notes a response of one of its threads.
    pub fn note(&mut self, response: &Response) {
        // What only a gateway saw is no session that could go on.
        if self.root.is_none() && response.source != Told::Gateway {
            self.root = Some(response.root.clone());
        }
        self.work = response.work.or(self.work);
        self.responses = self.responses.saturating_add(1);
        self.cost += response.cost.money().unwrap_or(Money::ZERO);
        let thread = self.threads.entry(response.thread.clone()).or_default();
        thread.root = Some(response.root.clone());
        // Only there each thread has one request at a time, of which this is the answer.
        if let (Told::Gateway, Some(asked), Some(model)) = (response.source, &thread.model, &response.model) {
            self.answers_as.insert(asked.clone(), model.clone());
        }
        if thread.recent.len() == RECENT {
            thread.recent.pop_front();
        }
        thread.recent.push_back(response.clone());
    }

    /// Which model answers at the gateway where this one is asked was seen.
    pub(in crate::decide) fn knows_who_answers(&self, asked: &ModelId) -> bool {
        self.answers_as.contains_key(asked)
    }

    /// The model that is likely to answer where this one is asked: a server may have another one behind the name.
    pub(in crate::decide) fn answering<'a>(&'a self, asked: &'a ModelId) -> &'a ModelId {
        self.answers_as.get(asked).unwrap_or(asked)
    }

    /// Its command was started, and is not over.
    pub fn is_started(&self) -> bool {
        !matches!(self.state, State::Waiting | State::Gone)
    }

    /// It works, or is about to: what it is likely to add counts for others, too.
    pub fn works(&self) -> bool {
        match self.state {
            State::Starting(_) | State::Running | State::Freezing(_) => true,
            State::Waiting | State::Held | State::Paused | State::Ending(_) | State::Gone => false,
        }
    }

    /// A governor model had a person asked about this account: the rule does not take that back.
    pub(in crate::decide) fn is_asked_on_advice(&self, account: AccountId) -> bool {
        let hold = self.held.as_ref().or(self.question.as_ref()).filter(|hold| hold.advised);
        hold.is_some_and(|hold| matches!(hold.source, Source::Step { account: of, .. } if of == account))
    }

    /// It can be decided about: it was started, and is neither over nor being ended.
    pub fn is_live(&self) -> bool {
        !matches!(self.state, State::Waiting | State::Ending(_) | State::Gone)
    }

    /// What is being done with it, or was and is not over.
    pub fn treatment(&self) -> Option<Intent> {
        match self.state {
            State::Starting(intent) => intent,
            State::Freezing(intent) => Some(intent),
            State::Held => Some(Intent::Ask),
            State::Paused => Some(Intent::Pause),
            State::Waiting | State::Running | State::Ending(_) | State::Gone => None,
        }
    }

    /// A restart now would lose no answer and no sub-agent's work.
    pub fn is_at_safe_point(&self) -> bool {
        let root = self.root.as_ref().and_then(|root| self.threads.get(root));
        // Its record says that a request is due, which was not let through: it is on its way to the gate.
        let comes = |root: &Thread| root.phase == Phase::InFlight && !root.admission.is_open() && self.gate_holds();
        let asks_nothing = root.is_some_and(|root| root.phase == Phase::Tools || comes(root));
        (self.is_root_at_gate() || asks_nothing) && self.sub_agents_idle()
    }

    /// A restart takes the sub-agents with it, so they must have nothing under way.
    pub fn sub_agents_idle(&self) -> bool {
        self.threads.iter().all(|(id, thread)| Some(id) == self.root.as_ref() || thread.phase == Phase::Idle)
    }

    /// The model that its next request will go to, where that is not the last one.
    pub fn next_model(&self) -> Option<&Rung> {
        let soon = match self.state {
            State::Running | State::Held | State::Paused => self.is_at_safe_point(),
            State::Freezing(intent) => intent == Intent::Route && self.is_at_safe_point(),
            State::Ending(after) => after == After::Restart,
            State::Waiting | State::Starting(_) | State::Gone => false,
        };
        self.route_wanted.as_ref().filter(|_| soon || self.restarting)
    }

    /// All that it does from here on, it does with another model: so do its last responses foretell.
    pub fn switch(&mut self, rung: &Rung, price: impl Fn(&Response) -> Cost) {
        for thread in self.threads.values_mut().filter(|thread| thread.model.is_some()) {
            thread.model = Some(rung.model.clone());
        }
        let recent = self.threads.values_mut().flat_map(|thread| thread.recent.iter_mut());
        for response in recent.chain(&mut self.earlier) {
            *response = with_model(response, rung, &price);
        }
    }

    /// At least one turn is under way, and asks its model once more by itself.
    pub fn turn_under_way(&self) -> bool {
        self.threads.values().any(|thread| thread.phase.goes_on())
    }

    /// A Codex has started that asks its model at once, and does not ask here before: nothing else is seen of it yet, and it
    /// is not the agent's first one, or it is known what it begins with. 0.171 writes its session file only when the first
    /// answer is on its way.
    pub fn begins_unasked(&self) -> bool {
        let is_new = |codex| self.codexes.get(&codex) == Some(&Observed::NotYet);
        let is_awaited = self.newest.is_some_and(is_new) && !self.gate.holds_requests();
        is_awaited && (self.codexes.len() > 1 || self.beginning().is_some())
    }

    /// What that one begins with.
    pub(in crate::decide) fn beginning(&self) -> Option<&Begins> {
        self.begins.as_ref().filter(|begins| Some(begins.process) == self.newest)
    }

    /// No turn is under way, for all that is known.
    pub fn rests(&self) -> bool {
        self.threads.values().all(|thread| thread.phase == Phase::Idle)
    }

    /// Forgets phases: its processes are gone, by whatever ended them, and a restart begins anew.
    pub fn settle(&mut self) {
        self.lose_unanswered();
        for thread in self.threads.values_mut() {
            thread.phase = Phase::Idle;
            thread.admission = Admission::default();
        }
    }

    /// Forgets all that its last attempt did but what it spent, and how much at a time: it begins from the beginning, and what it was told,
    /// or was to be done to it, applies anew.
    pub fn begin_anew(&mut self) {
        self.lose_unanswered();
        self.earlier = std::mem::take(&mut self.threads).into_values().flat_map(|thread| thread.recent).collect();
        self.root = None;
        self.routed = None;
        self.route_wanted = None;
        self.question = None;
        self.restarting = false;
        self.room = None;
        self.began_spent = None;
        self.spares_tools = false;
        self.fired.clear();
        self.settled.clear();
        self.told_of_check = false;
        self.watch.begin_anew();
        self.gate.forget();
    }

    /// Active time until now: holds do not count.
    pub fn active(&self, uptime: Duration) -> Duration {
        self.clock.total(uptime)
    }

    /// How long it has been kept from going on, until now.
    pub fn held_for(&self, uptime: Duration) -> Duration {
        self.held_clock.total(uptime)
    }

    /// Keeps in mind how it stands for a person, and since when.
    pub(in crate::decide) fn stands_as(&mut self, standing: AgentState, now: Moment) {
        if self.stands.is_none_or(|(before, _)| before != standing) {
            self.stands = Some((standing, now.wall));
        }
        match standing {
            AgentState::Held | AgentState::Paused => self.held_clock.start(now.uptime),
            _ => self.held_clock.stop(now.uptime),
        }
    }

    /// The clock runs from now on.
    pub fn resume_clock(&mut self, uptime: Duration) {
        self.clock.start(uptime);
    }

    /// It was active before this govern started it, for so long.
    pub(in crate::decide) fn was_active(&mut self, before: Duration) {
        self.clock.total += before;
    }

    /// It was active for so long until now, as others have counted.
    pub(in crate::decide) fn has_been_active(&mut self, active: Duration, uptime: Duration) {
        self.clock = ActiveClock { since: self.clock.since.map(|_| uptime), total: active };
    }

    /// The clock stands from now on.
    pub fn pause_clock(&mut self, uptime: Duration) {
        self.clock.stop(uptime);
    }

    /// It is over, or its end is decided: this brake changes nothing any more. A stop that waits for a safe point can
    /// still become a kill, and one that waits for a tool a stop that does not.
    pub fn is_past(&self, brake: Brake) -> bool {
        let ends = matches!(self.state, State::Gone | State::Ending(After::Stopped | After::Killed));
        let intent = if brake == Brake::Kill { Intent::Kill } else { Intent::Stop };
        let waits_for_tools = brake == Brake::Stop && self.gate.is_draining() && self.spares_tools;
        ends || (self.treatment() >= Some(intent) && !waits_for_tools)
    }

    /// It is to stand still because somebody paused it, and does not yet.
    pub fn is_being_paused(&self) -> bool {
        self.pause.is_some()
            && matches!(
                self.state,
                State::Starting(_) | State::Freezing(Intent::Pause) | State::Ending(After::Restart | After::Retry)
            )
    }

    /// It stands still, or is about to, until others' requests are answered.
    pub(in crate::decide) fn waits_for_room(&self) -> bool {
        let waits =
            matches!(self.state, State::Paused | State::Freezing(Intent::Pause) | State::Starting(Some(Intent::Pause)));
        waits && self.room.is_some()
    }

    /// It waits, or did until it was to be asked about or ended, and sends nothing before it stands still.
    pub(in crate::decide) fn is_stopping_for_room(&self) -> bool {
        let stops = matches!(self.state, State::Freezing(Intent::Ask | Intent::Stop | Intent::Kill));
        self.waits_for_room() || (stops && self.room.is_some())
    }

    pub(in crate::decide) fn ticket(&self) -> Option<u64> {
        self.room.as_ref().map(|room| room.ticket)
    }
}

/// The same response as another model would have answered it.
pub fn with_model(response: &Response, rung: &Rung, price: impl Fn(&Response) -> Cost) -> Response {
    Response { model: Some(rung.model.clone()), cost: price(response), ..response.clone() }
}
