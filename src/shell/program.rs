//! What is known of programs: what they do with their words, as far as it matters to what is run.

use super::data;
use super::language::Language;
use super::options::Options;

/// What a program does with its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// Reads a script: from `-c`, a file, or its input.
    Shell,
    /// Reads a program in another language.
    Code(Language),
    /// Only starts the command that its arguments are, after these options of its own.
    Starts(&'static Options),
    /// `env`: the same, behind assignments.
    Env,
    /// Starts a command that stands somewhere in its arguments, or a script that is one of them; where subcommands are
    /// named, behind one of these only.
    Launches(&'static [&'static str]),
    /// Starts a command with arguments that it reads from its input.
    Feeds,
    /// `find` and `fd`: commands behind `-exec` and the like.
    Finds,
    /// `make`: settings, and rules on the command line.
    Make,
    /// Runs scripts from its options too.
    Git,
    /// Runs its input as a script: `at`, `batch`.
    Schedules,
    /// `eval`.
    Evaluates,
    /// `trap`: its first argument is a script.
    Traps,
    /// `source` and `.`.
    Sources,
    /// Gives commands other names: `alias`, `hash -p`, `enable -f`.
    Renames,
    /// Parts of the shell that set variables by name.
    Names,
    /// Parts of the shell that run words where they have one of these options.
    Runs(&'static [&'static str]),
    /// Takes its arguments as data; only the values of these options are commands.
    Data(&'static [&'static str]),
    /// Nothing is known of it.
    Unknown,
}

impl Program {
    /// A part of the shell, which no other program can start.
    pub(super) fn is_built_in(self) -> bool {
        matches!(self, Self::Evaluates | Self::Traps | Self::Sources | Self::Renames | Self::Names | Self::Runs(_))
    }
}

const NOHUP: Options = Options::NONE;
const TIMEOUT: Options =
    Options { valued: "ks", flags: "vfp", long_valued: &["signal", "kill-after"], operands: 1, ..Options::NONE };
const NICE: Options = Options { valued: "n", long_valued: &["adjustment"], numbers: true, ..Options::NONE };
const TIME: Options = Options { valued: "fo", flags: "pvaq", long_valued: &["format", "output"], ..Options::NONE };
const SETSID: Options = Options { flags: "cfw", ..Options::NONE };
const STDBUF: Options = Options { valued: "ioe", long_valued: &["input", "output", "error"], ..Options::NONE };
const IONICE: Options = Options { valued: "cn", flags: "t", long_valued: &["class", "classdata"], ..Options::NONE };
const EXEC: Options = Options { valued: "a", flags: "cl", ..Options::NONE };
const COMMAND: Options = Options { flags: "p", ..Options::NONE };
const SUDO: Options = Options {
    valued: "ughpCDRTU",
    flags: "nEHSkKbAPNBvlVsi",
    long_valued: &["user", "group", "host", "prompt", "chdir", "chroot", "close-from", "command-timeout", "other-user"],
    ..Options::NONE
};

/// A program by the last part of its path.
pub(super) fn program(name: &str) -> Program {
    if name.starts_with("ld-linux") || name.starts_with("ld-musl") || name == "ld.so" {
        return Program::Launches(&[]);
    }
    match name {
        "sh" | "bash" | "zsh" | "dash" | "ksh" | "mksh" | "ash" | "rbash" | "rksh" | "yash" | "posh" => Program::Shell,
        "env" => Program::Env,
        "nohup" | "builtin" | "eatmydata" | "nocache" | "tini" | "dumb-init" => Program::Starts(&NOHUP),
        "timeout" | "gtimeout" => Program::Starts(&TIMEOUT),
        "nice" => Program::Starts(&NICE),
        "time" => Program::Starts(&TIME),
        "setsid" => Program::Starts(&SETSID),
        "stdbuf" => Program::Starts(&STDBUF),
        "ionice" => Program::Starts(&IONICE),
        "exec" => Program::Starts(&EXEC),
        "command" => Program::Starts(&COMMAND),
        "sudo" | "doas" => Program::Starts(&SUDO),
        "xargs" | "parallel" => Program::Feeds,
        "find" | "fd" | "fdfind" | "gfind" => Program::Finds,
        "make" | "gmake" | "remake" => Program::Make,
        "at" | "batch" | "crontab" => Program::Schedules,
        "eval" => Program::Evaluates,
        "trap" => Program::Traps,
        "source" | "." => Program::Sources,
        "alias" | "hash" | "enable" => Program::Renames,
        "read" | "unset" | "getopts" | "wait" | "let" | "local" | "declare" | "typeset" | "readonly" | "export" => {
            Program::Names
        }
        "printf" | "test" | "[" => Program::Runs(&["-v"]),
        "jobs" => Program::Runs(&["-x"]),
        "mapfile" | "readarray" => Program::Runs(&["-C"]),
        "compgen" | "complete" | "compopt" => Program::Runs(&["-C", "-F", "-W"]),
        "bind" => Program::Runs(&["-x"]),
        "fc" => Program::Runs(&["-e", "-s"]),
        // What it adds, `fc -s` runs.
        "history" => Program::Runs(&["-s"]),
        "git" => Program::Git,
        _ if name.starts_with("git-") => Program::Git,
        _ => launches(name)
            .map(Program::Launches)
            .or_else(|| Language::of(name).map(Program::Code))
            .or_else(|| data::options(name).map(Program::Data))
            .unwrap_or(Program::Unknown),
    }
}

/// Programs that start others. With subcommands, only these do.
fn launches(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "coproc" | "su" | "runuser" | "pkexec" | "ssh" | "strace" | "ltrace" | "unshare" | "nsenter" | "chroot"
        | "chrt" | "taskset" | "flock" | "watch" | "script" | "unbuffer" | "systemd-run" | "systemd-inhibit"
        | "xvfb-run" | "busybox" | "toybox" | "npx" | "pnpx" | "bunx" | "uvx" | "direnv" | "dotenv" | "op"
        | "doppler" | "screen" | "entr" | "watchexec" | "hyperfine" | "faketime" | "fakeroot" | "firejail"
        | "bwrap" | "caffeinate" | "arch" | "setarch" | "linux32" | "linux64" | "i386" | "i486" | "i586" | "i686"
        | "x86_64" | "prlimit" | "numactl" | "catchsegv" | "valgrind" | "perf" | "dbus-run-session" | "retry"
        | "ts-node" | "setpriv" | "choom" | "capsh" | "sg" | "newgrp" | "ksu" | "gosu" | "su-exec"
        | "start-stop-daemon" | "logsave" | "cpulimit" | "multitime" | "openvt" | "softlimit" | "setlock" | "chpst"
        | "setuidgid" | "torify" | "torsocks" | "proxychains" | "proxychains4" | "rlwrap" | "sshpass" | "ssh-agent"
        | "grc" | "aa-exec" | "cgexec" | "run-parts" | "dotenvx" | "infisical" | "chamber" | "aws-vault"
        | "nodemon" | "concurrently" | "cross-env" | "tmate" | "expect" | "distcc" | "ccache" | "sccache" | "rr"
        | "heaptrack" | "xvfb" | "winpty" | "wsl" | "nix-shell" | "socat" | "ncat" | "nc" | "inotifywait"
        | "fswatch" | "chronic" | "ts" | "ifne" | "pee" | "sponge" => &[],
        "docker" | "podman" | "nerdctl" => &["run", "exec", "create", "plugin", "ai"],
        "docker-compose" => &["run", "exec"],
        "kubectl" | "oc" => &["run", "exec", "debug", "rsh", "plugin"],
        "nix" => &["run", "shell", "develop", "--command", "-c", "print-dev-env"],
        "tmux" => &[
            "new",
            "new-session",
            "new-window",
            "neww",
            "split-window",
            "splitw",
            "send-keys",
            "send",
            "run-shell",
            "run",
            "pipe-pane",
            "pipep",
            "if-shell",
            "if",
            "respawn-pane",
            "respawnp",
            "respawn-window",
            "respawnw",
            "popup",
            "display-popup",
            "bind-key",
            "bind",
            "set-hook",
            "source-file",
            "-c",
        ],
        "npm" => &["exec", "x", "explore"],
        "pnpm" => &["exec", "dlx", "x"],
        "yarn" => &["exec", "dlx", "node"],
        "uv" | "pdm" | "hatch" | "rye" | "pipenv" | "poetry" => &["run", "shell"],
        "pipx" => &["run"],
        "mise" | "asdf" | "rtx" => &["exec", "x", "run"],
        "bundle" => &["exec"],
        "composer" => &["exec"],
        "rustup" => &["run"],
        "conda" | "mamba" | "micromamba" => &["run"],
        "ip" => &["exec", "-batch", "-b"],
        "cmake" => &["-E"],
        "opam" | "stack" | "cabal" | "dune" => &["exec"],
        "vagrant" => &["ssh", "-c"],
        "gcloud" => &["ssh"],
        "limactl" | "colima" | "multipass" | "lxc" | "incus" => &["shell", "exec", "ssh"],
        _ => return None,
    })
}

/// Without a command of its own, this launcher opens a shell. An agent can write into one later, which no hook sees.
pub(super) fn opens_shell(name: &str, arguments: &[String]) -> bool {
    let has = |options: &[&str]| arguments.iter().any(|argument| options.contains(&argument.as_str()));
    let words = arguments.iter().filter(|argument| !argument.starts_with('-')).count();
    match name {
        "su" | "runuser" | "script" => !has(&["-c", "--command", "--version", "--help"]),
        "chroot" => words == 1,
        "unshare" | "nsenter" | "screen" | "nix-shell" | "busybox" => words == 0,
        "poetry" | "pipenv" | "nix" | "pdm" | "hatch" => has(&["shell", "develop"]),
        _ => false,
    }
}

/// Options that stand before the subcommand of a program that has several.
pub(super) struct Subcommands {
    /// These take the next word with them.
    pub(super) valued: &'static [&'static str],
    /// These stand alone.
    pub(super) alone: &'static [&'static str],
}

/// The options before a subcommand, as far as they are known.
pub(super) fn subcommands(name: &str) -> Subcommands {
    let (valued, alone): (&[&str], &[&str]) = match name {
        "git" => (
            &["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--super-prefix", "--config-env", "--attr-source"],
            &["--no-pager", "-P", "-p", "--paginate", "--bare", "--no-replace-objects", "--literal-pathspecs"],
        ),
        "docker" | "podman" => {
            (&["-H", "--host", "-c", "--context", "-l", "--log-level", "--config"], &["-D", "--debug"])
        }
        "kubectl" | "oc" | "helm" => (
            &[
                "-n",
                "--namespace",
                "--context",
                "--kubeconfig",
                "--cluster",
                "--user",
                "-s",
                "--server",
                "--kube-context",
            ],
            &[],
        ),
        "npm" | "pnpm" | "yarn" => {
            (&["-C", "--prefix", "--dir", "--cwd", "-w", "--workspace", "-F", "--filter", "--registry"], &["-s", "-r"])
        }
        "terraform" | "tofu" | "terragrunt" => (&[], &["-help", "-version"]),
        "cargo" => (&["-C", "-Z", "--config", "--color", "--manifest-path"], &["-q", "-v", "--offline", "--locked"]),
        "aws" => (&["--profile", "--region", "--output", "--endpoint-url", "--query"], &["--no-cli-pager", "--debug"]),
        "gcloud" => (&["--project", "--account", "--configuration", "--format", "--verbosity"], &["-q", "--quiet"]),
        "az" | "gh" | "glab" => (&["-R", "--repo", "--subscription", "-o", "--output"], &[]),
        "systemctl" => (&["-H", "--host", "-M", "--machine", "-t", "--type"], &["--user", "--system", "--no-pager"]),
        _ => (&[], &[]),
    };
    Subcommands { valued, alone }
}
