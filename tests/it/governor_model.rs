//! A governor model: asked where the rule is not sure, bounded by the policy, metered and capped like any agent.

use serde_json::Value;

use crate::support::codex::{CURRENT, OLDER};
use crate::support::fake_responses::{Gate, Reply, Request, Select, Usage};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::{ADVISER, GovernedEnd, World};

/// Twenty cents for the run, of which an agent is allotted what it declared. $0.0212 for each of its requests: a third
/// one does not fit into five cents, and nothing is known of its progress.
fn policy(governor: &str) -> String {
    format!(
        "[[budget]]\nname = \"pie\"\nper = \"run\"\nlimit = \"0.2 usd\"\nsteps = [{{ at = \"100%\", do = \"stop\" }}]\n\
         [budget.allot]\nby = \"expected\"\nreserve = \"10%\"\n\
         steps = [{{ at = \"100%\", do = \"decide\", may = [\"extend\", \"stop\"], max_extend = \"0.1 usd\" }}]\n\
         [governor]\nmodel = \"{ADVISER}\"\nshare = \"20%\"\n{governor}\n"
    )
}

/// An agent that needs three requests.
fn world(governor: &str, answer: Reply) -> Option<World> {
    let world = World::with_codex(CURRENT)?;
    world.server.always(Select::root().model(ADVISER), answer);
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
    world.server.requests().into_iter().filter(|request| request.model == ADVISER).collect()
}

/// What the audit keeps of the decision.
fn advice(world: &World, end: &GovernedEnd) -> Value {
    let decided = ledger::events(world, "decided");
    let found = decided.iter().find_map(|event| event.pointer("/chosen/advice"));
    found.unwrap_or_else(|| panic!("{decided:?}\n{}", end.finished)).clone()
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

#[test]
fn an_answer_that_takes_too_long_is_not_waited_for() {
    let never = Gate::new();
    let Some(world) = world("timeout = \"1s\"", answer("stop", "").held_at(&never)) else { return };
    let end = run(&world).expect_code(0).expect_said("gpt-6-luna was asked: no answer within 1 s");
    // Its Codex may be late before it has asked.
    assert!(asked(&world).len() <= 1, "{}", end.finished);
    assert_eq!(world.server.served().len(), 3);
    let told = advice(&world, &end);
    assert_eq!((&told["followed"], &told["rule"]["what"]), (&Value::from(false), &Value::from("extend")), "{told}");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn after_a_question_without_an_answer_the_rule_alone_decides_for_a_while() {
    let never = Gate::new();
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(&policy("timeout = \"1s\""));
    world.server.always(Select::root().model(ADVISER), answer("stop", "").held_at(&never));
    let tools = std::iter::repeat_with(|| Reply::exec("true")).take(5);
    world.server.script(Select::root(), tools.chain([Reply::message("done")]));
    let end = run(&world).expect_said("was asked: no answer within 1 s");
    let decided = ledger::events(&world, "decided");
    assert!(decided.len() > 1, "{decided:?}: {}", end.finished);
    assert!(asked(&world).len() <= 1, "{}", end.finished);
    end.expect_said("its last question was not answered, and the next one is not put for");
}

#[test]
fn an_answer_that_is_none_and_one_that_may_not_be_fall_back_to_the_rule() {
    for (answer, why) in [
        (Reply::message("I would let it go on."), "its answer is not of the form that was asked for"),
        (answer("extend", "9usd"), "$9.00 is more than the $0.10 that may be given"),
        (answer("kill", ""), "`kill` is nothing that may be chosen here"),
        (Reply::refuse(500), "its Codex ended with code 1"),
    ] {
        let Some(world) = world("", answer) else { return };
        let end = run(&world).expect_code(0).expect_said(&format!("gpt-6-luna was asked: {why}"));
        assert_eq!(advice(&world, &end)["followed"], false);
        ledger::expect_exactly(&world, &end.id(), &world.server.served());
    }
}

#[test]
fn a_stop_that_it_chose_ends_the_agent_before_the_request() {
    let Some(world) = world("", answer("stop", "")) else { return };
    let end = run(&world).expect_code(124).expect_outcome("stopped").expect_said("stopped: gpt-6-luna: “");
    assert_eq!(world.server.served().len(), 3, "two of the agent's, and the question");
    ledger::expect_exactly(&world, &end.id(), &world.server.served());
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_question_that_its_share_does_not_pay_for_is_not_asked() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("done")]);
    world.policy(&policy("").replace("20%\"\n\n", "0.5%\"\n\n"));
    let end = run(&world).expect_code(0);
    end.expect_said("gpt-6-luna is not asked, the rule alone decides: its share of pie is $0.001");
    assert!(asked(&world).is_empty());
}

#[test]
fn it_is_asked_with_the_figures_alone_and_none_of_the_users_servers() {
    let Some(world) = world("", answer("extend", "0.06usd")) else { return };
    let spy = world.path("spy");
    let who = format!("tr '\\0' '\\n' < /proc/$PPID/environ | grep ^GOVERN_AGENT= >> {}", spy.display());
    world.configure_codex(&format!("[mcp_servers.spy]\ncommand = \"bash\"\nargs = [\"-c\", '''{who}''']\n"));
    world.write("work/AGENTS.md", "This project is dear to us.\n");
    let end = run(&world).expect_code(0).expect_said("gpt-6-luna: “");
    let started = std::fs::read_to_string(spy).unwrap();
    assert_eq!(started, "GOVERN_AGENT=codex\n", "{}", end.finished);
    let [asked] = &asked(&world)[..] else { panic!("{}", end.finished) };
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(body["text"]["format"]["schema"]["properties"]["choice"]["enum"], serde_json::json!(["extend", "stop"]));
    assert!(asked.body.contains("0.0424usd") && !asked.body.contains("do it") && !asked.body.contains("dear to us"));
}

#[test]
fn an_agent_that_is_held_by_signals_waits_for_the_answer_too() {
    let Some(world) = World::with_codex(OLDER) else { return };
    world.server.always(Select::root().model(ADVISER), answer("extend", "0.06usd"));
    world.server.script(Select::root(), [Reply::exec("sleep 1"), Reply::exec("sleep 1"), Reply::message("done")]);
    world.policy(&policy(""));
    let end = run(&world).expect_code(0).expect_said("extended by $0.06 from the pool: gpt-6-luna: “");
    ledger::expect_exactly(&world, &end.id(), &world.server.served());
}

#[test]
fn a_question_that_is_open_at_the_end_ends_with_the_run() {
    let (never, is_asked) = (Gate::new(), Gate::new());
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::root().model(ADVISER), answer("steer", "").held_at(&never));
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("done").held_at(&is_asked)]);
    let early = policy("").replace(
        "at = \"100%\", do = \"decide\", may = [\"extend\", \"stop\"]",
        "at = \"40%\", do = \"decide\", may = [\"extend\", \"steer\"]",
    );
    world.policy(&early);
    let governed = world.start_governed(&["--expect", "0.05usd"], &["codex", "exec", "do it"]);
    world.server.wait_for_requests(3, LONG).unwrap();
    is_asked.open();
    let end = governed.finish().expect_code(0).expect_said("gpt-6-luna is asked about pie");
    assert_eq!((asked(&world).len(), world.server.served().len()), (1, 2), "{}", end.finished);
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn the_policy_of_the_manual_has_a_model_asked() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let page = include_str!("../../docs/fleets.md");
    let policy = page.split("```toml\n").find(|block| block.contains("[governor]\nmodel")).unwrap();
    world.write("work/rules.toml", policy.split("```").next().unwrap());
    world.server.always(Select::root().model(ADVISER), answer("extend", "1usd"));
    let ninety_cents = Usage::new(0, 0, 90_000);
    let replies = [Reply::exec("true"), Reply::exec("true"), Reply::message("done")];
    world.server.script(Select::root(), replies.map(|reply| reply.usage(ninety_cents)));
    let flags = ["--policy", "rules.toml", "--expect", "2usd"];
    let end = world.run_governed(&flags, &["codex", "exec", "do it"]).expect_code(0);
    end.expect_said("extended by $1.00 from the pool: gpt-6-luna: “");
}

#[test]
fn in_a_fleet_it_is_asked_for_all_and_has_a_row_of_its_own() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::root().model(ADVISER), answer("extend", "0.04usd"));
    for name in ["one", "two"] {
        let replies = [Reply::exec("true"), Reply::exec("true"), Reply::message("done")];
        world.server.script(Select::root().containing(&format!("{name}-prompt")), replies);
    }
    world.policy(&format!("[governor]\nmodel = \"{ADVISER}\"\nshare = \"20%\"\n"));
    let agent = |name: &str| {
        format!("[[agent]]\nname = \"{name}\"\nprompt = \"{name}-prompt\"\nexpect = {{ spend = \"0.05 usd\" }}\n")
    };
    let budget = "[budget]\nlimit = \"0.3 usd\"\nallot = { by = \"expected\", steps = [{ at = \"100%\", do = \"decide\", may = [\"extend\", \"stop\"] }] }\n";
    let text = [budget.to_owned(), agent("one"), agent("two")].concat();
    let end = world.start_fleet(&[], &text).finish().expect_code(0);
    assert_eq!(asked(&world).len(), 2);
    ledger::expect_exactly(&world, &end.id(), &world.server.served());
    let report = ledger::report(&world, &["--run", &end.id(), "--by", "agent"]);
    let rows = report["rows"].as_array().unwrap();
    let own = rows.iter().find(|row| row["agent"] == "governor").unwrap_or_else(|| panic!("{report}"));
    assert_eq!((&own["responses"], rows.len()), (&Value::from(2), 3), "{report}");
    let taken = text.replace("\"two\"", "\"governor\"");
    world.start_fleet(&[], &taken).finish().expect_code(125).expect_said("an agent is named `governor`");
}
