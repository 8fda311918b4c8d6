//! Limits in tool calls: the call that would pass one does not run.

use crate::support::codex::{CURRENT, OLD, OLDER};
use crate::support::fake_responses::{Reply, Select};
use crate::support::world::World;

const CODEX: &[&str] = &["codex", "exec", "do it"];

/// Five tools, each of which leaves a file, and a last word.
fn five_tools(world: &World) {
    let tools = (1..6).map(|number| Reply::exec(&format!("touch made-{number}")));
    world.server.script(Select::root(), tools.chain([Reply::message("all is done")]));
}

fn made(world: &World) -> Vec<u32> {
    (1..6).filter(|number| world.path(&format!("work/made-{number}")).exists()).collect()
}

#[test]
fn the_fourth_of_three_calls_does_not_run() {
    for version in [CURRENT, OLD] {
        let Some(world) = World::with_codex(version) else { return };
        five_tools(&world);
        let flags = ["--budget", "3 tool calls", "--at-limit", "stop"];
        let end = world.run_governed(&flags, CODEX).expect_code(124).expect_outcome("stopped");
        end.expect_said("the next call would pass the limit");
        assert_eq!(made(&world), [1, 2, 3], "{version:?}");
        world.govern(&["audit", "verify"]).expect_code(0);
    }
}

#[test]
fn an_agent_that_has_made_its_last_call_may_say_its_last_word() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    five_tools(&world);
    world.run_governed(&["--budget", "5 tool calls", "--at-limit", "stop"], CODEX).expect_code(0);
    assert_eq!(made(&world), [1, 2, 3, 4, 5]);
}

#[test]
fn calls_of_earlier_runs_count_in_wider_windows() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[budget]]\nname = \"daily tools\"\nper = \"everything\"\nwindow = \"30d\"\nlimit = \"7 tool calls\"\n\
         steps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    five_tools(&world);
    world.run_governed(&[], CODEX).expect_code(0);
    let budget = world.govern(&["budget"]).expect_code(0);
    let said = String::from_utf8_lossy(&budget.stdout).into_owned();
    assert!(said.contains("daily tools") && said.contains("5"), "{said}");
    (1..6).for_each(|number| std::fs::remove_file(world.path(&format!("work/made-{number}"))).unwrap());
    world.run_governed(&[], CODEX).expect_code(124);
    assert_eq!(made(&world), [1, 2]);
}

#[test]
fn where_tools_do_not_ask_first_such_a_limit_is_refused_or_ends_the_agent() {
    let Some(world) = World::with_codex(OLDER) else { return };
    five_tools(&world);
    let flags = ["--budget", "3 tool calls", "--at-limit", "stop"];
    world.run_governed(&flags, &["sh", "-c", "codex exec 'do it'"]).expect_code(123).expect_said("tool calls");
    assert_eq!(world.server.requests().len(), 0);
    world.run_governed(&flags, CODEX).expect_code(124).expect_said("tool calls and sub-agents cannot be counted");
}

#[test]
fn what_a_person_let_run_for_the_run_is_not_asked_about_again() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy("[[gate]]\nname = \"leaves\"\nmatch = [\"git push*\"]\ndo = \"ask\"\n");
    // There is no repository: the command fails, and it ran.
    let push = || Reply::exec("git push || echo pushed >> tried");
    world.server.script(Select::root(), [push(), push(), Reply::message("all is done")]);
    let governed = world.start_governed(&[], CODEX);
    let asked = || world.govern(&["approvals", "--all", "--format", "json"]).stdout;
    let deadline = std::time::Instant::now() + crate::support::process::LONG;
    while !String::from_utf8_lossy(&asked()).contains("pending") {
        assert!(std::time::Instant::now() < deadline, "nobody was asked");
    }
    world.govern(&["approve", "1", "--run"]).expect_code(0).expect_said("again in this run");
    governed.finish().expect_code(0);
    assert_eq!(std::fs::read_to_string(world.path("work/tried")).unwrap(), "pushed\npushed\n");
    world.govern(&["audit", "verify"]).expect_code(0);
}
