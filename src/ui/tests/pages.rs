//! How every page looks at 80 and at 120 columns, as Markdown and as JSON.

use unicode_width::UnicodeWidthStr;

use super::table_checks::tables_are_readable;
use crate::model::trial::Trial;
use crate::report::page::Block;
use crate::report::tests::sample;
use crate::report::{Page, StatusReport, bars, json, markdown, spend};
use crate::ui::Layout;

/// The page at both widths; nothing but a command to copy, or a single long word, may be wider.
fn drawn(page: &Page) -> String {
    format!("{}\n{}\n{}", drawn_at(page, 80), "=".repeat(120), drawn_at(page, 120))
}

fn drawn_at(page: &Page, width: usize) -> String {
    let text = Layout::plain(width).render(page);
    let commands = |line: &str| page.blocks.iter().any(|block| matches!(block, Block::Command(c) if line.contains(c)));
    let one_word = |line: &str| !line.trim().contains(' ') && !line.contains('─');
    for line in text.lines().filter(|line| !commands(line) && !one_word(line)) {
        assert!(line.width() <= width, "wider than {width}: {line}");
        assert_eq!(line, line.trim_end());
    }
    text
}

#[test]
fn a_report_by_one_dimension() {
    insta::assert_snapshot!(drawn(&spend::page(&sample::summary(&["model"]))));
}

#[test]
fn a_report_by_several_dimensions() {
    insta::assert_snapshot!(drawn(&spend::page(&sample::summary(&["team", "agent", "model", "day"]))));
}

#[test]
fn a_report_by_day_has_a_bar_for_each() {
    insta::assert_snapshot!(drawn(&spend::page(&sample::days(&["day"]))));
}

#[test]
fn a_report_by_two_dimensions_has_subtotals() {
    insta::assert_snapshot!(drawn(&spend::page(&sample::days(&["agent", "model"]))));
}

#[test]
fn days_may_have_models_below_them() {
    insta::assert_snapshot!(drawn(&spend::page(&sample::days(&["day", "model"]))));
}

#[test]
fn a_report_of_everything_at_once() {
    insta::assert_snapshot!(drawn(&spend::page(&sample::summary(&[]))));
}

#[test]
fn every_table_tells_its_rows_apart_on_every_screen() {
    let all = [
        sample::run().page(),
        sample::fleet_run().page(),
        sample::plan().page(),
        sample::budgets().page(),
        sample::approvals().page(),
        sample::status().page(),
        sample::status().short(),
        sample::trial().page(),
        spend::page(&sample::summary(&["model"])),
        spend::page(&sample::summary(&["team", "agent"])),
        spend::page(&sample::summary(&["team", "agent", "model", "day"])),
        spend::page(&sample::summary(&["thread", "run"])),
        spend::page(&sample::days(&["day"])),
        spend::page(&sample::days(&["agent", "model"])),
        spend::page(&sample::days(&["day", "model"])),
    ];
    all.iter().for_each(tables_are_readable);
}

#[test]
fn narrow_windows_break_no_row() {
    let pages = [
        sample::run().page(),
        spend::page(&sample::summary(&["model"])),
        spend::page(&sample::summary(&["team", "agent", "model", "day"])),
        spend::page(&sample::days(&["day"])),
        spend::page(&sample::days(&["agent", "model"])),
        sample::budgets().page(),
    ];
    let narrow = pages.iter().map(|page| drawn_at(page, 40)).collect::<Vec<_>>();
    insta::assert_snapshot!(narrow.join(&format!("{}\n", "=".repeat(40))));
}

#[test]
fn a_report_as_json() {
    insta::assert_snapshot!(json::to_text(&sample::summary(&["team", "label:tier", "day"])));
}

#[test]
fn a_report_as_markdown() {
    insta::assert_snapshot!(markdown::of_page(&spend::page(&sample::summary(&["team", "model"])), 2));
    insta::assert_snapshot!(markdown::of_page(&spend::page(&sample::days(&["day"])), 2));
}

#[test]
fn the_end_of_a_run() {
    insta::assert_snapshot!(drawn(&sample::run().page()));
}

#[test]
fn the_end_of_a_run_as_markdown() {
    insta::assert_snapshot!(markdown::of_page(&sample::run().page(), 3));
}

#[test]
fn the_end_of_a_run_as_json() {
    insta::assert_snapshot!(json::to_text(&sample::run()));
}

#[test]
fn where_budgets_stand() {
    insta::assert_snapshot!(drawn(&sample::budgets().page()));
}

#[test]
fn where_budgets_stand_as_json() {
    insta::assert_snapshot!(json::to_text(&sample::budgets()));
}

#[test]
fn questions_and_answers() {
    insta::assert_snapshot!(drawn(&sample::approvals().page()));
}

#[test]
fn questions_and_answers_as_json() {
    insta::assert_snapshot!(json::to_text(&sample::approvals()));
}

#[test]
fn what_a_fleet_is_about_to_do() {
    insta::assert_snapshot!(drawn(&sample::plan().page()));
}

#[test]
fn what_a_fleet_is_about_to_do_as_json() {
    insta::assert_snapshot!(json::to_text(&sample::plan()));
}

#[test]
fn a_plan_leaves_out_what_nobody_said_and_counts_in_its_budgets_unit() {
    let mut plan = sample::plan();
    for row in &mut plan.rows {
        row.allotted = None;
        row.limit = None;
        row.registration.spend = None;
        row.needs.clear();
    }
    plan.budget = None;
    plan.concurrency = None;
    let bare = drawn_at(&plan.page(), 80);
    let limit = crate::model::Quantity::parse("3 minutes").unwrap();
    plan.budget =
        Some(crate::report::fleet_plan::PlanBudget { name: "time".into(), limit, allot: None, reserve: 0, pool: None });
    insta::assert_snapshot!(format!("{bare}\n{}", drawn_at(&plan.page(), 80)));
}

#[test]
fn the_end_of_a_fleet() {
    insta::assert_snapshot!(drawn(&sample::fleet_run().page()));
}

#[test]
fn the_end_of_a_fleet_on_a_narrow_screen() {
    insta::assert_snapshot!(drawn_at(&sample::fleet_run().page(), 40));
}

#[test]
fn the_end_of_a_fleet_as_markdown() {
    insta::assert_snapshot!(markdown::of_page(&sample::fleet_run().page(), 3));
}

#[test]
fn the_end_of_a_fleet_as_json() {
    insta::assert_snapshot!(json::to_text(&sample::fleet_run()));
}

#[test]
fn what_runs_now() {
    insta::assert_snapshot!(drawn(&sample::status().page()));
    insta::assert_snapshot!(drawn(&sample::status().short()));
}

#[test]
fn what_runs_now_on_a_narrow_screen() {
    let status = sample::status();
    insta::assert_snapshot!(format!("{}\n{}", drawn_at(&status.page(), 40), drawn_at(&status.short(), 40)));
}

#[test]
fn what_runs_now_as_json() {
    insta::assert_snapshot!(json::to_text(&sample::status()));
}

#[test]
fn where_nothing_runs_the_status_says_so() {
    let nothing = StatusReport { runs: Vec::new(), ..sample::status() };
    assert_eq!(drawn_at(&nothing.page(), 80), "Nothing runs here.\n");
}

#[test]
fn a_fleet_while_it_runs() {
    let live = sample::live();
    let at = |width: usize, most: usize| Layout::plain(width).rows(&bars::table(&live, most)).join("\n");
    let drawn = [(119, 40), (99, 40), (79, 40), (59, 40), (39, 40), (79, 5)].map(|(width, most)| at(width, most));
    for (lines, width) in drawn.iter().zip([119, 99, 79, 59, 39, 79]) {
        assert!(lines.lines().all(|line| line.width() <= width), "{lines}");
    }
    insta::assert_snapshot!(drawn.join(&format!("\n{}\n", "=".repeat(79))));
}

#[test]
fn a_fleet_without_a_budget_has_no_bars_to_draw() {
    let mut live = sample::live();
    (live.limits, live.pools) = (Vec::new(), Vec::new());
    live.agents.iter_mut().for_each(|agent| agent.limit = None);
    insta::assert_snapshot!(Layout::plain(79).rows(&bars::table(&live, 40)).join("\n"));
}

#[test]
fn what_a_policy_would_have_done() {
    insta::assert_snapshot!(drawn(&sample::trial().page()));
}

#[test]
fn what_a_policy_would_have_done_as_json() {
    insta::assert_snapshot!(json::to_text(&sample::trial()));
}

#[test]
fn what_has_no_price_is_unknown_in_a_what_if_and_not_nothing() {
    let mut report = sample::trial();
    let run = &mut report.trial.runs[2];
    (run.actual.cost, run.actual.unpriced) = (crate::model::Money::ZERO, run.actual.responses);
    run.would = run.actual;
    let said = drawn_at(&report.page(), 120);
    let row = said.lines().find(|line| line.contains("019a8b7c")).unwrap();
    assert_eq!(row.matches('—').count(), 3, "{said}");
    let json: serde_json::Value = serde_json::from_str(&json::to_text(&report)).unwrap();
    for key in ["actual_cost_usd", "would_cost_usd", "saved_cost_usd"] {
        assert!(json["rows"][2][key].is_null() && json["rows"][1][key].is_string(), "{key}: {json}");
    }
}

#[test]
fn a_policy_that_would_have_done_nothing_says_so() {
    let mut report = sample::trial();
    report.trial = Trial { untouched: 12, ..Trial::default() };
    let said = drawn_at(&report.page(), 80);
    assert!(said.contains("Nothing was recorded in this time."), "{said}");
    report.trial.actual.responses = 40;
    report.trial.would = report.trial.actual;
    let said = drawn_at(&report.page(), 80);
    assert!(said.contains("12 runs, none of them would have been touched"), "{said}");
}
