//! One `[[agent]]`, and `[agents]`, which holds for all that do not say otherwise: as written, each piece checked
//! by itself.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::passing::{self, ReviewDraft};
use crate::model::{AgentName, Attribution, ModelId, Priority, Quantity, Unit, WorkCheck};
use crate::policy::check::{self, models};
use crate::policy::mistake::Notes;
use crate::policy::table::{Entry, Keys, Placed, Table, Text, as_text, wrong_type};

/// What `[agents]` and `[[agent]]` have in common.
macro_rules! settings {
    ($($more:literal),*) => {
        &["team", "project", "client", "task", "labels", "codex", "folder", "worktree", "retries", "expect", "tier",
          "model", "priority", $($more),*]
    };
}

const AGENT: Keys = Keys {
    of: "`[[agent]]`",
    known: settings!("name", "prompt", "command", "needs", "check", "check_fails", "check_within", "review"),
    later: &[],
};
const DEFAULTS: Keys = Keys { of: "`[agents]`", known: settings!(), later: &[] };
const EXPECT: Keys = Keys { of: "`expect`", known: &["spend", "responses", "minutes"], later: &[] };

const EXPECT_EXAMPLE: &str = "{ spend = \"2 usd\", minutes = \"20 minutes\" }";

/// Linux takes 128 KiB for one argument, its end included.
const MOST_PROMPT: usize = 100_000;
/// More words are no command that a person wrote.
const MOST_WORDS: usize = 500;
const MOST_LABELS: usize = 50;
const MOST_RETRIES: u64 = 10;
const MOST_RESPONSES: u64 = 1_000_000;

/// One agent as it is written; what is wrong is left out and was reported.
#[derive(Debug)]
pub(super) struct AgentDraft {
    /// Its name, fit for a file's.
    pub(super) name: Option<Placed<AgentName>>,
    /// What it is to do.
    pub(super) work: Option<Work>,
    /// The names of those that it needs.
    pub(super) needs: Vec<Placed<String>>,
    /// What says whether its work is done.
    pub(super) check: Option<WorkCheck>,
    /// Who says whether that is good enough.
    pub(super) review: Option<ReviewDraft>,
    /// The rest, the common part filled in.
    pub(super) settings: Settings,
}

/// What an agent is to do.
#[derive(Debug)]
pub(super) enum Work {
    /// govern makes a `codex exec` of it.
    Prompt(Placed<String>),
    /// The whole command.
    Command(Placed<Vec<String>>),
}

/// What may be said once for all agents.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// Where the spend belongs.
    pub(super) belongs: Attribution,
    /// Flags of the `codex exec` that govern makes.
    pub(super) codex: Option<Placed<Vec<String>>>,
    /// Where it works.
    pub(super) workplace: Option<Placed<WrittenFolder>>,
    /// How often it is started again.
    pub(super) retries: Option<u32>,
    /// What it expects to spend: usd, tok or all tok.
    pub(super) spend: Option<Placed<Quantity>>,
    /// How many responses it expects.
    pub(super) responses: Option<Placed<u64>>,
    /// How long it expects to be active.
    pub(super) minutes: Option<Placed<Quantity>>,
    /// The model or tier that it wants.
    pub(super) model: Option<Placed<StartModel>>,
    /// How much it matters.
    pub(super) priority: Option<Priority>,
}

/// Where an agent works, as it is written.
#[derive(Clone, Debug)]
pub(super) enum WrittenFolder {
    /// A folder, perhaps relative to the file's.
    Folder(PathBuf),
    /// A branch.
    Worktree(String),
}

/// What an agent is to start on.
#[derive(Clone, Debug)]
pub(super) enum StartModel {
    /// One of `[models] tiers`.
    Tier(String),
    /// This one.
    Model(ModelId),
}

/// Reads `[agents]`.
pub(super) fn defaults(root: &Table<'_>, notes: &mut Notes) -> Settings {
    let Some(table) = root.table("agents", "{ team = \"web\" }", notes) else { return Settings::default() };
    let table = table.only(&DEFAULTS, notes);
    settings(&table, notes)
}

/// Reads one `[[agent]]`.
pub(super) fn agent(table: &Table<'_>, defaults: &Settings, notes: &mut Notes) -> AgentDraft {
    let table = &table.only(&AGENT, notes);
    let name = name(table, notes);
    let own = settings(table, notes);
    let work = work(table, &own, notes);
    let (check, review) = (passing::check(table, notes), passing::review(table, notes));
    let needs = table.texts("needs", "[\"plan\"]", notes).map(|texts| texts.value).unwrap_or_default();
    let needs = needs.into_iter().map(|text| Placed { value: text.value.to_owned(), span: text.span }).collect();
    AgentDraft { name, work, needs, check, review, settings: own.or(defaults) }
}

impl Settings {
    /// These, and where they say nothing, those.
    fn or(self, defaults: &Self) -> Self {
        let common = defaults.clone();
        let belongs = Attribution {
            team: self.belongs.team.or(common.belongs.team),
            project: self.belongs.project.or(common.belongs.project),
            client: self.belongs.client.or(common.belongs.client),
            task: self.belongs.task.or(common.belongs.task),
            labels: common.belongs.labels.into_iter().chain(self.belongs.labels).collect(),
            ..Attribution::default()
        };
        Self {
            belongs,
            codex: self.codex.or(common.codex),
            workplace: self.workplace.or(common.workplace),
            retries: self.retries.or(common.retries),
            spend: self.spend.or(common.spend),
            responses: self.responses.or(common.responses),
            minutes: self.minutes.or(common.minutes),
            model: self.model.or(common.model),
            priority: self.priority.or(common.priority),
        }
    }
}

/// The name: the files of its output are called so, and people type it.
fn name(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<AgentName>> {
    let Some(text) = table.text("name", "\"implement\"", notes) else {
        if table.get("name").is_none() {
            notes.refuse(&table.span, "the agent has no `name`", "add `name = \"implement\"`");
        }
        return None;
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let begins = text.value.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins && text.value.len() <= 64 && text.value.chars().all(plain) {
        return Some(Placed { value: AgentName::new(text.value), span: text.span });
    }
    let hint = "write a short word of letters, digits, `-`, `_` and `.`: files are named so";
    notes.refuse(&text.span, format!("`{}` is not the name of an agent", shortened(text.value)), hint);
    None
}

fn work(table: &Table<'_>, own: &Settings, notes: &mut Notes) -> Option<Work> {
    let prompt = table.text("prompt", "\"Write the tests.\"", notes);
    let command = table.texts("command", "[\"codex\", \"exec\", \"Write the tests.\"]", notes);
    match (prompt, command) {
        (Some(_), Some(command)) => {
            let hint = "leave one of them out: `command` is the whole command, `prompt` what `codex exec` is told";
            notes.refuse(&command.span, "the agent has a `prompt` and a `command`", hint);
            None
        }
        (Some(text), None) => prompt_of(&text, notes).map(Work::Prompt),
        (None, Some(words)) => {
            if let Some(flags) = &own.codex {
                let hint = "put the flags into `command`, or write `prompt` instead of it";
                notes.refuse(&flags.span, "`codex` goes with `prompt`, not with `command`", hint);
            }
            words_of(words, "command", notes).map(Work::Command)
        }
        (None, None) => {
            if table.get("prompt").is_none() && table.get("command").is_none() {
                let hint = "add `prompt = \"…\"`, or `command = [\"codex\", \"exec\", \"…\"]`";
                notes.refuse(&table.span, "the agent has nothing to do", hint);
            }
            None
        }
    }
}

fn prompt_of(text: &Text<'_>, notes: &mut Notes) -> Option<Placed<String>> {
    let wrong = if text.value.trim().is_empty() {
        "`prompt` is empty"
    } else if text.value.trim() == "-" {
        "`-` would be read from standard input, which an agent of a fleet has none of"
    } else if text.value.len() > MOST_PROMPT {
        "`prompt` is longer than 100,000 bytes"
    } else {
        return Some(Placed { value: text.value.to_owned(), span: text.span.clone() });
    };
    notes.refuse(&text.span, wrong, "write what the agent is to do; put what is long into a file that it reads");
    None
}

/// Words of a command line; none of them may be absurd.
fn words_of(words: Placed<Vec<Text<'_>>>, key: &str, notes: &mut Notes) -> Option<Placed<Vec<String>>> {
    let wrong = if key == "command" && words.value.first().is_none_or(|program| program.value.trim().is_empty()) {
        format!("`{key}` is empty")
    } else if words.value.len() > MOST_WORDS {
        format!("`{key}` has more than {MOST_WORDS} words")
    } else if words.value.iter().any(|word| word.value.len() > MOST_PROMPT) {
        format!("a word of `{key}` is longer than 100,000 bytes")
    } else {
        let texts = words.value.into_iter().map(|word| word.value.to_owned()).collect();
        return Some(Placed { value: texts, span: words.span });
    };
    notes.refuse(&words.span, wrong, "write one text for each word, as a shell would take it apart");
    None
}

fn settings(table: &Table<'_>, notes: &mut Notes) -> Settings {
    let codex = table.texts("codex", "[\"--sandbox\", \"workspace-write\"]", notes);
    let expect = table.table("expect", EXPECT_EXAMPLE, notes).map(|expect| expect.only(&EXPECT, notes));
    let spend = expect.as_ref().and_then(|expect| amount(expect, "spend", notes));
    let responses = expect.as_ref().and_then(|expect| expect.number("responses", 1..=MOST_RESPONSES, notes));
    let minutes = expect.as_ref().and_then(|expect| amount(expect, "minutes", notes));
    Settings {
        belongs: belongs(table, notes),
        codex: codex.and_then(|words| words_of(words, "codex", notes)),
        workplace: workplace(table, notes),
        retries: small(table, "retries", 0..=MOST_RETRIES, notes),
        spend,
        responses,
        minutes,
        model: model(table, notes),
        priority: small(table, "priority", 0..=Priority::MOST.into(), notes).and_then(Priority::new),
    }
}

fn small<T: TryFrom<u64>>(table: &Table<'_>, key: &str, bounds: RangeInclusive<u64>, notes: &mut Notes) -> Option<T> {
    T::try_from(table.number(key, bounds, notes)?.value).ok()
}

/// What is expected, in a unit that the key can have.
fn amount(table: &Table<'_>, key: &str, notes: &mut Notes) -> Option<Placed<Quantity>> {
    let of_time = key == "minutes";
    let example = if of_time { "\"20 minutes\"" } else { "\"2 usd\"" };
    let text = table.text(key, example, notes)?;
    let value = check::quantity(&text, notes)?;
    let fits = match value.unit {
        Unit::Usd | Unit::Credits | Unit::Tok | Unit::AllTok => !of_time,
        Unit::Minutes => of_time,
        Unit::Responses | Unit::ToolCalls => false,
    };
    if !fits {
        let what = if of_time { "a time" } else { "money or tokens" };
        notes.refuse(&text.span, format!("`{}` is not {what}", text.value), format!("write `{key} = {example}`"));
    }
    fits.then_some(Placed { value, span: text.span })
}

fn belongs(table: &Table<'_>, notes: &mut Notes) -> Attribution {
    let mut of = |key: &str| {
        let text = table.text(key, "\"web\"", notes)?;
        check::name(&text, key, notes)
    };
    let [team, project, client, task] = ["team", "project", "client", "task"].map(&mut of);
    Attribution { team, project, client, task, labels: labels(table, notes), ..Attribution::default() }
}

fn labels(table: &Table<'_>, notes: &mut Notes) -> BTreeMap<String, String> {
    let Some(table) = table.table("labels", "{ stage = \"review\" }", notes) else { return BTreeMap::new() };
    let entries = table.entries();
    if entries.len() > MOST_LABELS {
        let message = format!("`labels` has {} entries, which is absurdly many", entries.len());
        notes.refuse(&table.span, message, format!("no more than {MOST_LABELS} are read"));
    }
    let mut labels = BTreeMap::new();
    for Entry { key, value } in entries.into_iter().take(MOST_LABELS) {
        let Some(text) = as_text(value) else {
            wrong_type(key.value, value, "a text", "\"review\"", notes);
            continue;
        };
        let (Some(name), Some(said)) = (check::name(&key, "labels", notes), check::name(&text, key.value, notes))
        else {
            continue;
        };
        labels.insert(name, said);
    }
    labels
}

fn workplace(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<WrittenFolder>> {
    let folder = table.text("folder", "\"app\"", notes);
    let worktree = table.text("worktree", "\"feature/x\"", notes);
    if let (Some(_), Some(worktree)) = (&folder, &worktree) {
        let hint = "leave one of them out: a worktree is a folder of its own";
        notes.refuse(&worktree.span, "there is a `folder` and a `worktree`", hint);
        return None;
    }
    if let Some(text) = folder {
        if text.value.trim().is_empty() || text.value.len() > 4_096 {
            notes.refuse(&text.span, "`folder` names no folder", "write a path, such as `app`; `.` is the file's own");
            return None;
        }
        return Some(Placed { value: WrittenFolder::Folder(PathBuf::from(text.value)), span: text.span });
    }
    let text = worktree?;
    if !is_branch(text.value) {
        let hint = "write it as git would take it, such as `feature/x`";
        notes.refuse(&text.span, format!("`{}` is not the name of a branch", shortened(text.value)), hint);
        return None;
    }
    Some(Placed { value: WrittenFolder::Worktree(text.value.to_owned()), span: text.span })
}

/// As `git check-ref-format --branch` has it, and no longer than a file's name may be.
fn is_branch(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    !name.is_empty()
        && name.len() <= 200
        && name != "@"
        && name != "HEAD"
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains(|c: char| c.is_control() || " ~^:?*[\\".contains(c))
        && name.split('/').all(part)
}

fn model(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<StartModel>> {
    let tier = table.text("tier", "\"standard\"", notes);
    let model = table.text("model", "\"gpt-6.2-sol\"", notes);
    match (tier, model) {
        (Some(_), Some(model)) => {
            let hint = "leave one of them out: a tier stands for a model";
            notes.refuse(&model.span, "there is a `tier` and a `model`", hint);
            None
        }
        (Some(tier), None) => Some(Placed { value: StartModel::Tier(tier.value.to_owned()), span: tier.span }),
        (None, Some(text)) => {
            let model = models::model(&text, notes)?;
            Some(Placed { value: StartModel::Model(model), span: text.span })
        }
        (None, None) => None,
    }
}

/// What of a text a message can hold.
fn shortened(text: &str) -> String {
    if text.chars().count() <= 80 { text.to_owned() } else { text.chars().take(79).chain(['…']).collect() }
}
