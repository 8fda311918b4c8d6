//! The summary at the end of a run: who spent what on which model, what govern did and why, how to go on.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono_tz::Tz;

use super::agent_end::{FleetEnd, Read};
use super::figures::Figures;
use super::footnotes::{Billed, UNPRICED, notes};
use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::rounding::{money_column, share_column};
use super::run_rows::{RunRow, RunTally};
use super::summary::{PriceStamp, Totals};
use super::text::{between, count, duration, printable, shell_words};
use super::timeline::{Entry, told};
use super::{BudgetStanding, SpawnStanding};
use crate::model::event::EventKind;
use crate::model::{
    AgentName, Brake, Braked, BudgetName, Event, ModelId, Money, RunId, RunInfo, ThreadId, ThreadInfo, Unit, WorkClass,
    scope_in_words,
};

/// Everything that is known of a run.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The run itself.
    pub info: RunInfo,
    /// Its threads by agent, sub-agents below their root; a thread that changed model has a row for each.
    pub rows: Vec<RunRow>,
    /// All rows together.
    pub totals: Totals,
    /// What each class of work came to; `None`: not known.
    pub work: BTreeMap<Option<WorkClass>, Totals>,
    /// Models that have no price; `None` where a file did not say which.
    pub unpriced_models: BTreeSet<Option<String>>,
    /// Lines of session files that could not be read.
    pub skipped_lines: u64,
    /// Requests that were under way when an agent was ended, or whose answers broke off, and what they may have cost.
    pub in_flight: (u64, Money),
    /// What govern did and why.
    pub told: Vec<Entry>,
    /// The agents of which part, or all, of what they spent could not be seen.
    pub unobserved: BTreeSet<AgentName>,
    /// The person who stopped it, where one did.
    pub stopped: Option<Braked>,
    /// Where the budgets stand that bind it.
    pub budgets: Vec<BudgetStanding>,
    /// Where the limits on sub-agents stand that bind it.
    pub sub_agents: Vec<SpawnStanding>,
    /// How a fleet ended, agent by agent; empty for a run of one command.
    pub fleet: FleetEnd,
    /// Its one session, where it had no more and that was kept.
    pub session: Option<ResumableSession>,
    /// How to go on after a stop.
    pub handoff: Option<Handoff>,
    /// Where the costs come from.
    pub prices: PriceStamp,
    /// The zone that times are shown in.
    pub zone: Tz,
}

/// How to go on after a stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handoff {
    /// Files of the work tree that were changed, relative to it; `None` where that is not known.
    pub files: Option<Vec<String>>,
    /// Whether govern can go on with it, and how.
    pub next: Next,
}

/// A Codex session that can go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumableSession {
    /// Its root thread.
    pub thread: ThreadId,
    /// The Codex home that has it, where that is not the one of whoever reads this.
    pub home: Option<String>,
}

/// What goes on with a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The exact command, such as `govern resume k3f9x27m1a --extend 2usd`.
    Command(String),
    /// The same, where only these may type it: whoever reads it is none of them.
    Others {
        /// The exact command.
        command: String,
        /// The approvers of the policy.
        who: Vec<String>,
    },
    /// Nothing of govern's: why, as a sentence without its end.
    Nothing(String),
    /// Nothing before the policy allows more: why, likewise.
    Exhausted(String),
}

impl Handoff {
    /// The command that goes on.
    pub fn command(&self) -> Option<&str> {
        match &self.next {
            Next::Command(command) | Next::Others { command, .. } => Some(command),
            Next::Nothing(_) | Next::Exhausted(_) => None,
        }
    }
}

/// What [`RunReport::new`] is made of, beside the responses.
#[derive(Clone, Debug)]
pub struct RunParts {
    /// The run itself.
    pub info: RunInfo,
    /// Its threads, in the order they were seen.
    pub threads: Vec<ThreadInfo>,
    /// Its events, in order.
    pub events: Vec<Event>,
    /// Where the budgets stand that bind it.
    pub budgets: Vec<BudgetStanding>,
    /// How to go on after a stop.
    pub handoff: Option<Handoff>,
    /// The one Codex session of the run, where its file is there.
    pub session: Option<ResumableSession>,
    /// Where the costs come from.
    pub prices: PriceStamp,
    /// The zone that times are shown in.
    pub zone: Tz,
}

impl RunReport {
    /// Puts together what is known.
    pub fn new(spend: RunTally, parts: RunParts) -> Self {
        let mut skipped_lines = 0;
        let mut in_flight = (0, Money::ZERO);
        for event in &parts.events {
            match &event.kind {
                EventKind::Skipped { lines, .. } => skipped_lines += lines,
                EventKind::AgentEnded { in_flight: requests, in_flight_cost: cost, .. }
                | EventKind::CutOff { requests, cost } => {
                    in_flight = (in_flight.0 + u64::from(*requests), in_flight.1 + *cost);
                }
                _ => {}
            }
        }
        let unobserved: BTreeSet<&AgentName> = parts.events.iter().filter_map(Event::unobserved).collect();
        let (mut rows, told) = (spend.rows(&parts.threads), told(&parts.events));
        // A thread of which nothing was read may be the one that could not be.
        for row in rows.iter_mut().filter(|row| row.agent.as_ref().is_some_and(|agent| unobserved.contains(agent))) {
            row.totals.unobserved = row.totals.responses == 0;
        }
        let totals = Totals { unobserved: !unobserved.is_empty(), ..spend.totals.clone() };
        let fleet = FleetEnd::of(&Read {
            events: &parts.events,
            threads: &parts.threads,
            rows: &rows,
            tally: &spend,
            told: &told,
            unobserved: &unobserved,
            over: parts.info.outcome.is_some(),
        });
        let unobserved = unobserved.into_iter().cloned().collect();
        Self {
            rows,
            totals,
            work: spend.work,
            unpriced_models: spend.unpriced_models,
            skipped_lines,
            in_flight,
            told,
            unobserved,
            stopped: stopped(&parts),
            session: parts.session,
            info: parts.info,
            budgets: parts.budgets,
            sub_agents: Vec::new(),
            fleet,
            handoff: parts.handoff,
            prices: parts.prices,
            zone: parts.zone,
        }
    }

    /// How the budgets stand that bind it, as its govern saw them at its end: what it did not see is in none.
    pub fn stands(&mut self, standings: &[BudgetStanding]) {
        let unobserved = self.unobserved.iter().map(|agent| format!("agent={agent}")).collect::<Vec<_>>();
        let is_in = |scope: &str| {
            let mut agents = scope.split(", ").filter(|part| part.starts_with("agent=")).peekable();
            agents.peek().is_none() || agents.any(|part| unobserved.iter().any(|agent| agent == part))
        };
        let standing = |standing: &BudgetStanding| {
            let lacks = !unobserved.is_empty() && is_in(&standing.scope);
            let unobserved = standing.unobserved || (lacks && standing.unit != Unit::Minutes);
            BudgetStanding { unobserved, ..standing.clone() }
        };
        self.budgets = standings.iter().map(standing).collect();
    }

    /// The run's id.
    pub fn id(&self) -> &RunId {
        &self.info.id
    }

    /// The budget whose shares are shown: the one that is used up furthest, of those that responses count against. One
    /// agent's own says nothing about another's.
    pub fn share_of(&self) -> Option<&BudgetStanding> {
        self.budgets
            .iter()
            .filter(|standing| !matches!(standing.unit, Unit::Minutes | Unit::ToolCalls) && standing.allowed() > 0)
            .filter(|standing| !self.has_several_agents() || !standing.scope.contains("agent="))
            .max_by_key(|standing| standing.share())
    }

    fn has_several_agents(&self) -> bool {
        self.rows.iter().map(|row| &row.agent).collect::<HashSet<_>>().len() > 1
    }

    /// As a person reads it.
    pub fn page(&self) -> Page {
        let mut page = Page::default();
        page.title(self.headline());
        self.fleet.tell(&mut page);
        if self.rows.is_empty() {
            let spend = if self.totals.is_unseen() { ": what it spent is not known" } else { "" };
            page.list(vec![Item::note(format!("No Codex session was seen, so nothing was metered{spend}."))]);
        } else {
            page.table(self.table());
        }
        let budgets = self.budgets.iter().map(budget_item);
        let of_sub_agents = self.sub_agents.iter().map(|standing| standing.item("budget", &wide(&standing.scope)));
        page.list(budgets.chain(of_sub_agents).collect());
        page.list(self.work_in_words().map(Item::note).into_iter().collect());
        let several = self.has_several_agents();
        // What was shared out stands in the fleet's own table.
        let told = self.told.iter().filter(|told| self.fleet.agents.is_empty() || !told.is_share());
        page.list(told.map(|told| told.item(self.zone, several)).collect());
        let mut notes = notes(
            &self.totals,
            Billed::MarkedIfMixed,
            self.unpriced_models.iter().map(Option::as_deref),
            self.skipped_lines,
        );
        if self.info.observe {
            notes.push(Item::note("Observed only: govern recorded what it would have done, and did nothing."));
        }
        page.list(notes);
        self.hand_off(&mut page);
        page
    }

    /// How it ended and what ended it, for whoever wants no more than that.
    pub fn last_word(&self) -> String {
        let ends = |told: &&Entry| !told.would && matches!(told.what.as_str(), "stopped" | "killed");
        // What a person did is in the headline, by whom and why.
        let because = self.told.iter().rfind(ends).filter(|_| self.stopped.is_none());
        let because = because.map(|told| format!(": {}", told.because)).unwrap_or_default();
        printable(&format!("{}{because}", self.headline()))
    }

    /// `Work: edit $0.12, research $0.03.`, the dearest first; nothing where no class is known, or none but `other`, which says
    /// nothing and would be read as the mark of that name.
    fn work_in_words(&self) -> Option<String> {
        let mut classes: Vec<_> = self.work.iter().filter_map(|(class, totals)| Some(((*class)?, totals))).collect();
        if classes.iter().all(|(class, _)| *class == WorkClass::Other) {
            return None;
        }
        classes.sort_by_key(|(_, totals)| std::cmp::Reverse((totals.cost, totals.responses)));
        let costs: Vec<_> = classes.iter().map(|(_, totals)| totals.known_cost()).collect();
        let shown = money_column(&costs, UNPRICED).parts;
        let parts: Vec<String> =
            classes.iter().zip(&shown).map(|((class, _), shown)| format!("{class} {shown}")).collect();
        (!parts.is_empty()).then(|| format!("Work: {}.", parts.join(", ")))
    }

    fn headline(&self) -> String {
        let took = self.info.ended.map(|ended| format!(", {}", duration(between(self.info.started, ended))));
        let took = took.unwrap_or_default();
        let rule = self.info.rule.as_ref().map(|rule| format!(" by `{rule}`")).unwrap_or_default();
        let code = self.info.code.map(|code| format!(", exit {code}")).unwrap_or_default();
        let outcome = match self.info.outcome.as_deref() {
            None => "runs".to_owned(),
            Some("ended") => "ended".to_owned(),
            Some("refused") => format!("refused to start{rule}"),
            Some("failed") => "govern failed".to_owned(),
            Some("lost") => "its govern was killed".to_owned(),
            Some(other) => match &self.stopped {
                Some(braked) => format!("{other} {}", braked.text()),
                None => format!("{other}{rule}"),
            },
        };
        format!("govern run {}: {outcome}{took}{code}", self.info.id)
    }

    fn table(&self) -> Table {
        let all: Vec<&Totals> = self.rows.iter().map(|row| &row.totals).collect();
        let figures = Figures::new(&all, &[], &self.totals, Billed::MarkedIfMixed);
        let share = self.share_of();
        let shares = share.map(|of| {
            let used: Vec<_> = all.iter().map(|totals| totals.amount(of.unit)).collect();
            share_column(&used, of.allowed())
        });
        let mut columns = vec![Column::key("agent/thread", 12), Column::key("model", 7)];
        columns.extend(figures.columns());
        columns.extend(share.map(|of| Column::figure(share_title(of)).useful()));
        let mut rows = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            let (header, label) = self.label(index, row);
            if let Some(header) = header {
                let mut cells = vec![Cell::new(""); columns.len()];
                if let Some(first) = cells.first_mut() {
                    *first = Cell::new(header);
                }
                rows.push(cells);
            }
            let mut cells = vec![Cell::new(label), Cell::or_unknown(row.model.as_ref().map(ModelId::as_str))];
            cells.extend(figures.row(index));
            cells.extend(shares.as_ref().map(|shown| Cell::new(shown.parts.get(index).map_or("", String::as_str))));
            rows.push(cells);
        }
        let mut totals = vec![Cell::toned("total", Tone::Strong), Cell::new("")];
        totals.extend(figures.totals());
        totals.extend(shares.as_ref().map(|shown| Cell::toned(&shown.total, Tone::Strong)));
        Table { columns, rows, totals: Some(totals) }
    }

    /// A line for the agent alone where it has several roots and this is its first, and the row's own name.
    fn label(&self, index: usize, row: &RunRow) -> (Option<String>, String) {
        let agent = row.agent.as_ref().map_or("(no agent)", AgentName::as_str);
        let of_agent = || self.rows.iter().filter(|other| other.agent == row.agent);
        let roots = of_agent().filter(|other| other.depth == 0).map(|other| &other.thread).collect::<HashSet<_>>();
        let several = roots.len() > 1;
        let first = self.rows.iter().position(|other| other.agent == row.agent) == Some(index);
        let header = (several && first).then(|| agent.to_owned());
        if row.again {
            return (header, String::new());
        }
        let name = match &row.role {
            // Ids begin with the time, so that those of a run tell apart by their ends.
            Some(role) => format!("{role} {}", tail(row.thread.as_str(), 6)),
            None => row.thread.to_string(),
        };
        let indent = "  ".repeat(row.depth + usize::from(several));
        let label = match (row.depth, several) {
            (0, false) => agent.to_owned(),
            (0, true) => format!("{indent}{name}"),
            (_, _) => format!("{indent}└ {name}"),
        };
        (header, label)
    }

    /// What goes on with the one session of a run that govern cannot resume, under the limits that were typed for it, as
    /// far as they are known: of a run that is over, the one that ended it is.
    fn by_hand(&self) -> Option<String> {
        let session = self.session.as_ref()?;
        let known: BTreeSet<&BudgetName> =
            self.budgets.iter().map(|standing| &standing.budget).chain(self.info.rule.as_ref()).collect();
        let typed = known.into_iter().filter_map(|budget| budget.as_str().strip_prefix("--budget "));
        let flags = typed.map(|amount| format!(" --budget {}", shell_words(&[amount]))).collect::<String>();
        let ResumableSession { thread, home } = session;
        let home = home.as_ref().map_or_else(String::new, |home| format!("CODEX_HOME={} ", shell_words(&[home])));
        Some(format!("{home}govern run{flags} -- codex exec resume {thread} \"Go on.\""))
    }

    /// Why it was ended where neither a budget nor a person did it: a gate, say, or a model that is not allowed.
    pub(super) fn ended_because(&self) -> Option<&str> {
        let ended = matches!(self.info.outcome.as_deref(), Some("stopped" | "killed")) && self.info.rule.is_none();
        let ends = |told: &&Entry| matches!(told.what.as_str(), "stopped" | "killed" | "ended") && !told.would;
        self.told.iter().rev().find(ends).filter(|_| ended).map(|told| told.because.as_str())
    }

    /// No limit ended it, and nobody's answer: a model that is not allowed, say, would end it the same way again.
    fn is_unfit(&self, command: &str) -> bool {
        let by_policy = self.info.outcome.as_deref() == Some("stopped") && self.stopped.is_none();
        let answered = self.told.iter().any(|told| told.approval.is_some());
        by_policy && !answered && self.info.rule.is_none() && !command.contains(" --extend ")
    }

    fn hand_off(&self, page: &mut Page) {
        let Some(handoff) = &self.handoff else { return };
        let spent = self.totals.known_cost().map_or("an unknown amount".to_owned(), |cost| cost.to_string());
        let files = match &handoff.files {
            None => None,
            Some(files) if files.is_empty() => {
                Some("No file of the work tree was changed without being committed.".to_owned())
            }
            Some(files) => {
                const SHOWN: usize = 8;
                let named: Vec<String> = files.iter().take(SHOWN).map(|file| format!("`{file}`")).collect();
                let more = files.len().saturating_sub(SHOWN);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let total = count(files.len() as u64, "file", "files");
                Some(format!("{total} changed: {}{more}.", named.join(", ")))
            }
        };
        let mut items: Vec<Item> = files.iter().map(Item::note).collect();
        match &handoff.next {
            Next::Command(command) => {
                let once = if self.is_unfit(command) { ", once what ended it is put right" } else { "" };
                items.push(Item::note(format!("{spent} was spent. To go on from here{once}:")));
                page.list(items);
                page.command(command);
            }
            Next::Others { command, who } => {
                let who = who.join(" or ");
                items.push(Item::note(format!("{spent} was spent. To go on is an answer, which {who} may give:")));
                page.list(items);
                page.command(command);
            }
            Next::Exhausted(why) => {
                items.push(Item::note(format!("{spent} was spent. It does not go on: {why}.")));
                page.list(items);
            }
            Next::Nothing(why) => {
                let by_hand = self.by_hand();
                let then =
                    by_hand.as_ref().map(|_| " Its Codex session goes on under a run of its own:").unwrap_or_default();
                items.push(Item::note(format!("{spent} was spent. govern cannot resume it: {why}.{then}")));
                page.list(items);
                by_hand.into_iter().for_each(|command| page.command(command));
            }
        }
    }
}

/// Who ended it by hand, if that is how it ended.
fn stopped(parts: &RunParts) -> Option<Braked> {
    let last = parts.events.iter().rev().find_map(|event| match &event.kind {
        EventKind::Braked { brake: Brake::Stop | Brake::Kill, by, reason } => {
            Some(Some(Braked { by: by.clone(), reason: reason.clone(), at: event.at }))
        }
        EventKind::RunResumed { .. } => Some(None),
        _ => None,
    });
    last.flatten().filter(|_| matches!(parts.info.outcome.as_deref(), Some("stopped" | "killed")))
}

fn tail(text: &str, chars: usize) -> String {
    text.chars().skip(text.chars().count().saturating_sub(chars)).collect()
}

/// What the shares are of, if that is short; the line of the budget says it in any case.
fn share_title(of: &BudgetStanding) -> String {
    let title = format!("of {}", of.unit.show(of.allowed()));
    if title.len() <= "of $5.00".len() { title } else { "share".to_owned() }
}

/// ` for team=web`; nothing for this run, or for everything.
fn wide(scope: &str) -> String {
    if scope.is_empty() || scope.starts_with("run=") {
        String::new()
    } else {
        format!(" for {}", scope_in_words(scope))
    }
}

fn budget_item(standing: &BudgetStanding) -> Item {
    let wide = wide(&standing.scope);
    if standing.is_unseen() {
        let text = format!("`{}`{wide}: what this run spent was not observed", standing.budget);
        return Item::new("budget", text, Tone::Bad);
    }
    // Of nothing there is no share.
    let used = match standing.allowed() {
        0 => String::new(),
        allowed => {
            let used = share_column(&[Some(standing.spent), Some(standing.reserved)], allowed).total;
            format!(", {used} used")
        }
    };
    let extended = match standing.extended {
        0 => String::new(),
        more => format!(", {} of it by extension", standing.unit.show(more)),
    };
    let granted = match standing.granted {
        0 => String::new(),
        more => format!(", {} of it granted", standing.unit.show(more)),
    };
    let place = if standing.earlier_known { "" } else { "; earlier spend unknown" };
    let (least, lacks) = match standing.unobserved {
        true => ("at least ", "; part of what was spent was not observed"),
        false => ("", ""),
    };
    let tone = if standing.is_over() || standing.unobserved { Tone::Bad } else { Tone::Plain };
    let text =
        format!("`{}`{wide}: {least}{}{extended}{granted}{used}{lacks}{place}", standing.budget, standing.sentence());
    Item::new("budget", text, tone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn shares_are_of_a_limit_that_responses_count_against() {
        let calls = sample::standing("calls", "", Unit::ToolCalls, (9, 0, 10));
        let tokens = sample::standing("tokens", "", Unit::AllTok, (10, 0, 1_000));
        let mut report = sample::run();
        report.budgets = vec![calls.clone()];
        assert_eq!(report.share_of(), None);
        report.budgets.push(tokens);
        assert_eq!(report.share_of().map(|of| of.unit), Some(Unit::AllTok));
    }
}
