//! Which options Codex has, and how many values each takes.

/// How many values an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arity {
    /// None.
    Flag,
    /// One: attached, or the next argument.
    One,
    /// One attached, or all arguments up to the next option: `codex exec -i a.png "prompt"` takes the prompt too.
    Many,
}

/// An option of Codex, by what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opt {
    AddDir,
    All,
    Cd,
    Config,
    Disable,
    Enable,
    Ephemeral,
    Help,
    Image,
    Json,
    Last,
    LocalProvider,
    Model,
    NoDaemon,
    Oss,
    OutputLastMessage,
    Profile,
    Remote,
    Search,
    Version,
    Worktree,
    /// Told by its name only: nothing here depends on it.
    Plain,
}

/// Long name, short name, meaning, arity: the union over versions. `--full-auto` is gone by 0.169, `--no-daemon`,
/// `--worktree`, `--trust`, `--approve-for-me`, `--thread-source` and `--cyber-access-program` came after 0.135.
const OPTIONS: &[(&str, Option<char>, Opt, Arity)] = &[
    ("add-dir", None, Opt::AddDir, Arity::One),
    ("all", None, Opt::All, Arity::Flag),
    ("approve-for-me", None, Opt::Plain, Arity::Flag),
    ("ask-for-approval", Some('a'), Opt::Plain, Arity::One),
    ("base", None, Opt::Plain, Arity::One),
    ("cd", Some('C'), Opt::Cd, Arity::One),
    ("color", None, Opt::Plain, Arity::One),
    ("commit", None, Opt::Plain, Arity::One),
    ("config", Some('c'), Opt::Config, Arity::One),
    ("cyber-access-program", None, Opt::Plain, Arity::One),
    ("dangerously-bypass-approvals-and-sandbox", None, Opt::Plain, Arity::Flag),
    ("dangerously-bypass-hook-trust", None, Opt::Plain, Arity::Flag),
    ("disable", None, Opt::Disable, Arity::One),
    ("enable", None, Opt::Enable, Arity::One),
    ("ephemeral", None, Opt::Ephemeral, Arity::Flag),
    ("experimental-json", None, Opt::Json, Arity::Flag),
    ("full-auto", None, Opt::Plain, Arity::Flag),
    ("help", Some('h'), Opt::Help, Arity::Flag),
    ("ignore-rules", None, Opt::Plain, Arity::Flag),
    ("ignore-user-config", None, Opt::Plain, Arity::Flag),
    ("image", Some('i'), Opt::Image, Arity::Many),
    ("include-non-interactive", None, Opt::All, Arity::Flag),
    ("json", None, Opt::Json, Arity::Flag),
    ("last", None, Opt::Last, Arity::Flag),
    ("local-provider", None, Opt::LocalProvider, Arity::One),
    ("model", Some('m'), Opt::Model, Arity::One),
    ("no-alt-screen", None, Opt::Plain, Arity::Flag),
    ("no-daemon", None, Opt::NoDaemon, Arity::Flag),
    ("oss", None, Opt::Oss, Arity::Flag),
    ("output-last-message", Some('o'), Opt::OutputLastMessage, Arity::One),
    ("output-schema", None, Opt::Plain, Arity::One),
    ("profile", Some('p'), Opt::Profile, Arity::One),
    ("remote", None, Opt::Remote, Arity::One),
    ("remote-auth-token-env", None, Opt::Plain, Arity::One),
    ("sandbox", Some('s'), Opt::Plain, Arity::One),
    ("search", None, Opt::Search, Arity::Flag),
    ("skip-git-repo-check", None, Opt::Plain, Arity::Flag),
    ("strict-config", None, Opt::Plain, Arity::Flag),
    ("thread-source", None, Opt::Plain, Arity::One),
    ("title", None, Opt::Plain, Arity::One),
    ("trust", None, Opt::Plain, Arity::Flag),
    ("uncommitted", None, Opt::Plain, Arity::Flag),
    ("version", Some('V'), Opt::Version, Arity::Flag),
    ("worktree", None, Opt::Worktree, Arity::Flag),
    ("yolo", None, Opt::Plain, Arity::Flag),
];

/// The option of this long name, without dashes. Codex takes no abbreviations.
pub(super) fn long(name: &str) -> Option<(Opt, Arity)> {
    OPTIONS.iter().find(|(long, ..)| *long == name).map(|(_, _, opt, arity)| (*opt, *arity))
}

/// The option of this letter.
pub(super) fn short(letter: char) -> Option<(Opt, Arity)> {
    OPTIONS.iter().find(|(_, short, ..)| *short == Some(letter)).map(|(_, _, opt, arity)| (*opt, *arity))
}

/// Commands that start no session of their own, hidden ones included. What Codex does not know is a prompt.
const OTHERS: &[&str] = &[
    "a",
    "agents",
    "apply",
    "archive",
    "completion",
    "debug",
    "delete",
    "doctor",
    "exec-server",
    "execpolicy",
    "features",
    "help",
    "login",
    "logout",
    "mcp",
    "mcp-server",
    "migrate-nfs-db",
    "migrate-rollouts",
    "plugin",
    "queue",
    "remote-control",
    "responses-api-proxy",
    "sandbox",
    "stdio-to-uds",
    "unarchive",
    "update",
];

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Exec,
    Resume,
    Fork,
    Review,
    AppServer,
    Cloud,
    Help,
    Other(&'static str),
}

/// The command that this word names at the root.
pub(super) fn at_root(word: &str) -> Option<Command> {
    Some(match word {
        "exec" | "e" => Command::Exec,
        "resume" => Command::Resume,
        "fork" => Command::Fork,
        "review" => Command::Review,
        "app-server" => Command::AppServer,
        "cloud" | "cloud-tasks" => Command::Cloud,
        _ => Command::Other(OTHERS.iter().find(|other| **other == word)?),
    })
}

/// The command that this word names after `exec`.
pub(super) fn after_exec(word: &str) -> Option<Command> {
    Some(match word {
        "resume" => Command::Resume,
        "fork" => Command::Fork,
        "review" => Command::Review,
        "help" => Command::Help,
        _ => return None,
    })
}
