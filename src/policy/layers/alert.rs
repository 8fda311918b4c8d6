//! The alerts of all layers together.

use std::sync::Arc;

use super::Join;
use crate::policy::check::{AlertDraft, Draft};
use crate::policy::mistake::{Also, Severity};
use crate::policy::rule::{Alert, Budget, PlanBudget, Rung, Window};

impl Join<'_> {
    /// Alerts only add up: a name that an outer file has is no way to replace its alert.
    pub(super) fn alerts(
        &mut self,
        drafts: &mut [Draft],
        (budgets, plans): (&[Budget], &[PlanBudget]),
        ladder: &[Rung],
    ) -> Vec<Alert> {
        let mut kept: Vec<(usize, AlertDraft)> = Vec::new();
        for (index, draft) in drafts.iter_mut().enumerate() {
            for alert in std::mem::take(&mut draft.alerts) {
                let outer = kept.iter().find(|(_, other)| other.name.value == alert.name.value);
                let outer = outer.and_then(|(outer, other)| Some((self.files.get(*outer)?, other.name.span.clone())));
                let Some((file, span)) = outer else {
                    kept.push((index, alert));
                    continue;
                };
                let message = format!("`{}` is an alert of {} already", alert.name.value, file.name());
                let also = Also { file: Arc::clone(file), span, label: "named here" };
                let hint = "give it another name: alerts add up";
                self.add(index, &alert.name.span, Severity::Error, message, hint, Some(also));
            }
        }
        for (index, draft) in &kept {
            self.has_a_pace(*index, draft, budgets, plans);
            self.has_a_ladder(*index, &draft.routes, ladder);
        }
        kept.into_iter().filter_map(|(_, draft)| draft.alert).collect()
    }

    /// An even pace needs a window with a start and an end.
    fn has_a_pace(&mut self, index: usize, draft: &AlertDraft, budgets: &[Budget], plans: &[PlanBudget]) {
        let Some(of) = &draft.pace else { return };
        let found = budgets.iter().find(|budget| budget.name == of.value);
        let (message, hint) = match found.map(|budget| &budget.window) {
            Some(Window::Calendar(_) | Window::Between(Some(_), Some(_))) => return,
            Some(Window::Life | Window::Rolling(_) | Window::Between(..) | Window::Total) => (
                format!("`{}` has no even pace: its window has no start and end", of.value),
                "name a budget with a `window` such as `month`; for a run's own pace there is `faster` and `rate`",
            ),
            None if plans.iter().any(|budget| budget.name == of.value) => (
                format!("`{}` has no even pace: what is used of a plan is only known from time to time", of.value),
                "name a budget that counts money, tokens or responses; a budget over a plan has `steps`",
            ),
            None => (format!("there is no budget named `{}`", of.value), "write the name of a budget of this policy"),
        };
        self.add(index, &of.span, Severity::Error, message, hint, None);
    }
}
