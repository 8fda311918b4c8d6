//! Owns the ledger, a SQLite database: append-only events in hash chains, and what is summed from them.
//!
//! Any number of govern processes write at once. A supervising loop writes within [`Ledger::turn`], one immediate
//! transaction an iteration: what it saw, what others wrote since ([`Turn::news`]), what it may spend of shared
//! budgets ([`Turn::reserve`]) and what it is about to do become true together or not at all.
//!
//! **What the chains show.** Each run's entries are chained; the ledger's own chain links starts, seals, questions,
//! answers and extensions of all runs. [`Ledger::verify`] finds every change by someone who does not recompute all
//! later hashes, and every change to a sealed run by someone who does not recompute the ledger's chain as well. Who
//! rewrites both is found only by a head ([`Ledger::head`]) that was kept elsewhere.
//!
//! What is written here is redacted by the caller before; prompts and answers of models never come here.

pub mod acted;
mod approval;
mod attended;
pub mod attributed;
mod audit;
mod audit_run;
mod beside;
mod broken;
mod budget;
mod calls;
mod chain;
mod claim;
pub mod committed;
mod error;
pub mod exceptions;
mod extension;
pub mod families;
mod figures;
mod firsts;
pub mod grants;
mod hash;
mod heard;
mod history;
pub mod home;
mod imported;
mod linked;
mod log;
mod moment;
mod news;
pub mod outbox;
mod parts;
pub mod prune;
mod read;
pub mod reconciled;
mod repriced;
pub mod reviews;
mod rollup;
mod rows;
mod schema;
mod seat;
mod series;
mod spawned;
mod store;
mod sums;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod trail;
mod turn;
mod under_way;
mod unobserved;
mod usage;
mod values;
mod watch;
mod work;
pub mod wrapped_up;

pub use approval::{Put, Question};
pub use attended::{Attended, Pinned};
pub use audit::{Head, Verified};
pub use calls::{CallQuery, CallsBy};
pub use chain::HookChange;
pub use error::LedgerError;
pub use figures::{Counters, Decided, KeptName, Spends, Times, Used};
pub use hash::Hash;
pub use heard::Heard;
pub use history::{Batch, FileMark, Governed, Known};
pub use home::state_home;
pub use imported::{Origin, Past};
pub use moment::Moment;
pub use news::News;
pub use read::{Ended, Entry, Filter, HeldBack, RunFilter, RunState};
pub use store::{Ledger, Patience};
pub use sums::{Piece, SliceQuery, SumQuery, SumRow, SumsBy};
pub use turn::{Appended, Turn};
pub use usage::Holder;
