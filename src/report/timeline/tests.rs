//! A run's events as a person is told them.

use super::*;
use crate::model::event::{Chosen, Course, Moved};
use crate::model::{Money, ResponseKey};
use crate::report::tests::sample;

fn lines(kinds: Vec<(&str, EventKind)>) -> Vec<String> {
    let events: Vec<Event> = kinds.into_iter().map(|(at, kind)| sample::event(at, kind)).collect();
    told(&events)
        .iter()
        .map(|told| {
            let item = told.item(Tz::UTC, false);
            format!("{} | {}", item.lead, item.text)
        })
        .collect()
}

fn requested(request: u64, what: &str) -> EventKind {
    EventKind::Requested { request, what: what.into(), because: "the reason".into() }
}

#[test]
fn a_question_its_hold_and_its_answer_are_one_line() {
    let said = lines(vec![
        ("2026-11-22T14:00:00Z", sample::decided(Verb::Ask, &["`each run`: $4.93 + $0.21 reserved of $5.00"])),
        ("2026-11-22T14:00:00Z", requested(1, "hold")),
        ("2026-11-22T14:00:00Z", sample::asked(7)),
        ("2026-11-22T14:02:11Z", sample::answered(7, Answer::Extend { amount: 1_000_000_000 }, "bob (cli)")),
        ("2026-11-22T14:02:11Z", sample::extended(1_000_000_000)),
        ("2026-11-22T14:02:11Z", requested(2, "release")),
    ]);
    assert_eq!(
        said,
        [
            "14:00:00  held | 2 min 11 s: `each run`: $4.93 + $0.21 reserved of $5.00 (question 7); bob (cli): extended by $1.00"
        ]
    );
}

#[test]
fn a_call_that_waits_at_a_gate_is_held_as_long_as_its_question_is_open() {
    let said = lines(vec![
        ("2026-11-22T14:00:00Z", sample::asked(7)),
        ("2026-11-22T14:00:05Z", sample::asked(8)),
        ("2026-11-22T14:00:42Z", sample::answered(7, Answer::Once, "bob (cli)")),
        ("2026-11-22T14:01:05Z", sample::answered(8, Answer::Refuse, "bob (cli)")),
    ]);
    assert!(said[0].starts_with("14:00:00  held | 42 s: ") && said[0].contains("(question 7)"), "{said:?}");
    assert!(said[1].starts_with("14:00:05  held | 1 min: "), "{said:?}");
}

#[test]
fn an_unanswered_question_ends_with_the_policys_else() {
    let said = lines(vec![
        ("2026-11-22T14:00:00Z", sample::decided(Verb::Ask, &["`each run` is used up"])),
        ("2026-11-22T14:00:00Z", requested(1, "hold")),
        ("2026-11-22T14:00:00Z", sample::asked(7)),
        ("2026-11-22T14:30:00Z", sample::answered(7, Answer::Stop, "deadline")),
        ("2026-11-22T14:30:00Z", requested(2, "end")),
        ("2026-11-22T14:30:01Z", sample::agent_ended(0)),
    ]);
    assert_eq!(
        said,
        ["14:00:00  held | 30 min: `each run` is used up (question 7); nobody answered in time: it was stopped"]
    );
}

#[test]
fn a_hold_that_a_route_ended_is_over_with_the_restart() {
    let said = lines(vec![
        ("2026-11-22T14:00:00Z", sample::decided(Verb::Ask, &["`each run` is used up"])),
        ("2026-11-22T14:00:00Z", requested(1, "hold")),
        ("2026-11-22T14:00:00Z", sample::asked(7)),
        ("2026-11-22T14:02:00Z", sample::answered(7, Answer::Route, "bob (cli)")),
        ("2026-11-22T14:02:00Z", requested(2, "end to restart")),
        ("2026-11-22T14:30:00Z", sample::agent_ended(0)),
    ]);
    assert!(said[0].starts_with("14:00:00  held | 2 min: "), "{said:?}");
}

#[test]
fn a_steer_is_told_once() {
    let said = lines(vec![
        ("2026-11-22T14:00:00Z", sample::decided(Verb::Steer, &["`each run`: 30% reached"])),
        ("2026-11-22T14:00:00Z", requested(1, "steer")),
        ("2026-11-22T14:00:09Z", EventKind::Outcome { request: 1, ok: false, detail: "nobody heard it".into() }),
    ]);
    assert_eq!(said, ["14:00:00  steered | `each run`: 30% reached", "14:00:09  failed | to steer: nobody heard it"]);
}

#[test]
fn what_is_only_observed_would_have_been() {
    let EventKind::Decided(mut decision) = sample::decided(Verb::Stop, &["`each run` is used up"]) else {
        unreachable!()
    };
    decision.would = true;
    let said = lines(vec![("2026-11-22T14:00:00Z", EventKind::Decided(decision))]);
    assert_eq!(said, ["14:00:00  would have stopped | `each run` is used up"]);
}

#[test]
fn an_end_without_a_verdict_says_its_own_reason_and_a_failure_is_told() {
    let said = lines(vec![
        ("2026-11-22T14:00:00Z", requested(1, "end")),
        ("2026-11-22T14:00:01Z", EventKind::Outcome { request: 1, ok: false, detail: "2 processes were left".into() }),
        ("2026-11-22T14:00:02Z", sample::agent_ended(1)),
    ]);
    assert_eq!(
        said,
        [
            "14:00:00  ended | the reason",
            "14:00:01  failed | to end: 2 processes were left",
            "14:00:02  unlogged | 1 request was cut off: perhaps served, never logged; it may have cost \
             $0.21, which is in no sum here",
        ]
    );
}

#[test]
fn a_finding_that_ends_the_agent_is_told_once() {
    let said = lines(vec![
        ("2026-11-22T14:00:00Z", EventKind::Marked { what: "the reason".into() }),
        ("2026-11-22T14:00:00Z", requested(1, "end")),
    ]);
    assert_eq!(said, ["14:00:00  ended | the reason"]);
}

#[test]
fn a_verdict_on_an_agent_that_ended_by_itself_is_not_told_as_done() {
    let ended = |outcome: &str| EventKind::RunEnded {
        outcome: outcome.into(),
        code: Some(0),
        rule: Some("each run".into()),
        lifts: None,
    };
    let done = || EventKind::Outcome { request: 1, ok: true, detail: "ended".into() };
    let at = "2026-11-22T14:00:00Z";
    for (verb, between, outcome, word) in [
        (Verb::Stop, vec![], "ended", "meant to stop"),
        (Verb::Kill, vec![requested(1, "end")], "ended", "meant to kill"),
        (Verb::Stop, vec![requested(1, "freeze"), done()], "ended", "meant to stop"),
        (Verb::Stop, vec![requested(1, "end"), done()], "ended", "stopped"),
        (Verb::Kill, vec![], "killed", "killed"),
    ] {
        let mut events = vec![(at, sample::decided(verb, &["`each run` is used up"]))];
        events.extend(between.into_iter().map(|kind| (at, kind)));
        events.push((at, ended(outcome)));
        assert_eq!(lines(events), [format!("14:00:00  {word} | `each run` is used up")]);
    }
}

#[test]
fn skipped_lines_say_how_many_and_where() {
    let said = lines(vec![(
        "2026-11-22T14:00:00Z",
        EventKind::Skipped {
            path: "/home/x/.codex/sessions/rollout-1.jsonl".into(),
            lines: 3,
            reason: "not JSON, the first at byte 4,096".into(),
        },
    )]);
    assert_eq!(said, ["14:00:00  skipped | 3 lines of rollout-1.jsonl: not JSON, the first at byte 4,096"]);
}

#[test]
fn a_refused_tool_is_told_with_its_gate_and_an_allowed_one_is_not() {
    let call = |verdict, by: Option<&str>| EventKind::ToolCalled {
        model: None,
        thread: "t".into(),
        tool: "Bash".into(),
        input: "d1".into(),
        short: "git push".into(),
        cost: Money::ZERO,
        verdict,
        rule: Some("leaves".into()),
        because: Some("`leaves`: `git push` matches `git push*`".into()),
        by: by.map(str::to_owned),
    };
    let at = "2026-11-22T14:00:00Z";
    assert!(lines(vec![(at, call(ToolVerdict::Allowed, None))]).is_empty());
    let said = lines(vec![(at, call(ToolVerdict::Denied, Some("ada (cli)")))]);
    assert_eq!(said, ["14:00:00  refused | Bash: git push: `leaves`: `git push` matches `git push*`, by ada (cli)"]);
}

fn braked(brake: Brake, by: &str, reason: Option<&str>) -> EventKind {
    EventKind::Braked { brake, by: by.to_owned(), reason: reason.map(str::to_owned) }
}

#[test]
fn a_pause_is_one_line_with_its_end_and_a_stop_says_by_whom() {
    let said = lines(vec![
        ("2026-11-22T14:00:00Z", braked(Brake::Pause, "ann (cli)", Some("lunch"))),
        ("2026-11-22T14:00:00Z", requested(1, "pause")),
        ("2026-11-22T14:10:00Z", braked(Brake::Pause, "bob (cli)", None)),
        ("2026-11-22T14:30:00Z", braked(Brake::Continue, "bob (cli)", None)),
        ("2026-11-22T14:30:00Z", requested(2, "release")),
        ("2026-11-22T14:40:00Z", braked(Brake::Pause, "ann (cli)", None)),
        ("2026-11-22T14:41:00Z", braked(Brake::Stop, "ann (cli)", Some("enough"))),
        ("2026-11-22T14:41:00Z", requested(3, "end")),
        ("2026-11-22T14:41:02Z", sample::agent_ended(0)),
    ]);
    assert_eq!(
        said,
        [
            "14:00:00  paused | 30 min: by ann (cli): “lunch”; continued by bob (cli)",
            "14:40:00  paused | 1 min 2 s: by ann (cli)",
            "14:41:00  stopped | by ann (cli): “enough”",
        ]
    );
}

#[test]
fn what_is_divided_is_told_with_who_gave_whom_how_much_and_why() {
    let share = |amount: i64, pool: i64| EventKind::Allotted {
        budget: "fleet".into(),
        scope: "run=r1".into(),
        amount,
        unit: "usd".into(),
        pool,
    };
    let pooled = |moved: Moved, amount: i64, pool: i64| EventKind::Pooled {
        budget: "fleet".into(),
        scope: "run=r1".into(),
        moved,
        amount,
        unit: "usd".into(),
        pool,
        reason: None,
    };
    let chosen = |what: Course, verb: Verb, rationale: &str| {
        let EventKind::Decided(decision) = sample::decided(verb, &["$1.80 of $2.00 (fleet, allotted to web)"]) else {
            unreachable!()
        };
        let chosen = Some(Chosen { what, rationale: rationale.into(), open: false, advice: None });
        EventKind::Decided(Decision { chosen, budget: "fleet".into(), ..decision })
    };
    let extended = "extended by $0.80 from the pool: 3 files changed in the last 5 minutes, $0.31/min against \
                    $0.40/min declared, 2 agents wait for this one";
    let amount = 800_000_000;
    let at = "2026-11-22T14:00:00Z";
    let said = lines(vec![
        (at, share(2_000_000_000, 3_000_000_000)),
        (at, chosen(Course::Extend { amount }, Verb::Warn, extended)),
        (at, pooled(Moved::Extended, amount, 2_200_000_000)),
        (at, chosen(Course::GoOn, Verb::Warn, "goes on: no file was changed so far, the pool is empty")),
        (
            at,
            chosen(
                Course::Act { verb: Verb::Throttle },
                Verb::Throttle,
                "throttled: $0.90/min against $0.40/min declared",
            ),
        ),
        (
            at,
            chosen(
                Course::Act { verb: Verb::Route },
                Verb::Route,
                "routed to gpt-6.1-terra: the pool is empty, it would have cost 50% less for the same tokens",
            ),
        ),
        (
            at,
            chosen(
                Course::Act { verb: Verb::Stop },
                Verb::Stop,
                "stopped: `make` failed 3 times in a row, $2.20 stay in the pool",
            ),
        ),
        (at, pooled(Moved::GivenBack, 300_000_000, 2_500_000_000)),
    ]);
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn what_two_sources_say_of_a_response_is_told_by_what_they_differ_in() {
    let tokens = |input, cached_input, output| Tokens { input, cached_input, output, ..Tokens::default() };
    let differed = |record, hook| {
        let kind = EventKind::Differed { thread: "t".into(), key: ResponseKey::new("r"), record, hook };
        lines(vec![("2026-11-22T14:00:00Z", kind)]).remove(0)
    };
    let told = differed(tokens(100, 0, 10), tokens(110, 0, 10));
    assert!(told.contains("110 tokens in its session file, 120 by what Codex told"), "{told}");
    let told = differed(tokens(100, 20, 10), tokens(100, 30, 10));
    assert!(told.contains(": 20 cached input tokens in its session file, 30 cached input tokens by what"), "{told}");
}

#[test]
fn a_stop_that_waits_for_what_is_under_way_is_told_once() {
    for waits in ["wait for the answers under way", "wait for the tools under way"] {
        let said = lines(vec![
            ("2026-11-22T14:00:00Z", sample::decided(Verb::Stop, &["`each run` is used up"])),
            ("2026-11-22T14:00:00Z", requested(1, waits)),
            ("2026-11-22T14:00:02Z", requested(2, "end")),
        ]);
        assert_eq!(said, ["14:00:00  stopped | `each run` is used up"], "{waits}");
    }
}
