//! Where a budget stands, and which of its steps that calls for.
//!
//! Mild steps look at what was spent. The limit itself is strict: its step looks at what was spent
//! **and** at what the live threads are likely to add, so that no request is started that would
//! pass it. Where all of that was sent, its answers are waited for. Grace moves that mark while a turn is under way, and what is likely to come counts against it in the same
//! way. A mild step that would make the next request fit is tried first.

use crate::model::{Unit, Verb, part_of};

use super::rule::{Budget, Step, StepId};

/// One budget for one thing in one window. Amounts are in the budget's unit's smallest part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The limit, extensions included.
    pub limit: i64,
    /// Spent in this window.
    pub spent: i64,
    /// What live threads are likely to add: this run's and all others'.
    pub reserved: i64,
    /// What the agent itself adds to that was sent already: of it nothing is left to be kept back.
    pub all_sent: bool,
    /// What `reserved` would be if this run went on with the next model of the ladder; `None`
    /// where it can't.
    pub reserved_if_routed: Option<i64>,
    /// A turn is under way, so that grace applies.
    pub turn_under_way: bool,
    /// The agent was told to commit and sum up: what its stop lets be spent for that counts.
    pub wraps_up: bool,
    /// The most severe step that has fired so far.
    pub fired: Option<StepId>,
}

/// A step that applies now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fired {
    /// Which of the budget's steps.
    pub step: StepId,
    /// What to do.
    pub verb: Verb,
    /// Why now.
    pub why: Why,
}

/// Why a step applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its threshold was reached.
    Reached,
    /// The next request would pass the limit.
    NextWouldPass,
}

/// The most severe step of the budget that applies and has not fired.
pub fn judge(budget: &Budget, standing: &Standing) -> Option<Fired> {
    let due = new_steps(budget, standing)
        .filter_map(|(id, step)| applies(budget, step, standing).map(|why| Fired { step: id, verb: step.verb, why }))
        .next_back()?;
    if due.why == Why::NextWouldPass
        && let Some(milder) = route_that_makes_room(budget, standing, due.step)
    {
        return Some(milder);
    }
    Some(due)
}

/// The steps that have not fired.
fn new_steps<'a>(budget: &'a Budget, standing: &Standing) -> impl DoubleEndedIterator<Item = (StepId, &'a Step)> {
    let fired = standing.fired;
    budget.own_steps().filter(move |(id, _)| Some(*id) > fired)
}

/// The step keeps the limit itself: it applies before a request that would pass it.
pub fn is_strict(step: &Step, limit: i64) -> bool {
    step.verb.is_hard() && is_at_limit(step, limit)
}

/// Nothing of the limit is left where the step applies.
pub fn is_at_limit(step: &Step, limit: i64) -> bool {
    step.at.amount(limit) >= limit
}

fn applies(budget: &Budget, step: &Step, standing: &Standing) -> Option<Why> {
    let threshold = step.at.amount(standing.limit);
    if !is_strict(step, standing.limit) {
        let end = threshold.saturating_add(wrap_up(step, standing));
        return (standing.spent >= end).then_some(Why::Reached);
    }
    let end = threshold.saturating_add(past_limit(budget, step, standing));
    if budget.unit() == Unit::ToolCalls {
        // Asking costs no call: an agent that has made its last one may still say its last word.
        let passes = standing.reserved > 0 && standing.spent.saturating_add(standing.reserved) > end;
        return passes.then_some(Why::NextWouldPass);
    }
    if standing.spent >= end {
        Some(Why::Reached)
    } else if !standing.all_sent && standing.spent.saturating_add(standing.reserved) > end {
        Some(Why::NextWouldPass)
    } else {
        None
    }
}

/// How far past its limit the budget lets the turn finish that is under way.
pub fn grace(budget: &Budget, standing: &Standing) -> i64 {
    if standing.turn_under_way { part_of(standing.limit, budget.grace) } else { 0 }
}

/// How far past its limit the budget lets an agent go that is at this step: by grace, or to sum up, whichever is more.
pub fn past_limit(budget: &Budget, step: &Step, standing: &Standing) -> i64 {
    grace(budget, standing).max(wrap_up(step, standing))
}

fn wrap_up(step: &Step, standing: &Standing) -> i64 {
    step.wrap_up.filter(|_| standing.wraps_up).unwrap_or(0)
}

fn route_that_makes_room(budget: &Budget, standing: &Standing, before: StepId) -> Option<Fired> {
    let routed = standing.reserved_if_routed?;
    if standing.spent.saturating_add(routed) > standing.limit.saturating_add(grace(budget, standing)) {
        return None;
    }
    new_steps(budget, standing)
        .take_while(|(id, _)| *id < before)
        .find(|(_, step)| step.verb == Verb::Route && step.may.is_none())
        .map(|(id, step)| Fired { step: id, verb: step.verb, why: Why::NextWouldPass })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{BudgetName, Quantity, Unit};
    use crate::policy::rule::{Layer, Threshold, Window};
    use crate::policy::scope::Scope;

    fn budget(steps: &[(u32, Verb)], grace: u32) -> Budget {
        Budget {
            name: BudgetName::new("each run"),
            scope: Scope::of_run(),
            window: Window::Life,
            limit: Some(Quantity { unit: Unit::Tok, amount: 1000 }),
            limits: BTreeMap::new(),
            steps: steps
                .iter()
                .map(|&(share, verb)| Step {
                    at: Threshold::Share(share),
                    verb,
                    may: None,
                    say: None,
                    to: None,
                    wait: Duration::from_secs(60),
                    otherwise: Verb::Stop,
                    wrap_up: None,
                    insists: false,
                })
                .collect(),
            allot: None,
            grace,
            observe: false,
            layer: Layer::Flags,
            line: None,
        }
    }

    fn ladder() -> Budget {
        budget(&[(500, Verb::Warn), (900, Verb::Route), (1000, Verb::Ask)], 0)
    }

    fn nth(budget: &Budget, place: usize) -> StepId {
        budget.own_steps().nth(place).unwrap().0
    }

    fn spent(spent: i64, reserved: i64) -> Standing {
        Standing { limit: 1000, spent, reserved, ..Standing::default() }
    }

    fn verb(budget: &Budget, standing: Standing) -> Option<Verb> {
        judge(budget, &standing).map(|fired| fired.verb)
    }

    #[test]
    fn steps_apply_at_their_share() {
        let cases =
            [(0, None), (499, None), (500, Some(Verb::Warn)), (900, Some(Verb::Route)), (1000, Some(Verb::Ask))];
        for (amount, expected) in cases {
            assert_eq!(verb(&ladder(), spent(amount, 0)), expected, "{amount}");
        }
    }

    #[test]
    fn the_limit_counts_what_is_about_to_be_spent_and_mild_steps_do_not() {
        assert_eq!(verb(&ladder(), spent(400, 200)), None);
        assert_eq!(verb(&ladder(), spent(400, 600)), None, "exactly full still fits");
        assert_eq!(verb(&ladder(), spent(400, 601)), Some(Verb::Ask));
    }

    #[test]
    fn a_route_that_makes_room_is_tried_before_the_limit_bites() {
        let mut standing = spent(850, 200);
        standing.reserved_if_routed = Some(100);
        assert_eq!(verb(&ladder(), standing), Some(Verb::Route));
        standing.reserved_if_routed = Some(151);
        assert_eq!(verb(&ladder(), standing), Some(Verb::Ask));
        standing.reserved_if_routed = Some(100);
        standing.fired = Some(nth(&ladder(), 1));
        assert_eq!(verb(&ladder(), standing), Some(Verb::Ask), "the route has fired already");
    }

    #[test]
    fn a_route_that_makes_room_and_more_than_one_step_takes_the_first_that_has_not_fired() {
        let twice = budget(&[(300, Verb::Route), (900, Verb::Route), (1000, Verb::Ask)], 0);
        let mut standing = spent(850, 200);
        standing.reserved_if_routed = Some(0);
        assert_eq!(judge(&twice, &standing).map(|fired| fired.step), Some(nth(&twice, 0)));
        standing.fired = Some(nth(&twice, 0));
        assert_eq!(judge(&twice, &standing).map(|fired| fired.step), Some(nth(&twice, 1)));
    }

    #[test]
    fn a_limit_that_is_spent_is_not_routed_around() {
        let mut standing = spent(1000, 0);
        standing.reserved_if_routed = Some(0);
        assert_eq!(verb(&ladder(), standing), Some(Verb::Ask));
    }

    #[test]
    fn a_hard_step_before_the_limit_looks_at_spend_alone() {
        let early = budget(&[(800, Verb::Ask), (1000, Verb::Stop)], 0);
        assert_eq!(verb(&early, spent(700, 200)), None);
        assert_eq!(verb(&early, spent(800, 0)), Some(Verb::Ask));
        assert_eq!(verb(&early, spent(800, 201)), Some(Verb::Stop));
    }

    #[test]
    fn what_is_left_counts_under_the_limit_as_it_is() {
        let mut left = budget(&[(1000, Verb::Stop)], 0);
        left.steps.insert(0, Step { at: Threshold::Left(200), verb: Verb::Warn, ..left.steps[0].clone() });
        assert_eq!(verb(&left, spent(799, 0)), None);
        assert_eq!(verb(&left, spent(800, 0)), Some(Verb::Warn));
        assert_eq!(verb(&left, Standing { limit: 1500, ..spent(1000, 0) }), None);
    }

    #[test]
    fn absurd_amounts_reach_the_limit_and_wrap_nothing_round() {
        for standing in [spent(i64::MAX, i64::MAX), spent(500, i64::MAX), spent(i64::MAX, 0)] {
            assert_eq!(verb(&ladder(), standing), Some(Verb::Ask), "{standing:?}");
        }
    }

    #[test]
    fn a_step_fires_once() {
        let mut standing = spent(950, 0);
        standing.fired = Some(nth(&ladder(), 1));
        assert_eq!(verb(&ladder(), standing), None);
    }

    #[test]
    fn grace_lets_the_turn_finish_and_no_further() {
        let strict = budget(&[(1000, Verb::Stop)], 100);
        let in_a_turn = |spent_so_far, reserved| Standing { turn_under_way: true, ..spent(spent_so_far, reserved) };
        assert_eq!(verb(&strict, in_a_turn(1050, 50)), None, "exactly full still fits");
        let why = judge(&strict, &in_a_turn(1050, 51)).map(|fired| fired.why);
        assert_eq!(why, Some(Why::NextWouldPass), "what is likely to come counts in grace as well");
        assert_eq!(judge(&strict, &in_a_turn(1100, 0)).map(|fired| fired.why), Some(Why::Reached));
        assert_eq!(verb(&strict, spent(1000, 0)), Some(Verb::Stop), "between turns the limit is the limit");
    }

    #[test]
    fn an_agent_that_sums_up_may_spend_so_much_more_and_no_further() {
        let mut strict = budget(&[(1000, Verb::Stop)], 0);
        strict.steps[0].wrap_up = Some(100);
        let sums_up = |amount, reserved| Standing { wraps_up: true, ..spent(amount, reserved) };
        assert_eq!(verb(&strict, spent(950, 60)), Some(Verb::Stop), "it was not told to");
        assert_eq!(verb(&strict, sums_up(1050, 50)), None, "exactly full still fits");
        assert_eq!(verb(&strict, sums_up(1050, 51)), Some(Verb::Stop));
        assert_eq!(verb(&strict, sums_up(1100, 0)), Some(Verb::Stop));
        strict.grace = 50;
        let both = Standing { turn_under_way: true, ..sums_up(1050, 51) };
        assert_eq!(verb(&strict, both), Some(Verb::Stop), "grace adds nothing to it");
        let mut early = budget(&[(800, Verb::Stop)], 0);
        early.steps[0].wrap_up = Some(100);
        assert_eq!((verb(&early, sums_up(899, 0)), verb(&early, sums_up(900, 0))), (None, Some(Verb::Stop)));
    }

    proptest! {
        #[test]
        fn more_spend_never_weakens_the_verdict(a in 0_i64..2000, more in 0_i64..2000, reserved in 0_i64..500) {
            let less = verb(&ladder(), spent(a, reserved));
            let greater = verb(&ladder(), spent(a + more, reserved));
            prop_assert!(greater >= less);
        }

        #[test]
        fn no_request_goes_past_limit_and_grace_by_what_it_is_likely_to_add(
            spent_so_far in 0_i64..2000,
            reserved in 0_i64..500,
            grace in 0_u32..500,
            turn_under_way: bool,
        ) {
            let strict = budget(&[(1000, Verb::Stop)], grace);
            let end = 1000 + if turn_under_way { i64::from(grace) } else { 0 };
            let fired = verb(&strict, Standing { turn_under_way, ..spent(spent_so_far, reserved) });
            prop_assert_eq!(fired.is_none(), spent_so_far < end && spent_so_far + reserved <= end);
        }

        #[test]
        fn more_reserved_never_weakens_the_verdict(a in 0_i64..2000, reserved in 0_i64..500, more in 0_i64..500) {
            prop_assert!(verb(&ladder(), spent(a, reserved + more)) >= verb(&ladder(), spent(a, reserved)));
        }
    }
}
