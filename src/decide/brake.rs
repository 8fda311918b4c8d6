//! Pure. The emergency brake: a person lets agents stand still, go on, or end, whatever their budgets say.

use crate::clocks::GATE_WITHIN;
use crate::model::event::EventKind;
use crate::model::{AgentName, ApprovalId, Brake, Braked};

use super::agent::Agent;
use super::context::Context;
use super::effect::Effect;
use super::governor::Governor;
use super::input::Timer;
use super::lifecycle::{After, Happening, Intent, State};

impl Agent {
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
}

impl Governor {
    /// A question that keeps the agent, or a tool of its, from going on.
    pub fn waits_for_answer(&self, name: &AgentName) -> Option<ApprovalId> {
        self.held_approval(name).or_else(|| self.agents.get(name)?.gate.asked())
    }

    /// A person uses the brake on all agents.
    pub(super) fn braked(&mut self, cx: &Context<'_>, brake: Brake, braked: &Braked) {
        for name in self.names() {
            if self.agents.get(&name).is_none_or(|agent| agent.is_past(brake)) {
                continue;
            }
            let (by, reason) = (braked.by.clone(), braked.reason.clone());
            self.record(Some(&name), EventKind::Braked { brake, by, reason });
            match brake {
                Brake::Pause => self.pause(cx, &name, braked),
                Brake::Continue => self.unpause(cx, &name, braked),
                Brake::Stop => self.end_by_hand(cx, &name, Intent::Stop, &format!("stopped {}", braked.text())),
                Brake::Kill => self.end_by_hand(cx, &name, Intent::Kill, &format!("killed {}", braked.text())),
            }
        }
    }

    /// A person has used the brake, and somebody else wrote it down and told of it.
    pub(super) fn paused(&mut self, cx: &Context<'_>, pause: Option<&Braked>) {
        for name in self.names() {
            match pause {
                Some(braked) => self.stand_still(cx, &name, braked),
                None => self.end_pause(cx, &name, "continued".to_owned()),
            }
        }
    }

    pub(super) fn pause(&mut self, cx: &Context<'_>, name: &AgentName, braked: &Braked) {
        if self.agents.get(name).is_some_and(|agent| agent.pause.is_none()) {
            self.say(name, &format!("paused {}; to go on: govern continue {}", braked.text(), cx.run));
            self.stand_still(cx, name, braked);
        }
    }

    /// A hold for a question stays one: the agent is paused besides.
    fn stand_still(&mut self, cx: &Context<'_>, name: &AgentName, braked: &Braked) {
        let Some(agent) = self.agents.get_mut(name).filter(|agent| agent.pause.is_none()) else { return };
        agent.pause = Some(braked.clone());
        if agent.held.is_none() && agent.question.is_none() {
            agent.because = format!("paused {}", braked.text());
        }
        self.happen(cx, name, Happening::Wish(Intent::Pause));
        self.reserve(cx, name);
    }

    pub(super) fn unpause(&mut self, cx: &Context<'_>, name: &AgentName, braked: &Braked) {
        if self.agents.get(name).is_some_and(|agent| agent.pause.is_some()) {
            let what = format!("continued {}", braked.text());
            self.say(name, &what);
            self.end_pause(cx, name, what);
        }
    }

    /// Goes on, unless a question keeps it or a step of a budget holds it now.
    fn end_pause(&mut self, cx: &Context<'_>, name: &AgentName, what: String) {
        let Some(agent) = self.agents.get_mut(name).filter(|agent| agent.pause.is_some()) else { return };
        agent.pause = None;
        let (state, at_rest) = (agent.state, !agent.turn_under_way());
        let paused = [State::Paused, State::Freezing(Intent::Pause), State::Starting(Some(Intent::Pause))];
        if !paused.contains(&state) {
            return;
        }
        if let Some(agent) = self.agents.get_mut(name) {
            agent.because = what;
        }
        // Between turns nothing is asked of a model, and so nothing of a person.
        if at_rest {
            self.go_on(cx, name);
        } else {
            self.release_or_ask_again(cx, name);
        }
        self.evaluate(cx, name);
    }

    fn end_by_hand(&mut self, cx: &Context<'_>, name: &AgentName, intent: Intent, what: &str) {
        self.say(name, what);
        self.last_hard = None;
        self.note_limit_in_the_way(name);
        if let Some(agent) = self.agents.get_mut(name) {
            agent.pause = None;
            agent.because = what.to_owned();
        }
        self.spare_no_tools(name);
        self.end_held_or_running(cx, name, intent);
    }

    /// What kept an agent is settled: it goes on, unless it is paused.
    pub(super) fn release(&mut self, cx: &Context<'_>, name: &AgentName) {
        let paused = self.agents.get(name).is_some_and(|agent| agent.pause.is_some());
        self.happen(cx, name, if paused { Happening::Park } else { Happening::Release });
    }

    /// One that is started again is paused again, and one that may get past the gate is stopped by signals; a screen
    /// not before it is clear that its hooks do not ask.
    pub(super) fn keep_paused(&mut self, cx: &Context<'_>, name: &AgentName) {
        let Some(agent) = self.agents.get_mut(name).filter(|agent| agent.pause.is_some()) else { return };
        let loose = agent.gate.is_shut() && !agent.is_kept_at_gate();
        let doubted = std::mem::replace(&mut agent.gate.doubted, loose);
        match agent.state {
            State::Starting(None) | State::Running => self.happen(cx, name, Happening::Wish(Intent::Pause)),
            State::Paused if loose && !agent.setup.full_screen => self.happen(cx, name, Happening::Loose),
            State::Paused if loose && !doubted => {
                self.effects.push(Effect::Arm(Timer::Gate(name.clone()), GATE_WITHIN));
            }
            State::Waiting
            | State::Starting(Some(_))
            | State::Freezing(_)
            | State::Held
            | State::Paused
            | State::Ending(_)
            | State::Gone => {}
        }
    }

    /// Its hooks were waited for.
    pub(super) fn expect_at_gate(&mut self, cx: &Context<'_>, name: &AgentName) {
        let loose = |agent: &&Agent| agent.state == State::Paused && agent.gate.doubted && !agent.is_kept_at_gate();
        if self.agents.get(name).filter(loose).is_some() {
            self.happen(cx, name, Happening::Loose);
        }
    }
}
