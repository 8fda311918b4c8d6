//! Mail: a real server with TLS and a login takes the letters, and a letter's token answers the question that it puts.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::process::LONG;
use crate::support::python;
use crate::support::world::World;

const READER: &str = "lead@acme.example";

/// aiosmtpd, and what it took.
struct Server {
    process: Child,
    port: u16,
    got: Arc<(Mutex<Vec<Value>>, Condvar)>,
}

impl Server {
    /// One in TLS (`tls`), or that wants `STARTTLS`; each of the first letters' readers is answered so, `-` being yes. Its
    /// authority is the world's. `None` where it cannot be installed: then the test is skipped.
    fn start(world: &mut World, way: &str, answers: &[&str]) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        // The second makes the certificates.
        let python = python::with("aiosmtpd", &["aiosmtpd==1.4.6", "trustme==1.2.1"])?;
        let folder = world.path("mail");
        std::fs::create_dir_all(&folder).unwrap();
        let mut process = Command::new(python)
            .arg(root.join("tests/support/mail_server.py"))
            .args([folder.as_os_str(), way.as_ref(), "govern".as_ref(), "let me in".as_ref()])
            .args(answers)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        let got = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let shared = Arc::clone(&got);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                shared.0.lock().unwrap().push(serde_json::from_str(&line).unwrap());
                shared.1.notify_all();
            }
        });
        world.set_env("SMTP_PASSWORD", "let me in");
        world.set_env("SSL_CERT_FILE", folder.join("ca.pem").to_str().unwrap());
        Some(Self { process, port, got })
    }

    /// Waits until so many letters have come, and gives all.
    #[track_caller]
    fn wait_for(&self, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let (lock, news) = &*self.got;
        let (got, late) = news.wait_timeout_while(lock.lock().unwrap(), LONG, |got| !enough(got)).unwrap();
        assert!(!late.timed_out(), "{got:#?}");
        got.clone()
    }

    /// `[notify]` with this server, and what goes there.
    fn policy(&self, scheme: &str, more: &str, on: &str) -> String {
        format!(
            "[notify.mail]\nsmtp = \"{scheme}://localhost:{}{more}\"\nuser = \"govern\"\npassword = {{ env = \"SMTP_PASSWORD\" }}\n\
             from = \"govern <govern@acme.example>\"\nto = [\"{READER}\"]\n\
             [[notify.route]]\non = {on}\nto = [\"mail\"]\n",
            self.port
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[track_caller]
fn wait_until(what: &str, is: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is() {
        assert!(Instant::now() < deadline, "never so: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn header<'a>(letter: &'a Value, name: &str) -> &'a str {
    letter["headers"][name].as_str().unwrap_or_default()
}

/// The line of the plain part that is this command, whole.
fn command(letter: &Value, verb: &str) -> String {
    let plain = letter["plain"].as_str().unwrap();
    let found = plain.lines().find(|line| line.starts_with(&format!("govern {verb} ")) && !line.contains("--extend"));
    found.unwrap_or_else(|| panic!("{plain}")).to_owned()
}

/// A copy of a token that is wrong in its first letter.
fn wrong(token: &str) -> String {
    let first = if token.starts_with('a') { 'b' } else { 'a' };
    std::iter::once(first).chain(token.chars().skip(1)).collect()
}

#[test]
fn the_token_of_a_letter_lets_a_codex_go_on_once_and_for_its_reader_alone() {
    let Some(mut world) = World::with_codex(CURRENT) else { return };
    let Some(server) = Server::start(&mut world, "tls", &[]) else { return };
    // No terminal and no `wait_for_nobody`: somebody is reached because the letter can be answered.
    world.policy_for_nobody(&format!(
        "{}[approvals]\napprovers = [\"alice\"]\nnot_self = true\n[[person]]\nname = \"alice\"\nmail = \"{READER}\"\nos = \"alice\"\n\
         [[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
         steps = [{{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }}]\n",
        server.policy("smtps", "", "[\"question\", \"run_end\"]")
    ));
    let waits = "setsid sh -c 'while [ ! -e command ]; do sleep 0.05; done; sh ./command > said 2>&1; touch done' \
                 > /dev/null 2>&1 < /dev/null &";
    world.server.script(Select::root(), [Reply::exec(waits), Reply::exec("true"), Reply::message("all is done")]);
    let governed = world.start_governed(&["--team", "web"], &["codex", "exec", "do it"]);

    let asked = server.wait_for(|got| !got.is_empty()).remove(0);
    assert_eq!((asked["tls"].as_bool(), asked["login"].as_str()), (Some(true), Some("govern")), "{asked:#}");
    assert_eq!((asked["from"].as_str(), &asked["to"]), (Some("govern@acme.example"), &serde_json::json!([READER])));
    assert_eq!((header(&asked, "From"), header(&asked, "To")), ("govern <govern@acme.example>", READER));
    assert_eq!(header(&asked, "Auto-Submitted"), "auto-generated");
    assert_eq!(asked["defects"], serde_json::json!([]), "{asked:#}");
    let line = command(&asked, "approve");
    assert!(asked["html"].as_str().unwrap().contains(&line), "{asked:#}");
    let words: Vec<&str> = line.split(' ').collect();
    let [_, _, id, _, token] = words[..] else { panic!("{line}") };

    // Without the token it is the run's own starter; a token that is nearly right is none.
    world.govern(&["approve", id]).expect_code(125).expect_said("is not among the approvers");
    world.govern(&["approve", id, "--token", &wrong(token)]).expect_code(125).expect_said("is no token of question");
    // The agent has read the letter: from inside its tree the token is worth nothing.
    world.write("work/command.new", &line.replacen("govern", env!("CARGO_BIN_EXE_govern"), 1));
    std::fs::rename(world.path("work/command.new"), world.path("work/command")).unwrap();
    wait_until("the agent has tried", || world.path("work/done").exists());
    let said = std::fs::read_to_string(world.path("work/said")).unwrap();
    assert!(said.contains("agents do not decide about agents"), "{said}");

    world.govern(&["approve", id, "--extend", "1usd", "--token", token, "--reason", "worth it"]).expect_code(0);
    governed.finish().expect_code(0).expect_outcome("ended");
    let again = world.govern(&["deny", id, "--token", token]).expect_code(125);
    again.expect_said("has already been approved by alice (mail)");

    // What became of it follows in the thread.
    let got = server.wait_for(|got| got.len() == 3);
    let decided = got.iter().find(|letter| letter["plain"].as_str().unwrap().contains("by alice (mail)")).unwrap();
    assert_eq!(header(decided, "In-Reply-To"), header(&asked, "Message-ID"));
    let thread = header(&asked, "References");
    assert!(got.iter().all(|letter| header(letter, "References").starts_with(thread)), "{got:#?}");
    assert!(
        decided["plain"].as_str().unwrap().contains("worth it")
            && !decided["plain"].as_str().unwrap().contains("--token")
    );

    // No table and no session file of govern's own holds the token, or the password.
    for file in ["ledger.db", "ledger.db-wal"] {
        let bytes = std::fs::read(world.path("govern").join(file)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(token) && !text.contains("let me in"), "{file}");
    }
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_letter_that_is_put_off_comes_again_under_its_id_and_one_that_is_refused_does_not() {
    let mut world = World::without_codex();
    let Some(server) = Server::start(&mut world, "starttls", &["451 4.7.1 later", "-", "550 5.1.1 no such reader"])
    else {
        return;
    };
    let other = "[[notify.route]]\non = [\"undelivered\"]\nto = [\"mail:ops@acme.example\", \"mail\"]\n";
    world.policy_for_nobody(&format!("{}{other}", server.policy("smtp", "?tls=required", "[\"run_end\"]")));
    world.govern(&["run", "--", "true"]).expect_code(0);
    let first = server.wait_for(|got| !got.is_empty()).remove(0);
    assert_eq!(first["tls"], true);
    world.govern(&["run", "--", "true"]).expect_code(0);
    let status = || -> Value {
        let said = world.govern(&["notify", "status", "--format", "json"]).expect_code(0);
        serde_json::from_slice::<Value>(&said.stdout).unwrap()["rows"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["channel"] == "mail:lead@acme.example")
            .unwrap()
            .clone()
    };
    wait_until("the second letter is given up", || status()["failed"] == 1);
    let row = status();
    assert_eq!((row["channel"].as_str(), row["delivered"].as_u64()), (Some("mail:lead@acme.example"), Some(1)));
    assert_eq!(row["error"], "the mail server refused the reader: 550 5.1.1 no such reader");
    // Whoever wants to know is told; the reader who was not reached is not.
    let told = server.wait_for(|got| got.len() == 2).remove(1);
    assert_eq!(told["to"], serde_json::json!(["ops@acme.example"]));
    assert!(told["plain"].as_str().unwrap().starts_with("not delivered to mail:lead@acme.example: run "), "{told:#}");
    let tried = world.govern(&["notify", "test", "mail:lead@acme.example"]).expect_code(0);
    assert!(tried.out().starts_with("mail:lead@acme.example: taken, as msg_"), "{tried}");
    assert_eq!(
        server.wait_for(|got| got.len() == 3)[2]["plain"].as_str().unwrap().lines().next(),
        Some("govern can reach you here")
    );
}

#[test]
fn what_keeps_a_letter_from_going_out_is_told() {
    let mut world = World::without_codex();
    let Some(server) = Server::start(&mut world, "tls", &[]) else { return };
    let policy = server.policy("smtps", "", "[\"stop\"]");
    let expect = |world: &World, said: &str| {
        world.govern(&["notify", "test"]).expect_code(125).expect_said(said);
    };
    world.policy_for_nobody(&policy);
    world.set_env("SMTP_PASSWORD", "another");
    expect(&world, "the mail server does not take the user and the password: 535");
    world.set_env("SMTP_PASSWORD", "");
    expect(&world, "$SMTP_PASSWORD is not set");
    world.set_env("SMTP_PASSWORD", "let me in");
    let authority = world.path("mail/ca.pem").display().to_string();
    world.write("other.pem", &std::fs::read_to_string("/etc/ssl/certs/ca-certificates.crt").unwrap_or_default());
    world.set_env("SSL_CERT_FILE", world.path("other.pem").to_str().unwrap());
    expect(&world, "its certificate is of an authority that this machine does not know");
    world.set_env("SSL_CERT_FILE", &authority);
    world.policy_for_nobody(&policy.replace("localhost", "127.0.0.1"));
    expect(&world, "its certificate is for another name");
    world.policy_for_nobody(&policy.replace("localhost", "no-such-host.invalid"));
    expect(&world, "no connection to no-such-host.invalid");
    world.policy_for_nobody(&server.policy("smtp", "?tls=required", "[\"stop\"]"));
    world.govern(&["notify", "test"]).expect_code(125);
}
