//! What the governor may ask of the ledger, answered within the turn's transaction.

use std::cell::RefCell;
use std::time::Duration;

use crate::decide::Books;
use crate::decide::account::{Leave, SpentQuery, Started};
use crate::ledger::wrapped_up::wrapped_up;
use crate::ledger::{CallQuery, LedgerError, Turn};
use crate::model::event::Answer;
use crate::model::{AgentName, BudgetKey, Dimension, Grant, Money, RunId, Sum, ThreadId, Threshold, Timestamp, Unit};

use super::is_live::lives;

/// The ledger in a turn. The governor is pure and takes no errors: the first one is kept, and the
/// turn that met it is rolled back.
pub(crate) struct TurnBooks<'a, 't> {
    turn: RefCell<&'a mut Turn<'t>>,
    error: RefCell<Option<LedgerError>>,
}

impl<'a, 't> TurnBooks<'a, 't> {
    pub(crate) fn new(turn: &'a mut Turn<'t>) -> Self {
        Self { turn: RefCell::new(turn), error: RefCell::new(None) }
    }

    /// The first error that an answer met.
    pub(crate) fn into_error(self) -> Result<(), LedgerError> {
        self.error.into_inner().map_or(Ok(()), Err)
    }

    fn keep<T: Default>(&self, result: Result<T, LedgerError>) -> T {
        result.unwrap_or_else(|error| {
            self.error.borrow_mut().get_or_insert(error);
            T::default()
        })
    }
}

impl TurnBooks<'_, '_> {
    fn called(&self, query: &SpentQuery<'_>) -> i64 {
        let only = query.budget.scope.only.dimensions().cloned();
        let dims: Vec<Dimension> = query.values.iter().map(|(dimension, _)| (*dimension).clone()).chain(only).collect();
        let named = |wanted: &Dimension| {
            query.values.iter().find(|(dimension, _)| *dimension == wanted).and_then(|(_, value)| *value)
        };
        let (run, thread) = (named(&Dimension::Run), named(&Dimension::Thread));
        let (since, until) = (query.bounds.start, query.bounds.end);
        let rows = self.keep(self.turn.borrow().sums().calls(&CallQuery { dims: &dims, run, thread, since, until }));
        rows.iter().filter(|(values, _)| query.counts(values)).map(|(_, calls)| calls).sum()
    }
}

impl Books for TurnBooks<'_, '_> {
    fn spent(&self, query: &SpentQuery<'_>) -> i64 {
        if query.unit() == Unit::ToolCalls {
            return self.called(query);
        }
        let mut dims: Vec<Dimension> = query.values.iter().map(|(dimension, _)| (*dimension).clone()).collect();
        let per = dims.len();
        dims.extend(query.budget.scope.only.dimensions().cloned());
        let turn = self.turn.borrow();
        if per == dims.len() {
            let scope: Vec<(Dimension, Option<String>)> =
                query.values.iter().map(|(dim, value)| ((*dim).clone(), value.map(str::to_owned))).collect();
            let sum = self.keep(turn.sums().spent(&scope, query.bounds.start, query.bounds.end));
            return counted(&sum, query);
        }
        let rows = self.keep(turn.sums().by(&dims, query.bounds.start, query.bounds.end));
        rows.iter()
            .filter(|(values, _)| query.counts(values))
            .fold(0_i64, |total, (_, sum)| total.saturating_add(counted(sum, query)))
    }

    fn extended(&self, key: &BudgetKey) -> i64 {
        self.keep(self.turn.borrow_mut().budgets().extended(key))
    }

    fn given(&self, key: &BudgetKey, since: Option<Timestamp>) -> i64 {
        self.keep(self.turn.borrow_mut().budgets().given(key, since))
    }

    fn grants(&self) -> Vec<Grant> {
        self.keep(self.turn.borrow_mut().budgets().grants())
    }

    fn reserved_by_others(&self, key: &BudgetKey) -> i64 {
        self.keep(self.turn.borrow_mut().budgets().reserved_by_others(key, &lives))
    }

    fn cost(&self, run: &RunId, agent: &AgentName) -> Money {
        let scope = [(Dimension::Run, run.to_string()), (Dimension::Agent, agent.to_string())];
        let scope = scope.map(|(dimension, value)| (dimension, Some(value)));
        self.keep(self.turn.borrow().sums().spent(&scope, None, None)).cost
    }

    fn passed(&self, key: &BudgetKey, since: Option<Timestamp>) -> Vec<Threshold> {
        self.keep(self.turn.borrow_mut().questions().steps_passed(key, since))
    }

    fn started(&self, of: &Started<'_>) -> u64 {
        self.keep(self.turn.borrow().sub_agents().started(of.run, of.agent, of.thread))
    }

    fn depth(&self, thread: &ThreadId) -> u32 {
        self.keep(self.turn.borrow().sub_agents().depth(thread))
    }

    fn wrapped_up(&self, run: &RunId, key: &BudgetKey) -> Option<i64> {
        self.keep(wrapped_up(&self.turn.borrow(), run, key))
    }

    fn let_again(&self, key: &BudgetKey) -> Option<Leave> {
        let approval = self.keep(self.turn.borrow_mut().questions().last_answered(key))?;
        let Some(Answer::Allow { seconds }) = approval.answer else { return None };
        let (by, at) = approval.by.zip(approval.answered)?;
        Some(Leave { approval: approval.id, by, at, time: seconds.map(Duration::from_secs) })
    }
}

/// Minutes are no sum of responses: they pass by the clock of the run.
fn counted(sum: &Sum, query: &SpentQuery<'_>) -> i64 {
    sum.amount(query.unit()).unwrap_or(0)
}

/// No ledger: nothing is known beyond this run.
pub(crate) struct NoBooks;

impl Books for NoBooks {
    fn spent(&self, _: &SpentQuery<'_>) -> i64 {
        0
    }

    fn extended(&self, _: &BudgetKey) -> i64 {
        0
    }

    fn given(&self, _: &BudgetKey, _: Option<Timestamp>) -> i64 {
        0
    }

    fn reserved_by_others(&self, _: &BudgetKey) -> i64 {
        0
    }

    fn cost(&self, _: &RunId, _: &AgentName) -> Money {
        Money::ZERO
    }

    fn started(&self, _: &Started<'_>) -> u64 {
        0
    }

    fn depth(&self, _: &ThreadId) -> u32 {
        0
    }

    fn let_again(&self, _: &BudgetKey) -> Option<Leave> {
        None
    }
}
