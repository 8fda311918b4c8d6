//! What agents are told apart by.

/// One agent of a run. `Agents` alone makes it, of a name at the door; nobody joins a run later, and nobody leaves it.
/// In the order of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgentId(pub(super) usize);
