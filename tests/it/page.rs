//! The page of `govern serve`: what it shows, to whom, and that it is brought up to date.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::chromium::Browser;
use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Gate, Reply, Select, Usage};
use crate::support::process::{LONG, Running};
use crate::support::tmux::Terminal;
use crate::support::world::{CHEAPER, GovernedEnd, MODEL, World};

/// A `govern serve` and where its page is.
struct Page {
    _serving: Running,
    address: String,
    key: String,
}

impl Page {
    fn open(world: &World) -> Self {
        let serving = world.start("govern", &["serve", "--listen", "127.0.0.1:0"]);
        serving.wait_for_stderr("this key: ");
        // The key is the last that is said of the page; its line is written at once.
        let said = serving.stderr();
        let after = |text: &str| said.split(text).nth(1).unwrap_or_else(|| panic!("no `{text}` in {said}")).to_owned();
        let address = after("http://").split('/').next().unwrap().to_owned();
        let key = after("this key: ").trim().to_owned();
        Self { _serving: serving, address, key }
    }

    /// Asks with these headers beside the host, and gives all that is answered.
    fn ask(&self, line: &str, headers: &[&str], body: &str) -> Told {
        ask_over(TcpStream::connect(&self.address).unwrap(), &self.address, line, headers, body)
    }

    fn get(&self, path: &str) -> Told {
        self.ask(&format!("GET {path}"), &[], "")
    }

    /// Listens to what is new.
    fn events(&self) -> Events {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        write!(stream, "GET /events HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).unwrap();
        Events(BufReader::new(stream))
    }
}

/// What a page answers.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks over this connection; the host is this, unless a header says otherwise.
#[track_caller]
pub(crate) fn ask_over(mut stream: impl Read + Write, host: &str, line: &str, headers: &[&str], body: &str) -> Told {
    let host = format!("Host: {host}");
    let own = headers.iter().any(|header| header.starts_with("Host:"));
    let mut lines = vec![format!("{line} HTTP/1.1")];
    lines.extend((!own).then_some(host));
    lines.extend(headers.iter().map(|&header| header.to_owned()));
    if !body.is_empty() {
        lines.push("Content-Type: application/x-www-form-urlencoded".to_owned());
        lines.push(format!("Content-Length: {}", body.len()));
    }
    write!(stream, "{}\r\n\r\n{body}", lines.join("\r\n")).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {line}: {answer}"));
    Told { status: head.split(' ').nth(1).unwrap().parse().unwrap(), head: head.to_owned(), body: body.to_owned() }
}

impl Told {
    fn header(&self, name: &str) -> &str {
        let of = |line: &&str| line.to_lowercase().starts_with(&format!("{name}:"));
        self.head.lines().find(of).and_then(|line| line.split_once(": ")).map_or("", |(_, value)| value)
    }
}

struct Events(BufReader<TcpStream>);

impl Events {
    /// Waits for an event of which this is so.
    #[track_caller]
    fn wait_for(&mut self, what: &str, is_so: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + LONG;
        let mut line = String::new();
        while Instant::now() < deadline {
            line.clear();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream has ended before {what}");
            let Some(data) = line.strip_prefix("data: ") else { continue };
            if is_so(&serde_json::from_str(data).unwrap()) {
                return;
            }
        }
        panic!("no event of {what}; the last line: {line}");
    }
}

/// Runs a command to its end while the page is there.
#[track_caller]
fn run_beside(world: &World, flags: &[&str], command: &[&str]) -> GovernedEnd {
    world.start_governed(flags, command).finish_among_others()
}

/// The id of the only run.
fn only_run(world: &World) -> String {
    let runs: Value = serde_json::from_slice(&world.govern(&["runs", "--format", "json"]).stdout).unwrap();
    runs["rows"][0]["run"].as_str().unwrap().to_owned()
}

#[test]
fn it_shows_a_ledger_that_is_empty_and_what_is_new_as_soon_as_it_is_written() {
    let world = World::without_codex();
    let page = Page::open(&world);
    let front = page.get("/");
    assert_eq!((front.status, front.header("content-type")), (200, "text/html; charset=utf-8"), "{}", front.head);
    assert!(front.body.contains("Nothing runs here."), "{}", front.body);
    let mut events = page.events();
    events.wait_for("what is there already", |parts| parts["sums"].as_str().is_some());
    run_beside(&world, &["--team", "web"], &["true"]);
    let run = only_run(&world);
    let link = format!("<a href=\"/runs/{run}\">");
    events.wait_for("the run that was", |parts| parts["runs"].as_str().unwrap_or_default().contains(&link));
    assert!(page.get("/").body.contains(&link));
    let told = page.get(&format!("/runs/{run}"));
    assert_eq!(told.status, 200);
    assert!(
        told.body.contains(&format!("govern run {run}: ended")) && told.body.contains("<dd>web</dd>"),
        "{}",
        told.body
    );
    for nothing in ["/runs/nothing", "/runs/", "/runs/..%2f..", "/questions/x", "/index.html"] {
        assert_eq!(page.get(nothing).status, 404, "{nothing}");
    }
}

#[test]
fn names_from_outside_are_text_and_nothing_is_loaded_from_elsewhere() {
    let world = World::without_codex();
    let team = "<img src=x onerror=alert(1)>";
    world.run_governed(&["--team", team], &["sh", "-c", "true", "</dd><script>alert(1)</script>"]);
    let page = Page::open(&world);
    let run = only_run(&world);
    for path in ["/".to_owned(), format!("/runs/{run}")] {
        let told = page.get(&path);
        assert_eq!(told.status, 200);
        assert!(told.body.contains("&lt;script&gt;alert(1)"), "{}", told.body);
        assert_eq!(told.body.matches("<script").count(), 1, "its own: {}", told.body);
        assert!(!told.body.contains("<img") && !told.body.contains("http"), "{}", told.body);
        for (header, value) in [
            (
                "content-security-policy",
                "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            ),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(told.header(header), value, "{header}");
        }
    }
    for (path, kind) in [
        ("/page.css", "text/css; charset=utf-8"),
        ("/live.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let told = page.get(path);
        assert_eq!((told.status, told.header("content-type")), (200, kind));
        assert!(!told.body.contains("https:") && !told.body.contains("@import"), "{path}");
    }
}

/// As a proxy asks for somebody else: nobody that it asks for is known by the process that asks.
const ELSEWHERE: &str = "X-Forwarded-For: 192.0.2.7";

#[test]
fn whoever_is_not_this_user_brings_the_key() {
    let world = World::without_codex();
    let page = Page::open(&world);
    assert_eq!(page.ask("GET /", &["Host: evil.example"], "").status, 421);
    assert_eq!(page.ask("GET /", &["Host: "], "").status, 421);
    for path in ["/", "/events", "/runs/x", "/nothing"] {
        let refused = page.ask(&format!("GET {path}"), &[ELSEWHERE], "");
        assert_eq!(refused.status, 403, "{path}");
        assert!(refused.body.contains("action=\"/enter\"") && !refused.body.contains(&page.key), "{}", refused.body);
        assert_eq!(
            refused.header("referrer-policy"),
            "same-origin",
            "else a browser does not say where a form is from"
        );
    }
    let key = format!("key={}", page.key);
    let from = format!("Origin: http://{}", page.address);
    for foreign in ["Origin: http://evil.example", "Origin: null", "Origin: http://127.0.0.1:1"] {
        assert_eq!(page.ask("POST /enter", &[ELSEWHERE, foreign], &key).status, 403, "{foreign}");
    }
    // It is no part of an address, where it would be remembered and passed on.
    assert_eq!(page.ask(&format!("GET /enter?{key}"), &[ELSEWHERE], "").status, 403);
    let statuses: Vec<u16> =
        (0..12).map(|_| page.ask("POST /enter", &[ELSEWHERE, &from], "key=wrong").status).collect();
    assert_eq!(statuses, [&[403; 10][..], &[429, 429]].concat());
    let entered = page.ask("POST /enter", &[ELSEWHERE, &from], &key);
    assert_eq!((entered.status, entered.header("location")), (303, "/"), "who guesses shuts out nobody");
    let cookie = entered.header("set-cookie");
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    assert_eq!(page.ask("GET /", &[ELSEWHERE, &cookie], "").status, 200);
    assert_eq!(page.ask("GET /", &[ELSEWHERE, "Cookie: govern=0"], "").status, 403);
    // Nothing is changed by a form here, and no other method is known.
    assert_eq!(page.ask("POST /", &[&from], "x=1").status, 405);
    assert_eq!(page.ask("DELETE /", &[], "").status, 405);
    assert_eq!(page.ask("POST /enter", &[], &"x".repeat(5_000)).status, 413);
}

#[test]
fn an_agent_is_shown_nothing_with_or_without_the_key() {
    let world = World::without_codex();
    let page = Page::open(&world);
    let port = page.address.rsplit(':').next().unwrap();
    let ask = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n' >&3; head -c 12 <&3; \
         exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'POST /enter HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 36\\r\\n\
         Content-Type: application/x-www-form-urlencoded\\r\\n\\r\\nkey={key}' >&3; cat <&3",
        key = page.key
    );
    let end = run_beside(&world, &[], &["bash", "-c", &ask]);
    let out = end.finished.out();
    assert!(out.starts_with("HTTP/1.1 403HTTP/1.1 403") && out.contains("an agent is not shown this page"), "{out}");
    assert!(!out.contains("Set-Cookie") && !out.contains("set-cookie"), "{out}");
    let end = run_beside(&world, &[], &["govern", "serve", "--listen", "127.0.0.1:0"]).expect_code(125);
    end.expect_said("an agent does not serve");
}

#[test]
fn it_says_whether_the_ledger_can_be_read_and_where_it_cannot_be_shown() {
    let world = World::without_codex();
    let page = Page::open(&world);
    assert_eq!(page.ask("GET /healthz", &[ELSEWHERE], "").status, 200);
    let ledger = |name: &str| world.path(&format!("govern/{name}"));
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        std::fs::rename(ledger(name), ledger(&format!("away-{name}"))).unwrap();
    }
    assert_eq!(page.get("/healthz").status, 503);
    world.write("govern/ledger.db", "this is no database, and long enough to be read as a page of one");
    let told = page.get("/");
    assert_eq!(told.status, 503);
    assert!(told.body.contains("class=\"trouble\""), "{}", told.body);
    let taken = world.govern(&["serve", "--listen", &page.address]).expect_code(125);
    taken.expect_said("already");
    let other = World::without_codex();
    let taken = other.govern(&["serve", "--listen", &page.address]).expect_code(125);
    taken.expect_said("the page cannot be shown at").expect_said("--listen 127.0.0.1:0");
    other.govern(&["serve", "--no-page"]).expect_code(125).expect_said("there is nothing to serve");
    other.govern(&["serve", "--no-page", "--listen", "127.0.0.1:0"]).expect_code(2);
}

#[test]
fn a_policy_that_cannot_be_read_hides_budgets_alone() {
    let world = World::without_codex();
    world.run_governed(&[], &["true"]);
    let page = Page::open(&world);
    world.policy("nonsense = 1\n");
    let told = page.get("/");
    assert_eq!(told.status, 200);
    assert!(told.body.contains("the policy has a mistake") && told.body.contains("Last runs"), "{}", told.body);
}

/// A few runs of an account: some are over, one works, and one waits for an answer. Pictures of it are written to
/// `$GOVERN_PICTURES` (`tests/pictures`).
#[test]
fn an_account_at_work_is_seen_whole() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "timezone = \"Europe/Berlin\"\n\
         [[budget]]\nname = \"each run\"\nper = \"run\"\nlimit = \"2 usd\"\n\
         steps = [{ at = \"80%\", do = \"warn\" }, { at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }]\n\
         [[budget]]\nname = \"teams, monthly\"\nper = \"team\"\nwindow = \"month\"\nlimit = \"20 usd\"\n\
         limits = { web = \"5 usd\" }\nsteps = [{ at = \"80%\", do = \"warn\" }, { at = \"100%\", do = \"stop\" }]\n\
         [[gate]]\nname = \"nothing leaves the machine unasked\"\ntool = \"Bash\"\nmatch = [\"git push*\"]\ndo = \"ask\"\n\
         wait = \"15m\"\nelse = \"deny\"\n",
    );
    let ask = |text: &str| Select::root().containing(text);
    let dollars = |cents: u64| Usage::new(40_000, 30_000, cents * 1_000);
    let server = &world.server;
    let gate = Gate::new();
    for (prompt, cents) in [("fix the tests", 84), ("tidy the imports", 61), ("describe the interface", 120)] {
        server
            .script(ask(prompt), [Reply::exec("true").usage(dollars(cents)), Reply::message("done").usage(dollars(9))]);
    }
    server.script(
        ask("rewrite the parser"),
        [Reply::exec("true").usage(dollars(90)), Reply::message("on it").usage(dollars(60)).held_at(&gate)],
    );
    server.script(ask("release it"), [Reply::exec("git push --tags").usage(dollars(38)), Reply::message("released")]);
    let run = |team: &str, agent: &str, model: &str, prompt: &str| {
        let flags = ["--team", team, "--project", "shop", "--agent", agent];
        world.run_governed(&flags, &["codex", "exec", "--model", model, prompt]).expect_code(0);
    };
    run("web", "fixer", MODEL, "fix the tests");
    run("web", "tidier", CHEAPER, "tidy the imports");
    run("infra", "writer", CHEAPER, "describe the interface");
    let works = world.start_governed(
        &["--team", "web", "--project", "shop", "--agent", "parser"],
        &["codex", "exec", "rewrite the parser"],
    );
    let asks = world.start_governed(
        &["--team", "infra", "--project", "shop", "--agent", "release"],
        &["codex", "exec", "release it"],
    );
    let page = Page::open(&world);
    let mut events = page.events();
    events.wait_for("a question", |parts| parts["waiting"].as_str().unwrap_or_default().contains("govern approve "));
    events.wait_for("what the parser has spent", |parts| {
        let running = parts["running"].as_str().unwrap_or_default();
        running.contains("parser") && running.contains("$0.9")
    });
    let front = page.get("/").body;
    for part in
        ["Budgets (Europe/Berlin)", "teams, monthly", "Today by team", "Today by model", "This month by project"]
    {
        assert!(front.contains(part), "no {part}: {front}");
    }
    assert!(front.contains("git push --tags"), "{front}");
    pictures(&world, &page);
    let asked: Value = serde_json::from_slice(&world.govern(&["approvals", "--format", "json"]).stdout).unwrap();
    world.govern(&["deny", &asked["rows"][0]["id"].to_string(), "--reason", "not on a Friday"]).expect_code(0);
    events.wait_for("no question", |parts| parts["waiting"].as_str() == Some(""));
    gate.open();
    asks.finish_among_others();
    works.finish_among_others();
    events.wait_for("nothing that runs", |parts| {
        parts["running"].as_str().unwrap_or_default().contains("Nothing runs here.")
    });
}

/// Phone, dark and desktop, and the same account in a terminal; nothing unless somebody wants them.
fn pictures(world: &World, page: &Page) {
    let Some(folder) = std::env::var_os("GOVERN_PICTURES") else { return };
    let Some(mut browser) = Browser::open(world) else { return };
    let file = |name: &str| Path::new(&folder).join(format!("{name}.png"));
    for (name, size, scheme) in
        [("page-phone", (390, 800), "light"), ("page-dark", (1280, 800), "dark"), ("page", (1280, 800), "light")]
    {
        browser.sized(size, scheme);
        browser.go(&format!("http://{}/", page.address));
        browser.wait_for("document.getElementById('live').textContent === 'live'");
        browser.picture(&file(name));
    }
    let Some(terminal) = Terminal::open_sized(world, 120) else { return };
    terminal.resize(120, 16);
    terminal.run("govern top");
    terminal.wait_for("q quit");
    for (name, keys, shows) in [("top", "", "parser"), ("top-agent", "Enter", "What it did, the last first")] {
        if !keys.is_empty() {
            terminal.resize(120, 30);
            terminal.press(keys);
        }
        terminal.wait_for(shows);
        world.write("terminal.html", &terminal.as_html());
        browser.sized((1_040, 300), "light");
        browser.go(&format!("file://{}", world.path("terminal.html").display()));
        browser.picture(&file(name));
    }
    terminal.type_text("q");
}

/// What a person sees of it: the account at work, on a phone in the dark, and nothing that is asked for elsewhere.
#[test]
fn a_browser_shows_what_is_new_on_a_phone_and_in_the_dark_and_asks_nobody_else() {
    let world = World::without_codex();
    let page = Page::open(&world);
    let Some(mut browser) = Browser::open(&world) else { return };
    let front = format!("http://{}/", page.address);
    let bright = |browser: &mut Browser| {
        let colour = browser.is("getComputedStyle(document.body).backgroundColor");
        let parts = colour.as_str().unwrap().trim_start_matches(|c: char| !c.is_ascii_digit());
        parts.split(',').next().unwrap().trim().parse::<f64>().unwrap() > 128.0
    };
    browser.sized((1280, 800), "light");
    browser.go(&front);
    assert!(bright(&mut browser));
    browser.sized((390, 800), "dark");
    browser.wait_for("document.getElementById('live').textContent === 'live'");
    assert!(!bright(&mut browser));
    browser.wait_for("document.getElementById('running').innerText.includes('Nothing runs here.')");
    // A long name is broken, not a reason to scroll to the side.
    let agent = "an-agent-with-a-name-that-is-longer-than-a-phone-is-wide".repeat(2);
    let command = ["sh", "-c", "while [ ! -e end ]; do sleep 0.05; done"];
    let run = world.start_governed(&["--team", "web", "--agent", &agent], &command);
    browser.wait_for(&format!("document.getElementById('running').innerText.includes('{agent}')"));
    assert_eq!(browser.is("document.documentElement.scrollWidth"), 390, "nothing is cut off at the side");
    world.write("work/end", "");
    run.finish_among_others().expect_code(0);
    browser.wait_for("document.getElementById('running').innerText.includes('Nothing runs here.')");
    browser.wait_for("document.querySelector('#runs a') !== null");
    browser.is("document.querySelector('#runs a').click()");
    browser.wait_for("location.pathname.startsWith('/runs/') && document.body?.innerText.includes('ended') === true");
    let asked = browser.asked();
    assert!(asked.len() > 4 && asked.iter().all(|url| url.starts_with(&front)), "{asked:?}");
}

#[test]
fn all_is_there_without_scripts_by_keys_and_for_a_screen_reader() {
    let world = World::without_codex();
    world.policy("[[budget]]\nname = \"day\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"5 usd\"\nlimits = { web = \"1 usd\" }\n");
    world.run_governed(&["--team", "web"], &["true"]);
    let page = Page::open(&world);
    let Some(mut browser) = Browser::open(&world) else { return };
    browser.without_scripts();
    browser.go(&format!("http://{}/", page.address));
    let text = browser.is("document.body.innerText");
    let text = text.as_str().unwrap();
    assert!(text.contains("as loaded") && text.contains("Last runs") && text.contains("team=web"), "{text}");
    browser.press("Tab", 9);
    assert_eq!(browser.focused(), "A Skip to what is shown");
    let run = format!("A {}", only_run(&world));
    let reached = (0..20).any(|_| {
        browser.press("Tab", 9);
        browser.focused() == run
    });
    assert!(reached, "the run's link is reached by keys");
    let told = browser.read_aloud();
    let is = |role: &str, name: &str| told.iter().any(|(one, other)| one == role && other.contains(name));
    assert!(is("heading", "Last runs") && is("main", "") && is("status", ""), "{told:?}");
    let tables: Vec<_> = told.iter().filter(|(role, _)| role == "table").collect();
    assert!(tables.len() >= 2 && tables.iter().all(|(_, name)| !name.is_empty()), "{tables:?}");
    assert!(is("columnheader", "spent") && is("rowheader", "day"), "{told:?}");
}

#[test]
fn metrics_have_a_listener_of_their_own() {
    let world = World::without_codex();
    let serving = world.start("govern", &["serve", "--no-page", "--metrics", "127.0.0.1:0"]);
    serving.wait_for_stderr("/metrics\n");
    let address = serving.stderr().split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let page = Page { _serving: serving, address, key: String::new() };
    let scraped = page.get("/metrics");
    assert_eq!(scraped.status, 200);
    assert!(scraped.body.contains("govern_build_info"), "{}", scraped.body);
    assert_eq!(page.get("/").status, 404, "nothing else is there");
}

#[test]
fn a_page_that_is_ended_ends_its_streams() {
    let world = World::without_codex();
    let serving = world.start("govern", &["serve", "--listen", "127.0.0.1:0"]);
    serving.wait_for_stderr("this key: ");
    let address = serving.stderr().split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    write!(stream, "GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut first = [0; 1];
    stream.read_exact(&mut first).unwrap();
    serving.signal(Signal::SIGTERM);
    serving.finish().expect_code(0);
    let mut rest = Vec::new();
    // Cut off, or ended: the browser comes again by itself.
    let _cut = stream.read_to_end(&mut rest);
    assert!(TcpStream::connect_timeout(&address.parse().unwrap(), Duration::from_secs(1)).is_err());
}
