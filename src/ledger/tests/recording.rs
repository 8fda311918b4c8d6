//! What is appended comes back as it was, once, in order.

use crate::ledger::tests::testing::*;
use crate::ledger::{Appended, Filter, Holder, Ledger, LedgerError, RunFilter, Verified};
use crate::model::event::{Answer, EventKind};
use crate::model::{ApprovalId, Basis, Billing, Cost, Event, Guess, Money, Response, ServiceTier};

/// One of each kind, with everything optional set.
fn one_of_each() -> Vec<Event> {
    let kinds = vec![
        EventKind::AgentStarted { command: vec!["codex".into()], pid: 42, resumes: Some("t1".into()) },
        EventKind::ThreadSeen {
            thread: "t2".into(),
            root: "t1".into(),
            parent: Some("t1".into()),
            path: "/s/t2.jsonl".into(),
            codex: Some("0.169.0".into()),
            billing: Billing::Plan,
            role: Some("reviewer".into()),
        },
        EventKind::Skipped { path: "/s/t2.jsonl".into(), lines: 2, reason: "no JSON at byte 17".into() },
        EventKind::Requested { request: 1, what: "hold".into(), because: "100% of $5.00".into() },
        EventKind::Outcome { request: 1, ok: true, detail: "3 processes".into() },
        EventKind::Asked {
            approval: ApprovalId(1),
            budget: Some("each run".into()),
            question: "extend?".into(),
            cost: None,
            deadline: Some(at(60_000)),
        },
        EventKind::Answered {
            approval: ApprovalId(1),
            answer: Answer::Extend { amount: 2_000_000_000 },
            by: "alice (cli)".into(),
            reason: Some("“release”".into()),
        },
        EventKind::Extended {
            budget: "each run".into(),
            scope: "run=r1".into(),
            amount: 2_000_000_000,
            unit: "usd".into(),
            by: "alice (cli)".into(),
            reason: None,
        },
        EventKind::Marked { what: "not observed".into() },
        EventKind::CutOff { requests: 2, cost: Money::from_nanos(5) },
        EventKind::AgentEnded {
            code: 137,
            in_flight: 1,
            in_flight_cost: Money::from_nanos(5),
            result: None,
            because: String::new(),
            active_ms: None,
        },
    ];
    let mut events: Vec<Event> = kinds.into_iter().map(|kind| event("r1", kind)).collect();
    events.push(decided("r1"));
    events
}

fn rare() -> Response {
    Response {
        agent: None,
        model: None,
        provider: None,
        tier: ServiceTier::Other("glacial".into()),
        cost: Cost::Unpriced,
        basis: Basis::Estimated(Guess::Pause),
        billing: Billing::Unknown,
        attribution: Default::default(),
        source: crate::model::Source::Record,
        work: None,
        ..response("r1", "t1", "@1024")
    }
}

#[test]
fn every_kind_of_event_comes_back_as_it_was() {
    let mut ledger = Ledger::in_memory().unwrap();
    govern(&mut ledger, "r1");
    let mut told = vec![started("r1")];
    told.extend(one_of_each());
    told.extend([answered(response("r1", "t1", "resp_1")), answered(rare()), ended("r1")]);
    for (event, seq) in told.iter().zip(1..).skip(1) {
        assert_eq!(append(&mut ledger, event), Appended { seq, new: true, holder: None });
    }
    let entries = ledger.runs().events(&"r1".into()).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.event.clone()).collect::<Vec<_>>(), told);
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), (1..=told.len() as u64).collect::<Vec<_>>());
}

#[test]
fn a_response_counts_once_whichever_run_brings_it() {
    let mut ledger = Ledger::in_memory().unwrap();
    govern(&mut ledger, "r1");
    let first = response("r1", "t1", "resp_1");
    assert_eq!(append(&mut ledger, &answered(first.clone())), Appended { seq: 2, new: true, holder: None });
    assert_eq!(append(&mut ledger, &answered(first.clone())), Appended { seq: 2, new: false, holder: None });
    govern(&mut ledger, "r2");
    let again = Response { run: Some("r2".into()), ..first };
    assert_eq!(append(&mut ledger, &answered(again)), Appended { seq: 1, new: false, holder: None });
    // The same key in another thread is another response.
    assert!(append(&mut ledger, &answered(response("r2", "t2", "resp_1"))).new);
    assert_eq!(ledger.sums().by(&[], None, None).unwrap()[0].1.responses, 2);
}

#[test]
fn a_run_takes_nothing_before_its_start_and_after_its_seal() {
    let mut ledger = Ledger::in_memory().unwrap();
    let try_append = |ledger: &mut Ledger, event: &Event| ledger.turn(at(0), |turn| turn.append(event)).unwrap_err();
    assert!(matches!(try_append(&mut ledger, &seen("r1", "t1")), LedgerError::NotStarted { .. }));
    assert!(matches!(try_append(&mut ledger, &started("r1")), LedgerError::NotStarted { .. }));
    govern(&mut ledger, "r1");
    append(&mut ledger, &ended("r1"));
    assert!(matches!(try_append(&mut ledger, &seen("r1", "t1")), LedgerError::Sealed { .. }));
    assert!(matches!(
        ledger.turn(at(0), |turn| turn.budgets().reserve(&key("x"), 1)).unwrap_err(),
        LedgerError::Sealed { .. }
    ));
}

#[test]
fn a_turn_that_fails_leaves_nothing() {
    let mut ledger = Ledger::in_memory().unwrap();
    govern(&mut ledger, "r1");
    let result: Result<(), LedgerError> = ledger.turn(at(0), |turn| {
        turn.append(&answered(response("r1", "t1", "resp_1")))?;
        turn.budgets().reserve(&key("team=web"), 5)?;
        Err(LedgerError::NoRun)
    });
    assert!(result.is_err());
    assert_eq!(ledger.runs().events(&"r1".into()).unwrap().len(), 1);
    assert_eq!(ledger.budgets().reserved(&key("team=web"), &|_| true).unwrap(), 0);
    assert_eq!(ledger.sums().by(&[], None, None).unwrap(), []);
}

#[test]
fn a_runs_row_tells_its_life() {
    let mut ledger = Ledger::in_memory().unwrap();
    assert_eq!(ledger.runs().last().unwrap(), None);
    govern(&mut ledger, "r1");
    let open = ledger.runs().last().unwrap().unwrap();
    assert_eq!((open.ended, open.outcome, open.process), (None, None, process(1)));
    assert_eq!(open.command, ["codex", "exec"]);
    assert_eq!(open.attribution.team.as_deref(), Some("web"));
    append(&mut ledger, &ended("r1"));
    let run = ledger.runs().last().unwrap().unwrap();
    assert_eq!((run.ended, run.code, run.rule), (Some(at(0)), Some(124), Some("each run".into())));
}

#[test]
fn threads_are_known_by_run_and_keep_their_last_state() {
    let mut ledger = Ledger::in_memory().unwrap();
    govern(&mut ledger, "r1");
    append(&mut ledger, &seen("r1", "t1"));
    append(&mut ledger, &seen("r1", "t2"));
    append(&mut ledger, &answered(response("r1", "t2", "resp_1")));
    let moved = |run: &str| match seen(run, "t1") {
        Event { kind: EventKind::ThreadSeen { thread, root, parent, codex, billing, role, .. }, at, run, agent } => {
            let path = "/moved.jsonl".into();
            Event { at, run, agent, kind: EventKind::ThreadSeen { thread, root, parent, path, codex, billing, role } }
        }
        other => other,
    };
    append(&mut ledger, &moved("r1"));
    govern(&mut ledger, "r2");
    append(&mut ledger, &moved("r2"));
    let threads = ledger.runs().threads(&"r1".into()).unwrap();
    let told: Vec<_> = threads.iter().map(|t| (t.thread.as_str(), t.path.as_str(), t.provider.as_deref())).collect();
    let path = "/home/dev/.codex/sessions/t2.jsonl";
    assert_eq!(told, [("t1", "/moved.jsonl", None), ("t2", path, Some("openai"))]);
    assert_eq!(ledger.runs().threads(&"r2".into()).unwrap().len(), 1);
}

#[test]
fn runs_are_found_by_the_beginning_of_their_id() {
    let mut ledger = Ledger::in_memory().unwrap();
    for run in ["k3f9", "k3f9x2", "k4", "%"] {
        govern(&mut ledger, run);
    }
    let found = |prefix: &str| ledger.runs().find(prefix).map(|run| run.id.as_str().to_owned());
    assert_eq!(found("k4").unwrap(), "k4");
    assert_eq!(found("k3f9").unwrap(), "k3f9");
    assert_eq!(found("k3f9x").unwrap(), "k3f9x2");
    assert_eq!(found("%").unwrap(), "%");
    for missing in ["", "k5", "K4", "_"] {
        assert!(matches!(found(missing), Err(LedgerError::NoSuchRun { .. })), "{missing}");
    }
    let error = found("k").unwrap_err();
    assert_eq!(error.to_string(), "several runs begin with `k`: `k4`, `k3f9x2`, `k3f9`");
}

#[test]
fn runs_are_listed_by_time_and_life() {
    let mut ledger = Ledger::in_memory().unwrap();
    for (run, start) in [("r1", 0), ("r2", 1000), ("r3", 2000)] {
        ledger.start_run(run.into(), process(start as i32));
        append(&mut ledger, &Event { at: at(start), ..started(run) });
    }
    append(&mut ledger, &ended("r1"));
    append(&mut ledger, &ended("r2"));
    let ids =
        |filter| ledger.runs().list(&filter).unwrap().iter().map(|run| run.id.as_str().to_owned()).collect::<Vec<_>>();
    let all = RunFilter::default();
    assert_eq!(ids(all), ["r3", "r2", "r1"]);
    assert_eq!(ids(RunFilter { since: Some(at(1000)), ..all }), ["r3", "r2"]);
    assert_eq!(ids(RunFilter { until: Some(at(1000)), ..all }), ["r1"]);
    assert_eq!(ids(RunFilter { limit: Some(1), ..all }), ["r3"]);
    let live = ledger.runs().live(&|govern| [0, 2000].contains(&govern.process.pid)).unwrap();
    assert_eq!(live.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["r3"]);
}

#[test]
fn responses_stream_in_the_order_of_their_time() {
    let mut ledger = Ledger::in_memory().unwrap();
    for run in ["r1", "r2"] {
        govern(&mut ledger, run);
        for minute in [3, 1, 2] {
            let late = Response { at: at(minute * 60_000), ..response(run, run, &minute.to_string()) };
            append(&mut ledger, &answered(late));
        }
    }
    let keys = |filter: Filter| {
        let mut keys = Vec::new();
        ledger
            .responses()
            .each(&filter, |response| keys.push(format!("{}-{}", response.thread, response.key)))
            .unwrap();
        keys
    };
    assert_eq!(keys(Filter::default()), ["r1-1", "r2-1", "r1-2", "r2-2", "r1-3", "r2-3"]);
    assert_eq!(keys(Filter { run: Some("r2".into()), ..Filter::default() }), ["r2-1", "r2-2", "r2-3"]);
    let window = Filter { since: Some(at(60_000)), until: Some(at(120_000)), run: None };
    assert_eq!(keys(window), ["r1-1", "r2-1"]);
}

#[test]
fn of_two_runs_inside_one_another_the_later_teller_hears_whose_a_response_is() {
    let mut ledger = Ledger::in_memory().unwrap();
    govern(&mut ledger, "r1");
    govern(&mut ledger, "r2");
    for (millis, holder) in [(5, Some(Holder::AnotherRun)), (0, None), (-5, None)] {
        let of = |run: &str| Response { at: at(millis), ..response(run, "t", &format!("k{millis}")) };
        assert!(append(&mut ledger, &answered(of("r2"))).new);
        let again = append(&mut ledger, &answered(of("r1")));
        assert_eq!((again.new, again.holder), (false, holder), "{millis} ms after the start of both");
        assert_eq!(append(&mut ledger, &answered(of("r2"))).holder, None);
    }
}

#[test]
fn what_comes_after_a_runs_end_is_added_and_leaves_it_ended_as_it_was() {
    let mut ledger = Ledger::in_memory().unwrap();
    govern(&mut ledger, "r1");
    append(&mut ledger, &ended("r1"));
    let refused = ledger.turn(at(0), |turn| turn.append(&decided("r1")));
    assert!(matches!(refused, Err(LedgerError::Sealed { .. })), "{refused:?}");
    // A turn that adds nothing writes nothing.
    turn(&mut ledger, |turn| turn.adds_late());
    assert_eq!(ledger.runs().events(&"r1".into()).unwrap().len(), 2);
    turn(&mut ledger, |turn| {
        turn.adds_late();
        turn.budgets().reserve(&key("team=web"), 5).unwrap();
        for name in ["resp_1", "resp_2"] {
            turn.append(&answered(response("r1", "t1", name))).unwrap();
        }
    });
    let events = ledger.runs().events(&"r1".into()).unwrap().into_iter().map(|entry| entry.event.kind);
    let events: Vec<EventKind> = events.skip(2).collect();
    assert_eq!((&events[0], &events[3]), (&EventKind::RunReopened, &ended("r1").kind), "{events:?}");
    assert_eq!(events.len(), 4, "{events:?}");
    let run = ledger.runs().last().unwrap().unwrap();
    assert_eq!((run.outcome.as_deref(), run.rule, run.process), (Some("stopped"), Some("each run".into()), process(1)));
    assert_eq!(ledger.budgets().reserved(&key("team=web"), &|_| true).unwrap(), 0);
    assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { entries: 6, .. }));
    // The next turn is as strict as any.
    assert!(ledger.turn(at(0), |turn| turn.append(&decided("r1"))).is_err());
}
