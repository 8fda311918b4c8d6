//! A Codex of the tree that hands its work to another server: under a limit it is ended before that asks a model, without
//! one it is marked.

use std::net::{TcpListener, TcpStream};

use crate::support::codex::Version;
use crate::support::fake_responses::{Reply, Select};
use crate::support::process::{LONG, Running};
use crate::support::world::World;

/// The first whose `exec` knows `--remote`.
const REMOTE: Version = Version("0.171.0");

/// An app server that nobody governs, and where it listens.
fn server(world: &World) -> (Running, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let at = format!("ws://127.0.0.1:{port}");
    let server = world.start("codex", &["app-server", "--listen", &at]);
    let deadline = std::time::Instant::now() + LONG;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(std::time::Instant::now() < deadline, "it does not listen");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    (server, at)
}

/// Lines that hand work away, `AT` being where a server listens that nobody governs.
const HANDING: &[&str] = &[
    "codex exec --remote AT 'do it'; exit 0",
    "sleep 0.3; exec codex exec --remote=AT 'do it'",
    "codex exec --remote AT resume --last 'do it'; exit 0",
    "env codex --remote AT exec 'do it'; exit 0",
    "codex cloud exec --env e 'do it'; exit 0",
    "codex app-server daemon start; exit 0",
    "codex remote-control; exit 0",
];

#[test]
fn what_a_script_hands_to_another_server_is_stopped_under_a_limit_before_it_asks_and_marked_without() {
    let Some(world) = World::with_codex(REMOTE) else { return };
    world.server.always(Select::any(), Reply::exec("sleep 5"));
    let (server, at) = server(&world);
    for line in HANDING {
        let line = line.replace("AT", &at);
        let governed = world.start_governed(&["--budget", "1usd"], &["sh", "-c", &line]);
        let end = governed.finish_among_others().expect_code(124).expect_outcome("stopped");
        let told = ["hands the work to another server", "works on another machine", "to a background server"];
        assert!(told.iter().any(|told| end.finished.stderr.contains(told)), "{line}: {}", end.finished);
        assert_eq!(world.server.requests().len(), 0, "{line}: {}", end.finished);
    }
    let script = format!("timeout 5 codex exec --remote {at} 'do it'; exit 0");
    let governed = world.start_governed(&[], &["sh", "-c", &script]);
    governed.finish_among_others().expect_code(0).expect_said("hands the work to another server");
    assert!(!world.server.requests().is_empty());
    drop(server);
}
