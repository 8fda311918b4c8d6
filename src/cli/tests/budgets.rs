//! How `govern budget` answers.

use super::*;

#[test]
fn an_extension_counts() {
    let world = busy();
    world.write("home/.config/govern/policy.toml", POLICY);
    let key = BudgetKey {
        budget: "teams, monthly".into(),
        scope: "team=web".into(),
        window_start: Some(sample::at("2026-10-31T23:00:00Z")),
        unit: Unit::Usd,
    };
    let mut ledger = Ledger::open(&world.ledger_folder()).unwrap();
    let now = sample::at("2026-11-22T14:15:00Z");
    let extended = EventKind::Extended {
        budget: key.budget.clone(),
        scope: key.scope.clone(),
        amount: 5_000_000_000,
        unit: "usd".into(),
        by: "bob".into(),
        reason: None,
    };
    let told = Event { at: now, run: "k4a1c00n2b".into(), agent: None, kind: extended };
    let lift = |turn: &mut crate::ledger::Turn<'_>| {
        turn.append(&told)?;
        turn.budgets().extend(&key, 5_000_000_000, "bob", None, None).map(drop)
    };
    ledger.turn(now, lift).unwrap();
    let (exit, text) = world.budget(&["--check"]);
    assert_eq!(exit, Ok(Exit::Success));
    assert!(text.contains("* `teams, monthly` for team=web: $2.00, extended by $5.00."), "{text}");
}

/// Team web has spent $2.33 since yesterday afternoon: the month ends in eight days and a half.
fn with_teams_limit(limit: &str) -> World {
    let world = busy();
    let month = "[[budget]]\nname = \"teams\"\nper = \"team\"\nwindow = \"month\"\n";
    world.write("home/.config/govern/policy.toml", &format!("version = 1\n{month}limit = \"{limit}\"\n"));
    world
}

#[test]
fn a_check_may_fail_before_the_money_is_gone() {
    let world = with_teams_limit("20 usd");
    assert_eq!(world.budget(&["--check"]).0, Ok(Exit::Success));
    let (exit, text) = world.budget(&["--check=forecast"]);
    assert_eq!(exit, Ok(Exit::Over));
    assert!(text.contains("`teams` for team=web crosses its limit on"), "{text}");
    let enough = with_teams_limit("30 usd");
    assert_eq!(enough.budget(&["--check=forecast"]).0, Ok(Exit::Success));
    let spent = with_teams_limit("2 usd");
    assert_eq!(spent.budget(&["--check=forecast"]).0, Ok(Exit::Over), "what is used up is no better");
}

#[test]
fn a_young_window_is_foretold_by_the_week_before_it() {
    let world = busy();
    let day = "[[budget]]\nname = \"day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"9 usd\"\n";
    world.write("home/.config/govern/policy.toml", &format!("version = 1\n{day}"));
    let (_, json) = world.budget(&["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let row = &json["rows"][0];
    // $0.75 today; $2.33 in the 24 hours and 19 minutes that the ledger knows; 9 hours and 40 minutes are left.
    assert_eq!((&row["spent"], &row["forecast_from"]), (&"0.75".into(), &"2026-11-21T14:01:00Z".into()), "{row}");
    let forecast: f64 = row["forecast"].as_str().unwrap().parse().unwrap();
    let expected = 0.75 + 2.333_333_333 * (9.0 * 60.0 + 40.0) / (24.0 * 60.0 + 19.0);
    assert!((forecast - expected).abs() < 1e-6, "{forecast}, not {expected}");
}

#[test]
fn a_week_that_costs_twice_as_much_foretells_the_rest_of_the_month() {
    let world = World::new();
    let month = "[[budget]]\nname = \"month\"\nper = \"everything\"\nwindow = \"month\"\nlimit = \"45 usd\"\n";
    world.write("home/.config/govern/policy.toml", &format!("version = 1\n{month}"));
    // A dollar a day until the 15th, then two: asked on the 22nd at 14:20, with 8.4 days to go.
    let spend = (1..22).map(|day| {
        let (at, usd) = (format!("2026-11-{day:02}T18:00:00Z"), if day < 15 { "1" } else { "2" });
        let mut response = sample::response(&at, "codex", "t", "gpt-6.1-sol", usd);
        (response.key, response.run) = (format!("r{day}").as_str().into(), Some("k1".into()));
        Event { at: response.at, run: "k1".into(), agent: None, kind: EventKind::Response(Box::new(response)) }
    });
    let began = started("k1", sample::at("2026-11-01T10:00:00Z"));
    in_ledger(&world.ledger_folder(), "k1", 4_711, &std::iter::once(began).chain(spend).collect::<Vec<_>>());
    let (_, json) = world.budget(&["--format", "json"]);
    let row = serde_json::from_str::<serde_json::Value>(&json).unwrap()["rows"][0].clone();
    let forecast: f64 = row["forecast"].as_str().unwrap().parse().unwrap();
    assert!((44.0..46.0).contains(&forecast), "{row}");
    assert_eq!(world.budget(&["--check=forecast"]).0, Ok(if forecast > 45.0 { Exit::Over } else { Exit::Success }));
}

#[test]
fn what_a_run_limits_by_its_own_flags_is_shown_while_it_lives() {
    let world = busy();
    let kept = r#"{"cwd":"/w","agent":"codex","thread":"t2","command":["codex"],"rules":{"budgets":["0.5 usd"]}}"#;
    let now = sample::at("2026-11-22T14:15:00Z");
    let over = "k5d7e00v3r";
    let mut ledger = in_ledger(&world.ledger_folder(), over, 4_713, &[started(over, now)]);
    for run in [over, "k4a1c00n2b"] {
        ledger.turn(now, |turn| turn.keep_command(&run.into(), kept)).unwrap();
    }
    let kind = EventKind::RunEnded { outcome: "ended".into(), code: Some(0), rule: None, lifts: None };
    let ended = Event { at: now, run: over.into(), agent: None, kind };
    ledger.turn(now, |turn| turn.append(&ended).map(drop)).unwrap();
    let (exit, text) = world.budget(&["--check"]);
    assert_eq!(exit, Ok(Exit::Over), "{text}");
    assert!(text.contains("run=k4a1c00n2b") && text.contains("$0.50"), "{text}");
    assert!(!text.contains(over), "it is over: {text}");
}

#[test]
fn what_is_used_of_a_plan_is_told_from_the_newest_session_file() {
    let world = World::new();
    let plan = |length: &str| {
        format!("[[budget]]\nname = \"{length} limit\"\nper = \"user\"\nlimit = \"80% plan {length}\"\n")
    };
    world.write("home/.config/govern/policy.toml", &format!("version = 1\n{}{}", plan("5h"), plan("week")));
    let (exit, text) = world.budget(&["--check"]);
    assert_eq!(exit, Ok(Exit::Success));
    insta::assert_snapshot!("plan_unknown", text);
    // The five hours begin anew at 16:00, the week did at 14:00.
    let limits = r#"{"primary":{"used_percent":81.5,"window_minutes":300,"resets_at":1795363200},"secondary":{"used_percent":99,"window_minutes":10080,"resets_at":1795356000}}"#;
    let said = format!(
        r#"{{"timestamp":"2026-11-22T14:05:00Z","type":"event_msg","payload":{{"type":"token_count","info":null,"rate_limits":{limits}}}}}"#
    );
    let file = "home/.codex/sessions/2026/11/22/rollout-2026-11-22T13-00-00-01a201ce-a0f3-7b93-b4d8-4d4302cd5f8a.jsonl";
    world.write(file, &format!("{said}\n"));
    let (exit, text) = world.budget(&["--check"]);
    assert_eq!(exit, Ok(Exit::Over));
    insta::assert_snapshot!("plan_known", text);
    let (_, json) = world.budget(&["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["plans"][0]["used_percent"], &json["plans"][0]["over"]), (&81.5.into(), &true.into()), "{json}");
    assert!(json["plans"][1]["used_percent"].is_null(), "its window began anew: {json}");
}
