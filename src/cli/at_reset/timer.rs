//! The timers that let runs go on: a unit of the user's own systemd, or a line in the user's crontab. What they say is made
//! here as text, which is shown before anything is written.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::resumes::Keeper;
use crate::error::{Error, Result};
use crate::model::{RunId, Timestamp};
use crate::prepare::here::Here;
use crate::process;

/// What a timer needs to know.
pub(super) struct Wanted<'a> {
    pub(super) run: &'a RunId,
    /// Not before then; a whole minute.
    pub(super) at: Timestamp,
    /// The command that goes on, word by word.
    pub(super) command: Vec<String>,
}

/// Who can keep it here.
pub(super) fn keeper(here: &Here<'_>) -> Option<Keeper> {
    let systemd = program("systemctl", here)
        .is_some_and(|systemctl| process::carry_out(&systemctl, &["--user", "list-timers"].map(OsStr::new)).is_ok());
    match systemd {
        true => Some(Keeper::Systemd),
        false => program("crontab", here).map(|_| Keeper::Cron),
    }
}

fn program(name: &str, here: &Here<'_>) -> Option<PathBuf> {
    let path = here.variable("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Files with their text.
pub(super) type Files = Vec<(PathBuf, String)>;

/// The files of systemd's that would be written, and what they would say.
pub(super) fn units(wanted: &Wanted<'_>, here: &Here<'_>) -> Result<Files> {
    let (folder, name) = (unit_folder(here)?, unit(wanted.run));
    Ok(vec![
        (folder.join(format!("{name}.service")), service(wanted)),
        (folder.join(format!("{name}.timer")), timer(wanted)),
    ])
}

fn unit(run: &RunId) -> String {
    format!("govern-resume-{run}")
}

fn unit_folder(here: &Here<'_>) -> Result<PathBuf> {
    let config = here.variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.or_else(|| Some(PathBuf::from(here.variable("HOME")?).join(".config")));
    let folder = config.ok_or_else(|| Error::new("there is no folder for systemd's units").hint("set HOME"))?;
    Ok(folder.join("systemd/user"))
}

fn head(run: &RunId) -> String {
    format!("# Made by `govern resume {run} --at-reset`; `govern resume {run} --cancel` takes it back.")
}

fn service(wanted: &Wanted<'_>) -> String {
    let words: Vec<String> = wanted.command.iter().map(|word| systemd_word(word)).collect();
    format!(
        "{}\n[Unit]\nDescription=govern: run {} goes on\n\n[Service]\nType=oneshot\nExecStart={}\n",
        head(wanted.run),
        wanted.run,
        words.join(" ")
    )
}

fn timer(wanted: &Wanted<'_>) -> String {
    format!(
        "{}\n[Unit]\nDescription=govern: run {} goes on when its limit begins anew\n\n[Timer]\nOnCalendar={}\nPersistent=true\n\
         AccuracySec=1s\n\n[Install]\nWantedBy=timers.target\n",
        head(wanted.run),
        wanted.run,
        wanted.at.format("%Y-%m-%d %H:%M:%S UTC")
    )
}

/// As `systemd.service` reads a word of a command.
fn systemd_word(word: &str) -> String {
    let mut quoted = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '%' => quoted.push_str("%%"),
            '$' => quoted.push_str("$$"),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The lines of a crontab that would be added: at that minute of that day by the machine's own clock, and when the machine
/// starts, since cron makes up for nothing that it missed.
pub(super) fn lines(wanted: &Wanted<'_>) -> String {
    let at = wanted.at.with_timezone(&chrono::Local);
    let words: Vec<String> = wanted.command.iter().map(|word| shell_word(word)).collect();
    // To cron a `%` ends the command.
    let command = words.join(" ").replace('%', "\\%");
    let mark = mark(wanted.run);
    format!("{} {command} {mark}\n@reboot {command} {mark}\n", at.format("%-M %-H %-d %-m *"))
}

/// By which govern finds its own lines again.
fn mark(run: &RunId) -> String {
    format!("# govern resume {run}")
}

fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '=' | ':' | '+' | ',' | '@');
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Writes units, and has systemd know of them.
pub(super) fn enable(files: &Files, run: &RunId, here: &Here<'_>) -> Result<()> {
    for (path, text) in files {
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
        written.map_err(|error| Error::new(format!("`{}` cannot be written", path.display())).caused_by(&error))?;
    }
    let timer = format!("{}.timer", unit(run));
    let done = systemctl(&["daemon-reload"], here).and_then(|()| systemctl(&["enable", "--now", &timer], here));
    done.map_err(|error| {
        let _as_before = disable(run, here);
        Error::new("systemd did not take the timer").caused_by(&error).hint("nothing is left of it")
    })
}

fn systemctl(arguments: &[&str], here: &Here<'_>) -> io::Result<()> {
    let systemctl = program("systemctl", here).ok_or_else(|| io::Error::other("there is no `systemctl` in PATH"))?;
    let arguments: Vec<&OsStr> = ["--user"].iter().chain(arguments).map(OsStr::new).collect();
    process::carry_out(&systemctl, &arguments)
}

/// Takes units away; says whether there were any.
pub(super) fn disable(run: &RunId, here: &Here<'_>) -> Result<bool> {
    let (folder, name) = (unit_folder(here)?, unit(run));
    let timer = format!("{name}.timer");
    let were = folder.join(&timer).exists();
    let _not_enabled = systemctl(&["disable", "--now", &timer], here);
    for kind in ["timer", "service"] {
        let path = folder.join(format!("{name}.{kind}"));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::new(format!("`{}` cannot be removed", path.display())).caused_by(&error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    let _not_running = systemctl(&["daemon-reload"], here);
    Ok(were)
}

/// Adds lines to the user's crontab, in the place of those that this run had.
pub(super) fn add(lines: &str, run: &RunId, here: &Here<'_>) -> Result<()> {
    let before = crontab(here)?;
    put(&format!("{}{lines}", without(&before, run)), here)
}

/// Takes the run's lines out of the user's crontab; says whether there were any.
pub(super) fn remove(run: &RunId, here: &Here<'_>) -> Result<bool> {
    if program("crontab", here).is_none() {
        return Ok(false);
    }
    let before = crontab(here)?;
    let after = without(&before, run);
    let were = after != before;
    if were {
        put(&after, here)?;
    }
    Ok(were)
}

/// The user's crontab; one that is not there is empty.
fn crontab(here: &Here<'_>) -> Result<String> {
    let crontab = program("crontab", here).ok_or_else(|| Error::new("there is no `crontab` in PATH"))?;
    Ok(process::ask(&crontab, &["-l"]).unwrap_or_default())
}

/// Another run's id may begin with this one's: the whole mark counts.
fn without(text: &str, run: &RunId) -> String {
    let mark = mark(run);
    let others = text.lines().filter(|line| !line.ends_with(&mark));
    others.map(|line| format!("{line}\n")).collect()
}

fn put(text: &str, here: &Here<'_>) -> Result<()> {
    let failed = |error: io::Error| Error::new("the crontab cannot be written").caused_by(&error);
    let crontab = program("crontab", here).ok_or_else(|| Error::new("there is no `crontab` in PATH"))?;
    let beside = here.state_folder()?.join(format!(".crontab-{}", std::process::id()));
    let taken = fs::write(&beside, text).and_then(|()| process::carry_out(&crontab, &[beside.as_os_str()]));
    let _gone = fs::remove_file(&beside);
    taken.map_err(failed)
}

/// Where this program lies.
pub(super) fn own_program() -> Result<PathBuf> {
    let own = std::env::current_exe();
    own.map_err(|error| Error::new("govern cannot tell where its own program lies").caused_by(&error))
}

/// The program lies where it will not be after the next build or upgrade; said, since the timer would find nothing.
pub(super) fn is_deleted(program: &Path) -> bool {
    program.to_string_lossy().ends_with(" (deleted)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(run: &RunId) -> Wanted<'_> {
        let command = ["/usr/bin/env", "PATH=/opt/a b:/usr/bin", "/opt/govern", "resume", "100%\"$x"];
        let command = command.map(str::to_owned).to_vec();
        Wanted { run, at: "2026-12-01T15:00:00Z".parse().unwrap(), command }
    }

    #[test]
    fn a_unit_starts_the_command_once_at_its_time_or_when_the_machine_is_back() {
        let run = RunId::new("d208se11rj5m");
        insta::assert_snapshot!(format!("{}---\n{}", service(&wanted(&run)), timer(&wanted(&run))), @r##"
        # Made by `govern resume d208se11rj5m --at-reset`; `govern resume d208se11rj5m --cancel` takes it back.
        [Unit]
        Description=govern: run d208se11rj5m goes on

        [Service]
        Type=oneshot
        ExecStart="/usr/bin/env" "PATH=/opt/a b:/usr/bin" "/opt/govern" "resume" "100%%\"$$x"
        ---
        # Made by `govern resume d208se11rj5m --at-reset`; `govern resume d208se11rj5m --cancel` takes it back.
        [Unit]
        Description=govern: run d208se11rj5m goes on when its limit begins anew

        [Timer]
        OnCalendar=2026-12-01 15:00:00 UTC
        Persistent=true
        AccuracySec=1s

        [Install]
        WantedBy=timers.target
        "##);
    }

    #[test]
    fn a_crontab_keeps_what_others_wrote() {
        let run = RunId::new("d208se11rj5m");
        let own = lines(&wanted(&run));
        assert_eq!(own.lines().count(), 2);
        assert!(
            own.contains("'PATH=/opt/a b:/usr/bin' /opt/govern resume '100\\%\"$x' # govern resume d208se11rj5m\n"),
            "{own}"
        );
        assert!(own.lines().nth(1).unwrap().starts_with("@reboot /usr/bin/env "), "{own}");
        let others = "0 1 * * * backup\n5 5 5 5 * x # govern resume d208se11rj5mx\n";
        assert_eq!(without(&format!("{others}{own}"), &run), others);
    }
}
