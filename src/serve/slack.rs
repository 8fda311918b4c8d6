//! What of the outbox goes to Slack: as which message, in which thread, or in the place of which one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Sender;
use crate::ledger::outbox::{self, CopyState, Parcel};
use crate::ledger::{Ledger, LedgerError};
use crate::model::notice::NoticeQuestion;
use crate::model::{ApprovalId, Notice, NoticeKind};
use crate::notify::Sent;
use crate::notify::slack::message::{self, Message};
use crate::notify::slack::{Receipt, Slack};
use crate::policy::notify::Address;
use crate::report::approvals::answer_text;

/// Nobody is left alone for longer.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// Messages to Slack, one at a time.
#[derive(Debug, Default)]
pub(super) struct Lane {
    queue: VecDeque<Parcel>,
    busy: bool,
    until: Option<Instant>,
}

impl Lane {
    pub(super) fn put(&mut self, parcel: Parcel) {
        self.queue.push_back(parcel);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && !self.busy
    }

    /// What is to be sent now.
    pub(super) fn next(&self, now: Instant) -> Option<&Parcel> {
        let rests = self.until.is_some_and(|until| until > now);
        self.queue.front().filter(|_| !self.busy && !rests)
    }

    /// It is being sent.
    pub(super) fn begin(&mut self) -> Option<Parcel> {
        self.busy = true;
        self.queue.pop_front()
    }

    /// Something was sent, or was not. Who wants to be left alone is.
    pub(super) fn sent(&mut self, parcel: &Parcel, sent: &Sent, now: Instant) {
        if !matches!(Address::parse(&parcel.address), Some(Address::Slack(_))) {
            return;
        }
        self.busy = false;
        if let Sent::NotYet { after: Some(after), .. } = sent {
            self.until = Some(now + (*after).min(LONGEST));
        }
    }

    /// How long it is until something can be sent that waits for that.
    pub(super) fn rests_for(&self, now: Instant) -> Option<Duration> {
        self.until.filter(|_| !self.queue.is_empty() && !self.busy).map(|until| until.saturating_duration_since(now))
    }
}

/// What is done with a copy.
#[derive(Debug)]
pub(super) enum Errand {
    /// Nothing: this came of it.
    Nothing(Sent),
    /// It is a message of its own.
    Post { slack: Arc<Slack>, channel: String, thread: Option<String>, message: Message },
    /// It takes the place of another one.
    Update { slack: Arc<Slack>, receipt: Receipt, message: Message },
}

/// Looks up what a copy comes to.
pub(super) fn errand(ledger: &Ledger, sender: &Sender, parcel: &Parcel) -> Result<Errand, LedgerError> {
    let not_yet = |why: &str| Ok(Errand::Nothing(Sent::NotYet { why: why.to_owned(), after: None }));
    let slack = match &sender.slack {
        Some(Ok(slack)) => Arc::clone(slack),
        Some(Err(why)) => return not_yet(why),
        None => return not_yet("the policy has no such channel"),
    };
    let Some(Address::Slack(named)) = Address::parse(&parcel.address) else {
        return not_yet("the policy has no such channel");
    };
    let Ok(notice) = serde_json::from_str::<Notice>(&parcel.body) else {
        return Ok(Errand::Nothing(Sent::Never { why: "the notice cannot be read".to_owned() }));
    };
    let channel = slack.channel(named.as_deref()).to_owned();
    match (notice.kind, &notice.question) {
        (NoticeKind::Question, Some(asked)) => {
            if outbox::end_of_question(ledger, ApprovalId(asked.id))?.is_some() {
                // It was settled before it was told: what became of it is told by itself.
                return Ok(Errand::Nothing(Sent::Taken));
            }
            let buttons = slack.hears() && may_click(sender, asked);
            Ok(Errand::Post { message: message::question(&notice, asked, buttons), slack, channel, thread: None })
        }
        (NoticeKind::Decided | NoticeKind::Withdrawn | NoticeKind::Expired, Some(asked)) => {
            let message = message::settled(&notice, asked, did(ledger, asked).as_deref());
            let receipt = match outbox::copy_of_question(ledger, ApprovalId(asked.id), &parcel.address)? {
                CopyState::Waits => return not_yet("the question itself is not there yet"),
                CopyState::There { receipt } => Receipt::parse(&receipt),
                CopyState::Told | CopyState::Never => None,
            };
            let Some(receipt) = receipt else {
                let thread = thread(ledger, &notice, &parcel.address)?;
                return Ok(Errand::Post { slack, channel, thread, message });
            };
            Ok(Errand::Update { slack, receipt, message })
        }
        _ => {
            let thread = thread(ledger, &notice, &parcel.address)?;
            Ok(Errand::Post { message: message::told(&notice), slack, channel, thread })
        }
    }
}

/// The run's first message there.
fn thread(ledger: &Ledger, notice: &Notice, address: &str) -> Result<Option<String>, LedgerError> {
    let Some(run) = &notice.run else { return Ok(None) };
    let first = outbox::first_of_run(ledger, run, address)?;
    Ok(first.and_then(|first| Receipt::parse(&first)).map(|first| first.root().to_owned()))
}

/// Somebody whom Slack knows may answer: nobody else is shown buttons.
fn may_click(sender: &Sender, asked: &NoticeQuestion) -> bool {
    asked.approvers.iter().any(|approver| sender.approvals.in_slack(approver))
}

/// The answer with its amount, where there is one.
pub(super) fn did(ledger: &Ledger, asked: &NoticeQuestion) -> Option<String> {
    let approval = ledger.questions().find(ApprovalId(asked.id)).ok()?;
    let answer = approval.answer.as_ref()?;
    Some(answer_text(answer, approval.extend.unit, approval.about))
}

impl Errand {
    /// Does it.
    pub(super) async fn run(self, sender: &Sender) -> Sent {
        match self {
            Self::Nothing(sent) => sent,
            Self::Post { slack, channel, thread, message } => {
                match slack.post(&sender.client, &channel, thread.as_deref(), &message).await {
                    Ok(receipt) => Sent::Posted { receipt: receipt.to_string() },
                    Err(trouble) => trouble.into(),
                }
            }
            Self::Update { slack, receipt, message } => match slack.update(&sender.client, &receipt, &message).await {
                Ok(()) => Sent::Taken,
                Err(trouble) => trouble.into(),
            },
        }
    }
}
