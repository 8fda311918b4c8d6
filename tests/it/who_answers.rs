//! Who may answer, and who is believed: what an agent left behind answers for no later run, and one that listens in the
//! place of its run's govern is not spoken to.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::ledger;
use crate::support::process::{Finished, LONG, Running};
use crate::support::world::{Governed, World};

#[track_caller]
fn wait_for(path: &Path, running: &mut Running) {
    let deadline = Instant::now() + LONG;
    while !path.exists() {
        assert!(running.is_running(), "{} is not there: {}", path.display(), running.stderr());
        assert!(Instant::now() < deadline, "{} is not there: {}", path.display(), running.stderr());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A run that waits until the test writes `end`.
fn waits<'w>(world: &'w World, before: &str) -> Governed<'w> {
    let command = format!("{before} touch waits; while [ ! -e end ]; do sleep 0.05; done");
    let mut governed = world.start_governed(&[], &["sh", "-c", &command]);
    wait_for(&world.path("work/waits"), &mut governed.running);
    governed
}

#[test]
fn what_an_earlier_runs_agent_left_behind_answers_for_no_later_run() {
    let world = World::without_codex();
    // A service of the agent's own, which does what is written into its pipe once the agent is gone.
    world.run("mkfifo", &["asked"]).expect_code(0);
    let service = "setsid sh -c 'while read -r line <asked; do { eval \"$line\"; echo code $?; } >said.new 2>&1; \
                   mv said.new said; done' </dev/null >/dev/null 2>&1 &";
    world.start_governed(&[], &["sh", "-c", service]).finish_among_others().expect_code(0);
    let later = waits(&world, "");
    for call in [
        "govern stop --all",
        "govern pause --all",
        "env -u GOVERN_RUN govern stop --all",
        "setsid -w env -i PATH=\"$PATH\" GOVERN_HOME=\"$GOVERN_HOME\" govern stop --kill --all",
    ] {
        let said = world.path("work/said");
        let _ = std::fs::remove_file(&said);
        std::fs::write(world.path("work/asked"), format!("{call}\n")).unwrap();
        let deadline = Instant::now() + LONG;
        while !said.exists() {
            assert!(Instant::now() < deadline, "{call} said nothing");
            std::thread::sleep(Duration::from_millis(5));
        }
        let said = std::fs::read_to_string(said).unwrap();
        assert!(said.contains("agents do not decide about agents") && said.contains("code 125"), "{call}: {said}");
    }
    // Nor does it do what asks no run.
    let _ = std::fs::remove_file(world.path("work/said"));
    std::fs::write(world.path("work/asked"), "govern hooks install --yes; exit\n").unwrap();
    world.write("work/end", "");
    later.finish_among_others().expect_code(0).expect_outcome("ended");
    assert!(ledger::events(&world, "braked").is_empty());
    world.wait_for_no_survivors(LONG);
    let config = std::fs::read_to_string(world.path("codex/config.toml")).unwrap();
    assert!(!config.contains("hook --installed"), "{config}");
}

/// Listens in the place of the run's govern, and says yes to everything; with `row` it makes itself its govern in the
/// ledger as well.
const TAKES_OVER: &str = r#"
import glob, json, os, socket, sqlite3, sys
path, = glob.glob(os.environ["GOVERN_HOME"] + "/run/" + os.environ["GOVERN_RUN"] + ".sock")
os.unlink(path)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
if sys.argv[1] == "row":
    started = open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19]
    ledger = sqlite3.connect(os.environ["GOVERN_HOME"] + "/ledger.db", timeout=10)
    ledger.execute("UPDATE runs SET pid = ?, pid_started = ?", (os.getpid(), int(started)))
    ledger.commit()
open("taken", "w").close()
while True:
    heard, _ = listener.accept()
    asked = heard.makefile("r").readline()
    if not asked:
        continue
    print(asked, file=open("heard", "a"), flush=True)
    status = '{"stands":{"agents":[]}}'
    heard.sendall(((status if "status" in asked else '{"reply":"done","what":"is stopped"}') + "\n").encode())
    heard.close()
"#;

#[test]
fn who_listens_in_the_place_of_a_runs_govern_is_neither_told_nor_believed() {
    for row in ["", "row"] {
        let world = World::without_codex();
        world.write("take.py", TAKES_OVER);
        let take = world.path("take.py");
        let mut governed = waits(&world, &format!("python3 {} '{row}' >/dev/null 2>&1 & ", take.display()));
        wait_for(&world.path("work/taken"), &mut governed.running);
        let not_obeyed = |done: Finished| {
            let said = done.expect_code(125).stderr;
            assert!(said.contains("is not its govern, as far as can be seen from here"), "{row}: {said}");
            said
        };
        let said = not_obeyed(world.govern(&["stop", "--all"]));
        not_obeyed(world.govern(&["pause", "--all"]));
        let status = world.govern(&["status"]).expect_code(0).out();
        assert!(status.contains("who listens in the place of its govern is not it"), "{status}");
        assert!(!world.path("work/heard").exists(), "{row}: something was told");
        if row.is_empty() {
            // What is printed does it.
            let govern = governed.running.pid();
            assert!(said.contains(&format!("`kill {govern}`")), "{said}");
            governed.running.signal(nix::sys::signal::Signal::SIGTERM);
        } else {
            world.write("work/end", "");
        }
        governed.finish_among_others();
    }
}

#[test]
fn an_answer_is_given_to_no_one_in_the_place_of_a_runs_govern() {
    let world = World::without_codex();
    world.write("take.py", TAKES_OVER);
    let command = format!("python3 {} '' >/dev/null 2>&1 & touch waits; sleep 60", world.path("take.py").display());
    // Held at its limit of time, with a question.
    let flags = ["--budget", "0.02 minutes", "--at-limit", "ask"];
    let mut governed = world.start_governed(&flags, &["sh", "-c", &command]);
    wait_for(&world.path("work/taken"), &mut governed.running);
    governed.running.wait_for_stderr("govern approve 1");
    for answer in
        [&["approve", "1"][..], &["approve", "1", "--extend", "5 minutes"], &["deny", "1"], &["continue", "--all"]]
    {
        let said = world.govern(answer);
        assert_ne!(said.code(), 0, "{answer:?}: {said}");
        assert!(said.stderr.contains("is not its govern, as far as can be seen from here"), "{answer:?}: {said}");
    }
    assert_eq!(ledger::approvals(&world)[0]["state"], "pending");
    assert!(!world.path("work/heard").exists(), "something was told");
    governed.running.signal(nix::sys::signal::Signal::SIGTERM);
    governed.finish_among_others();
}
