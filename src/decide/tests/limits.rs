//! From the first warning to the end, in one run.

use insta::assert_snapshot;

use super::world::{CODEX, Plan, cents, five_dollars, response, setup};
use crate::decide::message::Phase;
use crate::decide::{Effect, Input};
use crate::model::{AgentName, ApprovalId, Response};

const ALL: &str = r#"{ at = "50%", do = "warn" }, { at = "70%", do = "route" },
    { at = "90%", do = "ask", wait = "5m", else = "stop" }, { at = "100%", do = "stop" }"#;

#[test]
fn warned_routed_asked_and_stopped() {
    let mut world = Plan::of(&five_dollars(ALL)).started();
    for tokens in [600, 600, 600, 600, 600, 500] {
        world.works(tokens); // To $3.50.
    }
    world.works(1_250); // $4.00, by mid
    world.works(1_250); // $4.50
    world.extends(1, cents(100));
    world.works(1_500); // $5.10 of $6.00
    world.works(1_000); // $5.50
    assert_snapshot!(world.told());
    assert!(world.finished());
}

#[test]
fn a_run_stops_before_the_request_that_would_pass_its_limit() {
    let mut world = Plan::of(&five_dollars(r#"{ at = "100%", do = "stop" }"#)).started();
    world.works(2_000);
    world.works(1_500); // $3.50, and the next may be $2.00.
    assert_snapshot!(world.told());
}

#[test]
fn a_limit_that_is_exactly_reached_by_the_next_request_is_kept() {
    let mut world = Plan::of(&five_dollars(r#"{ at = "100%", do = "stop" }"#)).started();
    world.works(2_500);
    assert!(!world.told().contains("FREEZE"));
    world.works(1);
    assert!(world.told().contains("FREEZE"));
}

#[test]
fn of_two_budgets_the_most_severe_step_wins_and_both_reasons_are_kept() {
    let text = five_dollars(r#"{ at = "50%", do = "warn" }, { at = "100%", do = "stop" }"#)
        + "[[budget]]\nname = \"tokens\"\nper = \"agent\"\nlimit = \"4k tok\"\n\
           steps = [{ at = \"60%\", do = \"ask\" }, { at = \"100%\", do = \"kill\" }]\n";
    let mut world = Plan::of(&text).started();
    world.works(1_000);
    world.skip();
    world.works(1_500);
    assert_snapshot!(world.told());
}

#[test]
fn marks_of_one_budget_and_of_another_that_one_answer_reaches_are_all_named() {
    let steps = r#"{ at = "5%", do = "warn" }, { at = "10%", do = "steer" },
        { at = "12%", do = "throttle", to = "1 response/h" }, { at = "100%", do = "stop" }"#;
    let other = "[[budget]]\nname = \"tokens\"\nper = \"agent\"\nlimit = \"10k tok\"\n\
                 steps = [{ at = \"5%\", do = \"warn\" }, { at = \"100%\", do = \"stop\" }]\n";
    let mut world = Plan::of(&(five_dollars(steps) + other)).started();
    world.works(300); // $0.30: 6 % of it, and 3 % of the tokens.
    let told = world.told();
    assert!(told.contains("5% reached") && !told.contains("past"), "{told}");
    world.works(500); // 16 % of it, and 8 % of the tokens.
    let told = world.told();
    let said = "12% reached, past 10% (steer)";
    assert!(told.contains(said) && !told.contains("past 5%"), "{told}");
    assert!(told.lines().any(|line| line.contains(said) && line.contains("; also warn: ")), "{told}");
}

#[test]
fn a_route_is_not_forgotten_for_the_question_that_came_with_it() {
    let text = five_dollars(r#"{ at = "50%", do = "route" }"#)
        + "[[budget]]\nname = \"tokens\"\nper = \"agent\"\nlimit = \"3k tok\"\nsteps = [{ at = \"100%\", do = \"ask\" }]\n";
    let mut world = Plan::of(&text).started();
    world.works(2_600);
    world.extends(1, 10_000);
    assert_snapshot!(world.told());
}

#[test]
fn requests_under_way_at_a_kill_are_counted_with_what_they_may_cost() {
    let mut world = Plan::of(&five_dollars(r#"{ at = "100%", do = "kill" }"#)).started();
    world.works(400);
    world.asks("sub");
    world.answers("sub", 300);
    world.asks("sub");
    world.asks("new");
    world.works(1_000); // $1.70; root's next $1.00, sub's $0.30, and the new one's is as dear as root's: $4.00.
    world.skip();
    world.works(1_500);
    assert_snapshot!(world.told());
}

#[test]
fn what_a_restart_and_the_end_cut_off_is_counted_together() {
    let steps = r#"{ at = "60%", do = "ask" }"#;
    let mut world = Plan::of(&five_dollars(steps)).started();
    world.by_hand = true;
    world.works(1_000);
    world.works(2_000);
    // The tool was done before the tree stood still: a request is under way.
    world.asks("root");
    world.feed(Input::Frozen(AgentName::new(CODEX)));
    world.person(1, crate::model::event::Answer::Route);
    world.by_hand = false;
    world.feed(Input::Ended(AgentName::new(CODEX)));
    world.asks("root");
    world.feed(Input::Exited { agent: AgentName::new(CODEX), leftover: 0, ok: true });
    assert_snapshot!(world.told());
}

#[test]
fn grace_lets_the_turn_finish_and_says_so_once() {
    let text = five_dollars(r#"{ at = "100%", do = "stop" }"#).replace("steps", "grace = \"20%\"\nsteps");
    let mut world = Plan::of(&text).started();
    (0..6).for_each(|_| world.works(800));
    world.skip();
    world.works(300); // $5.10 of $5.00 and $1.00 of grace.
    world.works(100); // $5.20
    world.concludes("root", 100);
    assert_snapshot!(world.told());
}

#[test]
fn grace_has_an_end() {
    let text = five_dollars(r#"{ at = "100%", do = "stop" }"#).replace("steps", "grace = \"20%\"\nsteps");
    let mut world = Plan::of(&text).started();
    (0..6).for_each(|_| world.works(800)); // $4.80 of $5.00 and $1.00 of grace.
    assert!(!world.finished());
    world.works(500);
    assert!(world.finished(), "$5.30 and $0.80 to come");
}

#[test]
fn observe_says_what_it_would_do_once_and_does_nothing() {
    let mut world = Plan::of(&format!("mode = \"observe\"\n{}", five_dollars(ALL))).started();
    for _ in 0..8 {
        world.works(1_000);
    }
    assert_snapshot!(world.told());
}

#[test]
fn one_budget_may_observe_beside_another_that_binds() {
    let text = five_dollars(r#"{ at = "50%", do = "kill" }"#).replace("steps", "mode = \"observe\"\nsteps")
        + "[[budget]]\nname = \"answers\"\nper = \"run\"\nlimit = \"4 responses\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n";
    let mut world = Plan::of(&text).started();
    for _ in 0..4 {
        world.works(1_000);
    }
    assert_snapshot!(world.told());
}

#[test]
fn a_limit_binds_every_agent_that_spends_from_it() {
    let text = "[[budget]]\nname = \"team\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"5 usd\"\n\
        steps = [{ at = \"50%\", do = \"warn\" }, { at = \"70%\", do = \"route\" }, { at = \"100%\", do = \"stop\" }]\n";
    let mut plan = Plan::of(text);
    plan.agents.push(setup("second", true));
    let mut world = plan.started();
    world.works(1_000);
    world.asks_as("second", "second root");
    world.answers_as("second", "second root", 2_500, Phase::Tools);
    world.works(2_000);
    assert_snapshot!(world.told());
    let ended = world.effects.iter().filter(|effect| matches!(effect, Effect::Finish { .. })).count();
    assert_eq!(ended, 2);
    assert_eq!(world.claimed(), 0);
}

#[test]
fn grace_is_a_limit_too() {
    // $0.50 a response; $3.20 and a tenth are $3.52: the eighth would be $4.00.
    let text = five_dollars(r#"{ at = "100%", do = "stop" }"#).replace("5 usd", "3.20 usd");
    let mut world = Plan::of(&text.replace("steps", "grace = \"10%\"\nsteps")).started();
    for _ in 0..12 {
        if !world.finished() {
            world.works(500);
        }
    }
    assert_eq!(world.spent("each run"), cents(350));
    assert!(world.told().contains("the next request would pass the limit and its grace of $0.32"));
}

#[test]
fn grace_is_for_the_turn_that_is_under_way_and_not_for_another() {
    let text = five_dollars(r#"{ at = "100%", do = "stop" }"#).replace("steps", "grace = \"20%\"\nsteps");
    let mut world = Plan::of(&text).started();
    (0..6).for_each(|_| world.works(800));
    world.works(300);
    world.concludes("root", 50); // $5.15 of $5.00 and $1.00 of grace.
    assert!(!world.finished());
    world.asks("root");
    assert!(world.finished(), "what begins past the limit is no turn to finish");
}

#[test]
fn what_no_agent_of_the_run_is_named_for_counts_all_the_same() {
    let day = "[[budget]]\nname = \"day\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"5 usd\"\n";
    let mut world = Plan::of(day).started();
    world.works(100);
    for named in [None, Some(AgentName::new("nobody"))] {
        let stray = response(CODEX, "stray", "dear", 2_450, world.now.wall);
        world.responds(Response { agent: named, ..stray });
    }
    assert_eq!(world.spent("day"), cents(500));
    assert!(world.governor.waits_for(ApprovalId(1)).is_some(), "{}", world.told());
}
