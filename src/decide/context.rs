//! Pure. What the governor's components may look at while one input is handled. None of it changes meanwhile.

use std::sync::Arc;

use crate::model::{Cost, ModelId, Response, RunId, ServiceTier, Timestamp, Tokens};
use crate::policy::rule::{Policy, Step};

use super::accounts::account::Books;
use super::message::Moment;
use crate::decide::people::reach::Nobody;

/// What tokens would cost with a model: the price table, handed in so that the governor needs none.
pub type Quoter = Box<dyn Fn(&ModelId, &ServiceTier, Timestamp, &Tokens) -> Cost>;

/// What a run is given before it begins, and keeps to its end.
pub(super) struct Fixed {
    pub(super) run: RunId,
    pub(super) policy: Arc<Policy>,
    /// Why nobody can be asked; `None`: somebody can.
    pub(super) nobody: Option<Nobody>,
    pub(super) quote: Quoter,
}

/// The moment at which an input is handled, and what holds at it.
pub(super) struct Context<'a> {
    pub(super) now: Moment,
    pub(super) run: &'a RunId,
    pub(super) policy: &'a Policy,
    pub(super) books: &'a dyn Books,
    fixed: &'a Fixed,
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
