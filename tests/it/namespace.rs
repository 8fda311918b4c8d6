//! A Codex in namespaces of its own (a container, bubblewrap, `unshare`): its home is called otherwise there, or is not to
//! be seen from outside at all. What it has open can be read all the same.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::process::{Finished, LONG};
use crate::support::skip;
use crate::support::world::{World, command_line};

const LIMIT: &[&str] = &["--budget", "4 responses", "--at-limit", "kill"];

/// `$h` is `CODEX_HOME`, `$c` a copy of its configuration; `codex` works.
const WRAPPED: &[(&str, &str)] = &[
    ("bubblewrap, the same files", "bwrap --dev-bind / / codex exec 'do it'"),
    (
        "bubblewrap, its home under another name",
        "bwrap --dev-bind / / --tmpfs /mnt --bind $h /mnt/h --setenv CODEX_HOME /mnt/h codex exec 'do it'",
    ),
    (
        "bubblewrap, its home in no file system of ours",
        "bwrap --dev-bind / / --tmpfs $h --ro-bind $c $h/config.toml codex exec 'do it'",
    ),
    (
        "bubblewrap, all namespaces but the network's",
        "bwrap --unshare-all --share-net --dev-bind / / --proc /proc --tmpfs /mnt --bind $h /mnt/h \
         --setenv CODEX_HOME /mnt/h codex exec 'do it'",
    ),
    (
        "unshare, with users, processes and mounts of its own",
        "unshare -Urpfm --mount-proc sh -c \"mount -t tmpfs none $h && cp $c $h/config.toml && codex exec 'do it'\"",
    ),
    (
        "chroot, its home under another name",
        "mkdir -p $h.root; unshare -Urm sh -c \"mount --rbind / $h.root && mount -t tmpfs none $h.root/mnt && \
         mkdir $h.root/mnt/h && mount --bind $h $h.root/mnt/h && \
         exec env CODEX_HOME=/mnt/h chroot $h.root env -C $PWD codex exec 'do it'\"",
    ),
];

/// This machine lets a user make namespaces, with this program.
pub(crate) fn can_unshare(program: &str, args: &[&str]) -> bool {
    match Command::new(program).args(args).arg("true").output() {
        Ok(done) if done.status.success() => true,
        Ok(done) => {
            skip::refused_by_kernel(&format!("{program}: {}", String::from_utf8_lossy(&done.stderr).trim()));
            false
        }
        Err(error) => {
            skip::skip(&format!("{program}: {error}"));
            false
        }
    }
}

fn all_tools(world: &World) {
    world.server.script(Select::root(), (0..6).map(|_| Reply::exec("sleep 0.3")));
}

fn script(world: &World, command: &str) -> String {
    let home = world.path("codex").display().to_string();
    let config = world.path("config.toml").display().to_string();
    format!("h={home}; c={config}; cp $h/config.toml $c; {command}")
}

#[test]
fn a_codex_in_another_namespace_is_metered_and_its_limit_kept() {
    if !can_unshare("unshare", &["-Urpfm", "--mount-proc"]) || !can_unshare("bwrap", &["--dev-bind", "/", "/"]) {
        return;
    }
    for (what, command) in WRAPPED {
        let Some(world) = World::with_codex(CURRENT) else { return };
        all_tools(&world);
        let end = world.run_governed(LIMIT, &["sh", "-c", &script(&world, command)]).expect_code(124);
        let served = world.server.requests().len();
        assert!(served <= 4, "{what}: {served} served: {}", end.finished);
        ledger::expect_all_served(&world, &end.id());
    }
}

#[test]
fn a_codex_in_another_namespace_is_metered_without_a_limit() {
    if !can_unshare("bwrap", &["--dev-bind", "/", "/"]) {
        return;
    }
    let Some(world) = World::with_codex(CURRENT) else { return };
    all_tools(&world);
    let command = script(&world, WRAPPED.iter().find(|(what, _)| what.contains("no file system of ours")).unwrap().1);
    let end = world.run_governed(&[], &["sh", "-c", &command]).expect_code(0);
    assert_eq!(world.server.requests().len(), 7);
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn a_codex_that_a_wrapper_puts_into_a_namespace_waits_at_the_gate() {
    if !can_unshare("bwrap", &["--dev-bind", "/", "/"]) {
        return;
    }
    let Some(world) = World::with_codex(CURRENT) else { return };
    let real = std::fs::read_link(world.path("bin/codex")).unwrap().display().to_string();
    std::fs::remove_file(world.path("bin/codex")).unwrap();
    let wrapper =
        script(&world, &format!("exec bwrap --dev-bind / / --tmpfs $h --ro-bind $c $h/config.toml {real} \"$@\""));
    world.write_script("bin/codex", &format!("#!/bin/sh\n{wrapper}\n"));
    all_tools(&world);
    let end = world.run_governed(LIMIT, &["codex", "exec", "do it"]).expect_code(124);
    assert_eq!(world.server.requests().len(), 4, "{}", end.finished);
    ledger::expect_all_served(&world, &end.id());
    end.expect_said("limits active: govern checks every request and tool call");
}

#[test]
fn a_mount_over_the_sessions_of_a_codex_that_works_passes_no_limit() {
    if !can_unshare("unshare", &["-Urm"]) {
        return;
    }
    // Governed itself, with what its tool mounts; and in a script, where no hook asks.
    for command in ["unshare -Urm codex exec 'do it'", "unshare -Urm sh -c \"codex exec 'do it'; true\""] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        let sessions = world.path("codex/sessions").display().to_string();
        world.server.script(Select::root(), [Reply::exec(&format!("mount -t tmpfs none {sessions}"))]);
        all_tools(&world);
        let end = world.run_governed(LIMIT, &["sh", "-c", command]).expect_code(124);
        let served = world.server.requests().len();
        assert!(served <= 4, "{command}: {served} served: {}", end.finished);
        ledger::expect_all_served(&world, &end.id());
    }
}

/// Processes of its own, of which the host sees other numbers.
const APART: &[&str] = &["-Urpf", "--mount-proc"];

/// Says that it has begun, and waits for the file `go`.
const WAITS: &str = "touch begun; while [ ! -e go ]; do sleep 0.05; done";

fn apart<'a>(command: &[&'a str]) -> Vec<&'a str> {
    APART.iter().chain(command).copied().collect()
}

fn live_runs(done: &Finished) -> usize {
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    report["runs"].as_array().unwrap().len()
}

#[track_caller]
fn wait_until_begun(world: &World) {
    let deadline = Instant::now() + LONG;
    while !world.path("work/begun").exists() {
        assert!(Instant::now() < deadline, "nothing began");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_run_on_the_host_lives_for_whoever_looks_from_a_container() {
    if !can_unshare("unshare", APART) {
        return;
    }
    let world = World::without_codex();
    let running = world.start_governed(&["--quiet"], &["sh", "-c", WAITS]);
    wait_until_begun(&world);
    let seen = world.run("unshare", &apart(&["govern", "status", "--format", "json"])).expect_code(0);
    assert_eq!(live_runs(&seen), 1, "{seen}");
    // It is nobody's to go on with.
    let last = world.run("unshare", &apart(&["govern", "report", "--last"])).expect_code(0).out();
    assert!(!last.contains("govern resume"), "{last}");
    let stopped = world.run("unshare", &apart(&["govern", "stop", "--all"])).expect_not_said("Nothing runs here");
    assert!(!stopped.stderr.contains("`kill "), "{stopped}");
    world.write("work/go", "");
    running.finish_among_others().expect_code(0);
    let over = world.run("unshare", &apart(&["govern", "status", "--format", "json"])).expect_code(0);
    assert_eq!(live_runs(&over), 0, "{over}");
}

#[test]
fn a_run_in_a_container_lives_for_its_host_and_one_that_was_killed_there_does_not() {
    if !can_unshare("unshare", APART) {
        return;
    }
    let world = World::without_codex();
    let run = || world.start("unshare", &apart(&["govern", "run", "--quiet", "--", "sh", "-c", WAITS]));
    let (first, now) = (run(), || world.govern(&["status", "--format", "json"]).expect_code(0));
    wait_until_begun(&world);
    assert_eq!(live_runs(&now()), 1, "{}", now());
    let stopped = world.govern(&["stop", "--all"]).expect_not_said("Nothing runs here");
    // Its number is 1 there, and on the host the machine's own first process has that.
    assert!(!stopped.stderr.contains("`kill "), "{stopped}");
    world.write("work/go", "");
    first.finish().expect_code(0);
    assert_eq!(live_runs(&now()), 0, "{}", now());
    std::fs::remove_file(world.path("work/go")).unwrap();
    std::fs::remove_file(world.path("work/begun")).unwrap();
    let mut second = run();
    wait_until_begun(&world);
    for pid in world.processes().into_iter().filter(|pid| command_line(*pid).starts_with("govern run")) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    }
    second.wait_for_end();
    assert_eq!(live_runs(&now()), 0, "{}", now());
}

#[test]
fn doctor_tells_of_a_ledger_that_cannot_be_written_and_of_watches_that_are_not_given() {
    if !can_unshare("unshare", &["-Urm"]) {
        return;
    }
    let world = World::without_codex();
    world.govern(&["run", "--", "true"]).expect_code(0);
    let row = |set_up: &str, name: &str| {
        let script = format!("{set_up} && exec govern doctor --format json");
        let done = world.run("unshare", &["-Urm", "sh", "-c", &script]);
        let report: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done}"));
        let rows = report["rows"].as_array().unwrap_or_else(|| panic!("no rows: {report}"));
        let found = rows.iter().find(|row| row["about"] == name).unwrap_or_else(|| panic!("no {name}: {report}"));
        (found["health"].clone(), done.code())
    };
    let read_only = "mount --bind \"$GOVERN_HOME\" \"$GOVERN_HOME\" && mount -o remount,ro,bind \"$GOVERN_HOME\"";
    assert_eq!(row(read_only, "ledger"), ("bad".into(), 1));
    assert_eq!(row("echo 0 >/proc/sys/user/max_inotify_instances", "inotify"), ("bad".into(), 1));
    assert_eq!(row("true", "ledger").0, "ok");
    assert_eq!(row("true", "inotify").0, "ok");
}

#[test]
fn a_home_that_is_read_only_is_told_by_its_name_where_it_would_be_written_and_nowhere_else() {
    if !can_unshare("unshare", &["-Urm"]) {
        return;
    }
    let world = World::without_codex();
    std::fs::create_dir_all(world.path("state")).unwrap();
    let read_only = "mount --bind \"$PWD/../state\" \"$PWD/../state\" && mount -o remount,ro,bind \"$PWD/../state\"";
    let there = |command: &str| {
        let script = format!("{read_only} && export GOVERN_HOME=\"$PWD/../state/govern\" && exec {command}");
        world.run("unshare", &["-Urm", "sh", "-c", &script])
    };
    for reads in ["govern", "govern report", "govern status", "govern runs", "govern budget", "govern exceptions"] {
        there(reads).expect_code(0);
    }
    for writes in ["govern run -- true", "govern run --budget 1usd -- true"] {
        let end = there(writes).expect_code(125);
        end.expect_said("/state/govern").expect_said("Read-only file system").expect_said("GOVERN_HOME");
    }
}
