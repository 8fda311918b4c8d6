//! The governor model of all layers: the outermost file that names one says which.

use crate::policy::check::Draft;
use crate::policy::mistake::Severity;
use crate::policy::rule::{Budget, GovernorModel, Models};

use super::Join;

/// A model that `allow` leaves out is not asked either, and one that nothing is left to is never asked.
pub(super) fn governor(
    join: &mut Join<'_>,
    drafts: &mut [Draft],
    models: &Models,
    budgets: &[Budget],
) -> Option<GovernorModel> {
    let said: Vec<_> = drafts.iter_mut().map(|draft| draft.governor.take()).collect();
    let place = said.iter().enumerate().find_map(|(index, said)| Some((index, said.as_ref()?.span.clone())));
    let governor = join.outermost("governor", said)?;
    let (index, span) = place?;
    if !models.allows(governor.model.as_str()) {
        let message = format!("`{}` cannot be asked: `allow` leaves it out", governor.model);
        join.add(index, &span, Severity::Error, message, "add it to `allow`, or ask another model", None);
    }
    let decides = |budget: &Budget| budget.all_steps().any(|step| step.may.is_some());
    if !budgets.iter().any(decides) {
        let message = "the governor model is never asked: no step leaves a choice".to_owned();
        let hint = "write a step with `do = \"decide\"` and what it `may` come to, or leave `[governor]` out";
        join.add(index, &span, Severity::Warning, message, hint, None);
    }
    Some(governor)
}
