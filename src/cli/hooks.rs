//! `govern hooks`: every Codex of this user, or of this machine, under policy, whoever starts it.

pub(in crate::cli) mod asked;
pub(super) mod called;
mod file;
mod status;

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use super::format::Format;
use crate::clock;
use crate::codex::HookEvent;
use crate::codex::installed::{self, Installation, NotChanged, Owner, Trust};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{HookChange, Ledger};
use crate::prepare::here::Here;
use crate::process;
use crate::report::diff;
use crate::report::text::printable;
use crate::tail::{locate, settings};

use asked::Runs;
use file::ConfigFile;

/// Every Codex of this user or machine under policy, wrapped or not.
#[derive(clap::Args, Clone, Debug)]
pub struct HooksArgs {
    /// What to do
    #[command(subcommand)]
    pub verb: HooksVerb,
}

/// What to do with installed hooks.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum HooksVerb {
    /// Put govern's hooks into Codex's configuration; the change is shown first
    Install {
        /// For every user of this machine: /etc/codex/requirements.toml
        #[arg(long)]
        system: bool,
        /// Decide and record, do nothing
        #[arg(long)]
        observe: bool,
        /// Don't ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Take them out again; everything else stays as it is
    Remove {
        /// Those of the machine
        #[arg(long)]
        system: bool,
        /// Don't ask
        #[arg(long, short)]
        yes: bool,
    },
    /// What is installed where, whether Codex trusts it, and what that holds
    Status {
        /// How it is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// What Codex makes of installed hooks; `None` where none are installed. In short, and whether they are in force.
pub(super) fn in_force(here: &Here<'_>) -> Option<Vec<(String, Option<bool>)>> {
    let places = [Place::system(Path::new("/")), Place::user(here)];
    let installed = |place: &Place| {
        let file = ConfigFile::read(&place.path).ok()?;
        Some(!installed::standing(&file.text, place.trust()).ok()?.hooks.is_empty())
    };
    let any = places.iter().flatten().any(|place| installed(place) == Some(true));
    any.then(|| {
        let codexes = asked::all(here).into_iter();
        let row = |codex: asked::Asked| {
            let whole = match codex.runs {
                Runs::All => Some(true),
                Runs::Part(_) | Runs::None(_) => Some(false),
                Runs::Unknown(_) => None,
            };
            (format!("{} {}", codex.path.display(), codex.runs.text()), whole)
        };
        codexes.map(row).collect()
    })
}

/// Does it.
pub fn run(args: &HooksArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    match &args.verb {
        HooksVerb::Install { system, observe, yes } => {
            let what = if *observe { HookChange::InstallObserving } else { HookChange::Install };
            change(here, *system, what, *yes)
        }
        HooksVerb::Remove { system, yes } => change(here, *system, HookChange::Remove, *yes),
        HooksVerb::Status { format } => status::run(*format, out, here),
    }
}

/// A file of Codex's in which hooks may stand.
struct Place {
    /// As a person knows it.
    path: PathBuf,
    /// What Codex's trust in its hooks goes by: see [`Trust`]. A managed file has one, its folder.
    named: Vec<String>,
    managed: bool,
}

impl Place {
    /// The user's own.
    fn user(here: &Here<'_>) -> Result<Self> {
        let home = locate::codex_home(|name| here.variable(name))
            .ok_or_else(|| Error::new("there is no Codex home").hint("set CODEX_HOME, or HOME"))?;
        let real = std::fs::canonicalize(&home).map_err(|error| {
            Error::new(format!("Codex's home `{}` cannot be found", home.display()))
                .caused_by(&error)
                .hint("run `codex` once, or set CODEX_HOME")
        })?;
        let named =
            names(here, &home, &real).iter().map(|name| text(&name.join("config.toml"))).collect::<Result<_>>()?;
        Ok(Self { path: home.join("config.toml"), named, managed: false })
    }

    /// The machine's. The folder of managed hooks, where the file names none, is that of govern itself.
    fn system(govern: &Path) -> Result<Self> {
        let folder = text(govern.parent().unwrap_or(Path::new("/")))?;
        Ok(Self { path: PathBuf::from(settings::MANAGED), named: vec![folder], managed: true })
    }

    fn of(here: &Here<'_>, system: bool, govern: &Path) -> Result<Self> {
        if system { Self::system(govern) } else { Self::user(here) }
    }

    fn trust(&self) -> Trust<'_> {
        match self.named.first() {
            Some(folder) if self.managed => Trust::Managed(folder),
            _ => Trust::Hashes(&self.named),
        }
    }

    /// Codex runs a hook of govern's from this file at an event; one that only observes counts if `observing` does.
    fn decides(&self, event: HookEvent, observing: bool) -> bool {
        let Ok(file) = ConfigFile::read(&self.path) else { return false };
        let Ok(standing) = installed::standing(&file.text, self.trust()) else { return false };
        let runs = |found: &installed::Found| {
            let is_there = found.program().is_some_and(|program| Path::new(&program).is_file());
            found.event == event && found.trusted && is_there && (observing || !found.observes())
        };
        (self.managed || !standing.off) && standing.hooks.iter().any(runs)
    }

    fn refused(&self, why: &NotChanged) -> Error {
        Error::new(format!("`{}` stays as it is", self.path.display())).caused_by(why)
    }
}

/// What Codex may call its home, what it calls it here first: `$CODEX_HOME` by its real path, else `$HOME/.codex` as it is
/// typed, links and all (0.135, 0.169, 0.171). Who starts it another way gets another name for the same folder.
fn names(here: &Here<'_>, home: &Path, real: &Path) -> Vec<PathBuf> {
    let is_set = here.variable("CODEX_HOME").is_some_and(|value| !value.is_empty());
    let account = process::account_home(process::own_uid());
    let homes = here.variable("HOME").map(PathBuf::from).into_iter().chain(account);
    let typed = homes.map(|home| home.join(".codex"));
    let first = if is_set { real } else { home };
    let mut names = vec![first.to_owned()];
    for name in std::iter::once(real.to_owned()).chain(typed) {
        let is_it = std::fs::canonicalize(&name).is_ok_and(|found| found == real);
        if is_it && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Whether another file's hooks decide about an event, so that those of this one have nothing to do: Codex runs all that
/// are installed, and what is asked twice must count once. Hooks that only observe give way to those that do not, the
/// user's to the machine's (managed hooks run in 0.135, 0.150, 0.160 and 0.169, whatever the user's file says).
pub(super) fn others_decide(here: &Here<'_>, event: HookEvent, of_machine: bool, observe: bool) -> bool {
    match (of_machine, observe) {
        (true, false) => false,
        (true, true) => Place::user(here).is_ok_and(|user| user.decides(event, false)),
        (false, observe) => Place::system(Path::new("/")).is_ok_and(|machine| machine.decides(event, observe)),
    }
}

fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| Error::new(format!("`{}` is not UTF-8", path.display())))
}

fn own_program() -> Result<PathBuf> {
    process::own_program().ok_or_else(|| {
        Error::new("govern cannot tell where its own program is").hint("call it by its path: it was moved or replaced")
    })
}

/// Shows what would change, asks, records and does it.
fn change(here: &Here<'_>, system: bool, what: HookChange, yes: bool) -> Result<Exit> {
    let hint = "an agent cannot let itself out: do it from a terminal of your own";
    super::for_no_agent("hooks are not changed from inside an agent", hint).map_err(|no| no.exit(Exit::Refused))?;
    let govern = own_program()?;
    let place = Place::of(here, system, &govern)?;
    let state = here.state_folder()?;
    let file = ConfigFile::read(&place.path)?;
    let user = here.variable("HOME").map(PathBuf::from);
    let config = here.config_folder();
    let after = match what {
        HookChange::Install | HookChange::InstallObserving => {
            let installation = Installation {
                govern: &govern,
                // Each user of the machine has a ledger and a policy of his own.
                of: (!system).then_some(Owner {
                    home: state.as_path(),
                    user: user.as_deref(),
                    config: config.as_deref(),
                }),
                observe: what == HookChange::InstallObserving,
                // Its users may have any shell.
                posix_shell: !system && process::has_posix_shell(),
            };
            installed::install(&file.text, &installation, place.trust())
        }
        HookChange::Remove | HookChange::Failed => installed::remove(&file.text, place.trust()),
    };
    let mut after = after.map_err(|why| place.refused(&why))?;
    if file.is_missing() && !after.is_empty() {
        after.insert_str(0, installed::MADE);
    }
    let shown = place.path.display();
    if after == file.text {
        let how = if what == HookChange::Remove { "are not" } else { "are already" };
        super::to_stderr(&format!("govern: the hooks {how} in {shown}; nothing is changed\n"));
        return Ok(if what == HookChange::Remove { Exit::Success } else { tell_of_codexes(here, what) });
    }
    let lines = diff::lines(&file.text, &after);
    super::to_stderr(&format!(
        "{shown}\n{}\n",
        lines.iter().map(|line| printable(line)).collect::<Vec<_>>().join("\n")
    ));
    if !yes && !agreed()? {
        super::to_stderr("govern: nothing is changed\n");
        return Ok(Exit::Negative);
    }
    perform(&state, &file, what, &after)?;
    if matches!(what, HookChange::Remove | HookChange::Failed) {
        super::to_stderr(&format!("govern: {shown} is written: govern's hooks are out of it\n"));
        return Ok(Exit::Success);
    }
    super::to_stderr(&format!("govern: {shown} is written\n"));
    Ok(tell_of_codexes(here, what))
}

/// Asks each Codex what it will do with the hooks. Written is not in force: where the one that `codex` starts runs none of
/// them, that is no success.
fn tell_of_codexes(here: &Here<'_>, what: HookChange) -> Exit {
    let codexes = asked::all(here);
    let state = if what == HookChange::InstallObserving { "observed" } else { "under policy" };
    if codexes.is_empty() {
        super::to_stderr(&format!(
            "govern: there is no `codex` in PATH that could be asked: one that reads this file, trusts it and knows hooks \
             is {state} from its next start on\n"
        ));
    }
    for codex in &codexes {
        let effect = match &codex.runs {
            Runs::All => format!(": {state} from its next start on"),
            Runs::Part(_) | Runs::Unknown(_) => String::new(),
            Runs::None(_) => format!(": it is NOT {state}"),
        };
        super::to_stderr(&format!("govern: {}: {}{effect}\n", codex.path.display(), codex.runs.text()));
    }
    match codexes.first().map(|codex| &codex.runs) {
        Some(Runs::None(_)) => Exit::Negative,
        Some(Runs::All | Runs::Part(_) | Runs::Unknown(_)) | None => Exit::Success,
    }
}

/// Recorded first, then done.
fn perform(state: &Path, file: &ConfigFile, what: HookChange, after: &str) -> Result<()> {
    let mut ledger = Ledger::open(state)?;
    let by = crate::prepare::identity::whoami();
    ledger.turn(clock::now(), |turn| turn.change_hooks(what, &by, &file.real, after))?;
    let is_done_with = file.text.starts_with(installed::MADE) && after.trim_start_matches(installed::MADE).is_empty();
    let written = if is_done_with { file.remove() } else { file.replace(after) };
    if written.is_err() {
        ledger.turn(clock::now(), |turn| turn.change_hooks(HookChange::Failed, &by, &file.real, &file.text))?;
    }
    written
}

/// Asks the person at the terminal.
fn agreed() -> Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Error::new("nobody can be asked whether this is to be written")
            .hint("`--yes` writes it unasked")
            .exit(Exit::Usage));
    }
    super::to_stderr("Write it? [y/N] ");
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(|error| Error::new("the answer cannot be read").caused_by(&error))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_of_another_file_decide_where_codex_runs_them_and_they_do_not_only_observe() {
        let temp = tempfile::tempdir().unwrap();
        let govern = temp.path().join("govern");
        std::fs::write(&govern, "").unwrap();
        let path = temp.path().join("config.toml");
        for managed in [false, true] {
            let named = vec![path.display().to_string()];
            let place = Place { path: path.clone(), named, managed };
            let write = |observe: bool, change: &dyn Fn(String) -> String| {
                let installation = Installation { govern: &govern, of: None, observe, posix_shell: true };
                let text = installed::install("", &installation, place.trust()).unwrap();
                std::fs::write(&path, change(text)).unwrap();
            };
            let decides = || [false, true].map(|observing| place.decides(HookEvent::PreToolUse, observing));
            write(false, &|text| text);
            assert_eq!(decides(), [true, true]);
            assert!(!place.decides(HookEvent::SessionStart, true), "which is not installed");
            write(true, &|text| text);
            assert_eq!(decides(), [false, true]);
            write(false, &|text| text.replace("/govern'", "/gone'"));
            assert_eq!(decides(), [false, false]);
            let off = |text: String| match managed {
                true => text.replace("features.hooks = true", "features.x = false"),
                false => format!("{text}\n[features]\nhooks = false\n"),
            };
            write(false, &off);
            assert_eq!(decides(), [managed, managed]);
            write(false, &|text| text.replace("sha256:", "sha256:0"));
            assert_eq!(decides(), [managed, managed]);
            std::fs::remove_file(&path).unwrap();
            assert_eq!(decides(), [false, false]);
        }
    }
}
