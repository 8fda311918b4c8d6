//! Names that must not be mistaken for one another.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps the text as it is; nothing is checked or changed.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_id!(
    /// One `govern run`: twelve lower-case characters that sort by time, such as `1mjk3f9x27m1`.
    RunId
);
text_id!(
    /// One supervised command in a run, as its user named it.
    AgentName
);
text_id!(
    /// One Codex session, by the UUID that Codex gave it.
    ThreadId
);
text_id!(
    /// One `[[alert]]` of a policy, as the policy names it.
    AlertName
);
text_id!(
    /// A model as Codex names it, such as `gpt-6.1-sol`; aliases and prefixes are not resolved.
    ModelId
);
text_id!(
    /// What tells one response of a thread from its copies: the response id that Codex
    /// recorded, or `@` and the byte position in files of versions that recorded none.
    ResponseKey
);

impl ResponseKey {
    /// It names a place in a file, which another response may take once the file is written over.
    pub fn is_place(&self) -> bool {
        self.as_str().contains('@')
    }
}

text_id!(
    /// A `[[budget]]` by the name its policy gave it.
    BudgetName
);

text_id!(
    /// A `[[gate]]` by the name its policy gave it.
    GateName
);

text_id!(
    /// One exception, by its kind and where it is recorded, such as `extension-3`.
    ExceptionId
);

/// A question to a person, numbered in the ledger from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApprovalId(pub i64);

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
