//! The reading of `/proc` for what a process is: a Codex or not.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::Duration;

use nix::fcntl::OFlag;

use super::environment_marks;
use super::tree::{self, Process, read};
use crate::model::ProcessIdentity;

/// What a process is to Codex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Talks to a model: the native binary, or a script named `codex`.
    Codex,
    /// npm's `codex.js`, which starts the native binary.
    Launcher,
    /// The native binary in a lesser part: a sandbox, a patch.
    Helper,
    /// Anything else.
    Other,
}

impl Process {
    /// The file name of what it executes, without the mark of a deleted file; where that is not ours to look at, what it
    /// calls itself. `None` if it is gone.
    pub fn exe_name(&self) -> Option<String> {
        let path = match std::fs::read_link(format!("/proc/{}/exe", self.identity.pid)) {
            Ok(path) => path,
            // Another user's, or one that has changed its user.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => self.argv().first()?.into(),
            Err(_) => return None,
        };
        let name = path.file_name()?.to_string_lossy();
        Some(name.strip_suffix(" (deleted)").unwrap_or(&name).to_owned())
    }

    /// Its command line; empty if it is gone.
    pub fn argv(&self) -> Vec<OsString> {
        command_line(self.identity.pid)
    }

    /// What it is to Codex.
    pub fn role(&self) -> Role {
        match self.exe_name() {
            Some(exe) => self.role_as(&exe, &self.argv()),
            None => Role::Other,
        }
    }

    fn role_as(&self, exe: &str, argv: &[OsString]) -> Role {
        match role(exe, argv) {
            Role::Other if self.works_as_codex() => Role::Codex,
            known => known,
        }
    }

    /// The command line of a Codex as Codex reads it, whatever the program is called or calls itself. One that an
    /// interpreter runs keeps its own.
    pub fn codex_argv(&self) -> Vec<OsString> {
        let argv = self.argv();
        match self.exe_name() {
            Some(exe) => as_codex(&exe, argv),
            None => argv,
        }
    }

    /// What it is will be seen a moment later: its program is being loaded, or it is the copy of a Codex that is about to
    /// execute one.
    pub fn is_becoming(&self) -> bool {
        self.role() != Role::Other || !self.is_loaded()
    }

    /// Its program is loaded by now: what is asked of it from here on is that program's, not its parent's or nothing.
    fn is_loaded(&self) -> bool {
        read(self.identity.pid).is_some_and(|now| now.loaded)
    }

    /// A copy of Codex's program under another name: a large program that has two of Codex's databases open. (0.169 and
    /// 0.171 open them before they ask a model, with `--ephemeral` too.) The size spares other programs the second look.
    fn works_as_codex(&self) -> bool {
        let folder = format!("/proc/{}", self.identity.pid);
        let is_large = std::fs::metadata(format!("{folder}/exe")).is_ok_and(|exe| exe.len() >= LARGE);
        if !is_large {
            return false;
        }
        let Ok(open) = std::fs::read_dir(format!("{folder}/fd")) else { return false };
        let (mut state, mut logs) = (false, false);
        for path in open.flatten().filter_map(|link| std::fs::read_link(link.path()).ok()) {
            let name = base(path.as_os_str());
            state |= is_database(&name, "state_");
            logs |= is_database(&name, "logs_");
        }
        state && logs
    }
}

/// The command line of a process; empty if it is gone, or is being loaded.
pub fn command_line(pid: i32) -> Vec<OsString> {
    let mut bytes = Vec::new();
    tree::slurp(Path::new(&format!("/proc/{pid}/cmdline")), &mut bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    bytes.split(|byte| *byte == 0).map(|argument| OsString::from_vec(argument.to_vec())).collect()
}

/// Those that talk to a model, nested ones too. A child that is still its parent's copy is a program
/// about to be executed, and is not counted; nor is one that is being loaded.
pub fn codex_processes(tree: &[Process]) -> Vec<Process> {
    let found: Vec<(Process, Vec<OsString>)> = tree
        .iter()
        .filter(|process| !process.is_dead())
        .filter_map(|process| {
            let exe = process.exe_name()?;
            let argv = process.is_loaded().then(|| process.argv())?;
            (process.role_as(&exe, &argv) == Role::Codex).then_some((*process, argv))
        })
        .collect();
    let is_copy = |process: &Process, argv: &[OsString]| {
        found.iter().any(|(other, same)| other.identity.pid == process.parent && same == argv)
    };
    found.iter().filter(|(process, argv)| !is_copy(process, argv)).map(|(process, _)| *process).collect()
}

/// The processes in which Codexes run the cells of models in code mode. A Codex waits for its own before it ends, so that
/// one that stands still holds up the end of its Codex (0.169, 0.171).
pub fn code_mode_hosts(tree: &[Process]) -> Vec<Process> {
    let is_host = |process: &&Process| {
        let argv0 = || process.argv().first().map(|first| base(first));
        !process.is_dead()
            && (process.exe_name().is_some_and(|exe| exe == CODE_MODE_HOST)
                || argv0().is_some_and(|argv0| argv0 == CODE_MODE_HOST))
    };
    tree.iter().filter(is_host).copied().collect()
}

/// The Codex that a process of its, such as a hook, descends from: the nearest.
pub fn codex_above(pid: i32) -> Option<i32> {
    let mut at = read(pid)?;
    for _ in 0..64 {
        at = read(at.parent)?;
        if at.role() == Role::Codex {
            return Some(at.identity.pid);
        }
    }
    None
}

/// All Codexes that a process of theirs descends from, the nearest first.
pub fn codexes_above(pid: i32) -> Vec<ProcessIdentity> {
    let above = tree::lineage(pid).into_iter().skip(1);
    above.filter(|process| process.role() == Role::Codex).map(|process| process.identity).collect()
}

/// The command line of a Codex as Codex reads it, whatever its program is called; empty if it is gone.
pub fn codex_command_line(pid: i32) -> Vec<OsString> {
    read(pid).map(|process| process.codex_argv()).unwrap_or_default()
}

/// This process has a controlling terminal.
pub fn terminal_of(pid: i32) -> bool {
    tree::has_terminal(pid)
}

/// This process is a Codex.
pub fn is_codex(pid: i32) -> bool {
    read(pid).is_some_and(|process| process.role() == Role::Codex)
}

/// Another Codex of the same program is above this one. (A script of that name that only starts it is none.)
pub fn is_nested_codex(pid: i32) -> bool {
    let program = |pid| read(pid).and_then(|process| process.exe_name());
    codex_above(pid).is_some_and(|above| program(above) == program(pid))
}

/// How long ago a process was started, whatever the wall clock did since; time that the machine slept counts. `None`:
/// the system does not say.
pub fn age(identity: ProcessIdentity) -> Option<Duration> {
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten()?;
    let ticks = u64::try_from(ticks).ok().filter(|ticks| *ticks > 0)?;
    let started = Duration::from_millis(identity.started.saturating_mul(1_000) / ticks);
    Some(Duration::try_from_secs_f64(uptime).ok()?.saturating_sub(started))
}

/// An agent started this process: a guard or a Codex is above it, or it or one above it carries an agent's mark.
pub fn is_agents(pid: i32) -> bool {
    let above = tree::above(pid);
    above.governed || codex_above(pid).is_some() || environment_marks::any_is_marked(&above.lineage)
}

/// Writes a line where a process writes its errors. Who has closed that, or does not read it, misses the line; so does a
/// plain file that is not appended to: the process would write over it.
pub fn tell(pid: i32, line: &str) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let path = format!("/proc/{pid}/fd/2");
    let is_plain = std::fs::metadata(&path).is_ok_and(|meta| meta.is_file());
    if is_plain && !appends(pid, 2) {
        return;
    }
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let opened = std::fs::OpenOptions::new().append(true).custom_flags(flags.bits()).open(path);
    let _unread = opened.and_then(|mut stderr| stderr.write_all(line.as_bytes()));
}

/// What is written to a descriptor of a process goes to the end of its file.
fn appends(pid: i32, descriptor: i32) -> bool {
    let info = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{descriptor}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| i32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    flags.is_some_and(|flags| flags & OFlag::O_APPEND.bits() != 0)
}

/// A thread of the process waits for somebody to write into a pipe, a socket or a terminal: a Codex
/// that waits for its prompt so has asked no model yet.
pub fn waits_for_input(pid: i32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    threads.flatten().any(|thread| {
        let place = std::fs::read_to_string(thread.path().join("wchan")).unwrap_or_default();
        ["pipe_read", "n_tty_read", "unix_stream_data_wait"].iter().any(|known| place.contains(known))
    })
}

/// A variable of the environment that a process was started with.
pub fn environ_var(pid: i32, name: &str) -> Option<OsString> {
    let mut bytes = Vec::new();
    tree::slurp(Path::new(&format!("/proc/{pid}/environ")), &mut bytes);
    bytes.split(|byte| *byte == 0).find_map(|pair| {
        let value = pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(OsStr::from_bytes(value).to_owned())
    })
}

/// Codex executes itself under other names for lesser parts (`codex-linux-sandbox`, `apply_patch`),
/// and names its binary after its target in the downloads of its releases.
fn role(exe: &str, argv: &[OsString]) -> Role {
    let first = argv.first().map(|argument| base(argument)).unwrap_or_default();
    let second = argv.get(1).map(|argument| base(argument)).unwrap_or_default();
    if is_codex_binary(exe) {
        let lesser = is_lesser(&first) || second.starts_with("--codex-run-as");
        return if lesser { Role::Helper } else { Role::Codex };
    }
    if exe.starts_with("codex-") {
        return Role::Helper;
    }
    let interpreter = exe.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    match (interpreter, second.as_str()) {
        ("node" | "nodejs" | "bun" | "deno", "codex" | "codex.js") => Role::Launcher,
        ("sh" | "bash" | "dash" | "zsh" | "ksh" | "busybox" | "python" | "perl" | "ruby", "codex") => Role::Codex,
        // A link to a binary of another name, or a package's `.codex-wrapped`.
        _ if first == "codex" => Role::Codex,
        _ => Role::Other,
    }
}

/// The least size of a program that may be Codex's, in bytes. Codex's own have more than 100 MB (0.118 to 0.171).
const LARGE: u64 = 32 << 20;

/// `state_5.sqlite`: a database of Codex's, which names the version of its tables.
fn is_database(name: &str, kind: &str) -> bool {
    let version = name.strip_prefix(kind).and_then(|rest| rest.strip_suffix(".sqlite"));
    version.is_some_and(|version| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()))
}

fn as_codex(exe: &str, argv: Vec<OsString>) -> Vec<OsString> {
    let second = argv.get(1).map(|argument| base(argument)).unwrap_or_default();
    let interpreted = !is_codex_binary(exe) && matches!(second.as_str(), "codex" | "codex.js");
    if argv.is_empty() || interpreted {
        return argv;
    }
    // Programs of their own, whose command is in their name.
    let command =
        matches!(exe, "codex-exec" | "codex-app-server" | "codex-mcp-server").then(|| exe.trim_start_matches("codex-"));
    let leading = std::iter::once("codex").chain(command).map(OsString::from);
    leading.chain(argv.into_iter().skip(1)).collect()
}

fn is_codex_binary(exe: &str) -> bool {
    matches!(exe, "codex" | "codex-exec" | "codex-tui" | "codex-app-server" | "codex-mcp-server")
        || exe.starts_with("codex-x86_64")
        || exe.starts_with("codex-aarch64")
}

/// As Codex names its program.
const CODE_MODE_HOST: &str = "codex-code-mode-host";

fn is_lesser(argv0: &str) -> bool {
    argv0 == CODE_MODE_HOST
        || matches!(argv0, "codex-linux-sandbox" | "codex-execve-wrapper" | "apply_patch" | "applypatch")
}

fn base(argument: &OsStr) -> String {
    Path::new(argument).file_name().unwrap_or(argument).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codex_is_told_from_its_launcher_and_its_lesser_parts() {
        let table: &[(&str, &[&str], Role)] = &[
            ("codex", &["/opt/vendor/bin/codex", "exec", "do it"], Role::Codex),
            ("codex", &["codex"], Role::Codex),
            ("codex", &["codex", "app-server"], Role::Codex),
            ("codex-x86_64-unknown-linux-musl", &["codex"], Role::Codex),
            ("codex", &["codex-linux-sandbox", "--", "bash"], Role::Helper),
            ("codex", &["/tmp/arg0/apply_patch", "*** Begin"], Role::Helper),
            ("codex", &["codex", "--codex-run-as-apply-patch", "x"], Role::Helper),
            ("codex-code-mode-host", &["codex-code-mode-host"], Role::Helper),
            ("node", &["node", "/usr/bin/codex", "exec"], Role::Launcher),
            ("node", &["node", "/x/bin/codex.js", "exec"], Role::Launcher),
            ("dash", &["/bin/sh", "/tests/codex", "exec"], Role::Codex),
            ("python3.12", &["python3", "/tests/codex"], Role::Codex),
            (".codex-wrapped", &["/nix/bin/codex", "exec"], Role::Codex),
            ("bash", &["bash", "-c", "codex exec x"], Role::Other),
            ("vim", &["vim", "codex"], Role::Other),
            ("node", &["node", "server.js", "codex"], Role::Other),
            ("make", &["make"], Role::Other),
            ("sh", &[], Role::Other),
        ];
        for (exe, argv, expected) in table {
            let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
            assert_eq!(role(exe, &argv), *expected, "{exe} {argv:?}");
        }
    }

    #[test]
    fn a_codex_is_read_by_its_arguments_whatever_it_calls_itself() {
        for (exe, line, expected) in [
            ("codex", "agent exec --ephemeral x", "codex exec --ephemeral x"),
            ("codex", "bash exec codex", "codex exec codex"),
            ("vim", "vim exec x", "codex exec x"),
            ("codex-exec", "codex-exec --ephemeral x", "codex exec --ephemeral x"),
            ("dash", "/bin/sh /x/codex exec x", "/bin/sh /x/codex exec x"),
        ] {
            let argv = line.split(' ').map(OsString::from).collect();
            let expected: Vec<OsString> = expected.split(' ').map(OsString::from).collect();
            assert_eq!(as_codex(exe, argv), expected, "{exe}: {line}");
        }
        assert!(as_codex("codex", Vec::new()).is_empty());
    }

    #[test]
    fn a_database_of_codex_is_known_by_its_name() {
        assert!(is_database("state_5.sqlite", "state_") && is_database("logs_12.sqlite", "logs_"));
        for name in ["state_5.sqlite-wal", "state_.sqlite", "state_x.sqlite", "state.sqlite", "logs_2.sqlite"] {
            assert!(!is_database(name, "state_"), "{name}");
        }
    }

    #[test]
    fn the_environment_of_a_process_is_read() {
        let pid = std::process::id().cast_signed();
        assert_eq!(environ_var(pid, "PATH"), std::env::var_os("PATH"));
        assert_eq!(environ_var(pid, "PAT"), None);
    }
}
