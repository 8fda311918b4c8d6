//! A policy once it is valid: what govern obeys, with nothing of TOML left in it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use globset::GlobMatcher;

pub use super::alert::{Alert, AlertAction, Change, Evidence, Trigger};
pub use super::approvals::{Approvals, Quorum};
use super::command::{ArgumentSet, CommandPattern, Exceptions};
use super::gateway::GatewayRule;
pub use super::governor::GovernorModel;
pub use super::layer::Layer;
pub use super::limit_key::LimitKey;
pub use super::models::{Models, Rung, Unpriced};
use super::notify::Notify;
pub use super::plan::PlanBudget;
use super::reconcile::ReconcileRule;
use super::scope::{Only, Scope};
use super::serve::Serve;
pub use super::spawn::SpawnLimit;
pub use super::step::{May, Step};
pub use crate::model::Threshold;
use crate::model::{Attribution, BudgetName, GateName, Money, Quantity, Unit};
use crate::usage::price::PriceOverride;
use crate::work::Own;

/// All layers together: rules only add up.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Budgets of all layers, the outermost layer's first, names unique.
    pub budgets: Vec<Arc<Budget>>,
    /// Budgets over a ChatGPT plan's own limits; what they do stands among the alerts.
    pub plan_budgets: Vec<PlanBudget>,
    /// Budgets over sub-agents.
    pub spawn_limits: Vec<SpawnLimit>,
    /// What an agent's tools may not do unasked, the outermost layer's first, names unique.
    pub gates: Vec<Gate>,
    /// What is worth a warning, or more, whatever the budgets say, the outermost layer's first; then the steps
    /// of budgets over a plan's own limits, those of one behind each other.
    pub alerts: Vec<Alert>,
    /// What models may be used, and in which order they get cheaper.
    pub models: Models,
    /// Fill attribution from folder, remote and branch; the first that sets a field wins.
    pub attribute: Vec<AttributeRule>,
    /// What commands and files say of the class of work, beside what is known of them.
    pub work: Arc<Own>,
    /// Who may answer, and how far.
    pub approvals: Approvals,
    /// Who is told what, and by which way.
    pub notify: Notify,
    /// Where the page of `govern serve` is.
    pub serve: Serve,
    /// Whether runs have a gateway, and where it leads.
    pub gateway: GatewayRule,
    /// Where an organisation's costs are asked for.
    pub reconcile: ReconcileRule,
    /// Calendar windows and shown times.
    pub timezone: Tz,
    /// `mode = "observe"` or `--observe`: decide and record, do nothing.
    pub observe: bool,
    /// The model that is asked where the governor's rule is not sure; `None`: the rule alone decides.
    pub governor: Option<GovernorModel>,
    /// What a ledger that was born with this run means for wider budgets.
    pub fresh_ledger: FreshLedger,
    /// The user's own rates.
    pub prices: Vec<PriceOverride>,
    /// Where all this came from, outermost first.
    pub sources: Vec<Source>,
    /// SHA-256 over the layers' texts and flags, hex: recorded with each run.
    pub digest: String,
}

/// One file or flag that took part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Which layer.
    pub layer: Layer,
    /// Its file; `None` for flags.
    pub path: Option<PathBuf>,
}

/// A limit per something in a window, and what to do at shares of it.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Unique in the policy.
    pub name: BudgetName,
    /// What it counts, and apart for which values.
    pub scope: Scope,
    /// When counting starts again.
    pub window: Window,
    /// For what has no limit of its own in `limits`; `None`: those have no limit.
    pub limit: Option<Quantity>,
    /// Limits of their own, by the values of `per`. Same unit as `limit`.
    pub limits: BTreeMap<LimitKey, Quantity>,
    /// In order of severity; never empty.
    pub steps: Vec<Step>,
    /// How it is divided among a run's agents; `None`: it is not.
    pub allot: Option<Allot>,
    /// How far past the limit the current turn may finish, in thousandths of the limit.
    pub grace: u32,
    /// This budget alone decides and records, and does nothing.
    pub observe: bool,
    /// Which layer it stands in.
    pub layer: Layer,
    /// The line of that layer's file that it begins on; `None`: it stands in none.
    pub line: Option<usize>,
}

/// One of a budget's own steps. That budget alone makes it, and it is good for no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepId(usize);

impl StepId {
    /// The next milder step; `None`: this is the mildest.
    pub fn before(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

impl Budget {
    /// The limit for a scope whose values stand in the order of `per`.
    pub fn limit_for(&self, values: &[Option<&str>]) -> Option<Quantity> {
        let own = self.limits.iter().filter(|(key, _)| key.is_for(values)).max_by_key(|(key, _)| key.precedence());
        own.map(|(_, limit)| *limit).or(self.limit)
    }

    /// Some step, of its allotments too, can hold or end an agent.
    pub fn is_hard(&self) -> bool {
        self.all_steps().any(|step| step.verb.is_hard())
    }

    /// Its own steps, then those of its allotments.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().chain(self.allot.iter().flat_map(|allot| &allot.steps))
    }

    /// Its own steps, each with its id, the mildest first.
    pub fn own_steps(&self) -> impl DoubleEndedIterator<Item = (StepId, &Step)> + ExactSizeIterator {
        self.steps.iter().enumerate().map(|(place, step)| (StepId(place), step))
    }

    /// One of its own steps.
    pub fn step(&self, id: StepId) -> &Step {
        #[expect(
            clippy::indexing_slicing,
            reason = "INVARIANT: a budget makes ids of its own steps, and never loses one"
        )]
        &self.steps[id.0]
    }

    /// What it counts.
    pub fn unit(&self) -> Unit {
        // INVARIANT: check refuses a budget with neither `limit` nor `limits`, and mixed units.
        self.limit.or_else(|| self.limits.values().next().copied()).map_or(Unit::Usd, |quantity| quantity.unit)
    }
}

/// How what is left of a budget at a run's start is divided among the agents that fall under it. What is not handed
/// out is the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allot {
    /// By what.
    pub by: AllotBy,
    /// What is handed out to nobody at the start, in thousandths of the limit.
    pub reserve: u32,
    /// What happens at shares of an allotment; never empty.
    pub steps: Vec<Step>,
}

/// What an agent's allotment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllotBy {
    /// The same for each.
    Equal,
    /// What each declared in the budget's unit; one that declared nothing has none, and draws on the pool.
    Expected,
    /// None: all draw on the pool.
    Pool,
}

impl AllotBy {
    /// As policies spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Expected => "expected",
            Self::Pool => "pool",
        }
    }
}

/// A rule that holds or refuses what an agent does. All conditions that are set must hold.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Unique in the policy.
    pub name: GateName,
    /// Tools as hooks name them, such as `Bash` or `mcp__github__*`; empty: every tool.
    pub tools: Vec<GlobMatcher>,
    /// A command that the tool runs may match one of these; empty: whatever it runs.
    pub wanted: Vec<CommandPattern>,
    /// The command has all arguments of one of these sets; empty: whatever it has.
    pub arguments: Vec<ArgumentSet>,
    /// Commands that are let past, where all of the command line is understood.
    pub except: Vec<CommandPattern>,
    /// And those that surely have all arguments of one of these sets; empty: whatever they have.
    pub except_arguments: Vec<ArgumentSet>,
    /// A patch touches a file that matches one of these; empty: whatever it touches.
    pub paths: Vec<GlobMatcher>,
    /// The model that calls the tool; empty: any.
    pub models: Vec<GlobMatcher>,
    /// Whose calls it is for.
    pub only: Only,
    /// The next request is likely to cost more, or nobody can say what it costs.
    pub cost_above: Option<Money>,
    /// What happens.
    pub verb: GateVerb,
    /// This gate alone decides and records, and does nothing.
    pub observe: bool,
    /// Which layer it stands in.
    pub layer: Layer,
}

impl Gate {
    /// What costs is all that it looks at: it is met by requests. With a tool, a command or a path besides it is met by
    /// tools.
    pub fn is_on_requests(&self) -> bool {
        let of_tools = !(self.tools.is_empty() && self.paths.is_empty());
        self.cost_above.is_some() && !of_tools && !self.is_on_commands()
    }

    /// It looks at commands.
    pub fn is_on_commands(&self) -> bool {
        !self.wanted.is_empty() || !self.arguments.is_empty() || !self.exceptions().are_none()
    }

    /// What it lets past.
    pub fn exceptions(&self) -> Exceptions<'_> {
        Exceptions { commands: &self.except, arguments: &self.except_arguments }
    }
}

/// What a gate does, from mild to severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateVerb {
    /// Holds the call and asks a person.
    Ask {
        /// How long an answer is waited for.
        wait: Duration,
        /// What happens when nobody answers.
        otherwise: Refusal,
    },
    /// Refuses the call; the model reads why, and goes on.
    Deny,
}

/// How a call that is not allowed ends, from mild to severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The call is refused; the model reads why, and goes on.
    Deny,
    /// The agent is ended at a safe point.
    Stop,
    /// The agent is ended now.
    Kill,
}

impl Policy {
    /// Something in it could hold, refuse, ask or warn, or only records that it would. Without, spend is metered and
    /// nothing else is done.
    pub fn has_rules(&self) -> bool {
        // All that it has is named, so that a new kind of rule is not forgotten here.
        let Self {
            budgets,
            plan_budgets,
            spawn_limits,
            gates,
            alerts,
            models,
            attribute: _,
            work: _,
            approvals: _,
            notify: _,
            serve: _,
            gateway: _,
            reconcile: _,
            timezone: _,
            observe: _,
            governor: _,
            fresh_ledger: _,
            prices: _,
            sources: _,
            digest: _,
        } = self;
        let limits = !budgets.is_empty() || !plan_budgets.is_empty() || !spawn_limits.is_empty();
        limits || !gates.is_empty() || !alerts.is_empty() || models.restricts()
    }

    /// How many budgets there are, whatever they count.
    pub fn count_of_budgets(&self) -> usize {
        self.budgets.len() + self.plan_budgets.len() + self.spawn_limits.len()
    }

    /// Some limit, of this unit if one is given, can hold or end an agent, and is not only observed.
    pub fn binds(&self, unit: Option<Unit>) -> bool {
        let of_unit = |budget: &Budget| unit.is_none_or(|unit| budget.unit() == unit);
        let hard = |budget: &Budget| !budget.observe && budget.is_hard();
        !self.observe && self.budgets.iter().any(|budget| of_unit(budget) && hard(budget))
    }

    /// Some limit in money can hold or end an agent, and is not only observed.
    pub fn binds_money(&self) -> bool {
        Unit::ALL.into_iter().any(|unit| unit.is_money() && self.binds(Some(unit)))
    }

    /// Some limit in tool calls can hold or end an agent, and is not only observed.
    pub fn limits_calls(&self) -> bool {
        self.binds(Some(Unit::ToolCalls))
    }

    /// Some limit on sub-agents refuses, and is not only observed.
    pub fn limits_spawns(&self) -> bool {
        !self.observe && self.spawn_limits.iter().any(|limit| !limit.observe)
    }

    /// Some limit counts what only hooks tell of: tool calls, or sub-agents as they are started.
    pub fn counts_by_hooks(&self) -> bool {
        self.limits_calls() || self.limits_spawns()
    }

    /// Some step leaves a choice to the governor, who goes by what agents have to show.
    pub fn weighs(&self) -> bool {
        self.budgets.iter().any(|budget| budget.all_steps().any(|step| step.may.is_some()))
    }

    /// Some tool is refused or asked about, and not only observed.
    pub fn has_gates(&self) -> bool {
        self.gates.iter().any(|gate| !gate.observe)
    }
}

impl Refusal {
    /// As policies spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Stop => "stop",
            Self::Kill => "kill",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// When a budget's count starts again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Window {
    /// As long as the run, agent or thread it is per.
    Life,
    /// A calendar day, week (from Monday), month, quarter or year in the policy's time zone.
    Calendar(Calendar),
    /// The last so much time, rolling.
    Rolling(Duration),
    /// Between two moments, the end not included; `None` is open.
    Between(Option<crate::model::Timestamp>, Option<crate::model::Timestamp>),
    /// All time.
    Total,
}

/// A calendar window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calendar {
    /// Midnight to midnight.
    Day,
    /// Monday to Monday.
    Week,
    /// First to first.
    Month,
    /// January, April, July, October.
    Quarter,
    /// January to January.
    Year,
}

/// One `[[attribute]]` rule, compiled.
#[derive(Clone, Debug)]
pub struct AttributeRule {
    /// The working folder must match.
    pub folder: Option<GlobMatcher>,
    /// A git remote, as `host/path` without scheme, user or `.git`, must match.
    pub remote: Option<GlobMatcher>,
    /// The branch must match; named groups fill attribution.
    pub branch: Option<regex::Regex>,
    /// What it sets.
    pub set: Attribution,
    /// The layer it stands in: a repository's may set no user, team or client.
    pub layer: Layer,
}

/// `[ledger] fresh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreshLedger {
    /// Say which budgets cannot bind, and go on.
    Warn,
    /// Refuse to start (123).
    Refuse,
}
