//! govern's main job in a minute, offline: `cargo run --release --example demo`.
//!
//! A real Codex (from npm; where there is none, a scripted one) works for a fake server on loopback, under a budget of
//! ten cents. It is warned, goes on with a cheaper model, and is stopped before it would pass the limit. Then the
//! ledger's report, and what the server itself has counted.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a demonstration starts programs and talks")]

use std::error::Error;
use std::fs;
use std::io::IsTerminal;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

#[expect(dead_code, unreachable_pub, unused_imports, reason = "written for the tests, which use all of it")]
#[path = "../../tests/support/fake_responses/mod.rs"]
mod fake_responses;
mod scripted_codex;

use fake_responses::{FakeResponses, Reply, Select};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const DEAR: &str = "gpt-6.2-sol";
const CHEAP: &str = "gpt-6.1-terra";

const POLICY: &str = include_str!("demo.toml");

fn main() -> ExitCode {
    // Under the name of `codex` this program is a stand-in for it.
    let called = std::env::args_os().next().map(PathBuf::from);
    if called.as_deref().and_then(Path::file_name).is_some_and(|name| name == "codex") {
        return scripted_codex::main();
    }
    match demonstrate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("the demonstration failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn demonstrate() -> Result<()> {
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(2).ok_or("not in a target folder")?;
    println!("Building govern, and getting the real Codex if it is not here yet …");
    let govern = build_govern(target)?;
    let place = Place::new(&target.join("demo"), &govern, &own)?;

    heading("A policy for an agent that is never done: demo.toml");
    print!("{POLICY}");
    heading("govern run --policy demo.toml --agent demo -- codex exec \"Tidy this up.\"");
    let arguments = ["run", "--policy", "demo.toml", "--agent", "demo", "--", "codex", "exec", "Tidy this up."];
    let ended = place.govern(&arguments).status()?;
    match ended.code() {
        Some(124) => println!("\nExit code 124: the policy ended it."),
        _ => return Err(format!("it should have been stopped by the policy, but: {ended}").into()),
    }
    for arguments in
        [&["report", "--by", "agent,model"][..], &["budget", "--policy", "demo.toml"], &["audit", "verify"]]
    {
        heading(&format!("govern {}", arguments.join(" ")));
        place.govern(arguments).status()?;
    }
    place.compare()
}

/// What is shown next, so that it is found again in a screen full of text.
fn heading(text: &str) {
    let (bold, plain) = if std::io::stdout().is_terminal() { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    println!("\n{bold}### {text}{plain}\n");
}

/// `cargo run --example` does not build binaries: this does, with the same profile.
fn build_govern(target: &Path) -> Result<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--bin", "govern", "--manifest-path"]);
    cargo.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    if target.ends_with("release") {
        cargo.arg("--release");
    }
    if let Some(folder) = target.parent() {
        cargo.arg("--target-dir").arg(folder);
    }
    let built = cargo.status()?;
    if !built.success() {
        return Err("govern could not be built".into());
    }
    Ok(target.join("govern"))
}

/// A home, a repository and a server for this demonstration alone.
struct Place {
    folder: PathBuf,
    server: FakeResponses,
}

impl Place {
    fn new(folder: &Path, govern: &Path, own: &Path) -> Result<Self> {
        let _ = fs::remove_dir_all(folder);
        for name in ["home", "codex", "bin", "work"] {
            fs::create_dir_all(folder.join(name))?;
        }
        symlink(govern, folder.join("bin/govern"))?;
        symlink(real_codex().as_deref().unwrap_or(own), folder.join("bin/codex"))?;
        let place = Self { folder: folder.to_owned(), server: FakeResponses::start()? };
        let config = format!(
            "model = \"{DEAR}\"\nmodel_provider = \"demo\"\napproval_policy = \"never\"\n\
             sandbox_mode = \"danger-full-access\"\n[model_providers.demo]\nname = \"demo\"\nbase_url = \"{}\"\n\
             wire_api = \"responses\"\nenv_key = \"DEMO_KEY\"\nrequest_max_retries = 0\nstream_max_retries = 0\n",
            place.server.base_url()
        );
        fs::write(folder.join("codex/config.toml"), config)?;
        fs::write(folder.join("work/demo.toml"), POLICY)?;
        place.command("git").args(["init", "--quiet"]).status()?;
        // An agent that is never done: it looks around, writes a note, and asks again.
        let step = "date >> notes.txt; sleep 1";
        place.server.always(Select::root(), Reply::exec(step).before(Duration::from_millis(300)));
        Ok(place)
    }

    fn command(&self, program: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.join("work"))
            .env("PATH", format!("{}:{path}", self.folder.join("bin").display()))
            .env("HOME", self.folder.join("home"))
            .env("CODEX_HOME", self.folder.join("codex"))
            .env("GOVERN_HOME", self.folder.join("govern"))
            .env("XDG_CONFIG_HOME", self.folder.join("home/.config"))
            .env("DEMO_KEY", "not-a-key")
            .stdin(Stdio::null());
        command
    }

    fn govern(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&self.folder.join("bin/govern").display().to_string());
        command.args(arguments);
        command
    }

    /// The ledger against the server's own count.
    fn compare(&self) -> Result<()> {
        let report = self.govern(&["report", "--last", "--format", "json"]).output()?;
        let report: serde_json::Value = serde_json::from_slice(&report.stdout)?;
        let totals = report.get("totals").ok_or("a report without totals")?;
        let counted = |key: &str| totals.get(key).and_then(serde_json::Value::as_u64).unwrap_or_default();
        let served = self.server.served();
        let input: u64 = served.iter().map(|request| request.usage.input).sum();
        let output: u64 = served.iter().map(|request| request.usage.output).sum();
        heading("What the server has counted itself");
        println!("           responses     input    output");
        println!("server     {:>9} {input:>9} {output:>9}", served.len());
        let said = [counted("responses"), counted("input_tokens"), counted("output_tokens")];
        println!("ledger     {:>9} {:>9} {:>9}", said[0], said[1], said[2]);
        let models: Vec<&str> = served.iter().map(|request| request.model.as_str()).collect();
        println!("\nin order:  {}", models.join(", "));
        if said != [u64::try_from(served.len())?, input, output] {
            return Err("the ledger and the server do not agree".into());
        }
        if !models.contains(&CHEAP) {
            return Err("the cheaper model was never asked".into());
        }
        Ok(())
    }
}

/// The real Codex, installed at the first run; `None` without npm or network.
fn real_codex() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/install-codex");
    let said = Command::new(script).arg("0.171.0").stdin(Stdio::null()).stderr(Stdio::inherit()).output().ok()?;
    if !said.status.success() {
        println!("No real Codex to be had here: a scripted one stands in for it.");
        return None;
    }
    Some(PathBuf::from(String::from_utf8_lossy(&said.stdout).trim()))
}
