//! Pure. Shells and interpreters: where their program stands, and what it may do.

use super::language::Language;
use super::start::{How, Reader, Stdin, is, is_stdin};
use super::word::Word;

impl Reader {
    /// A shell: its script stands behind `-c`, in a file, or in what it reads.
    pub(super) fn shell(&mut self, name: &str, arguments: &[Word], stdin: &Stdin, depth: usize) {
        let mut takes_script = false;
        let mut at = 0;
        while let Some(word) = arguments.get(at) {
            at += 1;
            let Some(text) = word.as_program("${_}") else {
                self.unreadable(format!("what `{name}` is given cannot be read"));
                return;
            };
            if text == "--" || text == "-" {
                continue;
            }
            if text.len() < 2 || !text.starts_with(['-', '+']) {
                if takes_script {
                    self.script_of(name, &text, depth);
                } else if is_stdin(&text) {
                    self.input(name, stdin, depth);
                } else {
                    self.unknown(&text, arguments.get(at..).unwrap_or_default(), &Stdin::Inherited, depth);
                }
                return;
            }
            if let Some(long) = text.strip_prefix("--") {
                if matches!(long, "rcfile" | "init-file") {
                    match arguments.get(at).and_then(Word::text).filter(|file| !is_stdin(file)) {
                        Some(_) => self.doubt(format!("`{name}` reads more than its script")),
                        None => self.unreadable(format!("what `{name}` reads cannot be read")),
                    }
                    at += 1;
                }
                takes_script |= long == "command";
                continue;
            }
            if text.starts_with('-') && text.contains('k')
                || (text.contains('o') && arguments.get(at).is_some_and(|word| is(word, "keyword")))
            {
                self.unreadable(format!("`{name}` is told to take assignments among the words of a command"));
            }
            // Each `o` of a cluster takes one of the next words.
            at += text.chars().filter(|c| matches!(c, 'o' | 'O')).count();
            takes_script |= text.starts_with('-') && text.contains('c');
            if text.starts_with('-') && text.contains('s') && !takes_script {
                self.input(name, stdin, depth);
                return;
            }
        }
        let says_only = |word: &Word| is(word, "--version") || is(word, "--help");
        if takes_script || !arguments.iter().any(says_only) {
            self.input(name, stdin, depth);
        }
    }

    /// A program in another language.
    pub(super) fn interpreter(
        &mut self,
        name: &str,
        language: Language,
        arguments: &[Word],
        stdin: &Stdin,
        depth: usize,
        how: How,
    ) {
        let found = language.programs(arguments);
        if let Some(why) = found.unknown.as_ref().filter(|_| !is_pager(name)) {
            self.unreadable(format!("`{name}`: {why}"));
        }
        for program in &found.programs {
            self.program(name, language, program);
        }
        if let Some(module) = &found.module {
            // `python3 -m pytest` is pytest.
            let rest = arguments.get(found.operand..).unwrap_or_default();
            if let Some(language) = module.text().as_deref().and_then(Language::of_module) {
                rest.iter()
                    .filter(|word| !word.shown().starts_with('-'))
                    .for_each(|word| self.program(name, language, word));
                self.program_read(name, language, false, stdin);
                return;
            }
            let launched = if how == How::Surely { How::Surely } else { How::Carried };
            self.command([std::slice::from_ref(module), rest].concat(), stdin, depth, launched);
            return;
        }
        if language == Language::Debugger {
            // It runs the program that it is given.
            let words = [std::slice::from_ref(&Word::of(name)), arguments].concat();
            self.launched(&words, stdin, depth);
        }
        let operand = arguments.get(found.operand);
        if !found.programs.is_empty() {
            // Some of them take the names of files for commands: `perl -ne 1 'git push|'`.
            let rest = arguments.get(found.operand..).unwrap_or_default();
            if language.opens_commands() && rest.iter().any(|word| word.shown().contains('|')) {
                self.unreadable(format!("what `{name}` opens cannot be read"));
            }
            return;
        }
        match operand.filter(|_| language.takes_file()).map(|word| (word.text(), word.shown())) {
            Some((Some(path), _)) if !is_stdin(&path) => {
                let rest = arguments.get(found.operand + 1..).unwrap_or_default();
                if how == How::Surely {
                    self.file(&path, rest, &Stdin::Inherited, depth);
                }
            }
            Some((None, shown)) if !shown.starts_with('…') || shown.len() > '…'.len_utf8() => {}
            Some((None, _)) if found.operand + 1 < arguments.len() || how != How::Surely => {}
            _ if found.says_only => {}
            operand => {
                self.program_read(name, language, operand.is_some() || found.prompts || arguments.is_empty(), stdin)
            }
        }
    }

    /// What an interpreter reads from its input.
    fn program_read(&mut self, name: &str, language: Language, opens: bool, stdin: &Stdin) {
        match stdin {
            Stdin::Text(text) => self.program(name, language, &Word::of(text)),
            Stdin::Inherited if !opens => {}
            // It is run as it would be by its name; what a pager shows is no program.
            Stdin::File => {}
            _ if is_pager(name) => {}
            _ => self.unreadable(format!("a program in the language of `{name}` cannot be read")),
        }
    }

    fn program(&mut self, name: &str, language: Language, program: &Word) {
        match program.as_program("x") {
            Some(text) => {
                if let Some(why) = language.starts_processes(&text) {
                    self.unreadable(format!("a program in the language of `{name}` has {why}"));
                }
            }
            None => self.unreadable(format!("parts of a program in the language of `{name}` cannot be read")),
        }
    }
}

/// It shows what it reads.
fn is_pager(name: &str) -> bool {
    matches!(name, "less" | "more" | "most")
}
