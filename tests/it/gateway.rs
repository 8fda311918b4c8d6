//! The gateway: what the real OpenAI library for Python asks through it is metered, admitted and refused.

use serde_json::Value;

use crate::support::fake_responses::{Fate, Gate, Reply, Select, Usage};
use crate::support::ledger::{cost, events, report};
use crate::support::process::LONG;
use crate::support::python;
use crate::support::skip::skip;
use crate::support::world::{ADVISER, CHEAPER, MODEL, World};

/// What every program of these tests begins with.
const CLIENT: &str = "import os, sys, openai\nclient = openai.OpenAI()\n";

/// A world whose Python has the library, and whose server is the fake one.
fn world() -> Option<(World, String)> {
    let python = python::with_agents_sdk()?;
    let mut world = World::without_codex();
    world.set_env("OPENAI_BASE_URL", &world.server.base_url());
    world.set_env("OPENAI_API_KEY", "sk-not-a-key");
    Some((world, python))
}

/// $1 by [`MODEL`].
const DOLLAR: Usage = Usage::new(0, 0, 100_000);

fn usd(row: &Value) -> f64 {
    row["cost_usd"].as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
}

#[test]
fn what_the_library_asks_is_metered_whatever_its_form() {
    let Some((world, python)) = world() else { return };
    let used =
        |number: u64| Usage { input: 1_000 * number, cached: 100, cache_write: 0, output: 10 * number, reasoning: 5 };
    for (number, word) in (1..).zip(["whole", "streamed", "chat", "chunks", "told", "later"]) {
        world.server.always(Select::any().containing(word), Reply::message(word).usage(used(number)));
    }
    world.write(
        "work/ask.py",
        &format!(
            r#"{CLIENT}
print(client.responses.create(model="{MODEL}", input="whole").output_text)
print(sum(1 for _ in client.responses.create(model="{MODEL}", input="streamed", stream=True)))
say = lambda text: [{{"role": "user", "content": text}}]
print(client.chat.completions.create(model="{CHEAPER}", messages=say("chat")).choices[0].message.content)
chunks = list(client.chat.completions.create(model="{CHEAPER}", messages=say("chunks"), stream=True))
print("".join(c.choices[0].delta.content or "" for c in chunks), all(c.usage is None for c in chunks))
told = list(client.chat.completions.create(model="{CHEAPER}", messages=say("told"), stream=True,
    stream_options={{"include_usage": True}}))
print(told[-1].usage.total_tokens)
later = client.responses.create(model="{ADVISER}", input="later", background=True)
while later.status in ("queued", "in_progress"):
    later = client.responses.retrieve(later.id)
print(later.output_text, client.models.list().to_dict())
"#
        ),
    );
    let end = world.run_governed(&["--gateway"], &[&python, "ask.py"]).expect_code(0).expect_outcome("ended");
    let told = used(5);
    let out = format!("whole\n3\nchat\nchunks True\n{}\ndone {{'models': []}}\n", told.input + told.output);
    assert_eq!(end.finished.out(), out, "{}", end.finished);
    let report = report(&world, &["--run", &end.id(), "--by", "source,model"]);
    let rows = report["rows"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["source"] == "gateway"), "{report}");
    let row =
        |model: &str| rows.iter().find(|row| row["model"] == model).unwrap_or_else(|| panic!("{model}: {report}"));
    for (model, numbers) in [(MODEL, 1..3), (CHEAPER, 3..6), (ADVISER, 6..7)] {
        let all: Usage = numbers.clone().map(used).sum();
        let row = row(model);
        assert_eq!(row["responses"].as_u64(), Some(numbers.end - numbers.start), "{row}");
        assert_eq!(row["input_tokens"].as_u64(), Some(all.input), "{row}");
        assert_eq!(row["cached_input_tokens"].as_u64(), Some(all.cached), "{row}");
        assert_eq!(row["output_tokens"].as_u64(), Some(all.output), "{row}");
        let dollars = cost(model, all).unwrap() as f64 / 1e9;
        assert!((usd(row) - dollars).abs() < 1e-9, "{row}: {dollars}");
    }
    // The key went through, and stands nowhere.
    let token = events(&world, "run_started").first().cloned().unwrap().to_string();
    assert!(!token.contains("sk-not-a-key"));
}

#[test]
fn a_stop_refuses_the_next_request_which_is_not_sent_and_the_program_ends_by_itself() {
    let Some((world, python)) = world() else { return };
    world.server.always(Select::any(), Reply::message("done").usage(DOLLAR));
    world.write(
        "work/ask.py",
        &format!(
            r#"{CLIENT}
for number in range(9):
    try:
        client.responses.create(model="{MODEL}", input="x")
    except openai.APIStatusError as error:
        print(number, error.status_code, error.type, error.code, error.param, error.body["message"])
        sys.exit(7)
"#
        ),
    );
    let end = world.run_governed(&["--gateway", "--budget", "2.5usd", "--at-limit", "stop"], &[&python, "ask.py"]);
    let end = end.expect_code(124).expect_outcome("stopped").expect_said("govern checks every request to a model");
    let out = end.finished.out();
    assert!(out.starts_with("2 402 budget_exceeded govern --budget 2.5usd govern: stop: "), "{out}{}", end.finished);
    assert_eq!(world.server.requests().len(), 2);
    assert_eq!(usd(&report(&world, &["--run", &end.id()])["totals"]), 2.0);
}

#[test]
fn several_at_once_take_no_more_than_there_is() {
    // The last twenty, and the first ones that this ledger ever sees.
    for (before, out) in [(1, "7 13\n"), (0, "8 12\n")] {
        let Some((world, python)) = world() else { return };
        world.server.always(Select::any(), Reply::message("done").usage(DOLLAR));
        world.write(
            "work/ask.py",
            &format!(
                r#"{CLIENT}
from concurrent.futures import ThreadPoolExecutor
def ask(number):
    try:
        client.responses.create(model="{MODEL}", input="x")
        return "answered"
    except openai.APIStatusError as error:
        return error.code
for number in range({before}):
    client.responses.create(model="{MODEL}", input="x")
with ThreadPoolExecutor(20) as pool:
    found = list(pool.map(ask, range(20)))
print(found.count("answered"), found.count("govern"))
"#
            ),
        );
        let end = world.run_governed(&["--gateway", "--budget", "8usd", "--at-limit", "stop"], &[&python, "ask.py"]);
        let end = end.expect_code(124);
        assert_eq!(end.finished.out(), out, "{}", end.finished);
        assert_eq!(world.server.requests().len(), 8);
        assert_eq!(usd(&report(&world, &["--run", &end.id()])["totals"]), 8.0);
    }
}

#[test]
fn a_name_behind_which_a_dearer_model_answers_is_foretold_by_what_that_took() {
    let Some((world, python)) = world() else { return };
    world.server.always(Select::any(), Reply::message("done").usage(DOLLAR).by(MODEL));
    world.write(
        "work/ask.py",
        &format!(
            r#"{CLIENT}
from concurrent.futures import ThreadPoolExecutor
def ask(number):
    try:
        client.responses.create(model="{CHEAPER}", input="x")
        return "answered"
    except openai.APIStatusError as error:
        return error.code
with ThreadPoolExecutor(20) as pool:
    found = list(pool.map(ask, range(20)))
print(found.count("answered"), found.count("govern"))
"#
        ),
    );
    // The second run has the first one's answers to go by, and knows no more of the name.
    for served in [4, 8] {
        let end = world.run_governed(&["--gateway", "--budget", "4.5usd", "--at-limit", "stop"], &[&python, "ask.py"]);
        let end = end.expect_code(124);
        assert_eq!(end.finished.out(), "4 16\n", "{}", end.finished);
        assert_eq!(world.server.requests().len(), served);
    }
}

#[test]
fn a_server_that_repeats_an_id_has_answered_again() {
    let Some((world, python)) = world() else { return };
    world.server.always(Select::any(), Reply::message("done").usage(DOLLAR).repeating_its_id());
    let program = format!("{CLIENT}for _ in range(3):\n    client.responses.create(model=\"{MODEL}\", input=\"x\")\n");
    world.write("work/ask.py", &program);
    for _ in 0..2 {
        let end = world.run_governed(&["--gateway"], &[&python, "ask.py"]).expect_code(0);
        let totals = &report(&world, &["--run", &end.id()])["totals"];
        assert_eq!((usd(totals), totals["responses"].as_u64()), (3.0, Some(3)), "{totals}");
    }
}

#[test]
fn a_question_holds_the_request_and_its_answer_lets_it_go_or_refuses_it() {
    for (answer, out, sent) in [("approve", "answered answered\n", 2), ("deny", "answered govern\n", 1)] {
        let Some((world, python)) = world() else { return };
        world.server.always(Select::any(), Reply::message("done").usage(DOLLAR));
        world.write(
            "work/ask.py",
            &format!(
                r#"{CLIENT}
def ask():
    try:
        client.responses.create(model="{MODEL}", input="x")
        return "answered"
    except openai.APIStatusError as error:
        return error.code
print(ask(), ask())
"#
            ),
        );
        let governed =
            world.start_governed(&["--gateway", "--budget", "1.5usd", "--at-limit", "ask"], &[&python, "ask.py"]);
        governed.running.wait_for_stderr("govern approve 1");
        assert_eq!(world.server.requests().len(), 1);
        let more = if answer == "approve" { vec![answer, "1", "--extend", "5usd"] } else { vec![answer, "1"] };
        world.govern(&more).expect_code(0);
        let end = governed.finish();
        assert_eq!(end.finished.out(), out, "{answer}: {}", end.finished);
        assert_eq!(world.server.requests().len(), sent, "{answer}");
    }
}

#[test]
fn a_model_that_is_not_allowed_is_refused_and_the_program_goes_on() {
    let Some((world, python)) = world() else { return };
    world.policy(&format!("[models]\nallow = [\"{MODEL}\"]\n"));
    world.write(
        "work/ask.py",
        &format!(
            r#"{CLIENT}
try:
    client.responses.create(model="{CHEAPER}", input="x")
except openai.APIStatusError as error:
    print(error.status_code, error.param)
print(client.responses.create(model="{MODEL}", input="x").output_text)
"#
        ),
    );
    let end = world.run_governed(&["--gateway"], &[&python, "ask.py"]).expect_code(0);
    assert_eq!(end.finished.out(), "402 models.allow\ndone\n", "{}", end.finished);
    assert_eq!(world.server.requests().len(), 1);
}

#[test]
fn a_program_says_which_of_its_agents_asks() {
    let Some((world, python)) = world() else { return };
    world.write(
        "work/ask.py",
        &format!(
            r#"{CLIENT}
for agent in ("planner", "writer", "planner"):
    client.responses.create(model="{MODEL}", input="x", extra_headers={{"x-govern-agent": agent}})
client.responses.create(model="{MODEL}", input="x")
"#
        ),
    );
    let end =
        world.run_governed(&["--gateway", "--agent", "lead", "--budget", "50usd"], &[&python, "ask.py"]).expect_code(0);
    let report = report(&world, &["--run", &end.id(), "--by", "agent"]);
    let rows = report["rows"].as_array().unwrap();
    let mut found: Vec<(String, u64)> = rows
        .iter()
        .map(|row| (row["agent"].as_str().unwrap().to_owned(), row["responses"].as_u64().unwrap()))
        .collect();
    found.sort();
    assert_eq!(found, [("lead".to_owned(), 1), ("planner".to_owned(), 2), ("writer".to_owned(), 1)], "{report}");
    assert_eq!(end.summary["totals"]["responses"], 4, "{}", end.summary);
}

#[test]
fn what_breaks_off_is_an_estimate_and_what_was_refused_is_nothing() {
    let Some((world, python)) = world() else { return };
    let gate = Gate::new();
    world.server.always(Select::any().containing("torn"), Reply::message("hello").torn());
    world.server.always(Select::any().containing("refused"), Reply::refuse(400));
    world.server.always(Select::any().containing("hung"), Reply::message("hello").held_midway_at(&gate));
    world.write(
        "work/ask.py",
        &format!(
            r#"{CLIENT}
client = client.with_options(max_retries=0)
for word in ("torn", "refused"):
    try:
        for _ in client.responses.create(model="{MODEL}", input=word, stream=True): pass
        print(word, "ended")
    except openai.APIError as error:
        print(word, type(error).__name__)
with client.responses.create(model="{MODEL}", input="hung", stream=True) as stream:
    next(iter(stream))
print("left")
client.responses.create(model="{MODEL}", input="whole")
"#
        ),
    );
    let end = world.run_governed(&["--gateway"], &[&python, "ask.py"]).expect_code(0);
    gate.open();
    let report = report(&world, &["--run", &end.id(), "--by", "source"]);
    let totals = &report["totals"];
    assert_eq!(totals["responses"], 3, "{report}\n{}", end.finished);
    assert_eq!(totals["inferred_responses"], 2, "{report}");
}

#[test]
fn an_upstream_that_is_away_is_a_502_with_its_reason_and_costs_nothing() {
    let Some((mut world, python)) = world() else { return };
    world.set_env("OPENAI_BASE_URL", "http://127.0.0.1:9/v1");
    world.write(
        "work/ask.py",
        &format!(
            r#"{CLIENT}
try:
    client.with_options(max_retries=0).responses.create(model="{MODEL}", input="x")
except openai.APIStatusError as error:
    print(error.status_code, error.type, error.body["message"])
"#
        ),
    );
    let end = world
        .run_governed(&["--gateway", "--budget", "5usd", "--at-limit", "stop"], &[&python, "ask.py"])
        .expect_code(0);
    let out = end.finished.out();
    assert!(out.starts_with("502 upstream_error govern: no connection to 127.0.0.1:9: "), "{out}{}", end.finished);
    assert_eq!(end.summary["totals"]["responses"], 0, "{}", end.summary);
}

#[test]
fn nobody_but_the_processes_of_the_run_is_let_in() {
    let Some((world, python)) = world() else { return };
    world.write(
        "work/ask.py",
        &format!("{CLIENT}print(os.environ[\"OPENAI_BASE_URL\"], flush=True)\nsys.stdin.read()\n"),
    );
    let mut governed = world.start_governed_with_stdin(&["--gateway"], &[&python, "ask.py"]);
    governed.running.wait_for_stdout("/v1\n");
    let url = governed.running.stdout().trim().to_owned();
    let asked = |url: &str, more: &[&str]| {
        let mut args = vec!["-s", "-o", "/dev/null", "-w", "%{http_code}", "-d", "{\"model\":\"m\"}"];
        args.extend(more);
        args.push(url);
        world.run("curl", &args).out()
    };
    assert_eq!(asked(&format!("{url}/responses"), &[]), "403", "it has the token, and is no process of the run");
    assert_eq!(asked(&format!("{url}/responses"), &["-H", "Host: evil.example"]), "421");
    governed.running.close_stdin();
    let end = governed.finish().expect_code(0);
    assert!(world.server.requests().is_empty());
    // The token stands in nothing that govern says or keeps.
    let token = url.split('/').nth(3).unwrap();
    assert!(token.len() == 32 && !end.finished.stderr.contains(token) && !end.summary.to_string().contains(token));
    let kept = world.run("grep", &["-rlF", token, &world.path("govern").display().to_string()]);
    assert_eq!(kept.out(), "", "{kept}");
}

#[test]
fn a_kill_ends_what_asks_at_once_and_what_was_under_way_is_told() {
    let Some((world, python)) = world() else { return };
    let gate = Gate::new();
    world.server.script(Select::any(), [Reply::message("one").usage(DOLLAR)]);
    world.server.always(Select::any(), Reply::message("two").usage(DOLLAR).held_midway_at(&gate));
    world.write(
        "work/ask.py",
        &format!(
            r#"{CLIENT}
client.responses.create(model="{MODEL}", input="x")
for _ in client.responses.create(model="{MODEL}", input="x", stream=True): pass
"#
        ),
    );
    let governed = world.start_governed(&["--gateway"], &[&python, "ask.py"]);
    world.server.wait_for_requests(2, LONG).unwrap();
    world.govern(&["stop", "--kill", "--all"]).expect_code(0);
    let end = governed.finish().expect_code(124).expect_outcome("killed");
    gate.open();
    assert_eq!(end.summary["totals"]["responses"], 1, "{}", end.summary);
    assert_eq!(end.summary["in_flight"]["requests"], 1, "{}", end.summary);
    let gone = world
        .server
        .wait_until("the second is given up", LONG, |all| all.get(1).is_some_and(|one| one.fate == Fate::Gone));
    gone.unwrap();
}

#[test]
fn a_stream_is_the_same_to_its_last_byte_with_and_without_the_gateway() {
    let mut world = World::without_codex();
    world.set_env("OPENAI_BASE_URL", &world.server.base_url());
    for (path, body) in [
        ("responses", "{\"model\":\"m\",\"input\":\"x\",\"stream\":true}"),
        ("responses", "{\"model\":\"m\",\"input\":\"x\"}"),
        ("chat/completions", "{\"model\":\"m\",\"messages\":[],\"stream\":true}"),
        (
            "chat/completions",
            "{\"model\":\"m\",\"messages\":[],\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
        ),
        ("chat/completions", "{\"model\":\"m\",\"messages\":[]}"),
    ] {
        world.write("work/body.json", body);
        let curl = format!("curl -sN -d @body.json \"$OPENAI_BASE_URL/{path}\"");
        let number = world.server.requests().len();
        let straight = world.run("sh", &["-c", &curl]).expect_code(0).out();
        let end = world.run_governed(&["--gateway"], &["sh", "-c", &curl]).expect_code(0);
        // Each answer has an id of its own.
        let same = |text: &str, number: usize| {
            let ids = [format!("resp_{number}\""), format!("item_{number}_"), format!("chatcmpl-{number}\"")];
            ids.iter().fold(text.to_owned(), |text, id| text.replace(id, "ID"))
        };
        assert_eq!(same(&end.finished.out(), number + 1), same(&straight, number), "{path} {body}");
        assert_eq!(end.summary["totals"]["responses"], 1, "{}", end.summary);
        assert_eq!(end.summary["totals"]["inferred_responses"], 0, "{}", end.summary);
    }
}

/// The folder of OpenAI's library for JavaScript; `None` where it cannot be installed: then the test is skipped.
fn library_for_javascript() -> Option<String> {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/install-openai-npm");
    let said = std::process::Command::new(script).stderr(std::process::Stdio::inherit()).output().unwrap();
    if said.status.success() {
        return Some(String::from_utf8(said.stdout).unwrap().trim().to_owned());
    }
    skip(&format!("OpenAI's library for JavaScript cannot be installed: {}", said.status));
    None
}

#[test]
fn the_library_for_javascript_is_metered_and_reads_its_refusal() {
    let Some(folder) = library_for_javascript() else { return };
    let mut world = World::without_codex();
    world.set_env("OPENAI_BASE_URL", &world.server.base_url());
    world.set_env("OPENAI_API_KEY", "sk-not-a-key");
    world.server.always(Select::any(), Reply::message("done").usage(DOLLAR));
    std::os::unix::fs::symlink(format!("{folder}/node_modules"), world.path("work/node_modules")).unwrap();
    world.write(
        "work/ask.mjs",
        &format!(
            r#"import OpenAI from "openai";
const client = new OpenAI();
const one = await client.responses.create({{ model: "{MODEL}", input: "x" }});
const chat = await client.chat.completions.create({{ model: "{MODEL}", messages: [], stream: true }});
let text = "";
for await (const chunk of chat) text += chunk.choices[0].delta.content ?? "";
try {{
  await client.responses.create({{ model: "{MODEL}", input: "x" }});
}} catch (error) {{
  console.log(one.output_text, text, error.status, error.type, error.code);
}}
"#
        ),
    );
    let end = world.run_governed(&["--gateway", "--budget", "2.5usd", "--at-limit", "stop"], &["node", "ask.mjs"]);
    let end = end.expect_code(124);
    assert_eq!(end.finished.out(), "done done 402 budget_exceeded govern\n", "{}", end.finished);
    assert_eq!(world.server.requests().len(), 2);
}

#[test]
fn a_program_that_does_not_end_by_itself_is_ended() {
    let Some((world, python)) = world() else { return };
    world.server.always(Select::any(), Reply::message("done").usage(DOLLAR));
    world.write(
        "work/ask.py",
        &format!(
            r#"{CLIENT}
import time
while True:
    try:
        client.responses.create(model="{MODEL}", input="x")
    except openai.APIStatusError as error:
        print(error.code, flush=True)
        time.sleep(600)
"#
        ),
    );
    let end = world.run_governed(&["--gateway", "--budget", "1.5usd", "--at-limit", "stop"], &[&python, "ask.py"]);
    let end = end.expect_code(124).expect_outcome("stopped");
    assert_eq!(end.finished.out(), "govern\n", "{}", end.finished);
    assert_eq!(world.server.requests().len(), 1);
}

#[test]
fn a_fleet_has_one_by_policy_and_each_agent_is_known_by_its_processes() {
    let Some((world, python)) = world() else { return };
    world.policy("[gateway]\nmode = \"on\"\n");
    world.write("work/ask.py", &format!("{CLIENT}client.responses.create(model=\"{MODEL}\", input=\"x\")\n"));
    let agent = |name: &str| format!("[[agent]]\nname = \"{name}\"\ncommand = [\"{python}\", \"ask.py\"]\n");
    let end = world.start_fleet(&[], &(agent("one") + &agent("two"))).finish().expect_code(0);
    let report = report(&world, &["--run", &end.id(), "--by", "agent,source"]);
    for (row, name) in report["rows"].as_array().unwrap().iter().zip(["one", "two"]) {
        assert_eq!((&row["agent"], &row["source"]), (&Value::from(name), &Value::from("gateway")), "{report}");
        assert_eq!(row["responses"], 1, "{report}");
    }
    assert_eq!(report["totals"]["responses"], 2, "{report}");
}
