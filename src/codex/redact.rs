//! A command line that is safe to store: no prompts, no secrets.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::invocation::{Invocation, lossy};
use super::options::{Command, Opt};
use super::secrets::{REDACTED, is_secret_name, is_secret_value, redact};
use super::setting;
use super::tokens::{Meaning, Token};
use crate::model::with_unit::bytes;

/// The command line as it may be stored: one text an argument; prompts become `<prompt, N bytes>`, secrets
/// [`REDACTED`], a shell script's long quotes after `codex` `<quoted, N bytes>`. What is not UTF-8 is shown as it can be.
pub fn redacted(argv: &[OsString]) -> Vec<String> {
    match Invocation::parse(argv) {
        Some(invocation) => codex(&invocation),
        None => other(argv),
    }
}

/// Whether what [`redacted`] stored can start the same work again: it lacks no secret and no text but the prompt.
pub fn is_whole(stored: &[String]) -> bool {
    !stored.iter().any(|word| setting::is_cut(word))
}

fn codex(invocation: &Invocation) -> Vec<String> {
    let session = invocation.session_token();
    let takes_prompts = invocation
        .commands()
        .any(|command| matches!(command, Command::Cloud | Command::Other("queue" | "debug" | "agents")));
    let own = invocation.tokens.iter().flat_map(|token| match &token.meaning {
        // Words are prompts, also those that Codex would ignore.
        Meaning::Word if !session.is_some_and(|session| std::ptr::eq(session, token)) => {
            token.words.iter().map(|word| hidden(word)).collect()
        }
        Meaning::Option(Opt::Config, Some(value)) => config(token, value),
        // What has spaces is no file's name, which Codex would take it for after `-i`, and no session's id.
        Meaning::Option(Opt::Image, _) | Meaning::Word => token.words.iter().map(hidden_if_spaced).collect(),
        Meaning::Opaque if takes_prompts => token.words.iter().map(hidden_if_spaced).collect(),
        Meaning::Unknown => token.words.iter().map(|word| hidden_value(word)).collect(),
        Meaning::Option(..) | Meaning::Command(_) | Meaning::Terminator | Meaning::Opaque => words(&token.words),
    });
    words(&invocation.prefix).into_iter().chain(own.collect::<Vec<_>>()).collect()
}

/// `-c KEY=VALUE`, in one argument or two.
fn config(token: &Token, value: &OsStr) -> Vec<String> {
    let text = lossy(value);
    let safe = setting::safe(&text);
    match token.words.as_slice() {
        [option, _, ..] => vec![lossy(option), safe],
        [attached] => vec![lossy(attached).replace(&text, &safe)],
        [] => Vec::new(),
    }
}

fn other(argv: &[OsString]) -> Vec<String> {
    if let Some((before, invocation)) = behind_others(argv) {
        return words(before).into_iter().chain(codex(&invocation)).collect();
    }
    let mut safe = words(argv);
    for (safe, word) in safe.iter_mut().zip(argv) {
        if let Some(script) = word.to_str().filter(|text| text.contains("codex") && text.contains(char::is_whitespace))
        {
            *safe = redact(&without_quotes(&without_prompts(&without_here_documents(script))));
        }
    }
    safe
}

/// A Codex behind a program that starts it (`timeout 9 codex exec …`), or under a name that is not quite its own
/// (`codex-nightly`), and what stands before its arguments.
fn behind_others(argv: &[OsString]) -> Option<(&[OsString], Invocation)> {
    let mut places = 0..argv.len();
    places.find_map(|at| {
        let (before, own) = argv.split_at_checked(at)?;
        if let Some(invocation) = Invocation::parse(own) {
            return Some((before, invocation));
        }
        let (program, arguments) = own.split_first()?;
        let name = Path::new(program).file_name()?.to_str()?;
        // A script's text has the name in it, too.
        let is_like_codex = name.contains("codex") && !lossy(program).contains(char::is_whitespace);
        let as_codex = [std::slice::from_ref(&OsString::from("codex")), arguments].concat();
        let mut invocation = is_like_codex.then(|| Invocation::parse(&as_codex)).flatten()?;
        invocation.prefix.clear();
        Some((argv.get(..=at)?, invocation))
    })
}

/// Arguments by themselves, and the value that follows an option whose name says that it is secret.
fn words(argv: &[OsString]) -> Vec<String> {
    let mut after_secret_option = false;
    let safe = argv.iter().map(|word| {
        let text = lossy(word);
        let is_value = after_secret_option && !text.starts_with('-') && is_secret_value(&text);
        after_secret_option = text.starts_with("--") && !text.contains('=') && is_secret_name(&text);
        if is_value { REDACTED.to_owned() } else { redact(&text) }
    });
    safe.collect()
}

fn hidden(word: &OsStr) -> String {
    if word == "-" { "-".to_owned() } else { format!("<prompt, {}>", bytes(word.len())) }
}

fn hidden_if_spaced(word: &OsString) -> String {
    let text = lossy(word);
    if text.contains(char::is_whitespace) { hidden(word) } else { redact(&text) }
}

/// An unknown option's attached value may be a text.
fn hidden_value(word: &OsStr) -> String {
    let text = lossy(word);
    match text.split_once('=') {
        Some((name, value)) if value.contains(char::is_whitespace) => format!("{name}={}", setting::size(value)),
        _ => redact(&text),
    }
}

/// A script whose here-documents are kept as their size: they are what a Codex of the script reads, more often than not.
fn without_here_documents(script: &str) -> String {
    let (mut kept, mut body) = (String::new(), 0);
    let mut ends: Option<String> = None;
    for line in script.split_inclusive('\n') {
        match &ends {
            Some(end) if line.trim() == end => {
                kept.push_str(&format!("<text, {}>\n{line}", bytes(body)));
                (ends, body) = (None, 0);
            }
            Some(_) => body += line.len(),
            None => {
                kept.push_str(line);
                let opens = line.replace("<<<", "").split_once("<<").map(|(_, behind)| behind.to_owned());
                let word = opens.as_deref().map(|behind| behind.trim_start_matches('-').trim_start());
                let word = word.and_then(|behind| behind.split(|c: char| " \t\n;|&<>()".contains(c)).next());
                let word = word.map(|word| word.replace(['\'', '"', '\\'], "")).filter(|word| !word.is_empty());
                ends = word.filter(|_| line.ends_with('\n'));
            }
        }
    }
    if ends.is_some() {
        kept.push_str(&format!("<text, {}>", bytes(body)));
    }
    kept
}

/// A script whose commands that start Codex have no prompts of single words: those of several are quoted. What `echo` and
/// `printf` are given may be a prompt, too.
fn without_prompts(script: &str) -> String {
    let (mut kept, mut from) = (String::new(), 0);
    for words in commands(script) {
        let begins = words.iter().position(|word| !leads_in(&word.text)).unwrap_or(words.len());
        let words = words.get(begins..).unwrap_or_default();
        if words.first().is_some_and(|word| matches!(word.text.as_str(), "echo" | "printf")) {
            for word in words.iter().skip(1).filter(|word| !word.text.starts_with('-')) {
                kept.push_str(script.get(from..word.start).unwrap_or_default());
                kept.push_str(&setting::size(&word.text));
                from = word.end;
            }
        }
        let argv: Vec<OsString> = words.iter().map(|word| OsString::from(&word.text)).collect();
        let Some((before, invocation)) = behind_others(&argv) else { continue };
        let session = invocation.session_token();
        let mut place = before.len() + invocation.prefix.len();
        for token in &invocation.tokens {
            let is_prompt =
                token.meaning == Meaning::Word && !session.is_some_and(|session| std::ptr::eq(session, token));
            for word in words.get(place..).unwrap_or_default().iter().take(token.words.len()) {
                if is_prompt && !(word.is_quoted && word.text.contains(char::is_whitespace)) {
                    kept.push_str(script.get(from..word.start).unwrap_or_default());
                    kept.push_str(&hidden(OsStr::new(&word.text)));
                    from = word.end;
                }
            }
            place += token.words.len();
        }
    }
    kept.push_str(script.get(from..).unwrap_or_default());
    kept
}

/// Stands before a command and is none.
fn leads_in(word: &str) -> bool {
    matches!(
        word,
        "!" | "{" | "do" | "then" | "else" | "if" | "while" | "until" | "time" | "exec" | "nohup" | "command"
    ) || word.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_alphanumeric() || c == '_'))
}

/// A word of a script.
struct ScriptWord {
    /// Without its quotes.
    text: String,
    /// Where it stands, in bytes.
    start: usize,
    end: usize,
    is_quoted: bool,
}

/// The words of a script's commands, as far as they can be told without a shell. What a `$` stands for is left as it is.
fn commands(script: &str) -> Vec<Vec<ScriptWord>> {
    let (mut commands, mut words) = (Vec::new(), Vec::new());
    let mut word: Option<ScriptWord> = None;
    let (mut quote, mut escaped) = (None, false);
    for (at, letter) in script.char_indices() {
        let ends = quote.is_none() && !escaped && (letter.is_whitespace() || "|;&()<>`".contains(letter));
        if ends {
            words.extend(word.take());
            if !matches!(letter, ' ' | '\t') {
                commands.push(std::mem::take(&mut words));
            }
            continue;
        }
        let word = word.get_or_insert(ScriptWord { text: String::new(), start: at, end: at, is_quoted: false });
        word.end = at + letter.len_utf8();
        match (quote, letter) {
            _ if escaped => (escaped, _) = (false, word.text.push(letter)),
            (None | Some('"'), '\\') => escaped = true,
            (None, '"' | '\'') => (quote, word.is_quoted) = (Some(letter), true),
            (Some(open), _) if open == letter => quote = None,
            _ => word.text.push(letter),
        }
    }
    words.extend(word);
    commands.push(words);
    commands
}

/// A script whose quotes after the first `codex` are replaced where they hold more than one word: they are prompts more
/// often than not, and a command line is worth keeping without them.
fn without_quotes(script: &str) -> String {
    let Some((before, after)) = script.find("codex").map(|at| script.split_at(at)) else {
        return script.to_owned();
    };
    let mut kept = before.to_owned();
    let mut rest = after;
    while let Some(opening) = rest.find(['"', '\'']) {
        let (plain, quoted) = rest.split_at(opening);
        kept.push_str(plain);
        let (inside, tail) = split_quoted(quoted);
        if inside.contains(char::is_whitespace) {
            kept.push_str(&format!("<quoted, {}>", bytes(inside.len())));
        } else {
            kept.push_str(quoted.strip_suffix(tail).unwrap_or(quoted));
        }
        rest = tail;
    }
    kept.push_str(rest);
    kept
}

/// What is inside the quotes with which the text begins, and what follows them; an open quote goes to the end.
fn split_quoted(text: &str) -> (&str, &str) {
    let mut letters = text.char_indices();
    let Some((_, quote)) = letters.next() else { return ("", "") };
    let inside = text.get(quote.len_utf8()..).unwrap_or_default();
    let mut escaped = false;
    for (at, letter) in inside.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            _ if letter == quote => {
                return (inside.get(..at).unwrap_or_default(), inside.get(at + 1..).unwrap_or_default());
            }
            _ => {}
        }
    }
    (inside, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(words: &[&str]) -> String {
        let argv: Vec<OsString> = words.iter().map(OsString::from).collect();
        redacted(&argv).join(" ")
    }

    #[test]
    fn prompts_are_stored_as_their_size() {
        for (words, expected) in [
            (&["codex", "exec", "--json", "fix the bug"][..], "codex exec --json <prompt, 11 bytes>"),
            (&["codex", "exec", "fix"], "codex exec <prompt, 3 bytes>"),
            (&["codex", "exec", "x"], "codex exec <prompt, 1 byte>"),
            (&["codex", "exec", "-"], "codex exec -"),
            (&["codex", "exec", "--", "--help me"], "codex exec -- <prompt, 9 bytes>"),
            (&["codex", "fix it"], "codex <prompt, 6 bytes>"),
            (&["codex", "exec", "resume", "01a2", "go on"], "codex exec resume 01a2 <prompt, 5 bytes>"),
            (&["codex", "exec", "resume", "--last", "go"], "codex exec resume --last <prompt, 2 bytes>"),
            (
                &["codex", "exec", "old one", "resume", "--last", "go"],
                "codex exec <prompt, 7 bytes> resume --last <prompt, 2 bytes>",
            ),
            (&["codex", "exec", "-i", "a.png", "what is this"], "codex exec -i a.png <prompt, 12 bytes>"),
            (&["codex", "exec", "--unknown", "fix it"], "codex exec --unknown <prompt, 6 bytes>"),
            (&["codex", "review", "look at x"], "codex review <prompt, 9 bytes>"),
            (&["codex", "cloud", "exec", "--env", "e1", "do it now"], "codex cloud exec --env e1 <prompt, 9 bytes>"),
            (
                &["codex", "queue", "--thread", "t", "--message", "stop it"],
                "codex queue --thread t --message <prompt, 7 bytes>",
            ),
            (&["npx", "-y", "@openai/codex", "exec", "fix it"], "npx -y @openai/codex exec <prompt, 6 bytes>"),
            (
                &["bash", "-lc", "cd x && codex exec -m 'gpt-6' \"fix \\\"it\\\" all\" 'and that' | tee 'my log'"],
                "bash -lc cd x && codex exec -m 'gpt-6' <quoted, 14 bytes> <quoted, 8 bytes> | tee <quoted, 6 bytes>",
            ),
            (&["bash", "-c", "echo 'a b'; make"], "bash -c echo 'a b'; make"),
            (&["sh", "-c", "codex exec fix"], "sh -c codex exec <prompt, 3 bytes>"),
            (&["sh", "-c", "codex exec --json 'fix'; true"], "sh -c codex exec --json <prompt, 3 bytes>; true"),
            (
                &["sh", "-c", "cd codex && X=1 codex exec -m gpt-6 resume 01a2 go && ls codex x >out"],
                "sh -c cd codex && X=1 codex exec -m gpt-6 resume 01a2 <prompt, 2 bytes> && ls codex <prompt, 1 byte> >out",
            ),
            (
                &["sh", "-c", "if codex exec fix\\ it; then npx @openai/codex exec go; fi"],
                "sh -c if codex exec <prompt, 6 bytes>; then npx @openai/codex exec <prompt, 2 bytes>; fi",
            ),
            (&["sh", "-c", "codex exec - <in | tee log"], "sh -c codex exec - <in | tee log"),
            (&["timeout", "9", "codex", "exec", "fix it"], "timeout 9 codex exec <prompt, 6 bytes>"),
            (
                &["nice", "-n", "5", "npx", "@openai/codex", "exec", "fix"],
                "nice -n 5 npx @openai/codex exec <prompt, 3 bytes>",
            ),
            (&["xargs", "-0", "codex", "exec", "-m", "gpt-6", "fix"], "xargs -0 codex exec -m gpt-6 <prompt, 3 bytes>"),
            (&["/opt/codex-nightly", "exec", "fix it"], "/opt/codex-nightly exec <prompt, 6 bytes>"),
            (&["timeout", "9", "sh", "-c", "codex exec 'fix it'"], "timeout 9 sh -c codex exec <quoted, 6 bytes>"),
            (&["sh", "-c", "timeout 9 codex exec fix"], "sh -c timeout 9 codex exec <prompt, 3 bytes>"),
            (&["sh", "-c", "codex-nightly exec fix"], "sh -c codex-nightly exec <prompt, 3 bytes>"),
            (
                &["sh", "-c", "echo fix 'it all' | codex exec -"],
                "sh -c echo <text, 3 bytes> <text, 6 bytes> | codex exec -",
            ),
            (
                &["sh", "-c", "printf '%s' \"fix it\" | codex exec"],
                "sh -c printf <text, 2 bytes> <text, 6 bytes> | codex exec",
            ),
            (
                &["bash", "-c", "cd x\ncodex exec - <<'E' | tee log\nfix it\nnow\nE\nls"],
                "bash -c cd x\ncodex exec - <<'E' | tee log\n<text, 11 bytes>\nE\nls",
            ),
            (&["bash", "-c", "codex exec - <<-E\n\tfix it\n\tE"], "bash -c codex exec - <<-E\n<text, 8 bytes>\n\tE"),
            (&["make", "agents"], "make agents"),
            (&["codex", "exec", "päckchen für dich"], "codex exec <prompt, 19 bytes>"),
        ] {
            assert_eq!(stored(words), expected);
        }
    }

    #[test]
    fn secrets_are_not_stored() {
        for (words, expected) in [
            (
                &["codex", "-c", "model_providers.x.experimental_bearer_token=\"abc\"", "exec"][..],
                "codex -c model_providers.x.experimental_bearer_token=<redacted> exec",
            ),
            (
                &["codex", "--config=developer_instructions=be kind", "exec"],
                "codex --config=developer_instructions=<text, 7 bytes> exec",
            ),
            (&["codex", "exec", "--note=for my eyes"], "codex exec --note=<text, 11 bytes>"),
            (&["codex", "mcp", "add", "x", "--env", "GH_PAT=abc1"], "codex mcp add x --env GH_PAT=<redacted>"),
            (&["codex", "--config=api_key=abc"], "codex --config=api_key=<redacted>"),
            (&["codex", "-capi_key=abc"], "codex -capi_key=<redacted>"),
            (
                &["codex", "-c", "openai_base_url=https://me:pw@proxy/v1"],
                "codex -c openai_base_url=https://me:<redacted>@proxy/v1",
            ),
            (
                &["codex", "-c", "shell_environment_policy.set={GITHUB_TOKEN=\"x\",CI=\"1\"}"],
                "codex -c shell_environment_policy.set=<redacted>",
            ),
            // These are no secrets, and a command line goes on only with them.
            (
                &["codex", "-c", "model_providers.x.env_key=\"KEY\"", "-c", "tool_output_token_limit=100"],
                "codex -c model_providers.x.env_key=\"KEY\" -c tool_output_token_limit=100",
            ),
            (&["env", "OPENAI_API_KEY=abc", "codex", "exec"], "env OPENAI_API_KEY=<redacted> codex exec"),
            (&["deploy", "--token", "abc", "--now"], "deploy --token <redacted> --now"),
            (&["deploy", "--token", "--now"], "deploy --token --now"),
            (&["bash", "-c", "GH_TOKEN=abc codex exec hi"], "bash -c GH_TOKEN=<redacted> codex exec <prompt, 2 bytes>"),
        ] {
            assert_eq!(stored(words), expected);
        }
    }
}
