//! Pure. Which questions are put here, and which get their `else` at once.

use super::Nobody;
use crate::decide::governor::Governor;
use crate::decide::message::Effect;
use crate::model::Verb;
use crate::policy::rule::{Act, GateVerb, Step};

impl Governor {
    /// Why a question would not be put: then its `else` is done at once. `None`: it is put, because somebody can be
    /// reached or because it was said that it is waited for all the same. Without a step nobody wrote the question.
    pub(in crate::decide) fn nobody_for(&self, step: Option<&Step>) -> Option<Nobody> {
        let waits = self.fixed.policy.approvals.wait_for_nobody || step.is_some_and(|step| step.insists);
        self.fixed.nobody.filter(|_| !waits)
    }

    /// Says at the start that questions are not put, where the policy has some.
    pub(in crate::decide) fn say_nobody(&mut self) {
        let Some(nobody) = self.fixed.nobody.filter(|_| !self.fixed.policy.observe) else { return };
        let asks = |step: &Step| {
            let verb = step.verb == Verb::Ask || step.may.as_ref().is_some_and(|may| may.has(Verb::Ask));
            verb && self.nobody_for(Some(step)).is_some()
        };
        let budgets =
            self.accounts.rules().iter().filter(|budget| !budget.observe).flat_map(|budget| budget.all_steps());
        let alerts = self.alerts.iter().filter(|alert| !alert.observe).filter_map(|alert| match &alert.act {
            Act::Step(step) => Some(step),
            Act::Hold => None,
        });
        let by_step = budgets.chain(alerts).any(asks);
        let by_gate =
            self.fixed.policy.gates.iter().any(|gate| !gate.observe && matches!(gate.verb, GateVerb::Ask { .. }));
        if by_step || (by_gate && self.nobody_for(None).is_some()) {
            self.effects.push(Effect::Say(format!(
                "{nobody}: what would be asked gets its `else` at once (`[approvals] wait_for_nobody = true` waits)"
            )));
        }
    }
}
