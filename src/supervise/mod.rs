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
mod managed_agent;
mod perform;
mod process_owners;
mod process_scan;
mod processes;
mod run;
mod run_plan;
mod spawned;
mod supervisor;
mod timing;
mod turns;
mod wake;
mod work_tree;

pub use handoff::changed_since;
pub use managed_agent::GO_ON;
pub use run_plan::{Adviser, EarlierEnd, GatewayPlan, Keep, Outcome, Plan, Planned, Seat};
pub use spawned::spawn_standings;
pub use supervisor::supervise;
