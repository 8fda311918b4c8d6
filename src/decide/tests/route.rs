//! Going on with a cheaper model.

use insta::assert_snapshot;

use super::world::{CODEX, Plan, five_dollars, setup};
use crate::decide::Input;
use crate::decide::message::Phase;
use crate::model::AgentName;

const ROUTE: &str = r#"{ at = "60%", do = "route" }, { at = "100%", do = "stop" }"#;

#[test]
fn a_route_that_makes_room_is_tried_before_the_limit_bites() {
    let mut world = Plan::of(&five_dollars(&ROUTE.replace("60%", "90%"))).started();
    world.works(2_600); // The next would pass $5.00; with mid it would be $1.04.
    world.works(2_000); // $3.40
    assert_snapshot!(world.told());
    assert!(!world.finished());
}

#[test]
fn a_route_waits_until_no_request_is_under_way_and_sub_agents_are_idle() {
    let mut world = Plan::of(&five_dollars(ROUTE)).started();
    world.asks("root");
    world.asks("sub");
    world.answers("root", 1_000);
    world.answers("sub", 600);
    world.asks("sub");
    world.answers("sub", 700);
    world.answers("root", 700); // $3.00
    world.skip();
    world.asks("root");
    world.asks("sub");
    world.phase(CODEX, "sub", Phase::Idle);
    world.answers("root", 10);
    assert_snapshot!(world.told());
}

#[test]
fn a_route_that_comes_too_late_waits_for_the_next_safe_point() {
    let mut world = Plan::of(&five_dollars(ROUTE)).started();
    for _ in 0..3 {
        world.works(800);
    }
    world.by_hand = true;
    world.works(800);
    world.skip();
    // The tool was done before the tree stood still.
    world.asks("root");
    world.by_hand = false;
    world.feed(Input::Frozen(AgentName::new(CODEX)));
    world.answers("root", 100);
    assert_snapshot!(world.told());
}

#[test]
fn at_the_bottom_of_the_ladder_it_is_said_and_the_next_step_stays_where_it_is() {
    let mut world = Plan::of(&five_dollars(ROUTE)).started();
    world.model = "cheap".to_owned();
    for _ in 0..4 {
        world.works(8_000);
    }
    assert_snapshot!(world.told());
}

#[test]
fn at_the_bottom_with_nothing_severer_it_is_said() {
    let mut world = Plan::of(&five_dollars(r#"{ at = "60%", do = "route" }"#)).started();
    world.model = "cheap".to_owned();
    world.works(30_000);
    world.works(30_000);
    assert_snapshot!(world.told());
}

#[test]
fn an_agent_that_cannot_be_restarted_is_warned_and_the_next_step_stays_where_it_is() {
    let mut plan = Plan::of(&five_dollars(ROUTE));
    plan.agents = vec![setup(CODEX, false)];
    let mut world = plan.started();
    for _ in 0..4 {
        world.works(800);
    }
    assert_snapshot!(world.told());
    assert!(!world.finished());
    world.works(1_500);
    assert!(world.finished(), "the stop is at its own mark");
}

/// The limit is kept before a request would pass it, whether the route can be done or not.
#[test]
fn a_route_at_the_limit_is_tried_where_it_makes_room_and_what_would_pass_is_a_question_or_a_stop() {
    for restartable in [true, false] {
        for askable in [true, false] {
            let mut plan = Plan::of(&five_dollars(r#"{ at = "100%", do = "route" }"#));
            (plan.agents, plan.askable) = (vec![setup(CODEX, restartable)], askable);
            let mut world = plan.started();
            for _ in 0..4 {
                world.works(1_100);
            }
            let mut told = world.told();
            // Another dollar of this model would pass, and of the next one it would not.
            assert_eq!(told.contains("RESTART codex/root with mid"), restartable, "{told}");
            while !world.finished() && !told.contains("ASK codex") {
                world.works(110);
                told += &world.told();
                assert!(told.len() < 100_000, "it goes on without end: {told}");
            }
            assert_eq!((told.contains("ASK codex"), world.finished()), (askable, !askable), "{restartable}: {told}");
        }
    }
}

#[test]
fn each_route_goes_one_rung_down() {
    let steps = r#"{ at = "20%", do = "route" }, { at = "40%", do = "route" }, { at = "100%", do = "stop" }"#;
    let mut world = Plan::of(&five_dollars(steps)).started();
    world.works(1_000);
    world.works(2_500);
    world.works(1_000);
    let told = world.told();
    assert!(told.contains("RESTART codex/root with mid") && told.contains("RESTART codex/root with cheap"), "{told}");
}

#[test]
fn a_model_that_is_on_no_ladder_goes_to_the_first_that_costs_less() {
    let text = format!("[models]\nladder = [\"dear\", \"mid\"]\n{}", five_dollars(ROUTE));
    let mut world = Plan::of(&text).started();
    world.model = "cheap".to_owned();
    world.works(16_000);
    world.works(16_000);
    assert!(world.told().contains("the ladder has no model below `cheap`"), "nothing is cheaper");
    assert!(!world.finished());
}

#[test]
fn a_model_that_is_not_allowed_is_no_rung() {
    let models = "[models]\nladder = [\"dear\", \"mid\", \"cheap\"]\nallow = [\"dear\", \"cheap\"]\n";
    let mut world = Plan::of(&format!("{models}{}", five_dollars(ROUTE))).started();
    world.works(500);
    world.works(2_500);
    assert!(world.told().contains("RESTART codex/root with cheap"));
}

#[test]
fn a_model_without_a_price_is_no_rung_where_money_ends_an_agent() {
    let models = "[models]\nladder = [\"dear\", \"gpt-6.1-tera\", \"cheap\"]\n";
    let mut world = Plan::of(&format!("{models}{}", five_dollars(ROUTE))).started();
    world.works(500);
    world.works(2_500);
    assert!(world.told().contains("RESTART codex/root with cheap"));

    let models = "[models]\nladder = [\"dear\", \"gpt-6.1-tera\"]\n";
    let mut world = Plan::of(&format!("{models}{}", five_dollars(ROUTE))).started();
    for _ in 0..5 {
        world.works(700);
    }
    let told = world.told();
    assert!(told.contains("it is not routed: `gpt-6.1-tera` has no price") && !told.contains("RESTART"), "{told}");
    assert!(!told.contains("9223372036"), "{told}");
    assert!(!world.finished());
}
