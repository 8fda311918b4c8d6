//! What budgets and alerts call for now, and what it comes down to: what is due becomes one decision.

pub(super) mod alarms;
pub(super) mod alert_question;
pub mod alerts;
pub(super) mod binding;
pub(super) mod budgets;
mod changed;
mod crossings;
pub mod due;
pub(super) mod effective;
pub(super) mod progress;
pub(super) mod rearm;
pub mod steer;
pub mod throttle;
pub(super) mod watch;
pub(super) mod wrap_up;
