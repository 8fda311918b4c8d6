//! Throttling: requests wait at the gate until the rate allows the next one.

pub(in crate::decide) mod requests;

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::{Response, ThreadId, Unit};
use crate::policy::rate::Rate;
use crate::policy::rule::{AlertAction, Policy, Trigger};

use crate::decide::accounts::account::amount;
use crate::decide::message::Moment;

/// When an agent's requests went out, and what came of them: as far back as a rate of the policy looks. Told by
/// uptime, so that a jump of the wall clock lets nothing through.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    sent: VecDeque<Sent>,
    /// The longest time of a rate in the policy; `None`: it has none, and nothing is kept.
    keep: Option<Duration>,
}

#[derive(Clone, Debug)]
struct Sent {
    at: Duration,
    thread: ThreadId,
    response: Option<Response>,
}

/// A rate that is in force for an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// How fast the agent may go on, all its threads together.
    to: Rate,
    /// Why, for a person.
    because: String,
    /// A person was told that a request waits.
    said: bool,
}

impl Throttle {
    /// One that somebody was told of before.
    pub(in crate::decide) fn under_way(to: Rate, because: String) -> Self {
        Self { to, because, said: true }
    }

    /// A request had to wait for it.
    pub(in crate::decide) fn was_felt(&self) -> bool {
        self.said
    }

    /// `at most 4 responses/m: …`.
    pub(in crate::decide) fn sentence(&self) -> String {
        format!("at most {}: {}", self.to, self.because)
    }
}

impl Pace {
    /// Looks back as far as this policy's rates do.
    pub(in crate::decide) fn of(policy: &Policy) -> Self {
        let steps = policy.budgets.iter().flat_map(|budget| budget.all_steps());
        let of_alerts = policy.alerts.iter().filter_map(|alert| match &alert.act {
            AlertAction::Step(step) => Some(step),
            AlertAction::Hold => None,
        });
        let rates = steps.chain(of_alerts).filter_map(|step| step.to.or_else(|| step.may.as_ref()?.to));
        let overs = policy.alerts.iter().filter_map(|alert| match alert.trigger {
            Trigger::Rate { over, .. } => Some(over),
            _ => None,
        });
        Self { sent: VecDeque::new(), keep: rates.map(|rate| rate.per).chain(overs).max() }
    }

    /// How far back it looks; `None`: it keeps nothing.
    pub fn span(&self) -> Option<Duration> {
        self.keep
    }

    /// A request of an earlier time went out when it was answered, at the latest.
    pub(in crate::decide) fn recalls(&mut self, now: Moment, response: &Response) {
        let ago = (now.wall - response.at).to_std().unwrap_or_default();
        self.answered(now.uptime.saturating_sub(ago), response);
    }

    /// A request goes out.
    pub(in crate::decide) fn sends(&mut self, now: Duration, thread: &ThreadId) {
        let Some(keep) = self.keep else { return };
        while self.sent.front().is_some_and(|sent| sent.at.saturating_add(keep) <= now) {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { at: now, thread: thread.clone(), response: None });
    }

    /// The thread's last request failed, or is tried again: it is not one of its own.
    pub(in crate::decide) fn takes_back(&mut self, thread: &ThreadId) {
        let open = |sent: &Sent| sent.thread == *thread && sent.response.is_none();
        if let Some(place) = self.sent.iter().rposition(open) {
            self.sent.remove(place);
        }
    }

    /// A request was answered; one that did not come by the gate was sent now at the latest.
    pub(in crate::decide) fn answered(&mut self, now: Duration, response: &Response) {
        if self.keep.is_none() {
            return;
        }
        let open = |sent: &&mut Sent| sent.thread == response.thread && sent.response.is_none();
        match self.sent.iter_mut().find(open) {
            Some(sent) => sent.response = Some(response.clone()),
            None => {
                self.sends(now, &response.thread);
                if let Some(sent) = self.sent.back_mut() {
                    sent.response = Some(response.clone());
                }
            }
        }
    }

    /// What was spent by requests that were sent in the last so much time.
    pub(in crate::decide) fn spent(&self, now: Duration, over: Duration, unit: Unit) -> i64 {
        let recent = self.sent.iter().filter(|sent| sent.at.saturating_add(over) > now);
        let amounts = recent.filter_map(|sent| sent.response.as_ref()).map(|response| amount(response, unit));
        amounts.fold(0_i64, i64::saturating_add)
    }

    /// How long a request that is likely to add so much must wait. One that is larger than the rate goes out by itself.
    pub(in crate::decide) fn wait(&self, now: Duration, rate: &Rate, likely: i64) -> Duration {
        let unit = rate.quantity.unit;
        let ends = |sent: &Sent| sent.at.saturating_add(rate.per);
        let counts = |sent: &Sent| sent.response.as_ref().map_or(likely, |response| amount(response, unit));
        let recent: Vec<&Sent> = self.sent.iter().filter(|sent| ends(sent) > now).collect();
        let mut used = recent.iter().fold(likely, |sum, sent| sum.saturating_add(counts(sent)));
        let mut wait = Duration::ZERO;
        for sent in recent {
            if used <= rate.quantity.amount {
                break;
            }
            used = used.saturating_sub(counts(sent));
            wait = ends(sent).saturating_sub(now);
        }
        wait
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decide::tests::world::{morning, response};

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn pace() -> Pace {
        Pace { sent: VecDeque::new(), keep: Some(Duration::from_secs(60)) }
    }

    #[test]
    fn what_fits_goes_at_once_and_what_does_not_when_the_oldest_leaves_the_window() {
        let rate = Rate::parse("2 responses/m").unwrap();
        let thread = ThreadId::new("t");
        let mut pace = pace();
        for (now, waits) in [(0, 0), (10_000, 0), (20_000, 40_000), (59_999, 1), (60_000, 0), (60_001, 0)] {
            assert_eq!(pace.wait(at(now), &rate, 1), at(waits), "{now}");
            if matches!(now, 0 | 10_000) {
                pace.sends(at(now), &thread);
            }
        }
    }

    #[test]
    fn tokens_count_as_answered_and_until_then_as_expected() {
        let rate = Rate::parse("1000 tok/m").unwrap();
        let thread = ThreadId::new("t");
        let mut pace = pace();
        pace.sends(at(0), &thread);
        assert_eq!(pace.wait(at(1), &rate, 500), at(0));
        assert_eq!(pace.wait(at(1), &rate, 501), at(59_999));
        pace.answered(at(2), &response("codex", "t", "mid", 300, morning()));
        assert_eq!(pace.wait(at(2), &rate, 700), at(0));
        assert_eq!(pace.wait(at(2), &rate, 701), at(59_998));
        // What never fits goes by itself.
        assert_eq!(pace.wait(at(60_000), &rate, 5_000), at(0));
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate_goes_out_in_any_window(
            most in 1_usize..6,
            arrivals in proptest::collection::vec((0_u64..9_000, 0_u8..3), 1..60),
        ) {
            let rate = Rate::parse(&format!("{most} responses/10s")).unwrap();
            let mut pace = Pace { sent: VecDeque::new(), keep: Some(rate.per) };
            let (mut now, mut went) = (0_u64, Vec::new());
            for (gap, thread) in arrivals {
                now += gap;
                let wait = pace.wait(at(now), &rate, 1);
                now += u64::try_from(wait.as_millis()).unwrap();
                prop_assert_eq!(pace.wait(at(now), &rate, 1), Duration::ZERO, "it waits no longer than it was told");
                pace.sends(at(now), &ThreadId::new(thread.to_string()));
                went.push(now);
                let within = went.iter().filter(|then| **then + 10_000 > now).count();
                prop_assert!(within <= most, "{within} of {most} at {now}: {went:?}");
            }
        }
    }
}
