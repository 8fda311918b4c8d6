//! The `[governor]` table: the model that is asked where the rule is not sure.

use std::time::Duration;

use crate::policy::mistake::Notes;
use crate::policy::rule::GovernorModel;
use crate::policy::table::{Keys, Placed, Table};
use crate::policy::{duration, percent};

use super::{Draft, models};

const KEYS: Keys = Keys { of: "`[governor]`", known: &["model", "share", "timeout", "effort"], later: &[] };

/// What is asked may cost so much of the limit, in thousandths, where nobody said how much.
const SHARE: u32 = 20;

/// More than this is no second opinion, it is the work itself.
const MOST_SHARE: u32 = 500;

/// How long an answer is waited for where nobody said how long.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A limit is held open no longer than this.
const MOST_TIMEOUT: Duration = Duration::from_secs(10 * 60);

const EXAMPLE: &str = "{ model = \"gpt-6-luna\", share = \"2%\" }";

/// Reads which model is asked, what that may cost and how long it may take.
pub(super) fn check(root: &Table<'_>, draft: &mut Draft, notes: &mut Notes) {
    if super::is_closed("governor", notes) {
        return;
    }
    let Some(table) = root.table("governor", EXAMPLE, notes) else { return };
    let table = table.only(&KEYS, notes);
    let model = table.text("model", "\"gpt-6-luna\"", notes);
    if table.get("model").is_none() {
        let message = "`[governor]` does not say which `model` is asked";
        notes.refuse(&table.span, message, "add `model = \"gpt-6-luna\"`: a cheap one will do");
    }
    let share = share(&table, notes);
    let timeout = timeout(&table, notes);
    let effort = table.text("effort", "\"low\"", notes).and_then(|text| models::effort(&text, notes));
    let Some(model) = model else { return };
    let Some(name) = models::model(&model, notes) else { return };
    let (Some(share), Some(timeout)) = (share, timeout) else { return };
    let value = GovernorModel { model: name, share, timeout, effort };
    draft.governor = Some(Placed { value, span: model.span });
}

/// In thousandths; `None`: it is wrong.
fn share(table: &Table<'_>, notes: &mut Notes) -> Option<u32> {
    let Some(text) = table.text("share", "\"2%\"", notes) else {
        return table.get("share").is_none().then_some(SHARE);
    };
    match percent::parse(text.value) {
        Ok(share) if share <= MOST_SHARE => Some(share),
        Ok(_) => {
            let message = format!("`{}` is more than {} of a limit", text.value, percent::show(MOST_SHARE));
            notes.refuse(&text.span, message, "a second opinion is to cost little: write `share = \"2%\"`");
            None
        }
        Err(error) => {
            notes.refuse(
                &text.span,
                format!("`{}` {error}", text.value),
                "write a share of the limit, such as `\"2%\"`",
            );
            None
        }
    }
}

fn timeout(table: &Table<'_>, notes: &mut Notes) -> Option<Duration> {
    let Some(text) = table.text("timeout", "\"30s\"", notes) else {
        return table.get("timeout").is_none().then_some(TIMEOUT);
    };
    match duration::parse(text.value) {
        Ok(timeout) if timeout <= MOST_TIMEOUT => Some(timeout),
        Ok(_) => {
            let message = format!("`{}` is longer than {}", text.value, duration::show(MOST_TIMEOUT));
            notes.refuse(&text.span, message, "at a limit the agent waits so long: write `timeout = \"30s\"`");
            None
        }
        Err(error) => {
            notes.refuse(&text.span, format!("`{}` {error}", text.value), duration::DURATION_HINT);
            None
        }
    }
}
