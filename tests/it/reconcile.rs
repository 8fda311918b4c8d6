//! What OpenAI says was used, beside what was observed: asked of the real Codex, whose account is a fake, and of a fake
//! organisation's costs.

use std::os::unix::fs::PermissionsExt;

use chrono::{DateTime, Days, NaiveTime, Utc};
use serde_json::{Value, json};

use crate::support::codex::{CURRENT, OLDER, PREVIOUS};
use crate::support::fake_openai::{Asked, FakeOpenAi, Told};
use crate::support::ledger;
use crate::support::world::World;

const ONE: &str = "01a20000-0000-7000-8000-0000000000aa";
const TWO: &str = "01a20000-0000-7000-8000-0000000000bb";

/// What one response of these costs: 1,000 uncached tokens and 100 of output.
const COST: &str = "0.003";

/// Noon of a day that is over.
fn then() -> DateTime<Utc> {
    let day = chrono::Utc::now().date_naive() - Days::new(2);
    day.and_time(NaiveTime::from_hms_opt(12, 0, 0).unwrap()).and_utc()
}

fn midnight() -> i64 {
    then().date_naive().and_time(NaiveTime::MIN).and_utc().timestamp()
}

/// Imports threads of one response each, which this login paid for.
fn imported(world: &World, login: &str, threads: &[&str]) {
    world.write("codex/auth.json", login);
    for id in threads {
        let usage = r#"{"input_tokens":1000,"cached_input_tokens":0,"output_tokens":100,"reasoning_output_tokens":0,"total_tokens":1100}"#;
        let lines = [
            format!(r#""type":"session_meta","payload":{{"id":"{id}","model_provider":"openai"}}"#),
            r#""type":"turn_context","payload":{"model":"gpt-6.1-sol"}"#.to_owned(),
            format!(
                r#""type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{usage},"last_token_usage":{usage}}}}}"#
            ),
        ];
        let at = then().format("%Y-%m-%dT%H:%M:%SZ");
        let text: String = lines.iter().map(|line| format!("{{\"timestamp\":\"{at}\",{line}}}\n")).collect();
        world.write(&format!("codex/sessions/2026/01/01/rollout-2026-01-01T10-00-00-{id}.jsonl"), &text);
    }
    world.govern(&["import"]).expect_code(0);
}

/// As `codex login` writes it, with a token that no server has signed.
fn plan_login() -> String {
    use base64::Engine as _;
    let part = |value: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "email": "a@b.example", "exp": 4_102_444_800_u64, "https://api.openai.com/auth":
        { "chatgpt_plan_type": "pro", "chatgpt_account_id": "acc", "chatgpt_user_id": "u" } });
    let token = [part(&json!({ "alg": "none", "typ": "JWT" })), part(&claims), "c2ln".to_owned()].join(".");
    let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({ "auth_mode": "chatgpt", "OPENAI_API_KEY": null, "last_refresh": now, "tokens": { "id_token": token,
        "access_token": token, "refresh_token": "r", "account_id": "acc" } })
    .to_string()
}

/// An account that answers what Codex asks of it; of threads so.
fn account(of_threads: impl Fn(&[String]) -> Told + Send + Sync + 'static) -> FakeOpenAi {
    FakeOpenAi::start(move |asked: &Asked| {
        if !asked.path.contains("thread_usage/query") {
            return (200, Vec::new(), "{}".to_owned());
        }
        let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        let ids = body["thread_ids"].as_array().cloned().unwrap_or_default();
        of_threads(&ids.iter().map(|id| id.as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>())
    })
}

fn usage(ids: &[String], usd_micros: Option<u64>) -> Told {
    let threads: Vec<Value> = ids
        .iter()
        .map(|id| {
            json!({ "thread_id": id, "estimated_usage_credits_micros": 87_500, "estimated_usage_usd_micros": usd_micros,
                "native_usage_usd_micros": null, "groups": [{ "model": "gpt-6.1-sol", "reasoning_effort": "medium",
                "speed": "standard", "estimated_usage_credits_micros": 87_500, "net_new_input_tokens": 1_000,
                "cached_input_tokens": 0, "input_tokens": 1_000, "output_tokens": 100, "total_tokens": 1_100 }] })
        })
        .collect();
    (200, Vec::new(), json!({ "threads": threads }).to_string())
}

fn asks_account(world: &World, account: &FakeOpenAi) {
    world.write("codex/config.toml", &format!("chatgpt_base_url = \"{}\"\n", account.url("/backend-api")));
}

#[track_caller]
fn reconcile(world: &World, flags: &[&str], code: i32) -> Value {
    let done = world.govern(&[&["reconcile", "--format", "json"], flags].concat()).expect_code(code);
    serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done}"))
}

fn of_plan(of_threads: impl Fn(&[String]) -> Told + Send + Sync + 'static) -> Option<(World, FakeOpenAi)> {
    let world = World::with_codex(CURRENT)?;
    let account = account(of_threads);
    imported(&world, &plan_login(), &[ONE, TWO]);
    asks_account(&world, &account);
    Some((world, account))
}

#[test]
fn the_real_codex_tells_what_threads_used_and_it_stands_beside_what_was_observed() {
    let Some((world, _account)) = of_plan(|ids| usage(ids, Some(3_500))) else { return };
    let before = ledger::report(&world, &[]);
    let told = reconcile(&world, &[], 0);
    assert_eq!(told["asked"][0], json!({ "source": "codex", "asked": 2, "told": 2, "new": 2 }), "{told}");
    let row = &told["rows"][0];
    assert_eq!(
        (&row["model"], &row["tier"], &row["basis"]),
        (&"gpt-6.1-sol".into(), &"standard".into(), &"reconciled".into())
    );
    assert_eq!((&row["responses"], &row["observed_usd"]), (&2.into(), &"0.006".into()), "{told}");
    assert_eq!((&row["reconciled_usd"], &row["difference_usd"]), (&"0.007".into(), &"0.001".into()), "{told}");
    assert_eq!(told["problems"], json!([]), "{told}");
    assert_eq!(ledger::report(&world, &[]), before, "what was observed stays as it is");
    // The same again is no news, and a report tells the same without asking.
    let links = ledger::links(&world, "reconciled").len();
    let again = reconcile(&world, &[], 0);
    assert_eq!((&again["asked"][0]["new"], ledger::links(&world, "reconciled").len()), (&0.into(), links));
    assert_eq!(again["rows"], told["rows"]);
    assert_eq!(ledger::report(&world, &["--reconciled"])["rows"], told["rows"]);
    world.govern(&["audit", "verify"]).expect_code(0);
    let page = world.govern(&["report", "--reconciled"]).expect_code(0).out();
    assert!(page.contains("reconciled") && page.contains("$0.007"), "{page}");
}

#[test]
fn threads_that_an_account_does_not_know_or_refuses_are_told() {
    let Some((world, _account)) = of_plan(|ids| match ids.iter().any(|id| id == ONE) {
        true => usage(ids, None),
        false => (200, Vec::new(), r#"{"threads":[]}"#.to_owned()),
    }) else {
        return;
    };
    let told = reconcile(&world, &["--only", "codex"], 0);
    assert_eq!((&told["asked"][0]["told"], &told["asked"][0]["asked"]), (&1.into(), &2.into()), "{told}");
    assert_eq!(told["rows"][0]["reconciled_usd"], Value::Null, "in credits alone: {told}");
    assert_eq!(told["problems"].as_array().unwrap().len(), 1, "{told}");
    for (status, said) in
        [(429, "asked too often"), (401, "OpenAI refuses its login"), (403, "OpenAI knows nothing of 2 threads")]
    {
        let Some((world, _account)) = of_plan(move |_| (status, Vec::new(), "{}".to_owned())) else { return };
        let told = reconcile(&world, &["--only", "codex"], 125);
        assert!(told["problems"][0].as_str().unwrap().contains(said), "{status}: {told}");
    }
}

#[test]
fn a_codex_without_an_account_or_without_the_question_says_so() {
    let Some((world, _account)) = of_plan(|ids| usage(ids, Some(1))) else { return };
    world.write("codex/auth.json", r#"{"auth_mode":"apikey","OPENAI_API_KEY":"sk-not-a-key"}"#);
    let told = reconcile(&world, &["--only", "codex"], 125);
    assert!(told["problems"][0].as_str().unwrap().contains("it has no ChatGPT login"), "{told}");
    for version in [PREVIOUS, OLDER] {
        if !world.use_codex(version) {
            return;
        }
        let told = reconcile(&world, &["--only", "codex"], 125);
        assert_eq!(told["rows"], json!([]), "{version:?}: {told}");
        assert!(told["problems"][0].as_str().unwrap().starts_with("Codex "), "{version:?}: {told}");
    }
    std::fs::remove_file(world.path("bin/codex")).unwrap();
    world.govern(&["reconcile", "--only", "codex"]).expect_code(125);
}

#[test]
fn a_thread_that_was_never_read_is_named_with_what_it_used() {
    let Some((world, _account)) = of_plan(|ids| usage(ids, Some(3_500))) else { return };
    let own = std::fs::read_to_string(world.session_files()[0].clone()).unwrap();
    let strange = "01a20000-0000-7000-8000-0000000000cc";
    let text = own.replace(ONE, strange).replace(TWO, strange);
    world.write(&format!("codex/sessions/2026/01/01/rollout-2026-01-01T10-00-00-{strange}.jsonl"), &text);
    let told = reconcile(&world, &["--only", "codex"], 0);
    assert_eq!((&told["asked"][0]["told"], &told["totals"]["observed_usd"]), (&3.into(), &"0.006".into()), "{told}");
    assert_eq!(told["totals"]["unexplained_usd"], "0.0035", "{told}");
    assert!(
        told["problems"][0].as_str().unwrap().contains("1 thread is in Codex's session files and not in the ledger")
    );
    // Once it is read, it is explained.
    world.govern(&["import"]).expect_code(0);
    let told = reconcile(&world, &["--only", "codex"], 0);
    assert_eq!((&told["totals"]["unexplained_usd"], &told["asked"][0]["new"]), (&"0.00".into(), &1.into()), "{told}");
}

fn charge(usd: f64, currency: &str, item: &str) -> Value {
    json!({ "object": "organization.costs.result", "amount": { "value": usd, "currency": currency }, "line_item": item })
}

fn bucket(start: i64, charges: &[Value]) -> Value {
    json!({ "object": "bucket", "start_time": start, "end_time": start + 86_400, "results": charges })
}

fn page(buckets: &[Value], next: Option<&str>) -> Told {
    let body = json!({ "object": "page", "data": buckets, "has_more": next.is_some(), "next_page": next });
    (200, Vec::new(), body.to_string())
}

/// A world whose spend was paid by an API key, and an organisation that answers so.
fn organisation(answers: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> (World, FakeOpenAi) {
    let world = World::without_codex();
    imported(&world, r#"{"auth_mode":"apikey","OPENAI_API_KEY":"sk-not-a-key"}"#, &[ONE]);
    let server = FakeOpenAi::start(answers);
    key(&world, 0o600);
    let policy = format!(
        "[reconcile]\nadmin_key = {{ file = \"{}\" }}\napi = \"{}\"\n",
        world.path("admin-key").display(),
        server.url("/v1")
    );
    world.policy(&policy);
    (world, server)
}

fn key(world: &World, mode: u32) {
    world.write("admin-key", "sk-admin-not-a-key\n");
    std::fs::set_permissions(world.path("admin-key"), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn an_organisations_costs_are_compared_by_day_and_what_no_record_explains_is_named() {
    let (world, server) = organisation(|asked| match asked.path.contains("&page=") {
        false => page(
            &[bucket(
                midnight(),
                &[
                    charge(0.002, "usd", "gpt-6.1-sol-2026-10-01, input"),
                    charge(0.0012, "usd", "gpt-6.1-sol-2026-10-01, output"),
                    charge(0.5, "usd", "web search tool calls"),
                ],
            )],
            Some("a page & more"),
        ),
        true => page(&[bucket(midnight() + 86_400, &[charge(0.25, "usd", "gpt-6-luna, input")])], None),
    });
    let since = then().format("%Y-%m-%d").to_string();
    let told = reconcile(&world, &["--since", &since], 0);
    assert_eq!(told["asked"], json!([{ "source": "costs", "asked": 2, "told": 2, "new": 2 }]), "{told}");
    let row = &told["rows"][0];
    assert_eq!(
        (&row["model"], &row["tier"], &row["observed_usd"]),
        (&"gpt-6.1-sol".into(), &"standard".into(), &COST.into())
    );
    assert_eq!((&row["reconciled_usd"], &row["difference_usd"]), (&"0.0032".into(), &"0.0002".into()), "{told}");
    let alone: Vec<(&str, &str)> = told["unexplained"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["item"].as_str().unwrap(), one["usd"].as_str().unwrap()))
        .collect();
    assert_eq!(alone, [("web search tool calls", "0.50"), ("gpt-6-luna, input", "0.25")]);
    assert_eq!(told["problems"], json!([]));
    let asked = server.asked("/v1/organization/costs");
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(
        asked[0].path.contains(&format!("start_time={}&end_time={}&", midnight(), midnight() + 2 * 86_400)),
        "{asked:?}"
    );
    assert!(asked[1].path.ends_with("&page=a%20page%20%26%20more"), "{asked:?}");
    assert!(asked.iter().all(|asked| asked.method == "GET" && asked.authorization == "Bearer sk-admin-not-a-key"));
    assert_eq!(reconcile(&world, &["--since", &since], 0)["asked"][0]["new"], 0, "twice");
    world.govern(&["audit", "verify"]).expect_code(0);
    let page = world.govern(&["report", "--reconciled", "--since", &since]).expect_code(0).out();
    assert!(page.contains("no record explains it") && page.contains("web search tool calls"), "{page}");
    for folder in ["govern", "work"] {
        let found = world.run("grep", &["-rl", "sk-admin-not-a-key", &world.path(folder).display().to_string()]);
        assert_eq!(found.out(), "", "the key is written nowhere");
    }
}

#[test]
fn what_cannot_be_asked_or_compared_is_a_line_and_what_came_before_it_is_kept() {
    let since = then().format("%Y-%m-%d").to_string();
    let good = || bucket(midnight(), &[charge(0.002, "usd", "gpt-6.1-sol, input")]);
    let cases: Vec<(Told, i32, &str)> = vec![
        (
            (401, Vec::new(), r#"{"error":{"message":"Incorrect API key provided"}}"#.into()),
            125,
            "not known there (401)",
        ),
        ((403, Vec::new(), "{}".into()), 125, "may not see costs (403)"),
        ((429, vec![("retry-after", "17".into())], "{}".into()), 125, "do it again in 17 s"),
        ((500, Vec::new(), "oops".into()), 125, "the answer is 500"),
        ((200, Vec::new(), "<html>".into()), 125, "cannot be read"),
        (page(&[good()], Some("")), 0, "there is more, and not where"),
        (page(&[good()], Some("again")), 0, "a page that has come already"),
        (page(&[good()], None), 0, "nothing is known of 1 day"),
        (page(&[bucket(midnight(), &[charge(1.0, "eur", "gpt-6.1-sol, input")])], None), 125, "`eur`"),
        (page(&[bucket(midnight() - 3_600, &[])], None), 125, "is no day of UTC"),
        (page(&[good(), good()], None), 0, "came twice"),
    ];
    for (answer, code, said) in cases {
        let (world, _server) = organisation(move |_| answer.clone());
        let told = reconcile(&world, &["--only", "costs", "--since", &since], code);
        let problems = told["problems"].to_string();
        assert!(problems.contains(said), "{said}: {problems}");
        assert_eq!(told["rows"].as_array().unwrap().len(), usize::from(code == 0), "{said}: {told}");
    }
}

#[test]
fn a_key_that_others_can_read_is_not_used_and_no_agent_asks() {
    let (world, server) = organisation(|_| page(&[], None));
    key(&world, 0o644);
    world.govern(&["reconcile"]).expect_code(125).expect_said("can be read by others").expect_said("chmod 600");
    key(&world, 0o600);
    world
        .govern(&["run", "--", "govern", "reconcile"])
        .expect_code(123)
        .expect_said("an agent cannot ask what OpenAI charges");
    assert_eq!(server.asked("/").len(), 0);
    // A repository names no key and no server.
    world.write("work/govern.toml", "version = 1\n[reconcile]\napi = \"https://elsewhere.example/v1\"\n");
    world.govern(&["reconcile"]).expect_code(125).expect_said("a repository's policy may not set `[reconcile]`");
}
