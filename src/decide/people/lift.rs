//! Pure. The limit that a person lifts before a run goes on: it is judged like any answer, counts from the start, and is
//! written down once something was started by it.

mod lifting;

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

/// A lift that counts already and is not written down: nothing was started yet.
#[derive(Clone, Debug)]
pub(in crate::decide) struct Lifted {
    lift: Lift,
    key: BudgetKey,
    agent: AgentId,
}
