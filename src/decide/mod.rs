//! Pure. The governor: what has happened goes in, what is to be done comes out.

pub mod account;
pub mod admission;
pub mod advice;
pub mod agent;
mod alert;
pub mod allot;
mod answers;
pub mod bar;
pub mod before;
mod brake;
pub mod calls;
mod charge;
pub mod choice;
pub mod consult;
mod context;
mod dear;
pub mod effect;
mod effective;
mod foretold;
pub mod gate;
pub mod governor;
pub mod input;
pub mod join;
pub mod lifecycle;
pub mod lift;
mod live;
mod lost;
pub mod models;
mod news;
mod observe;
pub mod pace;
pub mod permission;
pub mod pool;
pub mod reach;
pub mod replay;
pub mod room;
pub mod schedule;
mod spawn;
pub mod steer;
pub mod still;
mod tally;
mod treatment;
mod trend;
mod verdicts;
mod watch;
pub mod ways;
mod weigh;

#[cfg(test)]
mod tests;

pub use account::Books;
pub use before::Before;
pub use effect::Effect;
pub use governor::{Governor, Setup};
pub use input::{Input, Moment};
