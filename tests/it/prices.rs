//! Prices in force: one's own, a newer list, and those that come after what they price.

use serde_json::Value;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::world::World;

fn json(world: &World, args: &[&str]) -> Value {
    let args = [args, &["--format", "json"]].concat();
    serde_json::from_str(&world.govern(&args).expect_code(0).out()).unwrap()
}

/// A list of one model, of this day.
fn list(day: &str, model: &str) -> String {
    format!(
        "version = \"{day}\"\nsource = \"a test\"\nlong_context = {{ above = 1000, input = 2, output = 1.5 }}\n\
         [[model]]\nname = \"{model}\"\nrates = [{{ input = 2, output = 10 }}]\nlong_context = true\n"
    )
}

/// One response of a model that no list knows, imported.
fn unpriced() -> World {
    let world = World::without_codex();
    let id = "01a20000-0000-7000-8000-0000000000aa";
    let usage = r#"{"input_tokens":1000,"cached_input_tokens":0,"output_tokens":100,"reasoning_output_tokens":0,"total_tokens":1100}"#;
    let lines = [
        format!(r#""type":"session_meta","payload":{{"id":"{id}","model_provider":"openai"}}"#),
        r#""type":"turn_context","payload":{"model":"gpt-99"}"#.to_owned(),
        format!(
            r#""type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{usage},"last_token_usage":{usage}}}}}"#
        ),
    ];
    let text: String =
        lines.iter().map(|line| format!("{{\"timestamp\":\"2025-11-20T10:00:00Z\",{line}}}\n")).collect();
    world.write(&format!("codex/sessions/2025/11/20/rollout-2025-11-20T10-00-00-{id}.jsonl"), &text);
    let imported = json(&world, &["import"]);
    assert_eq!(imported["unpriced"][0]["model"], "gpt-99", "{imported}");
    world
}

fn totals(world: &World) -> (String, u64) {
    let totals = json(world, &["report"])["totals"].clone();
    (totals["cost_usd"].as_str().unwrap().to_owned(), totals["unpriced_responses"].as_u64().unwrap())
}

#[test]
fn a_newer_list_is_in_force_at_once_and_prices_what_had_no_price() {
    let world = unpriced();
    assert_eq!(json(&world, &["prices", "check"])["unpriced_models"][0], "gpt-99");
    world.write("work/new.toml", &list("2999-01-01", "gpt-99"));
    let updated = json(&world, &["prices", "update", "new.toml"]);
    assert_eq!((&updated["prices"]["version"], &updated["repriced"]["responses"]), (&"2999-01-01".into(), &1.into()));
    assert_eq!(totals(&world), ("0.003".to_owned(), 0));
    let shown = json(&world, &["prices", "show", "gpt-99"]);
    let row = &shown["rows"][0];
    assert_eq!(row["rates"][0]["usd_per_million"]["output"], "10.00", "{row}");
    assert_eq!(
        (&row["long"]["above_input_tokens"], &row["long"]["usd_per_million"]["output"]),
        (&1000.into(), &"15.00".into())
    );
    world.govern(&["audit", "verify"]).expect_code(0);
    // An older list takes nothing back.
    world.write("work/old.toml", &list("2001-01-01", "gpt-1"));
    world.govern(&["prices", "update", "old.toml"]).expect_code(125).expect_said("older than the list in force");
    assert_eq!(json(&world, &["prices"])["prices"]["version"], "2999-01-01");
}

#[test]
fn a_list_that_makes_no_sense_changes_nothing_and_one_in_force_that_cannot_be_read_starts_nothing() {
    let world = World::without_codex();
    world.write("work/bad.toml", "version = \"2999-01-01\"\nmodel = 3\n");
    world.govern(&["prices", "update", "bad.toml"]).expect_code(125).expect_said("bad.toml` is no price list");
    world.write("work/bad.toml", &list("soon", "gpt-99"));
    world.govern(&["prices", "update", "bad.toml"]).expect_code(125).expect_said("not a day");
    world.govern(&["prices", "update", "none.toml"]).expect_code(125).expect_said("none.toml` cannot be read");
    world.govern(&["run", "--", "true"]).expect_code(0);
    world.write("config/govern/prices.toml", "nonsense");
    let refused = world.govern(&["run", "--", "touch", "ran"]).expect_code(125);
    refused.expect_said("is no price list");
    assert!(!world.path("work/ran").exists());
    assert!(world.govern(&["doctor"]).out().contains("is no price list"));
    // A good one takes its place.
    world.write("work/new.toml", &list("2999-01-01", "gpt-99"));
    world.govern(&["prices", "update", "new.toml"]).expect_code(0);
    world.govern(&["run", "--", "true"]).expect_code(0);
}

#[test]
fn a_price_that_a_policy_sets_later_counts_in_budgets_from_the_next_start_on() {
    let world = unpriced();
    let day = "[[budget]]\nname = \"ever\"\nper = \"everything\"\nwindow = { from = \"2025-01-01\" }\nlimit = \"0.003 usd\"\n\
               steps = [{ at = \"100%\", do = \"stop\" }]\n";
    world.policy(day);
    world.govern(&["run", "--", "true"]).expect_code(0);
    world.policy(&format!("[prices.gpt-99]\ninput = 2\noutput = 10\nlong_context = false\n{day}"));
    assert_eq!(json(&world, &["prices", "check"])["late_models"][0], "gpt-99");
    let refused = world.govern(&["run", "--", "true"]).expect_code(123);
    refused.expect_said("1 response recorded without a price before: priced now, $0.003");
    assert_eq!(totals(&world), ("0.003".to_owned(), 0));
}

#[test]
fn an_agent_does_not_change_its_prices() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let govern = env!("CARGO_BIN_EXE_govern");
    world.write("work/new.toml", &list("2999-01-01", "gpt-6.1-sol"));
    let tool = format!("{govern} prices update new.toml 2> said; echo $? > code");
    world.server.script(Select::root(), [Reply::exec(&tool), Reply::message("done")]);
    world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(0);
    let read = |file: &str| std::fs::read_to_string(world.path(file)).unwrap();
    assert_eq!(read("work/code").trim(), "123", "{}", read("work/said"));
    assert!(read("work/said").contains("not changed from inside an agent"));
}
