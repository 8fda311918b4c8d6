//! Pure. One agent as the governor sees it: its threads, its treatment, its active time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{
    AgentName, ApprovalId, Attribution, Braked, Cost, Dimension, ModelId, Money, ProcessIdentity, Progress,
    Registration, Response, RunId, Standing, ThreadId, Timestamp, Unit, Verb,
};
use crate::policy::rule::{Rung, StepId};

use super::accounts::ids::AccountId;
use super::admission::Admission;
use super::agents::ids::AgentId;
use super::due::Source;
use super::gate::Gate;
use super::lifecycle::{After, Intent, State};
use super::message::{Ending, Phase, Question};
use super::observe::Observed;
use super::pace::{Pace, Throttle};
use super::room::Room;
use super::steer::Steering;
use super::thread::{RECENT, Thread, p80};
use super::trend::Trend;
use super::watch::Watch;

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
    /// What it declares.
    pub registration: Registration,
    /// Those that must have ended well before it starts.
    pub needs: Vec<AgentName>,
    /// How often it is started again where its command fails.
    pub retries: u32,
}

impl AgentSetup {
    /// One that starts at once, declares nothing and is not tried again.
    pub fn alone(name: AgentName, attribution: Attribution) -> Self {
        Self {
            name,
            attribution,
            restartable: false,
            full_screen: false,
            registration: Registration::default(),
            needs: Vec::new(),
            retries: 0,
        }
    }
}

/// An agent under way.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Which it is.
    pub(super) id: AgentId,
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
    /// Somebody paused it: it does not go on until somebody continues it, whatever else is settled.
    pub pause: Option<Braked>,
    /// The question to put once it stands still.
    pub question: Option<Hold>,
    /// The mild steps that were carried out on it, by account: each once. Hard steps
    /// are not remembered: one that applies to an agent that works is always carried out.
    pub fired: BTreeMap<AccountId, StepId>,
    /// What the governor chose that keeps it working, by account: the step, and how severe it was.
    pub(super) chosen: BTreeMap<AccountId, (StepId, Verb)>,
    /// The questions that were answered without lifting the limit: not put again below it.
    pub settled: BTreeMap<AccountId, StepId>,
    /// It waits, or waited, until others' requests are answered.
    pub(super) room: Option<Room>,
    /// The first answers of its last runs, the newest first: they foretell its first one.
    pub(super) firsts: Vec<Response>,
    /// The accounts that its turn began at the end of: grace is for a turn that began before. `None` between turns.
    pub(super) began_spent: Option<BTreeSet<AccountId>>,
    /// It is about to be restarted, whatever is under way: somebody decided so while it was held.
    pub restarting: bool,
    /// The Codexes that it has run, and whether what they spend was seen.
    pub(super) codexes: BTreeMap<ProcessIdentity, Observed>,
    /// A stop lets the tools that are under way end: they are paid for.
    pub(super) spares_tools: bool,
    /// It was started again with this model, which has not answered yet.
    pub(super) arriving: Option<ModelId>,
    /// Why it is treated as it is, for a person.
    pub because: String,
    /// The request whose outcome is awaited.
    pub request: Option<u64>,
    /// Requests under way when its processes ended, restarts included, and those whose answers broke off.
    pub lost: u32,
    /// What those may have cost, by the dearest response that foretold them.
    pub lost_cost: Money,
    /// How many responses it had so far.
    pub responses: u64,
    /// What its responses cost so far, as far as they have a price.
    pub cost: Money,
    /// What it has to show for that.
    pub progress: Progress,
    /// What its Codex waits for at the gate.
    pub gate: Gate,
    /// What its threads are told.
    pub(super) steering: Vec<Steering>,
    /// The rates that it keeps to, one for each rule.
    pub(super) throttles: BTreeMap<Source, Throttle>,
    /// How fast it went.
    pub(super) pace: Pace,
    /// What its alerts look at.
    pub(super) watch: Watch,
    /// How fast it spends, and how its requests grow.
    pub(super) trend: Trend,
    /// The last responses of the attempt before this one.
    earlier: Vec<Response>,
    /// How it stands for a person, and since when.
    pub(super) stands: Option<(Standing, Timestamp)>,
    clock: ActiveClock,
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
    pub(super) fn new(id: AgentId, setup: AgentSetup, pace: Pace) -> Self {
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
            pause: None,
            question: None,
            fired: BTreeMap::new(),
            chosen: BTreeMap::new(),
            settled: BTreeMap::new(),
            room: None,
            firsts: Vec::new(),
            began_spent: None,
            restarting: false,
            codexes: BTreeMap::new(),
            spares_tools: false,
            arriving: None,
            because: String::new(),
            request: None,
            lost: 0,
            lost_cost: Money::ZERO,
            responses: 0,
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
        }
    }

    /// Its value along a dimension before any response: run, agent and attribution.
    pub fn value(&self, run: &RunId, dimension: &Dimension) -> Option<String> {
        match dimension {
            Dimension::Run => Some(run.to_string()),
            Dimension::Agent => Some(self.setup.name.to_string()),
            Dimension::Thread | Dimension::Model => None,
            other => self.setup.attribution.get(other).map(str::to_owned),
        }
    }

    /// Notes a response of one of its threads.
    pub fn note(&mut self, response: &Response) {
        if self.root.is_none() {
            self.root = Some(response.root.clone());
        }
        self.responses = self.responses.saturating_add(1);
        self.cost += response.cost.money().unwrap_or(Money::ZERO);
        let thread = self.threads.entry(response.thread.clone()).or_default();
        thread.root = Some(response.root.clone());
        if thread.recent.len() == RECENT {
            thread.recent.pop_front();
        }
        thread.recent.push_back(response.clone());
    }

    /// The model that answered last on its root thread, or on any.
    pub fn last_response(&self) -> Option<&Response> {
        let of_root =
            self.root.as_ref().and_then(|root| self.threads.get(root)).and_then(|thread| thread.recent.back());
        of_root.or_else(|| self.threads.values().filter_map(|thread| thread.recent.back()).max_by_key(|last| last.at))
    }

    /// What a thread's next request is likely to cost, by what was answered and declared; `None` where nobody can say.
    pub fn next_cost(&self, thread: &ThreadId) -> Option<Money> {
        let never = Thread::default();
        let thread = self.threads.get(thread).unwrap_or(&never);
        let costs: Option<Vec<Money>> = self.foretelling(thread).map(|response| response.cost.money()).collect();
        let declared = || self.setup.registration.per_response(Unit::Usd).map(Money::from_nanos);
        let first = || {
            let priced = |response: &Response| response.cost.money().map_or(0, Money::nanos);
            p80(self.like_runs(thread.model.as_ref()).map(priced)).map(Money::from_nanos)
        };
        costs?.into_iter().max().or_else(declared).or_else(first)
    }

    /// The last responses of all its threads, those of an attempt before this one included.
    pub(super) fn recent(&self) -> impl Iterator<Item = &Response> {
        self.threads.values().flat_map(Thread::recent).chain(&self.earlier)
    }

    /// The responses that foretell a thread's next one: its own; those of all the agent's where it has none.
    pub(super) fn foretelling<'a>(&'a self, thread: &'a Thread) -> impl Iterator<Item = &'a Response> {
        thread.recent().chain(self.recent().filter(|_| !thread.was_answered()))
    }

    /// The first answers of its last runs: those by this model where there are any, else by the one that the newest of
    /// them had.
    pub(super) fn like_runs<'a>(&'a self, model: Option<&ModelId>) -> impl Iterator<Item = &'a Response> {
        let by = |model: &ModelId| self.firsts.iter().any(|first| first.model.as_ref() == Some(model));
        let newest = self.firsts.first().and_then(|first| first.model.clone());
        let model = model.filter(|model| by(model)).cloned().or(newest);
        self.firsts.iter().filter(move |first| first.model == model)
    }

    /// By what its next request is foretold, where that is what its last runs took for their first one.
    pub(super) fn by_last_runs(&self) -> Option<String> {
        let known = self.responses > 0 || !self.earlier.is_empty() || self.firsts.is_empty();
        let model = self.threads.values().find_map(|thread| thread.model.as_ref());
        let runs = self.like_runs(model).count();
        (!known).then(|| format!("four in five of its last {runs} runs took no more for their first request"))
    }

    /// Nothing is known of what it asks in this run: its first request is foretold by its last runs.
    pub(super) fn is_before_its_first(&self) -> bool {
        self.threads.is_empty() && !(self.firsts.is_empty() && self.earlier.is_empty())
    }

    /// Threads that have a request under way: what waits at the gate was not sent.
    pub fn in_flight(&self) -> u32 {
        u32::try_from(self.asking().count()).unwrap_or(u32::MAX)
    }

    /// They themselves.
    pub(super) fn asking(&self) -> impl Iterator<Item = (&ThreadId, &Thread)> {
        let asks =
            |(id, thread): &(&ThreadId, &Thread)| thread.phase == Phase::InFlight && !self.gate.keeps_from_asking(id);
        self.threads.iter().filter(asks)
    }

    /// Threads whose request was let through the gate and has no answer.
    pub(super) fn sent(&self) -> impl Iterator<Item = (&ThreadId, &Thread)> {
        let sent = |(id, thread): &(&ThreadId, &Thread)| {
            thread.phase != Phase::Idle && thread.admission.is_open() && !self.gate.keeps_from_asking(id)
        };
        self.threads.iter().filter(sent)
    }

    /// A request of this thread was sent and has no answer; or the thread does not ask at the gate, so that nobody can tell.
    pub(super) fn is_under_way(&self, id: &ThreadId, thread: &Thread) -> bool {
        thread.admission.is_open() || self.may_send(id, thread)
    }

    /// The thread's next request may be sent without being looked at by itself: it does not wait at the gate, and is not
    /// known to come there.
    pub(super) fn may_send(&self, id: &ThreadId, thread: &Thread) -> bool {
        !self.asks_first(thread) && !self.gate.keeps_from_asking(id)
    }

    /// Some request of its was sent and has no answer, and all its threads ask before they send another.
    pub(super) fn has_sent_all(&self) -> bool {
        self.sent().next().is_some()
            && self.threads.iter().all(|(id, thread)| !thread.phase.goes_on() || !self.may_send(id, thread))
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
    pub(super) fn is_asked_on_advice(&self, account: AccountId) -> bool {
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
        self.watch.begin_anew();
        self.gate.forget();
    }

    /// Active time until now: holds do not count.
    pub fn active(&self, uptime: Duration) -> Duration {
        self.clock.total(uptime)
    }

    /// The clock runs from now on.
    pub fn resume_clock(&mut self, uptime: Duration) {
        self.clock.start(uptime);
    }

    /// It was active before this govern started it, for so long.
    pub(super) fn was_active(&mut self, before: Duration) {
        self.clock.total += before;
    }

    /// It was active for so long until now, as others have counted.
    pub(super) fn has_been_active(&mut self, active: Duration, uptime: Duration) {
        self.clock = ActiveClock { since: self.clock.since.map(|_| uptime), total: active };
    }

    /// The clock stands from now on.
    pub fn pause_clock(&mut self, uptime: Duration) {
        self.clock.stop(uptime);
    }
}

/// The same response as another model would have answered it.
pub fn with_model(response: &Response, rung: &Rung, price: impl Fn(&Response) -> Cost) -> Response {
    Response { model: Some(rung.model.clone()), cost: price(response), ..response.clone() }
}

/// Counts only while it runs; on the monotonic clock, so that a jump of the wall clock is no time.
#[derive(Clone, Copy, Debug, Default)]
struct ActiveClock {
    since: Option<Duration>,
    total: Duration,
}

impl ActiveClock {
    fn start(&mut self, uptime: Duration) {
        self.since.get_or_insert(uptime);
    }

    fn stop(&mut self, uptime: Duration) {
        if let Some(since) = self.since.take() {
            self.total += uptime.saturating_sub(since);
        }
    }

    fn total(&self, uptime: Duration) -> Duration {
        self.total + self.since.map_or(Duration::ZERO, |since| uptime.saturating_sub(since))
    }
}
