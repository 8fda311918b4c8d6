//! Several have to say yes: who has, and when that is enough.

use std::collections::BTreeMap;

use crate::decide::message::Question;
use crate::model::{Answer, Answerer, ApprovalId, Quantity};
use crate::policy::rule::Approvals;

/// Who has said yes to what, of questions that wait for more than one. It lives in the memory of whoever waits for the
/// answer: what a ledger says of it decides nothing.
#[derive(Debug, Default)]
pub struct Votes(BTreeMap<ApprovalId, Vec<(Answer, Answerer)>>);

/// What a yes comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// That is enough: all who have said so, the last one last.
    Enough(Vec<Answerer>),
    /// So many have, of so many.
    Short {
        /// Who have.
        have: u32,
        /// Who have to.
        need: u32,
    },
    /// The same person has said so before.
    Again {
        /// Who have.
        have: u32,
        /// Who have to.
        need: u32,
    },
    /// It may be the same person as this one, who has said so before.
    Unknown(Answerer),
}

/// What an answer lifts a limit by; `None`: it lifts none.
pub fn lifting(question: &Question, answer: &Answer) -> Option<Quantity> {
    let unit = question.key.unit;
    match answer {
        _ if !question.about.is_of_limit() => None,
        Answer::Extend { amount } => Some(Quantity { unit, amount: *amount }),
        // It may fit under the limit as it is; that is known once it is done.
        Answer::Route => Some(question.extend),
        Answer::Allow { .. }
        | Answer::Once
        | Answer::NextStep { .. }
        | Answer::Refuse
        | Answer::Stop
        | Answer::Kill => None,
    }
}

impl Votes {
    /// Somebody who may answers so. Only the same yes counts for the same: two who mean different amounts do not agree. A
    /// no takes one.
    pub fn count(
        &mut self,
        approvals: &Approvals,
        approval: ApprovalId,
        (question, answer): (&Question, &Answer),
        who: &Answerer,
    ) -> Counted {
        let need = if answer.is_yes() { approvals.people_for(lifting(question, answer)) } else { 1 };
        let votes = self.0.entry(approval).or_default();
        let same: Vec<Answerer> = votes.iter().filter(|(said, _)| said == answer).map(|(_, who)| who.clone()).collect();
        let have = u32::try_from(same.len()).unwrap_or(u32::MAX);
        if need <= 1 {
            return Counted::Enough(vec![who.clone()]);
        }
        for other in &same {
            match approvals.are_two(&other.identity, &who.identity) {
                Some(true) => {}
                Some(false) => return Counted::Again { have, need },
                None => return Counted::Unknown(other.clone()),
            }
        }
        votes.push((answer.clone(), who.clone()));
        let have = have.saturating_add(1);
        match have >= need {
            true => Counted::Enough(same.into_iter().chain([who.clone()]).collect()),
            false => Counted::Short { have, need },
        }
    }

    /// The question is settled.
    pub fn forget(&mut self, approval: ApprovalId) {
        self.0.remove(&approval);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::decide::message::About;
    use crate::model::{AgentName, BudgetKey, BudgetName, Door, Money, Person, RunId, Unit, Verb};
    use crate::policy::rule::Quorum;

    fn question(about: About) -> Question {
        Question {
            run: RunId::new("r1"),
            agent: AgentName::new("codex"),
            key: BudgetKey {
                budget: BudgetName::new("purse"),
                scope: "run=r1".to_owned(),
                window_start: None,
                unit: Unit::Usd,
            },
            text: "$5 of $5".to_owned(),
            cost: Money::ZERO,
            extend: Quantity::parse("1 usd").unwrap(),
            route_to: None,
            wait: Duration::from_secs(60),
            otherwise: Verb::Stop,
            about,
        }
    }

    fn approvals(above: Option<&str>) -> Approvals {
        let above = above.map(|text| Quantity::parse(text).unwrap());
        let alice = Person {
            name: "alice".to_owned(),
            os: Some("al".to_owned()),
            mail: Some("a@x.example".to_owned()),
            ..Person::default()
        };
        let bob = Person { name: "bob".to_owned(), mail: Some("b@x.example".to_owned()), ..Person::default() };
        Approvals { quorums: vec![Quorum { people: 2, above }], persons: vec![alice, bob], ..Approvals::default() }
    }

    fn extend(usd: i64) -> Answer {
        Answer::Extend { amount: usd * 1_000_000_000 }
    }

    #[test]
    fn two_persons_are_two_however_they_come_and_one_is_one() {
        let (mut votes, approvals, asked) = (Votes::default(), approvals(Some("20 usd")), question(About::Limit));
        let seven = ApprovalId(7);
        let mut says = |answer: &Answer, who: &Answerer| votes.count(&approvals, seven, (&asked, answer), who);
        let (by_login, by_mail) = (Answerer::login("al", Door::Cli), Answerer::mail("a@x.example"));
        let (bob, eve) = (Answerer::mail("b@x.example"), Answerer::mail("e@x.example"));
        assert_eq!(says(&extend(20), &by_login), Counted::Enough(vec![by_login.clone()]), "not above it");
        assert_eq!(says(&extend(30), &by_login), Counted::Short { have: 1, need: 2 });
        assert_eq!(says(&extend(30), &by_mail), Counted::Again { have: 1, need: 2 });
        assert_eq!(says(&extend(30), &eve), Counted::Unknown(by_login.clone()));
        assert_eq!(says(&extend(40), &bob), Counted::Short { have: 1, need: 2 }, "another amount is another yes");
        assert_eq!(says(&Answer::Stop, &bob), Counted::Enough(vec![bob.clone()]), "a no takes one");
        assert_eq!(says(&extend(30), &bob), Counted::Enough(vec![by_login, bob]));
    }

    #[test]
    fn without_an_amount_every_yes_takes_as_many() {
        let (mut votes, approvals) = (Votes::default(), approvals(None));
        let asked = question(About::Alert);
        let counted = votes.count(&approvals, ApprovalId(1), (&asked, &Answer::Once), &Answerer::mail("b@x.example"));
        assert_eq!(counted, Counted::Short { have: 1, need: 2 });
        let free = Approvals { quorums: Vec::new(), ..approvals };
        assert!(matches!(
            votes.count(&free, ApprovalId(1), (&asked, &Answer::Once), &Answerer::mail("b@x.example")),
            Counted::Enough(_)
        ));
    }
}
