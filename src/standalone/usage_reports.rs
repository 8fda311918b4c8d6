//! What Codex tells a hook after a request, where no supervisor hears it.

use crate::clock;
use crate::codex::{Defaults, HookEvent};
use crate::decide::message::Input;
use crate::ledger::{LedgerError, Turn};
use crate::model::event::EventKind;
use crate::model::{Basis, Billing, Event, Response, ResponseKey, Source, ThreadId, Tokens};
use crate::policy::cost::{billed, cost};
use crate::tail::login::Login;
use crate::turn::configured::layers;
use crate::usage::pairing::{Difference, Paired, Recorded};

use super::Call;
use super::standing::ThreadState;

/// What the hook of a request that is over tells, as the governor hears it; nothing from any other hook.
pub(super) fn tell(
    turn: &mut Turn<'_>,
    call: &Call,
    standing: Option<&mut ThreadState>,
) -> Result<Option<Input>, LedgerError> {
    let own = call.input.thread();
    let Some(standing) = standing.filter(|_| call.event == HookEvent::PostModelRequest) else { return Ok(None) };
    let telling = call.input.telling();
    // Each telling is a hook of its own, and requests may not be attended to.
    standing.pairing.hears_each();
    standing.hears |= telling.tokens.is_some();
    Ok(match standing.pairing.tell(&telling) {
        Paired::New(key) => {
            let response = response(call, standing, key, telling.tokens.unwrap_or_default());
            standing.note(&response);
            Some(Input::Responded(Box::new(response)))
        }
        Paired::Known(None) | Paired::Again => None,
        Paired::Unsaid => {
            standing.admission.fails();
            standing.untold = Some(standing.untold.is_none());
            None
        }
        Paired::Known(Some(difference)) => {
            let (run, agent) = (call.run.clone(), Some(call.agent.clone()));
            turn.append(&Event { at: clock::now(), run, agent, kind: differed(&own, difference) })?;
            None
        }
        Paired::Failed => {
            // What was not let through was not served.
            let is_sent = standing.admission.is_open() || !standing.asks;
            if telling.cut_off && is_sent {
                let (run, agent) = (call.run.clone(), Some(call.agent.clone()));
                turn.append(&Event { at: clock::now(), run, agent, kind: cut_off(&own, standing) })?;
            }
            Some(Input::Failed { agent: call.agent.clone(), thread: own, cut_off: telling.cut_off })
        }
    })
}

/// The responses that no hook told of before their records; what else the records say of them is for the ledger.
pub(super) fn first_told(
    thread: &ThreadId,
    standing: &mut ThreadState,
    news: Vec<Response>,
    kept: &mut Vec<EventKind>,
) -> Vec<Response> {
    let mut first = Vec::new();
    for response in news {
        match standing.pairing.record(&response.key, &response.tokens) {
            Recorded::New | Recorded::Again => first.push(response),
            Recorded::Known { told, difference } => {
                let key = response.key;
                kept.extend(difference.map(|difference| differed(thread, difference)));
                kept.extend((told != key).then(|| EventKind::Confirmed { thread: thread.clone(), told, key }));
            }
        }
    }
    first
}

/// No supervisor counts these until the session's end.
pub(super) fn cut_off(thread: &ThreadId, standing: &ThreadState) -> EventKind {
    let likely = standing.recent.iter().filter_map(|response| response.cost.money()).max();
    let cost = match likely {
        Some(cost) => format!("it may have cost {cost}, which is in no sum here"),
        None => "what it may have cost is not known, and in no sum here".to_owned(),
    };
    EventKind::Marked {
        what: format!("the answer to a request of thread {thread} broke off: perhaps served, never logged; {cost}"),
    }
}

fn differed(thread: &ThreadId, difference: Difference) -> EventKind {
    let Difference { key, record, hook } = difference;
    EventKind::Differed { thread: thread.clone(), key, record, hook }
}

/// A thread without a session file was seen.
pub(super) fn seen(call: &Call) -> EventKind {
    let (thread, root) = (call.input.thread(), call.input.session_id.clone());
    EventKind::ThreadSeen {
        parent: (thread != root).then(|| root.clone()),
        thread,
        root,
        path: String::new(),
        codex: None,
        billing: billing_of(call),
        role: None,
    }
}

/// Who is paid for a thread without a session file.
pub(super) fn billing_of(call: &Call) -> Billing {
    billing(call, defaults(call).provider.as_deref())
}

fn defaults(call: &Call) -> Defaults {
    let folder = call.input.cwd.as_deref().unwrap_or(&call.cwd);
    Defaults::of(&call.command, &layers(&call.command, call.codex_home.as_deref(), Some(folder)))
}

fn billing(call: &Call, provider: Option<&str>) -> Billing {
    call.codex_home.as_deref().map_or(Login::Unknown, Login::of).billing(provider, None)
}

fn response(call: &Call, standing: &ThreadState, key: ResponseKey, tokens: Tokens) -> Response {
    let (at, model) = (clock::now(), call.input.model.clone());
    let (provider, tier, paid, basis) = match standing.has_file() {
        true => (standing.provider.clone(), standing.tier.clone(), standing.billing, Basis::Observed),
        false => {
            let defaults = defaults(call);
            let basis = defaults.basis();
            (defaults.provider, defaults.tier, None, basis)
        }
    };
    let tier = tier.unwrap_or_default();
    let billing = paid.unwrap_or_else(|| billing(call, provider.as_deref()));
    let billing = billed(&call.prices, billing, model.as_ref());
    let unpriced = &call.policy.models.unpriced;
    Response {
        run: Some(call.run.clone()),
        agent: Some(call.agent.clone()),
        thread: call.input.thread(),
        root: call.input.session_id.clone(),
        key,
        at,
        cost: cost(&call.prices, unpriced, billing, model.as_ref(), &tier, at, &tokens),
        model,
        provider,
        tier,
        tokens,
        basis,
        billing,
        attribution: call.attribution.clone(),
        source: Source::Hook,
        work: None,
    }
}
