//! Letters: before one puts a question, the run that waits for the answer is told the token.

use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use crate::decide::people::permission;
use crate::gate::message::{Message, Reply};
use crate::gate::socket::{self, SocketError};
use crate::ledger::outbox::{Parcel, leave_of};
use crate::ledger::{Ledger, LedgerError};
use crate::model::{Answerer, ApprovalId, ApprovalState, Door, Identity, Notice, NoticeKind, RunInfo, Whence};
use crate::notify::{Answering, Sent, new_token};

use super::{Sender, whence_of};

/// A letter that is to be written and sent.
pub(super) struct Errand {
    notice: Result<Notice, String>,
    to: String,
    whence: Whence,
    asks: Option<Asks>,
    /// Its reader may let the run go on that has been ended, and nobody may without such a letter.
    resumes: bool,
}

/// A question that waits, and those who wait for its answer; without its number, a run that is paused.
struct Asks {
    approval: Option<ApprovalId>,
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
        let of_pause = sockets.clone();
        let notice: Result<Notice, String> = serde_json::from_str(&parcel.body).map_err(|error| error.to_string());
        let asked = notice.as_ref().ok().filter(|notice| notice.kind == NoticeKind::Question);
        let approval = asked.and_then(|notice| notice.question.as_ref()).map(|question| ApprovalId(question.id));
        let asks = match approval {
            Some(approval) if ledger.questions().find(approval)?.state == ApprovalState::Pending => {
                let runs = ledger.questions().waiting_for(approval)?;
                let runs = runs.iter().map(|run| ledger.runs().find(run.as_str())).collect::<Result<_, _>>()?;
                Some(Asks { approval: Some(approval), runs, sockets, is_own: sender.is_own })
            }
            Some(_) | None => None,
        };
        let run = notice.as_ref().ok().and_then(|notice| ledger.runs().find(notice.run.as_deref()?).ok());
        let kind = notice.as_ref().ok().map(|notice| notice.kind);
        let asks = match &run {
            Some(run) if kind == Some(NoticeKind::Pause) && ledger.runs().pause_of(&run.id)?.is_some() => {
                Some(Asks { approval: None, runs: vec![run.clone()], sockets: of_pause, is_own: sender.is_own })
            }
            _ => asks,
        };
        let resumes = kind.is_some_and(|kind| ends(kind, notice.as_ref().ok()))
            && run
                .as_ref()
                .is_some_and(|run| run.outcome.as_deref().is_none_or(|how| matches!(how, "stopped" | "killed")))
            && sender.resumes_by_letter(&to);
        Ok(Self { notice, to, whence: whence_of(run.as_ref()), asks, resumes })
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
            None if self.resumes => match new_token() {
                Some(token) => Answering::By(token, None),
                None => return later("the system gives no random numbers".to_owned()),
            },
            None => Answering::Nothing,
            Some(asks) => {
                let (to, page) = (self.to.clone(), sender.page.clone());
                // A run that is busy, or stopped by a signal, is waited for beside the loop.
                match tokio::task::spawn_blocking(move || asks.hand_over(&to, page)).await {
                    Ok(Ok(answering)) => answering,
                    Ok(Err(why)) => return later(why),
                    Err(error) => return later(error.to_string()),
                }
            }
        };
        let sent = mail.send(&sender.client, &notice, (&self.to, &self.whence, sender.zone), &answering).await;
        match (sent, &answering) {
            // Nobody waits who could keep it.
            (Sent::Taken, Answering::By(token, _)) if self.resumes => Sent::Posted { receipt: leave_of(&token.hash()) },
            (sent, _) => sent,
        }
    }
}

/// A notice of this kind is of a run that a person or a rule has ended, or is about to be.
fn ends(kind: NoticeKind, notice: Option<&Notice>) -> bool {
    match kind {
        NoticeKind::Stop | NoticeKind::Kill | NoticeKind::RunEnd => true,
        NoticeKind::Decided | NoticeKind::Expired => {
            let answer = notice.and_then(|notice| notice.decision.as_ref()?.answer.as_deref());
            answer.is_some_and(|answer| matches!(answer, "stopped" | "killed"))
        }
        NoticeKind::Question
        | NoticeKind::Withdrawn
        | NoticeKind::Warn
        | NoticeKind::Route
        | NoticeKind::Pause
        | NoticeKind::Alert
        | NoticeKind::Undelivered
        | NoticeKind::Test => false,
    }
}

impl Sender {
    /// Whoever reads mail at this address may let a run go on, and the account itself may not.
    fn resumes_by_letter(&self, to: &str) -> bool {
        let account = whence_of(None).account;
        let (own, starter) = (Answerer::login(account.as_str(), Door::Cli), Identity::Login(account.clone()));
        let may = |who: &Answerer| permission::judge(&self.approvals, who, &starter, None).is_ok();
        may(&Answerer::mail(to)) && !may(&own)
    }
}

impl Asks {
    /// Tells all who wait what the letter's token is. A reader whose answer would not be taken gets none.
    fn hand_over(self, to: &str, page: Option<String>) -> Result<Answering, String> {
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
            (true, _) => Ok(Answering::By(token, page)),
            (false, Some(why)) => Ok(Answering::Not(format!("It cannot be answered by this letter: {why}."))),
            (false, None) => {
                Err(failed.unwrap_or_else(|| "the run that asks is not there to be told of a token".to_owned()))
            }
        }
    }
}
