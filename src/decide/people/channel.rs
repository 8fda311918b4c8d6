//! Pure. Whether a channel takes a question to somebody who may answer it.

use crate::model::{AgentName, Answerer, Attribution, Identity};
use crate::policy::notify::Address;
use crate::policy::rule::Policy;

use super::permission;

/// A question about this agent goes by a channel to somebody whose answer would be taken.
pub fn reaches(policy: &Policy, started_by: &Identity, agent: &AgentName, belongs: &Attribution) -> bool {
    policy.notify.answers(Some(agent), belongs).iter().any(|address| {
        let who = match address {
            Address::Mail(Some(reader)) => Answerer::mail(reader),
            // Who clicks is judged then: somebody in Slack is among the approvers, and clicks are heard.
            Address::Slack(_) => {
                let hears = policy.notify.slack.as_ref().is_some_and(|slack| slack.app_token.is_some());
                let approvals = &policy.approvals;
                return hears && approvals.approvers.iter().any(|entry| approvals.in_slack(entry));
            }
            Address::Mail(None) | Address::Webhook => return false,
        };
        permission::judge(&policy.approvals, &who, started_by, None).is_ok()
    })
}
