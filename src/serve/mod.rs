//! The long-lived process of an account: it sends what waits in the outbox, and tries again.
//!
//! A run opens no connection. It writes notices into the ledger with what they are about, rings a bell and goes on; this
//! process has the secrets and the patience. One has the place at a time, by a lock; what a dead one had in hand is the
//! next one's at once, so that a notice may arrive twice, under one id, and never not at all.

mod clicks;
mod mail;
pub mod page;
mod slack;
mod undelivered;

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono_tz::Tz;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::clock;
use crate::error::{Error, Result};
use crate::gate::sender_wake::{Bell, Ring, ring};
use crate::ledger::outbox::{self, Fate, Parcel};
use crate::ledger::{Ledger, LedgerError};
use crate::model::{RunInfo, RunProcess, Timestamp, Whence};
use crate::net::Client;
use crate::notify::slack::{Slack, SlackEvent, listen};
use crate::notify::{Mail, Sent, Webhook, retry};
use crate::policy::notify::{Address, Notify};
use crate::policy::rule::Approvals;
use crate::process::{self, Holder, Place};

use clicks::{Answered, TakenClicks};
use mail::Errand;
use slack::Lane;

/// How often is looked for what nobody rang for.
const LOOK: Duration = Duration::from_secs(5);

/// How long one that is only there while it is needed stays where nothing is to be done: a run that has just started it
/// is not in the ledger yet.
const LINGER: Duration = Duration::from_secs(10);

/// How long one that is to leave may take.
const LEAVES_WITHIN: Duration = Duration::from_secs(15);

/// So many are under way at once: one that hangs holds up nobody else.
const MOST_AT_ONCE: usize = 32;

/// The place's file, within the folder of sockets.
const PLACE: &str = "serve.lock";

/// How long it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// Until somebody ends it.
    Always,
    /// As long as a run lives or something waits.
    WhileNeeded,
}

impl Stay {
    /// As the place's file says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::WhileNeeded => "while-needed",
        }
    }
}

/// What it works with.
#[derive(Debug)]
pub struct Sender {
    /// Speaks to other machines.
    pub client: Arc<Client>,
    /// The policy's webhook; why there is none, where it has one that cannot be used.
    pub webhook: Option<std::result::Result<Webhook, String>>,
    /// The policy's Slack; why there is none, where it has one that cannot be used.
    pub slack: Option<std::result::Result<Arc<Slack>, String>>,
    /// Who is who.
    pub approvals: Approvals,
    /// The policy's mail; why there is none, where it has one that cannot be used.
    pub mail: Option<std::result::Result<Mail, String>>,
    /// What goes where.
    pub notify: Notify,
    /// The zone that times are shown in.
    pub zone: Tz,
    /// Where the page is reached from elsewhere, without a slash at its end.
    pub page: Option<String>,
    /// Whether who listens at a connection speaks for a run.
    pub is_own: fn(&RunInfo, BorrowedFd<'_>, Option<i32>) -> bool,
    /// Whether a process lives still.
    pub alive: fn(&RunProcess<'_>) -> bool,
    /// What is worth a person's while.
    pub says: fn(&str),
}

/// Where a notice about a run is from; `None`: about none.
pub fn whence_of(run: Option<&RunInfo>) -> Whence {
    let uid = process::own_uid();
    Whence {
        machine: process::machine_name(),
        account: process::user_name(uid).unwrap_or_else(|| uid.to_string()),
        folder: run.map(|run| run.cwd.clone()),
        command: run.and_then(|run| Whence::command_of(&run.command)),
    }
}

/// Who has the sender's place in this folder of sockets.
pub fn holder(sockets: &Path) -> Result<Option<Holder>> {
    Place::holder(&sockets.join(PLACE)).map_err(|error| no_place(sockets, &error))
}

fn no_place(sockets: &Path, error: &std::io::Error) -> Error {
    Error::new(format!("the sender's place `{}` cannot be looked at", sockets.join(PLACE).display())).caused_by(error)
}

/// Takes the place. One that stays has precedence over one that is there while it is needed; `None`: somebody who may
/// stay has it.
pub async fn take_place(sockets: &Path, stay: Stay) -> Result<Option<Place>> {
    let path = sockets.join(PLACE);
    let until = clock::monotonic() + LEAVES_WITHIN;
    loop {
        let holder = match Place::take(&path, stay.as_str()).map_err(|error| no_place(sockets, &error))? {
            Ok(place) => return Ok(Some(place)),
            Err(holder) => holder,
        };
        if stay == Stay::WhileNeeded {
            return Ok(None);
        }
        if holder.says == Stay::Always.as_str() || clock::monotonic() > until {
            return Err(Error::new(format!("`govern serve` runs already, as process {}", holder.pid))
                .hint("one is enough for an account; `govern notify status` shows what it does"));
        }
        // It leaves once what it has in hand is over.
        let _gone = ring(sockets, Ring::Leave);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The sender that the policy asks for, where that is no longer the one that it asked for before.
pub type Renew = Box<dyn FnMut() -> Option<Sender>>;

/// Sends what waits, until nothing needs it any more or another one wants the place.
///
/// # Errors
///
/// The ledger cannot be used.
pub async fn serve(ledger: Ledger, sockets: &Path, stay: Stay, sender: Sender, renew: Renew) -> Result<()> {
    let bell = Bell::listen(sockets).map_err(|error| Error::new("the sender cannot be woken").caused_by(&error))?;
    let now = clock::monotonic();
    let mut serving = Serving {
        ledger,
        sockets: sockets.to_owned(),
        stay,
        sender: Arc::new(sender),
        under_way: JoinSet::new(),
        unwritten: VecDeque::new(),
        lane: Lane::default(),
        heard: None,
        answering: JoinSet::new(),
        seen: TakenClicks::default(),
        busy: now,
        looked: None,
        leaving: false,
        renew,
    };
    serving.patiently(|serving| outbox::take_over(&mut serving.ledger, clock::now()))?;
    serving.listen();
    while serving.goes_on()? {
        let wait = serving.wait()?;
        tokio::select! {
            biased;
            Some(done) = serving.under_way.join_next() => {
                if let Ok(done) = done {
                    serving.lane.sent(&done.0, &done.1, clock::monotonic());
                    serving.unwritten.push_back(done);
                }
            }
            heard = next(&mut serving.heard) => serving.hear(heard),
            Some(done) = serving.answering.join_next() => {
                if let Ok(Some(answered)) = done {
                    serving.answered(&answered);
                }
            }
            what = bell.next() => serving.leaving |= what == Ring::Leave && stay == Stay::WhileNeeded,
            () = tokio::time::sleep(wait) => {}
        }
    }
    Ok(())
}

/// What is heard next; where nothing can be, that takes for ever.
async fn next(heard: &mut Option<mpsc::Receiver<SlackEvent>>) -> SlackEvent {
    if let Some(receiver) = heard
        && let Some(heard) = receiver.recv().await
    {
        return heard;
    }
    std::future::pending().await
}

struct Serving {
    ledger: Ledger,
    sockets: PathBuf,
    stay: Stay,
    sender: Arc<Sender>,
    under_way: JoinSet<(Parcel, Sent)>,
    /// What became of tries, until the ledger has it.
    unwritten: VecDeque<(Parcel, Sent)>,
    /// What goes to Slack, one after the other.
    lane: Lane,
    /// What comes from there.
    heard: Option<mpsc::Receiver<SlackEvent>>,
    /// Clicks that are on their way to their runs, and words to those who clicked.
    answering: JoinSet<Option<Answered>>,
    /// Clicks that were taken already.
    seen: TakenClicks,
    /// When something was to be done last.
    busy: Instant,
    /// When it was last looked for questions that nobody waits for.
    looked: Option<Instant>,
    /// Another one wants the place.
    leaving: bool,
    renew: Renew,
}

impl Serving {
    /// A ledger that another process keeps locked is tried again: what is not written yet is not forgotten.
    fn patiently(
        &mut self,
        work: impl FnOnce(&mut Self) -> std::result::Result<(), LedgerError>,
    ) -> std::result::Result<(), Error> {
        match work(self) {
            Ok(()) | Err(LedgerError::Locked) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes down what has come of tries, begins those whose time has come, and says whether there is a reason to stay.
    fn goes_on(&mut self) -> Result<bool> {
        self.patiently(Self::write)?;
        if !self.leaving {
            self.patiently(Self::begin)?;
            self.patiently(Self::withdraw_for_the_dead)?;
        }
        if !self.under_way.is_empty() || !self.unwritten.is_empty() || !self.answering.is_empty() {
            self.busy = clock::monotonic();
            return Ok(true);
        }
        if self.leaving {
            return Ok(false);
        }
        let needed = !self.lane.is_empty()
            || outbox::next_due(&self.ledger, clock::now())?.is_some()
            || !self.ledger.runs().live(&self.sender.alive)?.is_empty();
        if needed {
            self.busy = clock::monotonic();
        }
        Ok(self.stay == Stay::Always || clock::monotonic().saturating_duration_since(self.busy) < LINGER)
    }

    fn write(&mut self) -> std::result::Result<(), LedgerError> {
        while let Some((parcel, sent)) = self.unwritten.front() {
            let now = clock::now();
            let fate = fate(parcel, sent, now, self.sender.webhook.as_ref());
            outbox::note(&mut self.ledger, now, parcel, &fate)?;
            if let Fate::Failed { error } = &fate {
                undelivered::tell(&mut self.ledger, &self.sender.notify, parcel, error, now)?;
            }
            match &fate {
                Fate::Closed { .. } => (self.sender.says)(&format!(
                    "{} answered 410: nothing more is sent there until `govern notify test {}` succeeds",
                    parcel.address, parcel.address
                )),
                Fate::Failed { error } => {
                    (self.sender.says)(&format!("{} is not delivered to {}: {error}", parcel.id, parcel.address));
                }
                Fate::Delivered | Fate::Posted { .. } | Fate::Again { .. } => {}
            }
            self.unwritten.pop_front();
        }
        Ok(())
    }

    fn begin(&mut self) -> std::result::Result<(), LedgerError> {
        let room = MOST_AT_ONCE.saturating_sub(self.under_way.len());
        let parcels = if room > 0 { outbox::claim(&mut self.ledger, clock::now(), room)? } else { Vec::new() };
        for parcel in parcels {
            let closed = match (Address::parse(&parcel.address), &self.sender.webhook) {
                (Some(Address::Slack(_)), _) => {
                    self.lane.put(parcel);
                    continue;
                }
                (Some(Address::Webhook), Some(Ok(webhook))) => {
                    outbox::is_closed(&self.ledger, &parcel.address, &webhook.mark())?
                }
                (Some(Address::Mail(Some(to))), _) => {
                    let errand = Errand::of(&self.ledger, (&self.sender, self.sockets.clone()), &parcel, to)?;
                    let sender = Arc::clone(&self.sender);
                    self.under_way.spawn(async move {
                        let sent = errand.run(&sender).await;
                        (parcel, sent)
                    });
                    continue;
                }
                (Some(Address::Webhook | Address::Mail(None)), _) | (None, _) => false,
            };
            let sender = Arc::clone(&self.sender);
            self.under_way.spawn(async move {
                let sent = if closed { Sent::Gone } else { sender.send(&parcel).await };
                (parcel, sent)
            });
        }
        self.begin_in_slack()
    }

    /// Slack is given one message at a time: a run's later ones stand below its first.
    fn begin_in_slack(&mut self) -> std::result::Result<(), LedgerError> {
        if !self.unwritten.is_empty() {
            // By what the last one is known is not written yet, and the next one may need it.
            return Ok(());
        }
        let Some(parcel) = self.lane.next(clock::monotonic()) else { return Ok(()) };
        let errand = slack::errand(&self.ledger, &self.sender, parcel)?;
        if let Some(parcel) = self.lane.begin() {
            let sender = Arc::clone(&self.sender);
            self.under_way.spawn(async move {
                let sent = errand.run(&sender).await;
                (parcel, sent)
            });
        }
        Ok(())
    }

    /// Clicks are heard from here on, where the policy has what they are heard by.
    fn listen(&mut self) {
        if let Some(Ok(slack)) = self.sender.slack.as_ref()
            && slack.hears()
        {
            let (hear, heard) = mpsc::channel(64);
            tokio::spawn(listen(Arc::clone(slack), Arc::clone(&self.sender.client), hear));
            self.heard = Some(heard);
        }
    }

    /// The policy may say something else by now.
    fn learn(&mut self) {
        if let Some(sender) = (self.renew)() {
            self.sender = Arc::new(sender);
            // Clicks are heard by the tokens that it names now; who listens by others ends with what it tells.
            self.heard = None;
            self.listen();
        }
    }

    /// A govern that was killed withdraws nothing: whoever reads its question would answer nobody.
    fn withdraw_for_the_dead(&mut self) -> std::result::Result<(), LedgerError> {
        let now = clock::monotonic();
        if self.looked.is_some_and(|looked| now.saturating_duration_since(looked) < LOOK) {
            return Ok(());
        }
        self.looked = Some(now);
        self.learn();
        let alive = self.sender.alive;
        if self.ledger.questions().all(true)?.len() != self.ledger.questions().standing(true, &alive)?.len() {
            self.ledger.turn(clock::now(), |turn| turn.questions().clear_dead(&alive))?;
            let _own = ring(&self.sockets, Ring::News);
        }
        Ok(())
    }

    fn wait(&self) -> Result<Duration> {
        let due = outbox::next_due(&self.ledger, clock::now())?.filter(|_| self.under_way.len() < MOST_AT_ONCE);
        let until = due.map(|due| due.signed_duration_since(clock::now()).to_std().unwrap_or_default());
        let until = until.into_iter().chain(self.lane.rests_for(clock::monotonic())).min();
        // What is due and was not begun waits for a ledger that another process keeps locked.
        Ok(until.map_or(LOOK, |until| until.max(Duration::from_millis(20)).min(LOOK)))
    }
}

impl Sender {
    async fn send(&self, parcel: &Parcel) -> Sent {
        match (Address::parse(&parcel.address), &self.webhook) {
            (Some(Address::Webhook), Some(Ok(webhook))) => {
                webhook.send(&self.client, &parcel.id, &parcel.body, clock::now()).await
            }
            (Some(Address::Webhook), Some(Err(why))) => Sent::NotYet { why: why.clone(), after: None },
            (Some(Address::Webhook), None) | (Some(Address::Mail(_) | Address::Slack(_)) | None, _) => {
                Sent::NotYet { why: "the policy has no such channel".to_owned(), after: None }
            }
        }
    }
}

/// What the ledger is told of a try.
fn fate(parcel: &Parcel, sent: &Sent, now: Timestamp, webhook: Option<&std::result::Result<Webhook, String>>) -> Fate {
    match sent {
        Sent::Taken => Fate::Delivered,
        Sent::Posted { receipt } => Fate::Posted { receipt: receipt.clone() },
        Sent::Never { why } => Fate::Failed { error: why.clone() },
        Sent::Gone => match webhook {
            Some(Ok(webhook)) => Fate::Closed { mark: webhook.mark() },
            Some(Err(_)) | None => Fate::Failed { error: "the address wants nothing more (410)".to_owned() },
        },
        Sent::NotYet { why, after } => match retry::next(parcel.attempt, parcel.began, now, *after) {
            Some(at) => Fate::Again { at, error: why.clone() },
            None => Fate::Failed { error: format!("given up after a day: {why}") },
        },
    }
}
