//! Reports as one file, over a ledger of two clients.

use super::*;
use crate::model::event::Decision;

const OWN: &str = "k3f9x27m1a";
const OTHER: &str = "k4a1c00n2b";
const BOTH: &str = "k5b2d11p3c";

/// Names that somebody else's report may not have.
const SECRETS: [&str; 12] = [
    "globex",
    "gadgets",
    "eve",
    "T-99",
    "spy",
    "rival-team",
    "topsecret",
    "ada",
    "/home",
    "fixer",
    "the other budget",
    OTHER,
];

fn answered(at: &str, run: &str, key: &str, client: &str, usd: &str) -> Event {
    let of_acme = client == "acme";
    let agent = if of_acme { "fixer" } else { "spy" };
    let mut response = sample::response(at, agent, &format!("t-{run}-{client}"), "gpt-6.1-sol", usd);
    (response.key, response.run) = (key.into(), Some(run.into()));
    let text = |own: &str, other: &str| Some(if of_acme { own } else { other }.to_owned());
    response.attribution = crate::model::Attribution {
        client: Some(client.to_owned()),
        project: text("shop", "gadgets"),
        team: text("web", "rival-team"),
        user: text("ada", "eve"),
        task: text("T-1", "T-99"),
        branch: text("main", "topsecret"),
        ..response.attribution
    };
    Event { at: response.at, run: run.into(), agent: Some(agent.into()), kind: EventKind::Response(Box::new(response)) }
}

fn stopped(at: &str, run: &str, agent: &str) -> Event {
    let kind = EventKind::Decided(Decision {
        verb: Verb::Stop,
        budget: "the other budget".into(),
        scope: "client=globex".into(),
        alert: None,
        because: vec![format!("of {agent}, for globex")],
        would: false,
        to: None,
        chosen: None,
        wrap_up: None,
    });
    Event { at: sample::at(at), run: run.into(), agent: Some(agent.into()), kind }
}

/// A run for each of two clients, and one for both.
fn two_clients() -> World {
    let world = World::new();
    let runs: [(&str, Vec<Event>); 3] = [
        (
            OWN,
            vec![
                answered("2026-11-21T14:01:00Z", OWN, "r1", "acme", "1.25"),
                stopped("2026-11-21T14:02:00Z", OWN, "fixer"),
            ],
        ),
        (
            OTHER,
            vec![
                answered("2026-11-21T15:01:00Z", OTHER, "r2", "globex", "7.77"),
                stopped("2026-11-21T15:02:00Z", OTHER, "spy"),
            ],
        ),
        (
            BOTH,
            vec![
                answered("2026-11-22T10:01:00Z", BOTH, "r3", "acme", "0.50"),
                answered("2026-11-22T10:02:00Z", BOTH, "r4", "globex", "6.66"),
                stopped("2026-11-22T10:03:00Z", BOTH, "spy"),
            ],
        ),
    ];
    for (run, events) in runs {
        let events = [vec![started(run, events[0].at)], events].concat();
        drop(in_ledger(&world.ledger_folder(), run, 4_711, &events));
    }
    world.write(
        "home/.config/govern/policy.toml",
        "version = 1\n[[budget]]\nname = \"the other budget\"\nper = \"client\"\nwindow = \"month\"\nlimit = \"9 usd\"\n",
    );
    world
}

#[test]
fn a_report_for_one_client_has_the_name_of_nobody_else() {
    let world = two_clients();
    let (exit, page) = world.report(&["--format", "html", "--for", "client", "acme"]);
    assert_eq!(exit, Ok(Exit::Success));
    for part in [
        "client acme",
        "$1.75",
        "shop",
        "gpt-6.1-sol",
        OWN,
        "$9.00",
        "<td data-title=\"how many\" class=\"figure\">1</td>",
    ] {
        assert!(page.contains(part), "no {part}: {page}");
    }
    for secret in SECRETS {
        assert!(!page.contains(secret), "{secret}: {page}");
    }
    for more in [["--by", "project,model"].as_slice(), &["--results"], &["--savings"], &["--since", "2026-11-21"]] {
        let (_, page) = world.report(&[&["--format", "html", "--for", "client", "acme"], more].concat());
        for secret in SECRETS {
            assert!(!page.contains(secret), "{more:?}: {secret}: {page}");
        }
    }
}

#[test]
fn a_budget_that_counts_a_part_does_not_pass_for_the_clients_whole() {
    let world = two_clients();
    let budget = |name: &str, limit: &str, only: &str| {
        format!("[[budget]]\nname = \"{name}\"\nper = \"client\"\nwindow = \"month\"\nlimit = \"{limit} usd\"\n{only}")
    };
    let part = budget("a part", "7", "only = { model = [\"gpt-*\"] }\n");
    world.write("home/.config/govern/policy.toml", &format!("version = 1\n{}{part}", budget("whole", "9", "")));
    let (_, page) = world.report(&["--format", "html", "--for", "client", "acme"]);
    assert!(page.contains("$9.00") && !page.contains("$7.00"), "{page}");
}

#[test]
fn a_stop_saved_nothing_where_its_session_went_on_in_another_run() {
    let world = two_clients();
    let stops = |world: &World| {
        let (_, json) = world.report(&["--savings", "--format", "json"]);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let rows = json["savings"]["rows"].as_array().unwrap().clone();
        rows.iter().filter(|row| row["act"] == "stop" && row["run"] == OWN).count()
    };
    assert_eq!(stops(&world), 1);
    let at = "2026-11-22T12:01:00Z";
    let mut again = answered(at, "1resumedrun1", "r9", "acme", "0.25");
    if let EventKind::Response(response) = &mut again.kind {
        response.thread = format!("t-{OWN}-acme").as_str().into();
        response.root = response.thread.clone();
    }
    let events = [started("1resumedrun1", again.at), again];
    drop(in_ledger(&world.ledger_folder(), "1resumedrun1", 4_711, &events));
    assert_eq!(stops(&world), 0);
}

#[test]
fn whoever_may_see_everything_sees_it() {
    let world = two_clients();
    let (_, page) = world.report(&["--format", "html"]);
    for part in ["globex", "acme", "rival-team", OTHER, "the other budget", "spy", "$16.18"] {
        assert!(page.contains(part), "no {part}: {page}");
    }
}

#[test]
fn the_same_ledger_gives_the_same_bytes_whenever_it_is_asked() {
    let world = two_clients();
    let page = |at: &str, words: &[&str]| {
        let at = sample::at(at);
        let ask = |out: &mut Vec<u8>, here: &Here<'_>| {
            let here = Here { env: here.env, cwd: here.cwd.clone(), look: here.look, now: at, alive: here.alive };
            report::run(&parsed::<ReportArgs>(words), out, &here)
        };
        world.ask(ask).1
    };
    for words in [
        ["--format", "html"].as_slice(),
        &["--format", "html", "--for", "client", "acme", "--since", "2026-11-01"],
        &["--format", "html", "--run", OWN],
    ] {
        let [one, other] = ["2026-11-22T14:20:00Z", "2027-03-09T03:00:00Z"].map(|at| page(at, words));
        assert!(one.contains("as of") && one == other, "{words:?}");
    }
    let head = world.audit(&["head"]).1;
    let page = page("2026-11-22T14:20:00Z", &["--format", "html"]);
    assert_eq!(page.matches(head.trim()).count(), 2, "at the foot of each printed page, and at the end: {head}");
}

#[test]
fn what_cannot_be_shown_is_said() {
    let world = two_clients();
    for (words, said) in [
        (["--for", "client", "acme"].as_slice(), "goes with `--format html`"),
        (&["--format", "html", "--for", "client", "acmee"], "nothing is recorded of a client `acmee`"),
        (&["--format", "html", "--for", "user", "ada"], "not for a `user`"),
        (&["--format", "html", "--for", "client", "acme", "--by", "agent"], "`--by agent` would name"),
        (&["--format", "html", "--for", "client", "acme", "--last"], "the story of a run"),
        (&["--format", "html", "--for", "client", "acme", "--for", "client", "globex"], "more than once"),
        (&["--format", "html", "--last", "--by", "team"], "`--by` says nothing"),
        (&["--format", "csv", "--savings"], "`--savings` says nothing"),
    ] {
        let error = world.report(words).0.unwrap_err();
        assert!(error.to_string().contains(said), "{words:?}: {error}");
        assert_eq!(error.exit_code(), Exit::Usage, "{words:?}");
    }
    let error = world.report(&["--format", "html", "--for", "client", "acmee"]).0.unwrap_err();
    assert!(format!("{error:?}").contains("did you mean `acme`?"), "{error:?}");
}

#[test]
fn before_the_first_run_there_is_a_page_that_says_so() {
    let (exit, page) = World::new().report(&["--format", "html"]);
    assert_eq!(exit, Ok(Exit::Success));
    assert!(page.starts_with("<!doctype html>") && page.contains("Nothing was recorded yet"), "{page}");
}

#[test]
fn savings_stand_below_the_spend_and_in_json() {
    let world = two_clients();
    let (_, table) = world.report(&["--savings"]);
    let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(table.contains("What govern saved") && table.contains("no like runs came so far"), "{table}");
    let (_, json) = world.report(&["--savings", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["savings"]["not_known"], 3, "{json}");
    assert!(json["savings"]["least_usd"].is_null(), "{json}");
    assert_eq!(json["savings"]["rows"][0]["run"], BOTH);
    let (_, without) = world.report(&["--format", "json"]);
    assert!(!without.contains("savings"), "it is there where it is asked for");
}

#[test]
fn a_model_that_is_new_since_then_is_told_with_what_the_same_work_costs() {
    let world = World::new();
    for (run, at, model, usd) in
        [("k1", "2026-11-10T10:00:00Z", "gpt-6.1-terra", "0.10"), ("k2", "2026-11-20T10:00:00Z", "gpt-6.2-sol", "0.40")]
    {
        let mut response = sample::response(at, "codex", run, model, usd);
        response.run = Some(run.into());
        let event = Event {
            at: response.at,
            run: run.into(),
            agent: Some("codex".into()),
            kind: EventKind::Response(Box::new(response)),
        };
        drop(in_ledger(&world.ledger_folder(), run, 4_711, &[started(run, event.at), event.clone()]));
    }
    let line = "is new in this time: in the 30 days before most was spent on";
    for format in ["table", "markdown", "html"] {
        let (_, text) = world.report(&["--since", "2026-11-15", "--format", format]);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(line), "{format}: {text}");
        let (_, all) = world.report(&["--format", format]);
        assert!(!all.contains("is new in"), "there is no time before: {all}");
    }
    let (_, json) = world.report(&["--since", "2026-11-15", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let change = &json["changes"][0];
    assert_eq!(
        (&change["what"], &change["model"], &change["before"]),
        (&"model".into(), &"gpt-6.2-sol".into(), &"gpt-6.1-terra".into())
    );
    assert!(change["cost_percent"].as_u64().unwrap() > 100, "{json}");
}

#[test]
fn a_policy_with_a_mistake_keeps_nobody_from_a_report() {
    let world = two_clients();
    world.write("shop/govern.toml", "version = 1\nnonsense = 1\n");
    for words in [
        ["--since", "2026-11-01"].as_slice(),
        &["--savings"],
        &["--format", "html", "--since", "2026-11-01"],
        &["--format", "html", "--for", "client", "acme"],
    ] {
        let (exit, text) = world.report(words);
        assert_eq!(exit, Ok(Exit::Success), "{words:?}");
        let tells = words.contains(&"html") && !words.contains(&"--for");
        assert_eq!(text.contains("the policy has a mistake"), tells, "{words:?}: {text}");
    }
}
