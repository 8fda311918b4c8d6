//! Owns questions on the page: the token is shown to the run that waits, and the answer is taken to it.

use crate::cli::here;
use crate::cli::here::Here;
use crate::error::Result;
use crate::gate::message::{Message, Reply};
use crate::gate::socket::{self, SocketError};
use crate::ledger::{Ledger, LedgerError, home, outbox};
use crate::model::{ApprovalId, ApprovalState, Notice, RunInfo};
use crate::report::html::question::Shown;
use crate::report::text::moment;
use crate::serve::page::questions::{Came, Found, Wanted};
use crate::serve::whence_of;

/// What whoever has this token may see of a question.
pub(super) fn question(id: ApprovalId, token: &str) -> Result<Found> {
    let here = here()?;
    let Some(ledger) = here.ledger()? else { return Ok(Found::Foreign) };
    let approval = match ledger.approval(id) {
        Ok(approval) => approval,
        Err(LedgerError::NoSuchApproval { .. }) => return Ok(Found::Foreign),
        Err(error) => return Err(error.into()),
    };
    if approval.state != ApprovalState::Pending {
        return Ok(Found::Over);
    }
    let message = Message::Whose { approval: id, token: token.to_owned() };
    let Ok(reader) = say(&ledger, id, &message, &here)? else { return Ok(Found::Foreign) };
    // The letter of this token was made of a notice.
    let Some(notice) = outbox::newest_question(&ledger, id)? else { return Ok(Found::Foreign) };
    let Some(asked) = notice.question.clone() else { return Ok(Found::Foreign) };
    let zone = here.timezone().unwrap_or(chrono_tz::Tz::UTC);
    let until = approval.deadline.map(|deadline| format!("until {} {}", moment(deadline, zone), zone.name()));
    let whence = whence_of(run_of(&ledger, &notice).as_ref());
    Ok(Found::Waits(Box::new(Shown { notice, asked, reader, whence, until })))
}

fn run_of(ledger: &Ledger, notice: &Notice) -> Option<RunInfo> {
    ledger.find_run(notice.run.as_deref()?).ok()
}

/// Takes an answer to the run that waits for it.
pub(super) fn answer(wanted: Wanted) -> Result<Came> {
    let here = here()?;
    let Some(ledger) = here.ledger()? else { return Ok(Came::Not("nobody waits for an answer".to_owned())) };
    let Wanted { approval, wish, reason, token } = wanted;
    let message = Message::Answer { approval, wish, reason, who: None, token: Some(token) };
    Ok(match say(&ledger, approval, &message, &here)? {
        Ok(what) => {
            wake_all(&ledger, approval, &here)?;
            Came::Taken(what)
        }
        Err(why) => Came::Not(why),
    })
}

/// Says it to each run that waits until one does it. Of several that share a question one may know the token that another
/// was not told.
fn say(
    ledger: &Ledger,
    id: ApprovalId,
    message: &Message,
    here: &Here<'_>,
) -> Result<std::result::Result<String, String>> {
    let sockets = home::socket_folder(&here.state_folder()?)?;
    let mut why = "nobody waits for an answer any more: the run is over".to_owned();
    for run in ledger.waiting_for(id)? {
        let info = ledger.find_run(run.as_str())?;
        match socket::call(&sockets, &run, message, &|connection, named| crate::cli::is_own(&info, connection, named)) {
            Ok(Reply::Done { what }) => return Ok(Ok(what)),
            Ok(Reply::Refused { why: said, .. }) => why = said,
            Err(SocketError::NotLive(_)) => {}
            Err(error) => why = error.to_string(),
        }
    }
    Ok(Err(why))
}

/// All that wait for the same answer look at once.
fn wake_all(ledger: &Ledger, id: ApprovalId, here: &Here<'_>) -> Result<()> {
    let sockets = home::socket_folder(&here.state_folder()?)?;
    for run in ledger.waiting_for(id)? {
        // One that is gone needs no waking; nothing that is said to this is believed.
        let _gone = socket::call(&sockets, &run, &Message::Wake, &|_, _| true);
    }
    Ok(())
}
