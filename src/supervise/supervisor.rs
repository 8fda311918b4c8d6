//! The supervisor: everything a live run holds, and the loop over it.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use crate::clock;
use crate::codex::{self, Invocation};
use crate::decide::agent::AgentSetup;
use crate::decide::effect::Ending;
use crate::decide::input::{HookId, Input};
use crate::decide::{Effect, Governor, Moment, Setup};
use crate::error::Error;
use crate::exit::Exit;
use crate::gate::socket::{Heard, Socket};
use crate::ledger::{Ledger, LedgerError};
use crate::model::event::{Answer, EventKind};
use crate::model::{AgentName, ApprovalId, Attribution, Money, ProcessIdentity, ResponseKey, RunId, ThreadId};
use crate::process::{self, Arrived, Guard, Inbox, Leftovers, Order, ProcessError, Report, Status, Terminal};
use crate::report::BudgetStanding;
use crate::tail::login::Login;
use crate::tail::watch::Notice;
use crate::ui::notice::Notices;
use crate::usage::price::PriceTable;

use super::asking::Asking;
use super::at_gate::Waiting;
use super::braking::Braking;
use super::perform::GO_ON;
use super::plan::{Keep, Outcome, Plan, Start};
use super::sessions::{Deeds, Sessions};
use super::timers::Timers;
use super::working::{Looked, Working};

pub(super) struct Finished {
    pub(super) ending: Ending,
    pub(super) exit: Exit,
    pub(super) in_flight: u32,
    pub(super) in_flight_cost: Money,
}

pub(super) struct Supervisor {
    pub(super) run: RunId,
    pub(super) agent: AgentName,
    pub(super) attribution: Attribution,
    pub(super) governor: Governor,
    pub(super) prices: PriceTable,
    pub(super) invocation: Option<Invocation>,
    pub(super) command: Vec<OsString>,
    pub(super) resumes: Option<ThreadId>,
    pub(super) ledger: Option<Ledger>,
    guard: Option<Guard>,
    pub(super) sessions: Sessions,
    pub(super) working: Working,
    pub(super) asking: Asking,
    pub(super) timers: Timers,
    pub(super) logins: BTreeMap<PathBuf, Login>,
    pub(super) sweeps: usize,
    pub(super) status: Option<Status>,
    pub(super) started: Option<(Vec<OsString>, Option<ThreadId>)>,
    pub(super) finished: Option<Finished>,
    pub(super) skipped: u64,
    /// An answer came after another one.
    pub(super) too_late: bool,
    /// Responses that an import took before this run could record them.
    pub(super) imported: HashSet<(ThreadId, ResponseKey)>,
    pub(super) full_screen: bool,
    fresh: Vec<String>,
    pub(super) sockets: PathBuf,
    keep: Keep,
    kept: Option<String>,
    notes: Vec<EventKind>,
    /// Inputs that wait for a ledger that another process keeps locked; only without a limit.
    pub(super) backlog: VecDeque<Input>,
    /// The last turn found the ledger locked.
    pub(super) ledger_waits: bool,
    /// What cannot be recorded now never will be.
    pub(super) last_chance: bool,
    /// Orders whose reports are nothing to the governor.
    pub(super) in_passing: BTreeSet<u64>,
    /// Other governs that wait until the agent stands still.
    pub(super) braking: Vec<Braking>,
    /// Hooks that wait for their answers.
    pub(super) at_gate: BTreeMap<HookId, Waiting>,
    /// What models are told with the answers that follow.
    pub(super) telling: BTreeMap<HookId, Vec<String>>,
    /// What was said and not yet shown on Codex's own screen.
    pub(super) unsaid: Vec<String>,
    /// How limits are kept was said.
    pub(super) reach_said: bool,
    notices: Notices<std::io::Stderr>,
    began: Instant,
}

/// What woke the loop.
enum Wake {
    Guard(Option<Report>),
    Session(Notice),
    Heard(Option<Heard>),
    Prompt(ApprovalId, Answer),
    Signal(Result<Arrived, ProcessError>),
    Looked(Looked),
    Due,
    Sweep,
}

/// Governs one command from its start to its end.
///
/// # Errors
/// Refusals (123), a command that can't be executed (126, 127), and govern's own failures (125),
/// before which the agent was ended.
pub async fn supervise(plan: Plan, guard: Guard, mut inbox: Inbox) -> Result<Outcome, Error> {
    let mut socket = Socket::listen(&plan.sockets, &plan.run)
        .map_err(|error| Error::new("a run must be able to listen for answers").caused_by(&error))?;
    let start = plan.start();
    let mut supervisor = Supervisor::new(plan, guard);
    let result = supervisor.govern(start, &mut socket, &mut inbox).await;
    let leftovers = if result.is_ok() { Leftovers::Leave } else { Leftovers::Kill };
    supervisor.dismiss(leftovers).await;
    Ok(supervisor.conclude(result))
}

impl Supervisor {
    fn new(plan: Plan, guard: Guard) -> Self {
        let began = clock::monotonic();
        let restartable = plan.invocation.as_ref().is_some_and(Invocation::is_restartable);
        let (name, attribution) = (plan.agent.clone(), plan.attribution.clone());
        let setup = AgentSetup { restartable, full_screen: plan.full_screen, ..AgentSetup::alone(name, attribution) };
        let quoter = plan.prices.clone();
        let screen = guard.terminal().filter(|_| plan.full_screen).and_then(Terminal::try_clone);
        let mut working = Working::new(&plan.policy);
        working.add(&plan.agent, plan.cwd.clone());
        let sessions = Sessions::new(clock::now(), Deeds::of(&plan.policy));
        let governor = Governor::new(Setup {
            run: plan.run.clone(),
            policy: std::sync::Arc::new(plan.policy),
            agents: vec![setup],
            concurrency: None,
            askable: plan.askable,
            lift: plan.lift,
            history: plan.history,
            quote: Box::new(move |model, tier, at, tokens| quoter.quote(model, tier, at, tokens).cost),
        });
        Self {
            run: plan.run,
            agent: plan.agent,
            attribution: plan.attribution,
            governor,
            prices: plan.prices,
            invocation: plan.invocation,
            command: plan.command,
            resumes: plan.resumes,
            ledger: Some(plan.ledger),
            guard: Some(guard),
            sessions,
            working,
            asking: Asking::new(plan.prompt, screen),
            timers: Timers::default(),
            logins: BTreeMap::new(),
            sweeps: 0,
            status: None,
            started: None,
            finished: None,
            skipped: 0,
            too_late: false,
            imported: HashSet::new(),
            full_screen: plan.full_screen,
            fresh: plan.fresh,
            sockets: plan.sockets,
            keep: plan.keep,
            kept: None,
            notes: Vec::new(),
            backlog: VecDeque::new(),
            ledger_waits: false,
            last_chance: false,
            in_passing: BTreeSet::new(),
            braking: Vec::new(),
            at_gate: BTreeMap::new(),
            telling: BTreeMap::new(),
            unsaid: Vec::new(),
            reach_said: false,
            notices: plan.notices,
            began,
        }
    }

    /// From the first question (may it begin?) to the agent's end.
    async fn govern(&mut self, start: Start, socket: &mut Socket, inbox: &mut Inbox) -> Result<(), Error> {
        self.notes.push(start.event);
        if let Some(refusal) = start.refusal {
            self.mark_only(refusal.message());
            return Err(refusal);
        }
        if let Some(what) = self.invocation.as_ref().and_then(|one| one.ungovernable().into_iter().next()) {
            self.mark(format!("{what}; it is not counted"));
        }
        if let Some(home) = &start.codex_home {
            self.watch(home)?;
        }
        self.look_first();
        let effects = self.turn(vec![Input::Begin])?;
        self.perform(effects)?;
        let mut sweep_at = clock::monotonic() + self.sweep_after();
        while self.finished.is_none() && !self.end_waits() {
            let timer = self.timers.next();
            let wake = tokio::select! {
                biased;
                report = next_report(&mut self.guard) => Wake::Guard(report),
                notice = self.sessions.notice() => Wake::Session(notice),
                heard = socket.next() => Wake::Heard(heard),
                looked = self.working.looked() => Wake::Looked(looked),
                (approval, answer) = self.asking.answer() => Wake::Prompt(approval, answer),
                signal = inbox.next() => Wake::Signal(signal),
                () = until(timer) => Wake::Due,
                () = until(Some(sweep_at)) => Wake::Sweep,
            };
            if matches!(wake, Wake::Sweep) {
                sweep_at = clock::monotonic() + self.sweep_after();
            }
            let effects = self.wake(wake).await?;
            self.perform(effects)?;
            self.reply_to_brakes().await;
        }
        if self.finished.is_none() {
            self.last_chance = true;
            let effects = self.turn(Vec::new())?;
            self.perform(effects)?;
        }
        Ok(())
    }

    /// The command ended while the ledger was locked.
    fn end_waits(&self) -> bool {
        self.backlog.iter().any(|input| matches!(input, Input::Exited { .. }))
    }

    async fn wake(&mut self, wake: Wake) -> Result<Vec<Effect>, Error> {
        let inputs = match wake {
            Wake::Guard(Some(report)) => self.reported(report)?,
            Wake::Guard(None) => return Err(Error::new("the guard process is gone; the agent was ended with it")),
            Wake::Session(notice) => self.touched(notice),
            Wake::Heard(Some(Heard::Call(call))) => return self.heard(call).await,
            Wake::Heard(Some(Heard::Hook(call))) => return self.hooked(call),
            Wake::Heard(Some(Heard::HookGone { number, word })) => return self.hook_gone(number, word),
            Wake::Heard(None) => Vec::new(),
            Wake::Prompt(approval, answer) => return self.prompted(approval, answer),
            Wake::Signal(Ok(arrived)) => return self.signalled(arrived),
            Wake::Signal(Err(error)) => return Err(Error::new("signals can no longer be received").caused_by(&error)),
            Wake::Looked(looked) => self.looked(looked),
            Wake::Due => self.due(),
            Wake::Sweep => self.sweep(),
        };
        let idle = inputs.is_empty() && self.notes.is_empty() && self.backlog.is_empty();
        if idle { Ok(Vec::new()) } else { self.turn(inputs) }
    }

    /// Under a limit, what can't be watched can't be kept: refused. Without one it is marked.
    fn watch(&mut self, home: &std::path::Path) -> Result<(), Error> {
        let Err(error) = self.sessions.watch(home) else { return Ok(()) };
        if self.governor.enforces() {
            return Err(Error::new(format!("session files under `{}` cannot be watched", home.display()))
                .caused_by(&error)
                .hint("under a limit nothing is started whose spend cannot be observed")
                .exit(Exit::Refused));
        }
        self.mark(format!("session files under `{}` cannot be watched: {error}", home.display()));
        Ok(())
    }

    /// A signal to govern alone is passed on; one from the terminal has reached the agent already.
    fn signalled(&mut self, arrived: Arrived) -> Result<Vec<Effect>, Error> {
        if arrived.continues() {
            self.asking.put_again();
            return Ok(Vec::new());
        }
        if arrived.ends() && self.stands_still() {
            // A held agent cannot heed it: who wants it gone gets that.
            let agent = self.agent.clone();
            return self.turn(vec![Input::GiveUp { agent, because: format!("signal {}", arrived.signal) }]);
        }
        if !arrived.from_terminal {
            self.order(Order::Forward { agent: self.agent.clone(), signal: arrived.signal })?;
        }
        Ok(Vec::new())
    }

    /// Lets the guard deal with what is left and waits until it is gone; then the last records are read.
    async fn dismiss(&mut self, leftovers: Leftovers) {
        let Some(guard) = self.guard.take() else { return };
        let inputs = self.drain();
        let forced = self.finished.as_ref().is_none_or(|finished| finished.ending != Ending::Itself);
        // One that a signal ended, passed on or not, has tidied up no more than one that govern ended; its
        // launcher tells that by the code.
        let signalled = self.status.is_some_and(|status| Exit::from(status).code() > 128);
        let left_so = |terminal: &&Terminal| signalled && (terminal.is_changed() || self.asking.has_screen());
        if let Some(terminal) = guard.terminal().filter(|terminal| forced || left_so(terminal)) {
            terminal.restore(self.full_screen);
        }
        guard.finish(leftovers).await;
        // The guard is gone, and govern has adopted what it left.
        let left = process::own_identity().map_or_else(Vec::new, |own| process::descendants(own.pid));
        let left = left.iter().filter(|process| !process.is_dead()).count();
        if left > 0 && self.governor.enforces() {
            self.mark(format!("{left} process(es) that the command started live on, ungoverned from here on"));
        }
        self.last_chance = true;
        let mut last = self.drain_to_the_end();
        last.splice(0..0, inputs);
        if let Err(error) = self.turn(last) {
            self.say(&error.to_string());
        }
    }

    /// Seals the run's chain.
    fn conclude(mut self, result: Result<(), Error>) -> Outcome {
        self.asking.take_back(Some("an answer is no longer needed"));
        let (outcome, exit) = match (&result, &self.finished) {
            (Err(error), _) if error.exit_code() == Exit::Refused => ("refused", Exit::Refused),
            (Err(error), _) => ("failed", error.exit_code()),
            (Ok(()), Some(Finished { ending: Ending::Stopped, exit, .. })) => ("stopped", *exit),
            (Ok(()), Some(Finished { ending: Ending::Killed, exit, .. })) => ("killed", *exit),
            (Ok(()), Some(Finished { exit, .. })) => ("ended", *exit),
            (Ok(()), None) => ("failed", Exit::Failed),
        };
        let ended = matches!(outcome, "stopped" | "killed" | "refused");
        let rule = self.governor.last_hard_budget().filter(|_| ended).cloned();
        if let Some(finished) = &self.finished {
            let code = i32::from(self.status.map_or(Exit::Ended, Exit::from).code());
            let (in_flight, in_flight_cost) = (finished.in_flight, finished.in_flight_cost);
            self.notes.push(EventKind::AgentEnded { code, in_flight, in_flight_cost });
        }
        self.notes.push(EventKind::RunEnded {
            outcome: outcome.to_owned(),
            code: i32::from(exit.code()),
            rule: rule.clone(),
        });
        let sealed = self.turn(Vec::new());
        self.notices.release();
        let error = result.err().or(sealed.err());
        let budgets = self.standings();
        let mut ending = self.governor.accounts().filter(|(budget, _)| rule.as_ref() == Some(&budget.name));
        let extend = ending.find_map(|(_, account)| Some(account.key.unit.typed(account.offered?)));
        Outcome { error, exit, ended, budgets, extend, ledger: self.ledger }
    }

    fn standings(&self) -> Vec<BudgetStanding> {
        let fresh = &self.fresh;
        self.governor
            .accounts()
            .map(|(budget, account)| BudgetStanding {
                budget: account.key.budget.clone(),
                scope: account.key.scope.clone(),
                unit: account.key.unit,
                limit: account.base,
                extended: account.extended,
                spent: account.spent,
                reserved: account.reserved,
                window_start: account.bounds.start,
                window_end: account.bounds.end,
                enforceable: !fresh.contains(&budget.name.to_string()),
            })
            .collect()
    }

    /// What `govern resume` would start, when it is known and has changed.
    pub(super) fn new_going_on(&mut self) -> Option<String> {
        let now = self.going_on()?;
        let changed = self.kept.as_ref() != Some(&now);
        changed.then(|| self.kept.insert(now).clone())
    }

    fn going_on(&self) -> Option<String> {
        let agent = self.governor.agent(&self.agent)?;
        let thread = agent.root.as_ref().or_else(|| self.sessions.root())?;
        let argv = self.invocation.as_ref()?.resume_with(thread, agent.routed.as_ref(), GO_ON).ok()?;
        Some((self.keep)(thread, codex::redacted(&argv)))
    }

    // -- small things that the other files of this folder share ---------------------------------

    pub(super) fn moment(&self) -> Moment {
        Moment { wall: clock::now(), uptime: clock::monotonic().saturating_duration_since(self.began) }
    }

    pub(super) fn order(&mut self, order: Order) -> Result<(), Error> {
        self.send(order).map(drop)
    }

    /// An order that the governor did not give and whose report it does not get.
    pub(super) fn order_in_passing(&mut self, order: Order) -> Result<(), Error> {
        let sent = self.send(order)?;
        self.in_passing.extend(sent);
        Ok(())
    }

    fn send(&self, order: Order) -> Result<Option<u64>, Error> {
        let sent = self.guard.as_ref().map(|guard| guard.send(order)).transpose();
        sent.map_err(|error| Error::new("the guard process cannot be reached").caused_by(&error))
    }

    pub(super) fn guard_pid(&self) -> Option<i32> {
        self.guard.as_ref().map(|guard| guard.identity().pid)
    }

    pub(super) fn say(&mut self, text: &str) {
        if self.full_screen {
            self.unsaid.push(text.to_owned());
        }
        self.notices.say(text, crate::report::page::Tone::Warn);
    }

    /// Writes something down in the next turn.
    pub(super) fn note(&mut self, kind: EventKind) {
        self.notes.push(kind);
    }

    fn mark_only(&mut self, what: &str) {
        self.notes.push(EventKind::Marked { what: what.to_owned() });
    }

    pub(super) fn mark(&mut self, what: String) {
        self.say(&what);
        self.notes.push(EventKind::Marked { what });
    }

    pub(super) fn take_notes(&mut self) -> Vec<EventKind> {
        std::mem::take(&mut self.notes)
    }

    pub(super) fn started(&mut self, identity: ProcessIdentity) {
        let Some((argv, resumes)) = self.started.take() else { return };
        self.notes.push(EventKind::AgentStarted { command: codex::redacted(&argv), pid: identity.pid, resumes });
    }

    /// Under a limit nothing goes on that nobody records.
    pub(super) fn lose_ledger(&mut self, error: LedgerError) -> Result<(), Error> {
        let failure = Error::from(error);
        if self.governor.enforces() {
            return Err(failure);
        }
        self.say(&format!("{failure}\nwithout a limit the agent goes on; what it spends from here on is not recorded"));
        Ok(())
    }
}

/// Its thread can be started again by govern itself.
async fn next_report(guard: &mut Option<Guard>) -> Option<Report> {
    match guard {
        Some(guard) => guard.next().await,
        None => None,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
