//! At a terminal: the question and its answers, the keys that send signals, job control, pipes, the full screen.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::process::LONG;
use crate::support::tmux::Terminal;
use crate::support::world::{CHEAPER, MODEL, World, command_line};

/// Two of these fit, a third does not.
const ASKED: &str = "govern run --budget 0.05usd --at-limit ask -- codex exec 'do it'";
const PLENTY: &str = "govern run --budget 5usd -- codex exec 'do it'";

/// The end of the question.
const ALSO: &str = "also: govern approve";

/// A tool that ends when the test says so, after two answers; then the last word.
fn world() -> Option<World> {
    let world = World::with_codex(CURRENT)?;
    script(&world);
    Some(world)
}

fn script(world: &World) {
    let tool = "touch started; while [ ! -e go ]; do sleep 0.05; done";
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(tool), Reply::message("all is done")]);
}

fn let_the_tool_end(world: &World) {
    world.write("work/go", "");
}

#[track_caller]
fn wait_until(what: &str, is: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is() {
        assert!(Instant::now() < deadline, "not within {LONG:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn wait_until_the_tool_runs(world: &World) {
    wait_until("the tool runs", || world.path("work/started").exists());
}

/// The tool that was paid for ends, and what would follow waits.
#[track_caller]
fn wait_until_held(world: &World) {
    let_the_tool_end(world);
    world.wait_until_at_gate();
}

fn wait_until_stopped(world: &World) {
    wait_until("all of the agent stands still", || {
        let codex: Vec<char> =
            world.agent_states().iter().filter(|(pid, _)| is_codex(*pid)).map(|(_, state)| *state).collect();
        !codex.is_empty() && codex.iter().all(|state| *state == 'T')
    });
}

fn is_codex(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "codex")
}

/// govern itself: the one that the shell started.
fn govern(world: &World) -> Pid {
    let is_govern =
        |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|n| n.trim() == "govern");
    let is_hook = |pid: &i32| command_line(*pid).split(' ').nth(1) == Some("hook");
    let found: Vec<i32> = world.processes().into_iter().filter(|pid| is_govern(pid) && !is_hook(pid)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    Pid::from_raw(found[0])
}

#[test]
fn a_person_is_asked_again_until_the_answer_is_one() {
    let Some(world) = world() else { return };
    let Some(terminal) = Terminal::open(&world) else { return };
    terminal.run_then_tell_code(ASKED);
    terminal.wait_for(ALSO);
    terminal.run("nonsense");
    terminal.wait_for("`nonsense` is no answer: e, `e $");
    terminal.run("");
    terminal.wait_for("please answer e, `e $");
    terminal.run("e lots");
    terminal.wait_for("`lots` is not a quantity");
    assert_eq!(world.server.requests().len(), 2);
    let_the_tool_end(&world);
    terminal.run("e 2usd");
    let (code, screen) = terminal.wait_for_code();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("extended by $2.00"), "{screen}");
    assert_eq!(world.server.served().len(), 3);
    terminal.expect_nothing_left();
}

#[test]
fn every_answer_does_what_it_says() {
    for (answer, code, said, requests) in
        [("s", 124, "stopped by", 2), ("k", 124, "killed by", 2), ("r", 0, "all is done", 3)]
    {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.policy(&format!("[models]\nladder = [\"{MODEL}\", \"{CHEAPER}\"]\n"));
        world.server.script(Select::root().model(MODEL), [Reply::exec("true"), Reply::exec("sleep 600")]);
        world.server.script(Select::root().model(CHEAPER), [Reply::message("all is done")]);
        let Some(terminal) = Terminal::open(&world) else { return };
        terminal.run_then_tell_code("govern run --budget 0.055usd --at-limit ask -- codex exec 'do it'");
        terminal.wait_for(ALSO);
        terminal.run(answer);
        let (ended, screen) = terminal.wait_for_code();
        assert_eq!(ended, code, "{answer}: {screen}");
        assert!(screen.contains(said), "{answer}: {screen}");
        assert_eq!(world.server.requests().len(), requests, "{answer}: {screen}");
        terminal.expect_nothing_left();
    }
}

#[test]
fn half_an_answer_is_nobodys_when_the_answer_comes_from_elsewhere() {
    let Some(world) = world() else { return };
    let Some(terminal) = Terminal::open(&world) else { return };
    world.write_script(
        "bin/agent",
        "#!/bin/sh\ncodex exec 'do it'\necho tell me\nread line </dev/tty\necho \"got [$line]\"\n",
    );
    terminal.run_then_tell_code("govern run --budget 0.05usd --at-limit ask -- agent");
    terminal.wait_for(ALSO);
    terminal.type_text("e 4");
    terminal.wait_for("? e 4");
    world.govern(&["approve", "1", "--extend", "1usd"]).expect_code(0);
    terminal.wait_for("(cli): extended");
    let_the_tool_end(&world);
    terminal.wait_for("tell me");
    terminal.run("all of it");
    let (code, screen) = terminal.wait_for_code();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("got [all of it]"), "{screen}");
}

#[test]
fn after_the_deadline_half_an_answer_is_not_the_shells() {
    let Some(world) = world() else { return };
    world.policy(
        "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
         steps = [{ at = \"100%\", do = \"ask\", wait = \"2s\", else = \"stop\" }]\n",
    );
    let Some(terminal) = Terminal::open(&world) else { return };
    terminal.run_then_tell_code("govern run -- codex exec 'do it'");
    terminal.wait_for(ALSO);
    terminal.type_text("echo nobody typed this; ");
    let (code, screen) = terminal.wait_for_code();
    assert_eq!(code, 124, "{screen}");
    assert!(screen.contains("nobody answered approval 1 in time"), "{screen}");
    let (code, screen) = terminal.run_to_end("echo sane");
    assert_eq!((code, screen.contains("nobody typed this")), (0, false), "{screen}");
}

#[test]
fn ctrl_c_at_the_question_stops_the_run() {
    let Some(world) = world() else { return };
    let Some(terminal) = Terminal::open(&world) else { return };
    terminal.run_then_tell_code(ASKED);
    terminal.wait_for(ALSO);
    terminal.type_text("e 1");
    terminal.press("C-c");
    let (code, screen) = terminal.wait_for_code();
    assert_eq!(code, 124, "{screen}");
    assert_eq!(world.server.requests().len(), 2);
    terminal.expect_nothing_left();
}

#[test]
fn ctrl_c_and_signals_end_an_agent_as_without_govern() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::root(), Reply::exec("touch started; sleep 600"));
    let Some(terminal) = Terminal::open(&world) else { return };
    let ended_by = |command: &str, end: &dyn Fn()| {
        terminal.run_then_tell_code(command);
        wait_until_the_tool_runs(&world);
        std::fs::remove_file(world.path("work/started")).unwrap();
        end();
        let (code, screen) = terminal.wait_for_code();
        terminal.expect_nothing_left();
        (code, screen.contains("turn interrupted"), screen)
    };
    let bare = ended_by("codex exec 'do it'", &|| terminal.press("C-c"));
    let governed = ended_by(PLENTY, &|| terminal.press("C-c"));
    assert_eq!((bare.0, bare.1), (governed.0, governed.1), "{}", governed.2);
    for (signal, code) in [(Signal::SIGINT, bare.0), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
        let governed = ended_by(PLENTY, &|| kill(govern(&world), signal).unwrap());
        assert_eq!(governed.0, code, "{signal}: {}", governed.2);
    }
}

#[test]
fn ctrl_z_and_fg_stop_and_continue_a_running_agent() {
    let Some(world) = world() else { return };
    let Some(terminal) = Terminal::open(&world) else { return };
    terminal.run_then_tell_code(PLENTY);
    wait_until_the_tool_runs(&world);
    terminal.press("C-z");
    terminal.wait_for("Stopped");
    wait_until_stopped(&world);
    let_the_tool_end(&world);
    terminal.run("clear");
    terminal.run("fg; echo co''de $?");
    let screen = terminal.wait_for("code 0");
    assert!(screen.contains("all is done"), "{screen}");
    terminal.expect_nothing_left();
}

#[test]
fn the_question_is_put_again_when_govern_comes_back_to_the_foreground() {
    let Some(world) = world() else { return };
    let Some(terminal) = Terminal::open(&world) else { return };
    terminal.run(ASKED);
    terminal.wait_for(ALSO);
    terminal.type_text("e 4");
    terminal.press("C-z");
    terminal.wait_for("Stopped");
    // In the background it neither asks nor reads nor is stopped again by trying to.
    terminal.run("clear; bg; sleep 0.5");
    terminal.run("echo in''dee''d");
    terminal.wait_for("indeed");
    terminal.run("jobs");
    let screen = terminal.wait_for("Running");
    assert!(!screen.contains(ALSO), "{screen}");
    wait_until_held(&world);
    terminal.run("fg; echo co''de $?");
    terminal.wait_for(ALSO);
    wait_until_held(&world);
    assert_eq!(world.server.requests().len(), 2);
    terminal.run("s");
    terminal.wait_for("code 124");
    terminal.expect_nothing_left();
}

#[test]
fn in_the_background_nobody_is_asked_at_the_terminal() {
    let Some(world) = world() else { return };
    let Some(terminal) = Terminal::open(&world) else { return };
    terminal.run(&format!("{ASKED} &"));
    terminal.wait_for("held until somebody answers: govern approve 1");
    terminal.run("jobs");
    let screen = terminal.wait_for("Running");
    assert!(!screen.contains(ALSO), "{screen}");
    wait_until_held(&world);
    world.govern(&["approve", "1", "--extend", "1usd"]).expect_code(0);
    let_the_tool_end(&world);
    terminal.wait_for("exit 0");
    terminal.expect_nothing_left();
}

#[test]
fn a_signal_that_govern_was_started_to_ignore_ends_no_held_agent() {
    let Some(world) = world() else { return };
    let Some(terminal) = Terminal::open(&world) else { return };
    terminal.run(&format!("(trap '' HUP; exec {ASKED}) &"));
    terminal.wait_for("held until somebody answers: govern approve 1");
    wait_until_held(&world);
    kill(govern(&world), Signal::SIGHUP).unwrap();
    world.govern(&["approve", "1", "--extend", "1usd"]).expect_code(0);
    let_the_tool_end(&world);
    terminal.wait_for("exit 0");
    terminal.expect_nothing_left();
}

#[test]
fn nothing_outlives_its_terminal() {
    for (command, held) in [(PLENTY, false), (ASKED, true)] {
        let Some(world) = world() else { return };
        let Some(terminal) = Terminal::open(&world) else { return };
        terminal.run(command);
        if held {
            terminal.wait_for(ALSO);
            wait_until_held(&world);
        } else {
            wait_until_the_tool_runs(&world);
        }
        terminal.close();
        world.wait_for_no_survivors(LONG);
        assert_eq!(world.server.requests().len(), 2);
        world.govern(&["audit", "verify"]).expect_code(0);
        world.govern(&["approvals"]).expect_code(0);
    }
}

#[test]
fn in_pipes_and_with_files_it_is_as_without_govern() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::root(), Reply::message("all is done"));
    world.write("work/task", "do it\n");
    let Some(terminal) = Terminal::open(&world) else { return };
    for command in [
        "COMMAND 'do it' 2>err.txt | cat; echo ${PIPESTATUS[0]}",
        "COMMAND --json 'do it' 2>err.txt | head -1 | cut -c1-20; echo ${PIPESTATUS[0]}",
        "COMMAND - <task 2>err.txt",
        "COMMAND --json 'do it' 2>err.txt | cut -c1-20 | less",
    ] {
        let through = |codex: &str| {
            terminal.run_then_tell_code(&command.replace("COMMAND", codex));
            if command.ends_with("less") {
                terminal.wait_for("(END)");
                terminal.press("q");
                // npm's launcher puts the terminal back as it found it, which may be before `less` took it:
                // then keys come by the line.
                terminal.press("Enter");
            }
            let (code, screen) = terminal.wait_for_code();
            terminal.expect_nothing_left();
            (code, screen.lines().filter(|line| !line.contains("ready>")).collect::<Vec<_>>().join("\n"))
        };
        let bare = through("codex exec");
        let governed = through("govern run --quiet -- codex exec");
        assert_eq!(bare.0, governed.0, "{command}");
        let typed = |text: &str| text.replace("govern run --quiet -- ", "");
        assert_eq!(typed(&bare.1).trim(), typed(&governed.1).trim(), "{command}");
    }
}

#[test]
fn where_less_has_the_terminal_the_number_to_answer_is_said() {
    let Some(world) = world() else { return };
    let Some(terminal) = Terminal::open(&world) else { return };
    terminal.run_then_tell_code(&format!("{ASKED} 2>err.txt | less"));
    wait_until("it is said", || {
        let said = std::fs::read_to_string(world.path("work/err.txt")).unwrap_or_default();
        said.contains("govern approve 1")
    });
    wait_until_held(&world);
    world.govern(&["deny", "1"]).expect_code(0);
    terminal.press("q");
    terminal.wait_for_code();
    terminal.expect_nothing_left();
}

#[test]
fn no_color_is_heeded() {
    let Some(world) = world() else { return };
    let Some(terminal) = Terminal::open_sized(&world, 40) else { return };
    terminal.run_then_tell_code(&format!("NO_COLOR=1 {ASKED}"));
    terminal.wait_for("also: govern");
    terminal.run("s");
    let (code, screen) = terminal.wait_for_code();
    assert_eq!(code, 124, "{screen}");
    assert!(!terminal.coloured_screen().contains('\u{1b}'), "{screen}");
}

/// A world whose Codex trusts the folder, so that its full-screen program begins at once.
fn full_screen_world() -> Option<World> {
    let world = World::with_codex(CURRENT)?;
    world.configure_codex(&format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", world.work().display()));
    script(&world);
    Some(world)
}

/// The last line of the picture.
const READY: &str = "for shortcuts";

/// Starts Codex's full-screen program, with the terminal's state written down before and after, and gives it work.
fn start_full_screen(terminal: &Terminal<'_>, flags: &str) {
    let command =
        format!("stty -a >before.txt; govern run {flags} -- codex; code=$?; stty -a >after.txt; (exit $code)");
    terminal.run_then_tell_code(&command);
    terminal.wait_for(READY);
    assert!(terminal.is_full_screen());
    terminal.type_text("do it");
    terminal.wait_for("› do it");
    terminal.press("Enter");
}

#[track_caller]
fn expect_sane(world: &World, terminal: &Terminal<'_>) {
    // The modes, not the size: a window that was just resized tells its programs in its own time.
    let modes = |name: &str| {
        let told = std::fs::read_to_string(world.path("work").join(name)).unwrap();
        let (_, modes) = told.split_once("line = ").unwrap();
        modes.to_owned()
    };
    assert_eq!(modes("before.txt"), modes("after.txt"));
    assert!(!terminal.is_full_screen());
    let (code, screen) = terminal.run_to_end("echo typed and read");
    assert_eq!(code, 0);
    assert!(screen.contains("typed and read"), "{screen}");
    terminal.expect_nothing_left();
}

#[test]
fn the_full_screen_program_works_as_without_govern() {
    let Some(world) = full_screen_world() else { return };
    let Some(terminal) = Terminal::open(&world) else { return };
    start_full_screen(&terminal, "--budget 5usd");
    wait_until_the_tool_runs(&world);
    terminal.resize(70, 40);
    let_the_tool_end(&world);
    terminal.wait_for("all is done");
    terminal.resize(80, 50);
    terminal.type_text("/quit");
    terminal.wait_for("› /quit");
    terminal.press("Enter");
    let (code, screen) = terminal.wait_for_code();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("total"), "{screen}");
    expect_sane(&world, &terminal);
}

#[test]
fn a_full_screen_program_that_is_stopped_leaves_a_sane_terminal_and_then_the_table() {
    let Some(world) = full_screen_world() else { return };
    let Some(terminal) = Terminal::open(&world) else { return };
    start_full_screen(&terminal, "--budget 0.05usd --at-limit stop");
    let (code, screen) = terminal.wait_for_code();
    assert_eq!(code, 124, "{screen}");
    assert!(screen.contains("govern resume"), "{screen}");
    expect_sane(&world, &terminal);
    // A title is asked for on the side, in a thread that leaves no session file.
    let of_user = |source: &Option<String>| source.as_deref() == Some("user");
    assert_eq!(world.server.requests().iter().filter(|request| of_user(&request.source)).count(), 2);
}

#[test]
fn a_full_screen_program_that_is_killed_leaves_a_sane_terminal() {
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGHUP, 129), (Signal::SIGKILL, 137)] {
        let Some(world) = full_screen_world() else { return };
        let Some(terminal) = Terminal::open(&world) else { return };
        start_full_screen(&terminal, "--budget 5usd");
        wait_until_the_tool_runs(&world);
        kill(govern(&world), signal).unwrap();
        if signal == Signal::SIGKILL {
            // The guard puts the screen right after the shell has said its word on the old one.
            wait_until("the screen is left", || !terminal.is_full_screen());
            terminal.expect_nothing_left();
            let (code, screen) = terminal.run_to_end("stty -a >after.txt");
            assert_eq!(code, 0, "{screen}");
        } else {
            let (ended, screen) = terminal.wait_for_code();
            assert_eq!(ended, code, "{screen}");
            assert!(screen.contains("total"), "{screen}");
        }
        expect_sane(&world, &terminal);
    }
}

#[test]
fn the_question_borrows_the_screen_of_a_full_screen_program() {
    let Some(world) = full_screen_world() else { return };
    world.take_hooks_away();
    let Some(terminal) = Terminal::open(&world) else { return };
    start_full_screen(&terminal, "--budget 0.05usd --at-limit ask");
    let screen = terminal.wait_for(ALSO);
    assert!(!screen.contains(READY), "{screen}");
    wait_until_stopped(&world);
    terminal.run("nonsense");
    terminal.wait_for("`nonsense` is no answer");
    terminal.run("e 1usd");
    // All of its picture is drawn again, and nothing of the question is left.
    let screen = terminal.wait_for(READY);
    assert!(screen.contains("› do it") && !screen.contains(ALSO), "{screen}");
    let_the_tool_end(&world);
    terminal.wait_for("all is done");
    terminal.type_text("/quit");
    terminal.wait_for("› /quit");
    terminal.press("Enter");
    let (code, screen) = terminal.wait_for_code();
    assert_eq!(code, 0, "{screen}");
    expect_sane(&world, &terminal);
}

#[test]
fn ctrl_c_or_a_death_at_the_borrowed_screen_leaves_a_sane_terminal() {
    for dies in [false, true] {
        let Some(world) = full_screen_world() else { return };
        world.take_hooks_away();
        let Some(terminal) = Terminal::open(&world) else { return };
        start_full_screen(&terminal, "--budget 0.05usd --at-limit ask");
        terminal.wait_for(ALSO);
        wait_until_stopped(&world);
        if dies {
            kill(govern(&world), Signal::SIGKILL).unwrap();
            wait_until("the screen is left", || !terminal.is_full_screen());
            terminal.expect_nothing_left();
            terminal.run_to_end("stty -a >after.txt");
        } else {
            terminal.press("C-c");
            let (code, screen) = terminal.wait_for_code();
            assert_eq!(code, 124, "{screen}");
        }
        expect_sane(&world, &terminal);
    }
}
