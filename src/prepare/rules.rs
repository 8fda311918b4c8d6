//! The policy in force of a run: all layers, and over them what its command line asks for.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::declares::Declares;
use super::here::{Here, env, join_with};
use super::{policy_files, price_list};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::model::quantity::quantity_hint;
use crate::model::{Quantity, Verb, WorkClass};
use crate::policy::diagnostic;
use crate::policy::layers::FlagRules;
use crate::policy::mistake::LayerText;
use crate::policy::plan::{PLAN_HINT, PlanShare};
use crate::policy::rule::Policy;
use crate::policy::spawn::{SPAWN_HINT, SpawnCap};
use crate::ui::{Layout, to_stderr};

/// The policy as the command line asks for it; kept so that a resumed run obeys the same.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rules {
    #[serde(default)]
    pub(crate) policy: Option<PathBuf>,
    #[serde(default)]
    pub(crate) budgets: Vec<String>,
    #[serde(default)]
    pub(crate) at_limit: Option<Verb>,
    #[serde(default)]
    pub(crate) observe: bool,
    /// `--work`.
    #[serde(default)]
    pub(crate) work: Option<WorkClass>,
    #[serde(default)]
    pub(crate) declares: Declares,
    /// `--gateway`.
    #[serde(default)]
    pub(crate) gateway: bool,
}

impl Rules {
    /// What the command line itself limits.
    pub(crate) fn flags(&self) -> Result<FlagRules> {
        let (mut budgets, mut plans, mut spawns) = (Vec::new(), Vec::new(), Vec::new());
        for text in &self.budgets {
            if PlanShare::is_meant(text) {
                let share = PlanShare::parse(text).map_err(|error| {
                    Error::new(format!("`--budget {text}` {error}")).hint(PLAN_HINT).exit(Exit::Usage)
                })?;
                plans.push((text.clone(), share));
                continue;
            }
            if SpawnCap::is_meant(text) {
                let cap = SpawnCap::parse(text).map_err(|error| {
                    Error::new(format!("`--budget {text}` {error}")).hint(SPAWN_HINT).exit(Exit::Usage)
                })?;
                spawns.push((text.clone(), cap));
                continue;
            }
            let quantity = Quantity::parse_limit(text).map_err(|error| {
                Error::new(format!("`--budget {text}` {error}")).hint(quantity_hint(text)).exit(Exit::Usage)
            })?;
            budgets.push((text.clone(), quantity));
        }
        Ok(FlagRules { budgets, plans, spawns, at_limit: self.at_limit, observe: self.observe, work: self.work })
    }

    /// Reads all layers. Warnings are shown, mistakes stop everything.
    pub(crate) fn load(&self, here: &Here<'_>, quiet: bool) -> Result<Policy> {
        let policy = self.join(policy_files::read(here.policy_places(self.policy.as_deref()))?, quiet)?;
        if let Some(hidden) = here.hidden_policy().filter(|_| !quiet) {
            to_stderr(&format!("warning: {hidden}\n"));
        }
        Ok(policy)
    }

    /// As [`Rules::load`], of layers that are read.
    pub(crate) fn join(&self, layers: Vec<LayerText>, quiet: bool) -> Result<Policy> {
        let flags = self.flags()?;
        let loaded = join_with(layers, flags, Layout::stderr().colour)?;
        if !quiet {
            let warnings = price_list::told(loaded.warnings, env);
            to_stderr(&diagnostic::render(&warnings, Layout::stderr().colour));
        }
        Ok(loaded.policy)
    }
}
