//! The one rule for questions: whether somebody can be reached with one, and what is done where nobody can.

pub(in crate::decide) mod questions;

use std::fmt;

/// What a run has around it that a question could reach a person by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings {
    /// It has a terminal; its controlling one will do.
    pub terminal: bool,
    /// `CI` is set: whatever terminal there is, nobody sits at it.
    pub ci: bool,
    /// A person works in this very Codex, on its screen.
    pub at_screen: bool,
    /// A channel takes its questions to somebody whose answer is taken ([`super::channel::reaches`]).
    pub channel: bool,
}

/// Why nobody can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nobody {
    /// Nobody sits at the terminal of a CI job.
    InCi,
    /// There is none.
    NoTerminal,
}

impl Surroundings {
    /// Why nobody can be reached; `None`: somebody can.
    pub fn nobody(self) -> Option<Nobody> {
        match self {
            Self { at_screen: true, .. } | Self { channel: true, .. } | Self { terminal: true, ci: false, .. } => None,
            Self { ci: true, .. } => Some(Nobody::InCi),
            Self { terminal: false, .. } => Some(Nobody::NoTerminal),
        }
    }
}

impl fmt::Display for Nobody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InCi => "nobody can be asked, since `CI` is set",
            Self::NoTerminal => "nobody can be asked, since there is no terminal",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_at_a_terminal_outside_ci_or_at_codex_s_own_screen_or_at_a_channel() {
        for (terminal, ci, at_screen, channel, nobody) in [
            (true, false, false, false, None),
            (true, true, false, false, Some(Nobody::InCi)),
            (false, false, false, false, Some(Nobody::NoTerminal)),
            (false, true, false, false, Some(Nobody::InCi)),
            (false, false, true, false, None),
            (false, true, true, false, None),
            (false, true, false, true, None),
            (false, false, false, true, None),
        ] {
            let found = Surroundings { terminal, ci, at_screen, channel }.nobody();
            assert_eq!(found, nobody, "{terminal} {ci} {at_screen} {channel}");
        }
    }
}
