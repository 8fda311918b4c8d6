//! Answers that people give to questions that wait: who may, whether enough have, and what is replied to one that does not
//! count.

use std::borrow::Cow;
use std::path::Path;

use crate::clock;
use crate::decide::Governor;
use crate::decide::message::{Input, Question};
use crate::decide::people::quorum::{Counted, Votes};
use crate::decide::people::{channel, permission};
use crate::gate::message::Reply;
use crate::model::{Answer, Answerer, ApprovalId, Braked, Door, MayAnswer, Peer, TokenHash};
use crate::policy::rule::{Approvals, Policy};
use crate::report::approvals::answer_text;

use super::login::{own_login, started_by};
use super::refused_answer::NotTaken;
use super::tokens::{Says, Tokens};
use super::wanted_answer::describe;

/// An answer to a question that waits.
pub(crate) struct Given {
    pub(crate) approval: ApprovalId,
    pub(crate) question: Question,
    pub(crate) answer: Answer,
    pub(crate) who: Answerer,
    pub(crate) reason: Option<String>,
}

impl Given {
    /// What the governor hears of it, given by these.
    pub(crate) fn input(&self, by: Vec<Answerer>) -> Input {
        let (approval, answer, reason) = (self.approval, self.answer.clone(), self.reason.clone());
        Input::Answered { approval, answer, by, reason }
    }

    /// What it does, in words, to an agent that somebody has paused or not.
    pub(crate) fn what(&self, paused: Option<&Braked>) -> String {
        describe(&self.question, &self.answer, paused)
    }
}

/// What was said of the questions that wait here.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    tokens: Tokens,
    votes: Votes,
}

impl Answers {
    /// Who answers this question: whoever speaks, whom the sender of notices has heard, or whom the token was sent to.
    pub(crate) fn who(
        &mut self,
        approval: ApprovalId,
        says: Says,
        own: (Answerer, &Peer, &Path),
        governor: &Governor,
    ) -> Result<Answerer, NotTaken> {
        waiting(approval, governor)?;
        self.tokens.who(Some(approval), says, own, clock::monotonic())
    }

    /// Who lets a run that is paused go on, or else uses the brake: whoever speaks, or whom the token was sent to.
    pub(crate) fn who_brakes(
        &mut self,
        token: Option<String>,
        own: (Answerer, &Peer, &Path),
    ) -> Result<Answerer, NotTaken> {
        self.tokens.who(None, Says { who: None, token }, own, clock::monotonic())
    }

    /// A message with this token is about to be sent: it is known here, if an answer of its reader would be taken.
    pub(crate) fn expect(
        &mut self,
        approval: Option<ApprovalId>,
        hash: TokenHash,
        who: Answerer,
        governor: &Governor,
    ) -> Result<(), NotTaken> {
        let question = approval.and_then(|approval| governor.waits_for(approval));
        match question {
            Some(question) => permission::judge(&governor.approvals_of(&question), &who, &started_by(), None)?,
            None => permission::judge(&governor.policy().approvals, &who, &started_by(), None)?,
        }
        self.tokens.expect(approval, hash, who);
        Ok(())
    }

    /// Whether enough have said so.
    pub(crate) fn agree(&mut self, given: &Given, governor: &Governor) -> Agreed {
        let approvals = &*governor.approvals_of(&given.question);
        let about = (&given.question, &given.answer);
        let counted = self.votes.count(approvals, given.approval, about, &given.who);
        agreed(approvals, counted, &given.who, about)
    }

    /// A question is settled, or a pause is over (`None`): its tokens are dead, and nobody is counted any more.
    pub(crate) fn forget(&mut self, approval: Option<ApprovalId>) {
        self.tokens.forget(approval);
        approval.into_iter().for_each(|approval| self.votes.forget(approval));
    }
}

/// The question, if somebody waits for its answer here.
pub(crate) fn waiting(approval: ApprovalId, governor: &Governor) -> Result<Question, NotTaken> {
    governor.waits_for(approval).ok_or_else(|| {
        NotTaken::new(format!("nobody waits for approval {approval} here any more"))
            .hint("`govern approvals` shows what waits")
    })
}

/// What a counted answer comes to.
pub(crate) enum Agreed {
    /// It is given, by these.
    By(Vec<Answerer>),
    /// Others have to agree yet.
    NotYet(String),
    /// It does not count.
    Not(NotTaken),
}

/// Whether enough have said so, in words.
fn agreed(approvals: &Approvals, counted: Counted, who: &Answerer, (question, answer): (&Question, &Answer)) -> Agreed {
    let by = approvals.by(who);
    let what = answer_text(answer, question.key.unit, question.about.into());
    match counted {
        Counted::Enough(all) => Agreed::By(all),
        Counted::Short { have, need } => {
            Agreed::NotYet(format!("{by} says yes ({what}): {have} of {need} who have to have said so"))
        }
        Counted::Again { have, need } => {
            Agreed::Not(NotTaken::new(format!("{by} has said so before: {have} of {need} different persons have")))
        }
        Counted::Unknown(other) => Agreed::Not(
            NotTaken::new(format!(
                "whether `{}` and `{}` are two persons is not known, and it takes two",
                approvals.name(&who.identity),
                approvals.name(&other.identity)
            ))
            .hint("a `[[person]]` for each says so"),
        ),
    }
}

/// What is typed by whoever has the token of a letter, where such a one may.
pub(crate) fn by_token(not: NotTaken, command: Option<String>) -> NotTaken {
    match command {
        Some(command) => not.hint(format!("with the TOKEN of the letter that asked: {command}")),
        None => not,
    }
}

/// Who may answer this question, and by what.
pub(crate) fn may_answer(governor: &Governor, question: &Question) -> MayAnswer {
    let of = governor.agent(&question.agent).map(|agent| agent.setup.attribution.clone()).unwrap_or_default();
    let own = Answerer::login(own_login(), Door::Cli);
    match governor.approvals_of(question) {
        Cow::Borrowed(_) => channel::may_answer(governor.policy(), (&own, &started_by()), &question.agent, &of),
        Cow::Owned(approvals) => {
            let narrowed = Policy { approvals, ..governor.policy().clone() };
            channel::may_answer(&narrowed, (&own, &started_by()), &question.agent, &of)
        }
    }
}

pub(crate) fn refused(not: NotTaken) -> Reply {
    Reply::Refused { why: not.why, hint: not.hint }
}
