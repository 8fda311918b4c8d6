//! A fleet that the tests show before it starts.

use crate::model::{Priority, Quantity, Registration};
use crate::report::fleet_plan::{FleetPlan, PlanBudget, PlanRow};

fn row(agent: &str, needs: &[&str], tier: Option<(&str, &str)>, spend: Option<&str>, allotted: Option<i64>) -> PlanRow {
    PlanRow {
        likely: None,
        agent: agent.into(),
        needs: needs.iter().map(|need| (*need).into()).collect(),
        model: tier.map(|(_, model)| model.into()),
        registration: Registration {
            spend: spend.and_then(|text| Quantity::parse(text).ok()),
            responses: (agent == "plan").then_some(12),
            minutes: (agent == "test").then(|| Quantity::parse("90 minutes").unwrap()),
            tier: tier.map(|(tier, _)| tier.to_owned()),
            priority: if agent == "implement" { Priority::new(7).unwrap() } else { Priority::default() },
        },
        retries: u32::from(agent == "implement"),
        check: None,
        review: None,
        folder: "/work/shop".to_owned(),
        allotted,
        limit: Some(10_000_000_000),
    }
}

/// Five agents under $10, one of which says nothing.
pub(crate) fn plan() -> FleetPlan {
    let cents = |cents: i64| Some(cents * 10_000_000);
    let dear = Some(("frontier", "gpt-6-astra"));
    let plain = Some(("standard", "gpt-6.1-sol"));
    let cheap = Some(("cheap", "gpt-6-luna"));
    FleetPlan {
        name: "shop".to_owned(),
        concurrency: Some(3),
        budget: Some(PlanBudget {
            name: "fleet".into(),
            limit: Quantity::parse("10 usd").unwrap(),
            allot: Some("expected".to_owned()),
            reserve: 1_000_000_000,
            pool: Some(2_750_000_000),
        }),
        rows: vec![
            row("plan", &[], dear, Some("1 usd"), cents(100)),
            row("implement", &["plan"], plain, Some("4 usd"), cents(400)),
            row("test", &["implement"], plain, Some("1.50 usd"), cents(150)),
            row("review-of-everything", &["implement", "test"], None, None, None),
            row("document", &["implement"], cheap, Some("0.75 usd"), cents(75)),
        ],
    }
}
