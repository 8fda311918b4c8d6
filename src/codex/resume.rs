//! The command that goes on with a thread, and the one that keeps the screen's work in its own process.

use std::ffi::OsString;

use super::invocation::{Invocation, Kind, Ungovernable, config_key};
use super::options::Opt;
use super::tokens::{Level, Meaning, Token};
use crate::model::ThreadId;
use crate::policy::rule::Rung;

/// Why a command line's thread cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotResume {
    /// It would not be the same work, or nobody would meter it.
    #[error("{0}")]
    Ungovernable(Ungovernable),
    /// A review is no session to go on with.
    #[error("a review cannot be resumed")]
    Review,
    /// The program that speaks to it has its own idea of what goes on.
    #[error("`codex app-server` belongs to the program that started it")]
    AppServer,
    /// It has no session.
    #[error("`codex {0}` has no session to resume")]
    NoSession(String),
    /// Codex refuses to resume in a work tree that it made.
    #[error("`--worktree` sessions cannot be resumed by Codex")]
    Worktree,
    /// Another model of the ladder does not run on this machine.
    #[error("the agent runs a local model (`--oss`), which has no next one")]
    Local,
    /// Whether it takes a value isn't known, so that the prompt cannot be told from it.
    #[error("govern does not know Codex's option `{0}`, or its value is missing")]
    UnknownOption(String),
}

/// Changes nothing: an empty table is merged into the configuration's own. Any `-c` keeps the interactive Codex from
/// handing its work to the background server; unlike `--no-daemon` it is known to versions that have no such server.
/// (Seen with the screens of 0.118, 0.135 and 0.169, the latter two also with `--strict-config`. 0.169 says in its list
/// of warnings that it runs without the background server.)
const EMBEDDED: [&str; 2] = ["-c", "notice={}"];

impl Invocation {
    /// A `codex exec` whose thread can be started again with another model.
    pub fn is_restartable(&self) -> bool {
        // Any thread will do to find out.
        matches!(self.kind(), Kind::Exec(_)) && self.resume_with(&ThreadId::new("thread"), None, "").is_ok()
    }

    /// The command line that goes on with this thread, on another rung of the ladder if one is given, with the user's
    /// own flags, each on its level: `codex … exec … resume THREAD … -m MODEL -c model_reasoning_effort="low" PROMPT`.
    ///
    /// Left out: the old prompt and its images, the session that was named, and what would contradict the rung (Codex
    /// refuses a second `-m` on one level). A screen is resumed without a prompt if it is empty; `codex exec` needs one.
    pub fn resume_with(
        &self,
        thread: &ThreadId,
        rung: Option<&Rung>,
        prompt: &str,
    ) -> Result<Vec<OsString>, CannotResume> {
        let exec = self.resumable(rung)?;
        let kept = |level| {
            let tokens = self.tokens.iter().filter(move |token| token.level == level && is_kept(token, rung));
            tokens.flat_map(|token| token.words.iter().cloned())
        };
        let mut resumed = self.prefix.clone();
        resumed.extend(kept(Level::Root));
        if exec {
            resumed.push("exec".into());
            resumed.extend(kept(Level::Exec));
        }
        resumed.extend(["resume".into(), thread.as_str().into()]);
        resumed.extend(kept(Level::Last));
        if let Some(rung) = rung {
            resumed.extend(["-m".into(), rung.model.as_str().into()]);
            if let Some(effort) = &rung.effort {
                resumed.extend(["-c".into(), format!("model_reasoning_effort=\"{effort}\"").into()]);
            }
        }
        if exec || !prompt.is_empty() {
            resumed.extend(prompt.starts_with('-').then(|| OsString::from("--")));
            resumed.push(prompt.into());
        }
        Ok(resumed)
    }

    /// The command line with what keeps the interactive Codex's work in its own process, where govern must meter and
    /// end it. Others, and those that already have such an option, come back as they are.
    pub fn with_no_daemon(&self) -> Vec<OsString> {
        const EMBEDDING: [Opt; 5] = [Opt::Config, Opt::Enable, Opt::Disable, Opt::Search, Opt::NoDaemon];
        let embedded = EMBEDDING.into_iter().any(|opt| self.has(opt));
        if embedded || !matches!(self.kind(), Kind::Interactive(_)) {
            return self.argv();
        }
        let own = self.tokens.iter().flat_map(|token| token.words.iter().cloned());
        self.prefix.iter().cloned().chain(EMBEDDED.map(OsString::from)).chain(own).collect()
    }

    /// Whether it is `codex exec`, if it can be resumed at all.
    fn resumable(&self, rung: Option<&Rung>) -> Result<bool, CannotResume> {
        let exec = match self.kind() {
            Kind::Exec(_) => true,
            Kind::Interactive(_) => false,
            Kind::Review => return Err(CannotResume::Review),
            Kind::AppServer => return Err(CannotResume::AppServer),
            Kind::Cloud => return Err(CannotResume::Ungovernable(Ungovernable::Cloud)),
            Kind::Other(name) => return Err(CannotResume::NoSession(name)),
        };
        if let Some(first) = self.ungovernable().into_iter().next() {
            return Err(CannotResume::Ungovernable(first));
        }
        if self.has(Opt::Worktree) {
            return Err(CannotResume::Worktree);
        }
        if rung.is_some() && (self.has(Opt::Oss) || self.has(Opt::LocalProvider)) {
            return Err(CannotResume::Local);
        }
        let unknown = self.tokens.iter().find(|token| token.meaning == Meaning::Unknown);
        match unknown.and_then(|token| token.words.first()) {
            Some(word) => {
                let name = word.to_string_lossy();
                Err(CannotResume::UnknownOption(name.split('=').next().unwrap_or(&name).to_owned()))
            }
            None => Ok(exec),
        }
    }
}

fn is_kept(token: &Token, rung: Option<&Rung>) -> bool {
    match &token.meaning {
        Meaning::Option(Opt::Image | Opt::Last | Opt::All, _) => false,
        Meaning::Option(Opt::Model, _) => rung.is_none(),
        Meaning::Option(Opt::Config, Some(value)) => match config_key(value).as_ref() {
            "model" => rung.is_none(),
            "model_reasoning_effort" => rung.is_none_or(|rung| rung.effort.is_none()),
            _ => true,
        },
        Meaning::Option(..) => true,
        Meaning::Command(_) | Meaning::Unknown | Meaning::Word | Meaning::Terminator | Meaning::Opaque => false,
    }
}
