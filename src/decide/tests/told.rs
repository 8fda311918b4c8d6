//! What hooks tell of requests that were let through.

use super::gate::tool;
use super::world::{CODEX, Plan, World, five_dollars, response, setup};
use crate::decide::agents::AgentSetup;
use crate::decide::message::{Asked, Gone, Hook, HookId, Phase, Timer, Wants, Works};
use crate::decide::{Effect, Input};
use crate::model::{AgentName, Brake, ModelId, Response, Source, ThreadId};

const STOP: &str = r#"{ at = "100%", do = "stop" }"#;

/// What asks: with a session file or not, by which name.
#[derive(Clone, Copy)]
pub(super) struct Ask(pub(super) bool, pub(super) &'static str);

/// As 0.169 asks for a thread without a session file, and as 0.171 does, of one with it.
const UNNAMED: Ask = Ask(false, "");
const FILED: Ask = Ask(true, "q1");

impl World {
    pub(super) fn asks_by_hook(&mut self, id: u64, Ask(has_file, request): Ask, wants: Wants, compacts: bool) {
        self.pass(1);
        let request = (!request.is_empty()).then(|| request.to_owned());
        self.feed(Input::Hook(Box::new(Hook {
            id: HookId(id),
            agent: AgentName::new(CODEX),
            thread: ThreadId::new("root"),
            root: ThreadId::new("root"),
            inside: None,
            model: Some(ModelId::new(self.model.clone())),
            tier: None,
            unpriced: false,
            asked: Asked { request, compacts },
            has_file,
            wants,
        })));
    }

    fn tells(&mut self, tokens: u64) {
        self.pass(1);
        let told = response(CODEX, "root", &self.model, tokens, self.now.wall);
        self.responds(Response { source: Source::Hook, ..told });
    }

    fn tells_of_failure(&mut self) {
        self.pass(1);
        let (agent, thread) = (AgentName::new(CODEX), ThreadId::new("root"));
        self.feed(Input::Failed { agent, thread, cut_off: false });
    }

    fn tells_of_a_break(&mut self) {
        self.pass(1);
        let (agent, thread) = (AgentName::new(CODEX), ThreadId::new("root"));
        self.feed(Input::Failed { agent, thread, cut_off: true });
    }

    fn tells_no_usage(&mut self) {
        self.pass(1);
        let (agent, thread) = (AgentName::new(CODEX), ThreadId::new("root"));
        self.feed(Input::Untold { agent, thread });
    }

    fn waits_for_record(&self, id: u64) -> bool {
        self.effects.iter().any(|effect| matches!(effect, Effect::Arm(Timer::Record(hook), _) if *hook == HookId(id)))
    }

    fn is_killed(&mut self) {
        self.brakes(Brake::Kill);
    }

    fn is_stopped(&self) -> bool {
        self.effects.iter().any(|effect| matches!(effect, Effect::End(_)))
    }
}

#[test]
fn what_a_hook_tells_counts_at_once_and_reserves_nothing_until_the_turn_goes_on() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    world.asks_by_hook(1, FILED, Wants::Request, false);
    world.tells(5_000);
    assert_eq!(world.spent("each run"), 5_000_000_000);
    assert_eq!(world.governor.agent(&AgentName::new(CODEX)).unwrap().in_flight(), 0);
    assert!(!world.is_stopped(), "a last word ends by itself");
    world.asks_by_hook(2, Ask(true, "q2"), Wants::Request, false);
    assert!(!world.is_let_through(2) && world.is_stopped());
}

#[test]
fn the_record_that_comes_later_says_only_whether_it_goes_on() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    world.asks_by_hook(1, FILED, Wants::Request, false);
    world.tells(4_000);
    world.phase(CODEX, "root", Phase::Tools);
    assert!(!world.is_stopped(), "its tool is paid for");
    world.asks_by_hook(2, Ask(true, "q2"), Wants::Request, false);
    assert!(!world.is_let_through(2) && world.is_stopped(), "the next request would pass the limit");
}

#[test]
fn a_request_that_failed_reserves_nothing_and_is_not_waited_for() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    world.asks_by_hook(1, FILED, Wants::Request, false);
    world.tells(2_000);
    world.asks_by_hook(2, Ask(true, "q2"), Wants::Request, false);
    assert_eq!(world.governor.agent(&AgentName::new(CODEX)).unwrap().in_flight(), 1);
    world.tells_of_failure();
    let agent = world.governor.agent(&AgentName::new(CODEX)).unwrap();
    assert_eq!((agent.in_flight(), agent.sent().count()), (0, 0));
    world.asks_by_hook(3, Ask(true, "q2"), Wants::Request, false);
    assert!(world.is_let_through(3) && !world.waits_for_record(3));
    world.tells(100);
    world.exits(CODEX);
    assert_eq!(world.governor.agent(&AgentName::new(CODEX)).unwrap().lost, 0);
}

#[test]
fn an_answer_that_does_not_tell_its_usage_is_the_last_under_a_limit_and_marked_without_one() {
    for (ask, again) in [(FILED, Ask(true, "q2")), (UNNAMED, UNNAMED)] {
        for (rules, stops) in [(five_dollars(STOP), true), (String::new(), false)] {
            let mut world = Plan::of(&rules).started();
            world.asks_by_hook(1, ask, Wants::Request, false);
            world.tells_no_usage();
            assert_eq!(world.governor.agent(&AgentName::new(CODEX)).unwrap().in_flight(), 0);
            world.asks_by_hook(2, again, Wants::Request, false);
            assert_eq!((world.is_let_through(2), world.is_stopped()), (!stops, stops), "{rules}");
            world.tells_no_usage();
            assert_eq!(
                world.told().matches("did not tell what a request used").count(),
                2,
                "it is marked and said, once"
            );
        }
    }
}

#[test]
fn a_request_whose_answer_broke_off_is_told_as_perhaps_served_and_reserves_nothing() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    world.asks_by_hook(1, FILED, Wants::Request, false);
    world.tells(1_000);
    for id in 2..5 {
        world.asks_by_hook(id, Ask(true, "q2"), Wants::Request, false);
        assert!(world.is_let_through(id));
        world.tells_of_a_break();
    }
    world.asks_by_hook(5, Ask(true, "q2"), Wants::Request, false);
    world.tells_of_failure();
    world.exits(CODEX);
    let agent = world.governor.agent(&AgentName::new(CODEX)).unwrap();
    assert_eq!((agent.lost, agent.lost_cost.nanos()), (3, 3_000_000_000));
}

#[test]
fn only_what_was_let_through_and_has_no_answer_was_perhaps_served() {
    type Story = fn(&mut World);
    let goes_on: Story = |world| {
        world.answers("root", 500);
        world.phase(CODEX, "root", Phase::InFlight);
    };
    let stories: [(&str, Story, u32); 7] = [
        ("it was let through", |_| (), 1),
        (
            "the next one is interrupted while it waits, and is told as broken off",
            |world| {
                world.answers("root", 4_500);
                world.hook(2, "root", Wants::Request);
                world.gone(2, Gone::Withdrawn);
                world.tells_of_a_break();
            },
            0,
        ),
        ("its tool is done, and it has not asked yet", goes_on, 0),
        ("a sub-agent has not asked yet", |world| world.phase_of_sub_agent(CODEX, "sub", Phase::InFlight), 1),
        (
            "it was answered, and asks once more",
            |world| {
                world.answers("root", 4_500);
                world.hook(2, "root", Wants::Request);
            },
            0,
        ),
        ("it has failed", World::tells_of_failure, 0),
        (
            "a family that does not come to the gate asks, too",
            |world| world.phase(CODEX, "of another family", Phase::InFlight),
            2,
        ),
    ];
    for (what, story, lost) in stories {
        let mut world = Plan::of(&five_dollars(STOP)).started();
        world.hook(1, "root", Wants::Request);
        story(&mut world);
        world.is_killed();
        assert_eq!(world.governor.agent(&AgentName::new(CODEX)).unwrap().lost, lost, "{what}");
    }
}

#[test]
fn what_was_let_through_and_has_no_answer_was_perhaps_served_whatever_ended_its_codex() {
    type Story = fn(&mut World);
    let ends_itself: Story = |world| world.exits(CODEX);
    let stories: [(&str, Story, Story, u32); 9] = [
        ("its Codex ends by itself", |_| (), ends_itself, 1),
        ("or fails, and is tried again", |_| (), |world| world.fails(CODEX), 1),
        ("its turn was interrupted", |world| world.phase(CODEX, "root", Phase::Idle), ends_itself, 1),
        ("so, and it rests when it is ended", |world| world.phase(CODEX, "root", Phase::Idle), World::is_killed, 1),
        ("it was answered", |world| world.concludes("root", 100), ends_itself, 0),
        ("that it is cancelled is told", World::tells_of_a_break, ends_itself, 1),
        ("it failed", World::tells_of_failure, ends_itself, 0),
        (
            "another Codex goes on with the thread",
            |world| {
                world.asks_by_hook(2, Ask(true, "q2"), Wants::Request, false);
                world.concludes("root", 100);
            },
            ends_itself,
            1,
        ),
        (
            "it asks for a compaction twice, and that is ended",
            |world| {
                world.concludes("root", 100);
                world.asks_by_hook(2, Ask(true, ""), Wants::Compaction, true);
                world.asks_by_hook(3, Ask(true, "q2"), Wants::Request, true);
            },
            ends_itself,
            1,
        ),
    ];
    for (what, story, ends, lost) in stories {
        let mut plan = Plan::of(&five_dollars(STOP));
        plan.agents = vec![AgentSetup { retries: 1, ..setup(CODEX, true) }];
        let mut world = plan.started();
        world.asks_by_hook(1, FILED, Wants::Request, false);
        story(&mut world);
        ends(&mut world);
        assert_eq!(world.governor.agent(&AgentName::new(CODEX)).unwrap().lost, lost, "{what}");
        let told = world.effects.iter().find_map(|effect| match effect {
            Effect::Finish { in_flight, .. } => Some(*in_flight),
            _ => None,
        });
        assert!(told.is_none_or(|told| told == lost), "{what}: {told:?}");
    }
}

#[test]
fn what_is_answered_while_its_codex_is_ended_is_not_lost() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    world.asks_by_hook(1, FILED, Wants::Request, false);
    world.by_hand = true;
    world.is_killed();
    world.answers("root", 100);
    while let Some(report) = world.reports.pop_front() {
        world.feed(report);
    }
    assert!(world.finished());
    assert_eq!(world.governor.agent(&AgentName::new(CODEX)).unwrap().lost, 0);
}

#[test]
fn a_compaction_that_nobody_tells_of_is_unobserved_and_not_cut_off() {
    let mut world = Plan::of("").started();
    world.asks_by_hook(1, UNNAMED, Wants::Request, false);
    world.tells(1_000);
    world.asks_by_hook(2, UNNAMED, Wants::Compaction, true);
    world.asks_by_hook(3, UNNAMED, Wants::Request, false);
    world.due(Timer::Record(HookId(3)));
    world.exits(CODEX);
    assert!(world.told().contains("does not tell what a compaction uses"));
    assert_eq!(world.governor.agent(&AgentName::new(CODEX)).unwrap().lost, 1, "the request after it");
}

#[test]
fn a_thread_without_a_file_goes_on_while_each_request_is_told_of() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    for id in 1..4 {
        world.asks_by_hook(id, UNNAMED, Wants::Request, false);
        assert!(world.is_let_through(id));
        world.tells(1_000);
        world.asks_by_hook(id + 10, UNNAMED, tool(), false);
        assert!(world.is_let_through(id + 10));
    }
    assert!(!world.is_stopped());
    world.asks_by_hook(4, UNNAMED, Wants::Request, false);
    world.tells_of_failure();
    world.asks_by_hook(5, UNNAMED, Wants::Request, false);
    assert!(world.is_let_through(5) && !world.is_stopped());
}

#[test]
fn a_thread_without_a_file_whose_last_request_nobody_told_of_is_stopped_before_the_next() {
    for (rules, stops) in [(five_dollars(STOP), true), (String::new(), false)] {
        let mut world = Plan::of(&rules).started();
        world.asks_by_hook(1, UNNAMED, Wants::Request, false);
        world.asks_by_hook(2, UNNAMED, Wants::Request, false);
        assert!(!world.is_let_through(2) && world.waits_for_record(2));
        world.due(Timer::Record(HookId(2)));
        assert_eq!((world.is_let_through(2), world.is_stopped()), (!stops, stops));
        assert_eq!(world.told().matches("did not tell what a request used").count(), 2, "it is marked and said, once");
    }
}

#[test]
fn a_thread_without_a_file_that_does_not_ask_first_is_stopped_at_its_first_tool() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    world.asks_by_hook(1, UNNAMED, Wants::Session, false);
    assert!(!world.is_stopped());
    world.asks_by_hook(2, UNNAMED, tool(), false);
    assert!(world.is_stopped());
}

#[test]
fn a_compaction_that_nothing_would_tell_of_is_not_asked_for() {
    for (name, stops) in [("", true), ("q1", false)] {
        let mut world = Plan::of(&five_dollars(STOP)).started();
        world.asks_by_hook(1, Ask(false, name), Wants::Request, false);
        world.tells(1_000);
        world.asks_by_hook(2, UNNAMED, Wants::Compaction, true);
        assert_eq!((world.is_let_through(2), world.is_stopped()), (!stops, stops), "{name}");
    }
}

#[test]
fn a_compaction_and_a_retry_ask_twice_for_one_request() {
    let throttle = five_dollars(r#"{ at = "10%", do = "throttle", to = "2 responses/m" }"#);
    let mut world = Plan::of(&throttle).started();
    world.asks_by_hook(1, FILED, Wants::Request, false);
    world.tells(1_000);
    // Of two in a minute this is the second, whoever asks for it.
    world.asks_by_hook(2, Ask(true, ""), Wants::Compaction, true);
    world.asks_by_hook(3, Ask(true, "q2"), Wants::Request, true);
    world.asks_by_hook(4, Ask(true, "q2"), Wants::Request, true);
    for id in 2..5 {
        assert!(world.is_let_through(id) && !world.waits_for_record(id), "{id}");
    }
    assert_eq!(world.governor.agent(&AgentName::new(CODEX)).unwrap().in_flight(), 1);
    world.tells(1_000);
    world.asks_by_hook(5, Ask(true, "q3"), Wants::Request, false);
    assert!(!world.is_let_through(5), "the third waits its turn");
}

#[test]
fn a_tool_that_is_faster_than_its_response_is_told_waits_for_that() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    world.asks_by_hook(1, FILED, Wants::Request, false);
    world.asks_by_hook(2, Ask(true, ""), tool(), false);
    assert!(!world.is_let_through(2));
    world.tells(1_000);
    assert!(world.is_let_through(2));
    assert_eq!(world.spent("each run"), 1_000_000_000);
    // Where nothing is told it goes on: its record tells.
    world.asks_by_hook(3, Ask(true, "q2"), Wants::Request, false);
    world.asks_by_hook(4, Ask(true, ""), tool(), false);
    assert!(!world.is_let_through(4));
    world.due(Timer::Record(HookId(4)));
    assert!(world.is_let_through(4) && !world.is_stopped());
}

#[test]
fn a_codex_that_writes_no_file_and_told_nothing_is_marked_at_its_end() {
    use crate::model::ProcessIdentity;
    for observed in [false, true] {
        let mut world = Plan::of("").started();
        let process = ProcessIdentity { pid: 7, started: 70 };
        let agent = AgentName::new(CODEX);
        world.feed(Input::CodexSeen {
            agent: agent.clone(),
            process,
            ephemeral: true,
            tells: true,
            works: Works::AtOnce,
        });
        if observed {
            world.feed(Input::CodexObserved { agent, process });
        }
        world.exits(CODEX);
        assert_eq!(world.told().contains("cannot be observed"), !observed);
    }
}

#[test]
fn a_turn_keeps_its_grace_where_a_hook_tells_of_its_answers() {
    let grace = five_dollars(STOP).replace("5 usd", "2 responses").replace("steps", "grace = \"50%\"\nsteps");
    let mut world = Plan::of(&grace).started();
    for (id, request) in [(1, "q1"), (2, "q2"), (3, "q3")] {
        world.asks_by_hook(id, Ask(true, request), Wants::Request, false);
        assert!(world.is_let_through(id), "{request}: {}", world.told());
        world.tells(100);
    }
    world.asks_by_hook(4, Ask(true, "q4"), Wants::Request, false);
    assert!(!world.is_let_through(4) && world.finished(), "{}", world.told());
}

#[test]
fn the_turn_after_it_has_none() {
    let grace = five_dollars(STOP).replace("5 usd", "2 responses").replace("steps", "grace = \"50%\"\nsteps");
    let mut world = Plan::of(&grace).started();
    for (id, request) in [(1, "q1"), (2, "q2")] {
        world.asks_by_hook(id, Ask(true, request), Wants::Request, false);
        world.tells(100);
    }
    world.phase(CODEX, "root", Phase::Idle);
    world.asks_by_hook(3, Ask(true, "q3"), Wants::Request, false);
    assert!(!world.is_let_through(3) && world.finished(), "{}", world.told());
}

#[test]
fn what_only_a_gateway_saw_is_no_session_that_could_go_on() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    let seen = response(CODEX, "gateway:r:codex:1", &world.model, 10, world.now.wall);
    world.responds(Response { source: Source::Gateway, ..seen });
    assert_eq!(world.governor.agent(&AgentName::new(CODEX)).unwrap().root, None);
    world.tells(10);
    assert_eq!(world.governor.agent(&AgentName::new(CODEX)).unwrap().root, Some(ThreadId::new("root")));
}
