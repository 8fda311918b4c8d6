//! What is on the screen: the account as it was seen last, where somebody is in it, what they type.

use super::ask::{Ask, TypedAnswer};
use crate::model::{ApprovalId, RunId, Subject, Timestamp};
use crate::report::Overview;
use crate::report::overview::agent::{AgentKey, AgentLook};
use crate::report::overview::{AgentRow, Order};
use crate::report::page::{Item, Tone};

/// What is on the screen.
#[derive(Clone, Debug)]
pub struct Top {
    pub(super) seen: Overview,
    /// Now: what is seen may be older.
    pub(super) now: Timestamp,
    pub(super) order: Order,
    pub(super) filter: String,
    pub(super) view: View,
    pub(super) mode: Mode,
    /// The line that is chosen, by what it is about: it stays chosen where lines move.
    selected: Option<(RunId, Option<AgentKey>)>,
    question: Option<ApprovalId>,
    pub(super) look: Option<(AgentKey, AgentLook)>,
    /// So many lines of a long text are above the screen.
    pub(super) scroll: usize,
    pub(super) said: Option<Item>,
}

/// What takes the middle of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Agents,
    Agent,
    Questions,
    Budgets,
    Help,
}

/// What the next key is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// To move, or to begin something.
    #[default]
    Looks,
    /// A line.
    Types(Typing),
    /// Yes or no to this, in these words.
    Confirms(Ask, String),
}

/// A line that is being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Typing {
    pub(super) what: What,
    pub(super) text: String,
}

/// What a typed line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// What agents are looked for.
    Filter,
    /// By how much a limit is extended.
    Amount(ApprovalId),
    /// Why it is answered so.
    Reason(ApprovalId, TypedAnswer),
}

impl Typing {
    /// Nobody types more.
    pub(super) const MOST: usize = 500;

    pub(super) fn filter(before: &str) -> Self {
        Self { what: What::Filter, text: before.to_owned() }
    }

    pub(super) fn amount(id: ApprovalId) -> Self {
        Self { what: What::Amount(id), text: String::new() }
    }

    pub(super) fn reason(id: ApprovalId, wanted: TypedAnswer) -> Self {
        Self { what: What::Reason(id, wanted), text: String::new() }
    }

    pub(super) fn is_filter(&self) -> bool {
        self.what == What::Filter
    }

    /// What stands before the text.
    pub(super) fn prompt(&self) -> String {
        match &self.what {
            What::Filter => "look for: ".to_owned(),
            What::Amount(id) => format!("extend by how much (question {id}), such as 2usd: "),
            What::Reason(id, wanted) => format!("{}? Enter does it, Esc does not. Reason: ", wanted.words(*id)),
        }
    }
}

impl Top {
    /// A screen over what was seen.
    pub fn new(seen: Overview) -> Self {
        let mut top = Self {
            now: seen.at,
            seen,
            order: Order::default(),
            filter: String::new(),
            view: View::Agents,
            mode: Mode::Looks,
            selected: None,
            question: None,
            look: None,
            scroll: 0,
            said: None,
        };
        top.settle();
        top
    }

    /// The account was seen again.
    pub fn sees(&mut self, seen: Overview) {
        self.now = self.now.max(seen.at);
        self.seen = seen;
        self.settle();
    }

    /// Time has passed.
    pub fn passes(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// An agent was looked at more closely.
    pub fn looks(&mut self, key: AgentKey, look: AgentLook) {
        self.look = Some((key, look));
    }

    /// Which agent is looked at more closely now.
    pub fn wants(&self) -> Option<AgentKey> {
        (self.view == View::Agent).then(|| self.selected_agent()).flatten()
    }

    /// Something on it moves with time alone.
    pub fn has_clock(&self) -> bool {
        !self.seen.status.runs.is_empty()
    }

    /// The runs that are shown.
    pub fn runs(&self) -> impl Iterator<Item = &crate::model::RunInfo> {
        self.seen.status.runs.iter().map(|run| &run.info)
    }

    /// Says what came of something; an error is said the same way.
    pub fn say(&mut self, text: &str, tone: Tone) {
        self.said = Some(Item::new("", text, tone));
    }

    pub(super) fn say_quietly(&mut self, text: String) {
        self.say(&text, Tone::Quiet);
    }

    pub(super) fn rows(&self) -> Vec<AgentRow<'_>> {
        self.seen.agents(self.order, &self.filter)
    }

    /// The place of the line that is chosen.
    pub(super) fn place(&self) -> Option<usize> {
        self.rows().iter().position(|row| Some(identity(row)) == self.selected)
    }

    pub(super) fn selected_agent(&self) -> Option<AgentKey> {
        self.selected.as_ref().and_then(|(_, agent)| agent.clone())
    }

    pub(super) fn selected_run(&self) -> Option<RunId> {
        self.selected.as_ref().map(|(run, _)| run.clone())
    }

    pub(super) fn question_place(&self) -> Option<usize> {
        self.seen.waiting.rows.iter().position(|row| Some(row.approval.id) == self.question)
    }

    pub(super) fn selected_question(&self) -> Option<(ApprovalId, Subject)> {
        let row = self.seen.waiting.rows.get(self.question_place()?)?;
        Some((row.approval.id, row.approval.about))
    }

    pub(super) fn show(&mut self, view: View) {
        (self.view, self.scroll) = (view, 0);
    }

    /// Moves the choice, or a long text.
    pub(super) fn step(&mut self, by: isize) {
        match self.view {
            View::Agents => {
                let rows: Vec<_> = self.rows().iter().map(identity).collect();
                self.selected = moved(rows.len(), self.place(), by).and_then(|place| rows.get(place).cloned());
            }
            View::Questions => {
                let rows = &self.seen.waiting.rows;
                let place = moved(rows.len(), self.question_place(), by);
                self.question = place.and_then(|place| rows.get(place)).map(|row| row.approval.id);
            }
            View::Agent | View::Budgets | View::Help => self.scroll = self.scroll.saturating_add_signed(by),
        }
    }

    /// What is chosen is something that is shown.
    pub(super) fn settle(&mut self) {
        if self.place().is_none() && self.view != View::Agent {
            self.selected = self.rows().first().map(identity);
        }
        if self.question_place().is_none() {
            self.question = self.seen.waiting.rows.first().map(|row| row.approval.id);
        }
    }
}

fn identity(row: &AgentRow<'_>) -> (RunId, Option<AgentKey>) {
    let run = row.run.info.id.clone();
    let agent = row.agent.map(|agent| AgentKey { run: run.clone(), agent: agent.agent.clone() });
    (run, agent)
}

fn moved(of: usize, from: Option<usize>, by: isize) -> Option<usize> {
    let last = of.checked_sub(1)?;
    Some(from.map_or(0, |from| from.saturating_add_signed(by).min(last)))
}
