//! Whether a run lives still: one answer for every verb, turn and hook.

use crate::gate::socket;
use crate::model::RunProcess;
use crate::process;

/// This very process is there, or somebody takes connections in the run's name. A process number means something only among
/// those who share a namespace of processes: of a run in a container, or on the host of one, the ledger's number is
/// nobody's here, or another's, and its socket is what both sides see. What cannot be told is alive: it may spend.
pub(crate) fn lives(govern: &RunProcess<'_>) -> bool {
    process::alive(govern.process) || govern.sockets.is_some_and(|folder| socket::is_taken(folder, govern.run))
}
