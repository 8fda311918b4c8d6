//! `check` and `review` of an `[[agent]]`: what its work has to pass before what needs it starts.

use std::time::Duration;

use crate::codex::redact;
use crate::model::{CheckFails, WorkCheck, WorkReview};
use crate::policy::check;
use crate::policy::duration::{self, DURATION_HINT};
use crate::policy::mistake::{Notes, Span};
use crate::policy::rule::Policy;
use crate::policy::suggest;
use crate::policy::table::{Keys, Placed, Table, Text};

const REVIEW: Keys = Keys { of: "`review`", known: &["approvers", "wait", "else"], later: &[] };

/// How long a check may take where nothing is said.
const CHECK_WITHIN: Duration = Duration::from_secs(10 * 60);
/// How long a review is waited for where nothing is said, as other questions are.
const REVIEW_WAIT: Duration = Duration::from_secs(30 * 60);
const MOST_COMMAND: usize = 10_000;

/// A review as it is written.
#[derive(Clone, Debug)]
pub(super) struct ReviewDraft {
    approvers: Vec<Placed<String>>,
    wait: Duration,
}

/// Reads `check`, `check_fails` and `check_within`.
pub(super) fn check(table: &Table<'_>, notes: &mut Notes) -> Option<WorkCheck> {
    let command = table.text("check", "\"cargo test\"", notes);
    let fails = table.text("check_fails", "\"again\"", notes);
    let within = table.text("check_within", "\"10m\"", notes);
    let Some(command) = command else {
        for text in [&fails, &within].into_iter().flatten().filter(|_| table.get("check").is_none()) {
            notes.refuse(&text.span, "there is no `check` that this could be about", "add `check = \"cargo test\"`");
        }
        return None;
    };
    let fails = fails.map_or(Some(CheckFails::Stop), |text| fails_of(&text, notes));
    let within = within.map_or(Some(CHECK_WITHIN), |text| time(&text, notes));
    let wrong = if command.value.trim().is_empty() {
        "`check` is empty"
    } else if command.value.len() > MOST_COMMAND {
        "`check` is longer than 10,000 bytes"
    } else {
        let (command, shown) = (command.value.to_owned(), redact(command.value));
        return Some(WorkCheck { command, shown, within: within?, fails: fails? });
    };
    notes.refuse(&command.span, wrong, "write a command as a shell reads it, such as `cargo test`");
    None
}

fn fails_of(text: &Text<'_>, notes: &mut Notes) -> Option<CheckFails> {
    match text.value {
        "again" => Some(CheckFails::Again),
        "stop" => Some(CheckFails::Stop),
        other => {
            let hint = suggest::hint(other, &["again", "stop"]);
            notes.refuse(&text.span, format!("`{other}` says nothing about a check that fails"), hint);
            None
        }
    }
}

fn time(text: &Text<'_>, notes: &mut Notes) -> Option<Duration> {
    match duration::parse(text.value) {
        Ok(time) => Some(time),
        Err(error) => {
            notes.refuse(&text.span, format!("`{}` {error}", text.value), DURATION_HINT);
            None
        }
    }
}

/// Reads `review`.
pub(super) fn review(table: &Table<'_>, notes: &mut Notes) -> Option<ReviewDraft> {
    let table = table.table("review", "{ approvers = [\"alice\"], wait = \"4h\" }", notes)?.only(&REVIEW, notes);
    let wait = table.text("wait", "\"4h\"", notes).map_or(Some(REVIEW_WAIT), |text| time(&text, notes));
    if let Some(text) = table.text("else", "\"stop\"", notes).filter(|text| text.value != "stop") {
        let message = format!("`{}` is nothing that follows where nobody reviews", text.value);
        notes.refuse(&text.span, message, "write `else = \"stop\"`, or leave it out: silence is no yes");
    }
    let texts = table.texts("approvers", "[\"alice\"]", notes).map(|texts| texts.value).unwrap_or_default();
    let approvers = texts.iter().filter_map(|text| {
        let value = check::name(text, "approvers", notes)?;
        Some(Placed { value, span: text.span.clone() })
    });
    Some(ReviewDraft { approvers: approvers.collect(), wait: wait? })
}

impl ReviewDraft {
    /// Whoever the file names is among those whom the policy lets answer: it only narrows that.
    pub(super) fn under(&self, policy: Option<&Policy>, notes: &mut Notes) -> WorkReview {
        let may = policy.map(|policy| policy.approvals.approvers.as_slice()).unwrap_or_default();
        for Placed { value, span } in &self.approvers {
            outside(value, span, may, notes);
        }
        let approvers = self.approvers.iter().map(|name| name.value.clone()).collect();
        WorkReview { approvers, wait: self.wait }
    }
}

fn outside(name: &str, span: &Span, may: &[String], notes: &mut Notes) {
    if may.iter().any(|entry| entry == name) {
        return;
    }
    if !may.is_empty() {
        let names: Vec<&str> = may.iter().map(String::as_str).collect();
        let message = format!("`{name}` is not among the `approvers` of the policy");
        notes.refuse(
            span,
            message,
            format!("they are {}: a fleet's file lets no one else answer", suggest::list(&names)),
        );
    } else if name.contains(':') {
        let hint = "name a login or a `[[person]]`, or have the `[approvals]` of the policy name it";
        notes.refuse(span, format!("a fleet's file does not say `{name}`: a clone may name anybody's"), hint);
    }
}
