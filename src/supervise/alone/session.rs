//! A session as a run of its own: opened, gone on with, and what was answered since.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::clocks::RECORD_WITHIN;
use crate::codex::{self, HookEvent};
use crate::decide::admission::{Admission, Asked};
use crate::decide::input::{Input, Phase};
use crate::error::Error;
use crate::import::{self, Session, Told};
use crate::ledger::{Ledger, LedgerError, RunState, Turn};
use crate::model::event::EventKind;
use crate::model::{Billing, Event, ProcessIdentity, Response, ResponseKey, ServiceTier, ThreadId, Timestamp};
use crate::supervise::at_gate::asked;
use crate::tail::locate::SessionFile;
use crate::usage::pairing::Pairing;

use super::{Call, told};

/// How often the file is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(2);

/// How many of a thread's last responses foretell its next one.
const RECENT: usize = 5;

/// What hooks leave to the next one about a thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// Its session file; empty where it writes none.
    pub(super) path: PathBuf,
    /// That file when it was read last: device, inode, size. `None`: it was not there yet.
    pub(super) file: Option<(u64, u64, u64)>,
    /// How many of its responses are in the ledger, and the last of them.
    pub(super) seen: usize,
    last: Option<ResponseKey>,
    /// Some of them were imported.
    pub(super) imported: bool,
    pub(super) phase: Phase,
    pub(super) tier: Option<ServiceTier>,
    /// Who pays for it, as its file and the log-in tell.
    #[serde(default)]
    pub(super) billing: Option<Billing>,
    /// The Codex that runs it.
    pub(super) codex: ProcessIdentity,
    /// That Codex was seen to ask before the thread's requests.
    pub(super) asks: bool,
    /// What was let through of it and has no answer on record.
    #[serde(flatten)]
    pub(super) admission: Admission,
    /// What has gone past the gate.
    pub(super) broken: Option<String>,
    /// The responses that foretell its next one.
    pub(super) recent: Vec<Response>,
    /// What its file and hooks have told, each response once.
    #[serde(default)]
    pub(super) pairing: Pairing,
    /// Codex names its requests.
    #[serde(default)]
    pub(super) named: bool,
    /// Codex's name of the provider, as the file says.
    #[serde(default)]
    pub(super) provider: Option<String>,
    /// What a person should know, from hooks whose words Codex shows nowhere: the next hook that can show it does.
    #[serde(default)]
    unsaid: Vec<String>,
}

impl Standing {
    /// A thread that nothing is known of.
    fn new(path: PathBuf, codex: ProcessIdentity) -> Self {
        Self {
            path,
            file: None,
            seen: 0,
            last: None,
            imported: false,
            phase: Phase::Idle,
            tier: None,
            codex,
            asks: false,
            admission: Admission::default(),
            broken: None,
            recent: Vec::new(),
            pairing: Pairing::default(),
            named: false,
            provider: None,
            billing: None,
            unsaid: Vec::new(),
        }
    }

    /// It writes a session file.
    pub(super) fn has_file(&self) -> bool {
        !self.path.as_os_str().is_empty()
    }

    /// Notes a response that a hook told of first.
    pub(super) fn note(&mut self, response: &Response) {
        if self.phase == Phase::InFlight || !self.has_file() {
            self.phase = Phase::Answered;
        }
        self.recent.push(response.clone());
        let more = self.recent.len().saturating_sub(RECENT);
        self.recent.drain(..more);
    }

    /// It is another Codex's from now on: what the one before was let do has no answer any more.
    fn taken_over(&mut self, codex: ProcessIdentity) {
        if self.codex != codex {
            let admission = Admission::default();
            *self = Self { codex, phase: Phase::Idle, asks: false, admission, broken: None, ..self.clone() };
        }
    }

    /// Takes what its file tells; says which responses are news.
    fn read(&mut self, told: &Told) -> Vec<Response> {
        let before = self.seen.checked_sub(1).and_then(|last| told.responses.get(last));
        // A file that begins otherwise than it did is read from its beginning: nothing in it counts twice.
        let from = if before.map(|response| &response.key) == self.last.as_ref() { self.seen } else { 0 };
        let news = told.responses.get(from..).unwrap_or_default().to_vec();
        self.path.clone_from(&told.file.path);
        self.file = Some(mark(&told.file));
        self.seen = told.responses.len();
        self.last = told.responses.last().map(|last| last.key.clone());
        self.phase = told.meter.phase();
        self.tier = Some(told.meter.tier().clone());
        self.billing = Some(told.billing);
        let recent = told.responses.len().saturating_sub(RECENT);
        self.recent = told.responses.get(recent..).unwrap_or_default().to_vec();
        self.provider = told.meter.provider().map(str::to_owned);
        news
    }

    /// A request of it is let through.
    fn passes(&mut self, now: Timestamp, asked: &Asked) {
        self.asks = true;
        self.named |= asked.request.is_some();
        self.pairing.asks();
        self.admission.passes(now, asked);
        if !self.has_file() {
            self.phase = Phase::InFlight;
        }
    }

    /// As another thread's hook sees it.
    pub(super) fn phase_for_others(&self, now: Timestamp) -> Phase {
        // Its file tells of a turn some moments after the request was let through.
        let just_sent =
            self.admission.sent().is_some_and(|sent| (now - sent).to_std().is_ok_and(|ago| ago < RECORD_WITHIN));
        if just_sent { Phase::InFlight } else { self.phase }
    }
}

fn mark(file: &SessionFile) -> (u64, u64, u64) {
    (file.identity.0, file.identity.1, file.size)
}

/// All that the session's files tell at the moment.
#[derive(Debug, Default)]
pub(super) struct Reading {
    told: Vec<(ThreadId, Told)>,
}

/// The threads of the run, by what earlier hooks left.
fn known(turn: &[crate::ledger::Attended]) -> Result<Vec<(ThreadId, Standing)>, LedgerError> {
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
    let known = known(&ledger.attended(&call.run)?)?;
    let mut reading = Reading::default();
    for (thread, standing) in known.iter().filter(|(thread, known)| *thread != own && known.codex == call.codex) {
        let grown = |file: &SessionFile| standing.file != Some(mark(file));
        if SessionFile::at(standing.path.clone()).is_ok_and(|file| grown(&file)) {
            reading.told.extend(told(call, &standing.path)?.map(|told| (thread.clone(), told)));
        }
    }
    // A thread without a file has only hooks to tell of it.
    let Some(path) = call.input.session_file() else { return Ok(reading) };
    let standing = known.iter().find(|(thread, _)| *thread == own).map(|(_, standing)| standing);
    let standing = standing.filter(|standing| standing.codex == call.codex);
    let waits = standing.is_some_and(|standing| standing.admission.is_open()) && may_wait(call.event);
    let deadline = clock::monotonic() + if waits { RECORD_WITHIN } else { Duration::ZERO };
    let mut size = None;
    let mut last = None;
    loop {
        let file = SessionFile::at(path.to_owned()).ok();
        if let Some(standing) = standing {
            is_the_same(standing, path, file.as_ref())?;
        }
        if let Some(file) = file.filter(|file| size.replace(file.size) != Some(file.size))
            && standing.is_none_or(|standing| standing.file != Some(mark(&file)))
        {
            last = told(call, path)?;
        }
        let answered = last.as_ref().is_some_and(|told| standing.is_none_or(|known| told.responses.len() > known.seen));
        if answered || clock::monotonic() >= deadline {
            break;
        }
        std::thread::sleep(LOOK);
    }
    reading.told.extend(last.map(|told| (own, told)));
    Ok(reading)
}

/// An answer may be on its way to the file of the thread that the hook is about.
fn may_wait(event: HookEvent) -> bool {
    spends(event) || matches!(event, HookEvent::Stop | HookEvent::SubagentStop | HookEvent::SessionEnd)
}

/// Codex only adds to a file that it has open: one that is gone, shorter or another hides what is spent.
fn is_the_same(standing: &Standing, path: &std::path::Path, now: Option<&SessionFile>) -> Result<(), Error> {
    let Some((device, inode, size)) = standing.file.filter(|_| standing.path == path) else { return Ok(()) };
    match now {
        Some(file) if file.identity == (device, inode) && file.size >= size => Ok(()),
        Some(_) => Err(Error::new("the session file was replaced while Codex writes it: its spend cannot be observed")),
        None => Err(Error::new("the session file is gone: its spend cannot be observed")),
    }
}

fn told(call: &Call, path: &std::path::Path) -> Result<Option<Told>, Error> {
    let session =
        Session { prices: &call.prices, unpriced: &call.policy.models.unpriced, attribution: &call.attribution };
    let read = import::read_session(path, &session, &call.run);
    let mut read = read.map_err(|error| Error::new("the session file cannot be read").caused_by(&error))?;
    for response in read.iter_mut().flat_map(|told| &mut told.responses) {
        response.agent = Some(call.agent.clone());
    }
    Ok(read)
}

/// The threads as they stand with what was read, and what of it is news.
pub(super) struct Stood {
    pub(super) threads: Vec<(ThreadId, Standing)>,
    pub(super) news: Vec<Response>,
    /// Threads that were not known before, and where what was read says again what was told.
    pub(super) seen: Vec<EventKind>,
}

impl Stood {
    pub(super) fn own(&self, call: &Call) -> Option<&Standing> {
        let own = call.input.thread();
        self.threads.iter().find(|(thread, _)| *thread == own).map(|(_, standing)| standing)
    }

    /// What earlier hooks of any of its threads could not show.
    pub(super) fn take_unsaid(&mut self) -> Vec<String> {
        self.threads.iter_mut().flat_map(|(_, standing)| std::mem::take(&mut standing.unsaid)).collect()
    }
}

/// Puts what was read to what is known. Another hook may have read further meanwhile, and recorded it.
pub(super) fn stand(turn: &Turn<'_>, call: &Call, reading: &Reading) -> Result<Stood, LedgerError> {
    let mut stood = Stood { threads: known(&turn.attended(&call.run)?)?, news: Vec::new(), seen: Vec::new() };
    let own = call.input.thread();
    if call.input.has_no_file() && !stood.threads.iter().any(|(thread, _)| *thread == own) {
        let billing = Some(told::billing_of(call));
        stood.threads.push((own.clone(), Standing { billing, ..Standing::new(PathBuf::new(), call.codex) }));
        stood.seen.push(told::seen(call));
    }
    for (thread, told) in &reading.told {
        let place = stood.threads.iter().position(|(known, _)| known == thread);
        let fresh = || (thread.clone(), Standing::new(told.file.path.clone(), call.codex));
        if place.is_none() {
            stood.threads.push(fresh());
            stood.seen.push(seen(call, thread, told));
        }
        let at = place.unwrap_or(stood.threads.len() - 1);
        let Some((_, standing)) = stood.threads.get_mut(at) else { continue };
        if *thread == own {
            standing.taken_over(call.codex);
        }
        let (identity, size) = (told.file.identity, told.file.size);
        let read_further =
            standing.file.is_some_and(|(device, inode, read)| (device, inode) == identity && read > size);
        if !read_further {
            let news = standing.read(told);
            stood.news.extend(told::first_told(thread, standing, news, &mut stood.seen));
        }
    }
    if let Some((_, standing)) = stood.threads.iter_mut().find(|(thread, _)| *thread == own) {
        standing.taken_over(call.codex);
        if !spends(call.event) && may_wait(call.event) {
            standing.phase = Phase::Idle;
        }
        if call.event == HookEvent::PreToolUse && !standing.has_file() {
            standing.phase = Phase::Tools;
        }
    }
    Ok(stood)
}

fn seen(call: &Call, thread: &ThreadId, told: &Told) -> EventKind {
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

fn write(turn: &mut Turn<'_>, thread: &ThreadId, standing: &Standing) -> Result<(), LedgerError> {
    let data = serde_json::to_string(standing)
        .map_err(|error| LedgerError::unreadable(format!("what is known of thread {thread}: {error}")))?;
    turn.attend(thread, &data)
}

/// Remembers that a request of this hook's thread is let through.
pub(super) fn pass(turn: &mut Turn<'_>, call: &Call) -> Result<(), LedgerError> {
    let own = call.input.thread();
    let found = known(&turn.attended(&call.run)?)?.into_iter().find(|(thread, _)| *thread == own);
    let path = || call.input.session_file().unwrap_or(std::path::Path::new("")).to_owned();
    let mut standing = found.map_or_else(|| Standing::new(path(), call.codex), |(_, standing)| standing);
    standing.passes(clock::now(), &asked(call.event, &call.input));
    write(turn, &own, &standing)
}

/// Remembers what this hook cannot show on Codex's screen.
pub(super) fn leave_unsaid(turn: &mut Turn<'_>, call: &Call, texts: Vec<String>) -> Result<(), LedgerError> {
    let own = call.input.thread();
    let found = known(&turn.attended(&call.run)?)?.into_iter().find(|(thread, _)| *thread == own);
    let Some((_, mut standing)) = found else { return Ok(()) };
    standing.unsaid.extend(texts);
    write(turn, &own, &standing)
}

/// Remembers that something went past the gate, for as long as this Codex lives.
pub(super) fn break_with(turn: &mut Turn<'_>, call: &Call, because: &str) -> Result<(), LedgerError> {
    for (thread, standing) in known(&turn.attended(&call.run)?)? {
        if thread == call.input.thread() {
            write(turn, &thread, &Standing { broken: Some(because.to_owned()), ..standing })?;
        }
    }
    Ok(())
}

/// The model will be asked.
pub(super) fn spends(event: HookEvent) -> bool {
    matches!(event, HookEvent::PreModelRequest | HookEvent::PreCompact)
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
        RunState::Ended | RunState::Open(_) => EventKind::RunResumed { by: call.by.clone(), policy, prices },
    };
    let started =
        EventKind::AgentStarted { command: codex::redacted(&call.command), pid: call.codex.pid, resumes: None };
    for (agent, kind) in [(None, begins), (Some(call.agent.clone()), started)] {
        turn.append(&Event { at: clock::now(), run: call.run.clone(), agent, kind })?;
    }
    turn.pin(call.repository.as_ref().map(|(path, text)| (path.as_path(), text.as_str())))
}

fn mark_imported(turn: &mut Turn<'_>, call: &Call, thread: &ThreadId) -> Result<(), LedgerError> {
    let found = known(&turn.attended(&call.run)?)?.into_iter().find(|(known, _)| known == thread);
    match found.filter(|(_, standing)| !standing.imported) {
        Some((thread, standing)) => write(turn, &thread, &Standing { imported: true, ..standing }),
        None => Ok(()),
    }
}

/// Writes a response; `None` for one that this run has recorded. What was imported before counts for the run's own
/// budgets all the same.
pub(super) fn enter(turn: &mut Turn<'_>, call: &Call, input: Input) -> Result<Option<Input>, LedgerError> {
    let Input::Responded(response) = input else { return Ok(Some(input)) };
    let (agent, kind) = (response.agent.clone(), EventKind::Response(response.clone()));
    let appended = turn.append(&Event { at: clock::now(), run: call.run.clone(), agent, kind })?;
    Ok(match (appended.new, appended.imported) {
        (true, _) => Some(Input::Responded(response)),
        (false, true) => {
            mark_imported(turn, call, &response.thread)?;
            Some(Input::Imported(response))
        }
        (false, false) => None,
    })
}
