//! Parts of the shell that run words, or take words for names of variables.

use super::options::values_of;
use super::program::Program;
use super::tasks::{Finding, How, Stdin, Tasks, is_stdin};
use super::word::Word;

pub(super) fn built_in(tasks: &mut Tasks, kind: Program, name: &str, arguments: &[Word]) {
    match kind {
        Program::Evaluates => {
            let text: Option<Vec<String>> = operands(arguments).iter().map(Word::text).collect();
            match text {
                Some(text) => tasks.script(text.join(" ")),
                None => tasks.unreadable("what `eval` is given cannot be read"),
            }
        }
        Program::Traps => {
            if let Some(word) = operands(arguments).first().filter(|word| !word.is("-")) {
                tasks.script_in(word, "what `trap` is given");
            }
        }
        Program::Sources if operands(arguments).first().is_none_or(|word| is_stdin(&word.shown())) => {
            tasks.unreadable(format!("what `{name}` reads cannot be read"));
        }
        Program::Renames if name == "alias" => aliases(tasks, arguments),
        Program::Renames => {
            let renames = |word: &Word| word.text().is_none_or(|text| text.contains('=') || text.starts_with('-'));
            let only_forgets = name == "hash" && arguments.iter().all(|word| word.is("-r"));
            if arguments.iter().any(renames) && !only_forgets {
                tasks.unreadable(format!("commands that `{name}` gives other names cannot be read"));
            }
        }
        Program::Names => names(tasks, name, arguments),
        Program::Runs(options) => {
            for at in 0..arguments.len() {
                let values: Vec<Word> = options.iter().flat_map(|option| values_of(arguments, at, option)).collect();
                if values.is_empty() {
                    continue;
                }
                match name {
                    "printf" | "test" | "[" => tasks.found(Finding::Counts),
                    "jobs" => {
                        let words = arguments.get(at + 1..).unwrap_or_default().to_vec();
                        tasks.command(words, &Stdin::Inherited, How::Surely);
                    }
                    _ => values.iter().for_each(|value| expanded(tasks, name, value)),
                }
            }
        }
        _ => {}
    }
}

/// An alias stands for a command, with whatever its use adds.
fn aliases(tasks: &mut Tasks, arguments: &[Word]) {
    for word in arguments {
        let Some(text) = word.text() else {
            tasks.unreadable("commands that `alias` gives other names cannot be read");
            continue;
        };
        if let Some((_, command)) = text.split_once('=') {
            tasks.script(format!("{command} $*"));
        }
    }
}

/// A word that a part of the shell runs, or expands as if it stood in a script.
fn expanded(tasks: &mut Tasks, name: &str, value: &Word) {
    match value.text() {
        Some(text) => {
            tasks.script(text.as_str());
            tasks.script(format!("echo {text}"));
        }
        None => tasks.unreadable(format!("what `{name}` is told to run cannot be read")),
    }
}

/// Names of variables among the words may hold a subscript, which is counted with.
fn names(tasks: &mut Tasks, name: &str, arguments: &[Word]) {
    let is_option = |word: &Word, letter: char| word.shown().starts_with(['-', '+']) && word.shown().contains(letter);
    let is_name = |word: &Word| {
        let text = word.shown();
        let text = text.split('=').next().unwrap_or_default();
        text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    };
    let counts = arguments.iter().any(|word| is_option(word, 'i') || is_option(word, 'n') || !is_name(word));
    if name == "let" || counts {
        tasks.found(Finding::Counts);
    }
    if name == "export" || arguments.iter().any(|word| is_option(word, 'x')) {
        tasks.found(Finding::Exports);
    }
}

/// What is behind `--`, or everything.
fn operands(arguments: &[Word]) -> &[Word] {
    match arguments.split_first() {
        Some((first, rest)) if first.is("--") => rest,
        Some((first, rest)) if first.is("-l") || first.is("-p") => operands(rest),
        _ => arguments,
    }
}
