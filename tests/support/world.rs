//! A home, a repository, a `CODEX_HOME` and a ledger of their own for one test, and no way out of them.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use super::codex::{self, Version};
use super::fake_responses::FakeResponses;
use super::process::{Finished, LONG, Running};

/// The model that Codex is configured with.
pub const MODEL: &str = "gpt-6.1-sol";
/// One that a governor asks.
pub const ADVISER: &str = "gpt-6-luna";
/// A cheaper one.
pub const CHEAPER: &str = "gpt-6.1-terra";
/// One that no catalogue and no price table knows.
pub const UNKNOWN: &str = "gpt-test-unheard-of";

/// Marks every process of a world in its environment.
const MARK: &str = "GOVERN_TEST_WORLD";

/// One test's surroundings; all of it goes on drop, processes included.
pub struct World {
    dir: PathBuf,
    mark: String,
    /// What Codex talks to.
    pub server: FakeResponses,
    environment: Vec<(String, String)>,
}

impl World {
    /// One without Codex.
    pub fn without_codex() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let mark = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        // Codex refuses a home below /tmp.
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("world-{mark}"));
        let _ = fs::remove_dir_all(&dir);
        for folder in ["home", "codex", "bin", "work", "config"] {
            fs::create_dir_all(dir.join(folder)).unwrap();
        }
        let server = FakeResponses::start().unwrap();
        let mut world = Self { dir, mark, server, environment: Vec::new() };
        world.environment = world.clean_environment();
        world.configure_codex("");
        symlink(env!("CARGO_BIN_EXE_govern"), world.path("bin/govern")).unwrap();
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        world.write("work/README.md", "# A repository to work in\n");
        world.git(&["add", "."]);
        world.git(&["commit", "--quiet", "--message=first"]);
        world
    }

    /// One with this Codex on its `PATH`; `None` where the test must be skipped.
    pub fn with_codex(version: Version) -> Option<Self> {
        let launcher = codex::real(version)?;
        let world = Self::without_codex();
        symlink(launcher, world.path("bin/codex")).unwrap();
        Some(world)
    }

    /// Makes Codex one that has no hooks, as far as govern's flags go.
    pub fn take_hooks_away(&self) {
        let launcher = self.path("bin/codex");
        let real = fs::read_link(&launcher).unwrap();
        fs::remove_file(&launcher).unwrap();
        let script = format!(
            "#!/bin/bash\nargs=()\nwhile [ $# -gt 0 ]; do\n  case \"$1 $2\" in\n    \"-c hooks.\"*|\"-c features.hooks\"*) shift 2;;\n    \
             *) args+=(\"$1\"); shift;;\n  esac\ndone\nexec {} \"${{args[@]}}\"\n",
            real.display()
        );
        fs::write(&launcher, script).unwrap();
        fs::set_permissions(&launcher, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Puts another Codex in the place of the first; false where the test must be skipped.
    pub fn use_codex(&self, version: Version) -> bool {
        let Some(launcher) = codex::real(version) else { return false };
        let _ = fs::remove_file(self.path("bin/codex"));
        symlink(launcher, self.path("bin/codex")).unwrap();
        true
    }

    fn clean_environment(&self) -> Vec<(String, String)> {
        let folder = |name: &str| self.path(name).display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        let zone = std::env::var("TZ").unwrap_or_else(|_| "UTC".to_owned());
        // On another day (`tests/on-another-day`) it is that for all that a test starts.
        let day = ["LD_PRELOAD", "FAKETIME", "DONT_FAKE_MONOTONIC", "NO_FAKE_STAT"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
        let own = [
            ("PATH", format!("{}:{path}", folder("bin"))),
            ("HOME", folder("home")),
            ("CODEX_HOME", folder("codex")),
            ("GOVERN_HOME", folder("govern")),
            ("XDG_CONFIG_HOME", folder("config")),
            ("MOCK_KEY", "not-a-key".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("TZ", zone),
            ("USER", "tester".to_owned()),
            ("GIT_AUTHOR_NAME", "tester".to_owned()),
            ("GIT_AUTHOR_EMAIL", "tester@example.com".to_owned()),
            ("GIT_COMMITTER_NAME", "tester".to_owned()),
            ("GIT_COMMITTER_EMAIL", "tester@example.com".to_owned()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            (MARK, self.mark.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        own.into_iter().chain(day).collect()
    }

    /// Sets a variable for everything started from now on.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The environment as `env -i` would want it, for a terminal that must be given it.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Points Codex at the fake server, with no retries and no questions; `more` is added as it is.
    pub fn configure_codex(&self, more: &str) {
        let config = format!(
            r#"model = "{MODEL}"
model_provider = "mock"
approval_policy = "never"
sandbox_mode = "danger-full-access"

[model_providers.mock]
name = "mock"
base_url = "{}"
wire_api = "responses"
env_key = "MOCK_KEY"
request_max_retries = 0
stream_max_retries = 0

{more}
"#,
            self.server.base_url()
        );
        self.write("codex/config.toml", &config);
    }

    /// A path in this world.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.join(relative)
    }

    /// The agent's working folder, a git repository with one commit.
    pub fn work(&self) -> PathBuf {
        self.path("work")
    }

    /// Writes a file, folders included.
    pub fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a file and lets it be executed.
    pub fn write_script(&self, relative: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.write(relative, text);
        fs::set_permissions(self.path(relative), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The user's policy: trusted with prices, unlike a repository's. A test has no terminal: what such a policy asks is
    /// waited for all the same.
    pub fn policy(&self, toml: &str) {
        let waits = if toml.contains("\"ask\"") { "[approvals]\nwait_for_nobody = true\n" } else { "" };
        self.write("config/govern/policy.toml", &format!("version = 1\n{toml}\n{waits}"));
    }

    /// The user's policy as it is written, where nobody can be asked.
    pub fn policy_for_nobody(&self, toml: &str) {
        self.write("config/govern/policy.toml", &format!("version = 1\n{toml}"));
    }

    fn git(&self, args: &[&str]) {
        let done = self.run("git", args);
        assert!(done.status.success(), "git {args:?}: {done}");
    }

    /// A command in the working folder, with this world's environment and nothing else.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(self.find(program));
        command.args(args).current_dir(self.work()).env_clear().envs(self.environment.iter().cloned());
        command
    }

    /// Looks in this world's own `bin` first: the search for a program goes by the test's `PATH` otherwise.
    fn find(&self, program: &str) -> PathBuf {
        let own = self.path("bin").join(program);
        if own.exists() { own } else { PathBuf::from(program) }
    }

    /// Starts a command without stdin.
    pub fn start(&self, program: &str, args: &[&str]) -> Running {
        Running::start(self.command(program, args), false)
    }

    /// Starts a command whose stdin the test writes.
    pub fn start_with_stdin(&self, program: &str, args: &[&str]) -> Running {
        Running::start(self.command(program, args), true)
    }

    /// Runs a command to its end.
    #[track_caller]
    pub fn run(&self, program: &str, args: &[&str]) -> Finished {
        self.start(program, args).finish()
    }

    /// Runs govern to its end.
    #[track_caller]
    pub fn govern(&self, args: &[&str]) -> Finished {
        self.run("govern", args)
    }

    /// Starts `govern run FLAGS -- COMMAND`, which will say how it ended in the file that [`Governed`] reads.
    pub fn start_governed(&self, flags: &[&str], command: &[&str]) -> Governed<'_> {
        self.governed(flags, command, false)
    }

    /// The same, whose stdin the test closes.
    pub fn start_governed_with_stdin(&self, flags: &[&str], command: &[&str]) -> Governed<'_> {
        self.governed(flags, command, true)
    }

    fn governed(&self, flags: &[&str], command: &[&str], stdin_open: bool) -> Governed<'_> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let json = self.path(&format!("run-{}.json", COUNT.fetch_add(1, Ordering::Relaxed)));
        let json_text = json.display().to_string();
        let mut args = vec!["run", "--json", &json_text];
        args.extend(flags);
        args.push("--");
        args.extend(command);
        Governed { world: self, running: Running::start(self.command("govern", &args), stdin_open), json }
    }

    /// `govern run FLAGS -- COMMAND`, to its end, after which nothing of it may be left.
    #[track_caller]
    pub fn run_governed(&self, flags: &[&str], command: &[&str]) -> GovernedEnd {
        self.start_governed(flags, command).finish()
    }

    /// Starts `govern fleet FLAGS FILE` on a file with this text in the working folder; it says how it ended in the file
    /// that [`Governed`] reads.
    pub fn start_fleet(&self, flags: &[&str], text: &str) -> Governed<'_> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let json = self.path(&format!("fleet-{number}.json"));
        let file = format!("fleet-{number}.toml");
        self.write(&format!("work/{file}"), &format!("version = 1\n{text}"));
        let json_text = json.display().to_string();
        let args = [&["fleet", "--json", &json_text], flags, &[&file]].concat();
        Governed { world: self, running: self.start("govern", &args), json }
    }

    /// The ids of this world's processes that live, zombies not counted.
    pub fn processes(&self) -> Vec<i32> {
        let mark = format!("{MARK}={}", self.mark);
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        numbers
            .filter(|pid| {
                // Those that end while they are looked at, and other users', cannot be read.
                let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
            })
            .collect()
    }

    /// The processes that are not govern's own, with their states as `/proc/PID/stat` has them.
    pub fn agent_states(&self) -> Vec<(i32, char)> {
        let govern = fs::canonicalize(env!("CARGO_BIN_EXE_govern")).unwrap();
        let agents = self
            .processes()
            .into_iter()
            .filter(|pid| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|program| program != govern));
        agents
            .filter_map(|pid| {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
                // The name in parentheses may hold anything, so the state is what follows the last of them.
                Some((pid, stat.rsplit_once(") ")?.1.chars().next()?))
            })
            .collect()
    }

    /// The hooks that wait for an answer, by their command lines: Codex stands still at the gate.
    pub fn hooks(&self) -> Vec<(i32, String)> {
        let lines = self.processes().into_iter().map(|pid| (pid, command_line(pid)));
        // What it does last before it waits is to ask.
        let waits = |pid| fs::read_to_string(format!("/proc/{pid}/wchan")).is_ok_and(|place| place.contains("poll"));
        lines.filter(|(pid, line)| line.split(' ').nth(1) == Some("hook") && waits(*pid)).collect()
    }

    /// Waits until a request waits at the gate.
    #[track_caller]
    pub fn wait_until_at_gate(&self) {
        let deadline = Instant::now() + LONG;
        while !self.hooks().iter().any(|(_, line)| line.contains("pre-model-request")) {
            assert!(Instant::now() < deadline, "no request came to the gate");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Fails if any process of this world lives.
    #[track_caller]
    pub fn expect_no_survivors(&self) {
        let mut list = String::new();
        for pid in self.processes() {
            let _ = writeln!(list, "{pid}: {}", command_line(pid));
        }
        assert!(list.is_empty(), "left running:\n{list}");
    }

    /// Waits until no process of this world lives: for ends that nobody waits for.
    #[track_caller]
    pub fn wait_for_no_survivors(&self, within: Duration) {
        let deadline = Instant::now() + within;
        while !self.processes().is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.expect_no_survivors();
    }

    /// All session files that Codex has written here.
    pub fn session_files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.path("codex/sessions")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "jsonl") {
                    found.push(path);
                }
            }
        }
        found
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for pid in self.processes() {
            let _ = signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        // What a failed test leaves behind tells why it failed.
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// What a process was started with.
pub fn command_line(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// A `govern run` under way.
pub struct Governed<'w> {
    world: &'w World,
    /// govern itself.
    pub running: Running,
    json: PathBuf,
}

impl Governed<'_> {
    /// Waits for govern's end, after which nothing of the agent may be left.
    #[track_caller]
    pub fn finish(self) -> GovernedEnd {
        let finished = self.running.finish();
        self.world.expect_no_survivors();
        Self::end(finished, &self.json)
    }

    /// Waits for govern's end while other processes of the world live on.
    #[track_caller]
    pub fn finish_among_others(self) -> GovernedEnd {
        let finished = self.running.finish();
        Self::end(finished, &self.json)
    }

    fn end(finished: Finished, json: &Path) -> GovernedEnd {
        let summary = fs::read_to_string(json).ok().and_then(|text| serde_json::from_str(&text).ok());
        GovernedEnd { finished, summary: summary.unwrap_or_default() }
    }
}

/// How a `govern run` ended.
pub struct GovernedEnd {
    /// The process.
    pub finished: Finished,
    /// What `--json` said; null if it said nothing.
    pub summary: serde_json::Value,
}

impl GovernedEnd {
    /// The run's id.
    #[track_caller]
    pub fn id(&self) -> String {
        let id = self.summary.get("run").and_then(|run| run.as_str());
        id.unwrap_or_else(|| panic!("no run id in {}\n{}", self.summary, self.finished)).to_owned()
    }

    /// Fails unless govern ended with this code.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        Self { finished: self.finished.expect_code(code), ..self }
    }

    /// Fails unless `outcome.kind` is this.
    #[track_caller]
    pub fn expect_outcome(self, kind: &str) -> Self {
        assert_eq!(self.summary["outcome"]["kind"], kind, "{}\n{}", self.summary, self.finished);
        self
    }

    /// Fails unless stderr holds this text.
    #[track_caller]
    pub fn expect_said(self, text: &str) -> Self {
        Self { finished: self.finished.expect_said(text), ..self }
    }
}
