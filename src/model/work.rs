//! What kind of work a response was part of.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A class of work, by what a turn did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkClass {
    /// Somebody wants to know something; the repository stays as it was.
    Research,
    /// Other behaviour or shape of code, scripts or settings of the product.
    Edit,
    /// Tests, checks or benchmarks are written, mended or run.
    Test,
    /// A judgement of a change that exists.
    Review,
    /// The same on another version, technology, schema or name.
    Migration,
    /// Texts for readers.
    Documentation,
    /// None of these.
    Other,
}

impl WorkClass {
    /// What a turn is while nothing tells of it: reading comes first, whatever it comes to.
    pub const UNTIL_IT_WRITES: Self = Self::Research;

    /// All of them, in the order in which they are named.
    pub const ALL: [Self; 7] =
        [Self::Research, Self::Edit, Self::Test, Self::Review, Self::Migration, Self::Documentation, Self::Other];

    /// As policies, JSON and tables spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Research => "research",
            Self::Edit => "edit",
            Self::Test => "test",
            Self::Review => "review",
            Self::Migration => "migration",
            Self::Documentation => "documentation",
            Self::Other => "other",
        }
    }

    /// Reads [`WorkClass::as_str`] back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }
}

impl fmt::Display for WorkClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
