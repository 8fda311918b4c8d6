//! Gates on what the next request costs.

use super::told::Ask;
use super::world::{CODEX, Plan, World, morning, response};
use crate::decide::agents::lifecycle::State;
use crate::decide::message::Wants;
use crate::decide::{Effect, Input};
use crate::model::AgentName;
use crate::model::event::Answer;

/// More than fifty cents for the next request.
fn dear(verb: &str) -> Plan {
    Plan::of(&format!("[[gate]]\nname = \"dear\"\ncost_above = \"0.50 usd\"\ndo = \"{verb}\"\n"))
}

/// Its first request went out, and its answer cost so many tenths of a cent.
fn answered(plan: Plan, tokens: u64) -> World {
    let mut world = plan.started();
    world.hook(1, "root", Wants::Request);
    assert!(world.is_let_through(1), "of the first request of all nothing is known");
    world.answers("root", tokens);
    world
}

fn state(world: &World) -> State {
    world.governor.agent(&AgentName::new(CODEX)).unwrap().state
}

fn asked(world: &World) -> Vec<&str> {
    let text = |effect: &'_ Effect| matches!(effect, Effect::Ask(_));
    let found = world.effects.iter().filter(|effect| text(effect));
    found
        .filter_map(|effect| if let Effect::Ask(question) = effect { Some(question.text.as_str()) } else { None })
        .collect()
}

#[test]
fn a_dear_request_is_asked_about_before_it_is_sent_and_each_one_again() {
    let mut world = answered(dear("ask"), 510);
    world.hook(2, "root", Wants::Request);
    assert!(!world.is_let_through(2));
    assert_eq!(asked(&world), ["`dear`: the next request is likely to cost $0.51, more than $0.50: request to: dear"]);
    world.extends(1, 1);
    assert!(world.is_let_through(2));
    world.answers("root", 100);
    world.hook(3, "root", Wants::Request);
    assert!(!world.is_let_through(3));
    world.person(2, Answer::Allow { seconds: None });
    assert!(world.is_let_through(3));
    world.answers("root", 100);
    world.hook(4, "root", Wants::Request);
    assert!(world.is_let_through(4), "a person let all of them go");
}

#[test]
fn a_request_that_costs_no_more_is_not_asked_about_and_neither_are_tools() {
    let mut world = answered(dear("ask"), 500);
    world.hook(2, "root", super::gate::tool());
    world.hook(3, "root", Wants::Request);
    assert!(world.is_let_through(2) && world.is_let_through(3));
    let mut world = answered(dear("ask"), 900);
    world.hook(2, "root", super::gate::tool());
    assert!(world.is_let_through(2), "it is a gate on requests");
}

#[test]
fn the_first_request_of_a_run_is_foretold_by_earlier_runs() {
    let mut plan = dear("ask");
    plan.firsts.insert(AgentName::new(CODEX), vec![response(CODEX, "before", "dear", 800, morning())]);
    let mut world = plan.started();
    world.hook(1, "root", Wants::Request);
    assert!(!world.is_let_through(1));
    // By a cheaper model the same would cost less.
    let mut plan = dear("ask");
    plan.firsts.insert(AgentName::new(CODEX), vec![response(CODEX, "before", "dear", 800, morning())]);
    let mut world = plan.started();
    world.model = "cheap".to_owned();
    world.hook(1, "root", Wants::Request);
    assert!(world.is_let_through(1));
}

#[test]
fn what_is_refused_ends_before_it_is_sent() {
    let mut world = answered(dear("deny"), 510);
    world.hook(2, "root", Wants::Request);
    assert_eq!(state(&world), State::Gone);
    assert!(!world.is_let_through(2));
    assert!(world.told().contains("stop: the request is refused: `dear`: the next request is likely to cost $0.51"));
    for no in [Answer::Stop, Answer::Kill] {
        let mut world = answered(dear("ask"), 510);
        world.hook(2, "root", Wants::Request);
        world.person(1, no);
        assert_eq!(state(&world), State::Gone);
        assert!(!world.is_let_through(2));
    }
    let mut world = answered(dear("ask"), 510);
    world.hook(2, "root", Wants::Request);
    world.pass(1_800);
    world.deadline(1);
    assert_eq!(state(&world), State::Gone);
}

#[test]
fn a_prompt_at_a_screen_is_refused_and_the_screen_stays() {
    let mut plan = dear("deny");
    plan.agents[0].full_screen = true;
    let mut world = plan.started();
    world.hook(1, "root", Wants::Turn);
    world.hook(2, "root", Wants::Request);
    world.concludes("root", 900);
    world.hook(3, "root", Wants::Turn);
    let refused = |effect: &Effect| matches!(effect, Effect::Answer { hook, deny: Some(_) } if hook.0 == 3);
    assert!(world.effects.iter().any(refused));
    assert_eq!(state(&world), State::Running);
    assert!(!world.governor.agent(&AgentName::new(CODEX)).unwrap().turn_under_way());
}

/// The same plan where it is not known whether its Codex asks first: a thread of which nothing else is known begins.
fn by_signals(verb: &str, firsts: bool) -> World {
    let with = |mut plan: Plan| {
        let before = response(CODEX, "before", "dear", 800, morning());
        plan.firsts.extend(firsts.then(|| (AgentName::new(CODEX), vec![before])));
        plan
    };
    let mut world = with(dear(verb)).world();
    world.governor = std::mem::replace(&mut world.governor, with(dear(verb)).world().governor).watches_requests();
    world.feed(Input::Begin);
    world
}

#[test]
fn a_codex_that_does_not_ask_first_is_held_by_signals() {
    let mut world = by_signals("ask", false);
    world.works(510);
    assert_eq!(state(&world), State::Held);
    assert_eq!(asked(&world), ["`dear`: the next request is likely to cost $0.51, more than $0.50: request to: dear"]);
    world.person(1, Answer::Once);
    assert_eq!(state(&world), State::Running);
    // The same request is not asked about again, the next one is.
    world.asks("root");
    assert_eq!((state(&world), asked(&world).len()), (State::Running, 1));
    world.answers("root", 100);
    assert_eq!((state(&world), asked(&world).len()), (State::Held, 2));
    world.person(2, Answer::Allow { seconds: Some(60) });
    world.works(100);
    assert_eq!((state(&world), asked(&world).len()), (State::Running, 2));
    world.pass(61);
    world.works(100);
    assert_eq!((state(&world), asked(&world).len()), (State::Held, 3));
    world.person(3, Answer::Allow { seconds: None });
    world.pass(3_600);
    world.works(100);
    assert_eq!((state(&world), asked(&world).len()), (State::Running, 3));
    let mut world = by_signals("ask", true);
    world.asks("root");
    world.person(1, Answer::Once);
    world.answers("root", 600);
    assert_eq!((state(&world), asked(&world).len()), (State::Held, 2), "nothing happens between the two");
    let mut world = by_signals("deny", false);
    world.works(510);
    assert_eq!(state(&world), State::Gone);
    for no in [Answer::Refuse, Answer::Kill] {
        let mut world = by_signals("ask", false);
        world.works(510);
        world.person(1, no);
        assert_eq!(state(&world), State::Gone);
    }
}

#[test]
fn what_is_refused_before_its_session_has_begun_was_not_sent() {
    for (thread, tells, lost) in [("root", true, 0), ("root", false, 1), ("another", true, 1)] {
        let mut world = by_signals("deny", true);
        world.by_hand = true;
        world.feed(Input::Launched(AgentName::new(CODEX)));
        // Its session file tells of a turn, and its hooks have not called.
        world.asks("root");
        world.feed(Input::Frozen(AgentName::new(CODEX)));
        if tells {
            world.hook(1, thread, Wants::Session);
        }
        world.feed(Input::Ended(AgentName::new(CODEX)));
        assert_eq!(state(&world), State::Gone, "{}", world.told());
        assert_eq!(world.governor.agent(&AgentName::new(CODEX)).unwrap().lost, lost, "{thread} {tells}");
    }
}

#[test]
fn what_no_hook_has_asked_for_was_not_sent_where_its_codex_asks_first() {
    for (asks_first, lost) in [(true, 0), (false, 1)] {
        let mut world = by_signals("deny", true);
        world.by_hand = true;
        world.feed(Input::Launched(AgentName::new(CODEX)));
        world.asks("root");
        world.feed(Input::Frozen(AgentName::new(CODEX)));
        if asks_first {
            world.feed(Input::AskedNothing(AgentName::new(CODEX)));
        }
        world.feed(Input::Ended(AgentName::new(CODEX)));
        assert_eq!(world.governor.agent(&AgentName::new(CODEX)).unwrap().lost, lost, "{asks_first}");
    }
}

#[test]
fn one_request_is_one_question_though_its_codex_turns_out_to_ask_first() {
    for (answer, further) in [(Answer::Once, 1), (Answer::Allow { seconds: None }, 0)] {
        let mut world = by_signals("ask", true);
        world.asks("root");
        assert_eq!((state(&world), asked(&world).len()), (State::Held, 1));
        world.person(1, answer.clone());
        world.hook(1, "root", Wants::Request);
        assert!(world.is_let_through(1), "{answer:?}");
        world.answers("root", 600);
        world.hook(2, "root", Wants::Request);
        assert_eq!((world.is_let_through(2), asked(&world).len()), (further == 0, 1 + further), "{answer:?}");
    }
    // It comes to the gate while the question is open.
    let mut world = by_signals("ask", true);
    world.asks("root");
    world.hook(1, "root", Wants::Request);
    assert_eq!((world.is_let_through(1), asked(&world).len()), (false, 1));
    world.person(1, Answer::Once);
    assert_eq!((world.is_let_through(1), asked(&world).len()), (true, 1));
}

#[test]
fn a_compaction_and_another_try_are_one_request_and_one_question() {
    let mut world = dear("ask").started();
    world.asks_by_hook(1, Ask(true, "q1"), Wants::Request, false);
    world.answers("root", 510);
    // It is announced, then it asks, and then it tries again.
    world.asks_by_hook(2, Ask(true, ""), Wants::Compaction, true);
    assert_eq!((world.is_let_through(2), asked(&world).len()), (false, 1));
    world.person(1, Answer::Once);
    for (id, compacts) in [(3, true), (4, true)] {
        world.asks_by_hook(id, Ask(true, "q2"), Wants::Request, compacts);
        assert_eq!((world.is_let_through(id), asked(&world).len()), (true, 1));
    }
    world.answers("root", 510);
    world.asks_by_hook(5, Ask(true, "q3"), Wants::Request, false);
    assert_eq!((world.is_let_through(5), asked(&world).len()), (false, 2));
}

#[test]
fn who_only_observes_says_so() {
    let mut plan = dear("deny");
    plan.policy.observe = true;
    let mut world = answered(plan, 510);
    world.hook(2, "root", Wants::Request);
    assert!(world.is_let_through(2));
    assert!(world.told().contains("would deny: `dear`"));
}
