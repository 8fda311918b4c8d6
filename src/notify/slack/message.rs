//! Messages as Slack shows them: what an agent can name is text there, never markup, and no text is too long.

use serde_json::{Value, json};

use super::event::FORM;
use crate::model::notice::{NoticeProgress, NoticeQuestion};
use crate::model::{Notice, NoticeKind, Timestamp};
use crate::report::text::{count, printable};

/// The most characters of one text in a block, as Slack bounds it.
const MOST: usize = 3_000;

/// The most of what an agent can make long.
const MOST_QUOTED: usize = 2_000;

/// The most of a name.
const MOST_NAME: usize = 100;

/// A message: what a notification says, and what stands in the channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    text: String,
    blocks: Vec<Value>,
}

impl Message {
    /// One of a single text, which is govern's own or escaped.
    pub fn of(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { blocks: vec![section(&text)], text }
    }

    /// As Slack's methods want it.
    pub(super) fn body(&self, channel: &str) -> Value {
        json!({
            "channel": channel, "text": self.text, "blocks": self.blocks,
            "unfurl_links": false, "unfurl_media": false, "link_names": false, "parse": "none",
        })
    }
}

/// A question that waits. With buttons where somebody may press them.
pub fn question(notice: &Notice, asked: &NoticeQuestion, buttons: bool) -> Message {
    let who = notice.agent.as_deref().unwrap_or("an agent");
    let head = format!("*Question {}*: agent {} waits for an answer", asked.id, code(who));
    let mut blocks = vec![section(&head), section(&quoted(&asked.asks))];
    blocks.push(section(&facts(notice, asked).join("\n")));
    if buttons {
        blocks.push(actions(&notice.id, asked));
    }
    let how = format!("in a terminal: {}", code(&format!("govern approve {}", asked.id)));
    blocks.push(context(notice, Some(&how)));
    let text = format!("Question {}: {}", asked.id, escaped(&notice.text, 300));
    Message { text, blocks }
}

/// The same message once nobody waits for an answer any more: who, what, when. `did` is the answer with its amount.
pub fn settled(notice: &Notice, asked: &NoticeQuestion, did: Option<&str>) -> Message {
    let decision = notice.decision.as_ref();
    let answer = decision.and_then(|decision| decision.answer.as_deref()).unwrap_or("answered").replace('_', " ");
    let did = escaped(did.unwrap_or(&answer), 200);
    let by = decision.and_then(|decision| decision.by.as_deref()).unwrap_or("somebody");
    let reason = decision.and_then(|decision| decision.reason.as_deref()).map(|reason| escaped(reason, 500));
    let head = match notice.kind {
        NoticeKind::Expired => format!("*Question {}*: nobody answered in time: *{did}*", asked.id),
        NoticeKind::Withdrawn => format!("*Question {}* needs no answer any more", asked.id),
        _ => format!("*Question {}*: *{did}* by {}", asked.id, escaped(by, MOST_NAME)),
    };
    let head =
        format!("{head}, {}{}", date(notice.time), reason.map_or_else(String::new, |reason| format!("\n>{reason}")));
    let blocks = vec![section(&head), section(&quoted(&asked.asks)), context(notice, None)];
    Message { text: escaped(&notice.text, 300), blocks }
}

/// What happened, in a thread or on its own.
pub fn told(notice: &Notice) -> Message {
    let kind = match notice.kind {
        NoticeKind::Warn => "Warning",
        NoticeKind::Route => "Cheaper model",
        NoticeKind::Pause => "Pause",
        NoticeKind::Stop => "Stop",
        NoticeKind::Kill => "Kill",
        NoticeKind::Alert => "Alert",
        NoticeKind::RunEnd => "Ended",
        NoticeKind::Undelivered => "Not delivered",
        NoticeKind::Test => "Test",
        NoticeKind::Question | NoticeKind::Decided | NoticeKind::Withdrawn | NoticeKind::Expired => "Question",
    };
    let text = escaped(&notice.text, MOST_QUOTED);
    let blocks = vec![section(&format!("*{kind}*: {text}")), context(notice, None)];
    Message { text: format!("{kind}: {}", escaped(&notice.text, 300)), blocks }
}

/// The form that asks by how much.
pub fn form(notice: &Notice, asked: &NoticeQuestion) -> Value {
    let plain = |text: &str| json!({ "type": "plain_text", "text": text });
    let mut amount = json!({ "type": "plain_text_input", "action_id": "amount", "max_length": 40 });
    if let (Some(offer), Some(amount)) = (&asked.offer, amount.as_object_mut()) {
        amount.insert("initial_value".to_owned(), offer.chars().take(40).collect::<String>().into());
    }
    json!({
        "type": "modal", "callback_id": FORM, "private_metadata": notice.id,
        "title": plain(&format!("Question {}", asked.id)), "submit": plain("Extend"), "close": plain("Cancel"),
        "blocks": [
            { "type": "input", "block_id": "amount", "label": plain("Extend by"), "element": amount },
            { "type": "input", "block_id": "reason", "label": plain("Why"), "optional": true,
              "element": { "type": "plain_text_input", "action_id": "reason", "max_length": 300 } },
        ],
    })
}

/// Spend, progress, and what each answer does.
fn facts(notice: &Notice, asked: &NoticeQuestion) -> Vec<String> {
    let offers = |word: &str| asked.options.iter().any(|option| option == word);
    let mut facts = Vec::new();
    if let Some(budget) = &notice.budget {
        let of = |usd: &Option<String>| usd.as_ref().map(|usd| format!("${}", escaped(usd, 40)));
        let spent = match (of(&budget.spent_usd), of(&budget.limit_usd)) {
            (Some(spent), Some(limit)) => format!(": {spent} of {limit} spent"),
            (Some(spent), None) => format!(": {spent} spent"),
            (None, _) => String::new(),
        };
        facts.push(format!("Budget {}{spent}", code(&budget.name)));
    }
    facts.extend(notice.progress.as_ref().map(|progress| format!("So far: {}", so_far(progress))));
    if let Some(allows) = &asked.allows {
        facts.push(format!("*Approve*: {}", escaped(allows, 200)));
    }
    facts.push(format!(
        "*Deny*: {}",
        if offers("for") { "the agent goes on without it" } else { "the agent ends at a safe point" }
    ));
    if let Some(model) = asked.route_to.as_ref().filter(|_| offers("route")) {
        facts.push(format!("*Cheaper model*: it goes on with {}", code(model)));
    }
    if let Some(expires) = asked.expires {
        let otherwise = asked.otherwise.as_deref().unwrap_or("what the policy says");
        facts.push(format!("Nobody answers by {}: {}", date(expires), escaped(otherwise, 40)));
    }
    facts
}

/// Figures only: nothing that an agent wrote.
fn so_far(progress: &NoticeProgress) -> String {
    let mut parts =
        vec![format!("${}", escaped(&progress.cost_usd, 40)), count(progress.responses, "response", "responses")];
    let known = [
        (progress.commands, "command", "commands"),
        (progress.files_changed, "file changed", "files changed"),
        (progress.commits, "commit", "commits"),
        (progress.tests, "test run", "test runs"),
    ];
    parts.extend(known.into_iter().filter_map(|(number, one, many)| Some(count(number?, one, many))));
    parts.join(", ")
}

fn actions(notice: &str, asked: &NoticeQuestion) -> Value {
    const BUTTONS: [(&str, &str); 7] = [
        ("approve", "Approve"),
        ("deny", "Deny"),
        ("extend", "Extend by …"),
        ("for", "Approve for 1 h"),
        ("run", "Approve in this run"),
        ("route", "Cheaper model"),
        ("kill", "Stop now"),
    ];
    let offered = BUTTONS.iter().filter(|(id, _)| asked.options.iter().any(|option| option == id));
    let button = |(id, label): &(&str, &str)| {
        let mut button = json!({
            "type": "button", "action_id": id, "value": notice,
            "text": { "type": "plain_text", "text": label },
        });
        let style = match *id {
            "approve" => Some("primary"),
            "deny" | "kill" => Some("danger"),
            _ => None,
        };
        if let (Some(style), Some(button)) = (style, button.as_object_mut()) {
            button.insert("style".to_owned(), style.into());
        }
        button
    };
    json!({ "type": "actions", "elements": offered.map(button).collect::<Vec<_>>() })
}

/// Which run it is, and whose.
fn context(notice: &Notice, more: Option<&str>) -> Value {
    let mut parts: Vec<String> = notice.run.iter().map(|run| format!("run {}", code(run))).collect();
    parts.extend(notice.team.iter().map(|team| format!("team {}", code(team))));
    parts.extend(notice.project.iter().map(|project| format!("project {}", code(project))));
    parts.extend(more.map(str::to_owned));
    if parts.is_empty() {
        parts.push("govern".to_owned());
    }
    json!({ "type": "context", "elements": [mrkdwn(&parts.join(" · "))] })
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": mrkdwn(text) })
}

/// Nothing in it becomes a link or a mention by itself.
fn mrkdwn(text: &str) -> Value {
    // What went in was bounded: this is for what nobody thought of.
    let text = if text.chars().count() > MOST {
        text.chars().take(MOST - 1).chain(['…']).collect()
    } else {
        text.to_owned()
    };
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

/// In the reader's own zone.
fn date(at: Timestamp) -> String {
    let fallback = crate::report::text::rfc3339(at);
    format!("<!date^{}^{{date_short_pretty}} {{time}}|{fallback}>", at.timestamp())
}

fn code(text: &str) -> String {
    format!("`{}`", escaped(text, MOST_NAME).replace('`', "ˋ"))
}

fn quoted(text: &str) -> String {
    format!("```{}```", escaped(text, MOST_QUOTED).replace('`', "ˋ"))
}

/// Anybody's text without what Slack reads as markup of its own, at most so many characters with its escapes.
pub fn escaped(text: &str, most: usize) -> String {
    let (mut shown, mut length) = (String::new(), 0);
    for c in printable(text).chars() {
        let (piece, width) = match c {
            '&' => ("&amp;", 5),
            '<' => ("&lt;", 4),
            '>' => ("&gt;", 4),
            _ => ("", 1),
        };
        length += width;
        if length >= most {
            shown.push('…');
            break;
        }
        if piece.is_empty() { shown.push(c) } else { shown.push_str(piece) }
    }
    shown
}

#[cfg(test)]
mod tests;
