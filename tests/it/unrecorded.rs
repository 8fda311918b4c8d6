//! Codex goes on where it cannot write its session file any more. What hooks tell and no record comes for is proof of that.

use std::path::PathBuf;

use crate::support::codex::{CURRENT, PREVIOUS, Version};
use crate::support::fake_responses::{Reply, Select};
use crate::support::process::Finished;
use crate::support::world::World;

/// Either shows first: that the file can grow no more, within the tool that saw to it, or what it lacks, a request later.
const SAID: [&str; 2] = ["can grow no more", "has no record of a response of 10500 tokens that Codex told of"];

/// Responses that one session would have, if nothing stopped it.
const ALL: usize = 11;

/// A Codex that heeds no limit of a file's size: its own program, since a launcher in between would end at one.
fn world(version: Version) -> Option<World> {
    let world = World::with_codex(version)?;
    let launcher = std::fs::canonicalize(world.path("bin/codex")).unwrap();
    let packages = launcher.ancestors().find(|folder| folder.ends_with("@openai")).unwrap();
    let native = files(packages.to_owned()).into_iter().find(|path| path.ends_with("bin/codex")).unwrap();
    std::fs::remove_file(world.path("bin/codex")).unwrap();
    std::os::unix::fs::symlink(native, world.path("bin/codex")).unwrap();
    // The second tool sees to it that the session file does not grow any more.
    let sessions = world.path("codex/sessions").display().to_string();
    let full = format!("prlimit --pid $PPID --fsize=$(stat -c %s $(find {sessions} -name '*.jsonl')):");
    let tools = ["true", &full].into_iter().chain(["true"; 8]).map(Reply::exec);
    world.server.script(Select::any(), tools.chain([Reply::message("done")]));
    Some(world)
}

fn files(folder: PathBuf) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() && !path.is_symlink() { files(path) } else { vec![path] }).collect()
}

fn heedless(world: &World, command: &str) -> Finished {
    world.run("sh", &["-c", &format!("trap '' XFSZ; exec {command}")])
}

#[track_caller]
fn expect_told(end: &Finished) {
    assert!(SAID.iter().any(|said| end.stderr.contains(said)), "{end}");
}

#[track_caller]
fn expect_counted(world: &World, version: Version) -> usize {
    let served = world.server.served().len();
    let report = world.govern(&["report", "--format", "json"]).expect_code(0);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["totals"]["responses"], served, "{version:?}: {report}");
    served
}

#[test]
fn a_codex_that_cannot_write_its_session_file_any_more_is_stopped_under_a_limit_and_marked_without_one() {
    for version in [CURRENT, PREVIOUS] {
        for (flags, code) in [("--budget 10responses --at-limit stop", 124), ("", 0)] {
            let Some(world) = world(version) else { return };
            let end = heedless(&world, &format!("govern run {flags} -- codex exec 'do it'"));
            expect_told(&end.expect_code(code));
            let served = expect_counted(&world, version);
            // The second response may be on record. Of the next one the record is missing a request later.
            let expected = if code == 0 { ALL..=ALL } else { 2..=5 };
            assert!(expected.contains(&served), "{version:?} {flags}: {served}");
        }
    }
}

#[test]
fn installed_hooks_stop_a_codex_that_cannot_write_its_session_file_any_more() {
    for version in [CURRENT, PREVIOUS] {
        let Some(world) = world(version) else { return };
        world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        world.policy(
            "[[budget]]\nname = \"a run\"\nper = \"run\"\nlimit = \"10 responses\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n",
        );
        // What binds the session file binds the hooks' own ledger: it is the smaller one.
        world.write("work/prompt", &"do it\n".repeat(150_000));
        expect_told(&heedless(&world, "codex exec - <prompt").expect_code(1));
        let served = expect_counted(&world, version);
        assert!((2..=5).contains(&served), "{version:?}: {served}");
    }
}
