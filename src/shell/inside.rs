//! Where the command of a launcher begins that has subcommands and options of its own: `docker exec`, `npx`, `ssh`.

use super::options::{self, Options};
use super::word::Word;

const EXEC: Options = Options {
    valued: "euw",
    flags: "itdTP",
    long_valued: &["env", "user", "workdir", "env-file", "detach-keys", "index"],
    operands: 1,
    ..Options::NONE
};
const RUN: Options = Options {
    valued: "aceHhlmpuvw",
    flags: "diPqtT",
    long_valued: &[
        "add-host",
        "cpus",
        "cpuset-cpus",
        "device",
        "dns",
        "entrypoint",
        "env",
        "env-file",
        "expose",
        "gpus",
        "group-add",
        "hostname",
        "ip",
        "label",
        "log-driver",
        "log-opt",
        "memory",
        "mount",
        "name",
        "network",
        "net",
        "pid",
        "platform",
        "publish",
        "pull",
        "restart",
        "runtime",
        "security-opt",
        "shm-size",
        "stop-signal",
        "tmpfs",
        "ulimit",
        "user",
        "userns",
        "volume",
        "volumes-from",
        "workdir",
        "cap-add",
        "cap-drop",
        "cgroupns",
        "ipc",
        "isolation",
        "cidfile",
    ],
    operands: 1,
    ..Options::NONE
};
const KUBECTL: Options = Options {
    valued: "ncf",
    flags: "itq",
    long_valued: &["namespace", "container", "context", "kubeconfig", "cluster", "user"],
    operands: 1,
    ..Options::NONE
};
const NPX: Options =
    Options { valued: "pw", flags: "yq", long_valued: &["package", "workspace", "node-options"], ..Options::NONE };
const UV: Options = Options {
    valued: "p",
    flags: "qvn",
    long_valued: &[
        "with",
        "with-requirements",
        "with-editable",
        "python",
        "extra",
        "group",
        "package",
        "project",
        "directory",
        "env-file",
        "from",
        "index-url",
    ],
    ..Options::NONE
};
const CONDA: Options = Options { valued: "np", flags: "v", long_valued: &["name", "prefix", "cwd"], ..Options::NONE };
const SSH: Options =
    Options { valued: "bBcDEeFIiJLlmOopQRSWw", flags: "46AaCfGgKkMNnqsTtVvXxYy", operands: 1, ..Options::NONE };

/// The subcommand that launches, and its options.
fn known(name: &str, subcommand: &str) -> Option<Options> {
    Some(match (name, subcommand) {
        ("docker" | "podman" | "nerdctl" | "docker-compose", "exec") => EXEC,
        ("docker" | "podman" | "nerdctl" | "docker-compose", "run") => RUN,
        ("kubectl" | "oc", "exec") => KUBECTL,
        ("npm" | "pnpm", "exec" | "x" | "dlx") | ("yarn", "exec" | "dlx") => NPX,
        ("uv" | "poetry" | "pipenv" | "pdm" | "hatch" | "rye", "run") => UV,
        ("bundle" | "composer" | "opam" | "stack" | "cabal" | "dune", "exec") => Options::NONE,
        ("conda" | "mamba" | "micromamba", "run") => CONDA,
        _ => return None,
    })
}

/// A host and nothing behind it.
pub(super) fn opens_shell(name: &str, arguments: &[Word]) -> bool {
    let host = Options { operands: 0, ..SSH };
    let end = |options: &Options| options::operand(arguments, options);
    let has_tunnel_only =
        arguments.iter().any(|word| matches!(word.shown().as_str(), "-N" | "-V" | "-G" | "-Q" | "-O"));
    name == "ssh"
        && !has_tunnel_only
        && end(&host).is_none_or(|at| at < arguments.len())
        && end(&SSH).is_none_or(|at| at >= arguments.len())
}

/// Where the command begins; `None` where that is not certain.
pub(super) fn begins(name: &str, arguments: &[Word]) -> Option<usize> {
    match name {
        "npx" | "bunx" | "pnpx" => return options::operand(arguments, &NPX),
        "uvx" => return options::operand(arguments, &UV),
        "ssh" => return options::operand(arguments, &SSH),
        _ => {}
    }
    // `docker compose exec`, `docker container run`.
    let is_group = |word: &Word| matches!(word.shown().as_str(), "compose" | "container");
    let group = usize::from(arguments.first().is_some_and(is_group));
    let subcommand = arguments.get(group)?.text()?;
    let options = known(name, &subcommand)?;
    let at = group + 1;
    let rest = arguments.get(at..)?;
    let begins = at + options::operand(rest, &options)?;
    // Behind the name of what it is run in, some want `--`.
    let is_end = |word: &Word| word.shown() == "--";
    Some(begins + usize::from(arguments.get(begins).is_some_and(is_end)))
}
