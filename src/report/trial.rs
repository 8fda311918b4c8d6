//! What a policy would have done with history, as a page.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::Serialize;

use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::rounding::{grouped, money_column, money_difference};
use super::text::{count, moment};
use crate::model::event::{Answer, Decision};
use crate::model::trial::{Deed, Spend, Trial, TriedRun, TriedStep};
use crate::model::{Money, Subject, Timestamp, Verb};

/// So many runs are shown one by one; JSON has all.
const SHOWN: usize = 20;

/// A trial and what was asked, for `govern policy try`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialReport {
    /// What it came to.
    pub trial: Trial,
    /// The policy's name, for a person.
    pub policy: String,
    /// History from then on.
    pub since: Option<Timestamp>,
    /// History before then.
    pub until: Option<Timestamp>,
    /// The zone that times are shown in.
    pub zone: Tz,
    /// Every question gets a plain yes.
    pub approves: bool,
    /// The policy has rules of attribution, which were not applied.
    pub attributes: bool,
    /// What of the policy was not tried.
    pub unreplayed: Vec<Unreplayed>,
    /// Some of the money is the list-price equivalent of use on a ChatGPT plan.
    pub plan: bool,
}

/// Rules of a policy of which history cannot tell what they would have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unreplayed {
    /// Tools that would have been asked about or refused.
    Gates,
    /// Limits in tool calls.
    ToolCalls,
    /// Limits on sub-agents.
    SubAgents,
    /// The time for which requests would have waited.
    Throttles,
    /// What looks at how an agent goes on, or at a ChatGPT plan.
    Alerts,
}

impl Unreplayed {
    fn text(self) -> &'static str {
        match self {
            Self::Gates => "Gates are not tried: history does not tell which tools they would have refused or held.",
            Self::ToolCalls => {
                "Limits in tool calls are not tried: it is responses that are governed again, not tools."
            }
            Self::SubAgents => {
                "Limits on sub-agents are not tried: history does not tell what the family would have done without one."
            }
            Self::Throttles => {
                "A throttle is taken for a warning: what follows would have happened later, at its rate."
            }
            Self::Alerts => {
                "Alerts, and limits of a ChatGPT plan, are not tried: history keeps what was spent, not what was done."
            }
        }
    }
}

/// What a budget, or another rule, would have done to how many runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Doings {
    warned: u64,
    routed: u64,
    held: u64,
    stopped: u64,
    killed: u64,
    refused: u64,
}

impl Doings {
    fn add(&mut self, other: &Self) {
        self.warned += other.warned;
        self.routed += other.routed;
        self.held += other.held;
        self.stopped += other.stopped;
        self.killed += other.killed;
        self.refused += other.refused;
    }

    fn decided(verb: Verb) -> Self {
        let mut one = Self::default();
        *match verb {
            Verb::Warn | Verb::Steer | Verb::Throttle => &mut one.warned,
            Verb::Route => &mut one.routed,
            Verb::Ask => &mut one.held,
            Verb::Stop => &mut one.stopped,
            Verb::Kill => &mut one.killed,
        } = 1;
        one
    }

    /// Each once, however often it was.
    fn once(self) -> Self {
        Self {
            warned: self.warned.min(1),
            routed: self.routed.min(1),
            held: self.held.min(1),
            stopped: self.stopped.min(1),
            killed: self.killed.min(1),
            refused: self.refused.min(1),
        }
    }

    pub(super) fn words(&self) -> [(&'static str, u64); 6] {
        [
            ("warned", self.warned),
            ("routed", self.routed),
            ("held", self.held),
            ("stopped", self.stopped),
            ("killed", self.killed),
            ("refused", self.refused),
        ]
    }
}

/// What budgets did to one run, by their names; `None`: a rule that is no budget's.
fn by_rule(run: &TriedRun) -> BTreeMap<Option<&str>, Doings> {
    let mut rules: BTreeMap<Option<&str>, Doings> = BTreeMap::new();
    let mut held_by = None;
    for step in &run.steps {
        let (rule, doings) = match &step.deed {
            Deed::Decided(decision) => {
                if decision.verb == Verb::Ask {
                    held_by = Some(decision.budget.as_str());
                }
                (Some(decision.budget.as_str()), Doings::decided(decision.verb))
            }
            Deed::Answered(Answer::Stop) => (held_by, Doings::decided(Verb::Stop)),
            Deed::Answered(Answer::Kill) => (held_by, Doings::decided(Verb::Kill)),
            Deed::Answered(Answer::Route) => (held_by, Doings::decided(Verb::Route)),
            Deed::Ended { .. } => (None, Doings::decided(Verb::Stop)),
            Deed::Refused { budget, .. } => {
                (budget.as_ref().map(crate::model::BudgetName::as_str), Doings { refused: 1, ..Doings::default() })
            }
            Deed::Answered(
                Answer::Extend { .. } | Answer::Allow { .. } | Answer::Once | Answer::NextStep { .. } | Answer::Refuse,
            )
            | Deed::Routed { .. }
            | Deed::Released => {
                continue;
            }
        };
        rules.entry(rule).or_default().add(&doings);
    }
    rules.values_mut().for_each(|doings| *doings = doings.once());
    rules
}

/// What a run came to, in one or two words.
pub(super) fn fate(run: &TriedRun) -> (&'static str, Tone) {
    let observed = |step: &TriedStep| matches!(&step.deed, Deed::Decided(decision) if decision.would);
    let doings = by_rule(run).values().fold(Doings::default(), |mut all, one| {
        all.add(one);
        all
    });
    if run.steps.iter().all(observed) {
        return ("observed", Tone::Quiet);
    }
    let ended = run.would.responses < run.actual.responses;
    match doings {
        Doings { refused: 1.., .. } => ("refused", Tone::Bad),
        Doings { killed: 1.., .. } if ended => ("killed", Tone::Bad),
        Doings { stopped: 1.., .. } if ended => ("stopped", Tone::Bad),
        Doings { held: 1.., .. } => ("held", Tone::Warn),
        _ if run.steps.iter().any(|step| matches!(step.deed, Deed::Routed { .. })) => ("routed", Tone::Warn),
        // Nothing was left to be stopped, and nothing else was done.
        Doings { warned: 0, killed: 1.., .. } => ("killed", Tone::Bad),
        Doings { warned: 0, stopped: 1.., .. } => ("stopped", Tone::Bad),
        _ => ("warned", Tone::Plain),
    }
}

impl TrialReport {
    /// As a person reads it.
    pub fn page(&self) -> Page {
        let mut page = Page::default();
        page.title(format!("What `{}` would have done{} ({})", self.policy, self.span(), self.zone.name()));
        let trial = &self.trial;
        if trial.actual.responses == 0 {
            page.list(vec![Item::note("Nothing was recorded in this time.")]);
            return page;
        }
        page.list(self.headline());
        if !trial.runs.is_empty() {
            page.table(self.table());
            page.list(self.shown().iter().map(|run| self.story(run)).collect());
            page.title("By rule: how many runs");
            page.table(self.rules());
        }
        page.list(self.assumptions().into_iter().map(|text| Item::new("", text, Tone::Quiet)).collect());
        page
    }

    fn span(&self) -> String {
        match (self.since, self.until) {
            (None, None) => String::new(),
            (Some(since), None) => format!(" since {}", moment(since, self.zone)),
            (None, Some(until)) => format!(" until {}", moment(until, self.zone)),
            (Some(since), Some(until)) => format!(", {} – {}", moment(since, self.zone), moment(until, self.zone)),
        }
    }

    fn headline(&self) -> Vec<Item> {
        let trial = &self.trial;
        let tried = trial.runs.len() as u64 + trial.untouched;
        let [actual, would, saved] = money_difference(&[(trial.actual.cost, trial.would.cost)]);
        let touched = match trial.runs.len() {
            0 => "none of them would have been touched".to_owned(),
            some => format!("{} would have been touched", grouped(some as i128)),
        };
        let in_responses =
            |cost: &str, spend: &Spend| format!("{cost} in {}", count(spend.responses, "response", "responses"));
        let tone = if trial.would.cost < trial.actual.cost { Tone::Good } else { Tone::Plain };
        let less = trial.actual.less(&trial.would);
        let mut items = vec![
            Item::new("runs", format!("{}, {touched}", count(tried, "run", "runs")), Tone::Plain),
            Item::new("spent", in_responses(&actual.total, &trial.actual), Tone::Plain),
            Item::new("would have spent", in_responses(&would.total, &trial.would), Tone::Plain),
            Item::new("would have saved", in_responses(&saved.total, &less), tone),
        ];
        if trial.actual.unpriced > 0 {
            let what = count(trial.actual.unpriced, "response has", "responses have");
            items.push(Item::warning(format!("{what} no price: not in these figures.")));
        }
        items
    }

    /// The runs that are worth showing one by one: those that would have saved most, in the order of time.
    fn shown(&self) -> Vec<&TriedRun> {
        let mut runs: Vec<&TriedRun> = self.trial.runs.iter().collect();
        let ended = |run: &TriedRun| run.actual.responses - run.would.responses.min(run.actual.responses);
        runs.sort_by_key(|run| {
            let saved = run.actual.cost - run.would.cost;
            (std::cmp::Reverse((saved, ended(run))), fate(run).0 == "warned", run.started)
        });
        runs.truncate(SHOWN);
        runs.sort_by_key(|run| (run.started, run.origin.clone()));
        runs
    }

    fn table(&self) -> Table {
        let shown = self.shown();
        let trial = &self.trial;
        let listed = shown.iter().fold((Spend::default(), Spend::default()), |(mut actual, mut would), run| {
            actual.add_all(&run.actual);
            would.add_all(&run.would);
            (actual, would)
        });
        let others = (trial.actual.less(&listed.0), trial.would.less(&listed.1));
        let spends = || shown.iter().map(|run| (run.actual, run.would)).chain([others]);
        let pairs: Vec<(Money, Money)> = spends().map(|(actual, would)| (actual.cost, would.cost)).collect();
        let [actual, would, saved] = money_difference(&pairs);
        let text = |parts: &[String], index: usize| parts.get(index).cloned().unwrap_or_default();
        // What has no price is unknown, not nothing.
        let known: Vec<[bool; 3]> = spends()
            .map(|(actual, would)| [actual.known_cost().is_some(), would.known_cost().is_some()])
            .map(|[actual, would]| [actual, would, actual && would])
            .collect();
        let figures = |index: usize| {
            let known = known.get(index).copied().unwrap_or_default();
            let shown = [&actual, &would, &saved].map(|shown| text(&shown.parts, index));
            let mut shown = shown.into_iter().zip(known).map(|(shown, known)| known.then_some(shown));
            std::array::from_fn::<Cell, 3, _>(|_| Cell::or_unknown(shown.next().flatten().as_deref()))
        };
        let mut rows: Vec<Vec<Cell>> = Vec::with_capacity(shown.len() + 1);
        for (index, run) in shown.iter().enumerate() {
            let (word, tone) = fate(run);
            let cut = if run.cut.is_some() { " †" } else { "" };
            let mut row = vec![
                Cell::new(format!("{}{cut}", run.origin.as_str())),
                Cell::new(moment(run.started, self.zone)),
                Cell::or_unknown(run.attribution.project.as_deref()),
            ];
            row.extend(figures(index));
            row.push(Cell::toned(word, tone));
            rows.push(row);
        }
        let more = trial.runs.len() - shown.len();
        let others = match (more, trial.untouched + trial.earlier) {
            (0, 0) => None,
            (0, rest) => Some(format!("{} not touched", grouped(rest.into()))),
            (more, rest) => Some(format!("{} more", grouped(more as i128 + i128::from(rest)))),
        };
        if let Some(others) = others {
            let mut row = vec![Cell::toned(others, Tone::Quiet), Cell::new(""), Cell::new("")];
            row.extend(figures(shown.len()));
            row.push(Cell::new(""));
            rows.push(row);
        }
        let strong = |text: &str| Cell::toned(text, Tone::Strong);
        let totals = ["total", "", "", &actual.total, &would.total, &saved.total, ""].map(strong);
        let columns = vec![
            Column::key("run", 12),
            Column::word("started").spare(),
            Column::name("project", 8).spare(),
            Column::figure("spent"),
            Column::figure("would"),
            Column::figure("saved"),
            Column::word("end").useful(),
        ];
        Table { columns, rows, totals: Some(totals.to_vec()) }
    }

    /// `24 Nov 09:20 warned, 09:40 stopped: $4.93 …`: the first step, and the one that mattered.
    fn story(&self, run: &TriedRun) -> Item {
        let mut told: Vec<String> = Vec::new();
        let first = run.steps.first();
        let last = run.steps.iter().max_by_key(|step| weight(&step.deed)).filter(|last| Some(*last) != first);
        for step in first.into_iter().chain(last) {
            told.push(format!("{} {}", moment(step.at, self.zone), sentence(&step.deed, self.approves)));
        }
        let cut = run.cut.as_ref().map_or_else(String::new, |cut| format!(" † {cut} by the policy of its time."));
        let lead: String = run.origin.as_str().chars().take(12).collect();
        Item::new(lead, format!("{}.{cut}", told.join("; ")), fate(run).1)
    }

    pub(super) fn all_rules(&self) -> BTreeMap<Option<&str>, Doings> {
        let mut all: BTreeMap<Option<&str>, Doings> = BTreeMap::new();
        for (rule, doings) in self.trial.runs.iter().flat_map(by_rule) {
            all.entry(rule).or_default().add(&doings);
        }
        all
    }

    fn rules(&self) -> Table {
        let all = self.all_rules();
        let used: Vec<usize> = (0..6)
            .filter(|at| all.values().any(|doings| doings.words().get(*at).is_some_and(|(_, n)| *n > 0)))
            .collect();
        let word = |doings: &Doings, at: usize| doings.words().get(at).copied().unwrap_or_default();
        let mut columns = vec![Column::key("rule", 10)];
        columns.extend(used.iter().map(|at| Column::figure(word(&Doings::default(), *at).0)));
        let rows = all.iter().map(|(rule, doings)| {
            let mut row = vec![Cell::new(rule.unwrap_or("models"))];
            row.extend(used.iter().map(|at| match word(doings, *at).1 {
                0 => Cell::toned("—", Tone::Quiet),
                some => Cell::new(grouped(some.into())),
            }));
            row
        });
        Table { columns, rows: rows.collect(), totals: None }
    }

    /// What a what-if takes for granted, as far as it mattered here.
    pub(super) fn assumptions(&self) -> Vec<String> {
        let trial = &self.trial;
        let any = |is: fn(&Deed) -> bool| trial.runs.iter().flat_map(|run| &run.steps).any(|step| is(&step.deed));
        let mut notes =
            vec!["This is a what-if. Nothing was done, and what a saved response was worth is not known.".to_owned()];
        notes.extend(self.unreplayed.iter().map(|rules| rules.text().to_owned()));
        if any(|deed| matches!(deed, Deed::Routed { .. })) {
            notes.push("After a route the cheaper model is taken to answer with the same tokens.".to_owned());
        }
        if any(|deed| matches!(deed, Deed::Decided(Decision { verb: Verb::Ask, would: false, .. }))) {
            notes.push(if self.approves {
                "Every question is taken to be answered by a plain yes, at once.".to_owned()
            } else {
                "Nobody answers in history: a step's `else` applies after its `wait`, and what follows is so much later."
                    .to_owned()
            });
        }
        if any(|deed| matches!(deed, Deed::Decided(Decision { would: true, .. }))) {
            notes.push("What is only observed does nothing: without `mode = \"observe\"` it would have.".to_owned());
        }
        if self.since.is_some() && !trial.runs.is_empty() {
            notes.push("Budgets begin with what was spent in their windows before that time.".to_owned());
        }
        if trial.imported > 0 {
            let runs = count(trial.imported, "run is", "runs are");
            notes.push(format!(
                "{runs} imported: a thread with its sub-agents each, taken as one `codex exec` that could be routed."
            ));
        }
        if trial.earlier > 0 {
            let (runs, cost) =
                (count(trial.earlier, "run", "runs"), money_column(&[Some(trial.earlier_spend.cost)], "").total);
            notes.push(format!("{runs} ({cost}) had begun before: counted as they were."));
        }
        if trial.runs.iter().any(|run| run.cut.is_some()) {
            notes.push(
                "† was ended by the policy of its time: what it would have gone on to spend is not known.".to_owned(),
            );
        }
        if trial.repriced > 0 {
            let what = count(trial.repriced, "response is", "responses are");
            notes.push(format!("{what} counted at the price that this policy gives, not at the recorded one."));
        }
        if self.attributes {
            notes.push(
                "Spend belongs where it was recorded to belong; `[[attribute]]` rules are not applied.".to_owned(),
            );
        }
        if self.plan {
            notes.push(
                "Some of it is the list-price equivalent of use on a ChatGPT plan: nobody is billed these dollars."
                    .to_owned(),
            );
        }
        notes
    }
}

/// Which step of a run matters most.
fn weight(deed: &Deed) -> u8 {
    match deed {
        Deed::Decided(decision) if decision.would => 0,
        Deed::Decided(decision) => match decision.verb {
            Verb::Warn | Verb::Steer | Verb::Throttle => 1,
            Verb::Route => 2,
            Verb::Ask => 4,
            Verb::Stop => 7,
            Verb::Kill => 8,
        },
        Deed::Routed { .. } => 3,
        Deed::Released => 5,
        Deed::Answered(answer) => {
            if answer.is_yes() {
                5
            } else {
                6
            }
        }
        Deed::Ended { .. } => 8,
        Deed::Refused { .. } => 9,
    }
}

fn sentence(deed: &Deed, approves: bool) -> String {
    match deed {
        Deed::Decided(decision) => {
            let done = decision.verb.past();
            let observed = if decision.would { " (only observed)" } else { "" };
            let to = decision.to.as_ref().map_or_else(String::new, |to| format!(" to {to}"));
            format!("{done}{to}{observed}: {}", decision.because.first().map_or("", String::as_str))
        }
        Deed::Routed { to } => format!("went on with {to}"),
        Deed::Answered(answer) => {
            let who = if approves { "answered" } else { "nobody answered" };
            format!("{who}: {}", answer.word(Subject::Limit))
        }
        Deed::Released => "went on: what held it was over".to_owned(),
        Deed::Ended { because } => format!("stopped: {because}"),
        Deed::Refused { because, .. } => format!("refused: {because}"),
    }
}
