//! Who may answer, and how far: one rule for `approve`, `deny`, `resume`, `continue` and `grant`, through whichever
//! door an answer comes.

use crate::model::{Answerer, BudgetKey, BudgetName, Identity, Quantity};
use crate::policy::rule::Approvals;

use crate::decide::accounts::Accounts;
use crate::decide::accounts::ids::AccountId;
use crate::decide::context::Context;
use crate::decide::message::Effects;

/// Why an answer is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// Somebody else has to.
    #[error("`{who}` is not among the approvers of this policy (they are: {})", approvers.join(", "))]
    NotApprover {
        /// Who answered.
        who: String,
        /// Who may.
        approvers: Vec<String>,
    },
    /// A proxy says that it is somebody whom this policy does not know.
    #[error("no `[[person]]` of this run's policy is `{who}` to the proxy")]
    Stranger {
        /// The name that the proxy gives.
        who: String,
    },
    /// It is their own run.
    #[error("`{who}` started this run, and by `not_self` somebody else has to answer")]
    Starter {
        /// Who.
        who: String,
    },
    /// It may be their own run.
    #[error("whether `{who}` started this run is not known, and by `not_self` somebody else has to answer")]
    MayBeStarter {
        /// Who.
        who: String,
    },
    /// All answers together would lift a limit too far.
    #[error("{}", too_much(budget, *asked, *most, *given))]
    TooMuch {
        /// Whose limit.
        budget: BudgetName,
        /// What was asked for.
        asked: Quantity,
        /// What all answers may come to within one window of the budget.
        most: Quantity,
        /// What they come to so far, in the same unit's smallest part.
        given: i64,
    },
    /// All grants together would lift a limit too far.
    #[error("{}", too_much_granted(budget, *asked, *most, *given))]
    TooMuchGranted {
        /// Whose limit.
        budget: BudgetName,
        /// What was asked for.
        asked: Quantity,
        /// What grants may come to at one time.
        most: Quantity,
        /// What they come to so far, in the same unit's smallest part.
        given: i64,
    },
}

fn too_much_granted(budget: &BudgetName, asked: Quantity, most: Quantity, given: i64) -> String {
    let so_far = Quantity { unit: most.unit, amount: given };
    match given {
        ..=0 => format!("grants of `{budget}` may come to {most} at one time, and this is {asked}"),
        _ => format!("grants of `{budget}` may come to {most} at one time: {so_far} is given, and this is {asked}"),
    }
}

fn too_much(budget: &BudgetName, asked: Quantity, most: Quantity, given: i64) -> String {
    let left = Quantity { unit: most.unit, amount: most.amount.saturating_sub(given).max(0) };
    match (given, left.amount) {
        (..=0, _) => format!("answers may extend `{budget}` by {most} in all, and this is {asked}"),
        (_, 0) => format!("answers have extended `{budget}` by all that they may, {most}"),
        _ => format!("answers may extend `{budget}` by {most} in all: {left} is left, and this is {asked}"),
    }
}

/// A limit that an answer would lift.
#[derive(Clone, Copy, Debug)]
pub struct Lifting<'a> {
    /// Whose.
    pub budget: &'a BudgetName,
    /// By how much.
    pub by: Quantity,
    /// What answers have lifted it by already within the same window, in the unit's smallest part.
    pub given: i64,
}

/// Whether this person may decide about a run that somebody started, and lift a limit so far. `max_extend` says nothing
/// of limits in another unit.
///
/// # Errors
/// Why not.
pub fn judge(
    approvals: &Approvals,
    who: &Answerer,
    started_by: &Identity,
    lifting: Option<Lifting<'_>>,
) -> Result<(), NotAllowed> {
    let name = || approvals.name(&who.identity).to_owned();
    // Whoever logs in at a proxy has no account here: where the policy names no approvers, that is no leave for them.
    if matches!(who.identity, Identity::Proxy(_)) && approvals.person(&who.identity).is_none() {
        return Err(NotAllowed::Stranger { who: name() });
    }
    if !approvals.may_answer(who) {
        return Err(NotAllowed::NotApprover { who: name(), approvers: approvals.listed().to_vec() });
    }
    if approvals.not_self {
        match approvals.are_two(started_by, &who.identity) {
            Some(true) => {}
            Some(false) => return Err(NotAllowed::Starter { who: name() }),
            None => return Err(NotAllowed::MayBeStarter { who: name() }),
        }
    }
    lifting.map_or(Ok(()), |lifting| how_far(approvals, lifting))
}

/// Whether all of those may who have answered together. What nobody answered is no answer.
///
/// # Errors
/// Why one of them may not.
pub fn judge_all(approvals: &Approvals, all: &[Answerer], started_by: &Identity) -> Result<(), NotAllowed> {
    if all.is_empty() {
        return Err(NotAllowed::NotApprover { who: "nobody".to_owned(), approvers: approvals.approvers.clone() });
    }
    all.iter().try_for_each(|who| judge(approvals, who, started_by, None))
}

/// Whether this person may give a grant: who may answer may, and all grants that hold at one time come to no more than
/// `max_grant`. `given`: what they come to so far.
///
/// # Errors
/// Why not.
pub fn judge_grant(
    approvals: &Approvals,
    who: &Answerer,
    started_by: &Identity,
    Lifting { budget, by, given }: Lifting<'_>,
) -> Result<(), NotAllowed> {
    judge(approvals, who, started_by, None)?;
    match approvals.most_granted(by.unit) {
        Some(most) if by.amount.saturating_add(given) > most.amount => {
            Err(NotAllowed::TooMuchGranted { budget: budget.clone(), asked: by, most, given })
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether anybody may lift a limit so far.
///
/// # Errors
/// [`NotAllowed::TooMuch`].
pub fn how_far(approvals: &Approvals, Lifting { budget, by, given }: Lifting<'_>) -> Result<(), NotAllowed> {
    match approvals.max_extend.filter(|most| most.unit == by.unit) {
        Some(most) if by.amount.saturating_add(given) > most.amount => {
            Err(NotAllowed::TooMuch { budget: budget.clone(), asked: by, most, given })
        }
        _ => Ok(()),
    }
}

/// Whether one budget may be lifted so far; `who`, and whose run it is, is asked about where nobody has been yet.
pub(in crate::decide) fn may_be_lifted(
    accounts: &Accounts,
    cx: &Context<'_>,
    who: Option<(&Answerer, &Identity)>,
    key: &BudgetKey,
    amount: i64,
) -> Result<(), NotAllowed> {
    let approvals = &cx.policy.approvals;
    let lifting =
        Lifting { budget: &key.budget, by: Quantity { unit: key.unit, amount }, given: given(accounts, cx, key) };
    match who {
        Some((who, started_by)) => judge(approvals, who, started_by, Some(lifting)),
        None => how_far(approvals, lifting),
    }
}

/// The part of an offer that answers may still extend by.
pub(in crate::decide) fn offered_within(
    accounts: &Accounts,
    cx: &Context<'_>,
    effects: &Effects,
    id: AccountId,
    offer: i64,
) -> i64 {
    let key = &accounts[id].key;
    let given = given(accounts, cx, key).saturating_add(effects.lifted(key));
    match cx.policy.approvals.max_extend.filter(|most| most.unit == key.unit) {
        Some(most) => offer.min(most.amount.saturating_sub(given).max(0)),
        None => offer,
    }
}

fn given(accounts: &Accounts, cx: &Context<'_>, key: &BudgetKey) -> i64 {
    let since = accounts.find(key).and_then(|account| accounts[account].answered_since());
    cx.books.given(key, since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Door, Person};

    const NOBODY_ELSE: &[&str] = &[];

    fn approvals(approvers: &[&str], most: Option<&str>) -> Approvals {
        Approvals {
            approvers: approvers.iter().map(|&name| name.to_owned()).collect(),
            max_extend: most.map(|text| Quantity::parse(text).unwrap()),
            ..Approvals::default()
        }
    }

    fn login(name: &str) -> Answerer {
        Answerer::login(name, Door::Cli)
    }

    fn starter() -> Identity {
        Identity::Login("starter".to_owned())
    }

    #[test]
    fn whom_a_proxy_names_is_a_person_of_the_policy_or_may_nothing() {
        let alice = Person { name: "alice".to_owned(), proxy: Some("a@sso".to_owned()), ..Person::default() };
        let judged = |approvers: &[&str], who: &str| {
            let approvals = Approvals { persons: vec![alice.clone()], ..approvals(approvers, None) };
            judge(&approvals, &Answerer::proxied(who), &starter(), None).map_err(|not| not.to_string())
        };
        for approvers in [NOBODY_ELSE, &["alice"], &["alice", "mallory", "starter"]] {
            assert_eq!(judged(approvers, "a@sso"), Ok(()));
            for stranger in ["mallory", "alice", "starter", "A@sso", ""] {
                let why = judged(approvers, stranger).unwrap_err();
                assert!(why.contains("no `[[person]]` of this run's policy is"), "{approvers:?} {stranger}: {why}");
            }
        }
        assert!(judged(&["bob"], "a@sso").unwrap_err().contains("is not among the approvers"));
    }

    #[test]
    fn nobody_answers_for_a_run_of_their_own_where_the_policy_says_so() {
        let person = |name: &str, os: Option<&str>| Person {
            name: name.to_owned(),
            os: os.map(str::to_owned),
            mail: Some(format!("{name}@acme.example")),
            ..Person::default()
        };
        let persons = vec![person("sam", Some("starter")), person("ann", Some("ann")), person("bob", None)];
        let approvals = Approvals { not_self: true, persons, ..Approvals::default() };
        let own = "`sam` started this run, and by `not_self` somebody else has to answer";
        for (who, why) in [
            (login("starter"), own),
            (Answerer::mail("sam@acme.example"), own),
            (login("ann"), ""),
            (Answerer::mail("ann@acme.example"), ""),
            (Answerer::mail("bob@acme.example"), ""),
            (login("carol"), ""),
            (
                Answerer::mail("eve@acme.example"),
                "whether `eve@acme.example` started this run is not known, and by `not_self` somebody else has to answer",
            ),
        ] {
            let said = judge(&approvals, &who, &starter(), None).err().map_or_else(String::new, |not| not.to_string());
            assert_eq!(said, why, "{who:?}");
        }
    }

    #[test]
    fn of_several_who_answer_together_each_has_to_be_one_who_may() {
        let judged = |who: &[Answerer]| judge_all(&approvals(&["ann", "bob"], None), who, &starter());
        assert_eq!(judged(&[login("ann"), login("bob")]), Ok(()));
        let eve = "`eve` is not among the approvers of this policy (they are: ann, bob)";
        assert_eq!(judged(&[login("ann"), login("eve")]).unwrap_err().to_string(), eve);
        assert!(judged(&[]).is_err());
        assert!(judge_all(&approvals(NOBODY_ELSE, None), &[], &starter()).is_err());
    }

    #[test]
    fn who_may_do_what_and_how_far() {
        // Approvers, the most, who, the extension, extended already, and why not.
        type Row<'a> = (&'a [&'a str], Option<&'a str>, &'a str, Option<(&'a str, &'a str)>, &'a str);
        let table: &[Row<'_>] = &[
            (NOBODY_ELSE, None, "anyone", None, ""),
            (NOBODY_ELSE, None, "anyone", Some(("900 usd", "900 usd")), ""),
            (&["ann", "bob"], None, "bob", Some(("5 usd", "")), ""),
            (&["ann"], None, "eve", None, "`eve` is not among the approvers of this policy (they are: ann)"),
            (
                &["ann"],
                Some("9 usd"),
                "",
                Some(("1 usd", "")),
                "`` is not among the approvers of this policy (they are: ann)",
            ),
            (&["ann"], None, "Ann", None, "`Ann` is not among the approvers of this policy (they are: ann)"),
            (&["ann"], None, "ann ", None, "`ann ` is not among the approvers of this policy (they are: ann)"),
            (NOBODY_ELSE, Some("20 usd"), "ann", Some(("20 usd", "")), ""),
            (
                NOBODY_ELSE,
                Some("20 usd"),
                "ann",
                Some(("21 usd", "")),
                "answers may extend `purse` by $20.00 in all, and this is $21.00",
            ),
            (NOBODY_ELSE, Some("20 usd"), "ann", Some(("2 usd", "18 usd")), ""),
            (
                NOBODY_ELSE,
                Some("20 usd"),
                "ann",
                Some(("3 usd", "18 usd")),
                "answers may extend `purse` by $20.00 in all: $2.00 is left, and this is $3.00",
            ),
            (
                NOBODY_ELSE,
                Some("20 usd"),
                "ann",
                Some(("0.01 usd", "20 usd")),
                "answers have extended `purse` by all that they may, $20.00",
            ),
            (
                NOBODY_ELSE,
                Some("20 usd"),
                "ann",
                Some(("0.01 usd", "30 usd")),
                "answers have extended `purse` by all that they may, $20.00",
            ),
            // Dollars say nothing of tokens.
            (NOBODY_ELSE, Some("20 usd"), "ann", Some(("9M tok", "9M tok")), ""),
        ];
        let budget = BudgetName::new("purse");
        for (approvers, most, who, extension, why) in table {
            let amount = |text: &str| if text.is_empty() { 0 } else { Quantity::parse(text).unwrap().amount };
            let lifting = extension.map(|(by, given)| Lifting {
                budget: &budget,
                by: Quantity::parse(by).unwrap(),
                given: amount(given),
            });
            let judged = judge(&approvals(approvers, *most), &login(who), &starter(), lifting);
            let said = judged.err().map_or_else(String::new, |not| not.to_string());
            assert_eq!(said, *why, "{who} {extension:?}");
        }
    }

    #[test]
    fn no_sum_is_too_large_to_be_judged() {
        let (budget, most) = (BudgetName::new("purse"), approvals(NOBODY_ELSE, Some("20 usd")));
        let by = Quantity::parse("1 usd").unwrap();
        let lifting = Some(Lifting { budget: &budget, by, given: i64::MAX });
        assert!(judge(&most, &login("ann"), &starter(), lifting).is_err());
    }
}
