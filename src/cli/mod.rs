//! Owns the command line: one file a verb.

pub mod approvals;
pub mod audit;
pub mod budget;
pub mod completions;
pub mod doctor;
pub mod format;
pub mod here;
pub mod init;
pub mod overview;
pub mod policy;
pub mod policy_files;
pub mod prices;
pub mod report;
pub mod when;

#[cfg(test)]
mod reading;

use crate::exit::Exit;

/// Runs the verb that the command line names.
pub fn main() -> Exit {
    Exit::Success
}
