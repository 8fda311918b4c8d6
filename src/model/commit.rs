//! Commits, and what the agents of a run committed.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::{AgentName, RunId, Timestamp};

/// A commit's hash in full, in lower-case hexadecimal digits: 40 of SHA-1, 64 of SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct CommitId(String);

impl CommitId {
    /// Reads one; `None` for what is no hash in full, and for the zeros that git writes where there is no commit.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let whole = matches!(text.len(), 40 | 64) && text.bytes().all(is_digit);
        (whole && text.bytes().any(|byte| byte != b'0')).then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for CommitId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no commit")))
    }
}

/// What a file is for, as far as its lines are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Code, scripts, settings, and whatever else is none of the others.
    Code,
    /// Tests and their data.
    Test,
    /// Texts for readers.
    Documentation,
    /// Steps of a schema.
    Migration,
    /// Which versions the project stands on, written by hand or by a program.
    Dependencies,
}

impl LineKind {
    /// As JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Test => "test",
            Self::Documentation => "documentation",
            Self::Migration => "migration",
            Self::Dependencies => "dependencies",
        }
    }
}

/// Lines that a change has added and removed. One that was changed is both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// So many more.
    pub added: u64,
    /// So many less.
    pub removed: u64,
}

/// A commit as it was when its run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its name.
    pub id: CommitId,
    /// When it was committed, to the second.
    pub at: Timestamp,
    /// It joins histories: its lines are those of other commits.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub merge: bool,
    /// Lines by what their files are for. Binary files have none.
    pub lines: BTreeMap<LineKind, Lines>,
    /// SHA-256 of what it changes, whitespace and places aside: the same for the same change on another commit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub patch: Option<String>,
}

/// What the agents of a run committed in one work tree. Names and fields are a contract with old ledgers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// The run.
    pub run: RunId,
    /// Who worked in this tree: of several, nobody can say whose commits these are.
    pub agents: Vec<AgentName>,
    /// The root of the work tree.
    pub tree: String,
    /// The folder of the repository that its work trees share.
    pub repository: String,
    /// From when on; a run that went on has several.
    pub began: Timestamp,
    /// Until when.
    pub ended: Timestamp,
    /// What was checked out at the start, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<CommitId>,
    /// What was checked out at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<CommitId>,
    /// What was committed meanwhile, on whichever branch, in its order; `None`: nobody knows.
    pub commits: Option<Vec<Commit>>,
    /// Why nobody knows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unknown: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_hash_in_full_is_a_commit() {
        assert!(CommitId::parse("4b825dc642cb6eb9a060e54bf8d69288fbee4904").is_some());
        assert!(CommitId::parse(&"ab".repeat(32)).is_some());
        for bad in ["", "HEAD", "4b825dc", "--output=/tmp/x", &"0".repeat(40), &"A".repeat(40), &"é".repeat(20)] {
            assert_eq!(CommitId::parse(bad), None, "{bad}");
            assert!(serde_json::from_str::<CommitId>(&format!("\"{bad}\"")).is_err(), "{bad}");
        }
    }
}
