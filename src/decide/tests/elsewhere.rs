//! Budgets that are kept elsewhere: what is asked for there, and what comes of each answer.

use std::collections::BTreeSet;

use insta::assert_snapshot;

use super::headroom::SECOND;
use super::world::{CODEX, Plan, World, cents, five_dollars, morning, response, setup};
use crate::decide::message::{Gone, RequestId, Reservation, Timer, Used};
use crate::decide::reserving::kept::{KeptElsewhere, OnLost};
use crate::decide::{Effect, Input};
use crate::model::event::Answer;
use crate::model::{AgentName, Brake, BudgetKey, BudgetName, ThreadId};

pub(super) const STOP: &str = r#"{ at = "100%", do = "stop" }"#;
pub(super) const ASK: &str = r#"{ at = "100%", do = "ask" }"#;

/// A run under a budget of five dollars that is kept elsewhere: what it takes is known, a dollar a request.
pub(super) fn kept(steps: &str, on_lost: OnLost, agents: &[&str]) -> World {
    let mut plan = Plan::of(&five_dollars(steps));
    plan.agents = agents.iter().map(|name| setup(name, true)).collect();
    for name in agents {
        plan.firsts.insert(AgentName::new(*name), vec![response(name, "before", "dear", 1_000, morning())]);
    }
    let mut world = plan.world();
    let budgets = BTreeSet::from([BudgetName::new("each run")]);
    world.governor = world.governor.with_budgets_elsewhere(KeptElsewhere { budgets, on_lost });
    world.feed(Input::Begin);
    world
}

fn one(steps: &str) -> World {
    kept(steps, OnLost::Hold, &[CODEX])
}

impl World {
    /// The last try, and what it wants.
    fn wanted(&self) -> (RequestId, BudgetKey, i64) {
        let wanted = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Reserve { request, amounts } => Some((*request, amounts[0].key.clone(), amounts[0].amount)),
            _ => None,
        });
        wanted.unwrap()
    }

    fn is_answered(&mut self, answer: Reservation) -> RequestId {
        let (request, _, _) = self.wanted();
        self.feed(Input::Reserved { request, answer });
        request
    }

    fn refused(&mut self, left: i64) -> RequestId {
        let (_, budget, _) = self.wanted();
        self.is_answered(Reservation::Refused { budget, left })
    }

    fn released(&self, request: RequestId) -> Vec<Used> {
        let of = |effect: &Effect| match effect {
            Effect::Release { request: of, used } if *of == request => Some(used.clone()),
            _ => None,
        };
        self.effects.iter().filter_map(of).collect()
    }

    pub(super) fn tries(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Reserve { .. })).count()
    }

    fn said(&self, text: &str) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Say(said) if said.contains(text))).count()
    }
}

#[test]
fn a_request_is_sent_once_it_is_reserved_and_its_response_frees_the_rest() {
    let mut world = one(STOP);
    assert!(!world.requests(CODEX, "root", "dear"), "it is asked for");
    let (request, budget, amount) = world.wanted();
    assert_eq!((budget.budget.as_str(), amount), ("each run", cents(100)));
    assert!(!world.is_let_through(1));
    world.is_answered(Reservation::Granted);
    assert!(world.is_let_through(1) && world.released(request).is_empty());
    world.answers("root", 700);
    let used = world.released(request);
    assert!(matches!(used.as_slice(), [Used::Response { thread, .. }] if thread.as_str() == "root"), "{used:?}");
    assert_snapshot!(world.told());
}

#[test]
fn an_answer_that_is_told_twice_or_late_changes_nothing() {
    let mut world = one(STOP);
    world.requests(CODEX, "root", "dear");
    let request = world.is_answered(Reservation::Granted);
    world.is_answered(Reservation::Granted);
    world.refused(0);
    world.is_answered(Reservation::Away);
    assert!(world.released(request).is_empty() && !world.finished(), "it is sent, and is not answered yet");
    world.answers("root", 700);
    assert_eq!(world.released(request).len(), 1);
    // Nobody waits for these, and they reserve nothing.
    world.is_answered(Reservation::Granted);
    world.feed(Input::Reserved { request: RequestId(9_999), answer: Reservation::Granted });
    assert_eq!(world.released(RequestId(9_999)), [Used::Nothing]);
}

#[test]
fn where_too_little_is_left_the_own_step_of_the_budget_applies() {
    let mut world = one(ASK);
    world.requests(CODEX, "root", "dear");
    world.refused(cents(40));
    assert!(!world.is_let_through(1) && !world.finished());
    assert!(world.effects.iter().any(|effect| matches!(effect, Effect::Ask(_))), "{}", world.told());
    // What is lifted here is asked for there once more.
    let tries = world.tries();
    world.extends(1, cents(100));
    assert_eq!(world.tries(), tries + 1, "{}", world.told());
    world.is_answered(Reservation::Granted);
    assert!(world.is_let_through(1));

    let mut world = one(STOP);
    world.requests(CODEX, "root", "dear");
    world.refused(cents(40));
    assert!(world.finished() && !world.is_let_through(1));
    assert_snapshot!(world.told());
}

#[test]
fn whoever_refuses_is_believed_whatever_is_said_to_be_left() {
    for left in [i64::MIN, -1, 0, cents(99), cents(100), cents(500), i64::MAX] {
        let mut world = one(STOP);
        world.requests(CODEX, "root", "dear");
        world.refused(left);
        assert!(world.finished() && !world.is_let_through(1), "{left}: {}", world.told());
    }
    // A budget that was not asked about is no answer.
    let mut world = one(STOP);
    world.requests(CODEX, "root", "dear");
    let budget = BudgetKey { budget: BudgetName::new("another"), ..world.wanted().1 };
    world.is_answered(Reservation::Refused { budget, left: 0 });
    assert!(!world.finished() && !world.is_let_through(1) && world.said("nobody answers") == 1);
}

#[test]
fn where_nobody_answers_it_waits_and_asks_again_and_that_is_said_once() {
    let mut world = one(STOP);
    world.requests(CODEX, "root", "dear");
    for _ in 0..3 {
        let request = world.is_answered(Reservation::Away);
        assert!(!world.is_let_through(1));
        world.due(Timer::Reserving(request));
    }
    assert_eq!((world.tries(), world.said("nobody answers there"), world.said("answers again")), (4, 1, 0));
    world.is_answered(Reservation::Granted);
    assert!(world.is_let_through(1));
    assert_eq!((world.said("nobody answers there"), world.said("answers again")), (1, 1), "{}", world.told());
    // An old timer asks for nothing.
    let (request, _, _) = world.wanted();
    world.due(Timer::Reserving(request));
    assert_eq!(world.tries(), 4);
}

#[test]
fn an_answer_that_is_late_is_waited_for_no_longer_and_reserves_nothing() {
    let mut world = one(STOP);
    world.requests(CODEX, "root", "dear");
    let (request, _, _) = world.wanted();
    world.due(Timer::Reserving(request));
    assert_eq!(world.released(request), [Used::Nothing]);
    assert_eq!(world.said("nobody answers there"), 1);
    world.is_answered(Reservation::Granted);
    assert!(!world.is_let_through(1));
    assert_eq!(world.released(request), [Used::Nothing, Used::Nothing]);
    world.due(Timer::Reserving(request));
    world.is_answered(Reservation::Granted);
    assert!(world.is_let_through(1));
}

#[test]
fn where_the_policy_says_stop_an_agent_ends_where_nobody_answers() {
    for answers in [true, false] {
        let mut world = kept(STOP, OnLost::Stop, &[CODEX]);
        world.requests(CODEX, "root", "dear");
        let (request, _, _) = world.wanted();
        match answers {
            true => drop(world.is_answered(Reservation::Away)),
            false => world.due(Timer::Reserving(request)),
        }
        assert!(world.finished() && !world.is_let_through(1) && world.said("nobody answers there") == 1);
        assert_eq!(world.claimed(), 0);
    }
}

#[test]
fn what_keeps_an_agent_gives_up_what_it_waited_for() {
    type Keeps = fn(&mut World);
    let kept: [(&str, Keeps, &str); 5] = [
        ("pause", |world| world.brakes(Brake::Pause), "the agent is paused"),
        ("stop", |world| world.brakes(Brake::Stop), "the agent is at its end"),
        ("kill", |world| world.brakes(Brake::Kill), "the agent is at its end"),
        ("its end", |world| world.exits(CODEX), "the agent is at its end"),
        (
            "its hook is gone",
            |world| world.gone(1, Gone::Withdrawn),
            "it waits for something else, or for nothing any more",
        ),
    ];
    for (what, keeps, why) in kept {
        let mut world = one(STOP);
        world.requests(CODEX, "root", "dear");
        let (request, _, _) = world.wanted();
        assert_eq!(world.governor.accounts().next().unwrap().reserved, cents(100), "{what}");
        keeps(&mut world);
        assert_eq!(world.released(request), [Used::Nothing], "{what}: {}", world.told());
        assert_eq!(world.said(&format!("kept elsewhere: {why}")), 1, "{what}: {}", world.told());
        assert_eq!(world.governor.accounts().next().unwrap().reserved, 0, "{what}");
        world.is_answered(Reservation::Granted);
        assert!(!world.is_let_through(1), "{what}");
        assert_eq!(world.released(request), [Used::Nothing, Used::Nothing], "{what}");
    }
}

#[test]
fn one_that_was_paused_asks_anew_when_it_goes_on() {
    let mut world = one(STOP);
    world.requests(CODEX, "root", "dear");
    let (first, _, _) = world.wanted();
    world.brakes(Brake::Pause);
    world.brakes(Brake::Continue);
    let (second, _, _) = world.wanted();
    assert_ne!(first, second);
    world.feed(Input::Reserved { request: first, answer: Reservation::Granted });
    assert!(!world.is_let_through(1), "that was for what it gave up");
    world.is_answered(Reservation::Granted);
    assert!(world.is_let_through(1));
}

#[test]
fn several_wait_at_once_and_each_has_its_own_answer() {
    let mut world = kept(STOP, OnLost::Hold, &[CODEX, SECOND]);
    world.requests(CODEX, "root", "dear");
    let (first, budget, _) = world.wanted();
    world.requests(SECOND, "second root", "dear");
    let (second, _, _) = world.wanted();
    assert_ne!(first, second);
    world.feed(Input::Reserved { request: second, answer: Reservation::Granted });
    assert!(world.is_let_through(2) && !world.is_let_through(1));
    world.feed(Input::Reserved { request: first, answer: Reservation::Refused { budget, left: 0 } });
    assert!(!world.is_let_through(1));
    assert!(world.governor.agent(&AgentName::new(SECOND)).unwrap().ending.is_none());
}

#[test]
fn what_nobody_tells_of_counts_as_spent_and_what_failed_as_nothing() {
    let sent = || {
        let mut world = one(STOP);
        world.requests(CODEX, "root", "dear");
        let request = world.is_answered(Reservation::Granted);
        (world, request)
    };
    let failed = |cut_off| Input::Failed { agent: AgentName::new(CODEX), thread: ThreadId::new("root"), cut_off };
    for (input, used) in [
        (failed(false), Used::Nothing),
        (failed(true), Used::Unknown),
        (Input::Untold { agent: AgentName::new(CODEX), thread: ThreadId::new("root") }, Used::Unknown),
        (Input::Exited { agent: AgentName::new(CODEX), leftover: 0, ok: true }, Used::Unknown),
    ] {
        let (mut world, request) = sent();
        world.feed(input.clone());
        assert_eq!(world.released(request), [used], "{input:?}: {}", world.told());
    }
}

#[test]
fn a_gate_on_requests_that_a_person_opens_is_no_way_past_it() {
    let gate = "[[gate]]\nname = \"big\"\ncost_above = \"0.50 usd\"\ndo = \"ask\"\n";
    let mut plan = Plan::of(&format!("{}{gate}", five_dollars(STOP)));
    plan.firsts.insert(AgentName::new(CODEX), vec![response(CODEX, "before", "dear", 1_000, morning())]);
    let mut world = plan.world();
    let budgets = BTreeSet::from([BudgetName::new("each run")]);
    let elsewhere = KeptElsewhere { budgets, on_lost: OnLost::Hold };
    world.governor = world.governor.with_budgets_elsewhere(elsewhere);
    world.feed(Input::Begin);
    world.requests(CODEX, "root", "dear");
    assert_eq!(world.tries(), 0, "a person is asked first");
    world.person(1, Answer::Once);
    assert!(!world.is_let_through(1) && world.tries() == 1, "{}", world.told());
    world.is_answered(Reservation::Granted);
    assert!(world.is_let_through(1));
}

#[test]
fn where_no_budget_is_kept_elsewhere_nothing_is_asked_for() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    world.requests(CODEX, "root", "dear");
    world.answers("root", 1_000);
    world.requests(CODEX, "root", "dear");
    assert!(world.is_let_through(1) && world.is_let_through(2) && world.tries() == 0);
}
