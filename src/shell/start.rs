//! Pure. From one command to those that it starts.

use super::program::{self, Program, Variable};
use super::syntax::{self, Script};
use super::word::{Piece, Word, joined};
use super::{Command, Reading};

/// How many scripts may stand in one another.
const MOST_DEPTH: usize = 8;
/// All scripts of a command line together, in bytes.
const MOST_BYTES: usize = 64 * 1024;
/// All commands of a command line together, however often what one starts is a part of it.
const MOST_COMMANDS: usize = 1_000;
/// All their characters together.
const MOST_CHARACTERS: usize = 4 * MOST_BYTES;
/// A command that is started by another stands among its first words.
pub(super) const MOST_WORDS: usize = 100;

/// What a command reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stdin {
    /// What the whole command line reads: for an agent's tools, nothing.
    Inherited,
    /// This text.
    Text(String),
    /// What is not known.
    Unknown,
}

/// Collects a [`Reading`], within bounds.
#[derive(Debug, Default)]
pub(super) struct Reader {
    reading: Reading,
    bytes: usize,
    characters: usize,
    pub(super) full: bool,
}

impl Reader {
    pub(super) fn into_reading(self) -> Reading {
        self.reading
    }

    /// There is a command that may be anything.
    pub(super) fn unreadable(&mut self, why: impl Into<String>) {
        self.reading.commands.push(Command::of_nothing_known(why.into()));
    }

    /// The commands may not do what they seem to.
    pub(super) fn doubt(&mut self, why: impl Into<String>) {
        self.reading.doubts.push(why.into());
    }

    /// Says once that there is more than is read.
    fn fill(&mut self) {
        if !self.full {
            self.full = true;
            self.unreadable("it is too long to be read");
        }
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
            // The grammar ends a word at a line that goes on; a comment does end there. So both are read.
            if text.contains("\\\n") {
                self.parsed(&text.replace("\\\n", ""), depth);
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
        Script { reader: self, text, depth }.walk(tree.root_node(), false, 0);
    }

    /// A variable is set, for one command or for all that follow.
    pub(super) fn assignment(&mut self, name: &str, value: &Word, depth: usize) {
        match program::variable(name) {
            Variable::Command => self.script_in(value, &format!("what `{name}` is set to"), depth),
            Variable::Hidden => self.unreadable(format!("what `{name}` makes others run cannot be read")),
            Variable::Changes => self.doubt(format!("`{name}` changes what is run")),
            Variable::Plain => {}
        }
    }

    /// A script that a word holds.
    pub(super) fn script_in(&mut self, word: &Word, what: &str, depth: usize) {
        match word.text() {
            Some(text) => self.script(&text, depth + 1),
            None => self.unreadable(format!("{what} cannot be read")),
        }
    }

    /// A command and all that it starts.
    pub(super) fn simple(&mut self, words: Vec<Word>, stdin: Stdin, depth: usize) {
        self.command(words, &stdin, depth, true);
    }

    /// `launches`: commands among its arguments are looked for; where a launcher starts a launcher, the outer one has
    /// looked at all words already.
    pub(super) fn command(&mut self, mut words: Vec<Word>, stdin: &Stdin, depth: usize, launches: bool) {
        loop {
            self.characters = words.iter().fold(self.characters, |sum, word| sum.saturating_add(word.0.len() + 1));
            if self.reading.commands.len() >= MOST_COMMANDS || self.characters > MOST_CHARACTERS {
                self.fill();
            }
            if self.full {
                return;
            }
            let Some(first) = words.first() else { return };
            let name = first.file_name().text();
            let kind = name.as_deref().map_or(Program::Plain, program::program);
            // What is a part of a shell cannot be launched: the `.` of `docker build .` is a folder.
            let kind = if launches || !kind.is_built_in() { kind } else { Program::Plain };
            let only_starts = matches!(kind, Program::Starts | Program::Shell | Program::Evaluates);
            self.reading.commands.push(Command::new(&words, forms(&words, name.as_deref()), only_starts));
            let (Some(name), Some(arguments)) = (name, words.get(1..)) else { return };
            match kind {
                Program::Starts => match self.started(&name, arguments, depth) {
                    Some(rest) => {
                        words = rest;
                        continue;
                    }
                    None if launches => self.launched(&words, stdin, depth),
                    None => {}
                },
                Program::Launches if launches => {
                    if program::opens_shell(&name, &arguments.iter().map(Word::shown).collect::<Vec<_>>()) {
                        self.unreadable(format!("what the shell that `{name}` opens will read cannot be read"));
                    }
                    self.launched(&words, stdin, depth);
                }
                Program::Launches | Program::Plain => {}
                Program::Feeds => self.fed(&name, arguments, stdin, depth),
                other => self.special(other, &name, arguments, stdin, depth),
            }
            return;
        }
    }

    fn special(&mut self, kind: Program, name: &str, arguments: &[Word], stdin: &Stdin, depth: usize) {
        match kind {
            Program::Shell => self.shell(name, arguments, stdin, depth),
            Program::Interpreter { letters, long } => self.interpreter(name, arguments, stdin, letters, long),
            Program::Awk => {
                let starts = |word: &Word| {
                    let text = word.shown().replace("||", "");
                    text.contains("system") || text.contains('|')
                };
                if arguments.iter().any(starts) {
                    self.unreadable(format!("what `{name}` starts cannot be read"));
                }
            }
            Program::Finds => self.found(arguments, stdin, depth),
            Program::Evaluates => {
                let text: Option<Vec<String>> = arguments.iter().map(Word::text).collect();
                match text {
                    Some(text) => self.script(&text.join(" "), depth + 1),
                    None => self.unreadable("what `eval` is given cannot be read"),
                }
            }
            Program::Traps => {
                if let Some(word) = arguments.first().filter(|word| !is(word, "-")) {
                    self.script_in(word, "what `trap` is given", depth);
                }
            }
            Program::Sources => {
                if arguments.first().is_none_or(|word| is_stdin(&word.shown())) {
                    self.unreadable(format!("what `{name}` reads cannot be read"));
                }
            }
            Program::Renames => {
                let renames = |word: &Word| word.text().is_none_or(|text| text.contains('=') || text.starts_with('-'));
                if arguments.iter().any(renames) {
                    self.unreadable(format!("commands that `{name}` gives other names cannot be read"));
                }
            }
            Program::Schedules => self.input(name, stdin, depth),
            Program::Git => self.git(arguments, stdin, depth),
            Program::Starts | Program::Launches | Program::Feeds | Program::Plain => {}
        }
    }

    /// What a shell reads from its input.
    fn input(&mut self, name: &str, stdin: &Stdin, depth: usize) {
        match stdin {
            Stdin::Text(text) => self.script(text, depth + 1),
            Stdin::Inherited | Stdin::Unknown => self.unreadable(format!("what `{name}` reads cannot be read")),
        }
    }

    fn shell(&mut self, name: &str, arguments: &[Word], stdin: &Stdin, depth: usize) {
        let mut takes_script = false;
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let Some(text) = word.text() else {
                self.unreadable(format!("what `{name}` is given cannot be read"));
                return;
            };
            let is_option = text.len() > 1 && (text.starts_with('-') || text.starts_with('+'));
            if !is_option {
                if takes_script {
                    self.script(&text, depth + 1);
                } else if is_stdin(&text) {
                    self.input(name, stdin, depth);
                }
                return;
            }
            if matches!(text.as_str(), "--rcfile" | "--init-file") {
                self.doubt(format!("`{name}` reads more than its script"));
                words.next();
            } else if !text.starts_with("--") && text.ends_with(['o', 'O']) {
                words.next();
            }
            let is_cluster = text.starts_with('-') && !text.starts_with("--");
            takes_script |= (is_cluster && text.contains('c')) || text == "--command" || text == "-Command";
            if is_cluster && text.contains('s') && !takes_script {
                self.input(name, stdin, depth);
                return;
            }
        }
        let says_only = |word: &Word| is(word, "--version") || is(word, "--help");
        if takes_script || !arguments.iter().any(says_only) {
            self.input(name, stdin, depth);
        }
    }

    fn interpreter(&mut self, name: &str, arguments: &[Word], stdin: &Stdin, letters: &str, long: &[&str]) {
        let mut operand = None;
        for word in arguments {
            let shown = word.shown();
            let inline_long = long.iter().any(|long| shown == *long || shown.starts_with(&format!("{long}=")));
            let cluster = shown.strip_prefix('-').filter(|rest| !rest.starts_with('-')).unwrap_or_default();
            // In `-mjson.tool` and `-W error` the letters are no options any more.
            let options = cluster.split(['m', 'W', 'X', 'I', 'M', 'x']).next().unwrap_or_default();
            if inline_long || options.contains(|c| letters.contains(c)) {
                self.unreadable(format!("a program in the language of `{name}` cannot be read"));
                return;
            }
            if shown == "-m" || shown == "-" || !shown.starts_with('-') {
                operand = Some(shown);
                break;
            }
        }
        let from_input = operand.as_deref().is_none_or(is_stdin);
        // It waits for what is typed into it, which asks nothing.
        let prompts = arguments.iter().any(|word| is(word, "-i") || is(word, "--interactive"));
        let has_input = *stdin != Stdin::Inherited || arguments.is_empty() || operand.is_some() || prompts;
        if from_input && has_input {
            self.unreadable(format!("a program in the language of `{name}` cannot be read"));
        }
    }

    /// What stands behind `env X=1`, `nohup`, `timeout 5`; `None` where options of its own stand before it.
    fn started(&mut self, name: &str, arguments: &[Word], depth: usize) -> Option<Vec<Word>> {
        let mut rest = arguments;
        if name == "time" && rest.first().is_some_and(|word| is(word, "-p")) {
            rest = rest.get(1..)?;
        }
        let first_is_option = |rest: &[Word]| rest.first().is_some_and(|word| word.shown().starts_with('-'));
        if first_is_option(rest) {
            return None;
        }
        if name == "timeout" {
            rest = rest.get(1..)?;
        }
        if name == "env" {
            while let Some((variable, value)) = rest.first().and_then(set_by) {
                self.assignment(&variable, &value, depth);
                rest = rest.get(1..)?;
            }
        }
        Some(rest.to_vec())
    }

    /// Every word of a launcher may begin a command or be a script: its options are not followed.
    fn launched(&mut self, words: &[Word], stdin: &Stdin, depth: usize) {
        if words.len() > MOST_WORDS {
            self.fill();
        }
        for (index, word) in words.iter().enumerate().take(MOST_WORDS).skip(1) {
            if self.full {
                return;
            }
            if let Some((variable, value)) = set_by(word) {
                self.assignment(&variable, &value, depth);
            }
            match word.text() {
                Some(text) if text.contains(char::is_whitespace) => {
                    let script = text.trim_start_matches("--").trim_start_matches("-S");
                    let value = text.starts_with('-').then(|| script.split_once('=')).flatten();
                    self.script(value.map_or(script, |(_, value)| value), depth + 1);
                }
                Some(text) if text.starts_with('-') => {}
                _ => {
                    let rest = words.get(index..).unwrap_or_default().to_vec();
                    self.command(rest, stdin, depth, false);
                }
            }
        }
    }

    /// `find … -exec COMMAND ;`
    fn found(&mut self, arguments: &[Word], stdin: &Stdin, depth: usize) {
        let executes = ["-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch"];
        for (index, word) in arguments.iter().enumerate() {
            if self.full {
                return;
            }
            if !executes.iter().any(|option| is(word, option)) {
                continue;
            }
            let rest = arguments.get(index + 1..).unwrap_or_default().iter();
            let command = rest.take_while(|word| !is(word, ";") && !is(word, "+"));
            let command = command.map(|word| if word.shown().contains('{') { Word::unknown() } else { word.clone() });
            self.command(command.collect(), stdin, depth, true);
        }
    }
}

/// `NAME=value`.
pub(super) fn set_by(word: &Word) -> Option<(String, Word)> {
    let equals = word.0.iter().position(|piece| *piece == Piece::Character('='))?;
    let name = Word(word.0.get(..equals)?.to_vec()).text()?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    is_name.then(|| (name, Word(word.0.get(equals + 1..).unwrap_or_default().to_vec())))
}

pub(super) fn is(word: &Word, text: &str) -> bool {
    word.text().as_deref() == Some(text)
}

fn is_stdin(path: &str) -> bool {
    path == "-" || path == "…" || path.starts_with("/dev/") || path.starts_with("/proc/")
}

/// All ways to write a command: as it stands, by the program's name alone, and without what stands before a subcommand.
fn forms(words: &[Word], name: Option<&str>) -> Vec<Vec<Piece>> {
    let written = joined(words);
    let (Some(name), Some(arguments)) = (name, words.get(1..)) else { return vec![written] };
    let named = |arguments: &[Word]| {
        let mut words = vec![Word::of(name)];
        words.extend_from_slice(arguments);
        joined(&words)
    };
    let mut forms = vec![named(arguments)];
    if written != forms.concat() {
        forms.push(written);
    }
    if let Some(subcommands) = program::subcommands(name) {
        let mut starts = std::collections::BTreeSet::from([0]);
        // Where an option may or may not take the next word with it, both are tried.
        while let Some(start) = starts.pop_first() {
            let option = arguments.get(start).map(Word::shown).filter(|shown| shown.starts_with('-'));
            let Some(option) = option.filter(|_| start < MOST_WORDS) else {
                let form = named(arguments.get(start..).unwrap_or_default());
                if !forms.contains(&form) {
                    forms.push(form);
                }
                continue;
            };
            let takes_none = option.contains('=') || subcommands.alone.contains(&option.as_str());
            if !takes_none {
                starts.insert(start + 2);
            }
            if takes_none || !subcommands.valued.contains(&option.as_str()) {
                starts.insert(start + 1);
            }
        }
    }
    forms
}
