//! A command behaves as if govern were not there.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use govern::exit::Exit;
use govern::process::{
    Launch, LaunchFailure, Leftovers, Missing, Order, Output, Refusal, Report, Status, Stdin, TerminalSession,
};

use crate::stand_in::{Govern, until, until_dead};

crate::tests![
    an_exit_code_or_signal_comes_back_exactly,
    a_command_that_cannot_be_executed_says_why,
    a_script_without_an_interpreter_line_runs_in_sh_as_in_a_shell,
    stdin_passes_through_once,
    who_writes_into_stdin_sees_when_the_agent_closes_it,
    signals_are_as_govern_found_them,
    environment_and_folder_are_changed_as_ordered,
    what_an_agent_writes_is_added_to_files_of_its_owner_alone,
    an_agent_with_a_session_of_its_own_hears_no_terminal_and_ends_with_govern,
    a_name_is_free_again_once_nothing_is_left,
    an_orphan_keeps_an_agent_from_being_over,
    orphans_of_two_agents_are_told_apart,
];

fn status(govern: &mut Govern) -> Status {
    govern.report(|report| if let Report::RootExited { status, .. } = report { Some(status) } else { None })
}

fn ended(govern: &mut Govern) -> (Option<u64>, u32) {
    govern.report(|report| match report {
        Report::Ended { request, survivors, .. } => Some((request, survivors)),
        _ => None,
    })
}

fn an_exit_code_or_signal_comes_back_exactly() {
    let mut govern = Govern::start();
    for (script, expected, code) in [
        ("exit 0", Status::Exited(0), 0),
        ("exit 7", Status::Exited(7), 7),
        ("exit 255", Status::Exited(255), 255),
        ("kill -TERM $$", Status::Signalled(15), 143),
        ("kill -KILL $$", Status::Signalled(9), 137),
        ("kill -40 $$", Status::Signalled(40), 168),
    ] {
        govern.sh(script);
        assert_eq!(status(&mut govern), expected, "{script}");
        assert_eq!(Exit::from(expected).code(), code);
        assert_eq!(ended(&mut govern), (None, 0));
    }
}

fn failure(govern: &mut Govern, launch: Launch) -> LaunchFailure {
    govern.order(Order::Launch(launch));
    govern.report(|report| match report {
        Report::LaunchFailed { failure, .. } => Some(failure),
        Report::Launched { .. } => panic!("it was launched"),
        _ => None,
    })
}

fn a_command_that_cannot_be_executed_says_why() {
    let mut govern = Govern::start();
    let plain = govern.path("plain");
    std::fs::write(&plain, "no program").unwrap();
    let good = govern.script("a", "true");
    let with = |program: &OsString| Launch { argv: vec![program.clone()], ..good.clone() };
    for (program, code) in [
        (OsString::from("no-such-program-anywhere"), 127),
        ("/no/such/program".into(), 127),
        (plain.into_os_string(), 126),
        ("/".into(), 126),
        ("nul\0inside".into(), 126),
    ] {
        let failure = failure(&mut govern, with(&program));
        assert_eq!(failure.exit().code(), code, "{failure:?}");
        assert_eq!(failure.what, Missing::Program);
    }
    let missing = failure(&mut govern, Launch { argv: Vec::new(), ..good.clone() });
    assert_eq!(missing.what, Missing::Program);
    let folder = failure(&mut govern, Launch { cwd: Some("/no/such/folder".into()), ..good.clone() });
    assert_eq!((folder.what, folder.name.as_str()), (Missing::Folder, "/no/such/folder"));
    govern.launch(good);
}

fn a_script_without_an_interpreter_line_runs_in_sh_as_in_a_shell() {
    let mut govern = Govern::start();
    let program = govern.executable("bare", "echo ran > ran\n").into_os_string();
    let launch = Launch { argv: vec![program], ..govern.script("a", "") };
    govern.launch(launch);
    assert_eq!(govern.text_in("ran"), "ran\n");
}

fn start_piped() -> Govern {
    Govern::start_by(|own, socket| {
        let mut command = Command::new(own);
        command.arg("be-govern").arg(socket).stdin(Stdio::piped());
        command
    })
}

fn stdin_passes_through_once() {
    let mut govern = start_piped();
    govern.sh("cat > got; echo >> got");
    let mut stdin = govern.child.stdin.take().unwrap();
    stdin.write_all(b"byte for \x00\xff byte").unwrap();
    drop(stdin);
    assert_eq!(status(&mut govern), Status::Exited(0));
    assert_eq!(std::fs::read(govern.path("got")).unwrap(), b"byte for \x00\xff byte\n");
    govern.sh("readlink /proc/self/fd/0 > second");
    assert_eq!(govern.text_in("second"), "/dev/null\n");
}

fn who_writes_into_stdin_sees_when_the_agent_closes_it() {
    let mut govern = start_piped();
    govern.sh("exec <&-; echo > closed; exec sleep 1000");
    govern.text_in("closed");
    let mut stdin = govern.child.stdin.take().unwrap();
    until("the pipe is broken", || {
        stdin.write_all(b"x").err().map(|error| assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe))
    });
}

fn signals_are_as_govern_found_them() {
    let show = "grep -E '^Sig(Blk|Ign)' /proc/self/status > signals.tmp; mv signals.tmp signals";
    for before in ["", "trap '' HUP; ", "trap '' INT TERM; "] {
        let folder = tempfile::tempdir().unwrap();
        let bare = Command::new("/bin/sh").args(["-c", &format!("{before}{show}")]).current_dir(&folder).status();
        assert!(bare.unwrap().success());
        let bare = std::fs::read_to_string(folder.path().join("signals")).unwrap();
        let mut govern = Govern::start_by(|own, socket| {
            let mut command = Command::new("/bin/sh");
            let script = format!("{before} exec \"$0\" be-govern \"$1\"");
            command.args(["-c", &script]).arg(own).arg(socket).stdin(Stdio::null());
            command
        });
        govern.sh(show);
        assert_eq!(govern.text_in("signals"), bare, "after {before:?}");
    }
}

fn environment_and_folder_are_changed_as_ordered() {
    let mut govern = Govern::start();
    let mut launch = govern.script("a", "echo \"${ADDED-none} ${HOME-none} $PWD\" > /tmp/../$OUT");
    let out = govern.path("out").into_os_string();
    launch.env = vec![("ADDED".into(), Some("new".into())), ("HOME".into(), None), ("OUT".into(), Some(out))];
    launch.cwd = Some("/usr".into());
    launch.stdin = Stdin::Null;
    govern.launch(launch);
    assert_eq!(govern.text_in("out"), "new none /usr\n");
}

fn what_an_agent_writes_is_added_to_files_of_its_owner_alone() {
    let mut govern = Govern::start();
    let (out, err) = (govern.path("a.out"), govern.path("a.err"));
    for word in ["one", "two"] {
        let launch = govern.script("a", &format!("umask 0; echo {word}; echo {word}! >&2"));
        govern.launch(Launch { output: Output::Files { out: out.clone(), err: err.clone() }, ..launch });
        status(&mut govern);
        ended(&mut govern);
    }
    for (path, text) in [(&out, "one\ntwo\n"), (&err, "one!\ntwo!\n")] {
        assert_eq!(std::fs::read_to_string(path).unwrap(), text);
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let launch = govern.script("a", "true");
    let nowhere = Output::Files { out: "/no/such/folder/out".into(), err };
    let failure = failure(&mut govern, Launch { output: nowhere, ..launch });
    assert_eq!((failure.what, failure.exit().code()), (Missing::Output, 125));
}

fn an_agent_with_a_session_of_its_own_hears_no_terminal_and_ends_with_govern() {
    let mut govern = Govern::start();
    let launch = govern.script("a", "(: < /dev/tty) 2> /dev/null && echo tty > tty; echo $$ > pid; exec sleep 1000");
    let root = govern.launch(Launch { session: TerminalSession::Own, ..launch });
    assert_eq!(govern.pid_in("pid"), root);
    assert!(!govern.path("tty").exists());
    let pid = nix::unistd::Pid::from_raw(root.pid);
    assert_eq!(nix::unistd::getsid(Some(pid)).unwrap(), pid);
    govern.child.kill().unwrap();
    until_dead(&[root]);
}

fn a_name_is_free_again_once_nothing_is_left() {
    let mut govern = Govern::start();
    govern.sh("exec sleep 1000");
    let again = govern.script("a", "exit 3");
    govern.order(Order::Launch(again.clone()));
    let because =
        govern.report(|report| if let Report::Refused { because, .. } = report { Some(because) } else { None });
    assert_eq!(because, Refusal::StillRunning);
    govern.order(Order::End { agent: "a".into(), how: govern::process::How::KillNow });
    ended(&mut govern);
    govern.launch(again);
    assert_eq!(status(&mut govern), Status::Exited(3));
    govern.order(Order::Freeze { agent: "nobody".into() });
    let because =
        govern.report(|report| if let Report::Refused { because, .. } = report { Some(because) } else { None });
    assert_eq!(because, Refusal::NoSuchAgent);
}

fn an_orphan_keeps_an_agent_from_being_over() {
    let mut govern = Govern::start();
    govern.sh("mkfifo gate; (setsid sh -c 'echo $$ > orphan; read line < gate' &); exit 5");
    let left = govern.report(|report| match report {
        Report::RootExited { status, left, .. } => {
            assert_eq!(status, Status::Exited(5));
            Some(left)
        }
        _ => None,
    });
    assert!(left >= 1);
    std::fs::write(govern.path("gate"), "\n").unwrap();
    assert_eq!(ended(&mut govern), (None, 0));
    govern.finish(Leftovers::Kill);
}

fn orphans_of_two_agents_are_told_apart() {
    let mut govern = Govern::start();
    let orphan = |name: &str| format!("(setsid sh -c 'echo $$ > {name}; exec sleep 1000' &); exec sleep 1000");
    let first = govern.script("first", &orphan("one"));
    let second = govern.script("second", &orphan("two"));
    govern.launch(first);
    let root = govern.launch(second);
    let (one, two) = (govern.pid_in("one"), govern.pid_in("two"));
    govern.order(Order::End { agent: "first".into(), how: govern::process::How::KillNow });
    ended(&mut govern);
    assert!(!govern::process::alive(one));
    assert!(govern::process::alive(two) && govern::process::alive(root));
}
