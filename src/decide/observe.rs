//! Whether what a Codex spends can be seen; under a limit it must be, and under an alert that could stop it, it is
//! said where it cannot.

pub(super) mod watching;

/// What is known of a Codex's spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Observed {
    /// It works, and was not seen to write anything that govern reads.
    NotYet,
    /// It waits for somebody to use it, and may have nothing to write.
    NotExpected,
    /// It serves others, and tells of all its threads once it has any.
    Serves,
    /// It serves others, and would not tell of a thread without a session file.
    Unsure,
    /// The same; threads with one were seen.
    Partly,
    /// It can be seen.
    Yes,
    /// It cannot be seen, and that was told.
    Told,
}

impl Observed {
    /// Nothing was seen of it yet.
    pub(super) fn is_awaited(self) -> bool {
        match self {
            Self::NotYet | Self::NotExpected | Self::Serves | Self::Unsure => true,
            Self::Partly | Self::Yes | Self::Told => false,
        }
    }

    /// What of a Codex was not seen by its end, where something may have been spent unseen. Nobody needs to know it of a
    /// server that tells and was perhaps never used, unless somebody relies on what is seen.
    fn unseen_at_end(self, expects: bool) -> Option<&'static str> {
        match self {
            Self::NotYet => Some("has ended, and no session file of it was seen: its spend"),
            Self::Unsure => Some("has served other programs, and no session file of it was seen: its spend"),
            Self::Partly => {
                Some("has served other programs without govern's hooks: what a thread without a session file spent")
            }
            Self::Serves if expects => {
                Some("has served other programs, and no thread of it was seen: if it had any, their spend")
            }
            Self::Serves | Self::NotExpected | Self::Yes | Self::Told => None,
        }
    }
}
