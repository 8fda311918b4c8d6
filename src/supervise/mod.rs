//! The one loop that joins the stages: select, handle, record, perform.
//!
//! Whatever wakes the loop becomes inputs; the governor turns inputs into effects inside one
//! transaction of the ledger, which records them; only then are they performed.
//!
//! The supervisor owns the components and calls them in a written order. Each has its own state, and is lent what it needs of
//! the others: none knows the supervisor.

mod agents;
mod conclude;
mod context;
mod core;
mod handoff;
mod intake;
mod journal;
mod look;
mod managed_agent;
mod owners;
mod perform;
mod plan;
mod processes;
mod run;
mod seen;
mod spawned;
mod supervisor;
mod timing;
mod turns;
mod wake;

pub use handoff::changed_since;
pub use managed_agent::GO_ON;
pub use plan::{Adviser, EarlierEnd, GatewayPlan, Keep, Outcome, Plan, Planned, Seat};
pub use spawned::spawn_standings;
pub use supervisor::supervise;
