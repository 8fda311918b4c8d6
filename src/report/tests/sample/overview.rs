//! An account that the tests show: a fleet, an agent that installed hooks govern, a question, a budget that ends soon.

use chrono_tz::Tz;

use super::{approvals, at, budgets, response, standing, status};
use crate::model::event::{Decision, EventKind};
use crate::model::{AgentState, ApprovalState, Event, Money, Slice, Timestamp, Unit, Verb};
use crate::report::action::Action;
use crate::report::forecast::{Forecast, Outlook};
use crate::report::group_by::Pieces;
use crate::report::overview::{AgentLook, Overview, Spent};
use crate::report::summary::Totals;
use crate::report::timeline::told;
use crate::report::{BudgetReport, BudgetRow, StatusReport};

fn spent(since: &str, responses: &[(&str, Option<&str>, &str)]) -> Spent {
    let slices: Vec<Slice> = responses
        .iter()
        .map(|(model, team, usd)| {
            let mut response = response("2026-11-22T09:00:00Z", "codex", "t1", model, usd);
            response.attribution.team = team.map(str::to_owned);
            super::slice(&response, Pieces::of(&[], Tz::UTC))
        })
        .collect();
    Spent::of(Some(at(since)), &slices)
}

/// At 2026-11-22 14:12 UTC.
pub(crate) fn overview() -> Overview {
    let StatusReport { at: now, mut runs, resumes } = status();
    runs.truncate(2);
    for run in runs.iter_mut().skip(1) {
        run.info.attribution.team = Some("web".into());
        for agent in &mut run.live.agents {
            (agent.state, agent.since) = (AgentState::Working, now - chrono::TimeDelta::seconds(12));
            (agent.cost_usd, agent.model) = (Money::from_nanos(4_200_000_000), Some("gpt-6.1-sol".into()));
            agent.cost_usd_per_minute = Some(Money::from_nanos(620_000_000));
        }
    }
    let mut waiting = approvals();
    (waiting.all, waiting.at, waiting.zone) = (false, now, Tz::UTC);
    waiting.rows.retain(|row| row.approval.state == ApprovalState::Pending);
    for row in &mut waiting.rows {
        row.approval.agent = "document".into();
    }
    waiting.paused.clear();
    let near = standing("teams, monthly", "team=web", Unit::Usd, (91_200_000_000, 510_000_000, 100_000_000_000));
    let end = Forecast::End {
        amount: 130_000_000_000,
        crosses: Some(at("2026-11-25T09:40:00Z")),
        since: at("2026-11-01T00:00:00Z"),
    };
    let rows = vec![
        BudgetRow { standing: near, outlook: Outlook { pace: Some(1_240), forecast: end }, grants: Vec::new() },
        BudgetRow {
            standing: standing("everything, daily", "", Unit::Usd, (7_500_000_000, 0, 50_000_000_000)),
            outlook: Outlook::default(),
            grants: Vec::new(),
        },
    ];
    Overview {
        at: now,
        zone: Tz::UTC,
        status: StatusReport { at: now, runs, resumes },
        waiting,
        budgets: Ok(BudgetReport {
            rows,
            at: now,
            zone: Tz::UTC,
            waiting: Vec::new(),
            plans: Vec::new(),
            sub_agents: Vec::new(),
            others: Vec::new(),
            ..budgets()
        }),
        today: spent("2026-11-22T00:00:00Z", &[("gpt-6.1-sol", Some("web"), "4.20")]),
        month: spent(
            "2026-11-01T00:00:00Z",
            &[("gpt-6.1-sol", Some("web"), "4.20"), ("gpt-6-luna", None, "2.25"), ("gpt-6-astra", Some("web"), "1.05")],
        ),
    }
}

/// What is known of one agent of the fleet.
pub(crate) fn look() -> AgentLook {
    let event =
        |when: &str, kind| Event { at: at(when), run: "k3f9x27m1a".into(), agent: Some("document".into()), kind };
    let response = super::response("2026-11-22T14:08:00Z", "document", "t5", "gpt-6-luna", "0.31");
    let spend: Vec<(Timestamp, Money)> = ["13:50", "14:01", "14:02", "14:08", "14:09"]
        .into_iter()
        .zip([50, 310, 120, 310, 40])
        .map(|(time, thousandths)| (at(&format!("2026-11-22T{time}:00Z")), Money::from_nanos(thousandths * 1_000_000)))
        .collect();
    let mut totals = Totals::default();
    totals.add(&response);
    let warned = EventKind::Decided(Decision {
        verb: Verb::Warn,
        budget: "fleet".into(),
        scope: "run=k3f9x27m1a".into(),
        alert: None,
        because: vec!["$0.61 of $0.75 (fleet): 80% reached".into()],
        would: false,
        to: None,
        chosen: None,
        wrap_up: None,
    });
    let seen = event("2026-11-22T14:08:00Z", EventKind::Response(Box::new(response)));
    AgentLook {
        threads: vec![(
            super::thread(
                "019a8b7c-1a2b-7c3d-8e4f-5a6b7c8d9e0f",
                "019a8b7c-1a2b-7c3d-8e4f-5a6b7c8d9e0f",
                None,
                "document",
                None,
            ),
            totals,
        )],
        actions: vec![Action::of(&seen, 9, "response")],
        told: told(&[event("2026-11-22T14:06:00Z", warned)]),
        spend,
    }
}
