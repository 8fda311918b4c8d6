//! One turn: inputs go to the governor, its effects into the ledger, in one transaction.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock;
use crate::decide::Effect;
use crate::decide::agents::lifecycle::State;
use crate::decide::message::Input;
use crate::error::Error;
use crate::gate::bell::{Ring, ring};
use crate::ledger::{Holder, Ledger, LedgerError, Patience, Turn};
use crate::model::event::EventKind;
use crate::model::{AgentName, Event, Money, Response};
use crate::process::Order;
use crate::turn::books::{NoBooks, TurnBooks};
use crate::turn::notices;
use crate::turn::record::{elsewhere, record, take_answer};

use super::supervisor::Supervisor;
use super::wake::is_for_ledger;

/// What became of a turn's try.
enum Tried {
    Done,
    /// Another process keeps the ledger: nothing was begun, the inputs are all there.
    Locked,
    Failed(LedgerError),
}

impl Supervisor {
    /// Handles inputs and returns what is left to be performed, in order. Everything that had to be
    /// recorded is recorded when this returns.
    ///
    /// # Errors
    /// When the ledger can't be written under a limit: nothing may go on that nobody records.
    pub(super) fn turn(&mut self, inputs: Vec<Input>) -> Result<Vec<Effect>, Error> {
        let uncounted = self.find_reaches(&inputs);
        let mut queue = std::mem::take(&mut self.backlog);
        queue.extend(inputs);
        queue.extend(uncounted);
        let mut perform = Vec::new();
        if let Some(mut ledger) = self.ledger.take() {
            match self.patient_turn(&mut ledger, &mut queue, &mut perform)? {
                Tried::Done => {
                    self.ledger = Some(ledger);
                    self.ledger_waits = false;
                    self.wake_sender();
                }
                Tried::Locked if !self.governor.enforces() && !self.last_chance => {
                    self.ledger = Some(ledger);
                    self.backlog = queue;
                    if !std::mem::replace(&mut self.ledger_waits, true) {
                        self.mark("another process keeps the ledger locked: what is seen is recorded later".to_owned());
                    }
                    return Ok(perform);
                }
                Tried::Locked => self.lose_ledger(LedgerError::Locked)?,
                Tried::Failed(error) => self.lose_ledger(error)?,
            }
        }
        while let Some(input) = queue.pop_front() {
            let effects = self.governor.handle(self.moment(), input, &NoBooks);
            perform.extend(effects.into_iter().filter(|effect| !is_for_ledger(effect)));
        }
        Ok(perform)
    }

    /// Tells the sender that somebody is to be told something; where there is none, that it waits.
    fn wake_sender(&mut self) {
        if !std::mem::take(&mut self.posted) || self.governor.policy().notify.is_empty() {
            return;
        }
        if ring(&self.sockets, Ring::News).is_err() && !std::mem::replace(&mut self.notices_wait, true) {
            self.say("notices wait: no `govern serve` sends them (`govern notify status`)");
        }
    }

    /// Under a limit nothing goes on that nobody records.
    fn lose_ledger(&mut self, error: LedgerError) -> Result<(), Error> {
        let failure = Error::from(error);
        if self.governor.enforces() {
            return Err(failure);
        }
        self.say(&format!("{failure}\nwithout a limit the agent goes on; what it spends from here on is not recorded"));
        Ok(())
    }

    /// Tries briefly, then for as long as a ledger may be locked; under a limit the agent stands still meanwhile.
    fn patient_turn(
        &mut self,
        ledger: &mut Ledger,
        queue: &mut VecDeque<Input>,
        perform: &mut Vec<Effect>,
    ) -> Result<Tried, Error> {
        match self.tried_turn(ledger, Patience::Short, queue, perform) {
            Tried::Locked => {}
            done => return Ok(done),
        }
        if self.ledger_waits && !self.last_chance {
            // It was waited for at length before; a loop without a limit has other things to do.
            return Ok(Tried::Locked);
        }
        let paused = self.pause()?;
        let tried = self.tried_turn(ledger, Patience::Long, queue, perform);
        if matches!(tried, Tried::Done) {
            self.end_pause(paused)?;
        }
        Ok(tried)
    }

    fn tried_turn(
        &mut self,
        ledger: &mut Ledger,
        patience: Patience,
        queue: &mut VecDeque<Input>,
        perform: &mut Vec<Effect>,
    ) -> Tried {
        let mut begun = false;
        let done = ledger.set_patience(patience).and_then(|()| self.recorded_turn(ledger, queue, perform, &mut begun));
        match done {
            Ok(()) => Tried::Done,
            Err(LedgerError::Locked) if !begun => Tried::Locked,
            Err(error) => Tried::Failed(error),
        }
    }

    /// Nobody spends while it can't be recorded. Says who was told to stand still.
    fn pause(&mut self) -> Result<Vec<AgentName>, Error> {
        if !self.governor.enforces() {
            return Ok(Vec::new());
        }
        let works = |name: &&AgentName| self.governor.agent(name).is_some_and(|agent| agent.state == State::Running);
        let working: Vec<AgentName> = self.order.iter().filter(works).cloned().collect();
        for agent in &working {
            self.order_in_passing(Order::Freeze { agent: agent.clone() })?;
        }
        Ok(working)
    }

    /// Unless the turn wants them to stand still, or to end.
    fn end_pause(&mut self, paused: Vec<AgentName>) -> Result<(), Error> {
        for agent in paused {
            match self.governor.agent(&agent).filter(|agent| !agent.gate.is_shut()).map(|agent| agent.state) {
                Some(State::Freezing(_) | State::Held | State::Paused | State::Ending(_)) => {}
                Some(State::Waiting | State::Starting(_) | State::Running | State::Gone) | None => {
                    self.order_in_passing(Order::Thaw { agent })?;
                }
            }
        }
        Ok(())
    }

    /// What `govern resume` would start, when it is known and has changed: one agent, or the fleet's file.
    fn new_going_on(&mut self) -> Option<String> {
        if let Some(kept) = self.kept.take() {
            return Some(kept);
        }
        let alone = self.alone.as_ref()?;
        let root = self.sessions.root_of(alone);
        self.wards.get_mut(alone)?.new_going_on(self.governor.agent(alone)?, root)
    }

    fn recorded_turn(
        &mut self,
        ledger: &mut Ledger,
        queue: &mut VecDeque<Input>,
        perform: &mut Vec<Effect>,
        begun: &mut bool,
    ) -> Result<(), LedgerError> {
        ledger.turn(clock::now(), |turn| {
            *begun = true;
            let news = turn.news()?;
            for row in &news.forged {
                self.mark(format!("a row was written into the ledger by hand, and is not obeyed: {row}"));
            }
            if !news.is_empty() {
                queue.push_front(Input::Elsewhere(elsewhere(news)));
            }
            for (agent, kind) in self.take_notes() {
                self.posted |= notices::of_event(turn, &self.governor, &self.run, agent.as_ref(), &kind)?;
                turn.append(&Event { at: clock::now(), run: self.run.clone(), agent, kind })?;
            }
            if let Some(going_on) = self.new_going_on() {
                turn.keep_command(&self.run, &going_on)?;
            }
            while let Some(input) = queue.pop_front() {
                let input = match input {
                    Input::Responded(response) => match self.enter(turn, response)? {
                        Some(input) => input,
                        None => continue,
                    },
                    input => input,
                };
                if let Input::Classed { classed, .. } = &input {
                    turn.classify(classed.class, &classed.responses)?;
                }
                let now = self.moment();
                if let Err(why) = take_answer(turn, &self.governor, now, &input)? {
                    self.not_taken = Some(why);
                    continue;
                }
                self.posted |= matches!(input, Input::Answered { .. });
                let books = TurnBooks::new(turn);
                let effects = self.governor.handle(now, input, &books);
                books.into_error()?;
                for effect in effects {
                    let recorded = record(turn, &self.run, &self.governor, &effect)?;
                    self.posted |= recorded.posted;
                    if let Some(follows) = recorded.follows {
                        queue.push_front(follows);
                    }
                    if !is_for_ledger(&effect) {
                        perform.push(effect);
                    }
                }
            }
            self.keep_under_way(turn)?;
            self.keep_times(turn)
        })
    }

    /// Nothing is let through before the ledger has it: a govern that is killed tells nothing more.
    fn keep_under_way(&mut self, turn: &mut Turn<'_>) -> Result<(), LedgerError> {
        for (name, agent) in self.order.iter().filter_map(|name| Some((name, self.governor.agent(name)?))) {
            let now = agent.under_way();
            if self.under_way.get(name).copied().unwrap_or_default() != now {
                turn.keep_under_way(&self.run, name, now)?;
                self.under_way.insert(name.clone(), now);
            }
        }
        Ok(())
    }

    /// Writes what hooks and holds have taken, now and then.
    fn keep_times(&mut self, turn: &mut Turn<'_>) -> Result<(), LedgerError> {
        let uptime = self.moment().uptime;
        let agents = self.order.iter().filter_map(|name| self.governor.agent(name));
        let held = agents.fold(Duration::ZERO, |sum, agent| sum.saturating_add(agent.held_for(uptime)));
        match self.timing.due(held, clock::monotonic()) {
            Some(times) => times.add_to(turn, &self.run),
            None => Ok(()),
        }
    }

    /// Writes a response; `None` for one that is known. What an import has taken meanwhile, as one may that cannot see
    /// this run's process, was spent by this run all the same; so was what a run inside this one, or around it, has
    /// counted first.
    fn enter(&mut self, turn: &mut Turn<'_>, response: Box<Response>) -> Result<Option<Input>, LedgerError> {
        let (agent, kind) = (response.agent.clone(), EventKind::Response(response.clone()));
        let appended = turn.append(&Event { at: clock::now(), run: self.run.clone(), agent, kind })?;
        if appended.new {
            return Ok(Some(Input::Responded(self.of_known_agent(response))));
        }
        let Some(holder) = appended.holder else { return Ok(None) };
        let Some(recorded) = turn.recorded(&response.thread, &response.key)?.map(Box::new) else { return Ok(None) };
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
            self.mark(what.to_owned());
        }
        Ok(Some(Input::Taken { response, recorded }))
    }
}
