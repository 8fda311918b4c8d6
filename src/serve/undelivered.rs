//! A notice that is given up: others are told, who want to know.

use crate::ledger::outbox::{self, Parcel};
use crate::ledger::{Ledger, LedgerError};
use crate::model::{AgentName, Attribution, Notice, NoticeKind, Timestamp};
use crate::policy::notify::Notify;

/// Writes it for all who are sent `undelivered`, but for the address that it did not reach. Of one of these that is given
/// up nobody is told.
pub(super) fn tell(
    ledger: &mut Ledger,
    notify: &Notify,
    parcel: &Parcel,
    why: &str,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let Ok(lost) = serde_json::from_str::<Notice>(&parcel.body) else { return Ok(()) };
    if matches!(lost.kind, NoticeKind::Undelivered | NoticeKind::Test) {
        return Ok(());
    }
    let agent = lost.agent.as_deref().map(AgentName::new);
    let belongs = Attribution { team: lost.team.clone(), project: lost.project.clone(), ..Attribution::default() };
    let copies = notify.copies(NoticeKind::Undelivered, agent.as_ref(), &belongs);
    let to: Vec<(String, Timestamp)> =
        copies.iter().map(|copy| (copy.to.to_string(), now)).filter(|(to, _)| *to != parcel.address).collect();
    if to.is_empty() {
        return Ok(());
    }
    let notice = Notice {
        id: format!("msg_{}", uuid::Uuid::now_v7().simple()),
        time: now,
        kind: NoticeKind::Undelivered,
        text: format!("not delivered to {}: {} ({why})", parcel.address, lost.text),
        // Who is told of it is not asked.
        question: None,
        ..lost
    };
    ledger.turn(now, |turn| outbox::post(turn, &notice, &to, None).map(drop))
}
