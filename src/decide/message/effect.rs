//! All that govern can do, as data. An effect is recorded before it is performed.

use std::time::Duration;

use crate::model::event::{EventKind, GOVERNOR};
use crate::model::{AgentName, Answer, ApprovalId, BudgetKey, Money, ThreadId};
use crate::policy::rule::Rung;

use super::consult::Consult;
use super::ids::{ConsultId, HookId, RequestId};
use super::input::Timer;
use super::question::Question;
use super::reserve::{Amount, Used};

/// Something to be done, in the order given.
#[must_use = "an effect that is dropped is a decision that nobody carries out"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Append to the run's chain.
    Record {
        /// The agent it is about.
        agent: Option<AgentName>,
        /// What happened.
        kind: EventKind,
    },
    /// This run's claim on a budget until its next response, in the ledger of this machine.
    Claim {
        /// On which.
        key: BudgetKey,
        /// How much, in the unit's smallest part.
        amount: i64,
    },
    /// Reserve what a request is likely to take of budgets that are kept elsewhere: all of it, or nothing. The answer comes
    /// back as `Input::Reserved`. Nobody waits for it within a turn: the ledger's lock is held there.
    Reserve {
        /// The try.
        request: RequestId,
        /// Of which budgets, in the order of their keys: whoever locks them locks them all in one order.
        amounts: Vec<Amount>,
    },
    /// What was reserved by this try, or still would be, is wanted no longer. Of several for one try the first counts, and a
    /// try that is released before it is heard of reserves nothing.
    Release {
        /// The try.
        request: RequestId,
        /// What became of it.
        used: Used,
    },
    /// Lift a limit for its window.
    Extend {
        /// Which.
        key: BudgetKey,
        /// By how much.
        amount: i64,
        /// Who said so.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// Put a question to people; its number comes back as `Input::Asked`.
    Ask(Question),
    /// A question that no longer needs an answer.
    Withdraw(ApprovalId),
    /// A question whose deadline passed, and what is done now.
    Expire(ApprovalId, Answer),
    /// Let every process of the agent stand still.
    Freeze(AgentName),
    /// Let them go on.
    Thaw(AgentName),
    /// What the model reads together with the answer of this call, which follows.
    Tell {
        /// The call whose answer carries it.
        hook: HookId,
        /// What it reads.
        text: String,
    },
    /// Let Codex at the gate go on, or not.
    Answer {
        /// The call that is answered.
        hook: HookId,
        /// Why the tool may not run; `None`: go on.
        deny: Option<String>,
    },
    /// The agent was held at the gate, and no longer is.
    Open(AgentName),
    /// End the agent's whole tree.
    End(AgentName),
    /// Start the agent's command.
    Launch {
        /// Whose.
        agent: AgentName,
        /// Counts from 1; more where it failed and is tried again.
        attempt: u32,
    },
    /// Start the agent's thread again with another model.
    Restart {
        /// Whose.
        agent: AgentName,
        /// The root thread that goes on.
        thread: ThreadId,
        /// With what.
        rung: Rung,
    },
    /// The agent's command ended well: run its check, look at what it changed, and tell by `Input::Examined`.
    Examine(AgentName),
    /// Go on with the agent's thread, which is told why its work is not done.
    Again {
        /// Whose.
        agent: AgentName,
        /// The root thread that goes on.
        thread: ThreadId,
        /// What it is told.
        text: String,
    },
    /// Ask a governor model; what comes of it is told by `Input::Advised`.
    Consult(Box<Consult>),
    /// Break that off; it is told all the same.
    EndConsult(ConsultId),
    /// Look at the agent's work tree, and tell of its progress.
    Look(AgentName),
    /// Tell when so much time has passed.
    Arm(Timer, Duration),
    /// A line for the person at the terminal.
    Say(String),
    /// The run must not begin.
    Refuse(String),
    /// The agent is gone and nothing more will happen to it.
    Finish {
        /// Whose.
        agent: AgentName,
        /// How it came.
        ending: Ending,
        /// Requests under way when it was ended.
        in_flight: u32,
        /// What those may have cost.
        in_flight_cost: Money,
    },
}

/// What is to be done, in order, as it is gathered while one input is handled.
#[derive(Debug, Default)]
pub(in crate::decide) struct Effects(Vec<Effect>);

impl Effects {
    pub(in crate::decide) fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    /// What answers lift of this key in this turn: the ledger has it only after that.
    pub(in crate::decide) fn lifted(&self, of: &BudgetKey) -> i64 {
        let lifted = |effect: &Effect| match effect {
            Effect::Extend { key, amount, by, .. } if key == of && by != GOVERNOR => (*amount).max(0),
            _ => 0,
        };
        self.0.iter().map(lifted).fold(0, i64::saturating_add)
    }

    pub(in crate::decide) fn record(&mut self, agent: Option<&AgentName>, kind: EventKind) {
        self.push(Effect::Record { agent: agent.cloned(), kind });
    }

    /// Records something that a reader of the run must know of.
    pub(in crate::decide) fn mark(&mut self, agent: Option<&AgentName>, what: String) {
        self.record(agent, EventKind::Marked { what });
    }

    /// All of it, to be done now.
    pub(in crate::decide) fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.0)
    }
}

/// How an agent came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, and well; or by a signal that govern passed on.
    Itself,
    /// By itself, with an error, after all its tries.
    Failed,
    /// At a safe point, by policy or by a person.
    Stopped,
    /// At once, by policy or by a person.
    Killed,
    /// It never started: what it needs came to nothing.
    Skipped,
}

impl Ending {
    /// As in `needs plan, which failed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Itself => "ended",
            Self::Failed => "failed",
            Self::Stopped => "was stopped",
            Self::Killed => "was killed",
            Self::Skipped => "was skipped",
        }
    }

    /// Policy or a person ended it.
    pub fn is_forced(self) -> bool {
        match self {
            Self::Stopped | Self::Killed => true,
            Self::Itself | Self::Failed | Self::Skipped => false,
        }
    }
}
