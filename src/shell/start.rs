//! Pure. From one command to those that it starts.

use std::collections::HashSet;

use super::forms::forms;
use super::options::{self, Options};
use super::program::{Program, program};
use super::syntax::{self, Script};
use super::variables::{Outer, Values};
use super::word::{Piece, Word};
use super::{Command, Reading};

/// How many scripts may stand in one another.
const MOST_DEPTH: usize = 8;
/// All scripts of a command line together, in bytes.
const MOST_BYTES: usize = 64 * 1024;
/// All commands of a command line together, however often what one starts is a part of it.
const MOST_COMMANDS: usize = 2_000;
/// All their characters together.
const MOST_CHARACTERS: usize = 8 * MOST_BYTES;
/// A command that may be started by another is told by so many of its words.
const MOST_TOLD: usize = 40;

/// What a command reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stdin {
    /// What the whole command line reads: for an agent's tools, nothing.
    Inherited,
    /// This text.
    Text(String),
    /// A text that the command line holds, and that only the shell will know.
    Written,
    /// A file by its name.
    File,
    /// What another program writes.
    Unknown,
}

/// Whom an assignment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// The shell itself.
    Shell,
    /// The one command that it stands before.
    OneCommand,
    /// The shell and maybe all that it starts: `export`, `declare -x`.
    AllCommands,
}

/// How it is known that a command would be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It stands there.
    Surely,
    /// It stands among the words of a program that starts commands, which has looked at all of its words.
    Launched,
    /// It stands among the words of a program of which nothing is known.
    Carried,
}

/// Collects a [`Reading`], within bounds.
#[derive(Debug, Default)]
pub(super) struct Reader {
    reading: Reading,
    bytes: usize,
    characters: usize,
    full: bool,
    /// Somewhere the shell counts, or takes a word for the name of a variable.
    counts: bool,
    /// Somewhere a text stands that runs a command where it is counted with.
    bears: bool,
    /// Variables are handed on to programs after they were set.
    exports: bool,
    /// What variables of the shell were set to.
    set: Vec<String>,
    /// Functions that a script has surely defined so far, by how deep it stands.
    functions: HashSet<(usize, String)>,
    /// What scripts set variables, for those that stand in them.
    outer: Outer,
}

impl Reader {
    pub(super) fn into_reading(mut self) -> Reading {
        if self.counts && self.bears {
            self.unreadable("a text in it is a command where the shell counts with it");
        }
        if self.exports {
            for text in std::mem::take(&mut self.set) {
                self.carried_text(&text, 0);
            }
        }
        self.reading
    }

    /// There is a command that may be anything.
    pub(super) fn unreadable(&mut self, why: impl Into<String>) {
        let why = why.into();
        if !self.reading.commands.iter().any(|command| command.unreadable() == Some(&why)) {
            self.reading.commands.push(Command::of_nothing_known(why));
        }
    }

    /// The commands may not do what they seem to.
    pub(super) fn doubt(&mut self, why: impl Into<String>) {
        self.reading.doubts.push(why.into());
    }

    /// The shell counts, or takes a word for the name of a variable.
    pub(super) fn counts(&mut self) {
        self.counts = true;
    }

    /// A text that stands for itself.
    pub(super) fn bears(&mut self, text: &str) {
        let subscript = text.find('[').and_then(|at| text.get(at..)).unwrap_or_default();
        self.bears |= subscript.contains("$(") || subscript.contains('`') || subscript.contains("${");
    }

    /// A script has surely defined a function.
    pub(super) fn defines(&mut self, name: &str, depth: usize) {
        self.functions.insert((depth, name.to_owned()));
    }

    /// Nothing has been found that gives commands of the shell another meaning.
    pub(super) fn is_as_it_seems(&self) -> bool {
        self.reading.doubts.is_empty()
    }

    /// This variable is set by the command line.
    pub(super) fn makes(&mut self, name: &str) {
        self.outer.names.insert(name.to_owned());
    }

    /// A variable of the shell is set, which programs may come to see.
    pub(super) fn sets(&mut self, text: String) {
        self.set.push(text);
    }

    /// Variables of the shell are seen by programs.
    pub(super) fn exports(&mut self) {
        self.exports = true;
    }

    /// Says once that there is more than is read.
    fn fill(&mut self) {
        if !self.full {
            self.full = true;
            self.unreadable("it is too long to be read");
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// All commands of a script.
    pub(super) fn script(&mut self, text: &str, depth: usize) {
        self.bytes = self.bytes.saturating_add(text.len());
        if depth > MOST_DEPTH {
            self.unreadable("its scripts are nested too deeply to be read");
        } else if self.full || self.bytes > MOST_BYTES {
            self.fill();
        } else if text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')) {
            self.unreadable("control characters in it cannot be read");
        } else {
            self.parsed(text, depth);
            // The grammar ends a word at a line that goes on; a comment does end there, and where one begins is not always
            // certain. So all of it is read.
            if text.contains("\\\n") {
                let joined = text.replace("\\\n", "");
                let with_comments = super::syntax::joined_lines(text);
                if with_comments != joined {
                    self.parsed(&with_comments, depth);
                }
                self.parsed(&joined, depth);
            }
        }
    }

    fn parsed(&mut self, text: &str, depth: usize) {
        let Some(tree) = syntax::parse(text) else {
            self.unreadable("it cannot be read");
            return;
        };
        if tree.root_node().has_error() {
            self.unreadable("parts of it cannot be read as a shell's");
        }
        self.functions.retain(|(at, _)| *at != depth);
        let values = Values::of_script(tree.root_node(), text, &mut self.outer);
        Script { reader: self, text, depth, values }.walk(tree.root_node(), false, 0);
    }

    /// A script that a word holds.
    pub(super) fn script_in(&mut self, word: &Word, what: &str, depth: usize) {
        match word.as_program("${_}") {
            Some(text) => self.script(&text, depth + 1),
            None => self.unreadable(format!("{what} cannot be read")),
        }
    }

    /// What a shell of this name is given to run: where it may know POSIX alone, also as such a one reads it.
    pub(super) fn script_of(&mut self, name: &str, text: &str, depth: usize) {
        self.script(text, depth + 1);
        let is_larger = matches!(name, "bash" | "rbash" | "zsh");
        if let Some(posix) = syntax::as_posix(text).filter(|_| !is_larger) {
            self.script(&posix, depth + 1);
        }
    }

    /// What a shell, or a program that runs commands, reads from its input.
    pub(super) fn input(&mut self, name: &str, stdin: &Stdin, depth: usize) {
        match stdin {
            Stdin::Text(text) => self.script_of(name, text, depth),
            _ => self.unreadable(format!("what `{name}` reads cannot be read")),
        }
    }

    /// A command and all that it starts.
    pub(super) fn simple(&mut self, words: Vec<Word>, stdin: Stdin, depth: usize) {
        self.command(words, &stdin, depth, How::Surely);
    }

    /// A command, and all that it starts.
    pub(super) fn command(&mut self, mut words: Vec<Word>, stdin: &Stdin, depth: usize, how: How) {
        loop {
            if how != How::Surely && words.len() > MOST_TOLD {
                words.truncate(MOST_TOLD);
                words.push(Word::unknown());
            }
            self.characters = words.iter().fold(self.characters, |sum, word| sum.saturating_add(word.pieces.len() + 1));
            if self.reading.commands.len() >= MOST_COMMANDS || self.characters > MOST_CHARACTERS {
                self.fill();
            }
            if self.full {
                return;
            }
            if how == How::Surely {
                // Behind `time`, and where the grammar does not expect them.
                while let Some((variable, value)) = words.first().and_then(set_element) {
                    self.assignment(&variable, &value, For::OneCommand, depth);
                    words.remove(0);
                }
                // Of an element of an array no more than the name is told.
                let renames =
                    |word: &Word| ["BASH_CMDS", "BASH_ALIASES"].iter().any(|name| word.shown().starts_with(name));
                if words.first().is_some_and(|word| begins_group(word) || renames(word)) {
                    self.unreadable("a part of it stands where it cannot be read");
                    return;
                }
            }
            let Some(first) = words.first() else { return };
            let name = first.file_name().text();
            let kind = name.as_deref().map_or(Program::Data(&[]), program);
            // What is a part of a shell cannot be launched: the `.` of `docker build .` is a folder.
            let kind = if how == How::Surely || !kind.is_built_in() { kind } else { Program::Data(&[]) };
            let only_starts = matches!(kind, Program::Starts(_) | Program::Env | Program::Shell | Program::Evaluates);
            let Some(forms) = forms(&words, name.as_deref()) else {
                self.fill();
                return;
            };
            self.reading.commands.push(Command::new(&words, forms, only_starts, how == How::Carried));
            let arguments = words.get(1..).unwrap_or_default();
            let Some(name) = name else {
                // A program of whose name a part is not known may start what it is given.
                if how == How::Surely {
                    self.unknown(&first.file_name().shown(), arguments, stdin, depth);
                }
                return;
            };
            let next = match kind {
                Program::Starts(options) => self.started(&name, arguments, options, how),
                Program::Env => self.environment(arguments, depth, how),
                Program::Git => match name.strip_prefix("git-") {
                    Some(own) if how != How::Carried => Some([&[Word::of("git"), Word::of(own)], arguments].concat()),
                    _ => {
                        self.git(arguments, stdin, depth);
                        return;
                    }
                },
                other => {
                    self.special(other, &name, &words, stdin, depth, how);
                    return;
                }
            };
            match next {
                Some(rest) => words = rest,
                None => {
                    if how == How::Surely {
                        self.launched(&words, stdin, depth);
                    }
                    return;
                }
            }
        }
    }

    fn special(&mut self, kind: Program, name: &str, words: &[Word], stdin: &Stdin, depth: usize, how: How) {
        let arguments = words.get(1..).unwrap_or_default();
        // `mytool completion bash` names a shell and starts none.
        let is_last = arguments.is_empty() && how == How::Carried;
        match kind {
            Program::Shell if !is_last => self.shell(name, arguments, stdin, depth),
            Program::Code(language) if !is_last => self.interpreter(name, language, arguments, stdin, depth, how),
            Program::Launches(_)
                if name == "coproc" && arguments.iter().take(2).any(|word| begins_group(word) || is(word, "time")) =>
            {
                self.unreadable("a group of commands behind `coproc` cannot be read");
            }
            Program::Launches(subcommands) => {
                let launches = |word: &Word| word.text().is_some_and(|text| subcommands.contains(&text.as_str()));
                let first = arguments.iter().find(|word| !word.shown().starts_with('-'));
                let may_launch = arguments.iter().any(launches) || first.is_some_and(|word| !word.is_known());
                if how == How::Surely && !subcommands.is_empty() && !may_launch {
                    self.without_launching(name, arguments, stdin, depth);
                } else if how == How::Surely {
                    let shown = arguments.iter().map(Word::shown).collect::<Vec<_>>();
                    if super::program::opens_shell(name, &shown) || super::inside::opens_shell(name, arguments) {
                        self.unreadable(format!("what the shell that `{name}` opens will read cannot be read"));
                    }
                    self.launch(name, words, stdin, depth);
                }
            }
            Program::Feeds => self.fed(name, arguments, stdin, depth),
            Program::Finds => self.found(arguments, stdin, depth),
            Program::Schedules => self.input(name, stdin, depth),
            Program::Make => self.make(arguments, stdin, depth),
            Program::Data(options) => {
                if name == "set" && takes_assignments_anywhere(arguments) {
                    self.unreadable("assignments among the words of a command cannot be read");
                }
                self.data(name, arguments, options, depth);
            }
            // A function's own commands have been read, whatever it is called with.
            Program::Unknown if self.functions.contains(&(depth, name.to_owned())) => {}
            Program::Unknown if how == How::Surely => self.unknown(name, arguments, stdin, depth),
            other => self.built_in(other, name, arguments, depth),
        }
    }

    /// A launcher: where it is known where the command begins, that command, else any that its words may be.
    fn launch(&mut self, name: &str, words: &[Word], stdin: &Stdin, depth: usize) {
        let arguments = words.get(1..).unwrap_or_default();
        for entrypoint in (0..arguments.len()).flat_map(|at| options::values_of(arguments, at, "--entrypoint")) {
            self.command(vec![entrypoint, Word::unknown()], stdin, depth, How::Launched);
        }
        let begins = super::inside::begins(name, arguments);
        let Some(rest) = begins.and_then(|at| arguments.get(at..)).filter(|rest| !rest.is_empty()) else {
            self.launched(words, stdin, depth);
            return;
        };
        if name == "ssh" {
            for option in (0..arguments.len()).flat_map(|at| options::values_of(arguments, at, "-o")) {
                self.value(name, &option, depth);
            }
            let text: Option<Vec<String>> = rest.iter().map(|word| word.as_program("${_}")).collect();
            match text {
                Some(text) => self.script(&text.join(" "), depth + 1),
                None => self.launched(words, stdin, depth),
            }
            return;
        }
        self.command(rest.to_vec(), stdin, depth, How::Surely);
    }

    /// A launcher whose subcommand launches nothing.
    fn without_launching(&mut self, name: &str, arguments: &[Word], stdin: &Stdin, depth: usize) {
        match super::data::options(name) {
            Some(options) => self.data(name, arguments, options, depth),
            None => self.unknown(name, arguments, stdin, depth),
        }
    }

    /// What stands behind `nohup`, `timeout 5`; `None` where its own options are not understood.
    fn started(&mut self, name: &str, arguments: &[Word], options: &Options, how: How) -> Option<Vec<Word>> {
        let at = options::operand(arguments, options)?;
        let rest = arguments.get(at..).unwrap_or_default();
        if rest.is_empty() && matches!(name, "sudo" | "doas") && !arguments.is_empty() && how == How::Surely {
            let says_only = |word: &Word| ["-v", "-k", "-K", "-l", "-V", "-h"].contains(&word.shown().as_str());
            if !arguments.iter().any(says_only) {
                self.unreadable(format!("what the shell that `{name}` opens will read cannot be read"));
            }
        }
        Some(rest.to_vec())
    }

    /// What stands behind `env X=1`.
    fn environment(&mut self, arguments: &[Word], depth: usize, how: How) -> Option<Vec<Word>> {
        let options = Options { valued: "uC", flags: "i0v", long_valued: &["unset", "chdir"], ..Options::NONE };
        let values = |at| ["-S", "--split-string"].map(|option| options::values_of(arguments, at, option)).concat();
        for script in (0..arguments.len()).flat_map(values) {
            let is_escaped = script.shown().contains('\\');
            match how {
                How::Carried => {}
                _ if is_escaped => self.unreadable("what `env` is told to run has escapes of its own"),
                How::Surely | How::Launched => self.script_in(&script, "what `env` is told to run", depth),
            }
        }
        let mut at = 0;
        // A lone `-` is `-i`.
        while arguments.get(at).is_some_and(|word| is(word, "-")) {
            at += 1;
        }
        at += options::operand(arguments.get(at..).unwrap_or_default(), &options)?;
        while let Some((variable, value)) = arguments.get(at).and_then(odd_set_by) {
            if how != How::Carried {
                self.assignment(&variable, &value, For::OneCommand, depth);
            }
            at += 1;
        }
        Some(arguments.get(at..).unwrap_or_default().to_vec())
    }

    /// Every word of a launcher may begin a command or be a script: its options are not followed.
    pub(super) fn launched(&mut self, words: &[Word], stdin: &Stdin, depth: usize) {
        for (index, word) in words.iter().enumerate().skip(1) {
            if self.full {
                return;
            }
            if let Some((variable, value)) = set_by(word) {
                self.assignment(&variable, &value, For::OneCommand, depth);
            }
            match word.as_program("${_}") {
                Some(text) if text.contains(char::is_whitespace) => {
                    let script = text.trim_start_matches("--").trim_start_matches("-S");
                    let value = text.starts_with('-').then(|| script.split_once('=')).flatten();
                    self.script(value.map_or(script, |(_, value)| value), depth + 1);
                    self.carried_text(&text, depth);
                }
                _ if word.shown().starts_with('-') => {}
                _ => {
                    let rest = words.get(index..).unwrap_or_default().to_vec();
                    self.command(rest, stdin, depth, How::Launched);
                }
            }
        }
    }
}

/// `set -k`, `set -o keyword`: from there on what looks like an assignment is one, wherever it stands.
pub(super) fn takes_assignments_anywhere(arguments: &[Word]) -> bool {
    let options = arguments.iter().map(Word::shown).take_while(|shown| shown != "--" && shown != "-");
    options.into_iter().any(|shown| shown == "keyword" || (shown.starts_with('-') && shown.contains(['k', '…'])))
}

/// What begins more than a simple command: the grammar takes it for a word where it does not know that it stands there.
fn begins_group(word: &Word) -> bool {
    const RESERVED: &[&str] = &[
        "{", "}", "(", ")", "((", "[[", "]]", "if", "then", "elif", "else", "fi", "while", "until", "for", "do",
        "done", "case", "esac", "select", "!", "function",
    ];
    RESERVED.contains(&word.shown().as_str())
}

/// `NAME=value`.
pub(super) fn set_by(word: &Word) -> Option<(String, Word)> {
    let (name, value) = odd_set_by(word)?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    is_name.then_some((name, value))
}

/// The same of an element of an array, `NAME[x]=value`, of which the brackets are not told.
fn set_element(word: &Word) -> Option<(String, Word)> {
    let (name, value) = odd_set_by(word)?;
    let name = name.trim_end_matches('+').split('…').next().unwrap_or_default().to_owned();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some((name, value))
}

/// The same, whatever the name is: `env` asks for nothing but `=`.
pub(super) fn odd_set_by(word: &Word) -> Option<(String, Word)> {
    let equals = word.pieces.iter().position(|piece| *piece == Piece::Character('='))?;
    Some((word.part(word.pieces.get(..equals)).shown(), word.part(word.pieces.get(equals + 1..))))
}

pub(super) fn is(word: &Word, text: &str) -> bool {
    word.text().as_deref() == Some(text)
}

/// A file that is the input, or a door of a process.
pub(super) fn is_stdin(path: &str) -> bool {
    path == "-" || path == "…" || path.starts_with("/dev/") || path.starts_with("/proc/")
}
