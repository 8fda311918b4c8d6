//! Pure. The governor: what has happened goes in, what is to be done comes out.

pub mod accounts;
pub mod admission;
pub mod agents;
pub mod bar;
pub mod before;
pub mod calls;
mod context;
mod dear;
pub mod discretion;
pub mod evaluate;
pub mod gate;
pub mod governor;
pub mod join;
mod ladder;
pub mod message;
pub mod models;
mod observe;
mod other_runs;
pub mod people;
mod processes;
pub mod replay;
mod requested;
mod responses;
pub mod room;
mod snapshot;
mod spawn;
mod starting;
pub mod still;
mod transition;
pub mod ways;

#[cfg(test)]
mod tests;

pub use accounts::account::Books;
pub use accounts::{account, allot, pool};
pub use before::Before;
pub use governor::{Governor, Setup};
pub use message::{Effect, Input, Moment};
