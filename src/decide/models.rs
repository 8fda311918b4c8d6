//! Which model may be asked: judged by what Codex names before its request, and by what answered where it names
//! nothing.

use crate::model::{Cost, ModelId, Response, ServiceTier};

use crate::decide::accounts::{Accounts, Spenders};
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::{Agent, Agents};
use crate::decide::barred::barring;
use crate::decide::context::Context;
use crate::decide::message::{Asks, Effects};
use crate::decide::people::released;

pub(in crate::decide) fn refuse_unpriced(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    response: &Response,
) -> bool {
    if response.cost != Cost::Unpriced || !accounts.counts_money(&Spenders::of(cx.fixed, agents), who) {
        return false;
    }
    let what = match &response.tier {
        ServiceTier::Other(tier) => unknown_tier(tier),
        _ => unpriced(response.model.as_ref()),
    };
    released::stop_because(cx, agents, accounts, effects, who, what);
    true
}

pub(in crate::decide) fn refuse_model(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    response: &Response,
) -> bool {
    let models = &cx.policy.models;
    let model = response.model.as_ref().filter(|model| !models.allows(model.as_str())).map(not_allowed);
    let tier = || (!models.allows_tier(&response.tier)).then(|| tier_not_allowed(&response.tier));
    let Some(what) = model.or_else(tier) else { return false };
    if cx.policy.observe {
        agents.mark(Some(who), what, effects);
        return false;
    }
    released::stop_because(cx, agents, accounts, effects, who, what);
    true
}

/// Why what is asked for must not be asked of anybody, whatever is spent.
fn unfit(cx: &Context<'_>, agents: &Agents, accounts: &Accounts, who: AgentId, asks: &Asks) -> Option<String> {
    let models = &cx.policy.models;
    let model = asks.model.as_ref().filter(|model| !models.allows(model.as_str())).map(not_allowed);
    let tier = asks.tier.as_ref().filter(|tier| !models.allows_tier(tier));
    let tier = tier.map(tier_not_allowed);
    let price =
        (asks.unpriced && accounts.counts_money(&Spenders::of(cx.fixed, agents), who)).then(|| match &asks.tier {
            Some(ServiceTier::Other(tier)) => unknown_tier(tier),
            _ => unpriced(asks.model.as_ref()),
        });
    model.or(tier).or(price).filter(|_| !cx.policy.observe)
}

/// Judges what Codex names before its request. Where it must not be asked: that sub-agent's thread is barred, and so
/// is one that a person can switch back on Codex's own screen; any other ends its agent. Says whether it was refused.
pub(in crate::decide) fn refuse_next(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    asks: &Asks,
) -> bool {
    let Some(what) = unfit(cx, agents, accounts, who, asks) else {
        barring::unbar_model(agents, who, &asks.thread);
        return false;
    };
    let alone = |agent: &Agent| asks.thread != asks.root || agent.setup.full_screen;
    if alone(&agents[who]) {
        barring::bar(agents, accounts, effects, who, &asks.thread, what, None);
    } else {
        released::stop_because(cx, agents, accounts, effects, who, what);
    }
    true
}

/// As a sub-agent's model is refused before it is started, too.
pub fn not_allowed(model: &ModelId) -> String {
    format!("`{model}` is not among the models that the policy allows")
}

fn tier_not_allowed(tier: &ServiceTier) -> String {
    format!("the service tier `{}` is not one that the policy allows", tier.as_str())
}

fn unknown_tier(tier: &str) -> String {
    format!("the service tier `{tier}` has no price: under a limit in money it is stopped")
}

fn unpriced(model: Option<&ModelId>) -> String {
    let model = model.map_or("an unknown model", ModelId::as_str);
    format!("`{model}` has no price: under a limit in money it is stopped")
}
