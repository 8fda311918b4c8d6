//! Pure. Requests that were perhaps served and that nobody tells of: those that are noted as lost, and those that would be.

use crate::model::{Money, ThreadId, UnderWay};

use super::agent::Agent;
use super::lifecycle::State;
use super::thread::Thread;

impl Agent {
    /// Notes what is under way as lost: the agent is being ended. What was let through is noted once its processes are gone
    /// ([`Agent::settle`]): its answer may still come. Of a thread that does not ask first nobody can tell whether what its
    /// session file tells of was sent yet.
    pub fn lose_in_flight(&mut self) {
        let lost: Vec<ThreadId> =
            self.asking().filter(|(_, thread)| self.is_unsure(thread)).map(|(id, _)| id.clone()).collect();
        lost.iter().for_each(|thread| self.lose(thread));
    }

    /// Notes what was let through as lost where no answer to it is known, and none comes any more.
    pub(super) fn lose_unanswered(&mut self) {
        let unanswered = self.threads.iter().filter(|(_, thread)| thread.is_unanswered());
        let lost: Vec<ThreadId> = unanswered.map(|(id, _)| id.clone()).collect();
        lost.iter().for_each(|thread| self.lose(thread));
    }

    /// Notes a request of this thread as lost: it was perhaps served, and nobody says what it used.
    pub(super) fn lose(&mut self, thread: &ThreadId) {
        let likely = self.threads.get(thread).map(|known| self.likely_cost(known));
        self.lost = self.lost.saturating_add(1);
        self.lost_cost += likely.unwrap_or(Money::ZERO);
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
