//! `govern shim DIR`: a `codex` for programs that start Codex themselves, by which each call becomes a run.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::format::put;
use super::run::AtLimit;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::model::Verb;
use crate::policy::rule::Layer;
use crate::prepare::here::{Here, join};
use crate::prepare::policy_files;
use crate::prepare::rules::Rules;
use crate::prepare::shim_file::{MARK, is_shim, runs};
use crate::report::text::printable;

/// First words of a command line of Codex's that asks no model, as a pattern of a shell.
const NO_WORK: &str = "--version|-V|--help|-h|help|login|logout|completion";

/// Write a `codex` that is governed, for programs that start Codex themselves: put its folder first in their PATH.
#[derive(clap::Args, Clone, Debug)]
pub struct ShimArgs {
    /// The folder for it, made where it is missing
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The real one [default: the first `codex` in PATH that is no shim]
    #[arg(long, value_name = "FILE")]
    pub codex: Option<PathBuf>,
    /// A limit for each call: `5usd`, `200ktok`, `30 minutes`; policies bind as ever
    #[arg(long, value_name = "LIMIT", allow_hyphen_values = true)]
    pub budget: Vec<String>,
    /// What happens when a `--budget` is spent [default: ask, where there is somebody to ask, else stop]
    #[arg(long, value_name = "VERB", requires = "budget", value_enum)]
    pub at_limit: Option<AtLimit>,
    /// A policy on top of the system's, the user's and the repository's
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
}

/// Writes it. One that is there is written anew; another program of that name stays.
pub fn run(args: &ShimArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let rules = Rules { budgets: args.budget.clone(), at_limit: args.at_limit.map(Verb::from), ..Rules::default() };
    rules.flags()?;
    if let Some(policy) = &args.policy {
        let policy = here.cwd.join(policy);
        join(policy_files::read(vec![(Layer::Given, policy)])?, here.look.colour)?;
    }
    let codex = real(args, here)?;
    let folder = here.cwd.join(&args.folder);
    let path = folder.join("codex");
    let failed =
        |error: std::io::Error| Error::new(format!("`{}` cannot be written", path.display())).caused_by(&error);
    DirBuilder::new().recursive(true).mode(0o755).create(&folder).map_err(failed)?;
    if fs::symlink_metadata(&path).is_ok() && !is_shim(&path) {
        return Err(Error::new(format!("`{}` is there already, and is no shim of govern's: it stays", path.display()))
            .hint("name a folder of its own, such as `.govern/bin`"));
    }
    if is_shim(&path) {
        super::for_no_agent(
            &format!("`{}` is not written anew from inside an agent: its limits are a person's", path.display()),
            "do it in a terminal that no agent started",
        )?;
    }
    let govern = std::env::current_exe().map_err(failed)?;
    let before = rules_of(&path);
    let args = &ShimArgs { policy: args.policy.as_ref().map(|policy| here.cwd.join(policy)), ..args.clone() };
    // Written beside it and moved: a program may start it at any time.
    let new = folder.join(format!(".codex-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(&new).map_err(failed)?;
    file.write_all(&script(args, &govern, &codex)).map_err(failed)?;
    drop(file);
    fs::rename(&new, &path).map_err(failed)?;
    let now = rules_of(&path);
    let rules = match now.as_deref() {
        None | Some("") => "no limit but those of policies".to_owned(),
        Some(rules) => format!("`{}`", printable(rules)),
    };
    let changed = match before.filter(|before| Some(before) != now.as_ref()) {
        Some(before) if before.is_empty() => " (it had none before)".to_owned(),
        Some(before) => format!(" (it had `{}` before)", printable(&before)),
        None => String::new(),
    };
    put(
        out,
        &format!(
            "{} runs `{}` under govern, with {rules}{changed}. Put its folder first for the program that starts Codex:\n    \
             PATH={}:\"$PATH\" node app.js\nor name the file where the program takes a path to Codex \
             (`codexPathOverride` of @openai/codex-sdk).\n",
            path.display(),
            codex.display(),
            folder.display(),
        ),
    )?;
    Ok(Exit::Success)
}

/// What a shim that is there adds of its own, as it is written; nothing where none is there.
fn rules_of(shim: &Path) -> Option<String> {
    let text = fs::read_to_string(shim).ok().filter(|_| is_shim(shim))?;
    let (_, rules) = text.lines().last()?.split_once(" 'run' '--quiet'")?;
    let (rules, _) = rules.rsplit_once(" '--' ")?;
    Some(rules.trim_start().to_owned())
}

/// The Codex that is meant, by its absolute path.
fn real(args: &ShimArgs, here: &Here<'_>) -> Result<PathBuf> {
    if let Some(codex) = &args.codex {
        let path = here.cwd.join(codex);
        return match runs(&path) && !is_shim(&path) {
            true => Ok(path),
            false => Err(Error::new(format!("`{}` is no program that could be run", path.display())).exit(Exit::Usage)),
        };
    }
    let path = here.variable("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|folder| here.cwd.join(folder).join("codex"));
    found.find(|file| runs(file) && !is_shim(file)).ok_or_else(|| {
        Error::new("there is no `codex` in PATH").hint("npm install -g @openai/codex, or name it: `--codex FILE`")
    })
}

/// `exec` takes its own place, so that nothing stands between the program and govern.
fn script(args: &ShimArgs, govern: &Path, codex: &Path) -> Vec<u8> {
    let mut line: Vec<&OsStr> = vec![govern.as_os_str(), OsStr::new("run"), OsStr::new("--quiet")];
    if let Some(policy) = &args.policy {
        line.extend([OsStr::new("--policy"), policy.as_os_str()]);
    }
    for budget in &args.budget {
        line.extend([OsStr::new("--budget"), OsStr::new(budget)]);
    }
    if let Some(at_limit) = args.at_limit.map(Verb::from) {
        line.extend([OsStr::new("--at-limit"), OsStr::new(at_limit.as_str())]);
    }
    line.extend([OsStr::new("--"), codex.as_os_str()]);
    let words: Vec<Vec<u8>> = line.into_iter().map(quoted).collect();
    let real = quoted(codex.as_os_str());
    let mut script = format!("#!/bin/sh\n{MARK}: each call of this `codex` is a run of govern's.\n").into_bytes();
    // What only asks for its version, its help or the login asks no model: it is no run.
    script.extend(format!("case \"${{1-}}\" in {NO_WORK}) exec ").into_bytes());
    script.extend(real);
    script.extend(b" \"$@\" ;; esac\nexec ");
    script.extend(words.join(&b' '));
    script.extend(b" \"$@\"\n");
    script
}

/// As one word of a shell, whatever is in it.
fn quoted(word: &OsStr) -> Vec<u8> {
    let mut text = vec![b'\''];
    for byte in word.as_bytes() {
        match byte {
            b'\'' => text.extend(b"'\\''"),
            byte => text.push(*byte),
        }
    }
    text.push(b'\'');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::shim_file::behind;

    #[test]
    fn words_reach_the_shell_as_they_are() {
        for (word, shown) in [("a b", "'a b'"), ("it's", "'it'\\''s'"), ("$x`y`", "'$x`y`'"), ("", "''")] {
            assert_eq!(quoted(OsStr::new(word)), shown.as_bytes());
        }
    }

    #[test]
    fn a_shim_is_known_and_runs_the_real_one_under_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let args = ShimArgs {
            folder: folder.path().to_owned(),
            codex: None,
            budget: vec!["5 usd".to_owned()],
            at_limit: Some(AtLimit::Stop),
            policy: None,
        };
        let shim = folder.path().join("codex");
        fs::write(&shim, script(&args, Path::new("/opt/govern"), Path::new("/it's '--' here/codex"))).unwrap();
        assert_eq!(behind(&shim), Some(PathBuf::from("/it's '--' here/codex")));
        let text = script(&args, Path::new("/opt/go vern"), Path::new("/usr/bin/codex"));
        fs::write(&shim, &text).unwrap();
        assert!(is_shim(&shim) && !is_shim(Path::new("/bin/sh")));
        let text = String::from_utf8(text).unwrap();
        let line =
            "exec '/opt/go vern' 'run' '--quiet' '--budget' '5 usd' '--at-limit' 'stop' '--' '/usr/bin/codex' \"$@\"";
        assert_eq!(text.lines().last(), Some(line));
        assert!(
            text.contains("--version|-V|--help|-h|help|login|logout|completion) exec '/usr/bin/codex' \"$@\" ;; esac")
        );
        assert_eq!(rules_of(&shim).as_deref(), Some("'--budget' '5 usd' '--at-limit' 'stop'"));
        let without = ShimArgs { budget: Vec::new(), at_limit: None, ..args };
        fs::write(&shim, script(&without, Path::new("/opt/govern"), Path::new("/usr/bin/codex"))).unwrap();
        assert_eq!(rules_of(&shim).as_deref(), Some(""));
        assert_eq!(rules_of(Path::new("/bin/sh")), None);
        assert_eq!(behind(&shim), Some(PathBuf::from("/usr/bin/codex")));
    }
}
