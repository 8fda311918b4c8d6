//! A request that others' claims leave no room for waits for them, and for nothing else; nobody waits for ever.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::headroom::{SECOND, two};
use super::world::{CODEX, Plan, World, cents, five_dollars, setup};
use crate::decide::Input;
use crate::decide::agents::lifecycle::State;
use crate::decide::message::{Phase, Timer};
use crate::model::AgentName;

const STOP: &str = r#"{ at = "100%", do = "stop" }"#;
const ASK: &str = r#"{ at = "100%", do = "ask", wait = "1h" }"#;

fn state(world: &World, agent: &str) -> State {
    world.governor.agent(&AgentName::new(agent)).unwrap().state
}

fn waits(world: &World, agent: &str) -> bool {
    world.governor.agent(&AgentName::new(agent)).unwrap().waits_for_room()
}

/// The first has had $1.70 and runs a tool; the second asks.
fn one_before_another(step: &str) -> World {
    let mut world = two(&five_dollars(step), setup(CODEX, true), setup(SECOND, true));
    world.requests(CODEX, "root", "dear");
    world.answers("root", 1_700);
    world.skip();
    assert!(!world.requests(SECOND, "second root", "dear"), "$1.70 and twice $1.70 to come");
    world
}

#[test]
fn it_goes_on_once_its_peer_asks_nothing_more() {
    let mut world = one_before_another(STOP);
    assert_eq!(state(&world, SECOND), State::Paused);
    world.phase(CODEX, "root", Phase::Idle);
    assert_eq!(state(&world, SECOND), State::Running);
    assert!(world.is_let_through(world.hooks));
    insta::assert_snapshot!(world.told());
}

#[test]
fn it_is_ended_once_what_is_spent_leaves_no_room() {
    let mut world = one_before_another(STOP);
    // Who came first goes first: the one that has waited, and then there is no room for the other.
    assert!(!world.requests(CODEX, "root", "dear"));
    assert!(world.is_let_through(world.hooks - 1) && waits(&world, CODEX));
    world.answers_as(SECOND, "second root", 1_700, Phase::Tools);
    assert_eq!(state(&world, CODEX), State::Gone, "$3.40 and $1.70 of its own");
}

#[test]
fn nobody_waits_longer_than_ten_minutes_and_a_person_is_asked_after_one() {
    for (step, then, seconds) in [(STOP, State::Gone, 599), (ASK, State::Held, 59)] {
        let mut world = one_before_another(step);
        world.pass(seconds);
        world.due(Timer::Room(AgentName::new(SECOND)));
        assert!(waits(&world, SECOND));
        world.pass(1);
        world.due(Timer::Room(AgentName::new(SECOND)));
        assert_eq!(state(&world, SECOND), then, "{step}");
    }
}

#[test]
fn time_that_it_waits_is_no_active_time() {
    let mut world = one_before_another(STOP);
    let active = |world: &World| world.governor.agent(&AgentName::new(SECOND)).unwrap().active(world.now.uptime);
    let before = active(&world);
    world.pass(300);
    assert_eq!(active(&world), before);
}

#[test]
fn a_codex_that_does_not_ask_first_stands_still_meanwhile() {
    let mut world = two(&five_dollars(STOP), setup(CODEX, true), setup(SECOND, true));
    world.asks("root");
    world.answers("root", 1_700);
    world.asks_as(SECOND, "second root");
    assert_eq!(state(&world, SECOND), State::Paused);
    world.concludes("root", 100);
    assert_eq!(state(&world, SECOND), State::Running);
}

#[test]
fn claims_of_other_runs_are_waited_for_and_looked_at_every_second() {
    let month = five_dollars(STOP).replace("per = \"run\"", "per = \"team\"\nwindow = \"month\"");
    let mut world = Plan::of(&month).started();
    world.requests(CODEX, "root", "dear");
    world.answers("root", 1_000);
    world.shelf.get_mut().others.insert("each run".to_owned(), cents(350));
    assert!(!world.requests(CODEX, "root", "dear"));
    assert!(waits(&world, CODEX));
    assert_eq!(world.claimed(), 0);
    world.shelf.get_mut().others.clear();
    world.pass(1);
    world.due(Timer::Room(AgentName::new(CODEX)));
    assert!(world.is_let_through(world.hooks));
    assert_eq!(world.claimed(), cents(100));
}

#[test]
fn a_person_who_pauses_it_meanwhile_is_obeyed() {
    let mut world = one_before_another(STOP);
    world.brakes(crate::model::Brake::Pause);
    world.phase(CODEX, "root", Phase::Idle);
    assert_eq!(state(&world, SECOND), State::Paused);
    world.brakes(crate::model::Brake::Continue);
    assert_eq!(state(&world, SECOND), State::Running);
}

const NAMES: [&str; 3] = [CODEX, SECOND, "third"];

/// What one of three agents does next.
#[derive(Clone, Copy, Debug)]
enum Act {
    Asks(usize),
    Answered(usize, u64),
    Concludes(usize, u64),
    Exits(usize),
}

fn acts() -> impl Strategy<Value = Act> {
    let who = || 0_usize..NAMES.len();
    prop_oneof![
        4 => who().prop_map(Act::Asks),
        4 => (who(), 1_u64..1_500).prop_map(|(who, tokens)| Act::Answered(who, tokens)),
        1 => (who(), 1_u64..1_500).prop_map(|(who, tokens)| Act::Concludes(who, tokens)),
        1 => who().prop_map(Act::Exits),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Three agents under one limit, that ask first or do not. Whoever waits, waits for somebody who does not: for an
    /// answer under way, or for one that runs its tools. Once all of those have come to rest, nobody waits.
    #[test]
    fn nobody_waits_for_one_that_waits_for_it(
        gated: bool,
        asks: bool,
        acts in proptest::collection::vec(acts(), 1..60),
    ) {
        let mut plan = Plan::of(&five_dollars(if asks { ASK } else { STOP }));
        plan.agents = NAMES.iter().map(|name| setup(name, true)).collect();
        let mut world = plan.started();
        let thread = |who: usize| format!("{} root", NAMES[who]);
        let mut sent = BTreeSet::new();
        let answer = |world: &mut World, sent: &mut BTreeSet<usize>, who: usize, tokens: u64, then: Phase| {
            if sent.remove(&who) {
                world.answers_as(NAMES[who], &thread(who), tokens, then);
            }
        };
        for act in acts {
            match act {
                Act::Asks(who) if !sent.contains(&who) && state(&world, NAMES[who]) == State::Running => {
                    let goes = if gated {
                        world.requests(NAMES[who], &thread(who), "dear")
                    } else {
                        world.asks_as(NAMES[who], &thread(who));
                        state(&world, NAMES[who]) == State::Running
                    };
                    sent.extend(goes.then_some(who));
                }
                Act::Answered(who, tokens) => answer(&mut world, &mut sent, who, tokens, Phase::Tools),
                Act::Concludes(who, tokens) => answer(&mut world, &mut sent, who, tokens, Phase::Idle),
                Act::Exits(who) => {
                    sent.remove(&who);
                    world.exits(NAMES[who]);
                }
                Act::Asks(_) => {}
            }
            // One that waited may have been let through by what another did.
            let out = |who: &usize| {
                world.governor.agent(&AgentName::new(NAMES[*who])).unwrap().sent().count() > 0
            };
            sent.extend((0..NAMES.len()).filter(out));
            let moves = NAMES.iter().any(|name| {
                let agent = world.governor.agent(&AgentName::new(*name)).unwrap();
                agent.turn_under_way() && (agent.works() || agent.in_flight() > 0 || agent.sent().count() > 0)
            });
            let waiting: Vec<&&str> = NAMES.iter().filter(|name| waits(&world, name)).collect();
            prop_assert!(waiting.is_empty() || moves, "{waiting:?} wait for nobody: {}", world.told());
        }
        // All that is under way is answered, and who works ends: each time one at least moves, until none is left.
        for _ in 0..4 * NAMES.len() {
            let mut any = false;
            for name in NAMES {
                let agent = world.governor.agent(&AgentName::new(name)).unwrap();
                let out = agent.sent().count() > 0 || agent.in_flight() > 0;
                if out && !matches!(agent.state, State::Gone) {
                    world.answers_as(name, &format!("{name} root"), 1, Phase::Idle);
                    any = true;
                } else if matches!(agent.state, State::Running | State::Held) {
                    world.exits(name);
                    any = true;
                }
            }
            let stuck: Vec<&&str> = NAMES.iter().filter(|name| waits(&world, name)).collect();
            prop_assert!(any || stuck.is_empty(), "{stuck:?}: {}", world.told());
        }
        prop_assert!(NAMES.iter().all(|name| !waits(&world, name)));
    }

    /// Two runs under one month, each with its own governor. Claims are all that they know of one another.
    #[test]
    fn two_runs_do_not_wait_for_one_another(acts in proptest::collection::vec((0_usize..2, 1_u64..2_000), 1..40)) {
        let month = five_dollars(STOP).replace("per = \"run\"", "per = \"team\"\nwindow = \"month\"");
        let mut worlds = [(); 2].map(|()| Plan::of(&month).started());
        let mut sent = [false; 2];
        // What each claims, and what it spent, is in the books of the other.
        let share = |worlds: &mut [World; 2]| {
            let claims = [worlds[0].claimed(), worlds[1].claimed()];
            for (who, world) in worlds.iter_mut().enumerate() {
                world.shelf.get_mut().others.insert("each run".to_owned(), claims[1 - who]);
            }
        };
        for (who, tokens) in acts {
            share(&mut worlds);
            if std::mem::take(&mut sent[who]) {
                worlds[who].answers("root", tokens);
                share(&mut worlds);
                worlds[1 - who].elsewhere("dear", tokens);
            } else if state(&worlds[who], CODEX) == State::Running {
                sent[who] = worlds[who].requests(CODEX, "root", "dear");
            }
            share(&mut worlds);
            for who in 0..2 {
                let before = worlds[who].hooks;
                worlds[who].pass(1);
                worlds[who].due(Timer::Room(AgentName::new(CODEX)));
                share(&mut worlds);
                sent[who] |= before > 0 && state(&worlds[who], CODEX) == State::Running && {
                    let agent = worlds[who].governor.agent(&AgentName::new(CODEX)).unwrap();
                    agent.sent().count() > 0
                };
            }
            let both = worlds.iter().all(|world| waits(world, CODEX));
            prop_assert!(!both, "{}\n---\n{}", worlds[0].told(), worlds[1].told());
        }
        // One that ends lets the other go on, or be found not to fit.
        worlds[0].feed(Input::Exited { agent: AgentName::new(CODEX), leftover: 0, ok: true });
        share(&mut worlds);
        worlds[1].due(Timer::Room(AgentName::new(CODEX)));
        prop_assert!(!waits(&worlds[1], CODEX), "{}", worlds[1].told());
    }
}
