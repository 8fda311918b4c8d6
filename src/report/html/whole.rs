//! What was spent in a time and what came of it, in one file that stands alone: for a lead, or for a client.

mod days;
mod runs;

use chrono_tz::Tz;

use super::document::{Alone, alone};
use super::markup::{Html, tag};
use super::{Manner, of_facts, of_page, of_sums, of_table};
use crate::model::{Dimension, Timestamp, WorkClass};
use crate::report::exceptions::ExceptionReport;
use crate::report::page::{Block, Page};
use crate::report::summary::Totals;
use crate::report::text::moment;
use crate::report::{Audience, BudgetReport, By, PriceStamp, Savings, Summary, results, spend};

pub use runs::CostlyRun;

/// So many lines each part of the spend has; the others are one more.
const PARTS: usize = 12;

const MANNER: Manner = Manner { level: 2, runs: None };

/// All that the report is made of. With an audience all of it is of that one's spend.
#[derive(Clone, Debug)]
pub struct Whole {
    /// For whom; `None`: for whoever may see everything.
    pub audience: Option<Audience>,
    /// What is proved by what.
    pub proof: Proof,
    /// By day, week or month.
    pub time: Summary,
    /// By each dimension that is told.
    pub by: Vec<Summary>,
    /// The costliest runs, the costliest first.
    pub runs: Vec<CostlyRun>,
    /// Where budgets stood at that moment; or why that is not known.
    pub budgets: Result<BudgetReport, String>,
    /// What came of it, where that was asked for.
    pub results: Option<Summary>,
    /// What passed or bent a rule.
    pub exceptions: ExceptionReport,
    /// What govern's acts saved.
    pub savings: Savings,
}

/// What the report was made from. No clock is asked: the same ledger gives the same report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The last moment that it tells of: that of the ledger's last response, or the end that was asked for.
    pub at: Timestamp,
    /// The prices that hold.
    pub prices: PriceStamp,
    /// How many links the ledger's chain has, and the hash of the last one, as `govern audit head` prints it.
    pub head: (u64, String),
}

/// The file.
pub fn page(whole: &Whole) -> String {
    let title = match &whole.audience {
        Some(audience) => format!("Agents' spend for {}", audience.in_words()),
        None => "What agents spent".to_owned(),
    };
    let mut header = tag("h1").text(&title);
    header.add(tag("p").text(format!("{}. Observed, list price: no invoice.", period(&whole.time))));
    alone(Alone { title: &title, foot: &whole.proof.foot() }, header, body(whole))
}

/// A page that says one thing, such as that there is nothing.
pub fn told(page: &Page) -> String {
    let title = "What agents spent";
    alone(Alone { title, foot: "" }, tag("h1").text(title), of_page(page, MANNER))
}

fn body(whole: &Whole) -> Html {
    let mut html = sums(whole);
    html.add(section("days", days::drawn(whole)));
    html.add(section("budgets", budgets(whole)));
    html.add(section("by", parts(whole)));
    html.add(section("runs", runs::told(whole)));
    html.add(section("results", came_of_it(whole)));
    html.add(section("savings", savings(whole)));
    html.add(section("exceptions", exceptions(whole)));
    html.add(proof(whole));
    html
}

/// A part of the page; one that has nothing to say is none.
fn section(id: &str, html: Html) -> Html {
    if html.is_empty() { html } else { tag("section").attr("id", id).with(html) }
}

/// `2026-11-01 00:00 – 2026-12-01 00:00 (UTC)`: as it was asked for, else from the first response to the last one.
fn period(time: &Summary) -> String {
    let (zone, frame) = (time.zone, &time.frame);
    let (first, last) = (frame.span.map(|(first, _)| first), frame.span.map(|(_, last)| last));
    match (frame.since.or(first), frame.until.or(last)) {
        (Some(since), Some(until)) => format!("{} – {} ({})", moment(since, zone), moment(until, zone), zone.name()),
        (Some(since), None) => format!("Since {} ({})", moment(since, zone), zone.name()),
        (None, Some(until)) => format!("Until {} ({})", moment(until, zone), zone.name()),
        (None, None) => "Nothing was recorded".to_owned(),
    }
}

fn sums(whole: &Whole) -> Html {
    let totals = &whole.time.totals;
    let mut sums = vec![
        ("Cost", cost(totals), false),
        ("Responses", crate::report::rounding::grouped(totals.responses.into()), false),
        ("Tokens", crate::report::rounding::grouped(totals.tokens.total().into()), false),
    ];
    if let Some((least, most)) = whole.savings.total().range() {
        sums.push(("Saved by govern", format!("{least} – {most}"), false));
    }
    let mut html = of_sums(sums);
    let mut notes = Page::default();
    notes.list(spend::notes_of(&whole.time));
    html.add(of_page(&notes, MANNER));
    html
}

/// `$12.34`, with the marks that the notes explain.
fn cost(totals: &Totals) -> String {
    let known = totals
        .known_cost()
        .map_or_else(|| "not known".to_owned(), |cost| crate::report::rounding::money_column(&[Some(cost)], "").total);
    let marks = crate::report::footnotes::marks(totals, totals, crate::report::footnotes::Billed::Marked).text;
    if marks.is_empty() { known } else { format!("{known} {marks}") }
}

fn budgets(whole: &Whole) -> Html {
    let report = match &whole.budgets {
        Ok(report) => report,
        // What the mistake quotes is the policy's, and not for everybody.
        Err(_) if whole.audience.is_some() => return Html::default(),
        Err(mistake) => {
            return [tag("h2").text("Budgets"), tag("p").class("trouble").text(mistake)].into_iter().collect();
        }
    };
    if report.rows.is_empty() && report.plans.is_empty() {
        return Html::default();
    }
    let mut html = of_page(&report.page(), MANNER);
    let at = format!("As they stood on {}.", moment(report.at, report.zone));
    html.add(tag("p").class("quiet").text(at));
    html
}

/// The same spend by one dimension after the other.
fn parts(whole: &Whole) -> Html {
    let mut html = Html::default();
    for summary in whole.by.iter().filter(|summary| tells(summary)) {
        let names: Vec<String> = summary.by.iter().map(ToString::to_string).collect();
        let title = format!("By {}", names.join(" and "));
        let (table, left_out) = spend::table(summary, PARTS);
        html.add(tag("h2").text(&title));
        html.add(of_table(&table, &title, MANNER));
        if left_out > 0 {
            html.add(tag("p").class("quiet").text("The last line is all others together."));
        }
    }
    html
}

/// It says more than the whole does: that all work was of no known class says nothing.
fn tells(summary: &Summary) -> bool {
    let other = |by: &By, value: &str| *by == By::Of(Dimension::Work) && value == WorkClass::Other.as_str();
    let told = |(by, value): (&By, &Option<String>)| value.as_deref().is_some_and(|value| !other(by, value));
    summary.rows.iter().any(|row| summary.by.iter().zip(&row.key).any(told))
}

fn came_of_it(whole: &Whole) -> Html {
    let Some((summary, outputs)) =
        whole.results.as_ref().and_then(|summary| Some((summary, summary.results.as_ref()?)))
    else {
        return Html::default();
    };
    let mut page = results::page(summary, outputs);
    if whole.audience.is_some() {
        // Reasons may name work trees.
        page.blocks.retain(|block| !matches!(block, Block::List(_)));
    }
    of_page(&page, MANNER)
}

fn savings(whole: &Whole) -> Html {
    if whole.savings.rows.is_empty() {
        return Html::default();
    }
    let page = if whole.audience.is_some() { whole.savings.summed() } else { whole.savings.page() };
    of_page(&page, MANNER)
}

fn exceptions(whole: &Whole) -> Html {
    if whole.exceptions.rows.is_empty() {
        return Html::default();
    }
    let page = if whole.audience.is_some() { whole.exceptions.by_kind() } else { whole.exceptions.told() };
    of_page(&page, MANNER)
}

impl Proof {
    /// What stands at the foot of each printed page.
    pub(super) fn foot(&self) -> String {
        format!("observed, list price; prices of {}; ledger {}:{}", self.prices.date, self.head.0, self.head.1)
    }

    /// From what the report was made, and how that can be checked.
    pub(super) fn told(&self, zone: Tz) -> Html {
        let Self { at, prices, head } = self;
        let mut html = of_facts([
            ("as of", Some(format!("{} ({})", moment(*at, zone), zone.name()))),
            ("prices", Some(format!("list prices of {}", prices.date))),
            ("ledger", Some(format!("{}:{}", head.0, head.1))),
            ("made by", Some(concat!("govern ", env!("CARGO_PKG_VERSION")).to_owned())),
        ]);
        html.add(tag("p").with(Html::sentence(
            "The same ledger and policy give the same report, to the byte. `govern audit verify` proves the ledger, and \
             `govern audit head` prints its last link, which stands here.",
        )));
        html
    }
}

/// What the report was made from, and what is not in it.
fn proof(whole: &Whole) -> Html {
    let mut html = whole.proof.told(whole.time.zone);
    if let Some(audience) = &whole.audience {
        html.add(tag("p").text(format!(
            "Only what was spent for {} is in it. Runs that worked for others, too, are in the sums and among the runs \
             with their part, and not in what was saved or passed a rule.",
            audience.in_words()
        )));
    }
    tag("section").attr("id", "proof").class("proof").with(html)
}

#[cfg(test)]
mod tests;
