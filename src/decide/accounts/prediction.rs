//! What a request is likely to add, before it is made.
//!
//! A thread is taken to go on as dear as it was: its next request costs what its dearest recent response did. One that
//! was never answered is taken to be as dear as the dearest of its agent's others; where the agent was never answered, a
//! request costs what it declared for a response, else what four in five of its last runs took for their first one, else
//! as much as the dearest recent response of those that spend from the same account. Nothing is known of the first
//! request of all.
//!
//! Of an agent's threads that ask at the gate, those that have asked count, each. One that has not yet asked is not sent
//! without being looked at by itself (`Governor::waits_for_own`): of all of them the dearest counts, and only while no
//! other is under way.

use crate::model::{Dimension, ModelId, Response, Source, ThreadId, Unit};
use crate::policy::rule::Rung;
use crate::policy::scope::Value;

use super::Spenders;
use super::account::{Account, amount};
use crate::decide::agents::thread::{Thread, p80};
use crate::decide::agents::{Agent, Begins};

impl Spenders<'_> {
    /// What an agent's live threads are likely to add to an account, with this model or as they are: those between
    /// requests, or with one under way.
    pub(in crate::decide) fn predicted(&self, account: &Account, agent: &Agent, rung: Option<&Rung>) -> i64 {
        let (id, thread) = beginning(agent);
        if agent.is_before_its_first() && account.key.unit != Unit::ToolCalls {
            let late = |dimension: &Dimension| matches!(dimension, Dimension::Thread | Dimension::Model);
            let known = !account.per.iter().any(late) || binds(account, &id, thread.model.as_ref());
            return if known { self.next_of(account, agent, rung, (&id, &thread)) } else { 0 };
        }
        if account.key.unit == Unit::ToolCalls {
            return self.calls_waiting(account, agent);
        }
        let live = agent.threads.iter().filter(|(_, thread)| thread.adds());
        let (under_way, to_come): (Vec<_>, Vec<_>) = live.partition(|(id, thread)| agent.is_under_way(id, thread));
        let begun = self.begun(account, agent, rung);
        let sum = self.sum_of_next(account, agent, rung, under_way.into_iter()).saturating_add(begun);
        if sum > 0 {
            return sum;
        }
        let to_come = to_come.into_iter().map(|thread| self.next_of(account, agent, rung, thread));
        to_come.max().unwrap_or(0)
    }

    /// What a Codex that has started, and asks its model without asking here, is likely to add with its first request.
    pub(in crate::decide) fn begun(&self, account: &Account, agent: &Agent, rung: Option<&Rung>) -> i64 {
        let (id, thread) = beginning(agent);
        if agent.begins_unasked() { self.next_of(account, agent, rung, (&id, &thread)) } else { 0 }
    }

    /// What is predicted for one that shares the account. One that is held at the gate, or about to end there, adds only what it
    /// has sent.
    pub(in crate::decide) fn predicted_beside(&self, account: &Account, peer: &Agent) -> i64 {
        if peer.ends_at_gate() || peer.is_held_at_gate() || peer.waits_for_nobody() {
            return self.predicted_of_sent(account, peer);
        }
        self.predicted(account, peer, peer.next_model())
    }

    /// What an agent's requests that are under way are likely to add.
    pub(in crate::decide) fn predicted_of_sent(&self, account: &Account, agent: &Agent) -> i64 {
        if account.key.unit == Unit::ToolCalls {
            return self.calls_waiting(account, agent);
        }
        self.sum_of_next(account, agent, None, agent.sent())
    }

    fn sum_of_next<'a>(
        &self,
        account: &Account,
        agent: &Agent,
        rung: Option<&Rung>,
        threads: impl Iterator<Item = (&'a ThreadId, &'a Thread)>,
    ) -> i64 {
        threads.map(|thread| self.next_of(account, agent, rung, thread)).fold(0_i64, i64::saturating_add)
    }

    /// Something tells what a thread's next request is likely to add; it may be nothing.
    pub(in crate::decide) fn is_foretold(&self, account: &Account, agent: &Agent, thread: &Thread) -> bool {
        let peers = account.agents.iter().filter(|peer| **peer != agent.id).map(|peer| &self.agents[*peer]);
        agent.foretelling(thread).next().is_some()
            || agent.setup.registration.per_response(account.key.unit).is_some()
            || agent.like_runs(thread.model.as_ref()).next().is_some()
            || peers.flat_map(Agent::recent).next().is_some()
    }

    /// What one thread's next request is likely to add.
    pub(in crate::decide) fn next_of(
        &self,
        account: &Account,
        agent: &Agent,
        rung: Option<&Rung>,
        (id, thread): (&ThreadId, &Thread),
    ) -> i64 {
        let unit = account.key.unit;
        // A person may have switched since the last answer.
        let last = thread.recent().last().and_then(|last| last.model.as_ref());
        let begins_with = || agent.setup.asks.as_ref().filter(|_| agent.is_before_its_first());
        let said = thread.model.as_ref().or_else(begins_with);
        let said = said.map(|said| agent.answering(said)).filter(|said| Some(*said) != last);
        let next = rung.map(|rung| &rung.model).or(said);
        // A server may have a dearer model behind a name that was not asked for before.
        let asked = thread.model.as_ref().filter(|_| rung.is_none());
        let may_be_alias = |response: &Response| {
            response.source == Source::Gateway && asked.is_some_and(|asked| !agent.knows_who_answers(asked))
        };
        // What is foretold by earlier runs is of this one's kind.
        let counts = |response: &Response| match thread.was_answered() {
            true if next.is_none() => account.counts(response),
            _ => binds(account, id, next.or(response.model.as_ref())) && account.takes_work_of(Some(response)),
        };
        let adds = |response: &Response| {
            if !counts(response) {
                return 0;
            }
            match next.filter(|model| unit.is_money() && (rung.is_some() || response.model.as_ref() != Some(*model))) {
                None => amount(response, unit),
                Some(model) => match self.fixed.quoted(model, response).money() {
                    Some(cost) if may_be_alias(response) => cost.nanos().max(amount(response, unit)),
                    Some(cost) => cost.nanos(),
                    // A model without a price makes no room; where money is what ends an agent, none is routed to.
                    None => amount(response, unit),
                },
            }
        };
        let peers = account.agents.iter().filter(|peer| **peer != agent.id).map(|peer| &self.agents[*peer]);
        let declared = if binds(account, id, next) { agent.setup.registration.per_response(unit) } else { Some(0) };
        likely(agent, thread, adds, declared, peers)
    }
}

/// The thread that such a Codex begins with, as far as that is known.
fn beginning(agent: &Agent) -> (ThreadId, Thread) {
    let begins = agent.beginning().filter(|_| agent.begins_unasked());
    begins.map_or_else(|| (ThreadId::new(""), Thread::default()), Begins::first)
}

/// The rule itself: what is likely to come, by what each response that foretells it adds, and by what was declared.
pub(in crate::decide) fn likely<'a>(
    agent: &Agent,
    thread: &Thread,
    adds: impl Fn(&Response) -> i64,
    declared: Option<i64>,
    peers: impl Iterator<Item = &'a Agent>,
) -> i64 {
    let own = agent.foretelling(thread).map(&adds).max();
    let before = || p80(agent.like_runs(thread.model.as_ref()).map(&adds));
    own.or(declared).or_else(before).or_else(|| peers.flat_map(Agent::recent).map(&adds).max()).unwrap_or(0)
}

/// The account counts what a thread does with this model, as far as both are known: all else is the same for whatever
/// its agent does, and was looked at when the account was opened.
pub(in crate::decide) fn binds(account: &Account, thread: &ThreadId, model: Option<&ModelId>) -> bool {
    account.may_hold(|dimension| match dimension {
        Dimension::Thread => Value::Is(Some(thread.as_str())),
        Dimension::Model => model.map_or(Value::Open, |model| Value::Is(Some(model.as_str()))),
        _ => Value::Open,
    })
}
