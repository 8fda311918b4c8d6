//! How a turn handles an input: the governor is asked, and the ledger's share of what it orders is written, as answers are.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock;
use crate::decide::message::{About, Input, News, Question, Settled};
use crate::decide::{Effect, Governor, Moment};
use crate::ledger::{self, LedgerError, Turn};
use crate::model::event::Answer;
use crate::model::{ApprovalState, Event, MayAnswer, RunId, Timestamp};

use super::answers::may_answer;
use super::books::TurnBooks;
use super::is_live::lives;
use super::login::started_by;
use super::notices;
use super::refused_answer::NotTaken;

/// What came of one input.
#[derive(Default)]
pub(crate) struct Handled {
    /// Why an answer was not taken; nothing comes of it then.
    pub(crate) not_taken: Option<NotTaken>,
    /// Somebody is to be told.
    pub(crate) posted: bool,
}

/// Hands one input to the governor, and writes down what comes of it: each effect is taken once it is. What follows from it
/// is the next in the queue.
pub(crate) fn handle(
    turn: &mut Turn<'_>,
    run: &RunId,
    governor: &mut Governor,
    (now, input): (Moment, Input),
    queue: &mut VecDeque<Input>,
    mut take: impl FnMut(&mut Turn<'_>, Effect, &mut VecDeque<Input>) -> Result<(), LedgerError>,
) -> Result<Handled, LedgerError> {
    let mut handled = Handled::default();
    if let Err(why) = take_answer(turn, governor, now, &input)? {
        handled.not_taken = Some(why);
        return Ok(handled);
    }
    handled.posted = matches!(input, Input::Answered { .. });
    let books = TurnBooks::new(turn);
    let effects = governor.handle(now, input, &books);
    books.into_error()?;
    for effect in effects {
        let recorded = record(turn, run, governor, &effect)?;
        handled.posted |= recorded.posted;
        recorded.follows.into_iter().for_each(|follows| queue.push_front(follows));
        take(turn, effect, queue)?;
    }
    Ok(handled)
}

/// What came of writing an effect down.
#[derive(Default)]
struct Recorded {
    /// What follows from it.
    follows: Option<Input>,
    /// Somebody is to be told.
    posted: bool,
}

/// Writes an effect's share into the ledger, and whom it is to be told; a question gets its number here.
fn record(turn: &mut Turn<'_>, run: &RunId, governor: &Governor, effect: &Effect) -> Result<Recorded, LedgerError> {
    let mut recorded = Recorded::default();
    match effect {
        Effect::Record { agent, kind } => {
            let (at, run) = (clock::now(), run.clone());
            recorded.posted = notices::of_event(turn, governor, &run, agent.as_ref(), kind)?;
            turn.append(&Event { at, run, agent: agent.clone(), kind: kind.clone() })?;
        }
        Effect::Claim { key, amount } => turn.budgets().reserve(key, *amount)?,
        Effect::Extend { key, amount, by, reason } => {
            turn.budgets().extend(key, *amount, by, reason.as_deref(), None)?;
        }
        Effect::Ask(question) => {
            let put = turn.questions().ask(&stored(question, may_answer(governor, question)), &lives)?;
            recorded.posted = notices::of_question(turn, governor, run, question, put)?;
            let until = |deadline: Timestamp| (deadline - clock::now()).to_std().unwrap_or_default();
            let left = (!put.new).then(|| put.deadline.map_or(Duration::MAX, until));
            recorded.follows = Some(Input::Asked { agent: question.agent.clone(), approval: put.approval, left });
        }
        Effect::Withdraw(approval) => {
            recorded.posted = turn.questions().leave(*approval, &lives)?;
        }
        Effect::Expire(approval, answer) => {
            recorded.posted =
                turn.questions().answer(*approval, ApprovalState::Expired, Some(answer), "deadline", None)?;
        }
        Effect::Freeze(_)
        | Effect::Thaw(_)
        | Effect::Look(_)
        | Effect::Tell { .. }
        | Effect::Answer { .. }
        | Effect::Open(_)
        | Effect::End(_)
        | Effect::Launch { .. }
        | Effect::Restart { .. }
        | Effect::Examine(_)
        | Effect::Again { .. }
        | Effect::Consult(_)
        | Effect::EndConsult(_)
        | Effect::Reserve { .. }
        | Effect::Release { .. }
        | Effect::Arm(..)
        | Effect::Say(_)
        | Effect::Refuse(_)
        | Effect::Finish { .. } => {}
    }
    Ok(recorded)
}

/// Writes an answer down, if the input is one: whoever carries it here, those who gave it are judged once more, the first
/// one alone counts, and it lifts no limit further than all answers may. Its extension is written in this same transaction.
fn take_answer(
    turn: &mut Turn<'_>,
    governor: &Governor,
    now: Moment,
    input: &Input,
) -> Result<Result<(), NotTaken>, LedgerError> {
    let Input::Answered { approval, answer, by, reason } = input else { return Ok(Ok(())) };
    let books = TurnBooks::new(turn);
    let may = governor.may_be_answered(now, (*approval, answer), (by, &started_by()), &books);
    books.into_error()?;
    if let Err(not) = may {
        return Ok(Err(not.into()));
    }
    let by = governor.policy().approvals.by_all(by);
    let state = if answer.is_yes() { ApprovalState::Approved } else { ApprovalState::Denied };
    Ok(match turn.questions().answer(*approval, state, Some(answer), &by, reason.as_deref())? {
        true => Ok(()),
        false => Err(NotTaken::new(format!("approval {approval} has been answered already"))),
    })
}

/// A question as the ledger keeps it.
fn stored(question: &Question, may: MayAnswer) -> ledger::Question {
    let wait = chrono::TimeDelta::from_std(question.wait).ok();
    ledger::Question {
        key: question.key.clone(),
        agent: question.agent.clone(),
        text: question.text.clone(),
        extend: question.extend.amount,
        deadline: wait.and_then(|wait| clock::now().checked_add_signed(wait)),
        about: question.about.into(),
        step: match question.about {
            About::Step { at, .. } => Some(at),
            About::Limit | About::Call(_) | About::Request(_) | About::Alert | About::Ahead | About::Review => None,
        },
        may,
    }
}

/// What other runs wrote, in the governor's words.
pub(crate) fn elsewhere(news: ledger::ForeignRows) -> News {
    News {
        responses: news.responses,
        many: news.many,
        extensions: news.extensions.into_iter().map(|extension| (extension.key, extension.amount)).collect(),
        answers: news
            .approvals
            .into_iter()
            .filter_map(|approval| {
                let answer = approval.answer.or(match approval.state {
                    ApprovalState::Expired => Some(Answer::Stop),
                    ApprovalState::Pending
                    | ApprovalState::Approved
                    | ApprovalState::Denied
                    | ApprovalState::Withdrawn => None,
                })?;
                let by = approval.by.unwrap_or_else(|| "somebody".to_owned());
                Some(Settled { approval: approval.id, answer, by, reason: approval.reason })
            })
            .collect(),
    }
}
