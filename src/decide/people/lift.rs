//! The limit that a person lifts before a run goes on: it is judged like any answer, counts from the start, and is
//! written down once something was started by it.

pub(in crate::decide) mod lifting;

use crate::model::{Answerer, BudgetKey, BudgetName, Identity, Quantity};

use crate::decide::agents::ids::AgentId;

/// A limit that is lifted before the run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lift {
    /// The budget that stopped the run; `None`: whichever counts in this unit.
    pub budget: Option<BudgetName>,
    /// By how much.
    pub by_amount: Quantity,
    /// Who lifts it.
    pub who: Answerer,
    /// Who started the run.
    pub started_by: Identity,
    /// The same, and through what, as it is written down.
    pub by: String,
}

/// What is known of limits that a person lifts, or stands before.
#[derive(Debug)]
pub(in crate::decide) struct Lifting {
    /// A limit that a person lifted before the run goes on.
    pub(in crate::decide) lift: Option<Lift>,
    lifted: Option<Lifted>,
    /// The budget at whose limit an agent waited that a person ended.
    waited_at: Option<BudgetName>,
}

impl Lifting {
    pub(in crate::decide) fn before(lift: Option<Lift>) -> Self {
        Self { lift, lifted: None, waited_at: None }
    }
}

/// A lift that counts already and is not written down: nothing was started yet.
#[derive(Debug)]
struct Lifted {
    lift: Lift,
    key: BudgetKey,
    agent: AgentId,
}
