//! Pure. What a Codex asks for where no session file says it: by its command line, and by its configuration.

use std::ffi::OsString;

use toml::Table;

use super::invocation::{Asked, Invocation, Kind};
use crate::model::{Basis, Guess, ServiceTier};

/// What holds for a thread unless whoever began it chose otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Codex's name of the provider; `None`: its own.
    pub provider: Option<String>,
    /// The service tier; `None`: the standard one.
    pub tier: Option<ServiceTier>,
    /// Clients begin its threads, and may choose another provider and tier for each: it is an app server.
    pub serves: bool,
}

impl Defaults {
    /// By this command line and the text of `config.toml`. Flags come before a profile, and that before the rest.
    pub fn of(command: &[OsString], config: Option<&str>) -> Self {
        let invocation = Invocation::parse(command);
        let config = config.and_then(|text| text.parse::<Table>().ok()).unwrap_or_default();
        let asked = invocation.as_ref().map(Invocation::asked);
        let flag = |key: &str| invocation.as_ref()?.config(key);
        let text = |table: &Table, key: &str| table.get(key)?.as_str().map(str::to_owned);
        let profile = match &asked {
            Some(Asked::Profile(name)) => Some(name.clone()),
            _ => text(&config, "profile"),
        };
        let profile = profile.and_then(|name| config.get("profiles")?.get(name)?.as_table());
        let setting =
            |key: &str| flag(key).or_else(|| profile.and_then(|table| text(table, key))).or_else(|| text(&config, key));
        let local = match &asked {
            Some(Asked::Local(_)) => setting("oss_provider").or_else(|| Some("ollama".to_owned())),
            _ => None,
        };
        let serves = invocation.as_ref().is_some_and(|own| own.kind() == Kind::AppServer);
        Self {
            serves,
            provider: local.or_else(|| setting("model_provider")),
            tier: setting("service_tier").map(|word| ServiceTier::from_codex(&word)),
        }
    }

    /// How well a response is known that only a hook has told of.
    pub fn basis(&self) -> Basis {
        if self.serves { Basis::Estimated(Guess::Client) } else { Basis::Observed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_come_before_a_profile_and_that_before_the_rest() {
        let config = "model_provider = \"mine\"\nservice_tier = \"fast\"\n[profiles.slow]\nservice_tier = \"flex\"\n";
        for (command, config, provider, tier) in [
            ("codex exec x", None, None, None),
            ("codex exec x", Some("service_tier = 1"), None, None),
            ("codex exec x", Some("{"), None, None),
            ("codex exec x", Some(config), Some("mine"), Some(ServiceTier::Fast)),
            ("codex exec -p slow x", Some(config), Some("mine"), Some(ServiceTier::Flex)),
            ("codex -c service_tier=\"flex\" exec x", Some(config), Some("mine"), Some(ServiceTier::Flex)),
            ("codex exec -c model_provider=his x", Some(config), Some("his"), Some(ServiceTier::Fast)),
            ("codex --oss exec x", Some(config), Some("ollama"), Some(ServiceTier::Fast)),
            ("make", Some(config), Some("mine"), Some(ServiceTier::Fast)),
        ] {
            let words: Vec<OsString> = command.split(' ').map(OsString::from).collect();
            let wanted = Defaults { provider: provider.map(str::to_owned), tier, serves: false };
            assert_eq!(Defaults::of(&words, config), wanted, "{command}");
        }
    }

    #[test]
    fn what_a_client_may_choose_is_estimated() {
        let basis = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            Defaults::of(&words, None).basis()
        };
        for line in
            ["codex app-server", "/x/codex -c model_provider=his app-server", "codex app-server --listen stdio://"]
        {
            assert_eq!(basis(line), Basis::Estimated(Guess::Client), "{line}");
        }
        for line in ["codex exec --ephemeral x", "codex", "make"] {
            assert_eq!(basis(line), Basis::Observed, "{line}");
        }
    }
}
