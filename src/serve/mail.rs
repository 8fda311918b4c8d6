//! Letters: before one puts a question, the run that waits for the answer is told the token.

use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use crate::gate::message::{Message, Reply};
use crate::gate::socket::{self, SocketError};
use crate::ledger::outbox::Parcel;
use crate::ledger::{Ledger, LedgerError};
use crate::model::{Answerer, ApprovalId, ApprovalState, Notice, NoticeKind, RunInfo};
use crate::notify::{Answering, Sent, new_token};

use super::Sender;

/// A letter that is to be written and sent.
pub(super) struct Errand {
    notice: Result<Notice, String>,
    to: String,
    asks: Option<Asks>,
}

/// A question that waits, and those who wait for its answer.
struct Asks {
    approval: ApprovalId,
    runs: Vec<RunInfo>,
    sockets: PathBuf,
    is_own: fn(&RunInfo, BorrowedFd<'_>, Option<i32>) -> bool,
}

impl Errand {
    /// What the ledger knows of this parcel for this reader.
    pub(super) fn of(
        ledger: &Ledger,
        (sender, sockets): (&Sender, PathBuf),
        parcel: &Parcel,
        to: String,
    ) -> Result<Self, LedgerError> {
        let notice: Result<Notice, String> = serde_json::from_str(&parcel.body).map_err(|error| error.to_string());
        let asked = notice.as_ref().ok().filter(|notice| notice.kind == NoticeKind::Question);
        let approval = asked.and_then(|notice| notice.question.as_ref()).map(|question| ApprovalId(question.id));
        let asks = match approval {
            Some(approval) if ledger.approval(approval)?.state == ApprovalState::Pending => {
                let runs = ledger.waiting_for(approval)?;
                let runs = runs.iter().map(|run| ledger.find_run(run.as_str())).collect::<Result<_, _>>()?;
                Some(Asks { approval, runs, sockets, is_own: sender.is_own })
            }
            Some(_) | None => None,
        };
        Ok(Self { notice, to, asks })
    }

    /// Sends it.
    pub(super) async fn run(self, sender: &Sender) -> Sent {
        let later = |why: String| Sent::NotYet { why, after: None };
        let notice = match self.notice {
            Ok(notice) => notice,
            Err(why) => return Sent::Never { why },
        };
        let mail = match &sender.mail {
            Some(Ok(mail)) => mail,
            Some(Err(why)) => return later(why.clone()),
            None => return later("the policy has no such channel".to_owned()),
        };
        let answering = match self.asks {
            None if notice.kind == NoticeKind::Question => {
                Answering::Not("Nobody waits for the answer any more.".to_owned())
            }
            None => Answering::Nothing,
            Some(asks) => {
                let to = self.to.clone();
                // A run that is busy, or stopped by a signal, is waited for beside the loop.
                match tokio::task::spawn_blocking(move || asks.hand_over(&to)).await {
                    Ok(Ok(answering)) => answering,
                    Ok(Err(why)) => return later(why),
                    Err(error) => return later(error.to_string()),
                }
            }
        };
        mail.send(&sender.client, &notice, &self.to, &answering).await
    }
}

impl Asks {
    /// Tells all who wait what the letter's token is. A reader whose answer would not be taken gets none.
    fn hand_over(self, to: &str) -> Result<Answering, String> {
        let token = new_token().ok_or("the system gives no random numbers")?;
        let message = Message::Token { approval: self.approval, hash: token.hash(), who: Answerer::mail(to) };
        let mut refused = None;
        let mut failed = None;
        let mut is_known = false;
        for run in &self.runs {
            let is_own = |connection: BorrowedFd<'_>, named| (self.is_own)(run, connection, named);
            for reply in socket::call_each(&self.sockets, &run.id, &message, &is_own) {
                match reply {
                    Ok(Reply::Done { .. }) => is_known = true,
                    Ok(Reply::Refused { why, .. }) => refused = Some(why),
                    Err(SocketError::NotLive(_)) => {}
                    Err(error) => failed = Some(error.to_string()),
                }
            }
        }
        match (is_known, refused) {
            (true, _) => Ok(Answering::By(token)),
            (false, Some(why)) => Ok(Answering::Not(format!("It cannot be answered by this letter: {why}."))),
            (false, None) => {
                Err(failed.unwrap_or_else(|| "the run that asks is not there to be told of a token".to_owned()))
            }
        }
    }
}
