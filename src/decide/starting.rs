//! Pure. A run begins, and its agents start as the schedule has it; it is interrupted, and is over.

use crate::model::event::EventKind;
use crate::model::{AgentName, Verb};

use super::accounts::{Spenders, allot};
use super::agents::Agent;
use super::agents::ids::AgentId;
use super::agents::lifecycle::{Happening, Intent, State};
use super::agents::schedule::{Entry, Move, Stage, next};
use super::context::Context;
use super::governor::Governor;
use super::message::{Effect, Ending, Interrupt, Phase};
use crate::decide::evaluate::due::Due;
use crate::decide::evaluate::due::Source;

impl Governor {
    pub(super) fn begin(&mut self, cx: &Context<'_>) {
        for who in self.agents.ids() {
            self.accounts.open_current(cx, &Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref()), who);
        }
        if let Some(Err(why)) = self.lift.take().map(|lift| self.lift_limit(cx, lift)) {
            self.effects.push(Effect::Refuse(why));
            return;
        }
        for who in self.agents.ids() {
            self.recall(cx, who);
        }
        if let Err(what) = allot::hand_out(
            &mut self.accounts,
            cx,
            &Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref()),
            &mut self.effects,
        ) {
            self.effects.push(Effect::Refuse(what));
            return;
        }
        for who in self.agents.ids() {
            let due = self.foreseen(cx, who);
            // A route that comes down to more here is no limit that is spent.
            let hard = due.iter().find(|due| due.written.is_hard() && self.is_hard(due) && !self.asks_first(due));
            if let Some(hard) = hard {
                let (text, offer, needs) = (hard.because.clone(), hard.offer, hard.needs);
                if let Source::Step { account: id, .. } = hard.source {
                    let account = &mut self.accounts[id];
                    (account.offered, account.needed) = (Some(offer), Some(needs));
                    self.last_hard = Some(account.key.budget.clone());
                    self.refused_by = Some(id);
                }
                self.effects.push(Effect::Refuse(text));
                return;
            }
        }
        self.say_nobody();
        // What was promised is claimed before anybody starts.
        for who in self.agents.ids() {
            self.reserve(cx, who);
        }
        self.begun = true;
    }

    /// It is no reason to refuse, where a person can be asked: the limit is not spent, so it starts, and is held.
    fn asks_first(&self, due: &Due) -> bool {
        let Source::Step { account, .. } = due.source else { return false };
        let left = self.accounts[account].spent < self.accounts[account].limit();
        due.verb == Verb::Ask && (due.foretold || left)
    }

    fn recall(&mut self, cx: &Context<'_>, who: AgentId) {
        if self.history.is_empty() {
            return;
        }
        let agent = &mut self.agents[who];
        let name = agent.setup.name.clone();
        for response in self.history.iter().filter(|response| response.agent.as_ref() == Some(&name)) {
            agent.note(response);
        }
        // Its last responses are not all of them.
        agent.cost = cx.books.cost(cx.run, &name);
    }

    /// The steps that apply before the agent has asked anything. One that goes on begins with a request on its root
    /// thread, of about the size of its last ones.
    fn foreseen(&mut self, cx: &Context<'_>, who: AgentId) -> Vec<Due> {
        let agent = &mut self.agents[who];
        if let Some(thread) = agent.root.clone().and_then(|root| agent.threads.get_mut(&root)) {
            thread.phase = Phase::InFlight;
        }
        let due = self.judge_all(cx, who);
        self.agents[who].settle();
        due
    }

    /// The agents in the order in which they were named.
    fn entries(&self) -> Vec<Entry<'_>> {
        self.agents
            .as_named()
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
            let (name, need) = match next(&entries, self.concurrency) {
                None => return,
                Some(Move::Launch(name)) => (name.clone(), None),
                Some(Move::Skip(name, need)) => (name.clone(), Some(need.clone())),
            };
            self.of(&name, |own, who| match need {
                None => own.start(cx, who),
                Some(need) => own.skip(cx, who, &need),
            });
        }
    }

    /// Begins an attempt, unless a limit is spent that ends agents: then it is not even started. Where a person is to
    /// be asked, it is started and held before its first request.
    fn start(&mut self, cx: &Context<'_>, who: AgentId) {
        let agent = &mut self.agents[who];
        if agent.attempt > 0 {
            agent.begin_anew();
        }
        let due = self.foreseen(cx, who);
        let ends = |due: &Due| self.is_hard(due) && matches!(due.verb, Verb::Stop | Verb::Kill);
        if !due.iter().any(ends) {
            let agent = &mut self.agents[who];
            agent.attempt = agent.attempt.saturating_add(1);
            self.happen(cx, who, Happening::Launch);
        }
        self.decide(cx, who, due, None);
    }

    fn skip(&mut self, cx: &Context<'_>, who: AgentId, need: &AgentName) {
        let because = match self.agent(need).map(|agent| agent.ending) {
            None => format!("it needs `{need}`, which is not there"),
            Some(None) => format!("it needs `{need}`, and that one waits for it"),
            Some(Some(ending)) => format!("it needs `{need}`, which {}", ending.as_str()),
        };
        self.agents[who].because.clone_from(&because);
        self.record(Some(who), EventKind::AgentSkipped { because });
        self.happen(cx, who, Happening::Skip);
    }

    /// A command that failed is started anew while its agent has tries left.
    pub(super) fn may_retry(&self, who: AgentId) -> bool {
        let left = |agent: &Agent| agent.attempt >= 1 && agent.attempt - 1 < agent.setup.retries;
        let is_ending = |agent: &Agent| {
            use {Intent::Kill, Intent::Stop, State::Freezing, State::Starting};
            matches!(agent.state, Freezing(Stop | Kill) | Starting(Some(Stop | Kill)))
        };
        let may = |agent: &Agent| left(agent) && !is_ending(agent);
        self.interrupted.is_none() && may(&self.agents[who])
    }

    /// Its command could not be executed: no further try would be another.
    pub(super) fn not_launched(&mut self, cx: &Context<'_>, who: AgentId, because: String) {
        self.outcome(who, false, &because);
        self.mark(Some(who), because.clone());
        self.agents[who].because = because;
        self.happen(cx, who, Happening::Failed);
    }

    /// Somebody ends the whole run: what did not start never does, what works is ended.
    pub(super) fn interrupt(&mut self, cx: &Context<'_>, how: Interrupt, because: &str) {
        self.interrupted = self.interrupted.max(Some(how));
        let named: Vec<AgentId> = self.agents.as_named().map(|agent| agent.id).collect();
        for who in named {
            if self.agents[who].state == State::Gone {
                continue;
            }
            self.note_limit_in_the_way(who);
            self.last_hard = None;
            let agent = &mut self.agents[who];
            agent.pause = None;
            because.clone_into(&mut agent.because);
            let intent = match how {
                Interrupt::Stop => Intent::Stop,
                Interrupt::Kill => Intent::Kill,
            };
            self.spare_no_tools(who);
            self.end_held_or_running(cx, who, intent);
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
