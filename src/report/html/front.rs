//! The front page of an account: what runs, what waits, where budgets stand, what was spent. Its parts stand by
//! themselves, so that one that has changed can take the place of what is shown.

use super::document::{Frame, document};
use super::markup::{Html, tag};
use super::{Manner, of_page, of_sums, of_table};
use crate::report::overview::{Overview, Spent, SpentPart};
use crate::report::page::Page;
use crate::report::run_list::RunList;
use crate::report::text::{clock, rfc3339};

/// So many teams, projects and models are shown each; the others are one row.
const PARTS: usize = 8;

const MANNER: Manner = Manner { level: 2, runs: Some("/runs/") };

/// What the front page shows.
#[derive(Clone, Debug)]
pub struct Front {
    /// The account as it is now.
    pub overview: Overview,
    /// The last runs.
    pub runs: RunList,
    /// Some of those who look may answer here: each question has a link to its own page.
    pub answers: bool,
}

/// A part of the page and the place where it stands.
pub type Placed = (&'static str, Html);

impl Front {
    /// All parts, from top to bottom. What has nothing to say is empty.
    pub fn parts(&self) -> Vec<Placed> {
        vec![
            ("sums", self.sums()),
            ("alarms", self.alarms()),
            ("waiting", self.waiting()),
            ("running", of_page(&self.running(), MANNER)),
            ("budgets", self.budgets()),
            ("today", of_spent("Today", &self.overview.today)),
            ("month", of_spent("This month", &self.overview.month)),
            ("runs", self.last_runs()),
        ]
    }

    /// When it was so.
    pub fn moment(&self) -> Html {
        let (at, zone) = (self.overview.at, self.overview.zone);
        tag("time").attr("datetime", rfc3339(at)).text(format!("{} {}", clock(at, zone), zone.name()))
    }

    fn sums(&self) -> Html {
        let overview = &self.overview;
        let waits = overview.waiting.rows.len();
        let waiting = if waits == 0 { "nothing".to_owned() } else { waits.to_string() };
        let sums = vec![
            ("Today", overview.today.short(), false),
            ("This month", overview.month.short(), false),
            ("Running", overview.running(), false),
            ("Waiting for an answer", waiting, waits > 0),
        ];
        of_sums(sums)
    }

    fn alarms(&self) -> Html {
        let mut page = Page::default();
        page.list(self.overview.alarms());
        of_page(&page, MANNER)
    }

    fn waiting(&self) -> Html {
        let waiting = &self.overview.waiting;
        if waiting.rows.is_empty() && waiting.paused.is_empty() {
            return Html::default();
        }
        let mut page = Page::default();
        if !waiting.rows.is_empty() {
            page.title("Waiting for an answer");
        }
        page.blocks.extend(waiting.page().blocks);
        let mut html = of_page(&page, MANNER);
        if self.answers {
            let link =
                |id: i64| tag("a").attr("href", format!("/questions/{id}")).text(format!("Answer question {id}"));
            for row in &waiting.rows {
                html.add(tag("p").with(link(row.approval.id.0)));
            }
        }
        html
    }

    fn running(&self) -> Page {
        let status = self.overview.status.seen();
        if !self.overview.status.runs.is_empty() {
            return status;
        }
        let mut page = Page::default();
        page.title("Running");
        page.blocks.extend(status.blocks);
        page
    }

    fn budgets(&self) -> Html {
        match &self.overview.budgets {
            Ok(budgets) => {
                let shown = budgets.page();
                let mut page = Page::default();
                if budgets.rows.is_empty() && budgets.plans.is_empty() && budgets.sub_agents.is_empty() {
                    page.title("Budgets");
                }
                page.blocks.extend(shown.blocks);
                of_page(&page, MANNER)
            }
            Err(mistake) => {
                let both = [tag("h2").text("Budgets"), tag("p").class("trouble").text(mistake)];
                both.into_iter().collect()
            }
        }
    }

    fn last_runs(&self) -> Html {
        let mut page = Page::default();
        page.title("Last runs");
        page.blocks.extend(self.runs.page().blocks);
        of_page(&page, MANNER)
    }
}

/// By team, project and model: each that tells more than the whole.
fn of_spent(name: &str, spent: &Spent) -> Html {
    if spent.total.responses == 0 {
        return Html::default();
    }
    let told = |parts: &&(&str, &[SpentPart])| parts.1.iter().any(|part| part.name.is_some());
    let parts = [("team", spent.teams.as_slice()), ("project", &spent.projects), ("model", &spent.models)];
    let tables = parts
        .iter()
        .filter(told)
        .map(|(title, parts)| of_table(&spent.table(title, parts, PARTS), &format!("{name} by {title}"), MANNER));
    let mut html = tag("h2").text(format!("{name}: {}", spent.short()));
    html.add(tag("div").class("beside").with(tables.collect()));
    let mut notes = Page::default();
    notes.list(spent.notes());
    html.add(of_page(&notes, MANNER));
    html
}

/// The page as it is sent; `script` brings it up to date.
pub fn page(front: &Front, script: &'static str) -> String {
    let mut header = tag("h1").with(tag("a").attr("href", "/").text("govern"));
    header.add(tag("p").attr("id", "moment").with(front.moment()));
    header.add(live());
    let places = front.parts().into_iter().map(|(id, html)| {
        let place = tag("section").attr("id", id);
        // Whoever does not see the page is told of a question.
        if id == "waiting" { place.attr("aria-live", "polite") } else { place }.with(html)
    });
    let frame = Frame { title: "govern", style: "/page.css", script: Some(script) };
    document(frame, header, places.collect())
}

/// Where the script says whether what is shown is kept up to date.
pub(super) fn live() -> Html {
    tag("p").attr("id", "live").class("live").attr("role", "status").text("as loaded")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    fn front() -> Front {
        let overview = sample::overview();
        let runs = RunList { rows: Vec::new(), resumes: Vec::new(), more: false, at: overview.at, zone: overview.zone };
        Front { overview, runs, answers: false }
    }

    #[test]
    fn all_that_a_lead_asks_for_stands_there() {
        insta::assert_snapshot!(page(&front(), "/live.js").replace("><", ">\n<"));
    }

    #[test]
    fn names_from_outside_stay_text() {
        let mut front = front();
        for run in &mut front.overview.status.runs {
            run.info.command = vec!["<script>alert(1)</script>".to_owned()];
            for agent in &mut run.live.agents {
                agent.agent = "<img/src=x>\u{1b}[2J".into();
                agent.because = Some("\"><script>".to_owned());
            }
        }
        for row in &mut front.overview.waiting.rows {
            row.approval.question = "</pre><script src=//evil.example>".to_owned();
        }
        let page = page(&front, "/live.js");
        assert!(page.contains("&lt;img/src=x&gt;"), "{page}");
        assert_eq!(page.matches("<script").count(), 1, "the page's own");
        assert!(!page.contains("<img") && !page.contains('\u{1b}'));
    }

    #[test]
    fn where_some_may_answer_each_question_has_a_link() {
        let mut front = front();
        assert!(!front.waiting().as_str().contains("/questions/"));
        front.answers = true;
        let waiting = front.waiting();
        for row in &front.overview.waiting.rows {
            assert!(waiting.as_str().contains(&format!("<a href=\"/questions/{}\">", row.approval.id)), "{waiting:?}");
        }
    }

    #[test]
    fn a_policy_that_cannot_be_read_hides_budgets_and_nothing_else() {
        let mut front = front();
        front.overview.budgets = Err("error: the policy has a mistake\n<here>".to_owned());
        let parts = front.parts();
        let part = |id: &str| parts.iter().find(|(place, _)| *place == id).unwrap().1.as_str().to_owned();
        assert!(part("budgets").contains("the policy has a mistake\n&lt;here&gt;"));
        assert!(part("running").contains("<table") && part("today").contains("<table"));
    }
}
