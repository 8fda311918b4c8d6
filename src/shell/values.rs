//! What a script's variables hold, where that is certain: one text, set before it is used and by nothing else.

use std::collections::{HashMap, HashSet};

use super::word::Word;

/// Variables that hold one path wherever they are used, so that what stands around them is one word with it.
const PATHS: &[&str] =
    &["HOME", "PWD", "OLDPWD", "TMPDIR", "VIRTUAL_ENV", "GITHUB_WORKSPACE", "CODEX_HOME", "CARGO_HOME"];

/// The shell itself gives these a value.
const OF_THE_SHELL: &[&str] = &[
    "IFS",
    "RANDOM",
    "SECONDS",
    "LINENO",
    "REPLY",
    "OPTARG",
    "OPTIND",
    "PWD",
    "OLDPWD",
    "PIPESTATUS",
    "COLUMNS",
    "LINES",
    "MAPFILE",
    "COPROC",
    "DIRSTACK",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "SRANDOM",
    "EPOCHSECONDS",
    "EPOCHREALTIME",
    "SHELLOPTS",
    "_",
];

/// So do all whose names begin so: `BASH_REMATCH`.
const SHELL_S_OWN: [&str; 3] = ["BASH", "COMP_", "READLINE_"];

/// What the scripts around a script set.
#[derive(Debug, Default)]
pub(super) struct Outer {
    pub(super) names: HashSet<String>,
    dark: bool,
}

/// The variables of one script.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// By name; `None` where it is more than one, or not known.
    texts: HashMap<String, Option<String>>,
    /// Anything may be set in a way that is not seen.
    dark: bool,
    /// Set for certain, so far.
    set: HashSet<String>,
    /// Set around it.
    outer: HashSet<String>,
}

impl Values {
    /// Something may change the meaning of names in a way that is not seen.
    pub(super) fn are_dark(&self) -> bool {
        self.dark
    }

    pub(super) fn darken(&mut self) {
        self.dark = true;
    }

    /// The variable is somewhere set to this, or to what is not known.
    pub(super) fn sets(&mut self, name: &str, value: Option<String>) {
        let known = self.texts.entry(name.to_owned()).or_insert_with(|| value.clone());
        if *known != value {
            *known = None;
        }
    }

    /// Stands within scripts that set variables, and in others' turn hands on its own.
    pub(super) fn within(mut self, outer: &mut Outer) -> Self {
        self.outer.clone_from(&outer.names);
        self.dark |= outer.dark;
        outer.names.extend(self.texts.keys().cloned());
        outer.dark = self.dark;
        self
    }

    /// The walk has come past an assignment that no condition stands before.
    pub(super) fn is_set(&mut self, name: &str) {
        self.set.insert(name.to_owned());
    }

    /// What `$name` or `${name}` stands for.
    pub(super) fn of(&self, raw: &str, in_quotes: bool) -> Word {
        let name = raw.strip_prefix('$').unwrap_or_default();
        let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
        let is_one_word = in_quotes && !name.contains(['@', '*']);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let is_number = matches!(name, "?" | "#" | "$" | "!");
        let is_made =
            self.dark || self.texts.contains_key(name) || self.outer.contains(name) || !(is_name || is_number);
        let unknown = || match (is_one_word, is_made) {
            (true, false) => Word::found(),
            (true, true) => Word::unknown_in_quotes(),
            (false, _) => Word::unknown(),
        };
        if (PATHS.contains(&name) || is_number) && !is_made {
            return Word::found();
        }
        let is_of_the_shell =
            OF_THE_SHELL.contains(&name) || SHELL_S_OWN.iter().any(|beginning| name.starts_with(beginning));
        let is_known = !self.dark && self.set.contains(name) && !is_of_the_shell;
        let Some(Some(text)) = self.texts.get(name).filter(|_| is_known) else { return unknown() };
        let stays_whole = |c: char| c.is_ascii_alphanumeric() || "_-+=./:@%,".contains(c);
        if in_quotes || (!text.is_empty() && text.chars().all(stays_whole) && !self.texts.contains_key("IFS")) {
            Word::of(text)
        } else {
            unknown()
        }
    }
}
