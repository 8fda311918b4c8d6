//! What a run is started with, and what comes of it.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::codex::{self, Invocation};
use crate::decide::governor::Lift;
use crate::error::Error;
use crate::exit::Exit;
use crate::ledger::Ledger;
use crate::model::event::EventKind;
use crate::model::{AgentName, Attribution, Registration, Response, RunId, ThreadId};
use crate::policy::rule::Policy;
use crate::report::BudgetStanding;
use crate::ui::notice::Notices;
use crate::usage::price::PriceTable;

/// Turns a thread and the command that would go on with it into what `govern resume` reads.
pub type Keep = Box<dyn Fn(&ThreadId, Vec<String>) -> String>;

/// All that a run is started with.
pub struct Plan {
    /// Its id; that of an earlier run which goes on.
    pub run: RunId,
    /// The thread that goes on, for `govern resume`.
    pub resumes: Option<ThreadId>,
    /// Who started it.
    pub by: String,
    /// A limit that is lifted before it goes on.
    pub lift: Option<Lift>,
    /// What the run has spent before it goes on: its last responses.
    pub history: Vec<Response>,
    /// Why it must not begin, where that is known already; recorded like any other run.
    pub refusal: Option<Error>,
    /// The policy in force.
    pub policy: Policy,
    /// Prices, the policy's own included.
    pub prices: PriceTable,
    /// The one agent's name.
    pub agent: AgentName,
    /// Where its spend belongs.
    pub attribution: Attribution,
    /// What it declares.
    pub registration: Registration,
    /// The command, on the model of the tier that it declares.
    pub command: Vec<OsString>,
    /// Where.
    pub cwd: PathBuf,
    /// The command as Codex would understand it, if it is one.
    pub invocation: Option<Invocation>,
    /// Codex's home as this environment names it.
    pub codex_home: Option<PathBuf>,
    /// The ledger, open.
    pub ledger: Ledger,
    /// Where sockets live.
    pub sockets: PathBuf,
    /// What `govern resume` will need.
    pub keep: Keep,
    /// How govern speaks while the agent runs.
    pub notices: Notices<std::io::Stderr>,
    /// There is a terminal at which a held agent can be asked about.
    pub prompt: bool,
    /// The agent takes the whole screen.
    pub full_screen: bool,
    /// Budgets that this ledger is too young to keep.
    pub fresh: Vec<String>,
    /// Somebody can be asked.
    pub askable: bool,
}

/// How a run ended.
pub struct Outcome {
    /// Why it came to nothing, if it did: refused, or failed on the way.
    pub error: Option<Error>,
    /// Where the budgets stand that bound it.
    pub budgets: Vec<BudgetStanding>,
    /// What an extension would have to be for the run to go on, such as `1.00usd`.
    pub extend: Option<String>,
    /// govern's own exit.
    pub exit: Exit,
    /// Stopped or killed by policy or a person.
    pub ended: bool,
    /// Where everything is written; `None` if it was lost on the way.
    pub ledger: Option<Ledger>,
}

/// What the loop begins with.
pub(super) struct Start {
    pub(super) event: EventKind,
    pub(super) codex_home: Option<PathBuf>,
    pub(super) refusal: Option<Error>,
}

impl Plan {
    /// The part of it that the loop uses up.
    pub(super) fn start(&self) -> Start {
        Start { event: self.first_event(), codex_home: self.codex_home.clone(), refusal: self.refusal.clone() }
    }

    fn first_event(&self) -> EventKind {
        if self.resumes.is_some() {
            return EventKind::RunResumed {
                by: self.by.clone(),
                policy: self.policy.digest.clone(),
                prices: self.prices.version().to_owned(),
            };
        }
        EventKind::RunStarted {
            command: codex::redacted(&self.command),
            cwd: self.cwd.display().to_string(),
            observe: self.policy.observe,
            policy: self.policy.digest.clone(),
            prices: self.prices.version().to_owned(),
            govern: env!("CARGO_PKG_VERSION").to_owned(),
            attribution: self.attribution.clone(),
        }
    }
}
