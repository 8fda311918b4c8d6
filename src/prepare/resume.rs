//! Whether a run may go on: by whom, under which policy, with how much more.

use super::here::Here;
use super::identity::starter;
use super::next;
use crate::decide::people::lift::Lift;
use crate::decide::people::permission::{self, Lifting};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{HeldBack, Ledger, outbox};
use crate::model::{Answerer, Brake, RunInfo, TokenHash};
use crate::policy::rule::{Approvals, Policy};
use crate::ui::to_stderr;

/// A run that goes on.
pub(crate) struct Earlier {
    /// The run.
    pub(crate) info: RunInfo,
    /// What a person did to it that only one who may answer undoes.
    pub(crate) held_back: Option<HeldBack>,
    /// The limit that is lifted first.
    pub(crate) lift: Option<Lift>,
    /// It goes on although its policy changed.
    pub(crate) accepts: bool,
    /// Who might answer when it was started.
    pub(crate) approvers: Vec<String>,
    /// What was typed after `--extend`.
    pub(crate) extend: Option<String>,
    /// Who lets it go on, and as records name that.
    pub(crate) who: Answerer,
    pub(crate) by: String,
    /// By which token.
    pub(crate) token: Option<TokenHash>,
}

impl Earlier {
    /// Whether this person may let it go on under this policy. A refusal is on record, and nothing else of it.
    pub(crate) fn accept(&self, policy: &Policy, here: &Here<'_>) -> Result<()> {
        let judged = self.judge(policy, here);
        let mut ledger = Ledger::open(&here.state_folder()?)?;
        match (&judged, &self.token) {
            (Err(refused), _) => {
                ledger.turn(here.now, |turn| turn.refuse(&self.info.id, &self.by, refused.message()))?
            }
            (Ok(()), Some(token)) => outbox::use_leave(&mut ledger, here.now, token)?,
            (Ok(()), None) => {}
        }
        judged
    }

    fn judge(&self, policy: &Policy, here: &Here<'_>) -> Result<()> {
        self.release(&policy.approvals)?;
        self.accept_change(policy, here)?;
        self.may_lift(policy, here)
    }

    /// What `--extend` asks for is judged before the run is opened again: a refusal changes nothing of it, neither its
    /// outcome nor its record.
    fn may_lift(&self, policy: &Policy, here: &Here<'_>) -> Result<()> {
        let Some(Lift { by_amount, who, .. }) = &self.lift else { return Ok(()) };
        let refused = |why: &str| {
            Error::new(format!("refused to resume run `{}`: {why}", self.info.id))
                .hint("nothing was changed: the run can still go on")
                .exit(Exit::Refused)
        };
        let Some(budget) = next::lifted(policy, self.info.rule.as_ref(), *by_amount) else {
            return Err(refused(&format!("no budget of this run counts what `--extend {by_amount}` would lift")));
        };
        let lifting =
            Lifting { budget: &budget.name, by: *by_amount, given: next::given(&self.info, policy, budget, here)? };
        permission::judge(&policy.approvals, who, &starter(), Some(lifting))
            .map_err(|not| refused(&not.to_string()))?;
        match policy.approvals.people_for(Some(*by_amount)) {
            0 | 1 => Ok(()),
            people => {
                Err(refused(&format!("{people} persons have to agree to `--extend {by_amount}`, and this is one")))
            }
        }
    }

    /// What a person stopped or paused, or said no to, only somebody who may answer lets go on: as `continue` does.
    fn release(&self, approvals: &Approvals) -> Result<()> {
        let Some(held_back) = &self.held_back else { return Ok(()) };
        permission::judge(approvals, &self.who, &starter(), None).map_err(|not| {
            let done = match held_back {
                HeldBack::Braked(Brake::Pause, braked) => format!("paused {}", braked.text()),
                HeldBack::Braked(Brake::Kill, braked) => format!("killed {}", braked.text()),
                HeldBack::Braked(Brake::Stop | Brake::Continue, braked) => format!("stopped {}", braked.text()),
                HeldBack::Denied(braked) => format!("denied {}", braked.text()),
            };
            Error::new(format!("refused to resume run `{}`, which was {done}: {not}", self.info.id))
                .hint(format!(
                    "to let it go on is an answer, as `govern continue` is; by a letter about its end: \
                     `govern resume {} --token TOKEN`",
                    self.info.id
                ))
                .exit(Exit::Refused)
        })
    }

    /// Refuses a policy that is not the one that the run was started under, unless that was accepted: by somebody who
    /// may answer under both.
    fn accept_change(&self, policy: &Policy, here: &Here<'_>) -> Result<()> {
        let Some(changed) = changed_policy(&self.info.policy, &policy.digest) else { return Ok(()) };
        let refused =
            |why: &str| Error::new(format!("refused to resume run `{}`: {why}", self.info.id)).exit(Exit::Refused);
        if !self.accepts {
            // The limit that ended it is in the way still, whether that was typed or not.
            let needed = match (&self.extend, here.ledger()?) {
                (None, Some(ledger)) => next::needed(&ledger, &self.info, policy, here)?,
                (typed, _) => typed.clone(),
            };
            let command = next::command(&self.info.id, needed.as_deref(), true);
            return Err(refused(&changed).hint(format!("{LOOK_FIRST}: {command}")));
        }
        let persons = policy.approvals.persons.clone();
        let then = Approvals { approvers: self.approvers.clone(), persons, ..Approvals::default() };
        for approvals in [&then, &policy.approvals] {
            permission::judge(approvals, &self.who, &starter(), None)
                .map_err(|not| refused(&not.to_string()).hint("whoever accepts a changed policy answers for it"))?;
        }
        to_stderr(&format!("govern: {changed}\n"));
        Ok(())
    }
}

const LOOK_FIRST: &str = "the agent may have edited it: look at `govern policy show --here` in the run's folder, then, if it is as it should be";

/// What to say where the policy is not the one that the run was started under; both by the start of their digests.
pub(crate) fn changed_policy(recorded: &str, now: &str) -> Option<String> {
    let short = |digest: &str| digest.chars().take(12).collect::<String>();
    (recorded != now).then(|| {
        format!("the policy has changed since the run began: it was `{}`, now it is `{}`", short(recorded), short(now))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_changed_is_told_by_the_start_of_both_digests() {
        assert_eq!(changed_policy("abc", "abc"), None);
        let said = changed_policy(&"a1".repeat(32), &"b2".repeat(32)).unwrap();
        assert_eq!(said, "the policy has changed since the run began: it was `a1a1a1a1a1a1`, now it is `b2b2b2b2b2b2`");
    }
}
