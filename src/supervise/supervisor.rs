//! The supervisor: everything a live run holds, and the loop over it.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::clock;
use crate::clocks::Clocks;
use crate::codex::{Invocation, Ungovernable};
use crate::decide::agents::AgentSetup;
use crate::decide::message::{HookId, Input, Interrupt};
use crate::decide::{Effect, Governor, Moment, Setup};
use crate::error::Error;
use crate::exit::Exit;
use crate::gate::socket::{Heard, Socket};
use crate::ledger::Ledger;
use crate::model::event::{Answer, EventKind, GateReach};
use crate::model::{AgentName, ApprovalId, Money, ProcessIdentity, ResponseKey, RunId, ThreadId, UnderWay};
use crate::process;
use crate::process::{Arrived, Guard, Inbox, Leftovers, Order, ProcessError, Report, Terminal};
use crate::proxy::talk::News as GatewayNews;
use crate::tail::login::Login;
use crate::tail::watch::Notice;
use crate::turn::not_taken::NotTaken;
use crate::turn::timers::Timers;
use crate::turn::tokens::Tokens;
use crate::ui::notice::Notices;
use crate::usage::pairing::Pairings;
use crate::usage::price::PriceTable;

use super::adviser::{self, Advising};
use super::asking::Asking;
use super::at_gate::Waiting;
use super::braking::Braking;
use super::echo::{Echo, OFTEN};
use super::glance::Glances;
use super::judged::JudgedCommands;
use super::owners::Owners;
use super::passing::{Passing, next_news, opened};
use super::plan::{EarlierEnd, Outcome, Plan, Seat, Start};
use super::redraw::Redraw;
use super::sessions::Sessions;
use super::strangers::{Nested, Strangers};
use super::timing::Timing;
use super::told::WithoutFile;
use super::unseen::Unseen;
use super::ward::Ward;
use super::working::{Deeds, Looked, Working};
use crate::decide::people::quorum::Votes;

pub(super) struct Supervisor {
    pub(super) run: RunId,
    pub(super) wards: BTreeMap<AgentName, Ward>,
    /// As they were named.
    pub(super) order: Vec<AgentName>,
    /// The agent of `govern run`: it sits where govern does, and all that is said is about it.
    pub(super) alone: Option<AgentName>,
    pub(super) owners: Owners,
    /// A governor model can be asked.
    pub(super) advising: Option<Advising>,
    pub(super) governor: Governor,
    pub(super) prices: PriceTable,
    pub(super) ledger: Option<Ledger>,
    pub(super) guard: Option<Guard>,
    pub(super) sessions: Sessions,
    pub(super) working: Working,
    pub(super) asking: Asking,
    pub(super) tokens: Tokens,
    pub(super) votes: Votes,
    pub(super) timers: Timers,
    pub(super) logins: BTreeMap<PathBuf, Login>,
    pub(super) sweeps: usize,
    pub(super) clocks: Clocks,
    pub(super) glanced: Glances,
    pub(super) strangers: Strangers,
    pub(super) unseen: Unseen,
    pub(super) skipped: u64,
    /// Codexes whose open files may not be looked at.
    pub(super) hidden: HashSet<ProcessIdentity>,
    /// Codexes that have called a hook of govern's.
    pub(super) hooked: HashSet<ProcessIdentity>,
    /// Which of them run inside tools of others.
    pub(super) nested: Nested,
    /// Threads whose Codex has; others may make calls that nobody counts.
    pub(super) counted: HashSet<ThreadId>,
    /// What hooks have asked about, until it ran.
    pub(super) judged: JudgedCommands,
    /// Why the last answer was not taken in its turn.
    pub(super) not_taken: Option<NotTaken>,
    /// Responses that an import, or another run, took before this run could record them.
    pub(super) held_elsewhere: HashSet<(ThreadId, ResponseKey)>,
    /// What those cost, as far as they have a price.
    pub(super) cost_elsewhere: Money,
    /// The one agent takes the whole screen.
    pub(super) full_screen: bool,
    pub(super) fresh: Vec<String>,
    pub(super) sockets: PathBuf,
    pub(super) notes: Vec<(Option<AgentName>, EventKind)>,
    /// Inputs that wait for a ledger that another process keeps locked; only without a limit.
    pub(super) backlog: VecDeque<Input>,
    /// Somebody is to be told what was written in this turn.
    pub(super) posted: bool,
    /// Nobody sends what is to be told, which was said.
    pub(super) notices_wait: bool,
    /// The last turn found the ledger locked.
    pub(super) ledger_waits: bool,
    /// What cannot be recorded now never will be.
    pub(super) last_chance: bool,
    /// Orders whose reports are nothing to the governor.
    pub(super) in_passing: BTreeSet<u64>,
    /// Other governs that wait until the agents stand still.
    pub(super) braking: Vec<Braking>,
    /// The run's gateway, and what passes it.
    pub(super) passing: Option<Passing>,
    /// Hooks that wait for their answers.
    pub(super) at_gate: BTreeMap<HookId, Waiting>,
    /// What models are told with the answers that follow.
    pub(super) telling: BTreeMap<HookId, Vec<String>>,
    /// What was said and not yet shown on Codex's own screen.
    pub(super) unsaid: Vec<String>,
    /// How limits are kept was said, of these ways.
    pub(super) reaches_said: BTreeSet<Option<GateReach>>,
    /// What session files and hooks have told, each response once.
    pub(super) pairings: Pairings,
    /// Threads without a session file.
    pub(super) without_file: BTreeMap<ThreadId, WithoutFile>,
    /// What the ledger has of each agent's requests under way.
    pub(super) under_way: BTreeMap<AgentName, UnderWay>,
    pub(super) timing: Timing,
    /// It is an earlier run, which goes on.
    pub(super) earlier_end: Option<EarlierEnd>,
    /// The run is being interrupted.
    interrupted: bool,
    /// An agent, or somebody unknown, has told govern to go on.
    continued: bool,
    /// What `govern resume` will need of the run as a whole, until it is written down.
    pub(super) kept: Option<String>,
    /// Asks an installed Codex whether it would call hooks before and after each request.
    pub(super) tells: fn(&Invocation) -> bool,
    /// What agents write, where it is to be shown.
    pub(super) echo: Echo,
    pub(super) redraw: Redraw,
    pub(super) notices: Notices<std::io::Stderr>,
    began: Instant,
}

/// What woke the loop.
enum Wake {
    Gateway(Option<GatewayNews>),
    Guard(Option<Report>),
    Session(Notice),
    Heard(Option<Heard>),
    Prompt(ApprovalId, Answer),
    Signal(Result<Arrived, ProcessError>),
    Looked(Looked),
    Due,
    Leave,
    Sweep,
    Glance,
    Echo,
    Draw,
}

/// Governs the agents of a run from its start to its end.
///
/// # Errors
/// Refusals (123), a command that can't be executed (126, 127), and govern's own failures (125),
/// before which the agent was ended.
pub async fn supervise(mut plan: Plan, clocks: Clocks, guard: Guard, mut inbox: Inbox) -> Result<Outcome, Error> {
    let mut socket = Socket::listen(&plan.sockets, &plan.run, process::peer_of)
        .map_err(|error| Error::new("a run must be able to listen for answers").caused_by(&error))?;
    let start = plan.start();
    let gateway = plan.gateway.take();
    let mut supervisor = Supervisor::new(plan, clocks, guard);
    supervisor.passing = opened(
        gateway,
        (&supervisor.sockets, &supervisor.run),
        supervisor.guard_pid(),
        supervisor.governor.enforces(),
    )?;
    let result = supervisor.govern(start, &mut socket, &mut inbox).await;
    let leftovers = if result.is_ok() { Leftovers::Leave } else { Leftovers::Kill };
    supervisor.dismiss(leftovers).await;
    Ok(supervisor.conclude(result))
}

impl Supervisor {
    fn new(plan: Plan, clocks: Clocks, guard: Guard) -> Self {
        let began = clock::monotonic();
        let order: Vec<AgentName> = plan.agents.iter().map(|agent| agent.setup.name.clone()).collect();
        let alone = plan.agents.first().filter(|agent| agent.seat == Seat::Governs).map(|one| one.setup.name.clone());
        let full_screen = plan.agents.iter().any(|agent| agent.setup.full_screen);
        let screen = guard.terminal().filter(|_| full_screen).and_then(Terminal::try_clone);
        let agents: Vec<AgentSetup> = plan.agents.iter().map(|agent| agent.setup.clone()).collect();
        let mut echo = Echo::default();
        for agent in plan.agents.iter().filter(|_| plan.show) {
            if let Seat::Own { out, err } = &agent.seat {
                echo.add(&agent.setup.name, out.clone(), err.clone());
            }
        }
        let quoter = plan.prices.clone();
        let mut working = Working::new(&plan.policy);
        for agent in &plan.agents {
            working.add(&agent.setup.name, agent.folder.clone().unwrap_or_else(|| plan.cwd.clone()));
        }
        let sessions = Sessions::new(clock::now(), Deeds::of(&plan.policy), Arc::clone(&plan.policy.work));
        let mut governor = Governor::new(Setup {
            run: plan.run.clone(),
            policy: std::sync::Arc::new(plan.policy),
            agents,
            concurrency: plan.concurrency,
            nobody: plan.nobody,
            lift: plan.lift,
            before: plan.before,
            quote: Box::new(move |model, tier, at, tokens| quoter.quote(model, tier, at, tokens).cost),
        })
        .observing_within(clocks.observe)
        .watches_requests();
        if let Some(adviser) = &plan.adviser {
            governor = governor.advised(adviser.attribution.clone());
        }
        let asked = plan.adviser.as_ref().map(|_| adviser::name());
        Self {
            run: plan.run,
            earlier_end: plan.earlier_end,
            kept: plan.kept,
            tells: plan.tells,
            wards: plan.agents.into_iter().map(|agent| (agent.setup.name.clone(), Ward::new(agent))).collect(),
            owners: Owners::new(order.iter().cloned().chain(asked).collect()),
            advising: plan.adviser.map(Advising::new),
            order,
            alone,
            governor,
            prices: plan.prices,
            ledger: Some(plan.ledger),
            guard: Some(guard),
            sessions,
            working,
            asking: Asking::new(plan.prompt, screen),
            tokens: Tokens::default(),
            votes: Votes::default(),
            timers: Timers::default(),
            logins: BTreeMap::new(),
            clocks,
            sweeps: 0,
            glanced: Glances::default(),
            strangers: Strangers::default(),
            unseen: Unseen::default(),
            skipped: 0,
            hidden: HashSet::new(),
            hooked: HashSet::new(),
            nested: Nested::default(),
            counted: HashSet::new(),
            judged: JudgedCommands::default(),
            not_taken: None,
            held_elsewhere: HashSet::new(),
            cost_elsewhere: Money::ZERO,
            full_screen,
            fresh: plan.fresh,
            sockets: plan.sockets,
            notes: Vec::new(),
            backlog: VecDeque::new(),
            posted: false,
            notices_wait: false,
            ledger_waits: false,
            last_chance: false,
            in_passing: BTreeSet::new(),
            braking: Vec::new(),
            passing: None,
            at_gate: BTreeMap::new(),
            telling: BTreeMap::new(),
            unsaid: Vec::new(),
            reaches_said: BTreeSet::new(),
            pairings: Pairings::default(),
            without_file: BTreeMap::new(),
            under_way: BTreeMap::new(),
            timing: Timing::default(),
            interrupted: false,
            continued: false,
            echo,
            redraw: Redraw::default(),
            notices: plan.notices,
            began,
        }
    }

    /// From the first question (may it begin?) to the last agent's end.
    async fn govern(&mut self, start: Start, socket: &mut Socket, inbox: &mut Inbox) -> Result<(), Error> {
        self.note(start.event);
        if let Some(refusal) = start.refusal {
            self.note(EventKind::Marked { what: refusal.message().to_owned() });
            return Err(refusal);
        }
        if self.alone.is_none() {
            self.note_registrations();
        }
        for name in self.order.clone() {
            let invocation = self.wards.get(&name).and_then(|ward| ward.invocation.as_ref());
            // What writes no file may be told by hooks: that is found out.
            let hidden = |what: &Ungovernable| *what != Ungovernable::Ephemeral;
            if let Some(what) = invocation.and_then(|one| one.ungovernable().into_iter().find(hidden)) {
                self.mark_of(&name, format!("{what}; it is not counted"));
            }
        }
        for home in &start.homes {
            self.watch(home)?;
        }
        self.look_first();
        let effects = self.turn(vec![Input::Begin])?;
        self.perform(effects)?;
        self.tend_board();
        let mut sweep_at = clock::monotonic() + self.sweep_after();
        while !self.is_over() {
            if self.end_waits() {
                // The last commands have ended, and the ledger is locked still.
                self.last_chance = true;
                let effects = self.turn(Vec::new())?;
                self.last_chance = false;
                self.perform(effects)?;
                continue;
            }
            let timer = self.timers.next();
            let echo_at = (!self.echo.is_empty()).then(|| clock::monotonic() + OFTEN);
            let glance_at = self.glance_due();
            let leave_at = self.passing.as_ref().and_then(Passing::next_leave);
            let wake = tokio::select! {
                biased;
                // Before the guard: what a command was answered comes before its end.
                news = next_news(&mut self.passing) => Wake::Gateway(news),
                report = next_report(&mut self.guard) => Wake::Guard(report),
                notice = self.sessions.notice() => Wake::Session(notice),
                heard = socket.next() => Wake::Heard(heard),
                looked = self.working.looked() => Wake::Looked(looked),
                (approval, answer) = self.asking.answer() => Wake::Prompt(approval, answer),
                signal = inbox.next() => Wake::Signal(signal),
                () = until(timer) => Wake::Due,
                () = until(leave_at) => Wake::Leave,
                () = until(Some(sweep_at)) => Wake::Sweep,
                () = until(glance_at) => Wake::Glance,
                () = until(echo_at) => Wake::Echo,
                () = until(self.redraw.due()) => Wake::Draw,
            };
            let sweeps = matches!(wake, Wake::Sweep);
            let happened = !matches!(wake, Wake::Echo | Wake::Draw | Wake::Glance);
            let effects = self.wake(wake).await?;
            self.perform(effects)?;
            self.note_held_hooks();
            if happened {
                self.tend_board();
            }
            if sweeps || self.sweeps == 0 {
                // What was started just now is looked for soon.
                let next = clock::monotonic() + self.sweep_after();
                sweep_at = if sweeps { next } else { next.min(sweep_at) };
            }
            self.reply_to_brakes().await;
        }
        Ok(())
    }

    /// Every agent is over.
    fn is_over(&self) -> bool {
        self.wards.values().all(|ward| ward.finished.is_some())
    }

    /// Nothing works any more, and what has ended could not be recorded: the ledger was locked.
    fn end_waits(&self) -> bool {
        let ended = |name: &AgentName| {
            let exits = |input: &Input| matches!(input, Input::Exited { agent, .. } if agent == name);
            self.backlog.iter().any(exits)
        };
        let works = |name: &AgentName| self.governor.agent(name).is_some_and(|agent| agent.is_started());
        self.order.iter().any(ended) && self.order.iter().filter(|name| works(name)).all(ended)
    }

    async fn wake(&mut self, wake: Wake) -> Result<Vec<Effect>, Error> {
        let inputs = match wake {
            Wake::Gateway(news) => return self.at_gateway(news),
            Wake::Guard(Some(report)) => self.reported(report)?,
            Wake::Guard(None) => return Err(Error::new("the guard process is gone; the agent was ended with it")),
            Wake::Session(notice) => self.touched(notice),
            Wake::Heard(Some(Heard::Call(call))) => return self.heard(call).await,
            Wake::Heard(Some(Heard::Hook(call))) => return self.hooked(*call),
            Wake::Heard(Some(Heard::HookGone { number, word })) => return self.hook_gone(number, word),
            Wake::Heard(None) => Vec::new(),
            Wake::Prompt(approval, answer) => return self.prompted(approval, answer),
            Wake::Signal(Ok(arrived)) => return self.signalled(arrived),
            Wake::Signal(Err(error)) => return Err(Error::new("signals can no longer be received").caused_by(&error)),
            Wake::Looked(looked) => self.looked(looked),
            Wake::Due => self.due(),
            Wake::Leave => {
                self.end_who_stays()?;
                return Ok(Vec::new());
            }
            Wake::Sweep => self.sweep(),
            Wake::Glance => self.glance(),
            Wake::Echo => {
                self.show_output();
                return Ok(Vec::new());
            }
            Wake::Draw => {
                self.draw_board();
                return Ok(Vec::new());
            }
        };
        let idle = inputs.is_empty() && self.notes.is_empty() && self.backlog.is_empty();
        if idle { Ok(Vec::new()) } else { self.turn(inputs) }
    }

    /// Under a limit, what can't be watched can't be kept: refused. Without one it is marked.
    fn watch(&mut self, home: &Path) -> Result<(), Error> {
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
            return self.let_go_on(arrived);
        }
        let Some(agent) = self.alone.clone() else { return self.interrupted(arrived) };
        if arrived.ends() && self.stands_still(&agent) {
            // A held agent cannot heed it: who wants it gone gets that.
            return self.turn(vec![Input::GiveUp { agent, because: format!("signal {}", arrived.signal) }]);
        }
        if !arrived.from_terminal {
            self.order(Order::Forward { agent, signal: arrived.signal })?;
        }
        Ok(Vec::new())
    }

    /// Who stops govern and its guard lets nobody govern meanwhile, and may be an agent.
    fn let_go_on(&mut self, arrived: Arrived) -> Result<Vec<Effect>, Error> {
        let by = match arrived.sender {
            Some(pid) if process::identity_of(pid).is_none() => "a process that has ended since",
            Some(pid) if process::is_agents(pid) => "its own agent",
            Some(_) | None => return Ok(Vec::new()),
        };
        // Once: the signal may be sent any number of times.
        if std::mem::replace(&mut self.continued, true) {
            return Ok(Vec::new());
        }
        self.mark(format!(
            "govern was told to go on (SIGCONT) by {by}: what was spent while it stood still may not be counted"
        ));
        let inputs = self.drain();
        self.turn(inputs)
    }

    /// The agents of a fleet hear no key: a first signal to govern ends them at a safe point, a second one now.
    fn interrupted(&mut self, arrived: Arrived) -> Result<Vec<Effect>, Error> {
        if !arrived.ends() {
            return Ok(Vec::new());
        }
        let how = if self.interrupted { Interrupt::Kill } else { Interrupt::Stop };
        let by = match arrived.from_terminal {
            true => "interrupted at the terminal".to_owned(),
            false => format!("interrupted by signal {}", arrived.signal),
        };
        self.interrupted = true;
        self.say(match how {
            Interrupt::Stop => "nothing new is started, and agents end at a safe point; once more ends them now",
            Interrupt::Kill => "all agents are ended now",
        });
        self.turn(vec![Input::Interrupted { how, because: by }])
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

    /// Says something about one agent, which is named where there are several.
    pub(super) fn say_of(&mut self, agent: &AgentName, text: &str) {
        match self.alone {
            Some(_) => self.say(text),
            None => self.say(&format!("{agent}: {text}")),
        }
    }

    /// Writes something about the run down in the next turn.
    pub(super) fn note(&mut self, kind: EventKind) {
        self.notes.push((self.alone.clone(), kind));
    }

    /// The same about one agent.
    pub(super) fn note_of(&mut self, agent: &AgentName, kind: EventKind) {
        self.notes.push((Some(agent.clone()), kind));
    }

    pub(super) fn mark(&mut self, what: String) {
        self.say(&what);
        self.note(EventKind::Marked { what });
    }

    pub(super) fn mark_of(&mut self, agent: &AgentName, what: String) {
        self.say_of(agent, &what);
        self.note_of(agent, EventKind::Marked { what });
    }

    pub(super) fn take_notes(&mut self) -> Vec<(Option<AgentName>, EventKind)> {
        std::mem::take(&mut self.notes)
    }

    /// For each agent that is not over the same input.
    pub(super) fn of_all(&self, input: impl Fn(AgentName) -> Input) -> Vec<Input> {
        let not_over = self.wards.iter().filter(|(_, ward)| ward.finished.is_none());
        not_over.map(|(name, _)| input(name.clone())).collect()
    }
}

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
