//! A fleet file as it is written: its own keys, and the drafts of its agents.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::policy::check;
use crate::policy::file::readable;
use crate::policy::mistake::{LayerText, Notes};
use crate::policy::table::{Keys, Placed, Table};

use super::MOST_AGENTS;
use super::agent::{self, AgentDraft};

const KEYS: Keys = Keys {
    of: "a fleet file",
    known: &["version", "name", "concurrency", "output", "policy", "budget", "agents", "agent"],
    later: &[],
};

/// Keys whose texts are for agents, not for a terminal: they may have lines.
const PROSE: &[&str] = &["prompt", "command", "codex", "check"];

/// What a fleet file says, as far as it is valid by itself.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// What it is called.
    pub(super) name: Option<String>,
    /// How many agents may work at once.
    pub(super) concurrency: Option<NonZeroUsize>,
    /// What agents write is kept.
    pub(super) keeps_output: bool,
    /// Where its `[budget]` says `allot`, else where that stands.
    pub(super) budget: Option<crate::policy::mistake::Span>,
    /// Its agents, in order.
    pub(super) agents: Vec<AgentDraft>,
}

/// Reads the whole file, but for its `[budget]`, which is a policy's.
pub(super) fn read(file: &LayerText, notes: &mut Notes) -> Draft {
    let text = readable(&file.text, notes);
    let tree = DeTable::parse_recoverable(&text).0.into_inner();
    let root = Table::new(&tree, 0..0);
    if check::no_fleet(&root, notes) {
        return Draft::default();
    }
    check::no_control_characters(&root, PROSE, notes);
    let root = root.only(&KEYS, notes);
    check::version(&root, notes);
    let name = root.text("name", "\"pipeline\"", notes).and_then(|text| check::name(&text, "name", notes));
    let concurrency = root.number("concurrency", 1..=MOST_AGENTS as u64, notes);
    let concurrency = concurrency.and_then(|number| usize::try_from(number.value).ok()).and_then(NonZeroUsize::new);
    let keeps_output = keeps_output(&root, notes);
    // Which file it is was read before; here only that it is a text.
    let _read_before = root.text("policy", "\"policy.toml\"", notes);
    let budget = root.table("budget", "{ limit = \"10 usd\" }", &mut notes.silent());
    let budget = budget.map(|table| table.get("allot").map_or(table.span.clone(), toml::Spanned::span));
    Draft { name, concurrency, keeps_output, budget, agents: agents(&root, notes) }
}

/// What agents write goes to files, unless somebody says that nothing of it is to be kept.
fn keeps_output(root: &Table<'_>, notes: &mut Notes) -> bool {
    let Some(text) = root.text("output", "\"none\"", notes) else { return true };
    match text.value {
        "files" => true,
        "none" => false,
        other => {
            let message = format!("`{other}` says nothing about what agents write");
            notes.refuse(
                &text.span,
                message,
                "write `files`, as without the key, or `none`: then nothing of it is kept",
            );
            true
        }
    }
}

/// The policy that the file names, as it is written there; the rest of the file is not looked at.
pub(super) fn policy(file: &LayerText) -> Option<PathBuf> {
    let tree = DeTable::parse_recoverable(&file.text).0.into_inner();
    tree.get("policy").and_then(|value| value.get_ref().as_str()).map(|path| Path::new(path).to_owned())
}

fn agents(root: &Table<'_>, notes: &mut Notes) -> Vec<AgentDraft> {
    let defaults = agent::defaults(root, notes);
    let mut tables = root.tables("agent", notes);
    if tables.is_empty() && root.get("agent").is_none() && !notes.partial {
        notes.refuse(&(0..0), "the fleet has no agent", "add `[[agent]]` with a `name` and a `prompt`");
    }
    if let Some(first) = tables.get(MOST_AGENTS) {
        let message = format!("the fleet has {} agents, which is absurdly many", tables.len());
        notes.refuse(&first.span, message, format!("no more than {MOST_AGENTS} are read"));
        tables.truncate(MOST_AGENTS);
    }
    let mut agents: Vec<AgentDraft> = Vec::new();
    for table in tables {
        let draft = agent::agent(&table, &defaults, notes);
        let named = |other: &AgentDraft| other.name.as_ref().map(|name| name.value.clone());
        if let Some(Placed { value, span }) = &draft.name
            && agents.iter().any(|other| named(other).as_ref() == Some(value))
        {
            let hint = "give each agent a name of its own";
            notes.refuse(span, format!("there are two agents named `{value}`"), hint);
        }
        agents.push(draft);
    }
    agents
}
