//! How an agent is started.

use std::fs;

use serde_json::Value;

use super::later;
use super::support::codex::Version;
use super::support::fake_responses::{Reply, Select};
use super::support::ledger;
use super::support::world::{Governed, World};

/// How an agent is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `govern run -- codex exec …`
    Run,
    /// The same from a script, which govern cannot give its hooks to.
    Script,
    /// From a script, and hooks are installed for this user.
    Installed,
    /// As the only agent of a fleet.
    Fleet,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Run, Self::Script, Self::Installed, Self::Fleet];

    /// A world with quicker clocks; `None` where the test must be skipped.
    pub(crate) fn world(self, version: Version) -> Option<World> {
        let world = quick(version)?;
        if self == Self::Installed {
            world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        }
        Some(world)
    }

    /// Starts an agent that is told to do it.
    pub(crate) fn start(self, world: &World) -> Governed<'_> {
        match self {
            Self::Run => world.start_governed(&[], &["codex", "exec", "do it"]),
            // Shells execute their last command in their own place.
            Self::Script | Self::Installed => {
                world.start_governed(&[], &["sh", "-c", "codex exec 'do it'; code=$?; exit $code"])
            }
            Self::Fleet => world.start_fleet(&[], "[[agent]]\nname = \"one\"\nprompt = \"do it\"\n"),
        }
    }
}

/// A world whose `govern` is this binary.
fn quick(version: Version) -> Option<World> {
    let world = World::with_codex(version)?;
    let govern = world.path("bin/govern");
    fs::remove_file(&govern).unwrap();
    // By a name of its own, not by a link to one: that is how it knows what it is to be.
    fs::hard_link(std::env::current_exe().unwrap(), &govern).unwrap();
    Some(world)
}

/// The second Codex of a script goes on with the file of the first.
pub(crate) fn twice_in_a_script(version: Version) {
    let Some(world) = quick(version) else { return };
    let tool = format!("sleep {}", later());
    world.server.script(Select::root(), [Reply::message("begun"), Reply::exec(&tool), Reply::message("all is done")]);
    let script = "codex exec x && codex exec resume --last y; code=$?; exit $code";
    let end = world.run_governed(&["--budget", "5usd", "--at-limit", "stop"], &["sh", "-c", script]).expect_code(0);
    let served = world.server.served();
    assert_eq!(served.len(), 3, "{}", end.finished);
    assert_eq!(served[0].thread, served[2].thread);
    ledger::expect_all_served(&world, &end.id());
}

/// The questions that wait.
pub(crate) fn pending(world: &World) -> Vec<String> {
    let done = world.govern(&["approvals", "--format", "json"]).expect_code(0);
    let list: Value = serde_json::from_slice(&done.stdout).unwrap();
    let rows = list["rows"].as_array().unwrap().iter();
    let pending = rows.filter(|row| row["state"] == "pending");
    pending.map(|row| row["id"].to_string().trim_matches('"').to_owned()).collect()
}
