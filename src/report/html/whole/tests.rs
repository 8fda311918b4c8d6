//! What stands in the file, over samples.

use super::*;
use crate::model::{Exception, ExceptionKind, Unit};
use crate::report::exceptions::ExceptionRow;
use crate::report::forecast::{Forecast, Outlook};
use crate::report::html::story::{self, RunStory};
use crate::report::story::Lanes;
use crate::report::tests::sample;
use crate::report::{BudgetRow, BudgetStanding};

const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)></style>";

fn proof() -> Proof {
    Proof { at: sample::at("2026-11-21T12:00:00Z"), prices: sample::prices(), head: (42, "ab12".repeat(16)) }
}

fn exception(what: &str) -> ExceptionRow {
    let exception = Exception {
        id: "stop-k3f9x27m1a-9".into(),
        at: sample::at("2026-11-21T10:30:00Z"),
        kind: ExceptionKind::Stop,
        run: Some("k3f9x27m1a".into()),
        agent: Some(what.into()),
        budget: Some(what.into()),
        scope: String::new(),
        raise: None,
        amount: None,
        what: what.to_owned(),
        reason: Some(what.to_owned()),
        by: Some(what.to_owned()),
    };
    ExceptionRow { exception, review: None, advice: None }
}

fn budget(name: &str, scope: &str, window: (&str, &str), (spent, limit): (i64, i64), end: i64) -> BudgetRow {
    let dollars = |amount: i64| amount * 1_000_000_000;
    let standing = BudgetStanding {
        window_start: Some(sample::at(window.0)),
        window_end: Some(sample::at(window.1)),
        ..sample::standing(name, scope, Unit::Usd, (dollars(spent), 0, dollars(limit)))
    };
    let forecast = Forecast::End { amount: dollars(end), crosses: None, since: sample::at(window.0) };
    BudgetRow { standing, outlook: Outlook { pace: Some(1_200), forecast }, grants: Vec::new() }
}

fn budgets(rows: Vec<BudgetRow>) -> BudgetReport {
    BudgetReport {
        rows,
        at: proof().at,
        zone: chrono_tz::Tz::Europe__Berlin,
        since: None,
        waiting: Vec::new(),
        plans: Vec::new(),
        sub_agents: Vec::new(),
        others: Vec::new(),
    }
}

fn whole(name: &str) -> Whole {
    let run = CostlyRun {
        run: "k3f9x27m1a".into(),
        started: sample::at("2026-11-20T09:00:00Z"),
        outcome: "stopped".to_owned(),
        project: Some(name.to_owned()),
        agents: name.to_owned(),
        totals: sample::summary(&[]).totals,
    };
    let month = ("2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z");
    Whole {
        audience: None,
        proof: proof(),
        time: sample::summary(&["day"]),
        by: ["team", "project", "client", "model"].map(|by| sample::summary(&[by])).to_vec(),
        runs: vec![run],
        budgets: Ok(budgets(vec![budget(name, "", month, (2, 60), 20), budget("teams", "team=web", month, (2, 3), 4)])),
        results: None,
        exceptions: ExceptionReport {
            rows: vec![exception(name)],
            at: proof().at,
            zone: chrono_tz::Tz::UTC,
            all: true,
        },
        savings: crate::report::savings::tests::savings(),
    }
}

fn main_of(page: &str) -> String {
    page.split_once("</style>").unwrap().1.replace("><", ">\n<")
}

#[test]
fn a_report_is_one_file_with_all_that_is_known_of_a_time() {
    let page = page(&whole("each month"));
    // The version is not the snapshot's business.
    insta::assert_snapshot!(main_of(&page).replace(concat!("govern ", env!("CARGO_PKG_VERSION")), "govern 0.0.0"));
    assert!(page.contains("ledger 42:ab12ab12"), "the foot of each printed page has the last link");
}

#[test]
fn whatever_names_hold_is_text_there() {
    let mut hostile = whole(HOSTILE);
    for summary in hostile.by.iter_mut().chain([&mut hostile.time]) {
        summary.rows.iter_mut().flat_map(|row| &mut row.key).for_each(|value| *value = Some(HOSTILE.to_owned()));
        summary.unpriced_models = [Some(HOSTILE.to_owned())].into();
    }
    hostile.budgets = hostile.budgets.map(|mut report| {
        report.rows.iter_mut().for_each(|row| row.standing.scope = format!("team={HOSTILE}"));
        report
    });
    let for_whom = Whole { audience: Audience::parse("client", HOSTILE), ..hostile.clone() };
    let broken = Whole { budgets: Err(HOSTILE.to_owned()), ..whole(HOSTILE) };
    for whole in [&hostile, &for_whom, &broken] {
        let page = page(whole);
        assert!(page.contains("&lt;script&gt;"), "{page}");
        for markup in ["<script", "<img", "\"'>", " onerror=alert(2)>"] {
            assert!(!page.contains(markup), "{markup}: {page}");
        }
        assert_eq!(page.matches("</style>").count(), 1);
    }
}

#[test]
fn an_audience_reads_sums_of_exceptions_and_savings_and_no_names() {
    let audience = Audience::parse("client", "acme").unwrap();
    let others = budgets(vec![
        budget("secret", "", ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"), (1, 2), 3),
        budget("secret", "client=globex", ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"), (1, 2), 3),
        budget("secret", "client=acme", ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"), (1, 2), 3),
    ]);
    let told = Whole {
        by: ["project", "model"].map(|by| sample::summary(&[by])).to_vec(),
        budgets: Ok(audience.budgets(&others)),
        audience: Some(audience),
        ..whole("secret")
    };
    let mut told = told;
    told.runs[0].project = Some("shop".to_owned());
    let page = page(&told);
    assert!(page.contains("Agents&#39; spend for client acme") && page.contains("What govern saved"), "{page}");
    for name in ["secret", "coder", "globex", "Act by act"] {
        assert!(!page.contains(name), "{name}: {page}");
    }
}

#[test]
fn a_budget_that_is_far_above_is_said_and_not_drawn_and_what_is_to_come_is_dashed() {
    let day = |whole: &Whole| main_of(&page(whole));
    let drawn = day(&whole("month"));
    assert!(drawn.contains("class=\"limit\"") && drawn.contains("The dashed line: <code>"), "{drawn}");
    assert_eq!(drawn.matches("class=\"expected\"").count(), 9, "22 to 30 November: {drawn}");
    let month = ("2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z");
    let far = Whole { budgets: Ok(budgets(vec![budget("month", "", month, (2, 6_000), 20)])), ..whole("month") };
    let far = day(&far);
    assert!(!far.contains("class=\"limit\"") && far.contains("Far above these columns"), "{far}");
    // What is foretold from another day than the last one that is shown stands nowhere.
    let earlier = Whole { proof: Proof { at: sample::at("2026-11-25T12:00:00Z"), ..proof() }, ..whole("month") };
    assert_eq!(day(&earlier).matches("class=\"expected\"").count(), 0);
}

#[test]
fn nothing_is_a_report_too() {
    let nothing = Whole {
        time: Summary { rows: Vec::new(), totals: Totals::default(), ..sample::summary(&["day"]) },
        by: Vec::new(),
        runs: Vec::new(),
        budgets: Ok(budgets(Vec::new())),
        exceptions: ExceptionReport { rows: Vec::new(), at: proof().at, zone: chrono_tz::Tz::UTC, all: true },
        savings: Savings::default(),
        ..whole("x")
    };
    let page = main_of(&page(&nothing));
    assert!(!page.contains("<section id=\"days\"") && page.contains("<section id=\"proof\""), "{page}");
}

#[test]
fn the_story_of_a_run_has_its_time_its_decisions_and_its_tools() {
    let tools = [(Some(HOSTILE), 3, "0.40"), (None, 0, "0.10")].map(|(tool, calls, cost)| {
        let cost = crate::model::Money::parse_decimal(cost).unwrap();
        crate::compare::tools_by_cost::ToolCost { tool: tool.map(str::to_owned), calls, cost }
    });
    let responses = [
        sample::response("2026-11-22T14:01:00Z", "codex", HOSTILE, "gpt-6-luna", "0.10"),
        sample::response("2026-11-22T14:09:00Z", "codex", "t1", "gpt-6-luna", "0.40"),
    ];
    let report = sample::run();
    let story = RunStory { report, lanes: Lanes::of(&responses), tools: tools.to_vec(), proof: proof() };
    let page = story::page(&story);
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
    for part in [
        "When its threads worked",
        "Tools by cost",
        "Spend by agent and thread",
        "What govern did",
        "warned",
        "42:ab12ab12",
    ] {
        assert!(page.contains(part), "no {part}: {page}");
    }
}
