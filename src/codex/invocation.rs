//! A Codex command line, read as Codex reads it.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use super::launcher;
use super::options::{Command, Opt};
use super::tokens::{Level, Meaning, Token, read};
use crate::model::ModelId;

/// A Codex command line. Nothing of it is lost: [`Invocation::argv`] gives back what was parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// `codex`, or what leads to it.
    pub(super) prefix: Vec<OsString>,
    pub(super) tokens: Vec<Token>,
}

/// What a Codex command line will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `codex exec`: one turn, no screen.
    Exec(Start),
    /// The screen.
    Interactive(Start),
    /// `codex review` or `codex exec review`.
    Review,
    /// `codex app-server`: another program speaks to it.
    AppServer,
    /// `codex cloud`: the work is done elsewhere.
    Cloud,
    /// Anything else, by the word that says so, such as `login` or `--version`.
    Other(String),
}

/// Where a session starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing.
    New,
    /// It goes on.
    Resume(EarlierSession),
    /// It is copied first.
    Fork(EarlierSession),
}

/// Which earlier session is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EarlierSession {
    /// By its id, or by a name that the user gave it.
    Named(String),
    /// `--last`.
    Last,
    /// Nothing says so: Codex shows a picker.
    Picked,
}

/// The model that a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedModel {
    /// By `-m` or `-c model=…`.
    Model(ModelId),
    /// By `--oss`: one on this machine, the default one where none is named.
    Local(Option<ModelId>),
    /// A `--profile` may name one.
    Profile(String),
    /// The configuration's.
    Configured,
}

/// What the agent is told at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt<'a> {
    /// Nothing: a person types, or a session goes on as it is.
    None,
    /// On the command line.
    Text(&'a OsStr),
    /// On stdin.
    Stdin,
}

/// What is done with stdin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StdinUse {
    /// Left alone.
    No,
    /// It is the prompt.
    Prompt,
    /// Where it is no terminal, it is added to the prompt that the command line gives.
    Appended,
    /// A person or a program speaks through it for as long as Codex runs.
    Conversation,
}

/// Where Codex keeps threads, and the kind of which nothing is left (0.169, 0.171).
pub(super) const THREAD_STORE: &str = "experimental_thread_store";
/// That kind.
pub(super) const IN_MEMORY: &str = "in_memory";

/// Why a command line cannot be governed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ungovernable {
    /// `--ephemeral`, or threads that are kept in memory: no session file is written, so that it must tell hooks what its
    /// requests use.
    Ephemeral,
    /// `codex cloud`: the work is done on another machine.
    Cloud,
    /// `--remote`: another app server does the work.
    Remote,
    /// A command that hands work to a background server, which outlives it.
    Background(String),
}

impl fmt::Display for Ungovernable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ephemeral => f.write_str(
                "`--ephemeral`, or a thread store in memory, writes no session file, and this Codex does not tell hooks what its requests use, so its \
                 spend cannot be observed",
            ),
            Self::Cloud => f.write_str("`codex cloud` works on another machine, where its spend cannot be observed"),
            Self::Remote => f.write_str("`--remote` hands the work to another server, out of govern's reach"),
            Self::Background(command) => {
                write!(f, "`codex {command}` hands the work to a background server, out of govern's reach")
            }
        }
    }
}

impl Invocation {
    /// What leads to Codex: `codex`, or a launcher and what it is told.
    pub fn launcher(&self) -> &[OsString] {
        &self.prefix
    }

    /// Reads a command line; `None` if it is not known to be Codex. A command line that Codex would refuse is read as
    /// far as it makes sense.
    pub fn parse(argv: &[OsString]) -> Option<Self> {
        let (prefix, own) = argv.split_at_checked(launcher::length(argv)?)?;
        Some(Self { prefix: prefix.to_vec(), tokens: read(own) })
    }

    /// The command line as it was.
    pub fn argv(&self) -> Vec<OsString> {
        let own = self.tokens.iter().flat_map(|token| &token.words);
        self.prefix.iter().chain(own).cloned().collect()
    }

    /// What it will do.
    pub fn kind(&self) -> Kind {
        let informs = |token: &&Token| matches!(token.meaning, Meaning::Option(Opt::Help | Opt::Version, _));
        if let Some(word) = self.tokens.iter().find(informs).and_then(|token| token.words.first()) {
            return Kind::Other(word.to_string_lossy().into_owned());
        }
        let commands: Vec<Command> = self.commands().collect();
        match commands.as_slice() {
            [] => Kind::Interactive(Start::New),
            [Command::Exec] => Kind::Exec(Start::New),
            [Command::Exec, Command::Resume, ..] => Kind::Exec(Start::Resume(self.session())),
            [Command::Exec, Command::Fork, ..] => Kind::Exec(Start::Fork(self.session())),
            [Command::Resume, ..] => Kind::Interactive(Start::Resume(self.session())),
            [Command::Fork, ..] => Kind::Interactive(Start::Fork(self.session())),
            [Command::Exec, Command::Review, ..] | [Command::Review, ..] => Kind::Review,
            [Command::AppServer, ..] => Kind::AppServer,
            [Command::Cloud, ..] => Kind::Cloud,
            [Command::Other(name), ..] => Kind::Other((*name).to_owned()),
            [Command::Help, ..] | [Command::Exec, ..] => Kind::Other("help".to_owned()),
        }
    }

    /// The model asked for. Codex may still pick another one: what the session file says counts.
    pub fn asked(&self) -> AskedModel {
        let named = self.value(Opt::Model).map(lossy).or_else(|| self.config("model")).map(ModelId::new);
        if self.has(Opt::Oss) || self.has(Opt::LocalProvider) {
            return AskedModel::Local(named);
        }
        match (named, self.value(Opt::Profile)) {
            (Some(model), _) => AskedModel::Model(model),
            (None, Some(profile)) => AskedModel::Profile(lossy(profile)),
            (None, None) => AskedModel::Configured,
        }
    }

    /// The value of the last `-c KEY=…`, deepest level last, without a string's quotes.
    pub fn config(&self, key: &str) -> Option<String> {
        let found = |token: &&Token| matches!(&token.meaning, Meaning::Option(Opt::Config, Some(value)) if config_key(value) == key);
        let token = self.tokens.iter().filter(found).max_by_key(|token| token.level)?;
        let Meaning::Option(_, Some(value)) = &token.meaning else { return None };
        let value = lossy(value);
        let (_, value) = value.split_once('=')?;
        let value = value.trim();
        let unquoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        Some(unquoted.unwrap_or(value).to_owned())
    }

    /// The profile that `-p` names.
    pub fn profile(&self) -> Option<String> {
        self.value(Opt::Profile).map(lossy)
    }

    /// The folder that `-C` names.
    pub fn working_folder(&self) -> Option<&OsStr> {
        self.value(Opt::Cd)
    }

    /// The value that an `env` before Codex gives this variable.
    pub fn assigned(&self, variable: &str) -> Option<&OsStr> {
        launcher::assigned(&self.prefix, variable)
    }

    /// `--json`: its stdout is read by a program.
    pub fn json(&self) -> bool {
        self.has(Opt::Json)
    }

    /// The file that `-o` names for the last message.
    pub fn last_message_file(&self) -> Option<&OsStr> {
        self.value(Opt::OutputLastMessage)
    }

    /// What the agent is told.
    pub fn prompt(&self) -> Prompt<'_> {
        match (self.prompt_token().and_then(|token| token.words.first()), self.kind()) {
            (Some(word), Kind::Exec(_) | Kind::Review) if word == "-" => Prompt::Stdin,
            (Some(word), _) => Prompt::Text(word),
            (None, Kind::Exec(_)) => Prompt::Stdin,
            (None, _) => Prompt::None,
        }
    }

    /// What is done with stdin.
    pub fn stdin(&self) -> StdinUse {
        match (self.kind(), self.prompt()) {
            (Kind::Exec(_) | Kind::Review, Prompt::Stdin) => StdinUse::Prompt,
            (Kind::Exec(Start::New), Prompt::Text(_)) => StdinUse::Appended,
            (Kind::Interactive(_) | Kind::AppServer | Kind::Cloud, _) => StdinUse::Conversation,
            (Kind::Other(name), _) if matches!(name.as_str(), "mcp-server" | "agents" | "login") => {
                StdinUse::Conversation
            }
            (Kind::Exec(_) | Kind::Review | Kind::Other(_), _) => StdinUse::No,
        }
    }

    /// Every reason why it cannot be governed; empty if it can.
    pub fn ungovernable(&self) -> Vec<Ungovernable> {
        let mut found = Vec::new();
        if self.has(Opt::Ephemeral) || self.keeps_threads_in_memory() {
            found.push(Ungovernable::Ephemeral);
        }
        if self.has(Opt::Remote) {
            found.push(Ungovernable::Remote);
        }
        match self.kind() {
            Kind::Cloud => found.push(Ungovernable::Cloud),
            Kind::Other(name) if matches!(name.as_str(), "agents" | "queue" | "remote-control") => {
                found.push(Ungovernable::Background(name));
            }
            Kind::AppServer => {
                let words = self.tokens.iter().filter(|token| token.meaning == Meaning::Opaque);
                let handing = words.flat_map(|token| &token.words).find(|word| *word == "daemon" || *word == "proxy");
                found.extend(handing.map(|word| Ungovernable::Background(format!("app-server {}", lossy(word)))));
            }
            Kind::Exec(_) | Kind::Interactive(_) | Kind::Review | Kind::Other(_) => {}
        }
        found
    }

    /// `-c experimental_thread_store={type="in_memory",…}`, by which threads have no file either (0.169, 0.171).
    fn keeps_threads_in_memory(&self) -> bool {
        self.tokens.iter().any(|token| match &token.meaning {
            Meaning::Option(Opt::Config, Some(value)) => {
                let value = lossy(value);
                value.trim_start().starts_with(THREAD_STORE) && value.contains(IN_MEMORY)
            }
            _ => false,
        })
    }

    pub(super) fn commands(&self) -> impl Iterator<Item = Command> {
        self.tokens.iter().filter_map(|token| match token.meaning {
            Meaning::Command(command) => Some(command),
            Meaning::Option(..) | Meaning::Unknown | Meaning::Word | Meaning::Terminator | Meaning::Opaque => None,
        })
    }

    pub(super) fn has(&self, opt: Opt) -> bool {
        self.tokens.iter().any(|token| matches!(&token.meaning, Meaning::Option(found, _) if *found == opt))
    }

    /// The value on the deepest level that has the option.
    fn value(&self, opt: Opt) -> Option<&OsStr> {
        let values = self.tokens.iter().filter_map(|token| match &token.meaning {
            Meaning::Option(found, Some(value)) if *found == opt => Some((token.level, value)),
            _ => None,
        });
        values.max_by_key(|(level, _)| *level).map(|(_, value)| value.as_os_str())
    }

    /// The words of the last level that are no options: a session where one may stand, and the prompt.
    fn words(&self) -> impl Iterator<Item = &Token> {
        let level = self.tokens.iter().map(|token| token.level).max().unwrap_or(Level::Root);
        self.tokens.iter().filter(move |token| token.level == level && token.meaning == Meaning::Word)
    }

    /// With `--last` the first word is the prompt.
    fn names_session(&self) -> bool {
        let wants = |command| matches!(command, Command::Resume | Command::Fork);
        self.commands().any(wants) && !self.has(Opt::Last)
    }

    fn session(&self) -> EarlierSession {
        match self.session_token().and_then(|token| token.words.first()) {
            Some(word) => EarlierSession::Named(lossy(word)),
            None if self.has(Opt::Last) => EarlierSession::Last,
            None => EarlierSession::Picked,
        }
    }

    pub(super) fn session_token(&self) -> Option<&Token> {
        self.words().next().filter(|_| self.names_session())
    }

    pub(super) fn prompt_token(&self) -> Option<&Token> {
        self.words().nth(usize::from(self.names_session()))
    }
}

pub(super) fn lossy(word: &OsStr) -> String {
    word.to_string_lossy().into_owned()
}

/// The key of a `-c` value.
pub(super) fn config_key(value: &OsStr) -> Cow<'_, str> {
    let bytes = value.as_bytes();
    let key = bytes.split(|byte| *byte == b'=').next().unwrap_or(bytes);
    String::from_utf8_lossy(key.trim_ascii())
}
