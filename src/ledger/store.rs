//! The connection: opening, creating, one turn at a time, closing.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::clock;
use crate::model::{ProcessIdentity, RunId, Timestamp};

use super::audit::Audit;
use super::budgets::Budgets;
use super::history::History;
use super::hooks::Hooks;
use super::log;
use super::own_run::Seat;
use super::questions::Questions;
use super::read_position::Watch;
use super::responses::Responses;
use super::runs::Runs;
use super::schema::{self, FileFormat};
use super::sqlite_files::{Beside, LOG_LIMIT};
use super::state_folder::{self, LEDGER_FILE};
use super::sub_agents::SubAgents;
use super::sums::Sums;
use super::turn::Late;
use super::values::moment;
use super::{LedgerError, Turn};

/// A connection to the ledger. Not shared between threads: each opens its own.
#[derive(Debug)]
pub struct Ledger {
    pub(super) conn: Connection,
    /// The run that this process governs, once it has one.
    seat: Option<Seat>,
    /// How far what others wrote has been read.
    pub(super) watch: Option<Watch>,
    /// `PRAGMA data_version` when [`Ledger::changed_elsewhere`] was asked last.
    data_version: Option<i64>,
    /// `PRAGMA schema_version` when what the database is made of was looked at last.
    looked_at: Option<i64>,
    writes: bool,
    /// Which file it is; none for one in memory.
    file: Option<File>,
    /// The files beside it.
    beside: Beside,
    /// Where its runs listen; none for one in memory.
    sockets: Option<PathBuf>,
}

/// The file that was opened, whatever stands at its path by now.
#[derive(Debug)]
struct File {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl File {
    fn at(path: &Path) -> io::Result<Self> {
        let found = std::fs::metadata(path)?;
        Ok(Self { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }

    fn is_in_place(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == (self.device, self.inode))
    }
}

/// How long a turn waits for other writers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// About 50 ms: many times what another's turn takes.
    Short,
    /// About five seconds: whoever keeps the ledger for longer hangs.
    Long,
}

/// Frames of 4 KiB that are looked through at the end of a run.
const MOST_FRAMES: usize = 16_384;
/// The same whenever a ledger is closed, also by a hook. Where there are more, somebody else who writes has it open, and is
/// the one to close it last.
const FEW_FRAMES: usize = 512;

/// Statements a turn and the reports use, kept compiled.
const STATEMENTS: usize = 64;

impl Ledger {
    /// Opens the ledger of a state folder for writing; makes both where they are missing, and brings an older ledger
    /// up to date. Any number of processes may do so at once.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        state_folder::prepare(dir)?;
        let path = dir.join(LEDGER_FILE);
        state_folder::private_file(&path)?;
        let mut conn = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        if conn.is_readonly("main")? {
            return Err(LedgerError::ReadOnly);
        }
        if schema::shape(&conn, &path)? != FileFormat::Current || !is_wal(&conn)? {
            // The change to WAL and the first migration want the file alone; waiting for that is this lock's work,
            // because SQLite would rather answer "busy" than wait.
            let _alone = state_folder::creation_lock(dir)?;
            if !is_wal(&conn)? {
                conn.pragma_update(None, "journal_mode", "WAL")?;
            }
            schema::migrate(&mut conn, &path, clock::now().timestamp_millis())?;
        }
        Ok(Self::new(conn, true, File::at(&path).ok()).in_folder(dir))
    }

    /// Opens a ledger for writing that must be there: for answers and grants.
    pub fn open_existing(dir: &Path) -> Result<Self, LedgerError> {
        let path = existing(dir)?;
        let conn = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        match schema::shape(&conn, &path)? {
            FileFormat::Empty => Err(LedgerError::NoLedger { folder: dir.to_owned() }),
            FileFormat::Old(_) => Self::open(dir),
            FileFormat::Current if conn.is_readonly("main")? => Err(LedgerError::ReadOnly),
            FileFormat::Current => Ok(Self::new(conn, true, File::at(&path).ok()).in_folder(dir)),
        }
    }

    /// Tries whether a run could be recorded here: nothing is written, and a ledger of an older govern stays as it is.
    pub fn try_to_write(dir: &Path) -> Result<(), LedgerError> {
        let mut conn = connect(&existing(dir)?, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        if conn.is_readonly("main")? {
            return Err(LedgerError::ReadOnly);
        }
        Ok(conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?.rollback()?)
    }

    /// Opens a ledger for reports. A ledger on a read-only medium can be read, if it was closed cleanly.
    pub fn open_read_only(dir: &Path) -> Result<Self, LedgerError> {
        let path = existing(dir)?;
        let read = |path: &Path| -> Result<(Connection, FileFormat), LedgerError> {
            let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            let shape = schema::shape(&conn, path)?;
            Ok((conn, shape))
        };
        let (conn, shape) = match read(&path) {
            // WAL wants its `-shm` beside the file. Where that can't be made, nobody writes either.
            Err(LedgerError::Unreachable { .. } | LedgerError::ReadOnly) if !wal_of(&path).exists() => {
                read(&immutable(&path))?
            }
            other => other?,
        };
        match shape {
            FileFormat::Empty => Err(LedgerError::NoLedger { folder: dir.to_owned() }),
            FileFormat::Old(_) => Self::open(dir),
            FileFormat::Current => Ok(Self::new(conn, false, None).in_folder(dir)),
        }
    }

    /// A ledger that is gone when it is dropped, for tests.
    pub fn in_memory() -> Result<Self, LedgerError> {
        let mut conn = Connection::open_in_memory()?;
        configure(&mut conn)?;
        schema::migrate(&mut conn, Path::new(":memory:"), clock::now().timestamp_millis())?;
        Ok(Self::new(conn, true, None))
    }

    fn new(conn: Connection, writes: bool, file: Option<File>) -> Self {
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        Self {
            conn,
            seat: None,
            watch: None,
            data_version: None,
            looked_at: None,
            writes,
            file,
            beside: Beside::default(),
            sockets: None,
        }
    }

    fn in_folder(mut self, dir: &Path) -> Self {
        self.sockets = Some(state_folder::sockets(dir));
        self
    }

    /// Where its runs listen; `None` for one in memory.
    pub(super) fn sockets(&self) -> Option<&Path> {
        self.sockets.as_deref()
    }

    /// Says which run this process governs: its `RunStarted` may be appended from now on, and reservations and
    /// questions are its own. Writes nothing.
    pub fn start_run(&mut self, run: RunId, process: ProcessIdentity) {
        self.seat = Some(Seat { run, process });
    }

    /// One iteration of a supervising loop: all that `work` does is written together, or, if it or the commit fails,
    /// not at all; then what [`Turn::news`] told will be told again. `now` is the time that the ledger's chain and
    /// new rows get.
    ///
    /// Waits for other writers as long as [`Ledger::set_patience`] said, else about five seconds; if that was not
    /// enough, `work` was not begun.
    pub fn turn<R>(
        &mut self,
        now: Timestamp,
        work: impl FnOnce(&mut Turn<'_>) -> Result<R, LedgerError>,
    ) -> Result<R, LedgerError> {
        let (seat, watch, sockets) = (self.seat.clone(), self.watch.clone(), self.sockets.clone());
        let tx = self.transaction()?;
        let mut turn = Turn { tx: &tx, now, seat: seat.as_ref(), watch, late: Late::No, sockets: sockets.as_deref() };
        let result = work(&mut turn)?;
        turn.finish()?;
        let watch = turn.watch;
        tx.commit()?;
        self.watch = watch;
        if let Some(file) = &self.file {
            self.beside.note(&file.path);
        }
        Ok(result)
    }

    /// As [`Ledger::turn`], and then as if it had never been: what would come of it.
    pub fn rehearse<R>(
        &mut self,
        now: Timestamp,
        work: impl FnOnce(&mut Turn<'_>) -> Result<R, LedgerError>,
    ) -> Result<R, LedgerError> {
        let (seat, watch, sockets) = (self.seat.clone(), self.watch.clone(), self.sockets.clone());
        let tx = self.transaction()?;
        work(&mut Turn { tx: &tx, now, seat: seat.as_ref(), watch, late: Late::No, sockets: sockets.as_deref() })
    }

    /// Runs, their threads and their chains.
    pub fn runs(&self) -> Runs<'_> {
        Runs { conn: &self.conn, sockets: self.sockets() }
    }

    /// Responses, in the order of their time.
    pub fn responses(&self) -> Responses<'_> {
        Responses { conn: &self.conn }
    }

    /// Sums of what was spent.
    pub fn sums(&self) -> Sums<'_> {
        Sums { conn: &self.conn }
    }

    /// Sub-agents of runs and threads.
    pub fn sub_agents(&self) -> SubAgents<'_> {
        SubAgents { conn: &self.conn }
    }

    /// Questions as they were written down.
    pub fn questions(&self) -> Questions<'_> {
        Questions { conn: &self.conn, sockets: self.sockets() }
    }

    /// What shared budgets hold.
    pub fn budgets(&self) -> Budgets<'_> {
        Budgets { conn: &self.conn, sockets: self.sockets() }
    }

    /// What hooks that have no supervisor have left.
    pub fn hooks(&self) -> Hooks<'_> {
        Hooks { conn: &self.conn }
    }

    /// What was imported, and from which files.
    pub fn history(&self) -> History<'_> {
        History { conn: &self.conn }
    }

    /// Whether what is written was changed by somebody else.
    pub fn audit(&self) -> Audit<'_> {
        Audit { conn: &self.conn }
    }

    /// A person has told this process of a grant, by the number of its link.
    pub fn believe(&mut self, link: i64) {
        if let Some(watch) = &mut self.watch {
            watch.told_link(link);
        }
    }

    /// A transaction that writes, in the file that is at its path.
    pub(super) fn transaction(&mut self) -> Result<rusqlite::Transaction<'_>, LedgerError> {
        if !self.writes {
            return Err(LedgerError::ReadOnly);
        }
        if let Some(file) = self.file.as_ref().filter(|file| !file.is_in_place()) {
            return Err(LedgerError::Gone { path: file.path.clone() });
        }
        self.expect_whole()?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        schema::expect_known(&tx)?;
        let version = tx.prepare_cached("PRAGMA schema_version")?.query_row([], |row| row.get(0))?;
        if self.looked_at != Some(version) {
            schema::expect_own(&tx)?;
            self.looked_at = Some(version);
        }
        Ok(tx)
    }

    /// Nobody has taken away what is written and not in the database yet. What is there in its place stays out of that.
    fn expect_whole(&self) -> Result<(), LedgerError> {
        let Some(path) = self.beside.taken(&self.conn) else { return Ok(()) };
        self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Err(LedgerError::Gone { path })
    }

    /// How long turns wait for other writers from now on.
    pub fn set_patience(&mut self, patience: Patience) -> Result<(), LedgerError> {
        Ok(self.conn.busy_handler(Some(match patience {
            Patience::Short => wait_briefly,
            Patience::Long => wait_for_others,
        }))?)
    }

    /// The file that was opened is still the one at its path. Each turn asks this first.
    pub fn is_in_place(&self) -> bool {
        self.file.as_ref().is_none_or(File::is_in_place)
    }

    /// Nobody has written over pages in the middle of the log, as far as that is looked for: up to 64 MB of it, which takes
    /// a millisecond for some megabytes. For the end of a run; what is wrong stays out of the database.
    pub fn expect_log(&self) -> Result<(), LedgerError> {
        self.expect_log_of(MOST_FRAMES)
    }

    fn expect_log_of(&self, most: usize) -> Result<(), LedgerError> {
        let Some(path) = self.file.as_ref().filter(|_| self.writes).map(|file| wal_of(&file.path)) else {
            return Ok(());
        };
        if !log::is_damaged(&self.conn, &path, most) {
            return Ok(());
        }
        self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Err(LedgerError::Gone { path })
    }

    /// Whether another connection has written since this was last asked (the first time: yes). Costs about a
    /// microsecond, for loops that would else take a turn in vain.
    pub fn changed_elsewhere(&mut self) -> Result<bool, LedgerError> {
        let version = self.conn.pragma_query_value(None, "data_version", |row| row.get(0))?;
        Ok(self.data_version.replace(version) != Some(version))
    }

    /// When the ledger was made.
    pub fn created(&self) -> Result<Timestamp, LedgerError> {
        let millis = self.conn.query_row("SELECT created FROM ledger", [], |row| row.get(0))?;
        moment(millis)
    }

    /// The ledger knows of nothing before this run: no other run started anything before it, nothing was imported.
    /// What was spent earlier is unknown then to budgets wider than the run. A run that was refused, or that is about
    /// to be, started nothing. May be asked before the run's first event.
    pub fn born_in(&self, run: &RunId) -> Result<bool, LedgerError> {
        Ok(self.conn.query_row(
            "SELECT NOT EXISTS (SELECT 1 FROM runs AS r WHERE r.id <> ?1
                                AND r.no < coalesce((SELECT no FROM runs WHERE id = ?1), 9223372036854775807)
                                AND (r.outcome IN ('ended', 'stopped', 'killed')
                                     OR EXISTS (SELECT 1 FROM threads WHERE run_no = r.no)
                                     OR EXISTS (SELECT 1 FROM events WHERE run_no = r.no
                                                AND json_extract(data, '$.kind') = 'agent_started')))
                AND NOT EXISTS (SELECT 1 FROM session_files)",
            [run.as_str()],
            |row| row.get(0),
        )?)
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // The last one to close moves the log into the database. Whoever wrote next would have said what is wrong.
        let _told_elsewhere = self.expect_whole().and_then(|()| self.expect_log_of(FEW_FRAMES));
    }
}

fn existing(dir: &Path) -> Result<PathBuf, LedgerError> {
    let path = dir.join(LEDGER_FILE);
    match path.try_exists() {
        Ok(true) => Ok(path),
        Ok(false) => Err(LedgerError::NoLedger { folder: dir.to_owned() }),
        Err(source) => Err(LedgerError::Unreachable { path, source }),
    }
}

fn is_wal(conn: &Connection) -> Result<bool, LedgerError> {
    let mode: String = conn.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    Ok(mode == "wal")
}

fn wal_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

/// A SQLite URI that promises the file will not change.
fn immutable(path: &Path) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri.push_str("?immutable=1");
    PathBuf::from(uri)
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, LedgerError> {
    let unreachable =
        |detail: String| LedgerError::Unreachable { path: path.to_owned(), source: io::Error::other(detail) };
    let cannot_open = |error: rusqlite::Error| match &error {
        rusqlite::Error::SqliteFailure(failure, _) if failure.code == rusqlite::ErrorCode::CannotOpen => {
            unreachable(error.to_string())
        }
        rusqlite::Error::SqliteFailure(failure, _) if failure.code == rusqlite::ErrorCode::NotADatabase => {
            LedgerError::NotALedger { path: path.to_owned() }
        }
        _ => error.into(),
    };
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let mut conn = Connection::open_with_flags(path, flags).map_err(cannot_open)?;
    configure(&mut conn).map_err(cannot_open)?;
    // The first read finds out what opening lazily leaves open.
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).map_err(cannot_open)?;
    Ok(conn)
}

/// NORMAL: with WAL a crash of a process loses nothing; a power cut may lose the last moments, and breaks nothing.
fn configure(conn: &mut Connection) -> rusqlite::Result<()> {
    conn.busy_handler(Some(wait_for_others))?;
    // No statistics are kept: those of a young ledger would mislead the plans of an old one. Plans rest on indexes
    // alone, and values don't change them.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.execute_batch(&format!(
        "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;
         PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = {LOG_LIMIT};
         PRAGMA wal_autocheckpoint = 4096;",
    ))
}

/// SQLite's own waiting backs off to 100 ms; others' turns take a fraction of a millisecond, and a signal to an
/// agent may wait for ours. Gives up after about five seconds.
fn wait_for_others(tries: i32) -> bool {
    let pause = if tries < 100 { Duration::from_micros(200) } else { Duration::from_millis(5) };
    std::thread::sleep(pause);
    tries < 1_100
}

/// The beginning of [`wait_for_others`].
fn wait_briefly(tries: i32) -> bool {
    tries < 106 && wait_for_others(tries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_on_a_read_only_medium_is_read_whatever_its_folder_is_called() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("50% of a?b#c ü");
        let created = Ledger::open(&home).unwrap().created().unwrap();
        let path = immutable(&home.join(LEDGER_FILE));
        let conn = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        assert_eq!(Ledger::new(conn, false, None).created().unwrap(), created);
        let names: Vec<_> = std::fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| name == LEDGER_FILE || name == "ledger.lock"), "{names:?}");
    }
}
