//! Questions to people and their answers.

use std::time::Duration;

use chrono_tz::Tz;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::answer::again;
pub use super::answer::answer_text;
use super::budget::Amount;
use super::footnotes::{Billed, UNPRICED, marks};
use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::status::without_silent;
use super::summary::Totals;
use super::text::{between, duration, moment, rfc3339};
use crate::model::{
    Answer, AnswerWord, Approval, ApprovalState, Billing, Braked, MayAnswer, RunId, Subject, Timestamp,
};

/// Questions, for `govern approvals`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalReport {
    /// The oldest first.
    pub rows: Vec<AskedRow>,
    /// Runs that live and are paused, the newest first.
    pub paused: Vec<(RunId, Braked)>,
    /// When this was so.
    pub at: Timestamp,
    /// The zone that times are shown in.
    pub zone: Tz,
    /// Answered ones are among the rows.
    pub all: bool,
}

/// A question, and what its agent had spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedRow {
    /// The question and its answer.
    pub approval: Approval,
    /// What the agent spent in its run until it was asked; until now where nobody has answered.
    pub spent: Totals,
    /// Who may answer, as far as its run kept it.
    pub may: MayAnswer,
    /// Other runs that live and wait for its answer.
    pub others: Vec<RunId>,
}

/// What a plain approval would do.
fn allows(approval: &Approval) -> String {
    match approval.about {
        Subject::Call if approval.is_of_request() => {
            "lets it go, once; `--run` or `--for 1h`: all further requests of this agent at this gate, too".to_owned()
        }
        Subject::Call => "lets it run, once; `--run` or `--for 1h`: the same call of this agent again, too".to_owned(),
        Subject::Alert => "lets it go on".to_owned(),
        Subject::Review => "lets what needs its work start".to_owned(),
        Subject::Step => format!("lets it go on until the next step of `{}`", approval.budget),
        Subject::Limit | Subject::Ahead => format!("extends `{}` by {}", approval.budget, approval.extend),
    }
}

/// Says which runs are paused, by whom, and what lets them go on.
pub fn paused_runs(page: &mut Page, paused: &[(RunId, Braked)], now: Timestamp) {
    let Some((first, _)) = paused.first() else { return };
    page.title("Paused");
    let item = |(run, braked): &(RunId, Braked)| {
        let text = format!("{}, {} ago", braked.text(), duration(between(braked.at, now)));
        Item::new(run.as_str(), text, Tone::Warn)
    };
    page.list(paused.iter().map(item).collect());
    page.command(format!("govern continue {first}"));
}

impl ApprovalReport {
    /// As a person reads it.
    pub fn page(&self) -> Page {
        let mut page = Page::default();
        if self.rows.is_empty() {
            page.list(vec![Item::note(if self.all {
                "Nothing was ever asked."
            } else {
                "Nothing waits for an answer."
            })]);
        } else {
            self.questions(&mut page);
        }
        paused_runs(&mut page, &self.paused, self.at);
        page
    }

    /// All that is to be known before one is answered.
    pub fn question_in_full(&self, row: &AskedRow, now: Timestamp) -> Vec<Item> {
        let approval = &row.approval;
        let mut items = vec![
            Item::new("asks", &approval.question, Tone::Warn),
            Item::new("rule", approval.budget.as_str(), Tone::Plain),
            Item::new("so far", so_far(&row.spent).text, Tone::Plain),
            Item::new("asked", moment(approval.asked, self.zone), Tone::Plain),
        ];
        if let Some(deadline) = approval.deadline {
            let left = match between(now, deadline) {
                Duration::ZERO => "passed".to_owned(),
                left => format!("in {}", duration(left)),
            };
            items.push(Item::new("deadline", left, Tone::Plain));
        }
        items.extend(has_votes(approval).map(|votes| Item::new("so far", votes, Tone::Plain)));
        items.extend(waits_too(&row.others).map(|waits| Item::new("also", waits, Tone::Plain)));
        let who = row.may.who().unwrap_or_else(|| "whoever has this account".to_owned());
        items.push(Item::new("may", who, Tone::Plain));
        if !row.may.here {
            items.push(Item::new("answer", row.may.short(approval.id), Tone::Plain));
        }
        items.push(Item::new("approval", allows(approval), Tone::Plain));
        items
    }

    fn questions(&self, page: &mut Page) {
        page.table(self.table());
        page.list(self.rows.iter().flat_map(|row| self.question(row)).collect());
        page.list(marks_below(self.rows.iter().map(|row| &row.spent)));
        let first = self.rows.iter().find(|row| row.approval.state == ApprovalState::Pending);
        if let Some(AskedRow { approval, may, .. }) = first {
            let note = may.note(approval.id).unwrap_or_else(|| "To answer, for example:".to_owned());
            page.list(vec![Item::note(note)]);
            may.command("approve", approval.id).into_iter().for_each(|command| page.command(command));
            let deny = may.command("deny", approval.id).map(|command| format!("{command} --reason \"…\""));
            deny.into_iter().for_each(|command| page.command(command));
        }
    }

    fn table(&self) -> Table {
        let columns = vec![
            Column::figure("id"),
            Column::word("state"),
            Column::name("agent", 8),
            Column::word("run").useful(),
            Column::name("rule", 10),
            Column::figure("so far"),
            Column::word("asked").spare(),
            Column::word("deadline"),
        ];
        let rows = self.rows.iter().map(|AskedRow { approval, spent, .. }| {
            vec![
                Cell::new(approval.id.to_string()),
                Cell::toned(approval.state.as_str(), tone(approval.state)),
                Cell::new(approval.agent.as_str()),
                Cell::of_run(approval.run.as_str()),
                Cell::new(approval.budget.as_str()),
                so_far(spent),
                Cell::new(moment(approval.asked, self.zone)),
                self.deadline(approval),
            ]
        });
        without_silent(Table { columns, rows: rows.collect(), totals: None })
    }

    fn deadline(&self, approval: &Approval) -> Cell {
        match (approval.state, approval.deadline) {
            (ApprovalState::Pending, Some(deadline)) => match between(self.at, deadline) {
                Duration::ZERO => Cell::toned("passed", Tone::Warn),
                left => Cell::new(format!("in {}", duration(left))),
            },
            (ApprovalState::Pending, None) => Cell::new("none"),
            (_, _) => Cell::unknown(),
        }
    }

    fn question(&self, AskedRow { approval, others, .. }: &AskedRow) -> Vec<Item> {
        let lead = format!("{}", approval.id);
        let text = match (&approval.answer, approval.state) {
            (Some(answer), _) => {
                let by = match approval.by.as_deref() {
                    Some("deadline") => "nobody answered in time:",
                    by => by.unwrap_or("somebody"),
                };
                let reason = approval.reason.as_deref().map(|reason| format!(": “{reason}”")).unwrap_or_default();
                format!(
                    "{} — {by} {}{reason}",
                    approval.question,
                    answer_text(answer, approval.extend.unit, approval.about)
                )
            }
            (None, ApprovalState::Pending) => format!("{} — an approval {}", approval.question, allows(approval)),
            (None, _) => approval.question.clone(),
        };
        let votes = has_votes(approval).map(|votes| Item::new("", votes, Tone::Quiet));
        let waits = waits_too(others).map(|waits| Item::new("", waits, Tone::Quiet));
        std::iter::once(Item::new(lead, text, Tone::Plain)).chain(votes).chain(waits).collect()
    }
}

/// Who has said yes, where one is not enough.
fn has_votes(approval: &Approval) -> Option<String> {
    let waits = approval.state == ApprovalState::Pending && !approval.votes.is_empty();
    waits.then(|| format!("{} said yes already; it takes others, too.", approval.votes.join(" and ")))
}

/// That a question holds others as well.
fn waits_too(others: &[RunId]) -> Option<String> {
    let named: Vec<&str> = others.iter().map(RunId::as_str).collect();
    match named.as_slice() {
        [] => None,
        [one] => Some(format!("Run {one} waits for the same answer.")),
        several => Some(format!("Runs {} wait for the same answer.", several.join(", "))),
    }
}

/// What an agent spent, with its marks.
fn so_far(spent: &Totals) -> Cell {
    let cost = spent.known_cost().map_or_else(|| UNPRICED.to_owned(), |cost| cost.to_string());
    Cell::new(format!("{cost} {}", marks(spent, spent, Billed::Marked).text).trim_end())
}

/// What the marks on these sums mean, each once.
fn marks_below<'a>(sums: impl Iterator<Item = &'a Totals> + Clone) -> Vec<Item> {
    let any = |is: fn(&Totals) -> bool| sums.clone().any(is);
    let mut notes = Vec::new();
    if any(|spent| spent.unpriced > 0) {
        notes.push(Item::new("+?", "Some responses have no price, and are not in it.", Tone::Warn));
    }
    if any(|spent| spent.stand_in > 0 || spent.inferred > 0) {
        notes.push(Item::new("~", "Some of it is estimated: `govern report` says why.", Tone::Quiet));
    }
    if any(|spent| spent.billing.contains_key(&Billing::Plan)) {
        let what = "The list-price equivalent of use on a ChatGPT plan: nobody is billed these dollars.";
        notes.push(Item::new("plan", what, Tone::Quiet));
    }
    if any(|spent| spent.billing.contains_key(&Billing::Local)) {
        notes.push(Item::new("local", "Of local models, which cost nothing.", Tone::Quiet));
    }
    if any(|spent| spent.billing.contains_key(&Billing::Unknown)) {
        let what =
            "OpenAI's list price, and the bill may differ: another provider served it, or the login is not known.";
        notes.push(Item::new("other", what, Tone::Quiet));
    }
    notes
}

fn tone(state: ApprovalState) -> Tone {
    match state {
        ApprovalState::Pending => Tone::Warn,
        ApprovalState::Approved => Tone::Good,
        ApprovalState::Denied => Tone::Bad,
        ApprovalState::Expired | ApprovalState::Withdrawn => Tone::Quiet,
    }
}

struct Row<'a>(&'a AskedRow);

struct Paused<'a>(&'a RunId, &'a Braked);

impl Serialize for Paused<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("run", self.0)?;
        map.serialize_entry("by", &self.1.by)?;
        map.serialize_entry("reason", &self.1.reason)?;
        map.serialize_entry("since", &rfc3339(self.1.at))?;
        map.end()
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let AskedRow { approval, spent, may, others } = self.0;
        let unit = approval.extend.unit;
        let amount = |amount: i64| Amount(unit, amount);
        let extended = match &approval.answer {
            Some(Answer::Extend { amount }) => Some(*amount),
            _ => None,
        };
        let again = match &approval.answer {
            Some(Answer::Allow { seconds }) => Some(again(*seconds)),
            _ => None,
        };
        // What a tool or an alert is asked about counts nothing.
        let offers = matches!(approval.about, Subject::Limit | Subject::Step | Subject::Ahead);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &approval.id)?;
        map.serialize_entry("state", approval.state.as_str())?;
        map.serialize_entry("run", &approval.run)?;
        map.serialize_entry("agent", &approval.agent)?;
        map.serialize_entry("rule", &approval.budget)?;
        map.serialize_entry("about", approval.about.as_str())?;
        map.serialize_entry("budget", &approval.is_of_budget().then_some(&approval.budget))?;
        map.serialize_entry("scope", &approval.scope)?;
        map.serialize_entry("question", &approval.question)?;
        map.serialize_entry("cost_usd", &spent.known_cost())?;
        map.serialize_entry("unpriced_responses", &spent.unpriced)?;
        map.serialize_entry("cost_usd_by_billing", &spent.known_cost().map(|_| &spent.billing))?;
        map.serialize_entry("allows", &allows(approval))?;
        map.serialize_entry("unit", &offers.then_some(unit.as_str()))?;
        map.serialize_entry("extend", &offers.then(|| amount(approval.extend.amount)))?;
        map.serialize_entry("window_start", &approval.window.map(rfc3339))?;
        map.serialize_entry("asked_at", &rfc3339(approval.asked))?;
        map.serialize_entry("deadline", &approval.deadline.map(rfc3339))?;
        map.serialize_entry("approvers", &may.names)?;
        map.serialize_entry("answered_here", &may.here)?;
        map.serialize_entry("other_runs", others)?;
        map.serialize_entry("votes", &approval.votes)?;
        map.serialize_entry("answer", &approval.answer_word().map(AnswerWord::as_str))?;
        map.serialize_entry("extended", &extended.map(amount))?;
        map.serialize_entry("allowed_again", &again)?;
        map.serialize_entry("by", &approval.by)?;
        map.serialize_entry("reason", &approval.reason)?;
        map.serialize_entry("answered_at", &approval.answered.map(rfc3339))?;
        map.end()
    }
}

impl Serialize for ApprovalReport {
    /// `govern.approvals/1`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows: Vec<Row<'_>> = self.rows.iter().map(Row).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "govern.approvals/1")?;
        map.serialize_entry("at", &rfc3339(self.at))?;
        map.serialize_entry("rows", &rows)?;
        let paused: Vec<Paused<'_>> = self.paused.iter().map(|(run, braked)| Paused(run, braked)).collect();
        map.serialize_entry("paused", &paused)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Money;

    #[test]
    fn every_mark_on_what_an_agent_spent_is_explained_below() {
        for billing in [Billing::Plan, Billing::Local, Billing::Unknown] {
            let spent =
                Totals { responses: 1, billing: [(billing, Money::from_nanos(50))].into(), ..Totals::default() };
            let shown = so_far(&spent).text;
            let mark = shown.split(' ').next_back().unwrap().to_owned();
            let below: Vec<String> = marks_below([&spent].into_iter()).into_iter().map(|item| item.lead).collect();
            assert_eq!(below, [mark], "{shown}");
        }
        let api = Totals { billing: [(Billing::Api, Money::from_nanos(50))].into(), ..Totals::default() };
        assert_eq!(marks_below([&api].into_iter()), []);
    }
}
