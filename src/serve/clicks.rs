//! What is clicked in Slack goes to the run that asked, which judges it as every answer; what it says goes to whoever clicked.

use std::collections::VecDeque;
use std::sync::Arc;

use super::slack::did;
use super::{Sender, Serving};
use crate::gate::message::{Message, Reply, Wish};
use crate::gate::socket::{self, SocketError};
use crate::ledger::{LedgerError, outbox};
use crate::model::notice::NoticeQuestion;
use crate::model::{Answerer, ApprovalId, ApprovalState, Door, Identity, Notice, RunInfo};
use crate::notify::slack::event::{Click, Wants};
use crate::notify::slack::message::{self, escaped};
use crate::notify::slack::{Receipt, Slack, SlackEvent};

/// So many clicks are remembered, to know one that comes again.
const REMEMBERED: usize = 500;

/// So many are on their way at once; more are no person's.
const MOST_AT_ONCE: usize = 32;

/// What a button for an hour means.
const HOUR: u64 = 3_600;

/// Clicks that were taken: Slack may deliver one again.
#[derive(Debug, Default)]
pub(super) struct TakenClicks(VecDeque<String>);

impl TakenClicks {
    /// It is new.
    fn note(&mut self, key: &str) -> bool {
        if self.0.iter().any(|known| known == key) {
            return false;
        }
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(key.to_owned());
        true
    }
}

/// A click that has come to its run, and what that said.
#[derive(Debug)]
pub(super) struct Answered {
    click: Click,
    notice: Notice,
    said: std::result::Result<String, String>,
}

impl Serving {
    /// Something has come from Slack.
    pub(super) fn hear(&mut self, heard: SlackEvent) {
        match heard {
            SlackEvent::Connected => {}
            SlackEvent::Trouble(why) => (self.sender.says)(&format!("no clicks come from Slack: {why}")),
            SlackEvent::Click(click) => {
                if self.answering.len() < MOST_AT_ONCE && self.seen.note(&click.key) {
                    let taken = self.clicked(&click);
                    self.excuse(taken, &click);
                }
            }
        }
    }

    /// A ledger that is locked, or has lost the question, is no reason to end.
    fn excuse(&mut self, taken: std::result::Result<(), LedgerError>, click: &Click) {
        if let Err(error) = taken {
            (self.sender.says)(&format!("a click in Slack came to nothing: {error}"));
            self.whisper(click, None, &format!("Not answered: {error}"));
        }
    }

    fn clicked(&mut self, click: &Click) -> std::result::Result<(), LedgerError> {
        let Some(notice) = outbox::question_by_id(&self.ledger, &click.notice)? else {
            self.whisper(click, None, "This question is not on this machine: another govern has asked it.");
            return Ok(());
        };
        let Some(asked) = notice.question.clone() else { return Ok(()) };
        let id = ApprovalId(asked.id);
        if self.ledger.questions().find(id)?.state != ApprovalState::Pending {
            return self.too_late(click, &notice, &asked);
        }
        let Some(Ok(slack)) = self.sender.slack.clone() else { return Ok(()) };
        let (sender, click) = (Arc::clone(&self.sender), click.clone());
        let wish = match &click.wants {
            Wants::AskHowMuch => {
                let (form, trigger) = (message::form(&notice, &asked), click.trigger.clone().unwrap_or_default());
                self.answering.spawn(async move {
                    let opened = slack.open_form(&sender.client, &trigger, &form).await;
                    opened.err().map(|trouble| Answered { click, notice, said: Err(trouble.why) })
                });
                return Ok(());
            }
            Wants::Approve => Wish::Extend { by: None },
            Wants::Extend(amount) => Wish::Extend { by: Some(amount.clone()) },
            Wants::Deny => Wish::Stop,
            Wants::Route => Wish::Route { model: None },
            Wants::Kill => Wish::Kill,
            Wants::Hour => Wish::Allow { seconds: Some(HOUR) },
            Wants::Run => Wish::Allow { seconds: None },
        };
        let waiting = self.ledger.questions().waiting_for(id)?;
        let found = waiting.iter().map(|run| self.ledger.runs().find(run.as_str()));
        let runs: Vec<RunInfo> = found.collect::<std::result::Result<_, _>>()?;
        let sockets = self.sockets.clone();
        self.answering.spawn(async move {
            let (groups, unknown) = groups(&slack, &sender, &asked, &click.user).await;
            let who = Answerer { identity: Identity::Slack(click.user.clone()), groups, door: Door::Slack };
            let message =
                Message::Answer { approval: id, wish, reason: click.reason.clone(), who: Some(who), token: None };
            let is_own = sender.is_own;
            let taken = tokio::task::spawn_blocking(move || hand_over(&sockets, &runs, &message, is_own)).await;
            let said = taken.unwrap_or_else(|_| Err("govern could not speak to the run".to_owned()));
            // Who may for another reason is not kept from it by a group that Slack does not tell of.
            let said = said.map_err(|why| [why].into_iter().chain(unknown).collect::<Vec<_>>().join("; "));
            Some(Answered { click, notice, said })
        });
        Ok(())
    }

    /// A click has come to its run: whoever clicked is told what is not to be seen in the message.
    pub(super) fn answered(&mut self, Answered { click, notice, said }: &Answered) {
        let told = self.tell(click, notice, said);
        self.excuse(told, click);
    }

    fn tell(
        &mut self,
        click: &Click,
        notice: &Notice,
        said: &std::result::Result<String, String>,
    ) -> std::result::Result<(), LedgerError> {
        let Some(asked) = &notice.question else { return Ok(()) };
        let is_pending = self.ledger.questions().find(ApprovalId(asked.id))?.state == ApprovalState::Pending;
        match said {
            // The message is rewritten for all to see.
            Ok(_) if !is_pending => {}
            Err(_) if !is_pending => return self.too_late(click, notice, asked),
            Ok(what) => self.whisper(click, Some(notice), what),
            Err(why) => self.whisper(click, Some(notice), &format!("Not answered: {why}")),
        }
        Ok(())
    }

    /// Somebody else was quicker, or nobody waits any more: says so, and sees to it that the message does.
    fn too_late(
        &mut self,
        click: &Click,
        notice: &Notice,
        asked: &NoticeQuestion,
    ) -> std::result::Result<(), LedgerError> {
        let Some(end) = outbox::end_of_question(&self.ledger, ApprovalId(asked.id))? else {
            self.whisper(click, Some(notice), &format!("Question {} needs no answer any more.", asked.id));
            return Ok(());
        };
        self.whisper(click, Some(notice), &end.text);
        let place = click.channel.clone().zip(click.message.clone());
        let receipt = place.map(|(channel, ts)| Receipt { channel, ts, thread: None });
        if let (Some(Ok(slack)), Some(receipt)) = (self.sender.slack.clone(), receipt) {
            let (sender, message) =
                (Arc::clone(&self.sender), message::settled(&end, asked, did(&self.ledger, asked).as_deref()));
            self.answering.spawn(async move {
                let _it_stands = slack.update(&sender.client, &receipt, &message).await;
                None
            });
        }
        Ok(())
    }

    /// Says something that only who clicked sees.
    fn whisper(&mut self, click: &Click, notice: Option<&Notice>, text: &str) {
        let Some(Ok(slack)) = self.sender.slack.clone() else { return };
        // A form was in no channel: its question is in one.
        let of_question = || {
            let receipts = outbox::receipts(&self.ledger, &notice?.id).ok()?;
            receipts.iter().find_map(|receipt| Receipt::parse(receipt)).map(|receipt| receipt.channel)
        };
        let Some(channel) = click.channel.clone().or_else(of_question) else { return };
        let (sender, user) = (Arc::clone(&self.sender), click.user.clone());
        let message = message::Message::of(escaped(text, 1_000));
        self.answering.spawn(async move {
            if let Err(trouble) = slack.whisper(&sender.client, &channel, &user, &message).await {
                (sender.says)(&format!("who clicked in Slack could not be told why nothing came of it: {trouble}"));
            }
            None
        });
    }
}

/// The groups that may answer and that the user is in at this moment, and of which that could not be learned.
async fn groups(slack: &Slack, sender: &Sender, asked: &NoticeQuestion, user: &str) -> (Vec<String>, Vec<String>) {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for group in asked.approvers.iter().filter_map(|approver| approver.strip_prefix("slack-group:")) {
        match slack.members(&sender.client, group).await {
            Ok(members) if members.iter().any(|member| member == user) => found.push(group.to_owned()),
            Ok(_) => {}
            Err(trouble) => unknown.push(format!("whether you are in {group} is not known: {trouble}")),
        }
    }
    (found, unknown)
}

/// Any run that waits may take the answer: it counts for all of them. What it did, or why not.
fn hand_over(
    sockets: &std::path::Path,
    runs: &[RunInfo],
    message: &Message,
    is_own: fn(&RunInfo, std::os::fd::BorrowedFd<'_>, Option<i32>) -> bool,
) -> std::result::Result<String, String> {
    for run in runs {
        match socket::call(sockets, &run.id, message, &|connection, named| is_own(run, connection, named)) {
            Ok(Reply::Done { what }) => {
                for other in runs.iter().filter(|other| other.id != run.id) {
                    // A run that is gone needs no waking; nothing that is said to this is believed.
                    let _gone = socket::call(sockets, &other.id, &Message::Wake, &|_, _| true);
                }
                return Ok(what);
            }
            Ok(Reply::Refused { why, .. }) => return Err(why),
            Err(SocketError::NotLive(_)) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("nobody waits for an answer any more: the run is over".to_owned())
}
