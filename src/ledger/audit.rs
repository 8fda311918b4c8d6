//! The audit: recomputes every hash, and everything that is derived from what is hashed.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension};

use crate::model::RunId;

use super::LedgerError;
use super::attributed::Corrected;
use super::audit_failure::{Checked, Stop, broken};
use super::audit_run::{self, KnownToRuns, Run};
use super::calls;
use super::chain::{ImportDigest, Link};
use super::hash::Hash;
use super::repriced;
use super::rollup::Shares;
use super::rows::approval::{self, ApprovalRow};
use super::rows::extension::{self, ExtensionRow};
use super::rows::usage::{SELECT, Stored};
use super::schema;
use super::usage::confirmed::Confirmed;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Every run is sealed and nothing was changed.
    Intact {
        /// How many runs.
        runs: u64,
        /// How many events of runs.
        entries: u64,
        /// The ledger's last link, to keep elsewhere.
        head: Head,
    },
    /// Nothing was changed, but some runs are not sealed: they run still, or their govern was killed. What such a
    /// run wrote since its last link could have been cut off unseen.
    Open {
        /// How many runs, sealed or not.
        runs: u64,
        /// How many events of runs.
        entries: u64,
        /// The ledger's last link, to keep elsewhere.
        head: Head,
        /// The runs without a seal, the oldest first.
        unsealed: Vec<RunId>,
    },
    /// Something was changed; this is the first that was found.
    Broken {
        /// Where, for a person.
        place: String,
        /// What does not fit.
        what: String,
    },
}

/// The end of the ledger's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many links there are.
    pub n: u64,
    /// The hash of the last one.
    pub hash: Hash,
}

/// Whether what is written was changed by somebody else.
#[derive(Clone, Copy, Debug)]
pub struct Audit<'a> {
    pub(super) conn: &'a Connection,
}

impl Audit<'_> {
    /// Recomputes every hash and compares everything with what the chains say, all as of one moment.
    pub fn verify(&self) -> Result<Verified, LedgerError> {
        let tx = self.conn.unchecked_transaction()?;
        match audit(&tx) {
            Ok(verified) => Ok(verified),
            Err(Stop::Broken { place, what }) => Ok(Verified::Broken { place, what }),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// The last link. Kept elsewhere, it shows whether the ledger was rewritten as a whole.
    pub fn head(&self) -> Result<Head, LedgerError> {
        head(self.conn)
    }

    /// The hash of the `n`th link, to compare with a head that was kept; `None` if there are fewer.
    pub fn link_hash(&self, n: u64) -> Result<Option<Hash>, LedgerError> {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        Ok(self.conn.query_row("SELECT hash FROM links WHERE n = ?1", [n], |row| row.get(0)).optional()?)
    }
}

fn head(conn: &Connection) -> Result<Head, LedgerError> {
    let last: Option<(i64, Hash)> = conn
        .query_row("SELECT n, hash FROM links ORDER BY n DESC LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match last {
        Some((n, hash)) => Ok(Head { n: n.unsigned_abs(), hash }),
        None => Ok(Head { n: 0, hash: ledger_seed(conn)? }),
    }
}

fn ledger_seed(conn: &Connection) -> Result<Hash, LedgerError> {
    let id: Vec<u8> = conn.query_row("SELECT id FROM ledger", [], |row| row.get(0))?;
    Ok(Hash::ledger_seed(&id))
}

/// What the links promise of the rest.
#[derive(Default)]
struct Promised {
    runs: HashMap<RunId, Run>,
    approvals: BTreeMap<i64, ApprovalRow>,
    extensions: BTreeMap<i64, ExtensionRow>,
    /// By the number of their first row.
    imports: BTreeMap<i64, Import>,
    confirmed: Confirmed,
    repriced: repriced::Promised,
    corrected: Corrected,
}

/// Rows that were imported together.
struct Import {
    /// The number of the last one.
    last: i64,
    digest: Hash,
}

fn audit(conn: &Connection) -> Checked<Verified> {
    if let Some(what) = schema::strange(conn)? {
        return broken("the database", format!("it {what}"));
    }
    let mut promised = links(conn)?;
    let (mut entries, mut runs, mut unsealed) = (0_u64, 0_u64, Vec::new());
    let mut seen = KnownToRuns {
        confirmed: std::mem::take(&mut promised.confirmed),
        corrected: std::mem::take(&mut promised.corrected),
        ..KnownToRuns::default()
    };
    let mut statement = conn.prepare("SELECT no, id FROM runs ORDER BY no")?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let (no, id) = (row.get::<_, i64>(0)?, RunId::new(row.get::<_, String>(1)?));
        let Some(run) = promised.runs.get(&id) else {
            return broken(format!("run `{id}`"), "the ledger's chain does not know it");
        };
        entries = entries.saturating_add(audit_run::check(conn, no, &id, run, &mut seen)?);
        runs = runs.saturating_add(1);
        if !run.sealed {
            unsealed.push(id);
        }
    }
    if runs != promised.runs.len() as u64 {
        let mut known = conn.prepare("SELECT 1 FROM runs WHERE id = ?1")?;
        for id in promised.runs.keys() {
            if !known.exists([id.as_str()])? {
                return broken(format!("run `{id}`"), "it is in the ledger's chain, and missing");
            }
        }
    }
    usage_rows(conn, &seen, &promised.imports)?;
    if let Some(place) = promised.repriced.differs(conn)? {
        return broken(place, "it is not what the ledger's chain says");
    }
    if let Some(place) = seen.confirmed.differs(conn)? {
        return broken(place, "whether it counts already is not as the chains say");
    }
    if let Some(place) = seen.counted.differs(conn)? {
        return broken(place, "the chains tell of others");
    }
    let approvals = read_all(conn, approval::SELECT, ApprovalRow::read, |row| row.id)?;
    same_rows("approval", &promised.approvals, &approvals)?;
    let extensions = read_all(conn, extension::SELECT, ExtensionRow::read, |row| row.id)?;
    same_rows("extension", &promised.extensions, &extensions)?;
    told_by_runs(conn, &approvals, &extensions)?;
    let head = head(conn)?;
    Ok(match unsealed.is_empty() {
        true => Verified::Intact { runs, entries, head },
        false => Verified::Open { runs, entries, head, unsealed },
    })
}

fn links(conn: &Connection) -> Checked<Promised> {
    let mut promised = Promised::default();
    let mut hash = ledger_seed(conn)?;
    let mut statement = conn.prepare("SELECT n, data, hash FROM links ORDER BY n")?;
    let mut rows = statement.query([])?;
    let mut n = 0_i64;
    while let Some(row) = rows.next()? {
        n = n.saturating_add(1);
        let place = || format!("link {n} of the ledger");
        let (found, data): (i64, String) = (row.get(0)?, row.get(1)?);
        if found != n {
            return broken(place(), "it is missing");
        }
        hash = hash.next(data.as_bytes());
        if row.get::<_, Hash>(2)? != hash {
            return broken(place(), "its hash does not fit what it says and what was before");
        }
        match serde_json::from_str(&data) {
            Ok(link) => promise(&mut promised, n, link).or_else(|what| broken(place(), what))?,
            Err(error) => return broken(place(), error.to_string()),
        }
    }
    Ok(promised)
}

fn promise(promised: &mut Promised, n: i64, link: Link) -> Result<(), &'static str> {
    let unknown = "it is about a run that was not started";
    match link {
        Link::Run { run, policy, prices, head, .. } => {
            let points = HashMap::from([(1, head)]);
            let started = Run { policy, prices, points, sealed: false, command: None };
            if promised.runs.insert(run, started).is_some() {
                return Err("it starts a run again");
            }
        }
        Link::Point { run, seq, head, .. } => {
            promised.runs.get_mut(&run).ok_or(unknown)?.points.insert(seq, head);
        }
        Link::Seal { run, events, head, .. } => {
            let run = promised.runs.get_mut(&run).ok_or(unknown)?;
            run.points.insert(events, head);
            run.sealed = true;
        }
        Link::Reopen { run, seq, head, .. } => {
            let run = promised.runs.get_mut(&run).ok_or(unknown)?;
            run.points.insert(seq, head);
            run.sealed = false;
        }
        Link::Command { run, digest, .. } => {
            promised.runs.get_mut(&run).ok_or(unknown)?.command = Some(digest);
        }
        Link::Approval { approval, .. } => {
            promised.approvals.insert(approval.id, approval);
        }
        Link::Import { first, last, rows, digest, .. } => {
            if rows == 0 || last.saturating_sub(first).saturating_add(1) != i64::try_from(rows).unwrap_or(0) {
                return Err("its rows are not as many as their numbers");
            }
            promised.imports.insert(first, Import { last, digest });
        }
        Link::Extension { extension, .. } => {
            promised.extensions.insert(extension.id, extension);
        }
        Link::Confirmed { thread, told, key, .. } => promised.confirmed.add(&thread, &key, &told),
        Link::Attributed { from, to, rows, usage, .. } => promised.corrected.add((from, to), rows, &usage)?,
        Link::Repriced { rows, digest, .. } => promised.repriced.add(n, rows, digest),
        // The file is Codex's and its owner's: it may have been changed since.
        Link::Hooks { .. } | Link::Refused { .. } | Link::Pruned { .. } => {}
        // The link is all that there is of them.
        Link::Grant { .. } | Link::GrantRevoked { .. } | Link::Reviewed { .. } => {}
        // What another has told: a row of it would be none of the ledger's own.
        Link::Reconciled { .. } => {}
        Link::Committed { committed, .. } if promised.runs.contains_key(&committed.run) => {}
        Link::Committed { .. } => return Err(unknown),
    }
    Ok(())
}

/// Every row must be in its run's chain or in an import's link, and the sums must be those of all rows.
fn usage_rows(conn: &Connection, seen: &KnownToRuns, imports: &BTreeMap<i64, Import>) -> Checked<()> {
    let mut shares = Shares::default();
    let mut imports = imports.iter();
    // The import whose rows come now: the next number that it has, and its digest so far.
    let mut open: Option<(i64, &Import, ImportDigest)> = None;
    let mut statement = conn.prepare(&format!("{} ORDER BY u.id", SELECT))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let stored = Stored::read(row)?;
        let place = || format!("usage {}", stored.id);
        shares.add(stored.share(), &stored.row.sum()?);
        if stored.run_no.is_some() {
            if !seen.usage.contains(&stored.id) {
                return broken(place(), "no run's chain knows it");
            }
            continue;
        }
        let (next, import, mut digest) = match open.take() {
            Some(open) => open,
            None => match imports.next() {
                Some((first, import)) => (*first, import, ImportDigest::default()),
                None => return broken(place(), "no run and no import of the ledger's chain knows it"),
            },
        };
        if stored.id != next {
            return broken(format!("usage {next}"), "it was imported, and is missing");
        }
        digest.add(&seen.corrected.recorded(stored)?);
        if next < import.last {
            open = Some((next.saturating_add(1), import, digest));
        } else if digest.finish() != import.digest {
            return broken(format!("the import of usage up to {next}"), "a response of it was changed");
        }
    }
    let missing = open.map(|(next, ..)| next).or_else(|| imports.next().map(|(first, _)| *first));
    if let Some(missing) = missing {
        return broken(format!("usage {missing}"), "it was imported, and is missing");
    }
    if let Some(place) = shares.differs(conn)? {
        return broken(place, "it is not what its usage comes to");
    }
    match calls::differs(conn)? {
        Some(place) => broken(place, "their sum is not what they come to"),
        None => Ok(()),
    }
}

/// What was answered and what was lifted, the supervisor of a run did, and its chain tells of it. (Answers of a govern
/// that did not write down what a question is about are not known to.)
fn told_by_runs(
    conn: &Connection,
    approvals: &BTreeMap<i64, ApprovalRow>,
    extensions: &BTreeMap<i64, ExtensionRow>,
) -> Checked<()> {
    for (id, row) in approvals {
        if !row.is_accounted_for(conn)? {
            return broken(format!("approval {id}"), "no run has written that it was answered");
        }
    }
    for (id, row) in extensions {
        if row.told_by(conn)?.is_none() {
            return broken(format!("extension {id}"), "no run has written that it lifted this limit");
        }
    }
    Ok(())
}

fn read_all<T>(
    conn: &Connection,
    sql: &str,
    read: fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    id: fn(&T) -> i64,
) -> Checked<BTreeMap<i64, T>> {
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map([], |row| read(row).map(|row| (id(&row), row)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn same_rows<T: PartialEq>(name: &str, linked: &BTreeMap<i64, T>, stored: &BTreeMap<i64, T>) -> Checked<()> {
    for (id, row) in linked {
        match stored.get(id) {
            None => return broken(format!("{name} {id}"), "it is in the ledger's chain, and missing"),
            Some(found) if found != row => return broken(format!("{name} {id}"), "it was changed"),
            Some(_) => {}
        }
    }
    match stored.keys().find(|id| !linked.contains_key(id)) {
        Some(id) => broken(format!("{name} {id}"), "the ledger's chain does not know it"),
        None => Ok(()),
    }
}
