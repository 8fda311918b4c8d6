//! One turn: inputs go to the governor, its effects into the ledger, in one transaction.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use crate::clock;
use crate::decide::agents::lifecycle::State;
use crate::decide::message::Input;
use crate::decide::{Effect, Governor};
use crate::error::Error;
use crate::gate::sender_wake::{Ring, ring};
use crate::ledger::{Holder, Ledger, LedgerError, Patience, Turn};
use crate::model::event::EventKind;
use crate::model::{AgentName, ApprovalId, Event, Money, Response, ResponseKey, RunId, ThreadId, UnderWay};
use crate::process::Order;
use crate::report::text::count;
use crate::turn::books::NoBooks;
use crate::turn::notices;
use crate::turn::record::{elsewhere, handle};
use crate::turn::refused_answer::NotTaken;

use super::agents::Agents;
use super::intake::gateway::Gateway;
use super::journal::Journal;
use super::processes::Processes;
use super::run::Run;

/// What became of a turn's try.
enum Tried {
    Done,
    /// Another process keeps the ledger: nothing was begun, the inputs are all there.
    Locked,
    Failed(LedgerError),
}

/// The governor of a run, and the ledger that its turns are written to.
pub(super) struct Turns {
    governor: Governor,
    /// `None` once it was lost; without a limit the run goes on.
    ledger: Option<Ledger>,
    /// Inputs that wait for a ledger that another process keeps locked; only without a limit.
    backlog: VecDeque<Input>,
    /// The last turn found the ledger locked.
    waits: bool,
    /// What cannot be recorded now never will be.
    last_chance: bool,
    /// Somebody is to be told what was written in this turn.
    posted: bool,
    /// Nobody sends what is to be told, which was said.
    notices_wait: bool,
    /// Why the last answer was not taken in its turn.
    not_taken: Option<NotTaken>,
    /// Responses that an import, or another run, took before this run could record them.
    held_elsewhere: HashSet<(ThreadId, ResponseKey)>,
    /// What those cost, as far as they have a price.
    cost_elsewhere: Money,
    /// What the ledger has of each agent's requests under way.
    under_way: BTreeMap<AgentName, UnderWay>,
    /// What `govern resume` will need of the run as a whole, until it is written down.
    kept: Option<String>,
}

/// What a turn looks at beside the governor and the ledger.
pub(super) struct Beside<'a> {
    pub(super) run: &'a Run,
    pub(super) agents: &'a mut Agents,
    pub(super) journal: &'a mut Journal,
    pub(super) processes: &'a mut Processes,
    pub(super) gateway: Option<&'a Gateway>,
    /// The thread that the only agent began with.
    pub(super) root: Option<ThreadId>,
}

impl Turns {
    pub(super) fn new(governor: Governor, ledger: Ledger, kept: Option<String>) -> Self {
        Self {
            governor,
            ledger: Some(ledger),
            backlog: VecDeque::new(),
            waits: false,
            last_chance: false,
            posted: false,
            notices_wait: false,
            not_taken: None,
            held_elsewhere: HashSet::new(),
            cost_elsewhere: Money::ZERO,
            under_way: BTreeMap::new(),
            kept,
        }
    }

    pub(super) fn governor(&self) -> &Governor {
        &self.governor
    }

    pub(super) fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_ref()
    }

    pub(super) fn into_ledger(self) -> Option<Ledger> {
        self.ledger
    }

    /// Whether what cannot be recorded now never will be.
    pub(super) fn set_last_chance(&mut self, last: bool) {
        self.last_chance = last;
    }

    /// Something is told in the next turn.
    pub(super) fn hear(&mut self, input: Option<Input>) {
        self.backlog.extend(input);
    }

    /// Inputs wait for the ledger.
    pub(super) fn backlog(&self) -> impl Iterator<Item = &Input> {
        self.backlog.iter()
    }

    /// The runs that wait for the same answer.
    pub(super) fn waiting_for(&self, approval: ApprovalId) -> Vec<RunId> {
        self.ledger.as_ref().and_then(|ledger| ledger.questions().waiting_for(approval).ok()).unwrap_or_default()
    }

    /// What a person says is in the ledger's chain counts from here on.
    pub(super) fn believe(&mut self, link: i64) {
        if let Some(ledger) = &mut self.ledger {
            ledger.believe(link);
        }
    }

    /// Shows that somebody agrees: what counts is what was heard here.
    pub(super) fn show_vote(&mut self, approval: ApprovalId, by: &str) {
        let _shown =
            self.ledger.as_mut().map(|ledger| ledger.turn(clock::now(), |turn| turn.questions().vote(approval, by)));
    }

    /// Why the last answer was not taken; told once.
    pub(super) fn take_not_taken(&mut self) -> Option<NotTaken> {
        self.not_taken.take()
    }

    /// What this run's own table lacks.
    pub(super) fn counted_elsewhere(&self) -> Option<EventKind> {
        let responses = count(self.held_elsewhere.len() as u64, "response", "responses");
        let what = format!(
            "not in this run's own figures, but in another run's or as imported: {responses}, {}",
            self.cost_elsewhere
        );
        (!self.held_elsewhere.is_empty()).then_some(EventKind::Marked { what })
    }

    /// Handles inputs and returns what is left to be performed, in order. Everything that had to be
    /// recorded is recorded when this returns.
    ///
    /// # Errors
    /// When the ledger can't be written under a limit: nothing may go on that nobody records.
    pub(super) fn turn(&mut self, inputs: Vec<Input>, beside: &mut Beside<'_>) -> Result<Vec<Effect>, Error> {
        let mut queue = std::mem::take(&mut self.backlog);
        queue.extend(inputs);
        let mut perform = Vec::new();
        if let Some(mut ledger) = self.ledger.take() {
            match self.patient_turn(&mut ledger, &mut queue, &mut perform, beside)? {
                Tried::Done => {
                    self.ledger = Some(ledger);
                    self.waits = false;
                    self.wake_sender(beside);
                }
                Tried::Locked if !self.governor.enforces() && !self.last_chance => {
                    self.ledger = Some(ledger);
                    self.backlog = queue;
                    if !std::mem::replace(&mut self.waits, true) {
                        beside
                            .journal
                            .mark("another process keeps the ledger locked: what is seen is recorded later".to_owned());
                    }
                    return Ok(perform);
                }
                Tried::Locked => self.lose_ledger(LedgerError::Locked, beside)?,
                Tried::Failed(error) => self.lose_ledger(error, beside)?,
            }
        }
        while let Some(input) = queue.pop_front() {
            let effects = self.governor.handle(beside.run.moment(), input, &NoBooks);
            perform.extend(effects.into_iter().filter(|effect| !is_for_ledger(effect)));
        }
        Ok(perform)
    }

    /// Tells the sender that somebody is to be told something; where there is none, that it waits.
    fn wake_sender(&mut self, beside: &mut Beside<'_>) {
        if !std::mem::take(&mut self.posted) || self.governor.policy().notify.is_empty() {
            return;
        }
        if ring(&beside.run.sockets, Ring::News).is_err() && !std::mem::replace(&mut self.notices_wait, true) {
            beside.journal.say("notices wait: no `govern serve` sends them (`govern notify status`)");
        }
    }

    /// Under a limit nothing goes on that nobody records.
    fn lose_ledger(&self, error: LedgerError, beside: &mut Beside<'_>) -> Result<(), Error> {
        let failure = Error::from(error);
        if self.governor.enforces() {
            return Err(failure);
        }
        beside
            .journal
            .say(&format!("{failure}\nwithout a limit the agent goes on; what it spends from here on is not recorded"));
        Ok(())
    }

    /// Tries briefly, then for as long as a ledger may be locked; under a limit the agent stands still meanwhile.
    fn patient_turn(
        &mut self,
        ledger: &mut Ledger,
        queue: &mut VecDeque<Input>,
        perform: &mut Vec<Effect>,
        beside: &mut Beside<'_>,
    ) -> Result<Tried, Error> {
        match self.tried_turn((ledger, Patience::Short), queue, perform, beside) {
            Tried::Locked => {}
            done => return Ok(done),
        }
        if self.waits && !self.last_chance {
            // It was waited for at length before; a loop without a limit has other things to do.
            return Ok(Tried::Locked);
        }
        let paused = self.pause(beside)?;
        let tried = self.tried_turn((ledger, Patience::Long), queue, perform, beside);
        if matches!(tried, Tried::Done) {
            self.end_pause(paused, beside)?;
        }
        Ok(tried)
    }

    fn tried_turn(
        &mut self,
        (ledger, patience): (&mut Ledger, Patience),
        queue: &mut VecDeque<Input>,
        perform: &mut Vec<Effect>,
        beside: &mut Beside<'_>,
    ) -> Tried {
        let mut begun = false;
        let done = ledger.set_patience(patience).and_then(|()| {
            ledger.turn(clock::now(), |turn| {
                begun = true;
                self.recorded_turn(turn, queue, perform, beside)
            })
        });
        match done {
            Ok(()) => Tried::Done,
            Err(LedgerError::Locked) if !begun => Tried::Locked,
            Err(error) => Tried::Failed(error),
        }
    }

    /// Nobody spends while it can't be recorded. Says who was told to stand still.
    fn pause(&self, beside: &mut Beside<'_>) -> Result<Vec<AgentName>, Error> {
        if !self.governor.enforces() {
            return Ok(Vec::new());
        }
        let works = |name: &&AgentName| self.governor.agent(name).is_some_and(|agent| agent.state == State::Running);
        let working: Vec<AgentName> = beside.run.order.iter().filter(works).cloned().collect();
        for agent in &working {
            beside.processes.order_in_passing(Order::Freeze { agent: agent.clone() })?;
        }
        Ok(working)
    }

    /// Unless the turn wants them to stand still, or to end.
    fn end_pause(&self, paused: Vec<AgentName>, beside: &mut Beside<'_>) -> Result<(), Error> {
        for agent in paused {
            match self.governor.agent(&agent).filter(|agent| !agent.gate.is_shut()).map(|agent| agent.state) {
                Some(State::Freezing(_) | State::Held | State::Paused | State::Ending(_)) => {}
                Some(State::Waiting | State::Starting(_) | State::Running | State::Gone) | None => {
                    beside.processes.order_in_passing(Order::Thaw { agent })?;
                }
            }
        }
        Ok(())
    }

    /// What `govern resume` would start, when it is known and has changed: one agent, or the fleet's file.
    fn new_going_on(&mut self, beside: &mut Beside<'_>) -> Option<String> {
        if let Some(kept) = self.kept.take() {
            return Some(kept);
        }
        let alone = beside.run.alone.as_ref()?;
        beside.agents.get_mut(alone)?.new_going_on(self.governor.agent(alone)?, beside.root.as_ref())
    }

    fn recorded_turn(
        &mut self,
        turn: &mut Turn<'_>,
        queue: &mut VecDeque<Input>,
        perform: &mut Vec<Effect>,
        beside: &mut Beside<'_>,
    ) -> Result<(), LedgerError> {
        let run = &beside.run.id;
        let news = turn.news()?;
        for row in &news.forged {
            beside.journal.mark(format!("a row was written into the ledger by hand, and is not obeyed: {row}"));
        }
        if !news.is_empty() {
            queue.push_front(Input::Elsewhere(elsewhere(news)));
        }
        for (agent, kind) in beside.journal.take_notes() {
            self.posted |= notices::of_event(turn, &self.governor, run, agent.as_ref(), &kind)?;
            turn.append(&Event { at: clock::now(), run: run.clone(), agent, kind })?;
        }
        if let Some(going_on) = self.new_going_on(beside) {
            turn.keep_command(run, &going_on)?;
        }
        while let Some(input) = queue.pop_front() {
            let input = match input {
                Input::Responded(response) => match self.enter(turn, response, beside)? {
                    Some(input) => input,
                    None => continue,
                },
                input => input,
            };
            if let Input::Classed { classed, .. } = &input {
                turn.classify(classed.class, &classed.responses)?;
            }
            let now = beside.run.moment();
            let handled = handle(turn, run, &mut self.governor, (now, input), queue, |_, effect, _| {
                perform.extend(Some(effect).filter(|effect| !is_for_ledger(effect)));
                Ok(())
            })?;
            self.posted |= handled.posted;
            self.not_taken = handled.not_taken.or(self.not_taken.take());
        }
        self.keep_under_way(turn, beside.run)?;
        self.keep_times(turn, beside)
    }

    /// Nothing is let through before the ledger has it: a govern that is killed tells nothing more.
    fn keep_under_way(&mut self, turn: &mut Turn<'_>, run: &Run) -> Result<(), LedgerError> {
        for (name, agent) in run.order.iter().filter_map(|name| Some((name, self.governor.agent(name)?))) {
            let now = agent.under_way();
            if self.under_way.get(name).copied().unwrap_or_default() != now {
                turn.keep_under_way(&run.id, name, now)?;
                self.under_way.insert(name.clone(), now);
            }
        }
        Ok(())
    }

    /// Writes what hooks and holds have taken, now and then.
    fn keep_times(&self, turn: &mut Turn<'_>, beside: &mut Beside<'_>) -> Result<(), LedgerError> {
        let uptime = beside.run.moment().uptime;
        let agents = beside.run.order.iter().filter_map(|name| self.governor.agent(name));
        let held = agents.fold(Duration::ZERO, |sum, agent| sum.saturating_add(agent.held_for(uptime)));
        match beside.journal.times_due(held, clock::monotonic()) {
            Some(times) => times.add_to(turn, &beside.run.id),
            None => Ok(()),
        }
    }

    /// Writes a response; `None` for one that is known. What an import has taken meanwhile, as one may that cannot see
    /// this run's process, was spent by this run all the same; so was what a run inside this one, or around it, has
    /// counted first.
    fn enter(
        &mut self,
        turn: &mut Turn<'_>,
        response: Box<Response>,
        beside: &mut Beside<'_>,
    ) -> Result<Option<Input>, LedgerError> {
        let (agent, kind) = (response.agent.clone(), EventKind::Response(response.clone()));
        let appended = turn.append(&Event { at: clock::now(), run: beside.run.id.clone(), agent, kind })?;
        if appended.new {
            return Ok(Some(Input::Responded(of_known_agent(response, beside.gateway))));
        }
        let Some(holder) = appended.holder else { return Ok(None) };
        let Some(recorded) = turn.responses().recorded(&response.thread, &response.key)?.map(Box::new) else {
            return Ok(None);
        };
        // A file that was replaced is read again, and the ledger cannot tell these from what was seen before.
        if !self.held_elsewhere.insert((response.thread.clone(), response.key.clone())) {
            return Ok(None);
        }
        self.cost_elsewhere += recorded.cost.money().unwrap_or(Money::ZERO);
        if self.held_elsewhere.len() == 1 {
            let what = match holder {
                Holder::Import => {
                    "some responses of this run were imported before it could record them: they count for its own \
                     budgets, and stand in reports as imported"
                }
                Holder::AnotherRun => {
                    "some responses of this run were recorded by another, which is inside it or around it: they count \
                     for the budgets of both, and stand in reports as the other's"
                }
            };
            beside.journal.mark(what.to_owned());
        }
        Ok(Some(Input::Taken { response, recorded }))
    }
}

/// As the governor knows it: a name that only a program gave at the gateway is none of its agents.
fn of_known_agent(mut response: Box<Response>, gateway: Option<&Gateway>) -> Box<Response> {
    if let Some(agent) = gateway.and_then(|gateway| gateway.agent_of(&response.thread)) {
        response.agent = Some(agent);
    }
    response
}

/// Effects that only the ledger sees.
fn is_for_ledger(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Record { .. } | Effect::Claim { .. } | Effect::Extend { .. } | Effect::Withdraw(_) | Effect::Expire(..)
    )
}
