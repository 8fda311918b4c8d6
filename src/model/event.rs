//! What the ledger holds: everything that was seen, decided and done, in order.

use serde::{Deserialize, Serialize};

pub use super::answer::Answer;
pub use super::ending::AgentResult;

use super::{
    AgentName, AlertName, ApprovalId, Attribution, Billing, Brake, BudgetName, Examined, ModelId, Money, Response,
    ResponseKey, RunId, ThreadId, Timestamp, Tokens, Verb,
};

/// One entry of a run's chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it was recorded.
    pub at: Timestamp,
    /// The run whose chain it belongs to.
    pub run: RunId,
    /// The agent it is about; `None` for the run itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agent: Option<AgentName>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// How a mark says that what somebody spent is not known: where a run has nothing else, it is not said to have spent nothing.
pub const UNOBSERVED: &str = "cannot be observed";

/// What reviews of work are put under, where a question of a budget would have its name.
pub const REVIEW: &str = "review";

/// How the finding begins that an agent was refused.
pub const REFUSED: &str = "refused to start";

/// What happened. Serialized with its name in `kind`; names and fields are a contract with old ledgers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// `govern run` began.
    RunStarted {
        /// The command line, secrets redacted.
        command: Vec<String>,
        /// Where.
        cwd: String,
        /// Decides and records, does nothing.
        observe: bool,
        /// SHA-256 of the policy in force, hex.
        policy: String,
        /// Version of the price table.
        prices: String,
        /// Version of govern.
        govern: String,
        /// Where the spend belongs.
        attribution: Attribution,
    },
    /// A run that had ended goes on: opens its chain again.
    RunResumed {
        /// Who let it go on.
        by: String,
        /// SHA-256 of the policy in force from here on, hex.
        policy: String,
        /// Version of the price table.
        prices: String,
    },
    /// What came after the run's end belongs to it: opens its chain for that alone. The same turn seals it as it was.
    RunReopened,
    /// An agent of a fleet, as its file has it, before anything was started.
    Registered {
        /// What it expects to spend, in its unit's smallest part.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        spend: Option<i64>,
        /// `usd`, `tok` or `all_tok`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        unit: Option<String>,
        /// How many responses it expects.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        responses: Option<u64>,
        /// How long it expects to be active.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        milliseconds: Option<i64>,
        /// The tier that it asks for.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        tier: Option<String>,
        /// How much it matters beside others: 0 (least) to 9.
        priority: u8,
        /// Those that must have ended well before it starts.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        needs: Vec<AgentName>,
    },
    /// An agent's command was started, or started again.
    AgentStarted {
        /// As executed, secrets redacted.
        command: Vec<String>,
        /// Process id of its root.
        pid: i32,
        /// The thread it goes on with, where it is a restart.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        resumes: Option<ThreadId>,
    },
    /// A Codex session of this run was found.
    ThreadSeen {
        /// Its id.
        thread: ThreadId,
        /// The root of its family.
        root: ThreadId,
        /// The thread that spawned or was forked into it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        parent: Option<ThreadId>,
        /// Its file; empty where it writes none.
        path: String,
        /// Codex's version, as the file says.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        codex: Option<String>,
        /// Who is paid, and how.
        billing: Billing,
        /// The sub-agent's nickname or role.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        role: Option<String>,
    },
    /// A model answered. Held in the ledger's usage table, chained by its digest.
    Response(Box<Response>),
    /// A session file has recorded a response that counts already, because a hook told of it first and did not name it:
    /// by this key nothing counts.
    Confirmed {
        /// Whose.
        thread: ThreadId,
        /// The key that it counts under.
        told: ResponseKey,
        /// The key that its record has.
        key: ResponseKey,
    },
    /// A session file and a hook do not agree about a response: what came first counts.
    Differed {
        /// Whose.
        thread: ThreadId,
        /// The key that it counts under.
        key: ResponseKey,
        /// What the session file says.
        record: Tokens,
        /// What the hook says.
        hook: Tokens,
    },
    /// Lines of a session file that could not be read.
    Skipped {
        /// The file.
        path: String,
        /// How many since the last such event.
        lines: u64,
        /// Why, and where the first one is.
        reason: String,
    },
    /// The policy came to a verdict.
    Decided(Decision),
    /// Something is about to be done to the agent.
    Requested {
        /// Tells this request's outcome from others'; counts up within a run.
        request: u64,
        /// What, such as `hold`, `release`, `end`, `restart`.
        what: String,
        /// Why, for a person.
        because: String,
    },
    /// What became of a request.
    Outcome {
        /// The request's number.
        request: u64,
        /// It worked.
        ok: bool,
        /// What was seen.
        #[serde(skip_serializing_if = "String::is_empty", default)]
        detail: String,
    },
    /// A person is asked.
    Asked {
        /// The question's number in the ledger.
        approval: ApprovalId,
        /// The budget that asks.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        budget: Option<BudgetName>,
        /// The question.
        question: String,
        /// What the agent's responses had cost until then.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cost: Option<Money>,
        /// When the policy's `else` applies.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        deadline: Option<Timestamp>,
    },
    /// A question has its answer, or its deadline passed.
    Answered {
        /// The question.
        approval: ApprovalId,
        /// The answer.
        answer: Answer,
        /// Who, and through what (`prompt`, `cli`, `deadline`).
        by: String,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reason: Option<String>,
    },
    /// A budget's limit was lifted for this window: an exception.
    Extended {
        /// The budget.
        budget: BudgetName,
        /// The thing it is counted per, such as `team=web`; empty for everything.
        scope: String,
        /// By how much, in the budget's unit's smallest part.
        amount: i64,
        /// `usd`, `tok`, …
        unit: String,
        /// Who allowed it.
        by: String,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reason: Option<String>,
    },
    /// An agent was given a part of a budget.
    Allotted {
        /// The budget.
        budget: BudgetName,
        /// What that is counted per, such as `team=web`.
        scope: String,
        /// How much, in the budget's unit's smallest part.
        amount: i64,
        /// `usd`, `tok`, …
        unit: String,
        /// What nobody was given, after this.
        pool: i64,
    },
    /// A part of a budget went from its pool to an agent, or back.
    Pooled {
        /// The budget.
        budget: BudgetName,
        /// What that is counted per, such as `team=web`.
        scope: String,
        /// Which way.
        moved: Moved,
        /// How much, in the budget's unit's smallest part.
        amount: i64,
        /// `usd`, `tok`, …
        unit: String,
        /// What the pool has after this.
        pool: i64,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reason: Option<String>,
    },
    /// A person used the emergency brake.
    Braked {
        /// What they did.
        brake: Brake,
        /// Who, and through what.
        by: String,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reason: Option<String>,
    },
    /// Something that its owner should know: unpriced, unobserved.
    Marked {
        /// The finding, for a person.
        what: String,
    },
    /// Requests of the agent's had no answer when its govern was killed: served perhaps, never logged.
    CutOff {
        /// How many.
        requests: u32,
        /// What they may have cost, by the largest recent response of their threads.
        cost: Money,
    },
    /// The agent's Codex was seen to ask govern first: by its hooks, and how far they reach.
    Gated {
        /// What can be held.
        reach: GateReach,
    },
    /// A tool was about to run, and what was decided about it.
    ToolCalled {
        /// Whose.
        thread: ThreadId,
        /// The model that called it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        model: Option<ModelId>,
        /// `Bash`, `apply_patch`, `spawn_agent`, an MCP tool's name.
        tool: String,
        /// SHA-256 of its input as compact JSON with its keys sorted, hex.
        input: String,
        /// Its input in short, secrets redacted.
        #[serde(skip_serializing_if = "String::is_empty", default)]
        short: String,
        /// What the agent had cost until then.
        cost: Money,
        /// What was decided.
        verdict: ToolVerdict,
        /// The gate that decided.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        rule: Option<String>,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        because: Option<String>,
        /// Who, where a person was asked.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        by: Option<String>,
    },
    /// An agent's command ended for good.
    AgentEnded {
        /// Exit code as a shell shows it.
        code: i32,
        /// Requests that were under way when it was ended, or whose answers broke off: served perhaps, never logged.
        in_flight: u32,
        /// What those may have cost, by the largest recent response of their threads.
        in_flight_cost: Money,
        /// How it came to its end; ledgers of before do not say.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        result: Option<AgentResult>,
        /// Why, for a person.
        #[serde(skip_serializing_if = "String::is_empty", default)]
        because: String,
        /// How long it was active in this run, in all its lives, in milliseconds of the monotonic clock: holds are not
        /// counted. Ledgers of before do not say.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        active_ms: Option<u64>,
    },
    /// An agent's command ended well, and this is what its work came to: it has a check, or a review.
    Examined(Examined),
    /// An agent never started: what it needs came to nothing.
    AgentSkipped {
        /// Why, for a person.
        because: String,
    },
    /// The run ended: seals its chain.
    RunEnded {
        /// `ended`, `stopped`, `killed`, `refused`, `failed`.
        outcome: String,
        /// govern's own exit code; `None` where no govern ran the command, and nobody saw its code.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        code: Option<i32>,
        /// The budget that ended it, if one did.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        rule: Option<BudgetName>,
        /// What it takes to go on, where a limit ended it that can be lifted.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        lifts: Option<Lifts>,
    },
}

/// An extension that is enough for a run to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifts {
    /// As `--extend` takes it, such as `0.02usd`.
    pub amount: String,
    /// The least that would let the next request through: more than `amount` where answers may extend it no further.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub needs: Option<String>,
    /// When the budget's window ends: from then on nothing need be lifted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Timestamp>,
    /// Whose limit, where a person ended what waited at it, so that no rule did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub budget: Option<BudgetName>,
}

impl Event {
    /// The agent of which part, or all, of what it spent could not be seen, where this says so. (What was refused was not
    /// started, and has spent nothing.)
    pub fn unobserved(&self) -> Option<&AgentName> {
        match &self.kind {
            EventKind::Marked { what } if what.contains(UNOBSERVED) && !what.starts_with(REFUSED) => {
                self.agent.as_ref()
            }
            EventKind::CutOff { .. } => self.agent.as_ref(),
            _ => None,
        }
    }
}

impl Lifts {
    /// The limit still stands in the way.
    pub fn is_needed(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Who extends from a pool, and the agent whose spend is what a governor model was asked: nobody of flesh and blood.
pub const GOVERNOR: &str = "governor";

/// Which way a part of a budget went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moved {
    /// From the pool: an allotment was raised.
    Extended,
    /// To the pool: an agent ended and had not spent it.
    GivenBack,
}

/// What hooks can hold of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateReach {
    /// Its tools; its requests are held by signals.
    Tools,
    /// Its tools and its requests.
    Requests,
}

/// What was decided about a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolVerdict {
    /// It runs.
    Allowed,
    /// It does not run; the model reads why.
    Denied,
}

/// A verdict and all its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What is to be done.
    pub verb: Verb,
    /// The budget that asks for the most severe step.
    pub budget: BudgetName,
    /// What it is counted per, such as `run=k3f9x27m1a`.
    pub scope: String,
    /// The alert that asks for it, where no budget does: its name stands for the budget's, too.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub alert: Option<AlertName>,
    /// The reasons of all budgets that had one, the most severe first.
    pub because: Vec<String>,
    /// Observed only: nothing is done.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub would: bool,
    /// The model to go on with, for a route.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<ModelId>,
    /// What the governor chose, where the policy left it to choose.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub chosen: Option<Chosen>,
    /// The agent is told to commit and sum up before it is stopped.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wrap_up: Option<WrapUp>,
}

/// What an agent may spend to commit and sum up, in the smallest part of its budget's unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrapUp {
    /// The limit that is met.
    pub limit: i64,
    /// How far past it the agent may go for that.
    pub more: i64,
    /// The start of the budget's window, where it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub window: Option<Timestamp>,
}

/// What the governor chose, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// What.
    #[serde(flatten)]
    pub what: Course,
    /// One sentence without its end, with the figures that it was chosen by.
    pub rationale: String,
    /// The rule was not sure: more than one of the policy's choices was sound.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub open: bool,
    /// What a governor model said to it, where one was to be asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub advice: Option<Box<Advice>>,
}

/// What became of asking a governor model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// Which.
    pub model: ModelId,
    /// What the rule alone chose.
    pub rule: Course,
    /// Why.
    pub rule_rationale: String,
    /// What the model chose; `None`: nothing that could be understood.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub answer: Option<Course>,
    /// Why, in its own words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rationale: Option<String>,
    /// The model was followed, not the rule.
    pub followed: bool,
    /// Why so.
    pub because: String,
}

/// All that a governor can choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Course {
    /// To let the agent go on as it is.
    GoOn,
    /// To raise its allotment from the pool.
    Extend {
        /// By so much of the budget's unit's smallest part.
        amount: i64,
    },
    /// What a step can do.
    Act {
        /// Which.
        verb: Verb,
    },
}
