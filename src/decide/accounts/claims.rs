//! What of each account is spoken for: claimed by other runs, promised to peers, and about to be spent.

use crate::decide::agents::ids::AgentId;
use crate::decide::agents::{Agent, Agents, Begins};
use crate::decide::context::Context;
use crate::decide::ladder;
use crate::decide::message::{Effect, Effects};
use crate::model::{BudgetKey, Dimension, Unit};
use crate::policy::rule::{Budget, Rung, Window};
use crate::policy::verdict::Standing;

use super::account::Account;
use super::ids::AccountId;
use super::pool::{Pool, PoolId};
use super::prediction::binds;
use super::{Accounts, Spenders};

impl Accounts {
    /// How an account stands for one of its agents.
    pub(in crate::decide) fn standing(
        &self,
        cx: &Context<'_>,
        by: &Spenders<'_>,
        id: AccountId,
        who: AgentId,
    ) -> Standing {
        let (account, agent) = (&self[id], &by.agents[who]);
        let reserved = self.reserved_with(cx, by, account, agent, agent.next_model());
        // A route that has to wait makes no room for a request that does not.
        let routed = if agent.is_at_safe_point() { self.reserved_if_routed(cx, by, id, agent) } else { None };
        // What was sent may count elsewhere: by another thread, or on another model.
        let all_sent = agent.has_sent_all() && by.predicted_of_sent(account, agent) > 0;
        Standing { all_sent, reserved_if_routed: routed, ..self.standing_if(id, agent, reserved) }
    }

    /// The same, if this were reserved, some of it for a request that is not sent yet, on the model as it is.
    pub(in crate::decide) fn standing_if(&self, id: AccountId, agent: &Agent, reserved: i64) -> Standing {
        let account = &self[id];
        let fits = account.spent < account.limit() && account.spent.saturating_add(reserved) <= account.limit();
        let settled = agent.settled.get(&id).filter(|_| fits);
        let began_before = agent.began_spent.as_ref().is_none_or(|spent| !spent.contains(&id));
        Standing {
            limit: account.limit(),
            spent: account.spent,
            reserved,
            all_sent: false,
            reserved_if_routed: None,
            turn_under_way: agent.turn_under_way() && began_before,
            wraps_up: account.wraps_up(),
            fired: account.fired.max(agent.fired.get(&id).max(settled).copied()).max(account.answered_step()),
        }
    }

    /// What would be reserved of an account if the agent went on with its next model down; `None`
    /// where it can't.
    pub(in crate::decide) fn reserved_if_routed(
        &self,
        cx: &Context<'_>,
        by: &Spenders<'_>,
        id: AccountId,
        agent: &Agent,
    ) -> Option<i64> {
        let rung =
            ladder::next(by.fixed, agent, self.counts_money(by, agent.id)).filter(|_| agent.setup.restartable)?;
        Some(self.reserved_with(cx, by, &self[id], agent, Some(&rung)))
    }

    /// What is reserved of an account with the agent on this model: others' claims and what its own
    /// and its peers' threads are likely to add.
    fn reserved_with(
        &self,
        cx: &Context<'_>,
        by: &Spenders<'_>,
        account: &Account,
        agent: &Agent,
        rung: Option<&Rung>,
    ) -> i64 {
        by.predicted(account, agent, rung).saturating_add(self.reserved_beside(cx, by, account, agent))
    }

    /// What others than this agent have reserved of an account.
    pub(in crate::decide) fn reserved_beside(
        &self,
        cx: &Context<'_>,
        by: &Spenders<'_>,
        account: &Account,
        agent: &Agent,
    ) -> i64 {
        let others = claimed_by_others(cx, account);
        let peers = account.agents.iter().filter(|peer| **peer != agent.id);
        let beside = peers.map(|peer| self.claim(by, account, &by.agents[*peer]));
        let asked = self.adviser.as_deref().map_or(0, |adviser| adviser.claim(account));
        let first = self.waited_before(by, account, agent);
        beside.chain([asked, first]).fold(others, i64::saturating_add)
    }

    /// What is left of an account beside all that is claimed; who is `held` adds no more than it was promised.
    pub(in crate::decide) fn free(
        &self,
        cx: &Context<'_>,
        by: &Spenders<'_>,
        account: &Account,
        held: Option<AgentId>,
    ) -> i64 {
        let others = claimed_by_others(cx, account);
        let own = self.adviser.as_deref().map_or(0, |adviser| adviser.claim(account));
        let claim = |who: &AgentId| {
            let agent = &by.agents[*who];
            if held == Some(*who) { self.pools.promised(account, agent) } else { self.claim(by, account, agent) }
        };
        let claimed = account.agents.iter().map(claim).fold(others.saturating_add(own), i64::saturating_add);
        account.limit().saturating_sub(account.spent).saturating_sub(claimed)
    }

    /// What an account must keep for an agent: what it is likely to add while it works, or was promised.
    pub(in crate::decide) fn claim(&self, by: &Spenders<'_>, account: &Account, agent: &Agent) -> i64 {
        let next = if agent.is_stopping_for_room() && !agent.is_held_at_gate() {
            // Who is about to stand still for others' claims must not be what they wait for, save for what it has sent.
            by.predicted_of_sent(account, agent)
        } else if agent.is_held_at_gate() || agent.works() {
            by.predicted_beside(account, agent)
        } else {
            0
        };
        next.max(self.pools.promised(account, agent))
    }

    /// What those are about to spend of an account that came to wait before this agent, which asks as well.
    pub(in crate::decide) fn waited_before(&self, by: &Spenders<'_>, account: &Account, agent: &Agent) -> i64 {
        let own = agent.ticket();
        // One that runs its tools is in nobody's way.
        if own.is_none() && !agent.gate.is_asked_to_spend() {
            return 0;
        }
        let peers = account.agents.iter().map(|peer| &by.agents[*peer]);
        peers
            .filter(|peer| peer.id != agent.id && peer.waits_for_room())
            .filter(|peer| own.is_none() || peer.ticket() < own)
            .map(|peer| {
                let wants = by.predicted(account, peer, peer.next_model());
                wants.saturating_sub(self.claim(by, account, peer)).max(0)
            })
            .fold(0, i64::saturating_add)
    }

    /// The account binds what the agent does next. Where it is per model or thread, or over a class of work, only as long as
    /// one of the agent's threads is of that kind.
    pub(in crate::decide) fn concerns(&self, by: &Spenders<'_>, id: AccountId, who: AgentId) -> bool {
        let account = &self[id];
        let agent = &by.agents[who];
        if !account.agents.contains(&who) {
            return false;
        }
        let known_late = |dim: &Dimension| {
            matches!(dim, Dimension::Thread | Dimension::Model) || (*dim == Dimension::Work && !agent.work_is_said)
        };
        let dims = account.per.iter().chain(account.rule.scope.only.dimensions());
        if !dims.into_iter().any(known_late) {
            return true;
        }
        if account.key.unit == Unit::ToolCalls {
            return by.calls_waiting(account, agent) > 0;
        }
        let shows_later = |dim: &Dimension| matches!(dim, Dimension::Thread | Dimension::Model);
        if agent.threads.is_empty() && !account.per.iter().chain(account.rule.scope.only.dimensions()).any(shows_later)
        {
            // Whatever it will be, it begins so.
            return account.takes_work_of(None);
        }
        let rung = agent.next_model();
        let begins = agent.beginning().filter(|_| agent.begins_unasked());
        let is_begun = |begins: &Begins| {
            let (id, thread) = begins.first();
            account.takes_work_of(None) && binds(account, &id, thread.model.as_ref())
        };
        begins.is_some_and(is_begun)
            || agent.threads.iter().any(|(id, thread)| {
                let last = thread.recent().last();
                // What class the next one is of is told by the last: they are of one turn, or the turn has only begun.
                if !agent.work_is_said && !account.takes_work_of(last) {
                    return false;
                }
                let said = thread.model.as_ref().map(|said| agent.answering(said));
                match (rung.map(|rung| &rung.model).filter(|_| last.is_some()).or(said), last) {
                    (Some(model), _) => binds(account, id, Some(model)),
                    (None, Some(last)) => account.counts(last),
                    (None, None) => false,
                }
            })
    }

    /// What this pool can give now; `to` an agent: also what that is about to spend beyond its allotment.
    pub(in crate::decide) fn pool_size(
        &self,
        cx: &Context<'_>,
        by: &Spenders<'_>,
        id: PoolId,
        to: Option<AgentId>,
    ) -> i64 {
        let pool = &self.pools[id];
        pool.rest().max(0).min(self.room(cx, by, pool, to))
    }

    /// What the whole, and each wider budget, has beside all that its agents are promised, or are about to spend.
    fn room(&self, cx: &Context<'_>, by: &Spenders<'_>, pool: &Pool, to: Option<AgentId>) -> i64 {
        let current = |account: &&Account| !account.is_past(cx.now.wall);
        let free = |account: &Account| self.free(cx, by, account, to).max(0);
        let Some(whole) = self.list.iter().filter(current).rfind(|account| pool.is_whole(account)) else {
            return 0;
        };
        let wider = self.list.iter().filter(current).filter(|account| pool.is_reserved_of(account));
        wider.chain([whole]).map(free).min().unwrap_or(0)
    }

    /// What is not there to be given is noted, for those who only look.
    pub(in crate::decide) fn settle_pools(&mut self, cx: &Context<'_>, by: &Spenders<'_>) {
        for id in self.pools.ids() {
            let size = self.pool_size(cx, by, id, None);
            let pool = &mut self.pools[id];
            pool.spoken_for = pool.rest().max(0).saturating_sub(size);
        }
    }

    /// What an allotment's pool lacks where it is raised by so much: by that the whole is lifted, for this agent.
    pub(in crate::decide) fn beyond_pool(
        &self,
        cx: &Context<'_>,
        by: &Spenders<'_>,
        key: &BudgetKey,
        amount: i64,
    ) -> Option<(BudgetKey, AgentId, i64)> {
        let (id, agent) = self.pools.allotted(&self.list, key)?;
        let agent = by.agents.id(&agent)?;
        let short = amount.saturating_sub(self.pool_size(cx, by, id, Some(agent)));
        let whole = self.current_key(cx, id);
        (short > 0).then_some((whole, agent, short))
    }

    /// The key that the whole has in the window of this moment; the first one's where it is in none.
    fn current_key(&self, cx: &Context<'_>, id: PoolId) -> BudgetKey {
        let pool = &self.pools[id];
        let current = |account: &&Account| pool.is_whole(account) && !account.is_past(cx.now.wall);
        self.list.iter().rfind(current).map_or(&pool.key, |account| &account.key).clone()
    }

    /// Claims what the live threads are likely to add, or what their agents were promised; one that is held and was
    /// promised nothing claims nothing.
    pub(in crate::decide) fn reserve(
        &mut self,
        cx: &Context<'_>,
        agents: &Agents,
        who: AgentId,
        effects: &mut Effects,
    ) {
        let by = &Spenders::of(cx.fixed, agents);
        let mut claims = Vec::new();
        for (id, account) in self.with_ids().filter(|(_, a)| a.agents.contains(&who)) {
            // A tool call is judged and counted in one transaction: nothing is claimed in between.
            let claims_none = account.key.unit == Unit::ToolCalls;
            let agents = account.agents.iter().map(|who| &by.agents[*who]);
            // With the last agent all is over.
            let asked = self.adviser.as_deref().filter(|_| by.agents.values().any(Agent::is_live));
            let asked = asked.map(|adviser| adviser.claim(account));
            let amount = agents
                .map(|agent| self.claim(by, account, agent))
                .chain(asked)
                .filter(|_| !account.is_past(cx.now.wall) && !claims_none)
                .fold(0_i64, i64::saturating_add);
            if amount != account.reserved || !account.is_claimed_so {
                claims.push((id, amount));
            }
        }
        for (id, amount) in claims {
            let account = &mut self[id];
            (account.reserved, account.is_claimed_so) = (amount, true);
            if is_shared(&account.rule) {
                effects.push(Effect::Claim { key: account.key.clone(), amount });
            }
        }
    }

    /// The same for all of them.
    pub(in crate::decide) fn reserve_all(&mut self, cx: &Context<'_>, agents: &Agents, effects: &mut Effects) {
        for who in agents.ids() {
            self.reserve(cx, agents, who, effects);
        }
    }

    /// Whether a model without a price would be charged to a limit in money.
    pub(in crate::decide) fn counts_money(&self, by: &Spenders<'_>, who: AgentId) -> bool {
        let bound = self.list.iter().any(|account| {
            account.key.unit.is_money()
                && account.agents.contains(&who)
                && !account.rule.observe
                && account.rule.is_hard()
        });
        bound && !by.fixed.policy.observe
    }
}

/// What other runs claim of an account, and what others have of it where it is kept elsewhere.
fn claimed_by_others(cx: &Context<'_>, account: &Account) -> i64 {
    let here = if is_shared(&account.rule) { cx.books.reserved_by_others(&account.key).max(0) } else { 0 };
    here.saturating_add(account.elsewhere)
}

/// Others may spend from it at the same time.
pub(in crate::decide) fn is_shared(budget: &Budget) -> bool {
    !matches!(budget.window, Window::Life)
}
