//! Owns the command that goes on with a run, as it is printed: with all that it needs, so that it works when it is pasted.

use super::kept::Kept;
use crate::cli::here::Here;
use crate::cli::run::whoami;
use crate::decide::people::permission;
use crate::error::Result;
use crate::ledger::Ledger;
use crate::model::event::{EventKind, Lifts};
use crate::model::{Approval, ApprovalState, RunId, RunInfo, Subject};
use crate::policy::rule::Policy;
use crate::report::Next;

/// Whether the run can go on, and by which command.
pub(in crate::cli) fn next(ledger: &Ledger, info: &RunInfo, here: &Here<'_>) -> Result<Next> {
    let kept = match Kept::of(ledger, &info.id)? {
        Ok(kept) => kept,
        Err(why) => return Ok(Next::Nothing(why.to_owned())),
    };
    // A policy that cannot be read now is told by the command itself.
    let policy = kept.policy_now(here).ok();
    let extend = match last_end(ledger, &info.id)? {
        Some(Some(lifts)) => lifts.is_needed(here.now).then_some(lifts.amount),
        Some(None) => unsaid(info, policy.as_ref()),
        None => None,
    };
    let accepts = policy.as_ref().is_some_and(|policy| policy.digest != info.policy);
    let command = command(&info.id, extend.as_deref(), accepts);
    let decides = extend.is_some() || accepts || ledger.held_back(&info.id)?.is_some();
    let refused = |policy: &Policy| permission::judge(&policy.approvals, &whoami(), None).is_err();
    match policy.filter(|policy| decides && refused(policy)) {
        Some(policy) => Ok(Next::Others { command, who: policy.approvals.approvers }),
        None => Ok(Next::Command(command)),
    }
}

/// The command line.
pub(super) fn command(run: &RunId, extend: Option<&str>, accepts_policy: bool) -> String {
    let extend = extend.map_or_else(String::new, |extend| format!(" --extend {extend}"));
    let accept = if accepts_policy { " --accept-policy" } else { "" };
    format!("govern resume {run}{extend}{accept}")
}

/// What the run's end says of the limit that ended it, or that it waited at; the outer `None`: it has not ended, and waits at none.
pub(super) fn last_end(ledger: &Ledger, run: &RunId) -> Result<Option<Option<Lifts>>> {
    let last = ledger.events(run)?.into_iter().next_back();
    match last.map(|entry| entry.event.kind) {
        Some(EventKind::RunEnded { lifts, .. }) => Ok(Some(lifts)),
        _ => Ok(waited_at(ledger, run)?.map(Some)),
    }
}

/// The limit that a run waited at when its govern was killed: what its last question would have lifted it by. A window
/// may have begun anew since, and then nothing need be lifted.
fn waited_at(ledger: &Ledger, run: &RunId) -> Result<Option<Lifts>> {
    let last = ledger.approvals(false)?.into_iter().rfind(|approval| approval.run == *run);
    let open = |approval: &Approval| {
        let state = matches!(approval.state, ApprovalState::Pending | ApprovalState::Withdrawn);
        state && approval.about == Subject::Limit && approval.window.is_none() && approval.extend.amount > 0
    };
    Ok(last.filter(open).map(|approval| Lifts {
        amount: approval.extend.unit.typed(approval.extend.amount),
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
