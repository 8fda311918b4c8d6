//! Pure. What budgets and alerts call for now, and what it comes down to: what is due becomes one decision.

pub(super) mod alarms;
pub mod alerts;
pub(super) mod budgets;
pub mod due;
pub(super) mod effective;
pub mod steer;
pub mod throttle;
pub(super) mod watch;
