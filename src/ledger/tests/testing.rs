//! What the ledger's tests write.

use crate::model::event::{Answer, Decision, EventKind};
use crate::model::{
    AgentName, ApprovalId, ApprovalState, Attribution, Basis, Billing, BudgetKey, BudgetName, Cost, Event, ModelId,
    Money, ProcessIdentity, Response, ResponseKey, RunId, ServiceTier, Subject, ThreadId, Timestamp, Tokens, Unit,
    Verb,
};

use crate::ledger::{Ledger, Question, Turn};

/// 2026-11-22 10:00 UTC and so many milliseconds.
pub(in crate::ledger) fn at(millis: i64) -> Timestamp {
    Timestamp::from_timestamp_millis(1_795_341_600_000 + millis).unwrap()
}

pub(in crate::ledger) fn process(pid: i32) -> ProcessIdentity {
    ProcessIdentity { pid, started: 7 }
}

pub(in crate::ledger) fn event(run: &str, kind: EventKind) -> Event {
    Event { at: at(0), run: run.into(), agent: Some("coder".into()), kind }
}

pub(in crate::ledger) fn started(run: &str) -> Event {
    let attribution = Attribution { team: Some("web".into()), ..Attribution::default() };
    let kind = EventKind::RunStarted {
        command: vec!["codex".into(), "exec".into()],
        cwd: "/work/shop".into(),
        observe: false,
        policy: "ab12".into(),
        prices: "2026-11-01".into(),
        govern: "0.1.0".into(),
        attribution,
    };
    Event { agent: None, ..event(run, kind) }
}

pub(in crate::ledger) fn ended(run: &str) -> Event {
    let kind =
        EventKind::RunEnded { outcome: "stopped".into(), code: Some(124), rule: Some("each run".into()), lifts: None };
    Event { agent: None, ..event(run, kind) }
}

pub(in crate::ledger) fn seen(run: &str, thread: &str) -> Event {
    let kind = EventKind::ThreadSeen {
        thread: thread.into(),
        root: thread.into(),
        parent: None,
        path: format!("/home/dev/.codex/sessions/{thread}.jsonl"),
        codex: Some("0.169.0".into()),
        billing: Billing::Api,
        role: None,
    };
    event(run, kind)
}

/// A response of one cent.
pub(in crate::ledger) fn response(run: &str, thread: &str, key: &str) -> Response {
    Response {
        run: Some(RunId::from(run)),
        agent: Some(AgentName::from("coder")),
        thread: ThreadId::from(thread),
        root: ThreadId::from(thread),
        key: ResponseKey::from(key),
        at: at(0),
        model: Some(ModelId::from("gpt-6.1-sol")),
        provider: Some("openai".into()),
        tier: ServiceTier::Standard,
        tokens: Tokens { input: 1000, cached_input: 400, cache_write_input: 100, output: 50, reasoning_output: 20 },
        cost: Cost::Priced(Money::from_nanos(10_000_000)),
        basis: Basis::Observed,
        billing: Billing::Api,
        attribution: Attribution { team: Some("web".into()), ..Attribution::default() },
        source: crate::model::Source::Record,
        work: None,
    }
}

pub(in crate::ledger) fn answered(response: Response) -> Event {
    let (run, at) = (response.run.clone().unwrap(), response.at);
    Event { at, agent: response.agent.clone(), run, kind: EventKind::Response(Box::new(response)) }
}

pub(in crate::ledger) fn decided(run: &str) -> Event {
    let decision = Decision {
        verb: Verb::Route,
        budget: BudgetName::from("each run"),
        scope: format!("run={run}"),
        alert: None,
        because: vec!["80% of $5.00 is spent".into()],
        would: false,
        to: Some(ModelId::from("gpt-6-luna")),
        chosen: None,
        wrap_up: None,
    };
    event(run, EventKind::Decided(decision))
}

pub(in crate::ledger) fn key(scope: &str) -> BudgetKey {
    BudgetKey { budget: "teams".into(), scope: scope.into(), window_start: Some(at(0)), unit: Unit::Usd }
}

pub(in crate::ledger) fn question(scope: &str) -> Question {
    Question {
        about: Subject::Limit,
        key: key(scope),
        agent: "coder".into(),
        text: "`teams` is spent: extend by $2.00?".into(),
        extend: 2_000_000_000,
        deadline: Some(at(60_000)),
        step: None,
        may: crate::model::MayAnswer::default(),
    }
}

/// One turn that must succeed.
pub(in crate::ledger) fn turn<R>(ledger: &mut Ledger, work: impl FnOnce(&mut Turn<'_>) -> R) -> R {
    ledger.turn(at(0), |turn| Ok(work(turn))).unwrap()
}

/// The ledger governs this run from now on, as process 100 or what the run's name ends with.
pub(in crate::ledger) fn govern(ledger: &mut Ledger, run: &str) {
    let pid = run.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(100);
    ledger.start_run(run.into(), process(pid));
    turn(ledger, |turn| turn.append(&started(run)).unwrap());
}

pub(in crate::ledger) fn append(ledger: &mut Ledger, event: &Event) -> crate::ledger::Appended {
    turn(ledger, |turn| turn.append(event).unwrap())
}

/// Two sealed runs with something of everything.
pub(in crate::ledger) fn told(ledger: &mut Ledger) {
    for run in ["r1", "r2"] {
        govern(ledger, run);
        let thread = format!("thread-{run}");
        append(ledger, &seen(run, &thread));
        turn(ledger, |turn| turn.keep_command(&run.into(), r#"{"cwd":"/work/shop"}"#).unwrap());
        for n in 0..3 {
            append(ledger, &answered(response(run, &thread, &format!("resp_{n}"))));
        }
        append(ledger, &decided(run));
        let asked = turn(ledger, |turn| turn.questions().ask(&question("team=web"), &|_| true).unwrap().approval);
        let kind = EventKind::Asked {
            approval: asked,
            budget: Some("teams".into()),
            question: "extend?".into(),
            cost: None,
            deadline: Some(at(60_000)),
        };
        append(ledger, &event(run, kind));
        let answer = Answer::Extend { amount: 2_000_000_000 };
        turn(ledger, |turn| {
            let reason = Some("release day");
            assert!(
                turn.questions().answer(asked, ApprovalState::Approved, Some(&answer), "alice (cli)", reason).unwrap()
            );
            let (by, reason) = ("alice (cli)".into(), reason.map(str::to_owned));
            turn.append(&event(run, EventKind::Answered { approval: asked, answer, by, reason })).unwrap();
            extend(turn, run, &key("team=web"), 2_000_000_000, Some("release day"), None);
        });
        append(ledger, &event(run, EventKind::Marked { what: "unpriced: gpt-9".into() }));
        append(ledger, &ended(run));
    }
}

/// Somebody answers, as the supervisor of `r1` writes it down; `false` if somebody else has before.
pub(in crate::ledger) fn answer(
    turn: &mut Turn<'_>,
    id: ApprovalId,
    answer: &Answer,
    by: &str,
    reason: Option<&str>,
) -> bool {
    let state = if answer.is_yes() { ApprovalState::Approved } else { ApprovalState::Denied };
    let first = turn.questions().answer(id, state, Some(answer), by, reason).unwrap();
    if first {
        let (answer, reason) = (answer.clone(), reason.map(str::to_owned));
        turn.append(&event("r1", EventKind::Answered { approval: id, answer, by: by.into(), reason })).unwrap();
    }
    first
}

/// Alice lifts a limit, as a run's supervisor writes it down.
pub(in crate::ledger) fn extend(
    turn: &mut Turn<'_>,
    run: &str,
    key: &BudgetKey,
    amount: i64,
    reason: Option<&str>,
    until: Option<Timestamp>,
) {
    let kind = EventKind::Extended {
        budget: key.budget.clone(),
        scope: key.scope.clone(),
        amount,
        unit: key.unit.as_str().to_owned(),
        by: "alice (cli)".into(),
        reason: reason.map(str::to_owned),
    };
    turn.append(&event(run, kind)).unwrap();
    turn.budgets().extend(key, amount, "alice (cli)", reason, until).unwrap();
}

/// The run goes on, then.
pub(in crate::ledger) fn resumed(run: &str, then: i64) -> Event {
    let kind = EventKind::RunResumed { by: "ann (cli)".into(), policy: "ab12".into(), prices: "1".into() };
    Event { at: at(then), ..event(run, kind) }
}
