//! `govern doctor`: what is installed, what it can do for govern, and what is wrong.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::channels;
use super::format::{Format, put_as};
use super::hooks::called::{Called, ReplacedBy};
use super::policy::of_here_and_now;
use crate::error::Result;
use crate::exit::Exit;
use crate::ledger::{Ledger, LedgerError};
use crate::policy::rule::Policy;
use crate::prepare::here::Here;
use crate::prepare::price_list;
use crate::process;
use crate::report::json::to_text;
use crate::report::page::{Item, Page, Tone};
use crate::report::text::count;
use crate::tail::{self, Watcher};

/// What is installed, what it can do for govern, and what is wrong.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct DoctorArgs {
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs a program with arguments and gives back what it wrote to standard output.
pub type Ask<'a> = &'a dyn Fn(&Path, &[&str]) -> io::Result<String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Ok,
    Warn,
    Bad,
}

struct Finding {
    health: Health,
    about: &'static str,
    what: String,
    /// What to do about it.
    todo: Option<String>,
}

impl Finding {
    fn new(health: Health, about: &'static str, what: impl Into<String>) -> Self {
        Self { health, about, what: what.into(), todo: None }
    }

    fn todo(mut self, todo: impl Into<String>) -> Self {
        self.todo = Some(todo.into());
        self
    }
}

/// This govern, and the prices that it counts by.
fn own(here: &Here<'_>) -> Finding {
    let version = env!("CARGO_PKG_VERSION");
    match price_list::in_force(|name| here.variable(name)) {
        Ok(list) => Finding::new(Health::Ok, "govern", format!("{version}, prices of {}", list.version())),
        Err(error) => Finding::new(Health::Bad, "govern", format!("{version}; {}", error.message()))
            .todo("govern prices update FILE, or remove the file"),
    }
}

/// Looks at everything, and tries what it says. Exits with 1 where something would keep a run from starting, or govern from
/// what it is there for.
pub fn run(args: &DoctorArgs, out: &mut dyn Write, here: &Here<'_>, ask: Ask<'_>) -> Result<Exit> {
    let mut findings = vec![own(here)];
    findings.extend(codex(here, ask));
    findings.extend(installed_hooks(here));
    findings.extend(codex_home(here));
    findings.extend(watches());
    findings.push(ledger(here));
    findings.push(policy(here));
    findings.extend(channels::standing(here).into_iter().map(channel));
    let mut page = Page::default();
    page.list(findings.iter().map(item).collect());
    put_as(out, here.look, args.format, &page, || to_text(&document(&findings)))?;
    let bad = findings.iter().any(|finding| finding.health == Health::Bad);
    Ok(if bad { Exit::Negative } else { Exit::Success })
}

fn channel((name, found): (&'static str, std::result::Result<String, String>)) -> Finding {
    match found {
        Ok(what) => Finding::new(Health::Ok, name, what),
        Err(why) => Finding::new(Health::Warn, name, why).todo(format!("govern notify test {name}")),
    }
}

fn item(finding: &Finding) -> Item {
    let (word, tone) = match finding.health {
        Health::Ok => ("ok", Tone::Good),
        Health::Warn => ("warn", Tone::Warn),
        Health::Bad => ("bad", Tone::Bad),
    };
    let todo = finding.todo.as_deref().map(|todo| format!(" → {todo}")).unwrap_or_default();
    Item::new(format!("{word:<4}  {}", finding.about), format!("{}{todo}", finding.what), tone)
}

fn document(findings: &[Finding]) -> serde_json::Value {
    let rows: Vec<serde_json::Value> = findings
        .iter()
        .map(|finding| {
            let health = match finding.health {
                Health::Ok => "ok",
                Health::Warn => "warn",
                Health::Bad => "bad",
            };
            json!({ "health": health, "about": finding.about, "what": finding.what, "todo": finding.todo })
        })
        .collect();
    json!({ "schema": "govern.doctor/1", "rows": rows })
}

/// The Codex that a plain `codex` starts here.
fn codex(here: &Here<'_>, ask: Ask<'_>) -> Vec<Finding> {
    let Some(path) = in_path(here, OsStr::new("codex")) else {
        return vec![
            Finding::new(Health::Warn, "codex", "there is no `codex` in PATH")
                .todo("install it: npm install -g @openai/codex"),
        ];
    };
    let shown = path.display();
    match ask(&path, &["--version"]) {
        Err(error) => vec![
            Finding::new(Health::Bad, "codex", format!("{shown} does not run: {error}"))
                .todo("run `codex --version` yourself; npm's needs Node"),
        ],
        Ok(answer) => match version(&answer) {
            None => vec![Finding::new(
                Health::Warn,
                "codex",
                format!("{shown} says `{}`, which is no version", answer.trim()),
            )],
            Some(version) => {
                let (major, minor, patch) = version;
                vec![
                    Finding::new(Health::Ok, "codex", format!("{major}.{minor}.{patch} in {shown}")),
                    metering(version),
                    gate(version),
                ]
            }
        },
    }
}

/// What Codex itself makes of installed hooks.
fn installed_hooks(here: &Here<'_>) -> Vec<Finding> {
    let Some(codexes) = super::hooks::in_force(here) else { return Vec::new() };
    let finding = |(what, whole): (String, Option<bool>)| match whole {
        Some(true) => Finding::new(Health::Ok, "hooks", what),
        Some(false) => Finding::new(Health::Bad, "hooks", what).todo("`govern hooks status` tells more"),
        None => Finding::new(Health::Warn, "hooks", what),
    };
    let called = super::hooks::called::called(here);
    codexes.into_iter().map(finding).chain(called.iter().map(called_by_hooks)).collect()
}

/// The govern that installed hooks call by its path: what an agent puts there would be called in its place.
fn called_by_hooks(called: &Called) -> Finding {
    let program = called.program.display();
    let install = if called.managed { "govern hooks install --system" } else { "govern hooks install" };
    if !called.is_there {
        return Finding::new(
            Health::Bad,
            "hooks",
            format!("they call {program}, which is not there: Codex gets nothing done"),
        )
        .todo(format!("put govern there again, or call `{install}` with another"));
    }
    let (health, what, todo) = match called.replaced_by {
        ReplacedBy::Sandboxed => (
            Health::Bad,
            "which lies where Codex's own sandbox lets an agent write",
            Some(format!("put govern elsewhere, and call `{install}` there")),
        ),
        ReplacedBy::User if called.managed => (
            Health::Warn,
            "which not only root may replace",
            Some("put it where only root writes, such as /usr/local/bin".to_owned()),
        ),
        _ if !called.is_this => {
            (Health::Warn, "which is another govern than this one", Some(format!("`{install}` writes down this one")))
        }
        ReplacedBy::User => (Health::Ok, "which an agent outside of Codex's sandbox may replace", None),
        ReplacedBy::Root => (Health::Ok, "which only root may replace", None),
    };
    let finding = Finding::new(health, "hooks", format!("they call {program}, {what}"));
    match todo {
        Some(todo) => finding.todo(todo),
        None => finding,
    }
}

/// The first `N.N.N` of a text such as `codex-cli 0.169.0`.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.')).find_map(|word| {
        let mut parts = word.split('.');
        let version = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(version)
    })
}

/// What hooks of this version can hold. What one does is found out when it runs.
fn gate(version: (u32, u32, u32)) -> Finding {
    let (health, what) = if version >= (0, 164, 0) {
        (Health::Ok, "requests and tools wait for govern, inside Codex's own screen")
    } else if version >= (0, 135, 0) {
        (Health::Warn, "tools wait for govern, requests do not: an agent is held by signals, its screen with it")
    } else {
        (Health::Warn, "this Codex has no hooks that govern can use: an agent is held by signals alone")
    };
    let finding = Finding::new(health, "gate", what);
    if health == Health::Ok { finding } else { finding.todo("update Codex: npm install -g @openai/codex") }
}

/// What the records of this version tell, and when.
fn metering(version: (u32, u32, u32)) -> Finding {
    if version >= (0, 151, 0) {
        let what = "a usage record for each response, before its tool runs";
        return Finding::new(Health::Ok, "metering", what);
    }
    Finding::new(
        Health::Warn,
        "metering",
        "this Codex records a response's usage only after its tools have run: a limit is noticed that much later",
    )
    .todo("update: 0.160 and later write a usage record at once")
}

/// The first program of this name in the user's PATH.
pub(super) fn in_path(here: &Here<'_>, program: &OsStr) -> Option<PathBuf> {
    let path = here.variable("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| {
        fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}

fn codex_home(here: &Here<'_>) -> Vec<Finding> {
    let home = here.variable("CODEX_HOME").map(PathBuf::from);
    let Some(home) = home.or_else(|| Some(PathBuf::from(here.variable("HOME")?).join(".codex"))) else {
        return vec![Finding::new(Health::Bad, "sessions", "neither CODEX_HOME nor HOME is set").todo("set HOME")];
    };
    let sessions = home.join("sessions");
    let found = match fs::read_dir(&sessions) {
        Ok(_) => Finding::new(Health::Ok, "sessions", format!("{} can be read", sessions.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Finding::new(Health::Ok, "sessions", format!("{} will be made by the first session", sessions.display()))
        }
        Err(error) => Finding::new(Health::Bad, "sessions", format!("{} cannot be read: {error}", sessions.display()))
            .todo("under a limit govern refuses to run what it cannot observe: make the folder yours"),
    };
    vec![found, login(here, &home)]
}

/// Who is paid, as Codex's own file and environment say.
fn login(here: &Here<'_>, home: &Path) -> Finding {
    let key = ["OPENAI_API_KEY", "CODEX_API_KEY"].into_iter().find(|name| here.variable(name).is_some());
    let text = tail::settings::at(&home.join("auth.json"));
    let mode = text.as_deref().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let said = mode.as_ref().and_then(|auth| auth.get("auth_mode")).and_then(|mode| mode.as_str());
    let tokens = mode.as_ref().is_some_and(|auth| auth.get("tokens").is_some_and(|tokens| !tokens.is_null()));
    match (said.map(str::to_ascii_lowercase).as_deref(), tokens, key) {
        (Some("apikey"), _, _) => {
            Finding::new(Health::Ok, "login", "an API key: costs are list prices, and the bill may differ")
        }
        (Some(mode), _, _) if mode.starts_with("chatgpt") => plan(),
        (None, true, _) => plan(),
        (Some(other), _, _) => {
            Finding::new(Health::Warn, "login", format!("`{other}`, which this govern does not know"))
        }
        (None, false, Some(name)) => Finding::new(Health::Ok, "login", format!("an API key in {name}")),
        (None, false, None) if text.is_some() => Finding::new(Health::Ok, "login", "an API key in auth.json"),
        (None, false, None) => {
            Finding::new(Health::Warn, "login", "Codex is not logged in here").todo("run `codex login`")
        }
    }
}

fn plan() -> Finding {
    Finding::new(Health::Ok, "login", "a ChatGPT plan: dollars are the list-price equivalent, nobody is billed them")
}

/// Sessions are watched by inotify, whose limits are the user's (inotify(7)).
fn watches() -> Option<Finding> {
    let limit = |name: &str| -> Option<u64> {
        fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).ok()?.trim().parse().ok()
    };
    // What a namespace allows may be less than what stands there.
    let tried = Watcher::new(|_| {}).and_then(|mut watcher| watcher.add_folder(Path::new("/")));
    if let Err(error) = tried {
        let what = format!("session files cannot be watched: {error}");
        let todo =
            "close what watches many files, or raise fs.inotify.max_user_watches and max_user_instances with sysctl";
        return Some(Finding::new(Health::Bad, "inotify", what).todo(todo));
    }
    let (watches, instances) = (limit("max_user_watches")?, limit("max_user_instances")?);
    let what = format!("{} and {}", count(watches, "watch", "watches"), count(instances, "instance", "instances"));
    if watches < 8_192 || instances < 64 {
        let todo = "raise fs.inotify.max_user_watches and max_user_instances with sysctl";
        return Some(Finding::new(Health::Warn, "inotify", format!("{what} allowed, shared with editors")).todo(todo));
    }
    Some(Finding::new(Health::Ok, "inotify", format!("{what} allowed")))
}

fn ledger(here: &Here<'_>) -> Finding {
    let folder = match here.state_folder() {
        Ok(folder) => folder,
        Err(error) => return Finding::new(Health::Bad, "ledger", error.to_string()),
    };
    match Ledger::open_read_only(&folder) {
        Err(LedgerError::NoLedger { .. }) if let Some(why) = unwritable(&folder) => Finding::new(
            Health::Bad,
            "ledger",
            format!("none yet, and none can be made in {}: {why}", folder.display()),
        )
        .todo("set GOVERN_HOME to a folder of yours"),
        Err(LedgerError::NoLedger { .. }) => {
            Finding::new(Health::Ok, "ledger", format!("none yet; the first run makes one in {}", folder.display()))
        }
        Err(error) => {
            let found = Finding::new(Health::Bad, "ledger", error.to_string());
            match error.hint() {
                Some(hint) => found.todo(hint),
                None => found,
            }
        }
        Ok(ledger) => match (ledger.runs().list(&crate::ledger::RunFilter::default()), ledger.created()) {
            (Ok(_), Ok(_)) if let Err(error) = Ledger::try_to_write(&folder) => {
                let what = format!("{} can be read, but no run can be recorded: {error}", folder.display());
                let found = Finding::new(Health::Bad, "ledger", what);
                match error.hint() {
                    Some(hint) => found.todo(hint),
                    None => found,
                }
            }
            (Ok(runs), Ok(created)) => {
                let runs = count(runs.len() as u64, "run", "runs");
                let what = format!("{runs} since {} in {}", created.date_naive(), folder.display());
                Finding::new(Health::Ok, "ledger", what)
            }
            (Err(error), _) | (_, Err(error)) => Finding::new(Health::Bad, "ledger", error.to_string()),
        },
    }
}

/// Why nothing can be made in a folder, which may have to be made itself.
fn unwritable(folder: &Path) -> Option<String> {
    let mut chain: Vec<PathBuf> = folder.ancestors().map(Path::to_owned).collect();
    chain.reverse();
    process::cannot_write_in(process::own_identity()?.pid, &chain)
}

fn policy(here: &Here<'_>) -> Finding {
    match here.policy(None) {
        Err(_) => Finding::new(Health::Bad, "policy", "what applies here cannot be obeyed: every run is refused")
            .todo("run `govern policy check`"),
        Ok(loaded) => {
            let policy = &loaded.policy;
            let files = count(policy.sources.len() as u64, "file", "files");
            if !policy.has_rules() {
                return Finding::new(
                    Health::Ok,
                    "policy",
                    "no budget applies here: spend is metered, nothing is stopped",
                )
                .todo("`govern init` writes a policy to begin with");
            }
            let rules = rules(policy);
            let number = loaded.warnings.len() + of_here_and_now(&loaded, here).len();
            if number == 0 {
                Finding::new(Health::Ok, "policy", format!("{rules} in {files}"))
            } else {
                let warnings = count(number as u64, "warning", "warnings");
                Finding::new(Health::Warn, "policy", format!("{rules} in {files}, {warnings}"))
                    .todo("run `govern policy check`")
            }
        }
    }
}

/// `2 budgets, 1 gate`: what of a policy could hold, refuse, ask or warn. Without a budget that is said.
fn rules(policy: &Policy) -> String {
    // What a budget over a plan's own limits does stands among the alerts, too.
    let alerts = policy.alerts.iter().filter(|alert| alert.step_of.is_none()).count();
    let counted = [(policy.gates.len(), "gate", "gates"), (alerts, "alert", "alerts")];
    let mut said = vec![match policy.count_of_budgets() {
        0 => "no budget".to_owned(),
        budgets => count(budgets as u64, "budget", "budgets"),
    }];
    said.extend(
        counted.iter().filter(|(found, ..)| *found > 0).map(|(found, one, more)| count(*found as u64, one, more)),
    );
    if policy.models.restricts() {
        said.push("lists of models".to_owned());
    }
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_codex_says() {
        for (said, found) in [
            ("codex-cli 0.169.0\n", Some((0, 169, 0))),
            ("codex 0.45.0-alpha.3", Some((0, 45, 0))),
            ("1.0", None),
            ("", None),
        ] {
            assert_eq!(version(said), found, "{said}");
        }
    }

    #[test]
    fn hooks_whose_govern_is_gone_are_said_to_hold_codex_up() {
        let program = PathBuf::from("/opt/govern");
        let called = Called { program, managed: false, is_there: false, is_this: false, replaced_by: ReplacedBy::Root };
        let found = called_by_hooks(&called);
        assert_eq!(found.health, Health::Bad);
        assert_eq!(found.what, "they call /opt/govern, which is not there: Codex gets nothing done");
    }

    #[test]
    fn an_old_codex_meters_late() {
        assert_eq!(metering((0, 169, 0)).health, Health::Ok);
        assert_eq!(metering((0, 150, 0)).health, Health::Warn);
        assert_eq!(metering((1, 0, 0)).health, Health::Ok);
    }
}
