//! The hooks that govern puts into a Codex command line, and the hashes by which Codex trusts exactly those.
//!
//! A hook is a command that Codex runs and waits for. It is given by `-c hooks.EVENT=[…]`, and runs only if
//! `-c hooks.state={…}` names the hash of its definition (both seen with 0.135 and 0.169, which lists them as trusted;
//! 0.118 knows neither and ignores them). A value replaces what an earlier or a shallower one said, so the user's own
//! hooks are said again with govern's beside them, last and on the deepest level.

use std::ffi::OsString;
use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};
use toml::{Table, Value};

use super::invocation::{Invocation, Kind, config_key, lossy};
use super::options::Opt;
use super::tokens::{Level, Meaning, Token};

/// How long Codex lets a hook wait, in seconds: a year. What a question waits for is decided by the policy, and a hook
/// that Codex gave up on would let the request go.
const TIMEOUT: u32 = 31_536_000;

/// What stands beside `Working` while a request or a tool is held. Codex takes it from the definition: it cannot name
/// the question.
pub(super) const HELD: &str = "govern: held, `govern approvals` says why";

/// The layer of the command line, as Codex names it in the keys of `hooks.state`.
const LAYER: &str = "/<session-flags>/config.toml";

/// When Codex runs a hook of govern's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HookEvent {
    /// A thread begins. Tells that hooks work at all, and names the session file.
    SessionStart,
    /// A prompt was sent. Can show a message; only put into the interactive Codex.
    UserPromptSubmit,
    /// A request is about to be sent; Codex waits, and ignores what it is told (0.166 and 0.169;
    /// not 0.160).
    PreModelRequest,
    /// A request was answered or has failed, and what it used: of a thread without a session file as well (0.166 to
    /// 0.171; of a compaction since 0.171). Decides nothing, and delays what follows in 0.169, the record in 0.171.
    PostModelRequest,
    /// A compaction is about to be asked for; Codex waits.
    PreCompact,
    /// A tool is about to run; can be refused.
    PreToolUse,
    /// A turn is over. Can show a message; only put into the interactive Codex.
    Stop,
    /// A sub-agent's work is over. Only installed: a run follows the session files themselves.
    SubagentStop,
    /// A session is over; only installed.
    SessionEnd,
}

impl HookEvent {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SessionStart,
        Self::UserPromptSubmit,
        Self::PreModelRequest,
        Self::PostModelRequest,
        Self::PreCompact,
        Self::PreToolUse,
        Self::Stop,
        Self::SubagentStop,
        Self::SessionEnd,
    ];

    /// As Codex's configuration and a hook's input name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SessionStart => "SessionStart",
            Self::UserPromptSubmit => "UserPromptSubmit",
            Self::PreModelRequest => "PreModelRequest",
            Self::PostModelRequest => "PostModelRequest",
            Self::PreCompact => "PreCompact",
            Self::PreToolUse => "PreToolUse",
            Self::Stop => "Stop",
            Self::SubagentStop => "SubagentStop",
            Self::SessionEnd => "SessionEnd",
        }
    }

    /// As `govern hook` names it.
    pub fn verb(self) -> &'static str {
        match self {
            Self::SessionStart => "session-start",
            Self::UserPromptSubmit => "user-prompt-submit",
            Self::PreModelRequest => "pre-model-request",
            Self::PostModelRequest => "post-model-request",
            Self::PreCompact => "pre-compact",
            Self::PreToolUse => "pre-tool-use",
            Self::Stop => "stop",
            Self::SubagentStop => "subagent-stop",
            Self::SessionEnd => "session-end",
        }
    }

    /// The event that `govern hook` was called for.
    pub fn from_verb(verb: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.verb() == verb)
    }

    /// As the keys of `hooks.state` and the hash name it.
    pub(super) fn key(self) -> String {
        self.verb().replace('-', "_")
    }

    /// Something is spent or done after it, so that Codex must not go past it unanswered.
    pub fn gates(self) -> bool {
        match self {
            Self::PreModelRequest | Self::PreCompact | Self::PreToolUse => true,
            Self::SessionStart
            | Self::UserPromptSubmit
            | Self::PostModelRequest
            | Self::Stop
            | Self::SubagentStop
            | Self::SessionEnd => false,
        }
    }

    /// The model reads what it is answered with, before its next request (tried with 0.135 and 0.169).
    pub fn adds_context(self) -> bool {
        match self {
            Self::UserPromptSubmit | Self::PreToolUse => true,
            Self::SessionStart
            | Self::PreModelRequest
            | Self::PostModelRequest
            | Self::PreCompact
            | Self::Stop
            | Self::SubagentStop
            | Self::SessionEnd => false,
        }
    }

    /// Codex shows a person the message that it is answered with.
    pub fn shows_messages(self) -> bool {
        match self {
            Self::UserPromptSubmit | Self::PreToolUse | Self::Stop | Self::SessionStart => true,
            Self::PreModelRequest
            | Self::PostModelRequest
            | Self::PreCompact
            | Self::SubagentStop
            | Self::SessionEnd => false,
        }
    }

    /// Put into the command line of a Codex that `govern run` starts.
    fn is_for_runs(self) -> bool {
        !matches!(self, Self::SubagentStop | Self::SessionEnd)
    }

    /// How long Codex lets it wait, in seconds. It gives the end of a session three, whatever is asked for, and hashes
    /// that.
    pub(super) fn timeout(self) -> u32 {
        if self == Self::SessionEnd { 3 } else { TIMEOUT }
    }
}

/// What a hook's command does where govern cannot answer: not found, killed, its supervisor gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// Nothing is spent or done: there is a limit or a gate to keep.
    Closed,
    /// Codex goes on.
    Open,
}

/// Whom the hooks call.
#[derive(Clone, Copy, Debug)]
pub struct HookTarget<'a> {
    /// govern itself, an absolute path.
    pub govern: &'a Path,
    /// The number of a process that runs it, where one does as long as the hooks may be called. Its program is what is
    /// called then: another may stand at the path by that time.
    pub running: Option<i32>,
    /// The supervisor's socket, an absolute path: on the command line, so that no environment can name another.
    pub socket: &'a Path,
    /// The file that a hook leaves where it ends its Codex: nobody could be asked.
    pub failed: &'a Path,
    /// What happens where nobody answers.
    pub failing: Failing,
    /// Codex runs hooks by a shell that reads `||`, `{ … }` and `$PPID` as `sh` does.
    pub posix_shell: bool,
}

/// Why hooks cannot be put into a command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoHooks {
    /// The user turned them off.
    #[error("`{0}` turns hooks off, by which govern would hold the agent")]
    TurnedOff(String),
    /// The user's own hooks are not what Codex takes for hooks.
    #[error("`-c {0}=…` is not a list of hooks, so govern's own cannot stand beside it")]
    NotAList(String),
    /// A path that TOML cannot hold.
    #[error("govern's path or its socket's is not UTF-8")]
    Path,
    /// It starts no session.
    #[error("the command starts no session")]
    NoSession,
}

impl Invocation {
    /// The command line with govern's hooks in it. For versions without hooks it means the same as without them.
    ///
    /// # Errors
    /// Where the user's own flags leave hooks no place, and where no session is started.
    pub fn with_hooks(&self, call: &HookTarget<'_>) -> Result<Vec<OsString>, NoHooks> {
        let interactive = match self.kind() {
            Kind::Interactive(_) => true,
            Kind::Exec(_) | Kind::Review => false,
            Kind::AppServer if self.is_plain_server() => false,
            Kind::AppServer | Kind::Cloud | Kind::Other(_) => return Err(NoHooks::NoSession),
        };
        if let Some(flag) = self.turns_hooks_off() {
            return Err(NoHooks::TurnedOff(flag));
        }
        let mut own = Vec::new();
        let mut hooks = self.own_hooks()?;
        let mut state = match hooks.remove("state") {
            None => Table::new(),
            Some(Value::Table(state)) => state,
            Some(_) => return Err(NoHooks::NotAList("hooks.state".to_owned())),
        };
        let closed = call.failing == Failing::Closed;
        let wanted = |event: &HookEvent| match event {
            // A sub-agent's first prompt comes here before its request, and only here can be refused with a reason.
            HookEvent::UserPromptSubmit => interactive || closed,
            // At a server it tells of a turn that was not asked about before its requests, and ran no tool.
            HookEvent::Stop => interactive || self.kind() == Kind::AppServer,
            event => event.is_for_runs(),
        };
        for event in HookEvent::ALL.into_iter().filter(wanted) {
            let mut groups = match hooks.remove(event.name()) {
                None => Vec::new(),
                Some(Value::Array(groups)) => groups,
                Some(_) => return Err(NoHooks::NotAList(format!("hooks.{}", event.name()))),
            };
            let hook = Hook { event, command: command(event, call)? };
            let mut trusted = Table::new();
            trusted.insert("trusted_hash".to_owned(), hook.hash().into());
            // Codex adds what a configuration file says of the same hook: it may not say that this one is off.
            trusted.insert("enabled".to_owned(), true.into());
            state.insert(format!("{LAYER}:{}:{}:0", event.key(), groups.len()), trusted.into());
            groups.push(hook.group());
            own.push(format!("hooks.{}={}", event.name(), Value::Array(groups)));
        }
        own.push(format!("hooks.state={}", Value::Table(state)));
        if closed {
            // What a configuration file turned off; a flag that says so was refused.
            own.push("features.hooks=true".to_owned());
        }
        Ok(self.with_settings(own))
    }

    /// Why the user's own flags leave govern's hooks no place; `None` where they can stand, or nothing is started.
    pub fn refuses_hooks(&self) -> Option<NoHooks> {
        let target = HookTarget {
            govern: Path::new("/govern"),
            running: None,
            socket: Path::new("/socket"),
            failed: Path::new("/failed"),
            failing: Failing::Closed,
            posix_shell: true,
        };
        self.with_hooks(&target).err().filter(|why| *why != NoHooks::NoSession)
    }

    /// The flag that turns hooks off, if there is one. `--disable hooks` holds against any later flag (0.169).
    fn turns_hooks_off(&self) -> Option<String> {
        self.tokens.iter().find_map(|token| {
            let Meaning::Option(opt, Some(value)) = &token.meaning else { return None };
            let value = lossy(value);
            let off = match opt {
                Opt::Disable => value.split(',').any(|name| matches!(name.trim(), "hooks" | "codex_hooks")),
                Opt::Config => {
                    let mut features = Table::new();
                    set(&mut features, &value);
                    let off = |name: &str| {
                        let found = features.get("features").and_then(|features| features.get(name));
                        found.and_then(Value::as_bool) == Some(false)
                    };
                    off("hooks") || off("codex_hooks")
                }
                _ => false,
            };
            let words: Vec<String> = token.words.iter().map(|word| lossy(word)).collect();
            off.then(|| words.join(" "))
        })
    }

    /// The user's `-c hooks…`, as Codex puts them together: shallow levels first.
    fn own_hooks(&self) -> Result<Table, NoHooks> {
        let mut settings: Vec<(Level, String)> = self
            .tokens
            .iter()
            .filter_map(|token| match &token.meaning {
                Meaning::Option(Opt::Config, Some(value)) => Some((token.level, value)),
                _ => None,
            })
            .filter(|(_, value)| matches!(config_key(value).split('.').next(), Some("hooks")))
            .map(|(level, value)| (level, lossy(value)))
            .collect();
        settings.sort_by_key(|(level, _)| *level);
        let mut all = Table::new();
        for (_, setting) in settings {
            set(&mut all, &setting);
        }
        match all.remove("hooks") {
            None => Ok(Table::new()),
            Some(Value::Table(hooks)) => Ok(hooks),
            Some(_) => Err(NoHooks::NotAList("hooks".to_owned())),
        }
    }

    /// `codex app-server` itself, not one of its commands.
    fn is_plain_server(&self) -> bool {
        let mut words = self.tokens.iter().filter(|token| token.meaning == Meaning::Opaque).flat_map(|t| &t.words);
        words.next().is_none_or(|word| lossy(word).starts_with('-'))
    }

    /// With settings behind all others: on the deepest level, before a `--`.
    fn with_settings(&self, settings: Vec<String>) -> Vec<OsString> {
        let mut argv = self.prefix.clone();
        let end = self.tokens.iter().position(|token| token.meaning == Meaning::Terminator);
        let (before, after) = self.tokens.split_at(end.unwrap_or(self.tokens.len()));
        let words = |tokens: &[Token]| tokens.iter().flat_map(|token| token.words.clone()).collect::<Vec<_>>();
        argv.extend(words(before));
        argv.extend(settings.into_iter().flat_map(|setting| [OsString::from("-c"), OsString::from(setting)]));
        argv.extend(words(after));
        argv
    }
}

/// One hook of govern's.
struct Hook {
    event: HookEvent,
    command: String,
}

impl Hook {
    fn group(&self) -> Value {
        let mut hook = Table::new();
        hook.insert("type".to_owned(), "command".into());
        hook.insert("command".to_owned(), self.command.as_str().into());
        hook.insert("timeout".to_owned(), i64::from(self.event.timeout()).into());
        if self.event.gates() {
            hook.insert("statusMessage".to_owned(), HELD.into());
        }
        let mut group = Table::new();
        group.insert("hooks".to_owned(), Value::Array(vec![hook.into()]));
        group.into()
    }

    fn hash(&self) -> String {
        trusted_hash(self.event, &self.command)
    }
}

/// SHA-256 of the definition of a hook of govern's as compact JSON with its keys sorted: what Codex compares.
pub(super) fn trusted_hash(event: HookEvent, command: &str) -> String {
    let mut hook = json!({ "async": false, "command": command, "timeout": event.timeout(), "type": "command" });
    if let (true, Some(fields)) = (event.gates(), hook.as_object_mut()) {
        fields.insert("statusMessage".to_owned(), HELD.into());
    }
    let definition = json!({ "event_name": event.key(), "hooks": [hook] });
    let digest = Sha256::digest(definition.to_string());
    digest.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn command(event: HookEvent, call: &HookTarget<'_>) -> Result<String, NoHooks> {
    let govern = quoted(call.govern.to_str().ok_or(NoHooks::Path)?);
    let socket = quoted(call.socket.to_str().ok_or(NoHooks::Path)?);
    let calls = match call.running {
        // Where processes have other numbers there is none of this one.
        Some(pid) => {
            let find = format!("g=/proc/{pid}/exe; [ -e $g ] || g={govern}");
            format!("{find}; \"$g\" hook {} {socket}", event.verb())
        }
        None => format!("{govern} hook {} {socket}", event.verb()),
    };
    let otherwise = match call.failing {
        Failing::Closed if closed(event) == END => {
            // `echo` and not `:`, whose redirection, where it fails, would end the shell before it ends Codex.
            format!("{{ echo >{}; {END}; }}", quoted(call.failed.to_str().ok_or(NoHooks::Path)?))
        }
        Failing::Closed if event.gates() => closed(event).to_owned(),
        Failing::Closed | Failing::Open => "true".to_owned(),
    };
    Ok(shell_line(&format!("{calls} || {otherwise}"), call.posix_shell))
}

/// Ends the Codex that called the shell.
const END: &str = "kill -KILL $PPID";

/// What keeps an event from going past where govern fails. Hooks let everything pass where they fail: a tool or a
/// prompt is refused only by a word on stderr from one who has read stdin, a request not at all, so that its Codex is
/// ended.
pub(super) fn closed(event: HookEvent) -> &'static str {
    match event {
        HookEvent::PreToolUse | HookEvent::UserPromptSubmit => {
            "{ cat >/dev/null; echo 'govern: the gate failed, so nothing runs' >&2; exit 2; }"
        }
        HookEvent::PreModelRequest | HookEvent::PreCompact => END,
        HookEvent::SessionStart
        | HookEvent::PostModelRequest
        | HookEvent::Stop
        | HookEvent::SubagentStop
        | HookEvent::SessionEnd => "true",
    }
}

/// What Codex gives to the user's shell.
pub(super) fn shell_line(line: &str, posix_shell: bool) -> String {
    if posix_shell { line.to_owned() } else { format!("exec /bin/sh -c {}", quoted(line)) }
}

/// In single quotes, for a shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Sets `a.b=VALUE` as Codex does: a value that is no TOML is a string, what stands in the way is replaced.
fn set(table: &mut Table, setting: &str) {
    let Some((path, text)) = setting.split_once('=') else { return };
    let text = text.trim();
    let read = format!("value = {text}").parse::<Table>().ok().and_then(|mut read| read.remove("value"));
    let value = read.unwrap_or_else(|| text.trim_matches(['"', '\'']).into());
    let parts: Vec<&str> = path.trim().split('.').collect();
    let Some((last, folders)) = parts.split_last() else { return };
    let mut at = table;
    for folder in folders {
        let next = at.entry(*folder).or_insert_with(|| Table::new().into());
        if !next.is_table() {
            *next = Table::new().into();
        }
        // INVARIANT: it was made a table just now.
        let Some(found) = next.as_table_mut() else { return };
        at = found;
    }
    at.insert((*last).to_owned(), value);
}

#[cfg(test)]
mod tests;
