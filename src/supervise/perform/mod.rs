//! One match over all that govern can do. What stands here was recorded before.

pub(super) mod adviser;
pub(super) mod board;
pub(super) mod examine;
mod finish;
pub(super) mod launch;
pub(super) mod output;
mod question;

use crate::clock;
use crate::decide::Effect;
use crate::decide::message::Input;
use crate::decide::past_refusal::StartedBy;
use crate::error::Error;
use crate::exit::Exit;
use crate::model::AgentName;
use crate::process::Order;
use crate::proxy::messages::Refused;
use crate::report::text;

use super::intake::gateway::number_of;
use super::intake::people::wake_others;
use super::supervisor::Supervisor;
use super::turns::Turns;

impl Supervisor {
    /// Carries out effects in order.
    pub(super) fn perform(&mut self, effects: Vec<Effect>) -> Result<(), Error> {
        let over = |approval| self.core.governor().waits_for(approval).is_none();
        let asking = self.people.asking();
        let asked = asking.agent().cloned();
        let settled = asked.is_some_and(|agent| effects.iter().any(|effect| settles(effect, &agent)));
        if settled || asking.approval().is_some_and(over) {
            // Before anything is said, and before the agent can read what was typed.
            let told = effects.iter().any(|effect| matches!(effect, Effect::Say(_)));
            asking.take_back((!told).then_some("an answer is no longer needed"));
        }
        for effect in effects {
            self.carry_out(effect)?;
        }
        let governor = self.core.governor();
        self.people.asking().put_next(|approval| governor.waits_for(approval).is_some());
        Ok(())
    }

    fn carry_out(&mut self, effect: Effect) -> Result<(), Error> {
        let core = &mut self.core;
        match effect {
            Effect::Freeze(agent) => core.processes.order(Order::Freeze { agent })?,
            Effect::Thaw(agent) => {
                self.people.asking().give_back_screen();
                core.processes.order(Order::Thaw { agent })?;
            }
            Effect::Open(_) => self.people.asking().give_back_screen(),
            Effect::Look(agent) => self.intake.progress().look(&agent, core.run.moment().uptime),
            Effect::Tell { hook, text } => self.gate.tell(hook, text),
            Effect::Answer { hook, deny } => match (number_of(hook), &mut self.gateway, deny) {
                (Some(number), Some(gateway), None) => gateway.lets_pass(number),
                (Some(number), Some(gateway), Some(message)) => {
                    gateway.refuses(number, Refused { message, rule: None })
                }
                (_, _, deny) => self.gate.answer(hook, deny, &mut core.journal),
            },
            Effect::Reserve { request, amounts } => {
                let answer = self.elsewhere.reserve(request, &amounts);
                core.turns.hear(answer.map(|answer| Input::Reserved { request, answer }));
            }
            Effect::Release { request, used } => self.elsewhere.release(request, &used),
            Effect::End(agent) => {
                let gateway = self.gateway.as_mut();
                let leaves = gateway.map(|gateway| gateway.lets_leave(&agent, &mut core.context())).transpose()?;
                if leaves != Some(true) {
                    launch::end_tree(agent, core)?;
                }
            }
            Effect::Launch { agent, attempt } => {
                self.intake.something_starts();
                self.examining.begins(&agent, &core.context());
                launch::begin(&agent, attempt, core, self.gateway.as_ref())?;
            }
            Effect::Restart { agent, thread, rung } => {
                self.intake.something_starts();
                launch::restart(&agent, (&thread, &rung), core, self.gateway.as_ref())?;
            }
            Effect::Consult(consult) => {
                self.intake.something_starts();
                let adviser = self.adviser.as_mut();
                adviser.map_or(Ok(()), |adviser| adviser.consult(&consult, &mut core.context()))?;
            }
            Effect::Examine(agent) => self.examining.examine(&agent, &core.context())?,
            Effect::Again { agent, text, .. } => self.examining.again(&agent, text, &core.context())?,
            Effect::EndConsult(_) => core.processes.order(adviser::end())?,
            Effect::Ask(question) => question::open_prompt(question, self.people.asking(), core),
            Effect::Arm(timer, after) => self.timers.arm(clock::monotonic(), timer, after),
            Effect::Say(text) => core.journal.say(&text),
            Effect::Refuse(why) => return Err(self.refused(&why)),
            Effect::Finish { agent, ending, in_flight, in_flight_cost } => {
                finish::finish(&agent, ending, (in_flight, in_flight_cost), core);
            }
            // The ledger's share was done in the turn.
            Effect::Record { .. } | Effect::Claim { .. } | Effect::Extend { .. } | Effect::Withdraw(_) => {}
            // The same was decided for all who wait: theirs is over, too.
            Effect::Expire(approval, _) => wake_others(core.turns.waiting_for(approval), &core.run),
        }
        Ok(())
    }

    /// The run must not begin.
    fn refused(&self, why: &str) -> Error {
        let by = match (self.earlier_end.is_some(), &self.core.run.alone) {
            (true, _) => StartedBy::Before,
            (false, Some(_)) => StartedBy::Flags,
            (false, None) => StartedBy::File,
        };
        let mut ways = self.core.governor().ways_past_refusal(by);
        ways.push("`govern budget` shows every budget".to_owned());
        Error::new(format!("refused to start: {why}{}", stamped_ahead(&self.core.turns)))
            .exit(Exit::Refused)
            .hint(ways.join("; "))
    }
}

/// What a refusal says of imported responses that a wrong clock stamped: they may be what fills a window.
fn stamped_ahead(turns: &Turns) -> String {
    match turns.ledger().map(|ledger| ledger.history().stamped_ahead()) {
        Some(Ok(Some((last, many)))) if last > clock::now() => {
            let responses = text::count(many, "imported response is", "imported responses are");
            format!("; {responses} stamped in the future, up to {}, and counted when recorded", last.date_naive())
        }
        Some(Ok(_) | Err(_)) | None => String::new(),
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
