//! Agents that go on: whatever govern does with one (another model, a hold, a pause …), what follows lasts for longer than every
//! clock of the product, with each version of Codex, alone, in a fleet and behind a shell.
//!
//! No test is long for that: this binary is a `govern` with quicker clocks itself. Called by that name it is govern, so that the
//! product needs no setting for its clocks, which an agent could set, too.

#![expect(clippy::disallowed_methods, reason = "these tests start processes, and wait for them")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test without the standard harness is not known as one"
)]

#[path = "../support/mod.rs"]
pub mod support;

mod act;
mod screen;
mod way;

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Termination as _};
use std::time::Duration;

use govern::clocks::Clocks;
use libtest_mimic::{Arguments, Trial};

use act::Act;
use support::codex::{CURRENT, OLD, OLDER, PREVIOUS, Version};
use way::Way;

/// A third of the usual ones: a Codex on a busy machine still has its session file in time.
const QUICK: Clocks = Clocks {
    observe: Duration::from_secs(7),
    sweeps: [
        Duration::from_millis(200),
        Duration::from_millis(400),
        Duration::from_millis(800),
        Duration::from_millis(1_500),
        Duration::from_millis(2_500),
    ],
    wary_sweep: Duration::from_millis(500),
};

/// A tool that never ends by itself: an agent gets past it only if somebody ends it.
const ENDLESS: &str = "sleep 600";

/// So long an agent works after what was done with it, in seconds.
fn later() -> u64 {
    QUICK.longest().as_secs() + 2
}

fn main() -> ExitCode {
    let called = std::env::args_os().next().map(PathBuf::from);
    // Hooks call the program that runs, by its process.
    let is_govern = |path: &Path| path.file_name().is_some_and(|name| name == "govern") || path.starts_with("/proc");
    if called.as_deref().is_some_and(is_govern) {
        return ExitCode::from(govern::cli::main_with(QUICK)).report();
    }
    if std::env::args().nth(1).as_deref() == Some(screen::FAILS) {
        screen::fail();
    }
    let mut arguments = Arguments::from_args();
    // They sleep for most of the time.
    arguments.test_threads.get_or_insert(4);
    libtest_mimic::run(&arguments, trials()).exit_code()
}

fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("screen::a_fault_gives_the_terminal_back", screen::a_fault_gives_the_terminal_back)];
    for (version, name) in [(CURRENT, "current"), (PREVIOUS, "previous"), (OLD, "old"), (OLDER, "older")] {
        for way in Way::ALL {
            for act in Act::ALL.into_iter().filter(|act| act.works(version, way)) {
                trials.push(trial(&format!("{act:?}::{way:?}::{name}").to_lowercase(), move || {
                    act.try_out(version, way)
                }));
            }
        }
        trials.push(trial(&format!("twice_in_a_script::{name}"), move || way::twice_in_a_script(version)));
    }
    trials
}

fn trial(name: &str, test: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        test();
        Ok(())
    })
}

/// Has hooks.
fn calls_hooks(version: Version) -> bool {
    version != OLDER
}

/// Asks before each of its requests.
fn asks_before_requests(version: Version) -> bool {
    version == CURRENT || version == PREVIOUS
}
