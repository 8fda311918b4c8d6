//! Threads of one agent that ask side by side: what fits goes on, the others wait for the answers under way, and
//! the agent's step applies only where none is.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::headroom::SECOND;
use super::world::{CODEX, Plan, World, cents, five_dollars, setup};
use crate::decide::Input;
use crate::decide::agents::lifecycle::State;
use crate::decide::message::{Asked, Gone, Hook, HookId, Interrupt, Phase, Wants, Works};
use crate::model::{AgentName, AgentState, ModelId, ProcessIdentity, ThreadId};

const STOP: &str = r#"{ at = "100%", do = "stop" }"#;

fn state(world: &World) -> State {
    world.governor.agent(&AgentName::new(CODEX)).unwrap().state
}

/// Root has had a dollar; four threads beside it ask.
fn four_of_five_dollars() -> World {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    world.requests(CODEX, "root", "dear");
    world.answers("root", 1_000);
    for thread in ["one", "two", "three", "four"] {
        assert!(world.requests(CODEX, thread, "dear"), "{thread}");
    }
    world
}

#[test]
fn one_that_does_not_fit_beside_the_others_goes_on_once_they_cost_less() {
    let mut world = four_of_five_dollars();
    assert!(!world.requests(CODEX, "root", "dear"));
    let waits = world.hooks;
    world.answers("one", 600);
    assert!(!world.is_let_through(waits) && state(&world) == State::Running);
    // $1, $0.60 and $0.40: two that may take $1 each and root's fit.
    world.answers("two", 400);
    assert!(world.is_let_through(waits), "{}", world.told());
}

#[test]
fn under_a_limit_the_first_of_which_nothing_is_known_is_waited_for() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    assert!(world.requests(CODEX, "root", "dear"));
    let waiting = ["one", "two", "three"].map(|thread| {
        assert!(!world.requests(CODEX, thread, "dear"), "{thread}");
        world.hooks
    });
    world.answers("root", 2_000);
    // Two more of $2.00 each fit; whether it is the first that asked makes no difference to the limit.
    let through = waiting.iter().filter(|hook| world.is_let_through(**hook)).count();
    assert_eq!(through, 1, "{}", world.told());
    let mut free = Plan::of(&five_dollars(r#"{ at = "80%", do = "warn" }"#)).started();
    for thread in ["root", "one", "two", "three"] {
        assert!(free.requests(CODEX, thread, "dear"), "a warning keeps nobody waiting: {thread}");
    }
}

#[test]
fn whoever_looks_is_told_that_a_thread_waits_for_the_others() {
    let why = |world: &World| {
        let live = world.governor.live(world.now);
        let [agent] = &live.agents[..] else { panic!("{live:?}") };
        (agent.state, agent.because.clone().unwrap_or_default())
    };
    let mut world = four_of_five_dollars();
    assert_eq!(why(&world), (AgentState::Working, String::new()));
    world.requests(CODEX, "root", "dear");
    assert_eq!(why(&world), (AgentState::Working, "1 thread waits for the answers to the others".to_owned()));
    world.requests(CODEX, "five", "dear");
    assert_eq!(why(&world), (AgentState::Working, "2 threads wait for the answers to the others".to_owned()));
    for thread in ["one", "two", "three"] {
        world.answers(thread, 10);
    }
    assert_eq!(why(&world), (AgentState::Working, String::new()), "{}", world.told());
}

#[test]
fn it_stops_once_nothing_under_way_can_make_room() {
    let mut world = four_of_five_dollars();
    assert!(!world.requests(CODEX, "root", "dear"));
    for thread in ["one", "two", "three", "four"] {
        assert_eq!(state(&world), State::Running);
        world.answers(thread, 1_000);
        world.phase(CODEX, thread, Phase::Idle);
    }
    assert!(world.finished(), "{}", world.told());
    assert_eq!(world.spent("each run"), cents(500));
}

#[test]
fn a_request_that_fails_makes_room() {
    let mut world = four_of_five_dollars();
    assert!(!world.requests(CODEX, "root", "dear"));
    let waits = world.hooks;
    world.phase(CODEX, "one", Phase::Idle);
    assert!(world.is_let_through(waits), "{}", world.told());
}

#[test]
fn who_waits_for_its_own_claims_nothing_of_others() {
    let mut plan = Plan::of(&five_dollars(STOP));
    plan.agents = vec![setup(CODEX, true), setup(SECOND, true)];
    let mut world = plan.started();
    world.requests(CODEX, "root", "dear");
    world.answers("root", 990);
    assert!((0..3).all(|one| world.requests(CODEX, &format!("sub {one}"), "dear")));
    // A fourth of this agent's fits, or the other agent's first: who asks first has it.
    assert!(world.requests(SECOND, "second root", "dear"));
    assert!(!world.requests(CODEX, "root", "dear"));
    assert_eq!(state(&world), State::Running);
    world.answers_as(SECOND, "second root", 1, Phase::Idle);
    assert!(world.is_let_through(world.hooks), "{}", world.told());
}

#[test]
fn an_answer_that_has_come_and_is_not_told_yet_is_under_way() {
    let mut world = four_of_five_dollars();
    assert!(!world.requests(CODEX, "root", "dear"));
    let waits = world.hooks;
    // Its session file has its last words; what they cost comes after them.
    world.phase(CODEX, "one", Phase::Answered);
    assert!(!world.is_let_through(waits));
    world.answers_as(CODEX, "one", 1_000, Phase::Answered);
    assert!(!world.is_let_through(waits), "{}", world.told());
}

#[test]
fn nobody_is_let_through_between_what_a_record_says_of_its_thread_and_what_it_says_of_its_cost() {
    let mut world = four_of_five_dollars();
    assert!(!world.requests(CODEX, "root", "dear"));
    let waits = world.hooks;
    let (agent, thread) = (AgentName::new(CODEX), ThreadId::new("one"));
    world.feed(Input::Phase { agent, thread, root: None, phase: Phase::Idle, by_answer: true });
    assert!(!world.is_let_through(waits));
    world.answers_as(CODEX, "one", 1_000, Phase::Idle);
    assert!(!world.is_let_through(waits), "{}", world.told());
}

/// Something of a thread that has a family of its own, as each of an app server's has, comes to the gate.
fn of_own_family(world: &mut World, thread: &str, wants: Wants) -> u64 {
    world.pass(1);
    world.hooks += 1;
    let id = world.hooks;
    world.feed(Input::Hook(Box::new(Hook {
        id: HookId(id),
        agent: AgentName::new(CODEX),
        thread: ThreadId::new(thread),
        root: ThreadId::new(thread),
        inside: None,
        model: Some(ModelId::new("dear")),
        tier: None,
        unpriced: false,
        wants,
        asked: Asked::default(),
        has_file: true,
    })));
    id
}

#[test]
fn the_first_turn_of_another_family_waits_for_the_answers_under_way_and_ends_none_of_them() {
    let mut world = Plan::of(&five_dollars(STOP).replace("5 usd", "2 responses")).started();
    for thread in ["one", "two"] {
        for wants in [Wants::Turn, Wants::Request] {
            let hook = of_own_family(&mut world, thread, wants);
            assert!(world.is_let_through(hook), "{thread}: {}", world.told());
        }
    }
    // Whether a third one's Codex asks before its first request is not known before that comes.
    let waits = of_own_family(&mut world, "three", Wants::Turn);
    assert!(!world.is_let_through(waits) && state(&world) == State::Running, "{}", world.told());
    world.answers("one", 1_000);
    assert!(!world.is_let_through(waits) && state(&world) == State::Running, "{}", world.told());
    world.answers("two", 1_000);
    assert!(!world.is_let_through(waits), "{}", world.told());
    for thread in ["one", "two"] {
        world.phase(CODEX, thread, Phase::Idle);
    }
    assert!(world.finished(), "{}", world.told());
    assert_eq!((world.spent("each run"), world.governor.agent(&AgentName::new(CODEX)).unwrap().lost), (2, 0));
}

#[test]
fn a_codex_that_does_not_ask_here_is_ended_before_it_asks_for_what_is_spent() {
    for kind in [
        "per = \"model\"\nwindow = \"day\"",
        "per = \"thread\"",
        "per = \"team\"\nwindow = \"day\"\nonly = { model = [\"dear\"] }",
    ] {
        let late = format!("[[budget]]\nname = \"late\"\n{kind}\nlimit = \"5 usd\"\nsteps = [{STOP}]\n");
        for (model, thread, ends) in
            [(Some("dear"), Some("old"), true), (Some("cheap"), None, false), (None, None, false)]
        {
            let mut world = Plan::of(&late).spent_before("r0", "2026-11-24T09:00:00Z", "dear", 5_000).started();
            let (agent, process) = (AgentName::new(CODEX), ProcessIdentity { pid: 1, started: 1 });
            let works = Works::AtOnce;
            world.feed(Input::CodexSeen { agent: agent.clone(), process, ephemeral: false, tells: true, works });
            let (model, thread) = (model.map(ModelId::new), thread.map(ThreadId::new));
            world.feed(Input::CodexBegins { agent, process, model, thread });
            assert_eq!(world.finished(), ends, "{kind}: {}", world.told());
        }
    }
}

#[test]
fn a_thread_that_only_its_file_tells_of_comes_to_the_gate_where_the_agents_one_codex_has_asked() {
    let begins = |codexes: i32| {
        let mut world = Plan::of(&five_dollars(STOP).replace("5 usd", "1 response")).started();
        for pid in 1..=codexes {
            let (agent, process) = (AgentName::new(CODEX), ProcessIdentity { pid, started: 1 });
            let works = Works::ForOthers;
            world.feed(Input::CodexSeen { agent, process, ephemeral: false, tells: true, works });
        }
        of_own_family(&mut world, "one", Wants::Request);
        // What an app server writes of a turn before its hook comes.
        world.phase(CODEX, "two", Phase::InFlight);
        world
    };
    let mut world = begins(1);
    assert_eq!(state(&world), State::Running, "{}", world.told());
    let waits = of_own_family(&mut world, "two", Wants::Request);
    assert!(!world.is_let_through(waits) && state(&world) == State::Running, "{}", world.told());
    world.answers("one", 1_000);
    world.phase(CODEX, "one", Phase::Idle);
    let lost = |world: &World| world.governor.agent(&AgentName::new(CODEX)).unwrap().lost;
    assert!(world.finished() && lost(&world) == 0, "{}", world.told());
    // Of two, the other one may have sent it: nobody can tell.
    assert_ne!(state(&begins(2)), State::Running);
}

#[test]
fn a_thread_whose_hooks_may_be_off_has_perhaps_sent_what_its_file_tells_of() {
    let lost = |calls: bool| {
        let mut world = Plan::of(&five_dollars(STOP)).started();
        let (agent, process) = (AgentName::new(CODEX), ProcessIdentity { pid: 1, started: 1 });
        world.feed(Input::CodexSeen { agent, process, ephemeral: false, tells: true, works: Works::ForOthers });
        of_own_family(&mut world, "one", Wants::Request);
        world.answers("one", 100);
        if calls {
            of_own_family(&mut world, "two", Wants::Session);
        }
        world.phase(CODEX, "two", Phase::InFlight);
        let because = "signal 15".to_owned();
        world.feed(Input::Interrupted { how: Interrupt::Kill, because });
        assert!(world.finished(), "{}", world.told());
        world.governor.agent(&AgentName::new(CODEX)).unwrap().lost
    };
    assert_eq!((lost(false), lost(true)), (1, 0));
}

/// What one of five threads does next.
#[derive(Clone, Copy, Debug)]
enum Act {
    Asks,
    Answered(u64),
    Concludes(u64),
    Interrupted,
}

fn act() -> impl Strategy<Value = (usize, Act)> {
    let act = prop_oneof![
        6 => Just(Act::Asks),
        4 => (1_u64..1_300).prop_map(Act::Answered),
        2 => (1_u64..1_300).prop_map(Act::Concludes),
        1 => Just(Act::Interrupted),
    ];
    (0_usize..5, act)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Nothing that is known to pass the limit is let through; who waits, waits for an answer under way; and the agent is
    /// ended only where the dearest that may come does not fit beside what was spent and what is under way.
    #[test]
    fn nobody_is_stopped_for_what_others_may_leave_and_nobody_waits_for_nothing(
        acts in proptest::collection::vec(act(), 1..80),
    ) {
        let mut world = Plan::of(&five_dollars(STOP)).started();
        let name = |which: usize| format!("thread {which}");
        let (mut waiting, mut sent) = (BTreeMap::<usize, u64>::new(), Vec::<usize>::new());
        let (mut spent, mut dearest) = (0_u64, 0_u64);
        for (which, act) in acts {
            let (ends, is_out) = (state(&world) != State::Running, sent.contains(&which));
            match act {
                Act::Asks if !is_out && !waiting.contains_key(&which) && !ends => {
                    let goes = world.requests(CODEX, &name(which), "dear");
                    waiting.insert(which, world.hooks);
                    prop_assert!(!goes || spent < 5_000, "{spent}: {}", world.told());
                }
                Act::Answered(tokens) | Act::Concludes(tokens) if is_out => {
                    sent.retain(|other| *other != which);
                    (spent, dearest) = (spent + tokens, dearest.max(tokens));
                    world.answers(&name(which), tokens);
                    if matches!(act, Act::Concludes(_)) {
                        world.phase(CODEX, &name(which), Phase::Idle);
                    }
                }
                Act::Interrupted => {
                    if let Some(hook) = waiting.remove(&which).filter(|_| !ends) {
                        world.gone(hook, Gone::Withdrawn);
                    }
                }
                Act::Asks | Act::Answered(_) | Act::Concludes(_) => {}
            }
            let through: Vec<usize> =
                waiting.iter().filter(|(_, hook)| world.is_let_through(**hook)).map(|(which, _)| *which).collect();
            waiting.retain(|which, _| !through.contains(which));
            sent.extend(through);
            if state(&world) == State::Running {
                prop_assert!(waiting.is_empty() || !sent.is_empty(), "{waiting:?} wait: {}", world.told());
            } else if sent.is_empty() {
                prop_assert!(spent + dearest > 5_000, "{spent} and {dearest}: {}", world.told());
            }
        }
    }
}
