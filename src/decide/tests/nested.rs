//! A stop waits for the tools under way, and not for those that only wait for a Codex which it holds itself.

use super::world::{CODEX, Plan, World, five_dollars};
use crate::decide::Input;
use crate::decide::message::{Asked, Hook, HookId, Wants};
use crate::model::{AgentName, ModelId, ThreadId};

/// A hook of a Codex that has this thread alone, and runs in a tool of another.
fn nested(world: &mut World, id: u64, (thread, outer): (&str, Option<&str>), wants: Wants) {
    world.pass(1);
    world.feed(Input::Hook(Box::new(Hook {
        id: HookId(id),
        agent: AgentName::new(CODEX),
        thread: ThreadId::new(thread),
        root: ThreadId::new(thread),
        inside: outer.map(ThreadId::new),
        model: Some(ModelId::new("dear")),
        tier: None,
        unpriced: false,
        asked: Asked::default(),
        has_file: true,
        wants,
    })));
}

/// The root thread runs a tool, and has spent a dollar.
fn with_a_tool() -> World {
    let mut world = Plan::of(&five_dollars(r#"{ at = "100%", do = "stop" }"#)).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 1_000);
    world.hook(2, "root", super::steer::tool());
    assert!(world.is_let_through(2));
    world
}

#[test]
fn a_tool_is_not_waited_for_whose_codex_the_stop_holds() {
    for (outer, ends) in [(Some("root"), true), (None, false), (Some("never seen"), false)] {
        let mut world = with_a_tool();
        nested(&mut world, 3, ("inner", outer), Wants::Session);
        nested(&mut world, 4, ("inner", outer), Wants::Request);
        world.answers("inner", 3_500);
        nested(&mut world, 5, ("inner", outer), Wants::Request);
        assert!(world.is_let_through(4) && !world.is_let_through(5), "{outer:?}: {}", world.told());
        assert_eq!(world.finished(), ends, "{outer:?}: {}", world.told());
    }
}

#[test]
fn nor_one_that_waits_for_a_tool_which_waits_for_such_a_codex() {
    let mut world = with_a_tool();
    nested(&mut world, 3, ("inner", Some("root")), Wants::Request);
    world.answers("inner", 1_000);
    nested(&mut world, 4, ("inner", Some("root")), super::steer::tool());
    nested(&mut world, 5, ("innermost", Some("inner")), Wants::Request);
    world.answers("innermost", 2_500);
    assert!(!world.finished(), "its own tool may be under way");
    nested(&mut world, 6, ("innermost", Some("inner")), Wants::Request);
    assert!(world.finished() && !world.is_let_through(6), "{}", world.told());
}

#[test]
fn a_tool_that_was_let_run_after_that_codex_began_is_waited_for() {
    let mut world = with_a_tool();
    nested(&mut world, 3, ("inner", Some("root")), Wants::Request);
    // The tool has left it behind, and another one runs.
    world.hook(4, "root", Wants::Request);
    world.answers("root", 1_000);
    world.hook(5, "root", super::steer::tool());
    world.answers("inner", 2_500);
    nested(&mut world, 6, ("inner", Some("root")), Wants::Request);
    assert!(!world.is_let_through(6) && !world.finished(), "{}", world.told());
    world.hook(7, "root", Wants::Request);
    assert!(world.finished() && !world.is_let_through(7), "{}", world.told());
}
