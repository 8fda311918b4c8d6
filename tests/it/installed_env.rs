//! Installed hooks whose Codex was started with another environment, by another name, or after its policy was taken away.

use crate::support::codex::{CURRENT, OLD, Version};
use crate::support::fake_responses::{Reply, Select};
use crate::support::world::World;

/// Answers of $0.0212 each: four fit.
const PURSE: &str = "[[budget]]\nname = \"a day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"0.09 usd\"\n\
    steps = [{ at = \"100%\", do = \"stop\" }]\n";

fn installed(version: Version) -> Option<World> {
    let world = World::with_codex(version)?;
    world.govern(&["hooks", "install", "--yes"]).expect_code(0);
    Some(world)
}

/// The outer Codex runs this line in a tool, whose last words are a Codex that goes on for as long as it is let.
fn outer_runs(world: &World, line: &str) {
    world.write("work/line.sh", line);
    let run = format!("sh {}", world.path("work/line.sh").display());
    world.server.script(Select::any().containing("outer work"), [Reply::exec(&run), Reply::message("done")]);
    let nested = (0..8).map(|_| Reply::exec("true")).chain([Reply::message("done")]);
    world.server.script(Select::any().containing("inner work"), nested);
}

fn of_the_inner_one(world: &World) -> usize {
    world.server.requests().iter().filter(|request| !request.body.contains("outer work")).count()
}

#[test]
fn what_a_nested_codex_is_started_with_moves_neither_its_policy_nor_its_ledger() {
    for change in
        ["HOME=/nowhere", "XDG_CONFIG_HOME=/nowhere", "GOVERN_HOME=$PWD/mine", "-u HOME -u XDG_CONFIG_HOME", "-i"]
    {
        let Some(world) = installed(CURRENT) else { return };
        world.policy(PURSE);
        let kept = "CODEX_HOME=\"$CODEX_HOME\" MOCK_KEY=x PATH=\"$PATH\"";
        let codex = world.path("bin/codex").display().to_string();
        outer_runs(&world, &format!("env {change} {kept} {codex} exec 'inner work' </dev/null"));
        world.run("codex", &["exec", "outer work"]);
        assert_eq!(of_the_inner_one(&world), 3, "{change}");
    }
}

#[test]
fn what_a_nested_codex_spends_belongs_where_the_outer_ones_spend_does() {
    let Some(mut world) = installed(CURRENT) else { return };
    world.policy(&PURSE.replace("\"everything\"", "\"team\""));
    world.set_env("GOVERN_TEAM", "web");
    let codex = world.path("bin/codex").display().to_string();
    outer_runs(&world, &format!("GOVERN_TEAM=other {codex} exec 'inner work' </dev/null"));
    world.run("codex", &["exec", "outer work"]);
    assert_eq!(of_the_inner_one(&world), 3);
}

#[test]
fn a_policy_that_was_given_to_the_outer_codex_holds_for_a_nested_one_that_is_not_given_it() {
    let Some(mut world) = installed(CURRENT) else { return };
    world.write("given.toml", &format!("version = 1\n{PURSE}"));
    world.set_env("GOVERN_POLICY", &world.path("given.toml").display().to_string());
    let codex = world.path("bin/codex").display().to_string();
    outer_runs(&world, &format!("env -u GOVERN_POLICY {codex} exec 'inner work' </dev/null"));
    world.run("codex", &["exec", "outer work"]);
    assert_eq!(of_the_inner_one(&world), 3);
}

#[test]
fn a_policy_that_is_taken_away_ends_the_session_that_began_under_it_and_starts_no_other() {
    for then in ["true", "exec \"$0\" exec 'inner work' </dev/null"] {
        let Some(world) = installed(CURRENT) else { return };
        world.policy(PURSE);
        let codex = world.path("bin/codex").display().to_string();
        let folder = world.path("config/govern").display().to_string();
        outer_runs(&world, &format!("rm -r {folder}; sh -c '{}' {codex}", then.replace('\'', "'\\''")));
        let done = world.run("codex", &["exec", "outer work"]);
        assert_eq!(done.code(), 1, "{done}");
        done.expect_said("is gone, under which this session");
        assert_eq!(world.server.requests().len(), 1, "{then}");
    }
}

#[test]
fn a_session_that_began_without_a_policy_is_missing_none() {
    let Some(world) = installed(CURRENT) else { return };
    outer_runs(&world, "true");
    world.run("codex", &["exec", "outer work"]).expect_code(0);
    assert_eq!(world.server.served().len(), 2);
}

#[test]
fn a_codex_under_another_name_is_stopped_as_any_other() {
    // The program behind npm's launcher, by a link, by a name that it was given, and as a copy.
    let native = r#"P=$(dirname "$(readlink -f "$(command -v codex)")")/..; N=$(find "$P/.." -path '*/codex' -size +32M | head -n 1)"#;
    for version in [CURRENT, OLD] {
        for how in [
            r#"ln -s "$N" agent; ./agent exec 'do it'"#,
            r#"bash -c 'exec -a bash "$0" exec "do it"' "$N""#,
            r#"cp "$N" vim; ./vim exec 'do it'"#,
        ] {
            let Some(world) = installed(version) else { return };
            world.policy(PURSE);
            world.server.always(Select::any(), Reply::exec("true"));
            let line = format!("{native}; test -n \"$N\" || exit 9; {how}");
            let done = world.run("sh", &["-c", &line]);
            assert_eq!(done.code(), 1, "{version:?}, {how}: {done}");
            done.expect_said("govern: stop: ");
            let asked = world.server.requests().len();
            assert!((4..=5).contains(&asked), "{version:?}, {how}: {asked} requests");
        }
    }
}
