//! Pure. Programs that run what they are given, and options that stand before a subcommand.

/// What a program does with its arguments, as far as it matters to what is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// Reads a script: from `-c`, a file, or its input.
    Shell,
    /// Reads a program in another language, after one of these short options or one of these long ones.
    Interpreter { letters: &'static str, long: &'static [&'static str] },
    /// `awk`: its program may start others.
    Awk,
    /// Only starts the command that its arguments are, after options of its own.
    Starts,
    /// Starts a command that stands somewhere in its arguments, or a script that is one of them.
    Launches,
    /// Starts a command with arguments that it reads from its input.
    Feeds,
    /// `find` and `fd`: commands behind `-exec` and the like.
    Finds,
    /// `eval`.
    Evaluates,
    /// `trap`: its first argument is a script.
    Traps,
    /// `source` and `.`.
    Sources,
    /// Gives commands other names: `alias`, `hash -p`, `enable -f`.
    Renames,
    /// Runs its input as a script: `at`, `batch`.
    Schedules,
    /// Runs scripts from its options too.
    Git,
    /// Nothing of the kind that is known here.
    Plain,
}

impl Program {
    /// A part of the shell, which no other program can start.
    pub(super) fn is_built_in(self) -> bool {
        matches!(self, Self::Evaluates | Self::Traps | Self::Sources | Self::Renames)
    }
}

/// A program by the last part of its path.
pub(super) fn program(name: &str) -> Program {
    match name {
        "sh" | "bash" | "zsh" | "dash" | "ksh" | "mksh" | "ash" | "rbash" | "rksh" | "fish" | "csh" | "tcsh"
        | "yash" | "pwsh" => Program::Shell,
        "awk" | "gawk" | "mawk" | "nawk" => Program::Awk,
        "env" | "nohup" | "time" | "timeout" | "command" | "builtin" | "exec" | "coproc" | "nice" | "setsid" => {
            Program::Starts
        }
        "sudo" | "doas" | "su" | "runuser" | "pkexec" | "ssh" | "stdbuf" | "strace" | "ltrace" | "unshare"
        | "nsenter" | "chroot" | "chrt" | "taskset" | "ionice" | "flock" | "watch" | "script" | "unbuffer"
        | "systemd-run" | "systemd-inhibit" | "xvfb-run" | "busybox" | "toybox" | "docker" | "podman" | "nerdctl"
        | "kubectl" | "oc" | "nix" | "nix-shell" | "npx" | "pnpx" | "bunx" | "pipx" | "uvx" | "uv" | "poetry"
        | "pipenv" | "pdm" | "hatch" | "rye" | "direnv" | "mise" | "asdf" | "dotenv" | "op" | "doppler" | "tmux"
        | "screen" | "entr" | "watchexec" | "hyperfine" | "faketime" | "fakeroot" | "firejail" | "bwrap"
        | "caffeinate" | "arch" | "setarch" | "prlimit" | "numactl" | "catchsegv" | "valgrind" | "gdb" | "perf"
        | "dbus-run-session" | "retry" | "ts-node" | "ld.so" => Program::Launches,
        "xargs" | "parallel" => Program::Feeds,
        "find" | "fd" | "fdfind" => Program::Finds,
        "eval" => Program::Evaluates,
        "trap" => Program::Traps,
        "source" | "." => Program::Sources,
        "alias" | "hash" | "enable" => Program::Renames,
        "at" | "batch" => Program::Schedules,
        "git" => Program::Git,
        _ => interpreter(name),
    }
}

/// Without a command of its own, this launcher opens a shell. An agent can write into one later, which no hook sees.
pub(super) fn opens_shell(name: &str, arguments: &[String]) -> bool {
    let has = |options: &[&str]| arguments.iter().any(|argument| options.contains(&argument.as_str()));
    let words = arguments.iter().filter(|argument| !argument.starts_with('-')).count();
    match name {
        "su" | "runuser" | "script" => !has(&["-c", "--command", "--version", "--help"]),
        "sudo" | "doas" => has(&["-s", "-i", "--shell", "--login"]),
        "ssh" | "chroot" => words == 1,
        "unshare" | "nsenter" | "tmux" | "screen" | "nix-shell" | "busybox" => words == 0,
        "poetry" | "pipenv" | "nix" | "pdm" | "hatch" => has(&["shell", "develop"]),
        _ => false,
    }
}

/// Versions stand behind some names: `python3.12`.
fn interpreter(name: &str) -> Program {
    let (letters, long): (&str, &[&str]) = match name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
        "python" | "pypy" => ("c", &[]),
        "ipython" => ("c", &["--command"]),
        "perl" => ("eE", &[]),
        "ruby" | "lua" | "luajit" | "Rscript" | "osascript" | "julia" | "elixir" | "ghc" | "groovy" | "guile" => {
            ("e", &["--eval"])
        }
        "node" | "nodejs" | "bun" => ("ep", &["--eval", "--print"]),
        "deno" => ("", &["eval"]),
        "php" => ("rBRE", &["--run"]),
        "tclsh" | "expect" => ("c", &[]),
        _ => return Program::Plain,
    };
    Program::Interpreter { letters, long }
}

/// Options that stand before the subcommand of a program that has several.
pub(super) struct Subcommands {
    /// These take the next word with them.
    pub(super) valued: &'static [&'static str],
    /// These stand alone.
    pub(super) alone: &'static [&'static str],
}

/// The options before a subcommand; `None` for a program without any.
pub(super) fn subcommands(name: &str) -> Option<Subcommands> {
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
        "pip" | "pip3" | "uv" | "poetry" | "go" | "dotnet" | "mvn" | "gradle" | "ansible" | "pulumi" | "vercel"
        | "netlify" | "fly" | "flyctl" | "heroku" | "firebase" | "wrangler" | "twine" | "gem" | "bundle" | "svn"
        | "hg" | "jj" => (&[], &[]),
        _ => return None,
    };
    Some(Subcommands { valued, alone })
}

/// What setting a variable does to the commands that see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    /// Its value is a command that others run.
    Command,
    /// It tells others to run something in a way that is not followed.
    Hidden,
    /// It changes which programs are found, what they load, or how words are split.
    Changes,
    /// Nothing of the kind.
    Plain,
}

/// A variable by its name.
pub(super) fn variable(name: &str) -> Variable {
    match name {
        "EDITOR"
        | "VISUAL"
        | "PAGER"
        | "BROWSER"
        | "MANPAGER"
        | "GIT_EDITOR"
        | "GIT_SEQUENCE_EDITOR"
        | "GIT_PAGER"
        | "GIT_SSH"
        | "GIT_SSH_COMMAND"
        | "GIT_EXTERNAL_DIFF"
        | "GIT_ASKPASS"
        | "SSH_ASKPASS"
        | "SUDO_ASKPASS"
        | "GIT_PROXY_COMMAND"
        | "PROMPT_COMMAND"
        | "LESSOPEN"
        | "LESSCLOSE"
        | "RSYNC_RSH"
        | "CARGO_BUILD_RUSTC_WRAPPER"
        | "RUSTC_WRAPPER" => Variable::Command,
        "GIT_CONFIG_PARAMETERS" | "GIT_CONFIG_COUNT" | "PS4" => Variable::Hidden,
        "PATH" | "IFS" | "BASH_ENV" | "ENV" | "ZDOTDIR" | "SHELLOPTS" | "BASHOPTS" | "NODE_OPTIONS" | "PERL5OPT"
        | "PERL5LIB" | "RUBYOPT" | "PYTHONSTARTUP" | "PYTHONPATH" | "GIT_EXEC_PATH" | "GIT_CONFIG_GLOBAL"
        | "GIT_CONFIG_SYSTEM" | "GIT_CONFIG" | "HOME" | "MAKEFLAGS" => Variable::Changes,
        _ if name.starts_with("GIT_CONFIG_KEY_") || name.starts_with("GIT_CONFIG_VALUE_") => Variable::Hidden,
        _ if name.starts_with("LD_") || name.starts_with("DYLD_") => Variable::Changes,
        _ => Variable::Plain,
    }
}

/// The value of this setting of git is a command that git runs.
pub(super) fn is_command_of_git(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    matches!(
        last.as_str(),
        "pager"
            | "editor"
            | "sshcommand"
            | "askpass"
            | "helper"
            | "textconv"
            | "command"
            | "cmd"
            | "program"
            | "driver"
            | "clean"
            | "smudge"
            | "process"
            | "fsmonitor"
            | "external"
            | "gitproxy"
            | "update"
            | "receivepack"
            | "uploadpack"
    )
}
