//! Going on: with a run that was stopped, and with a session that nobody governed.

use crate::ENDLESS;
use crate::PAID;
use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::process::{Finished, LONG, Running};
use crate::support::tmux::Terminal;
use crate::support::world::World;

#[test]
fn a_stopped_run_goes_on_in_its_thread() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(
        Select::root(),
        [Reply::exec("true"), Reply::exec(PAID), Reply::exec("true"), Reply::message("all is done")],
    );
    let flags = ["--budget", "0.05usd", "--at-limit", "stop"];
    let stopped = world.run_governed(&flags, &["codex", "exec", "do it"]).expect_code(124);
    let done = world.govern(&["resume", &stopped.id(), "--extend", "1usd"]).expect_code(0);
    assert!(done.out().contains("all is done"), "{done}");
    world.expect_no_survivors();
    let served = world.server.served();
    assert_eq!(served.len(), 4);
    assert!(served.iter().all(|request| request.thread == served[0].thread), "{served:?}");
    // Both runs together have spent what was served, no response twice.
    let report = ledger::report(&world, &["--by", "thread"]);
    assert_eq!(report["totals"]["responses"], 4, "{report}");
    assert_eq!(ledger::nanos(report["totals"]["cost_usd"].as_str().unwrap()), 4 * ledger::USUAL_COST, "{report}");
}

/// Types the `govern resume` that was printed, which lifts a limit.
#[track_caller]
fn goes_on_as_printed(world: &World, said: &str) -> Finished {
    let printed = said.lines().find_map(|line| line.trim().strip_prefix("govern resume "));
    let printed = printed.unwrap_or_else(|| panic!("{said}"));
    assert!(printed.contains("--extend"), "{said}");
    let typed: Vec<&str> = std::iter::once("resume").chain(printed.split(' ')).collect();
    world.govern(&typed).expect_code(0)
}

#[test]
fn a_fleet_that_was_stopped_while_it_waited_at_its_limit_goes_on_as_printed() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy("[approvals]\nwait_for_nobody = true\n");
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("all is done")]);
    let budget = "[budget]\nlimit = \"0.05 usd\"\nsteps = [{ at = \"100%\", do = \"ask\" }]\n";
    let governed = world.start_fleet(&[], &format!("{budget}[[agent]]\nname = \"one\"\nprompt = \"do it\"\n"));
    governed.running.wait_for_stderr("govern approve 1");
    world.govern(&["stop", "--all"]).expect_code(0);
    let end = governed.finish().expect_code(124);
    goes_on_as_printed(&world, &end.finished.stderr);
    assert_eq!((world.server.served().len(), ledger::approvals(&world).len()), (3, 1));
}

#[test]
fn what_is_printed_goes_on_however_a_run_that_waited_at_its_limit_was_ended() {
    let doors: [&[&str]; 6] = [
        &["deny", "1"],
        &["deny", "1", "--kill"],
        &["stop", "--all"],
        &["stop", "--all", "--kill"],
        &["pause", "--all"],
        &["approvals"],
    ];
    for door in doors {
        let Some(world) = World::with_codex(CURRENT) else { return };
        let wait = if door[0] == "approvals" { "1s" } else { "30m" };
        let step = format!("{{ at = \"100%\", do = \"ask\", wait = \"{wait}\", else = \"stop\" }}");
        let purse = "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\n";
        let wider = "[[budget]]\nname = \"wider\"\nper = \"run\"\nlimit = \"9 usd\"\n";
        world.policy(&format!("{purse}steps = [{step}]\n{wider}"));
        world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("all is done")]);
        let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
        governed.running.wait_for_stderr("govern approve 1");
        world.govern(door).expect_code(0);
        if door[0] == "pause" {
            world.govern(&["stop", "--all"]).expect_code(0);
        }
        let end = governed.finish().expect_code(124);
        let done = goes_on_as_printed(&world, &end.finished.stderr);
        assert!(done.out().contains("all is done"), "{door:?}: {done}");
        assert_eq!(ledger::approvals(&world).len(), 1, "{door:?}: it asked again");
    }
}

#[test]
fn the_printed_line_lifts_a_limit_that_only_an_answer_tells_of() {
    for kind in [
        "per = \"model\"\nwindow = \"day\"",
        "per = \"thread\"",
        "per = [\"run\", \"model\"]",
        "per = \"run\"\nonly = { model = [\"gpt-*\"] }",
    ] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        let steps = "steps = [{ at = \"100%\", do = \"stop\" }]\n";
        world.policy(&format!("[[budget]]\nname = \"late\"\n{kind}\nlimit = \"0.05 usd\"\n{steps}"));
        world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("all is done")]);
        let end = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(124);
        let done = goes_on_as_printed(&world, &end.finished.stderr);
        assert!(done.out().contains("all is done"), "{kind}: {done}");
        assert_eq!(world.server.served().len(), 3, "{kind}");
    }
}

#[test]
fn what_a_script_started_goes_on_by_the_line_that_is_printed_from_whatever_home_it_had() {
    let elsewhere = "cp -r \"$CODEX_HOME\" 'other home'; CODEX_HOME=\"$PWD/other home\" codex exec 'do it'";
    for (script, begins) in [("codex exec 'do it'", "govern run"), (elsewhere, "CODEX_HOME='/")] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("all is done")]);
        let flags = ["--budget", "0.05usd", "--at-limit", "stop"];
        let end = world.run_governed(&flags, &["sh", "-c", script]).expect_code(124);
        let mut lines = end.finished.stderr.lines().map(str::trim);
        let printed = lines.find(|line| line.contains("govern run --budget 0.05usd -- codex "));
        let printed = printed.filter(|line| line.starts_with(begins)).unwrap_or_else(|| panic!("{}", end.finished));
        let done = world.run("sh", &["-c", printed]).expect_code(0);
        assert!(done.out().contains("all is done"), "{done}");
        let served = world.server.served();
        assert!(served.len() == 3 && served.iter().all(|request| request.thread == served[0].thread), "{served:?}");
    }
    // A session that is gone is promised to nobody.
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::root(), Reply::exec("find \"$CODEX_HOME/sessions\" -name '*.jsonl' -delete"));
    let end = world.run_governed(&["--budget", "0.05usd", "--at-limit", "stop"], &["sh", "-c", "codex exec 'do it'"]);
    let end = end.expect_code(124);
    assert!(!end.finished.stderr.contains("exec resume"), "{}", end.finished);
}

#[test]
fn without_more_budget_a_stopped_run_does_not_go_on() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(PAID)]);
    let flags = ["--budget", "0.05usd", "--at-limit", "stop"];
    let stopped = world.run_governed(&flags, &["codex", "exec", "do it"]).expect_code(124);
    world.govern(&["resume", &stopped.id()]).expect_code(123);
    assert_eq!(world.server.requests().len(), 2);
}

#[test]
fn history_that_a_run_inherits_is_not_its_spend() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true")]);
    world.run("codex", &["exec", "begin"]).expect_code(0);
    let before = world.server.served();
    assert_eq!(before.len(), 2);
    for command in ["resume", "fork"] {
        let served = world.server.served().len();
        let end = world.run_governed(&[], &["codex", "exec", command, &before[0].thread, "go on"]).expect_code(0);
        let new = &world.server.served()[served..];
        assert!(!new.is_empty(), "{command}");
        ledger::expect_exactly(&world, &end.id(), new);
    }
}

/// Stops a run by its limit of five cents; two answers were served.
fn stopped(world: &World, more: &[&str]) -> String {
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(ENDLESS)]);
    let flags = [&["--budget", "0.05usd", "--at-limit", "stop"], more].concat();
    world.run_governed(&flags, &["codex", "exec", "do it"]).expect_code(124).id()
}

/// The command that `report --last` prints.
fn printed(world: &World) -> String {
    let report = world.govern(&["report", "--last"]).expect_code(0);
    let line = report.out().lines().find(|line| line.trim_start().starts_with("govern resume ")).map(str::to_owned);
    line.unwrap_or_else(|| panic!("no command in {report}")).trim().to_owned()
}

/// Types a line into a shell in this folder.
fn paste(world: &World, folder: &std::path::Path, line: &str) -> Finished {
    let mut command = world.command("bash", &["-c", line]);
    command.current_dir(folder);
    Running::start(command, false).finish()
}

fn extensions(world: &World) -> usize {
    ledger::events(world, "extended").len()
}

#[test]
fn the_printed_command_works_from_any_folder_and_in_the_runs_own() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    stopped(&world, &[]);
    world.server.script(Select::root(), [Reply::message("done")]);
    let elsewhere = world.path("home");
    let line = printed(&world);
    assert!(line.contains(" --extend "), "{line}");
    // What it lacks is said by what it prints itself.
    let id = line.split_whitespace().nth(2).unwrap().to_owned();
    let refused = paste(&world, &elsewhere, &format!("govern resume {id}")).expect_code(123);
    assert!(refused.stderr.contains(&format!("govern resume {id} --extend ")), "{refused}");
    let line = printed(&world);
    assert!(line.contains(" --extend "), "{line}");
    let workdir = format!("workdir: {}\n", world.work().display());
    paste(&world, &elsewhere, &line).expect_code(0).expect_said(&workdir);
    assert_eq!(extensions(&world), 1);
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn the_printed_command_goes_on_after_an_early_yes() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
         steps = [{ at = \"10%\", do = \"ask\", wait = \"30m\" }, { at = \"100%\", do = \"stop\" }]\n",
    );
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(ENDLESS), Reply::message("all is done")]);
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    governed.running.wait_for_stderr("govern approve 1");
    world.govern(&["approve", "1"]).expect_code(0).expect_said("next step");
    governed.finish().expect_code(124);
    let done = paste(&world, &world.work(), &printed(&world)).expect_code(0);
    assert!(done.out().contains("all is done"), "{done}");
    assert_eq!(world.server.served().len(), 3);
    let asked = world.govern(&["approvals", "--all", "--format", "json"]).expect_code(0).out();
    assert_eq!(asked.matches("\"about\"").count(), 1, "{asked}");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_policy_that_changed_is_in_the_printed_command() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy("[[budget]]\nname = \"day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"3 usd\"\n");
    let id = stopped(&world, &[]);
    world.policy("[[budget]]\nname = \"day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"4 usd\"\n");
    world.server.script(Select::root(), [Reply::message("done")]);
    let refused = world.govern(&["resume", &id, "--extend", "1usd"]).expect_code(123);
    assert!(refused.stderr.contains(&format!("govern resume {id} --extend 1usd --accept-policy")), "{refused}");
    let line = printed(&world);
    assert!(line.ends_with(" --accept-policy") && line.contains(" --extend "), "{line}");
    paste(&world, &world.path("home"), &line).expect_code(0);
}

#[test]
fn a_folder_that_is_gone_loses_nothing_and_one_that_was_moved_can_be_named() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.write("work/own.toml", "version = 1\n");
    let id = stopped(&world, &["--policy", "own.toml"]);
    std::fs::rename(world.work(), world.path("moved")).unwrap();
    let line = format!("govern resume {id} --extend 1usd");
    let gone = paste(&world, &world.path("home"), &line).expect_code(123);
    assert!(
        gone.stderr.contains("`, where the run worked, cannot be entered") && gone.stderr.contains("--folder NEW"),
        "{gone}"
    );
    world.server.script(Select::root(), [Reply::exec("pwd > \"$HOME/place\"; [ $PWD -ef . ]"), Reply::message("done")]);
    let elsewhere = world.path("home");
    paste(&world, &elsewhere, &format!("{line} --folder ../moved")).expect_code(0);
    assert_eq!(
        std::fs::read_to_string(world.path("home/place")).unwrap().trim(),
        world.path("moved").display().to_string()
    );
    std::fs::rename(world.path("moved"), world.work()).unwrap();
    assert_eq!(extensions(&world), 1);
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn an_extension_is_booked_when_something_starts_by_it() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let id = stopped(&world, &[]);
    std::fs::rename(world.path("bin/codex"), world.path("bin/hidden")).unwrap();
    let gone = world.govern(&["resume", &id, "--extend", "1usd"]);
    assert!(gone.status.code() == Some(127) || gone.status.code() == Some(126), "{gone}");
    assert_eq!(extensions(&world), 0);
    std::fs::rename(world.path("bin/hidden"), world.path("bin/codex")).unwrap();
    world.server.script(Select::root(), [Reply::message("done")]);
    world.govern(&["resume", &id, "--extend", "1usd"]).expect_code(0);
    assert_eq!(extensions(&world), 1);
}

#[test]
fn nobody_lifts_a_limit_by_resume_that_he_may_not_lift_by_an_answer() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let me = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
    let policy = |approvers: &str| {
        let team = "[[budget]]\nname = \"teams\"\nper = \"everything\"\nwindow = \"month\"\nlimit = \"0.05 usd\"\n\
                    steps = [{ at = \"100%\", do = \"stop\" }]\n";
        world.policy(&format!("{team}[approvals]\napprovers = [\"{approvers}\"]\nmax_extend = \"0.5 usd\"\n"));
    };
    policy("somebody-else");
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(ENDLESS)]);
    let end = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(124);
    let id = end.id();
    let stderr = &end.finished.stderr;
    assert!(stderr.contains("To go on is an answer, which somebody-else may give:"), "{}", end.finished);
    let refused = world.govern(&["resume", &id, "--extend", "0.1usd"]).expect_code(123);
    assert!(refused.stderr.contains(&format!("`{me}` is not among the approvers")), "{refused}");
    // Nor by a policy that names him, which he accepts himself.
    policy(&me);
    let refused = world.govern(&["resume", &id, "--extend", "0.1usd", "--accept-policy"]).expect_code(123);
    assert!(refused.stderr.contains("is not among the approvers"), "{refused}");
    assert_eq!((world.server.served().len(), extensions(&world)), (2, 0));
    // Nothing was begun: the run is what it was.
    assert_eq!(ledger::events(&world, "run_resumed").len(), 0);
    let report = world.govern(&["report", "--run", &id]).expect_code(0);
    assert!(String::from_utf8_lossy(&report.stdout).contains("stopped by"), "{report}");
    // But who wanted it, and why it was refused, is in the ledger's chain.
    let refused = ledger::links(&world, "refused");
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused.iter().all(|link| link["run"] == id && link["by"] == format!("{me} (cli)")), "{refused:?}");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn all_answers_together_lift_a_budget_no_further_than_the_policy_says() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[budget]]\nname = \"teams\"\nper = \"everything\"\nwindow = \"month\"\nlimit = \"0.05 usd\"\n\
         steps = [{ at = \"100%\", do = \"stop\" }]\n[approvals]\nmax_extend = \"0.06 usd\"\n",
    );
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(ENDLESS), Reply::message("done")]);
    let id = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(124).id();
    let too_much = world.govern(&["resume", &id, "--extend", "0.07usd"]).expect_code(123);
    assert!(too_much.stderr.contains("answers may extend `teams` by $0.06 in all, and this is $0.07"), "{too_much}");
    let other = world.govern(&["resume", &id, "--extend", "5 responses"]).expect_code(123);
    assert!(other.stderr.contains("no budget of this run counts what"), "{other}");
    assert_eq!(ledger::events(&world, "run_resumed").len(), 0, "a refusal leaves the run as it is");
    world.govern(&["resume", &id, "--extend", "0.04usd"]).expect_code(0);
    let again = world.govern(&["resume", &id, "--extend", "0.03usd"]).expect_code(123);
    assert!(again.stderr.contains("$0.02 is left, and this is $0.03"), "{again}");
    assert_eq!((extensions(&world), ledger::events(&world, "run_resumed").len()), (1, 1));
}

#[test]
fn what_is_printed_works_until_answers_may_extend_no_more_and_then_nothing_is() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[budget]]\nname = \"teams\"\nper = \"everything\"\nwindow = \"month\"\nlimit = \"0.05 usd\"\n\
         steps = [{ at = \"100%\", do = \"stop\" }]\n[approvals]\nmax_extend = \"0.035 usd\"\n",
    );
    world.server.always(Select::root(), Reply::exec("true"));
    world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(124);
    // The first answer that is printed lifts it by $0.014, the second by $0.021.
    let mut shown = String::new();
    for _ in 0..9 {
        shown = world.govern(&["report", "--last"]).expect_code(0).out();
        if !shown.contains("govern resume ") {
            break;
        }
        paste(&world, &world.work(), &printed(&world)).expect_code(124);
    }
    assert!(shown.contains("answers have extended `teams` by all that they may, $0.0350"), "{shown}");
    assert!(extensions(&world) > 0 && !shown.contains("run of its own"), "{shown}");
}

#[test]
fn no_command_is_printed_that_would_be_stopped_before_its_first_request() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    // Two requests of $0.0212 fit; a third would need $0.0136 more.
    world.policy(
        "[[budget]]\nname = \"each run\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
         steps = [{ at = \"100%\", do = \"stop\" }]\n[approvals]\nmax_extend = \"0.01 usd\"\n",
    );
    world.server.always(Select::root(), Reply::exec("true"));
    let said = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(124);
    assert!(!said.finished.stderr.contains("govern resume "), "{}", said.finished);
    said.expect_said("by $0.01 at most");
}

#[test]
fn a_script_s_session_goes_on_under_the_limit_that_ended_it() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::root(), Reply::exec("true"));
    let limit = ["--budget", "2 responses", "--at-limit", "stop"];
    world.run_governed(&limit, &["sh", "-c", "codex exec 'do it'; true"]).expect_code(124);
    let shown = world.govern(&["report", "--last"]).expect_code(0).out();
    assert!(shown.contains("govern run --budget '2 responses' -- codex exec resume "), "{shown}");
}

#[test]
fn what_an_approval_has_lifted_counts_for_a_resume_as_well() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy_for_nobody(
        "[[budget]]\nname = \"teams\"\nper = \"everything\"\nwindow = \"month\"\nlimit = \"0.05 usd\"\n\
         steps = [{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }]\n\
         [approvals]\nwait_for_nobody = true\nmax_extend = \"0.06 usd\"\n",
    );
    world.server.always(Select::root(), Reply::exec("true"));
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    governed.running.wait_for_stderr("govern approve 1");
    let too_much = world.govern(&["approve", "1", "--extend", "0.07usd"]);
    assert!(too_much.stderr.contains("answers may extend `teams` by $0.06 in all, and this is $0.07"), "{too_much}");
    world.govern(&["approve", "1", "--extend", "0.04usd"]).expect_code(0);
    // $0.09 are four answers.
    governed.running.wait_for_stderr("govern approve 2");
    let too_much = world.govern(&["approve", "2", "--extend", "0.03usd"]);
    assert!(too_much.stderr.contains("$0.02 is left, and this is $0.03"), "{too_much}");
    world.govern(&["deny", "2"]).expect_code(0);
    let id = governed.finish().expect_code(124).id();
    let too_much = world.govern(&["resume", &id, "--extend", "0.03usd"]).expect_code(123);
    assert!(too_much.stderr.contains("$0.02 is left, and this is $0.03"), "{too_much}");
    assert_eq!((world.server.served().len(), extensions(&world)), (4, 1));
    assert_eq!(ledger::events(&world, "run_resumed").len(), 0, "a refusal leaves the run as it is");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_screen_goes_on_as_a_screen() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.configure_codex(&format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", world.work().display()));
    world
        .server
        .script(Select::root(), [Reply::exec("true"), Reply::exec(ENDLESS), Reply::message("the screen goes on")]);
    let Some(terminal) = Terminal::open(&world) else { return };
    terminal.run("govern run --budget 0.05usd --at-limit stop -- codex 'do it'");
    terminal.wait_for("govern resume ");
    let line = printed(&world);
    // Not where there is no terminal; and nothing is lifted by trying.
    let refused = paste(&world, &world.path("home"), &line).expect_code(123);
    assert!(refused.stderr.contains("is a Codex screen"), "{refused}");
    assert_eq!(extensions(&world), 0);
    terminal.run("clear");
    terminal.run(&format!("cd; {line}"));
    terminal.wait_until("a prompt to type at", |screen| screen.contains("do it") && screen.contains('›'));
    terminal.type_text("go on then");
    terminal.wait_for("› go on then");
    terminal.press("Enter");
    terminal.wait_for("the screen goes on");
    assert_eq!(extensions(&world), 1);
    terminal.press("C-c");
    terminal.press("C-c");
}

/// Whether this process has the ledger open.
fn reads_ledger(world: &World, codex: &Running) -> bool {
    let ledger = world.path("govern/ledger.db");
    let open = std::fs::read_dir(format!("/proc/{}/fd", codex.pid())).into_iter().flatten().flatten();
    open.into_iter().any(|file| std::fs::read_link(file.path()).is_ok_and(|to| to == ledger))
}

#[test]
fn of_two_that_go_on_with_a_run_at_once_one_does_and_nothing_is_booked_by_the_other() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(PAID)]);
    let flags = ["--budget", "0.05usd", "--at-limit", "stop"];
    let id = world.run_governed(&flags, &["codex", "exec", "do it"]).expect_code(124).id();
    let tool = Reply::exec("touch started; while [ ! -e go ]; do sleep 0.05; done");
    world.server.script(Select::root(), [tool, Reply::message("all is done")]);
    let args = ["resume", &id, "--extend", "1usd"];
    let ledger = rusqlite::Connection::open(world.path("govern/ledger.db")).unwrap();
    // Both have read that the run has ended before either can write.
    ledger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut both = [world.start("govern", &args), world.start("govern", &args)];
    let deadline = std::time::Instant::now() + LONG;
    while !both.iter().all(|one| reads_ledger(&world, one)) {
        assert!(std::time::Instant::now() < deadline, "{}{}", both[0].stderr(), both[1].stderr());
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    ledger.execute_batch("ROLLBACK").unwrap();
    while both.iter_mut().all(Running::is_running) {
        assert!(std::time::Instant::now() < deadline, "{}{}", both[0].stderr(), both[1].stderr());
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let [one, other] = &mut both;
    let holder = if one.is_running() { one.pid() } else { other.pid() };
    world.write("work/go", "");
    let mut ends: Vec<Finished> = both.into_iter().map(Running::finish).collect();
    ends.sort_by_key(Finished::code);
    let [went_on, refused] = &ends[..] else { panic!() };
    assert_eq!((went_on.code(), refused.code()), (0, 123), "{went_on}{refused}");
    assert!(went_on.out().contains("all is done"), "{went_on}");
    let why = format!("run `{id}` is going on already: process {holder} has it");
    assert!(refused.stderr.contains(&why), "{refused}");
    assert_eq!((extensions(&world), world.server.served().len()), (1, 4));
    let report = ledger::report(&world, &["--run", &id]);
    assert_eq!(report["totals"]["responses"], 4, "{report}");
    assert_eq!(ledger::events(&world, "marked").len(), 0, "nothing is doubted");
    world.govern(&["audit", "verify"]).expect_code(0);
}
