//! A fleet that the tests show after it ran: one agent of each fate.

use chrono_tz::Tz;

use super::{at, decided, info, prices, response, standing, thread};
use crate::model::event::{AgentResult, Chosen, Course, EventKind, Moved};
use crate::model::{AgentName, Event, Money, RunInfo, Unit, Verb};
use crate::report::{RunParts, RunReport, RunTally};

const ROOT: [&str; 5] = [
    "019a8b7c-1a2b-7c3d-8e4f-5a6b7c8d9e0f",
    "019a8b7d-2b3c-7d4e-9f50-6b7c8d9e0f1a",
    "019a8b7e-3c4d-7e5f-8061-7c8d9e0f1a2b",
    "019a8b7f-4d5e-7f60-9172-8d9e0f1a2b3c",
    "019a8b80-5e6f-7071-8283-9e0f1a2b3c4d",
];

fn of(minute: u32, agent: &str, kind: EventKind) -> Event {
    Event {
        at: at(&format!("2026-11-22T14:{minute:02}:00Z")),
        run: "k3f9x27m1a".into(),
        agent: Some(agent.into()),
        kind,
    }
}

fn registered(spend: Option<i64>, needs: &[&str]) -> EventKind {
    EventKind::Registered {
        spend: spend.map(cents),
        unit: spend.map(|_| "usd".to_owned()),
        responses: None,
        milliseconds: None,
        tier: None,
        priority: 5,
        needs: needs.iter().map(|need| AgentName::new(*need)).collect(),
    }
}

fn cents(cents: i64) -> i64 {
    cents * 10_000_000
}

fn allotted(amount: i64, pool: i64) -> EventKind {
    let (budget, scope, unit) = ("fleet".into(), "run=k3f9x27m1a".to_owned(), "usd".to_owned());
    EventKind::Allotted { budget, scope, amount: cents(amount), unit, pool: cents(pool) }
}

fn pooled(moved: Moved, amount: i64, pool: i64) -> EventKind {
    let (budget, scope, unit) = ("fleet".into(), "run=k3f9x27m1a".to_owned(), "usd".to_owned());
    EventKind::Pooled { budget, scope, moved, amount: cents(amount), unit, pool: cents(pool), reason: None }
}

fn started(again: bool) -> EventKind {
    let what = if again { "start again" } else { "start" };
    EventKind::Requested { request: 1, what: what.to_owned(), because: String::new() }
}

fn ended(code: i32, result: AgentResult, because: &str) -> EventKind {
    let in_flight_cost = Money::ZERO;
    EventKind::AgentEnded {
        code,
        in_flight: 0,
        in_flight_cost,
        result: Some(result),
        because: because.to_owned(),
        active_ms: None,
    }
}

fn chosen(what: Course, verb: Verb, rationale: &str) -> EventKind {
    let EventKind::Decided(mut decision) = decided(verb, &["$0.80 of $1.00 (fleet): 80% reached"]) else {
        unreachable!()
    };
    decision.budget = "fleet".into();
    decision.chosen = Some(Chosen { what, rationale: rationale.to_owned(), open: false, advice: None });
    EventKind::Decided(decision)
}

fn events() -> Vec<Event> {
    let extended = "extended by $0.80 from the pool: 3 files changed in the last 5 minutes, $0.31/min against $0.40/min \
                    declared, 2 agents wait for this one";
    vec![
        of(0, "plan", registered(Some(100), &[])),
        of(0, "implement", registered(Some(300), &["plan"])),
        of(0, "test", registered(Some(150), &["implement"])),
        of(0, "review", registered(None, &["test"])),
        of(0, "plan", allotted(100, 900)),
        of(0, "implement", allotted(300, 600)),
        of(0, "test", allotted(150, 450)),
        of(0, "plan", started(false)),
        of(2, "plan", ended(0, AgentResult::Done, "")),
        of(2, "plan", pooled(Moved::GivenBack, 38, 488)),
        of(2, "implement", started(false)),
        of(3, "implement", ended(1, AgentResult::Failed, "")),
        of(3, "implement", started(true)),
        of(5, "implement", chosen(Course::Extend { amount: cents(80) }, Verb::Stop, extended)),
        of(5, "implement", pooled(Moved::Extended, 80, 408)),
        of(6, "implement", chosen(Course::Act { verb: Verb::Route }, Verb::Stop, "routed: gpt-6.1-terra would do")),
        of(8, "implement", ended(0, AgentResult::Done, "")),
        of(8, "test", started(false)),
        of(
            11,
            "test",
            ended(
                130,
                AgentResult::Stopped,
                "$1.49 + $0.02 reserved of $1.50 (fleet): the next request would pass the limit",
            ),
        ),
        of(11, "review", EventKind::AgentSkipped { because: "it needs `test`, which was stopped".to_owned() }),
    ]
}

/// Four agents under $10: done, done at the second try with a sub-agent, stopped, skipped.
pub(crate) fn fleet_run() -> RunReport {
    let [plan, first, second, scout, test] = ROOT;
    let mut spend = RunTally::default();
    let mut add = |minute: u32, agent: &str, (thread, root): (&str, &str), model: &str, usd: &str, times: u64| {
        for _ in 0..times {
            let when = format!("2026-11-22T14:{minute:02}:30Z");
            let mut response = response(&when, agent, thread, model, usd);
            response.root = root.into();
            response.attribution.team = Some(if agent == "test" { "qa" } else { "web" }.to_owned());
            spend.add(&response);
        }
    };
    add(0, "plan", (plan, plan), "gpt-6-astra", "0.3111111", 2);
    add(2, "implement", (first, first), "gpt-6.1-sol", "0.2", 3);
    add(4, "implement", (second, second), "gpt-6.1-sol", "0.3333333", 5);
    add(5, "implement", (scout, second), "gpt-6-luna", "0.0123456", 4);
    add(7, "implement", (second, second), "gpt-6.1-terra", "0.1", 6);
    add(9, "test", (test, test), "gpt-6.1-sol", "0.1490001", 10);
    let mut info = RunInfo {
        command: ["govern", "fleet", "shop.toml"].map(str::to_owned).to_vec(),
        ..info("stopped", 124, Some("fleet"))
    };
    info.ended = Some(at("2026-11-22T14:11:00Z"));
    let total = spend.totals.cost.nanos();
    let parts = RunParts {
        info,
        threads: vec![
            thread(plan, plan, None, "plan", None),
            thread(first, first, None, "implement", None),
            thread(second, second, None, "implement", None),
            thread(scout, second, Some(second), "implement", Some("scout")),
            thread(test, test, None, "test", None),
        ],
        events: events(),
        budgets: vec![standing("fleet", "run=k3f9x27m1a", Unit::Usd, (total, 0, cents(1_000)))],
        handoff: None,
        session: None,
        prices: prices(),
        zone: Tz::Europe__Berlin,
    };
    RunReport::new(spend, parts)
}
