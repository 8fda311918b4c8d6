//! Tools that meet a gate of the policy.

use std::time::Duration;

use insta::assert_snapshot;

use super::world::{CODEX, Plan, World};
use crate::decide::account::Leave;
use crate::decide::message::{Gone, HookId, Judged, News, Settled, ToolCall, Wants};
use crate::decide::{Effect, Input};
use crate::model::event::{Answer, EventKind};
use crate::model::{AgentName, Answerer, ApprovalId, Brake, BudgetKey, Door, Unit};
use crate::policy::rule::{GateVerb, Refusal};

const ASK: GateVerb = GateVerb::Ask { wait: Duration::from_secs(900), otherwise: Refusal::Deny };

fn call(verb: GateVerb) -> Wants {
    let judged = Judged { rule: "leaves".to_owned(), verb, because: "`leaves`: `git push`".to_owned(), would: false };
    let (tool, digest, short) = ("Bash".to_owned(), "d1".to_owned(), "git push".to_owned());
    Wants::Tool(ToolCall { tool, digest, short, judged: Some(judged), call: None })
}

impl World {
    fn is_denied(&self, id: u64) -> bool {
        let denies =
            |effect: &Effect| matches!(effect, Effect::Answer { hook: HookId(hook), deny: Some(_) } if *hook == id);
        self.effects.iter().any(denies)
    }

    fn person_says(&mut self, approval: i64, answer: Answer, reason: Option<&str>) {
        let (approval, by) = (ApprovalId(approval), vec![Answerer::login("ann", Door::Cli)]);
        self.feed(Input::Answered { approval, answer, by, reason: reason.map(str::to_owned) });
    }
}

/// An agent whose Codex asks first, with one answer behind it.
fn world() -> World {
    let mut world = Plan::of("[[gate]]\nname = \"leaves\"\ndo = \"ask\"\n").started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 100);
    world.skip();
    world
}

#[test]
fn a_denied_tool_is_refused_at_once() {
    let mut world = world();
    world.hook(2, "root", call(GateVerb::Deny));
    assert!(world.is_denied(2));
    assert_snapshot!(world.told());
}

#[test]
fn while_a_tool_is_asked_about_requests_wait_and_other_tools_run() {
    let mut world = world();
    world.hook(2, "root", call(ASK));
    // A model whose tools run from a cell is asked again while one is held.
    world.hook(3, "root", Wants::Request);
    world.hook(4, "sub", Wants::Request);
    let free =
        ToolCall { tool: "Bash".to_owned(), digest: "d2".to_owned(), short: "ls".to_owned(), judged: None, call: None };
    world.hook(5, "root", Wants::Tool(free));
    assert!(world.is_let_through(5) && ![2, 3, 4].into_iter().any(|id| world.is_let_through(id)));
    world.person_says(1, Answer::Once, None);
    assert!([2, 3, 4].into_iter().all(|id| world.is_let_through(id)));
    assert_snapshot!(world.told());
}

#[test]
fn a_refusal_carries_its_reason_to_the_model() {
    let mut world = world();
    world.hook(2, "root", call(ASK));
    world.person_says(1, Answer::Refuse, Some("not on a Friday"));
    let why = "govern: ann (cli) refused it: not on a Friday".to_owned();
    assert!(world.effects.contains(&Effect::Answer { hook: HookId(2), deny: Some(why) }));
    assert!(!world.finished());
}

#[test]
fn two_tools_are_two_questions() {
    let mut world = world();
    world.hook(2, "root", call(ASK));
    world.hook(3, "sub", again("another", "leaves"));
    world.person_says(2, Answer::Once, None);
    assert!(world.is_let_through(3) && !world.is_let_through(2));
    world.person_says(1, Answer::Refuse, None);
    assert!(world.is_denied(2));
}

fn asked(world: &World) -> usize {
    world.effects.iter().filter(|effect| matches!(effect, Effect::Ask(_))).count()
}

#[test]
fn equal_calls_are_one_question_whose_answer_is_theirs_alike() {
    let both = |answer, denied: bool| {
        let mut world = world();
        world.hook(2, "root", call(ASK));
        world.hook(3, "root", call(ASK));
        assert_eq!(asked(&world), 1);
        world.person_says(1, answer, None);
        for id in [2, 3] {
            assert_eq!((world.is_denied(id), world.is_let_through(id)), (denied, !denied));
        }
        world.hook(4, "root", call(ASK));
        assert_eq!(asked(&world), 2, "what comes after the answer is asked about");
        world
    };
    assert_snapshot!(both(Answer::Once, false).told());
    both(Answer::Refuse, true);
}

#[test]
fn when_nobody_answers_the_gate_s_else_is_done_to_all_equal_calls() {
    let mut world = world();
    world.hook(2, "root", call(ASK));
    world.hook(3, "root", call(ASK));
    world.deadline(1);
    assert!(world.is_denied(2) && world.is_denied(3));
}

#[test]
fn a_question_is_withdrawn_when_the_last_of_equal_calls_waits_no_longer() {
    let mut world = world();
    let withdrawn = |world: &World| world.effects.contains(&Effect::Withdraw(ApprovalId(1)));
    world.hook(2, "root", call(ASK));
    world.hook(3, "sub", call(ASK));
    world.gone(2, Gone::Withdrawn);
    assert!(!withdrawn(&world));
    world.hook(4, "sub", Wants::Request);
    assert!(!world.is_let_through(4));
    world.gone(3, Gone::Withdrawn);
    assert!(withdrawn(&world) && world.is_let_through(4));
}

#[test]
fn an_answer_that_another_process_took_counts_here() {
    for (answer, denied) in [(Answer::Once, false), (Answer::Refuse, true)] {
        let mut world = world();
        world.hook(2, "root", call(ASK));
        let (approval, by) = (ApprovalId(1), "bob (cli)".to_owned());
        let answers = vec![Settled { approval, answer, by, reason: Some("why not".to_owned()) }];
        world.feed(Input::Elsewhere(News { answers, ..News::default() }));
        assert_eq!((world.is_denied(2), world.is_let_through(2)), (denied, !denied));
        let answered = |effect: &Effect| matches!(effect, Effect::Record { kind: EventKind::Answered { .. }, .. });
        assert!(!world.effects.iter().any(answered), "the other process has written it down");
    }
}

#[test]
fn without_an_answer_the_gate_s_else_is_done() {
    let cases = [
        (Refusal::Deny, Answer::Refuse, false),
        (Refusal::Stop, Answer::Stop, true),
        (Refusal::Kill, Answer::Kill, true),
    ];
    for (otherwise, answer, ends) in cases {
        let mut world = world();
        world.hook(2, "root", call(GateVerb::Ask { wait: Duration::from_secs(9), otherwise }));
        world.deadline(1);
        assert_eq!((world.is_denied(2), world.finished()), (!ends, ends), "{otherwise}");
        assert!(world.effects.contains(&Effect::Expire(ApprovalId(1), answer)));
    }
}

#[test]
fn a_question_about_a_tool_that_waits_no_longer_is_withdrawn() {
    let mut interrupted = world();
    interrupted.hook(2, "root", call(ASK));
    interrupted.gone(2, Gone::Withdrawn);
    let mut exited = world();
    exited.hook(2, "root", call(ASK));
    exited.feed(Input::Exited { agent: AgentName::new(CODEX), leftover: 0, ok: true });
    for world in [interrupted, exited] {
        assert!(world.effects.contains(&Effect::Withdraw(ApprovalId(1))));
    }
}

#[test]
fn a_hook_that_is_ended_over_a_question_ends_the_agent() {
    let mut world = world();
    world.hook(2, "root", call(ASK));
    world.gone(2, Gone::Broken);
    assert!(world.finished());
}

#[test]
fn a_killed_agent_is_killed_whatever_it_waits_for() {
    let mut world = world();
    world.hook(2, "root", call(ASK));
    world.person_says(1, Answer::Kill, None);
    assert!(world.finished() && !world.is_let_through(2));
}

fn again(digest: &str, gate: &str) -> Wants {
    let because = "`leaves`: `git push`".to_owned();
    let judged = Judged { rule: gate.to_owned(), verb: ASK, because, would: false };
    let (tool, short) = ("Bash".to_owned(), "git push".to_owned());
    Wants::Tool(ToolCall { tool, digest: digest.to_owned(), short, judged: Some(judged), call: None })
}

#[test]
fn a_call_that_was_let_run_for_the_run_is_not_asked_about_again_and_any_other_is() {
    let mut world = world();
    world.hook(2, "root", call(ASK));
    world.person_says(1, Answer::Allow { seconds: None }, None);
    assert!(world.is_let_through(2));
    world.hook(9, "sub", Wants::Request);
    world.hook(3, "sub", call(ASK));
    assert!(world.is_let_through(3), "whichever thread of the agent makes it");
    world.hook(4, "root", again("another", "leaves"));
    world.hook(5, "root", again("d1", "another gate"));
    assert!(!world.is_let_through(4) && !world.is_let_through(5));
    assert_snapshot!(world.told());
}

#[test]
fn a_call_that_was_let_run_for_a_time_is_asked_about_once_that_is_over() {
    let mut world = world();
    world.hook(2, "root", call(ASK));
    world.person_says(1, Answer::Allow { seconds: Some(60) }, None);
    world.pass(30);
    world.hook(3, "root", call(ASK));
    assert!(world.is_let_through(3));
    world.wall_jumps_to("2026-11-24T06:00:00Z");
    world.pass(30);
    world.hook(4, "root", call(ASK));
    assert!(!world.is_let_through(4), "a clock that is set back gives no more time");
}

/// A run that goes on, and a person's leave from before, given at ten by the world's clock.
fn resumed(time: Option<u64>) -> World {
    let mut world = world();
    let scope = "run=r1, agent=codex, call=Bash d1".to_owned();
    let key = BudgetKey { budget: "leaves".into(), scope, window_start: None, unit: Unit::ToolCalls };
    let by = "ann (cli)".to_owned();
    let leave = Leave { approval: ApprovalId(7), by, at: world.now.wall, time: time.map(Duration::from_secs) };
    world.shelf.get_mut().leaves.insert(key, leave);
    world
}

#[test]
fn what_was_let_run_again_before_the_run_was_stopped_is_not_asked_about() {
    let mut world = resumed(None);
    world.pass(86_400);
    world.hook(2, "root", call(ASK));
    assert!(world.is_let_through(2));
    world.hook(3, "root", again("another", "leaves"));
    world.hook(4, "root", again("d1", "another gate"));
    assert!(!world.is_let_through(3) && !world.is_let_through(4));
    let by = |effect: &Effect| matches!(effect, Effect::Record { kind: EventKind::ToolCalled { by: Some(by), .. }, .. } if by == "ann (cli), approval 7");
    assert!(world.effects.iter().any(by));
}

#[test]
fn what_was_let_run_for_a_time_has_what_the_wall_clock_left_of_it() {
    let mut world = resumed(Some(60));
    // Each hook comes a second later.
    world.pass(58);
    world.hook(2, "root", call(ASK));
    assert!(world.is_let_through(2));
    world.hook(3, "root", call(ASK));
    assert!(!world.is_let_through(3));
    let mut set_back = resumed(Some(60));
    set_back.wall_jumps_to("2026-11-24T06:00:00Z");
    set_back.hook(2, "root", call(ASK));
    assert!(!set_back.is_let_through(2), "a clock that is set back gives no more time");
}

#[test]
fn a_call_that_was_let_run_once_is_asked_about_again() {
    let mut world = world();
    world.hook(2, "root", call(ASK));
    world.person_says(1, Answer::Once, None);
    world.hook(3, "root", call(ASK));
    assert!(world.is_let_through(2) && !world.is_let_through(3));
}

#[test]
fn a_tool_that_is_allowed_while_its_agent_is_paused_runs_when_it_goes_on() {
    let mut world = world();
    world.hook(2, "root", call(ASK));
    world.brakes(Brake::Pause);
    world.person_says(1, Answer::Once, None);
    assert!(!world.is_let_through(2));
    world.brakes(Brake::Continue);
    assert!(world.is_let_through(2));
}

#[test]
fn the_end_of_a_pause_does_not_allow_a_tool() {
    let mut world = world();
    world.hook(2, "root", call(ASK));
    world.brakes(Brake::Pause);
    world.brakes(Brake::Continue);
    assert!(!world.is_let_through(2));
    assert_eq!(world.governor.waits_for_answer(&AgentName::new(CODEX)), Some(ApprovalId(1)));
}
