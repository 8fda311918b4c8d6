//! Pure. The governor: what has happened goes in, what is to be done comes out.

pub mod accounts;
pub mod admission;
pub mod agents;
pub mod bar;
pub mod before;
pub mod calls;
mod context;
pub mod discretion;
pub mod evaluate;
pub mod gate;
pub mod governor;
pub mod headroom;
pub mod join;
mod ladder;
pub mod message;
pub mod models;
mod observe;
mod other_runs;
pub mod past_refusal;
pub mod people;
mod processes;
pub mod replay;
mod request_gates;
mod requested;
mod responses;
pub mod signal_hold;
mod snapshot;
mod spawn;
mod starting;
mod transition;

#[cfg(test)]
mod tests;

pub use accounts::account::Books;
pub use accounts::{account, allot, pool};
pub use before::Before;
pub use governor::{Governor, Setup};
pub use message::{Effect, Input, Moment};
