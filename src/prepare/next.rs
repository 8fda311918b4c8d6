//! The command that goes on with a run, as it is printed: with all that it needs, so that it works when it is pasted.

use std::sync::Arc;

use super::here::Here;
use super::identity::{at_terminal, starter};
use super::kept::Kept;
use crate::decide::account::Account;
use crate::decide::people::permission::{self, Lifting, NotAllowed};
use crate::error::Result;
use crate::ledger::Ledger;
use crate::model::event::{EventKind, Lifts};
use crate::model::{Approval, ApprovalState, BudgetName, Dimension, Quantity, RunId, RunInfo, Subject};
use crate::policy::rule::{Approvals, Budget, Policy};
use crate::report::Next;

/// Whether the run can go on, and by which command.
pub(crate) fn next(ledger: &Ledger, info: &RunInfo, here: &Here<'_>) -> Result<Next> {
    let kept = match Kept::of(ledger, &info.id)? {
        Ok(kept) => kept,
        Err(why) => return Ok(Next::Nothing(why.to_owned())),
    };
    // A policy that cannot be read now is told by the command itself.
    let policy = kept.policy_now(here).ok();
    let extend = match extension(ledger, info, policy.as_ref(), here)? {
        Extension::None => None,
        Extension::By(amount) => Some(amount),
        Extension::Exhausted(why) => return Ok(Next::Exhausted(why)),
    };
    let accepts = policy.as_ref().is_some_and(|policy| policy.digest != info.policy);
    let command = command(&info.id, extend.as_deref(), accepts);
    let decides = extend.is_some() || accepts || ledger.runs().held_back(&info.id)?.is_some();
    let refused = |policy: &Policy| permission::judge(&policy.approvals, &at_terminal(), &starter(), None).is_err();
    match policy.filter(|policy| decides && refused(policy)) {
        Some(policy) => Ok(Next::Others { command, who: others(policy.approvals) }),
        None => Ok(Next::Command(command)),
    }
}

/// Who else may go on with it; without `approvers` it is `not_self` that keeps whoever reads this from it.
fn others(approvals: Approvals) -> Vec<String> {
    match approvals.approvers.is_empty() {
        true => vec!["somebody else than who started it".to_owned()],
        false => approvals.approvers,
    }
}

/// What has to follow `--extend`, as far as the end of the run and the policy tell.
enum Extension {
    None,
    By(String),
    /// Answers may extend it no further.
    Exhausted(String),
}

fn extension(ledger: &Ledger, info: &RunInfo, policy: Option<&Policy>, here: &Here<'_>) -> Result<Extension> {
    let (amount, needs, rule) = match last_end(ledger, &info.id)? {
        Some(Some(lifts)) if !lifts.is_needed(here.now) => return Ok(Extension::None),
        Some(Some(lifts)) => (Some(lifts.amount), lifts.needs, lifts.budget.or_else(|| info.rule.clone())),
        Some(None) => (unsaid(info, policy), None, info.rule.clone()),
        None => (None, None, None),
    };
    let Some(amount) = amount else { return Ok(Extension::None) };
    let (Ok(by), Some(policy)) = (Quantity::parse(&amount), policy) else { return Ok(Extension::By(amount)) };
    let Some(budget) = lifted(policy, rule.as_ref(), by) else { return Ok(Extension::By(amount)) };
    let given = given(info, policy, budget, here)?;
    let allows = |by: Quantity| permission::how_far(&policy.approvals, Lifting { budget: &budget.name, by, given });
    let needs = needs.and_then(|needs| Quantity::parse(&needs).ok()).filter(|needs| needs.unit == by.unit);
    if let Some(needs) = needs
        && let Err(NotAllowed::TooMuch { most, given, .. }) = allows(needs)
        && given < most.amount
    {
        let left = most.unit.show(most.amount.saturating_sub(given));
        return Ok(Extension::Exhausted(format!(
            "the next request is likely to need {} more than the limit, answers may extend `{}` by {left} at most, and only \
             the policy's `max_extend` can allow more",
            needs.unit.show(needs.amount),
            budget.name,
        )));
    }
    // Less was offered than is needed, and the policy allows more today.
    let by = needs.filter(|needs| needs.amount > by.amount).unwrap_or(by);
    let amount = by.unit.typed(by.amount);
    Ok(match allows(by) {
        Err(NotAllowed::TooMuch { most, given, .. }) if given < most.amount => {
            Extension::By(most.unit.typed(most.amount.saturating_sub(given)))
        }
        Err(not) => Extension::Exhausted(format!("{not}, and only the policy's `max_extend` can allow more")),
        Ok(()) => Extension::By(amount),
    })
}

/// What a command that goes on has to extend the limit by, where that may be.
pub(super) fn needed(ledger: &Ledger, info: &RunInfo, policy: &Policy, here: &Here<'_>) -> Result<Option<String>> {
    Ok(match extension(ledger, info, Some(policy), here)? {
        Extension::By(amount) => Some(amount),
        Extension::None | Extension::Exhausted(_) => None,
    })
}

/// The budget that `--extend` lifts: the one that ended the run, else the last that counts in this unit.
pub(super) fn lifted<'a>(policy: &'a Policy, rule: Option<&BudgetName>, by: Quantity) -> Option<&'a Arc<Budget>> {
    let mut fits = policy.budgets.iter().filter(|budget| budget.unit() == by.unit);
    let named = fits.clone().find(|budget| Some(&budget.name) == rule);
    named.or_else(|| fits.next_back())
}

/// What answers have lifted this budget by already. Of one that counts per agent, thread or model it is known, and
/// judged, when that is: at the start.
pub(super) fn given(info: &RunInfo, policy: &Policy, budget: &Arc<Budget>, here: &Here<'_>) -> Result<i64> {
    let late = |dimension: &Dimension| matches!(dimension, Dimension::Agent | Dimension::Thread | Dimension::Model);
    let value = |dimension: &Dimension| match dimension {
        Dimension::Run => Some(info.id.to_string()),
        other => info.attribution.get(other).map(str::to_owned),
    };
    if budget.scope.per.iter().any(late) {
        return Ok(0);
    }
    let account = Account::place(budget, policy.timezone, here.now, value);
    let (Some(account), Some(ledger)) = (account, here.ledger()?) else { return Ok(0) };
    Ok(ledger.budgets().given(&account.key, account.answered_since())?)
}

/// The command line.
pub(super) fn command(run: &RunId, extend: Option<&str>, accepts_policy: bool) -> String {
    let extend = extend.map_or_else(String::new, |extend| format!(" --extend {extend}"));
    let accept = if accepts_policy { " --accept-policy" } else { "" };
    format!("govern resume {run}{extend}{accept}")
}

/// What the run's end says of the limit that ended it, or that it waited at; the outer `None`: it has not ended, and waits at none.
pub(crate) fn last_end(ledger: &Ledger, run: &RunId) -> Result<Option<Option<Lifts>>> {
    let last = ledger.runs().events(run)?.into_iter().next_back();
    match last.map(|entry| entry.event.kind) {
        Some(EventKind::RunEnded { lifts, .. }) => Ok(Some(lifts)),
        _ => Ok(waited_at(ledger, run)?.map(Some)),
    }
}

/// The limit that a run waited at when its govern was killed: what its last question would have lifted it by. A window
/// may have begun anew since, and then nothing need be lifted.
fn waited_at(ledger: &Ledger, run: &RunId) -> Result<Option<Lifts>> {
    let last = ledger.questions().all(false)?.into_iter().rfind(|approval| approval.run == *run);
    let open = |approval: &Approval| {
        let state = matches!(approval.state, ApprovalState::Pending | ApprovalState::Withdrawn);
        state && approval.about == Subject::Limit && approval.window.is_none() && approval.extend.amount > 0
    };
    Ok(last.filter(open).map(|approval| Lifts {
        amount: approval.extend.unit.typed(approval.extend.amount),
        needs: None,
        until: None,
        budget: Some(approval.budget),
    }))
}

/// An older govern did not write down what would be needed: a fifth of the limit, as it would have offered.
fn unsaid(info: &RunInfo, policy: Option<&Policy>) -> Option<String> {
    let rule = info.rule.as_ref()?;
    let limit = policy?.budgets.iter().find(|budget| budget.name == *rule)?.limit?;
    Some(limit.unit.typed((limit.amount / 5).max(1)))
}
