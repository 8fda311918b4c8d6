//! What an agent's work has to pass before what needs it starts: a check, and a review.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A command that says whether the work of an agent is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkCheck {
    /// As a shell reads it: for the shell alone, since it may hold a secret.
    pub command: String,
    /// As it is shown and written down, secrets redacted.
    pub shown: String,
    /// It has failed if it takes longer.
    pub within: Duration,
    /// What follows if it fails.
    pub fails: CheckFails,
}

/// What follows if a check fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckFails {
    /// Its agent is told so, once, and goes on in the same thread; then it is checked again.
    Again,
    /// Its agent has failed.
    Stop,
}

/// People who say whether the work of an agent is good enough to go on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkReview {
    /// Who may, of those whom the policy lets answer; empty: all of them.
    pub approvers: Vec<String>,
    /// Without a yes until then it is refused.
    pub wait: Duration,
}

/// What an agent's work came to, once its command has ended well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examined {
    /// What its check said; `None`: it has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub check: Option<CheckOutcome>,
    /// What it changed; `None`: nobody looked, or it is not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub changed: Option<Changed>,
}

/// What a check said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckOutcome {
    /// What was run, secrets redacted.
    pub command: String,
    /// How it ended.
    pub end: CheckEnd,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckEnd {
    /// With 0.
    Passed,
    /// With this code, as a shell shows it.
    Failed(i32),
    /// It took too long.
    Late,
    /// It could not be started.
    NotStarted,
}

/// How a work tree differs from the commit that was checked out when its agent started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Files that differ, those that are new to git included.
    pub files: u64,
    /// Lines that are there now and were not.
    pub added: u64,
    /// Lines that were there.
    pub removed: u64,
}

impl Examined {
    /// Its check, if it has one, has passed.
    pub fn is_passed(&self) -> bool {
        self.check.as_ref().is_none_or(|check| check.end == CheckEnd::Passed)
    }
}

impl fmt::Display for CheckOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, end } = self;
        match end {
            CheckEnd::Passed => write!(f, "check `{command}` passed"),
            CheckEnd::Failed(code) => write!(f, "check `{command}` failed with code {code}"),
            CheckEnd::Late => write!(f, "check `{command}` took too long"),
            CheckEnd::NotStarted => write!(f, "check `{command}` could not be started"),
        }
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.files {
            0 => f.write_str("no file changed"),
            1 => write!(f, "1 file changed, +{} −{} lines", self.added, self.removed),
            files => write!(f, "{files} files changed, +{} −{} lines", self.added, self.removed),
        }
    }
}

impl fmt::Display for Examined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed = self.changed.map(|changed| changed.to_string());
        let check = self.check.as_ref().map(ToString::to_string);
        let parts: Vec<String> = changed.into_iter().chain(check).collect();
        f.write_str(&parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_work_came_to_in_words() {
        let check = |end| Some(CheckOutcome { command: "make test".to_owned(), end });
        let changed = |files, added, removed| Some(Changed { files, added, removed });
        for (examined, words, passed) in [
            (Examined::default(), "", true),
            (Examined { check: check(CheckEnd::Passed), changed: None }, "check `make test` passed", true),
            (
                Examined { check: check(CheckEnd::Failed(2)), changed: changed(1, 3, 0) },
                "1 file changed, +3 −0 lines; check `make test` failed with code 2",
                false,
            ),
            (
                Examined { check: check(CheckEnd::Late), changed: changed(2, 3, 4) },
                "2 files changed, +3 −4 lines; check `make test` took too long",
                false,
            ),
            (Examined { check: None, changed: changed(0, 0, 0) }, "no file changed", true),
        ] {
            assert_eq!((examined.to_string().as_str(), examined.is_passed()), (words, passed));
            let text = serde_json::to_string(&examined).unwrap();
            assert_eq!(serde_json::from_str::<Examined>(&text).unwrap(), examined);
        }
    }
}
