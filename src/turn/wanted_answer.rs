//! What somebody wishes becomes the answer to a question, or is refused with the reason; and what an answer did, in words.

use crate::decide::message::{About, Question};
use crate::decide::people::permission::{self, Lifting};
use crate::gate::message::Wish;
use crate::model::{Answer, AnswerWord, Answerer, Braked, Quantity};
use crate::policy::rule::Approvals;
use crate::report::approvals::answer_text;

use super::login::started_by;
use super::refused_answer::NotTaken;

/// The answer that a wish comes to for this question, if this person may give it. What earlier answers have used up of
/// `max_extend` is looked at in the turn that takes it.
pub(crate) fn answer_of(
    question: &Question,
    wish: &Wish,
    who: &Answerer,
    approvals: &Approvals,
) -> Result<Answer, NotTaken> {
    permission::judge(approvals, who, &started_by(), None)?;
    let answer = understand(question, wish)?;
    answer_is_allowed(question, &answer, who, approvals)?;
    Ok(answer)
}

/// This person may give this answer.
pub(crate) fn answer_is_allowed(
    question: &Question,
    answer: &Answer,
    who: &Answerer,
    approvals: &Approvals,
) -> Result<(), NotTaken> {
    let lifting = match answer {
        Answer::Extend { amount } if question.about.is_of_limit() => {
            let by = Quantity { unit: question.key.unit, amount: *amount };
            Some(Lifting { budget: &question.key.budget, by, given: 0 })
        }
        _ => None,
    };
    Ok(permission::judge(approvals, who, &started_by(), lifting)?)
}

fn understand(question: &Question, wish: &Wish) -> Result<Answer, NotTaken> {
    match wish {
        Wish::Extend { by: Some(_) } | Wish::Allow { .. } if question.about == About::Alert => {
            Err(NotTaken::new("there is no limit here that an answer could lift")
                .hint("a plain `govern approve` lets the agent go on"))
        }
        Wish::Extend { by: Some(_) } | Wish::Allow { .. } | Wish::Route { .. } if question.about == About::Review => {
            Err(NotTaken::new("this question is about work that is done: no limit and no model would change")
                .hint("a plain `govern approve` lets what needs it start, `govern deny` does not"))
        }
        Wish::Extend { by: Some(_) } if question.about.at_gate().is_some() => {
            Err(NotTaken::new("there is no limit here that an answer could lift")
                .hint("a plain `govern approve` lets it go once; `--run` and `--for 1h` again, too"))
        }
        Wish::Extend { by: None } if question.about == About::Limit && question.extend.amount == 0 => {
            Err(NotTaken::new("answers have extended this budget by all that they may, `max_extend`")
                .hint("`govern deny` ends the agent"))
        }
        Wish::Extend { by: None } => Ok(match question.about {
            About::Limit | About::Ahead => Answer::Extend { amount: question.extend.amount },
            About::Step { past, .. } => Answer::NextStep { past },
            About::Alert | About::Call(_) | About::Request(_) | About::Review => Answer::Once,
        }),
        Wish::Extend { by: Some(text) } => {
            let quantity = Quantity::parse(text).map_err(|error| {
                NotTaken::new(format!("`{text}` {error}")).hint(crate::model::quantity::quantity_hint(text))
            })?;
            if quantity.unit != question.key.unit {
                return Err(NotTaken::new(format!("this budget counts {}, not `{text}`", question.key.unit.as_str())));
            }
            Ok(Answer::Extend { amount: quantity.amount })
        }
        Wish::Allow { .. } if question.about.is_of_limit() => {
            Err(NotTaken::new("this question is about a limit, not about a tool at a gate")
                .hint("`--extend` says how much more; `--run` and `--for` are for tools"))
        }
        Wish::Allow { seconds } => Ok(Answer::Allow { seconds: *seconds }),
        Wish::Route { model } => match (&question.route_to, model) {
            (None, _) => {
                Err(NotTaken::new("there is no cheaper model on the ladder that this agent could continue with"))
            }
            (Some(next), Some(wanted)) if next != wanted => {
                Err(NotTaken::new(format!("the ladder's next model is `{next}`, not `{wanted}`")))
            }
            (Some(_), _) => Ok(Answer::Route),
        },
        Wish::Stop if question.about.at_gate().is_some() => Ok(Answer::Refuse),
        // Nobody is held by it: a no leaves everything as it is.
        Wish::Stop | Wish::Kill if matches!(question.about, About::Ahead | About::Review) => Ok(Answer::Refuse),
        Wish::Stop => Ok(Answer::Stop),
        Wish::Kill => Ok(Answer::Kill),
    }
}

/// What an answer did, for the person who gave it: its word first. An agent that somebody paused stays so.
pub(crate) fn describe(question: &Question, answer: &Answer, paused: Option<&Braked>) -> String {
    let (agent, about) = (&question.agent, question.about.into());
    let did = match (answer, &question.route_to) {
        (Answer::Extend { .. }, _) => {
            format!("{} (`{}`)", answer_text(answer, question.key.unit, about), question.key.budget)
        }
        (Answer::Route, Some(model)) => format!("{} to {model}", answer.word(about)),
        _ => answer_text(answer, question.key.unit, about),
    };
    let goes_on = match paused {
        Some(paused) => format!("stays paused, {}; to go on: govern continue {}", paused.text(), question.run),
        None => "goes on".to_owned(),
    };
    match answer.word(about) {
        AnswerWord::Allowed if question.about == About::Review => format!("{did}: what needs agent `{agent}` starts"),
        AnswerWord::Allowed | AnswerWord::NextStep | AnswerWord::Extended | AnswerWord::Routed => {
            format!("{did}: agent `{agent}` {goes_on}")
        }
        AnswerWord::Refused if matches!(question.about, About::Request(_)) => {
            format!("{did}: agent `{agent}` does not send the request")
        }
        AnswerWord::Refused if question.about == About::Review => {
            format!("{did}: what needs agent `{agent}` does not start")
        }
        AnswerWord::Refused if question.about == About::Ahead => {
            format!("{did}: agent `{agent}` goes on under the limit as it is")
        }
        AnswerWord::Refused => format!("{did}: agent `{agent}` goes on without the tool"),
        AnswerWord::Stopped => format!("{did}: agent `{agent}` ends at a safe point"),
        AnswerWord::Killed => format!("{did}: agent `{agent}` ends now"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{AgentName, BudgetKey, BudgetName, Door, ModelId, Money, RunId, Unit, Verb};

    fn question(unit: Unit, route_to: Option<&str>) -> Question {
        let key = BudgetKey { budget: BudgetName::new("purse"), scope: "run=r1".to_owned(), window_start: None, unit };
        Question {
            run: RunId::new("r1"),
            agent: AgentName::new("codex"),
            key,
            text: "$4.93 of $5.00".to_owned(),
            cost: Money::ZERO,
            extend: Quantity { unit, amount: 1_000_000_000 },
            route_to: route_to.map(ModelId::new),
            wait: Duration::from_secs(60),
            otherwise: Verb::Stop,
            about: About::Limit,
        }
    }

    fn at_most(text: &str) -> Approvals {
        Approvals { approvers: Vec::new(), max_extend: Some(Quantity::parse(text).unwrap()), ..Approvals::default() }
    }

    fn login(name: &str) -> Answerer {
        Answerer::login(name, Door::Cli)
    }

    fn by(text: &str) -> Wish {
        Wish::Extend { by: Some(text.to_owned()) }
    }

    #[test]
    fn a_wish_becomes_the_answer_that_it_names() {
        let question = question(Unit::Usd, Some("cheap"));
        let route = |model: Option<&str>| Wish::Route { model: model.map(ModelId::new) };
        let cases = [
            (Wish::Extend { by: None }, Answer::Extend { amount: 1_000_000_000 }),
            (by("2 usd"), Answer::Extend { amount: 2_000_000_000 }),
            (route(None), Answer::Route),
            (route(Some("cheap")), Answer::Route),
            (Wish::Stop, Answer::Stop),
            (Wish::Kill, Answer::Kill),
        ];
        for (wish, answer) in cases {
            assert_eq!(answer_of(&question, &wish, &login("ann"), &Approvals::default()).unwrap(), answer, "{wish:?}");
        }
    }

    #[test]
    fn what_the_question_does_not_allow_is_refused_with_its_reason() {
        let cases = [
            (by("soon"), "`soon` is not a quantity"),
            (by("-2 usd"), "`-2 usd` is less than nothing"),
            (by("0 usd"), "`0 usd` must be more than zero"),
            (by("9999999999 usd"), "`9999999999 usd` is absurdly large"),
            (by("200k tok"), "this budget counts usd, not `200k tok`"),
            (by("21 usd"), "answers may extend `purse` by $20.00 in all, and this is $21.00"),
            (Wish::Route { model: Some(ModelId::new("dear")) }, "the ladder's next model is `cheap`, not `dear`"),
        ];
        for (wish, why) in cases {
            let not =
                answer_of(&question(Unit::Usd, Some("cheap")), &wish, &login("ann"), &at_most("20 usd")).unwrap_err();
            assert_eq!(not.why, why, "{wish:?}");
        }
        let nowhere =
            answer_of(&question(Unit::Usd, None), &Wish::Route { model: None }, &login("ann"), &Approvals::default());
        assert!(nowhere.unwrap_err().why.starts_with("there is no cheaper model"));
    }

    #[test]
    fn exactly_the_most_is_allowed_and_a_limit_of_another_unit_does_not_count() {
        let twenty = answer_of(&question(Unit::Usd, None), &by("20 usd"), &login("ann"), &at_most("20 usd"));
        assert_eq!(twenty.unwrap(), Answer::Extend { amount: 20_000_000_000 });
        let tokens = answer_of(&question(Unit::Tok, None), &by("9M tok"), &login("ann"), &at_most("20 usd"));
        assert_eq!(tokens.unwrap(), Answer::Extend { amount: 9_000_000 });
    }

    #[test]
    fn a_policy_may_name_who_answers() {
        let named = Approvals { approvers: vec!["ann".to_owned(), "bob".to_owned()], ..Approvals::default() };
        let route = || Wish::Route { model: None };
        for wish in [Wish::Extend { by: None }, by("2 usd"), route(), Wish::Stop, Wish::Kill] {
            let question = question(Unit::Usd, Some("cheap"));
            assert!(answer_of(&question, &wish, &login("anyone"), &Approvals::default()).is_ok(), "{wish:?}");
            assert!(answer_of(&question, &wish, &login("bob"), &named).is_ok(), "{wish:?}");
            let not = answer_of(&question, &wish, &login("eve"), &named).unwrap_err();
            assert_eq!(not.why, "`eve` is not among the approvers of this policy (they are: ann, bob)", "{wish:?}");
        }
    }
}
