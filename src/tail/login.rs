//! Codex's login file: who pays, and nothing else of it.

use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::cursor::open_file;

use crate::model::Billing;

/// How a Codex home is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// With a ChatGPT account: dollars are the list-price equivalent.
    Plan,
    /// With an API key.
    ApiKey,
    /// Not at all, or through the environment.
    Unknown,
}

/// The largest that is read, in bytes.
const MOST: u64 = 1024 * 1024;

/// `auth.json` as Codex 0.118 to 0.169 write it. Secrets are not read: only whether they are there.
#[derive(Deserialize)]
struct Auth {
    auth_mode: Option<String>,
    #[serde(rename = "OPENAI_API_KEY")]
    key: Option<serde::de::IgnoredAny>,
    tokens: Option<serde::de::IgnoredAny>,
}

impl Login {
    /// Of this home. A file that cannot be read says nothing.
    pub fn of(home: &Path) -> Self {
        let mut text = Vec::new();
        let opened = open_file(&home.join("auth.json"));
        if opened.and_then(|file| file.take(MOST).read_to_end(&mut text)).is_err() {
            return Self::Unknown;
        }
        let Ok(auth) = serde_json::from_slice::<Auth>(&text) else { return Self::Unknown };
        match (auth.auth_mode.as_deref(), auth.tokens, auth.key) {
            (Some("chatgpt" | "chatgptAuthTokens"), _, _) => Self::Plan,
            (Some("apikey" | "apiKey" | "api_key"), _, _) => Self::ApiKey,
            (_, Some(_), _) => Self::Plan,
            (_, None, Some(_)) => Self::ApiKey,
            (_, None, None) => Self::Unknown,
        }
    }

    /// Who is paid for what a session of this home uses: a local provider nobody, a plan by its mark in the file or by
    /// the login.
    pub fn billing(self, provider: Option<&str>, plan: Option<&str>) -> Billing {
        match (provider, plan, self) {
            // Codex's own names for servers on this machine, those of older versions included.
            (Some("ollama" | "ollama-chat" | "lmstudio" | "oss"), _, _) => Billing::Local,
            (Some("openai") | None, Some(_), _) | (Some("openai") | None, None, Self::Plan) => Billing::Plan,
            (Some("openai") | None, None, Self::ApiKey) => Billing::Api,
            (Some("openai") | None, None, Self::Unknown) | (Some(_), _, _) => Billing::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_pays_is_told_by_what_is_there() {
        let temp = tempfile::tempdir().unwrap();
        assert_eq!(Login::of(temp.path()), Login::Unknown);
        let cases = [
            (r#"{"OPENAI_API_KEY":"sk-x","tokens":null}"#, Login::ApiKey),
            (r#"{"OPENAI_API_KEY":null,"tokens":{"id_token":"x"}}"#, Login::Plan),
            (r#"{"auth_mode":"chatgpt","OPENAI_API_KEY":"sk-x"}"#, Login::Plan),
            (r#"{"auth_mode":"apikey","tokens":{}}"#, Login::ApiKey),
            ("{", Login::Unknown),
        ];
        for (text, login) in cases {
            std::fs::write(temp.path().join("auth.json"), text).unwrap();
            assert_eq!(Login::of(temp.path()), login, "{text}");
        }
        // An agent may put a pipe there: nobody waits for its other end.
        let file = temp.path().join("auth.json");
        std::fs::remove_file(&file).unwrap();
        nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(Login::of(temp.path()), Login::Unknown);
        assert_eq!(crate::tail::settings::at(&file), None);
    }

    #[test]
    fn a_local_provider_is_nobodys_bill_and_a_strangers_is_unknown() {
        for (provider, plan, login, billing) in [
            (Some("ollama"), Some("pro"), Login::Plan, Billing::Local),
            (Some("oss"), None, Login::Unknown, Billing::Local),
            (Some("ollama-chat"), None, Login::ApiKey, Billing::Local),
            (Some("openai"), None, Login::ApiKey, Billing::Api),
            (Some("openai"), Some("pro"), Login::ApiKey, Billing::Plan),
            (None, None, Login::Plan, Billing::Plan),
            (None, None, Login::Unknown, Billing::Unknown),
            (Some("azure"), Some("pro"), Login::Plan, Billing::Unknown),
        ] {
            assert_eq!(login.billing(provider, plan), billing, "{provider:?} {plan:?} {login:?}");
        }
    }
}
