//! Pure. Which model may be asked: judged by what Codex names before its request, and by what answered where it names
//! nothing.

use crate::model::{Cost, ModelId, Response};

use super::agents::Agent;
use super::agents::ids::AgentId;
use super::context::Context;
use super::governor::Governor;
use super::message::Asks;

impl Governor {
    pub(super) fn refuse_unpriced(&mut self, cx: &Context<'_>, who: AgentId, response: &Response) -> bool {
        if response.cost != Cost::Unpriced || !self.accounts.counts_money(&self.spenders(), who) {
            return false;
        }
        self.stop_because(cx, who, unpriced(response.model.as_ref()));
        true
    }

    pub(super) fn refuse_model(&mut self, cx: &Context<'_>, who: AgentId, response: &Response) -> bool {
        let Some(model) = &response.model else { return false };
        if cx.policy.models.allows(model.as_str()) {
            return false;
        }
        let what = not_allowed(model);
        if cx.policy.observe {
            self.mark(Some(who), what);
            return false;
        }
        self.stop_because(cx, who, what);
        true
    }

    /// Why what is asked for must not be asked of anybody, whatever is spent.
    fn unfit(&self, who: AgentId, asks: &Asks) -> Option<String> {
        let models = &self.fixed.policy.models;
        let model = asks.model.as_ref().filter(|model| !models.allows(model.as_str())).map(not_allowed);
        let tier = asks.tier.as_ref().filter(|tier| !models.allows_tier(tier));
        let tier = tier.map(|tier| format!("the service tier `{}` is not one that the policy allows", tier.as_str()));
        let price =
            (asks.unpriced && self.accounts.counts_money(&self.spenders(), who)).then(|| unpriced(asks.model.as_ref()));
        model.or(tier).or(price).filter(|_| !self.fixed.policy.observe)
    }

    /// Judges what Codex names before its request. Where it must not be asked: that sub-agent's thread is barred, and so
    /// is one that a person can switch back on Codex's own screen; any other ends its agent. Says whether it was refused.
    pub(super) fn refuse_next(&mut self, cx: &Context<'_>, who: AgentId, asks: &Asks) -> bool {
        let Some(what) = self.unfit(who, asks) else {
            self.unbar_model(who, &asks.thread);
            return false;
        };
        let alone = |agent: &Agent| asks.thread != asks.root || agent.setup.full_screen;
        if alone(&self.agents[who]) {
            self.bar(who, &asks.thread, what, None);
        } else {
            self.stop_because(cx, who, what);
        }
        true
    }
}

/// As a sub-agent's model is refused before it is started, too.
pub fn not_allowed(model: &ModelId) -> String {
    format!("`{model}` is not among the models that the policy allows")
}

fn unpriced(model: Option<&ModelId>) -> String {
    let model = model.map_or("an unknown model", ModelId::as_str);
    format!("`{model}` has no price: under a limit in money it is stopped")
}
