//! Where policies lie there may be anything: only what is not there is no policy, and nothing that lies there holds govern
//! up.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use nix::sys::signal::Signal;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::world::World;

const ONE_USD: &str = "version = 1\n[[budget]]\nname = \"b\"\nper = \"run\"\nlimit = \"1 usd\"\n";

const USER: &str = "config/govern/policy.toml";
const REPOSITORY: &str = "work/govern.toml";

/// What stands at a path that is no file, and what is said of it.
const NO_FILES: [(&str, &str); 4] = [
    ("dangling", "is a link that leads nowhere"),
    ("folder", "not a regular file: it is a folder"),
    ("fifo", "not a regular file: it is a pipe"),
    ("zero", "not a regular file: it is a device"),
];

fn put(world: &World, what: &str, at: &str) {
    let path = world.path(at);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    match what {
        "dangling" => symlink(world.path("nowhere"), path).unwrap(),
        "folder" => fs::create_dir(path).unwrap(),
        "fifo" => assert_eq!(world.run("mkfifo", &[&path.display().to_string()]).code(), 0),
        _ => symlink("/dev/zero", path).unwrap(),
    }
}

#[test]
fn a_policy_that_is_no_file_is_refused_wherever_it_lies() {
    for at in [USER, REPOSITORY] {
        for (what, said) in NO_FILES {
            let world = World::without_codex();
            put(&world, what, at);
            for args in [&["run", "--", "touch", "started"][..], &["policy", "check"], &["policy", "show"], &["budget"]]
            {
                let done = world.govern(args).expect_code(125).expect_said(said);
                done.expect_said("a policy that cannot be read is not taken for an empty one");
            }
            assert!(!world.path("work/started").exists());
            assert!(world.govern(&["doctor"]).out().contains("cannot be obeyed"), "{at} {what}");
        }
    }
}

#[test]
fn what_somebody_names_that_is_no_file_is_refused() {
    for (what, said) in NO_FILES {
        let world = World::without_codex();
        put(&world, what, "work/p.toml");
        world.govern(&["run", "--policy", "p.toml", "--", "touch", "started"]).expect_code(125).expect_said(said);
        world.govern(&["policy", "check", "p.toml"]).expect_code(125).expect_said(said);
        world.govern(&["fleet", "p.toml"]).expect_code(125).expect_said(said);
        world.govern(&["prices", "update", "p.toml"]).expect_code(125).expect_said(said);
        put(&world, what, "config/govern/prices.toml");
        world.govern(&["run", "--", "touch", "started"]).expect_code(125).expect_said(said);
        assert!(!world.path("work/started").exists());
    }
}

#[test]
fn links_to_a_good_file_are_followed() {
    let world = World::without_codex();
    world.write("dotfiles/policy.toml", ONE_USD);
    symlink(world.path("dotfiles/policy.toml"), world.path("one")).unwrap();
    fs::create_dir_all(world.path("config/govern")).unwrap();
    symlink(world.path("one"), world.path(USER)).unwrap();
    assert!(world.govern(&["policy", "show"]).expect_code(0).out().contains("$1.00"));
    // The disk with the dotfiles is not there today.
    fs::remove_dir_all(world.path("config/govern")).unwrap();
    symlink(world.path("not-mounted"), world.path("config/govern")).unwrap();
    world.govern(&["run", "--", "true"]).expect_code(125).expect_said("is a link that leads nowhere");
}

#[test]
fn a_policy_may_come_through_a_pipe_that_is_typed() {
    let world = World::without_codex();
    world.write("one.toml", ONE_USD);
    let bash = |line: &str| world.run("bash", &["-c", line]);
    bash("govern run --policy <(sleep 0.2; cat ../one.toml) -- true").expect_code(0).expect_said("$1.00");
    bash("govern run --policy /proc/self/fd/3 -- true 3< <(cat ../one.toml)").expect_code(0).expect_said("$1.00");
    bash("govern run --policy /dev/fd/3 -- true 3<../one.toml").expect_code(0).expect_said("$1.00");
    bash("govern policy check <(cat ../one.toml)").expect_code(0);
    bash("govern policy check <(head -c 2000000 /dev/zero)").expect_code(125).expect_said("larger than 1 MiB");
}

/// The process blocks TERM, as govern does once its guard is there.
fn blocks_term(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    blocked.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).is_some_and(|bits| bits >> 14 & 1 == 1)
}

#[test]
fn a_pipe_that_nobody_closes_can_be_given_up() {
    let world = World::without_codex();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let pipe = world.path(&format!("pipe-{signal}")).display().to_string();
        assert_eq!(world.run("mkfifo", &[&pipe]).code(), 0);
        let writer = world.start("sh", &["-c", &format!("exec sleep 600 > {pipe}")]);
        let line = format!("exec govern run --policy /dev/fd/3 -- touch started 3< {pipe}");
        let mut running = world.start("sh", &["-c", &line]);
        while running.is_running() && !blocks_term(running.pid()) {
            std::thread::yield_now();
        }
        running.signal(signal);
        running.wait_for_end();
        running.finish().expect_code(125).expect_said(signal.as_str());
        writer.signal(Signal::SIGKILL);
    }
    assert!(!world.path("work/started").exists());
}

#[test]
fn a_policy_that_is_no_utf_8_says_where_and_what_to_do() {
    let world = World::without_codex();
    fs::create_dir_all(world.path("config/govern")).unwrap();
    fs::write(world.path(USER), b"version = 1\n# gr\xfc\xdfe\n").unwrap();
    let done = world.govern(&["policy", "check"]).expect_code(125);
    done.expect_said("line 2 is not UTF-8: byte 17 of the file is 0xfc").expect_said("hint: save it as UTF-8");
}

#[test]
fn an_installed_govern_lets_nothing_past_a_policy_that_leads_nowhere() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy("");
    world.server.always(Select::root(), Reply::message("done"));
    world.govern(&["hooks", "install", "--yes"]).expect_code(0);
    fs::remove_file(world.path(USER)).unwrap();
    symlink(Path::new("/nowhere/policy.toml"), world.path(USER)).unwrap();
    world.run("codex", &["exec", "do it"]);
    assert_eq!(world.server.requests().len(), 0);
}

#[test]
fn what_holds_nothing_on_this_machine_or_no_more_is_told_and_is_no_mistake() {
    let world = World::without_codex();
    world.policy(
        "[approvals]\napprovers = [\"root\", \"nobody-of-that-name\"]\n\
         [[budget]]\nname = \"milestone\"\nper = \"project\"\nlimit = \"5 usd\"\n\
         window = { from = \"2020-01-01\", until = \"2020-02-01\" }\n\
         [[budget]]\nname = \"later\"\nper = \"project\"\nlimit = \"5 usd\"\nwindow = { until = \"2999-01-01\" }\n",
    );
    let said = world.govern(&["policy", "check"]).expect_code(0).out();
    let warnings: Vec<_> = said.lines().filter(|line| line.starts_with("warning")).collect();
    assert_eq!(
        warnings,
        [
            "warning: `approvers` names `nobody-of-that-name`, whom this machine does not know",
            "warning: the window of the budget `milestone` was over on 2020-02-01 00:00: it limits nothing any more",
        ]
    );
    assert!(said.contains("policy.toml:3:22\n") && said.contains("policy.toml:8:10\n"), "{said}");
    assert!(world.govern(&["doctor"]).out().contains("2 budgets in 1 file, 2 warnings"));
}
