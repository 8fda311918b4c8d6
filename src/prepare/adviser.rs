//! The folder in which the governor model of a policy is asked, and finds out how.

use std::path::Path;

use super::text_file::{self, Named};
use crate::codex::{Invocation, consult};
use crate::error::{Error, Result};
use crate::ledger::state_folder;
use crate::model::event::GOVERNOR;
use crate::model::{Attribution, RunId};
use crate::policy::rule::Policy;
use crate::supervise::{Adviser, Planned};

/// `None` where the policy has none, or only observes.
///
/// # Errors
/// An agent has its name, or its folder cannot be made.
pub(super) fn adviser(
    policy: &Policy,
    run: &RunId,
    state: &Path,
    agents: &[Planned],
    attribution: &Attribution,
) -> Result<Option<Adviser>> {
    if policy.governor.is_none() || policy.observe {
        return Ok(None);
    }
    if agents.iter().any(|agent| agent.setup.name.as_str() == GOVERNOR) {
        return Err(Error::new(format!(
            "an agent is named `{GOVERNOR}`, as is the governor model that the policy asks"
        ))
        .hint("give the agent another name"));
    }
    let folder = state_folder::output_folder(state, run)?.join(GOVERNOR);
    let work = folder.join("work");
    std::fs::create_dir_all(&work)
        .map_err(|error| Error::new(format!("`{}` cannot be made", work.display())).caused_by(&error))?;
    let codex = agents.iter().find(|agent| agent.invocation.is_some());
    let launcher = codex.and_then(|agent| agent.invocation.as_ref()).map(Invocation::launcher);
    let codex_home = codex.or(agents.first()).and_then(|agent| agent.codex_home.clone());
    let config = codex_home.as_ref().and_then(|home| text_file::read(&home.join("config.toml"), Named::Found).ok());
    Ok(Some(Adviser {
        launcher: launcher.map_or_else(|| vec!["codex".into()], <[_]>::to_vec),
        folder,
        work,
        codex_home,
        servers: config.map(|config| consult::servers(&config)).unwrap_or_default(),
        attribution: attribution.clone(),
    }))
}
