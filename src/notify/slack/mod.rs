//! Slack: messages with buttons go out by its Web API, clicks come in by Socket Mode.
//!
//! No public address is needed: the connection that clicks come by is opened from here. Slack gives a click to any one of
//! an app's connections, so that one listens for an account, and a click about a question of another machine says so.

mod api;
pub mod event;
mod id;
mod listen;
pub mod message;
mod trouble;

pub use api::Slack;
pub use id::Receipt;
pub use listen::{SlackEvent, listen};
pub use trouble::Trouble;
