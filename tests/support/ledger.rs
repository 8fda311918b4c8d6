//! What the ledger says, held against what the fake server served.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde_json::Value;

use super::fake_responses::{Request, Usage};
use super::world::{ADVISER, CHEAPER, MODEL, World};

/// Responses of one thread by one model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// How many.
    pub responses: u64,
    /// What they counted.
    pub usage: Usage,
    /// Nano-dollars; `None` where the model has no price.
    pub cost: Option<i64>,
}

/// By thread and model.
pub type Spend = BTreeMap<(String, String), Spent>;

/// Nano-dollars a token of plain input, cached input, cache writes and output.
const RATES: [(&str, [i64; 4]); 3] =
    [(MODEL, [2_000, 100, 2_500, 10_000]), (CHEAPER, [1_000, 50, 1_250, 5_000]), (ADVISER, [100, 10, 125, 500])];

/// One [`USUAL`] response of [`MODEL`], in nano-dollars.
pub const USUAL_COST: i64 = 21_200_000;

/// What one response costs.
pub fn cost(model: &str, usage: Usage) -> Option<i64> {
    let (_, [input, cached, write, output]) = RATES.iter().find(|(known, _)| *known == model)?;
    let count = |tokens: u64| i64::try_from(tokens).unwrap();
    let plain = usage.input - usage.cached - usage.cache_write;
    Some(
        count(plain) * input
            + count(usage.cached) * cached
            + count(usage.cache_write) * write
            + count(usage.output) * output,
    )
}

/// What these requests, all served, add up to.
pub fn spend_of(served: &[Request]) -> Spend {
    let mut spend = Spend::new();
    for request in served {
        let spent = spend.entry((request.thread.clone(), request.model.clone())).or_default();
        spent.responses += 1;
        spent.usage = spent.usage + request.usage;
        spent.cost = cost(&request.model, request.usage).map(|cost| cost + spent.cost.unwrap_or_default());
    }
    spend
}

/// The events of this kind, oldest first; none before there is a ledger.
pub fn events(world: &World, kind: &str) -> Vec<Value> {
    let Ok(ledger) = Connection::open(world.path("govern/ledger.db")) else { return Vec::new() };
    let Ok(mut rows) = ledger.prepare("SELECT data FROM events ORDER BY run_no, seq") else { return Vec::new() };
    let bodies = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let read = bodies.map(|body| serde_json::from_str::<Value>(&body.unwrap()).unwrap());
    read.filter(|event| event["kind"] == kind).collect()
}

/// How many rows a table of the ledger has; none before there is a ledger.
pub fn rows(world: &World, table: &str) -> u64 {
    let Ok(ledger) = Connection::open(world.path("govern/ledger.db")) else { return 0 };
    let count = ledger.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
    count.map_or(0, i64::unsigned_abs)
}

/// The links of the whole ledger's chain of this kind, oldest first.
pub fn links(world: &World, kind: &str) -> Vec<Value> {
    let ledger = Connection::open(world.path("govern/ledger.db")).unwrap();
    let mut rows = ledger.prepare("SELECT data FROM links ORDER BY n").unwrap();
    let bodies = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let read = bodies.map(|body| serde_json::from_str::<Value>(&body.unwrap()).unwrap());
    read.filter(|link| link["kind"] == kind).collect()
}

/// `govern report --format json` with these flags.
#[track_caller]
pub fn report(world: &World, flags: &[&str]) -> Value {
    let mut args = vec!["report", "--format", "json"];
    args.extend(flags);
    let done = world.govern(&args).expect_code(0);
    serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("not JSON: {error}\n{done}"))
}

/// The spend of one run, as the ledger tells it; its rows must add up to its totals.
#[track_caller]
pub fn spend_in_ledger(world: &World, run: &str) -> Spend {
    let report = report(world, &["--run", run, "--by", "thread,model"]);
    assert_eq!(report["schema"], "govern.report/1", "{report}");
    let rows = report["rows"].as_array().unwrap_or_else(|| panic!("no rows: {report}"));
    let named = |row: &Value, key: &str| row[key].as_str().unwrap_or_else(|| panic!("no {key}: {row}")).to_owned();
    let spend: Spend = rows.iter().map(|row| ((named(row, "thread"), named(row, "model")), spent(row))).collect();
    assert_eq!(spend.len(), rows.len(), "one row a thread and model: {report}");
    let sum = |pick: fn(&Spent) -> u64| spend.values().map(pick).sum::<u64>();
    let totals = spent(&report["totals"]);
    assert_eq!(totals.responses, sum(|spent| spent.responses), "{report}");
    assert_eq!(totals.usage, spend.values().map(|spent| spent.usage).sum(), "{report}");
    assert_eq!(totals.cost.unwrap_or_default(), spend.values().filter_map(|spent| spent.cost).sum::<i64>(), "{report}");
    spend
}

/// Fails unless the ledger has for this run exactly what the server served, to the last digit.
#[track_caller]
pub fn expect_all_served(world: &World, run: &str) {
    assert_eq!(spend_in_ledger(world, run), spend_of(&world.server.served()));
}

/// Fails unless the ledger has for this run exactly these requests.
#[track_caller]
pub fn expect_exactly(world: &World, run: &str, served: &[Request]) {
    assert_eq!(spend_in_ledger(world, run), spend_of(served));
}

fn spent(row: &Value) -> Spent {
    let count = |key: &str| row[key].as_u64().unwrap_or_else(|| panic!("no {key} in {row}"));
    let usage = Usage {
        input: count("input_tokens"),
        cached: count("cached_input_tokens"),
        cache_write: count("cache_write_input_tokens"),
        output: count("output_tokens"),
        reasoning: count("reasoning_output_tokens"),
    };
    assert_eq!(count("total_tokens"), usage.input + usage.output, "{row}");
    Spent { responses: count("responses"), usage, cost: row["cost_usd"].as_str().map(nanos) }
}

/// A decimal in dollars as nano-dollars; more than nine places would not be exact.
pub fn nanos(decimal: &str) -> i64 {
    let (whole, places) = decimal.split_once('.').unwrap_or((decimal, ""));
    assert!(places.len() <= 9, "{decimal}");
    format!("{whole}{places:0<9}").parse().unwrap_or_else(|_| panic!("no amount: {decimal}"))
}

/// All questions to people, as `govern approvals --all --format json` has them.
#[track_caller]
pub fn approvals(world: &World) -> Vec<Value> {
    let done = world.govern(&["approvals", "--all", "--format", "json"]).expect_code(0);
    let list: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done}"));
    list["rows"].as_array().unwrap_or_else(|| panic!("no rows: {list}")).clone()
}
