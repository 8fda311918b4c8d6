//! The question to each Codex in `PATH`: which of govern's hooks it would run here. What a file says is what was
//! written; only Codex knows which files it reads, what it trusts, and what turns hooks off.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::codex::HookEvent;
use crate::codex::installed::EVENTS;
use crate::codex::listed::{self, Listed, Listing};
use crate::prepare::here::Here;
use crate::process;

/// How long one has to answer: 0.4 to 1.1 s were seen (0.118 to 0.171), and a loaded machine needs longer.
const WITHIN: Duration = Duration::from_secs(20);

/// How much it may answer, in bytes: 4 kB were seen for govern's own hooks.
const MOST: u64 = 4 * 1024 * 1024;

/// How many Codexes are asked: those that come first.
const CODEXES: usize = 4;

/// A Codex, and what it would do with govern's hooks where it is started from here.
pub(in crate::cli) struct Asked {
    /// As `PATH` names it.
    pub(in crate::cli) path: PathBuf,
    pub(in crate::cli) runs: Runs,
}

/// Which hooks a Codex would run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Runs {
    /// All that are installed.
    All,
    /// All but these.
    Part(Vec<HookEvent>),
    /// None, and why.
    None(String),
    /// It could not be asked, and why.
    Unknown(String),
}

impl Runs {
    /// In a word, for machines.
    pub(in crate::cli) fn as_str(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Part(_) => "part",
            Self::None(_) => "none",
            Self::Unknown(_) => "unknown",
        }
    }

    /// For a person.
    pub(in crate::cli) fn text(&self) -> String {
        match self {
            Self::All => format!("runs all {} hooks", EVENTS.len()),
            Self::Part(missing) => {
                let names: Vec<&str> = missing.iter().map(|event| event.name()).collect();
                let runs = EVENTS.len().saturating_sub(missing.len());
                let late = if missing.contains(&HookEvent::PreModelRequest) {
                    "; requests are not held, only prompts and tools"
                } else {
                    ""
                };
                format!("runs {runs} of {} hooks, not {}{late}", EVENTS.len(), names.join(", "))
            }
            Self::None(why) => format!("runs none of them: {why}"),
            Self::Unknown(why) => format!("could not be asked ({why}): whether it runs them is not known"),
        }
    }
}

/// Each Codex in `PATH`, asked.
pub(in crate::cli) fn all(here: &Here<'_>) -> Vec<Asked> {
    codexes(here)
        .into_iter()
        .map(|path| {
            let arguments = [OsStr::new(listed::SERVER)];
            let question = listed::question(&here.cwd);
            let heard = process::converse(&path, &arguments, &question, (WITHIN, MOST), listed::answer);
            let runs = heard.map_or_else(|error| Runs::Unknown(error.to_string()), |listing| judge(&listing));
            Asked { path, runs }
        })
        .collect()
}

/// The programs of that name in `PATH`, each once, the first one first.
pub(in crate::cli) fn codexes(here: &Here<'_>) -> Vec<PathBuf> {
    let path = here.variable("PATH").unwrap_or_default();
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut found = Vec::new();
    for file in std::env::split_paths(&path).map(|folder| folder.join("codex")) {
        let Ok(real) = fs::canonicalize(&file) else { continue };
        if is_program(&real) && !seen.contains(&real) {
            seen.push(real);
            found.push(file);
        }
    }
    found.truncate(CODEXES);
    found
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn judge(listing: &Listing) -> Runs {
    let (own, errors) = match listing {
        Listing::NoHooks => {
            return Runs::None("it is too old to have hooks; put `govern run --` before it".to_owned());
        }
        Listing::Refused(why) => return Runs::Unknown(why.clone()),
        Listing::Hooks { own, errors } => (own, errors),
    };
    let runs = |event: &HookEvent| own.iter().any(|hook| hook.event == *event && hook.runs);
    let missing: Vec<HookEvent> = EVENTS.into_iter().filter(|event| !runs(event)).collect();
    if missing.is_empty() {
        return Runs::All;
    }
    let untrusted = own.iter().any(|hook: &Listed| !hook.runs);
    if missing.len() < EVENTS.len() {
        return Runs::Part(missing);
    }
    Runs::None(match (untrusted, errors.first()) {
        (true, _) => "it does not trust them; look at them with `/hooks` in Codex, or install them again".to_owned(),
        (false, Some(error)) => format!("it cannot read its configuration ({error})"),
        (false, None) => "something that it reads here turns hooks off (`[features] hooks = false` in its own \
            `config.toml`, in this folder's `.codex/config.toml` or in `/etc/codex`), or it reads another file"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_codex_lists_is_what_it_runs() {
        let own = |runs: fn(HookEvent) -> bool| {
            let own = EVENTS.into_iter().map(|event| Listed { event, runs: runs(event) }).collect();
            Listing::Hooks { own, errors: Vec::new() }
        };
        assert_eq!(judge(&own(|_| true)), Runs::All);
        let part = judge(&own(|event| event != HookEvent::PreModelRequest));
        assert_eq!(part, Runs::Part(vec![HookEvent::PreModelRequest]));
        assert!(part.text().contains("requests are not held"), "{}", part.text());
        assert!(judge(&own(|_| false)).text().contains("does not trust them"));
        let empty = |errors: &[&str]| Listing::Hooks {
            own: Vec::new(),
            errors: errors.iter().map(|&error| error.to_owned()).collect(),
        };
        assert!(judge(&empty(&[])).text().contains("turns hooks off"));
        assert!(judge(&empty(&["1:6: unclosed"])).text().contains("1:6: unclosed"));
        assert_eq!(judge(&Listing::NoHooks).as_str(), "none");
        assert_eq!(judge(&Listing::Refused("no".to_owned())).as_str(), "unknown");
    }
}
