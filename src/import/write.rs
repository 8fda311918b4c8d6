//! Parts become rows, and what an import came to.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock;
use crate::ledger::{Batch, Governed, Ledger, LedgerError, Origin};
use crate::model::{Alive, Basis, Cost, ThreadId};
use crate::report::imported::{Imported, Skipped};
use crate::tail::locate::{SessionFile, is_session_file};

use super::changed_files::Planned;
use super::read::{End, Part};

/// A file that changed so shortly before may be a live run's that has not told of it yet: it does so in milliseconds.
const FRESH: Duration = Duration::from_secs(60);

/// What is said of a file that was named and holds none.
const NO_SESSION: &str = "it holds no session of Codex";

/// Whose a file is that changed just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// A live run's, perhaps: it is left to that.
    PerhapsARun,
    /// No run's: its Codex has no govern above it.
    NoRun,
}

/// Writes parts, and keeps count.
pub(super) struct Writer {
    owner: Owner,
    tally: Imported,
    threads: HashSet<ThreadId>,
    left: BTreeSet<PathBuf>,
}

impl Writer {
    pub(super) fn new(files: &[Planned], unchanged: u64, unreadable: Vec<(PathBuf, std::io::Error)>) -> Self {
        let bytes = files.iter().map(|file| file.found.size).sum();
        let failed = unreadable.into_iter().map(|(path, error)| (path, error.to_string())).collect();
        let tally = Imported { unchanged, bytes, failed, ..Imported::default() };
        Self { owner: Owner::PerhapsARun, tally, threads: HashSet::new(), left: BTreeSet::new() }
    }

    /// The files are known to be no run's.
    pub(super) fn of_nobody(self) -> Self {
        Self { owner: Owner::NoRun, ..self }
    }

    /// Writes parts in one transaction.
    pub(super) fn write(
        &mut self,
        ledger: &mut Ledger,
        alive: &Alive<'_>,
        parts: Vec<Part>,
    ) -> Result<(), LedgerError> {
        if parts.is_empty() {
            return Ok(());
        }
        ledger.import(clock::now(), alive, |batch| parts.into_iter().try_for_each(|part| self.part(batch, part)))
    }

    pub(super) fn finish(self) -> Imported {
        let Self { mut tally, threads, left, owner: _ } = self;
        tally.threads = threads.len() as u64;
        tally.governed = left.into_iter().collect();
        tally
    }

    fn part(&mut self, batch: &mut Batch<'_>, part: Part) -> Result<(), LedgerError> {
        let Part { file, origins, responses, end } = part;
        let is_a_runs = || is_governed(batch.governed(), &file, origins.first());
        if self.left.contains(&file) || (self.owner == Owner::PerhapsARun && is_a_runs()) {
            self.left.insert(file);
            return Ok(());
        }
        let mut origin = None;
        for (place, past) in &responses {
            if origin.as_ref().is_none_or(|(known, _)| known != place) {
                let found = origins.get(*place).map(|origin| batch.origin(origin)).transpose()?;
                origin = found.map(|found| (*place, found));
            }
            let Some((_, known)) = &mut origin else { continue };
            self.tally.responses += 1;
            if !batch.add(known, past)? {
                continue;
            }
            self.tally.new += 1;
            if past.cost == Cost::Unpriced {
                let model = origins.get(*place).and_then(|origin| origin.model.as_ref());
                *self.tally.unpriced.entry(model.map(ToString::to_string)).or_default() += 1;
            }
            if let Basis::Estimated(guess) = past.basis {
                *self.tally.estimated.entry(guess).or_default() += 1;
            }
        }
        match end {
            Some(Ok(end)) => self.end(batch, file, end),
            Some(Err(error)) => {
                // One that was moved meanwhile is found at its new place, next time.
                if error.kind() != std::io::ErrorKind::NotFound {
                    self.tally.failed.push((file, error.to_string()));
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn end(&mut self, batch: &mut Batch<'_>, path: PathBuf, end: End) -> Result<(), LedgerError> {
        let End { mark, unfinished, meter } = end;
        if meter.thread().is_none() && !is_session_file(&path) {
            // Somebody named it: what is no session is no import that went well.
            self.tally.failed.push((path, NO_SESSION.to_owned()));
            return Ok(());
        }
        batch.mark(&path, &mark)?;
        self.tally.files += 1;
        self.tally.lines += mark.lines;
        self.tally.unfinished += u64::from(unfinished);
        self.threads.extend(meter.thread().cloned());
        if mark.skipped > 0 {
            let reason = mark.reason.unwrap_or_default();
            self.tally.skipped.push(Skipped { path, lines: mark.skipped, reason });
        }
        Ok(())
    }
}

fn is_governed(governed: &Governed, path: &Path, origin: Option<&Origin>) -> bool {
    if !governed.any() {
        return false;
    }
    let fresh = || {
        let since = clock::now() - FRESH;
        SessionFile::at(path.to_owned()).is_ok_and(|file| file.modified >= since.timestamp_nanos_opt().unwrap_or(0))
    };
    governed.has(path, origin) || fresh()
}
