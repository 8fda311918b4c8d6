//! The one loop that joins the stages: select, handle, record, perform.
//!
//! Whatever wakes the loop becomes inputs; the governor turns inputs into effects inside one
//! transaction of the ledger, which records them; only then are they performed.

mod adviser;
mod answer;
mod asking;
mod at_gate;
mod braking;
mod conclude;
mod counting;
mod echo;
mod gateway;
mod glance;
mod handoff;
mod judged;
mod look;
mod observing;
mod owners;
mod passing;
mod perform;
mod plan;
mod redraw;
mod seen;
mod sessions;
mod shim;
mod spawned;
mod strangers;
mod supervisor;
mod timing;
mod told;
mod turn;
mod unseen;
mod wake;
mod ward;
mod working;

pub use adviser::Adviser;
pub use handoff::changed_since;
pub use passing::GatewayPlan;
pub use perform::GO_ON;
pub use plan::{EarlierEnd, Keep, Outcome, Plan, Planned, Seat};
pub use spawned::spawn_standings;
pub use supervisor::supervise;
