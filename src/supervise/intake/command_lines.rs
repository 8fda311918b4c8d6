//! Quick looks at the tree for a Codex whose command line hides or hands away the work: `--ephemeral`, `--remote`, `cloud`,
//! a background server. Such a one may call no hook and write no file, so that nothing else would tell of it.
//!
//! The kernel tells an unprivileged process nothing of a grandchild's birth. But it tells everybody the number that it
//! gave last, and a Codex takes many for its threads: while that stands still nothing was started. So it is asked for that
//! often, and the tree is walked only where something was started since.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::clock;
use crate::codex::{Invocation, Ungovernable};
use crate::decide::Governor;
use crate::decide::agents::lifecycle::State;
use crate::decide::message::Input;
use crate::model::ProcessIdentity;
use crate::process::{self, Role};

use crate::supervise::process_scan::ProcessScan;
use crate::supervise::run::Run;

/// How often: from its start a Codex needs 150 ms and more to its first request (0.171, a warm machine).
const GLANCE: Duration = Duration::from_millis(25);

/// How many looks follow a start: a program is its parent's copy until it is executed.
const AFTERWARDS: u32 = 8;

/// What quick looks remember.
#[derive(Default)]
pub(super) struct Glances {
    /// When the next is.
    at: Option<Instant>,
    last: Option<u32>,
    more: u32,
    told: BTreeSet<ProcessIdentity>,
    /// The Codexes whose command lines were read.
    looked_at: BTreeSet<ProcessIdentity>,
}

impl Glances {
    pub(super) fn looked_at(&mut self, codex: ProcessIdentity) {
        self.looked_at.insert(codex);
    }

    pub(super) fn has_looked_at(&self, codex: ProcessIdentity) -> bool {
        self.looked_at.contains(&codex)
    }

    /// When the next quick look is. Only where it matters to the moment: a limit, or a list of models, is to be kept.
    pub(super) fn next(&mut self, run: &Run, governor: &Governor) -> Option<Instant> {
        let works = |name| governor.agent(name).is_some_and(|agent| agent.state == State::Running);
        let wanted = governor.gates() && run.order.iter().any(works);
        wanted.then(|| *self.at.get_or_insert_with(|| clock::monotonic() + GLANCE))
    }

    /// The Codexes of the tree, and their launchers, that hand the work away; each is told of once.
    pub(super) fn handing_away(&mut self, seen: &ProcessScan) -> Vec<Input> {
        let mut inputs = Vec::new();
        for (process, agent) in &seen.owned {
            if process.is_dead() || !matches!(process.role(), Role::Codex | Role::Launcher) {
                continue;
            }
            let Some(why) = hands_away(&process.codex_argv()) else { continue };
            if self.told.insert(process.identity) {
                let what = format!("codex (process {}): {why}", process.identity.pid);
                inputs.push(Input::Blind { agent: agent.clone(), what });
            }
        }
        inputs
    }

    /// A look was due; says whether something may have been started since the last one.
    pub(super) fn is_due(&mut self) -> bool {
        self.at = None;
        let now = process::last_number();
        if now.is_none() || now != self.last {
            self.last = now;
            self.more = AFTERWARDS;
            return true;
        }
        self.more = self.more.saturating_sub(1);
        self.more > 0
    }
}

/// Why a command line takes the work out of reach. One that an interpreter runs begins with that.
fn hands_away(argv: &[std::ffi::OsString]) -> Option<Ungovernable> {
    let invocation = Invocation::parse(argv).or_else(|| Invocation::parse(argv.get(1..)?))?;
    invocation.ungovernable().into_iter().find(|why| *why != Ungovernable::Ephemeral)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_known_by_what_it_hands_away() {
        let away = |line: &str| {
            let argv: Vec<_> = line.split(' ').map(std::ffi::OsString::from).collect();
            hands_away(&argv).is_some()
        };
        for line in [
            "codex exec --remote ws://127.0.0.1:1 x",
            "/x/codex exec resume --last --remote=unix:///s x",
            "node /x/bin/codex.js exec --remote ws://127.0.0.1:1 x",
            "/bin/sh /x/codex cloud exec x",
            "codex remote-control",
            "codex app-server daemon start",
            "codex app-server proxy",
        ] {
            assert!(away(line), "{line}");
        }
        for line in ["codex exec x", "codex exec --ephemeral x", "codex app-server", "vim --remote x", "codex", ""] {
            assert!(!away(line), "{line}");
        }
    }
}
