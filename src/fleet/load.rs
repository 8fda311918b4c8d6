//! A fleet file and the policy that it is governed by, read and checked together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use super::around::Around;
use super::start::Rules;
use super::{Fleet, file, fit, needs};
use crate::policy::layers::{self, FlagRules};
use crate::policy::mistake::{LayerText, Mistake, Notes, Severity};
use crate::policy::rule::{Layer, Policy};

/// A fleet that can be started, and the policy that governs it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The fleet.
    pub fleet: Fleet,
    /// All layers together, the fleet's own budget among them; its digest covers the fleet file.
    pub policy: Policy,
    /// What can be obeyed, but cannot be meant.
    pub warnings: Vec<Mistake>,
}

/// The policy that a fleet file names with `policy`, relative to the folder of the file. It joins the other layers as
/// one more given one.
pub fn policy_of(file: &LayerText) -> Option<PathBuf> {
    file::policy(file)
}

/// Reads the fleet file (of [`Layer::Fleet`]) and the layers of the policy, and checks all of it.
///
/// # Errors
///
/// All mistakes of all files, warnings among them, if any of them is an error.
pub fn load(
    file: LayerText,
    mut layers: Vec<LayerText>,
    flags: FlagRules,
    around: &Around<'_>,
) -> Result<Loaded, Vec<Mistake>> {
    let default_name = default_name(&file);
    let outer = layers.clone();
    layers.push(file.clone());
    let (policy, mut mistakes) = match layers::load(layers, flags.clone()) {
        Ok(loaded) => (Some(loaded.policy), loaded.warnings),
        Err(mistakes) => (None, mistakes),
    };
    // A fleet's budget with a mistake is no reason to keep quiet about its agents.
    let without = policy.is_none().then(|| layers::load(outer, flags).ok()).flatten().map(|loaded| loaded.policy);
    let mut notes = Notes::new(Arc::new(file));
    let draft = file::read(&notes.text(), &mut notes);
    let order = needs::order(&draft.agents, &mut notes);
    let prices =
        around.prices.with_overrides(policy.as_ref().map(|policy| policy.prices.as_slice()).unwrap_or_default());
    let rules = Rules { policy: policy.as_ref().or(without.as_ref()), prices: &prices, around };
    let agents: Vec<_> = draft.agents.iter().map(|agent| rules.agent(agent, &mut notes)).collect();
    let budget = policy.as_ref().and_then(|policy| policy.budgets.iter().find(|budget| budget.layer == Layer::Fleet));
    if let (Some(budget), Some(place)) = (budget, &draft.budget) {
        fit::check(&draft.agents, budget, place, &mut notes);
    }
    let budget = budget.map(|budget| budget.as_ref().clone());
    mistakes.extend(notes.into_found());
    let place = |mistake: &Mistake| (mistake.file.layer, mistake.span.start, mistake.severity);
    mistakes.sort_by(|one, other| place(one).cmp(&place(other)).then_with(|| one.message.cmp(&other.message)));
    // What `[agents]` says wrongly is wrong once, not for each agent.
    mistakes.dedup();
    let is_error = |mistake: &Mistake| mistake.severity == Severity::Error;
    match (policy, agents.into_iter().collect()) {
        (Some(policy), Some(agents)) if !mistakes.iter().any(is_error) => {
            let name = draft.name.unwrap_or(default_name);
            let (concurrency, keeps_output) = (draft.concurrency, draft.keeps_output);
            let fleet = Fleet { name, concurrency, keeps_output, budget, agents, order };
            Ok(Loaded { fleet, policy, warnings: mistakes })
        }
        (_, _) => Err(mistakes),
    }
}

/// The name of the file, without `.toml`.
fn default_name(file: &LayerText) -> String {
    let stem = file.path.as_deref().and_then(Path::file_stem);
    stem.map_or_else(|| "fleet".to_owned(), |stem| stem.to_string_lossy().into_owned())
}
