//! Pure. Programs that start a command with what they read or find: `xargs`, `parallel`, `find`.

use super::options::{self, Options};
use super::start::{How, Reader, Stdin, is};
use super::word::Word;

const XARGS: Options = Options {
    valued: "adEeIJLlnPsSR",
    flags: "0oprtx",
    long_valued: &["arg-file", "delimiter", "max-args", "max-procs", "max-chars", "process-slot-var"],
    ..Options::NONE
};

impl Reader {
    /// `xargs` and `parallel`: what they add is not known.
    pub(super) fn fed(&mut self, name: &str, arguments: &[Word], stdin: &Stdin, depth: usize) {
        let replaced = replaced_by(arguments);
        let as_run = |word: &Word| {
            let shown = word.shown();
            let is_replaced = replaced.as_deref().is_some_and(|replaced| shown.contains(replaced));
            if is_replaced || (name == "parallel" && shown.contains('{')) {
                Word::unknown_in_quotes()
            } else {
                word.clone()
            }
        };
        let command = options::operand(&without_optional(arguments), &XARGS).filter(|_| name == "xargs");
        if let Some(at) = command {
            let mut words: Vec<Word> = arguments.get(at..).unwrap_or_default().iter().map(as_run).collect();
            // Without a command it is `echo`.
            if !words.is_empty() {
                words.push(Word::unknown());
                self.command(words, &Stdin::Unknown, depth, How::Surely);
            }
            return;
        }
        if *stdin != Stdin::Inherited && arguments.iter().all(|word| word.shown().starts_with('-')) {
            self.unreadable(format!("what `{name}` reads cannot be read"));
        }
        // Behind `:::` stand arguments, or commands where none is named before.
        let end = arguments.iter().position(|word| word.shown().starts_with(":::")).unwrap_or(arguments.len());
        let command = arguments.get(..end).unwrap_or_default();
        for word in arguments.get(end..).unwrap_or_default().iter().skip(1) {
            if command.iter().all(|word| word.shown().starts_with('-')) {
                self.script_in(word, "what `parallel` is told to run", depth);
            }
        }
        let mut words = vec![Word::of(name)];
        words.extend(command.iter().map(as_run));
        words.push(Word::unknown());
        let last = words.len() - 1;
        for (index, word) in words.iter().enumerate().take(last).skip(1) {
            if self.is_full() {
                return;
            }
            match word.text() {
                Some(text) if text.contains(char::is_whitespace) => self.script(&text, depth + 1),
                Some(text) if text.starts_with('-') => {}
                _ => {
                    let rest = words.get(index..).unwrap_or_default().to_vec();
                    self.command(rest, &Stdin::Unknown, depth, How::Launched);
                }
            }
        }
    }

    /// `find … -exec COMMAND ;`
    pub(super) fn found(&mut self, arguments: &[Word], stdin: &Stdin, depth: usize) {
        let executes = ["-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch"];
        for (index, word) in arguments.iter().enumerate() {
            if self.is_full() {
                return;
            }
            let shown = word.shown();
            let attached = ["--exec=", "--exec-batch="].iter().find_map(|option| shown.strip_prefix(option));
            if let Some(first) = attached {
                let rest = arguments.get(index + 1..).unwrap_or_default();
                let command = [&[Word::of(first)], rest].concat();
                self.command(command.iter().map(found_in).collect(), stdin, depth, How::Surely);
            }
            if !executes.iter().any(|option| is(word, option)) {
                continue;
            }
            let rest = arguments.get(index + 1..).unwrap_or_default().iter();
            let command = rest.take_while(|word| !is(word, ";") && !is(word, "+")).map(found_in);
            self.command(command.collect(), stdin, depth, How::Surely);
        }
    }
}

/// A word in which the name that was found is put.
fn found_in(word: &Word) -> Word {
    if word.shown().contains('{') { Word::unknown_in_quotes() } else { word.clone() }
}

/// Options whose value may be left out take no next word.
fn without_optional(arguments: &[Word]) -> Vec<Word> {
    let alone = |word: &Word| ["-i", "-e", "-l", "--replace", "--eof", "--max-lines"].contains(&word.shown().as_str());
    let attached = |word: &Word| {
        let shown = word.shown();
        (shown.starts_with("-i") || shown.starts_with("-e") || shown.starts_with("-l")) && shown.len() > 2
    };
    arguments.iter().map(|word| if alone(word) || attached(word) { Word::of("-0") } else { word.clone() }).collect()
}

/// The option of `xargs` that names a token.
fn is_replace(word: &Word) -> bool {
    ["-I", "-J", "-i", "--replace"].iter().any(|option| word.shown().starts_with(option))
}

/// What `xargs -I TOKEN` puts its input in the place of.
fn replaced_by(arguments: &[Word]) -> Option<String> {
    let at = arguments.iter().position(is_replace)?;
    let option = arguments.get(at)?.shown();
    let attached = option.strip_prefix("--replace=").or_else(|| option.get(2..).filter(|_| !option.starts_with("--")));
    match attached {
        Some(token) if !token.is_empty() => Some(token.to_owned()),
        _ if option == "-I" || option == "-J" => arguments.get(at + 1).map(Word::shown),
        _ => Some("{}".to_owned()),
    }
}
