//! What a command line says that a policy can't abide: the same for one agent and for each of a fleet.

use std::fmt;

use crate::codex::{AskedModel, Invocation, Ungovernable};
use crate::model::{Cost, ModelId, ServiceTier, Timestamp, Tokens};
use crate::policy::rule::{Policy, Unpriced};
use crate::usage::price::PriceTable;

/// Why an agent must not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Under a limit: what it spends could not be observed, for this reason.
    Unobserved(String),
    /// Under a rule that hooks keep: it would take them away, in this way.
    WithoutHooks(String),
    /// Its model is not allowed.
    ModelNotAllowed(ModelId),
    /// Under a limit in money: its model has no price.
    ModelUnpriced(ModelId),
    /// Under a limit in tool calls: it is not Codex itself, so that nobody counts them.
    CallsUncounted,
    /// Under a limit on sub-agents: likewise.
    SubAgentsUncounted,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unobserved(what) | Self::WithoutHooks(what) => f.write_str(what),
            Self::ModelNotAllowed(model) => {
                write!(f, "`{model}` is not among the models that the policy allows")
            }
            Self::ModelUnpriced(model) => write!(f, "`{model}` has no price, so a limit in money cannot be kept"),
            Self::CallsUncounted => {
                f.write_str("a limit in tool calls cannot be kept for a command that is not Codex itself")
            }
            Self::SubAgentsUncounted => {
                f.write_str("a limit on sub-agents cannot be kept for a command that is not Codex itself")
            }
        }
    }
}

impl Refusal {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unobserved(_) => {
                "leave it out, or run without a limit: what cannot be observed cannot be limited".to_owned()
            }
            Self::WithoutHooks(_) => "leave it out, or run without a limit".to_owned(),
            Self::ModelNotAllowed(_) => "`govern policy show` lists them".to_owned(),
            Self::ModelUnpriced(model) => format!(
                "give it a price in your policy, `[prices.\"{model}\"]`, or set `unpriced = \"dearest\"` under `[models]`"
            ),
            Self::CallsUncounted | Self::SubAgentsUncounted => {
                "let govern start Codex itself (`codex …`): only there do tools ask it first".to_owned()
            }
        }
    }
}

/// The first reason not to start this command under this policy; `invocation` is `None` where it is not Codex itself.
/// `tells` finds out whether that Codex tells hooks what its requests use, so that it needs no session file.
pub fn refusal(
    invocation: Option<&Invocation>,
    policy: &Policy,
    prices: &PriceTable,
    now: Timestamp,
    tells: &dyn Fn(&Invocation) -> bool,
) -> Option<Refusal> {
    let Some(invocation) = invocation else {
        let calls = policy.limits_calls().then_some(Refusal::CallsUncounted);
        return calls.or_else(|| policy.limits_spawns().then_some(Refusal::SubAgentsUncounted));
    };
    let binds = policy.binds(None);
    if binds {
        let kept = |what: &Ungovernable| *what == Ungovernable::Ephemeral && tells(invocation);
        if let Some(what) = invocation.ungovernable().into_iter().find(|what| !kept(what)) {
            return Some(Refusal::Unobserved(what.to_string()));
        }
    }
    if (binds || (!policy.observe && (policy.models.restricts() || policy.has_gates() || policy.limits_spawns())))
        && let Some(what) = invocation.refuses_hooks()
    {
        return Some(Refusal::WithoutHooks(what.to_string()));
    }
    let AskedModel::Model(model) = invocation.asked() else { return None };
    if !policy.observe && !policy.models.allows(model.as_str()) {
        return Some(Refusal::ModelNotAllowed(model));
    }
    let needs_price = policy.binds_money() && !has_stand_in(policy, prices, now);
    (needs_price && !has_price(&model, prices, now)).then_some(Refusal::ModelUnpriced(model))
}

/// What has no price is counted as something that has one.
pub fn has_stand_in(policy: &Policy, prices: &PriceTable, now: Timestamp) -> bool {
    match &policy.models.unpriced {
        Unpriced::Refuse => false,
        Unpriced::Dearest => true,
        Unpriced::As(model) => has_price(model, prices, now),
    }
}

/// A response of this model could be priced.
pub fn has_price(model: &ModelId, prices: &PriceTable, now: Timestamp) -> bool {
    let one = Tokens { input: 1, output: 1, ..Tokens::default() };
    prices.quote(model, &ServiceTier::Standard, now, &one).cost != Cost::Unpriced
}
