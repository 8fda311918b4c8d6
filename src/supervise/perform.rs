//! One match over all that govern can do. What stands here was recorded before.

use std::time::Duration;

use crate::clock;
use crate::decide::Effect;
use crate::decide::effect::{About, Ending, Question};
use crate::decide::lifecycle::{After, State};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{Money, ThreadId};
use crate::policy::rule::Rung;
use crate::process::{How, Launch, Order, Output, Session, Stdin};
use crate::ui;

use super::supervisor::{Finished, Supervisor};

/// How long a stopped Codex, and then its tools, have to end by themselves.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// The same for a killed one.
const KILL_GRACE: Duration = Duration::from_millis(500);

/// What a routed or resumed agent is told: the one prompt that govern itself writes.
pub const GO_ON: &str = "Go on with the task where you left off.";

impl Supervisor {
    /// Carries out effects in order.
    pub(super) fn perform(&mut self, effects: Vec<Effect>) -> Result<(), Error> {
        let over = |approval| self.governor.waits_for(approval).is_none();
        if effects.iter().any(settles) || self.asking.approval().is_some_and(over) {
            // Before anything is said, and before the agent can read what was typed.
            let told = effects.iter().any(|effect| matches!(effect, Effect::Say(_)));
            self.asking.take_back((!told).then_some("an answer is no longer needed"));
        }
        for effect in effects {
            match effect {
                Effect::Freeze(agent) => self.order(Order::Freeze { agent })?,
                Effect::Thaw(agent) => {
                    self.asking.give_back_screen();
                    self.order(Order::Thaw { agent })?;
                }
                Effect::Open(_) => self.asking.give_back_screen(),
                Effect::Look(agent) => self.look(&agent),
                Effect::Tell { hook, text } => self.telling.entry(hook).or_default().push(text),
                Effect::Answer { hook, deny } => self.answer_hook(hook, deny),
                Effect::End(_) => self.end_tree()?,
                Effect::Launch { .. } => self.begin()?,
                Effect::Restart { thread, rung, .. } => self.restart(&thread, &rung)?,
                Effect::Ask(question) => self.open_prompt(question),
                Effect::Arm(timer, after) => self.timers.arm(clock::monotonic(), timer, after),
                Effect::Say(text) => self.say(&text),
                Effect::Refuse(why) => {
                    return Err(Error::new(format!("refused to start: {why}")).exit(Exit::Refused).hint(
                        "`govern budget` shows every budget; a person can lift one: see `govern resume --help`",
                    ));
                }
                Effect::Finish { ending, in_flight, in_flight_cost, .. } => {
                    self.finish(ending, in_flight, in_flight_cost)
                }
                // The ledger's share was done in the turn.
                Effect::Record { .. }
                | Effect::Reserve { .. }
                | Effect::Extend { .. }
                | Effect::Withdraw(_)
                | Effect::Expire(_) => {}
            }
        }
        Ok(())
    }

    /// Ends the agent's tree. It stands still: Codex alone is woken by the signal, so that no tool's end
    /// makes it ask its model again (no further request in 100 trials with 0.118, 0.135 and 0.169);
    /// tools may then clean up after themselves.
    fn end_tree(&mut self) -> Result<(), Error> {
        let killed = self.governor.agent(&self.agent).is_some_and(|agent| agent.state == State::Ending(After::Killed));
        let grace = if killed { KILL_GRACE } else { STOP_GRACE };
        let how = How::Graceful { interrupt: grace, terminate: grace };
        self.order(Order::End { agent: self.agent.clone(), how })
    }

    /// Starts the command from the beginning.
    fn begin(&mut self) -> Result<(), Error> {
        let stdin = if self.resumes.is_some() { Stdin::Null } else { Stdin::Inherit };
        self.launch(self.command.clone(), stdin, self.resumes.clone())
    }

    fn restart(&mut self, thread: &ThreadId, rung: &Rung) -> Result<(), Error> {
        let argv = self
            .invocation
            .as_ref()
            .ok_or_else(|| Error::new("the agent was not started as a Codex that can be restarted"))?
            .resume_with(thread, Some(rung), GO_ON)
            .map_err(|why| Error::new("the agent cannot go on with another model").caused_by(&why))?;
        self.sweeps = 0;
        self.launch(argv, Stdin::Null, Some(thread.clone()))
    }

    /// Starts a command under the guard.
    fn launch(&mut self, argv: Vec<std::ffi::OsString>, stdin: Stdin, resumes: Option<ThreadId>) -> Result<(), Error> {
        self.started = Some((argv.clone(), resumes));
        let agent = self.agent.clone();
        // Nested tools can tell which run they are part of.
        let env = vec![("GOVERN_RUN".into(), Some(self.run.as_str().into()))];
        let full_screen = self.full_screen;
        let argv = self.with_hooks(argv);
        let (output, session) = (Output::Inherit, Session::Governs);
        self.order(Order::Launch(Launch { agent, argv, env, cwd: None, stdin, output, session, full_screen }))
    }

    fn open_prompt(&mut self, question: Question) {
        // INVARIANT: the turn that asked gave the question its number.
        let Some(approval) = self.governor.approval_of(&question) else { return };
        let (agent, text, cost) = (question.agent.clone(), question.text.clone(), question.cost);
        // A screen that is alive is left to its program, which shows what is said.
        let at_gate = self.governor.agent(&agent).is_some_and(|agent| agent.gate.is_shut());
        let alive = self.full_screen && (at_gate || matches!(question.about, About::Call(_)));
        let seen = !alive
            && self.asking.put(ui::answer::Question {
                approval,
                agent: question.agent,
                standing: question.text,
                cost: question.cost,
                extend: question.extend,
                most: self.governor.policy().approvals.max_extend,
                route: question.route_to,
                left: Some(question.wait),
                otherwise: match question.about {
                    About::Limit | About::Alert => question.otherwise.as_str(),
                    About::Call(otherwise) => otherwise.as_str(),
                },
                about: question.about,
            });
        if !seen {
            self.say(&format!("ask: {text} — `{agent}`, {cost} so far"));
            self.say(&format!(
                "agent `{agent}` is held until somebody answers: govern approve {approval}, govern deny {approval}"
            ));
        }
    }

    fn finish(&mut self, ending: Ending, in_flight: u32, in_flight_cost: Money) {
        let exit = match (ending, self.status) {
            (Ending::Itself | Ending::Failed, Some(status)) => Exit::from(status),
            (Ending::Itself | Ending::Failed | Ending::Skipped, _) => Exit::Failed,
            (Ending::Stopped | Ending::Killed, _) => Exit::Ended,
        };
        self.finished = Some(Finished { ending, exit, in_flight, in_flight_cost });
    }
}

/// After this no question is open, or another one.
fn settles(effect: &Effect) -> bool {
    matches!(effect, Effect::Thaw(_) | Effect::Open(_) | Effect::End(_) | Effect::Ask(_) | Effect::Finish { .. })
}
