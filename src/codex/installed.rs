//! Govern's hooks in a file of Codex's: put in beside what stands there, found again, taken out without a trace.
//!
//! In `$CODEX_HOME/config.toml` a hook runs if `[hooks.state]` of the same file names its hash under
//! `FILE:event:group:handler`, the file by its home's real path (0.169, which lists such hooks as trusted). Hooks of
//! `requirements.toml` are managed: trusted as they are, and not to be switched off.

mod groups;
mod lines;
mod pin;

use std::path::Path;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, TomlError, Value};

use groups::{append, commands, drop_if_bare, forget_hash, is_unchanged, own_places, take_out, trust_hash};

use super::hooks::{HELD, HookEvent, NoHooks, closed, quoted, shell_line, trusted_hash};

/// By this word in its command a hook of govern's is known.
const MARK: &str = " hook --installed ";

/// Above the first of govern's groups in a file.
const NOTE: &str = "\n# Put here by `govern hooks install`; `govern hooks remove` takes it out.\n";

/// The same in a file whose last line had no end.
const NOTE_UNENDED: &str =
    "\n# Put here by `govern hooks install`; `govern hooks remove` takes it out, and the line's end before it.\n";

/// Behind a setting that is there for govern's hooks alone.
const OWN_SETTING: &str = " # govern";

/// The events at which an installed hook is called.
pub const EVENTS: [HookEvent; 8] = [
    HookEvent::UserPromptSubmit,
    HookEvent::PreModelRequest,
    HookEvent::PostModelRequest,
    HookEvent::PreCompact,
    HookEvent::PreToolUse,
    HookEvent::Stop,
    HookEvent::SubagentStop,
    HookEvent::SessionEnd,
];

/// What installed hooks call.
#[derive(Clone, Copy, Debug)]
pub struct Installation<'a> {
    /// govern itself, an absolute path.
    pub govern: &'a Path,
    /// Whose hooks they are; `None`: each user's own, by his account.
    pub of: Option<Owner<'a>>,
    /// Decide and record, do nothing; where it fails, nothing is kept from going on.
    pub observe: bool,
    /// Codex runs hooks by a shell that reads `||`, `{ … }` and `$PPID` as `sh` does.
    pub posix_shell: bool,
}

/// The user who installs hooks for himself, by the folders that his environment names then. They stand in each hook's
/// command: what a Codex was started with, a nested one by an agent, does not move them.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// The folder of the ledger.
    pub home: &'a Path,
    /// The user's home, `$HOME`.
    pub user: Option<&'a Path>,
    /// Where his configuration lies, his policy with it: `$XDG_CONFIG_HOME`, else `.config` in his home.
    pub config: Option<&'a Path>,
}

/// By what Codex trusts a file's hooks.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'a> {
    /// By their hashes, under keys that begin with each of these paths: the first is what a Codex of this environment
    /// knows the file by, the others are what it goes by where its home is reached another way.
    Hashes(&'a [String]),
    /// As they are: the file is the machine's, and names this folder.
    Managed(&'a str),
}

impl<'a> Trust<'a> {
    fn files(self) -> &'a [String] {
        match self {
            Self::Hashes(files) => files,
            Self::Managed(_) => &[],
        }
    }
}

/// A hook of govern's in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// When it is called.
    pub event: HookEvent,
    /// What Codex gives to a shell.
    pub command: String,
    /// Codex runs it unasked: by its hash, or because it is managed.
    pub trusted: bool,
}

impl Found {
    /// It decides and records only.
    pub fn observes(&self) -> bool {
        self.command.contains(" --observe ")
    }

    /// It was installed by a govern that did not write down where the user's policy lies: it goes by the environment.
    pub fn goes_by_environment(&self) -> bool {
        self.command.contains(" --home ") && !self.command.contains(" --config ")
    }

    /// The govern that it calls; `None` where that cannot be told.
    pub fn program(&self) -> Option<String> {
        let whole = self.command.strip_prefix("exec /bin/sh -c '").map(|line| line.replace(r"'\''", "'"));
        let line = whole.as_deref().unwrap_or(&self.command);
        let (program, _) = line.split_once(MARK)?;
        Some(program.strip_prefix('\'')?.strip_suffix('\'')?.replace(r"'\''", "'"))
    }
}

/// What stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledHooks {
    /// govern's own.
    pub hooks: Vec<Found>,
    /// The file turns all hooks off.
    pub off: bool,
    /// It lets nobody turn them off, if it is the machine's.
    pub pinned: bool,
}

/// Why a file was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum NotChanged {
    /// It is not TOML.
    #[error("it is not TOML")]
    NotToml(#[from] TomlError),
    /// What stands there is not what Codex takes for hooks.
    #[error("`{0}` there is not what Codex takes for hooks")]
    NotHooks(String),
    /// There is no room for a comment in it.
    #[error("`hooks = {{ … }}` there is one value: write it as tables, `[hooks]`")]
    Inline,
    /// A path that TOML cannot hold.
    #[error(transparent)]
    Path(#[from] NoHooks),
}

impl Installation<'_> {
    /// What Codex runs at an event.
    fn command(&self, event: HookEvent) -> Result<String, NotChanged> {
        let path = |path: &Path| path.to_str().map(quoted).ok_or(NoHooks::Path);
        let mut call = format!("{}{MARK}{}", path(self.govern)?, event.verb());
        if let Some(Owner { home, user, config }) = self.of {
            let said = [("--home", Some(home)), ("--user", user), ("--config", config)];
            for (name, folder) in said.into_iter().filter_map(|(name, folder)| Some((name, folder?))) {
                call = format!("{call} {name} {}", path(folder)?);
            }
        }
        let observe = if self.observe { " --observe" } else { "" };
        let otherwise = match event {
            _ if self.observe => "true".to_owned(),
            HookEvent::UserPromptSubmit => gone(&path(self.govern)?),
            event => closed(event).to_owned(),
        };
        Ok(shell_line(&format!("{call}{observe} || {otherwise}"), self.posix_shell))
    }
}

/// What becomes of a prompt where govern fails. One that is not there any more is named, with what to do: a screen shows
/// that as the reason (0.169, 0.171); `codex exec` shows no reason and would end with 0, so that it is said where it writes
/// its errors, and interrupted, which makes it end with 1: the hook stays until Codex has gone, for one that answers first
/// may let it end with 0 before it has taken the signal.
fn gone(govern: &str) -> String {
    format!(
        "{{ cat >/dev/null; m='govern: the gate failed, so nothing runs'; if [ ! -x {govern} ]; then \
         m=\"govern: its hooks are installed and \"{govern}\" is gone, so nothing runs: reinstall govern, or delete what \
         stands below 'Put here by govern hooks install' in Codex's config.toml (or /etc/codex/requirements.toml)\"; \
         case \" $(tr '\\0' ' ' </proc/$PPID/cmdline) \" in *' exec '*|*' e '*|*' review '*) \
         echo \"$m\" >>/proc/$PPID/fd/2; kill -INT $PPID; \
         n=0; while [ $n -lt 10 ] && kill -0 $PPID; do sleep 1; n=$((n+1)); done;; esac; fi; echo \"$m\" >&2; exit 2; }}"
    )
}

/// The file's text with govern's hooks in it; those of an earlier installation make room. All else stays as it was.
///
/// # Errors
/// Where the file is not what Codex reads.
pub fn install(text: &str, installation: &Installation<'_>, trust: Trust<'_>) -> Result<String, NotChanged> {
    lines::kept(text, |text| put_in_anew(text, installation, trust))
}

fn put_in_anew(text: &str, installation: &Installation<'_>, trust: Trust<'_>) -> Result<String, NotChanged> {
    let text = take_all_out(text, trust)?;
    let installed = put_in(&text, installation, trust, NOTE)?;
    if take_all_out(&installed, trust)?.strip_suffix('\n') == Some(&text) {
        return put_in(&text, installation, trust, NOTE_UNENDED);
    }
    Ok(installed)
}

fn put_in(text: &str, installation: &Installation<'_>, trust: Trust<'_>, note: &str) -> Result<String, NotChanged> {
    let mut document: DocumentMut = text.parse()?;
    if let Trust::Managed(folder) = trust {
        if document.get("hooks").is_some_and(Item::is_inline_table) {
            return Err(NotChanged::Inline);
        }
        pin::pin(&mut document);
        let fresh = document.get("hooks").is_none_or(|hooks| hooks.as_table().is_some_and(Table::is_implicit));
        let hooks = hooks_of(&mut document)?;
        if !hooks.contains_key("managed_dir") {
            let mut value = Value::from(folder);
            value.decor_mut().set_suffix(OWN_SETTING);
            hooks.insert("managed_dir", Item::Value(value));
        }
        if let Some(table) = document.get_mut("hooks").and_then(Item::as_table_mut).filter(|_| fresh) {
            table.decor_mut().set_prefix(note);
        }
    }
    let flat = is_flat(&document);
    for (index, event) in EVENTS.into_iter().enumerate() {
        let command = installation.command(event)?;
        let hooks = hooks_of(&mut document)?;
        let note = if index == 0 { note } else { "\n" };
        let place = append(hooks, event, group(event, &command), note, flat)?;
        for file in trust.files() {
            trust_hash(hooks, &state_key(file, event, place), &trusted_hash(event, &command), flat)?;
        }
    }
    Ok(document.to_string())
}

/// The first line of a file that was made for the hooks: it goes with them.
pub const MADE: &str = "# govern made this file.\n";

/// The file's text without govern's hooks.
///
/// # Errors
/// Where the file is not what Codex reads.
pub fn remove(text: &str, trust: Trust<'_>) -> Result<String, NotChanged> {
    lines::kept(text, |text| take_all_out(text, trust))
}

fn take_all_out(text: &str, trust: Trust<'_>) -> Result<String, NotChanged> {
    let mut document: DocumentMut = text.parse()?;
    if !document.contains_key("hooks") || !text.contains(MARK) {
        return Ok(text.to_owned());
    }
    let flat = is_flat(&document);
    let hooks = hooks_of(&mut document)?;
    for event in HookEvent::ALL {
        for place in own_places(hooks, event)?.into_iter().rev() {
            take_out(hooks, event, place, flat);
            for file in trust.files() {
                forget_hash(hooks, file, event, place);
            }
        }
    }
    let is_own = |item: &Item| {
        item.as_value().and_then(|value| value.decor().suffix()?.as_str()).is_some_and(|suffix| suffix == OWN_SETTING)
    };
    if hooks.get("managed_dir").is_some_and(is_own) {
        hooks.remove("managed_dir");
    }
    drop_if_bare(hooks, "state");
    drop_if_bare(document.as_table_mut(), "hooks");
    if matches!(trust, Trust::Managed(_)) {
        pin::unpin(&mut document);
    }
    let mut removed = document.to_string();
    if text.contains(NOTE_UNENDED) && removed.ends_with('\n') {
        removed.pop();
    }
    Ok(removed)
}

/// What stands in the file.
///
/// # Errors
/// Where the file is not what Codex reads.
pub fn standing(text: &str, trust: Trust<'_>) -> Result<InstalledHooks, NotChanged> {
    let document: DocumentMut = text.parse()?;
    let off = turns_off(document.as_table());
    let pinned = pin::is_pinned(document.as_table());
    let mut found = Vec::new();
    let Some(hooks) = document.get("hooks").and_then(Item::as_table_like) else {
        return Ok(InstalledHooks { hooks: found, off, pinned });
    };
    for event in HookEvent::ALL {
        for place in own_places(hooks, event)? {
            let Some(command) = commands(hooks, event, place).into_iter().next() else { continue };
            let trusted = match trust {
                Trust::Managed(_) => true,
                Trust::Hashes(files) => {
                    let key = files.first().map(|file| state_key(file, event, place)).unwrap_or_default();
                    let state = hooks.get("state").and_then(|state| state.get(key));
                    let enabled = state.and_then(|state| state.get("enabled")).and_then(Item::as_bool) != Some(false);
                    let hash = state.and_then(|state| state.get("trusted_hash")).and_then(Item::as_str);
                    // The rest of the definition is govern's own, unless somebody has changed it.
                    enabled && hash == Some(&trusted_hash(event, &command)) && is_unchanged(hooks, event, place)
                }
            };
            found.push(Found { event, command, trusted });
        }
    }
    Ok(InstalledHooks { hooks: found, off, pinned })
}

/// `[features]` of a file or a profile turns all hooks off.
fn turns_off(table: &dyn TableLike) -> bool {
    let features = table.get("features");
    ["hooks", "codex_hooks"]
        .into_iter()
        .any(|name| features.and_then(|features| features.get(name)).and_then(Item::as_bool) == Some(false))
}

/// A file that a profile names (`NAME.config.toml`, 0.169 and 0.171) turns all hooks off; one that is no TOML does not.
pub fn is_off(text: &str) -> bool {
    text.parse::<DocumentMut>().is_ok_and(|document| turns_off(document.as_table()))
}

/// A command is one of govern's own.
pub fn is_own(command: &str) -> bool {
    command.contains(MARK)
}

/// `/home/me/.codex/config.toml:pre_tool_use:0:0`.
fn state_key(file: &str, event: HookEvent, place: usize) -> String {
    format!("{file}:{}:{place}:0", event.key())
}

/// The table of hooks, made where it is missing.
fn hooks_of(document: &mut DocumentMut) -> Result<&mut dyn TableLike, NotChanged> {
    let item = document.as_table_mut().entry("hooks").or_insert_with(implicit);
    item.as_table_like_mut().ok_or_else(|| NotChanged::NotHooks("hooks".to_owned()))
}

/// What is in the table of hooks cannot have headers of its own.
fn is_flat(document: &DocumentMut) -> bool {
    let hooks = document.get("hooks");
    hooks.is_some_and(Item::is_inline_table) || hooks.and_then(Item::as_table).is_some_and(Table::is_dotted)
}

/// A table that is not written unless something stands in it by its own name.
fn implicit() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

/// One group with one hook.
fn group(event: HookEvent, command: &str) -> InlineTable {
    let mut hook = InlineTable::new();
    hook.insert("type", "command".into());
    hook.insert("command", command.into());
    hook.insert("timeout", i64::from(event.timeout()).into());
    if event.gates() {
        hook.insert("statusMessage", HELD.into());
    }
    let mut group = InlineTable::new();
    group.insert("hooks", Value::Array(Array::from_iter([hook])));
    group
}

#[cfg(test)]
mod tests;
