//! One session file becomes parts for the writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ledger::{FileMark, Origin, PastResponse};
use crate::model::{Attribution, ThreadId, Timestamp, WorkClass};
use crate::policy::cost::{billed, cost};
use crate::policy::rule::Unpriced;
use crate::rollout::{self, RecordKind};
use crate::tail::cursor::{Cursor, LONGEST_LINE};
use crate::tail::session::name_of;
use crate::usage::meter::{Answer, Counting, Meter};
use crate::usage::price::PriceTable;
use crate::work::{Own, Turns};

use super::changed_files::Planned;
use super::family::Families;

/// Responses in a part, about: it ends with a turn, since all of a turn have one class.
const PART: usize = 1_024;

/// A part is never longer: a turn of so many responses is classed in pieces.
const LONGEST: usize = 16 * PART;

/// How many bytes are read between two tellings.
const TELL: u64 = 1 << 20;

/// All that a file tells belongs to it.
const COUNTING: Counting = Counting { from: Timestamp::MIN_UTC, grown_from: 0 };

/// What readers share.
pub(super) struct Context<'a> {
    pub(super) prices: &'a PriceTable,
    pub(super) unpriced: &'a Unpriced,
    pub(super) attribute: &'a (dyn Fn(&super::Origin) -> Attribution + Sync),
    pub(super) families: &'a Families<'a>,
    /// By what turns are classed, beside what they do.
    pub(super) work: Arc<Own>,
}

/// Some responses of a file, in order.
#[derive(Debug)]
pub(super) struct Part {
    /// Which of the planned files.
    pub(super) file: std::path::PathBuf,
    pub(super) origins: Vec<Origin>,
    /// Each with the place of its origin.
    pub(super) responses: Vec<(usize, PastResponse)>,
    /// The file's last part says how its reading ended.
    pub(super) end: Option<Result<End, std::io::Error>>,
}

/// How a file was read.
#[derive(Debug)]
pub(super) struct End {
    pub(super) mark: FileMark,
    /// A last line that is not whole yet.
    pub(super) unfinished: bool,
    /// How its thread stands.
    pub(super) meter: Meter,
}

impl Part {
    /// What it costs to write, in responses.
    pub(super) fn weight(&self) -> usize {
        self.responses.len() + 1
    }
}

/// Nobody wants parts any more.
pub(super) struct Unwanted;

/// Reads a file and sends all of it.
pub(super) fn read(
    file: &Planned,
    context: &Context<'_>,
    done: &AtomicU64,
    send: &mut dyn FnMut(Part) -> Result<(), Unwanted>,
) -> Result<(), Unwanted> {
    let mut reading = Reading::new(file, context, done, send);
    let end = reading.all();
    done.fetch_add(file.found.size.saturating_sub(reading.told), Ordering::Relaxed);
    reading.part.end = Some(end);
    reading.send()
}

struct Reading<'a> {
    file: &'a Planned,
    context: &'a Context<'a>,
    done: &'a AtomicU64,
    send: &'a mut dyn FnMut(Part) -> Result<(), Unwanted>,
    meter: Meter,
    turns: Turns,
    /// Where in the part the responses of the turn begin that goes on.
    turn: usize,
    origin: super::Origin,
    attribution: Option<Attribution>,
    /// A root as files name it, and the one above.
    root: Option<(ThreadId, ThreadId)>,
    part: Part,
    wanted: Result<(), Unwanted>,
    mark: FileMark,
    told: u64,
}

impl<'a> Reading<'a> {
    fn new(
        file: &'a Planned,
        context: &'a Context<'a>,
        done: &'a AtomicU64,
        send: &'a mut dyn FnMut(Part) -> Result<(), Unwanted>,
    ) -> Self {
        let found = &file.found;
        Self {
            file,
            context,
            done,
            send,
            meter: Meter::new(name_of(&found.path).as_ref(), COUNTING),
            turns: Turns::new(context.work.clone()),
            turn: 0,
            origin: super::Origin::default(),
            attribution: None,
            root: None,
            part: Part { file: found.path.clone(), origins: Vec::new(), responses: Vec::new(), end: None },
            wanted: Ok(()),
            mark: FileMark {
                identity: found.identity,
                size: found.size,
                modified: found.modified,
                read: 0,
                lines: 0,
                skipped: 0,
                reason: None,
                span: None,
            },
            told: 0,
        }
    }

    fn all(&mut self) -> std::io::Result<End> {
        let mut cursor = Cursor::open(&self.file.link)?;
        let progress = cursor.read(|position, line| self.line(position, line))?;
        if progress.too_long > 0 {
            self.skip(progress.too_long, || format!("longer than {} MiB", LONGEST_LINE >> 20));
        }
        let mut unfinished = false;
        if let Some((position, line)) = cursor.rest() {
            // A last line may be whole, only its line feed missing; else its writer has not come to its end.
            match rollout::read_for_accounting(line) {
                Ok(record) => {
                    self.mark.lines += 1;
                    self.take(position, &record);
                }
                Err(_) => unfinished = true,
            }
        }
        self.class_turn(self.turns.class());
        self.mark.lines += progress.lines;
        self.mark.read = cursor.position();
        let meter = std::mem::replace(&mut self.meter, Meter::new(None, COUNTING));
        Ok(End { mark: self.mark.clone(), unfinished, meter })
    }

    fn line(&mut self, position: u64, line: &[u8]) {
        if position.saturating_sub(self.told) >= TELL {
            // Of a compressed file there are more bytes than its size says.
            let upto = position.min(self.file.found.size);
            self.done.fetch_add(upto.saturating_sub(self.told), Ordering::Relaxed);
            self.told = self.told.max(upto);
        }
        match rollout::read_for_accounting(line) {
            Ok(record) => {
                self.take(position, &record);
                if record.kind == RecordKind::Other
                    && let Some(act) = rollout::act(line, self.turns.has_items())
                {
                    self.turns.did(&act);
                }
            }
            Err(why) => {
                self.skip(1, || format!("{why} at byte {position}"));
                if let Some((position, record)) = rollout::after_torn(position, line) {
                    self.take(position, &record);
                }
            }
        }
    }

    fn skip(&mut self, lines: u64, why: impl FnOnce() -> String) {
        self.mark.skipped = self.mark.skipped.saturating_add(lines);
        self.mark.reason.get_or_insert_with(why);
    }

    fn take(&mut self, position: u64, record: &rollout::Record) {
        if let Some(at) = record.at {
            let (first, last) = self.mark.span.unwrap_or((at, at));
            self.mark.span = Some((first.min(at), last.max(at)));
        }
        if let Some(before) = self.turns.record(record) {
            self.class_turn(before);
            if self.part.responses.len() >= PART && self.wanted.is_ok() {
                self.wanted = self.send();
            }
        }
        let answer = self.meter.push(position, record);
        if let RecordKind::Meta(meta) = &record.kind
            && meta.thread.as_ref() == self.meter.thread()
            && self.origin == super::Origin::default()
        {
            let (folder, branch, remote) = (meta.cwd.clone(), meta.branch.clone(), meta.remote.clone());
            self.origin = super::Origin { folder, branch, remote };
        }
        // Of a parent without a file there is nothing to tell; its fork is asked again at the next line, to no avail.
        if let Some(totals) = self.meter.wants_parent().and_then(|parent| self.context.families.totals(parent)) {
            self.meter.inherit(&totals);
        }
        if let Some(answer) = answer {
            self.answered(answer);
        }
    }

    /// What stands for the thread of a file that names none, neither in itself nor by its name: two of them are two.
    fn nameless(&self) -> ThreadId {
        let stem = self.file.found.path.file_stem().unwrap_or_default().to_string_lossy();
        let began = self.mark.span.map_or(0, |(first, _)| first.timestamp_millis());
        ThreadId::new(format!("{stem}@{began}"))
    }

    fn answered(&mut self, mut answer: Answer) {
        if self.meter.thread().is_none() {
            answer.thread = self.nameless();
            answer.root = answer.thread.clone();
        }
        let Context { prices, unpriced, attribute, families, work: _ } = self.context;
        let root = match &self.root {
            Some((named, root)) if *named == answer.root => root.clone(),
            // Its own root: there is nobody above.
            _ if answer.root == answer.thread => answer.root,
            _ => {
                let root = families.root(&answer.root);
                self.root.insert((answer.root, root)).1.clone()
            }
        };
        let attribution = self.attribution.get_or_insert_with(|| attribute(&self.origin));
        let billing = self.file.login.billing(answer.provider.as_deref(), self.meter.plan_type());
        let Answer { thread, key, at, model, provider, tier, tokens, basis, .. } = answer;
        let billing = billed(prices, billing, model.as_ref());
        let cost = cost(prices, unpriced, billing, model.as_ref(), &tier, at, &tokens);
        let same = self.part.origins.last().is_some_and(|last| {
            last.model == model
                && last.tier == tier
                && last.billing == billing
                && last.provider == provider
                && last.thread == thread
                && last.root == root
        });
        if !same {
            let attribution = attribution.clone();
            self.part.origins.push(Origin { thread, root, model, provider, tier, billing, attribution });
        }
        let origin = self.part.origins.len().saturating_sub(1);
        self.part.responses.push((origin, PastResponse { key, at, tokens, cost, basis, work: None }));
        self.turns.answered();
        if self.part.responses.len() >= LONGEST && self.wanted.is_ok() {
            self.class_turn(self.turns.class());
            self.wanted = self.send();
        }
    }

    /// The turn is of this class, and over.
    fn class_turn(&mut self, class: WorkClass) {
        for (_, past) in self.part.responses.iter_mut().skip(self.turn) {
            past.work = Some(class);
        }
        self.turn = self.part.responses.len();
    }

    /// Sends what has come together.
    fn send(&mut self) -> Result<(), Unwanted> {
        self.turn = 0;
        let empty = Part { file: self.part.file.clone(), origins: Vec::new(), responses: Vec::new(), end: None };
        (self.send)(std::mem::replace(&mut self.part, empty))
    }
}
