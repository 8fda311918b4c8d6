//! Notices: what a run writes is sent by a process of its own, signed, once or again, whatever dies in between.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::process::LONG;
use crate::support::python;
use crate::support::world::World;

/// `whsec_` and 32 bytes.
const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// One request as it came in.
#[derive(Clone, Debug)]
struct Delivery {
    headers: Vec<(String, String)>,
    body: String,
}

impl Delivery {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn kind(&self) -> String {
        self.json()["kind"].as_str().unwrap_or_default().to_owned()
    }
}

#[derive(Default)]
struct State {
    got: Vec<Delivery>,
    /// What is answered next; then 204.
    answers: VecDeque<u16>,
}

/// A webhook's reader.
struct Reader {
    port: u16,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Reader {
    fn start(answers: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new((
            Mutex::new(State { answers: answers.iter().copied().collect(), ..State::default() }),
            Condvar::new(),
        ));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || answer(stream, &shared));
            }
        });
        Self { port, state }
    }

    /// Waits for so many deliveries, and gives all.
    #[track_caller]
    fn wait_for(&self, what: &str, enough: impl Fn(&[Delivery]) -> bool) -> Vec<Delivery> {
        let (lock, news) = &*self.state;
        let state = lock.lock().unwrap();
        let (state, late) = news.wait_timeout_while(state, LONG, |state| !enough(&state.got)).unwrap();
        assert!(!late.timed_out(), "no {what}: {:#?}", state.got);
        state.got.clone()
    }

    fn wait_for_kind(&self, kind: &str) -> Delivery {
        let all = self.wait_for(kind, |got| got.iter().any(|one| one.kind() == kind));
        all.into_iter().find(|one| one.kind() == kind).unwrap()
    }

    /// `[notify]` with this reader, and what goes there.
    fn policy(&self, on: &str, more: &str) -> String {
        format!(
            "[notify.webhook]\nurl = \"http://127.0.0.1:{}/hook\"\nsecret = {{ env = \"HOOK_SECRET\" }}\n\
             [[notify.route]]\non = {on}\nto = [\"webhook\"]\n{more}",
            self.port
        )
    }
}

fn answer(mut stream: TcpStream, state: &(Mutex<State>, Condvar)) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    let delivery = loop {
        let read = stream.read(&mut buffer).unwrap_or(0);
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let headers: Vec<(String, String)> = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect();
            let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.clone());
            if body.len() >= length.unwrap_or_default().parse().unwrap_or(0) {
                break Delivery { headers, body: body.to_owned() };
            }
        }
        if read == 0 {
            return;
        }
    };
    let (lock, news) = state;
    let status = {
        let mut state = lock.lock().unwrap();
        state.got.push(delivery);
        state.answers.pop_front().unwrap_or(204)
    };
    let _ = write!(stream, "HTTP/1.1 {status} Said\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    news.notify_all();
}

/// A Python that has the official library; `None` where it cannot be installed.
fn python() -> Option<String> {
    python::with("standardwebhooks", &["standardwebhooks==1.0.0"])
}

/// The official library takes what was sent, and nothing that was changed on the way.
fn expect_verified(python: &str, delivery: &Delivery) {
    let program = "import json, sys\n\
        from standardwebhooks.webhooks import Webhook, WebhookVerificationError\n\
        secret, headers, body = json.load(sys.stdin)\n\
        Webhook(secret).verify(body, headers)\n\
        try:\n    Webhook(secret).verify(body + ' ', headers)\n\
        except WebhookVerificationError:\n    sys.exit(0)\n\
        sys.exit('a changed body was taken')\n";
    let headers: serde_json::Map<String, Value> =
        delivery.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect();
    let input = serde_json::json!([SECRET, headers, delivery.body]).to_string();
    let mut child =
        Command::new(python).args(["-c", program]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let end = child.wait_with_output().unwrap();
    assert!(end.status.success(), "{}\n{delivery:#?}", String::from_utf8_lossy(&end.stderr));
}

fn status(world: &World) -> Value {
    let said = world.govern(&["notify", "status", "--format", "json"]).expect_code(0);
    serde_json::from_slice(&said.stdout).unwrap()
}

/// Waits until the sender's place is as wanted, and gives its process.
#[track_caller]
fn wait_for_sender(world: &World, is_there: bool) -> Option<i32> {
    for _ in 0..LONG.as_millis() / 50 {
        let pid = status(world)["serve"]["pid"].as_i64();
        if pid.is_some() == is_there {
            return pid.map(|pid| i32::try_from(pid).unwrap());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the sender: {}", status(world));
}

#[test]
fn a_question_of_a_codex_goes_out_signed_and_so_does_its_answer() {
    let (Some(mut world), Some(python)) = (World::with_codex(CURRENT), python()) else { return };
    world.set_env("HOOK_SECRET", SECRET);
    let reader = Reader::start(&[]);
    world.policy(&format!(
        "{}[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
         steps = [{{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }}]\n",
        reader.policy("[\"question\", \"run_end\"]", "")
    ));
    let tool = "env > seen; while [ ! -e go ]; do sleep 0.05; done";
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(tool), Reply::message("all is done")]);
    let governed = world.start_governed(&["--team", "web"], &["codex", "exec", "do it"]);

    let asked = reader.wait_for_kind("question");
    expect_verified(&python, &asked);
    let body = asked.json();
    assert_eq!(asked.header("webhook-id"), body["id"]);
    assert_eq!((body["schema"].as_str(), body["team"].as_str()), (Some("govern.notice/1"), Some("web")));
    assert_eq!(body["budget"]["name"], "purse");
    assert_eq!(body["budget"]["limit_usd"], "0.05");
    assert!(body["decision"].is_null() && body["question"]["expires"].is_string(), "{body:#}");
    world.write("work/go", "");
    let id = body["question"]["id"].to_string();
    world.govern(&["approve", &id, "--extend", "1usd", "--reason", "worth it"]).expect_code(0);
    let end = governed.finish().expect_code(0).expect_outcome("ended");

    let decided = reader.wait_for_kind("decided");
    expect_verified(&python, &decided);
    let body = decided.json();
    assert_eq!(body["question"]["id"].to_string(), id);
    assert_eq!(
        (body["decision"]["answer"].as_str(), body["decision"]["reason"].as_str()),
        (Some("extended"), Some("worth it"))
    );
    let ended = reader.wait_for_kind("run_end").json();
    assert_eq!(ended["run"].as_str(), Some(end.id().as_str()));
    world.govern(&["audit", "verify"]).expect_code(0);

    // The agent never saw what notices are signed with, and no table holds it.
    let seen = std::fs::read_to_string(world.path("work/seen")).unwrap();
    assert!(seen.contains("GOVERN_RUN=") && !seen.contains("whsec_"), "{seen}");
    for file in ["ledger.db", "ledger.db-wal"] {
        let bytes = std::fs::read(world.path("govern").join(file));
        assert!(!String::from_utf8_lossy(&bytes.unwrap_or_default()).contains("MDEyMzQ1Njc4"));
    }
    // Nothing waits and no run lives: it goes by itself.
    wait_for_sender(&world, false);
    let row = status(&world)["rows"][0].clone();
    assert_eq!(
        (row["waiting"].as_u64(), row["delivered"].as_u64(), row["failed"].as_u64()),
        (Some(0), Some(3), Some(0))
    );
}

#[test]
fn a_codex_that_nobody_started_under_govern_has_its_questions_sent_too() {
    let Some(mut world) = World::with_codex(CURRENT) else { return };
    world.set_env("HOOK_SECRET", SECRET);
    let reader = Reader::start(&[]);
    world.policy(&format!(
        "{}[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
         steps = [{{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }}]\n",
        reader.policy("[\"question\", \"decided\"]", "")
    ));
    world.govern(&["hooks", "install", "--yes"]).expect_code(0);
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("all is done")]);
    assert!(status(&world)["serve"].is_null());
    let running = world.start("codex", &["exec", "do it"]);
    // Nobody has started a sender: the hook that is held has.
    let asked = reader.wait_for_kind("question").json();
    assert!(wait_for_sender(&world, true).is_some());
    world.govern(&["approve", &asked["question"]["id"].to_string(), "--extend", "1usd"]).expect_code(0);
    running.finish().expect_code(0);
    reader.wait_for_kind("decided");
    wait_for_sender(&world, false);
}

#[test]
fn what_was_not_taken_comes_again_under_the_same_id() {
    let mut world = World::without_codex();
    world.set_env("HOOK_SECRET", SECRET);
    let reader = Reader::start(&[500, 503]);
    world.policy(&reader.policy("[\"run_end\"]", ""));
    world.govern(&["run", "--", "true"]).expect_code(0);
    let got = reader.wait_for("third try", |got| got.len() == 3);
    assert!(got.iter().all(|one| one.header("webhook-id") == got[0].header("webhook-id") && one.body == got[0].body));
}

#[test]
fn an_address_that_is_gone_is_left_alone_until_somebody_tries_it() {
    let mut world = World::without_codex();
    world.set_env("HOOK_SECRET", SECRET);
    let reader = Reader::start(&[410]);
    world.policy(&reader.policy("[\"run_end\"]", ""));
    world.govern(&["run", "--", "true"]).expect_code(0);
    reader.wait_for("first notice", |got| got.len() == 1);
    wait_for_sender(&world, false);
    assert!(status(&world)["rows"][0]["off"].is_string(), "{}", status(&world));
    world.govern(&["run", "--", "true"]).expect_code(0);
    wait_for_sender(&world, false);
    reader.wait_for("nothing more", |got| got.len() == 1);
    world.govern(&["notify", "test"]).expect_code(0);
    world.govern(&["run", "--", "true"]).expect_code(0);
    let got = reader.wait_for("the test and the next end", |got| got.len() == 3);
    assert_eq!([got[1].kind(), got[2].kind()], ["test", "run_end"]);
}

#[test]
fn a_run_without_a_sender_loses_nothing_and_a_killed_sender_neither() {
    let mut world = World::without_codex();
    let reader = Reader::start(&[]);
    world.policy(&reader.policy("[\"run_end\"]", ""));
    // Nothing to sign with: the run goes on, and says so.
    world.govern(&["run", "--", "true"]).expect_code(0).expect_said("HOOK_SECRET is not set");
    let row = |world: &World| status(world)["rows"][0].clone();
    assert_eq!(row(&world)["waiting"], 1);
    world.set_env("HOOK_SECRET", SECRET);
    let mut ids = Vec::new();
    for round in 1..=5 {
        let running = world.start("govern", &["serve"]);
        let got = reader.wait_for("the notice", |got| got.len() >= round);
        ids.push(got.last().unwrap().header("webhook-id").to_owned());
        signal::kill(Pid::from_raw(running.pid()), Signal::SIGKILL).unwrap();
        running.finish();
        world.govern(&["run", "--", "true"]).expect_code(0);
        // What the run started sends it, or the next one does.
        if let Some(pid) = status(&world)["serve"]["pid"].as_i64() {
            let _gone = signal::kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL);
        }
    }
    let _running = world.start("govern", &["serve"]);
    let got = reader.wait_for("all six", |got| {
        got.iter().map(|one| one.header("webhook-id")).collect::<std::collections::BTreeSet<_>>().len() == 6
    });
    assert!(got.len() >= 6);
}

/// How often govern and its sender are killed: more than a few turns take minutes. `GOVERN_KILLS=100` does it a hundred times.
fn kills() -> u32 {
    std::env::var("GOVERN_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(6)
}

fn questions_written(world: &World) -> Vec<String> {
    let Ok(ledger) = rusqlite::Connection::open(world.path("govern/ledger.db")) else { return Vec::new() };
    let Ok(mut statement) = ledger.prepare("SELECT id FROM notices WHERE kind = 'question'") else { return Vec::new() };
    statement.query_map([], |row| row.get(0)).map(|ids| ids.flatten().collect()).unwrap_or_default()
}

#[test]
fn no_question_is_lost_where_the_run_or_the_sender_is_killed_between_record_and_send() {
    let Some(mut world) = World::with_codex(CURRENT) else { return };
    world.set_env("HOOK_SECRET", SECRET);
    let reader = Reader::start(&[]);
    world.policy(&format!(
        "{}[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.02 usd\"\n\
         steps = [{{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }}]\n",
        reader.policy("[\"question\"]", "")
    ));
    world.server.script(Select::root(), (0..kills() * 2).map(|_| Reply::exec("true")));
    for turn in 0..kills() {
        let sender = world.start("govern", &["serve"]);
        wait_for_sender(&world, true);
        let before = questions_written(&world).len();
        let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
        let deadline = std::time::Instant::now() + LONG;
        while questions_written(&world).len() == before {
            assert!(std::time::Instant::now() < deadline, "turn {turn}: nothing is asked");
        }
        // Each turn at another moment: while it is sent, answered, or noted as delivered.
        std::thread::sleep(Duration::from_millis(u64::from(turn % 10)));
        let (kills_run, kills_sender) = [(true, false), (false, true), (true, true)][turn as usize % 3];
        if kills_sender {
            sender.signal(Signal::SIGKILL);
        }
        if kills_run {
            governed.running.signal(Signal::SIGKILL);
        } else {
            governed.running.signal(Signal::SIGTERM);
        }
        governed.finish_among_others();
        if !kills_sender {
            sender.signal(Signal::SIGKILL);
        }
        sender.finish();
        world.wait_for_no_survivors(LONG);
    }
    let written = questions_written(&world);
    assert_eq!(written.len(), kills() as usize);
    let _last = world.start("govern", &["serve"]);
    let of = |got: &[Delivery], id: &String| got.iter().filter(|one| one.header("webhook-id") == *id).count();
    let got = reader.wait_for("all questions", |got| written.iter().all(|id| of(got, id) > 0));
    let copies: usize = written.iter().map(|id| of(&got, id) - 1).sum();
    let _shown = writeln!(std::io::stdout(), "{} questions, none lost, {copies} copies", written.len());
}

#[test]
fn what_a_channel_says_is_told_and_no_repository_opens_one() {
    let mut world = World::without_codex();
    world.set_env("HOOK_SECRET", SECRET);
    let reader = Reader::start(&[500]);
    world.policy(&reader.policy("[\"stop\"]", ""));
    world.govern(&["notify", "test"]).expect_code(125).expect_said("webhook: not taken: it answered 500");
    world.govern(&["notify", "test", "webhook"]).expect_code(0);
    world.write("work/govern.toml", &format!("version = 1\n{}", reader.policy("[\"stop\"]", "")));
    world.govern(&["run", "--", "true"]).expect_code(125).expect_said("a repository's policy may not set `[notify]`");
}
