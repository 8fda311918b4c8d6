//! Answers that people give: who may, whether enough have, and what is replied to one that does not count.

use crate::decide::Governor;
use crate::decide::message::Question;
use crate::decide::people::channel;
use crate::decide::people::quorum::Counted;
use crate::gate::message::Reply;
use crate::model::{Answer, Answerer, ApprovalId, Door, MayAnswer};
use crate::policy::rule::Approvals;
use crate::report::approvals::answer_text;

use super::login::{own_login, started_by};
use super::not_taken::NotTaken;

/// What a counted answer comes to.
pub(crate) enum Agreed {
    /// It is given, by these.
    By(String),
    /// Others have to agree yet.
    NotYet(String),
    /// It does not count.
    Not(NotTaken),
}

/// Whether enough have said so, in words.
pub(crate) fn agreed(
    approvals: &Approvals,
    counted: Counted,
    who: &Answerer,
    (question, answer): (&Question, &Answer),
) -> Agreed {
    let by = approvals.by(who);
    let what = answer_text(answer, question.key.unit, question.about.into());
    match counted {
        Counted::Enough(all) => Agreed::By(all.iter().map(|one| approvals.by(one)).collect::<Vec<_>>().join(" and ")),
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

pub(crate) fn nobody_waits(approval: ApprovalId) -> NotTaken {
    NotTaken::new(format!("nobody waits for approval {approval} here any more"))
        .hint("`govern approvals` shows what waits")
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
    channel::may_answer(governor.policy(), (&own, &started_by()), &question.agent, &of)
}

pub(crate) fn refused(not: NotTaken) -> Reply {
    Reply::Refused { why: not.why, hint: not.hint }
}
