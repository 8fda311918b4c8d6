//! The form of the hash chains: what is hashed, and what the ledger's own links say.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{
    AgentName, Committed, ExceptionId, ExceptionState, Reconciled, ResponseKey, RunId, ThreadId, Timestamp,
};

use super::LedgerError;
use super::hash::Hash;
use super::rows::approval::ApprovalRow;
use super::rows::extension::ExtensionRow;
use super::rows::grant::GrantRow;
use super::rows::usage::UsageRow;
use super::values::json;

/// How a response stands in its run's chain: by its usage row.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ResponseEntry {
    pub(super) at: Timestamp,
    pub(super) run: RunId,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) agent: Option<AgentName>,
    pub(super) kind: ResponseKind,
    /// The row's number.
    pub(super) usage: i64,
    /// The row's digest.
    pub(super) digest: Hash,
}

/// The one kind of a [`ResponseEntry`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ResponseKind {
    Response,
}

/// An entry of the ledger's own chain. Names and fields are a contract with old ledgers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one is made, or read, at a time")]
pub(super) enum Link {
    /// A run was started under this policy.
    Run { at: Timestamp, run: RunId, policy: String, prices: String, head: Hash },
    /// A run's chain at a moment that matters: it had `seq` entries, the last with this hash.
    Point { at: Timestamp, run: RunId, seq: u64, head: Hash },
    /// A run ended with so many entries, the last with this hash.
    Seal { at: Timestamp, run: RunId, events: u64, head: Hash },
    /// A run that had ended goes on; the entry that says so is this one.
    Reopen { at: Timestamp, run: RunId, seq: u64, head: Hash },
    /// A question as it stood after it was asked, joined, answered or withdrawn.
    Approval { at: Timestamp, approval: ApprovalRow },
    /// What `govern resume` would go on with: the digest of its text.
    Command { at: Timestamp, run: RunId, digest: Hash },
    /// A limit was lifted.
    Extension { at: Timestamp, extension: ExtensionRow },
    /// History was imported: so many rows, from the first number to the last, and what they say.
    Import { at: Timestamp, first: i64, last: i64, rows: u64, digest: Hash },
    /// So many responses that were recorded without a price got one, by this version of the table.
    Repriced { at: Timestamp, prices: String, rows: u64, digest: Hash },
    /// So many responses belong elsewhere from now on, by whose word: from which series to which, and the first and the
    /// last number of each stretch of rows.
    Attributed { at: Timestamp, by: String, from: String, to: String, rows: u64, usage: Vec<(i64, i64)> },
    /// A record that was to be imported is of a response that counts already, under the key `told`: a hook told of it.
    Confirmed { at: Timestamp, thread: ThreadId, told: ResponseKey, key: ResponseKey },
    /// govern's hooks in a file of Codex's are about to be changed: what is done, by whom, and the text to come.
    Hooks { at: Timestamp, what: HookChange, by: String, path: String, digest: Hash },
    /// Somebody wanted a run to go on, and may not have it so: the run is as it was.
    Refused { at: Timestamp, run: RunId, by: String, why: String },
    /// What the agents of these runs wrote is about to be removed: so many files and bytes, since they were over before then.
    Pruned { at: Timestamp, by: String, before: Timestamp, runs: Vec<RunId>, files: u64, bytes: u64 },
    /// A person lets more of a budget be spent, before it is needed and until a day.
    Grant { at: Timestamp, grant: GrantRow },
    /// A grant was taken back.
    GrantRevoked {
        at: Timestamp,
        grant: i64,
        by: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reason: Option<String>,
    },
    /// A person decided about an exception. Where the policy was changed for it: which file, and its text from then on.
    Reviewed {
        at: Timestamp,
        exception: ExceptionId,
        state: ExceptionState,
        by: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reason: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        file: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        digest: Option<Hash>,
    },
    /// What the agents of a run committed in one work tree, as it was found at the run's end.
    Committed { at: Timestamp, committed: Committed },
    /// What OpenAI said was used, on somebody's question, beside what was observed then.
    Reconciled { at: Timestamp, by: String, reconciled: Reconciled },
}

/// Adds an entry to the ledger's own chain.
pub(super) fn link(conn: &Connection, link: &Link) -> Result<(), LedgerError> {
    let last: Option<(i64, Hash)> = conn
        .prepare_cached("SELECT n, hash FROM links ORDER BY n DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (n, hash) = match last {
        Some(last) => last,
        None => {
            let id: Vec<u8> = conn.query_row("SELECT id FROM ledger", [], |row| row.get(0))?;
            (0, Hash::ledger_seed(&id))
        }
    };
    let data = json(link)?;
    conn.prepare_cached("INSERT INTO links (n, data, hash) VALUES (?1, ?2, ?3)")?.execute(params![
        n.saturating_add(1),
        data,
        hash.next(data.as_bytes())
    ])?;
    Ok(())
}

/// What is done to the hooks of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookChange {
    /// They are put in.
    Install,
    /// They are put in, and only observe.
    InstallObserving,
    /// They are taken out.
    Remove,
    /// What was recorded before this could not be done.
    Failed,
}

/// What imported rows say, in the order of their numbers. Over bytes, not JSON: there are very many.
#[derive(Clone, Debug, Default)]
pub(super) struct ImportDigest(Sha256, Vec<u8>);

impl ImportDigest {
    /// The next row.
    pub(super) fn add(&mut self, row: &UsageRow) {
        self.1.clear();
        row.write_bytes(&mut self.1);
        self.0.update(&self.1);
    }

    /// Of all of them.
    pub(super) fn finish(self) -> Hash {
        Hash::done(self.0)
    }
}

/// What prices that came later say, in the order of their rows.
#[derive(Clone, Debug, Default)]
pub(super) struct RepricedDigest(Sha256);

impl RepricedDigest {
    /// The next one: of which row, how sure, and how many nano-dollars.
    pub(super) fn add(&mut self, usage: i64, pricing: &str, cost: i64) {
        self.0.update(usage.to_le_bytes());
        self.0.update((pricing.len() as u64).to_le_bytes());
        self.0.update(pricing.as_bytes());
        self.0.update(cost.to_le_bytes());
    }

    /// Of all of them.
    pub(super) fn finish(self) -> Hash {
        Hash::done(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_back_what_it_shows_and_nothing_else() {
        let hash = Hash::of(b"abc");
        assert_eq!(hash.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<Hash>(&json).unwrap(), hash);
        for bad in ["", "ba", &"zz".repeat(32), &"é".repeat(32), &"ba".repeat(33)] {
            assert!(serde_json::from_str::<Hash>(&format!("\"{bad}\"")).is_err(), "{bad}");
        }
    }

    #[test]
    fn chains_of_different_owners_start_apart() {
        assert_ne!(Hash::run_seed("a"), Hash::run_seed("b"));
        assert_ne!(Hash::run_seed("a"), Hash::ledger_seed(b"a"));
    }
}
