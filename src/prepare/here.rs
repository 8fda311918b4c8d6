//! The surroundings that verbs ask: where the ledger and the policies lie, what time it is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use chrono_tz::Tz;

use super::{policy_files, price_list};
use crate::clock;
use crate::error::{Error, Result};
use crate::ledger::{Ledger, LedgerError, state_home};
use crate::model::{Alive, Timestamp};
use crate::place;
use crate::policy::layers::{FlagRules, Loaded, load};
use crate::policy::mistake::{LayerText, Mistake, Severity};
use crate::policy::rule::{Layer, Policy};
use crate::policy::{attribute, diagnostic};
use crate::process;
use crate::turn::is_live::lives;
use crate::ui::Layout;
use crate::usage::price::PriceTable;

/// What verbs may ask of their surroundings, so that tests can give them others.
pub struct Here<'a> {
    /// The environment.
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
    /// The working folder.
    pub cwd: PathBuf,
    /// How pages are laid out on standard output.
    pub look: Layout,
    /// The time at the start.
    pub now: Timestamp,
    /// Whether a run lives still.
    pub alive: &'a Alive<'a>,
}

impl Here<'_> {
    /// A variable that is set and not empty.
    pub fn variable(&self, name: &str) -> Option<OsString> {
        (self.env)(name).filter(|value| !value.is_empty())
    }

    /// The folder of the ledger.
    pub fn state_folder(&self) -> Result<PathBuf> {
        state_home(|name| (self.env)(name)).ok_or_else(|| {
            Error::new("there is no folder for the ledger").hint("set GOVERN_HOME, or HOME, to a folder of yours")
        })
    }

    /// The ledger, to read; `None` where nothing was recorded yet.
    pub fn ledger(&self) -> Result<Option<Ledger>> {
        match Ledger::open_read_only(&self.state_folder()?) {
            Ok(ledger) => Ok(Some(ledger)),
            Err(LedgerError::NoLedger { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Where each layer's file lies, whether it is there or not, outermost first.
    pub fn policy_places(&self, given: Option<&Path>) -> Vec<(Layer, PathBuf)> {
        let env = |name: &str| self.variable(name);
        let repository = place::look(&self.cwd, env).repository;
        policy_files::places(&self.cwd, repository.as_deref(), given, env)
    }

    /// What is said where a nearer `govern.toml` hides another one.
    pub fn hidden_policy(&self) -> Option<String> {
        let repository = place::look(&self.cwd, |name| self.variable(name)).repository;
        policy_files::hidden(&self.cwd, repository.as_deref())
    }

    /// This folder as attribution rules see it.
    pub fn place(&self) -> attribute::StartedIn {
        let place = place::look(&self.cwd, |name| self.variable(name));
        known(&place, self.variable("HOME").map(PathBuf::from))
    }

    /// Where the user's configuration lies.
    pub fn config_folder(&self) -> Option<PathBuf> {
        policy_files::config_folder(|name| self.variable(name))
    }

    /// The file of the user's own layer.
    pub fn user_policy(&self) -> Option<PathBuf> {
        self.policy_places(None).into_iter().find(|(layer, _)| *layer == Layer::User).map(|(_, path)| path)
    }

    /// The policy that applies here.
    pub fn policy(&self, given: Option<&Path>) -> Result<Loaded> {
        let loaded = join(policy_files::read(self.policy_places(given))?, self.look.colour)?;
        Ok(Loaded { warnings: price_list::told(loaded.warnings, |name| self.variable(name)), ..loaded })
    }

    /// The prices in force, the policy's own over them.
    pub fn prices(&self, policy: &Policy) -> Result<PriceTable> {
        Ok(price_list::in_force(|name| self.variable(name))?.with_overrides(&policy.prices))
    }

    /// The same for what only looks back: a policy that has a mistake sets no price, and is no reason to tell nothing.
    pub fn prices_to_compare(&self) -> Result<PriceTable> {
        match self.policy(None) {
            Ok(loaded) => self.prices(&loaded.policy),
            Err(_) => price_list::in_force(|name| self.variable(name)),
        }
    }

    /// The zone of windows and shown times. A repository may not set it, so its mistakes don't matter here.
    pub fn timezone(&self) -> Result<Tz> {
        let mut places = self.policy_places(None);
        places.retain(|(layer, _)| *layer != Layer::Repository);
        Ok(join(policy_files::read(places)?, self.look.colour)?.policy.timezone)
    }
}

/// A place as attribution rules see it.
pub fn known(place: &place::Place, home: Option<PathBuf>) -> attribute::StartedIn {
    attribute::StartedIn {
        folder: place.folder.clone(),
        home,
        remotes: place.remotes.iter().map(|url| attribute::normalise_remote(url)).collect(),
        branch: place.branch.clone(),
        repository_name: place.name.clone(),
        git_user: place.git_user.clone(),
        system_user: process::user_name(process::own_uid()),
    }
}

/// Reads all layers together, or says all their mistakes.
pub fn join(layers: Vec<LayerText>, colour: bool) -> Result<Loaded> {
    join_with(layers, FlagRules::default(), colour)
}

/// The same with the rules of a command line.
pub fn join_with(layers: Vec<LayerText>, flags: FlagRules, colour: bool) -> Result<Loaded> {
    load(layers, flags).map_err(|mistakes| refused("policy", &mistakes, colour))
}

/// All mistakes of a file, for a person.
pub fn refused(what: &str, mistakes: &[Mistake], colour: bool) -> Error {
    let errors = mistakes.iter().filter(|mistake| mistake.severity == Severity::Error).count();
    let number = if errors == 1 { "a mistake".to_owned() } else { format!("{errors} mistakes") };
    Error::new(format!("the {what} has {number}")).diagnostics(diagnostic::render(mistakes, colour))
}

/// A variable that is set and not empty.
pub(crate) fn env(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A folder that was deleted while somebody works in it is known by its name only: no reason to keep an agent from
/// starting there, which inherits the folder itself.
pub(crate) fn working_folder(known: Option<PathBuf>, named: Option<OsString>) -> PathBuf {
    let named = named.map(PathBuf::from).filter(|named| named.is_absolute());
    known.or(named).unwrap_or_else(|| PathBuf::from("/"))
}

/// Where this process stands.
pub(crate) fn here() -> Result<Here<'static>> {
    let cwd = working_folder(std::env::current_dir().ok(), env("PWD"));
    Ok(Here { env: &env, cwd, look: Layout::stdout(), now: clock::now(), alive: &lives })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_working_folder_that_is_gone_is_known_by_its_name() {
        for (known, named, folder) in [
            (Some("/work"), Some("/linked"), "/work"),
            (None, Some("/gone"), "/gone"),
            (None, Some("gone"), "/"),
            (None, None, "/"),
        ] {
            assert_eq!(working_folder(known.map(PathBuf::from), named.map(OsString::from)), Path::new(folder));
        }
    }
}
