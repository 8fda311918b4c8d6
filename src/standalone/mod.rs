//! One hook of a Codex that no govern started: read, judged and answered by the process that Codex called.
//!
//! The session is a run of its own in the ledger, named after its root thread; its process is Codex itself. Each hook
//! makes a governor anew from what the ledger has, lets it handle what was answered since and what Codex is about to do,
//! and lives as long as that is held.

mod active_time;
mod activity;
mod hold;
mod judge;
mod open_files;
mod session;
mod standing;
#[cfg(test)]
mod tests;
mod unasked_tools;
mod usage_reports;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock;
use crate::codex::HookEvent;
use crate::decide::agents::AgentSetup;
use crate::decide::message::{HookId, Input, Moment};
use crate::decide::people::reach::Nobody;
use crate::decide::{Before, Governor, Setup};
use crate::error::Error;
use crate::gate::hook::HookInput;
use crate::ledger::{Ledger, LedgerError};
use crate::model::{AgentName, Attribution, Brake, Braked, ProcessIdentity, RunId, ServiceTier};
use crate::policy::rule::Policy;
use crate::process::Parent;
use crate::turn::answers::Answers;
use crate::turn::elsewhere::{self, Elsewhere};
use crate::turn::is_live::lives;
use crate::turn::refused_answer::NotTaken;
use crate::turn::timers::Timers;
use crate::usage::price::PriceTable;

pub use activity::active;
pub use open_files::read_unlimited;

use session::EndedRun;
use standing::Stops;

/// Codex's call, by its number within this process.
const CALL: HookId = HookId(1);

/// The request that follows a tool, where Codex will not ask about that itself.
const REQUEST: HookId = HookId(2);

/// All that one hook is answered with.
pub struct Call {
    /// What for.
    pub event: HookEvent,
    /// What Codex said.
    pub input: HookInput,
    /// The session's run.
    pub run: RunId,
    /// What applies where the session works.
    pub policy: Policy,
    /// The repository's share of it, its path and text: kept for as long as this Codex lives.
    pub repository: Option<(PathBuf, String)>,
    /// The files of the others: they are to be there for as long.
    pub policies: Vec<PathBuf>,
    /// Prices, the policy's own included.
    pub prices: PriceTable,
    /// The agent's name.
    pub agent: AgentName,
    /// Where its spend belongs.
    pub attribution: Attribution,
    /// The Codex that called.
    pub codex: ProcessIdentity,
    /// Its command line.
    pub command: Vec<OsString>,
    /// The folder that the session works in.
    pub cwd: PathBuf,
    /// Who runs it.
    pub by: String,
    /// It lives on after a turn, on a screen or for another program.
    pub stays: bool,
    /// Why nobody can be asked; `None`: somebody can.
    pub nobody: Option<Nobody>,
    /// Where sockets live.
    pub sockets: PathBuf,
    /// Codex's home.
    pub codex_home: Option<PathBuf>,
    /// Sees to it that somebody sends what was written for people.
    pub send: Box<dyn Fn()>,
}

/// What comes of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookOutcome {
    /// Codex goes on.
    GoOn {
        /// But without this tool, and why.
        deny: Option<String>,
        /// What a person should know.
        said: Vec<String>,
        /// What the model reads with it.
        context: Vec<String>,
    },
    /// Nothing more may be asked of the model.
    Stop {
        /// Why.
        because: String,
        /// At once.
        kill: bool,
        /// Its Codex asks before each request, so that a tool may be refused: what follows is held.
        asks_first: bool,
        /// Another of its hooks ended this Codex before.
        again: bool,
    },
    /// Its requests wait: with a question of the session, or because somebody paused it.
    Wait {
        /// What a person should know of it.
        because: Option<String>,
    },
    /// A person interrupted the turn.
    Withdrawn,
}

/// What a stop comes to at a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopping {
    /// It is said: nothing is begun here.
    Said,
    /// The tool or the prompt is refused. What is under way beside it may end, and what comes after it is stopped.
    Refused,
    /// Its Codex waits.
    Held,
    /// Its Codex is interrupted, as by Ctrl-C.
    Interrupted,
    /// The hook fails, so that nothing goes past it: of a request that ends its Codex.
    Failed,
}

impl Stopping {
    /// At a hook of a Codex that `stays` after a turn or not, and `asks_first` before its requests or not.
    pub fn at(event: HookEvent, stays: bool, asks_first: bool, kill: bool) -> Self {
        match event {
            HookEvent::SessionStart
            | HookEvent::PostModelRequest
            | HookEvent::Stop
            | HookEvent::SubagentStop
            | HookEvent::SessionEnd => Self::Said,
            HookEvent::PreModelRequest | HookEvent::PreCompact if kill => Self::Failed,
            HookEvent::PreToolUse if asks_first => Self::Refused,
            _ if !stays => Self::Interrupted,
            HookEvent::UserPromptSubmit => Self::Refused,
            HookEvent::PreToolUse if kill => Self::Failed,
            HookEvent::PreModelRequest | HookEvent::PreCompact | HookEvent::PreToolUse => Self::Held,
        }
    }

    /// That is the end of its Codex.
    fn ends_codex(self, event: HookEvent) -> bool {
        self == Self::Interrupted || (self == Self::Failed && session::spends(event))
    }
}

/// A hook under way.
pub(super) struct Alone<'a> {
    call: &'a Call,
    ledger: &'a mut Ledger,
    governor: Governor,
    /// By the monotonic clock.
    began: Instant,
    /// By the wall clock, which hooks have in common: uptime goes on from here.
    began_at: Duration,
    timers: Timers,
    elsewhere: Box<dyn Elsewhere>,
    /// What was answered there, until the next turn.
    heard_elsewhere: Vec<Input>,
    /// Calls that may go on, or not.
    answers: Vec<(HookId, Option<String>)>,
    said: Vec<String>,
    context: Vec<String>,
    /// Questions that were put.
    held: Vec<String>,
    ends: bool,
    /// What keeps the session besides its budgets.
    kept: Option<Kept>,
    /// Why the last answer was not taken in its turn.
    not_taken: Option<NotTaken>,
    people: Answers,
    /// The tier that the thread is on.
    tier: Option<ServiceTier>,
    /// Its Codex was seen to ask before its requests.
    asks_first: bool,
    /// Its run is over, or another Codex's by now: it only tells what was under way.
    late: bool,
}

/// What keeps a session, whatever its budgets say.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kept {
    /// A question waits.
    Asks,
    /// A person's brake.
    Braked(Brake, Braked),
    /// Another of its hooks refused a tool to stop it.
    Stops(Stops),
    /// Another of its hooks has ended its run.
    Over(EndedRun),
}

/// Whether what is judged is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// As always.
    Recorded,
    /// Not at all: it was judged before, and nothing may have come of the time since.
    Rehearsed,
}

/// Answers a hook. `parent` is the shell that called; a question to a person is waited for. One that was told to wait or
/// to stop before is `again` judged without a word in the ledger, unless it may go on now.
///
/// # Errors
/// Where the session file or the ledger fails. Nothing is to go on then that nobody records.
pub fn attend(call: &Call, ledger: &mut Ledger, parent: &Arc<Parent>, again: bool) -> Result<HookOutcome, Error> {
    ledger.start_run(call.run.clone(), call.codex);
    if again {
        let reading = session::read(call, ledger)?;
        let mut trial = Alone::new(call, ledger);
        trial.begin(&reading, How::Rehearsed)?;
        if let Some(told @ (HookOutcome::Stop { .. } | HookOutcome::Wait { .. })) = trial.told() {
            return Ok(told);
        }
    }
    let mut before = Words::default();
    loop {
        match attend_once(call, ledger, parent, before)? {
            Held::Over(told) => return Ok(told),
            Held::Anew(words) => before = words,
        }
    }
}

/// What is to be said once a hook is answered.
#[derive(Debug, Default)]
struct Words {
    /// To a person.
    said: Vec<String>,
    /// To the model.
    context: Vec<String>,
}

/// How the wait of a hook ended.
enum Held {
    /// That came of it.
    Over(HookOutcome),
    /// What it waited for may have come: the session is joined once more, as it stands now.
    Anew(Words),
}

fn attend_once(call: &Call, ledger: &mut Ledger, parent: &Arc<Parent>, before: Words) -> Result<Held, Error> {
    let reading = session::read(call, ledger)?;
    let mut alone = Alone::new(call, ledger);
    (alone.said, alone.context) = (before.said, before.context);
    alone.begin(&reading, How::Recorded)?;
    if alone.told().is_none() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::new("govern cannot wait for an answer").caused_by(&error))?;
        match runtime.block_on(alone.hold(parent))? {
            Some(Held::Over(told)) => return Ok(Held::Over(alone.settle(told)?)),
            Some(anew @ Held::Anew(_)) => return Ok(anew),
            None => {}
        }
    }
    let told = alone.told().unwrap_or(HookOutcome::Withdrawn);
    Ok(Held::Over(alone.settle(told)?))
}

impl<'a> Alone<'a> {
    fn new(call: &'a Call, ledger: &'a mut Ledger) -> Self {
        let setup = AgentSetup::alone(call.agent.clone(), call.attribution.clone());
        let quoter = call.prices.clone();
        let governor = Governor::new(Setup {
            run: call.run.clone(),
            policy: Arc::new(call.policy.clone()),
            agents: vec![setup],
            concurrency: None,
            nobody: call.nobody,
            quote: Box::new(move |model, tier, at, tokens| quoter.quote(model, tier, at, tokens).cost),
            lift: None,
            before: Before::default(),
        });
        let (answers, said) = (Vec::new(), Vec::new());
        let began_at = u64::try_from(clock::now().timestamp_millis()).unwrap_or_default();
        Self {
            call,
            ledger,
            governor,
            began: clock::monotonic(),
            began_at: Duration::from_millis(began_at),
            timers: Timers::default(),
            elsewhere: Box::new(elsewhere::Nobody),
            heard_elsewhere: Vec::new(),
            answers,
            said,
            context: Vec::new(),
            held: Vec::new(),
            ends: false,
            kept: None,
            not_taken: None,
            people: Answers::default(),
            tier: None,
            asks_first: false,
            late: false,
        }
    }

    /// Records what comes of the hook for its whole session, before any of it is done.
    fn settle(&mut self, told: HookOutcome) -> Result<HookOutcome, LedgerError> {
        let Call { event, stays, .. } = *self.call;
        if event == HookEvent::SessionEnd {
            self.seal("ended")?;
        }
        if let (HookOutcome::Stop { .. }, Some(asked)) = (&told, self.governor.waits_for_answer(&self.call.agent)) {
            self.ledger.turn(clock::now(), |turn| {
                turn.adds_late();
                turn.questions().leave(asked, &lives).map(drop)
            })?;
        }
        if let HookOutcome::Stop { because, kill, asks_first, again: false } = &told {
            match Stopping::at(event, stays, *asks_first, *kill) {
                stopping if stopping.ends_codex(event) => self.seal(if *kill { "killed" } else { "stopped" })?,
                // The tools beside it may end first.
                Stopping::Refused if event == HookEvent::PreToolUse && !stays => self.will_stop(because, *kill)?,
                Stopping::Said | Stopping::Refused | Stopping::Held | Stopping::Interrupted | Stopping::Failed => {}
            }
        }
        Ok(told)
    }

    fn moment(&self) -> Moment {
        let since = clock::monotonic().saturating_duration_since(self.began);
        Moment { wall: clock::now(), uptime: self.began_at + since }
    }
}
