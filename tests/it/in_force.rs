//! Installed hooks are in force where Codex itself runs them: told by asking it, never by what was written. What is left of
//! them when govern is gone says so aloud.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::codex::Version;
use crate::support::fake_responses::{Reply, Select};
use crate::support::tmux::Terminal;
use crate::support::world::World;

const VERSIONS: [Version; 2] = [Version("0.169.0"), Version("0.171.0")];

const EXEC: &[&str] = &["exec", "do it"];

/// Two responses, in whatever run.
const TWO: &str = "[[budget]]\nname = \"b\"\nper = \"user\"\nwindow = \"year\"\nlimit = \"2 responses\"\n\
    steps = [{ at = \"100%\", do = \"stop\" }]\n";

fn busy(version: Version) -> Option<World> {
    let world = World::with_codex(version)?;
    world.policy(TWO);
    world.server.always(Select::root(), Reply::exec("true"));
    Some(world)
}

/// The home that Codex has where nothing names one: `$HOME/.codex`, as it is typed.
fn at_home(world: &mut World, home: &str) {
    let home = world.path(home).display().to_string();
    world.set_env("HOME", &home);
    world.set_env("CODEX_HOME", "");
}

#[test]
fn hooks_bind_a_codex_whose_home_is_reached_through_a_link_by_either_name() {
    for version in VERSIONS {
        for way in ["home", "codex"] {
            let Some(mut world) = busy(version) else { return };
            if way == "home" {
                fs::rename(world.path("codex"), world.path("home/.codex")).unwrap();
                symlink(world.path("home"), world.path("link")).unwrap();
                at_home(&mut world, "link");
            } else {
                symlink(world.path("codex"), world.path("home/.codex")).unwrap();
                at_home(&mut world, "home");
            }
            world.govern(&["hooks", "install", "--yes"]).expect_code(0).expect_said("runs all 8 hooks");
            let status = world.govern(&["hooks", "status", "--format", "json"]).expect_code(0);
            let status: serde_json::Value = serde_json::from_str(&status.out()).unwrap();
            assert_eq!(
                (&status["rows"][1]["state"], &status["codex"][0]["runs"]),
                (&"installed".into(), &"all".into())
            );
            let done = world.run("codex", EXEC);
            assert_ne!(done.code(), 0, "{done}");
            assert_eq!(world.server.requests().len(), 2, "{version:?} {way}: {done}");
            // The same home by its real path, and by the name that is typed: nothing more is asked.
            let real = fs::canonicalize(world.path(if way == "home" { "home/.codex" } else { "codex" })).unwrap();
            for name in [real, world.path("home/.codex")] {
                world.set_env("CODEX_HOME", &name.display().to_string());
                let done = world.run("codex", EXEC);
                assert_eq!(world.server.requests().len(), 2, "{version:?} {way} {}: {done}", name.display());
            }
            // What was written under both names is taken out again.
            world.govern(&["hooks", "remove", "--yes"]).expect_code(0);
            let left =
                fs::read_to_string(world.path(if way == "home" { "home/.codex" } else { "codex" }).join("config.toml"));
            assert!(!left.unwrap().contains("trusted_hash"));
        }
    }
}

#[test]
fn hooks_that_are_turned_off_are_not_said_to_be_in_force() {
    for version in VERSIONS {
        let Some(world) = busy(version) else { return };
        world.configure_codex("[features]\nhooks = false\n");
        world.govern(&["hooks", "install", "--yes"]).expect_code(1).expect_said("it is NOT under policy");
        let status = world.govern(&["hooks", "status", "--format", "json"]).expect_code(0);
        let status: serde_json::Value = serde_json::from_str(&status.out()).unwrap();
        assert_eq!(
            (&status["rows"][1]["state"], &status["codex"][0]["runs"]),
            (&"off".into(), &"none".into()),
            "{status}"
        );
        let doctor = world.govern(&["doctor", "--format", "json"]).expect_code(1);
        assert!(doctor.out().contains("runs none of them"), "{doctor}");

        // A project that is trusted does it for its own folder alone.
        let trusted = format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", world.work().display());
        world.configure_codex(&trusted);
        world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        world.write("work/.codex/config.toml", "[features]\nhooks = false\n");
        world.write("codex/quick.config.toml", "[features]\nhooks = false\n");
        let status = world.govern(&["hooks", "status", "--format", "json"]).expect_code(0);
        let status: serde_json::Value = serde_json::from_str(&status.out()).unwrap();
        assert_eq!(
            (&status["rows"][1]["state"], &status["profiles_without"][0]),
            (&"off".into(), &"quick".into()),
            "{status}"
        );
    }
}

#[test]
fn a_codex_that_does_not_know_some_hooks_or_any_is_told_of() {
    for (version, said) in [("0.135.0", "runs 5 of 8 hooks"), ("0.118.0", "too old to have hooks")] {
        let Some(world) = World::with_codex(Version(version)) else { return };
        let code = i32::from(version == "0.118.0");
        world.govern(&["hooks", "install", "--yes"]).expect_code(code).expect_said(said);
    }
    // One that hangs, or is none, is given up on; what it would do is not known.
    let world = World::without_codex();
    world.write_script("bin/codex", "#!/bin/sh\necho hello\nexec true\n");
    world.govern(&["hooks", "install", "--yes"]).expect_code(0).expect_said("could not be asked");
}

/// A world whose installed hooks call a govern that was removed since.
fn abandoned(version: Version) -> Option<World> {
    let world = busy(version)?;
    fs::create_dir(world.path("gone")).unwrap();
    // Not a copy: while another test forks, a file that is being written cannot be executed.
    fs::hard_link(env!("CARGO_BIN_EXE_govern"), world.path("gone/govern")).unwrap();
    let govern = world.path("gone/govern").display().to_string();
    world.run(&govern, &["hooks", "install", "--yes"]).expect_code(0);
    fs::remove_file(&govern).unwrap();
    Some(world)
}

#[test]
fn a_govern_that_is_gone_is_told_of_where_codex_exec_writes_its_errors_and_by_its_code() {
    for version in VERSIONS {
        let Some(world) = abandoned(version) else { return };
        let done = world.run("codex", EXEC);
        assert_ne!(done.code(), 0, "{done}");
        done.expect_said("is gone, so nothing runs: reinstall govern");
        assert_eq!(world.server.requests().len(), 0);
    }
}

#[test]
fn a_govern_that_is_gone_is_told_of_on_codex_own_screen() {
    for version in VERSIONS {
        let Some(world) = abandoned(version) else { return };
        let configured = fs::read_to_string(world.path("codex/config.toml")).unwrap();
        let trusted = format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", world.work().display());
        world.write("codex/config.toml", &format!("{configured}\n{trusted}"));
        let Some(terminal) = Terminal::open(&world) else { return };
        terminal.type_text("codex --no-daemon");
        terminal.press("Enter");
        terminal.wait_for("for shortcuts");
        terminal.type_text("do it");
        terminal.wait_for("› do it");
        terminal.press("Enter");
        terminal.wait_until("it is said", |screen| screen.contains("is gone") && screen.contains("reinstall govern"));
        assert_eq!(world.server.requests().len(), 0);
    }
}
