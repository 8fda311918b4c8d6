//! Runs that go on when their limit begins anew: the timers, by stand-ins for `systemctl --user` and `crontab`.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::process::LONG;
use crate::support::world::World;

const CODEX: &[&str] = &["codex", "exec", "do it"];

/// A run that the budget of a day has stopped.
fn stopped(per: &str) -> Option<(World, String)> {
    let world = World::with_codex(CURRENT)?;
    world.policy(&format!(
        "[[budget]]\nname = \"purse\"\n{per}\nlimit = \"0.05 usd\"\nsteps = [{{ at = \"100%\", do = \"stop\" }}]\n"
    ));
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true")]);
    world.server.always(Select::root(), Reply::message("done"));
    let run = world.run_governed(&[], CODEX).expect_code(124).id();
    // It says what it is called with, and does nothing.
    world.write_script(
        "bin/systemctl",
        &format!("#!/bin/sh\necho \"$@\" >> {}\n", world.path("systemctl.txt").display()),
    );
    Some((world, run))
}

const DAY: &str = "per = \"everything\"\nwindow = \"day\"";

/// Its Codex needs no key from the environment any more.
fn without_key(world: &World) {
    let config = std::fs::read_to_string(world.path("codex/config.toml")).unwrap();
    world.write("codex/config.toml", &config.replace("env_key = \"MOCK_KEY\"", ""));
}

fn text(world: &World, path: &str) -> String {
    std::fs::read_to_string(world.path(path)).unwrap_or_default()
}

fn waiting(world: &World) -> Value {
    let runs: Value = serde_json::from_str(&world.govern(&["runs", "--format", "json"]).out()).unwrap();
    let status: Value = serde_json::from_str(&world.govern(&["status", "--format", "json"]).out()).unwrap();
    assert_eq!(runs["resumes"], status["resumes"]);
    runs["resumes"].clone()
}

#[test]
fn the_timer_is_shown_set_by_systemd_listed_and_goes_on_with_the_run_once() {
    let Some((world, run)) = stopped(DAY) else { return };
    let at_reset = ["resume", &run, "--at-reset"];
    let refused = world.govern(&at_reset).expect_code(123);
    refused.expect_said("takes its API key from $MOCK_KEY, and no timer keeps one");
    without_key(&world);
    let service = format!("config/systemd/user/govern-resume-{run}.service");
    let timer = format!("config/systemd/user/govern-resume-{run}.timer");
    let shown = world.govern(&at_reset).expect_code(0).out();
    assert!(shown.contains("OnCalendar=") && shown.contains("Nothing was written: add `--yes`"), "{shown}");
    assert!(!world.path(&timer).exists() && waiting(&world) == json!([]));
    let set = world.govern(&[&at_reset[..], &["--yes"]].concat()).expect_code(0).out();
    assert!(set.contains(&format!("govern resume {run} --cancel")), "{set}");
    for line in text(&world, &service).lines().chain(text(&world, &timer).lines()) {
        assert!(shown.contains(line), "what is written was shown: {line}");
        assert!(!line.contains("not-a-key") && !line.contains("MOCK_KEY") && !line.contains("tester"), "{line}");
    }
    let tomorrow = (Utc::now().date_naive() + chrono::Days::new(1)).format("%Y-%m-%d");
    assert!(text(&world, &timer).contains(&format!("OnCalendar={tomorrow} 00:01:00 UTC\nPersistent=true\n")));
    let called = text(&world, "systemctl.txt");
    assert!(
        called.ends_with(&format!("--user daemon-reload\n--user enable --now govern-resume-{run}.timer\n")),
        "{called}"
    );
    assert_eq!(waiting(&world)[0]["run"], run.as_str());
    assert_eq!(waiting(&world)[0]["limit"], "purse");
    let listed = world.govern(&["runs"]).expect_code(0).out();
    assert!(listed.contains("when `purse` begins anew"), "{listed}");
    // Before its time it does nothing: the machine was started meanwhile.
    let line = text(&world, &service);
    let line = line.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap().to_owned();
    let before = world.server.requests().len();
    world.run("sh", &["-c", &line]).expect_code(0);
    assert!(world.path(&timer).exists() && world.server.requests().len() == before);
    // Its time has come, and there is room.
    let note = format!("govern/resumes/{run}.json");
    let mut noted: Value = serde_json::from_str(&text(&world, &note)).unwrap();
    noted["at"] = json!("2026-01-01T00:00:00Z");
    world.write(&note, &noted.to_string());
    let until = (Utc::now().date_naive() + chrono::Days::new(3)).to_string();
    world
        .govern(&["grant", "--budget", "purse", "--extend", "1usd", "--until", &until, "--reason", "a test"])
        .expect_code(0);
    world.run("sh", &["-c", &line]).expect_code(0);
    assert_eq!(world.server.requests().len(), before + 1, "the run went on");
    assert!(!world.path(&timer).exists() && !world.path(&service).exists() && waiting(&world) == json!([]));
    assert!(text(&world, "systemctl.txt").contains(&format!("--user disable --now govern-resume-{run}.timer")));
    // Called once more, it is none of the timer's business any more.
    world.run("sh", &["-c", &line]).expect_code(0);
    assert_eq!(world.server.requests().len(), before + 1);
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn without_systemd_it_is_a_line_of_the_crontab_beside_those_of_others_and_can_be_taken_back() {
    let Some((world, run)) = stopped(DAY) else { return };
    without_key(&world);
    world.write_script("bin/systemctl", "#!/bin/sh\nexit 1\n");
    let tab = world.path("crontab.txt").display().to_string();
    world.write_script(
        "bin/crontab",
        &format!("#!/bin/sh\nif [ \"$1\" = -l ]; then cat {tab}; else cp \"$1\" {tab}; fi\n"),
    );
    world.write("crontab.txt", "0 1 * * * backup\n");
    world.govern(&["resume", &run, "--at-reset", "--yes"]).expect_code(0);
    let lines = text(&world, "crontab.txt");
    let own: Vec<&str> = lines.lines().skip(1).collect();
    assert_eq!((lines.lines().next(), own.len()), (Some("0 1 * * * backup"), 2), "{lines}");
    assert!(own[1].starts_with("@reboot /usr/bin/env PATH="), "{lines}");
    assert!(
        own.iter().all(|line| line.ends_with(&format!("# govern resume {run}")) && !line.contains("KEY")),
        "{lines}"
    );
    // Set twice, it stands there once.
    world.govern(&["resume", &run, "--at-reset", "--yes"]).expect_code(0);
    assert_eq!(text(&world, "crontab.txt"), lines);
    let cancelled = world.govern(&["resume", &run, "--cancel"]).expect_code(0).out();
    assert!(cancelled.contains("goes on by itself no more"), "{cancelled}");
    assert_eq!((text(&world, "crontab.txt").as_str(), waiting(&world)), ("0 1 * * * backup\n", json!([])));
    let again = world.govern(&["resume", &run, "--cancel"]).expect_code(0).out();
    assert!(again.contains("nothing was changed"), "{again}");
}

#[test]
fn a_run_that_somebody_went_on_with_meanwhile_is_none_of_the_timers_any_more() {
    let Some((world, run)) = stopped(DAY) else { return };
    without_key(&world);
    world.govern(&["resume", &run, "--at-reset", "--yes"]).expect_code(0);
    world.govern(&["resume", &run, "--extend", "3usd"]).expect_code(0);
    let before = world.server.requests().len();
    let note = format!("govern/resumes/{run}.json");
    let mut noted: Value = serde_json::from_str(&text(&world, &note)).unwrap();
    noted["at"] = json!("2026-01-01T00:00:00Z");
    world.write(&note, &noted.to_string());
    let service = text(&world, &format!("config/systemd/user/govern-resume-{run}.service"));
    let line = service.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    world.run("sh", &["-c", line]).expect_code(0).expect_said("has gone on and ended since");
    assert_eq!((world.server.requests().len(), waiting(&world)), (before, json!([])));
}

#[test]
fn what_never_begins_anew_or_cannot_start_alone_is_refused_with_the_reason() {
    for (per, why) in [
        ("per = \"run\"", "`purse` never begins anew"),
        ("per = \"everything\"\nwindow = \"24h\"", "counts what was spent in a time that goes along"),
    ] {
        let Some((world, run)) = stopped(per) else { return };
        without_key(&world);
        world.govern(&["resume", &run, "--at-reset"]).expect_code(123).expect_said(why);
    }
    let Some((world, run)) = stopped(DAY) else { return };
    let inside = format!("govern resume {run} --at-reset --yes");
    world.govern(&["run", "--observe", "--", "sh", "-c", &inside]).expect_code(123);
    world.configure_codex("");
    let config = text(&world, "codex/config.toml").replace("model_provider = \"mock\"", "");
    world.write("codex/config.toml", &config);
    world
        .govern(&["resume", &run, "--at-reset"])
        .expect_code(123)
        .expect_said("no login of its Codex is kept in a file");
    world.govern(&["resume", "--at-reset"]).expect_code(2).expect_said("say which run");
}

/// An answer that says how much of a plan's five hours is used, and when they begin anew.
fn told_of_plan(used: &str, resets: DateTime<Utc>) -> Reply {
    Reply::exec("true")
        .header("x-codex-primary-used-percent", used)
        .header("x-codex-primary-window-minutes", "300")
        .header("x-codex-primary-reset-at", &resets.timestamp().to_string())
}

/// When the timer of this run would go off.
fn goes_off(world: &World, run: &str) -> DateTime<Utc> {
    let shown = world.govern(&["resume", run, "--at-reset"]).expect_code(0).out();
    let at = shown.lines().find_map(|line| line.trim().strip_prefix("OnCalendar=")?.strip_suffix(" UTC"));
    NaiveDateTime::parse_from_str(at.unwrap(), "%Y-%m-%d %H:%M:%S").unwrap().and_utc()
}

#[test]
fn a_plans_window_is_waited_for_as_codex_told_of_it_also_where_a_held_run_was_lost() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    without_key(&world);
    world.write_script("bin/systemctl", "#!/bin/sh\n");
    let resets = Utc::now() + TimeDelta::hours(2);
    let is_after = |at: DateTime<Utc>| at > resets - TimeDelta::seconds(1) && at <= resets + TimeDelta::minutes(1);
    world.server.script(Select::root(), [told_of_plan("59", resets), told_of_plan("60", resets)]);
    let flags = ["--budget", "60% plan 5h", "--at-limit", "stop"];
    let stopped = world.run_governed(&flags, CODEX).expect_code(124).id();
    assert!(is_after(goes_off(&world, &stopped)), "{}", goes_off(&world, &stopped));
    // Held until the same moment, and its govern is killed.
    world.policy("[[alert]]\nname = \"the plan\"\nused = \"80% plan 5h\"\ndo = \"hold\"\nuntil = \"reset\"\n");
    world.server.script(Select::root(), [told_of_plan("81", resets), Reply::exec("true")]);
    let held = world.start("govern", &["run", "--", "codex", "exec", "do it"]);
    held.wait_for_stderr("81% of the plan's 5h limit is used");
    held.signal(Signal::SIGKILL);
    drop(held);
    world.wait_for_no_survivors(LONG);
    let runs: Value = serde_json::from_str(&world.govern(&["runs", "--format", "json"]).out()).unwrap();
    let lost = runs["rows"].as_array().unwrap().iter().find(|row| row["outcome"] == "lost").unwrap();
    assert!(is_after(goes_off(&world, lost["run"].as_str().unwrap())));
    world.policy("[[alert]]\nname = \"another\"\nused = \"90% plan 5h\"\ndo = \"hold\"\nuntil = \"reset\"\n");
    world.govern(&["resume", &stopped, "--at-reset"]).expect_code(123).expect_said("the policy has changed");
}
