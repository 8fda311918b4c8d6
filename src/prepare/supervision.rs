//! The loop that a prepared run is supervised in, from its start to what is shown at its end.

use std::path::{Path, PathBuf};

use super::committed::Trees;
use super::start::Shown;
use super::summary;
use crate::clocks::Clocks;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::gate::socket;
use crate::ledger::{Ledger, state_folder};
use crate::process::{GuardHandle, Inbox};
use crate::supervise::{Outcome, Plan, supervise};
use crate::turn::is_live::lives;
use crate::ui::to_stderr;

/// What a run is supervised with.
pub struct Supervision {
    /// Forked before anything else.
    pub guard: GuardHandle,
    /// How long it waits for what.
    pub clocks: Clocks,
}

/// Supervises a run to its end, shows that, and writes down what was committed. `outputs`: where its agents wrote.
pub(super) fn carry_out(
    plan: Plan,
    supervision: Supervision,
    parts: &summary::Parts,
    (shown, outputs): (&Shown, Option<&Path>),
) -> Result<Exit> {
    let trees = Trees::before(&plan);
    let mut outcome = in_runtime(plan, supervision)?;
    let exit = outcome.exit;
    let told = summary::show(&outcome, parts, shown.quiet, shown.json.as_deref());
    trees.record(&mut outcome);
    told?;
    if let Some(outputs) = outputs.filter(|_| !shown.quiet) {
        to_stderr(&format!("What agents wrote is in {}\n", outputs.display()));
    }
    match outcome.error {
        Some(error) => Err(error),
        None => Ok(exit),
    }
}

/// The folder of sockets, without those that killed governs have left there.
pub(super) fn sockets(state: &Path, ledger: &Ledger) -> Result<PathBuf> {
    let folder = state_folder::socket_folder(state)?;
    socket::sweep(&folder, &|run| ledger.runs().is_over(run, &lives).unwrap_or(false));
    Ok(folder)
}

fn in_runtime(plan: Plan, supervision: Supervision) -> Result<Outcome> {
    let failed = |error: &dyn std::error::Error| Error::new("govern cannot start its loop").caused_by(error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
    runtime.block_on(async {
        let guard = supervision.guard.into_async().map_err(|error| failed(&error))?;
        let inbox = Inbox::open().map_err(|error| failed(&error))?;
        supervise(plan, supervision.clocks, guard, inbox).await
    })
}
