//! One `[[gate]]`.

use std::time::Duration;

use globset::GlobMatcher;
use toml::de::DeValue;

use crate::model::{GateName, Money, Quantity, Unit};
use crate::policy::command::CommandPattern;
use crate::policy::duration::{self, DURATION_HINT};
use crate::policy::mistake::{Notes, Span};
use crate::policy::rule::{Gate, GateVerb, Refusal};
use crate::policy::suggest;
use crate::policy::table::{Keys, Placed, Table, Text};

use super::{GateDraft, arguments, holds, meant, models, only, pattern};

const KEYS: Keys = Keys {
    of: "`[[gate]]`",
    known: &[
        "name",
        "tool",
        "match",
        "args",
        "not",
        "not_args",
        "paths",
        "model",
        "only",
        "cost_above",
        "do",
        "wait",
        "else",
        "mode",
    ],
    later: &[],
};

/// What hooks call the tools of Codex itself; others are those of MCP servers, `mcp__SERVER__TOOL`.
const TOOLS: [&str; 4] = ["Bash", "apply_patch", "spawn_agent", "spawn_agents_on_csv"];

/// What people, other agents and Codex's own records call the tool that hooks call `Bash`. A cell of code mode, `exec`,
/// calls no hook itself: each tool that it calls does, under the name of that tool (seen in 0.169).
const OTHER_NAMES_OF_BASH: [&str; 7] =
    ["exec", "shell", "exec_command", "local_shell", "shell_command", "unified_exec", "sh"];

/// What other agents call the tool that patches files.
const OTHER_NAMES_OF_PATCH: [&str; 4] = ["edit", "write", "multiedit", "patch"];

/// An answer is waited for as long as a budget's.
const DEFAULT_WAIT: Duration = Duration::from_secs(30 * 60);

/// The gate; `None` if it has no name that others could be told from it by.
pub(super) fn check(
    table: &Table<'_>,
    observe: bool,
    name_is_new: impl Fn(&str) -> bool,
    notes: &mut Notes,
) -> Option<GateDraft> {
    let table = &table.only(&KEYS, notes);
    let name = super::unique_name(table, "gate", name_is_new, notes);
    let tools = tools(table, notes);
    let wanted = commands(table, "match", "[\"git push*\"]", notes);
    let except = commands(table, "not", "[\"git push --dry-run*\"]", notes);
    let arguments = arguments::check(table, "args", notes);
    let except_arguments = arguments::check(table, "not_args", notes);
    let read_paths = |texts: &Placed<Vec<Text<'_>>>, notes: &mut Notes| {
        holds::paths(texts, notes);
        pattern::globs_as_written(texts, notes)
    };
    let paths = list(table, "paths", "[\".github/*\"]", read_paths, notes);
    let models = list(table, "model", "[\"gpt-6*-astra*\"]", models::patterns, notes);
    let only = only::check(table, "gate", notes);
    let cost_above = cost_above(table, notes);
    let verb = verb(table, notes);
    let mode = super::mode(table, notes);
    let of_commands = [wanted.as_ref().map(|it| &it.span), arguments.as_ref().map(|it| &it.span)];
    let of_exceptions = [except.as_ref().map(|it| &it.span), except_arguments.as_ref().map(|it| &it.span)];
    let of_commands = of_commands.into_iter().chain(of_exceptions).flatten().next();
    tools_fit(tools.as_ref(), of_commands, paths.as_ref(), notes);
    holds::everything(table, notes);
    if except_arguments.is_none() {
        exceptions_fit(wanted.as_ref(), except.as_ref(), notes);
    }
    let name = name?;
    let name = Placed { value: GateName::new(name.value), span: name.span };
    let gate = verb.map(|verb| Gate {
        name: name.value.clone(),
        tools: values(tools),
        wanted: values(wanted),
        arguments: values(arguments),
        except: values(except),
        except_arguments: values(except_arguments),
        paths: values(paths),
        models: values(models),
        only,
        cost_above,
        verb,
        observe: mode.unwrap_or(observe),
        layer: notes.layer(),
    });
    Some(GateDraft { name, gate })
}

fn values<T>(placed: Option<Placed<Vec<T>>>) -> Vec<T> {
    placed.map(|placed| placed.value).unwrap_or_default()
}

/// Patterns of one kind, if the key is there; an empty list could never be met.
fn list<T>(
    table: &Table<'_>,
    key: &str,
    example: &str,
    read: impl Fn(&Placed<Vec<Text<'_>>>, &mut Notes) -> Vec<T>,
    notes: &mut Notes,
) -> Option<Placed<Vec<T>>> {
    let texts = table.texts(key, example, notes)?;
    if table.get(key).is_some_and(|value| matches!(value.get_ref(), DeValue::Array(items) if items.is_empty())) {
        let hint = format!("write `{key} = {example}`, or leave it out");
        notes.refuse(&texts.span, format!("`{key}` is empty"), hint);
    }
    Some(Placed { value: read(&texts, notes), span: texts.span })
}

fn globs(table: &Table<'_>, key: &str, example: &str, notes: &mut Notes) -> Option<Placed<Vec<GlobMatcher>>> {
    list(table, key, example, pattern::globs_as_written, notes)
}

fn commands(table: &Table<'_>, key: &str, example: &str, notes: &mut Notes) -> Option<Placed<Vec<CommandPattern>>> {
    let read = |texts: &Placed<Vec<Text<'_>>>, notes: &mut Notes| {
        holds::commands(texts, key == "not", notes);
        pattern::commands(texts, notes)
    };
    list(table, key, example, read, notes)
}

fn tools(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<Vec<GlobMatcher>>> {
    for text in table.texts("tool", "\"Bash\"", &mut notes.silent()).map(|texts| texts.value).unwrap_or_default() {
        if holds::tool(&text, notes) {
            continue;
        }
        let lower = text.value.to_ascii_lowercase();
        let meant = if OTHER_NAMES_OF_PATCH.contains(&lower.as_str()) {
            Some("apply_patch")
        } else if OTHER_NAMES_OF_BASH.contains(&lower.as_str()) {
            Some("Bash")
        } else {
            suggest::nearest(text.value, TOOLS).filter(|tool| *tool != text.value)
        };
        if let Some(tool) = meant {
            let message = format!("`{}` is nothing that hooks call a tool", text.value);
            notes.warn(&text.span, message, format!("did you mean `{tool}`?"));
        }
    }
    globs(table, "tool", "\"Bash\"", notes)
}

fn cost_above(table: &Table<'_>, notes: &mut Notes) -> Option<Money> {
    let text = table.text("cost_above", "\"0.50 usd\"", notes)?;
    let message = match Quantity::parse(text.value) {
        Ok(Quantity { unit: Unit::Usd, amount }) => return Some(Money::from_nanos(amount)),
        Ok(_) => format!("`{}` is no amount of money", text.value),
        Err(error) => format!("`{}` {error}", text.value),
    };
    notes.refuse(&text.span, message, "write what the next request may cost, such as `0.50 usd`");
    None
}

fn verb(table: &Table<'_>, notes: &mut Notes) -> Option<GateVerb> {
    if table.get("do").is_none() {
        notes.refuse(&table.span, "the gate has no `do`", "add `do = \"ask\"` or `do = \"deny\"`");
    }
    let wait = table.text("wait", "\"15m\"", notes);
    let otherwise = table.text("else", "\"deny\"", notes);
    let text = table.text("do", "\"ask\"", notes)?;
    match text.value {
        "ask" => {
            let wait = wait.map_or(Some(DEFAULT_WAIT), |text| self::wait(&text, notes));
            let otherwise = otherwise.map_or(Some(Refusal::Deny), |text| refusal(&text, notes));
            Some(GateVerb::Ask { wait: wait?, otherwise: otherwise? })
        }
        "deny" => {
            for (key, text) in [("wait", wait), ("else", otherwise)] {
                if let Some(text) = text {
                    let message = format!("`{key}` goes with `do = \"ask\"`, not with `deny`");
                    notes.refuse(&text.span, message, format!("leave `{key}` out, or write `do = \"ask\"`"));
                }
            }
            Some(GateVerb::Deny)
        }
        other => {
            let message = format!("`{other}` is nothing that a gate can do");
            let hint = match meant::gate(other) {
                Some(verb) => format!("write `{verb}`"),
                None if other == "allow" => {
                    "what no gate holds is let past: name exceptions of a gate with `not`".to_owned()
                }
                None => suggest::hint(other, &["ask", "deny"]),
            };
            notes.refuse(&text.span, message, hint);
            None
        }
    }
}

fn wait(text: &Text<'_>, notes: &mut Notes) -> Option<Duration> {
    duration::parse(text.value)
        .inspect_err(|error| notes.refuse(&text.span, format!("`{}` {error}", text.value), DURATION_HINT))
        .ok()
}

fn refusal(text: &Text<'_>, notes: &mut Notes) -> Option<Refusal> {
    if matches!(text.value, "allow" | "approve") {
        let message = format!("`else = \"{}\"` would let past what nobody has answered", text.value);
        notes.refuse(&text.span, message, "write `deny`, `stop` or `kill`");
        return None;
    }
    super::choice(text, "else", &[("deny", Refusal::Deny), ("stop", Refusal::Stop), ("kill", Refusal::Kill)], notes)
}

/// Warns of conditions that no call of the named tools can meet.
fn tools_fit(
    tools: Option<&Placed<Vec<GlobMatcher>>>,
    commands: Option<&Span>,
    paths: Option<&Placed<Vec<GlobMatcher>>>,
    notes: &mut Notes,
) {
    let Some(tools) = tools.filter(|tools| !tools.value.is_empty()) else { return };
    let has = |tool: &str| tools.value.iter().any(|pattern| pattern.is_match(tool));
    let mut never = |span: &Span, message: &str, hint: &str| {
        notes.warn(span, format!("this gate can never fire: {message}"), hint);
    };
    if let Some(commands) = commands.filter(|_| !has("Bash")) {
        never(commands, "its tools run no commands", "add `Bash` to `tool`, or leave `tool` out");
    }
    if let Some(paths) = paths.filter(|_| !has("apply_patch")) {
        never(&paths.span, "its tools touch no files by name", "add `apply_patch` to `tool`, or leave `tool` out");
    }
}

/// Warns of exceptions that change nothing, or leave nothing over.
fn exceptions_fit(
    wanted: Option<&Placed<Vec<CommandPattern>>>,
    except: Option<&Placed<Vec<CommandPattern>>>,
    notes: &mut Notes,
) {
    let Some(except) = except else { return };
    if except.value.iter().any(CommandPattern::matches_all) {
        notes.warn(&except.span, "`not` lets every command past that can be read", "name what is let past");
        return;
    }
    let Some(wanted) = wanted.filter(|wanted| !wanted.value.is_empty()) else { return };
    let is_let_past = |pattern: &CommandPattern| except.value.iter().any(|exception| exception.covers(pattern));
    if wanted.value.iter().all(is_let_past) {
        let message = "this gate can never fire: `not` lets past all that `match` would catch";
        notes.warn(&except.span, message, "name in `not` less than `match` does, or leave it out");
        return;
    }
    for exception in &except.value {
        if wanted.value.contains(exception) {
            let message = format!("`not` has `{exception}`, as `match` does: it lets past all that this would catch");
            notes.warn(&except.span, message, "leave it out of one of them, or name in `not` what is let past");
        } else if !wanted.value.iter().any(|pattern| pattern.meets(exception)) {
            let message = format!("`not` has `{exception}`, which `match` does not have either");
            notes.warn(&except.span, message, "leave it out, or write what `match` would catch");
        }
    }
}
