//! A governor model: asked where the rule is not sure, bounded by the policy, metered and capped like any agent.

use serde_json::Value;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Gate, Reply, Request, Select};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::{GovernedEnd, World};

/// The model that is asked.
const ASKED: &str = "gpt-6-luna";

/// Twenty cents for the run, of which an agent is allotted what it declared. $0.0212 for each of its requests: a third
/// one does not fit into five cents, and nothing is known of its progress.
fn policy(governor: &str) -> String {
    format!(
        "[[budget]]\nname = \"pie\"\nper = \"run\"\nlimit = \"0.2 usd\"\nsteps = [{{ at = \"100%\", do = \"stop\" }}]\n\
         [budget.allot]\nby = \"expected\"\nreserve = \"10%\"\n\
         steps = [{{ at = \"100%\", do = \"decide\", may = [\"extend\", \"stop\"], max_extend = \"0.1 usd\" }}]\n\
         [governor]\nmodel = \"{ASKED}\"\nshare = \"20%\"\n{governor}\n"
    )
}

/// An agent that needs three requests.
fn world(governor: &str, answer: Reply) -> Option<World> {
    let world = World::with_codex(CURRENT)?;
    world.server.always(Select::root().model(ASKED), answer);
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("done")]);
    world.policy(&policy(governor));
    Some(world)
}

fn run(world: &World) -> GovernedEnd {
    world.run_governed(&["--expect", "0.05usd"], &["codex", "exec", "do it"])
}

fn answer(choice: &str, amount: &str) -> Reply {
    let amount = if amount.is_empty() { Value::Null } else { Value::from(amount) };
    let answer = serde_json::json!({ "choice": choice, "amount": amount, "reason": "0.0424usd of 0.05usd is spent." });
    Reply::message(&answer.to_string())
}

fn asked(world: &World) -> Vec<Request> {
    world.server.requests().into_iter().filter(|request| request.model == ASKED).collect()
}

/// What the audit keeps of the decision.
fn advice(world: &World, end: &GovernedEnd) -> Value {
    let exported = world.govern(&["audit", "export", "--run", &end.id(), "--format", "jsonl"]).expect_code(0);
    let lines: Vec<Value> = exported.out().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found = lines.iter().find_map(|line| line.pointer("/chosen/advice").or(line.pointer("/event/chosen/advice")));
    found.unwrap_or_else(|| panic!("{}", exported.out())).clone()
}

#[test]
fn its_answer_is_followed_within_what_it_may_choose_and_its_spend_is_of_the_run() {
    let Some(world) = world("effort = \"low\"", answer("extend", "0.06usd")) else { return };
    let end = run(&world).expect_code(0).expect_said("gpt-6-luna is asked about pie");
    let end = end.expect_said("extended by $0.06 from the pool: gpt-6-luna: “0.0424usd of 0.05usd is spent”");
    let served = world.server.served();
    assert_eq!((served.len(), asked(&world).len()), (4, 1));
    ledger::expect_exactly(&world, &end.id(), &served);
    let told = advice(&world, &end);
    assert_eq!((&told["followed"], &told["answer"]["what"]), (&Value::from(true), &Value::from("extend")), "{told}");
    world.govern(&["audit", "verify"]).expect_code(0);
}
