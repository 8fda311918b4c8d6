//! What a run is started with, and what comes of it.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::codex::{self, Invocation};
use crate::decide::Before;
use crate::decide::agents::AgentSetup;
use crate::decide::people::lift::Lift;
use crate::decide::people::reach::Nobody;
use crate::error::Error;
use crate::exit::Exit;
use crate::ledger::Ledger;
use crate::model::event::{EventKind, Lifts};
use crate::model::{Attribution, BudgetName, RunId, RunInfo, ThreadId};
use crate::net::Client;
use crate::policy::rule::Policy;
use crate::proxy::Upstreams;
use crate::report::{BudgetStanding, SpawnStanding};
use crate::ui::notice::Notices;
use crate::usage::price::PriceTable;

/// Turns a thread and the command that would go on with it into what `govern resume` reads.
pub type Keep = Box<dyn Fn(&ThreadId, Vec<String>) -> String>;

/// How a run was left: what a refusal to go on with it does not change.
#[derive(Clone, Debug)]
pub struct EarlierEnd {
    /// As in [`RunInfo::outcome`]; `None`: its govern was killed.
    outcome: Option<String>,
    code: Option<i32>,
    rule: Option<BudgetName>,
}

impl EarlierEnd {
    /// As the ledger has it.
    pub fn of(info: &RunInfo) -> Self {
        Self { outcome: info.outcome.clone(), code: info.code, rule: info.rule.clone() }
    }

    /// The seal that leaves it so.
    pub(super) fn seal(self, lifts: Option<Lifts>) -> EventKind {
        let outcome = self.outcome.unwrap_or_else(|| "lost".to_owned());
        EventKind::RunEnded { outcome, code: self.code, rule: self.rule, lifts }
    }

    pub(super) fn rule(&self) -> Option<&BudgetName> {
        self.rule.as_ref()
    }
}

/// All that a run is started with.
pub struct Plan {
    /// Its id; that of an earlier run which goes on.
    pub run: RunId,
    /// Who started it.
    pub by: String,
    /// How the run ended last, where it is an earlier one that goes on; `None`: it is a new one.
    pub earlier_end: Option<EarlierEnd>,
    /// A limit that is lifted before it goes on.
    pub lift: Option<Lift>,
    /// What is known before it begins.
    pub before: Before,
    /// Why it must not begin, where that is known already; recorded like any other run.
    pub refusal: Option<Error>,
    /// The policy in force.
    pub policy: Policy,
    /// Prices, the policy's own included.
    pub prices: PriceTable,
    /// Its agents; `govern run` has one.
    pub agents: Vec<Planned>,
    /// How the policy's governor model can be asked.
    pub adviser: Option<Adviser>,
    /// How many of them may work at once; `None`: all that are ready.
    pub concurrency: Option<NonZeroUsize>,
    /// Where the spend of the run as a whole belongs.
    pub attribution: Attribution,
    /// What was typed.
    pub command: Vec<OsString>,
    /// Where.
    pub cwd: PathBuf,
    /// The ledger, open.
    pub ledger: Ledger,
    /// Where sockets live.
    pub sockets: PathBuf,
    /// How govern speaks while agents run.
    pub notices: Notices<std::io::Stderr>,
    /// There is a terminal at which a held agent can be asked about.
    pub prompt: bool,
    /// Budgets that this ledger is too young to keep.
    pub fresh: Vec<String>,
    /// Why nobody can be asked; `None`: somebody can.
    pub nobody: Option<Nobody>,
    /// What agents write to files is shown as well.
    pub show: bool,
    /// Asks an installed Codex whether it would call hooks before and after each request.
    pub tells: fn(&Invocation) -> bool,
    /// Where the requests of its programs go that pass a gateway; `None`: there is none.
    pub gateway: Option<GatewayPlan>,
    /// What `govern resume` will need, where that is known from the start.
    pub kept: Option<String>,
}

/// One agent before it starts.
pub struct Planned {
    /// What the governor knows of it.
    pub setup: AgentSetup,
    /// Its command.
    pub command: Vec<OsString>,
    /// The command as Codex would understand it, if it is one.
    pub invocation: Option<Invocation>,
    /// Where it works; `None`: where govern does.
    pub folder: Option<PathBuf>,
    /// The thread that goes on, for `govern resume`.
    pub resumes: Option<ThreadId>,
    /// Codex's home as its environment names it.
    pub codex_home: Option<PathBuf>,
    /// What it reads and where it writes.
    pub seat: Seat,
    /// What `govern resume` will need, where that can go on with it.
    pub keep: Option<Keep>,
}

/// How a governor model can be asked.
#[derive(Clone, Debug)]
pub struct Adviser {
    /// What leads to Codex, such as `codex`: what the agents are started with.
    pub launcher: Vec<OsString>,
    /// A folder of its own, kept to its owner: what it is asked, and what it answers.
    pub folder: PathBuf,
    /// An empty folder in that, where it works.
    pub work: PathBuf,
    /// Codex's home as its environment names it.
    pub codex_home: Option<PathBuf>,
    /// Servers of that home's configuration, none of which it needs.
    pub servers: Vec<String>,
    /// Where its spend belongs.
    pub attribution: Attribution,
}

/// What a run's gateway is started with.
pub struct GatewayPlan {
    /// The servers that are meant.
    pub upstreams: Upstreams,
    /// The Codex that `PATH` leads to, if there is one.
    pub codex: Option<PathBuf>,
    /// The way there.
    pub client: Client,
    /// What the environment says of proxies: the gateway itself is reached without one.
    pub no_proxy: Vec<(OsString, OsString)>,
}

/// Where an agent sits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seat {
    /// Where govern does: its terminal, its streams, its session, as without govern.
    Governs,
    /// Apart, out of the terminal's reach: it reads nothing.
    Own {
        /// The file that its standard output is added to.
        out: PathBuf,
        /// The same for its standard error.
        err: PathBuf,
    },
}

/// How a run ended.
pub struct Outcome {
    /// Why it came to nothing, if it did: refused, or failed on the way.
    pub error: Option<Error>,
    /// Where the budgets stand that bound it.
    pub budgets: Vec<BudgetStanding>,
    /// Where the limits on sub-agents stand that bound it.
    pub sub_agents: Vec<SpawnStanding>,
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
    pub(super) homes: Vec<PathBuf>,
    pub(super) refusal: Option<Error>,
}

impl Plan {
    /// The part of it that the loop uses up.
    pub(super) fn start(&self) -> Start {
        let mut homes: Vec<PathBuf> = self.agents.iter().filter_map(|agent| agent.codex_home.clone()).collect();
        homes.extend(self.adviser.iter().filter_map(|adviser| adviser.codex_home.clone()));
        homes.dedup();
        Start { event: self.first_event(), homes, refusal: self.refusal.clone() }
    }

    fn first_event(&self) -> EventKind {
        if self.earlier_end.is_some() {
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
