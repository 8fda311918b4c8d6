//! Joins session files and the ledger: history is read by several threads and written by one.
//!
//! [`plan`] says which files changed since they were read last. Readers ([`read`]) take them one by one and send what
//! they find in parts; the writer ([`write`]) puts parts together into short transactions, so that governs which work
//! meanwhile hardly wait. What is held in memory at once: a chunk and a line of at most 64 MiB for each reader, a few
//! hundred bytes for each response of the file that it reads, and [`PARTS`] parts.

mod changed_files;
mod family;
mod read;
mod reprice;
mod session_file;
mod write;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::ledger::{Ledger, LedgerError};
use crate::model::{Alive, Attribution};
use crate::policy::rule::Unpriced;
use crate::report::imported::Imported;
use crate::tail::session::name_of;
use crate::usage::price::PriceTable;
use crate::work::Own;

use changed_files::Plan;
pub use changed_files::Unreadable;
use family::{Families, Files};
use read::{Part, Unwanted};
pub use reprice::repriced;
pub use session_file::{NamedFile, ReadSession, RecordedAs, import_session, read_session};
use write::Writer;

/// Parts that wait for the writer before readers do.
const PARTS: usize = 128;

/// Responses in a transaction, about: some 20 ms in which other governs wait.
const BATCH: usize = 4_096;

/// How often progress is told at least.
const TELL: Duration = Duration::from_millis(100);

/// Where a session was started, as its own file says: what attribution rules are asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The working folder.
    pub folder: Option<String>,
    /// The git branch.
    pub branch: Option<String>,
    /// The git remote's address.
    pub remote: Option<String>,
}

/// What an import goes by.
pub struct Terms<'a> {
    /// What responses cost.
    pub prices: &'a PriceTable,
    /// What a model without a price is taken for.
    pub unpriced: &'a Unpriced,
    /// Where a session's spend belongs.
    pub attribute: &'a (dyn Fn(&Origin) -> Attribution + Sync),
    /// What turns are classed by, beside what they do.
    pub work: Arc<Own>,
    /// Files that have not changed are read, too.
    pub again: bool,
    /// Whether a process lives still.
    pub alive: &'a Alive<'a>,
    /// Is told how many bytes of how many have been read.
    pub tell: &'a mut dyn FnMut(u64, u64),
    /// How many threads read.
    pub readers: usize,
}

/// Reads all history below these places into the ledger. What it has already is not counted again.
///
/// # Errors
///
/// A place that cannot be read, or a ledger that cannot be written: what was written before stays, and another import
/// goes on from there. A folder or a file inside that cannot be read is only told.
pub fn import(ledger: &mut Ledger, places: &[PathBuf], terms: Terms<'_>) -> Result<Imported, ImportError> {
    let mut known = if terms.again { HashMap::new() } else { ledger.history().file_marks()? };
    // What was read is in no chain: a mark alone does not keep a session out whose responses the ledger lacks.
    let counted = ledger.history().threads_with_responses()?;
    known.retain(|path, _| name_of(path).is_none_or(|name| counted.contains(&name.thread)));
    let Plan { files, unchanged, index, unreadable } = Plan::of(places, &known)?;
    let families = Families::new(Files::Index(&index));
    let total: u64 = files.iter().map(|file| file.found.size).sum();
    let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
    let (send, parts) = mpsc::sync_channel::<Part>(PARTS);
    let mut writer = Writer::new(&files, unchanged, unreadable);
    let readers = terms.readers.clamp(1, files.len().max(1));
    let context = read::Context {
        prices: terms.prices,
        unpriced: terms.unpriced,
        attribute: terms.attribute,
        families: &families,
        work: terms.work.clone(),
    };
    std::thread::scope(|scope| {
        for _ in 0..readers {
            let (send, files, context, next, done) = (send.clone(), &files, &context, &next, &done);
            scope.spawn(move || {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Without a writer there is nothing to read for.
                    if read::read(file, context, done, &mut |part| send.send(part).map_err(|_| Unwanted)).is_err() {
                        break;
                    }
                }
            });
        }
        // Both ends must go with this closure: readers of a writer that failed would wait for ever.
        let (parts, send) = (parts, send);
        drop(send);
        let mut gathered: Vec<Part> = Vec::new();
        loop {
            let received = parts.recv_timeout(TELL);
            (terms.tell)(done.load(Ordering::Relaxed), total);
            match received {
                Ok(part) => gathered.push(part),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if gathered.iter().map(Part::weight).sum::<usize>() >= BATCH {
                writer.write(ledger, terms.alive, std::mem::take(&mut gathered))?;
            }
        }
        writer.write(ledger, terms.alive, gathered)?;
        Ok(writer.finish())
    })
}

/// Why nothing, or no more, was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A place that cannot be looked through.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The files of a plan by the thread that they belong to.
type Index = HashMap<crate::model::ThreadId, Vec<PathBuf>>;

#[cfg(test)]
mod tests;
