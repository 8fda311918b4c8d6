//! Shells and interpreters: where their program stands, and what it may do.

use super::grammar::as_posix;
use super::language::Language;
use super::launch::launched;
use super::tasks::{How, Stdin, Tasks, is_stdin};
use super::unknown::{file, unknown};
use super::word::Word;

/// A shell: its script stands behind `-c`, in a file, or in what it reads.
pub(super) fn shell(tasks: &mut Tasks, name: &str, arguments: &[Word], stdin: &Stdin) {
    let mut takes_script = false;
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        at += 1;
        let Some(text) = word.as_program("${_}") else {
            tasks.unreadable(format!("what `{name}` is given cannot be read"));
            return;
        };
        if text == "--" || text == "-" {
            continue;
        }
        if text.len() < 2 || !text.starts_with(['-', '+']) {
            if takes_script {
                script_of(tasks, name, &text);
            } else if is_stdin(&text) {
                input(tasks, name, stdin);
            } else {
                unknown(tasks, &text, arguments.get(at..).unwrap_or_default(), &Stdin::Inherited);
            }
            return;
        }
        if let Some(long) = text.strip_prefix("--") {
            if matches!(long, "rcfile" | "init-file") {
                match arguments.get(at).and_then(Word::text).filter(|file| !is_stdin(file)) {
                    Some(_) => tasks.doubt(format!("`{name}` reads more than its script")),
                    None => tasks.unreadable(format!("what `{name}` reads cannot be read")),
                }
                at += 1;
            }
            takes_script |= long == "command";
            continue;
        }
        if text.starts_with('-') && text.contains('k')
            || (text.contains('o') && arguments.get(at).is_some_and(|word| word.is("keyword")))
        {
            tasks.unreadable(format!("`{name}` is told to take assignments among the words of a command"));
        }
        // Each `o` of a cluster takes one of the next words.
        at += text.chars().filter(|c| matches!(c, 'o' | 'O')).count();
        takes_script |= text.starts_with('-') && text.contains('c');
        if text.starts_with('-') && text.contains('s') && !takes_script {
            input(tasks, name, stdin);
            return;
        }
    }
    let says_only = |word: &Word| word.is("--version") || word.is("--help");
    if takes_script || !arguments.iter().any(says_only) {
        input(tasks, name, stdin);
    }
}

/// What a shell of this name is given to run: where it may know POSIX alone, also as such a one reads it.
fn script_of(tasks: &mut Tasks, name: &str, text: &str) {
    tasks.script(text);
    let is_larger = matches!(name, "bash" | "rbash" | "zsh");
    if let Some(posix) = as_posix(text).filter(|_| !is_larger) {
        tasks.script(posix);
    }
}

/// What a shell, or a program that runs commands, reads from its input.
pub(super) fn input(tasks: &mut Tasks, name: &str, stdin: &Stdin) {
    match stdin {
        Stdin::Text(text) => script_of(tasks, name, text),
        _ => tasks.unreadable(format!("what `{name}` reads cannot be read")),
    }
}

/// A program in another language.
pub(super) fn interpreter(
    tasks: &mut Tasks,
    name: &str,
    language: Language,
    arguments: &[Word],
    stdin: &Stdin,
    how: How,
) {
    let found = language.programs(arguments);
    if let Some(why) = found.unknown.as_ref().filter(|_| !is_pager(name)) {
        tasks.unreadable(format!("`{name}`: {why}"));
    }
    for program in &found.programs {
        look_through(tasks, name, language, program);
    }
    if let Some(module) = &found.module {
        // `python3 -m pytest` is pytest.
        let rest = arguments.get(found.operand..).unwrap_or_default();
        if let Some(language) = module.text().as_deref().and_then(Language::of_module) {
            rest.iter()
                .filter(|word| !word.shown().starts_with('-'))
                .for_each(|word| look_through(tasks, name, language, word));
            program_read(tasks, name, language, false, stdin);
            return;
        }
        let launched = if how == How::Surely { How::Surely } else { How::Carried };
        tasks.command([std::slice::from_ref(module), rest].concat(), stdin, launched);
        return;
    }
    if language == Language::Debugger {
        // It runs the program that it is given.
        let words = [std::slice::from_ref(&Word::of(name)), arguments].concat();
        launched(tasks, &words, stdin);
    }
    let operand = arguments.get(found.operand);
    if !found.programs.is_empty() {
        // Some of them take the names of files for commands: `perl -ne 1 'git push|'`.
        let rest = arguments.get(found.operand..).unwrap_or_default();
        if language.opens_commands() && rest.iter().any(|word| word.shown().contains('|')) {
            tasks.unreadable(format!("what `{name}` opens cannot be read"));
        }
        return;
    }
    match operand.filter(|_| language.takes_file()).map(|word| (word.text(), word.shown())) {
        Some((Some(path), _)) if !is_stdin(&path) => {
            let rest = arguments.get(found.operand + 1..).unwrap_or_default();
            if how == How::Surely {
                file(tasks, &path, rest, &Stdin::Inherited);
            }
        }
        Some((None, shown)) if !shown.starts_with('…') || shown.len() > '…'.len_utf8() => {}
        Some((None, _)) if found.operand + 1 < arguments.len() || how != How::Surely => {}
        _ if found.says_only => {}
        operand => {
            program_read(tasks, name, language, operand.is_some() || found.prompts || arguments.is_empty(), stdin)
        }
    }
}

/// What an interpreter reads from its input.
fn program_read(tasks: &mut Tasks, name: &str, language: Language, opens: bool, stdin: &Stdin) {
    match stdin {
        Stdin::Text(text) => look_through(tasks, name, language, &Word::of(text)),
        Stdin::Inherited if !opens => {}
        // It is run as it would be by its name; what a pager shows is no program.
        Stdin::File => {}
        _ if is_pager(name) => {}
        _ => tasks.unreadable(format!("a program in the language of `{name}` cannot be read")),
    }
}

fn look_through(tasks: &mut Tasks, name: &str, language: Language, program: &Word) {
    match program.as_program("x") {
        Some(text) => {
            if let Some(why) = language.starts_processes(&text) {
                tasks.unreadable(format!("a program in the language of `{name}` has {why}"));
            }
        }
        None => tasks.unreadable(format!("parts of a program in the language of `{name}` cannot be read")),
    }
}

/// It shows what it reads.
fn is_pager(name: &str) -> bool {
    matches!(name, "less" | "more" | "most")
}
