//! What woke the loop, and the inputs that it becomes: each is handed to the component that understands it.

use crate::clock;
use crate::decide::Effect;
use crate::decide::agents::Agent;
use crate::decide::agents::lifecycle::State;
use crate::decide::message::{Input, Interrupt, Timer};
use crate::error::Error;
use crate::gate::hook::HookWord;
use crate::gate::message::{Message, Reply};
use crate::gate::socket::{Call, Received as Spoken};
use crate::model::event::{Answer, EventKind};
use crate::model::{AgentName, ApprovalId};
use crate::process::{self, Arrived, How, Order, Report, Status};
use crate::proxy::messages::GatewayMessage as GatewayNews;
use crate::report::text;
use crate::turn::answers::{Agreed, Given, refused};
use crate::turn::refused_answer::NotTaken;

use super::core::Core;
use super::intake::gateway::Gateway;
use super::intake::people::{self, Heard, stands_still};
use super::perform::examine::News;
use super::perform::launch::{again, end_tree, launch_failed};
use super::supervisor::{Supervisor, Wake};

impl Supervisor {
    /// Understands what woke the loop, and hands what it comes to to the governor.
    pub(super) async fn wake(&mut self, wake: Wake) -> Result<Vec<Effect>, Error> {
        let inputs = match wake {
            Wake::Gateway(news) => return self.at_gateway(news),
            Wake::Guard(Some(report)) => self.reported(report)?,
            Wake::Guard(None) => return Err(Error::new("the guard process is gone; the agent was ended with it")),
            Wake::Session(notice) => self.intake.touched(notice, &mut self.core.context()),
            Wake::Heard(Some(Spoken::Call(call))) => return self.heard(call).await,
            Wake::Heard(Some(Spoken::Hook(call))) => {
                let inputs = self.gate.hooked(*call, &mut self.intake, &mut self.core.context());
                return inputs.map_or(Ok(Vec::new()), |inputs| self.turn(inputs));
            }
            Wake::Heard(Some(Spoken::HookGone { number, word })) => return self.hook_gone(number, word),
            Wake::Heard(None) => Vec::new(),
            Wake::Prompt(approval, answer) => return self.prompted(approval, answer),
            Wake::Signal(Ok(arrived)) => return self.signalled(arrived),
            Wake::Signal(Err(error)) => return Err(Error::new("signals can no longer be received").caused_by(&error)),
            Wake::Looked(looked) => self.intake.progress().take(looked, self.core.run.moment().uptime),
            Wake::Examined(looked) => self.examining.take(looked),
            Wake::CheckIsLate => {
                self.examining.end_late(&mut self.core.context())?;
                return Ok(Vec::new());
            }
            Wake::Due => self.due(),
            Wake::Leave => {
                let stay = self.gateway.as_ref().map(Gateway::who_stays).unwrap_or_default();
                stay.iter().try_for_each(|agent| self.end_who_left(agent))?;
                return Ok(Vec::new());
            }
            Wake::Sweep => self.intake.sweep(&mut self.core.context()),
            Wake::Glance => self.intake.glance(&mut self.core.context()),
            Wake::Output => {
                self.output.show(&self.core.run, &mut self.core.journal);
                return Ok(Vec::new());
            }
            Wake::Draw => {
                let live = self.core.governor().live(self.core.run.moment());
                self.board.draw(&live, &mut self.core.journal);
                return Ok(Vec::new());
            }
        };
        let waits = self.core.journal.has_notes() || self.core.turns.backlog().next().is_some();
        if inputs.is_empty() && !waits { Ok(Vec::new()) } else { self.turn(inputs) }
    }

    fn drain(&mut self) -> Vec<Input> {
        self.intake.drain(&mut self.core.context())
    }

    /// The gateway asks or tells something.
    fn at_gateway(&mut self, news: Option<GatewayNews>) -> Result<Vec<Effect>, Error> {
        let Some((news, gateway)) = news.zip(self.gateway.as_mut()) else {
            self.gateway = None;
            self.core.journal.mark("the gateway of this run is gone, and requests to it fail".to_owned());
            return self.turn(Vec::new());
        };
        let inputs = gateway.take(news, &mut self.intake, &mut self.core.context());
        inputs.map_or(Ok(Vec::new()), |inputs| self.turn(inputs))
    }

    /// The connection of a hook has ended: an answered one's does, too.
    fn hook_gone(&mut self, number: u64, word: Option<HookWord>) -> Result<Vec<Effect>, Error> {
        let Some(end) = self.gate.ended(number, word, self.core.governor()) else { return Ok(Vec::new()) };
        if let Some(agent) = end.freezes {
            self.core.processes.order_in_passing(Order::Freeze { agent })?;
        }
        let effects = self.turn(vec![Input::HookGone { hook: end.hook, why: end.why }]);
        if !end.stays {
            self.gate.forget(end.hook);
        }
        effects
    }

    /// What is left of an agent that was let go is ended.
    fn end_who_left(&mut self, agent: &AgentName) -> Result<(), Error> {
        let was_let = self.gateway.as_mut().is_some_and(|gateway| gateway.has_left(agent));
        if was_let { end_tree(agent.clone(), &mut self.core) } else { Ok(()) }
    }

    /// A timer, or several.
    fn due(&mut self) -> Vec<Input> {
        let mut due = Vec::new();
        for timer in self.timers.due(clock::monotonic()) {
            // A Codex that is still waiting for its prompt has nothing to be observed yet.
            // One that stands still writes nothing either.
            if let Timer::Observe(agent, codex) = &timer
                && (process::waits_for_input(codex.pid) || stands_still(agent, self.core.governor()))
            {
                self.timers.arm(clock::monotonic(), timer, self.core.run.clocks.observe);
                continue;
            }
            due.extend(self.intake.due(&timer, &mut self.core.context()));
            due.push(Input::Due(timer));
        }
        due
    }

    /// What the guard reports.
    fn reported(&mut self, report: Report) -> Result<Vec<Input>, Error> {
        if self.core.processes.was_in_passing(&report) {
            return Ok(Vec::new());
        }
        if let Some(inputs) = self.examined(&report)? {
            return Ok(inputs);
        }
        if let Some(adviser) = &mut self.adviser {
            let intake = &mut self.intake;
            let inputs = adviser.reported(&report, |context| intake.drain(context), &mut self.core.context())?;
            if let Some(inputs) = inputs {
                return Ok(inputs);
            }
        }
        let Core { run, agents, journal, processes, .. } = &mut self.core;
        Ok(match report {
            Report::Launched { agent, root, .. } => {
                process::release_stdin();
                processes.launched(root, &agent);
                if let Some(started) = agents.get_mut(&agent).and_then(|agent| agent.started(root)) {
                    journal.note_of(&agent, started);
                }
                vec![Input::Launched(agent)]
            }
            Report::LaunchFailed { failure, .. } if run.alone.is_some() => return Err(launch_failed(&failure)),
            Report::LaunchFailed { agent, failure, .. } => {
                let because = launch_failed(&failure).message().to_owned();
                vec![Input::NotLaunched { agent, because }]
            }
            Report::Frozen { agent, unsettled, .. } => {
                if unsettled > 0 {
                    let left = count_of(unsettled, &agent);
                    journal.mark_of(&agent, format!("{left} could not be seen to have stopped"));
                }
                let mut inputs = self.drain();
                inputs.push(Input::Frozen(agent));
                inputs
            }
            Report::RootExited { agent, status, .. } => self.exited(&agent, status)?,
            Report::Ended { agent, request: Some(_), survivors, .. } => {
                if survivors > 0 {
                    let left = count_of(survivors, &agent);
                    journal.mark_of(&agent, format!("{left} did not die: inside the kernel no signal reaches them"));
                }
                let mut inputs = self.drain();
                inputs.push(Input::Ended(agent));
                inputs
            }
            // Its command's own end was told before.
            Report::Ended { request: None, .. } | Report::Thawed { .. } | Report::Forwarded { .. } => Vec::new(),
            Report::Refused { agent, because, .. } => {
                journal.mark_of(&agent, format!("the guard refused an order: {because:?}"));
                Vec::new()
            }
            Report::StoodStill { lasted } => {
                let lasted = text::duration(lasted);
                journal.mark(format!(
                    "govern was stopped by a signal or a debugger for {lasted}; its agents stood still, too"
                ));
                self.drain()
            }
            Report::GuardLost { killed } => {
                return Err(Error::new(format!("the guard process died; the agent's {killed} processes were ended")));
            }
        })
    }

    /// What the guard reports of an agent whose work is looked at; `None`: it is about something else.
    fn examined(&mut self, report: &Report) -> Result<Option<Vec<Input>>, Error> {
        match self.examining.reported(report, &mut self.core.context())? {
            None => Ok(None),
            Some(News::Nothing) => Ok(Some(Vec::new())),
            Some(News::GoesOn(agent, text)) => {
                self.intake.something_starts();
                again(&agent, &text, &mut self.core, self.gateway.as_ref())?;
                Ok(Some(Vec::new()))
            }
            Some(News::Ended(agent, status, input)) => {
                if let (Some(status), Some(managed)) = (status, self.core.agents.get_mut(&agent)) {
                    managed.exited(status);
                }
                let mut inputs = self.drain();
                inputs.extend(input);
                Ok(Some(inputs))
            }
        }
    }

    /// An agent's command has ended.
    fn exited(&mut self, agent: &AgentName, status: Status) -> Result<Vec<Input>, Error> {
        if let Some(managed) = self.core.agents.get_mut(agent) {
            managed.exited(status);
        }
        let is_ending = |agent: &Agent| matches!(agent.state, State::Ending(_));
        let ending = self.core.governor().agent(agent).is_some_and(is_ending);
        self.end_who_left(agent)?;
        // What govern ends is not what the command left behind.
        let mut left = || self.core.processes.codexes().into_iter().filter(|(_, owner)| owner == agent).count();
        let leftover = if ending { 0 } else { u32::try_from(left()).unwrap_or(u32::MAX) };
        let inputs = self.drain();
        if leftover > 0 && self.core.run.alone.is_none() {
            // The run goes on, and none of them may go on in it.
            self.core.processes.order_in_passing(Order::End { agent: agent.clone(), how: How::KillNow })?;
        }
        let ok = status == Status::Exited(0);
        Ok(self.intake.exited(agent, (leftover, ok), inputs, &self.core.context()))
    }

    /// A signal to govern alone is passed on; one from the terminal has reached the agent already.
    fn signalled(&mut self, arrived: Arrived) -> Result<Vec<Effect>, Error> {
        if arrived.continues() {
            self.people.asking().put_again();
            return self.let_go_on(arrived);
        }
        let Some(agent) = self.core.run.alone.clone() else { return self.interrupted(arrived) };
        if arrived.ends() && stands_still(&agent, self.core.governor()) {
            // A held agent cannot heed it: who wants it gone gets that.
            return self.turn(vec![Input::GiveUp { agent, because: format!("signal {}", arrived.signal) }]);
        }
        if !arrived.from_terminal {
            self.core.processes.order(Order::Forward { agent, signal: arrived.signal })?;
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
        self.core.journal.mark(format!(
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
        self.core.journal.say(match how {
            Interrupt::Stop => "nothing new is started, and agents end at a safe point; once more ends them now",
            Interrupt::Kill => "all agents are ended now",
        });
        self.turn(vec![Input::Interrupted { how, because: by }])
    }

    /// Hears what another govern says, and replies.
    async fn heard(&mut self, call: Call) -> Result<Vec<Effect>, Error> {
        let message = call.message.clone();
        if message == Some(Message::Status) {
            people::tell_status(call, &self.core.run, self.core.governor());
            return Ok(Vec::new());
        }
        let done = |what: String| Reply::Done { what };
        let (effects, reply) = match self.people.hear(message, &call.peer, &mut self.core.context()) {
            Heard::Reply(reply) => (Vec::new(), reply),
            Heard::Wake => (self.turn(Vec::new())?, done("awake".to_owned())),
            Heard::Granted(link) => {
                self.core.turns.believe(link);
                (self.turn(vec![Input::Granted])?, done("known".to_owned()))
            }
            Heard::Ahead(input, asked) => {
                let effects = self.turn(vec![input])?;
                (effects, done(asked.told(self.core.governor())))
            }
            Heard::Brake { brake, team, by, reason } => {
                let Core { run, turns, .. } = &self.core;
                self.people.brakes().pull(call, brake, team.as_deref(), (run, turns.governor()));
                return self.turn(vec![Input::Braked { brake, team, by, reason }]);
            }
            Heard::Answer(given) => {
                let (effects, settled) = self.settle(&given)?;
                let settled = people::taken(&given, settled, &mut self.core.context());
                (effects, settled.map_or_else(refused, done))
            }
        };
        call.reply(&reply).await;
        Ok(effects)
    }

    /// What was answered at the prompt.
    fn prompted(&mut self, approval: ApprovalId, answer: Answer) -> Result<Vec<Effect>, Error> {
        let Some(given) = people::prompted(approval, answer, self.core.governor()) else { return Ok(Vec::new()) };
        let (effects, settled) = match people::is_allowed(&given, self.core.governor()) {
            Ok(()) => self.settle(&given)?,
            Err(not) => (Vec::new(), Err(not)),
        };
        match people::taken(&given, settled, &mut self.core.context()) {
            Ok(what) => {
                if self.core.governor().waits_for(approval).is_some() {
                    self.core.journal.say(&what);
                    self.people.asking().put_again();
                }
                people::wake_others(self.core.turns.waiting_for(approval), &self.core.run);
            }
            Err(not) => {
                self.core.journal.say(&format!("not answered: {}", not.why));
                self.people.asking().put_again();
            }
        }
        Ok(effects)
    }

    /// Writes an answer down, if it is the first, and hands it to the governor.
    fn settle(&mut self, given: &Given) -> Result<(Vec<Effect>, Result<String, NotTaken>), Error> {
        let by = match self.people.agree(given, self.core.governor()) {
            Agreed::By(by) => by,
            Agreed::NotYet(what) => {
                let marked = EventKind::Marked { what: format!("question {}: {what}", given.approval) };
                self.core.journal.note_of(&given.question.agent, marked);
                let effects = self.turn(Vec::new())?;
                let by = people::by(&given.who, self.core.governor());
                self.core.turns.show_vote(given.approval, &by);
                return Ok((effects, Ok(what)));
            }
            Agreed::Not(not) => return Ok((Vec::new(), Err(not))),
        };
        let agent = self.core.governor().agent(&given.question.agent);
        let what = given.what(agent.and_then(|agent| agent.pause.as_ref()));
        let names = self.core.governor().policy().approvals.by_all(&by);
        let effects = self.turn(vec![given.input(by)])?;
        if let Some(not) = self.core.turns.take_not_taken() {
            return Ok((effects, Err(not)));
        }
        self.people.settled(given.approval, format!("{names}: {what}"));
        Ok((effects, Ok(what)))
    }
}

fn count_of(processes: u32, agent: &AgentName) -> String {
    if processes == 1 { format!("1 process of `{agent}`") } else { format!("{processes} processes of `{agent}`") }
}
