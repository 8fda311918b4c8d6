//! The command that asks a governor model one question: a Codex that has nothing but its prompt.

use std::ffi::OsString;
use std::path::Path;

use crate::model::ModelId;

/// What is asked, and where its answer goes.
pub struct Consultation<'a> {
    /// Whom.
    pub model: &'a ModelId,
    /// With what reasoning effort.
    pub effort: Option<&'a str>,
    /// A file with the JSON schema of the answer.
    pub schema: &'a Path,
    /// The file that the answer is written to.
    pub answer: &'a Path,
    /// Servers of the user's configuration, by name: none of them is started.
    pub servers: &'a [String],
    /// The question.
    pub prompt: &'a str,
}

/// The command line, behind the same `launcher` as the agents' own, such as `codex` or `npx @openai/codex`. No flag
/// takes all of the user's servers away (tried with 0.169: `-c mcp_servers={}` leaves them), so that each is named.
/// `--ephemeral` is no way to keep the question out of the user's sessions: what writes no session cannot be metered.
pub fn command(launcher: &[OsString], asked: &Consultation<'_>) -> Vec<OsString> {
    let mut argv = launcher.to_vec();
    let mut add = |words: &[&str]| argv.extend(words.iter().map(OsString::from));
    add(&["exec", "-m", asked.model.as_str(), "-s", "read-only", "--skip-git-repo-check", "--color", "never"]);
    add(&["-c", "features.hooks=false", "-c", "web_search=\"disabled\""]);
    if let Some(effort) = asked.effort {
        add(&["-c", &format!("model_reasoning_effort=\"{effort}\"")]);
    }
    for server in asked.servers {
        add(&["-c", &format!("mcp_servers.{server}.enabled=false")]);
    }
    argv.extend(["--output-schema".into(), asked.schema.into(), "-o".into(), asked.answer.into()]);
    argv.push(asked.prompt.into());
    argv
}

/// The servers of a `config.toml`, as far as it can be read. Codex takes no other names than these.
pub fn servers(config: &str) -> Vec<String> {
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    let config: toml::Table = config.parse().unwrap_or_default();
    let servers = config.get("mcp_servers").and_then(toml::Value::as_table);
    servers.into_iter().flat_map(|servers| servers.keys()).filter(|name| plain(name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_asked_with_nothing_else_in_reach() {
        let asked = Consultation {
            model: &ModelId::new("gpt-6-luna"),
            effort: Some("low"),
            schema: Path::new("/s/schema.json"),
            answer: Path::new("/s/answer.json"),
            servers: &["docs".to_owned()],
            prompt: "what now?",
        };
        let argv = command(&["npx".into(), "@openai/codex".into()], &asked);
        let words: Vec<_> = argv.iter().map(|word| word.to_str().unwrap()).collect();
        insta::assert_snapshot!(words.join("\n"));
    }

    #[test]
    fn servers_are_those_that_codex_would_start() {
        let config = "model = \"x\"\n[mcp_servers.docs]\ncommand = \"a\"\n[mcp_servers.\"a b\"]\n[mcp_servers.web-2]\n";
        assert_eq!(servers(config), ["docs", "web-2"]);
        assert!(servers("no toml [").is_empty() && servers("mcp_servers = 3").is_empty());
    }
}
