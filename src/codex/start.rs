//! Pure. The command that starts an agent on the model that it registered.

use std::ffi::OsString;

use super::invocation::{Asked, Invocation, Kind};
use super::tokens::Meaning;
use crate::model::ModelId;

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

impl Invocation {
    /// The same command line with `-m MODEL`, right behind its last command, where no option of its own can take it for
    /// a value. A profile's model gives way to it.
    pub fn with_model(&self, model: &ModelId) -> Result<Vec<OsString>, CannotStartOn> {
        let no_session = |name: &str| Err(CannotStartOn::NoSession(name.to_owned()));
        match self.kind() {
            Kind::Exec(_) | Kind::Interactive(_) => {}
            Kind::Review => return no_session("review"),
            Kind::AppServer => return no_session("app-server"),
            Kind::Cloud => return no_session("cloud"),
            Kind::Other(name) => return no_session(&name),
        }
        match self.asked() {
            Asked::Model(named) => return Err(CannotStartOn::Named(named)),
            Asked::Local(_) => return Err(CannotStartOn::Local),
            Asked::Profile(_) | Asked::Configured => {}
        }
        let is_command = |meaning: &Meaning| matches!(meaning, Meaning::Command(_));
        let commands = self.tokens.iter().rposition(|token| is_command(&token.meaning)).map_or(0, |last| last + 1);
        let words = |tokens: &[super::tokens::Token]| tokens.iter().flat_map(|token| token.words.clone()).collect();
        let (before, after): (&[_], &[_]) = self.tokens.split_at_checked(commands).unwrap_or((&self.tokens, &[]));
        let (before, after): (Vec<OsString>, Vec<OsString>) = (words(before), words(after));
        let own = ["-m".into(), OsString::from(model.as_str())];
        Ok(self.prefix.iter().cloned().chain(before).chain(own).chain(after).collect())
    }
}
