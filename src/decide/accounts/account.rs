//! One budget for one thing in one window, as this run sees it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{
    AgentName, ApprovalId, BudgetKey, Dimension, Grant, Granted, Money, Quantity, Response, RunId, ThreadId, Timestamp,
    Unit, Verb, WorkClass, part_of, scope_in_words,
};
use crate::policy::rule::{Budget, Step, StepId, Threshold, Window};
use crate::policy::scope::Value;
use crate::policy::verdict::{is_at_limit, is_strict};
use crate::policy::window::Bounds;

use crate::decide::agents::ids::AgentId;

/// What the ledger knows beyond this run. Asked within the turn's own transaction, so that two
/// runs cannot both take the last dollar.
pub trait Books {
    /// Spent in the ledger, this run included: all that the query counts.
    fn spent(&self, query: &SpentQuery<'_>) -> i64;
    /// Lifted so far.
    fn extended(&self, key: &BudgetKey) -> i64;
    /// What people's answers have lifted it by, since then.
    fn given(&self, key: &BudgetKey, since: Option<Timestamp>) -> i64;
    /// What people let be spent beyond limits, before it was needed.
    fn grants(&self) -> Vec<Grant> {
        Vec::new()
    }
    /// Claimed by other live runs.
    fn reserved_by_others(&self, key: &BudgetKey) -> i64;
    /// What an agent's responses cost in this run, as far as they have a price.
    fn cost(&self, run: &RunId, agent: &AgentName) -> Money;
    /// The steps of this budget before its limit that a person has said yes to, since then.
    fn passed(&self, _key: &BudgetKey, _since: Option<Timestamp>) -> Vec<Threshold> {
        Vec::new()
    }
    /// How many sub-agents were started, in the life of what is asked about.
    fn started(&self, of: &Started<'_>) -> u64;
    /// How many steps a thread stands below the root of its family; 0 for a root, and for one that is not known.
    fn depth(&self, thread: &ThreadId) -> u32;
    /// The limit under which this run's agents were told to commit and sum up, the last time.
    fn wrapped_up(&self, _run: &RunId, _key: &BudgetKey) -> Option<i64> {
        None
    }
    /// The last answer to a question about this call, if it let the call run again.
    fn let_again(&self, key: &BudgetKey) -> Option<Leave>;
}

/// Whose sub-agents are counted.
#[derive(Clone, Copy, Debug)]
pub struct Started<'a> {
    /// Those of this run, in all its lives.
    pub run: &'a RunId,
    /// Only this agent's.
    pub agent: Option<&'a AgentName>,
    /// Only those that this thread started itself, in this and other runs.
    pub thread: Option<&'a ThreadId>,
}

/// A person's leave to run a call again, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leave {
    /// The question that it answered.
    pub approval: ApprovalId,
    /// Who gave it, and through what.
    pub by: String,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// For how long; `None`: as long as the run lives.
    pub time: Option<Duration>,
}

impl Leave {
    /// It holds at this moment. Before it was given, as a clock that was set back says, it does not.
    pub fn holds(&self, now: Timestamp) -> bool {
        let Some(time) = self.time else { return true };
        (now - self.at).to_std().is_ok_and(|passed| passed < time)
    }
}

/// What a budget counts for one thing in one window.
#[derive(Clone, Debug)]
pub struct SpentQuery<'a> {
    /// The values it is counted per; `None` is "unknown".
    pub values: Vec<(&'a Dimension, Option<&'a str>)>,
    /// The budget, for its `only` patterns and unit.
    pub budget: &'a Budget,
    /// The window, [start, end).
    pub bounds: Bounds,
}

impl SpentQuery<'_> {
    /// What is counted.
    pub fn unit(&self) -> Unit {
        self.budget.unit()
    }

    /// A row of sums, by the values of `per` and then of `only`, belongs to it.
    pub fn counts(&self, row: &[Option<String>]) -> bool {
        let per: Vec<Option<&str>> = self.values.iter().map(|(_, value)| *value).collect();
        self.budget.scope.counts_row(&per, row)
    }
}

/// A budget's count for one thing in one window.
#[derive(Clone, Debug)]
pub struct Account {
    /// The budget that it counts for, and is judged by.
    pub rule: Arc<Budget>,
    /// What it is counted per: the budget's dimensions, and the run where an agent's life ends with it.
    pub per: Vec<Dimension>,
    /// Their values.
    pub values: Vec<Option<String>>,
    /// What it is reserved, extended and asked under.
    pub key: BudgetKey,
    /// The window.
    pub bounds: Bounds,
    /// The limit before extensions, in the unit's smallest part.
    pub base: i64,
    /// Lifted so far.
    pub extended: i64,
    /// What grants add to the limit at this moment.
    pub granted: Granted,
    /// Spent so far, by all runs.
    pub spent: i64,
    /// How much of that the books have elsewhere: another run, or an import, has recorded it under what does not count here.
    pub beside: i64,
    /// This run's claim.
    pub reserved: i64,
    /// What others have of it where it is kept elsewhere, as far as the last refusal told.
    pub elsewhere: i64,
    /// The books say the same of it. They may have more, where another process of this run has claimed before.
    pub is_claimed_so: bool,
    /// The most severe step that need not be carried out again on any agent.
    pub fired: Option<StepId>,
    /// Steps before the limit that a person answered: on to the next one. By what they are, since their amount is another
    /// one under a limit that was lifted.
    pub passed: Vec<Threshold>,
    /// When a step was last carried out: in a rolling window it may fire again one window later.
    pub fired_at: Option<Timestamp>,
    /// What was offered, or would have been, when a hard step was last carried out.
    pub offered: Option<i64>,
    /// The least by which it would have had to be lifted then, for the next request to fit.
    pub needed: Option<i64>,
    /// Agents were told to commit and sum up under this limit.
    pub(in crate::decide) wrapped_up: Option<i64>,
    /// That grace is being used was said.
    pub grace_said: bool,
    /// It is one agent's part of a budget that is divided.
    pub allotted: bool,
    /// The agents of this run that charge it.
    pub agents: BTreeSet<AgentId>,
}

impl Account {
    /// The account that a response (or the start of a run) falls under; `None` where the
    /// budget does not count it or has no limit for it.
    pub fn place(
        budget: &Arc<Budget>,
        timezone: chrono_tz::Tz,
        at: Timestamp,
        value: impl Fn(&Dimension) -> Option<String>,
    ) -> Option<Self> {
        if !budget.scope.only.matches(&value) {
            return None;
        }
        let mut per = budget.scope.per.clone();
        if budget.window == Window::Life && per.contains(&Dimension::Agent) && !per.contains(&Dimension::Run) {
            // Another run's agent of the same name is another agent.
            per.push(Dimension::Run);
        }
        let values: Vec<Option<String>> = per.iter().map(value).collect();
        let refs: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
        let limit: Quantity = budget.limit_for(&refs)?;
        let bounds = budget.window.bounds(at, timezone);
        if bounds.start.is_some_and(|start| at < start) || bounds.end.is_some_and(|end| at >= end) {
            return None;
        }
        // A rolling window's start moves with the clock and can't name it.
        let window_start = match budget.window {
            Window::Rolling(_) | Window::Life | Window::Total => None,
            Window::Calendar(_) | Window::Between(..) => bounds.start,
        };
        let key =
            BudgetKey { budget: budget.name.clone(), scope: scope(&per, &values), window_start, unit: limit.unit };
        Some(Self {
            rule: Arc::clone(budget),
            per,
            values,
            key,
            bounds,
            base: limit.amount,
            extended: 0,
            granted: Granted::default(),
            spent: 0,
            beside: 0,
            reserved: 0,
            elsewhere: 0,
            is_claimed_so: true,
            fired: None,
            passed: Vec::new(),
            fired_at: None,
            offered: None,
            needed: None,
            wrapped_up: None,
            grace_said: false,
            allotted: false,
            agents: BTreeSet::new(),
        })
    }

    /// The account for the same thing in the window of this moment; `None` where that is the same
    /// window, or none.
    pub fn in_window_of(&self, timezone: chrono_tz::Tz, at: Timestamp) -> Option<Self> {
        let bounds = self.rule.window.bounds(at, timezone);
        if bounds == self.bounds || !bounds.contains(at) {
            return None;
        }
        let key = BudgetKey { window_start: bounds.start, ..self.key.clone() };
        let fresh = Self {
            key,
            bounds,
            extended: 0,
            granted: Granted::default(),
            spent: 0,
            beside: 0,
            reserved: 0,
            elsewhere: 0,
            is_claimed_so: true,
            fired: None,
            fired_at: None,
            passed: Vec::new(),
            ..self.clone()
        };
        Some(Self { grace_said: false, wrapped_up: None, agents: BTreeSet::new(), ..fresh })
    }

    /// It counts for this very budget: an allotment's has the name of the one that it is a part of.
    pub(in crate::decide) fn is_of(&self, budget: &Arc<Budget>) -> bool {
        Arc::ptr_eq(&self.rule, budget)
    }

    /// Its agents were told to commit and sum up, and the limit was not lifted since.
    pub(in crate::decide) fn wraps_up(&self) -> bool {
        self.wrapped_up == Some(self.limit())
    }

    /// Its window is over.
    pub fn is_past(&self, now: Timestamp) -> bool {
        self.bounds.end.is_some_and(|end| now >= end)
    }

    /// It is over no class of work, or over that of this response.
    pub(in crate::decide) fn takes_work_of(&self, last: Option<&Response>) -> bool {
        let class = last.map_or(Some(WorkClass::UNTIL_IT_WRITES), |last| last.work);
        self.rule.scope.only.may_match(|dimension| match dimension {
            Dimension::Work => Value::Is(class.map(WorkClass::as_str)),
            _ => Value::Open,
        })
    }

    /// It counts this response, its window aside.
    pub fn counts(&self, response: &Response) -> bool {
        self.holds(|dimension| response.get(dimension))
    }

    /// It counts what has these values, its window aside.
    pub fn holds<T: AsRef<str>>(&self, value: impl Fn(&Dimension) -> Option<T>) -> bool {
        self.may_hold(|dimension| Value::Is(value(dimension)))
    }

    /// The same, where a value that is open may be any.
    pub fn may_hold<T: AsRef<str>>(&self, value: impl Fn(&Dimension) -> Value<T>) -> bool {
        let same = self.per.iter().zip(&self.values).all(|(dimension, wanted)| match value(dimension) {
            Value::Is(found) => found.as_ref().map(AsRef::as_ref) == wanted.as_deref(),
            Value::Open => true,
        });
        same && self.rule.scope.only.may_match(value)
    }

    /// Reads from the ledger what was spent and lifted so far.
    pub fn open(&mut self, books: &dyn Books) {
        self.spent = self.ask_spent(books);
        self.extended = books.extended(&self.key);
        self.pass(books.passed(&self.key, self.answered_since()));
    }

    /// Reads from the ledger what was spent so far. What is no sum of responses stays as it was counted.
    pub fn sum_again(&mut self, books: &dyn Books) {
        match self.key.unit {
            Unit::Usd | Unit::Credits | Unit::Tok | Unit::AllTok | Unit::Responses => {
                self.spent = self.ask_spent(books);
            }
            Unit::ToolCalls | Unit::Minutes => {}
        }
    }

    /// Asks again what was spent: others spend from it, too.
    pub(in crate::decide) fn recount(&mut self, books: &dyn Books) {
        self.spent = self.ask_spent(books);
    }

    /// Counts a rolling window again: what has left it is no longer spent. Says whether steps may
    /// fire once more: the last one fired a whole window ago.
    pub fn roll(&mut self, timezone: chrono_tz::Tz, now: Timestamp, books: &dyn Books) -> bool {
        let Window::Rolling(length) = self.rule.window else { return false };
        self.bounds = self.rule.window.bounds(now, timezone);
        self.spent = self.ask_spent(books);
        let since = self.fired_at.and_then(|fired| (now - fired).to_std().ok());
        let anew = since.is_some_and(|since| since >= length);
        if anew && !self.passed.is_empty() {
            self.passed = books.passed(&self.key, self.bounds.start);
        }
        anew
    }

    /// From when on answers about it count together; `None`: its key names the window, or it has none.
    pub fn answered_since(&self) -> Option<Timestamp> {
        match self.rule.window {
            Window::Rolling(_) => self.bounds.start,
            Window::Life | Window::Calendar(_) | Window::Between(..) | Window::Total => None,
        }
    }

    /// A person let it go past these steps.
    pub fn pass(&mut self, steps: impl IntoIterator<Item = Threshold>) {
        for step in steps {
            if !self.passed.contains(&step) {
                self.passed.push(step);
            }
        }
    }

    fn ask_spent(&self, books: &dyn Books) -> i64 {
        let values = self.per.iter().zip(self.values.iter().map(Option::as_deref)).collect();
        books.spent(&SpentQuery { values, budget: &self.rule, bounds: self.bounds }).saturating_add(self.beside)
    }

    /// What a plain yes at this mark lifts the limit by: a fifth of the policy's limit, or what going on needs where that is
    /// more (something, also where nobody can say how much); never a figure of more than two digits.
    pub fn offer(&self, at: Threshold, reserved: i64) -> i64 {
        let offer = round_up(self.short_of(at, reserved).max(self.base / 5).max(1));
        match self.key.unit {
            // A second is the least that is shown, and typed.
            Unit::Minutes => offer.saturating_add(999) / 1_000 * 1_000,
            Unit::Usd | Unit::Credits | Unit::Tok | Unit::AllTok | Unit::Responses | Unit::ToolCalls => offer,
        }
    }

    /// By how much the limit is too small to go on at this mark: before the limit for the mark to lie ahead, at the limit or
    /// past it for what is reserved to fit; something also where nobody can say what the next request needs.
    pub fn short_of(&self, at: Threshold, reserved: i64) -> i64 {
        let strict = at.amount(self.limit()) >= self.limit();
        self.rise(at, self.spent.saturating_add(if strict { reserved.max(1) } else { 1 }))
    }

    /// The least by which the limit must rise for this mark to lie at so much or beyond; zero where it does.
    pub fn rise(&self, at: Threshold, to: i64) -> i64 {
        let reaches = |by: i64| at.amount(self.limit().saturating_add(by)) >= to;
        if reaches(0) {
            return 0;
        }
        // The mark rises with the limit, so that the least rise is found by halving.
        let (mut low, mut high) = (0, to.saturating_sub(self.limit()).max(self.base).max(1));
        while !reaches(high) {
            let Some(twice) = high.checked_mul(2) else { return i64::MAX };
            high = twice;
        }
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if reaches(middle) { high = middle } else { low = middle }
        }
        high
    }

    /// The limit, extensions and grants included.
    pub fn limit(&self) -> i64 {
        self.base.saturating_add(self.extended).saturating_add(self.granted.amount)
    }

    /// Lifts the limit.
    pub fn extend(&mut self, amount: i64) {
        self.extended = self.extended.saturating_add(amount);
        self.grace_said = false;
    }

    /// What remains of `fired` under the limit as it is: steps that lie ahead once more may fire again.
    pub fn still_behind(&self, fired: Option<StepId>) -> Option<StepId> {
        let limit = self.limit();
        let behind = |(id, step): &(StepId, &Step)| Some(*id) <= fired && step.at.amount(limit) <= self.spent;
        self.rule.own_steps().rfind(behind).map(|(id, _)| id)
    }

    /// The last step before the limit that a person let it go past: it asks no more in this window, also where the limit
    /// was lifted. One that no other step comes after asks at the limit, too.
    pub fn answered_step(&self) -> Option<StepId> {
        let limit = self.limit();
        let passed = self.passed.iter().map(|step| step.amount(limit)).max()?.min(self.spent);
        let answered = |step: &Step| step.at.amount(limit) <= passed && !is_at_limit(step, limit);
        let (last, _) = self.rule.own_steps().rfind(|(_, step)| answered(step))?;
        let kept = self.rule.own_steps().any(|(id, step)| id > last && step.verb.is_hard());
        (kept || self.spent < limit).then_some(last)
    }

    /// Takes the steps that are behind already as fired, without firing them: a run that goes on
    /// does not repeat its warnings.
    pub fn pass_mild_steps(&mut self) {
        let limit = self.limit();
        self.fired = self
            .rule
            .own_steps()
            .take_while(|(_, step)| !step.verb.is_hard() || (step.may.is_some() && !is_strict(step, limit)))
            // A throttle is no warning: it goes on with the run.
            .filter(|(_, step)| step.verb != Verb::Throttle && step.at.amount(limit) <= self.spent)
            .map(|(id, _)| id)
            .last();
    }

    /// `$4.93 + $0.21 reserved of $5.00 (each run)`.
    pub fn show(&self, reserved: i64) -> String {
        let unit = self.key.unit;
        let reserved = if reserved > 0 { format!(" + {} reserved", unit.show(reserved)) } else { String::new() };
        let scope = match self.key.scope.as_str() {
            "" => String::new(),
            _ if self.allotted => {
                let agent = self.values.first().and_then(Option::as_deref).unwrap_or("?");
                format!(", allotted to {agent}")
            }
            scope if scope.starts_with("run=") || scope.starts_with("agent=") || scope.starts_with("thread=") => {
                String::new()
            }
            scope => format!(", {}", scope_in_words(scope)),
        };
        format!("{}{reserved} of {} ({}{scope})", unit.show(self.spent), unit.show(self.limit()), self.key.budget)
    }

    /// How far the threshold lies above what was spent; `None` when it is behind.
    pub fn until(&self, threshold: Threshold) -> Option<i64> {
        let ahead = threshold.amount(self.limit()).saturating_sub(self.spent);
        (ahead > 0).then_some(ahead)
    }

    /// How far the end of grace lies above what was spent; `None` without grace, or behind it.
    pub fn until_grace_ends(&self) -> Option<i64> {
        let limit = self.limit();
        let end = limit.saturating_add(part_of(limit, self.rule.grace));
        Some(end.saturating_sub(self.spent)).filter(|ahead| self.rule.grace > 0 && *ahead > 0)
    }
}

/// What a response adds to a budget of this unit, in the unit's smallest part. Tool calls are counted when they
/// are made, minutes pass by the clock; an unpriced response adds nothing to money and is told apart.
pub fn amount(response: &Response, unit: Unit) -> i64 {
    let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
    match unit {
        Unit::Usd | Unit::Credits => response.cost.money().map_or(0, crate::model::Money::nanos),
        Unit::Tok => count(response.tokens.uncached()),
        Unit::AllTok => count(response.tokens.total()),
        Unit::Responses => 1,
        Unit::ToolCalls | Unit::Minutes => 0,
    }
}

/// Up to the next number whose third digit and all after it are zero.
pub(in crate::decide) fn round_up(amount: i64) -> i64 {
    let mut unit = 1_i64;
    while amount / unit >= 100 {
        unit = unit.saturating_mul(10);
    }
    // i64's largest numbers have no rounder one above them.
    amount.checked_add(unit - 1).map_or(amount, |above| above / unit * unit)
}

/// `team=web, client=acme`; an unknown value is `?`.
fn scope(per: &[Dimension], values: &[Option<String>]) -> String {
    per.iter()
        .zip(values)
        .map(|(dimension, value)| format!("{dimension}={}", value.as_deref().unwrap_or("?")))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::round_up;

    #[test]
    fn offers_are_round() {
        let cases = [(1, 1), (99, 99), (100, 100), (101, 110), (13_600, 14_000), (20_000_000, 20_000_000), (999, 1000)];
        for (amount, round) in cases {
            assert_eq!(round_up(amount), round, "{amount}");
        }
        assert_eq!(round_up(i64::MAX), i64::MAX);
    }
}
