//! Pure. An agent whose tool is asked about, and whose requests would not wait with it: its processes stand still.

mod holding;

use super::agent::Agent;
use super::lifecycle::State;

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

impl Agent {
    /// A tool that is held would not hold the agent: where tools run from a cell the model is asked again after 30 s, and
    /// not every Codex asks first (tried with 0.150 and 0.160).
    fn needs_stillness(&self) -> bool {
        self.state == State::Running && self.gate.is_asking() && !self.gate_holds()
    }

    /// Its processes stand still, or are about to, for a tool that is asked about.
    pub fn is_stilled(&self) -> bool {
        self.gate.stillness != Stillness::Moves
    }
}
