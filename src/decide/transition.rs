//! Pure. An agent moves through the lifecycle's table, and the table's orders become effects.

use crate::model::event::EventKind;

use super::agents::ids::AgentId;
use super::agents::lifecycle::{After, Happening, Intent, Order, State, next};
use super::context::Context;
use super::governor::Governor;
use super::message::{Effect, Ending, Question};
use super::still::Stillness;

impl Governor {
    /// Moves an agent through the table and turns its orders into effects.
    pub(super) fn happen(&mut self, cx: &Context<'_>, who: AgentId, happening: Happening) {
        let agent = &mut self.agents[who];
        let before = agent.state;
        let (state, orders) = next(before, happening);
        agent.state = state;
        for order in orders {
            match order {
                Order::Launch => self.launch(who),
                Order::Freeze if self.holds_at_gate(cx, who, state) => {}
                Order::Freeze => {
                    self.agents[who].gate.open();
                    self.request(who, hold_word(state));
                    self.effects.push(Effect::Freeze(self.agents.name(who).clone()));
                }
                Order::Thaw => {
                    let opens = {
                        self.agents[who].resume_clock(cx.now.uptime);
                        self.agents[who].gate.stillness = Stillness::Moves;
                        self.agents[who].gate.open()
                    };
                    self.request(who, "release");
                    let agent = self.agents.name(who).clone();
                    self.effects.push(if opens { Effect::Open(agent) } else { Effect::Thaw(agent) });
                    if opens {
                        self.outcome(who, true, "");
                    }
                    self.arm_minutes(cx);
                }
                Order::End => {
                    let begins = !matches!(before, State::Ending(_));
                    let agent = &mut self.agents[who];
                    if begins {
                        agent.lose_in_flight();
                    }
                    self.request(who, end_word(state, begins));
                    self.effects.push(Effect::End(self.agents.name(who).clone()));
                }
                Order::Restart => self.restart(cx, who),
                Order::Ask => self.ask(who),
                Order::Finish => self.finish(cx, who, ending(before, happening)),
            }
        }
    }

    pub(super) fn restart(&mut self, cx: &Context<'_>, who: AgentId) {
        let agent = &mut self.agents[who];
        agent.settle();
        agent.gate.forget();
        agent.restarting = false;
        let (Some(thread), Some(rung)) = (agent.root.clone(), agent.route_wanted.take()) else {
            // INVARIANT: a route is wished for only with a root thread and a rung; without them
            // the agent is over.
            agent.state = State::Gone;
            self.finish(cx, who, Ending::Stopped);
            return;
        };
        agent.switch(&rung, |old| cx.quoted(&rung.model, old));
        agent.routed = Some(rung.clone());
        agent.arriving = Some(rung.model.clone());
        self.request(who, "restart");
        self.effects.push(Effect::Restart { agent: self.agents.name(who).clone(), thread, rung });
    }

    fn launch(&mut self, who: AgentId) {
        let agent = &mut self.agents[who];
        let attempt = agent.attempt;
        // A run of one agent has said so by its own beginning.
        if self.agents.len() > 1 {
            self.request(who, if attempt > 1 { "start again" } else { "start" });
        }
        self.effects.push(Effect::Launch { agent: self.agents.name(who).clone(), attempt });
    }

    pub(super) fn finish(&mut self, cx: &Context<'_>, who: AgentId, ending: Ending) {
        self.withdraw_calls(who);
        self.end_steering(who);
        self.accounts.give_back(self.agents.name(who), &mut self.effects);
        let agent = &mut self.agents[who];
        agent.pause_clock(cx.now.uptime);
        agent.ending = Some(ending);
        agent.settle();
        let (in_flight, in_flight_cost) = (agent.lost, agent.lost_cost);
        self.effects.push(Effect::Finish { agent: self.agents.name(who).clone(), ending, in_flight, in_flight_cost });
        self.reserve(cx, who);
    }

    pub(super) fn request(&mut self, who: AgentId, what: &str) {
        self.request_because(who, what, self.agents[who].because.clone());
    }

    pub(super) fn request_because(&mut self, who: AgentId, what: &str, because: String) {
        self.requests += 1;
        let request = self.requests;
        self.agents[who].request = Some(request);
        self.record(Some(who), EventKind::Requested { request, what: what.to_owned(), because });
    }

    pub(super) fn outcome(&mut self, who: AgentId, ok: bool, detail: &str) {
        let request = self.agents[who].request.take();
        if let Some(request) = request {
            self.record(Some(who), EventKind::Outcome { request, ok, detail: detail.to_owned() });
        }
    }

    /// Restarts at the first moment when no answer and no sub-agent's work would be lost.
    pub(super) fn try_route(&mut self, cx: &Context<'_>, who: AgentId) {
        let agent = &self.agents[who];
        // At the gate no tool's work is lost either.
        let ready = if agent.gate_holds() { agent.is_root_at_gate() } else { true };
        if agent.route_wanted.is_some() && agent.state == State::Running && ready && agent.is_at_safe_point() {
            self.happen(cx, who, Happening::Wish(Intent::Route));
        }
    }

    /// With the next model down, the agent's next request fits under the limit that it is asked about.
    pub(super) fn fits_if_routed(&self, cx: &Context<'_>, question: &Question) -> bool {
        let fits = || {
            let agent = &self.agents[self.agents.id(&question.agent)?];
            let id = self.accounts.find(&question.key)?;
            let account = &self.accounts[id];
            let (spent, limit) = (account.spent, account.limit());
            let routed = self.accounts.reserved_if_routed(cx, &self.spenders(), id, agent)?;
            Some(spent < limit && spent.saturating_add(routed) <= limit)
        };
        fits().unwrap_or(false)
    }
}

/// Why its tree is ended, as the ledger keeps it.
fn end_word(state: State, begins: bool) -> &'static str {
    match state {
        State::Ending(After::Restart) => "end to restart",
        State::Ending(After::Retry) => "end to try again",
        State::Ending(After::Killed) if !begins => "end at once",
        State::Ending(After::Stopped | After::Killed)
        | State::Waiting
        | State::Starting(_)
        | State::Running
        | State::Freezing(_)
        | State::Held
        | State::Paused
        | State::Gone => "end",
    }
}

/// What an agent's last happening makes of it.
fn ending(before: State, happening: Happening) -> Ending {
    match (before, happening) {
        (State::Waiting, Happening::Skip) => Ending::Skipped,
        (State::Ending(After::Killed), _) | (State::Waiting, Happening::Wish(Intent::Kill)) => Ending::Killed,
        // Its hooks have ended it, or govern itself.
        (State::Ending(_) | State::Waiting, _) | (_, Happening::Ended) => Ending::Stopped,
        (
            State::Starting(_) | State::Running | State::Freezing(_) | State::Held | State::Paused | State::Gone,
            Happening::Failed,
        ) => Ending::Failed,
        (State::Starting(_) | State::Running | State::Freezing(_) | State::Held | State::Paused | State::Gone, _) => {
            Ending::Itself
        }
    }
}

/// What it stands still for, as the ledger keeps it: for an end it stands for a moment only.
pub(super) fn hold_word(state: State) -> &'static str {
    match state {
        State::Freezing(Intent::Ask) => "hold",
        State::Freezing(Intent::Pause) => "pause",
        State::Freezing(Intent::Route | Intent::Stop | Intent::Kill)
        | State::Waiting
        | State::Starting(_)
        | State::Running
        | State::Held
        | State::Paused
        | State::Ending(_)
        | State::Gone => "freeze",
    }
}
