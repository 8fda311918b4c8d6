//! Pure. What agents committed, and what became of it: read from what git and a work tree's own log say.
//!
//! [`reflog`] tells which commits were made, [`patch`] what each changes, [`trunk`] what lies on the default branch and since
//! when, [`landed`] where a commit came to lie there, [`overlap`] what it has in common with others, [`blame`] which of its
//! lines stand, [`once`] what of it counts. [`part`] says what that comes to for a run, [`sum`] adds it up.

pub mod blame;
pub mod branch;
pub mod landed;
pub mod once;
pub mod overlap;
pub mod part;
pub mod patch;
pub mod pull;
pub mod reflog;
pub mod sum;
pub mod trunk;

pub use landed::{Landing, Way};
pub use part::{Fate, Fates, Work};
pub use patch::{Change, Patch};
pub use sum::{Figure, Part, Results};
pub use trunk::Trunk;

#[cfg(test)]
mod tests;
