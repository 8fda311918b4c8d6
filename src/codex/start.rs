//! The command that starts an agent on the model that it registered, and one whose requests go to another address.

use std::ffi::OsString;

use super::invocation::{AskedModel, Invocation, Kind};
use super::tokens::Meaning;
use crate::model::ModelId;

/// The setting of the built-in provider's address: for API keys and for logins with a ChatGPT plan alike (0.169, 0.171).
const BASE_URL: &str = "openai_base_url";

/// Why a command line cannot be given a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotStartOn {
    /// Two models would be asked for.
    #[error("its command line asks for `{0}` already")]
    Named(ModelId),
    /// The ladder and the tiers are of models elsewhere.
    #[error("it runs a model of this machine (`--oss`)")]
    Local,
    /// It has no session, or another program decides about its model.
    #[error("`codex {0}` takes no model from its command line")]
    NoSession(String),
}

/// The same command line with `-m MODEL`, right behind its last command, where no option of its own can take it for
/// a value. A profile's model gives way to it.
pub fn on_model(codex: &Invocation, model: &ModelId) -> Result<Vec<OsString>, CannotStartOn> {
    let no_session = |name: &str| Err(CannotStartOn::NoSession(name.to_owned()));
    match codex.kind() {
        Kind::Exec(_) | Kind::Interactive(_) => {}
        Kind::Review => return no_session("review"),
        Kind::AppServer => return no_session("app-server"),
        Kind::Cloud => return no_session("cloud"),
        Kind::Other(name) => return no_session(&name),
    }
    match codex.asked() {
        AskedModel::Model(named) => return Err(CannotStartOn::Named(named)),
        AskedModel::Local(_) => return Err(CannotStartOn::Local),
        AskedModel::Profile(_) | AskedModel::Configured => {}
    }
    let is_command = |meaning: &Meaning| matches!(meaning, Meaning::Command(_));
    let commands = codex.tokens.iter().rposition(|token| is_command(&token.meaning)).map_or(0, |last| last + 1);
    let words = |tokens: &[super::tokens::Token]| tokens.iter().flat_map(|token| token.words.clone()).collect();
    let (before, after): (&[_], &[_]) = codex.tokens.split_at_checked(commands).unwrap_or((&codex.tokens, &[]));
    let (before, after): (Vec<OsString>, Vec<OsString>) = (words(before), words(after));
    let own = ["-m".into(), OsString::from(model.as_str())];
    Ok(codex.prefix.iter().cloned().chain(before).chain(own).chain(after).collect())
}

/// The same command line with this address for the built-in provider. One that names an address of its own keeps it, and
/// so does a provider of the user's.
pub fn at_address(codex: &Invocation, url: &str) -> Vec<OsString> {
    if codex.config(BASE_URL).is_some() {
        return codex.argv();
    }
    let own = ["-c".into(), OsString::from(format!("{BASE_URL}=\"{url}\""))];
    let tokens = codex.tokens.iter().flat_map(|token| token.words.iter().cloned());
    codex.prefix.iter().cloned().chain(own).chain(tokens).collect()
}

/// The address that a configuration names.
pub fn base_url(config: &str) -> Option<String> {
    Some(config.parse::<toml::Table>().ok()?.get(BASE_URL)?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_stands_before_all_that_was_typed_and_gives_way_to_one_of_the_users() {
        for (line, is) in [
            ("codex exec hi", "codex -c openai_base_url=\"u\" exec hi"),
            ("env A=b codex", "env A=b codex -c openai_base_url=\"u\""),
            ("codex exec -c openai_base_url=\"mine\" hi", "codex exec -c openai_base_url=\"mine\" hi"),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let with = at_address(&Invocation::parse(&words).unwrap(), "u");
            assert_eq!(with, is.split(' ').map(OsString::from).collect::<Vec<_>>(), "{line}");
        }
    }

    #[test]
    fn a_configuration_names_an_address_or_none() {
        assert_eq!(base_url("openai_base_url = \"https://x/v1\"").as_deref(), Some("https://x/v1"));
        for text in ["", "{", "openai_base_url = 1", "[profiles.a]\nopenai_base_url = \"x\""] {
            assert_eq!(base_url(text), None, "{text}");
        }
    }
}
