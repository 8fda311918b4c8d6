//! What the components of a run lend to one that takes something in.

use crate::decide::Governor;

use super::agents::Agents;
use super::journal::Journal;
use super::processes::Processes;
use super::run::Run;

/// All but what its own state is.
pub(super) struct Context<'a> {
    pub(super) run: &'a Run,
    pub(super) governor: &'a Governor,
    pub(super) agents: &'a Agents,
    pub(super) journal: &'a mut Journal,
    pub(super) processes: &'a mut Processes,
}
