//! An agent whose tool is asked about, and whose requests would not wait with it: its processes stand still.

pub(super) mod holding;

/// How an agent stands for a tool of its that is asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stillness {
    /// Its requests wait at the gate, or nothing is asked.
    #[default]
    Moves,
    /// Its processes were told to stand still.
    Ordered,
    /// They do.
    Stands,
}
