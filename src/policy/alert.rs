//! `[[alert]]`: something about an agent that is worth a warning, or more, whatever its budgets say.

use std::fmt;
use std::time::Duration;

use super::layer::Layer;
use super::plan_share::PlanMark;
use super::rate::Rate;
use super::scope::Only;
use super::step::Step;
use super::{duration, percent};
use crate::model::{AlertName, BudgetName, GateName, PlanLength, Quantity};

/// A rule that looks at how an agent goes on, and does something each time that it goes wrong.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Unique among those that were written as alerts; of a budget's step the budget's name.
    pub name: AlertName,
    /// What it looks at.
    pub trigger: Trigger,
    /// The agent belongs to one of these, for each dimension named.
    pub only: Only,
    /// What happens.
    pub act: AlertAction,
    /// The step of a budget over a plan's own limit that it is; `None`: it was written as an alert.
    pub step_of: Option<PlanMark>,
    /// This alert alone decides and records, and does nothing.
    pub observe: bool,
    /// Which layer it stands in.
    pub layer: Layer,
}

/// What an alert does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertAction {
    /// What a budget's step can do; its `at` says nothing here.
    Step(Step),
    /// Holds the agent without a question until the plan's window begins anew.
    Hold,
}

/// What an alert looks at. Shares are in thousandths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// More is spent in the last `over` than at this rate.
    Rate {
        /// How fast is too fast.
        rate: Rate,
        /// How far back is looked.
        over: Duration,
    },
    /// More of a budget is spent than this share of what an even pace through its window would have spent.
    Pace {
        /// Which; its window has a start and an end.
        budget: BudgetName,
        /// Of an even pace.
        share: u32,
    },
    /// The agent spends faster than it registered: this share of it.
    Faster(u32),
    /// So much was spent and there is nothing of this to show for it.
    Without {
        /// Since the last of it, or since the start.
        spend: Quantity,
        /// What is missed.
        evidence: Evidence,
    },
    /// A command fails so often without doing well in between.
    Failing(u32),
    /// A command is run so often while nothing changes.
    Repeated(u32),
    /// The input of a thread's last request, of what its model can read at once.
    Context(u32),
    /// The part of a thread's last inputs that came from the cache is smaller.
    CacheBelow(u32),
    /// So many responses in a row read much from the cache, said next to nothing, and nothing changed: it polls.
    Waiting(u32),
    /// It is not as it was in the agent's last runs in its project.
    Changed(Change),
    /// A turn is under way, and nothing was heard of the agent for so long.
    Idle(Duration),
    /// The next request meets this gate; made where requests are held by signals.
    Request(GateName),
    /// So much of a ChatGPT plan's own limit is used.
    Plan {
        /// Which of them.
        window: PlanLength,
        /// Of it.
        share: u32,
    },
}

/// What may change from run to run without anybody having asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The model that answers.
    Model,
    /// What the same work costs.
    Price,
}

/// What an agent may have to show for its spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Files of the work tree changed, or were committed.
    Changes,
    /// Commits.
    Commits,
    /// Tests were run.
    Tests,
}

impl Alert {
    /// The work tree must be looked at for it.
    pub fn looks_at_work_tree(&self) -> bool {
        match &self.trigger {
            Trigger::Without { evidence, .. } => evidence.is_in_work_tree(),
            // What is run again after a change is no repetition.
            Trigger::Repeated(_) | Trigger::Waiting(_) => true,
            Trigger::Rate { .. }
            | Trigger::Pace { .. }
            | Trigger::Faster(_)
            | Trigger::Failing(_)
            | Trigger::Context(_)
            | Trigger::CacheBelow(_)
            | Trigger::Changed(_)
            | Trigger::Idle(_)
            | Trigger::Request(_)
            | Trigger::Plan { .. } => false,
        }
    }

    /// What the agent does must be read for it.
    pub fn looks_at_deeds(&self) -> bool {
        match &self.trigger {
            Trigger::Without { .. }
            | Trigger::Repeated(_)
            | Trigger::Waiting(_)
            | Trigger::Failing(_)
            | Trigger::Context(_) => true,
            Trigger::Rate { .. }
            | Trigger::Pace { .. }
            | Trigger::Faster(_)
            | Trigger::CacheBelow(_)
            | Trigger::Changed(_)
            | Trigger::Idle(_)
            | Trigger::Request(_)
            | Trigger::Plan { .. } => false,
        }
    }

    /// It can hold or end an agent.
    pub fn is_hard(&self) -> bool {
        match &self.act {
            AlertAction::Step(step) => step.verb.is_hard(),
            AlertAction::Hold => true,
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |thousandths: &u32| percent::show(*thousandths);
        match self {
            Self::Rate { rate, over } => write!(f, "more than {rate} over {}", duration::show(*over)),
            Self::Pace { budget, share: of } => {
                write!(f, "more than {} of an even pace of `{budget}`", share(of))
            }
            Self::Faster(of) => write!(f, "more than {} of the pace that the agent registered", share(of)),
            Self::Without { spend, evidence } => write!(f, "{spend} spent without {evidence}"),
            Self::Failing(times) => write!(f, "one command fails {times} times in a row"),
            Self::Repeated(times) => write!(f, "one command is run {times} times and nothing changes"),
            Self::Context(of) => write!(f, "{} of the context window is used", share(of)),
            Self::Waiting(times) => write!(f, "{times} responses in a row only wait, and nothing changes"),
            Self::CacheBelow(of) => write!(f, "less than {} of the input comes from the cache", share(of)),
            Self::Changed(Change::Model) => f.write_str("another model answers than in its last runs"),
            Self::Changed(Change::Price) => f.write_str("the same work costs more or less than in its last runs"),
            Self::Request(_) => f.write_str("the next request meets a gate"),
            Self::Idle(time) => write!(f, "a turn is under way and nothing happens for {}", duration::show(*time)),
            Self::Plan { window, share: of } => write!(f, "{} of the plan's {window} limit is used", share(of)),
        }
    }
}

impl Change {
    /// As policies spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Price => "price",
        }
    }
}

impl Evidence {
    /// As policies spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changes => "changes",
            Self::Commits => "commits",
            Self::Tests => "tests",
        }
    }

    /// The work tree is looked at for it.
    pub fn is_in_work_tree(self) -> bool {
        match self {
            Self::Changes | Self::Commits => true,
            Self::Tests => false,
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
