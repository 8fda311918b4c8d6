//! What passed or bent a rule, what would have cost less, and what people decided about it.

use chrono_tz::Tz;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::status::without_silent;
use super::text::{count, moment, rfc3339};
use crate::compare::Advice;
use crate::model::{BudgetName, Exception, ExceptionKind, ExceptionState, Money, Review, Timestamp};

/// Exceptions, for `govern exceptions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionReport {
    /// The newest first.
    pub rows: Vec<ExceptionRow>,
    /// When this was so.
    pub at: Timestamp,
    /// The zone that times are shown in.
    pub zone: Tz,
    /// Those that were decided about are among the rows.
    pub all: bool,
}

/// An exception and what is said to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionRow {
    /// What happened.
    pub exception: Exception,
    /// What a person decided about it.
    pub review: Option<Review>,
    /// What would have cost less.
    pub advice: Option<Advice>,
}

impl ExceptionRow {
    /// What became of it.
    pub fn state(&self) -> ExceptionState {
        self.review.as_ref().map_or(ExceptionState::Open, |review| review.state)
    }

    /// All that is to be known before it is decided about.
    pub fn in_full(&self, zone: Tz) -> Vec<Item> {
        let one = &self.exception;
        let place = one.run.as_ref().map(|run| match &one.agent {
            Some(agent) => format!("run {run}, agent `{agent}`"),
            None => format!("run {run}"),
        });
        let mut items = vec![
            Item::new(one.kind.as_str(), &one.what, Tone::Warn),
            Item::new("when", moment(one.at, zone), Tone::Plain),
        ];
        items.extend(place.map(|place| Item::new("where", place, Tone::Plain)));
        items.extend(one.by.as_ref().map(|by| Item::new("by", by, Tone::Plain)));
        items.extend(one.reason.as_ref().map(|reason| Item::new("reason", format!("“{reason}”"), Tone::Plain)));
        items.extend(self.advice.as_ref().map(|advice| Item::new("advice", advised(advice), Tone::Strong)));
        let evidence = self.advice.iter().flat_map(|advice| &advice.evidence);
        items.extend(evidence.map(|evidence| Item::new("", evidence, Tone::Quiet)));
        items.extend(self.review.as_ref().map(|review| Item::new(review.state.as_str(), decided(review), Tone::Good)));
        items
    }
}

/// `compact the context earlier, or split the task: $1.20 at stake`.
fn advised(advice: &Advice) -> String {
    format!("{}: {} at stake", advice.text, advice.at_stake)
}

/// `by alice (cli): “the release”`.
fn decided(review: &Review) -> String {
    let reason = review.reason.as_ref().map(|reason| format!(": “{reason}”")).unwrap_or_default();
    format!("by {}{reason}", review.by)
}

impl ExceptionReport {
    /// As a person reads it.
    pub fn page(&self) -> Page {
        let mut page = Page::default();
        if self.rows.is_empty() {
            page.list(vec![Item::note(if self.all {
                "No rule was passed or bent."
            } else {
                "Nothing is open: no rule was passed or bent that somebody has not decided about."
            })]);
            return page;
        }
        page.blocks.extend(self.told().blocks);
        let open = self.rows.iter().find(|row| row.state() == ExceptionState::Open);
        if let Some(row) = open {
            let number = self.rows.iter().filter(|row| row.state() == ExceptionState::Open).count() as u64;
            page.list(vec![Item::note(format!("{} open. To decide, for example:", count(number, "is", "are")))]);
            page.command("govern exceptions review");
            page.command(format!("govern exceptions accept {} --reason \"…\"", row.exception.id));
        }
        page
    }

    /// What happened, without what can be done about it here.
    pub(super) fn told(&self) -> Page {
        let mut page = Page::default();
        page.title(format!("Exceptions ({})", self.zone.name()));
        page.table(self.table());
        page.list(self.rows.iter().flat_map(Self::lines).collect());
        page
    }

    /// How many of each kind there are, and how much was let past limits: without names, reasons and people.
    pub(super) fn by_kind(&self) -> Page {
        let mut page = Page::default();
        page.title("Exceptions");
        let row = |kind: ExceptionKind| {
            let of = || self.rows.iter().filter(move |row| row.exception.kind == kind);
            let amount: Money = of().filter_map(|row| row.exception.amount).sum();
            let amount = if amount > Money::ZERO { Cell::new(amount.to_string()) } else { Cell::unknown() };
            (of().count() > 0).then(|| vec![Cell::new(kind.as_str()), Cell::new(of().count().to_string()), amount])
        };
        let columns = vec![Column::key("kind", 8), Column::figure("how many"), Column::figure("let past a limit")];
        let rows = ExceptionKind::ALL.into_iter().filter_map(row).collect();
        page.table(Table { columns, rows, totals: None });
        page
    }

    fn table(&self) -> Table {
        let columns = vec![
            Column::key("id", 2),
            Column::word("when").useful(),
            Column::name("agent", 6).spare(),
            Column::key("budget", 8),
            Column::figure("amount"),
            Column::figure("at stake"),
            Column::word("state").spare(),
        ];
        let rows = self.rows.iter().map(|row| {
            let one = &row.exception;
            let money = |money: Option<crate::model::Money>| {
                money.map_or_else(Cell::unknown, |money| Cell::new(money.to_string()))
            };
            vec![
                Cell::new(one.id.as_str()),
                Cell::new(moment(one.at, self.zone)),
                Cell::or_unknown(one.agent.as_ref().map(crate::model::AgentName::as_str)),
                Cell::or_unknown(one.budget.as_ref().map(BudgetName::as_str)),
                money(one.amount),
                money(row.advice.as_ref().map(|advice| advice.at_stake)),
                Cell::toned(row.state().as_str(), tone(row.state())),
            ]
        });
        without_silent(Table { columns, rows: rows.collect(), totals: None })
    }

    /// What happened, the advice and its evidence.
    fn lines(row: &ExceptionRow) -> Vec<Item> {
        let one = &row.exception;
        let by = one.by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
        let reason = one.reason.as_ref().map(|reason| format!(": “{reason}”")).unwrap_or_default();
        let run = one.run.as_ref().filter(|run| !one.id.as_str().contains(run.as_str()));
        let run = run.map(|run| format!(" (run {run})")).unwrap_or_default();
        let mut lines = vec![Item::new(one.id.as_str(), format!("{}{by}{reason}{run}", one.what), Tone::Plain)];
        if let Some(advice) = &row.advice {
            let text = format!("{} ({})", advised(advice), advice.evidence.join("; "));
            lines.push(Item::new("", text, Tone::Quiet));
        }
        if let Some(review) = &row.review {
            lines.push(Item::new("", format!("{} {}", review.state, decided(review)), Tone::Quiet));
        }
        lines
    }
}

fn tone(state: ExceptionState) -> Tone {
    match state {
        ExceptionState::Open => Tone::Warn,
        ExceptionState::Accepted | ExceptionState::Written => Tone::Good,
        ExceptionState::Dismissed => Tone::Quiet,
    }
}

struct Recommendation<'a>(&'a Advice);

impl Serialize for Recommendation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("do", self.0.remedy.as_str())?;
        map.serialize_entry("text", &self.0.text)?;
        map.serialize_entry("evidence", &self.0.evidence)?;
        map.serialize_entry("at_stake_usd", &self.0.at_stake)?;
        map.end()
    }
}

impl Serialize for ExceptionRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let one = &self.exception;
        let review = self.review.as_ref();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &one.id)?;
        map.serialize_entry("time", &rfc3339(one.at))?;
        map.serialize_entry("kind", one.kind.as_str())?;
        map.serialize_entry("run", &one.run)?;
        map.serialize_entry("agent", &one.agent)?;
        map.serialize_entry("budget", &one.budget)?;
        map.serialize_entry("scope", &one.budget.as_ref().map(|_| &one.scope))?;
        map.serialize_entry("amount_usd", &one.amount)?;
        map.serialize_entry("what", &one.what)?;
        map.serialize_entry("reason", &one.reason)?;
        map.serialize_entry("by", &one.by)?;
        map.serialize_entry("state", self.state().as_str())?;
        map.serialize_entry("decided_by", &review.map(|review| &review.by))?;
        map.serialize_entry("decided_because", &review.map(|review| &review.reason))?;
        map.serialize_entry("decided_at", &review.map(|review| rfc3339(review.at)))?;
        map.serialize_entry("recommendation", &self.advice.as_ref().map(Recommendation))?;
        map.end()
    }
}

impl Serialize for ExceptionReport {
    /// `govern.exceptions/1`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "govern.exceptions/1")?;
        map.serialize_entry("at", &rfc3339(self.at))?;
        map.serialize_entry("rows", &self.rows)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Remedy;
    use crate::ui::Layout;
    use crate::ui::tests::table_checks::tables_are_readable;

    fn sample(all: bool) -> ExceptionReport {
        let at = |seconds: i64| Timestamp::from_timestamp(1_795_341_600 + seconds, 0).unwrap();
        let lifted = Exception {
            id: "extension-3".into(),
            at: at(90),
            kind: ExceptionKind::Extension,
            run: Some("1mjk3f9x27m1".into()),
            agent: Some("coder".into()),
            budget: Some("each run".into()),
            scope: "run=1mjk3f9x27m1".to_owned(),
            raise: None,
            amount: Some(Money::from_usd(2)),
            what: "`each run` lifted by $2.00".to_owned(),
            reason: Some("the release".to_owned()),
            by: Some("alice (cli)".to_owned()),
        };
        let advice = Advice {
            remedy: Remedy::Loop,
            text: "mend what makes it call `cargo test` again and again".to_owned(),
            evidence: vec!["`cargo test` was called 14 times with the same input".to_owned()],
            at_stake: Money::from_nanos(1_200_000_000),
        };
        let unpriced = Exception {
            id: "unpriced-imported-strange".into(),
            at: at(0),
            kind: ExceptionKind::Unpriced,
            run: None,
            agent: None,
            budget: None,
            scope: String::new(),
            raise: None,
            amount: None,
            what: "3 responses of `strange`, which has no price".to_owned(),
            reason: None,
            by: None,
        };
        let review = Review {
            exception: unpriced.id.clone(),
            state: ExceptionState::Dismissed,
            by: "alice (cli)".to_owned(),
            reason: Some("a trial".to_owned()),
            at: at(400),
        };
        let mut rows = vec![ExceptionRow { exception: lifted, review: None, advice: Some(advice) }];
        rows.extend(all.then_some(ExceptionRow { exception: unpriced, review: Some(review), advice: None }));
        ExceptionReport { rows, at: at(500), zone: Tz::UTC, all }
    }

    #[test]
    fn exceptions_say_what_was_passed_and_what_would_have_cost_less() {
        tables_are_readable(&sample(true).page());
        insta::assert_snapshot!(Layout::plain(80).render(&sample(true).page()));
    }

    #[test]
    fn each_has_its_state_and_its_recommendation_in_json() {
        insta::assert_snapshot!(super::super::json::to_text(&sample(true)));
    }

    #[test]
    fn nothing_open_is_said() {
        let nothing = ExceptionReport { rows: Vec::new(), ..sample(false) };
        assert!(Layout::plain(80).render(&nothing.page()).starts_with("Nothing is open"));
    }
}
