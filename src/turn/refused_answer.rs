//! Why an answer is not taken.

use crate::decide::people::permission::NotAllowed;

/// Why an answer is not taken, and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotTaken {
    pub(crate) why: String,
    pub(crate) hint: Option<String>,
    /// It is not this person's to give: that is on record.
    pub(crate) oversteps: bool,
}

impl NotTaken {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), hint: None, oversteps: false }
    }

    /// It is on record.
    pub(crate) fn oversteps(mut self) -> Self {
        self.oversteps = true;
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<NotAllowed> for NotTaken {
    fn from(not: NotAllowed) -> Self {
        let hint = match &not {
            NotAllowed::NotApprover { .. } => {
                "`govern approvals` shows what waits: one of those who may answers it there"
            }
            NotAllowed::Stranger { .. } => {
                "a `[[person]]` of the machine's or the user's policy with this `proxy` may answer; a run goes by the policy \
                 that it was started with"
            }
            NotAllowed::Starter { .. } | NotAllowed::MayBeStarter { .. } => {
                "a `[[person]]` with another `os` answers by a channel of `[notify]`; `govern stop` ends the run"
            }
            NotAllowed::TooMuchGranted { .. } => "grant less, or have the policy's owner raise `max_grant`",
            NotAllowed::TooMuch { .. } => "ask for less, or have the policy's owner raise `max_extend`",
        };
        Self { oversteps: true, ..Self::new(not.to_string()) }.hint(hint)
    }
}
