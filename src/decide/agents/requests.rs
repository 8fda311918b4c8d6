//! What an agent asks: what is under way, what its next request is likely to be, and what was perhaps served and
//! nobody tells of.

use crate::decide::message::Phase;
use crate::model::{ModelId, Money, Response, ThreadId, UnderWay, Unit};

use super::agent::Agent;
use super::lifecycle::State;
use super::thread::{Thread, p80};

impl Agent {
    /// The model that answered last on its root thread, or on any.
    pub fn last_response(&self) -> Option<&Response> {
        let of_root =
            self.root.as_ref().and_then(|root| self.threads.get(root)).and_then(|thread| thread.recent.back());
        of_root.or_else(|| self.threads.values().filter_map(|thread| thread.recent.back()).max_by_key(|last| last.at))
    }

    /// What a thread's next request is likely to cost, by what was answered and declared; `None` where nobody can say.
    pub fn next_cost(&self, thread: &ThreadId) -> Option<Money> {
        let never = Thread::default();
        let thread = self.threads.get(thread).unwrap_or(&never);
        let costs: Option<Vec<Money>> = self.foretelling(thread).map(|response| response.cost.money()).collect();
        let declared = || self.setup.registration.per_response(Unit::Usd).map(Money::from_nanos);
        let first = || {
            let priced = |response: &Response| response.cost.money().map_or(0, Money::nanos);
            p80(self.like_runs(thread.model.as_ref()).map(priced)).map(Money::from_nanos)
        };
        costs?.into_iter().max().or_else(declared).or_else(first)
    }

    /// The last responses of all its threads, those of an attempt before this one included.
    pub(in crate::decide) fn recent(&self) -> impl Iterator<Item = &Response> {
        self.threads.values().flat_map(Thread::recent).chain(&self.earlier)
    }

    /// The responses that foretell a thread's next one: its own; those of all the agent's where it has none.
    pub(in crate::decide) fn foretelling<'a>(&'a self, thread: &'a Thread) -> impl Iterator<Item = &'a Response> {
        thread.recent().chain(self.recent().filter(|_| !thread.was_answered()))
    }

    /// The first answers of its last runs: those by this model, or the one that it begins with, where there are any, else by
    /// the one that the newest of them had.
    pub(in crate::decide) fn like_runs<'a>(&'a self, model: Option<&ModelId>) -> impl Iterator<Item = &'a Response> {
        let model = model.or(self.setup.asks.as_ref());
        let by = |model: &ModelId| self.firsts.iter().any(|first| first.model.as_ref() == Some(model));
        let newest = self.firsts.first().and_then(|first| first.model.clone());
        let model = model.filter(|model| by(model)).cloned().or(newest);
        self.firsts.iter().filter(move |first| first.model == model)
    }

    /// By what its next request is foretold, where that is what its last runs took for their first one.
    pub(in crate::decide) fn by_last_runs(&self) -> Option<String> {
        let known = self.responses > 0 || !self.earlier.is_empty() || self.firsts.is_empty();
        let model = self.threads.values().find_map(|thread| thread.model.as_ref());
        let runs = self.like_runs(model).count();
        (!known).then(|| match runs {
            1 => "its last run took no more for its first request".to_owned(),
            // Four in five of fewer are all of them.
            ..5 => format!("its last {runs} runs took no more for their first request"),
            5.. => format!("four in five of its last {runs} runs took no more for their first request"),
        })
    }

    /// Nothing is known of what it asks in this run: its first request is foretold by its last runs.
    pub(in crate::decide) fn is_before_its_first(&self) -> bool {
        self.threads.is_empty() && !(self.firsts.is_empty() && self.earlier.is_empty())
    }

    /// Threads that have a request under way: what waits at the gate was not sent.
    pub fn in_flight(&self) -> u32 {
        u32::try_from(self.asking().count()).unwrap_or(u32::MAX)
    }

    /// They themselves.
    pub(in crate::decide) fn asking(&self) -> impl Iterator<Item = (&ThreadId, &Thread)> {
        let asks =
            |(id, thread): &(&ThreadId, &Thread)| thread.phase == Phase::InFlight && !self.gate.keeps_from_asking(id);
        self.threads.iter().filter(asks)
    }

    /// Threads whose request was let through the gate and has no answer.
    pub(in crate::decide) fn sent(&self) -> impl Iterator<Item = (&ThreadId, &Thread)> {
        let sent = |(id, thread): &(&ThreadId, &Thread)| {
            thread.phase != Phase::Idle && thread.admission.is_open() && !self.gate.keeps_from_asking(id)
        };
        self.threads.iter().filter(sent)
    }

    /// A request of this thread was sent and has no answer; or the thread does not ask at the gate, so that nobody can tell.
    pub(in crate::decide) fn is_under_way(&self, id: &ThreadId, thread: &Thread) -> bool {
        thread.admission.is_open() || self.may_send(id, thread)
    }

    /// The thread's next request may be sent without being looked at by itself: it does not wait at the gate, and is not
    /// known to come there.
    pub(in crate::decide) fn may_send(&self, id: &ThreadId, thread: &Thread) -> bool {
        !self.asks_first(thread) && !self.gate.keeps_from_asking(id)
    }

    /// Some request of its was sent and has no answer, and all its threads ask before they send another.
    pub(in crate::decide) fn has_sent_all(&self) -> bool {
        self.sent().next().is_some()
            && self.threads.iter().all(|(id, thread)| !thread.phase.goes_on() || !self.may_send(id, thread))
    }

    /// Notes what is under way as lost: the agent is being ended. What was let through is noted once its processes are gone
    /// ([`Agent::settle`]): its answer may still come. Of a thread that does not ask first nobody can tell whether what its
    /// session file tells of was sent yet.
    pub fn lose_in_flight(&mut self) {
        let lost: Vec<ThreadId> =
            self.asking().filter(|(_, thread)| self.is_unsure(thread)).map(|(id, _)| id.clone()).collect();
        for thread in lost {
            let cost = self.lose(&thread);
            self.lost_unsure.insert(thread, cost);
        }
    }

    /// Threads whose request is noted as lost and of which no hook has ever called.
    pub(in crate::decide) fn lost_uncalled(&self) -> impl Iterator<Item = &ThreadId> {
        self.lost_unsure.keys().filter(|thread| !self.has_called(thread))
    }

    /// A thread of an agent that is being ended begins only now, and its Codex waits here with that: what was noted as lost
    /// of it was not sent.
    pub(in crate::decide) fn begins_only_now(&mut self, thread: &ThreadId) {
        if let Some(cost) = self.lost_unsure.remove(thread) {
            self.lost = self.lost.saturating_sub(1);
            self.lost_cost = self.lost_cost - cost;
        }
    }

    /// Notes what was let through as lost where no answer to it is known, and none comes any more.
    pub(in crate::decide) fn lose_unanswered(&mut self) {
        let unanswered = self.threads.iter().filter(|(_, thread)| thread.is_unanswered());
        let lost: Vec<ThreadId> = unanswered.map(|(id, _)| id.clone()).collect();
        for thread in &lost {
            self.lose(thread);
        }
    }

    /// Notes a request of this thread as lost: it was perhaps served, and nobody says what it used.
    pub(in crate::decide) fn lose(&mut self, thread: &ThreadId) -> Money {
        let likely = self.threads.get(thread).map_or(Money::ZERO, |known| self.likely_cost(known));
        self.lost = self.lost.saturating_add(1);
        self.lost_cost += likely;
        likely
    }

    /// What a request of this thread may have cost, by the dearest response that foretold it.
    fn likely_cost(&self, thread: &Thread) -> Money {
        self.foretelling(thread).filter_map(|one| one.cost.money()).max().unwrap_or(Money::ZERO)
    }

    /// What would be told to be cut off if nothing more were ever heard of it: what is noted as lost, and what is under way.
    pub fn under_way(&self) -> UnderWay {
        let ends = matches!(self.state, State::Ending(_));
        let unsure = self.asking().filter(|(_, thread)| !ends && self.is_unsure(thread));
        let unanswered = self.threads.iter().filter(|(_, thread)| thread.is_unanswered());
        let mut all = UnderWay { requests: self.lost, cost: self.lost_cost, sent: None };
        for (_, thread) in unanswered.chain(unsure) {
            all.requests = all.requests.saturating_add(1);
            all.cost += self.likely_cost(thread);
            all.sent = all.sent.max(thread.admission.sent());
        }
        all
    }
}
