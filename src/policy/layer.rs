//! The layers that a policy comes in.

use std::fmt;

/// Where a rule comes from, outermost first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// `/etc/govern/policy.toml`.
    System,
    /// The user's configuration folder.
    User,
    /// The nearest `govern.toml` up to the repository's root: not to be trusted with prices or names.
    Repository,
    /// `--policy` or `$GOVERN_POLICY`.
    Given,
    /// The `[budget]` of a fleet file; the rest of it is no policy.
    Fleet,
    /// `--budget` and its like.
    Flags,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::System => "system",
            Self::User => "user",
            Self::Repository => "repository",
            Self::Given => "given",
            Self::Fleet => "fleet",
            Self::Flags => "flags",
        })
    }
}
