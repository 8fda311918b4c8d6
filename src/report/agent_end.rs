//! Pure. How each agent of a fleet ended.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::page::{Cell, Column, Item, Table, Tone};
use super::round::money_column;
use crate::model::{AgentName, Money, ThreadId};

/// What became of one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentEnd {
    /// Which.
    pub agent: AgentName,
    /// What, for a person and in JSON.
    pub result: AgentResult,
    /// The exit code of its last command as a shell shows it; `None` where it never ran.
    pub code: Option<u8>,
    /// How often it was started.
    pub attempts: u32,
    /// How many answers of models it had.
    pub responses: u64,
    /// What they cost, as far as they have a price.
    pub cost: Money,
    /// Why it ended as it did, where there is a reason.
    pub because: Option<String>,
    /// Its last root thread: what `codex resume` can go on with.
    pub thread: Option<ThreadId>,
}

/// How an agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentResult {
    /// Well.
    Done,
    /// With an error of its own.
    Failed,
    /// By policy or a person, at a safe point.
    Stopped,
    /// By policy or a person, at once.
    Killed,
    /// It never started: what it needs came to nothing.
    Skipped,
    /// govern ended before it did.
    Lost,
}

impl AgentResult {
    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Killed => "killed",
            Self::Skipped => "skipped",
            Self::Lost => "lost",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Done => Tone::Good,
            Self::Skipped => Tone::Warn,
            Self::Failed | Self::Stopped | Self::Killed | Self::Lost => Tone::Bad,
        }
    }
}

/// All agents, in the order of their file.
pub(super) fn table(agents: &[AgentEnd]) -> Table {
    let columns = vec![
        Column::name("agent", 8),
        Column::word("result"),
        Column::figure("code").spare(),
        Column::figure("tries").spare(),
        Column::figure("responses"),
        Column::figure("cost"),
        Column::name("why", 12).useful(),
    ];
    let costs: Vec<Option<Money>> = agents.iter().map(|agent| Some(agent.cost)).collect();
    let shown = money_column(&costs, "");
    let row = |(place, agent): (usize, &AgentEnd)| {
        vec![
            Cell::new(agent.agent.as_str()),
            Cell::toned(agent.result.as_str(), agent.result.tone()),
            agent.code.map_or_else(Cell::unknown, |code| Cell::new(code.to_string())),
            Cell::new(agent.attempts.to_string()),
            Cell::new(agent.responses.to_string()),
            Cell::new(shown.parts.get(place).map_or("", String::as_str)),
            Cell::new(agent.because.as_deref().unwrap_or_default()),
        ]
    };
    let responses: u64 = agents.iter().map(|agent| agent.responses).sum();
    let strong = |text: &str| Cell::toned(text, Tone::Strong);
    let totals = vec![
        strong("total"),
        Cell::new(""),
        Cell::new(""),
        Cell::new(""),
        strong(&responses.to_string()),
        strong(&shown.total),
        Cell::new(""),
    ];
    Table { columns, rows: agents.iter().enumerate().map(row).collect(), totals: Some(totals) }
}

/// What goes on by hand with those that were ended.
pub(super) fn hand_offs(agents: &[AgentEnd]) -> Vec<Item> {
    let ended = agents.iter().filter(|agent| matches!(agent.result, AgentResult::Stopped | AgentResult::Killed));
    let goes_on = |agent: &AgentEnd| {
        let thread = agent.thread.as_ref()?;
        Some(Item::note(format!("`{}` can go on where it was: codex exec resume {thread}", agent.agent)))
    };
    ended.filter_map(goes_on).collect()
}

impl Serialize for AgentEnd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("agent", &self.agent)?;
        map.serialize_entry("result", &self.result)?;
        map.serialize_entry("exit_code", &self.code)?;
        map.serialize_entry("attempts", &self.attempts)?;
        map.serialize_entry("responses", &self.responses)?;
        map.serialize_entry("cost_usd", &self.cost)?;
        map.serialize_entry("because", &self.because)?;
        map.serialize_entry("thread", &self.thread)?;
        map.end()
    }
}
