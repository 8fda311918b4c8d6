//! What an exposition is made of.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{AgentState, Dimension, HOOK_BOUNDS, Histogram, Sum, WAIT_BOUNDS};

/// By what spend is kept apart: what a team, a project or a client is called has bounds; ids, tasks and branches have none.
pub const LABELS: [(&str, Dimension); 5] = [
    ("model", Dimension::Model),
    ("team", Dimension::Team),
    ("project", Dimension::Project),
    ("client", Dimension::Client),
    ("agent", Dimension::Agent),
];

/// Of a longer name the beginning is shown: names come from wherever agents and repositories do.
const LONGEST: usize = 100;

/// The values of labels as they are shown; what is unknown is empty, which to Prometheus is no label.
pub fn labels(values: impl IntoIterator<Item = Option<String>>) -> Vec<String> {
    let shown = |value: Option<String>| {
        let printed = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        value.map_or_else(String::new, |value| value.chars().take(LONGEST).map(printed).collect())
    };
    values.into_iter().map(shown).collect()
}

/// What somebody used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spender {
    /// The values of [`LABELS`].
    pub labels: Vec<String>,
    /// Of all time.
    pub sum: Sum,
    /// Tool calls that ran.
    pub allowed: i64,
    /// Tool calls that did not.
    pub denied: i64,
}

/// Where a budget over money stands, for what it is counted per.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetFigure {
    /// The values of [`LABELS`], as far as it is counted per them.
    pub labels: Vec<String>,
    /// Its name.
    pub budget: String,
    /// Its window in a word, such as `month`.
    pub window: String,
    /// Nano-dollars, extensions included.
    pub limit: i64,
    /// Nano-dollars.
    pub spent: i64,
    /// Nano-dollars.
    pub reserved: i64,
    /// Nano-dollars at the window's end; `None` where nothing tells.
    pub forecast: Option<i64>,
}

/// All that one exposition shows.
#[derive(Clone, Debug)]
pub struct Figures {
    /// govern's own.
    pub version: String,
    /// Whoever used something.
    pub spenders: Vec<Spender>,
    /// Decisions by what was done and the budget, or alert, that wanted it.
    pub decided: BTreeMap<(String, String), u64>,
    /// How long hooks took.
    pub hooks: Histogram,
    /// How long all agents together were held.
    pub held: Duration,
    /// How long answers took.
    pub answers: Histogram,
    /// Of the policy that applies where the exposition is made.
    pub budgets: Vec<BudgetFigure>,
    /// That policy has a mistake: no budget is known.
    pub policy_is_wrong: bool,
    /// Agents of live runs.
    pub agents: BTreeMap<AgentState, u64>,
    /// How long each open question has waited.
    pub waiting: Vec<Duration>,
    /// Codexes of this account that nobody governs.
    pub ungoverned: u64,
}

impl Figures {
    /// Nothing happened yet.
    pub fn nothing(version: &str) -> Self {
        Self {
            version: version.to_owned(),
            spenders: Vec::new(),
            decided: BTreeMap::new(),
            hooks: Histogram::new(HOOK_BOUNDS),
            held: Duration::ZERO,
            answers: Histogram::new(WAIT_BOUNDS),
            budgets: Vec::new(),
            policy_is_wrong: false,
            agents: BTreeMap::new(),
            waiting: Vec::new(),
            ungoverned: 0,
        }
    }
}
