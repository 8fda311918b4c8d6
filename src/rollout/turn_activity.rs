//! What a turn did, as its session file tells it, for whoever wants to know what kind of work it was.
//!
//! Read apart from [`super::read`], and quickly: of a line only the beginning is looked at, and of a command's only the
//! command. Codex from about 0.150 tells of each command and patch in an `item_completed`, also of those that a cell of code
//! mode runs; earlier ones only of the call. Both name the call, so that it counts once. No word of a person or of the model
//! is read.

use std::borrow::Cow;
use std::collections::HashMap;

use memchr::memmem;
use serde::Deserialize;

use super::skim::{Head, until_quote};

/// What a command's beginning is looked for in.
const BEGINNING: usize = 400;

/// Something that a turn did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnAct<'a> {
    /// The call that it belongs to; empty where none is named.
    pub call: Cow<'a, str>,
    /// What.
    pub kind: ActKind<'a>,
    /// An item tells of it, and not the call.
    pub is_item: bool,
}

/// What a turn did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActKind<'a> {
    /// A command, for a shell to read.
    Command(Cow<'a, str>),
    /// A program with its arguments, read by no shell.
    Words(Vec<String>),
    /// A patch as `apply_patch` is given it.
    Patch(Cow<'a, str>),
    /// Files that a patch has changed.
    Changed(Vec<Change>),
    /// The web was searched.
    Searched,
    /// A plan was made, a picture looked at: nothing that changes anything.
    Looked,
    /// A review of Codex's own begins.
    Reviews,
}

/// One file that was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Its name, as Codex writes it.
    pub path: String,
    /// Its lines that were taken away.
    pub removed: Vec<String>,
    /// And those that came.
    pub added: Vec<String>,
    /// The whole file is new.
    pub is_new: bool,
}

/// What a line says that a turn did; `None` where it says nothing of the kind. Where a thread's items tell of commands and
/// patches, its calls need not be read as well.
pub fn act(line: &[u8], has_items: bool) -> Option<TurnAct<'_>> {
    let head = Head::of(line)?;
    let (kind, rest) = until_quote(head.payload.strip_prefix(br#""type":""#)?)?;
    match head.kind {
        "response_item" if has_items => None,
        "response_item" => call(kind, rest, line),
        "event_msg" => match kind {
            "item_completed" => item(rest, line),
            "entered_review_mode" => Some(TurnAct { call: Cow::Borrowed(""), kind: ActKind::Reviews, is_item: true }),
            _ => None,
        },
        _ => None,
    }
}

fn call<'a>(kind: &str, rest: &'a [u8], line: &'a [u8]) -> Option<TurnAct<'a>> {
    match kind {
        "function_call" => {
            let beginning = rest.get(..BEGINNING).unwrap_or(rest);
            let name = value_of(beginning, b"\"name\":\"")?;
            let kind = match until_quote(name)?.0 {
                "exec_command" | "shell" | "shell_command" | "container.exec" => None,
                "apply_patch" => None,
                "update_plan" | "view_image" => Some(ActKind::Looked),
                _ => return None,
            };
            let Call { payload } = serde_json::from_slice(line).ok()?;
            let kind = match kind {
                Some(kind) => kind,
                None => asked(&payload.arguments?)?,
            };
            Some(TurnAct { call: payload.call_id.unwrap_or_default(), kind, is_item: false })
        }
        "custom_tool_call" => {
            // A cell of code mode is told by what it runs.
            let name = value_of(rest.get(..BEGINNING).unwrap_or(rest), b"\"name\":\"")?;
            (until_quote(name)?.0 == "apply_patch").then_some(())?;
            let Call { payload } = serde_json::from_slice(line).ok()?;
            Some(TurnAct {
                call: payload.call_id.unwrap_or_default(),
                kind: ActKind::Patch(payload.input?),
                is_item: false,
            })
        }
        "local_shell_call" => {
            let Call { payload } = serde_json::from_slice(line).ok()?;
            Some(TurnAct {
                call: payload.call_id.unwrap_or_default(),
                kind: words(payload.action?.command)?,
                is_item: false,
            })
        }
        "web_search_call" => Some(TurnAct { call: Cow::Borrowed(""), kind: ActKind::Searched, is_item: false }),
        _ => None,
    }
}

/// What follows a key, wherever that stands.
fn value_of<'a>(bytes: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    bytes.get(memmem::find(bytes, key)? + key.len()..)
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    payload: Payload<'a>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(default, borrow)]
    call_id: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    arguments: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    input: Option<Cow<'a, str>>,
    #[serde(default)]
    action: Option<Action>,
}

#[derive(Deserialize)]
struct Action {
    #[serde(default)]
    command: Vec<String>,
}

#[derive(Deserialize)]
struct Arguments {
    #[serde(default, alias = "cmd")]
    command: Option<Asked>,
    #[serde(default)]
    input: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Asked {
    Text(String),
    Words(Vec<String>),
}

fn asked(arguments: &str) -> Option<ActKind<'static>> {
    let Arguments { command, input } = serde_json::from_str(arguments).ok()?;
    match (command, input) {
        (Some(Asked::Text(text)), _) => Some(ActKind::Command(text.into())),
        (Some(Asked::Words(found)), _) => words(found),
        (None, Some(patch)) => Some(ActKind::Patch(patch.into())),
        (None, None) => None,
    }
}

/// `["bash", "-lc", "make test"]` is `make test`.
fn words(mut words: Vec<String>) -> Option<ActKind<'static>> {
    match words.as_mut_slice() {
        [] => None,
        [_, flag, script] if flag == "-lc" || flag == "-c" => Some(ActKind::Command(std::mem::take(script).into())),
        [program, patch] if program == "apply_patch" => Some(ActKind::Patch(std::mem::take(patch).into())),
        _ => Some(ActKind::Words(words)),
    }
}

fn item<'a>(rest: &'a [u8], line: &'a [u8]) -> Option<TurnAct<'a>> {
    let (_, rest) = until_quote(rest.strip_prefix(br#","thread_id":""#)?)?;
    let (_, rest) = until_quote(rest.strip_prefix(br#","turn_id":""#)?)?;
    let (kind, rest) = until_quote(rest.strip_prefix(br#","item":{"type":""#)?)?;
    let id = || Some(Cow::Borrowed(until_quote(rest.strip_prefix(br#","id":""#)?)?.0));
    match kind {
        "CommandExecution" => {
            let from = memmem::find(rest.get(..BEGINNING).unwrap_or(rest), br#""command":"#)? + br#""command":"#.len();
            let mut values = serde_json::Deserializer::from_slice(rest.get(from..)?).into_iter::<Vec<String>>();
            let command = values.next()?.ok()?;
            let behind = rest.get(from + values.byte_offset()..)?;
            // What a person runs, and what is typed into a command that runs already, is no command of the agent's.
            let source = value_of(behind.get(..BEGINNING).unwrap_or(behind), br#""source":""#).and_then(until_quote);
            let own = source.is_none_or(|(source, _)| !source.contains("interaction") && source != "user_shell");
            own.then_some(TurnAct { call: id()?, kind: words(command)?, is_item: true })
        }
        "FileChange" => {
            let Line { payload } = serde_json::from_slice(line).ok()?;
            (payload.item.status == "completed").then_some(())?;
            let changes = payload.item.changes.into_iter().map(|(path, written)| written.change(path)).collect();
            Some(TurnAct { call: id()?, kind: ActKind::Changed(changes), is_item: true })
        }
        "WebSearch" => Some(TurnAct { call: Cow::Borrowed(""), kind: ActKind::Searched, is_item: true }),
        "EnteredReviewMode" => Some(TurnAct { call: Cow::Borrowed(""), kind: ActKind::Reviews, is_item: true }),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Line {
    payload: Completed,
}

#[derive(Deserialize)]
struct Completed {
    item: FileChange,
}

#[derive(Deserialize)]
struct FileChange {
    #[serde(default)]
    status: String,
    #[serde(default)]
    changes: HashMap<String, Written>,
}

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    unified_diff: String,
    #[serde(default)]
    content: String,
}

impl Written {
    fn change(self, path: String) -> Change {
        let lines =
            |sign: char| self.unified_diff.lines().filter_map(move |line| line.strip_prefix(sign).map(str::to_owned));
        match self.unified_diff.is_empty() {
            true => Change {
                path,
                removed: Vec::new(),
                added: self.content.lines().map(str::to_owned).collect(),
                is_new: true,
            },
            false => Change { path, removed: lines('-').collect(), added: lines('+').collect(), is_new: false },
        }
    }
}

/// The files of a patch as `apply_patch` is given it.
pub fn patched(patch: &str) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for line in patch.lines() {
        let begins = ["*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: "];
        if let Some((start, path)) = begins.iter().find_map(|start| Some((start, line.strip_prefix(start)?))) {
            let is_new = start.contains("Add");
            changes.push(Change { path: path.trim().to_owned(), is_new, ..Change::default() });
        } else if let Some(change) = changes.last_mut() {
            match (line.strip_prefix('+'), line.strip_prefix('-')) {
                (Some(added), _) => change.added.push(added.to_owned()),
                (None, Some(removed)) => change.removed.push(removed.to_owned()),
                (None, None) => {}
            }
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(payload: &str, kind: &str) -> Option<ActKind<'static>> {
        let line =
            format!(r#"{{"timestamp":"2026-11-28T20:22:16.376Z","ordinal":11,"type":"{kind}","payload":{payload}}}"#);
        act(line.as_bytes(), false).map(|act| match act.kind {
            ActKind::Command(text) => ActKind::Command(text.into_owned().into()),
            ActKind::Patch(text) => ActKind::Patch(text.into_owned().into()),
            ActKind::Words(words) => ActKind::Words(words),
            ActKind::Changed(changes) => ActKind::Changed(changes),
            ActKind::Searched => ActKind::Searched,
            ActKind::Looked => ActKind::Looked,
            ActKind::Reviews => ActKind::Reviews,
        })
    }

    #[test]
    fn commands_are_told_by_every_generation_of_codex() {
        let make = Some(ActKind::Command("make \"a\"".into()));
        for payload in [
            r#"{"type":"function_call","id":"fc","name":"exec_command","arguments":"{\"cmd\": \"make \\\"a\\\"\", \"yield_time_ms\": 1}","call_id":"c"}"#,
            r#"{"type":"function_call","name":"shell","arguments":"{\"command\":[\"bash\",\"-lc\",\"make \\\"a\\\"\"]}","call_id":"c"}"#,
            r#"{"type":"local_shell_call","call_id":"c","status":"completed","action":{"type":"exec","command":["bash","-lc","make \"a\""]}}"#,
        ] {
            assert_eq!(told(payload, "response_item"), make, "{payload}");
        }
        let item = r#"{"type":"item_completed","thread_id":"t","turn_id":"u","item":{"type":"CommandExecution","id":"call_1","process_id":"1","command":["/bin/bash","-lc","make \"a\""],"cwd":"file:///w","source":"unified_exec_startup","status":"completed","aggregated_output":"\"source\":\"user_shell\""}}"#;
        assert_eq!(told(item, "event_msg"), make);
        assert_eq!(told(&item.replace("unified_exec_startup", "user_shell"), "event_msg"), None);
        assert_eq!(told(&item.replace("unified_exec_startup", "unified_exec_interaction"), "event_msg"), None);
        assert_eq!(
            told(r#"{"type":"function_call","name":"write_stdin","arguments":"{}","call_id":"c"}"#, "response_item"),
            None
        );
        assert_eq!(
            told(
                r#"{"type":"function_call","name":"exec_command","arguments":"{ cmd: x }","call_id":"c"}"#,
                "response_item"
            ),
            None
        );
    }

    #[test]
    fn patches_are_told_with_their_lines() {
        let patch = "*** Begin Patch\n*** Update File: a.rs\n@@\n-old\n+new\n*** Add File: b.md\n+text\n*** End Patch";
        let changes = patched(patch);
        assert_eq!(changes.iter().map(|c| c.path.as_str()).collect::<Vec<_>>(), ["a.rs", "b.md"]);
        assert_eq!(
            (changes[0].removed.as_slice(), changes[0].added.as_slice()),
            (&["old".to_owned()][..], &["new".to_owned()][..])
        );
        assert!(changes[1].is_new);
        let item = r#"{"type":"item_completed","thread_id":"t","turn_id":"u","item":{"type":"FileChange","id":"call_p","changes":{"/w/a.rs":{"type":"update","unified_diff":"@@ -1 +1 @@\n-old\n+new\n"}},"status":"completed"}}"#;
        let Some(ActKind::Changed(told_changes)) = told(item, "event_msg") else { panic!("no change") };
        assert_eq!((&told_changes[0].removed, &told_changes[0].added), (&changes[0].removed, &changes[0].added));
        assert_eq!(told(&item.replace("completed\"}}", "failed\"}}"), "event_msg"), None);
    }

    #[test]
    fn searches_plans_and_reviews_are_told_and_words_are_not() {
        assert_eq!(
            told(r#"{"type":"web_search_call","id":"w","status":"completed"}"#, "response_item"),
            Some(ActKind::Searched)
        );
        let plan = r#"{"type":"function_call","name":"update_plan","arguments":"{}","call_id":"c"}"#;
        assert_eq!(told(plan, "response_item"), Some(ActKind::Looked));
        assert_eq!(told(r#"{"type":"entered_review_mode","target":{}}"#, "event_msg"), Some(ActKind::Reviews));
        assert_eq!(
            told(r#"{"type":"message","role":"user","content":[{"text":"run the tests"}]}"#, "response_item"),
            None
        );
        assert_eq!(told(r#"{"type":"user_message","message":"review"}"#, "event_msg"), None);
        assert_eq!(act(b"torn", false), None);
    }
}
