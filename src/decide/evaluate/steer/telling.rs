//! Pure. What an agent is to be told reaches each of its threads with the next hook that can carry it.

use super::{FINISH, Steering, THINK};
use crate::decide::accounts::ids::AccountId;
use crate::decide::agents::Agent;
use crate::decide::agents::ids::AgentId;
use crate::decide::evaluate::due::{Due, Source};
use crate::decide::governor::Governor;
use crate::decide::message::{Effect, HookId};
use crate::model::ThreadId;
use crate::model::event::EventKind;
use std::collections::BTreeSet;

impl Governor {
    /// From its next hooks on, each thread of the agent is told once.
    pub(in crate::decide) fn steer(&mut self, who: AgentId, due: &Due) {
        let said = due.step.as_ref().and_then(|step| step.say.as_deref());
        let text = match due.source {
            Source::Step { account, .. } => {
                let account = &self.accounts[account];
                let left = account.key.unit.show(account.limit().saturating_sub(account.spent).max(0));
                format!("govern: {} is used: {left} is left. {}", account.show(0), said.unwrap_or(FINISH))
            }
            Source::Alert(alert) => {
                let of_budget = self.alerts[alert].step_of.is_some();
                let unsaid = if of_budget { FINISH } else { THINK };
                format!("govern: {}. {}", due.because, said.unwrap_or(unsaid))
            }
        };
        self.requests += 1;
        let request = self.requests;
        let (what, because) = ("steer".to_owned(), due.because.clone());
        self.record(Some(who), EventKind::Requested { request, what, because });
        let agent = &mut self.agents[who];
        let source = due.source;
        agent.steering.retain(|steering| !steering.source.is_of_one_rule(source));
        agent.steering.push(Steering { source, text, request, told: BTreeSet::new() });
    }

    /// Tells a thread what it was not told yet, together with the answer that follows.
    pub(in crate::decide) fn tell(&mut self, who: AgentId, hook: HookId, thread: &ThreadId) {
        let agent = &mut self.agents[who];
        let mut new: Vec<(u64, String)> = Vec::new();
        for steering in &mut agent.steering {
            if steering.told.insert(thread.clone()) {
                new.push((steering.request, steering.text.clone()));
            }
        }
        for (request, text) in new {
            self.effects.push(Effect::Tell { hook, text });
            let detail = format!("thread {thread} was told");
            self.record(Some(who), EventKind::Outcome { request, ok: true, detail });
        }
        self.tell_of_bars(who, hook, thread);
    }

    /// A Codex that answers and was never seen to ask cannot be told: a person is told that.
    pub(in crate::decide) fn say_untold(&mut self, who: AgentId) {
        let deaf = |agent: &Agent| agent.gate.reach().is_none();
        let agent = &mut self.agents[who];
        if !deaf(agent) {
            return;
        }
        for steering in std::mem::take(&mut agent.steering) {
            let detail = "the agent could not be told: its Codex was not seen to call govern's hooks".to_owned();
            self.say(who, &format!("steer: {detail}"));
            self.record(Some(who), EventKind::Outcome { request: steering.request, ok: false, detail });
        }
    }

    /// The agent is over: what it was not told, it never will be.
    pub(in crate::decide) fn end_steering(&mut self, who: AgentId) {
        let agent = &mut self.agents[who];
        for steering in std::mem::take(&mut agent.steering).into_iter().filter(|steering| steering.told.is_empty()) {
            let detail = "it ended before it could be told".to_owned();
            self.record(Some(who), EventKind::Outcome { request: steering.request, ok: false, detail });
        }
    }

    /// What lies ahead once more is said no longer.
    pub(in crate::decide) fn forget_steering(&mut self, id: AccountId) {
        let account = &self.accounts[id];
        for agent in self.agents.values_mut() {
            agent.steering.retain(|steering| {
                let Source::Step { account: of, step } = steering.source else { return true };
                of != id || account.still_behind(Some(step)) == Some(step)
            });
        }
    }
}
