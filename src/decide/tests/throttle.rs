//! Agents that are slowed down.

use std::time::Duration;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::steer::tool;
use super::world::{CODEX, Plan, World, cents, five_dollars};
use crate::decide::Effect;
use crate::decide::message::{Timer, Wants};
use crate::model::AgentName;
use crate::model::event::Answer;

const THROTTLE: &str =
    r#"{ at = "20%", do = "throttle", to = "2 responses/m" }, { at = "100%", do = "ask", else = "stop" }"#;

impl World {
    fn paces(&mut self) {
        self.due(Timer::Pace(AgentName::new(CODEX)));
    }

    /// How long the agent's next request was told to wait, the last time.
    fn last_wait(&self) -> Option<Duration> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Arm(Timer::Pace(_), wait) => Some(*wait),
            _ => None,
        })
    }
}

#[test]
fn past_its_step_requests_of_all_threads_wait_their_turn_and_tools_do_not() {
    let mut world = Plan::of(&five_dollars(THROTTLE)).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 1_100);
    world.hook(2, "root", tool());
    world.hook(3, "root", Wants::Request);
    world.hook(4, "sub", Wants::Request);
    assert!(world.is_let_through(2) && world.is_let_through(3) && !world.is_let_through(4));
    let wait = world.last_wait().unwrap();
    world.pass(wait.as_secs() + 1);
    world.paces();
    assert!(world.is_let_through(4));
    assert_snapshot!(world.told());
}

#[test]
fn a_jump_of_the_wall_clock_lets_nothing_through() {
    let mut world = Plan::of(&five_dollars(THROTTLE)).started();
    for (id, tokens) in [(1, 600), (2, 600)] {
        world.hook(id, "root", Wants::Request);
        world.answers("root", tokens);
    }
    world.hook(3, "root", Wants::Request);
    world.wall_jumps_to("2026-11-24T18:00:00Z");
    world.paces();
    assert!(!world.is_let_through(3));
}

#[test]
fn a_lifted_limit_ends_it_and_a_route_does_not() {
    let routes = r#"{ at = "20%", do = "throttle", to = "1 response/h" }, { at = "40%", do = "route" }, { at = "100%", do = "ask" }"#;
    let mut routed = Plan::of(&five_dollars(routes)).started();
    routed.hook(1, "root", Wants::Request);
    routed.hook(2, "sub", Wants::Request);
    routed.answers("root", 1_100);
    routed.hook(3, "root", Wants::Request);
    assert!(!routed.is_let_through(3));
    routed.concludes("sub", 1_000);
    routed.hook(4, "root", Wants::Request);
    assert!(!routed.is_let_through(4), "it goes on with the next model, at the same rate");

    let mut lifted = Plan::of(&five_dollars(THROTTLE)).started();
    lifted.hook(1, "root", Wants::Request);
    lifted.answers("root", 2_600);
    lifted.hook(2, "root", Wants::Request);
    lifted.extends(1, cents(2_000));
    assert!(lifted.is_let_through(2), "$2.60 of $25.00 is under 20 %");
}

#[test]
fn a_throttle_and_a_route_that_one_answer_reaches_are_both_done() {
    let steps = r#"{ at = "20%", do = "throttle", to = "1 response/h" }, { at = "40%", do = "route" }, { at = "100%", do = "ask" }"#;
    let mut world = Plan::of(&five_dollars(steps)).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 2_100);
    let told = world.told();
    assert!(told.contains("say route: ") && told.contains("; also throttle: "), "{told}");
    world.hook(2, "root", Wants::Request);
    assert!(!world.is_let_through(2), "it goes on with the next model, at the rate");
}

#[test]
fn the_end_of_its_window_ends_it() {
    let policy = "[[budget]]\nname = \"day\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"5 usd\"\n\
                  steps = [{ at = \"20%\", do = \"throttle\", to = \"1 response/d\" }]\n";
    let mut world = Plan::of(policy).started();
    world.wall_jumps_to("2026-11-24T23:59:00Z");
    world.hook(1, "root", Wants::Request);
    world.answers("root", 1_100);
    world.hook(2, "root", Wants::Request);
    assert!(!world.is_let_through(2));
    assert!(world.last_wait().unwrap() < Duration::from_secs(61));
    world.pass(60);
    world.paces();
    assert!(world.is_let_through(2));
}

#[test]
fn a_codex_that_does_not_ask_first_is_not_slowed_down_and_the_person_is_told_that() {
    let mut world = Plan::of(&five_dollars(THROTTLE)).started();
    world.hook(1, "root", Wants::Session);
    world.works(1_100);
    let said = |effect: &Effect| matches!(effect, Effect::Say(text) if text.contains("cannot be slowed down"));
    assert_eq!(world.effects.iter().filter(|effect| said(effect)).count(), 1);
}

#[test]
fn a_throttled_agent_is_still_asked_about_at_its_limit() {
    let mut world = Plan::of(&five_dollars(THROTTLE)).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 1_800);
    world.hook(2, "root", Wants::Request);
    world.answers("root", 1_800);
    world.hook(3, "root", Wants::Request);
    world.pass(120);
    world.paces();
    assert!(!world.is_let_through(3));
    world.person(1, Answer::Stop);
    assert!(world.finished() && !world.is_let_through(3));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn whatever_its_threads_do_no_more_than_the_rate_goes_out(
        steps in proptest::collection::vec((0_u64..40, 0_usize..3, any::<bool>()), 1..40)
    ) {
        let throttle = r#"{ at = "0.1%", do = "throttle", to = "3 responses/m" }"#;
        let mut world = Plan::of(&five_dollars(throttle)).started();
        world.hook(1, "root", Wants::Request);
        world.answers("root", 50);
        let mut went: Vec<u64> = vec![1];
        for (id, (gap, thread, answered)) in (2_u64..).zip(steps) {
            let thread = ["root", "sub", "other"][thread];
            world.pass(gap);
            let before = world.effects.len();
            world.hook(id, thread, Wants::Request);
            world.paces();
            if answered {
                world.answers(thread, 1);
            }
            let news = world.effects.iter().skip(before);
            let lets = news.filter(|effect| matches!(effect, Effect::Answer { deny: None, .. })).count();
            let now = world.now.uptime.as_secs();
            went.extend(std::iter::repeat_n(now, lets));
            let recent = went.iter().filter(|then| **then + 58 > now).count();
            prop_assert!(recent <= 3, "{recent} went out within a minute: {went:?} {}", world.told());
        }
    }
}
