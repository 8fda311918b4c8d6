//! A notice as a letter: headers that nothing can break out of, a plain part and an HTML part.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use chrono_tz::Tz;

use crate::model::{Notice, NoticeKind, Timestamp, Token, Whence};
use crate::report::text::{moment, printable};

/// Who writes to whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope<'a> {
    pub(super) from_name: Option<&'a str>,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
}

/// How the reader can answer a question.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answers<'a> {
    /// By this token, and on a page below this address, if there is one.
    By(&'a Token, Option<&'a str>),
    /// Not, and why.
    Not(&'a str),
    /// It is no question.
    Nothing,
}

/// What stands before the link.
const LINK: &str = "To read it and answer in a browser:";

/// The longest line that needs no folding, and the longest subject.
const LINE: usize = 76;
const SUBJECT: usize = 120;

/// What is known beside the notice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beside<'a> {
    /// Where it is from.
    pub(super) whence: &'a Whence,
    /// The zone that times are shown in.
    pub(super) zone: Tz,
}

/// The whole letter.
pub(super) fn write(notice: &Notice, envelope: Envelope<'_>, beside: Beside<'_>, answers: Answers<'_>) -> String {
    let body = Body::of(notice, beside, answers);
    let boundary = format!("govern-{}", mark(&notice.id));
    let mut out = headers(notice, envelope);
    let _ = write!(out, "Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n");
    for (kind, text) in [("plain", body.plain()), ("html", body.html())] {
        let _ = write!(
            out,
            "--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        );
        out.push_str(&quoted(&text));
    }
    let _ = write!(out, "--{boundary}--\r\n");
    out
}

fn headers(notice: &Notice, Envelope { from_name, from, to }: Envelope<'_>) -> String {
    let host = from.rsplit_once('@').map_or("localhost", |(_, host)| host);
    let id = |notice: &str| format!("<{}.{}@{host}>", plain_id(notice), mark(to));
    let from = match from_name {
        Some(name) => format!("{} <{from}>", words(&printable(name))),
        None => from.to_owned(),
    };
    let subject: String = subject(notice).chars().take(SUBJECT).collect();
    let mut out = format!(
        "From: {from}\r\nTo: {to}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: {}\r\n",
        words(&printable(&subject)),
        notice.time.to_rfc2822(),
        id(&notice.id)
    );
    // All of a run is one thread, which no letter began; what became of a question is an answer to that.
    let run = notice.run.as_deref().map(|run| format!("<run.{}.{}@{host}>", plain_id(run), mark(to)));
    let question = settles(notice.kind).then(|| notice.id.rsplit_once('_').map(|(asked, _)| id(asked))).flatten();
    if let Some(parent) = question.as_ref().or(run.as_ref()) {
        let _ = write!(out, "In-Reply-To: {parent}\r\n");
        let above: Vec<&str> = run.iter().chain(&question).map(String::as_str).collect();
        let _ = write!(out, "References: {}\r\n", above.join("\r\n "));
    }
    out.push_str("Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\nMIME-Version: 1.0\r\n");
    out
}

fn settles(kind: NoticeKind) -> bool {
    matches!(kind, NoticeKind::Decided | NoticeKind::Withdrawn | NoticeKind::Expired)
}

fn subject(notice: &Notice) -> String {
    let who = notice.agent.as_deref().unwrap_or("govern");
    match (notice.kind, &notice.question) {
        (NoticeKind::Question, Some(question)) => format!("[govern] {who} asks ({}): {}", question.id, question.asks),
        _ => format!("[govern] {}", notice.text),
    }
}

/// What the parts say.
struct Body {
    first: String,
    rows: Vec<(&'static str, String)>,
    link: Option<String>,
    commands: Vec<(&'static str, String)>,
    last: Option<String>,
}

impl Body {
    fn of(notice: &Notice, Beside { whence, zone }: Beside<'_>, answers: Answers<'_>) -> Self {
        let mut rows = Vec::new();
        let mut row =
            |name: &'static str, value: Option<String>| rows.extend(value.map(|value| (name, printable(&value))));
        row("run", notice.run.clone());
        row("agent", notice.agent.clone());
        row("team", notice.team.clone());
        row("project", notice.project.clone());
        if let Some(budget) = &notice.budget {
            row("budget", Some(budget.name.clone()));
            let spent = budget.spent_usd.as_ref().zip(budget.limit_usd.as_ref());
            row("spent", spent.map(|(spent, limit)| format!("{} of {}, list price", usd(spent), usd(limit))));
        }
        let question = notice.question.as_ref().filter(|_| notice.kind == NoticeKind::Question);
        row("a yes", question.and_then(|question| question.allows.clone()));
        row("unanswered", question.and_then(|question| question.otherwise.clone()));
        row(
            "wait",
            question.and_then(|question| question.expires).map(|expires| format!("until {}", shown(expires, zone))),
        );
        let approvers = question.map(|question| question.approvers.join(" or ")).filter(|who| !who.is_empty());
        row("may answer", approvers);
        row("reason", notice.decision.as_ref().and_then(|decision| decision.reason.clone()));
        row("at", Some(shown(notice.time, zone)));
        row("command", whence.command.clone());
        row("folder", whence.folder.clone());
        row("account", Some(whence.account.clone()));
        row("machine", Some(whence.machine.clone()));
        let commands = match (question, answers) {
            (Some(question), Answers::By(token, _)) => {
                let line =
                    |verb: &str, more: &str| format!("govern {verb} {}{more} --token {}", question.id, token.text());
                let has = |word: &str| question.options.iter().any(|option| option == word);
                let mut commands = vec![("To allow it:", line("approve", ""))];
                if has("extend") {
                    commands.push(("To allow another amount:", line("approve", " --extend AMOUNT")));
                }
                if has("route") {
                    commands.push(("To continue with the next cheaper model:", line("approve", " --route")));
                }
                commands.push(("To refuse it:", line("deny", "")));
                commands
            }
            (None, Answers::By(token, _)) => {
                let verb = if notice.kind == NoticeKind::Pause { "continue" } else { "resume" };
                let run = notice.run.as_deref().map(plain_id).unwrap_or_default();
                vec![("To let it go on:", format!("govern {verb} {run} --token {}", token.text()))]
            }
            (_, Answers::Not(_) | Answers::Nothing) => Vec::new(),
        };
        let last = match (question, answers) {
            (_, Answers::By(..)) => Some(format!(
                "Commands are typed on {}, as {}, in a terminal that no agent started. The token is yours alone and good \
                 for one answer: do not pass this letter on.",
                whence.machine, whence.account
            )),
            (Some(_), Answers::Not(why)) => Some(why.to_owned()),
            (Some(_), Answers::Nothing) | (None, Answers::Not(_) | Answers::Nothing) => None,
        };
        let first = match &notice.question {
            Some(question) if notice.kind == NoticeKind::Question => {
                format!("{} asks: {}", notice.agent.as_deref().unwrap_or("An agent"), question.asks)
            }
            _ => notice.text.clone(),
        };
        let link = match (question, answers) {
            (Some(question), Answers::By(token, Some(base))) => {
                Some(format!("{base}/questions/{}?token={}", question.id, token.text()))
            }
            _ => None,
        };
        Self { first: printable(&first), rows, link, commands, last: last.as_deref().map(printable) }
    }

    fn plain(&self) -> String {
        let mut out = format!("{}\n\n", self.first);
        for (name, value) in &self.rows {
            let _ = writeln!(out, "{name:<12}{value}");
        }
        if let Some(link) = &self.link {
            let _ = write!(out, "\n{LINK}\n\n{link}\n");
        }
        for (what, command) in &self.commands {
            let _ = write!(out, "\n{what}\n\n{command}\n");
        }
        if let Some(last) = &self.last {
            let _ = write!(out, "\n{last}\n");
        }
        out
    }

    fn html(&self) -> String {
        let mut out = String::from(
            "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"></head>\n\
             <body style=\"font-family:sans-serif;max-width:40em\">\n",
        );
        let _ = writeln!(out, "<p style=\"font-size:1.1em\">{}</p>", html(&self.first));
        out.push_str("<table style=\"border-spacing:0\">\n");
        for (name, value) in &self.rows {
            let _ = writeln!(
                out,
                "<tr><td style=\"color:#666;padding-right:1em;vertical-align:top\">{name}</td><td>{}</td></tr>",
                html(value)
            );
        }
        out.push_str("</table>\n");
        if let Some(link) = &self.link {
            let _ = writeln!(out, "<p>{LINK}</p>\n<p><a href=\"{0}\">{0}</a></p>", html(link));
        }
        for (what, command) in &self.commands {
            let _ = writeln!(
                out,
                "<p>{what}</p>\n<pre style=\"white-space:pre-wrap;overflow-wrap:anywhere;background:#eee;color:#000;padding:.6em\">{}</pre>",
                html(command)
            );
        }
        if let Some(last) = &self.last {
            let _ = writeln!(out, "<p>{}</p>", html(last));
        }
        out.push_str("</body></html>\n");
        out
    }
}

fn usd(decimal: &str) -> String {
    format!("${decimal}")
}

/// In the zone of the policy, which is named.
fn shown(time: Timestamp, zone: Tz) -> String {
    format!("{} {}", moment(time, zone), zone.name())
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Ids are govern's own; whatever else stands in a ledger's row does not get into a header.
fn plain_id(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(100).collect()
}

/// Tells one reader's letters from another's, without naming anybody.
fn mark(text: &str) -> String {
    Sha256::digest(text).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// A header's words, in lines that are short enough: as they are, or encoded (RFC 2047).
fn words(text: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !"\"()<>@,;:\\[]=?".contains(c) || c == ' ';
    if text.len() < LINE - 12 && text.chars().all(plain) && !text.trim().is_empty() {
        return text.trim().to_owned();
    }
    let mut encoded: Vec<String> = Vec::new();
    let mut part = String::new();
    for c in text.chars() {
        if part.len() + c.len_utf8() > 42 {
            encoded.push(std::mem::take(&mut part));
        }
        part.push(c);
    }
    encoded.push(part);
    let word = |part: &String| format!("=?utf-8?B?{}?=", STANDARD.encode(part));
    encoded.iter().map(word).collect::<Vec<_>>().join("\r\n ")
}

/// Quoted-printable (RFC 2045): short lines of ASCII. No line begins as a boundary does.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let mut length = 0;
        let bytes = line.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            let is_last = at + 1 == bytes.len();
            let plain = match byte {
                b'=' => false,
                b' ' => !is_last,
                b'-' | b'.' => length > 0,
                byte => byte.is_ascii_graphic(),
            };
            let needs = if plain { 1 } else { 3 };
            if length + needs > LINE - 1 {
                out.push_str("=\r\n");
                length = 0;
            }
            // A line that was just begun may begin with what it may not.
            if plain && !(length == 0 && matches!(byte, b'-' | b'.')) {
                out.push(char::from(*byte));
                length += 1;
            } else {
                let _ = write!(out, "={byte:02X}");
                length += 3;
            }
        }
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::notice::{NOTICE_SCHEMA, NoticeBudget, NoticeQuestion};

    const HOSTILE: &str = "x\r\nBcc: eve@evil.example\r\n\r\n<script>alert(1)</script> \u{1b}[31m\u{202e}--govern-1";

    fn question(asks: &str) -> Notice {
        let time = Timestamp::from_timestamp_millis(1_800_000_000_000).unwrap();
        Notice {
            schema: NOTICE_SCHEMA.to_owned(),
            id: "msg_0190".to_owned(),
            time,
            kind: NoticeKind::Question,
            run: Some("k3f9x27m1a".to_owned()),
            agent: Some("codex".to_owned()),
            team: Some("web".to_owned()),
            project: None,
            text: format!("codex: {asks}"),
            budget: Some(NoticeBudget {
                name: "each run".to_owned(),
                window: None,
                spent_usd: Some("4.93".to_owned()),
                limit_usd: Some("5".to_owned()),
            }),
            question: Some(NoticeQuestion {
                id: 7,
                asks: asks.to_owned(),
                options: ["approve", "extend", "deny"].map(str::to_owned).to_vec(),
                expires: Some(time + chrono::TimeDelta::minutes(30)),
                allows: Some("1 usd more".to_owned()),
                offer: None,
                route_to: None,
                otherwise: Some("stop".to_owned()),
                approvers: Vec::new(),
            }),
            decision: None,
            progress: None,
            alert: None,
        }
    }

    fn beside() -> Beside<'static> {
        static WHENCE: std::sync::OnceLock<Whence> = std::sync::OnceLock::new();
        let whence = WHENCE.get_or_init(|| Whence {
            machine: "build-3".to_owned(),
            account: "sam".to_owned(),
            folder: Some("/home/sam/shop".to_owned()),
            command: Some("codex exec …".to_owned()),
        });
        Beside { whence, zone: Tz::Europe__Berlin }
    }

    const ENVELOPE: Envelope<'_> =
        Envelope { from_name: Some("govern"), from: "govern@acme.example", to: "lead@acme.example" };

    #[test]
    fn a_question_is_a_letter_that_can_be_read_and_answered() {
        let token = Token::of(7);
        let letter = write(
            &question("$4.93 of $5.00 (each run)"),
            ENVELOPE,
            beside(),
            Answers::By(&token, Some("https://govern.acme.example")),
        );
        for line in [
            "From: govern <govern@acme.example>",
            "To: lead@acme.example",
            "Auto-Submitted: auto-generated",
            "codex asks: $4.93 of $5.00 (each run)",
            "spent       $4.93 of $5, list price",
            "unanswered  stop",
            "a yes       1 usd more",
            "wait        until 2027-01-15 09:30 Europe/Berlin",
            "command     codex exec =E2=80=A6",
            "machine     build-3",
        ] {
            assert!(letter.contains(&format!("{line}\r\n")), "{line}\n{letter}");
        }
        let link = format!("https://govern.acme.example/questions/7?token=3D{}", token.text());
        assert!(letter.replace("=\r\n", "").contains(&link), "{letter}");
        let command = format!("\r\ngovern approve 7 --token {}\r\n", token.text());
        assert!(letter.contains(&command), "{letter}");
    }

    #[test]
    fn nothing_in_a_notice_breaks_out_of_its_place() {
        let mut notice = question(HOSTILE);
        notice.agent = Some(HOSTILE.to_owned());
        notice.run = Some(HOSTILE.to_owned());
        let letter = write(&notice, ENVELOPE, beside(), Answers::Not(HOSTILE));
        let (headers, body) = letter.split_once("\r\n\r\n").unwrap();
        for line in headers.split("\r\n") {
            assert!(line.len() <= 998 && !line.contains(['\n', '\r', '\u{1b}']), "{line:?}");
            let known = [
                "From",
                "To",
                "Subject",
                "Date",
                "Message-ID",
                "In-Reply-To",
                "References",
                "Auto-Submitted",
                "X-Auto-Response-Suppress",
                "MIME-Version",
                "Content-Type",
            ];
            assert!(line.starts_with(' ') || known.iter().any(|name| line.starts_with(&format!("{name}: "))), "{line}");
        }
        let (_, page) = body.split_once("text/html").unwrap();
        assert!(
            letter.is_ascii() && !page.contains("<script") && !body.lines().any(|line| line.starts_with("Bcc")),
            "{body}"
        );
        let boundaries = body.lines().filter(|line| line.starts_with("--")).count();
        assert_eq!(boundaries, 3, "{body}");
    }

    #[test]
    fn what_became_of_a_question_answers_its_letter() {
        let asked = write(&question("x"), ENVELOPE, beside(), Answers::Nothing);
        let id = asked.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap();
        let decided = Notice { id: "msg_0190_decided".to_owned(), kind: NoticeKind::Decided, ..question("x") };
        let letter = write(&decided, ENVELOPE, beside(), Answers::Nothing);
        assert!(letter.contains(&format!("In-Reply-To: {id}")), "{letter}");
        let other = write(&question("x"), Envelope { to: "bob@acme.example", ..ENVELOPE }, beside(), Answers::Nothing);
        assert!(!other.contains(id), "each reader's letter is another one");
    }

    #[test]
    fn long_lines_and_umlauts_arrive_as_they_were() {
        assert_eq!(quoted("a=b \n--x\n.\n"), "a=3Db=20\r\n=2D-x\r\n=2E\r\n");
        assert_eq!(quoted("ü"), "=C3=BC\r\n");
        assert!(quoted(&"word ".repeat(60)).lines().all(|line| line.len() <= LINE));
        assert_eq!(words("plain words"), "plain words");
        assert_eq!(words("Zürich"), "=?utf-8?B?WsO8cmljaA==?=");
        assert!(words(&"ü".repeat(100)).split("\r\n ").all(|word| word.len() <= 75));
    }
}
