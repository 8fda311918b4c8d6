//! Codex asks first: what is let through, what waits, and what ends because something went past.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::world::{CODEX, Plan, World, cents, five_dollars, morning, response, setup};
use crate::decide::agents::AgentSetup;
use crate::decide::message::{Asked, Ending, Gone, Hook, HookId, Phase, Timer, ToolCall, Wants};
use crate::decide::{Effect, Input};
use crate::model::event::{Answer, EventKind};
use crate::model::{AgentName, ModelId, ThreadId};

const ASK: &str = r#"{ at = "100%", do = "ask" }"#;

impl World {
    /// Codex waits at the gate; the answer to that is in the effects.
    pub(super) fn hook(&mut self, id: u64, thread: &str, wants: Wants) {
        self.pass(1);
        self.feed(Input::Hook(Box::new(Hook {
            id: HookId(id),
            agent: AgentName::new(CODEX),
            thread: ThreadId::new(thread),
            root: ThreadId::new("root"),
            inside: None,
            model: Some(ModelId::new(self.model.clone())),
            tier: None,
            unpriced: false,
            asked: Asked { request: None, compacts: wants == Wants::Compaction },
            has_file: true,
            wants,
        })));
    }

    pub(super) fn gone(&mut self, id: u64, why: Gone) {
        self.feed(Input::HookGone { hook: HookId(id), why });
    }

    pub(super) fn is_let_through(&self, id: u64) -> bool {
        self.effects.contains(&Effect::Answer { hook: HookId(id), deny: None })
    }
}

pub(super) fn tool() -> Wants {
    let call = ToolCall {
        tool: "Bash".to_owned(),
        digest: "d1".to_owned(),
        short: "make test".to_owned(),
        judged: None,
        call: None,
    };
    Wants::Tool(call)
}

/// Of an agent whose first request takes next to nothing: several are let through at once.
fn known(mut plan: Plan) -> Plan {
    plan.firsts.insert(AgentName::new(CODEX), vec![response(CODEX, "before", "dear", 1, morning())]);
    plan
}

#[test]
fn a_request_that_fits_is_let_through_and_one_that_does_not_waits_for_a_person() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.hook(1, "root", Wants::Session);
    world.hook(2, "root", Wants::Request);
    world.answers("root", 2_600);
    // What was paid for may run; what would come after it waits.
    world.hook(3, "root", tool());
    world.hook(4, "root", Wants::Request);
    assert!(world.is_let_through(2) && world.is_let_through(3) && !world.is_let_through(4));
    world.extends(1, 3_000_000_000);
    assert!(world.is_let_through(4));
    assert_snapshot!(world.told());
}

#[test]
fn while_an_agent_is_held_all_its_threads_wait_and_a_refusal_ends_them_unsent() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.hook(1, "root", Wants::Request);
    world.hook(2, "sub", Wants::Request);
    world.answers("root", 2_000);
    world.answers("sub", 1_500);
    world.skip();
    world.hook(3, "root", Wants::Request);
    world.hook(4, "sub", Wants::Request);
    world.hook(5, "root", Wants::Compaction);
    world.person(1, Answer::Stop);
    assert!(![3, 4, 5].into_iter().any(|id| world.is_let_through(id)));
    assert_snapshot!(world.told());
}

#[test]
fn what_an_agent_sent_before_it_was_held_counts_for_others_until_it_is_answered() {
    let mut plan = known(Plan::of(&five_dollars(ASK)));
    plan.agents = vec![setup(CODEX, true), setup("second", true)];
    let mut world = plan.started();
    world.hook(1, "root", Wants::Request);
    world.hook(2, "sub", Wants::Request);
    world.answers("sub", 1_000);
    world.hook(3, "sub", Wants::Request);
    world.answers("root", 2_000); // $3.00, and $2.00 and $1.00 that may come.
    let reserved = |world: &World| {
        let first = world.governor.accounts.ids().next().unwrap();
        world.standing(first, &AgentName::new("second")).reserved
    };
    assert_eq!(reserved(&world), cents(100), "one is under way, the other one will not get past the gate");
    // Its tool is done: it is about to come to the gate.
    world.phase(CODEX, "root", Phase::InFlight);
    assert_eq!(reserved(&world), cents(100));
    world.answers("sub", 900);
    assert_eq!(reserved(&world), 0);
}

#[test]
fn a_compaction_that_asks_does_not_tell_that_requests_do() {
    let mut world = Plan::of(&five_dollars(r#"{ at = "100%", do = "stop" }"#)).started();
    world.hook(1, "root", Wants::Compaction);
    assert!(world.is_let_through(1));
    // It is not on record; what follows did not ask.
    world.answers("root", 100);
    world.answers("root", 100);
    let agent = world.governor.agent(&AgentName::new(CODEX)).unwrap();
    assert!(!agent.gate.holds_requests() && agent.sent().count() == 0);
    assert!(!world.told().contains("was not let through"));
    // Once it was seen to ask, each request must.
    world.hook(2, "root", Wants::Request);
    world.answers("root", 100);
    world.answers("root", 100);
    assert!(world.told().contains("was not let through"));
}

#[test]
fn a_route_is_not_overtaken_by_its_own_limit_on_the_way_to_the_gate() {
    let steps = r#"{ at = "90%", do = "route" }, { at = "100%", do = "stop" }"#;
    let mut world = Plan::of(&five_dollars(steps)).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 2_600); // The next would pass $5.00; with mid it would be $1.04.
    world.phase(CODEX, "root", Phase::InFlight);
    world.hook(2, "root", Wants::Request);
    let told = world.told();
    assert!(told.contains("restart") && !told.contains("stop"), "{told}");
}

#[test]
fn a_stop_waits_for_the_answer_under_way() {
    let mut world = known(Plan::of(&five_dollars(r#"{ at = "100%", do = "stop" }"#))).started();
    world.hook(1, "root", Wants::Request);
    world.hook(2, "sub", Wants::Request);
    world.answers("sub", 5_000);
    assert!(!world.finished());
    world.answers("root", 100);
    // Their tools are paid for: what comes next is not.
    world.hook(3, "sub", Wants::Request);
    assert!(!world.finished());
    world.hook(4, "root", Wants::Request);
    assert!(world.finished());
    assert_snapshot!(world.told());
}

#[test]
fn a_stop_takes_no_answer_from_others_while_a_new_sub_agent_is_on_its_way_to_the_gate() {
    let mut world = Plan::of(&five_dollars(r#"{ at = "100%", do = "stop" }"#)).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 1_300);
    world.phase_of_sub_agent(CODEX, "one", Phase::InFlight);
    world.hook(2, "one", Wants::Request);
    assert!(world.is_let_through(2));
    // Its session file tells of another before its hook does, which comes to the gate as well.
    world.phase_of_sub_agent(CODEX, "two", Phase::InFlight);
    assert!(!world.effects.iter().any(|effect| matches!(effect, Effect::Freeze(_))), "{}", world.told());
    world.hook(3, "two", Wants::Request);
    world.hook(4, "root", Wants::Request);
    assert!(world.is_let_through(3) && !world.is_let_through(4), "three answers are $3.90");
    world.answers("one", 1_300);
    world.hook(5, "one", Wants::Request);
    assert!(!world.is_let_through(4) && !world.is_let_through(5) && !world.finished());
    world.answers("two", 1_300);
    world.hook(6, "two", Wants::Request);
    assert!(world.finished() && !world.is_let_through(6));
}

#[test]
fn a_stop_waits_no_longer_once_a_sub_agent_was_answered_that_did_not_come_to_the_gate() {
    let mut world = Plan::of(&five_dollars(r#"{ at = "100%", do = "stop" }"#)).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 1_300);
    world.phase_of_sub_agent(CODEX, "one", Phase::InFlight);
    world.hook(2, "one", Wants::Request);
    world.phase_of_sub_agent(CODEX, "two", Phase::InFlight);
    assert!(!world.finished());
    world.answers("two", 1_300);
    assert!(world.effects.iter().any(|effect| matches!(effect, Effect::Freeze(_))), "{}", world.told());
}

#[test]
fn a_stop_lets_tools_end_and_sessions_begin_and_holds_the_next_request() {
    for next in [Wants::Request, Wants::Compaction, Wants::Turn] {
        let mut world = Plan::of(&five_dollars(r#"{ at = "100%", do = "stop" }"#)).started();
        world.hook(1, "root", Wants::Request);
        world.answers("root", 2_600);
        world.hook(2, "root", super::steer::tool());
        world.hook(3, "root", Wants::Session);
        assert!(world.is_let_through(2) && world.is_let_through(3) && !world.finished());
        world.hook(4, "root", next);
        assert!(!world.is_let_through(4) && world.finished());
    }
}

#[test]
fn a_stop_waits_for_no_tool_where_a_person_or_its_deadline_says_so() {
    type Way = fn(&mut World);
    let ways: [Way; 3] = [
        |world| world.due(Timer::Drain(AgentName::new(CODEX))),
        |world| {
            let (brake, by) = (crate::model::Brake::Stop, "ann (cli)".to_owned());
            world.feed(Input::Braked { brake, team: None, by, reason: None });
        },
        |world| {
            let (how, because) = (crate::decide::message::Interrupt::Stop, "interrupted".to_owned());
            world.feed(Input::Interrupted { how, because });
        },
    ];
    for way in ways {
        let mut world = Plan::of(&five_dollars(r#"{ at = "100%", do = "stop" }"#)).started();
        world.hook(1, "root", Wants::Request);
        world.answers("root", 2_600);
        world.hook(2, "root", super::steer::tool());
        assert!(!world.finished());
        way(&mut world);
        assert!(world.finished());
    }
}

#[test]
fn minutes_that_are_over_wait_for_no_tool() {
    let text = "[[budget]]\nname = \"time\"\nper = \"run\"\nlimit = \"5 minutes\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n";
    let mut world = Plan::of(text).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 100);
    world.hook(2, "root", super::steer::tool());
    world.pass(301);
    world.due(Timer::Minutes);
    assert!(world.finished());
}

#[test]
fn a_kill_waits_for_nothing() {
    let mut world = Plan::of(&five_dollars(r#"{ at = "100%", do = "kill" }"#)).started();
    world.hook(1, "root", Wants::Request);
    world.hook(2, "sub", Wants::Request);
    world.answers("sub", 5_000);
    assert!(world.finished(), "root's answer is under way");
}

#[test]
fn a_route_takes_place_at_the_gate_when_the_tool_is_done() {
    let mut world = Plan::of(&five_dollars(r#"{ at = "50%", do = "route" }, { at = "100%", do = "stop" }"#)).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 2_600);
    assert!(!world.effects.iter().any(|effect| matches!(effect, Effect::Restart { .. })));
    world.hook(2, "root", Wants::Request);
    assert!(world.effects.iter().any(|effect| matches!(effect, Effect::Restart { .. })));
    assert!(!world.is_let_through(2));
    assert_snapshot!(world.told());
}

#[test]
fn an_interrupt_withdraws_the_question() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 2_600);
    world.hook(2, "root", Wants::Request);
    world.skip();
    world.gone(2, Gone::Withdrawn);
    world.hook(3, "root", Wants::Request);
    assert_snapshot!(world.told());
}

#[test]
fn what_is_asked_is_withdrawn_when_the_turn_ends_by_itself() {
    let mut world = known(Plan::of(&five_dollars(ASK))).started();
    world.hook(1, "root", Wants::Request);
    world.hook(2, "sub", Wants::Request);
    world.answers("root", 5_000);
    world.skip();
    world.phase(CODEX, "root", Phase::Idle);
    world.concludes("sub", 10);
    assert_snapshot!(world.told());
}

#[test]
fn a_hook_that_is_ended_ends_the_agent_under_a_limit_and_is_noted_without_one() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 2_600);
    world.hook(2, "root", Wants::Request);
    world.gone(2, Gone::Broken);
    assert!(world.finished());
    let mut world = Plan::of("").started();
    world.by_hand = true;
    world.hook(1, "root", Wants::Request);
    world.gone(1, Gone::Broken);
    assert!(!world.finished());
}

#[test]
fn a_hook_that_could_not_ask_has_ended_the_agent_under_a_limit_and_nothing_without_one() {
    let failed = |text: &str, retries| {
        let mut plan = Plan::of(text);
        plan.agents = vec![AgentSetup { retries, ..setup(CODEX, true) }];
        let mut world = plan.started();
        world.hook(1, "root", Wants::Request);
        world.answers("root", 10);
        world.skip();
        world.feed(Input::GateFailed(AgentName::new(CODEX)));
        world.fails(CODEX);
        world
    };
    // Nor is it tried again: where the gate fails, it would fail once more.
    let mut world = failed(&five_dollars(ASK), 1);
    assert_snapshot!(world.told());
    assert_eq!(failed("", 0).governor.agent(&AgentName::new(CODEX)).unwrap().ending, Some(Ending::Failed));
}

#[test]
fn an_answer_that_was_not_let_through_ends_the_agent() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 10);
    world.skip();
    world.asks("root");
    world.answers("root", 10);
    assert!(world.finished());
    assert_snapshot!(world.told());
}

#[test]
fn a_compaction_and_a_request_that_is_sent_again_are_no_breach() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.hook(1, "root", Wants::Request);
    world.hook(2, "root", Wants::Request);
    world.due(Timer::Record(HookId(2)));
    assert!(world.is_let_through(2));
    world.answers("root", 10);
    world.hook(3, "root", Wants::Compaction);
    world.answers("root", 10);
    world.hook(4, "root", Wants::Request);
    world.answers("root", 10);
    assert!(!world.finished());
}

#[test]
fn after_a_request_that_failed_no_later_one_waits_for_a_record_that_never_comes() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.hook(1, "root", Wants::Request);
    world.hook(2, "root", Wants::Request);
    assert!(!world.is_let_through(2), "the first may have been answered just now");
    world.due(Timer::Record(HookId(2)));
    world.answers("root", 10);
    for id in 3..6 {
        world.hook(id, "root", Wants::Request);
        assert!(world.is_let_through(id), "{id}");
        world.answers("root", 10);
    }
    // Nor is anything left of it that would let an answer pass.
    world.answers("root", 10);
    assert!(world.finished());
}

#[test]
fn a_record_that_comes_late_is_no_breach() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.hook(1, "root", Wants::Request);
    let at = world.now.wall;
    world.hook(2, "root", Wants::Request);
    world.due(Timer::Record(HookId(2)));
    world.responds(crate::decide::tests::world::response(CODEX, "root", "dear", 10, at));
    world.answers("root", 10);
    assert!(!world.finished());
}

#[test]
fn a_request_waits_for_the_record_of_the_answer_before_it() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.hook(1, "root", Wants::Request);
    // It comes to the gate before the answer's record is seen.
    world.hook(2, "root", Wants::Request);
    assert!(!world.is_let_through(2));
    world.answers("root", 100);
    assert!(world.is_let_through(2));
    world.hook(3, "root", Wants::Request);
    world.answers("root", 2_600);
    assert!(!world.is_let_through(3), "the record leaves no room for it");
}

#[test]
fn a_codex_that_does_not_ask_is_held_by_signals_as_before() {
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.hook(1, "root", Wants::Session);
    world.asks("root");
    world.hook(2, "root", tool());
    world.answers("root", 2_600);
    assert!(world.effects.contains(&Effect::Freeze(AgentName::new(CODEX))));
    // Nor is a nested one that does not ask, beside one that does.
    let mut world = Plan::of(&five_dollars(ASK)).started();
    world.hook(1, "root", Wants::Request);
    world.asks("nested");
    world.answers("root", 2_600);
    assert!(world.effects.contains(&Effect::Freeze(AgentName::new(CODEX))));
}

#[test]
fn a_model_that_is_not_allowed_is_not_asked() {
    let mut world = Plan::of("[models]\nallow = [\"mid\"]\n").started();
    world.hook(1, "root", Wants::Request);
    assert!(world.finished() && !world.is_let_through(1));
}

#[test]
fn observing_lets_everything_through() {
    let mut plan = Plan::of(&five_dollars(ASK));
    plan.policy.observe = true;
    plan.agents = vec![setup(CODEX, true)];
    let mut world = plan.started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 9_000);
    world.hook(2, "root", Wants::Request);
    world.hook(3, "root", tool());
    assert!((1..=3).all(|id| world.is_let_through(id)));
}

#[test]
fn every_tool_that_runs_is_written_down_with_what_was_spent_until_then() {
    let mut world = Plan::of("").started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 250);
    world.hook(2, "root", tool());
    let calls = world.effects.iter().filter_map(|effect| match effect {
        Effect::Record { kind: EventKind::ToolCalled { tool, cost, .. }, .. } => Some((tool.clone(), cost.nanos())),
        _ => None,
    });
    assert_eq!(calls.collect::<Vec<_>>(), [("Bash".to_owned(), 250_000_000)]);
}

proptest! {
    /// Whatever two threads are answered, nothing is let through that the largest recent answers say would pass.
    #[test]
    fn no_request_is_let_through_that_would_pass_the_limit(turns in proptest::collection::vec((0_usize..2, 1_u64..900), 1..20)) {
        let mut world = Plan::of(&five_dollars(r#"{ at = "100%", do = "stop" }"#)).started();
        let mut largest = [0_u64; 2];
        let mut spent = 0_u64;
        for (id, (thread, tokens)) in (1..).zip(turns) {
            let name = ["root", "sub"][thread];
            world.hook(id, name, Wants::Request);
            if world.is_let_through(id) {
                prop_assert!(spent + largest[thread] <= 5_000, "{spent} and {largest:?}");
                world.answers(name, tokens);
                spent += tokens;
                // What foretells is the largest of the last five; here never fewer than this one.
                largest[thread] = tokens;
            } else {
                // The tools of the other thread are waited for.
                world.due(Timer::Drain(AgentName::new(CODEX)));
                prop_assert!(world.finished() && !world.is_let_through(id));
                break;
            }
        }
    }
}

/// A tool ran, as its session file tells.
fn ran(call: &str, tool: &str, hooked: bool) -> Input {
    let (thread, tool, call) = (ThreadId::new("root"), tool.to_owned(), call.to_owned());
    Input::Ran { agent: AgentName::new(CODEX), thread, tool, call, hooked }
}

fn named(call: Option<&str>) -> Wants {
    match tool() {
        Wants::Tool(tool) => Wants::Tool(ToolCall { call: call.map(str::to_owned), ..tool }),
        other => other,
    }
}

#[test]
fn a_tool_that_ran_and_did_not_ask_ends_its_agent_where_something_could_have_held_it() {
    const GATE: &str = "[[gate]]\nname = \"no\"\ntool = \"Bash\"\nmatch = [\"git push*\"]\ndo = \"deny\"\n";
    let observed = format!("mode = \"observe\"\n{GATE}");
    let stops = format!("{GATE}{}", five_dollars(ASK));
    for (policy, tool, hooked, stopped) in [
        (stops.as_str(), "Bash", true, true),
        (&stops, "Bash", false, false),
        (&stops, "apply_patch", true, false),
        (&five_dollars(ASK), "Bash", true, false),
        (&observed, "Bash", true, false),
    ] {
        let mut world = Plan::of(policy).started();
        world.hook(1, "root", named(Some("a")));
        world.feed(ran("a", tool, hooked));
        assert!(!world.told().contains("without asking"), "{policy} {tool}");
        world.feed(ran("b", tool, hooked));
        world.feed(ran("c", tool, hooked));
        let told = world.told();
        assert_eq!(told.contains("stop: "), stopped, "{policy} {tool}: {told}");
        assert_eq!(told.matches("marked: ").count(), usize::from(hooked), "{policy} {tool}: {told}");
    }
}

#[test]
fn where_a_codex_names_no_calls_nobody_is_said_not_to_have_asked() {
    let mut world = Plan::of("[[gate]]\nname = \"no\"\ntool = \"Bash\"\ndo = \"deny\"\n").started();
    world.hook(1, "root", named(None));
    world.feed(ran("b", "Bash", true));
    assert!(!world.told().contains("without asking"));
}
