//! The class of a response, by what the tools of its turn did.
//!
//! The first answer of a turn pays for the whole context, and nearly always reads. So not the answer has a class, but its
//! turn: reading, searching, planning and answers without tools take the class of their turn's deed. What is known of
//! programs and files stands in one table ([`rules`]); what a policy adds stands before it. No word of a prompt or of an
//! answer is looked at.

mod class;
mod evidence;
mod live;
mod path;
mod rewrite;
mod rules;
mod turns;

pub use live::{Classed, LiveTurns};
pub use path::line_kind;
pub use rules::{Own, OwnRule};
pub use turns::Turns;

#[cfg(test)]
mod tests;
