//! Owns the command line: one file a verb.

use crate::exit::Exit;

/// Runs the verb that the command line names.
pub fn main() -> Exit {
    Exit::Success
}
