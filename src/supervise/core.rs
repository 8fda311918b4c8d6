//! What every component of a live run may need, and the turn that it takes part in.

use crate::decide::message::Input;
use crate::decide::{Effect, Governor};
use crate::error::Error;
use crate::model::ThreadId;

use super::agents::Agents;
use super::context::Context;
use super::intake::gateway::Gateway;
use super::journal::Journal;
use super::processes::Processes;
use super::run::Run;
use super::turns::{Beside, Turns};

/// The run, its agents, their processes, what is said, and the governor with its ledger.
pub(super) struct Core {
    pub(super) run: Run,
    pub(super) agents: Agents,
    pub(super) journal: Journal,
    pub(super) processes: Processes,
    pub(super) turns: Turns,
}

impl Core {
    pub(super) fn governor(&self) -> &Governor {
        self.turns.governor()
    }

    /// What is lent to whoever takes something in.
    pub(super) fn context(&mut self) -> Context<'_> {
        let Self { run, agents, journal, processes, turns } = self;
        Context { run, governor: turns.governor(), agents, journal, processes }
    }

    /// Handles inputs and returns what is left to be performed, in order. `root`: the thread that the only agent began with.
    ///
    /// # Errors
    /// As [`Turns::turn`].
    pub(super) fn turn(
        &mut self,
        inputs: Vec<Input>,
        gateway: Option<&Gateway>,
        root: Option<ThreadId>,
    ) -> Result<Vec<Effect>, Error> {
        let Self { run, agents, journal, processes, turns } = self;
        turns.turn(inputs, &mut Beside { run, agents, journal, processes, gateway, root })
    }
}
