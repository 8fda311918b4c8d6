//! Pure. The emergency brake: a person lets agents stand still, go on, or end, whatever their budgets say.

use crate::clocks::GATE_WITHIN;
use crate::model::event::EventKind;
use crate::model::{AgentName, ApprovalId, Brake, Braked};

use crate::decide::agents::Agent;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Happening, Intent, State};
use crate::decide::context::Context;
use crate::decide::governor::Governor;
use crate::decide::message::{Effect, Timer};

impl Governor {
    /// A question that keeps the agent, or a tool of its, from going on.
    pub fn waits_for_answer(&self, name: &AgentName) -> Option<ApprovalId> {
        self.agent(name)?.waits_for_answer()
    }

    /// A person uses the brake on all agents, or on those of a team.
    pub(in crate::decide) fn braked(&mut self, cx: &Context<'_>, brake: Brake, team: Option<&str>, braked: &Braked) {
        for who in self.agents.ids() {
            let agent = &self.agents[who];
            if agent.is_past(brake) || !agent.setup.is_of(team) {
                continue;
            }
            let (by, reason) = (braked.by.clone(), braked.reason.clone());
            self.record(Some(who), EventKind::Braked { brake, by, reason });
            match brake {
                Brake::Pause => self.pause(cx, who, braked),
                Brake::Continue => self.unpause(cx, who, braked),
                Brake::Stop => self.end_by_hand(cx, who, Intent::Stop, &format!("stopped {}", braked.text())),
                Brake::Kill => self.end_by_hand(cx, who, Intent::Kill, &format!("killed {}", braked.text())),
            }
        }
    }

    /// A person has used the brake, and somebody else wrote it down and told of it.
    pub(in crate::decide) fn paused(&mut self, cx: &Context<'_>, pause: Option<&Braked>) {
        for who in self.agents.ids() {
            match pause {
                Some(braked) => self.stand_still(cx, who, braked),
                None => self.end_pause(cx, who, "continued".to_owned()),
            }
        }
    }

    pub(in crate::decide) fn pause(&mut self, cx: &Context<'_>, who: AgentId, braked: &Braked) {
        if self.agents[who].pause.is_none() {
            self.say(who, &format!("paused {}; to go on: govern continue {}", braked.text(), cx.run));
            self.stand_still(cx, who, braked);
        }
    }

    /// A hold for a question stays one: the agent is paused besides.
    fn stand_still(&mut self, cx: &Context<'_>, who: AgentId, braked: &Braked) {
        let agent = &mut self.agents[who];
        if agent.pause.is_some() {
            return;
        }
        agent.pause = Some(braked.clone());
        if agent.held.is_none() && agent.question.is_none() {
            agent.because = format!("paused {}", braked.text());
        }
        self.happen(cx, who, Happening::Wish(Intent::Pause));
        self.reserve(cx, who);
    }

    pub(in crate::decide) fn unpause(&mut self, cx: &Context<'_>, who: AgentId, braked: &Braked) {
        if self.agents[who].pause.is_some() {
            let what = format!("continued {}", braked.text());
            self.say(who, &what);
            self.end_pause(cx, who, what);
        }
    }

    /// Goes on, unless a question keeps it or a step of a budget holds it now.
    fn end_pause(&mut self, cx: &Context<'_>, who: AgentId, what: String) {
        let agent = &mut self.agents[who];
        if agent.pause.is_none() {
            return;
        }
        agent.pause = None;
        let (state, at_rest) = (agent.state, !agent.turn_under_way());
        let paused = [State::Paused, State::Freezing(Intent::Pause), State::Starting(Some(Intent::Pause))];
        if !paused.contains(&state) {
            return;
        }
        self.agents[who].because = what;
        // Between turns nothing is asked of a model, and so nothing of a person.
        if at_rest {
            self.go_on(cx, who);
        } else {
            self.release_or_ask_again(cx, who);
        }
        self.evaluate(cx, who);
    }

    fn end_by_hand(&mut self, cx: &Context<'_>, who: AgentId, intent: Intent, what: &str) {
        self.say(who, what);
        self.last_hard = None;
        self.note_limit_in_the_way(who);
        let agent = &mut self.agents[who];
        agent.pause = None;
        agent.because = what.to_owned();
        self.spare_no_tools(who);
        self.end_held_or_running(cx, who, intent);
    }

    /// Somebody ended govern's own wait by a signal: no rule ended the agent, and the limit that it waited at stands in
    /// the way of whoever goes on with it.
    pub(in crate::decide) fn ended_by_signal(&mut self, cx: &Context<'_>, who: AgentId, what: String) {
        self.note_limit_in_the_way(who);
        self.last_hard = None;
        self.stop_because(cx, who, what);
    }

    /// What kept an agent is settled: it goes on, unless it is paused.
    pub(in crate::decide) fn release(&mut self, cx: &Context<'_>, who: AgentId) {
        let paused = self.agents[who].pause.is_some();
        self.happen(cx, who, if paused { Happening::Park } else { Happening::Release });
    }

    /// One that is started again is paused again, and one that may get past the gate is stopped by signals; a screen
    /// not before it is clear that its hooks do not ask.
    pub(in crate::decide) fn keep_paused(&mut self, cx: &Context<'_>, who: AgentId) {
        let agent = &mut self.agents[who];
        if agent.pause.is_none() {
            return;
        }
        let loose = agent.gate.is_shut() && !agent.is_kept_at_gate();
        let doubted = std::mem::replace(&mut agent.gate.doubted, loose);
        match agent.state {
            State::Starting(None) | State::Running => self.happen(cx, who, Happening::Wish(Intent::Pause)),
            State::Paused if loose && !agent.setup.full_screen => self.happen(cx, who, Happening::Loose),
            State::Paused if loose && !doubted => {
                self.effects.push(Effect::Arm(Timer::Gate(self.agents.name(who).clone()), GATE_WITHIN));
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
    pub(in crate::decide) fn expect_at_gate(&mut self, cx: &Context<'_>, who: AgentId) {
        let loose = |agent: &Agent| agent.state == State::Paused && agent.gate.doubted && !agent.is_kept_at_gate();
        if loose(&self.agents[who]) {
            self.happen(cx, who, Happening::Loose);
        }
    }
}
