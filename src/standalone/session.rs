//! A session as a run of its own: opened, gone on with, and what was answered since.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::clock;
use crate::clocks::RECORD_WITHIN;
use crate::codex::{self, HookEvent};
use crate::decide::barred::BarTold;
use crate::decide::message::{Input, Phase};
use crate::error::Error;
use crate::import::{self, NamedFile, ReadSession, RecordedAs};
use crate::ledger::{Ended, Holder, Ledger, LedgerError, RunState, Turn};
use crate::model::event::EventKind;
use crate::model::{Event, ProcessIdentity, Response, ThreadId, Timestamp, WorkClass};
use crate::rollout::RanTool;
use crate::tail::Alteration;
use crate::tail::Fingerprint;
use crate::turn::hook::asked;
use crate::turn::hook::lacks;

use super::open_files::{self, Found, OpenFiles};
use super::standing::{From, Stops, ThreadState};
use super::unasked_tools::RanTools;
use super::{Call, usage_reports};

/// How often the file is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(2);

/// All that the session's files tell at the moment.
#[derive(Debug, Default)]
pub(super) struct Reading {
    read: Vec<Read>,
    /// What was done to the file of which thread.
    altered: Vec<(ThreadId, String)>,
}

/// A file that was read.
#[derive(Debug)]
pub(super) struct Read {
    thread: ThreadId,
    pub(super) told: ReadSession,
    /// At least so far.
    pub(super) upto: Fingerprint,
    /// What of it is new of tools that ran.
    ran: RanTools,
}

/// The threads of the run, by what earlier hooks left.
pub(super) fn known(turn: &[crate::ledger::Attended]) -> Result<Vec<(ThreadId, ThreadState)>, LedgerError> {
    let row = |row: &crate::ledger::Attended| {
        let standing = serde_json::from_str(&row.data)
            .map_err(|error| LedgerError::unreadable(format!("what is known of thread {}: {error}", row.thread)))?;
        Ok((row.thread.clone(), standing))
    };
    turn.iter().map(row).collect()
}

/// Reads the hook's own session file and those of its Codex's other threads that have grown. A record that is due is
/// waited for.
pub(super) fn read(call: &Call, ledger: &Ledger) -> Result<Reading, Error> {
    let own = call.input.thread();
    let known = known(&ledger.hooks().attended(&call.run)?)?;
    // What an earlier Codex left may have been changed since: its user may do that.
    let live: Vec<&(ThreadId, ThreadState)> = known.iter().filter(|(_, known)| known.codex == call.codex).collect();
    let fingerprints: Vec<&Fingerprint> = live.iter().filter_map(|(_, known)| known.file.as_ref()).collect();
    let written = OpenFiles::by(call.codex, &fingerprints);
    let mut reading = Reading::default();
    for (thread, standing) in live.iter().filter(|(thread, known)| *thread != own && known.has_file()) {
        // One that cannot be opened says nothing; the thread's own hook tells of it.
        let Ok(Some(mut found)) = written.find(thread, &standing.path, standing.before()) else { continue };
        if found.is_open() {
            let how = written.alteration(Some(&mut found), standing.before()).map_err(failed)?;
            reading.alters(thread, &found.name, how);
        }
        reading.takes(call, thread, &found, Some(standing))?;
    }
    // A thread without a file has only hooks to tell of it.
    let Some(path) = call.input.session_file() else { return Ok(reading) };
    let standing = live.iter().find(|(thread, _)| *thread == own).map(|(_, standing)| standing);
    let waits = standing.is_some_and(|standing| standing.admission.is_open()) && may_wait(call.event);
    let deadline = clock::monotonic() + if waits { RECORD_WITHIN } else { Duration::ZERO };
    let before = standing.and_then(ThreadState::before);
    let mut found = written.find(&own, path, before).map_err(failed)?;
    let mut size = None;
    loop {
        if found.is_none() && size.is_some() {
            found = OpenFiles::by(call.codex, &fingerprints).find(&own, path, before).map_err(failed)?;
        }
        let now = found.as_ref().and_then(|found| found.file.metadata().ok()).map_or(0, |meta| meta.len());
        if size.replace(now) != Some(now) {
            let name = found.as_ref().map_or(path, |found| &found.name).to_owned();
            reading.alters(&own, &name, written.alteration(found.as_mut(), before).map_err(failed)?);
            found.as_ref().map_or(Ok(()), |found| reading.takes(call, &own, found, standing))?;
        }
        let answered = |read: &Read| standing.is_none_or(|known| read.told.responses.len() > known.seen);
        let is_answered = reading.read.iter().any(|read| read.thread == own && answered(read));
        if is_answered || clock::monotonic() >= deadline {
            break;
        }
        std::thread::sleep(LOOK);
    }
    Ok(reading)
}

fn failed(error: std::io::Error) -> Error {
    Error::new("the session file cannot be read").caused_by(&error)
}

impl Reading {
    /// Something was done to a thread's file.
    fn alters(&mut self, thread: &ThreadId, name: &std::path::Path, how: Option<Alteration>) {
        if let Some(how) = how {
            self.altered.retain(|(known, _)| known != thread);
            self.altered.push((thread.clone(), open_files::text_of(name, how)));
        }
    }

    /// Reads all of a thread's file, unless it is as it was.
    fn takes(
        &mut self,
        call: &Call,
        thread: &ThreadId,
        found: &Found,
        known: Option<&ThreadState>,
    ) -> Result<(), Error> {
        // What comes after this is read once more by the next hook.
        let upto = found.file.fingerprint().map_err(failed)?;
        if known.is_some_and(|known| known.file.as_ref() == Some(&upto)) {
            return Ok(());
        }
        if let Some(told) = told(call, found)? {
            // What was in it before, its user may have changed.
            let before = known.and_then(|known| known.file.as_ref()).filter(|before| before.id == upto.id);
            if before.is_some_and(|before| told.meter.foreign_line().is_some_and(|at| at >= before.size)) {
                self.alters(thread, &found.name, Some(Alteration::Foreign));
            }
            self.read.retain(|read| read.thread != *thread);
            let ran = RanTools::of(found, known.and_then(ThreadState::looked_through), upto.size).map_err(failed)?;
            self.read.push(Read { thread: thread.clone(), told, upto, ran });
        }
        Ok(())
    }
}

/// An answer may be on its way to the file of the thread that the hook is about.
fn may_wait(event: HookEvent) -> bool {
    spends(event) || matches!(event, HookEvent::Stop | HookEvent::SubagentStop | HookEvent::SessionEnd)
}

fn told(call: &Call, found: &Found) -> Result<Option<ReadSession>, Error> {
    let session = RecordedAs {
        prices: &call.prices,
        unpriced: &call.policy.models.unpriced,
        attribution: &call.attribution,
        work: Arc::clone(&call.policy.work),
    };
    // The file that is held, whatever its name leads to.
    let link = found.file.own_link();
    let read = import::read_session(NamedFile { name: &found.name, link: &link }, &session, &call.run);
    let mut read = read.map_err(|error| Error::new("the session file cannot be read").caused_by(&error))?;
    for response in read.iter_mut().flat_map(|told| &mut told.responses) {
        response.agent = Some(call.agent.clone());
    }
    Ok(read)
}

/// The threads as they stand with what was read, and what of it is news.
pub(super) struct Stood {
    pub(super) threads: Vec<(ThreadId, ThreadState)>,
    pub(super) news: Vec<Response>,
    /// Threads that were not known before, and where what was read says again what was told.
    pub(super) seen: Vec<EventKind>,
    /// What was done to its files, told for the first time.
    altered: Vec<String>,
    /// Tools that ran without asking.
    pub(super) ran: Vec<RanTool>,
}

/// What this run has not counted of what a file tells from its beginning once more. A response without a name is known
/// by its place, and another place may hold it now.
fn not_counted(turn: &Turn<'_>, call: &Call, told: &[Response]) -> Result<Vec<Response>, LedgerError> {
    let mut counted = turn.responses().since(&call.run, Timestamp::UNIX_EPOCH)?;
    let mut news = told.to_vec();
    news.retain(|new| {
        let same = |old: &Response| old.thread == new.thread && old.key == new.key;
        let alike = |old: &Response| old.thread == new.thread && new.key.is_place() && old.tokens == new.tokens;
        let place = counted.iter().position(same).or_else(|| counted.iter().position(alike));
        place.map(|place| counted.remove(place)).is_none()
    });
    Ok(news)
}

/// A turn is over: its responses are of the class that all of it shows.
fn class(turn: &Turn<'_>, told: &[Response]) -> Result<(), LedgerError> {
    for class in WorkClass::ALL {
        let of_it = told.iter().filter(|response| response.work == Some(class));
        let keys: Vec<_> = of_it.map(|response| (response.thread.clone(), response.key.clone())).collect();
        turn.classify(class, &keys)?;
    }
    Ok(())
}

impl Stood {
    /// Notes what was done to files of threads that are known.
    fn is_altered(&mut self, reading: &Reading) {
        for (thread, what) in &reading.altered {
            let standing = self.threads.iter_mut().find(|(known, _)| known == thread);
            let Some((_, standing)) = standing.filter(|(_, known)| known.altered.as_ref() != Some(what)) else {
                continue;
            };
            (standing.altered, standing.doubted) = (Some(what.clone()), true);
            if !self.altered.contains(what) {
                self.altered.push(what.clone());
            }
        }
    }

    /// Notes what hooks told and no record came for, where the thread asks once more or the session is over.
    pub(super) fn lacks_records(&mut self, call: &Call) {
        let Some(standing) = self.own_mut(call) else { return };
        let missing = match call.event {
            event if spends(event) => standing.pairing.asks(call.input.turn()),
            HookEvent::SessionEnd => standing.pairing.missing(),
            _ => None,
        };
        // Of a file that was altered records are known to be lost.
        if let Some(what) = missing.filter(|_| standing.altered.is_none()).map(|one| lacks(&call.input.thread(), &one))
        {
            standing.altered = Some(what.clone());
            self.altered.push(what);
        }
    }

    /// What the governor hears of what was done to the session's files: where it ends the session, each hook that begins
    /// or spends something; else once.
    pub(super) fn alterations(&mut self, call: &Call, enforces: bool) -> Vec<Input> {
        let acts = call.event.gates() || call.event == HookEvent::UserPromptSubmit;
        let live = self.threads.iter().filter(|(_, known)| known.codex == call.codex);
        let what: Vec<&String> = match (enforces, acts) {
            (false, _) => self.altered.iter().collect(),
            (true, true) => live.filter_map(|(_, known)| known.altered.as_ref()).take(1).collect(),
            (true, false) => {
                self.seen.extend(self.altered.iter().map(|what| EventKind::Marked { what: what.clone() }));
                Vec::new()
            }
        };
        what.into_iter().map(|what| Input::Altered { agent: call.agent.clone(), what: what.clone() }).collect()
    }

    /// What its threads used is not known: under a limit their Codex is stopped before the next request or tool, and
    /// without one it is noted once.
    pub(super) fn untold(&mut self, call: &Call, enforces: bool) -> Vec<Input> {
        let acts = call.event.gates() || call.event == HookEvent::UserPromptSubmit;
        let live = self.threads.iter_mut().filter(|(_, known)| known.codex == call.codex);
        let due = live.filter_map(|(thread, known)| {
            let is_news = known.untold?;
            let is_due = if enforces { acts } else { is_news };
            if is_due {
                known.untold = Some(false);
            }
            let (agent, thread) = (call.agent.clone(), thread.clone());
            let hides = known.hides_turns();
            is_due.then(|| match hides {
                true => Input::Blind {
                    what: format!(
                        "thread {thread} writes no session file, and its Codex does not ask before its requests"
                    ),
                    agent,
                },
                false => Input::Untold { agent, thread },
            })
        });
        due.collect()
    }

    /// The session is over: what was let through and has no answer gets none any more.
    pub(super) fn ends(&mut self, call: &Call) {
        let Self { threads, seen, .. } = self;
        let live = threads.iter_mut().filter(|(_, known)| known.codex == call.codex && known.is_unanswered());
        for (thread, known) in live.filter(|_| call.event == HookEvent::SessionEnd) {
            seen.push(usage_reports::cut_off(thread, known));
            known.admission.fails();
        }
    }

    pub(super) fn own(&self, call: &Call) -> Option<&ThreadState> {
        let own = call.input.thread();
        self.threads.iter().find(|(thread, _)| *thread == own).map(|(_, standing)| standing)
    }

    pub(super) fn own_mut(&mut self, call: &Call) -> Option<&mut ThreadState> {
        let own = call.input.thread();
        self.threads.iter_mut().find(|(thread, _)| *thread == own).map(|(_, standing)| standing)
    }

    /// What earlier hooks of any of its threads could not show.
    pub(super) fn take_unsaid(&mut self) -> Vec<String> {
        self.threads.iter_mut().flat_map(|(_, standing)| std::mem::take(&mut standing.unsaid)).collect()
    }
}

/// Puts what was read to what is known. Another hook may have read further meanwhile, and recorded it.
///
/// What another Codex has gone on with stays its own where this hook comes `late`.
pub(super) fn stand(turn: &mut Turn<'_>, call: &Call, reading: &Reading, late: bool) -> Result<Stood, LedgerError> {
    let threads = known(&turn.hooks().attended(&call.run)?)?;
    let mut stood = Stood { threads, news: Vec::new(), seen: Vec::new(), altered: Vec::new(), ran: Vec::new() };
    let own = call.input.thread();
    if call.input.has_no_file() && !stood.threads.iter().any(|(thread, _)| *thread == own) {
        let billing = Some(usage_reports::billing_of(call));
        stood.threads.push((own.clone(), ThreadState { billing, ..ThreadState::new(PathBuf::new(), call.codex) }));
        stood.seen.push(usage_reports::seen(call));
    }
    stood.is_altered(reading);
    if matches!(call.event, HookEvent::Stop | HookEvent::SubagentStop | HookEvent::SessionEnd) {
        reading.read.iter().try_for_each(|read| class(turn, &read.told.responses))?;
    }
    for read in &reading.read {
        let Read { thread, told, upto, ran } = read;
        let place = stood.threads.iter().position(|(known, _)| known == thread);
        let fresh = || (thread.clone(), ThreadState::new(told.file.path.clone(), call.codex));
        if place.is_none() {
            stood.threads.push(fresh());
            stood.seen.push(seen(call, thread, told));
        }
        let at = place.unwrap_or(stood.threads.len() - 1);
        let Some((_, standing)) = stood.threads.get_mut(at) else { continue };
        if *thread == own && !late {
            let cut_off = standing.codex != call.codex && told.responses.len() <= standing.seen;
            stood.seen.extend((cut_off && standing.is_unanswered()).then(|| usage_reports::cut_off(thread, standing)));
            standing.taken_over(call.codex);
        }
        stood.ran.extend(standing.ran(thread, ran));
        let read_further = standing.file.as_ref().is_some_and(|read| read.id == upto.id && read.size > upto.size);
        if !read_further || reading.altered.iter().any(|(altered, _)| altered == thread) {
            let mut news = match standing.read(&read.told, &read.upto) {
                From::Response(from) => told.responses.get(from..).unwrap_or_default().to_vec(),
                From::Beginning => not_counted(turn, call, &told.responses)?,
            };
            // Hooks tell of each response that has no name in a file that is in doubt.
            news.retain(|response| !(standing.doubted && standing.hears && response.key.is_place()));
            let news = usage_reports::first_told(thread, standing, news, &mut stood.seen);
            if standing.doubted {
                news.iter().for_each(|response| standing.remember(response));
            }
            stood.news.extend(news);
        }
    }
    // Threads that are new, or another Codex's.
    stood.is_altered(reading);
    if let Some((_, standing)) = stood.threads.iter_mut().find(|(thread, _)| *thread == own) {
        let is_anothers = standing.codex != call.codex;
        if is_anothers && late {
            return Ok(stood);
        }
        stood.seen.extend((is_anothers && standing.is_unanswered()).then(|| usage_reports::cut_off(&own, standing)));
        standing.taken_over(call.codex);
        standing.asks(call);
        if !spends(call.event) && may_wait(call.event) {
            standing.phase = Phase::Idle;
        }
        if call.event == HookEvent::PreToolUse && !standing.has_file() {
            standing.phase = Phase::Tools;
        }
        // A turn has ended that nothing but this tells of.
        if call.event == HookEvent::Stop && standing.hides_turns() {
            standing.untold = standing.untold.or(Some(true));
        }
    }
    Ok(stood)
}

fn seen(call: &Call, thread: &ThreadId, told: &ReadSession) -> EventKind {
    let meter = &told.meter;
    EventKind::ThreadSeen {
        thread: thread.clone(),
        root: call.input.session_id.clone(),
        parent: meter.parent().cloned(),
        path: told.file.path.display().to_string(),
        codex: meter.codex_version().map(str::to_owned),
        billing: told.billing,
        role: meter.role().map(str::to_owned),
    }
}

/// Leaves the threads to the next hook.
pub(super) fn keep(turn: &mut Turn<'_>, call: &Call, stood: &Stood) -> Result<(), LedgerError> {
    for kind in &stood.seen {
        let (run, agent) = (call.run.clone(), Some(call.agent.clone()));
        turn.append(&Event { at: clock::now(), run, agent, kind: kind.clone() })?;
    }
    stood.threads.iter().try_for_each(|(thread, standing)| write(turn, thread, standing))
}

pub(super) fn write(turn: &mut Turn<'_>, thread: &ThreadId, standing: &ThreadState) -> Result<(), LedgerError> {
    let data = serde_json::to_string(standing)
        .map_err(|error| LedgerError::unreadable(format!("what is known of thread {thread}: {error}")))?;
    turn.hooks().attend(thread, &data)
}

/// Remembers that a request of this hook's thread is let through.
pub(super) fn pass(turn: &mut Turn<'_>, call: &Call) -> Result<(), LedgerError> {
    let own = call.input.thread();
    let found = known(&turn.hooks().attended(&call.run)?)?.into_iter().find(|(thread, _)| *thread == own);
    let path = || call.input.session_file().unwrap_or(std::path::Path::new("")).to_owned();
    let mut standing = found.map_or_else(|| ThreadState::new(path(), call.codex), |(_, standing)| standing);
    // Its first request may come before it has a file.
    standing.pairing.asks(call.input.turn());
    let asked = asked(call.event, &call.input);
    // Each request that has a name is told of when it is over, unless its turn was interrupted.
    let lost = standing.named && !standing.admission.is_of(&asked) && !standing.admission.announces();
    if lost && standing.is_unanswered() {
        let (run, agent) = (call.run.clone(), Some(call.agent.clone()));
        turn.append(&Event { at: clock::now(), run, agent, kind: usage_reports::cut_off(&own, &standing) })?;
    }
    standing.passes(clock::now(), &asked, call.event == HookEvent::PreModelRequest);
    write(turn, &own, &standing)
}

/// Remembers on which threads nothing more is asked, and who was told of it.
pub(super) fn keep_bars(turn: &mut Turn<'_>, call: &Call, bars: &[(ThreadId, BarTold)]) -> Result<(), LedgerError> {
    if bars.is_empty() {
        return Ok(());
    }
    for (thread, mut standing) in known(&turn.hooks().attended(&call.run)?)? {
        let Some((_, bar)) = bars.iter().find(|(barred, _)| *barred == thread) else { continue };
        let mut now = bar.clone();
        if let Some(before) = standing.barred.take_if(|before| before.because == now.because) {
            now.told.extend(before.told);
        }
        write(turn, &thread, &ThreadState { barred: Some(now), ..standing })?;
    }
    Ok(())
}

/// Remembers what this hook cannot show on Codex's screen.
pub(super) fn leave_unsaid(turn: &mut Turn<'_>, call: &Call, texts: Vec<String>) -> Result<(), LedgerError> {
    let own = call.input.thread();
    let found = known(&turn.hooks().attended(&call.run)?)?.into_iter().find(|(thread, _)| *thread == own);
    let Some((_, mut standing)) = found else { return Ok(()) };
    standing.unsaid.extend(texts);
    write(turn, &own, &standing)
}

/// Remembers that a tool of this hook's thread was refused to stop its Codex.
pub(super) fn will_stop(turn: &mut Turn<'_>, call: &Call, stops: Stops) -> Result<(), LedgerError> {
    let own = call.input.thread();
    let found = known(&turn.hooks().attended(&call.run)?)?.into_iter().find(|(thread, _)| *thread == own);
    let path = || call.input.session_file().unwrap_or(std::path::Path::new("")).to_owned();
    let standing = found.map_or_else(|| ThreadState::new(path(), call.codex), |(_, standing)| standing);
    match standing.codex == call.codex {
        true => write(turn, &own, &ThreadState { stops: Some(stops), ..standing }),
        false => Ok(()),
    }
}

/// The stop that hooks of this Codex have left to the next one.
pub(super) fn stops(turn: &mut Turn<'_>, call: &Call) -> Result<Option<Stops>, LedgerError> {
    let threads = known(&turn.hooks().attended(&call.run)?)?;
    Ok(threads.into_iter().filter(|(_, known)| known.codex == call.codex).find_map(|(_, known)| known.stops))
}

/// Remembers that something went past the gate, for as long as this Codex lives.
pub(super) fn break_with(turn: &mut Turn<'_>, call: &Call, because: &str) -> Result<(), LedgerError> {
    for (thread, standing) in known(&turn.hooks().attended(&call.run)?)? {
        if thread == call.input.thread() {
            write(turn, &thread, &ThreadState { broken: Some(because.to_owned()), ..standing })?;
        }
    }
    Ok(())
}

/// The model will be asked.
pub(super) fn spends(event: HookEvent) -> bool {
    matches!(event, HookEvent::PreModelRequest | HookEvent::PreCompact)
}

/// How a hook stands to its session's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The run is this hook's Codex's, or is from now on.
    Own,
    /// The run is over, or another Codex's that was started later: the hook only tells what was under way.
    Late,
    /// The run is over, and the hook's Codex was about to go on with it.
    Over(EndedRun),
}

/// What has ended a run that a hook wants to go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndedRun {
    /// A stop: its Codex does not go on.
    Stopped {
        /// At once.
        kill: bool,
    },
    /// Its session's own end. What comes right after it was under way and comes to nothing.
    Ended,
}

/// A Codex that lives on for so long after its session's end goes on with it.
const GOES_ON: TimeDelta = TimeDelta::seconds(5);

impl Place {
    pub(super) fn of(call: &Call, state: RunState, now: Timestamp) -> Self {
        let begins = begins(call.event);
        let may_own = |other| begins || !is_older(call.codex, other);
        match state {
            RunState::New => Self::Own,
            RunState::Open(process) if process == call.codex => Self::Own,
            RunState::Open(other) if may_own(other) => Self::Own,
            RunState::Ended { process: other, .. } if other != call.codex && may_own(other) => Self::Own,
            RunState::Open(_) => Self::Late,
            RunState::Ended { .. } if !begins => Self::Late,
            RunState::Ended { how: Ended::Stopped, .. } => Self::Over(EndedRun::Stopped { kill: false }),
            RunState::Ended { how: Ended::Killed, .. } => Self::Over(EndedRun::Stopped { kill: true }),
            RunState::Ended { how: Ended::Otherwise, at, .. } => match call.event.gates() && now - at < GOES_ON {
                true => Self::Over(EndedRun::Ended),
                false => Self::Own,
            },
        }
    }
}

impl EndedRun {
    /// What has become of a run meanwhile that a hook is held in.
    pub(super) fn while_held(call: &Call, state: RunState) -> Option<Self> {
        let RunState::Ended { process, how, .. } = state else { return None };
        Some(match how {
            Ended::Stopped if process == call.codex => Self::Stopped { kill: false },
            Ended::Killed if process == call.codex => Self::Stopped { kill: true },
            Ended::Stopped | Ended::Killed | Ended::Otherwise => Self::Ended,
        })
    }
}

/// Something is asked, done or begun after it.
pub(super) fn begins(event: HookEvent) -> bool {
    event.gates() || event == HookEvent::UserPromptSubmit
}

/// By when it was started; after a restart of the machine none lives of those before.
fn is_older(codex: ProcessIdentity, other: ProcessIdentity) -> bool {
    (codex.started, codex.pid) < (other.started, other.pid)
}

/// The run is under way, by this Codex.
pub(super) fn open(turn: &mut Turn<'_>, call: &Call, state: RunState) -> Result<(), LedgerError> {
    let (policy, prices) = (call.policy.digest.clone(), call.prices.version().to_owned());
    let begins = match state {
        RunState::Open(process) if process == call.codex => return Ok(()),
        RunState::New => EventKind::RunStarted {
            command: codex::redacted(&call.command),
            cwd: call.cwd.display().to_string(),
            observe: call.policy.observe,
            policy,
            prices,
            govern: env!("CARGO_PKG_VERSION").to_owned(),
            attribution: call.attribution.clone(),
        },
        // One that was killed has not ended its run.
        RunState::Ended { .. } | RunState::Open(_) => EventKind::RunResumed { by: call.by.clone(), policy, prices },
    };
    let started =
        EventKind::AgentStarted { command: codex::redacted(&call.command), pid: call.codex.pid, resumes: None };
    for (agent, kind) in [(None, begins), (Some(call.agent.clone()), started)] {
        turn.append(&Event { at: clock::now(), run: call.run.clone(), agent, kind })?;
    }
    turn.hooks().pin(call.repository.as_ref().map(|(path, text)| (path.as_path(), text.as_str())), &call.policies)
}

fn mark_imported(turn: &mut Turn<'_>, call: &Call, thread: &ThreadId) -> Result<(), LedgerError> {
    let found = known(&turn.hooks().attended(&call.run)?)?.into_iter().find(|(known, _)| known == thread);
    match found.filter(|(_, standing)| !standing.imported) {
        Some((thread, standing)) => write(turn, &thread, &ThreadState { imported: true, ..standing }),
        None => Ok(()),
    }
}

/// Writes a response; `None` for one that this run has recorded. What was imported before counts for the run's own
/// budgets all the same.
pub(super) fn enter(turn: &mut Turn<'_>, call: &Call, input: Input) -> Result<Option<Input>, LedgerError> {
    let Input::Responded(response) = input else { return Ok(Some(input)) };
    let (agent, kind) = (response.agent.clone(), EventKind::Response(response.clone()));
    let appended = turn.append(&Event { at: clock::now(), run: call.run.clone(), agent, kind })?;
    Ok(match (appended.new, appended.holder) {
        (true, _) => Some(Input::Responded(response)),
        (false, Some(Holder::Import)) => {
            mark_imported(turn, call, &response.thread)?;
            let recorded = turn.responses().recorded(&response.thread, &response.key)?;
            recorded.map(|recorded| Input::Taken { response, recorded: Box::new(recorded) })
        }
        (false, Some(Holder::AnotherRun) | None) => None,
    })
}
