//! Questions, and what answers them.

use std::time::Duration;

use insta::assert_snapshot;

use super::world::{CODEX, Plan, World, cents, five_dollars, moment, morning};
use crate::decide::message::{News, Settled, Timer};
use crate::decide::{Effect, Input};
use crate::model::event::Answer;
use crate::model::{AgentName, Answerer, ApprovalId, Door, Identity, Threshold};

const ASK: &str = r#"{ at = "80%", do = "warn" }, { at = "100%", do = "ask", wait = "5m", else = "stop" }"#;

/// Held at $3.00 of $5.00, where the next request may cost $3.00.
fn held(steps: &str) -> World {
    let mut world = Plan::of(&five_dollars(steps)).started();
    world.works(3_000);
    world
}

/// The transcript from the answer on.
fn answered(steps: &str, answer: Answer) -> String {
    let mut world = held(steps);
    world.skip();
    world.person(1, answer);
    world.told()
}

#[test]
fn asked_before_the_request_that_would_pass_the_limit() {
    assert_snapshot!(held(ASK).told());
}

#[test]
fn the_answer_to_another_runs_question_is_waited_for_as_long_as_there() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.joins = Some(Duration::from_secs(7));
    world.works(3_000);
    let armed = Effect::Arm(Timer::Deadline(ApprovalId(1)), Duration::from_secs(7));
    assert!(world.effects.contains(&armed), "{}", world.told());
    world.deadline(1);
    assert!(world.finished(), "{}", world.told());
}

#[test]
fn an_extension_that_is_enough_lets_it_go_on() {
    let mut world = held(ASK);
    world.skip();
    world.extends(1, cents(200));
    world.works(1_000);
    assert_snapshot!(world.told());
}

#[test]
fn an_extension_that_is_too_small_asks_again() {
    assert_snapshot!(answered(ASK, Answer::Extend { amount: cents(50) }));
}

#[test]
fn a_route_that_fits_lifts_no_limit() {
    assert_snapshot!(answered(ASK, Answer::Route));
}

#[test]
fn a_route_that_does_not_fit_lifts_the_limit() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.works(1_000);
    world.works(3_500);
    world.skip();
    world.person(1, Answer::Route);
    assert_snapshot!(world.told());
}

#[test]
fn after_a_route_the_limit_is_kept_still() {
    let mut world = held(ASK);
    world.person(1, Answer::Route);
    world.skip();
    world.works(1_500); // $3.60
    world.works(2_500); // $4.60
    assert_snapshot!(world.told());
}

#[test]
fn a_stop_and_a_kill_end_it() {
    let told = answered(ASK, Answer::Stop) + "---\n" + &answered(ASK, Answer::Kill);
    assert_snapshot!(told);
}

#[test]
fn unanswered_it_is_stopped_at_the_deadline() {
    let mut world = held(ASK);
    world.skip();
    world.pass(300);
    world.deadline(1);
    assert_snapshot!(world.told());
}

#[test]
fn unanswered_it_is_routed_if_that_fits() {
    let steps = &ASK.replace("else = \"stop\"", "else = \"route\"");
    let mut world = held(steps);
    world.skip();
    world.pass(300);
    world.deadline(1);
    assert_snapshot!(world.told());
}

#[test]
fn unanswered_it_is_stopped_if_no_route_fits_under_the_limit() {
    let steps = &ASK.replace("else = \"stop\"", "else = \"route\"");
    let mut world = Plan::of(&five_dollars(steps)).started();
    world.works(5_100);
    world.skip();
    world.pass(300);
    world.deadline(1);
    assert_snapshot!(world.told());
}

#[test]
fn unanswered_it_is_killed_if_the_policy_says_so() {
    let mut world = held(&ASK.replace("else = \"stop\"", "else = \"kill\""));
    world.skip();
    world.deadline(1);
    assert!(world.told().contains("FINISH codex: Killed"));
}

#[test]
fn a_deadline_of_a_question_that_is_settled_means_nothing() {
    let mut world = held(ASK);
    world.extends(1, cents(500));
    world.skip();
    world.deadline(1);
    assert_snapshot!(world.told(), @"due: deadline of 1");
}

#[test]
fn a_budget_that_was_extended_warns_again_only_at_its_new_share() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.works(2_000);
    world.works(2_000); // $4.00: warned, and the next may be $2.00: asked.
    world.extends(1, cents(500));
    world.skip();
    world.works(2_000);
    assert!(!world.told().contains("warn"));
    world.works(2_000); // $8.00 of $10.00
    assert!(world.told().contains("80% reached"));
}

const TWO: &str = "[[budget]]\nname = \"A\"\nper = \"run\"\nlimit = \"2 usd\"\nsteps = [{ at = \"100%\", do = \"ask\" }]\n\
    [[budget]]\nname = \"B\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"3 usd\"\nsteps = [{ at = \"100%\", do = \"ask\" }]\n";

#[test]
fn released_for_one_budget_it_is_asked_about_the_other_that_was_spent_meanwhile() {
    let mut world = Plan::of(TWO).started();
    world.works(1_100);
    world.elsewhere("dear", 2_000);
    world.skip();
    world.extends(1, cents(1_000));
    assert_snapshot!(world.told());
}

#[test]
fn routed_for_one_budget_it_is_asked_about_the_other_first() {
    let mut world = Plan::of(TWO).started();
    world.works(1_100);
    world.elsewhere("dear", 2_000);
    world.skip();
    world.person(1, Answer::Route);
    world.extends(2, cents(1_000));
    assert_snapshot!(world.told());
}

#[test]
fn a_severer_step_elsewhere_ends_a_held_agent_and_takes_the_question_back() {
    let text = TWO.replace(
        "B\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"3 usd\"\nsteps = [{ at = \"100%\", do = \"ask\"",
        "B\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"3 usd\"\nsteps = [{ at = \"100%\", do = \"stop\"",
    );
    let mut world = Plan::of(&text).started();
    world.works(1_100);
    world.skip();
    world.elsewhere("dear", 2_000);
    assert_snapshot!(world.told());
}

#[test]
fn an_implied_question_with_nobody_to_ask_is_a_stop() {
    let mut plan = Plan::of("[[budget]]\nname = \"each run\"\nper = \"run\"\nlimit = \"5 usd\"\n");
    plan.askable = false;
    let mut world = plan.started();
    world.works(3_000);
    assert_snapshot!(world.told());
}

#[test]
fn where_nobody_can_be_asked_the_else_is_done_at_once_unless_the_policy_waits() {
    for (approvals, asks) in [("", false), ("[approvals]\nwait_for_nobody = true\n", true)] {
        for steps in [ASK, ASK.replace("100%", "60%").replace("80%", "50%").as_str()] {
            let mut plan = Plan::of(&format!("{approvals}{}", five_dollars(steps)));
            plan.askable = false;
            let mut world = plan.started();
            world.works(3_000);
            let told = world.told();
            assert_eq!((told.contains("ASK codex"), world.finished()), (asks, !asks), "{told}");
            assert_eq!(told.contains("nobody can be asked, since there is no terminal"), !asks, "{told}");
        }
    }
}

#[test]
fn a_route_that_stands_for_a_question_before_the_limit_is_taken_once() {
    let early = r#"{ at = "30%", do = "ask", else = "route" }, { at = "100%", do = "stop" }"#;
    let mut plan = Plan::of(&five_dollars(early));
    plan.askable = false;
    let mut world = plan.started();
    world.works(1_600);
    for _ in 0..3 {
        world.works(1_000);
    }
    assert_snapshot!(world.told());
}

const EARLY: &str =
    r#"{ at = "50%", do = "ask" }, { at = "80%", do = "ask", else = "kill" }, { at = "100%", do = "stop" }"#;

#[test]
fn a_yes_before_the_limit_goes_on_to_the_next_step() {
    let mut world = Plan::of(&five_dollars(EARLY)).started();
    world.works(1_300);
    world.works(1_300);
    world.person(1, Answer::NextStep { past: cents(250) });
    world.works(500);
    assert!(world.governor.accounts().all(|account| account.extended == 0));
    assert!(!world.told().contains("ASK codex: $3.10"), "{}", world.told());
    world.works(1_000);
    world.person(2, Answer::NextStep { past: cents(400) });
    assert_snapshot!(world.told());
}

/// The questions, in order.
fn questions(world: &World) -> Vec<String> {
    let asks = world.effects.iter();
    asks.filter_map(|effect| if let Effect::Ask(question) = effect { Some(question.text.clone()) } else { None })
        .collect()
}

#[test]
fn a_step_before_the_limit_that_was_answered_asks_no_more_once_the_limit_is_lifted() {
    // Then and later, and whatever a yes it was.
    let yes = [Answer::NextStep { past: cents(250) }, Answer::Extend { amount: cents(500) }, Answer::Route];
    for answer in yes {
        let steps = r#"{ at = "50%", do = "ask" }, { at = "100%", do = "ask" }"#;
        let mut world = Plan::of(&five_dollars(steps)).started();
        world.works(1_300);
        world.works(1_300);
        world.person(1, answer.clone());
        world.model = "dear".to_owned();
        world.works(2_300); // $4.90, and the next request passes $5.
        if questions(&world).len() == 2 {
            world.extends(2, cents(500));
        }
        world.works(400); // Past half of $10.
        world.works(400);
        let asked = questions(&world);
        assert!(asked.iter().skip(1).all(|text| !text.contains("50% reached")), "{answer:?}: {asked:?}");
        assert!(!world.governor.agents.values().any(|agent| agent.held.is_some()), "{answer:?}: {asked:?}");
    }
}

#[test]
fn a_step_left_before_the_limit_that_was_answered_asks_no_more_once_the_limit_is_lifted() {
    let steps = r#"{ at = "2 usd left", do = "ask" }, { at = "100%", do = "ask" }"#;
    let mut world = Plan::of(&five_dollars(steps)).started();
    world.works(3_100);
    world.person(1, Answer::Extend { amount: cents(500) });
    world.works(2_000);
    world.works(2_950); // $8.05 of $10.00
    assert_eq!(questions(&world).len(), 2, "{:?}", questions(&world));
    assert!(questions(&world)[1].contains("the next request would pass"), "{:?}", questions(&world));
}

#[test]
fn what_another_run_was_answered_about_a_step_asks_nobody_here() {
    let team = "[[budget]]\nname = \"team\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"5 usd\"\n\
        steps = [{ at = \"50%\", do = \"ask\" }, { at = \"100%\", do = \"stop\" }]\n";
    let mut world = Plan::of(team).started();
    world.works(500);
    let key = world.governor.accounts().next().unwrap().key.clone();
    world.shelf.get_mut().passed.push((key, morning(), Threshold::Share(500)));
    let (approval, answer) = (ApprovalId(9), Answer::NextStep { past: cents(250) });
    let answers = vec![Settled { approval, answer, by: "bob (cli)".to_owned(), reason: None }];
    world.feed(Input::Elsewhere(News { answers, ..News::default() }));
    world.works(2_200);
    assert!(questions(&world).is_empty(), "{:?}", questions(&world));
}

#[test]
fn in_a_rolling_window_a_yes_holds_as_long_as_the_window_is() {
    let rolling = "[[budget]]\nname = \"team\"\nper = \"team\"\nwindow = \"1h\"\nlimit = \"5 usd\"\n\
        steps = [{ at = \"50%\", do = \"ask\" }, { at = \"100%\", do = \"stop\" }]\n";
    for (when, asks) in [("2026-11-24T09:30:00Z", 0), ("2026-11-24T08:30:00Z", 1)] {
        let mut world = Plan::of(rolling).started();
        let key = world.governor.accounts().next().unwrap().key.clone();
        let mut plan = Plan::of(rolling);
        plan.shelf.passed.push((key, moment(when), Threshold::Share(500)));
        world = plan.started();
        world.works(1_300);
        world.works(1_300);
        assert_eq!(questions(&world).len(), asks, "{when}");
    }
}

#[test]
fn a_yes_before_the_limit_asks_again_before_the_request_that_would_pass_it_and_lifts_it_then() {
    let mut world = Plan::of(&five_dollars(r#"{ at = "50%", do = "ask" }"#)).started();
    world.works(1_300);
    world.works(1_300);
    world.person(1, Answer::NextStep { past: cents(250) });
    world.works(1_000);
    assert!(!world.told().contains("ASK codex: $3.60"));
    // One more like the dearest of these is $5.20.
    world.works(300);
    let told = world.told();
    assert!(told.contains("ASK codex: $3.90 + $1.30 reserved of $5.00"), "{told}");
    let about = world.effects.iter().rev().find_map(|effect| match effect {
        Effect::Ask(question) => Some(question.about),
        _ => None,
    });
    assert_eq!(about, Some(crate::decide::message::About::Limit));
}

#[test]
fn nobody_is_asked_what_the_last_records_answered() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.by_hand = true;
    world.works(2_000);
    world.works(2_000);
    // Read while it was being frozen: the turn is over.
    world.concludes("root", 100);
    world.feed(Input::Frozen(AgentName::new(CODEX)));
    assert!(world.effects.iter().all(|effect| !matches!(effect, Effect::Ask(_))));
    assert!(world.effects.contains(&Effect::Thaw(AgentName::new(CODEX))));
}

#[test]
fn an_answer_to_another_run_that_waits_for_the_same_counts_here() {
    let team = "[[budget]]\nname = \"team\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"5 usd\"\n\
        steps = [{ at = \"100%\", do = \"ask\" }]\n";
    let mut world = Plan::of(team).started();
    world.works(3_000);
    world.skip();
    let key = world.governor.accounts().next().unwrap().key.clone();
    let (approval, answer) = (ApprovalId(1), Answer::Extend { amount: cents(200) });
    let answers = vec![Settled { approval, answer, by: "bob (cli)".to_owned(), reason: None }];
    world.shelf.get_mut().extended.insert(key.clone(), cents(200));
    world.feed(Input::Elsewhere(News { extensions: vec![(key, cents(200))], answers, ..News::default() }));
    assert_snapshot!(world.told());
}

#[test]
fn an_answer_to_nobodys_question_does_nothing() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.works(100);
    world.skip();
    world.person(7, Answer::Kill);
    assert_snapshot!(world.told(), @"ann (cli) answers 7: kill");
}

#[test]
fn an_agent_that_ends_by_itself_takes_its_question_along() {
    let mut world = held(ASK);
    world.skip();
    world.feed(Input::Exited { agent: AgentName::new(CODEX), leftover: 0, ok: true });
    world.extends(1, cents(500));
    assert_snapshot!(world.told());
}

#[test]
fn whoever_carries_an_answer_those_who_give_it_are_judged_where_it_is_taken() {
    let people = "[approvals]\napprovers = [\"ann\", \"bob\"]\nmax_extend = \"1 usd\"\nnot_self = true\n";
    let mut world = Plan::of(&format!("{}{people}", five_dollars(ASK))).started();
    world.works(3_000);
    let login = |name: &str| Answerer::login(name, Door::Cli);
    let may = |by: &[Answerer], amount: i64| {
        let (started_by, answer) = (Identity::Login("bob".to_owned()), Answer::Extend { amount });
        let judged = (ApprovalId(1), &answer);
        world.governor.may_be_answered(world.now, judged, (by, &started_by), &*world.shelf.borrow()).is_ok()
    };
    assert!(may(&[login("ann")], cents(100)));
    assert!(!may(&[login("ann")], cents(101)), "further than all answers may");
    assert!(!may(&[login("eve")], cents(100)), "no approver");
    assert!(!may(&[login("ann"), login("eve")], cents(100)), "one of them is none");
    assert!(!may(&[login("bob")], cents(100)), "it is his own run");
    assert!(!may(&[], cents(100)), "nobody");
}
