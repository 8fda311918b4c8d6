//! A policy tried on made-up history.

use super::*;
use crate::report::trial::Unreplayed;

/// Three runs that a policy would have treated: one stopped, one routed and held, one of imported history only warned.
pub(crate) fn trial() -> TrialReport {
    let spend = |responses, usd: &str| Spend { responses, cost: Money::parse_decimal(usd).unwrap(), unpriced: 0 };
    let step = |when: &str, deed| TriedStep { at: at(when), deed };
    let decided = |verb, budget: &str, because: &str, to: Option<&str>| {
        Deed::Decided(Decision {
            verb,
            budget: budget.into(),
            scope: String::new(),
            alert: None,
            because: vec![because.to_owned()],
            would: false,
            to: to.map(ModelId::new),
            chosen: None,
            wrap_up: None,
        })
    };
    let run = |origin, started: &str, actual, would, steps| TriedRun {
        origin,
        started: at(started),
        agents: vec!["codex".into()],
        attribution: Attribution { project: Some("shop".into()), ..Attribution::default() },
        actual,
        would,
        steps,
        cut: None,
    };
    let stop = "$4.93 + $0.21 reserved of $5.00 (each run): the next request would pass the limit";
    let mut stopped = run(
        Origin::Run("k3f9x27m1a".into()),
        "2026-11-20T09:00:00Z",
        spend(90, "9.125"),
        spend(47, "4.9333333"),
        vec![
            step(
                "2026-11-20T09:20:00Z",
                decided(Verb::Warn, "each run", "$4.05 of $5.00 (each run): 80% reached", None),
            ),
            step("2026-11-20T09:40:00Z", decided(Verb::Stop, "each run", stop, None)),
        ],
    );
    stopped.cut = Some("stopped".to_owned());
    let routed = run(
        Origin::Run("k4a1c00n2b".into()),
        "2026-11-21T13:00:00Z",
        spend(50, "6.5"),
        spend(31, "2.75"),
        vec![
            step(
                "2026-11-21T13:10:00Z",
                decided(Verb::Route, "day", "$17.00 of $20.00 (day): 85% reached", Some("gpt-6.1-terra")),
            ),
            step("2026-11-21T13:10:00Z", Deed::Routed { to: "gpt-6.1-terra".into() }),
            step(
                "2026-11-21T13:30:00Z",
                decided(Verb::Ask, "day", "$19.90 of $20.00 (day): the next request would pass the limit", None),
            ),
            step("2026-11-21T14:30:00Z", Deed::Answered(Answer::Stop)),
        ],
    );
    let warned = run(
        Origin::Imported("019a8b7c-1a2b-7c3d-8e4f-5a6b7c8d9e0f".into()),
        "2026-11-21T20:00:00Z",
        spend(12, "4.5"),
        spend(12, "4.5"),
        vec![step(
            "2026-11-21T20:05:00Z",
            decided(Verb::Warn, "each run", "$4.50 of $5.00 (each run): 80% reached", None),
        )],
    );
    let trial = Trial {
        runs: vec![stopped, routed, warned],
        untouched: 211,
        earlier: 1,
        earlier_spend: spend(9, "0.75"),
        actual: spend(2_161, "121.625"),
        would: spend(2_099, "113.6833333"),
        repriced: 0,
        imported: 40,
    };
    TrialReport {
        trial,
        policy: "team.toml".to_owned(),
        since: Some(at("2026-10-22T23:00:00Z")),
        until: None,
        zone: Tz::Europe__Berlin,
        approves: false,
        unreplayed: vec![Unreplayed::Gates, Unreplayed::Throttles],
        attributes: true,
        plan: false,
    }
}
