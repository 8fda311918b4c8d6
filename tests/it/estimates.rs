//! What like runs took, before the next one.

use serde_json::Value;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::world::World;

const CODEX: &[&str] = &["codex", "exec", "do it"];

fn estimate(world: &World) -> Value {
    let done = world.govern(&["estimate", "--format", "json", "--", "codex", "exec", "the next"]).expect_code(0);
    serde_json::from_slice(&done.stdout).unwrap()
}

#[test]
fn ten_runs_are_enough_and_their_limit_is_what_they_took() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::any(), Reply::message("done"));
    for _ in 0..9 {
        world.run_governed(&["--quiet"], CODEX).expect_code(0);
    }
    let few = estimate(&world);
    assert_eq!((&few["runs"], &few["enough"]), (&Value::from(9), &Value::from(false)));
    let named = world.run_governed(&["--budget", "auto:5usd"], CODEX).expect_code(0);
    let named = named.expect_said("budget 5usd, as named. Too few: 9 runs of 10");
    assert_eq!(named.summary["budgets"][0]["limit"], "5.00", "{}", named.summary);
    let enough = estimate(&world);
    assert_eq!((&enough["runs"], &enough["enough"]), (&Value::from(10), &Value::from(true)));
    for quantile in ["p50_usd", "p80_usd", "p95_usd"] {
        assert_eq!(ledger::nanos(enough[quantile].as_str().unwrap()), ledger::USUAL_COST, "{quantile}");
    }
    // $0.0212, up to the cent.
    let taken = world.run_governed(&["--budget", "auto:5usd"], CODEX).expect_code(0);
    assert_eq!(
        taken.expect_said("budget $0.03: 19 of 20 like runs took no more").summary["budgets"][0]["limit"],
        "0.03"
    );
}
