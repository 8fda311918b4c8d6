//! Pure. Which agents start when: needs first, then what matters more, never more at once than may be.

use std::cmp::Reverse;
use std::num::NonZeroUsize;

use crate::model::event::EventKind;
use crate::model::{AgentName, Priority, Verb};

use super::accounts::Spenders;
use super::agent::Agent;
use super::context::Context;
use super::due::Due;
use super::due::Source;
use super::effect::{Effect, Ending};
use super::governor::Governor;
use super::input::{Interrupt, Phase};
use super::lifecycle::{Happening, Intent, State};

/// One agent in the order of the fleet's file.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a AgentName,
    /// Those that must have ended well before it starts.
    pub needs: &'a [AgentName],
    /// Among several that could start.
    pub priority: Priority,
    /// How far it is.
    pub stage: Stage,
}

/// How far an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not started, or not started again.
    Waiting,
    /// Not started, and not to be: somebody paused it.
    Paused,
    /// Started, and not over; one that is held counts, since it goes on.
    Working,
    /// It ended well.
    Done,
    /// It ended in any other way.
    Failed,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move<'a> {
    /// This one starts.
    Launch(&'a AgentName),
    /// This one never does: what it needs came to nothing, or is not there.
    Skip(&'a AgentName, &'a AgentName),
}

/// The next move; `None`: nothing starts before something else happens.
pub fn next<'a>(entries: &[Entry<'a>], concurrency: Option<NonZeroUsize>) -> Option<Move<'a>> {
    let of = |name: &AgentName| entries.iter().find(|entry| entry.name == name).map(|entry| entry.stage);
    let not_over = || entries.iter().filter(|entry| matches!(entry.stage, Stage::Waiting | Stage::Paused));
    let failed = not_over().find_map(|entry| {
        let need = entry.needs.iter().find(|need| matches!(of(need), Some(Stage::Failed) | None))?;
        Some(Move::Skip(entry.name, need))
    });
    if failed.is_some() {
        return failed;
    }
    let working = entries.iter().filter(|entry| entry.stage == Stage::Working).count();
    let room = concurrency.is_none_or(|most| working < most.get());
    let open = |entry: &Entry<'a>| entry.needs.iter().find(|need| of(need) != Some(Stage::Done));
    let mut ready = not_over().filter(|entry| open(entry).is_none()).peekable();
    if working == 0 && ready.peek().is_none() {
        // They wait for one another.
        return not_over().find_map(|entry| Some(Move::Skip(entry.name, open(entry)?)));
    }
    let ready = ready.filter(|entry| entry.stage == Stage::Waiting && room);
    // Of those that matter as much the first one is taken.
    ready.min_by_key(|entry| Reverse(entry.priority)).map(|entry| Move::Launch(entry.name))
}

impl Governor {
    pub(super) fn begin(&mut self, cx: &Context<'_>) {
        for name in self.names() {
            self.accounts.open_current(cx, &Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref()), &name);
        }
        if let Some(Err(why)) = self.lift.take().map(|lift| self.lift_limit(cx, lift)) {
            self.effects.push(Effect::Refuse(why));
            return;
        }
        for name in self.names() {
            self.recall(cx, &name);
        }
        if let Err(what) = self.accounts.allot(
            cx,
            &Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref()),
            &mut self.effects,
        ) {
            self.effects.push(Effect::Refuse(what));
            return;
        }
        for name in self.names() {
            let due = self.foreseen(cx, &name);
            // A route that comes down to more here is no limit that is spent.
            let hard = due.iter().find(|due| due.written.is_hard() && self.is_hard(due) && !self.asks_first(due));
            if let Some(hard) = hard {
                let (text, offer) = (hard.because.clone(), hard.offer);
                if let Source::Step { account, .. } = hard.source
                    && let Some(account) = self.accounts.get_mut(account)
                {
                    account.offered = Some(offer);
                    self.last_hard = Some(account.key.budget.clone());
                }
                self.refused_by = if let Source::Step { account, .. } = hard.source { Some(account) } else { None };
                self.effects.push(Effect::Refuse(text));
                return;
            }
        }
        self.say_nobody();
        // What was promised is claimed before anybody starts.
        for name in self.names() {
            self.reserve(cx, &name);
        }
        self.begun = true;
    }

    /// It is no reason to refuse, where a person can be asked: the limit is not spent, so it starts, and is held.
    fn asks_first(&self, due: &Due) -> bool {
        let Source::Step { account, .. } = due.source else { return false };
        let left = self.accounts.get(account).is_some_and(|account| account.spent < account.limit());
        due.verb == Verb::Ask && (due.foretold || left)
    }

    fn recall(&mut self, cx: &Context<'_>, name: &AgentName) {
        let Some(agent) = self.agents.get_mut(name).filter(|_| !self.history.is_empty()) else { return };
        for response in self.history.iter().filter(|response| response.agent.as_ref() == Some(name)) {
            agent.note(response);
        }
        // Its last responses are not all of them.
        agent.cost = cx.books.cost(cx.run, name);
    }

    /// The steps that apply before the agent has asked anything. One that goes on begins with a request on its root
    /// thread, of about the size of its last ones.
    fn foreseen(&mut self, cx: &Context<'_>, name: &AgentName) -> Vec<Due> {
        let agent = self.agents.get_mut(name);
        if let Some(agent) = agent
            && let Some(thread) = agent.root.clone().and_then(|root| agent.threads.get_mut(&root))
        {
            thread.phase = Phase::InFlight;
        }
        let due = self.judge_all(cx, name);
        if let Some(agent) = self.agents.get_mut(name) {
            agent.settle();
        }
        due
    }

    /// The agents in the order in which they were named.
    fn entries(&self) -> Vec<Entry<'_>> {
        let agents = self.order.iter().filter_map(|name| self.agents.get(name));
        agents
            .map(|agent| Entry {
                name: &agent.setup.name,
                needs: &agent.setup.needs,
                priority: agent.setup.registration.priority,
                stage: stage(agent),
            })
            .collect()
    }

    /// Starts all that may start, and skips what never will.
    pub(super) fn schedule(&mut self, cx: &Context<'_>) {
        while self.begun {
            let entries = self.entries();
            match next(&entries, self.concurrency) {
                None => return,
                Some(Move::Launch(name)) => {
                    let name = name.clone();
                    self.start(cx, &name);
                }
                Some(Move::Skip(name, need)) => {
                    let (name, need) = (name.clone(), need.clone());
                    self.skip(cx, &name, &need);
                }
            }
        }
    }

    /// Begins an attempt, unless a limit is spent that ends agents: then it is not even started. Where a person is to
    /// be asked, it is started and held before its first request.
    fn start(&mut self, cx: &Context<'_>, name: &AgentName) {
        if let Some(agent) = self.agents.get_mut(name).filter(|agent| agent.attempt > 0) {
            agent.begin_anew();
        }
        let due = self.foreseen(cx, name);
        let ends = |due: &Due| self.is_hard(due) && matches!(due.verb, Verb::Stop | Verb::Kill);
        if !due.iter().any(ends) {
            if let Some(agent) = self.agents.get_mut(name) {
                agent.attempt = agent.attempt.saturating_add(1);
            }
            self.happen(cx, name, Happening::Launch);
        }
        self.decide(cx, name, due, None);
    }

    fn skip(&mut self, cx: &Context<'_>, name: &AgentName, need: &AgentName) {
        let because = match self.agents.get(need).map(|agent| agent.ending) {
            None => format!("it needs `{need}`, which is not there"),
            Some(None) => format!("it needs `{need}`, and that one waits for it"),
            Some(Some(ending)) => format!("it needs `{need}`, which {}", ending.as_str()),
        };
        if let Some(agent) = self.agents.get_mut(name) {
            agent.because.clone_from(&because);
        }
        self.record(Some(name), EventKind::AgentSkipped { because });
        self.happen(cx, name, Happening::Skip);
    }

    /// A command that failed is started anew while its agent has tries left.
    pub(super) fn may_retry(&self, name: &AgentName) -> bool {
        let left = |agent: &Agent| agent.attempt >= 1 && agent.attempt - 1 < agent.setup.retries;
        let is_ending = |agent: &Agent| {
            use {Intent::Kill, Intent::Stop, State::Freezing, State::Starting};
            matches!(agent.state, Freezing(Stop | Kill) | Starting(Some(Stop | Kill)))
        };
        let may = |agent: &Agent| left(agent) && !is_ending(agent);
        self.interrupted.is_none() && self.agents.get(name).is_some_and(may)
    }

    /// Its command could not be executed: no further try would be another.
    pub(super) fn not_launched(&mut self, cx: &Context<'_>, name: &AgentName, because: String) {
        self.outcome(name, false, &because);
        self.mark(Some(name), because.clone());
        if let Some(agent) = self.agents.get_mut(name) {
            agent.because = because;
        }
        self.happen(cx, name, Happening::Failed);
    }

    /// Somebody ends the whole run: what did not start never does, what works is ended.
    pub(super) fn interrupt(&mut self, cx: &Context<'_>, how: Interrupt, because: &str) {
        self.interrupted = self.interrupted.max(Some(how));
        for name in self.order.clone() {
            if self.agents.get(&name).is_none_or(|agent| agent.state == State::Gone) {
                continue;
            }
            if let Some(agent) = self.agents.get_mut(&name) {
                agent.pause = None;
                because.clone_into(&mut agent.because);
            }
            let intent = match how {
                Interrupt::Stop => Intent::Stop,
                Interrupt::Kill => Intent::Kill,
            };
            self.spare_no_tools(&name);
            self.end_held_or_running(cx, &name, intent);
        }
    }

    /// Every agent is over.
    pub fn is_over(&self) -> bool {
        self.agents.values().all(|agent| agent.state == State::Gone)
    }
}

fn stage(agent: &Agent) -> Stage {
    match (agent.state, agent.ending) {
        (State::Waiting, _) if agent.pause.is_some() => Stage::Paused,
        (State::Waiting, _) => Stage::Waiting,
        (State::Gone, Some(Ending::Itself)) => Stage::Done,
        (State::Gone, _) => Stage::Failed,
        (
            State::Starting(_) | State::Running | State::Freezing(_) | State::Held | State::Paused | State::Ending(_),
            _,
        ) => Stage::Working,
    }
}
