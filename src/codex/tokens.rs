//! Arguments as Codex's parser divides them: options with their values, commands, words.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::options::{self, Arity, Command, Opt};

/// One option, word or command, with the arguments that spell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) level: Level,
    pub(super) words: Vec<OsString>,
    pub(super) meaning: Meaning,
}

/// How deep a token stands: the same option may stand once on each level, and the deepest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Before any command.
    Root,
    /// After `exec`, before `resume`, `fork` or `review`.
    Exec,
    /// After the last command.
    Last,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A known option and its first value, if it has one.
    Option(Opt, Option<OsString>),
    /// An option that this version does not know, nor whether it takes a value; or one whose value is missing, which
    /// Codex would refuse.
    Unknown,
    Command(Command),
    Word,
    /// `--`.
    Terminator,
    /// Arguments of a command that is not looked into.
    Opaque,
}

/// Reads Codex's own arguments.
pub(super) fn read(own: &[OsString]) -> Vec<Token> {
    let mut done: Vec<Token> = Vec::new();
    let mut level = Level::Root;
    let mut opaque = false;
    let mut terminated = false;
    let mut rest = own.iter().peekable();
    while let Some(word) = rest.next() {
        let mut words = vec![word.clone()];
        let bytes = word.as_bytes();
        let meaning = if terminated {
            if opaque { Meaning::Opaque } else { Meaning::Word }
        } else if bytes == b"--" {
            terminated = true;
            Meaning::Terminator
        } else if bytes.starts_with(b"-") && bytes.len() > 1 {
            match option(bytes) {
                // Known options of commands that are not looked into mean the same there: `-c`, `-C`, `--remote`.
                Some((opt, Arity::Flag, _)) => Meaning::Option(opt, None),
                Some((opt, _, Some(attached))) => Meaning::Option(opt, Some(attached)),
                Some((opt, arity, None)) => {
                    // `exec resume -i` takes one image, all others as many as there are.
                    let many = arity == Arity::Many && !(level == Level::Last && is_exec(&done));
                    let most = if many { usize::MAX } else { 1 };
                    while words.len() <= most
                        && let Some(value) = rest.next_if(|next| !looks_like_option(next))
                    {
                        words.push(value.clone());
                    }
                    words.get(1).cloned().map_or(Meaning::Unknown, |value| Meaning::Option(opt, Some(value)))
                }
                None if opaque => Meaning::Opaque,
                None => Meaning::Unknown,
            }
        } else if opaque {
            Meaning::Opaque
        } else if let Some(command) = command(word, level) {
            level = if command == Command::Exec { Level::Exec } else { Level::Last };
            opaque = matches!(command, Command::AppServer | Command::Cloud | Command::Other(_) | Command::Help);
            Meaning::Command(command)
        } else {
            Meaning::Word
        };
        done.push(Token { level, words, meaning });
    }
    done
}

fn command(word: &OsStr, level: Level) -> Option<Command> {
    let word = word.to_str()?;
    match level {
        Level::Root => options::at_root(word),
        Level::Exec => options::after_exec(word),
        Level::Last => None,
    }
}

fn is_exec(done: &[Token]) -> bool {
    done.iter().any(|token| token.meaning == Meaning::Command(Command::Exec))
}

fn looks_like_option(word: &OsStr) -> bool {
    word.as_bytes().starts_with(b"-") && word.len() > 1
}

/// A known option, how many values it takes, and the value attached to it.
fn option(bytes: &[u8]) -> Option<(Opt, Arity, Option<OsString>)> {
    let owned = |value: &[u8]| OsStr::from_bytes(value).to_owned();
    if let Some(long) = bytes.strip_prefix(b"--") {
        let (name, value) = match long.iter().position(|byte| *byte == b'=').map(|at| long.split_at(at)) {
            Some((name, value)) => (name, value.get(1..)),
            None => (long, None),
        };
        let (opt, arity) = options::long(std::str::from_utf8(name).ok()?)?;
        return Some((opt, arity, value.map(owned)));
    }
    let (letter, value) = bytes.get(1..)?.split_first()?;
    let (opt, arity) = options::short(char::from(*letter))?;
    let value = value.strip_prefix(b"=").unwrap_or(value);
    match arity {
        // `-hV` is no option that anyone uses.
        Arity::Flag if !value.is_empty() => None,
        Arity::Flag | Arity::One | Arity::Many => {
            Some((opt, arity, Some(value).filter(|value| !value.is_empty()).map(owned)))
        }
    }
}
