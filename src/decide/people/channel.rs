//! Whether a channel takes a question to somebody who may answer it.

use crate::model::{AgentName, Answerer, Attribution, Identity, MayAnswer, NoticeKind};
use crate::policy::notify::Address;
use crate::policy::rule::Policy;

use super::permission;

/// The channels by which a question comes to somebody who may answer it.
#[derive(Clone, Copy, Debug, Default)]
struct Ways {
    letter: bool,
    slack: bool,
}

impl Ways {
    fn of(policy: &Policy, started_by: &Identity, agent: &AgentName, belongs: &Attribution) -> Self {
        Self::by(policy, started_by, policy.notify.answers(Some(agent), belongs))
    }

    fn by(policy: &Policy, started_by: &Identity, addresses: impl IntoIterator<Item = Address>) -> Self {
        let mut ways = Self::default();
        for address in addresses {
            match address {
                Address::Mail(Some(reader)) => {
                    let reader = Answerer::mail(&reader);
                    ways.letter |= permission::judge(&policy.approvals, &reader, started_by, None).is_ok();
                }
                // Who clicks is judged then: somebody in Slack is among the approvers, and clicks are heard.
                Address::Slack(_) => {
                    let hears = policy.notify.slack.as_ref().is_some_and(|slack| slack.app_token.is_some());
                    let approvals = &policy.approvals;
                    ways.slack |= hears && approvals.listed().iter().any(|entry| approvals.in_slack(entry));
                }
                Address::Mail(None) | Address::Webhook => {}
            }
        }
        ways
    }
}

/// A question about this agent goes by a channel to somebody whose answer would be taken.
pub fn reaches(policy: &Policy, started_by: &Identity, agent: &AgentName, belongs: &Attribution) -> bool {
    let Ways { letter, slack } = Ways::of(policy, started_by, agent, belongs);
    letter || slack
}

/// Some question goes by a channel to somebody whose answer would be taken.
pub fn reaches_anybody(policy: &Policy, started_by: &Identity) -> bool {
    let routes = policy.notify.routes.iter().filter(|route| route.on.contains(&NoticeKind::Question));
    let Ways { letter, slack } = Ways::by(policy, started_by, routes.flat_map(|route| route.to.iter().cloned()));
    letter || slack
}

/// Who may answer a question about this agent, and by what; `own` is the account itself, at a terminal.
pub fn may_answer(
    policy: &Policy,
    (own, started_by): (&Answerer, &Identity),
    agent: &AgentName,
    belongs: &Attribution,
) -> MayAnswer {
    let Ways { letter, slack } = Ways::of(policy, started_by, agent, belongs);
    let here = permission::judge(&policy.approvals, own, started_by, None).is_ok();
    let page = policy.serve.trust.is_some() && answers_on_page(policy, started_by);
    MayAnswer { here, letter, slack, page, ..MayAnswer::named(policy.approvals.listed().to_vec()) }
}

/// The proxy before the page knows somebody whose answer would be taken. Nobody is told of a question by that.
fn answers_on_page(policy: &Policy, started_by: &Identity) -> bool {
    let approvals = &policy.approvals;
    let known = approvals.persons.iter().filter_map(|person| person.proxy.as_ref());
    known.into_iter().any(|name| permission::judge(approvals, &Answerer::proxied(name), started_by, None).is_ok())
}
