//! What the governor's components may look at while one input is handled. None of it changes meanwhile.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Cost, ModelId, Response, RunId, ServiceTier, Timestamp, Tokens};
use crate::policy::rule::{Policy, Step};

use super::accounts::account::Books;
use super::message::Moment;
use crate::decide::evaluate::alerts::Alerts;
use crate::decide::people::reach::Nobody;
use crate::decide::reserving::kept::KeptElsewhere;

/// What tokens would cost with a model: the price table, handed in so that the governor needs none.
pub type Quoter = Box<Quote>;

/// The cost of tokens at a model's price on a day, in a tier.
type Quote = dyn Fn(&ModelId, &ServiceTier, Timestamp, &Tokens) -> Cost;

/// What a run is given before it begins, and keeps to its end.
#[derive(Clone)]
pub(super) struct Fixed {
    pub(super) run: RunId,
    pub(super) policy: Arc<Policy>,
    /// Why nobody can be asked; `None`: somebody can.
    pub(super) nobody: Option<Nobody>,
    pub(super) quote: Rc<Quote>,
    pub(super) alerts: Alerts,
    /// A working Codex has this time until what it spends must be seen.
    pub(super) observe_within: Duration,
    /// A request that others' claims leave no room for waits for them.
    pub(super) patient: bool,
    /// Which budgets are kept elsewhere.
    pub(super) elsewhere: KeptElsewhere,
}

/// The moment at which an input is handled, and what holds at it.
pub(super) struct Context<'a> {
    pub(super) now: Moment,
    pub(super) run: &'a RunId,
    pub(super) policy: &'a Policy,
    pub(super) books: &'a dyn Books,
    pub(super) fixed: &'a Fixed,
}

impl Fixed {
    /// The same, at this moment, before these books.
    pub(super) fn at<'a>(&'a self, now: Moment, books: &'a dyn Books) -> Context<'a> {
        Context { now, run: &self.run, policy: &self.policy, books, fixed: self }
    }

    /// Why a question would not be put: then its `else` is done at once. `None`: it is put, because somebody can be
    /// reached or because it was said that it is waited for all the same. Without a step nobody wrote the question.
    pub(super) fn nobody_for(&self, step: Option<&Step>) -> Option<Nobody> {
        let waits = self.policy.approvals.wait_for_nobody || step.is_some_and(|step| step.insists);
        self.nobody.filter(|_| !waits)
    }

    /// Some alert, or budget over a plan's own limit, could hold or end an agent here, if it sees what it does.
    pub(super) fn warns_of_unobserved(&self) -> bool {
        !self.policy.observe && self.alerts.iter().any(|alert| !alert.observe && alert.is_hard())
    }

    /// What a response would have cost with this model.
    pub(super) fn quoted(&self, model: &ModelId, response: &Response) -> Cost {
        (self.quote)(model, &response.tier, response.at, &response.tokens)
    }
}

impl Context<'_> {
    /// What a response would have cost with this model.
    pub(super) fn quoted(&self, model: &ModelId, response: &Response) -> Cost {
        self.fixed.quoted(model, response)
    }
}
