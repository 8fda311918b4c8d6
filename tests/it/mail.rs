//! Mail: a real server with TLS and a login takes the letters, and a letter's token answers the question that it puts.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::chromium::Browser;
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

/// `[approvals]` in which the account itself may answer nothing: alice does, by mail.
const ALICE: &str = "[approvals]\napprovers = [\"alice\"]\n[[person]]\nname = \"alice\"\nmail = \"lead@acme.example\"\nos = \"alice\"\n";

#[test]
fn where_mail_alone_reaches_who_may_answer_what_is_printed_names_the_token_and_a_pause_is_lifted_by_one() {
    let Some(mut world) = World::with_codex(CURRENT) else { return };
    let Some(server) = Server::start(&mut world, "tls", &[]) else { return };
    let zone = "timezone = \"Europe/Berlin\"\n";
    world.policy_for_nobody(&format!(
        "{zone}{}{ALICE}[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
         steps = [{{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }}]\n",
        server.policy("smtps", "", "[\"question\", \"run_end\"]")
    ));
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("all is done")]);
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    let asked = server.wait_for(|got| !got.is_empty()).remove(0);
    let id = command(&asked, "approve").split(' ').nth(2).unwrap().to_owned();
    // Whoever reads it knows where it is from, who may answer, and when, in the policy's zone.
    let plain = asked["plain"].as_str().unwrap();
    for row in [
        "command     codex exec …",
        "folder      ",
        "account     ",
        "machine     ",
        "may answer  alice",
        "Europe/Berlin",
    ] {
        assert!(plain.contains(row), "{row}\n{plain}");
    }
    // Each place that says how to answer says what is taken.
    let typed = format!("govern approve {id} --token TOKEN");
    for place in [&["approvals"][..], &["status"], &[], &["approve"]] {
        let shown = world.govern(place);
        let text = format!("{shown}");
        assert!(text.contains(&typed) && text.contains("alice"), "{place:?}: {text}");
    }
    world.govern(&["approve", &id]).expect_code(125).expect_said(&typed);

    let run = plain.lines().find_map(|line| line.strip_prefix("run         ")).unwrap().to_owned();
    world.govern(&["pause", &run]).expect_code(0);
    let told = server.wait_for(|got| got.len() == 2).remove(1);
    world.govern(&["continue", &run]).expect_code(125).expect_said(&format!("govern continue {run} --token TOKEN"));
    let line = command(&told, "continue");
    let token = line.split(' ').nth(4).unwrap();
    world
        .govern(&["continue", &run, "--token", &wrong(token)])
        .expect_code(125)
        .expect_said("is no token of this pause");
    let token_of_question = command(&asked, "approve").split(' ').nth(4).unwrap().to_owned();
    world.govern(&["continue", &run, "--token", &token_of_question]).expect_code(125);
    world.govern(&["continue", &run, "--token", token]).expect_code(0);

    // A no ends it; the letter that says so lets it go on, once.
    world.govern(&["deny", &id, "--token", &token_of_question]).expect_code(0);
    governed.finish().expect_code(124);
    let got = server.wait_for(|got| {
        got.iter().filter(|letter| letter["plain"].as_str().unwrap().contains("govern resume")).count() == 2
    });
    let last = got.iter().rfind(|letter| letter["plain"].as_str().unwrap().contains("govern resume")).unwrap();
    let line = command(last, "resume");
    let token = line.split(' ').nth(4).unwrap();
    world.govern(&["resume", &run, "--extend", "1usd"]).expect_code(123).expect_said("--token TOKEN");
    world.govern(&["resume", &run, "--extend", "1usd", "--token", &wrong(token)]).expect_code(123);
    wait_until("the sender has written down what it sent", || {
        let resumed = world.govern(&["resume", &run, "--extend", "1usd", "--token", token]);
        assert!(resumed.code() == 0 || format!("{resumed}").contains("is no token"), "{resumed}");
        resumed.code() == 0
    });
    world.govern(&["resume", &run, "--extend", "1usd", "--token", token]).expect_code(123);
    world.govern(&["audit", "verify"]).expect_code(0);
}

/// What a page answers to this request: the status, and all of it.
fn http(address: &str, line: &str, headers: &[&str], body: &str) -> (u16, String) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let host =
        if headers.iter().any(|header| header.starts_with("Host:")) { "" } else { "Host: govern.acme.example\r\n" };
    let more: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let form = match body {
        "" => String::new(),
        body => format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", body.len()),
    };
    write!(stream, "{line} HTTP/1.1\r\n{host}{more}{form}\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

#[test]
fn a_letters_link_shows_the_question_and_its_form_decides() {
    let Some(mut world) = World::with_codex(CURRENT) else { return };
    let Some(server) = Server::start(&mut world, "tls", &[]) else { return };
    world.policy_for_nobody(&format!(
        "[serve]\nurl = \"https://govern.acme.example\"\n{}{ALICE}[[budget]]\nname = \"purse\"\nper = \"run\"\n\
         limit = \"0.05 usd\"\nsteps = [{{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }}]\n",
        server.policy("smtps", "", "[\"question\"]")
    ));
    let serving = world.start("govern", &["serve", "--listen", "127.0.0.1:0"]);
    serving.wait_for_stderr("this key: ");
    let address = serving.stderr().split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    // An agent that has read the letter is shown nothing.
    let waits = "setsid sh -c 'while [ ! -e ask ]; do sleep 0.05; done; sh ./ask > said 2>&1; touch done' > /dev/null 2>&1 \
                 < /dev/null &";
    world.server.script(Select::root(), [Reply::exec(waits), Reply::exec("true"), Reply::message("all is done")]);
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    let asked = server.wait_for(|got| !got.is_empty()).remove(0);
    let plain = asked["plain"].as_str().unwrap();
    let link = plain.lines().find(|line| line.starts_with("https://")).unwrap_or_else(|| panic!("{plain}"));
    assert!(asked["html"].as_str().unwrap().contains(link), "{asked:#}");
    let path = link.strip_prefix("https://govern.acme.example").unwrap();
    let (place, query) = path.split_once('?').unwrap();
    let token = query.strip_prefix("token=").unwrap();

    // A scanner opens it as often as it likes.
    for _ in 0..3 {
        let (status, page) = http(&address, &format!("GET {path}"), &[], "");
        assert!(
            status == 200 && page.contains("purse") && page.contains("to lead@acme.example")
                || page.contains("to alice"),
            "{page}"
        );
        assert!(!page.contains("<script"), "{page}");
    }
    let rows = |world: &World| {
        let shown = world.govern(&["approvals", "--format", "json"]).expect_code(0);
        serde_json::from_slice::<Value>(&shown.stdout).unwrap()["rows"].as_array().unwrap().len()
    };
    assert_eq!(rows(&world), 1, "nothing was decided by looking");
    let ask = format!(
        "exec 3<>/dev/tcp/{}; printf 'GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n' >&3; cat <&3",
        address.replace(':', "/")
    );
    world.write("work/ask.new", &format!("exec bash -c \"{}\"", ask.replace('"', "\\\"")));
    std::fs::rename(world.path("work/ask.new"), world.path("work/ask")).unwrap();
    wait_until("the agent has asked", || world.path("work/done").exists());
    let said = std::fs::read_to_string(world.path("work/said")).unwrap();
    assert!(said.contains(" 403 ") && !said.contains("purse"), "{said}");

    // Foreign hosts, foreign pages and foreign tokens.
    assert_eq!(http(&address, &format!("GET {path}"), &["Host: evil.example"], "").0, 421);
    let yes = format!("token={token}&answer=approve&reason=worth+it");
    assert_eq!(http(&address, &format!("POST {place}"), &["Origin: https://evil.example"], &yes).0, 403);
    let guess = format!("token={}&answer=approve", wrong(token));
    let tried: Vec<u16> = (0..12).map(|_| http(&address, &format!("POST {place}"), &[], &guess).0).collect();
    assert_eq!(tried, [vec![403; 10], vec![429; 2]].concat());
    assert_eq!(http(&address, "GET /questions/999?token=x", &[], "").0, 403);
    // The right one is taken all the same; an amount that is none is told on the form.
    let none = format!("token={token}&answer=extend&amount=many");
    let (status, page) = http(&address, &format!("POST {place}"), &[], &none);
    assert!(status == 400 && page.contains("Not answered"), "{page}");
    let own = "Origin: https://govern.acme.example";
    let (status, page) = http(&address, &format!("POST {place}"), &[own], &yes);
    assert!(status == 200 && page.contains("extended by"), "{page}");
    assert_eq!(http(&address, &format!("POST {place}"), &[own], &yes).0, 409);
    assert_eq!(http(&address, &format!("GET {path}"), &[], "").0, 409);
    governed.finish_among_others().expect_code(0).expect_outcome("ended");
    let all = world.govern(&["approvals", "--all", "--format", "json"]);
    let row = serde_json::from_slice::<Value>(&all.stdout).unwrap()["rows"][0].clone();
    assert_eq!((row["by"].as_str(), row["reason"].as_str()), (Some("alice (mail)"), Some("worth it")), "{row:#}");
}

#[test]
fn in_a_browser_the_letters_link_is_opened_and_its_button_pressed() {
    let Some(mut world) = World::with_codex(CURRENT) else { return };
    let Some(server) = Server::start(&mut world, "tls", &[]) else { return };
    world.policy_for_nobody(&format!(
        "[serve]\nurl = \"https://govern.acme.example\"\n{}{ALICE}[[budget]]\nname = \"purse\"\nper = \"run\"\n\
         limit = \"0.05 usd\"\nsteps = [{{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }}]\n",
        server.policy("smtps", "", "[\"question\"]")
    ));
    let serving = world.start("govern", &["serve", "--listen", "127.0.0.1:0"]);
    serving.wait_for_stderr("this key: ");
    let address = serving.stderr().split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let Some(mut browser) = Browser::open(&world) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("all is done")]);
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    let asked = server.wait_for(|got| !got.is_empty()).remove(0);
    let plain = asked["plain"].as_str().unwrap();
    let link = plain.lines().find(|line| line.starts_with("https://")).unwrap_or_else(|| panic!("{plain}"));
    browser.sized((390, 800), "light");
    browser.go(&link.replace("https://govern.acme.example", &format!("http://{address}")));
    assert_eq!(browser.is("document.documentElement.scrollWidth"), 390);
    browser.is("document.querySelector('input[name=reason]').value = 'worth it'");
    // Return in a field presses nothing.
    let disabled = browser.is("document.querySelector('form button').disabled");
    assert_eq!(disabled, true);
    browser.is("document.querySelector('button[value=approve]').click()");
    browser.wait_for("document.body?.innerText.includes('is answered') === true");
    let here = format!("http://{address}/");
    let asked = browser.asked();
    assert!(asked.iter().all(|url| url.starts_with(&here)), "{asked:?}");
    governed.finish_among_others().expect_code(0).expect_outcome("ended");
    let all = world.govern(&["approvals", "--all", "--format", "json"]);
    let row = serde_json::from_slice::<Value>(&all.stdout).unwrap()["rows"][0].clone();
    assert_eq!((row["by"].as_str(), row["reason"].as_str()), (Some("alice (mail)"), Some("worth it")), "{row:#}");
}

#[test]
fn a_yes_above_the_quorum_takes_two_persons_and_one_of_them_twice_is_one() {
    let Some(mut world) = World::with_codex(CURRENT) else { return };
    let Some(server) = Server::start(&mut world, "tls", &[]) else { return };
    let bob = "bob@acme.example";
    world.policy_for_nobody(&format!(
        "{}[[notify.route]]\non = [\"question\"]\nto = [\"mail:{bob}\"]\n\
         [approvals]\napprovers = [\"alice\", \"bob\"]\nquorum = {{ people = 2, above = \"0.5 usd\" }}\n\
         [[person]]\nname = \"alice\"\nmail = \"{READER}\"\n[[person]]\nname = \"bob\"\nmail = \"{bob}\"\n\
         [[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
         steps = [{{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }}]\n",
        server.policy("smtps", "", "[\"question\"]")
    ));
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("all is done")]);
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    let asked = server.wait_for(|got| got.len() == 2);
    let token_of = |reader: &str| {
        let letter = asked.iter().find(|letter| header(letter, "To") == reader).unwrap_or_else(|| panic!("{asked:#?}"));
        command(letter, "approve").split(' ').nth(4).unwrap().to_owned()
    };
    let id = command(&asked[0], "approve").split(' ').nth(2).unwrap().to_owned();
    let yes = |amount: &str, token: &str| world.govern(&["approve", &id, "--extend", amount, "--token", token]);
    let (alice, bobs) = (token_of(READER), token_of(bob));
    yes("1usd", &alice).expect_code(0).expect_said("1 of 2");
    yes("1usd", &alice).expect_code(125).expect_said("has said so before");
    let row = || {
        let shown = world.govern(&["approvals", "--all", "--format", "json"]).expect_code(0);
        serde_json::from_slice::<Value>(&shown.stdout).unwrap()["rows"][0].clone()
    };
    assert_eq!((row()["state"].as_str(), &row()["votes"]), (Some("pending"), &serde_json::json!(["alice (mail)"])));
    yes("2usd", &bobs).expect_code(0).expect_said("1 of 2");
    yes("1usd", &bobs).expect_code(0).expect_said("extended by $1.00");
    governed.finish().expect_code(0).expect_outcome("ended");
    assert_eq!(row()["by"].as_str(), Some("alice (mail) and bob (mail)"), "{:#}", row());
    world.govern(&["audit", "verify"]).expect_code(0);
}
