//! Whether the policy has questions that are not put here, because nobody can be reached with them.

use std::sync::Arc;

use crate::decide::context::Fixed;
use crate::decide::evaluate::alerts::Alerts;
use crate::model::Verb;
use crate::policy::rule::{AlertAction, Budget, GateVerb, Step};

/// What is said at the start where questions are not put; `None`: all of them are, or there are none.
pub(in crate::decide) fn not_put(fixed: &Fixed, budgets: &[Arc<Budget>], alerts: &Alerts) -> Option<String> {
    let policy = &fixed.policy;
    let nobody = fixed.nobody.filter(|_| !policy.observe)?;
    let asks = |step: &Step| {
        let verb = step.verb == Verb::Ask || step.may.as_ref().is_some_and(|may| may.has(Verb::Ask));
        verb && fixed.nobody_for(Some(step)).is_some()
    };
    let budgets = budgets.iter().filter(|budget| !budget.observe).flat_map(|budget| budget.all_steps());
    let alerts = alerts.iter().filter(|alert| !alert.observe).filter_map(|alert| match &alert.act {
        AlertAction::Step(step) => Some(step),
        AlertAction::Hold => None,
    });
    let by_step = budgets.chain(alerts).any(asks);
    let by_gate = policy.gates.iter().any(|gate| !gate.observe && matches!(gate.verb, GateVerb::Ask { .. }));
    let any = by_step || (by_gate && fixed.nobody_for(None).is_some());
    any.then(|| {
        format!("{nobody}: what would be asked gets its `else` at once (`[approvals] wait_for_nobody = true` waits)")
    })
}
