//! What is imported: responses of session files that no run governed, and which files were read.
//!
//! Imported rows are in no run's chain. Each batch is a link of the ledger's own chain instead: it names the rows'
//! numbers and a digest of what they say.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::model::{
    Alive, Cost, ProcessIdentity, ResponseKey, RunId, RunProcess, Source, ThreadId, Timestamp, WorkClass, recorded_at,
};

use super::chain::{self, ImportDigest, Link};
use super::imported::{Origin, PastResponse};
use super::rollup::Shares;
use super::rows::usage::UsageRow;
use super::series::Series;
use super::usage::{self, Numbers, Put};
use super::values::moment;
use super::values::{count, json};
use super::work::{self, ClassSource};
use super::{Ledger, LedgerError};

/// A session file as it was when it was read: one that is still so has nothing new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMark {
    /// Its device and inode.
    pub identity: (u64, u64),
    /// Its size in bytes, as stored.
    pub size: u64,
    /// When it was changed, in nanoseconds since 1970.
    pub modified: i64,
    /// How far it was read: bytes of whole lines, uncompressed.
    pub read: u64,
    /// Lines that were read.
    pub lines: u64,
    /// Lines that could not be.
    pub skipped: u64,
    /// Why not, and where; of the first.
    pub reason: Option<String>,
    /// The time of its first and of its last record.
    pub span: Option<(Timestamp, Timestamp)>,
}

impl FileMark {
    /// Nothing was written to the file since.
    pub fn is_of(&self, identity: (u64, u64), size: u64, modified: i64) -> bool {
        (self.identity, self.size, self.modified) == (identity, size, modified)
    }
}

/// Sessions that live runs govern: those are counted by their runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Governed {
    runs: Vec<RunId>,
    threads: HashSet<String>,
    paths: HashSet<PathBuf>,
}

impl Governed {
    /// Some run is under way.
    pub fn any(&self) -> bool {
        !self.runs.is_empty()
    }

    /// A live run says that this is a session of its own, or of its family: the run and the import may know the file by
    /// two names, and its family by two ancestors.
    pub fn has(&self, path: &Path, origin: Option<&Origin>) -> bool {
        let told = |thread: &ThreadId| self.threads.contains(thread.as_str());
        self.paths.contains(path) || origin.is_some_and(|origin| told(&origin.thread) || told(&origin.root))
    }
}

/// A batch: one transaction.
#[derive(Debug)]
pub struct Batch<'a> {
    tx: &'a Transaction<'a>,
    digest: ImportDigest,
    shares: Shares,
    rows: u64,
    first: i64,
    last: i64,
    confirmed: Vec<(ThreadId, ResponseKey, ResponseKey)>,
    classes: Vec<(ThreadId, ResponseKey, WorkClass)>,
    governed: Governed,
    now: Timestamp,
}

/// An origin on its way into the ledger.
#[derive(Debug)]
pub struct NewOrigin {
    thread: ThreadId,
    row: UsageRow,
    /// What its rows are found by, one for each way to price them.
    numbers: [Option<Numbers>; 3],
}

/// What was imported, and from which files.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    pub(super) conn: &'a Connection,
}

impl History<'_> {
    /// The session files that were imported, as they were.
    pub fn file_marks(&self) -> Result<HashMap<PathBuf, FileMark>, LedgerError> {
        let mut statement = self.conn.prepare(MARKS)?;
        let rows = statement.query_map([], marked)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The threads of which at least one response is in the ledger.
    pub fn threads_with_responses(&self) -> Result<HashSet<ThreadId>, LedgerError> {
        let mut statement = self
            .conn
            .prepare("SELECT id FROM thread_ids t WHERE EXISTS (SELECT 1 FROM usage u WHERE u.thread = t.no)")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.map(|id| Ok(ThreadId::new(id?))).collect()
    }

    /// At least one response of this thread is in the ledger.
    pub fn has_responses_of(&self, thread: &ThreadId) -> Result<bool, LedgerError> {
        let sql = "SELECT 1 FROM usage WHERE thread = (SELECT no FROM thread_ids WHERE id = ?1)";
        Ok(self.conn.prepare_cached(sql)?.exists([thread.as_str()])?)
    }

    /// One of them.
    pub fn file_mark(&self, path: &Path) -> Result<Option<FileMark>, LedgerError> {
        let mut statement = self.conn.prepare_cached(&format!("{MARKS} WHERE path = ?1"))?;
        let found = statement.query_row([path.as_os_str().as_bytes()], marked).optional()?;
        Ok(found.map(|(_, mark)| mark))
    }

    /// The latest stamp of an imported response that is counted when it was recorded, because its file says a day that
    /// had not come, and how many there are.
    pub fn stamped_ahead(&self) -> Result<Option<(Timestamp, u64)>, LedgerError> {
        let (last, all): (Option<i64>, i64) =
            self.conn
                .query_row("SELECT max(stamp), count(*) FROM stamped", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        last.map(|last| Ok((moment(last)?, all.unsigned_abs()))).transpose()
    }
}

impl Ledger {
    /// Writes a batch of history: all of it, or if `work` or the commit fails nothing. `now` is the time that the chain
    /// gets. Other governs wait meanwhile: keep batches short.
    pub fn import<R>(
        &mut self,
        now: Timestamp,
        alive: &Alive<'_>,
        work: impl FnOnce(&mut Batch<'_>) -> Result<R, LedgerError>,
    ) -> Result<R, LedgerError> {
        let sockets = self.sockets().map(Path::to_owned);
        let tx = self.transaction()?;
        let mut batch = Batch {
            governed: governed(&tx, sockets.as_deref(), alive)?,
            tx: &tx,
            digest: ImportDigest::default(),
            shares: Shares::default(),
            rows: 0,
            first: 0,
            last: 0,
            confirmed: Vec::new(),
            classes: Vec::new(),
            now,
        };
        let result = work(&mut batch)?;
        batch.close(now)?;
        tx.commit()?;
        Ok(result)
    }
}

/// Every file that was imported.
const MARKS: &str =
    "SELECT path, device, inode, size, modified, read, lines, skipped, reason, begun, ended FROM session_files";

fn marked(row: &Row<'_>) -> rusqlite::Result<(PathBuf, FileMark)> {
    let whole = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
    let span: (Option<i64>, Option<i64>) = (row.get(9)?, row.get(10)?);
    let moments = |at: Option<i64>| at.and_then(Timestamp::from_timestamp_millis);
    let mark = FileMark {
        identity: (whole(1)?, whole(2)?),
        size: whole(3)?,
        modified: row.get(4)?,
        read: whole(5)?,
        lines: whole(6)?,
        skipped: whole(7)?,
        reason: row.get(8)?,
        span: moments(span.0).zip(moments(span.1)),
    };
    Ok((PathBuf::from(OsString::from_vec(row.get(0)?)), mark))
}

impl Batch<'_> {
    /// What live runs govern at this moment.
    pub fn governed(&self) -> &Governed {
        &self.governed
    }

    /// Prepares an origin for [`Batch::add`].
    pub fn origin(&mut self, origin: &Origin) -> Result<NewOrigin, LedgerError> {
        let series = Series {
            agent: None,
            model: origin.model.clone(),
            billing: origin.billing,
            attribution: origin.attribution.clone(),
            source: Source::Record,
        };
        Ok(NewOrigin {
            thread: origin.thread.clone(),
            row: UsageRow::of_import(origin, json(&series)?),
            numbers: [None; 3],
        })
    }

    /// Adds a response; says whether it is new to the ledger.
    pub fn add(&mut self, known: &mut NewOrigin, past: &PastResponse) -> Result<bool, LedgerError> {
        let at = recorded_at(past.at, self.now);
        known.row.set(past, at);
        let slot = match past.cost {
            Cost::Priced(_) => 0,
            Cost::Estimated(_) => 1,
            Cost::Unpriced => 2,
        };
        let numbers = match known.numbers.get(slot).copied().flatten() {
            Some(numbers) => numbers,
            None => {
                let numbers = Numbers::of(self.tx, &known.row)?;
                if let Some(place) = known.numbers.get_mut(slot) {
                    *place = Some(numbers);
                }
                numbers
            }
        };
        let id = match usage::put(self.tx, None, numbers, &mut known.row, &mut self.shares)? {
            Put::New(id) => id,
            Put::Known => {
                self.reclass(known, past);
                return Ok(false);
            }
            Put::Confirms(told) => {
                let thread = known.thread.clone();
                usage::confirmed::keep(self.tx, &thread, &past.key, &told)?;
                self.confirmed.push((thread, past.key.clone(), told));
                return Ok(false);
            }
        };
        if at != past.at {
            let stamp = past.at.timestamp_millis();
            self.tx.prepare_cached("INSERT INTO stamped (usage, stamp) VALUES (?1, ?2)")?.execute([id, stamp])?;
        }
        self.digest.add(&known.row);
        if self.rows == 0 {
            self.first = id;
        }
        self.last = id;
        self.rows = self.rows.saturating_add(1);
        Ok(true)
    }

    /// The ledger has the response: its class, if it was imported, is what its file tells today.
    fn reclass(&mut self, known: &NewOrigin, past: &PastResponse) {
        if let Some(class) = past.work {
            self.classes.push((known.thread.clone(), past.key.clone(), class));
        }
    }

    /// Remembers a file as it was read.
    pub fn mark(&mut self, path: &Path, mark: &FileMark) -> Result<(), LedgerError> {
        let (begun, ended) = mark.span.map(|(from, to)| (from.timestamp_millis(), to.timestamp_millis())).unzip();
        self.tx
            .prepare_cached(
                "INSERT OR REPLACE INTO session_files VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                path.as_os_str().as_bytes(),
                mark.identity.0.cast_signed(),
                mark.identity.1.cast_signed(),
                count(mark.size),
                mark.modified,
                count(mark.read),
                count(mark.lines),
                count(mark.skipped),
                mark.reason,
                begun,
                ended
            ])?;
        Ok(())
    }

    fn close(&mut self, now: Timestamp) -> Result<(), LedgerError> {
        for (thread, key, told) in std::mem::take(&mut self.confirmed) {
            chain::link(self.tx, &Link::Confirmed { at: now, thread, told, key })?;
        }
        let classes = std::mem::take(&mut self.classes);
        let classes = classes.iter().map(|(thread, key, class)| (thread, key, *class));
        work::classify(self.tx, ClassSource::ByHistory, classes)?;
        if self.rows == 0 {
            return Ok(());
        }
        self.shares.write(self.tx)?;
        let digest = std::mem::take(&mut self.digest).finish();
        let Self { rows, first, last, .. } = *self;
        chain::link(self.tx, &Link::Import { at: now, first, last, rows, digest })
    }
}

fn governed(conn: &Connection, sockets: Option<&Path>, alive: &Alive<'_>) -> Result<Governed, LedgerError> {
    let mut governed = Governed::default();
    let mut statement = conn.prepare_cached("SELECT no, id, pid, pid_started FROM runs WHERE ended IS NULL")?;
    let mut threads = conn.prepare_cached("SELECT thread, root, path FROM threads WHERE run_no = ?1")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let process = ProcessIdentity { pid: row.get(2)?, started: row.get::<_, i64>(3)?.unsigned_abs() };
        let run = RunId::new(row.get::<_, String>(1)?);
        if !alive(&RunProcess { run: &run, process, sockets }) {
            continue;
        }
        governed.runs.push(run);
        let mut found = threads.query([row.get::<_, i64>(0)?])?;
        while let Some(thread) = found.next()? {
            governed.threads.insert(thread.get(0)?);
            governed.threads.insert(thread.get(1)?);
            governed.paths.insert(PathBuf::from(thread.get::<_, String>(2)?));
        }
    }
    Ok(governed)
}

/// Lines of imported files that could not be read. Files that a run has told of are not counted again.
pub(super) fn skipped(conn: &Connection, since: i64, until: i64) -> Result<u64, LedgerError> {
    let lines: Option<i64> = conn
        .prepare_cached(
            "SELECT sum(skipped) FROM session_files f
             WHERE skipped > 0 AND coalesce(ended, 9223372036854775807) >= ?1
               AND coalesce(begun, -9223372036854775808) < ?2
               AND NOT EXISTS (SELECT 1 FROM threads t WHERE CAST(t.path AS BLOB) = f.path)",
        )?
        .query_row([since, until], |row| row.get(0))
        .optional()?
        .flatten();
    Ok(lines.unwrap_or(0).unsigned_abs())
}
