//! Limits in tool calls.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::steer::tool;
use super::world::{CODEX, Plan, World, response};
use crate::decide::message::{Timer, Wants};
use crate::decide::{Effect, Input};
use crate::model::event::{Answer, EventKind, ToolVerdict};
use crate::model::{AgentName, Response, Source};

fn three(rest: &str) -> String {
    format!("[[budget]]\nname = \"tools\"\nlimit = \"3 tool calls\"\n{rest}\n")
}

impl World {
    fn calls(&mut self, ids: std::ops::Range<u64>) {
        for id in ids {
            self.hook(id, "root", tool());
        }
    }

    /// A hook tells of a response, whose record came before: tools wait for that of the next one.
    fn told_by_hook(&mut self, tokens: u64) {
        let told = response(CODEX, "root", &self.model, tokens, self.now.wall);
        self.responds(Response { source: Source::Hook, ..told });
    }

    fn let_run(&self) -> usize {
        let ran = |effect: &Effect| {
            matches!(effect, Effect::Record { kind: EventKind::ToolCalled { verdict: ToolVerdict::Allowed, .. }, .. })
        };
        self.effects.iter().filter(|effect| ran(effect)).count()
    }
}

#[test]
fn the_call_that_would_pass_the_limit_does_not_run() {
    let steps = r#"steps = [{ at = "60%", do = "warn" }, { at = "100%", do = "stop" }]"#;
    let mut world = Plan::of(&three(&format!("per = \"run\"\n{steps}"))).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 10);
    world.calls(2..5);
    assert!(!world.finished() && world.is_let_through(4));
    // The last call is made; what the model says to it costs no call.
    world.hook(5, "root", Wants::Request);
    assert!(world.is_let_through(5));
    world.answers("root", 10);
    world.calls(6..7);
    assert!(world.finished() && !world.is_let_through(6));
    assert_eq!(world.let_run(), 3);
    assert_snapshot!(world.told());
}

#[test]
fn calls_beside_those_that_fit_are_refused_and_the_stop_waits_for_the_next_request() {
    // They come one after the other, or wait together for the record of the response that called them.
    for together in [false, true] {
        let mut world = Plan::of(&three("per = \"run\"\nsteps = [{ at = \"100%\", do = \"stop\" }]")).started();
        world.hook(1, "root", Wants::Request);
        if together {
            world.told_by_hook(10);
            world.hook(2, "root", Wants::Request);
            world.calls(3..8);
            assert_eq!(world.let_run(), 0);
        }
        world.answers("root", 10);
        if !together {
            world.calls(3..8);
        }
        assert_eq!(world.let_run(), 3, "{together}");
        let refused = |effect: &&Effect| matches!(effect, Effect::Answer { deny: Some(_), .. });
        assert_eq!(world.effects.iter().filter(refused).count(), 2, "{together}");
        assert!(!world.finished() && !world.effects.iter().any(|effect| matches!(effect, Effect::Freeze(_))));
        world.hook(9, "root", Wants::Request);
        assert!(world.finished() && !world.is_let_through(9), "{together}");
    }
}

#[test]
fn a_question_holds_the_call_and_a_yes_lets_it_run() {
    let mut world = Plan::of(&three("per = \"run\"")).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 10);
    world.calls(2..6);
    world.hook(6, "root", Wants::Request);
    assert!(!world.is_let_through(5) && !world.is_let_through(6));
    world.extends(1, 1);
    assert!(world.is_let_through(5) && world.is_let_through(6));
    world.calls(7..8);
    assert!(!world.is_let_through(7));
    world.person(2, Answer::Stop);
    assert!(world.finished());
    assert_eq!(world.let_run(), 4);
}

#[test]
fn a_tool_of_an_agent_that_is_held_for_its_money_is_counted_too() {
    let money = "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"1 usd\"\n";
    let mut world = Plan::of(&format!("{money}{}", three("per = \"run\""))).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 2_000);
    assert!(world.governor.held_approval(&AgentName::new(CODEX)).is_some());
    world.calls(2..6);
    assert!(world.is_let_through(4) && !world.is_let_through(5));
}

#[test]
fn a_rolling_limit_lets_the_next_call_run_when_the_oldest_is_gone() {
    let mut world = Plan::of(&three("per = \"agent\"\nwindow = \"1m\"")).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 10);
    world.calls(2..6);
    assert!(!world.is_let_through(5));
    world.pass(20);
    world.due(Timer::WindowEnd);
    assert!(!world.is_let_through(5));
    world.pass(40);
    world.due(Timer::WindowEnd);
    assert!(world.is_let_through(5));
}

#[test]
fn threads_and_models_are_counted_apart() {
    for per in [r#""thread""#, r#"["run", "model"]"#] {
        let mut world = Plan::of(&three(&format!("per = {per}"))).started();
        world.hook(1, "root", Wants::Request);
        world.answers("root", 10);
        world.calls(2..5);
        if per.contains("model") {
            world.model = "mid".to_owned();
        }
        world.hook(5, "sub", tool());
        assert!(world.is_let_through(5), "{per}");
        world.model = "dear".to_owned();
        world.hook(6, "root", tool());
        assert!(!world.is_let_through(6), "{per}");
    }
}

#[test]
fn calls_of_other_runs_and_of_before_are_counted() {
    let mut plan = Plan::of(&three("per = \"team\"\nwindow = \"day\""));
    let call = (super::world::morning(), [("team".to_owned(), "web".to_owned())].into_iter().collect());
    plan.shelf.calls = vec![call; 2];
    let mut world = plan.started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 10);
    world.calls(2..4);
    assert!(world.is_let_through(2) && !world.is_let_through(3));
    assert_eq!(world.claimed(), 0);
}

#[test]
fn what_others_called_while_a_tool_waited_is_counted_before_it_runs() {
    let mut world = Plan::of(&three("per = \"team\"\nwindow = \"day\"")).started();
    world.hook(1, "root", Wants::Request);
    world.told_by_hook(10);
    world.hook(2, "root", Wants::Request);
    world.calls(3..4);
    assert_eq!(world.let_run(), 0, "its response is not told yet");
    let call = (super::world::morning(), [("team".to_owned(), "web".to_owned())].into_iter().collect());
    world.shelf.get_mut().calls.extend(vec![call; 3]);
    world.answers("root", 10);
    assert_eq!(world.let_run(), 0, "{}", world.told());
}

proptest! {
    #[test]
    fn never_more_tools_run_than_the_limit_whoever_answers(
        acts in proptest::collection::vec((0_u8..6, 0_usize..2), 1..60)
    ) {
        let mut world = Plan::of(&three("per = \"run\"")).started();
        world.hook(1, "root", Wants::Request);
        let mut limit = 3;
        for (id, (act, thread)) in (2_u64..).zip(acts) {
            let thread = ["root", "sub"][thread];
            match act {
                0 => world.hook(id, thread, Wants::Request),
                1 => world.answers(thread, 10),
                2 => if let Some(approval) = world.governor.held_approval(&AgentName::new(CODEX)) {
                    world.extends(approval.0, 1);
                    limit += 1;
                },
                3 => world.feed(Input::Recount),
                _ => world.hook(id, thread, tool()),
            }
            prop_assert!(world.let_run() <= limit, "{} of {limit}: {}", world.let_run(), world.told());
        }
    }
}
