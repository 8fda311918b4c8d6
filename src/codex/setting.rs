//! Which `-c KEY=VALUE` may be written down: those that are known to hold neither a secret nor a text.

use super::secrets::{REDACTED, redact};
use crate::model::with_unit::bytes;

/// What a key's value may be to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A name, a number, or an array of them: no spaces, nothing long.
    Word,
    /// A file or a folder, or an array of them.
    Path,
    /// An address, without what stands before its `@` and after its `?`.
    Url,
    /// Whole words for a person: their size is kept.
    Text,
}

/// Patterns of dotted keys and what their values may be: `*` is one part of any name. `profiles.NAME.KEY` is as `KEY`.
/// What is not here is not kept, except `true` and `false`.
const KEPT: &[(&str, Kind)] = &[
    ("approval_policy", Kind::Word),
    ("approvals_reviewer", Kind::Word),
    ("agents.max_depth", Kind::Word),
    ("agents.max_threads", Kind::Word),
    ("agents.job_max_runtime_seconds", Kind::Word),
    ("background_terminal_max_timeout", Kind::Word),
    ("cli_auth_credentials_store", Kind::Word),
    ("default_permissions", Kind::Word),
    ("features.*", Kind::Word),
    ("features.rollout_budget.limit_tokens", Kind::Word),
    ("features.rollout_budget.reminder_at_remaining_tokens", Kind::Word),
    ("file_opener", Kind::Word),
    ("forced_login_method", Kind::Word),
    ("history.max_bytes", Kind::Word),
    ("history.persistence", Kind::Word),
    ("log_dir", Kind::Path),
    ("mcp_servers.*.startup_timeout_ms", Kind::Word),
    ("mcp_servers.*.startup_timeout_sec", Kind::Word),
    ("mcp_servers.*.tool_timeout_sec", Kind::Word),
    ("model", Kind::Word),
    ("model_auto_compact_token_limit", Kind::Word),
    ("model_catalog_json", Kind::Path),
    ("model_context_window", Kind::Word),
    ("model_max_output_tokens", Kind::Word),
    ("model_provider", Kind::Word),
    ("model_providers.*.base_url", Kind::Url),
    ("model_providers.*.env_key", Kind::Word),
    ("model_providers.*.name", Kind::Word),
    ("model_providers.*.request_max_retries", Kind::Word),
    ("model_providers.*.stream_idle_timeout_ms", Kind::Word),
    ("model_providers.*.stream_max_retries", Kind::Word),
    ("model_providers.*.websocket_connect_timeout_ms", Kind::Word),
    ("model_providers.*.wire_api", Kind::Word),
    ("model_reasoning_effort", Kind::Word),
    ("model_reasoning_summary", Kind::Word),
    ("model_reasoning_summary_format", Kind::Word),
    ("model_verbosity", Kind::Word),
    ("chatgpt_base_url", Kind::Url),
    ("openai_base_url", Kind::Url),
    ("oss_provider", Kind::Word),
    ("personality", Kind::Word),
    ("plan_mode_reasoning_effort", Kind::Word),
    ("preferred_auth_method", Kind::Word),
    ("profile", Kind::Word),
    ("project_doc_fallback_filenames", Kind::Path),
    ("project_doc_max_bytes", Kind::Word),
    ("projects.*.trust_level", Kind::Word),
    ("review_model", Kind::Word),
    ("sandbox_mode", Kind::Word),
    ("sandbox_workspace_write.writable_roots", Kind::Path),
    ("service_tier", Kind::Word),
    ("shell_environment_policy.exclude", Kind::Word),
    ("shell_environment_policy.include_only", Kind::Word),
    ("shell_environment_policy.inherit", Kind::Word),
    ("tool_output_token_limit", Kind::Word),
    ("tools.*", Kind::Word),
    ("tools.web_search.allowed_domains", Kind::Word),
    ("tools.web_search.context_size", Kind::Word),
    ("web_search", Kind::Word),
    ("base_instructions", Kind::Text),
    ("compact_prompt", Kind::Text),
    ("developer_instructions", Kind::Text),
    ("instructions", Kind::Text),
    ("model_instructions", Kind::Text),
    ("user_instructions", Kind::Text),
];

/// What a `-c` option names, as it may be written down.
pub(super) fn safe(setting: &str) -> String {
    let Some((key, value)) = setting.split_once('=') else { return REDACTED.to_owned() };
    let (key, value) = (key.trim(), value.trim());
    let path: Vec<&str> = parts(key);
    if !path.iter().all(|part| is_name(part)) {
        return format!("{REDACTED}={REDACTED}");
    }
    if kind(&path) == Some(Kind::Text) {
        return format!("{key}={}", size(value));
    }
    let kept = value_of(value).is_some_and(|read| is_kept(&path, &read));
    if !kept {
        return format!("{key}={REDACTED}");
    }
    // What an address may hold is in its words still.
    format!("{key}={}", redact(&without_queries(value)))
}

/// What stands for a text in a stored command line.
pub(super) fn size(text: &str) -> String {
    format!("<text, {}>", bytes(text.len()))
}

/// A stored command line's argument that says less than the one that was given; a prompt does not count.
pub(super) fn is_cut(word: &str) -> bool {
    let text =
        word.split_once("=<text, ").is_some_and(|(_, rest)| rest.ends_with(" bytes>") || rest.ends_with(" byte>"));
    text || word.contains(REDACTED)
}

fn parts(key: &str) -> Vec<&str> {
    key.split('.').map(|part| part.trim().trim_matches(['"', '\''])).collect()
}

/// Of the letters that keys have, and no key in the other sense.
fn is_name(part: &str) -> bool {
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '/' | '~' | '@' | ':');
    part.len() <= 128 && part.chars().all(plain) && redact(part) == part
}

fn kind(path: &[&str]) -> Option<Kind> {
    let path = match path {
        ["profiles", _, rest @ ..] => rest,
        path => path,
    };
    let matches = |pattern: &str| {
        let wanted: Vec<&str> = pattern.split('.').collect();
        wanted.len() == path.len() && wanted.iter().zip(path).all(|(wanted, part)| *wanted == "*" || wanted == part)
    };
    KEPT.iter().find(|(pattern, _)| matches(pattern)).map(|(_, kind)| *kind)
}

/// A TOML value, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
enum Value<'a> {
    /// A string without its quotes, a number, `true`, or what Codex takes for a string because it is no TOML.
    Plain(&'a str),
    Array(Vec<Value<'a>>),
    Table(Vec<(&'a str, Value<'a>)>),
}

fn is_kept(path: &[&str], value: &Value<'_>) -> bool {
    match value {
        Value::Plain(text) => match kind(path) {
            _ if matches!(*text, "true" | "false") => !holds_any_name(path),
            Some(Kind::Word) => is_word(text),
            Some(Kind::Path) => text.len() <= 4096 && !text.contains(['\n', '=']),
            Some(Kind::Url) => text.contains("://") && !text.contains(char::is_whitespace),
            Some(Kind::Text) | None => false,
        },
        Value::Array(values) => values.iter().all(|value| is_kept(path, value)),
        Value::Table(entries) => entries.iter().all(|(key, value)| {
            let longer: Vec<&str> = path.iter().copied().chain(parts(key)).collect();
            longer.iter().all(|part| is_name(part)) && is_kept(&longer, value)
        }),
    }
}

/// Tables whose keys are the user's own words.
fn holds_any_name(path: &[&str]) -> bool {
    path.iter().any(|part| matches!(*part, "env" | "set") || part.ends_with("headers"))
}

fn is_word(text: &str) -> bool {
    const LONGEST: usize = 80;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.:/+@*".contains(letter);
    text.len() <= LONGEST && text.chars().all(plain)
}

/// An address's query and fragment may hold anything.
fn without_queries(value: &str) -> String {
    let Some((before, after)) = value.split_once("://") else { return value.to_owned() };
    let end = after.find(['"', '\'', ',', '}', ']']).unwrap_or(after.len());
    let (address, rest) = after.split_at(end);
    let address = match address.find(['?', '#']) {
        Some(at) => format!("{}{REDACTED}", address.get(..=at).unwrap_or_default()),
        None => address.to_owned(),
    };
    format!("{before}://{address}{}", without_queries(rest))
}

/// Reads a value whole; `None` if it is not plain TOML of one line.
fn value_of(text: &str) -> Option<Value<'_>> {
    let bare = !text.starts_with(['"', '\'', '[', '{']);
    if bare {
        return Some(Value::Plain(text));
    }
    let (value, rest) = read(text, 0)?;
    rest.trim().is_empty().then_some(value)
}

fn read(text: &str, depth: usize) -> Option<(Value<'_>, &str)> {
    const DEEPEST: usize = 8;
    let text = text.trim_start();
    match text.chars().next()? {
        _ if depth > DEEPEST => None,
        quote @ ('"' | '\'') => {
            let (inside, rest) = text.get(1..)?.split_once(quote)?;
            // An escape or a long string may hide where it ends.
            (!inside.contains('\\') && !rest.starts_with(quote)).then_some((Value::Plain(inside), rest))
        }
        '[' => {
            let mut values = Vec::new();
            let mut rest = text.get(1..)?.trim_start();
            while !rest.starts_with(']') {
                let (value, after) = read(rest, depth + 1)?;
                values.push(value);
                rest = after_comma(after, ']')?;
            }
            Some((Value::Array(values), rest.get(1..)?))
        }
        '{' => {
            let mut entries = Vec::new();
            let mut rest = text.get(1..)?.trim_start();
            while !rest.starts_with('}') {
                let (key, after) = rest.split_once('=')?;
                let (value, after) = read(after, depth + 1)?;
                entries.push((key.trim(), value));
                rest = after_comma(after, '}')?;
            }
            Some((Value::Table(entries), rest.get(1..)?))
        }
        _ => {
            let end = text.find([',', ']', '}']).unwrap_or(text.len());
            let (word, rest) = text.split_at(end);
            Some((Value::Plain(word.trim()), rest))
        }
    }
}

/// What follows a comma, or begins with the end.
fn after_comma(text: &str, end: char) -> Option<&str> {
    let text = text.trim_start();
    match text.strip_prefix(',') {
        Some(rest) => Some(rest.trim_start()),
        None => text.starts_with(end).then_some(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_known_to_be_harmless_is_kept() {
        for setting in [
            "model=\"gpt-6.1-sol\"",
            "model=gpt-6.1-sol",
            "model_reasoning_effort=\"low\"",
            "approval_policy=never",
            "sandbox_mode='workspace-write'",
            "sandbox_workspace_write.network_access=true",
            "sandbox_workspace_write.writable_roots=[\"/a\", \"/b c\"]",
            "sandbox_workspace_write={writable_roots=[\"/a\"],network_access=true}",
            "notice={}",
            "notice.hide_full_access_warning=true",
            "features.hooks=false",
            "features={hooks=false, web_search=true}",
            "features.rollout_budget={enabled=true,limit_tokens=5000,reminder_at_remaining_tokens=[100,50]}",
            "hide_agent_reasoning=true",
            "profiles.ci.model_verbosity=\"high\"",
            "tools.web_search=true",
            "mcp_servers.x.enabled=false",
            "tool_output_token_limit=10000",
            "model_providers.mock.env_key=\"MOCK_KEY\"",
            "model_providers.mock={name=\"mock\",base_url=\"http://127.0.0.1:80/v1\",wire_api=\"responses\",env_key=\"K\",requires_openai_auth=false,request_max_retries=0}",
            "openai_base_url=\"https://proxy.example/v1\"",
            "projects.\"/work/a\".trust_level=\"trusted\"",
        ] {
            assert_eq!(safe(setting), setting);
            assert!(!is_cut(setting), "{setting}");
        }
    }

    #[test]
    fn everything_else_goes() {
        for (setting, expected) in [
            ("mcp_servers.x={command=\"a\",env={GH_PAT=\"abcd1234efgh\"}}", "mcp_servers.x=<redacted>"),
            ("mcp_servers.x.env={GH_PAT=\"abcd1234efgh\"}", "mcp_servers.x.env=<redacted>"),
            ("mcp_servers.x.env.A=true", "mcp_servers.x.env.A=<redacted>"),
            ("mcp_servers.x.args=[\"--key\",\"abcd\"]", "mcp_servers.x.args=<redacted>"),
            ("model_providers.m.http_headers={\"X-Auth\"=\"zzz9secret\"}", "model_providers.m.http_headers=<redacted>"),
            ("model_providers.m={name=\"m\",http_headers={a=\"zzz\"}}", "model_providers.m=<redacted>"),
            ("model_providers.m.query_params={key=\"zzz\"}", "model_providers.m.query_params=<redacted>"),
            (
                "model_providers.m.experimental_bearer_token=\"abc\"",
                "model_providers.m.experimental_bearer_token=<redacted>",
            ),
            ("shell_environment_policy.set={CI=\"1\"}", "shell_environment_policy.set=<redacted>"),
            ("developer_instructions=\"my private instructions\"", "developer_instructions=<text, 25 bytes>"),
            ("profiles.x.instructions=be kind", "profiles.x.instructions=<text, 7 bytes>"),
            ("notify=[\"curl\",\"https://x/?t=1\"]", "notify=<redacted>"),
            ("a_key_of_the_future=\"zzz\"", "a_key_of_the_future=<redacted>"),
            ("a_key_of_the_future=12", "a_key_of_the_future=<redacted>"),
            ("model=\"my private words\"", "model=<redacted>"),
            ("model=\"a\\\" b\"", "model=<redacted>"),
            ("model=\"\"\"a\"\"\"", "model=<redacted>"),
            ("features={hooks=true", "features=<redacted>"),
            ("model=sk-proj-abcdefghijklmnop0123", "model=<redacted>"),
            ("my private words", "<redacted>"),
            ("my private=words", "<redacted>=<redacted>"),
            ("sk-proj-abcdefghijklmnop0123=1", "<redacted>=<redacted>"),
            ("openai_base_url=https://me:pw@proxy/v1", "openai_base_url=https://me:<redacted>@proxy/v1"),
            ("openai_base_url=\"https://proxy/v1?code=abc\"", "openai_base_url=\"https://proxy/v1?<redacted>\""),
        ] {
            assert_eq!(safe(setting), expected);
            assert!(is_cut(expected), "{expected}");
        }
    }

    proptest! {
        #[test]
        fn no_value_of_an_unknown_key_is_kept(value in "\\PC{0,60}") {
            let kept = safe(&format!("mcp_servers.x.command={value}"));
            prop_assert!(kept == format!("mcp_servers.x.command={REDACTED}") || !value.contains(char::is_alphanumeric)
                || matches!(value.trim(), "true" | "false"), "{kept}");
        }

        #[test]
        fn any_text_is_taken_without_a_panic(text in "[a-z=.\\[\\]{}\"', é]{0,60}") {
            let _ = safe(&text);
            let _ = safe(&format!("model_providers.{text}"));
        }
    }
}
