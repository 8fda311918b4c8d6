//! One match over all that govern can do. What stands here was recorded before.

use std::ffi::OsString;
use std::time::Duration;

use crate::clock;
use crate::clocks::{KILL_GRACE, STOP_GRACE};
use crate::codex::{Invocation, at_address};
use crate::decide::Effect;
use crate::decide::agents::lifecycle::{After, State};
use crate::decide::message::{About, Ending, Question};
use crate::decide::past_refusal::StartedBy;
use crate::decide::people::permission;
use crate::error::Error;
use crate::exit::Exit;
use crate::ledger::Ledger;
use crate::model::{AgentName, Answerer, ApprovalId, Door, MayAnswer, Money, ThreadId};
use crate::policy::rule::{Refusal, Rung};
use crate::process::{How, Order};
use crate::report::text;
use crate::turn::answers;
use crate::turn::login::{own_login, started_by};
use crate::ui;

use super::owners::AGENT;
use super::passing::Passing;
use super::supervisor::Supervisor;
use super::ward::Ward;

/// What a routed or resumed agent is told: the one prompt that govern itself writes.
pub const GO_ON: &str = "Go on with the task where you left off.";

impl Supervisor {
    /// Carries out effects in order.
    pub(super) fn perform(&mut self, effects: Vec<Effect>) -> Result<(), Error> {
        let over = |approval| self.governor.waits_for(approval).is_none();
        let asked = self.asking.agent().cloned();
        let settled = asked.is_some_and(|agent| effects.iter().any(|effect| settles(effect, &agent)));
        if settled || self.asking.approval().is_some_and(over) {
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
                Effect::End(agent) if self.is_let_leave(&agent)? => {}
                Effect::End(agent) => self.end_tree(agent)?,
                Effect::Launch { agent, attempt } => self.begin(&agent, attempt)?,
                Effect::Restart { agent, thread, rung } => self.restart(&agent, &thread, &rung)?,
                Effect::Consult(consult) => self.consult(&consult)?,
                Effect::EndConsult(_) => self.end_consult()?,
                Effect::Ask(question) => self.open_prompt(question),
                Effect::Arm(timer, after) => self.timers.arm(clock::monotonic(), timer, after),
                Effect::Say(text) => self.say(&text),
                Effect::Refuse(why) => {
                    let stamped = self.stamped_ahead();
                    let by = match (self.earlier_end.is_some(), &self.alone) {
                        (true, _) => StartedBy::Before,
                        (false, Some(_)) => StartedBy::Flags,
                        (false, None) => StartedBy::File,
                    };
                    let mut ways = self.governor.ways_past_refusal(by);
                    ways.push("`govern budget` shows every budget".to_owned());
                    return Err(Error::new(format!("refused to start: {why}{stamped}"))
                        .exit(Exit::Refused)
                        .hint(ways.join("; ")));
                }
                Effect::Finish { agent, ending, in_flight, in_flight_cost } => {
                    self.finish(&agent, ending, in_flight, in_flight_cost);
                }
                // The ledger's share was done in the turn.
                Effect::Record { .. } | Effect::Reserve { .. } | Effect::Extend { .. } | Effect::Withdraw(_) => {}
                // The same was decided for all who wait: theirs is over, too.
                Effect::Expire(approval, _) => self.wake_others(approval),
            }
        }
        let governor = &self.governor;
        self.asking.put_next(|approval| governor.waits_for(approval).is_some());
        Ok(())
    }

    /// What a refusal says of imported responses that a wrong clock stamped: they may be what fills a window.
    fn stamped_ahead(&self) -> String {
        match self.ledger.as_ref().map(Ledger::stamped_ahead) {
            Some(Ok(Some((last, many)))) if last > clock::now() => {
                let responses = text::count(many, "imported response is", "imported responses are");
                format!("; {responses} stamped in the future, up to {}, and counted when recorded", last.date_naive())
            }
            Some(Ok(_) | Err(_)) | None => String::new(),
        }
    }

    /// Ends the agent's tree. It stands still: Codex alone is woken by the signal, so that no tool's end
    /// makes it ask its model again (no further request in 100 trials with 0.118, 0.135 and 0.169);
    /// tools may then clean up after themselves. Ordered once more, it makes haste.
    pub(super) fn end_tree(&mut self, agent: AgentName) -> Result<(), Error> {
        let killed = self.governor.agent(&agent).is_some_and(|agent| agent.state == State::Ending(After::Killed));
        let again = self.wards.get_mut(&agent).is_some_and(|ward| std::mem::replace(&mut ward.ending, true));
        let grace = if killed { KILL_GRACE } else { STOP_GRACE };
        let how = if again { How::KillNow } else { How::Graceful { interrupt: grace, terminate: grace } };
        self.order(Order::End { agent, how })
    }

    /// Starts the command from the beginning.
    fn begin(&mut self, agent: &AgentName, attempt: u32) -> Result<(), Error> {
        if self.alone.is_none() {
            let again = if attempt > 1 { format!("starts again, attempt {attempt}") } else { "starts".to_owned() };
            self.say_of(agent, &again);
        }
        let Some((argv, resumes)) = self.wards.get(agent).map(Ward::first) else { return Ok(()) };
        self.launch(agent, argv, resumes)
    }

    fn restart(&mut self, agent: &AgentName, thread: &ThreadId, rung: &Rung) -> Result<(), Error> {
        let argv = self
            .wards
            .get(agent)
            .and_then(|ward| ward.invocation.as_ref())
            .ok_or_else(|| Error::new("the agent was not started as a Codex that can be restarted"))?
            .resume_with(thread, Some(rung), GO_ON)
            .map_err(|why| Error::new("the agent cannot continue with another model").caused_by(&why))?;
        self.launch(agent, argv, Some(thread.clone()))
    }

    /// Starts a command under the guard.
    fn launch(&mut self, agent: &AgentName, argv: Vec<OsString>, resumes: Option<ThreadId>) -> Result<(), Error> {
        self.sweeps = 0;
        let hooked = self.with_hooks(agent, argv.clone());
        let secrets = self.without_secrets();
        let Some(ward) = self.wards.get_mut(agent) else { return Ok(()) };
        let mut launch = ward.launch(agent, &self.run, argv, hooked, resumes);
        if let Some(passing) = &self.passing
            && let Some(codex) = Invocation::parse(&launch.argv)
        {
            launch.argv = at_address(&codex, passing.codex_url());
        }
        launch.env.extend(secrets);
        launch.env.extend(self.passing.iter().flat_map(Passing::environment));
        if self.advising.is_some() {
            // Beside another's, an orphan must tell whose it is.
            launch.env.push((AGENT.into(), Some(agent.as_str().into())));
        }
        self.order(Order::Launch(launch))
    }

    /// What signs notices is for the sender alone.
    pub(super) fn without_secrets(&self) -> Vec<(OsString, Option<OsString>)> {
        self.governor.policy().notify.variables().into_iter().map(|name| (name.into(), None)).collect()
    }

    fn open_prompt(&mut self, question: Question) {
        // INVARIANT: the turn that asked gave the question its number.
        let Some(approval) = self.governor.approval_of(&question) else { return };
        if question.about == About::Ahead {
            let who = self.governor.policy().approvals.named().unwrap_or_else(|| "somebody".to_owned());
            self.say(&format!("asked ahead: {} — `{}`", question.text, question.agent));
            self.say(&format!(
                "it goes on meanwhile; {who} answers: govern approve {approval}, govern deny {approval}"
            ));
            return;
        }
        let (agent, text, cost) = (question.agent.clone(), question.text.clone(), question.cost);
        // A screen that is alive is left to its program, which shows what is said.
        let asked = self.governor.agent(&agent);
        let at_gate = asked.is_some_and(|agent| {
            agent.gate.is_shut() || (agent.gate.approval(&question).is_some() && !agent.is_stilled())
        });
        let alive = self.full_screen && at_gate;
        // Nobody is asked here whose answer would not be taken.
        let here = Answerer::login(own_login(), Door::Prompt);
        let approvals = &self.governor.policy().approvals;
        let may_answer = permission::judge(approvals, &here, &started_by(), None).is_ok();
        let may = answers::may_answer(&self.governor, &question);
        let seen = !alive
            && may_answer
            && self.asking.put(ui::answer::Question {
                approval,
                agent: question.agent,
                standing: question.text,
                cost: question.cost,
                extend: question.extend,
                most: self.governor.policy().approvals.max_extend,
                route: question.route_to,
                left: self.time_left(approval).or(Some(question.wait)),
                otherwise: question.about.at_gate().map_or(question.otherwise.as_str(), Refusal::as_str),
                about: question.about,
            });
        if !seen {
            self.say(&format!("ask: {text} — `{agent}`, {cost} so far"));
            self.say(&format!("agent `{agent}` is held until {}", until_answered(&may, approval)));
        }
    }

    /// How long a question waits yet: one that another run has put, as long as it does there.
    fn time_left(&self, approval: ApprovalId) -> Option<Duration> {
        let deadline = self.ledger.as_ref()?.approval(approval).ok()?.deadline?;
        Some((deadline - clock::now()).to_std().unwrap_or_default())
    }

    fn finish(&mut self, agent: &AgentName, ending: Ending, in_flight: u32, in_flight_cost: Money) {
        let Some(ward) = self.wards.get_mut(agent) else { return };
        ward.finish(ending, in_flight, in_flight_cost);
        if self.alone.is_some() {
            return;
        }
        let (known, status) = (self.governor.agent(agent), ward.status);
        let started = known.is_some_and(|agent| agent.attempt > 0);
        let because = known.map_or_else(String::new, |agent| agent.because.clone());
        let figures = known.map_or_else(String::new, |agent| {
            format!("{} for {}", text::count(agent.responses, "response", "responses"), agent.cost)
        });
        // What is skipped was written down as that.
        let ended = self.wards.get(agent).and_then(|ward| ward.ended(&because, self.active(agent)));
        for ended in ended.into_iter().filter(|_| ending != Ending::Skipped) {
            self.note_of(agent, ended);
        }
        let code = status.map_or_else(String::new, |status| format!(" with code {}", Exit::from(status).code()));
        self.say_of(
            agent,
            &match ending {
                Ending::Itself => format!("ended well: {figures}"),
                Ending::Failed if status.is_none() => format!("failed: {because}"),
                Ending::Failed => format!("failed{code}: {figures}"),
                Ending::Stopped | Ending::Killed if !started => format!("does not start: {because}"),
                Ending::Stopped => format!("stopped, {because}: {figures}"),
                Ending::Killed => format!("killed, {because}: {figures}"),
                Ending::Skipped => format!("skipped: {because}"),
            },
        );
    }
}

/// `alice answers: govern approve 7, govern deny 7`.
fn until_answered(may: &MayAnswer, approval: ApprovalId) -> String {
    let who = may.who().unwrap_or_else(|| "somebody".to_owned());
    match (may.command("approve", approval), may.command("deny", approval)) {
        (Some(approve), Some(deny)) if may.here => format!("{who} answers: {approve}, {deny}"),
        (Some(approve), Some(deny)) => format!("{who} answers, with the TOKEN of the letter: {approve}, {deny}"),
        _ if may.slack => format!("{who} answers question {approval} in Slack"),
        _ if may.page => format!("{who} answers question {approval} on the page of `govern serve`"),
        _ => format!("{who} answers question {approval}: no channel of `[notify]` reaches them"),
    }
}

/// After this no question about the agent is open, or another one.
fn settles(effect: &Effect, asked: &AgentName) -> bool {
    match effect {
        Effect::Thaw(agent) | Effect::Open(agent) | Effect::End(agent) | Effect::Finish { agent, .. } => agent == asked,
        Effect::Ask(question) => question.agent == *asked,
        _ => false,
    }
}
