//! A fleet that the tests show while it runs.

use crate::model::{AgentState, ApprovalId, Live, LiveAgent, LiveLimit, LivePool, Money, Unit};
use crate::report::tests::sample::at;

fn cents(cents: i64) -> i64 {
    cents * 10_000_000
}

fn limit(allotment: bool, (spent, reserved, limit): (i64, i64, i64), per_minute: i64) -> LiveLimit {
    let left = u64::try_from((limit - spent).max(0) * 60).unwrap().checked_div(per_minute.unsigned_abs());
    LiveLimit {
        budget: "fleet".into(),
        scope: if allotment { "agent=x, run=k3f9x27m1a" } else { "run=k3f9x27m1a" }.to_owned(),
        unit: Unit::Usd,
        allotment,
        spent: cents(spent),
        reserved: cents(reserved),
        limit: cents(limit),
        granted: 0,
        per_minute: cents(per_minute),
        seconds_left: left,
    }
}

fn agent(name: &str, state: AgentState, spent: i64, allotted: Option<i64>, per_minute: i64) -> LiveAgent {
    LiveAgent {
        agent: name.into(),
        state,
        since: at("2026-11-22T14:10:00Z"),
        because: None,
        approval: None,
        paused: None,
        attempt: 1,
        model: Some("gpt-6.1-sol".into()),
        work: Some(crate::model::WorkClass::Edit),
        responses: 12,
        cost_usd: Money::from_nanos(cents(spent)),
        cost_usd_per_minute: Some(Money::from_nanos(cents(per_minute))),
        limit: allotted.map(|allotted| limit(true, (spent, per_minute, allotted), per_minute)),
    }
}

/// Five agents under $10: one of each kind of state.
pub(crate) fn live() -> Live {
    let mut agents = vec![
        agent("plan", AgentState::Done, 62, Some(62), 0),
        agent("implement", AgentState::Working, 331, Some(400), 31),
        agent("test", AgentState::Throttled, 40, Some(150), 20),
        agent("review-of-everything", AgentState::Waiting, 0, None, 0),
        agent("document", AgentState::Held, 74, Some(75), 0),
    ];
    if let [plan, implement, test, review, document] = agents.as_mut_slice() {
        plan.model = Some("gpt-6-astra".into());
        implement.attempt = 2;
        test.because = Some("at most 4 responses/m: $0.40 of $1.50 (fleet): 25% reached".into());
        review.model = None;
        review.attempt = 0;
        review.because = Some("needs implement, test".into());
        document.model = Some("gpt-6-luna".into());
        document.because =
            Some("$0.74 + $0.02 reserved of $0.75 (fleet): the next request would pass the limit".into());
        document.approval = Some(ApprovalId(7));
    }
    Live {
        agents,
        limits: vec![limit(false, (507, 51, 1_000), 51)],
        pools: vec![LivePool {
            budget: "fleet".into(),
            scope: "run=k3f9x27m1a".into(),
            unit: Unit::Usd,
            size: cents(313),
            given: 0,
            got_back: cents(38),
        }],
        approvers: Vec::new(),
    }
}
