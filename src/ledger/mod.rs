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

mod approval;
pub mod attributed;
mod audit;
mod audit_failure;
mod audit_run;
mod budget;
mod calls;
mod chain;
pub mod committed;
mod error;
pub mod exceptions;
mod extension;
pub mod families;
mod figures;
mod file_watch;
mod first_responses;
pub mod grants;
mod hash;
mod history;
mod imported;
mod log;
mod moment;
mod other_processes;
pub mod outbox;
mod own_run;
mod provenance;
pub mod prune;
mod read;
mod read_position;
pub mod reconciled;
mod repriced;
mod resume_claim;
pub mod reviews;
mod rollup;
mod rows;
pub mod runs_with_actions;
mod schema;
mod series;
mod spawned;
mod sqlite_files;
mod standalone;
pub mod state_folder;
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
mod window_sums;
mod work;
pub mod wrapped_up;

pub use approval::{Put, Question};
pub use audit::{Head, Verified};
pub use calls::{CallQuery, CallsBy};
pub use chain::HookChange;
pub use error::LedgerError;
pub use figures::{Counters, Decided, KeptName, Spends, Times, Used};
pub use file_watch::Heard;
pub use hash::Hash;
pub use history::{Batch, FileMark, Governed, Known};
pub use imported::{Origin, Past};
pub use moment::Moment;
pub use other_processes::News;
pub use read::{Ended, Entry, Filter, HeldBack, RunFilter, RunState};
pub use standalone::{Attended, Pinned};
pub use state_folder::state_home;
pub use store::{Ledger, Patience};
pub use sums::{Piece, SliceQuery, SumQuery, SumRow, SumsBy};
pub use turn::{Appended, Turn};
pub use usage::Holder;
