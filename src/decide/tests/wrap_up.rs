//! Agents that are told to commit and sum up before they are stopped, and how far they may go for it.

use super::steer::tool;
use super::world::{Plan, World, five_dollars};
use crate::decide::Effect;
use crate::decide::message::{HookId, Wants};
use crate::model::event::EventKind;

const STOP: &str = r#"{ at = "100%", do = "stop", wrap_up = "2 usd" }"#;

impl World {
    /// So many requests of a dollar each, with a tool after each, as far as they are let through.
    fn spends_dollars(&mut self, dollars: u64) {
        for n in 0..dollars {
            let before = self.answered();
            self.hook(2 * n + 100, "root", Wants::Request);
            if self.answered() == before {
                return;
            }
            self.answers("root", 1_000);
            self.hook(2 * n + 101, "root", tool());
        }
    }

    /// How many calls were answered.
    fn answered(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Answer { .. })).count()
    }

    /// What models were told.
    fn heard(&self) -> Vec<(HookId, &str)> {
        let told = self.effects.iter().filter_map(|effect| match effect {
            Effect::Tell { hook, text } => Some((*hook, text.as_str())),
            _ => None,
        });
        told.collect()
    }

    fn wrap_ups(&self) -> usize {
        let is_one = |effect: &&Effect| match effect {
            Effect::Record { kind: EventKind::Decided(decision), .. } => decision.wrap_up.is_some(),
            _ => false,
        };
        self.effects.iter().filter(is_one).count()
    }
}

#[test]
fn it_is_told_with_the_tool_of_the_answer_that_met_the_limit_and_stopped_when_the_rest_is_used() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    world.spends_dollars(20);
    let heard = world.heard();
    assert_eq!(heard.len(), 1, "{heard:?}");
    let (hook, text) = heard[0];
    assert_eq!(hook, HookId(2 * 4 + 101), "with the tool of the fifth answer");
    assert!(text.contains("Commit what works now") && text.contains("you may use $2.00 for that"), "{text}");
    assert_eq!((world.spent("each run"), world.wrap_ups()), (7_000_000_000, 1), "{}", world.told());
    assert!(world.finished(), "{}", world.told());
    let told = world.told();
    assert!(told.contains("wrap up: "), "{told}");
}

#[test]
fn one_that_cannot_be_told_is_stopped_at_the_limit_and_that_is_said() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    for _ in 0..20 {
        if world.finished() {
            break;
        }
        world.works(1_000);
    }
    assert_eq!(world.spent("each run"), 5_000_000_000, "{}", world.told());
    assert_eq!((world.wrap_ups(), world.heard().len()), (0, 0));
    let told = world.told();
    assert!(told.contains("it is not told to sum up: its Codex was not seen to call"), "{told}");
}

#[test]
fn an_amount_that_holds_no_request_is_no_reason_to_go_past_the_limit() {
    let mut world = Plan::of(&five_dollars(&STOP.replace("2 usd", "0.50 usd"))).started();
    world.spends_dollars(20);
    assert_eq!((world.spent("each run"), world.wrap_ups()), (5_000_000_000, 0), "{}", world.told());
    let told = world.told();
    assert!(told.contains("$0.50 more would hold no other request"), "{told}");
}

#[test]
fn one_that_was_told_before_its_run_went_on_is_reminded_and_given_no_more() {
    let mut plan = Plan::of(&five_dollars(STOP));
    plan.shelf.wrapped_up = Some(5_000_000_000);
    let mut world = plan.started();
    world.spends_dollars(20);
    assert_eq!((world.spent("each run"), world.wrap_ups(), world.heard().len()), (7_000_000_000, 0, 1));
}

#[test]
fn a_stop_before_the_limit_lets_it_sum_up_too_and_never_past_the_amount() {
    let steps = r#"{ at = "60%", do = "stop", wrap_up = "1 usd" }"#;
    let mut world = Plan::of(&five_dollars(steps)).started();
    world.spends_dollars(20);
    assert_eq!((world.spent("each run"), world.wrap_ups()), (4_000_000_000, 1), "{}", world.told());
    assert!(world.finished());
}

#[test]
fn observing_lets_everything_pass_and_says_what_it_would_do() {
    let mut world = Plan::of(&five_dollars(STOP).replace("limit", "mode = \"observe\"\nlimit")).started();
    world.spends_dollars(9);
    assert_eq!((world.spent("each run"), world.heard().len()), (9_000_000_000, 0));
    let told = world.told();
    assert!(told.contains("would wrap up"), "{told}");
}
