//! Agents that are told what is left.

use insta::assert_snapshot;

use super::world::{CODEX, Plan, World, cents, five_dollars};
use crate::decide::message::{ToolCall, Wants};
use crate::decide::{Effect, Input};
use crate::model::AgentName;
use crate::model::event::EventKind;

const STEER: &str = r#"{ at = "20%", do = "steer" }, { at = "100%", do = "ask" }"#;

pub(super) fn tool() -> Wants {
    let call = ToolCall {
        tool: "Bash".to_owned(),
        digest: "d".to_owned(),
        short: "make".to_owned(),
        judged: None,
        call: None,
    };
    Wants::Tool(call)
}

impl World {
    fn tellings(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Tell { .. })).count()
    }

    /// What became of what was to be told.
    fn outcomes(&self) -> Vec<(bool, &str)> {
        let outcome = |effect: &'_ Effect| match effect {
            Effect::Record { kind: EventKind::Outcome { ok, .. }, .. } => Some(*ok),
            _ => None,
        };
        let details = self.effects.iter().filter_map(|effect| match effect {
            Effect::Record { kind: EventKind::Outcome { detail, .. }, .. } => Some(detail.as_str()),
            _ => None,
        });
        self.effects.iter().filter_map(outcome).zip(details).filter(|(_, detail)| detail.contains("told")).collect()
    }
}

#[test]
fn each_thread_is_told_once_what_is_left_and_what_to_do_with_it() {
    let steps = r#"{ at = "20%", do = "steer", say = "Commit what works." }, { at = "100%", do = "ask" }"#;
    let mut world = Plan::of(&five_dollars(steps)).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 1_100);
    world.hook(2, "root", tool());
    world.hook(3, "root", tool());
    world.hook(4, "sub", tool());
    world.hook(5, "sub", Wants::Turn);
    assert_eq!(world.tellings(), 2);
    assert_eq!(world.outcomes(), [(true, "thread root was told"), (true, "thread sub was told")]);
    assert_snapshot!(world.told());
}

#[test]
fn the_next_turn_is_told_what_the_last_word_of_this_one_came_too_early_for() {
    let mut world = Plan::of(&five_dollars(STEER)).started();
    world.hook(1, "root", Wants::Request);
    world.concludes("root", 1_100);
    world.hook(2, "root", Wants::TurnEnd);
    assert_eq!(world.tellings(), 0);
    world.hook(3, "root", Wants::Turn);
    assert_eq!(world.tellings(), 1);
}

#[test]
fn a_codex_without_hooks_is_not_told_and_the_person_is_told_that() {
    let mut world = Plan::of(&five_dollars(STEER)).started();
    world.works(1_100);
    let said = |effect: &Effect| matches!(effect, Effect::Say(text) if text.contains("could not be told"));
    assert_eq!(world.effects.iter().filter(|effect| said(effect)).count(), 1);
    world.works(100);
    assert_eq!(world.outcomes().len(), 1);
    assert!(!world.outcomes()[0].0);
}

#[test]
fn what_was_never_told_is_written_down_at_the_end() {
    let mut world = Plan::of(&five_dollars(STEER)).started();
    world.hook(1, "root", Wants::Request);
    world.concludes("root", 1_100);
    world.feed(Input::Exited { agent: AgentName::new(CODEX), leftover: 0, ok: true });
    assert_eq!(world.outcomes(), [(false, "it ended before it could be told")]);
}

#[test]
fn a_limit_that_is_lifted_takes_back_what_was_not_told_and_the_next_crossing_is_told_again() {
    let mut world = Plan::of(&five_dollars(STEER)).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 1_100);
    world.hook(2, "root", Wants::Request);
    world.answers("root", 2_000);
    world.hook(5, "root", Wants::Request);
    world.extends(1, cents(2_000));
    world.hook(3, "root", tool());
    assert_eq!(world.tellings(), 0, "$3.10 of $25.00 is no crossing");
    world.hook(6, "root", Wants::Request);
    world.answers("root", 5_000);
    world.hook(4, "root", tool());
    assert_eq!(world.tellings(), 1);
}

#[test]
fn observing_tells_nobody() {
    let budget = five_dollars(STEER).replace("limit", "mode = \"observe\"\nlimit");
    let mut world = Plan::of(&budget).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 1_100);
    world.hook(2, "root", tool());
    assert_eq!(world.tellings(), 0);
    assert!(world.told().contains("would steer"));
}
