//! What agents committed, and what became of it: read from what git and a work tree's own log say.
//!
//! [`reflog`] tells which commits were made, [`patch`] what each changes, [`trunk`] what lies on the default branch and since
//! when, [`landed`] where a commit came to lie there, [`overlap`] what it has in common with others, [`blame`] which of its
//! lines stand, [`once`] what of it counts. [`part`] says what that comes to for a run, [`sum`] adds it up.

pub mod blame;
pub mod branch;
pub mod deduplicate;
pub mod default_branch;
pub mod landed;
pub mod overlap;
pub mod patch;
pub mod pull;
pub mod reflog;
pub mod run_result;
pub mod totals;

pub use default_branch::Trunk;
pub use landed::{LandedBy, Landing};
pub use patch::{Change, Patch};
pub use run_result::{Fate, Fates, Work};
pub use totals::{Figure, Results, TreeResult};

#[cfg(test)]
mod tests;
