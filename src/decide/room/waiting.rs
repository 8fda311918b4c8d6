//! Pure. Waiting for room, and going on as soon as there is some.

use crate::model::{ThreadId, Unit, Verb};
use crate::policy::verdict::{Fired, Standing, Why, grace, is_strict, judge};

use super::{ASKS_AFTER, ENDS_AFTER, LOOKS, Room};
use crate::decide::accounts::ids::AccountId;
use crate::decide::agents::Agent;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Happening, Intent, State};
use crate::decide::context::Context;
use crate::decide::evaluate::effective::{self, Effective};
use crate::decide::governor::Governor;
use crate::decide::message::{Effect, HookId, Timer};

impl Governor {
    /// The same governor, which lets nobody wait for room: it is told of what was, where nothing changes by waiting.
    #[must_use]
    pub fn impatient(mut self) -> Self {
        self.patient = false;
        self
    }

    /// The step would apply only because of what others are about to spend, and there is still time to wait for that.
    pub(in crate::decide) fn may_wait(
        &self,
        cx: &Context<'_>,
        who: AgentId,
        id: AccountId,
        of: (&Standing, Fired),
    ) -> bool {
        let (standing, fired) = of;
        let account = &self.accounts[id];
        let agent = &self.agents[who];
        let plain = account.rule.step(fired.step).may.is_none();
        let counts = self.patient && plain && fired.verb.is_hard() && account.key.unit != Unit::ToolCalls;
        if !counts || fired.why != Why::NextWouldPass || self.accounts.observes(id) {
            return false;
        }
        let at_most = match effective::comes_to(&self.accounts, &self.spenders(), who, id, fired, standing) {
            Some(Effective { verb: Verb::Ask, .. }) => ASKS_AFTER,
            Some(_) | None => ENDS_AFTER,
        };
        let in_time = agent.room.as_ref().is_none_or(|room| cx.now.uptime < room.since.saturating_add(at_most));
        let peers = account.agents.iter().filter(|peer| **peer != who);
        let promised =
            peers.map(|peer| self.accounts.pools().promised(account, &self.agents[*peer])).fold(0, i64::saturating_add);
        let stays = self.spenders().predicted(account, agent, agent.next_model()).saturating_add(promised);
        let end = standing.limit.saturating_add(grace(&account.rule, standing));
        in_time && stays < standing.reserved && standing.spent.saturating_add(stays) <= end
    }

    /// The next request of this thread does not fit beside those of the agent's other threads that are under way, and they
    /// may come to less: it waits for their answers. Where none is under way, the agent's own step applies. A step that
    /// lets the governor choose may make room for it at once.
    pub(in crate::decide) fn waits_for_own(&mut self, cx: &Context<'_>, who: AgentId, thread: &ThreadId) -> bool {
        self.waits_for_the_first(cx, who, thread) || self.waits_beside_own(cx, who, thread)
    }

    /// Nothing tells what a request of this agent takes, and the first one is under way: under a limit the others wait for
    /// its answer, since any number of them would be taken to cost nothing.
    fn waits_for_the_first(&self, cx: &Context<'_>, who: AgentId, thread: &ThreadId) -> bool {
        let agent = &self.agents[who];
        let mut others = agent.threads.iter().filter(|(id, other)| *id != thread && other.adds());
        let Some(own) = agent.threads.get(thread) else { return false };
        others.any(|(id, other)| agent.is_under_way(id, other))
            && self.accounts.with_ids().any(|(id, account)| {
                let limit = account.limit();
                !matches!(account.key.unit, Unit::ToolCalls | Unit::Minutes)
                    && account.rule.steps.iter().any(|step| is_strict(step, limit))
                    && !account.is_past(cx.now.wall)
                    && !self.accounts.observes(id)
                    && self.accounts.concerns(&self.spenders(), id, who)
                    && !self.spenders().is_foretold(account, agent, own)
            })
    }

    fn waits_beside_own(&mut self, cx: &Context<'_>, who: AgentId, thread: &ThreadId) -> bool {
        self.accounts.ids().any(|id| {
            loop {
                let Some((standing, fired)) = self.lacks_room_beside(cx, (who, thread), id) else {
                    return false;
                };
                if !self.gives_room(cx, who, (id, &standing, fired)) {
                    return true;
                }
            }
        })
    }

    /// The account that this request does not fit in beside others of its agent that are under way, and what would apply.
    fn lacks_room_beside(
        &self,
        cx: &Context<'_>,
        (who, thread): (AgentId, &ThreadId),
        id: AccountId,
    ) -> Option<(Standing, Fired)> {
        let account = &self.accounts[id];
        let agent = &self.agents[who];
        let passed = account.is_past(cx.now.wall)
            || self.accounts.observes(id)
            || !self.accounts.concerns(&self.spenders(), id, who);
        if passed || account.key.unit == Unit::ToolCalls {
            return None;
        }
        let next = |thread| self.spenders().next_of(account, agent, agent.next_model(), thread);
        let others = agent.threads.iter().filter(|(id, other)| *id != thread && other.adds());
        let under_way =
            others.filter(|(id, other)| agent.is_under_way(id, other)).map(next).fold(0, i64::saturating_add);
        let own = next((thread, agent.threads.get(thread)?));
        if under_way == 0 || own == 0 {
            return None;
        }
        let beside = self.accounts.reserved_beside(cx, &self.spenders(), account, agent).saturating_add(under_way);
        let standing = self.accounts.standing_if(id, agent, own.saturating_add(beside));
        let fired = judge(&account.rule, &standing).filter(|fired| fired.why == Why::NextWouldPass)?;
        Some((standing, fired))
    }

    /// It does; what others claim of the same budgets is looked at again soon.
    pub(in crate::decide) fn wait_beside(&mut self, who: AgentId, hook: HookId) {
        self.agents[who].gate.beside.insert(hook);
        self.effects.push(Effect::Arm(Timer::Room(self.agents.name(who).clone()), LOOKS));
    }

    /// Why the agent has to wait for others, if it has to.
    fn lacks_room(&self, cx: &Context<'_>, who: AgentId) -> Option<String> {
        self.accounts.with_ids().find_map(|(id, account)| {
            if account.is_past(cx.now.wall) || !self.accounts.concerns(&self.spenders(), id, who) {
                return None;
            }
            let standing = self.accounts.standing(cx, &self.spenders(), id, who);
            let fired = judge(&account.rule, &standing)?;
            self.may_wait(cx, who, id, (&standing, fired)).then(|| {
                format!("waits for room: {}, and others' claims may come to less", account.show(standing.reserved))
            })
        })
    }

    /// Lets the agent wait, where what it would ask next has no room yet and nothing severer is done with it.
    pub(in crate::decide) fn wait_for_room(&mut self, cx: &Context<'_>, who: AgentId) {
        let goes_on =
            |agent: &Agent| agent.turn_under_way() && matches!(agent.state, State::Running | State::Starting(None));
        if self.defers || !goes_on(&self.agents[who]) {
            return;
        }
        let Some(because) = self.lacks_room(cx, who) else { return };
        self.say(who, &because);
        self.take_place(cx, who, because);
        self.happen(cx, who, Happening::Wish(Intent::Pause));
        self.reserve(cx, who);
    }

    fn take_place(&mut self, cx: &Context<'_>, who: AgentId, because: String) {
        self.requests += 1;
        let ticket = self.requests;
        let agent = &mut self.agents[who];
        agent.because.clone_from(&because);
        agent.room.get_or_insert(Room { ticket, since: cx.now.uptime, because });
        self.effects.push(Effect::Arm(Timer::Room(self.agents.name(who).clone()), LOOKS));
    }

    /// It has to wait for others, whatever else it was held for: it goes on standing still. Says so.
    pub(in crate::decide) fn stays_for_room(&mut self, cx: &Context<'_>, who: AgentId) -> bool {
        let works = self.agents[who].turn_under_way();
        let Some(because) = self.lacks_room(cx, who).filter(|_| works) else { return false };
        self.take_place(cx, who, because);
        self.happen(cx, who, Happening::Park);
        true
    }

    /// Those that wait are looked at, who came first before the others; says whether any waits no longer.
    pub(in crate::decide) fn settle_room(&mut self, cx: &Context<'_>) -> bool {
        // Who waits for a governor model as well goes on when that has answered.
        let advised = |agent: &&Agent| self.adviser.as_ref().is_some_and(|adviser| adviser.holds(agent.id));
        let waits = |agent: &&Agent| agent.waits_for_room() && agent.pause.is_none() && !advised(agent);
        let waiting = self.agents.values().filter(waits);
        let mut waiting: Vec<(Option<u64>, AgentId)> = waiting.map(|agent| (agent.ticket(), agent.id)).collect();
        waiting.sort();
        if waiting.is_empty() {
            return false;
        }
        // What waits at the gate for something else has the places of those before it that began to wait since.
        let asks = |agent: &&Agent| agent.state == State::Running && agent.gate.is_asked_to_spend();
        let beside: Vec<AgentId> = self.agents.values().filter(asks).map(|agent| agent.id).collect();
        beside.into_iter().for_each(|who| self.evaluate_one(cx, who));
        let mut any = false;
        for (_, who) in waiting {
            if self.lacks_room(cx, who).is_none() {
                any = true;
                self.release_or_ask_again(cx, who);
                self.evaluate(cx, who);
            }
        }
        any
    }

    /// Looks again soon, while it waits.
    pub(in crate::decide) fn look_for_room(&mut self, who: AgentId) {
        let waits = |agent: &Agent| agent.waits_for_room() || agent.gate.is_draining();
        if waits(&self.agents[who]) {
            self.effects.push(Effect::Arm(Timer::Room(self.agents.name(who).clone()), LOOKS));
        }
    }
}
