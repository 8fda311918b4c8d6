//! Responses, runs and events that the tests of this folder show.

use chrono_tz::Tz;

use crate::model::event::{Answer, Decision, EventKind};
use crate::model::trial::{Deed, Origin, Spend, Trial, TriedRun, TriedStep};
use crate::model::{
    AgentState, Approval, ApprovalId, ApprovalState, Attribution, Basis, Billing, BudgetName, Cost, Event, Live,
    MayAnswer, ModelId, Money, ProcessIdentity, Quantity, Response, ResponseKey, RunId, RunInfo, ServiceTier, Subject,
    ThreadId, ThreadInfo, Timestamp, Tokens, Unit, Verb,
};
use crate::policy::spawn::SpawnCap;
use crate::report::TrialReport;
use crate::report::approvals::{ApprovalReport, AskedRow};
use crate::report::budget::{BudgetReport, BudgetRow, OtherTime};
use crate::report::forecast::{Forecast, Outlook, Stretch};
use crate::report::spawn_standing::SpawnStanding;
use crate::report::summary::Totals;
use crate::report::{
    BudgetStanding, Handoff, Next, PriceStamp, RunParts, RunReport, RunStatus, RunTally, Source, StatusReport,
};

pub(crate) use ended::fleet_run;
pub(crate) use fleet::plan;
pub(crate) use live::live;
pub(crate) use overview::{look, overview};
pub(crate) use spend::{days, slice, summary, summed};

mod ended;
mod fleet;
mod live;
mod overview;
mod spend;

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn prices() -> PriceStamp {
    PriceStamp { version: "7".into(), date: "2026-11-22".into() }
}

/// A response of 10,000 input tokens, 6,000 of them cached, and 500 output tokens.
pub(crate) fn response(when: &str, agent: &str, thread: &str, model: &str, usd: &str) -> Response {
    Response {
        run: Some(RunId::new("k3f9x27m1a")),
        agent: Some(agent.into()),
        thread: ThreadId::new(thread),
        root: ThreadId::new(thread),
        key: ResponseKey::new("r"),
        at: at(when),
        model: Some(model.into()),
        provider: Some("openai".into()),
        tier: ServiceTier::Standard,
        tokens: Tokens { input: 10_000, cached_input: 6_000, cache_write_input: 0, output: 500, reasoning_output: 200 },
        cost: Cost::Priced(Money::parse_decimal(usd).unwrap()),
        basis: Basis::Observed,
        billing: Billing::Api,
        attribution: Attribution { team: Some("web".into()), project: Some("shop".into()), ..Attribution::default() },
        source: crate::model::Source::Record,
        work: None,
    }
}

pub(crate) fn event(when: &str, kind: EventKind) -> Event {
    Event { at: at(when), run: RunId::new("k3f9x27m1a"), agent: Some("codex".into()), kind }
}

pub(crate) fn decided(verb: Verb, because: &[&str]) -> EventKind {
    EventKind::Decided(Decision {
        verb,
        budget: "each run".into(),
        scope: "run=k3f9x27m1a".into(),
        alert: None,
        because: because.iter().map(|&text| text.to_owned()).collect(),
        would: false,
        to: (verb == Verb::Route).then(|| "gpt-6.1-terra".into()),
        chosen: None,
        wrap_up: None,
    })
}

pub(crate) fn asked(id: i64) -> EventKind {
    EventKind::Asked {
        approval: ApprovalId(id),
        budget: Some("each run".into()),
        question: "may it go on?".into(),
        cost: None,
        deadline: None,
    }
}

pub(crate) fn answered(id: i64, answer: Answer, by: &str) -> EventKind {
    EventKind::Answered { approval: ApprovalId(id), answer, by: by.into(), reason: None }
}

pub(crate) fn extended(amount: i64) -> EventKind {
    EventKind::Extended {
        budget: "each run".into(),
        scope: "run=k3f9x27m1a".into(),
        amount,
        unit: "usd".into(),
        by: "bob (cli)".into(),
        reason: None,
    }
}

pub(crate) fn agent_ended(in_flight: u32) -> EventKind {
    EventKind::AgentEnded {
        code: 130,
        in_flight,
        in_flight_cost: Money::parse_decimal("0.21").unwrap(),
        result: None,
        because: String::new(),
        active_ms: None,
    }
}

pub(crate) fn thread(id: &str, root: &str, parent: Option<&str>, agent: &str, role: Option<&str>) -> ThreadInfo {
    ThreadInfo {
        thread: id.into(),
        root: root.into(),
        parent: parent.map(ThreadId::new),
        run: Some(RunId::new("k3f9x27m1a")),
        agent: Some(agent.into()),
        path: format!("/home/ada/.codex/sessions/2026/11/22/rollout-2026-11-22T14-00-00-{id}.jsonl"),
        codex: Some("0.169.0".into()),
        provider: Some("openai".into()),
        billing: Billing::Api,
        role: role.map(str::to_owned),
    }
}

pub(crate) fn info(outcome: &str, code: i32, rule: Option<&str>) -> RunInfo {
    RunInfo {
        id: "k3f9x27m1a".into(),
        started: at("2026-11-22T14:00:00Z"),
        ended: Some(at("2026-11-22T14:12:03Z")),
        command: ["codex", "exec", "fix the tests"].map(str::to_owned).to_vec(),
        cwd: "/home/ada/shop".into(),
        attribution: Attribution { project: Some("shop".into()), user: Some("ada".into()), ..Attribution::default() },
        outcome: Some(outcome.into()),
        code: Some(code),
        rule: rule.map(BudgetName::new),
        process: ProcessIdentity { pid: 4_711, started: 1 },
        observe: false,
        policy: "5d1f".into(),
        prices: "2026-11-22".into(),
    }
}

/// A fleet as its govern tells it, one whose govern is silent, and a session under installed hooks.
pub(crate) fn status() -> StatusReport {
    let now = at("2026-11-22T14:12:00Z");
    let command = |words: &str| words.split(' ').map(str::to_owned).collect();
    let fleet = RunInfo {
        ended: None,
        outcome: None,
        code: None,
        command: command("govern fleet pipeline.toml"),
        ..info("", 0, None)
    };
    let mut silent = Live { limits: Vec::new(), pools: Vec::new(), ..live() };
    silent.agents.truncate(1);
    for agent in &mut silent.agents {
        (agent.agent, agent.state, agent.limit) = ("codex".into(), AgentState::Alive, None);
        agent.cost_usd_per_minute = None;
    }
    let of = |id: &str, source: Source, live: Live| RunStatus {
        info: RunInfo { id: id.into(), command: command("codex exec tidy"), ..fleet.clone() },
        source,
        live,
        may: MayAnswer::default(),
    };
    let why = "its govern does not answer: it may be suspended";
    let runs = vec![
        RunStatus { info: fleet.clone(), source: Source::Supervisor, live: live(), may: MayAnswer::default() },
        of("k3e0000000aa", Source::Ledger(why.to_owned()), silent.clone()),
        of("k3d0000000bb", Source::Hooks, silent),
    ];
    StatusReport { at: now, runs, resumes: Vec::new() }
}

pub(crate) fn standing(
    budget: &str,
    scope: &str,
    unit: Unit,
    (spent, reserved, limit): (i64, i64, i64),
) -> BudgetStanding {
    BudgetStanding {
        budget: budget.into(),
        scope: scope.into(),
        unit,
        limit,
        extended: 0,
        granted: 0,
        spent,
        reserved,
        window_start: None,
        window_end: None,
        earlier_known: true,
        unobserved: false,
    }
}

/// Two agents: one was routed, asked, extended and stopped, and has sub-agents, one of which has one of its own; the
/// other has two sessions.
pub(crate) fn run() -> RunReport {
    let ids = [
        "019a8b7c-1a2b-7c3d-8e4f-5a6b7c8d9e0f",
        "019a8b7d-2b3c-7d4e-9f50-6b7c8d9e0f1a",
        "019a8b7e-3c4d-7e5f-8061-7c8d9e0f1a2b",
        "019a8b7f-4d5e-7f60-9172-8d9e0f1a2b3c",
        "019a8b80-5e6f-7071-8283-9e0f1a2b3c4d",
    ];
    let [root, scout, deep, first, second] = ids;
    let mut spend = RunTally::default();
    let mut add = |when: &str, agent: &str, thread: &str, root: &str, model: &str, usd: &str, times: u64| {
        for index in 0..times {
            let mut response = response(when, agent, thread, model, usd);
            response.root = root.into();
            response.tokens.input += 4_321 * index;
            spend.add(&response);
        }
    };
    add("2026-11-22T14:01:00Z", "codex", root, root, "gpt-6.1-sol", "0.3333333", 9);
    add("2026-11-22T14:02:00Z", "docs", first, first, "gpt-6-luna", "0.0123456", 4);
    add("2026-11-22T14:03:00Z", "codex", scout, root, "gpt-6.1-sol", "0.1111111", 3);
    add("2026-11-22T14:04:00Z", "codex", deep, root, "gpt-6-luna", "0.0001", 1);
    add("2026-11-22T14:05:00Z", "docs", second, second, "gpt-6-luna", "0.0045678", 2);
    add("2026-11-22T14:06:00Z", "codex", root, root, "gpt-6.1-terra", "0.2", 5);
    let mut extended_budget = standing("each run", "run=k3f9x27m1a", Unit::Usd, (4_391_951_000, 0, 4_000_000_000));
    extended_budget.extended = 1_000_000_000;
    let mut monthly = standing("teams, monthly", "team=web", Unit::Usd, (151_391_951_000, 0, 200_000_000_000));
    monthly.earlier_known = false;
    RunReport::new(
        spend,
        RunParts {
            info: info("stopped", 124, Some("each run")),
            threads: vec![
                thread(root, root, None, "codex", None),
                thread(scout, root, Some(root), "codex", Some("scout")),
                thread(deep, root, Some(scout), "codex", None),
                thread(first, first, None, "docs", None),
                thread(second, second, None, "docs", None),
            ],
            events: run_events(),
            budgets: vec![extended_budget, monthly, standing("tokens", "", Unit::AllTok, (493_976, 10_000, 5_000_000))],
            handoff: Some(Handoff {
                files: Some(vec!["src/cart.rs".into(), "tests/cart.rs".into()]),
                next: Next::Command("govern resume k3f9x27m1a --extend 2usd".into()),
            }),
            session: None,
            prices: prices(),
            zone: Tz::Europe__Berlin,
        },
    )
}

fn run_events() -> Vec<Event> {
    let requested =
        |request, what: &str| EventKind::Requested { request, what: what.into(), because: "`each run` is held".into() };
    let skipped = EventKind::Skipped {
        path: "/home/ada/.codex/sessions/2026/11/22/rollout-1.jsonl".into(),
        lines: 2,
        reason: "not JSON, the first at byte 40,960".into(),
    };
    let routed = response("2026-11-22T14:06:02Z", "codex", "t1", "gpt-6.1-terra", "0.01");
    vec![
        event("2026-11-22T14:03:01Z", decided(Verb::Warn, &["`each run`: $2.01 of $4.00 (50 %)"])),
        event("2026-11-22T14:05:59Z", decided(Verb::Route, &["`each run`: $3.61 of $4.00 (90 %)"])),
        event("2026-11-22T14:06:00Z", requested(1, "restart")),
        event("2026-11-22T14:06:02Z", EventKind::Response(Box::new(routed))),
        event("2026-11-22T14:07:00Z", decided(Verb::Ask, &["`each run`: $3.93 + $0.21 reserved of $4.00"])),
        event("2026-11-22T14:07:00Z", requested(2, "hold")),
        event("2026-11-22T14:07:00Z", asked(7)),
        event("2026-11-22T14:09:11Z", answered(7, Answer::Extend { amount: 1_000_000_000 }, "bob (cli)")),
        event("2026-11-22T14:09:11Z", extended(1_000_000_000)),
        event("2026-11-22T14:09:11Z", requested(3, "release")),
        event("2026-11-22T14:10:00Z", skipped),
        event("2026-11-22T14:11:58Z", decided(Verb::Stop, &["`each run`: $4.39 + $0.66 reserved of $5.00"])),
        event("2026-11-22T14:11:58Z", requested(4, "end")),
        event("2026-11-22T14:12:03Z", agent_ended(1)),
    ]
}

fn other_time(budget: &str, start: &str, end: &str) -> OtherTime {
    OtherTime { budget: BudgetName::new(budget), start: Some(at(start)), end: Some(at(end)) }
}

pub(crate) fn budgets() -> BudgetReport {
    let month = (at("2026-10-31T23:00:00Z"), at("2026-11-30T23:00:00Z"));
    let windowed = |mut standing: BudgetStanding, (start, end): (Timestamp, Timestamp)| {
        (standing.window_start, standing.window_end) = (Some(start), Some(end));
        standing
    };
    let mut lifted =
        standing("teams, monthly", "team=infra", Unit::Usd, (1_033_330_000_000, 1_250_000_000, 1_000_000_000_000));
    lifted.extended = 100_000_000_000;
    let mut blind = standing("everybody, daily", "", Unit::AllTok, (12_345_678, 0, 50_000_000));
    blind.earlier_known = false;
    let day = (at("2026-11-21T23:00:00Z"), at("2026-11-22T23:00:00Z"));
    let now = at("2026-11-22T14:00:00Z");
    let mean = |since: &str, spent| Stretch { since: at(since), spent };
    let row = |standing: BudgetStanding, mean: Option<Stretch>| {
        let outlook = mean.map(|mean| Outlook::of(&standing, mean, now)).unwrap_or_default();
        BudgetRow { standing, outlook, grants: Vec::new() }
    };
    let mut rolling = standing("one day", "user=ada", Unit::Usd, (7_250_000_000, 0, 20_000_000_000));
    rolling.window_start = Some(at("2026-11-21T14:00:00Z"));
    let ops = windowed(standing("teams, monthly", "team=ops", Unit::Usd, (160_000_000_000, 0, 200_000_000_000)), month);
    let over =
        windowed(standing("teams, monthly", "team=web", Unit::Usd, (400_010_000_000, 0, 400_000_000_000)), month);
    BudgetReport {
        rows: vec![
            row(over, Some(mean("2026-10-31T23:00:00Z", 400_010_000_000))),
            row(windowed(lifted, month), Some(mean("2026-11-21T08:00:00Z", 0))),
            row(ops, Some(mean("2026-11-01T08:00:00Z", 160_000_000_000))),
            row(windowed(blind, day), Some(mean("2026-11-15T14:00:00Z", 70_000_000))),
            BudgetRow {
                standing: rolling,
                outlook: Outlook { pace: None, forecast: Forecast::Steady },
                grants: Vec::new(),
            },
            row(standing("each run", "run=k3f9x27m1a", Unit::Usd, (4_391_718_100, 210_000_000, 5_000_000_000)), None),
            row(standing("patience", "agent=codex", Unit::Minutes, (1_300_000, 0, 1_800_000)), None),
            row(standing("answers", "thread=019a8b7c-1a2b-7c3d-8e4f-5a6b7c8d9e0f", Unit::Responses, (12, 2, 50)), None),
        ],
        at: now,
        zone: Tz::Europe__Berlin,
        since: Some(at("2026-11-01T08:00:00Z")),
        waiting: vec![
            other_time("milestone 1", "2026-08-31T22:00:00Z", "2026-10-31T23:00:00Z"),
            other_time("milestone 2", "2026-11-30T23:00:00Z", "2027-01-14T23:00:00Z"),
        ],
        plans: Vec::new(),
        sub_agents: [("few", "20 sub-agents", 3), ("flat", "1 deep", 1)]
            .map(|(name, cap, used)| SpawnStanding {
                budget: name.into(),
                scope: "run=k3f9x27m1a".to_owned(),
                cap: SpawnCap::parse(cap).unwrap(),
                used,
            })
            .into(),
        others: Vec::new(),
    }
}

pub(crate) fn approvals() -> ApprovalReport {
    let pending = Approval {
        id: ApprovalId(7),
        run: "k3f9x27m1a".into(),
        agent: "codex".into(),
        budget: "each run".into(),
        scope: "run=k3f9x27m1a".into(),
        window: None,
        question: "$4.93 + $0.21 reserved of $5.00 (`each run`)".into(),
        extend: Quantity::parse("1 usd").unwrap(),
        about: Subject::Limit,
        asked: at("2026-11-22T13:50:00Z"),
        deadline: Some(at("2026-11-22T14:20:00Z")),
        state: ApprovalState::Pending,
        answer: None,
        by: None,
        reason: None,
        answered: None,
        may: None,
        votes: Vec::new(),
    };
    let approved = Approval {
        id: ApprovalId(6),
        state: ApprovalState::Approved,
        answer: Some(Answer::Extend { amount: 2_000_000_000 }),
        by: Some("bob (cli)".into()),
        reason: Some("the release is today".into()),
        answered: Some(at("2026-11-22T13:40:00Z")),
        ..pending.clone()
    };
    let expired = Approval { id: ApprovalId(5), state: ApprovalState::Expired, ..pending.clone() };
    let spent = |cents: i64, billing: Billing| {
        let cost = Money::from_nanos(cents * 10_000_000);
        Totals { responses: 30, cost, billing: [(billing, cost)].into(), ..Totals::default() }
    };
    let call = Approval {
        id: ApprovalId(8),
        agent: "docs".into(),
        budget: "nothing leaves unasked".into(),
        scope: format!("run=k3f9x27m1a, agent=docs, call=Bash {}", "0f".repeat(32)),
        question: "`nothing leaves unasked`: `git push`: Bash: cd site && git push".into(),
        extend: Quantity { unit: Unit::ToolCalls, amount: 1 },
        about: Subject::Call,
        ..pending.clone()
    };
    let row = |approval, spent| AskedRow { approval, spent, may: MayAnswer::default(), others: Vec::new() };
    let half_priced = Totals { unpriced: 2, ..spent(37, Billing::Plan) };
    ApprovalReport {
        rows: vec![
            row(expired, spent(212, Billing::Api)),
            row(approved, spent(288, Billing::Api)),
            row(pending, spent(493, Billing::Api)),
            row(call, half_priced),
        ],
        paused: Vec::new(),
        at: at("2026-11-22T14:00:00Z"),
        zone: Tz::UTC,
        all: true,
    }
}

mod trial;
pub(crate) use trial::trial;
