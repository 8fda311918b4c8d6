//! The supervisor: the components of a live run, and the loop over them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock;
use crate::clocks::{Clocks, ENDS_WITHIN};
use crate::codex::Ungovernable;
use crate::decide::agents::AgentSetup;
use crate::decide::message::Input;
use crate::decide::{Effect, Governor, Setup};
use crate::error::Error;
use crate::exit::Exit;
use crate::gate::socket::{Received, Socket};
use crate::model::event::{Answer, EventKind};
use crate::model::{AgentName, ApprovalId};
use crate::process;
use crate::process::{Arrived, Guard, Inbox, Leftovers, ProcessError, Report, Terminal};
use crate::proxy::messages::GatewayMessage as GatewayNews;
use crate::tail::watch::Notice;
use crate::turn::elsewhere::{self, Elsewhere};
use crate::turn::timers::Timers;

use super::agents::Agents;
use super::conclude::{budget_standings, damage, live_on, seal, sub_agent_standings, verdict};
use super::core::Core;
use super::intake::Intake;
use super::intake::gateway::{Gateway, next_news, opened};
use super::intake::hooks::Gate;
use super::intake::people::People;
use super::intake::progress::Looked;
use super::journal::Journal;
use super::managed_agent::{ManagedAgent, registered};
use super::perform::adviser::{self, Advising};
use super::perform::board::Board;
use super::perform::examine::{Examining, Looked as Examined};
use super::perform::output::{OFTEN, Output};
use super::processes::Processes;
use super::run::Run;
use super::run_plan::{EarlierEnd, Outcome, Plan, Seat, Start};
use super::turns::Turns;

/// Everything that a live run holds.
pub(super) struct Supervisor {
    pub(super) core: Core,
    // What comes in.
    pub(super) intake: Intake,
    pub(super) gate: Gate,
    pub(super) gateway: Option<Gateway>,
    pub(super) people: People,
    pub(super) timers: Timers,
    // What goes out.
    pub(super) adviser: Option<Advising>,
    pub(super) elsewhere: Box<dyn Elsewhere>,
    pub(super) examining: Examining,
    pub(super) output: Output,
    pub(super) board: Board,
    /// It is an earlier run, which goes on.
    pub(super) earlier_end: Option<EarlierEnd>,
    /// Budgets that this ledger is too young to keep.
    fresh: Vec<String>,
    /// The run is being interrupted.
    pub(super) interrupted: bool,
    /// An agent, or somebody unknown, has told govern to go on.
    pub(super) continued: bool,
}

/// What woke the loop.
pub(super) enum Wake {
    Gateway(Option<GatewayNews>),
    Guard(Option<Report>),
    Session(Notice),
    Heard(Option<Received>),
    Prompt(ApprovalId, Answer),
    Signal(Result<Arrived, ProcessError>),
    Looked(Looked),
    Examined(Examined),
    CheckIsLate,
    Due,
    Leave,
    Sweep,
    Glance,
    Output,
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
    let Core { run, processes, turns, .. } = &supervisor.core;
    let strict = turns.governor().enforces();
    supervisor.gateway = opened(gateway, (&run.sockets, &run.id), processes.guard_pid(), strict)?;
    let result = supervisor.govern(start, &mut socket, &mut inbox).await;
    let leftovers = if result.is_ok() { Leftovers::Leave } else { Leftovers::Kill };
    supervisor.dismiss(leftovers).await;
    Ok(supervisor.conclude(result))
}

impl Supervisor {
    fn new(plan: Plan, clocks: Clocks, guard: Guard) -> Self {
        let order: Vec<AgentName> = plan.agents.iter().map(|agent| agent.setup.name.clone()).collect();
        let alone = plan.agents.first().filter(|agent| agent.seat == Seat::Governs).map(|one| one.setup.name.clone());
        let full_screen = plan.agents.iter().any(|agent| agent.setup.full_screen);
        let screen = guard.terminal().filter(|_| full_screen).and_then(Terminal::try_clone);
        let mut output = Output::default();
        for agent in plan.agents.iter().filter(|_| plan.show) {
            if let Seat::Own { out, err } = &agent.seat {
                output.add(&agent.setup.name, out.clone(), err.clone());
            }
        }
        let folder = |folder: &Option<PathBuf>| folder.clone().unwrap_or_else(|| plan.cwd.clone());
        let folders = plan.agents.iter().map(|agent| (agent.setup.name.clone(), folder(&agent.folder)));
        let intake = Intake::new(&plan.policy, folders);
        let agents: Vec<AgentSetup> = plan.agents.iter().map(|agent| agent.setup.clone()).collect();
        let quoter = plan.prices.clone();
        let mut governor = Governor::new(Setup {
            run: plan.run.clone(),
            policy: Arc::new(plan.policy),
            agents,
            concurrency: plan.concurrency,
            nobody: plan.nobody,
            lift: plan.lift,
            before: plan.before,
            quote: Box::new(move |model, tier, at, tokens| quoter.quote(model, tier, at, tokens).cost),
        })
        .observing_within(clocks.observe)
        .watches_requests();
        let advice = plan.adviser.as_ref().map(|adviser| adviser.attribution.clone());
        if let Some(attribution) = &advice {
            governor = governor.advised(attribution.clone());
        }
        let asked = plan.adviser.as_ref().map(|_| adviser::name());
        Self {
            core: Core {
                processes: Processes::new(guard, order.iter().cloned().chain(asked).collect()),
                journal: Journal::new(alone.clone(), plan.notices, full_screen),
                agents: Agents::new(plan.agents, advice),
                turns: Turns::new(governor, plan.ledger, plan.kept),
                run: Run {
                    id: plan.run,
                    order,
                    alone,
                    full_screen,
                    prices: plan.prices,
                    sockets: plan.sockets,
                    clocks,
                    tells: plan.tells,
                    began: clock::monotonic(),
                },
            },
            intake,
            gate: Gate::default(),
            gateway: None,
            people: People::new(plan.prompt, screen),
            timers: Timers::default(),
            adviser: plan.adviser.map(Advising::new),
            elsewhere: Box::new(elsewhere::Nobody),
            examining: Examining::new(),
            output,
            board: Board::default(),
            earlier_end: plan.earlier_end,
            fresh: plan.fresh,
            interrupted: false,
            continued: false,
        }
    }

    /// From the first question (may it begin?) to the last agent's end.
    async fn govern(&mut self, start: Start, socket: &mut Socket, inbox: &mut Inbox) -> Result<(), Error> {
        self.core.journal.note(start.event);
        if let Some(refusal) = start.refusal {
            self.core.journal.note(EventKind::Marked { what: refusal.message().to_owned() });
            return Err(refusal);
        }
        self.note_agents();
        for home in &start.homes {
            self.watch(home)?;
        }
        self.intake.progress().look_first(self.core.run.moment().uptime);
        let effects = self.turn(vec![Input::Begin])?;
        self.perform(effects)?;
        self.tend_board();
        let mut sweep_at = clock::monotonic() + self.sweep_after();
        while !self.core.agents.are_over() {
            if self.end_waits() {
                // The last commands have ended, and the ledger is locked still.
                self.core.turns.set_last_chance(true);
                let effects = self.turn(Vec::new())?;
                self.core.turns.set_last_chance(false);
                self.perform(effects)?;
                continue;
            }
            let wake = self.next_wake(sweep_at, socket, inbox).await;
            let sweeps = matches!(wake, Wake::Sweep);
            let happened = !matches!(wake, Wake::Output | Wake::Draw | Wake::Glance);
            let effects = self.wake(wake).await?;
            self.perform(effects)?;
            self.gate.note_held();
            if happened {
                self.tend_board();
            }
            if sweeps || self.intake.sweeps() == 0 {
                // What was started just now is looked for soon.
                let next = clock::monotonic() + self.sweep_after();
                sweep_at = if sweeps { next } else { next.min(sweep_at) };
            }
            let Core { run, turns, .. } = &self.core;
            let waits = turns.backlog().any(|input| matches!(input, Input::Braked { .. }));
            self.people.brakes().reply(waits, run, turns.governor()).await;
        }
        Ok(())
    }

    async fn next_wake(&mut self, sweep_at: Instant, socket: &mut Socket, inbox: &mut Inbox) -> Wake {
        let timer = self.timers.next();
        let output_at = (!self.output.is_empty()).then(|| clock::monotonic() + OFTEN);
        let glance_at = self.intake.glance_due(&self.core.context());
        let check_at = self.examining.due();
        let leave_at = self.gateway.as_ref().and_then(Gateway::next_leave);
        let (sessions, progress) = self.intake.news();
        tokio::select! {
            biased;
            // Before the guard: what a command was answered comes before its end.
            news = next_news(&mut self.gateway) => Wake::Gateway(news),
            report = self.core.processes.report() => Wake::Guard(report),
            notice = sessions.notice() => Wake::Session(notice),
            heard = socket.next() => Wake::Heard(heard),
            looked = progress.looked() => Wake::Looked(looked),
            looked = self.examining.looked() => Wake::Examined(looked),
            () = until(check_at) => Wake::CheckIsLate,
            (approval, answer) = self.people.asking().answer() => Wake::Prompt(approval, answer),
            signal = inbox.next() => Wake::Signal(signal),
            () = until(timer) => Wake::Due,
            () = until(leave_at) => Wake::Leave,
            () = until(Some(sweep_at)) => Wake::Sweep,
            () = until(glance_at) => Wake::Glance,
            () = until(output_at) => Wake::Output,
            () = until(self.board.due()) => Wake::Draw,
        }
    }

    /// Hands inputs to the governor; what it orders is recorded when this returns.
    pub(super) fn turn(&mut self, mut inputs: Vec<Input>) -> Result<Vec<Effect>, Error> {
        let gateway = self.gateway.as_ref();
        inputs.extend(self.gate.find_reaches(&inputs, gateway, &mut self.core.context()));
        let root = self.core.run.alone.as_ref().and_then(|alone| self.intake.root_of(alone)).cloned();
        self.core.turn(inputs, gateway, root)
    }

    /// Who is there, what each declared, and which of them hide.
    fn note_agents(&mut self) {
        let Core { run, agents, journal, turns, .. } = &mut self.core;
        if run.alone.is_none() {
            for name in &run.order {
                if let Some(registered) = turns.governor().agent(name).map(|agent| registered(&agent.setup)) {
                    journal.note_of(name, registered);
                }
            }
        }
        for name in &run.order {
            let invocation = agents.get(name).and_then(ManagedAgent::invocation);
            // What writes no file may be told by hooks: that is found out.
            let hidden = |what: &Ungovernable| *what != Ungovernable::Ephemeral;
            if let Some(what) = invocation.and_then(|one| one.ungovernable().into_iter().find(hidden)) {
                journal.mark_of(name, format!("{what}; it is not counted"));
            }
        }
    }

    /// Under a limit, what can't be watched can't be kept: refused. Without one it is marked.
    fn watch(&mut self, home: &Path) -> Result<(), Error> {
        let Err(error) = self.intake.watch(home) else { return Ok(()) };
        if self.core.governor().enforces() {
            return Err(Error::new(format!("session files under `{}` cannot be watched", home.display()))
                .caused_by(&error)
                .hint("under a limit nothing is started whose spend cannot be observed")
                .exit(Exit::Refused));
        }
        self.core.journal.mark(format!("session files under `{}` cannot be watched: {error}", home.display()));
        Ok(())
    }

    /// Nothing works any more, and what has ended could not be recorded: the ledger was locked.
    fn end_waits(&self) -> bool {
        let Core { run, turns, .. } = &self.core;
        let ended = |name: &AgentName| {
            let exits = |input: &Input| matches!(input, Input::Exited { agent, .. } if agent == name);
            turns.backlog().any(exits)
        };
        let works = |name: &AgentName| turns.governor().agent(name).is_some_and(|agent| agent.is_started());
        run.order.iter().any(ended) && run.order.iter().filter(|name| works(name)).all(ended)
    }

    /// When to look through the tree again.
    fn sweep_after(&self) -> Duration {
        let Core { run, agents, turns, .. } = &self.core;
        let usual = run.clocks.sweep_after(self.intake.sweeps());
        // Behind a script any moment may bring a Codex with another home, or one that hides.
        let hides = |agent: &ManagedAgent| agent.invocation().is_none() && agent.finished().is_none();
        let wary = turns.governor().enforces() && agents.values().any(hides);
        if wary { usual.min(run.clocks.wary_sweep) } else { usual }
    }

    fn tend_board(&mut self) {
        self.board.tend(self.people.asking().is_on_screen(), &mut self.core.journal);
    }

    /// Lets the guard deal with what is left and waits until it is gone; then the last records are read.
    async fn dismiss(&mut self, leftovers: Leftovers) {
        // Something of the agents is about to end: Codexes that outlived their command and will be killed, with what started
        // them, or what was sent the signal that ended a command.
        let ending =
            self.core.agents.values().any(ManagedAgent::is_signalled) || !self.core.processes.codexes().is_empty();
        let Some(guard) = self.core.processes.take_guard() else { return };
        let mut last = self.intake.drain(&mut self.core.context());
        // Only the agent of `govern run` ever had the terminal.
        if let Some(agent) = self.core.run.alone.as_ref().and_then(|alone| self.core.agents.get(alone)) {
            let forced = agent.finished().is_none_or(|finished| finished.ending.is_forced());
            // One that a signal ended, passed on or not, has tidied up no more than one that govern ended.
            let has_screen = self.people.asking().has_screen();
            let left_so = |terminal: &&Terminal| agent.is_signalled() && (terminal.is_changed() || has_screen);
            if let Some(terminal) = guard.terminal().filter(|terminal| forced || left_so(terminal)) {
                terminal.restore(self.core.run.full_screen);
            }
        }
        let within = if ending { ENDS_WITHIN } else { Duration::ZERO };
        guard.finish(leftovers).await;
        self.output.end();
        self.output.show(&self.core.run, &mut self.core.journal);
        let left = if self.core.governor().enforces() { live_on(within).await } else { 0 };
        if left > 0 {
            let who = if self.core.run.alone.is_some() { "the command" } else { "agents" };
            let what = format!("{left} process(es) that {who} started live on, ungoverned from here on");
            self.core.journal.mark(what);
        }
        let passed = self.close_gateway().await;
        self.core.turns.set_last_chance(true);
        last.extend(self.intake.drain_to_the_end(&mut self.core.context()));
        last.extend(passed);
        if let Err(error) = self.turn(last) {
            self.core.journal.say(&error.to_string());
        }
        self.intake.tell_what_lacks(&mut self.core.journal);
    }

    /// Ends the gateway with the run; what was under way is told.
    async fn close_gateway(&mut self) -> Vec<Input> {
        let Some(gateway) = self.gateway.take() else { return Vec::new() };
        let (last, mut gateway) = gateway.close().await;
        let mut told = Vec::new();
        for news in last {
            told.extend(gateway.told(news, &mut self.intake, &mut self.core.context()));
        }
        self.gateway = Some(gateway);
        told
    }

    /// Seals the run's chain.
    fn conclude(mut self, result: Result<(), Error>) -> Outcome {
        self.people.asking().take_back(Some("an answer is no longer needed"));
        let Core { run, agents, journal, turns, .. } = &mut self.core;
        let governor = turns.governor();
        if let Some(adviser) = &mut self.adviser {
            adviser.note_ended(governor, journal);
        }
        let (outcome, exit) = match &result {
            Err(error) if error.exit_code() == Exit::Refused => ("refused", Exit::Refused),
            Err(error) => ("failed", error.exit_code()),
            Ok(()) => verdict(agents, run),
        };
        if let Some(alone) = &run.alone {
            let known = governor.agent(alone);
            let because = known.map_or("", |agent| agent.because.as_str());
            let active = known.map_or(Duration::ZERO, |agent| agent.active(run.moment().uptime));
            let ended = agents.get(alone).and_then(|agent| agent.ended(because, active));
            ended.into_iter().for_each(|ended| journal.note_of(alone, ended));
        }
        // In this run's own table they are missing.
        turns.counted_elsewhere().into_iter().for_each(|missing| journal.note(missing));
        let why = result.as_ref().err().map_or("", Error::message);
        seal((outcome, exit), why, self.earlier_end.take(), governor, journal);
        journal.ends();
        let sealed = self.turn(Vec::new());
        let Core { run, journal, turns, .. } = &mut self.core;
        journal.notices().release();
        let error = result.err().or(sealed.err()).or_else(|| damage(turns, journal));
        let budgets = budget_standings(&self.fresh, run, turns);
        let sub_agents = sub_agent_standings(run, turns);
        let ended = matches!(outcome, "stopped" | "killed" | "refused");
        Outcome { error, exit, ended, budgets, sub_agents, ledger: self.core.turns.into_ledger() }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
