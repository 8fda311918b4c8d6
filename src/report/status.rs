//! What runs on this machine now: each run, its agents, what they spend and how long that lasts.

use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::resumes::{self, ResumesAt};
use super::text::{about, between, count, duration, shell_words};
use crate::model::{
    AgentState, Live, LiveAgent, LiveLimit, LivePool, MayAnswer, Money, RunInfo, Timestamp, Unit, WorkClass,
    scope_in_words,
};

/// What runs at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReport {
    /// The moment.
    pub at: Timestamp,
    /// The runs that live, the newest first.
    pub runs: Vec<RunStatus>,
    /// Those that a timer lets go on.
    pub resumes: Vec<ResumesAt>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStatus {
    /// The run.
    pub info: RunInfo,
    /// Who says how it stands.
    pub source: Source,
    /// How it stands.
    pub live: Live,
    /// Who may answer the first of its questions.
    pub may: MayAnswer,
}

/// Who says how a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Its own govern.
    Supervisor,
    /// The ledger: no govern started it, installed hooks govern it.
    Hooks,
    /// The ledger: its govern did not answer, for this reason.
    Ledger(String),
}

impl Source {
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor",
            Self::Hooks => "hooks",
            Self::Ledger(_) => "ledger",
        }
    }
}

impl StatusReport {
    /// As a person reads it.
    pub fn page(&self) -> Page {
        let mut page = self.seen();
        if let Some((run, approval)) = self.agents().find_map(|(run, agent)| Some((run, agent.approval?))) {
            page.list(run.may.note(approval).map(Item::note).into_iter().collect());
            run.may.command("approve", approval).into_iter().for_each(|command| page.command(command));
        }
        page
    }

    /// The same, where how to answer stands elsewhere.
    pub fn seen(&self) -> Page {
        let mut page = Page::default();
        if self.runs.is_empty() {
            page.list(vec![Item::note("Nothing runs here.")]);
            page.list(resumes::notes(&self.resumes, chrono_tz::UTC));
            return page;
        }
        let agents: usize = self.runs.iter().map(|run| run.live.agents.len()).sum();
        let runs = count(self.runs.len() as u64, "run", "runs");
        page.title(format!("Running: {runs}, {}", count(agents as u64, "agent", "agents")));
        page.table(self.table());
        page.list(self.notes());
        page.list(resumes::notes(&self.resumes, chrono_tz::UTC));
        page
    }

    /// A line for each run.
    pub fn short(&self) -> Page {
        let mut page = Page::default();
        page.title(format!("Running: {}", count(self.runs.len() as u64, "run", "runs")));
        let columns = vec![
            Column::key("run", 10),
            Column::name("command", 12),
            Column::name("project", 8).spare(),
            Column::name("state", 8),
            Column::figure("for").spare(),
            Column::figure("cost"),
            Column::figure("rate").useful(),
            Column::figure("left").useful(),
        ];
        let rows = self.runs.iter().map(|run| run.short_row(self.at));
        page.table(without_silent(Table { columns, rows: rows.collect(), totals: None }));
        page.list(self.runs.iter().filter_map(RunStatus::silence).collect());
        page
    }

    fn agents(&self) -> impl Iterator<Item = (&RunStatus, &LiveAgent)> {
        self.runs.iter().flat_map(|run| run.live.agents.iter().map(move |agent| (run, agent)))
    }

    fn table(&self) -> Table {
        let columns = vec![
            Column::key("run", 10),
            Column::key("agent", 8),
            Column::word("state"),
            Column::figure("for").spare(),
            Column::name("model", 8).useful(),
            Column::word("work").spare(),
            Column::figure("spent"),
            Column::figure("rate").useful(),
            Column::figure("left").useful(),
        ];
        let mut rows = Vec::new();
        for run in &self.runs {
            for (place, agent) in run.live.agents.iter().enumerate() {
                let id = if place == 0 { run.info.id.as_str() } else { "" };
                let since = between(agent.since, self.at);
                let own = run.own_limit(agent);
                rows.push(vec![
                    Cell::of_run(id),
                    Cell::new(agent.agent.as_str()),
                    Cell::toned(agent.state.as_str(), tone(agent.state)),
                    Cell::toned(duration(since), Tone::Quiet),
                    Cell::or_unknown(agent.model.as_ref().map(|model| model.as_str())),
                    Cell::or_unknown(agent.work.map(WorkClass::as_str)),
                    spent_cell(agent.cost_usd, own),
                    rate_cell(agent),
                    left_cell(agent.state, agent.limit.as_ref()),
                ]);
            }
            if run.live.agents.is_empty() {
                let mut row = vec![Cell::unknown(); columns.len()];
                if let Some(first) = row.first_mut() {
                    *first = Cell::of_run(run.info.id.as_str());
                }
                rows.push(row);
            }
        }
        without_silent(Table { columns, rows, totals: None })
    }

    /// What is to be said of its agents, budgets and pools, and of runs that say nothing of themselves.
    pub fn notes(&self) -> Vec<Item> {
        let several = self.agents().count() > 1;
        let mut notes = Vec::new();
        for run in &self.runs {
            for agent in run.live.agents.iter().filter(|agent| !agent.state.is_over()) {
                let Some(because) = &agent.because else { continue };
                let question = agent.approval.map(|id| format!(" (question {id})")).unwrap_or_default();
                let who = if several { format!("{}: ", agent.agent) } else { String::new() };
                notes.push(Item::new(agent.state.as_str(), format!("{who}{because}{question}"), tone(agent.state)));
                // Held for a question, it is paused all the same.
                if let Some(pause) = agent.paused.as_ref().filter(|_| agent.state != AgentState::Paused) {
                    let go_on = format!("{who}{}; to go on: govern continue {}", pause.text(), run.info.id);
                    notes.push(Item::new(AgentState::Paused.as_str(), go_on, tone(AgentState::Paused)));
                }
            }
            for limit in run.other_limits() {
                let item = Item::new("budget", limit_sentence(limit), limit_tone(limit));
                // What several runs share is said once.
                if !notes.contains(&item) {
                    notes.push(item);
                }
            }
            if run.live.agents.len() > 1 {
                notes.extend(run.live.pools.iter().map(|pool| Item::new("pool", pool_sentence(pool), Tone::Plain)));
            }
            notes.extend(run.silence());
        }
        notes
    }
}

impl RunStatus {
    /// What limits this agent and is its run's alone. What all agents share stands below them; and what a budget counts
    /// of other runs, or of earlier ones, is nothing that this one has spent.
    pub fn own_limit<'a>(&'a self, agent: &'a LiveAgent) -> Option<&'a LiveLimit> {
        let first = agent.limit.as_ref();
        if self.live.agents.len() > 1 {
            return first.filter(|limit| limit.allotment);
        }
        let of_run = || self.live.limits.iter().filter(|limit| limit.is_of_one_run()).max_by_key(|limit| limit.share());
        first.filter(|limit| limit.is_of_one_run()).or_else(of_run)
    }

    /// The limits that no line of an agent of this run shows.
    fn other_limits(&self) -> impl Iterator<Item = &LiveLimit> {
        let alone = self.live.agents.len() <= 1;
        self.live.limits.iter().filter(move |limit| !alone || !limit.is_of_one_run())
    }

    /// That its own govern does not say how it stands.
    fn silence(&self) -> Option<Item> {
        let id = &self.info.id;
        match &self.source {
            Source::Supervisor => None,
            Source::Hooks => {
                Some(Item::new(id.as_str(), "governed by installed hooks: shown as the ledger has it", Tone::Quiet))
            }
            Source::Ledger(why) => {
                Some(Item::new(id.as_str(), format!("shown as the ledger has it: {why}"), Tone::Warn))
            }
        }
    }

    fn short_row(&self, at: Timestamp) -> Vec<Cell> {
        let agents = &self.live.agents;
        let (state, tone) = match agents.as_slice() {
            [] => ("alive".to_owned(), Tone::Plain),
            [one] => (one.state.to_string(), tone(one.state)),
            several => {
                (at_work(several), several.iter().map(|agent| tone(agent.state)).max_by_key(weight).unwrap_or_default())
            }
        };
        let rates: Vec<Money> = agents.iter().filter_map(|agent| agent.cost_usd_per_minute).collect();
        let rate = rates.into_iter().reduce(|sum, rate| sum + rate);
        let left = self.live.limits.iter().filter_map(|limit| limit.seconds_left).min();
        vec![
            Cell::of_run(self.info.id.as_str()),
            Cell::new(shell_words(&self.info.command)),
            Cell::or_unknown(self.info.attribution.project.as_deref()),
            Cell::toned(state, tone),
            Cell::new(duration(between(self.info.started, at))),
            Cell::new(agents.iter().map(|agent| agent.cost_usd).sum::<Money>().to_string()),
            rate.filter(|rate| *rate > Money::ZERO).map_or_else(Cell::unknown, |rate| Cell::new(format!("{rate}/min"))),
            left.map_or_else(Cell::unknown, |left| Cell::new(about(left))),
        ]
    }
}

/// `2 of 5 at work, 1 held`.
fn at_work(agents: &[LiveAgent]) -> String {
    let kept = |agent: &&LiveAgent| matches!(agent.state, AgentState::Held | AgentState::Paused);
    let (kept, others): (Vec<_>, Vec<_>) = agents.iter().partition(kept);
    let working = others.iter().filter(|agent| agent.state.is_under_way()).count();
    let kept: Vec<LiveAgent> = kept.into_iter().cloned().collect();
    let kept = if kept.is_empty() { String::new() } else { format!(", {}", tally(&kept)) };
    format!("{working} of {} at work{kept}", agents.len())
}

/// `2 working, 1 held, 3 done`.
pub(super) fn tally(agents: &[LiveAgent]) -> String {
    let mut states: Vec<AgentState> = agents.iter().map(|agent| agent.state).collect();
    states.sort_unstable();
    let groups = states.chunk_by(|one, other| one == other);
    let said = groups.filter_map(|group| Some(format!("{} {}", group.len(), group.first()?)));
    said.collect::<Vec<_>>().join(", ")
}

/// How much a tone matters beside others.
fn weight(tone: &Tone) -> u8 {
    match tone {
        Tone::Quiet | Tone::Plain | Tone::Strong | Tone::Good => 0,
        Tone::Warn => 1,
        Tone::Bad => 2,
    }
}

/// How a state feels.
pub fn tone(state: AgentState) -> Tone {
    match state {
        AgentState::Waiting | AgentState::Skipped | AgentState::Resting => Tone::Quiet,
        AgentState::Starting | AgentState::Working | AgentState::Alive => Tone::Plain,
        AgentState::Throttled | AgentState::Held | AgentState::Paused | AgentState::Ending => Tone::Warn,
        AgentState::Done => Tone::Good,
        AgentState::Failed | AgentState::Stopped | AgentState::Killed => Tone::Bad,
    }
}

pub(super) fn limit_tone(limit: &LiveLimit) -> Tone {
    match limit.share() {
        1_000.. => Tone::Bad,
        800.. => Tone::Warn,
        _ => Tone::Plain,
    }
}

/// `$0.42 of $2.00`: what is spent against what limits it; without a limit, what it cost.
pub fn spent_cell(cost: Money, limit: Option<&LiveLimit>) -> Cell {
    let Some(limit) = limit else { return Cell::new(cost.to_string()) };
    let (spent, of) = (limit.unit.show(limit.spent), limit.unit.show(limit.limit));
    Cell::toned(format!("{} of {of}", number(limit.unit, &spent, &of)), limit_tone(limit)).share(limit.share())
}

/// The unit is said once: `150k of 200k tok`.
fn number<'a>(unit: Unit, spent: &'a str, of: &str) -> &'a str {
    let word = of.split_once(' ').map(|(_, word)| word);
    match spent.split_once(' ') {
        Some((number, same)) if unit != Unit::Usd && Some(same) == word => number,
        _ => spent,
    }
}

/// What it spends in a minute, in the unit of its own limit.
pub fn rate_cell(agent: &LiveAgent) -> Cell {
    let of_limit = agent.limit.as_ref().filter(|limit| limit.allotment && limit.unit != Unit::Usd);
    let rate = match (of_limit, agent.cost_usd_per_minute) {
        (Some(limit), _) if limit.per_minute > 0 => limit.unit.show(limit.per_minute),
        (None, Some(rate)) if rate > Money::ZERO => rate.to_string(),
        (_, _) => return Cell::unknown(),
    };
    Cell::new(format!("{rate}/min"))
}

/// How long a limit lasts yet, of an agent that is under way.
pub fn left_cell(state: AgentState, limit: Option<&LiveLimit>) -> Cell {
    let left = limit.and_then(|limit| limit.seconds_left).filter(|_| state.is_under_way());
    let tone = |left: u64| if left < 120 { Tone::Warn } else { Tone::Plain };
    left.map_or_else(Cell::unknown, |left| Cell::toned(about(left), tone(left)))
}

/// `` `fleet`: $1.20 + $0.10 reserved of $10.00, $0.31/min, 28 min left``.
pub(super) fn limit_sentence(limit: &LiveLimit) -> String {
    let show = |amount| limit.unit.show(amount);
    let wide = if limit.scope.is_empty() || limit.scope.starts_with("run=") {
        String::new()
    } else {
        format!(" for {}", scope_in_words(&limit.scope))
    };
    let reserved = if limit.reserved > 0 { format!(" + {} reserved", show(limit.reserved)) } else { String::new() };
    let rate = match limit.unit {
        // A minute takes a minute.
        Unit::Minutes => String::new(),
        _ if limit.per_minute <= 0 => String::new(),
        _ => format!(", {}/min", show(limit.per_minute)),
    };
    let left = limit.seconds_left.map(|left| format!(", {} left", about(left))).unwrap_or_default();
    let granted = if limit.granted > 0 { format!(" ({} of it granted)", show(limit.granted)) } else { String::new() };
    let (spent, of) = (show(limit.spent), show(limit.limit));
    format!("`{}`{wide}: {spent}{reserved} of {of}{granted}{rate}{left}", limit.budget)
}

fn pool_sentence(pool: &LivePool) -> String {
    let show = |amount| pool.unit.show(amount);
    let moved = match (pool.given, pool.got_back) {
        (0, 0) => String::new(),
        (given, back) => format!("; gave {}, got back {}", show(given), show(back)),
    };
    format!("`{}`: {} to give{moved}", pool.budget, show(pool.size.max(0)))
}

/// Leaves out useful columns that know nothing of any row.
pub fn without_silent(mut table: Table) -> Table {
    let unknown = Cell::unknown();
    let told: Vec<bool> = (0..table.columns.len())
        .map(|place| place < 2 || table.rows.iter().any(|row| row.get(place) != Some(&unknown)))
        .collect();
    let keep = |cells: &mut Vec<Cell>| {
        let mut told = told.iter().copied();
        cells.retain(|_| told.next().unwrap_or(true));
    };
    table.rows.iter_mut().chain(table.totals.as_mut()).for_each(keep);
    let mut told = told.iter().copied();
    table.columns.retain(|_| told.next().unwrap_or(true));
    table
}
