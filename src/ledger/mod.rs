//! The ledger, a SQLite database: append-only events in hash chains, and what is summed from them.
//!
//! Any number of govern processes write at once. A supervising loop writes within [`Ledger::turn`], one immediate
//! transaction an iteration: what it saw, what others wrote since ([`Turn::news`]), what it may spend of shared
//! budgets ([`BudgetsMut::reserve`]) and what it is about to do become true together or not at all.
//!
//! **What the chains show.** Each run's entries are chained; the ledger's own chain links starts, seals, questions,
//! answers and extensions of all runs. [`Audit::verify`] finds every change by someone who does not recompute all
//! later hashes, and every change to a sealed run by someone who does not recompute the ledger's chain as well. Who
//! rewrites both is found only by a head ([`Audit::head`]) that was kept elsewhere.
//!
//! What is written here is redacted by the caller before; prompts and answers of models never come here.

pub mod attributed;
mod audit;
mod audit_failure;
mod audit_run;
mod budgets;
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
mod hooks;
mod imported;
mod log;
mod moment;
mod other_processes;
pub mod outbox;
mod own_run;
mod provenance;
pub mod prune;
mod questions;
mod read_position;
pub mod reconciled;
mod repriced;
mod responses;
mod resume_claim;
pub mod reviews;
mod rollup;
mod rows;
mod runs;
pub mod runs_with_actions;
mod schema;
mod series;
mod sqlite_files;
pub mod state_folder;
mod store;
mod sub_agents;
mod sums;
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

pub use audit::{Audit, Head, Verified};
pub use budgets::{Budgets, BudgetsMut};
pub use calls::{CallQuery, CallsBy};
pub use chain::HookChange;
pub use error::LedgerError;
pub use figures::{Counters, Decided, KeptName, Spends, Times, Used};
pub use file_watch::FileWatch;
pub use hash::Hash;
pub use history::{Batch, FileMark, Governed, History, NewOrigin};
pub use hooks::{Attended, Hooks, HooksMut, Pinned};
pub use imported::{Origin, PastResponse};
pub use moment::Moment;
pub use other_processes::ForeignRows;
pub use questions::{Put, Question, Questions, QuestionsMut};
pub use responses::{Filter, Responses};
pub use resume_claim::claim;
pub use runs::{Ended, Entry, HeldBack, RunFilter, RunState, Runs};
pub use state_folder::state_home;
pub use store::{Ledger, Patience};
pub use sub_agents::SubAgents;
pub use sums::{Piece, SliceQuery, SumQuery, SumRow, Sums, SumsBy};
pub use turn::{Appended, Turn};
pub use usage::Holder;
