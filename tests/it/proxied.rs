//! The page behind a reverse proxy that says who asks: whom it names may answer as far as the policy lets that person, and
//! nobody else is believed.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use tempfile::TempDir;

use crate::page::{Told, ask_over};
use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::process::{LONG, Running};
use crate::support::skip::refused_by_kernel;
use crate::support::world::{Governed, World};

/// The users of the proxy and of somebody else: no account of the machine's need have these numbers.
const PROXY: u32 = 65_431;
const SOMEBODY: u32 = 65_432;

const HOST: &str = "govern.acme.example";
const ORIGIN: &str = "Origin: https://govern.acme.example";
const ALICE: &str = "X-Forwarded-User: alice@acme.example";
const PROXY_SCRIPT: &str = include_str!("../support/proxy.py");

/// Asks at a socket, as a program of whoever runs it.
const ASKS: &str = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
                    s.sendall(sys.argv[2].encode().decode('unicode_escape').encode())\nd = b''\n\
                    while m := s.recv(65536): d += m\nprint(d.decode())\n";

/// A page at a socket that other users reach, with the policy that names its proxy.
struct Page {
    serving: Running,
    /// A folder that others may look into: a world is below whatever folder the sources are in.
    folder: TempDir,
    python: PathBuf,
}

/// A Python that other users may run.
fn python() -> Option<PathBuf> {
    ["/usr/bin/python3", "/usr/local/bin/python3"].map(PathBuf::from).into_iter().find(|path| path.is_file())
}

impl Page {
    /// `None`, and said: no process can be another user's here.
    fn open(world: &World, more: &str) -> Option<Self> {
        if !geteuid().is_root() {
            refused_by_kernel("only root starts a proxy as another user");
            return None;
        }
        let Some(python) = python() else {
            crate::support::skip::skip("there is no Python that every user may run");
            return None;
        };
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        world.policy(&format!(
            "[serve]\nlisten = \"unix:{}\"\nurl = \"https://{HOST}\"\ntrust_header = \"X-Forwarded-User\"\n\
             proxy_user = \"{PROXY}\"\n{more}",
            folder.path().join("page.sock").display()
        ));
        let serving = world.start("govern", &["serve"]);
        serving.wait_for_stderr("this key: ");
        Some(Self { serving, folder, python })
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("page.sock")
    }

    /// A program that asks there as this user, and what it is told.
    fn ask_as(&self, user: u32, request: &str) -> String {
        let mut asks = Command::new(&self.python);
        asks.args(["-c", ASKS]).arg(self.socket()).arg(request).uid(user).gid(user).env_clear().current_dir("/");
        let done = asks.output().unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    fn ask_as_govern(&self, line: &str, headers: &[&str]) -> Told {
        ask_over(UnixStream::connect(self.socket()).unwrap(), "localhost", line, headers, "")
    }

    fn proxy(&self) -> Proxy {
        let mut command = Command::new(&self.python);
        command.args(["-c", PROXY_SCRIPT]).arg(self.socket()).uid(PROXY).gid(PROXY).env_clear().current_dir("/");
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Proxy { process, address: format!("127.0.0.1:{}", port.trim()) }
    }
}

struct Proxy {
    process: Child,
    address: String,
}

impl Proxy {
    /// Asks as somebody who has logged in there.
    fn ask(&self, who: &str, line: &str, headers: &[&str], body: &str) -> Told {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let login = format!("Authorization: Basic {}", STANDARD.encode(format!("{who}@acme.example:let me in")));
        ask_over(stream, HOST, line, &[&[login.as_str()], headers].concat(), body)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

const PEOPLE: &str = "[approvals]\napprovers = [\"alice\"]\nwait_for_nobody = true\n\
                      [[person]]\nname = \"alice\"\nproxy = \"alice@acme.example\"\n\
                      [[person]]\nname = \"bob\"\nproxy = \"bob@acme.example\"\n";

/// A run that is held at its limit of time, with question 1.
fn waits(world: &World) -> Governed<'_> {
    let flags = ["--budget", "0.02 minutes", "--at-limit", "ask"];
    let governed = world.start_governed(&flags, &["sh", "-c", "while [ ! -e end ]; do sleep 0.05; done"]);
    governed.running.wait_for_stderr("question 1");
    governed
}

#[test]
fn whom_the_proxy_names_answers_as_the_policy_lets_that_person_and_once() {
    let world = World::without_codex();
    let Some(page) = Page::open(&world, PEOPLE) else { return };
    let proxy = page.proxy();
    let governed = waits(&world);
    governed.running.wait_for_stderr("until alice answers question 1 on the page of `govern serve`");
    let waiting = world.govern(&["approvals"]).expect_code(0).out();
    assert!(waiting.contains("Question 1 is answered on the page, by alice."), "{waiting}");
    let front = proxy.ask("alice", "GET /", &[], "");
    assert_eq!(front.status, 200, "{front:?}");
    assert!(front.body.contains("<a href=\"/questions/1\">"), "{}", front.body);
    let shown = proxy.ask("alice", "GET /questions/1", &[], "");
    assert!(shown.status == 200 && shown.body.contains("question 1, to alice"), "{shown:?}");
    assert!(!shown.body.contains("name=\"token\""), "{}", shown.body);
    assert_eq!(ledger::approvals(&world)[0]["state"], "pending", "a look is no answer");

    let answer = |who: &str, headers: &[&str]| {
        proxy.ask(who, "POST /questions/1", headers, "answer=extend&amount=5+minutes&reason=nearly+done")
    };
    // A page elsewhere has no say, whoever has logged in; nor has one that is not named.
    for foreign in [&["Origin: https://evil.example"][..], &["Origin: null"], &[]] {
        let refused = answer("alice", foreign);
        assert_eq!(refused.status, 403, "{foreign:?}: {refused:?}");
    }
    // Known, and no approver: the run says no, and keeps that.
    let refused = answer("bob", &[ORIGIN]);
    assert!(refused.status == 400 && refused.body.contains("is not among the approvers"), "{refused:?}");
    // The proxy lets in whom no `[[person]]` names.
    let stranger = proxy.ask("carol", "GET /", &[], "");
    assert!(stranger.status == 403 && stranger.body.contains("has your name at the proxy"), "{stranger:?}");
    assert_eq!(answer("carol", &[ORIGIN]).status, 403);
    // What a client says of itself the proxy takes out.
    assert_eq!(proxy.ask("bob", "GET /questions/1", &[ALICE], "").body.matches("to alice").count(), 0);
    assert_eq!(ledger::approvals(&world)[0]["state"], "pending");

    let taken = answer("alice", &[ORIGIN]);
    assert!(taken.status == 200 && taken.body.contains("Question 1 is answered"), "{taken:?}");
    assert_eq!(answer("alice", &[ORIGIN]).status, 409, "it was answered already");
    world.write("work/end", "");
    governed.finish_among_others().expect_code(0);
    let approval = &ledger::approvals(&world)[0];
    assert_eq!((&approval["state"], &approval["by"]), (&"approved".into(), &"alice (page)".into()), "{approval}");
    assert_eq!(approval["reason"], "nearly done");
    let marks = world.govern(&["report", "--last", "--format", "json"]).out();
    assert!(marks.contains("bob (page) may not answer question 1 so"), "{marks}");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn under_installed_hooks_it_is_the_same_rule() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.govern(&["hooks", "install", "--yes"]).expect_code(0);
    // In other quotes: a test's policy has `wait_for_nobody` already.
    let asks = "[[budget]]\nname = \"a day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"0.05 usd\"\n\
                steps = [{ at = \"100%\", do = 'ask', wait = \"30m\", else = \"stop\" }]\n";
    let Some(page) = Page::open(&world, &format!("{asks}{PEOPLE}")) else { return };
    let proxy = page.proxy();
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("all is done")]);
    let codex = world.start("codex", &["exec", "do it"]);
    codex.wait_for_stderr("govern: held: ");
    world.wait_until_at_gate();
    let answer =
        |who: &str| proxy.ask(who, "POST /questions/1", &[ORIGIN], "answer=extend&amount=1+usd&reason=nearly+done");
    let refused = answer("bob");
    assert!(refused.status == 400 && refused.body.contains("is not among the approvers"), "{refused:?}");
    assert_eq!(world.server.requests().len(), 2);
    let taken = answer("alice");
    assert!(taken.status == 200 && taken.body.contains("extended by $1.00"), "{taken:?}");
    codex.finish().expect_code(0);
    assert_eq!(ledger::approvals(&world)[0]["by"], "alice (page)");
}

#[test]
fn a_quorum_takes_two_persons_on_the_page_and_nobody_lifts_it_further_than_the_policy_lets_them() {
    let world = World::without_codex();
    let people = PEOPLE.replace(
        "approvers = [\"alice\"]",
        "approvers = [\"alice\", \"bob\"]\nmax_extend = \"10 minutes\"\n\
         quorum = { people = 2 }",
    );
    let Some(page) = Page::open(&world, &people) else { return };
    let proxy = page.proxy();
    let governed = waits(&world);
    let answer = |who: &str, amount: &str| {
        proxy.ask(who, "POST /questions/1", &[ORIGIN], &format!("answer=extend&amount={amount}+minutes"))
    };
    let much = answer("alice", "20");
    assert!(much.status == 400 && much.body.contains("may extend"), "{much:?}");
    let first = answer("alice", "5");
    assert!(first.status == 200 && first.body.contains("Question 1 waits for others, too"), "{first:?}");
    let again = answer("alice", "5");
    assert!(again.status == 400 && again.body.contains("has said so before"), "{again:?}");
    assert_eq!(ledger::approvals(&world)[0]["state"], "pending");
    let second = answer("bob", "5");
    assert!(second.status == 200 && second.body.contains("Question 1 is answered"), "{second:?}");
    world.write("work/end", "");
    governed.finish_among_others().expect_code(0);
    assert_eq!(ledger::approvals(&world)[0]["by"], "alice (page) and bob (page)");
}

#[test]
fn nobody_but_the_proxys_user_says_who_asks() {
    let world = World::without_codex();
    let Some(page) = Page::open(&world, PEOPLE) else { return };
    let request = |headers: &str| format!("GET / HTTP/1.1\\r\\nHost: {HOST}\\r\\n{headers}\\r\\n");
    // The proxy's own user, named so: this is what is refused to all others.
    assert!(page.ask_as(PROXY, &request(&format!("{ALICE}\\r\\n"))).starts_with("HTTP/1.1 200 "));
    let twice = page.ask_as(PROXY, &request(&format!("X-Forwarded-User: bob@acme.example\\r\\n{ALICE}\\r\\n")));
    assert!(twice.starts_with("HTTP/1.1 400 "), "what a proxy has only added to is no name: {twice}");
    let unnamed = page.ask_as(PROXY, &request(""));
    assert!(unnamed.starts_with("HTTP/1.1 403 ") && unnamed.contains("bring the key"), "{unnamed}");
    let forged = page.ask_as(SOMEBODY, &request(&format!("{ALICE}\\r\\n")));
    assert!(forged.starts_with("HTTP/1.1 403 ") && forged.contains("taken from the proxy alone"), "{forged}");
    assert!(page.ask_as(SOMEBODY, &request("")).contains("bring the key"));
    // govern's own account is the agents', too.
    let own = page.ask_as_govern("GET /", &[ALICE]);
    assert!(own.status == 403 && own.body.contains("taken from the proxy alone"), "{own:?}");
    assert_eq!(page.ask_as_govern("GET /", &[]).status, 200, "without it the account is shown its page");
    assert_eq!(page.ask_as_govern("GET /", &["Host: evil.example"]).status, 421);
    // Whoever is taken out of the policy is nobody from then on.
    world.policy(
        &std::fs::read_to_string(world.path("config/govern/policy.toml"))
            .unwrap()
            .replace("version = 1", "")
            .replace("proxy = \"alice@acme.example\"", "os = \"alice\""),
    );
    assert!(page.ask_as(PROXY, &request(&format!("{ALICE}\\r\\n"))).starts_with("HTTP/1.1 403 "));
    let socket = page.socket();
    page.serving.signal(Signal::SIGTERM);
    page.serving.finish().expect_code(0);
    assert!(!socket.exists(), "its file goes with it");
}

#[test]
fn below_a_governed_tree_nobody_is_the_proxy() {
    let world = World::without_codex();
    let Some(page) = Page::open(&world, PEOPLE) else { return };
    world.write("ask.py", ASKS);
    let request = format!("GET / HTTP/1.1\\r\\nHost: {HOST}\\r\\n{ALICE}\\r\\n\\r\\n");
    let socket = page.socket().display().to_string();
    let ask = [page.python.to_str().unwrap(), "-c", ASKS, &socket, &request];
    let user = PROXY.to_string();
    let become_it = ["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups"];
    for command in [[&become_it[..], &ask].concat(), ask.to_vec()] {
        let end = world.start_governed(&[], &command).finish_among_others();
        let out = end.finished.out();
        assert!(out.starts_with("HTTP/1.1 403 ") && out.contains("an agent is not shown this page"), "{out}");
    }
}

#[test]
fn over_tcp_nobody_is_named_and_a_proxy_of_this_account_is_refused() {
    let world = World::without_codex();
    let serve = |user: &str| {
        format!(
            "[serve]\nurl = \"https://{HOST}\"\ntrust_header = \"X-Forwarded-User\"\nproxy_user = \"{user}\"\n{PEOPLE}"
        )
    };
    world.policy(&serve(&geteuid().to_string()));
    let refused = world.govern(&["serve", "--listen", "127.0.0.1:0"]).expect_code(125);
    refused.expect_said("runs govern, and so its agents").expect_said("hint: let the proxy run as a user of its own");
    world.policy(&serve("no-such-user"));
    world.govern(&["serve"]).expect_code(125).expect_said("there is no user `no-such-user` on this machine");
    world.policy(&serve(&PROXY.to_string()));
    world.govern(&["serve", "--listen", "unix:page.sock"]).expect_code(2).expect_said("by its whole path");
    let serving = world.start("govern", &["serve", "--listen", "127.0.0.1:0"]);
    serving.wait_for_stderr("this key: ");
    let said = serving.stderr();
    assert!(said.contains("warning: `trust_header` counts over a socket alone"), "{said}");
    let address = said.split("http://").nth(1).unwrap().split('/').next().unwrap();
    let ask = |headers: &[&str]| ask_over(TcpStream::connect(address).unwrap(), address, "GET /", headers, "");
    assert_eq!(ask(&[]).status, 200);
    let named = ask(&[ALICE]);
    assert!(named.status == 403 && named.body.contains("taken from the proxy alone"), "{named:?}");
    assert_eq!(ask(&[ALICE, "X-Forwarded-For: 192.0.2.7", &format!("Host: {HOST}")]).status, 403);
}

#[test]
fn a_socket_is_not_put_in_the_place_of_something_else() {
    let world = World::without_codex();
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let at = |name: &str| format!("unix:{}", folder.path().join(name).display());
    std::fs::write(folder.path().join("page.sock"), "somebody's").unwrap();
    let refused = world.govern(&["serve", "--listen", &at("page.sock")]).expect_code(125);
    refused.expect_said("the page cannot be shown at unix:");
    world
        .govern(&["serve", "--listen", &at("none/page.sock")])
        .expect_code(125)
        .expect_said("its folder has to be there");
    let own = |path: &Path| ask_over(UnixStream::connect(path).unwrap(), "localhost", "GET /", &[], "").status;
    let mut serving = world.start("govern", &["serve", "--listen", &at("own.sock")]);
    serving.wait_for_stderr("this key: ");
    assert_eq!(own(&folder.path().join("own.sock")), 200);
    // One that was killed leaves its file, and the next one takes the place.
    serving.signal(Signal::SIGKILL);
    serving.wait_for_end();
    let serving = world.start("govern", &["serve", "--listen", &at("own.sock")]);
    serving.wait_for_stderr("this key: ");
    assert_eq!(own(&folder.path().join("own.sock")), 200);
}
