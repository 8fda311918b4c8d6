//! One hook of a Codex that no govern started: read, judged and answered by the process that Codex called.
//!
//! The session is a run of its own in the ledger, named after its root thread; its process is Codex itself. Each hook
//! makes a governor anew from what the ledger has, lets it handle what was answered since and what Codex is about to do,
//! and lives as long as that is held.

mod hold;
mod session;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::clock;
use crate::codex::HookEvent;
use crate::decide::agent::AgentSetup;
use crate::decide::input::{Hook, HookId, Input, Moment};
use crate::decide::lifecycle::{After, State};
use crate::decide::{Effect, Governor, Setup};
use crate::error::Error;
use crate::gate::hook::HookInput;
use crate::ledger::{Ledger, LedgerError, RunState};
use crate::model::event::EventKind;
use crate::model::{AgentName, Attribution, Event, ProcessIdentity, Response, RunId, ServiceTier};
use crate::policy::rule::Policy;
use crate::process::{self, Parent};
use crate::usage::price::PriceTable;

use super::at_gate::wants;
use super::books::TurnBooks;
use super::timers::Timers;
use super::turn::record;

/// How many of a session's last responses foretell its next ones.
const RECENT: u32 = 32;

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
    /// It asks before each request (from 0.169).
    pub asks_first: bool,
    /// Somebody can be asked.
    pub askable: bool,
    /// Where sockets live.
    pub sockets: PathBuf,
}

/// What comes of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
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
    },
    /// A question of the session waits: its requests wait with it.
    Wait,
    /// A person interrupted the turn.
    Withdrawn,
}

/// A hook under way.
pub(super) struct Alone<'a> {
    call: &'a Call,
    ledger: &'a mut Ledger,
    governor: Governor,
    began: Instant,
    timers: Timers,
    /// Calls that may go on, or not.
    answers: Vec<(HookId, Option<String>)>,
    said: Vec<String>,
    context: Vec<String>,
    /// Questions that were put.
    held: Vec<String>,
    ends: bool,
    waits: bool,
    /// An answer that came after another.
    too_late: bool,
    /// The tier that the thread is on, as far as it has been answered.
    tier: Option<ServiceTier>,
}

/// Answers a hook. `parent` is the shell that called; a question to a person is waited for.
///
/// # Errors
/// Where the session file or the ledger fails. Nothing is to go on then that nobody records.
pub fn attend(call: &Call, ledger: &mut Ledger, parent: &Arc<Parent>) -> Result<Told, Error> {
    let responses = session::read(call)?;
    ledger.start_run(call.run.clone(), call.codex);
    let mut alone = Alone::new(call, ledger);
    if !alone.begin(responses)? {
        return Ok(Told::GoOn { deny: None, said: Vec::new(), context: Vec::new() });
    }
    if call.event == HookEvent::SessionEnd {
        alone.seal("ended")?;
    }
    if alone.told().is_none() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::new("govern cannot wait for an answer").caused_by(&error))?;
        if let Some(told) = runtime.block_on(alone.hold(parent))? {
            return Ok(told);
        }
    }
    let told = alone.told().unwrap_or(Told::Withdrawn);
    if let (Told::Stop { kill, .. }, false) = (&told, call.stays) {
        alone.seal(if *kill { "killed" } else { "stopped" })?;
    }
    Ok(told)
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
            askable: call.askable,
            quote: Box::new(move |model, tier, at, tokens| quoter.quote(model, tier, at, tokens).cost),
            lift: None,
            history: Vec::new(),
        });
        let (answers, said) = (Vec::new(), Vec::new());
        Self {
            call,
            ledger,
            governor,
            began: clock::monotonic(),
            timers: Timers::default(),
            answers,
            said,
            context: Vec::new(),
            held: Vec::new(),
            ends: false,
            waits: false,
            too_late: false,
            tier: None,
        }
    }

    fn moment(&self) -> Moment {
        Moment { wall: clock::now(), uptime: clock::monotonic().saturating_duration_since(self.began) }
    }

    /// Joins the session, records what was answered since, and asks about the hook, all in one turn. Says whether there
    /// was anything to do: a session that has ended and tells nothing new stays as it is.
    fn begin(&mut self, responses: Vec<Response>) -> Result<bool, LedgerError> {
        let call = self.call;
        let now = self.moment();
        self.tier = responses.last().map(|last| last.tier.clone());
        let Self { ledger, governor, .. } = self;
        let joined = ledger.turn(clock::now(), |turn| {
            let state = turn.run_state(&call.run)?;
            let news = session::news(turn, call, responses)?;
            if state == RunState::Ended && news.is_empty() && call.event == HookEvent::SessionEnd {
                return Ok(None);
            }
            session::open(turn, call, state)?;
            turn.watch_from_now()?;
            governor.recall_all(turn.recent_responses(&call.run, RECENT)?);
            let books = TurnBooks::new(turn);
            governor.join(now, state == RunState::New, &books);
            books.into_error()?;
            // Requests wait with whatever of the session waits already.
            let waits = session::spends(call.event) && turn.is_asking(&call.run)?;
            Ok(Some((news, waits)))
        })?;
        let Some((news, waits)) = joined else { return Ok(false) };
        self.waits = waits;
        let mut inputs: VecDeque<Input> = news.into_iter().map(|one| Input::Responded(Box::new(one))).collect();
        if !waits {
            inputs.extend(self.asks());
        }
        self.turn(inputs)?;
        Ok(true)
    }

    /// What Codex is about to do.
    fn asks(&self) -> Vec<Input> {
        let Call { event, input, agent, run, .. } = self.call;
        let hook = |id, wants| {
            Input::Hook(Box::new(Hook {
                id,
                agent: agent.clone(),
                thread: input.thread(),
                root: input.session_id.clone(),
                model: input.model.clone(),
                tier: self.tier.clone(),
                wants,
            }))
        };
        let mut asks = vec![hook(CALL, wants(*event, input, &self.governor, agent, run))];
        if *event == HookEvent::PreToolUse && !self.call.asks_first {
            asks.push(hook(REQUEST, crate::decide::input::Wants::Request));
        }
        asks
    }

    /// Handles inputs, and news of others before them; records what comes of them before any of it is done.
    fn turn(&mut self, mut queue: VecDeque<Input>) -> Result<(), LedgerError> {
        let call = self.call;
        let began = self.began;
        let Self { ledger, governor, .. } = self;
        let mut perform = Vec::new();
        let mut too_late = false;
        ledger.turn(clock::now(), |turn| {
            let news = turn.news()?;
            if !news.is_empty() {
                queue.push_front(Input::Elsewhere(super::turn::elsewhere(news)));
            }
            while let Some(input) = queue.pop_front() {
                let Some(input) = session::enter(turn, call, input)? else { continue };
                if let Input::Answered { approval, answer, by, reason } = &input
                    && !super::turn::first_answer(turn, *approval, answer, by, reason.as_deref())?
                {
                    too_late = true;
                    continue;
                }
                let uptime = clock::monotonic().saturating_duration_since(began);
                let books = TurnBooks::new(turn);
                let effects = governor.handle(Moment { wall: clock::now(), uptime }, input, &books);
                books.into_error()?;
                for effect in effects {
                    if let Some(follows) = record(turn, &call.run, &effect)? {
                        queue.push_front(follows);
                    }
                    match effect {
                        // Whoever waits for this process stands still.
                        Effect::Freeze(agent) => queue.push_back(Input::Frozen(agent)),
                        effect => perform.push(effect),
                    }
                }
            }
            Ok(())
        })?;
        self.too_late |= too_late;
        perform.into_iter().for_each(|effect| self.perform(effect));
        Ok(())
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            // What a hook tells of by itself, has no work tree to be looked at.
            Effect::Look(_) => {}
            Effect::Tell { text, .. } => self.context.push(text),
            Effect::Answer { hook, deny } => self.answers.push((hook, deny)),
            Effect::End(_) | Effect::Restart { .. } => self.ends = true,
            Effect::Arm(timer, after) => self.timers.arm(clock::monotonic(), timer, after),
            Effect::Say(text) => self.said.push(text),
            Effect::Ask(question) => {
                let approval = self.governor.approval_of(&question);
                self.held
                    .extend(approval.map(|approval| format!("held: {}: govern approve {approval}", question.text)));
            }
            Effect::Record { .. }
            | Effect::Reserve { .. }
            | Effect::Extend { .. }
            | Effect::Withdraw(_)
            | Effect::Expire(_)
            | Effect::Freeze(_)
            | Effect::Thaw(_)
            | Effect::Launch { .. }
            | Effect::Open(_)
            | Effect::Refuse(_)
            | Effect::Finish { .. } => {}
        }
    }

    /// Says what is asked, once an answer can be heard. A Codex without a screen shows no hook's words: they are said
    /// where it writes its errors.
    fn say_held(&mut self) {
        for text in std::mem::take(&mut self.held).into_iter().filter(|_| !self.call.stays) {
            process::tell(self.call.codex.pid, &format!("govern: {text}\n"));
        }
    }

    /// What has come of it; `None` while it is held.
    fn told(&self) -> Option<Told> {
        if self.waits {
            return Some(Told::Wait);
        }
        if self.ends {
            let agent = self.governor.agent(&self.call.agent);
            let kill = agent.is_some_and(|agent| agent.state == State::Ending(After::Killed));
            let because = agent.map_or_else(String::new, |agent| agent.because.clone());
            return Some(Told::Stop { because, kill });
        }
        let expected = if self.call.event == HookEvent::PreToolUse && !self.call.asks_first { 2 } else { 1 };
        let deny = self.answers.iter().find_map(|(_, deny)| deny.clone());
        (deny.is_some() || self.answers.len() >= expected).then(|| Told::GoOn {
            deny,
            said: self.said.clone(),
            context: self.context.clone(),
        })
    }

    /// Seals the session's run; it is opened again if the session goes on.
    fn seal(&mut self, outcome: &str) -> Result<(), LedgerError> {
        let rule = self.governor.last_hard_budget().filter(|_| outcome != "ended").cloned();
        let code = if outcome == "ended" { 0 } else { i32::from(crate::exit::Exit::Ended.code()) };
        let run = self.call.run.clone();
        self.ledger.turn(clock::now(), |turn| {
            let kind = EventKind::RunEnded { outcome: outcome.to_owned(), code, rule };
            turn.append(&Event { at: clock::now(), run, agent: None, kind })?;
            Ok(())
        })
    }
}
