//! Pure. Who may answer, and how far: one rule for `approve`, `deny`, `resume`, `continue` and `grant`, through whichever
//! door an answer comes.

use crate::model::{BudgetKey, BudgetName, Quantity};
use crate::policy::rule::Approvals;

use crate::decide::accounts::Accounts;
use crate::decide::accounts::ids::AccountId;
use crate::decide::context::Context;

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

/// Whether this person may decide, and lift a limit so far. `max_extend` says nothing of limits in another unit.
///
/// # Errors
/// Why not.
pub fn judge(approvals: &Approvals, who: &str, lifting: Option<Lifting<'_>>) -> Result<(), NotAllowed> {
    if !approvals.approvers.is_empty() && !approvals.approvers.iter().any(|approver| approver == who) {
        return Err(NotAllowed::NotApprover { who: who.to_owned(), approvers: approvals.approvers.clone() });
    }
    lifting.map_or(Ok(()), |lifting| how_far(approvals, lifting))
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

/// Whether one budget may be lifted so far; `who` is asked about where nobody has been yet.
pub(in crate::decide) fn may_be_lifted(
    accounts: &Accounts,
    cx: &Context<'_>,
    who: Option<&str>,
    key: &BudgetKey,
    amount: i64,
) -> Result<(), NotAllowed> {
    let approvals = &cx.policy.approvals;
    let lifting =
        Lifting { budget: &key.budget, by: Quantity { unit: key.unit, amount }, given: given(accounts, cx, key) };
    match who {
        Some(who) => judge(approvals, who, Some(lifting)),
        None => how_far(approvals, lifting),
    }
}

/// The part of an offer that answers may still extend by.
pub(in crate::decide) fn offered_within(accounts: &Accounts, cx: &Context<'_>, id: AccountId, offer: i64) -> i64 {
    let account = &accounts[id];
    match cx.policy.approvals.max_extend.filter(|most| most.unit == account.key.unit) {
        Some(most) => offer.min(most.amount.saturating_sub(given(accounts, cx, &account.key)).max(0)),
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

    const NOBODY_ELSE: &[&str] = &[];

    fn approvals(approvers: &[&str], most: Option<&str>) -> Approvals {
        Approvals {
            approvers: approvers.iter().map(|&name| name.to_owned()).collect(),
            max_extend: most.map(|text| Quantity::parse(text).unwrap()),
            wait_for_nobody: false,
        }
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
            let judged = judge(&approvals(approvers, *most), who, lifting);
            let said = judged.err().map_or_else(String::new, |not| not.to_string());
            assert_eq!(said, *why, "{who} {extension:?}");
        }
    }

    #[test]
    fn no_sum_is_too_large_to_be_judged() {
        let (budget, most) = (BudgetName::new("purse"), approvals(NOBODY_ELSE, Some("20 usd")));
        let by = Quantity::parse("1 usd").unwrap();
        assert!(judge(&most, "ann", Some(Lifting { budget: &budget, by, given: i64::MAX })).is_err());
    }
}
