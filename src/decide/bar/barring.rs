//! Pure. Threads are barred, and their families told.

use std::collections::BTreeSet;

use crate::model::event::{Decision, EventKind};
use crate::model::{AgentName, Dimension, ThreadId, Verb};

use super::{Bar, BarTold, Spent};
use crate::decide::agent::Agent;
use crate::decide::context::Context;
use crate::decide::due::{Due, Source};
use crate::decide::effect::Effect;
use crate::decide::gate::Gate;
use crate::decide::governor::Governor;
use crate::decide::input::{HookId, Phase, Wants};
use crate::decide::thread::Thread;

impl Gate {
    /// Nothing is asked on this thread.
    pub(in crate::decide) fn is_barred(&self, thread: &ThreadId, wants: &Wants) -> bool {
        (wants.spends() || *wants == Wants::Turn) && self.barred.contains_key(thread)
    }
}

impl Agent {
    /// What this thread's limit ends is that thread: a sub-agent whose requests wait here.
    fn ends_alone(&self, id: &ThreadId, thread: &Thread) -> bool {
        thread.is_sub_agent(id) && thread.gated && self.gate.holds_requests()
    }
}

impl Governor {
    /// Nothing more is asked on this thread. Its family is told at the next hooks that can carry it.
    pub(in crate::decide) fn bar(
        &mut self,
        name: &AgentName,
        thread: &ThreadId,
        because: String,
        account: Option<usize>,
    ) {
        let limit = account.and_then(|index| Some(Spent::of(index, self.accounts.get(index)?)));
        let Some(agent) = self.agents.get_mut(name) else { return };
        let entry = agent.threads.entry(thread.clone()).or_default();
        // It asks for nothing, so that nothing is kept for it, and its agent may rest.
        entry.phase = Phase::Idle;
        let who = if entry.is_sub_agent(thread) { format!("sub-agent {thread}") } else { "held".to_owned() };
        let said = agent.gate.barred.get(thread).is_some_and(|bar| bar.because == because);
        let told = BTreeSet::from([thread.clone()]);
        agent.gate.barred.insert(thread.clone(), Bar { because: because.clone(), limit, told });
        // Whoever typed a prompt reads the reason with its refusal.
        let reads = who == "held" && !agent.gate.turns_of(thread).is_empty();
        if !said {
            let what = format!("{who}: {because}: nothing more is asked of a model there");
            self.mark(Some(name), what.clone());
            if !reads {
                self.say(name, &what);
            }
        }
        self.refuse_turns(name, thread);
    }

    /// A prompt can be refused with the reason; a request can only wait.
    fn refuse_turns(&mut self, name: &AgentName, thread: &ThreadId) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        let Some(because) = agent.gate.barred.get(thread).map(|bar| bar.because.clone()) else { return };
        for hook in agent.gate.turns_of(thread) {
            agent.gate.take(hook);
            self.effects.push(Effect::Answer { hook, deny: Some(format!("govern: {because}")) });
        }
    }

    /// The thread asks for a model that is allowed.
    pub(in crate::decide) fn unbar_model(&mut self, name: &AgentName, thread: &ThreadId) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        if agent.gate.barred.get(thread).is_some_and(|bar| bar.limit.is_none()) {
            agent.gate.barred.remove(thread);
        }
    }

    /// Limits that were lifted, or whose window has moved on, bar nothing any more.
    pub(in crate::decide) fn unbar_limits(&mut self, cx: &Context<'_>, name: &AgentName) {
        let accounts = &self.accounts;
        let over = |bar: &Bar| {
            let account = bar.limit.and_then(|limit| Some((limit, accounts.get(limit.account)?)));
            account.is_some_and(|(limit, account)| limit.is_over(account, cx.now.wall))
        };
        let Some(agent) = self.agents.get_mut(name) else { return };
        let open: Vec<ThreadId> =
            agent.gate.barred.iter().filter(|(_, bar)| over(bar)).map(|(thread, _)| thread.clone()).collect();
        for thread in open {
            agent.gate.barred.remove(&thread);
            if agent.gate.has(&thread) {
                agent.threads.entry(thread).or_default().phase = Phase::InFlight;
            }
        }
    }

    /// Takes out the steps that end a sub-agent by a limit of its own thread, and ends that one's way alone.
    pub(in crate::decide) fn end_threads_of_their_own(&mut self, name: &AgentName, due: Vec<Due>) -> Vec<Due> {
        let mut rest = Vec::new();
        for due in due {
            let Some((account, thread)) = self.thread_of(name, &due) else {
                rest.push(due);
                continue;
            };
            let barred = |agent: &Agent| agent.gate.barred.contains_key(&thread);
            if self.agents.get(name).is_some_and(barred) {
                continue;
            }
            self.record_end(name, &due, account);
            self.bar(name, &thread, due.because, Some(account));
        }
        rest
    }

    /// The sub-agent's thread that a step ends, and nothing else.
    fn thread_of(&self, name: &AgentName, due: &Due) -> Option<(usize, ThreadId)> {
        let Source::Step { account: index, .. } = due.source else { return None };
        if due.verb != Verb::Stop || self.observes(due.source) {
            return None;
        }
        let account = self.accounts.get(index)?;
        let place = account.per.iter().position(|dimension| *dimension == Dimension::Thread)?;
        let id = ThreadId::new(account.values.get(place)?.clone()?);
        let agent = self.agents.get(name)?;
        let thread = agent.threads.get(&id)?;
        agent.ends_alone(&id, thread).then_some((index, id))
    }

    fn record_end(&mut self, name: &AgentName, due: &Due, account: usize) {
        let Some(account) = self.accounts.get(account) else { return };
        let decision = Decision {
            verb: due.verb,
            budget: account.key.budget.clone(),
            scope: account.key.scope.clone(),
            alert: None,
            because: vec![due.because.clone()],
            would: false,
            to: None,
            chosen: due.chosen.clone(),
        };
        self.record(Some(name), EventKind::Decided(decision));
    }

    /// The agent's threads on which nothing more is asked.
    pub fn bars(&self, name: &AgentName) -> Vec<(ThreadId, BarTold)> {
        let bars = self.agents.get(name).into_iter().flat_map(|agent| &agent.gate.barred);
        let told = |bar: &Bar| BarTold { because: bar.because.clone(), told: bar.told.clone() };
        bars.map(|(thread, bar)| (thread.clone(), told(bar))).collect()
    }

    /// Tells a thread of those beside it that will not go on.
    pub(in crate::decide) fn tell_of_bars(&mut self, name: &AgentName, hook: HookId, thread: &ThreadId) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        let family = |id: &ThreadId| agent.threads.get(id).and_then(|thread| thread.root.clone());
        let own = family(thread);
        let beside: Vec<ThreadId> = agent.gate.barred.keys().filter(|id| family(id) == own).cloned().collect();
        for id in beside {
            let Some(bar) = agent.gate.barred.get_mut(&id) else { continue };
            if !bar.told.insert(thread.clone()) {
                continue;
            }
            let text = format!(
                "govern: sub-agent {id} will not go on: {}. Do not wait for it: close it, and go on without it.",
                bar.because
            );
            self.effects.push(Effect::Tell { hook, text });
        }
    }
}
