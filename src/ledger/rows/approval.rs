//! A question as it is stored and linked.

use rusqlite::Row;
use serde::{Deserialize, Serialize};

use crate::ledger::LedgerError;
use crate::ledger::values::{moment, unit};
use crate::model::event::Answer;
use crate::model::{AgentName, Approval, ApprovalId, ApprovalState, BudgetName, Quantity, RunId, Subject, Unit};

/// A question as it is stored and linked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ledger) struct ApprovalRow {
    pub(in crate::ledger) id: i64,
    key: String,
    run: String,
    agent: String,
    budget: String,
    scope: String,
    window: Option<i64>,
    unit: String,
    extend: i64,
    question: String,
    asked: i64,
    deadline: Option<i64>,
    state: String,
    answer: Option<String>,
    by: Option<String>,
    reason: Option<String>,
    answered: Option<i64>,
    /// `None`: asked by a govern that did not write it down.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    about: Option<String>,
    /// The step before the limit that asks, as JSON.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(in crate::ledger) step: Option<String>,
    /// Who may answer, as JSON.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    approvers: Option<String>,
    /// Who has said yes so far, as JSON.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(in crate::ledger) votes: Option<String>,
}

/// All columns, in the order of [`ApprovalRow::read`]. Add a `WHERE`.
pub(in crate::ledger) const SELECT: &str =
    "SELECT a.id, a.key, r.id, a.agent, a.budget, a.scope, a.window, a.unit, a.extend,
    a.question, a.asked, a.deadline, a.state, a.answer, a.by, a.reason, a.answered, a.about, a.step,
    a.approvers, a.votes
    FROM approvals a JOIN runs r ON r.no = a.run_no";

impl ApprovalRow {
    pub(in crate::ledger) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            key: row.get(1)?,
            run: row.get(2)?,
            agent: row.get(3)?,
            budget: row.get(4)?,
            scope: row.get(5)?,
            window: row.get(6)?,
            unit: row.get(7)?,
            extend: row.get(8)?,
            question: row.get(9)?,
            asked: row.get(10)?,
            deadline: row.get(11)?,
            state: row.get(12)?,
            answer: row.get(13)?,
            by: row.get(14)?,
            reason: row.get(15)?,
            answered: row.get(16)?,
            about: row.get(17)?,
            step: row.get(18)?,
            approvers: row.get(19)?,
            votes: row.get(20)?,
        })
    }

    /// Nobody has decided it yet.
    pub(in crate::ledger) fn is_pending(&self) -> bool {
        self.state == ApprovalState::Pending.as_str()
    }

    /// Somebody, or the deadline, has decided it.
    pub(in crate::ledger) fn is_answered(&self) -> bool {
        let undecided = [ApprovalState::Pending, ApprovalState::Withdrawn];
        !undecided.iter().any(|state| state.as_str() == self.state)
    }

    /// A govern wrote it that did not write down what questions are about.
    pub(in crate::ledger) fn is_of_first_version(&self) -> bool {
        self.about.is_none()
    }

    /// The run that asked.
    pub(in crate::ledger) fn run(&self) -> RunId {
        RunId::new(&self.run)
    }

    pub(in crate::ledger) fn approval(self) -> Result<Approval, LedgerError> {
        let id = self.id;
        let answer: Option<Answer> = self
            .answer
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|error| LedgerError::unreadable(format!("the answer of approval {id}: {error}")))?;
        let (extend, scope) = (Quantity { unit: unit(&self.unit)?, amount: self.extend }, self.scope);
        let about = match &self.about {
            Some(word) => Subject::from_str_exact(word)
                .ok_or_else(|| LedgerError::unreadable(format!("approval {id} is about `{word}`")))?,
            None => inferred_subject(&extend, &scope),
        };
        let unreadable = |error| LedgerError::unreadable(format!("the names of approval {id}: {error}"));
        let may = self.approvers.map(|text| serde_json::from_str(&text)).transpose().map_err(unreadable)?;
        let votes = self.votes.map(|text| serde_json::from_str(&text)).transpose().map_err(unreadable)?;
        let answer = if self.about.is_some() { answer } else { answer.map(|answer| as_written_now(answer, about)) };
        Ok(Approval {
            id: ApprovalId(id),
            run: RunId::new(self.run),
            agent: AgentName::new(self.agent),
            budget: BudgetName::new(self.budget),
            scope,
            window: self.window.map(moment).transpose()?,
            question: self.question,
            extend,
            about,
            asked: moment(self.asked)?,
            deadline: self.deadline.map(moment).transpose()?,
            state: ApprovalState::from_str_exact(&self.state)
                .ok_or_else(|| LedgerError::unreadable(format!("approval {id} is `{}`", self.state)))?,
            answer,
            by: self.by,
            reason: self.reason,
            answered: self.answered.map(moment).transpose()?,
            may,
            votes: votes.unwrap_or_default(),
        })
    }
}

/// What a question is about that says so only by its unit and scope.
fn inferred_subject(extend: &Quantity, scope: &str) -> Subject {
    if extend.unit == Unit::ToolCalls && scope.contains(", call=") {
        Subject::Call
    } else if extend.amount == 0 {
        Subject::Alert
    } else {
        Subject::Limit
    }
}

/// An answer of an older govern, which had one form for what are several today.
fn as_written_now(answer: Answer, about: Subject) -> Answer {
    match (answer, about) {
        (Answer::Extend { .. }, Subject::Call | Subject::Alert) => Answer::Once,
        (Answer::Stop, Subject::Call) => Answer::Refuse,
        (answer, _) => answer,
    }
}
