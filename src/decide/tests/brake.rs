//! The emergency brake, beside all that budgets do.

use insta::assert_snapshot;

use super::gate::tool;
use super::world::{CODEX, Plan, World, cents, five_dollars};
use crate::decide::agents::lifecycle::State;
use crate::decide::message::{Ending, Gone, Timer, Wants};
use crate::decide::{Effect, Input};
use crate::model::event::{Answer, EventKind};
use crate::model::{AgentName, ApprovalId, Brake, BudgetName};

const ASK: &str = r#"{ at = "100%", do = "ask", wait = "5m", else = "stop" }"#;

fn unlimited() -> World {
    Plan::of("").started()
}

/// Codex has asked at the gate, was answered, and is about to ask again.
fn at_gate(policy: &str) -> World {
    at_gate_after(policy, 2_600)
}

fn at_gate_after(policy: &str, tokens: u64) -> World {
    let mut world = Plan::of(policy).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", tokens);
    world
}

/// A person at a full screen.
fn at_screen() -> World {
    let mut plan = Plan::of("");
    plan.agents[0].full_screen = true;
    plan.started()
}

fn state(world: &World) -> State {
    world.governor.agent(&AgentName::new(CODEX)).unwrap().state
}

fn was(world: &World, is: impl Fn(&Effect) -> bool) -> bool {
    world.effects.iter().any(is)
}

fn is_frozen(world: &World) -> bool {
    was(world, |effect| matches!(effect, Effect::Freeze(_)))
}

#[test]
fn without_hooks_a_pause_stops_the_tree_until_somebody_lets_it_go_on() {
    let mut world = unlimited();
    world.works(100);
    world.skip();
    world.brakes(Brake::Pause);
    world.brakes(Brake::Continue);
    assert_snapshot!(world.told());
}

#[test]
fn at_the_gate_requests_and_tools_wait_and_the_processes_run() {
    let mut world = at_gate("");
    world.skip();
    world.brakes(Brake::Pause);
    world.hook(2, "root", tool());
    world.hook(3, "sub", Wants::Request);
    world.hook(4, "sub", Wants::TurnEnd);
    assert!(!world.is_let_through(2) && !world.is_let_through(3) && world.is_let_through(4));
    assert!(!is_frozen(&world));
    world.brakes(Brake::Continue);
    assert!(world.is_let_through(2) && world.is_let_through(3));
    assert_snapshot!(world.told());
}

#[test]
fn a_second_pause_is_written_down_and_changes_nothing() {
    let mut world = unlimited();
    world.works(100);
    world.brakes(Brake::Pause);
    world.skip();
    world.brakes(Brake::Pause);
    assert_eq!(world.told(), "ann (cli): pause\n    pause (ann (cli))\n");
    world.brakes(Brake::Continue);
    assert_eq!(state(&world), State::Running);
}

#[test]
fn time_that_it_is_paused_does_not_count() {
    let mut world = Plan::of("[[budget]]\nname = \"time\"\nper = \"run\"\nlimit = \"10 minutes\"\n").started();
    world.works(100);
    world.pass(60);
    world.brakes(Brake::Pause);
    world.due(Timer::Minutes);
    let before = world.spent("time");
    assert!(before >= 60_000);
    world.pass(3_600);
    world.due(Timer::Minutes);
    world.brakes(Brake::Continue);
    assert_eq!(world.spent("time"), before);
    assert_eq!(state(&world), State::Running);
}

#[test]
fn an_answer_does_not_lift_a_pause_and_the_end_of_the_pause_does_not_answer() {
    let mut world = at_gate(&five_dollars(ASK));
    world.hook(2, "root", Wants::Request);
    assert_eq!(state(&world), State::Held);
    world.skip();
    world.brakes(Brake::Pause);
    world.extends(1, cents(300));
    assert_eq!(state(&world), State::Paused);
    assert!(!world.is_let_through(2));
    world.brakes(Brake::Continue);
    assert!(world.is_let_through(2));
    assert_snapshot!(world.told());

    let mut world = at_gate(&five_dollars(ASK));
    world.hook(2, "root", Wants::Request);
    world.brakes(Brake::Pause);
    world.brakes(Brake::Continue);
    assert_eq!(state(&world), State::Held);
    assert!(!world.is_let_through(2));
    world.extends(1, cents(300));
    assert!(world.is_let_through(2));
}

#[test]
fn a_budget_that_is_spent_while_it_is_paused_asks_and_both_must_be_settled() {
    let mut world = at_gate_after(&five_dollars(ASK), 1_000);
    world.asks("root");
    world.hook(2, "root", Wants::Request);
    world.brakes(Brake::Pause);
    world.skip();
    // What was under way at the pause leaves no room for more.
    world.answers("root", 2_600);
    world.hook(3, "root", Wants::Request);
    assert_eq!(state(&world), State::Held);
    world.extends(1, cents(300));
    assert_eq!(state(&world), State::Paused);
    world.brakes(Brake::Continue);
    assert!(world.is_let_through(3));
    assert_snapshot!(world.told());
}

#[test]
fn a_deadline_passes_while_it_is_paused() {
    let mut world = at_gate(&five_dollars(ASK));
    world.hook(2, "root", Wants::Request);
    world.brakes(Brake::Pause);
    world.deadline(1);
    assert!(world.finished());
}

#[test]
fn what_others_spent_meanwhile_is_asked_about_before_it_goes_on() {
    let policy = "[[budget]]\nname = \"day\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"5 usd\"\n";
    let mut world = Plan::of(policy).started();
    world.works(1_000);
    world.brakes(Brake::Pause);
    world.elsewhere("dear", 3_900);
    world.brakes(Brake::Continue);
    assert_eq!(state(&world), State::Held);
    assert!(!was(&world, |effect| matches!(effect, Effect::Thaw(_))));
}

#[test]
fn an_idle_screen_stays_alive_and_its_next_turn_waits() {
    let mut world = at_screen();
    world.hook(1, "root", Wants::Session);
    world.brakes(Brake::Pause);
    assert!(!is_frozen(&world));
    world.hook(2, "root", Wants::Turn);
    assert!(!is_frozen(&world) && !world.is_let_through(2));
    // Esc takes the prompt back, and the next one waits again.
    world.gone(2, Gone::Withdrawn);
    world.hook(3, "root", Wants::Turn);
    assert!(!world.is_let_through(3));
    world.brakes(Brake::Continue);
    assert!(world.is_let_through(3));
}

#[test]
fn an_idle_screen_without_hooks_is_stopped_by_signals_once_it_works() {
    let mut world = at_screen();
    world.brakes(Brake::Pause);
    world.skip();
    world.asks("root");
    assert!(!is_frozen(&world));
    world.due(Timer::Gate(AgentName::new(CODEX)));
    assert!(is_frozen(&world));
    world.brakes(Brake::Continue);
    assert_snapshot!(world.told());
}

#[test]
fn a_screen_whose_turn_is_seen_before_its_hook_comes_stays_alive() {
    let mut world = at_screen();
    world.brakes(Brake::Pause);
    world.asks("root");
    world.hook(1, "root", Wants::Request);
    world.due(Timer::Gate(AgentName::new(CODEX)));
    assert!(!is_frozen(&world) && !world.is_let_through(1));
    world.brakes(Brake::Continue);
    assert!(world.is_let_through(1));
}

#[test]
fn a_hook_that_is_killed_while_paused_does_not_let_it_go_on() {
    let mut world = at_gate("");
    world.brakes(Brake::Pause);
    world.hook(2, "root", Wants::Request);
    assert!(!is_frozen(&world));
    world.gone(2, Gone::Broken);
    assert!(is_frozen(&world));
    assert_eq!(state(&world), State::Paused);
}

#[test]
fn a_stop_waits_for_answers_under_way_and_says_by_whom() {
    let mut world = at_gate("");
    world.asks("root");
    world.hook(2, "root", Wants::Request);
    world.skip();
    world.brakes(Brake::Stop);
    assert!(!world.finished());
    world.answers("root", 100);
    assert!(world.finished());
    assert_snapshot!(world.told());
}

#[test]
fn a_stop_of_what_is_paused_waits_for_them_too_and_a_refusal_of_what_is_held() {
    let mut world = at_gate("");
    world.asks("root");
    world.hook(2, "root", Wants::Request);
    world.brakes(Brake::Pause);
    world.brakes(Brake::Stop);
    assert!(!world.finished());
    world.answers("root", 100);
    assert!(world.finished());

    let mut world = at_gate_after(&five_dollars(ASK), 1_000);
    world.hook(2, "sub", Wants::Request);
    world.hook(3, "other", Wants::Request);
    world.answers("sub", 4_000);
    world.person(1, Answer::Stop);
    assert!(!world.finished());
    world.answers("other", 100);
    assert!(!world.finished(), "their tools are paid for");
    world.due(Timer::Drain(AgentName::new(CODEX)));
    assert!(world.finished());
}

#[test]
fn what_is_paused_or_asked_about_can_be_stopped_and_its_question_is_withdrawn() {
    let mut world = at_gate("");
    world.brakes(Brake::Pause);
    world.hook(2, "root", Wants::Request);
    world.brakes(Brake::Stop);
    assert!(world.finished() && !world.is_let_through(2));

    let mut world = at_gate(&five_dollars(ASK));
    world.hook(2, "root", Wants::Request);
    world.brakes(Brake::Stop);
    assert!(world.finished() && was(&world, |effect| *effect == Effect::Withdraw(ApprovalId(1))));
    // No rule ended it, and its limit is in the way of whoever goes on.
    assert_eq!(world.governor.last_hard_budget(), None);
    let lifts = world.governor.lifts(None).unwrap();
    assert_eq!((lifts.amount.as_str(), lifts.budget.as_ref().map(BudgetName::as_str)), ("1.00usd", Some("each run")));

    // So it is where govern's own wait is ended by a signal.
    let mut world = at_gate(&five_dollars(ASK));
    world.hook(2, "root", Wants::Request);
    world.feed(Input::GiveUp { agent: AgentName::new(CODEX), because: "signal 15".to_owned() });
    assert!(world.finished() && world.governor.last_hard_budget().is_none(), "{}", world.told());
    assert_eq!(world.governor.agent(&AgentName::new(CODEX)).unwrap().because, "signal 15 while the agent was held");
    assert_eq!(world.governor.lifts(None).unwrap().amount, "1.00usd");

    // Before the limit it waits at a step, and is asked again when it goes on.
    let steps = r#"{ at = "50%", do = "ask" }, { at = "100%", do = "stop" }"#;
    let mut world = at_gate_after(&five_dollars(steps), 2_500);
    world.hook(2, "root", Wants::Request);
    world.brakes(Brake::Kill);
    assert_eq!(world.governor.lifts(None), None);
}

#[test]
fn what_an_end_says_of_its_limit_is_what_may_be_lifted_and_what_the_next_request_needs() {
    let stop = r#"{ at = "100%", do = "stop" }"#;
    let policy = format!("{}[approvals]\nmax_extend = \"0.10 usd\"\n", five_dollars(stop));
    let mut world = Plan::of(&policy).started();
    world.works(3_000);
    assert!(world.finished(), "{}", world.told());
    let lifts = world.governor.lifts(Some(&BudgetName::from("each run"))).unwrap();
    assert_eq!((lifts.amount.as_str(), lifts.needs.as_deref()), ("0.10usd", Some("1.00usd")));
}

#[test]
fn one_that_is_being_stopped_is_not_paused_any_more() {
    let mut world = unlimited();
    world.works(100);
    world.by_hand = true;
    world.brakes(Brake::Stop);
    world.skip();
    world.brakes(Brake::Pause);
    world.brakes(Brake::Continue);
    assert_eq!(world.told(), "ann (cli): pause\nann (cli): continue\n");
}

#[test]
fn one_that_is_routed_meanwhile_is_paused_when_it_has_started_again() {
    let mut world = Plan::of(&five_dollars(r#"{ at = "50%", do = "route" }"#)).started();
    world.by_hand = true;
    world.works(2_600);
    let frozen = world.reports.pop_front().unwrap();
    world.feed(frozen);
    assert!(matches!(state(&world), State::Ending(_)));
    world.brakes(Brake::Pause);
    while let Some(report) = world.reports.pop_front() {
        world.feed(report);
    }
    assert_eq!(state(&world), State::Paused);
    assert!(was(&world, |effect| matches!(effect, Effect::Restart { .. })));
}

#[test]
fn a_route_that_a_person_chose_while_it_was_paused_takes_place_when_it_goes_on() {
    let mut world = at_gate(&five_dollars(ASK));
    world.hook(2, "root", Wants::Request);
    world.brakes(Brake::Pause);
    world.person(1, Answer::Route);
    assert_eq!(state(&world), State::Paused);
    assert!(!was(&world, |effect| matches!(effect, Effect::Restart { .. })));
    world.brakes(Brake::Continue);
    assert!(was(&world, |effect| matches!(effect, Effect::Restart { .. })));
    assert!(!world.is_let_through(2));
}

#[test]
fn one_that_has_not_started_begins_paused_and_one_that_is_gone_is_left_alone() {
    let mut world = Plan::of("").world();
    world.feed(Input::Begin);
    world.brakes(Brake::Pause);
    world.feed(Input::Launched(AgentName::new(CODEX)));
    assert_eq!(state(&world), State::Paused);
    world.feed(Input::Exited { agent: AgentName::new(CODEX), leftover: 0, ok: true });
    world.skip();
    world.brakes(Brake::Continue);
    assert_eq!(world.told(), "ann (cli): continue\n");
}

#[test]
fn a_kill_waits_for_no_answer_even_where_a_stop_does() {
    for stopped_before in [false, true] {
        let mut world = at_gate("");
        world.hook(3, "sub", Wants::Request);
        world.hook(2, "root", Wants::Turn);
        if stopped_before {
            world.brakes(Brake::Stop);
            assert!(!world.finished());
        }
        world.brakes(Brake::Kill);
        assert!(was(&world, |effect| matches!(effect, Effect::Finish { ending: Ending::Killed, .. })));
    }
}

#[test]
fn a_kill_takes_a_question_back_and_is_written_down_once() {
    let mut world = at_gate(&five_dollars(ASK));
    world.hook(2, "root", Wants::Request);
    world.by_hand = true;
    world.brakes(Brake::Kill);
    world.brakes(Brake::Kill);
    assert!(was(&world, |effect| *effect == Effect::Withdraw(ApprovalId(1))));
    let killed = |effect: &&Effect| matches!(effect, Effect::Record { kind: EventKind::Braked { .. }, .. });
    assert_eq!(world.effects.iter().filter(killed).count(), 1);
}
