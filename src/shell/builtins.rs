//! Pure. Parts of the shell that run words, or take words for names of variables.

use super::options::values_of;
use super::program::Program;
use super::start::{Reader, is, is_stdin};
use super::word::Word;

impl Reader {
    pub(super) fn built_in(&mut self, kind: Program, name: &str, arguments: &[Word], depth: usize) {
        match kind {
            Program::Evaluates => {
                let text: Option<Vec<String>> = operands(arguments).iter().map(Word::text).collect();
                match text {
                    Some(text) => self.script(&text.join(" "), depth + 1),
                    None => self.unreadable("what `eval` is given cannot be read"),
                }
            }
            Program::Traps => {
                if let Some(word) = operands(arguments).first().filter(|word| !is(word, "-")) {
                    self.script_in(word, "what `trap` is given", depth);
                }
            }
            Program::Sources if operands(arguments).first().is_none_or(|word| is_stdin(&word.shown())) => {
                self.unreadable(format!("what `{name}` reads cannot be read"));
            }
            Program::Renames if name == "alias" => self.aliases(arguments, depth),
            Program::Renames => {
                let renames = |word: &Word| word.text().is_none_or(|text| text.contains('=') || text.starts_with('-'));
                let only_forgets = name == "hash" && arguments.iter().all(|word| is(word, "-r"));
                if arguments.iter().any(renames) && !only_forgets {
                    self.unreadable(format!("commands that `{name}` gives other names cannot be read"));
                }
            }
            Program::Names => self.names(name, arguments),
            Program::Runs(options) => {
                for at in 0..arguments.len() {
                    let values: Vec<Word> =
                        options.iter().flat_map(|option| values_of(arguments, at, option)).collect();
                    if values.is_empty() {
                        continue;
                    }
                    match name {
                        "printf" | "test" | "[" => self.counts(),
                        "jobs" => {
                            let words = arguments.get(at + 1..).unwrap_or_default().to_vec();
                            self.command(words, &super::start::Stdin::Inherited, depth, super::start::How::Surely);
                        }
                        _ => values.iter().for_each(|value| self.expanded(name, value, depth)),
                    }
                }
            }
            _ => {}
        }
    }

    /// An alias stands for a command, with whatever its use adds.
    fn aliases(&mut self, arguments: &[Word], depth: usize) {
        for word in arguments {
            let Some(text) = word.text() else {
                self.unreadable("commands that `alias` gives other names cannot be read");
                continue;
            };
            if let Some((_, command)) = text.split_once('=') {
                self.script(&format!("{command} $*"), depth + 1);
            }
        }
    }

    /// A word that a part of the shell runs, or expands as if it stood in a script.
    fn expanded(&mut self, name: &str, value: &Word, depth: usize) {
        match value.text() {
            Some(text) => {
                self.script(&text, depth + 1);
                self.script(&format!("echo {text}"), depth + 1);
            }
            None => self.unreadable(format!("what `{name}` is told to run cannot be read")),
        }
    }

    /// Names of variables among the words may hold a subscript, which is counted with.
    fn names(&mut self, name: &str, arguments: &[Word]) {
        let is_option =
            |word: &Word, letter: char| word.shown().starts_with(['-', '+']) && word.shown().contains(letter);
        let is_name = |word: &Word| {
            let text = word.shown();
            let text = text.split('=').next().unwrap_or_default();
            text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        };
        let counts = arguments.iter().any(|word| is_option(word, 'i') || is_option(word, 'n') || !is_name(word));
        if name == "let" || counts {
            self.counts();
        }
        if name == "export" || arguments.iter().any(|word| is_option(word, 'x')) {
            self.exports();
        }
    }
}

/// What is behind `--`, or everything.
fn operands(arguments: &[Word]) -> &[Word] {
    match arguments.split_first() {
        Some((first, rest)) if is(first, "--") => rest,
        Some((first, rest)) if is(first, "-l") || is(first, "-p") => operands(rest),
        _ => arguments,
    }
}
