//! What went wrong, to what, and what to do: `error: … / caused by: … / hint: …`.

use std::fmt;

use crate::exit::Exit;

/// A failure as a person reads it. Messages are lower case, without a full stop, the reader's
/// own words in backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    exit: Exit,
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
    /// Complete diagnostics (a policy's mistakes with their places), printed as they are.
    diagnostics: Option<String>,
}

/// A result whose error a person will read.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// govern itself failed: 125.
    pub fn new(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into(), causes: Vec::new(), hints: Vec::new(), diagnostics: None }
    }

    /// Ends govern with this code instead.
    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Adds an error and all its sources as causes.
    #[must_use]
    pub fn caused_by(mut self, cause: &dyn std::error::Error) -> Self {
        let mut next = Some(cause);
        while let Some(error) = next {
            let cause = error.to_string();
            // Some errors end with the text of what they came from.
            let said = self.causes.last().unwrap_or(&self.message);
            if !said.ends_with(&cause) {
                self.causes.push(cause);
            }
            next = error.source();
        }
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds complete diagnostics, printed before the message.
    #[must_use]
    pub fn diagnostics(mut self, rendered: String) -> Self {
        self.diagnostics = Some(rendered);
        self
    }

    /// The first line, without what it was caused by.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The code that govern ends with.
    pub fn exit_code(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(diagnostics) = &self.diagnostics {
            writeln!(f, "{}\n", diagnostics.trim_end())?;
        }
        write!(f, "error: {}", self.message)?;
        for cause in &self.causes {
            write!(f, "\ncaused by: {cause}")?;
        }
        for hint in &self.hints {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("/run/secret cannot be read: {source}")]
    struct Unreadable {
        source: std::io::Error,
    }

    #[test]
    fn what_a_cause_has_said_already_is_not_said_again() {
        let unreadable = || Unreadable { source: std::io::Error::other("no such file") };
        let error = Error::new("nothing can be sent").caused_by(&unreadable());
        assert_eq!(
            error.to_string(),
            "error: nothing can be sent\ncaused by: /run/secret cannot be read: no such file"
        );
        let error = Error::new(unreadable().to_string()).caused_by(&unreadable());
        assert_eq!(error.to_string(), "error: /run/secret cannot be read: no such file");
    }
}
