//! The look at what is reconciled already: for `govern reconcile`, and for `govern report --reconciled`.

use std::collections::HashSet;

use crate::bill::Comparison;
use crate::error::Result;
use crate::ledger::reconciled::{reconciled, threads};
use crate::ledger::{Filter, Ledger};
use crate::model::{BillSubject, Reconciled, ThreadId};
use crate::policy::window;

/// What the last word about each thread and each day of this time comes to. A day counts where it began within it; a thread
/// where it had a response then. Days are nobody's run.
pub(super) fn compared(ledger: &Ledger, filter: &Filter) -> Result<Comparison> {
    let all = reconciled(ledger)?;
    let within: HashSet<ThreadId> = threads(ledger, filter)?.into_iter().map(|one| one.thread).collect();
    let is_asked = |one: &Reconciled| match &one.of {
        // Of a thread that the ledger does not have nobody knows when it was.
        BillSubject::Thread(_) if one.observed.is_empty() => filter.run.is_none(),
        BillSubject::Thread(thread) => within.contains(thread),
        BillSubject::Day { day, .. } => {
            let next = day.succ_opt().and_then(|next| window::day_start(next, chrono_tz::UTC));
            let (start, end) = (window::day_start(*day, chrono_tz::UTC), next);
            filter.run.is_none()
                && filter.since.is_none_or(|since| end.is_some_and(|end| end > since))
                && filter.until.is_none_or(|until| start.is_some_and(|start| start < until))
        }
    };
    Ok(Comparison::of(all.values().filter(|one| is_asked(one))))
}
