//! The story of one run in one file that stands alone: when its threads worked, what was decided, what tools cost.

use super::chart::{Bar, Columns};
use super::document::{Alone, alone};
use super::markup::{Html, tag};
use super::whole::Proof;
use super::{Manner, of_page, run};
use crate::compare::tools_by_cost::ToolCost;
use crate::model::Money;
use crate::report::RunReport;
use crate::report::story::{Lanes, of_tools};
use crate::report::text::clock;

const MANNER: Manner = Manner { level: 2, runs: None };

/// A run, and what is told of it only here.
#[derive(Clone, Debug)]
pub struct RunStory {
    /// The run, as its end shows it.
    pub report: RunReport,
    /// When its threads worked.
    pub lanes: Lanes,
    /// What its tools cost.
    pub tools: Vec<ToolCost>,
    /// What it was made from.
    pub proof: Proof,
}

/// The file.
pub fn page(story: &RunStory) -> String {
    let title = format!("govern run {}", story.report.id());
    let mut header = tag("h1").text(&title);
    header.add(tag("p").text("Observed, list price: no invoice."));
    let mut main = run::body(&story.report);
    main.add(timeline(story));
    main.add(of_page(&of_tools(&story.tools), MANNER));
    main.add(tag("section").attr("id", "proof").class("proof").with(story.proof.told(story.report.zone)));
    alone(Alone { title: &title, foot: &story.proof.foot() }, header, main)
}

/// Each thread's cost over the time of the run, in one scale.
fn timeline(RunStory { report, lanes, .. }: &RunStory) -> Html {
    let Some((first, last)) = lanes.span else { return Html::default() };
    let most = lanes.most();
    let mut rows = Html::default();
    for lane in &lanes.lanes {
        let own = report.rows.iter().find(|row| row.thread == lane.thread);
        let role = own.and_then(|row| row.role.as_deref()).unwrap_or("thread");
        let agent = own.and_then(|row| row.agent.as_ref()).map(|agent| format!("{agent}, ")).unwrap_or_default();
        let name = format!("{agent}{role} {}: {}", lane.thread, lane.cost);
        let spent = |cost: &Money| Bar { name: cost.to_string(), amount: cost.nanos(), expected: false };
        let columns = lane.pieces.iter().map(spent).collect();
        let drawing = Columns { label: name.clone(), columns, line: None, most: Some(most.nanos()) };
        rows.add(tag("dt").text(name));
        rows.add(tag("dd").with(drawing.draw()));
    }
    let done = lanes.done(&report.told, report.zone);
    if done.iter().any(Option::is_some) {
        let mark = |said: &Option<String>| Bar {
            name: said.clone().unwrap_or_default(),
            amount: said.is_some().into(),
            expected: false,
        };
        let columns = done.iter().map(mark).collect();
        let label = "What govern did".to_owned();
        rows.add(tag("dt").text(&label));
        let drawing = Columns { label, columns, line: None, most: Some(1) };
        rows.add(tag("dd").class("done").with(drawing.draw()));
    }
    rows.add(tag("dt").text(""));
    let ends = [first, last].map(|at| tag("span").text(clock(at, report.zone)));
    rows.add(tag("dd").with(tag("p").class("ends").with(ends.into_iter().collect())));
    let mut html = tag("h2").text("When its threads worked");
    html.add(tag("dl").class("lanes").with(rows));
    if lanes.more > 0 {
        html.add(tag("p").class("quiet").text(format!("{} more took less each.", lanes.more)));
    }
    html
}
