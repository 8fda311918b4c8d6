//! What metrics ask: counters that are what the events and rows say, whenever they were made.

use std::time::Duration;

use crate::ledger::tests::testing::*;
use crate::ledger::{Counters, KeptName, Ledger, Moment, Times, Verified, figures};
use crate::model::event::{EventKind, ToolVerdict};
use crate::model::{Histogram, Money};

fn call(run: &str, verdict: ToolVerdict) -> EventKind {
    EventKind::ToolCalled {
        thread: format!("thread-{run}").as_str().into(),
        model: Some("gpt-6.1-sol".into()),
        tool: "Bash".to_owned(),
        input: String::new(),
        short: String::new(),
        cost: Money::ZERO,
        verdict,
        rule: None,
        because: None,
        by: None,
    }
}

/// Two runs with six responses, two decisions and a third that only would have been, and three tool calls, one refused.
fn busy() -> Ledger {
    let mut ledger = Ledger::in_memory().unwrap();
    told(&mut ledger);
    govern(&mut ledger, "r3");
    append(&mut ledger, &seen("r3", "thread-r3"));
    for verdict in [ToolVerdict::Allowed, ToolVerdict::Denied, ToolVerdict::Allowed] {
        append(&mut ledger, &event("r3", call("r3", verdict)));
    }
    let EventKind::Decided(decision) = decided("r3").kind else { unreachable!("it is a decision") };
    append(&mut ledger, &event("r3", EventKind::Decided(crate::model::event::Decision { would: true, ..decision })));
    ledger
}

/// Everything that is counted.
fn counted(ledger: &Ledger) -> String {
    let mut used = Counters::of(ledger).spenders().unwrap();
    used.sort_by_key(|one| format!("{one:?}"));
    format!("{used:#?}\n{:#?}", Counters::of(ledger).decided().unwrap())
}

#[test]
fn counters_are_what_the_rows_and_the_events_say() {
    let ledger = busy();
    let used = Counters::of(&ledger).spenders().unwrap();
    let [one] = used.as_slice() else { panic!("{used:?}") };
    assert_eq!((one.sum.responses, one.sum.cost, one.calls, one.denied), (6, Money::from_nanos(60_000_000), 3, 1));
    assert_eq!((one.who.team.as_deref(), one.who.agent.as_deref()), (Some("web"), Some("coder")));
    let decided = Counters::of(&ledger).decided().unwrap();
    let of = |action: &str| decided[&(action.to_owned(), "each run".to_owned())];
    assert_eq!((decided.len(), of("route"), of("would_route")), (2, 2, 1));
    assert_eq!(Counters::of(&ledger).answer_times().unwrap().count(), 2);
}

#[test]
fn an_older_ledger_counts_what_it_holds() {
    let mut ledger = busy();
    let before = counted(&ledger);
    for table in ["rollup_by_series", "decided", "calls_denied"] {
        ledger.conn.execute(&format!("DELETE FROM {table}"), []).unwrap();
    }
    assert_ne!(counted(&ledger), before);
    figures::fill(&ledger.conn).unwrap();
    assert_eq!(counted(&ledger), before);
    append(&mut ledger, &ended("r3"));
    assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { .. }));
}

#[test]
fn the_audit_finds_counts_that_were_changed() {
    for sql in [
        "UPDATE decided SET decisions = decisions + 1",
        "UPDATE calls_denied SET calls = 0",
        "UPDATE rollup_by_series SET cost = cost - 1",
    ] {
        let mut ledger = busy();
        append(&mut ledger, &ended("r3"));
        assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { .. }));
        ledger.conn.execute_batch(sql).unwrap();
        assert!(matches!(ledger.audit().verify().unwrap(), Verified::Broken { .. }), "{sql}");
    }
}

#[test]
fn times_add_up_over_writes_and_runs() {
    let mut ledger = busy();
    let mut times = Times { held: Duration::from_millis(1_500), ..Times::default() };
    times.hooks.add(Duration::from_millis(3));
    times.hooks.add(Duration::from_secs(60));
    for run in ["r1", "r3", "r3"] {
        turn(&mut ledger, |turn| times.add_to(turn, &run.into()).unwrap());
    }
    let found = Counters::of(&ledger).times().unwrap();
    let counts: Vec<(Option<u64>, u64)> = found.hooks.counted().collect();
    assert_eq!(counts, [(Some(5_000), 3), (None, 3)]);
    assert_eq!((found.hooks.micros(), found.held), (3 * 60_003_000, Duration::from_millis(4_500)));
    assert_ne!(found.hooks, Histogram::new(crate::model::HOOK_BOUNDS));
}

#[test]
fn names_are_kept_for_each_metric_apart() {
    let mut ledger = busy();
    let name = |label: &str, base: i64| KeptName { labels: vec![label.to_owned(), String::new()], base: vec![base] };
    turn(&mut ledger, |turn| {
        KeptName::keep(turn, "a", &[name("x", 0), name("y", 5)]).unwrap();
        KeptName::keep(turn, "b", &[name("z", 1)]).unwrap();
        KeptName::keep(turn, "a", &[name("y", 5)]).unwrap();
    });
    assert_eq!(Counters::of(&ledger).kept_names("a").unwrap(), [name("y", 5)]);
    assert_eq!(Counters::of(&ledger).kept_names("b").unwrap(), [name("z", 1)]);
    assert_eq!(Counters::of(&ledger).kept_names("c").unwrap(), []);
}

#[test]
fn what_is_read_in_one_moment_is_as_of_that_moment() {
    let temp = tempfile::tempdir().unwrap();
    let mut writes = Ledger::open(temp.path()).unwrap();
    told(&mut writes);
    let reads = Ledger::open_read_only(temp.path()).unwrap();
    let before = counted(&reads);
    let moment = Moment::of(&reads).unwrap();
    assert_eq!(counted(&reads), before);
    govern(&mut writes, "r3");
    append(&mut writes, &seen("r3", "thread-r3"));
    append(&mut writes, &event("r3", call("r3", ToolVerdict::Denied)));
    assert_eq!(counted(&reads), before, "it stands still");
    drop(moment);
    assert_ne!(counted(&reads), before);
    assert_eq!(counted(&reads), counted(&writes));
}
