//! Govern's exit codes, as a type.

/// How govern ends. Codes are a contract; since 124 may be the child's own, JSON says which it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All that was asked was done: 0.
    Success,
    /// The child's own code.
    Child(u8),
    /// A signal that govern did not send ended the child: 128 + its number.
    Signalled(u8),
    /// `audit verify` found the chain broken: 1. A fleet in which an agent failed: 1. A file that was named to
    /// `import` holds no session, or cannot be read: 1.
    Negative,
    /// The command line could not be understood: 2.
    Usage,
    /// `--check` found something over its budget: 3.
    Over,
    /// `audit verify` found it intact, but with an unsealed run: 4.
    Unsealed,
    /// govern refused to start it: 123.
    Refused,
    /// govern ended it by policy, or because a person stopped it: 124.
    Ended,
    /// govern itself failed: 125.
    Failed,
    /// The command is there but cannot be executed: 126.
    NotExecutable,
    /// The command was not found: 127.
    NotFound,
}

impl Exit {
    /// The code that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Child(code) => code,
            Self::Signalled(signal) => 128_u8.saturating_add(signal),
            Self::Negative => 1,
            Self::Usage => 2,
            Self::Over => 3,
            Self::Unsealed => 4,
            Self::Refused => 123,
            Self::Ended => 124,
            Self::Failed => 125,
            Self::NotExecutable => 126,
            Self::NotFound => 127,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
