//! Pure. The one rule for questions: whether somebody can be reached with one, and what is done where nobody can.

use std::fmt;

use crate::model::Verb;
use crate::policy::rule::{Act, GateVerb, Step};

use super::effect::Effect;
use super::governor::Governor;

/// What a run has around it that a question could reach a person by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings {
    /// It has a terminal; its controlling one will do.
    pub terminal: bool,
    /// `CI` is set: whatever terminal there is, nobody sits at it.
    pub ci: bool,
    /// A person works in this very Codex, on its screen.
    pub at_screen: bool,
}

/// Why nobody can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nobody {
    /// Nobody sits at the terminal of a CI job.
    InCi,
    /// There is none.
    NoTerminal,
}

impl Surroundings {
    /// Why nobody can be reached; `None`: somebody can.
    pub fn nobody(self) -> Option<Nobody> {
        match self {
            Self { at_screen: true, .. } | Self { terminal: true, ci: false, .. } => None,
            Self { ci: true, .. } => Some(Nobody::InCi),
            Self { terminal: false, .. } => Some(Nobody::NoTerminal),
        }
    }
}

impl fmt::Display for Nobody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InCi => "nobody can be asked, since `CI` is set",
            Self::NoTerminal => "nobody can be asked, since there is no terminal",
        })
    }
}

impl Governor {
    /// Why a question would not be put: then its `else` is done at once. `None`: it is put, because somebody can be
    /// reached or because it was said that it is waited for all the same. Without a step nobody wrote the question.
    pub(super) fn nobody_for(&self, step: Option<&Step>) -> Option<Nobody> {
        let waits = self.fixed.policy.approvals.wait_for_nobody || step.is_some_and(|step| step.insists);
        self.fixed.nobody.filter(|_| !waits)
    }

    /// Says at the start that questions are not put, where the policy has some.
    pub(super) fn say_nobody(&mut self) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_at_a_terminal_outside_ci_or_at_codex_s_own_screen() {
        for (terminal, ci, at_screen, nobody) in [
            (true, false, false, None),
            (true, true, false, Some(Nobody::InCi)),
            (false, false, false, Some(Nobody::NoTerminal)),
            (false, true, false, Some(Nobody::InCi)),
            (false, false, true, None),
            (false, true, true, None),
        ] {
            let found = Surroundings { terminal, ci, at_screen }.nobody();
            assert_eq!(found, nobody, "{terminal} {ci} {at_screen}");
        }
    }
}
