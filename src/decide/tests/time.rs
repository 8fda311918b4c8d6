//! Windows, minutes, and clocks that jump.

use insta::assert_snapshot;

use std::time::Duration;

use super::world::{CODEX, Plan, cents, five_dollars, setup};
use crate::decide::agents::lifecycle::State;
use crate::decide::message::{News, Timer, Wants};
use crate::decide::{Effect, Input};
use crate::model::AgentName;

const DAY: &str = "[[budget]]\nname = \"day\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"5 usd\"\n\
    steps = [{ at = \"80%\", do = \"warn\" }, { at = \"100%\", do = \"ask\", wait = \"20h\" }]\n";
const HOUR: &str = "[[budget]]\nname = \"hour\"\nper = \"team\"\nwindow = \"1h\"\nlimit = \"5 usd\"\n\
    steps = [{ at = \"60%\", do = \"warn\" }, { at = \"100%\", do = \"ask\", wait = \"20h\" }]\n";

#[test]
fn a_hold_ends_when_its_window_does() {
    let mut world = Plan::of(DAY).started();
    world.works(3_000);
    world.pass(14 * 3_600);
    world.due(Timer::WindowEnd);
    world.works(1_000);
    assert_snapshot!(world.told());
}

#[test]
fn a_timer_that_comes_early_is_set_again() {
    let mut world = Plan::of(DAY).started();
    world.works(3_000);
    world.skip();
    world.pass(14 * 3_600);
    world.wall_jumps_to("2026-11-24T22:00:00Z");
    world.due(Timer::WindowEnd);
    world.pass(2 * 3_600);
    world.due(Timer::WindowEnd);
    assert_snapshot!(world.told());
}

#[test]
fn a_deadline_after_the_windows_end_ends_nothing() {
    let mut world = Plan::of(DAY).started();
    world.works(3_000);
    world.skip();
    world.wall_jumps_to("2026-11-25T06:00:00Z");
    world.deadline(1);
    assert_snapshot!(world.told());
}

#[test]
fn a_run_that_spans_two_windows_is_counted_in_each() {
    let mut world = Plan::of(DAY).started();
    world.works(2_000);
    world.pass(14 * 3_600);
    world.works(2_400);
    let spent: Vec<i64> = world.governor.accounts().map(|account| account.spent).collect();
    assert_eq!(spent, [cents(200), cents(240)]);
    assert!(!world.told().contains("FREEZE"));
    world.works(300);
    assert!(world.told().contains("decided ask (day"));
}

#[test]
fn a_new_window_is_known_before_the_first_answer_in_it() {
    let mut world = Plan::of(DAY).started();
    world.works(1_000);
    world.pass(14 * 3_600);
    // Others were quicker.
    let mut other = super::world::response("other", "t", "dear", 4_500, world.now.wall);
    other.run = Some("r2".into());
    world.shelf.get_mut().responses.push(other);
    world.skip();
    world.asks("root");
    assert!(world.told().contains("FREEZE"), "$4.50 of the new day and $1.00 to come");
}

#[test]
fn spend_belongs_to_the_window_of_its_time() {
    let mut world = Plan::of(DAY).started();
    world.works(1_000);
    world.pass(14 * 3_600);
    world.works(500);
    let late = super::world::response(CODEX, "root", "dear", 300, super::world::moment("2026-11-24T23:59:59Z"));
    world.responds(late);
    let spent: Vec<i64> = world.governor.accounts().map(|account| account.spent).collect();
    assert_eq!(spent, [cents(130), cents(50)]);
}

#[test]
fn a_clock_that_jumps_back_loses_no_spend() {
    let mut world = Plan::of(&(DAY.to_owned() + &five_dollars(r#"{ at = "100%", do = "stop" }"#))).started();
    world.works(2_000);
    world.wall_jumps_to("2026-11-23T10:00:00Z");
    world.works(500);
    world.wall_jumps_to("2026-11-26T10:00:00Z");
    world.works(400);
    world.wall_jumps_to("2026-11-24T11:00:00Z");
    assert_eq!((world.spent("each run"), world.spent("day")), (cents(290), cents(290)));
    world.works(300);
    assert!(world.finished(), "$3.20 and $2.00 to come");
}

#[test]
fn what_leaves_a_rolling_window_is_no_longer_spent() {
    let mut world = Plan::of(HOUR).started();
    for _ in 0..5 {
        world.works(1_000);
        world.pass(1_000);
    }
    assert!(!world.told().contains("decided ask"));
    world.works(1_500);
    assert!(world.told().contains("decided ask"), "three of $1.00 and one of $1.50 in the last hour");
}

#[test]
fn a_rolling_window_lets_a_held_agent_go_when_enough_has_left_it() {
    let mut world = Plan::of(HOUR).started();
    world.works(2_000);
    world.pass(1_800);
    world.works(2_000);
    world.skip();
    world.pass(60);
    world.due(Timer::WindowEnd);
    world.pass(1_800);
    world.due(Timer::WindowEnd);
    assert_snapshot!(world.told());
}

#[test]
fn a_rolling_window_warns_again_a_window_later() {
    let mut world = Plan::of(HOUR).started();
    let warned = |world: &super::world::World| {
        world.effects.iter().filter(|effect| matches!(effect, Effect::Say(text) if text.starts_with("warn"))).count()
    };
    for _ in 0..3 {
        world.works(1_000);
    }
    assert_eq!(warned(&world), 1);
    world.pass(3_000);
    world.works(1_000);
    assert_eq!(warned(&world), 1, "no flapping within a window");
    world.pass(3_700);
    for _ in 0..3 {
        world.works(1_000);
    }
    assert_eq!(warned(&world), 2);
}

#[test]
fn minutes_pass_while_it_works_and_not_while_it_is_held() {
    let text = five_dollars(r#"{ at = "50%", do = "ask", wait = "2h" }, { at = "100%", do = "stop" }"#)
        .replace("5 usd", "10 minutes");
    let mut world = Plan::of(&text).started();
    world.pass(299);
    world.works(10);
    world.pass(1);
    world.due(Timer::Minutes);
    world.pass(3_600);
    world.extends(1, 120_000);
    world.pass(1);
    world.due(Timer::Minutes);
    world.pass(60);
    world.due(Timer::Minutes);
    assert_snapshot!(world.told());
}

#[test]
fn minutes_of_two_agents_pass_twice_as_fast() {
    let text = five_dollars(r#"{ at = "100%", do = "stop" }"#).replace("5 usd", "10 minutes");
    let mut plan = Plan::of(&text);
    plan.agents.push(setup("second", true));
    let mut world = plan.started();
    assert!(world.told().contains("arm minutes in 300.001s"));
    world.asks("root");
    world.asks_as("second", "its root");
    world.pass(301);
    world.due(Timer::Minutes);
    let ended = world.effects.iter().filter(|effect| matches!(effect, Effect::End(_))).count();
    assert_eq!(ended, 2);
}

#[test]
fn the_end_of_grace_is_a_moment_too() {
    let text = five_dollars(r#"{ at = "100%", do = "stop" }"#)
        .replace("5 usd", "10 minutes")
        .replace("steps", "grace = \"10%\"\nsteps");
    let mut world = Plan::of(&text).started();
    world.asks("root");
    world.skip();
    world.pass(600);
    world.due(Timer::Minutes);
    assert!(world.told().contains("arm minutes in 59.001s"));
    world.pass(60);
    world.due(Timer::Minutes);
    assert!(world.finished());
}

#[test]
fn a_jump_of_the_wall_clock_is_no_time() {
    let text = five_dollars(r#"{ at = "100%", do = "stop" }"#).replace("5 usd", "10 minutes");
    let mut world = Plan::of(&text).started();
    world.pass(60);
    world.wall_jumps_to("2027-11-24T10:00:00Z");
    world.due(Timer::Minutes);
    assert_eq!(world.spent("each run"), 60_000);
    world.feed(Input::Exited { agent: AgentName::new(CODEX), leftover: 0, ok: true });
    world.pass(600);
    world.due(Timer::Minutes);
    assert_eq!(world.spent("each run"), 60_000);
}

/// Ten minutes, then this.
fn ten_minutes(step: &str) -> String {
    five_dollars(step).replace("5 usd", "10 minutes")
}

const STOP: &str = r#"{ at = "100%", do = "stop" }"#;

#[test]
fn time_ends_what_hangs_before_its_codex_or_after_it() {
    let mut before = Plan::of(&ten_minutes(STOP)).started();
    before.pass(599);
    before.due(Timer::Minutes);
    assert!(!before.finished());
    before.pass(2);
    before.due(Timer::Minutes);
    assert!(before.finished());

    let mut after = Plan::of(&ten_minutes(STOP)).started();
    after.asks("root");
    after.concludes("root", 100);
    after.pass(600);
    after.due(Timer::Minutes);
    assert!(after.finished());
    assert!(after.told().contains("stop: 10 min of 10 min (each run): spent"));
}

#[test]
fn what_takes_time_between_turns_stands_still_for_a_question_though_its_codex_asks_first() {
    let mut world = Plan::of(&ten_minutes(r#"{ at = "100%", do = "ask", wait = "2h" }"#)).started();
    world.hook(1, "root", Wants::Request);
    world.concludes("root", 100);
    world.pass(600);
    world.skip();
    world.due(Timer::Minutes);
    assert!(world.told().contains("FREEZE codex"), "{}", world.told());
    world.pass(3_600);
    world.due(Timer::Minutes);
    world.extends(1, 60_000);
    assert_eq!(world.governor.agent(&AgentName::new(CODEX)).unwrap().state, State::Running);
    assert!(world.told().contains("arm minutes in 58.001s"), "held time does not count");
}

#[test]
fn a_screen_that_waits_for_a_person_is_not_ended_by_time_but_its_next_turn_is() {
    let mut plan = Plan::of(&ten_minutes(STOP));
    plan.agents[0].full_screen = true;
    let mut world = plan.started();
    world.asks("root");
    world.concludes("root", 100);
    world.pass(1_200);
    world.due(Timer::Minutes);
    assert!(!world.finished());
    world.asks("root");
    assert!(world.finished());
}

#[test]
fn a_run_that_goes_on_has_the_time_that_is_left() {
    let each = ten_minutes(STOP).replace("per = \"run\"", "per = \"agent\"").replace("each run", "each agent");
    let mut plan = Plan::of(&(ten_minutes(STOP) + &each));
    for (name, minutes) in [(CODEX, 3), ("over", 4)] {
        plan.active.insert(AgentName::new(name), Duration::from_secs(minutes * 60));
    }
    let mut world = plan.started();
    assert_eq!(
        (world.spent("each run"), world.spent("each agent")),
        (420_000, 180_000),
        "those that are over count for the run"
    );
    assert!(world.told().contains("arm minutes in 180.001s"));
    world.pass(181);
    world.due(Timer::Minutes);
    assert!(world.finished());
}

#[test]
fn a_run_whose_time_is_over_does_not_go_on() {
    let mut plan = Plan::of(&ten_minutes(STOP));
    plan.active.insert(AgentName::new(CODEX), Duration::from_secs(600));
    let world = plan.started();
    assert!(world.effects.iter().any(|effect| matches!(effect, Effect::Refuse(why) if why.contains("spent"))));
}

#[test]
fn a_limit_in_minutes_that_is_lifted_ends_later_and_not_never() {
    let mut world = Plan::of(&ten_minutes(STOP)).started();
    let key = world.governor.accounts().next().unwrap().key.clone();
    world.skip();
    world.feed(Input::Elsewhere(News { extensions: vec![(key, 60_000)], ..News::default() }));
    assert!(world.told().contains("arm minutes in 660.001s"));
}
