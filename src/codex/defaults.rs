//! What a Codex asks for where no session file says it: by its command line, and by its configuration.

use std::ffi::OsString;

use toml::Table;

use super::invocation::{AskedModel, IN_MEMORY, Invocation, Kind, THREAD_STORE};
use crate::model::{Basis, Guess, ModelId, ServiceTier};

/// What holds for a thread unless whoever began it chose otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Codex's name of the provider; `None`: its own.
    pub provider: Option<String>,
    /// The service tier; `None`: the standard one.
    pub tier: Option<ServiceTier>,
    /// The model that it begins with; `None`: Codex's own default, or nothing says it.
    pub model: Option<ModelId>,
    /// Clients begin its threads, and may choose another provider and tier for each: it is an app server.
    pub serves: bool,
    /// A profile's file or the project says so, and Codex perhaps obeys another.
    pub unsure: bool,
}

/// Threads have no session file by this `config.toml`: it keeps them in memory (0.169, 0.171).
pub fn keeps_threads_in_memory(config: &str) -> bool {
    let kind = || Some(config.parse::<Table>().ok()?.get(THREAD_STORE)?.get("type")?.as_str()? == IN_MEMORY);
    kind().unwrap_or(false)
}

/// The variable of the environment from which a provider of this `config.toml` takes its key; `None`: from none, or it is none of
/// its own.
pub fn key_variable(config: &str, provider: &str) -> Option<String> {
    let table = config.parse::<Table>().ok()?;
    Some(table.get("model_providers")?.get(provider)?.get("env_key")?.as_str()?.to_owned())
}

/// What Codex reads of its configuration for a thread, as far as it is there.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// `config.toml` of its home.
    pub home: Option<String>,
    /// The file of the profile that its command line names.
    pub profile: Option<String>,
    /// What its project brings, the nearest last. Codex obeys it where the user trusts the project.
    pub project: Vec<String>,
}

impl Defaults {
    /// By this command line and this configuration. Flags come before a profile, that before a project's, and that before the
    /// rest.
    pub fn of(command: &[OsString], layers: &Layers) -> Self {
        let invocation = Invocation::parse(command);
        let table = |text: &String| text.parse::<Table>().ok();
        let config = layers.home.as_ref().and_then(table).unwrap_or_default();
        let beside: Vec<Table> = layers.profile.iter().chain(layers.project.iter().rev()).filter_map(table).collect();
        let flag = |key: &str| invocation.as_ref()?.config(key);
        let text = |table: &Table, key: &str| table.get(key)?.as_str().map(str::to_owned);
        let profile = invocation.as_ref().and_then(Invocation::profile).or_else(|| text(&config, "profile"));
        let profile = profile.and_then(|name| config.get("profiles")?.get(name)?.as_table());
        let said_beside = |key: &str| beside.iter().find_map(|table| text(table, key));
        let setting = |key: &str| {
            let own = || profile.and_then(|table| text(table, key));
            flag(key).or_else(|| said_beside(key)).or_else(own).or_else(|| text(&config, key))
        };
        let local = match invocation.as_ref().map(Invocation::asked) {
            Some(AskedModel::Local(_)) => setting("oss_provider").or_else(|| Some("ollama".to_owned())),
            _ => None,
        };
        let serves = invocation.as_ref().is_some_and(|own| own.kind() == Kind::AppServer);
        // Whether the project is trusted, and which version reads which of them, is not for certain.
        let is_beside = |key: &&str| flag(key).is_none() && said_beside(key).is_some();
        let unsure = ["service_tier", "model_provider"].iter().any(is_beside);
        Self {
            serves,
            unsure,
            provider: local.or_else(|| setting("model_provider")),
            tier: setting("service_tier").map(|word| ServiceTier::from_codex(&word)),
            model: match invocation.as_ref().map(Invocation::asked) {
                Some(AskedModel::Model(model)) => Some(model),
                Some(AskedModel::Local(model)) => model,
                Some(AskedModel::Profile(_) | AskedModel::Configured) | None => setting("model").map(ModelId::new),
            },
        }
    }

    /// How well a response is known that only a hook has told of.
    pub fn basis(&self) -> Basis {
        if self.serves || self.unsure { Basis::Estimated(Guess::Client) } else { Basis::Observed }
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
            let layers = Layers { home: config.map(str::to_owned), ..Layers::default() };
            let found = Defaults::of(&words, &layers);
            assert_eq!((found.provider.as_deref(), found.tier), (provider, tier), "{command}");
        }
    }

    #[test]
    fn a_profile_s_file_and_a_project_s_configuration_count_and_are_an_estimate() {
        let fast = || "service_tier = \"fast\"".to_owned();
        let flex = || Some("service_tier = \"flex\"".to_owned());
        let plain = || vec!["model = \"x\"".to_owned()];
        for (profile, project, flag, tier, basis) in [
            (None, plain(), "", Some(ServiceTier::Flex), Basis::Observed),
            (None, vec![fast()], "", Some(ServiceTier::Fast), Basis::Estimated(Guess::Client)),
            (Some(fast()), plain(), "", Some(ServiceTier::Fast), Basis::Estimated(Guess::Client)),
            (Some(fast()), vec![fast()], "-c service_tier=flex", Some(ServiceTier::Flex), Basis::Observed),
        ] {
            let line = format!("codex exec --ephemeral -p p {flag} x");
            let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            let found = Defaults::of(&words, &Layers { home: flex(), profile, project });
            assert_eq!((found.tier.clone(), found.basis()), (tier, basis), "{found:?}");
        }
    }

    #[test]
    fn the_model_is_that_of_the_command_line_else_of_the_nearest_configuration() {
        let layers = || Layers {
            home: Some("model = \"home\"\n[profiles.p]\nmodel = \"profile\"".to_owned()),
            profile: None,
            project: vec!["model = \"above\"".to_owned(), "model = \"nearest\"".to_owned()],
        };
        let bare = || Layers { project: Vec::new(), ..layers() };
        for (line, layers, model) in [
            ("codex exec x", Layers::default(), None),
            ("codex exec x", bare(), Some("home")),
            ("codex exec -p p x", bare(), Some("profile")),
            ("codex exec x", layers(), Some("nearest")),
            ("codex exec -m own x", layers(), Some("own")),
            ("codex exec --oss x", layers(), None),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(Defaults::of(&words, &layers).model, model.map(ModelId::new), "{line}");
        }
    }

    #[test]
    fn what_a_client_may_choose_is_estimated() {
        let basis = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            Defaults::of(&words, &Layers::default()).basis()
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
