//! The governor: what has happened goes in, what is to be done comes out.

pub mod accounts;
mod action_ids;
pub mod admission;
pub mod agents;
pub mod barred;
mod context;
pub mod discretion;
pub mod evaluate;
mod examined;
pub mod gate;
pub mod governor;
pub mod headroom;
pub mod history;
pub mod join;
mod ladder;
pub mod message;
pub mod models;
mod observe;
mod other_runs;
pub mod passing;
pub mod past_refusal;
pub mod people;
mod processes;
pub mod replay;
mod request_gates;
pub mod reserving;
mod responses;
pub mod signal_hold;
mod snapshot;
mod spawn;
mod starting;
pub mod tool_gates;
mod transition;

#[cfg(test)]
mod tests;

pub use accounts::account::Books;
pub use accounts::{account, allot, pool};
pub use governor::{Governor, Setup};
pub use history::Before;
pub use message::{Effect, Input, Moment};
