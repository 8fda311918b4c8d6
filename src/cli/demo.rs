//! `govern demo`: govern's main job in half a minute, offline and without an account.
//!
//! An agent that is never done works for a small server on loopback under a budget of ten cents. It is warned, goes on with a
//! cheaper model, and is stopped before it would pass the limit. Then the ledger's report, and what the server itself counted.

mod server;
pub(super) mod stand_in;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::doctor;
use super::format::put;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{Ledger, SumQuery};
use crate::model::Sum;
use crate::prepare::here::Here;
use crate::process;
use crate::report::Page;
use crate::report::text::shell_words;
use server::Server;

/// The policy, and the command's own first line.
const POLICY: &str = include_str!("demo/demo.toml");
const DEAR: &str = "gpt-6.2-sol";
const CHEAP: &str = "gpt-6.1-terra";

/// By these the stand-in knows that it is meant, and whom to ask.
const STAND_IN: &str = "GOVERN_DEMO_STAND_IN";
const BASE_URL: &str = "GOVERN_DEMO_URL";

/// See it at work: an agent on a budget of ten cents, offline, without an account
#[derive(clap::Args, Clone, Debug, Default)]
pub struct DemoArgs {
    /// Play with the built-in stand-in although there is a Codex
    #[arg(long)]
    pub stand_in: bool,
    /// Keep the folder with its ledger, to look at
    #[arg(long)]
    pub keep: bool,
}

/// Plays it.
pub fn run(args: &DemoArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let codex = doctor::in_path(here, OsStr::new("codex")).filter(|_| !args.stand_in);
    let failed = |error: std::io::Error| Error::new("the demonstration cannot be set up").caused_by(&error);
    // What is kept is nobody's to clear away.
    let name = if args.keep { format!("demo-{}", here.now.format("%Y%m%d-%H%M%S%3f")) } else { "demo".to_owned() };
    let stage = Stage::set(&here.state_folder()?.join(name), codex.as_deref(), here).map_err(failed)?;
    put(out, &here.look.render(&introduction(codex.as_deref(), args.stand_in)))?;
    heading(out, here, "A policy for an agent that is never done: demo.toml")?;
    put(out, POLICY)?;
    let command = [
        "run",
        "--policy",
        "demo.toml",
        "--agent",
        "demo",
        "--",
        "codex",
        "exec",
        "--skip-git-repo-check",
        "Tidy this up.",
    ];
    let code = stage.show(out, here, &command)?;
    if code != Some(124) {
        return Err(Error::new("the policy should have ended the agent, with 124")
            .hint(format!("the folder `{}` is kept: it has the ledger and what was written", stage.folder.display())));
    }
    put(out, "\nExit code 124: the policy ended it.\n")?;
    for command in [&["report", "--by", "agent,model"][..], &["budget", "--policy", "demo.toml"], &["audit", "verify"]]
    {
        stage.show(out, here, command)?;
    }
    stage.compare(out, here)?;
    let mut page = Page::of_notes(["Next, in a folder where you work:"]);
    for next in ["govern doctor", "govern init --template solo", "govern run --budget 2usd -- codex exec \"…\""] {
        page.command(next);
    }
    put(out, &format!("\n{}", here.look.render(&page)))?;
    if args.keep {
        let mut page = Page::of_notes([format!("Kept: `{}`. To look at its ledger:", stage.folder.display())]);
        let home = shell_words(&[stage.folder.join("govern").to_string_lossy()]);
        page.command(format!("GOVERN_HOME={home} govern report --last"));
        put(out, &format!("\n{}", here.look.render(&page)))?;
    } else {
        fs::remove_dir_all(&stage.folder).map_err(failed)?;
    }
    Ok(Exit::Success)
}

/// Who plays the agent.
fn introduction(codex: Option<&Path>, asked_for: bool) -> Page {
    match codex {
        Some(path) => Page::of_notes([format!(
            "The Codex of this machine (`{}`) works for a small server on loopback: no account, no key, nothing leaves the machine.",
            path.display()
        )]),
        None => {
            let why = if asked_for { "As you asked" } else { "No Codex is on PATH" };
            let mut page = Page::of_notes([format!(
                "{why}: A BUILT-IN STAND-IN plays the agent, and a small server on loopback the model. The real one \
                 is asked by hooks before each request; of the stand-in only its session file is read. To see the real one:",
            )]);
            page.command(if asked_for { "govern demo" } else { "npm install -g @openai/codex" });
            page
        }
    }
}

/// What is shown next, so that it is found again in a screen full of text.
fn heading(out: &mut dyn Write, here: &Here<'_>, text: &str) -> Result<()> {
    let mut page = Page::default();
    page.title(format!("### {text}"));
    put(out, &format!("\n{}\n", here.look.render(&page)))
}

/// A home, a folder and a server for this demonstration alone.
struct Stage {
    folder: PathBuf,
    govern: PathBuf,
    server: Server,
    env: Vec<(&'static str, OsString)>,
}

impl Stage {
    fn set(folder: &Path, codex: Option<&Path>, here: &Here<'_>) -> std::io::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        for name in ["home", "codex", "bin", "work"] {
            fs::create_dir_all(folder.join(name))?;
        }
        let govern = std::env::current_exe()?;
        symlink(codex.unwrap_or(&govern), folder.join("bin/codex"))?;
        let server = Server::start()?;
        let config = format!(
            "model = \"{DEAR}\"\nmodel_provider = \"demo\"\napproval_policy = \"never\"\nsandbox_mode = \"danger-full-access\"\n\
             [model_providers.demo]\nname = \"demo\"\nbase_url = \"{}\"\nwire_api = \"responses\"\nenv_key = \"DEMO_KEY\"\n\
             request_max_retries = 0\nstream_max_retries = 0\n",
            server.base_url()
        );
        fs::write(folder.join("codex/config.toml"), config)?;
        fs::write(folder.join("work/demo.toml"), POLICY)?;
        let mut path = folder.join("bin").into_os_string();
        path.push(":");
        path.push(here.variable("PATH").unwrap_or_default());
        let at = |name: &str| folder.join(name).into_os_string();
        let mut env = vec![
            ("PATH", path),
            ("HOME", at("home")),
            ("XDG_CONFIG_HOME", at("home/.config")),
            ("CODEX_HOME", at("codex")),
            ("GOVERN_HOME", at("govern")),
            ("GOVERN_POLICY", OsString::new()),
            ("GITHUB_STEP_SUMMARY", OsString::new()),
            ("GITHUB_OUTPUT", OsString::new()),
            ("DEMO_KEY", "not-a-key".into()),
            (BASE_URL, server.base_url().into()),
        ];
        if codex.is_none() {
            env.push((STAND_IN, "1".into()));
        }
        Ok(Self { folder: folder.to_owned(), govern, server, env })
    }

    /// Shows a command of govern's, and what it does.
    fn show(&self, out: &mut dyn Write, here: &Here<'_>, words: &[&str]) -> Result<Option<i32>> {
        let quoted = |word: &&str| if word.contains(' ') { format!("\"{word}\"") } else { (*word).to_owned() };
        heading(out, here, &format!("govern {}", words.iter().map(quoted).collect::<Vec<_>>().join(" ")))?;
        process::show(&self.govern, words, &self.env, &self.folder.join("work"))
            .map_err(|error| Error::new("govern cannot start itself").caused_by(&error))
    }

    /// The ledger against the server's own count.
    fn compare(&self, out: &mut dyn Write, here: &Here<'_>) -> Result<()> {
        let rows = Ledger::open_read_only(&self.folder.join("govern"))?.sums().rows(&SumQuery::default())?;
        let mut sum = Sum::default();
        rows.iter().for_each(|row| sum.add(&row.sum));
        let models = self.server.served();
        let answers = models.len() as u64;
        let (input, output) = Server::counted(answers);
        heading(out, here, "What the server has counted itself")?;
        let (responses, tokens) = (sum.responses, sum.tokens);
        put(
            out,
            &format!(
                "           responses     input    output\nserver     {answers:>9} {input:>9} {output:>9}\n\
                 ledger     {responses:>9} {:>9} {:>9}\n\nin order:  {}\n",
                tokens.input,
                tokens.output,
                models.join(", ")
            ),
        )?;
        if (responses, tokens.input, tokens.output) != (answers, input, output) {
            return Err(Error::new("the ledger and the server do not agree"));
        }
        if !models.iter().any(|model| model == CHEAP) {
            return Err(Error::new("the cheaper model was never asked"));
        }
        Ok(())
    }
}
