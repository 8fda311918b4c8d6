//! More than a limit, before it is met: granted for a time, or asked for ahead.

use chrono::TimeDelta;

use super::world::{CODEX, Plan, World, cents, five_dollars, morning};
use crate::decide::agents::lifecycle::State;
use crate::decide::{Effect, Input};
use crate::model::event::Answer;
use crate::model::{AgentName, ApprovalId, BudgetName, Grant, Quantity, Timestamp};

const ASK: &str = r#"{ at = "100%", do = "ask", wait = "5m", else = "stop" }"#;

fn grant(usd: &str, until: Timestamp) -> Grant {
    Grant {
        id: 1,
        budget: "each run".into(),
        scope: None,
        by_amount: Quantity::parse(usd).unwrap(),
        until,
        login: "alice".to_owned(),
        by: "alice (cli)".to_owned(),
        reason: "the release".to_owned(),
        at: morning(),
        revoked: None,
    }
}

fn in_an_hour() -> Timestamp {
    morning() + TimeDelta::hours(1)
}

fn state(world: &World) -> State {
    world.governor.agent(&AgentName::new(CODEX)).unwrap().state
}

fn limit(world: &World) -> i64 {
    world.governor.accounts().next().unwrap().limit()
}

#[test]
fn a_grant_holds_until_its_end_and_then_the_limit_is_as_it_was() {
    let mut plan = Plan::of(&five_dollars(ASK));
    plan.shelf.grants = vec![grant("10 usd", in_an_hour())];
    let mut world = plan.started();
    world.works(3_000);
    assert_eq!((state(&world), limit(&world)), (State::Running, cents(1_500)));
    world.now.wall += TimeDelta::hours(1);
    world.works(3_000);
    assert_eq!((state(&world), limit(&world)), (State::Held, cents(500)));
}

#[test]
fn who_waits_at_the_limit_goes_on_by_a_grant_and_not_beyond_what_the_policy_allows() {
    for (most, goes_on) in [("10 usd", true), ("0.50 usd", false)] {
        let policy = format!("{}[approvals]\nmax_grant = \"{most}\"\n", five_dollars(ASK));
        let mut world = Plan::of(&policy).started();
        world.works(3_000);
        assert_eq!(state(&world), State::Held);
        world.shelf.borrow_mut().grants = vec![grant("10 usd", in_an_hour())];
        world.feed(Input::Granted);
        assert_eq!(state(&world) == State::Running, goes_on, "{most}");
        // It was taken back.
        world.shelf.borrow_mut().grants.clear();
        world.feed(Input::Granted);
        assert_eq!(limit(&world), cents(500));
    }
}

fn asks_ahead(world: &mut World) {
    world.feed(Input::AskedAhead {
        agent: AgentName::new(CODEX),
        budget: None,
        by_amount: Quantity::parse("2 usd").unwrap(),
        reason: "two more modules".to_owned(),
    });
}

#[test]
fn what_is_asked_for_ahead_holds_nobody_and_a_yes_lifts_the_limit() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.works(1_000);
    asks_ahead(&mut world);
    assert_eq!(state(&world), State::Running);
    assert_eq!(world.governor.asked_ahead(&AgentName::new(CODEX)), Some(ApprovalId(1)));
    world.person(1, Answer::Extend { amount: cents(200) });
    assert_eq!((state(&world), limit(&world)), (State::Running, cents(700)));
    assert_eq!(world.governor.asked_ahead(&AgentName::new(CODEX)), None);
    let lifted = |effect: &Effect| matches!(effect, Effect::Extend { amount, .. } if *amount == cents(200));
    assert_eq!(world.effects.iter().filter(|effect| lifted(effect)).count(), 1);
}

#[test]
fn a_no_to_what_is_asked_for_ahead_changes_nothing_and_it_may_be_asked_again() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.works(1_000);
    let may = |world: &World, usd: &str| {
        let by_amount = Quantity::parse(usd).unwrap();
        world.governor.may_ask_ahead(world.now, &AgentName::new(CODEX), None, by_amount)
    };
    assert_eq!(may(&world, "2 usd"), Ok(()));
    assert!(may(&world, "5 responses").unwrap_err().contains("counts what 5 responses"));
    asks_ahead(&mut world);
    assert!(may(&world, "2 usd").unwrap_err().starts_with("it is asked already"));
    world.person(1, Answer::Refuse);
    assert_eq!((state(&world), limit(&world)), (State::Running, cents(500)));
    assert_eq!(may(&world, "2 usd"), Ok(()));
}

#[test]
fn nobody_is_asked_ahead_for_what_nobody_may_give_or_of_a_budget_that_is_not_there() {
    let policy = format!("{}[approvals]\nmax_extend = \"2 usd\"\n", five_dollars(ASK));
    let world = Plan::of(&policy).started();
    let may = |budget: Option<&str>, usd: &str| {
        let (budget, by_amount) = (budget.map(BudgetName::new), Quantity::parse(usd).unwrap());
        world.governor.may_ask_ahead(world.now, &AgentName::new(CODEX), budget.as_ref(), by_amount)
    };
    assert_eq!(may(Some("each run"), "2 usd"), Ok(()));
    assert!(may(None, "3 usd").unwrap_err().contains("$2.00"), "{:?}", may(None, "3 usd"));
    assert_eq!(
        may(Some("month"), "1 usd").unwrap_err(),
        "no budget `month` limits agent `codex`: those that do are `each run`"
    );
}

#[test]
fn nobody_is_asked_ahead_who_cannot_be_reached() {
    let world = Plan { askable: false, ..Plan::of(&five_dollars(ASK)) }.started();
    let by_amount = Quantity::parse("2 usd").unwrap();
    let why = world.governor.may_ask_ahead(world.now, &AgentName::new(CODEX), None, by_amount).unwrap_err();
    assert!(why.starts_with("nobody can be asked, since there is no terminal"), "{why}");
}
