//! Pure. The governor: what has happened goes in, what is to be done comes out.

pub mod accounts;
pub mod admission;
pub mod advice;
pub mod agents;
mod alert;
mod alerts;
mod answers;
pub mod bar;
pub mod before;
mod brake;
pub mod calls;
pub mod choice;
pub mod consult;
mod context;
mod dear;
mod due;
mod effective;
pub mod gate;
pub mod governor;
pub mod join;
mod ladder;
pub mod lift;
pub mod message;
pub mod models;
mod news;
mod observe;
pub mod pace;
pub mod permission;
pub mod reach;
pub mod replay;
pub mod room;
mod snapshot;
mod spawn;
mod starting;
pub mod steer;
pub mod still;
mod transition;
mod verdicts;
mod watch;
pub mod ways;
mod weigh;

#[cfg(test)]
mod tests;

pub use accounts::account::Books;
pub use accounts::{account, allot, pool};
pub use before::Before;
pub use governor::{Governor, Setup};
pub use message::{Effect, Input, Moment};
