//! The page of one run: what it was, what it spent, what was done about it and why.

use super::document::{Frame, document};
use super::front::live;
use super::markup::{Html, tag};
use super::{Manner, of_blocks, of_facts};
use crate::report::RunReport;
use crate::report::text::{moment, shell_words};

const MANNER: Manner = Manner { level: 2, runs: None };

/// The page as it is sent; `script` brings it up to date.
pub fn page(report: &RunReport, script: &'static str) -> String {
    let mut header = tag("h1").with(tag("a").attr("href", "/").text("govern"));
    header.add(tag("p").text(format!("run {}", report.id())));
    header.add(live());
    let title = format!("run {} — govern", report.id());
    let frame = Frame { title: &title, style: "/page.css", script: Some(script) };
    document(frame, header, body(report))
}

pub(super) fn body(report: &RunReport) -> Html {
    let page = report.page();
    let (headline, rest) = page.blocks.split_at(page.blocks.len().min(1));
    let mut html = of_blocks(headline, "", MANNER);
    html.add(facts(report));
    html.add(of_blocks(rest, "Spend by agent and thread", MANNER));
    html
}

fn facts(report: &RunReport) -> Html {
    let (info, of) = (&report.info, &report.info.attribution);
    let at = |at| format!("{} {}", moment(at, report.zone), report.zone.name());
    let facts = [
        ("command", Some(shell_words(&info.command))),
        ("folder", Some(info.cwd.clone())),
        ("started", Some(at(info.started))),
        ("ended", info.ended.map(at)),
        ("team", of.team.clone()),
        ("project", of.project.clone()),
        ("client", of.client.clone()),
        ("user", of.user.clone()),
        ("task", of.task.clone()),
        ("branch", of.branch.clone()),
        ("prices", Some(report.prices.version.clone())),
    ];
    of_facts(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn a_run_is_told_from_its_start_to_how_it_is_resumed() {
        insta::assert_snapshot!(page(&sample::run(), "/live.js").replace("><", ">\n<"));
    }
}
