//! A tool that is asked about, of a Codex that does not ask before its requests.

use std::time::Duration;

use insta::assert_snapshot;

use super::world::{CODEX, Plan, World, five_dollars};
use crate::decide::message::{Gone, HookId, Judged, ToolCall, Wants};
use crate::decide::{Effect, Input};
use crate::model::event::Answer;
use crate::model::{AgentName, ApprovalId, Brake};
use crate::policy::rule::{GateVerb, Refusal};

fn call(digest: &str) -> Wants {
    let verb = GateVerb::Ask { wait: Duration::from_secs(900), otherwise: Refusal::Deny };
    let judged = Judged { rule: "leaves".to_owned(), verb, because: "`leaves`".to_owned(), would: false };
    let (tool, short) = ("Bash".to_owned(), format!("git push {digest}"));
    Wants::Tool(ToolCall { tool, digest: digest.to_owned(), short, judged: Some(judged), call: None })
}

/// Its tools ask, its requests do not.
fn world() -> World {
    let budget = five_dollars(r#"{ at = "100%", do = "ask" }"#);
    let mut world = Plan::of(&format!("[[gate]]\nname = \"leaves\"\ndo = \"ask\"\n{budget}")).started();
    world.works(100);
    world.skip();
    world
}

fn stands_still(world: &World) -> bool {
    let moves = |effect: &&Effect| matches!(effect, Effect::Freeze(_) | Effect::Thaw(_));
    matches!(world.effects.iter().rfind(moves), Some(Effect::Freeze(_)))
}

/// The questions that were put, in order.
fn put(world: &World) -> Vec<&str> {
    let text = |effect: &'_ Effect| matches!(effect, Effect::Ask(_));
    let asked = world.effects.iter().filter(|effect| text(effect));
    asked
        .filter_map(
            |effect| if let Effect::Ask(question) = effect { question.text.split(' ').next_back() } else { None },
        )
        .collect()
}

#[test]
fn its_processes_stand_still_before_a_person_is_asked_and_go_on_after_the_answer() {
    let mut world = world();
    world.hook(2, "root", call("d1"));
    assert!(stands_still(&world));
    world.person(1, Answer::Once);
    assert!(world.is_let_through(2) && !stands_still(&world));
    assert_snapshot!(world.told());
}

#[test]
fn each_of_two_questions_has_its_own_number_and_both_must_be_answered() {
    let mut world = world();
    world.by_hand = true;
    world.hook(2, "root", call("d1"));
    world.hook(3, "root", call("d2"));
    assert_eq!(put(&world), [""; 0], "it moves still");
    let report = world.reports.pop_front().unwrap();
    world.feed(report);
    assert_eq!(put(&world), ["d1", "d2"]);
    world.person(2, Answer::Once);
    assert!(world.is_let_through(3) && !world.is_let_through(2) && stands_still(&world));
    world.person(1, Answer::Refuse);
    assert!(!stands_still(&world));
    assert!(world.effects.iter().any(|effect| matches!(effect, Effect::Answer { hook: HookId(2), deny: Some(_) })));
}

#[test]
fn an_answer_a_deadline_and_an_interrupt_let_it_move_and_a_kill_ends_it() {
    type End = fn(&mut World);
    let ends: [(End, bool); 4] = [
        (|world| world.person(1, Answer::Refuse), false),
        (|world| world.deadline(1), false),
        (|world| world.gone(2, Gone::Withdrawn), false),
        (|world| world.person(1, Answer::Kill), true),
    ];
    for (end, finished) in ends {
        let mut world = world();
        world.hook(2, "root", call("d1"));
        end(&mut world);
        assert_eq!((world.finished(), stands_still(&world)), (finished, finished));
    }
}

#[test]
fn a_budget_that_is_spent_meanwhile_keeps_it_still_until_both_are_answered() {
    for call_first in [true, false] {
        let mut world = world();
        world.hook(2, "root", call("d1"));
        world.answers("root", 5_000);
        assert_eq!(world.governor.held_approval(&AgentName::new(CODEX)), Some(ApprovalId(2)));
        let answers = if call_first { [1, 2] } else { [2, 1] };
        world.extends(answers[0], if call_first { 1 } else { 20_000_000_000 });
        assert!(stands_still(&world));
        world.extends(answers[1], if call_first { 20_000_000_000 } else { 1 });
        assert!(!stands_still(&world) && world.is_let_through(2));
    }
}

#[test]
fn paused_and_continued_it_stands_still_for_its_question() {
    let mut world = world();
    world.hook(2, "root", call("d1"));
    world.brakes(Brake::Pause);
    world.brakes(Brake::Continue);
    assert!(stands_still(&world) && !world.is_let_through(2));
    world.person(1, Answer::Once);
    assert!(!stands_still(&world) && world.is_let_through(2));
}

#[test]
fn one_that_ends_by_itself_is_over() {
    let mut world = world();
    world.hook(2, "root", call("d1"));
    world.feed(Input::Exited { agent: AgentName::new(CODEX), leftover: 0, ok: true });
    assert!(world.finished() && world.effects.contains(&Effect::Withdraw(ApprovalId(1))));
}
