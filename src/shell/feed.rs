//! Pure. Programs that start a command with what they read: `xargs` and `parallel`.

use super::start::{MOST_WORDS, Reader, Stdin, is};
use super::word::Word;

impl Reader {
    /// `xargs` and `parallel`: what they add is not known.
    pub(super) fn fed(&mut self, name: &str, arguments: &[Word], stdin: &Stdin, depth: usize) {
        if name == "parallel"
            && *stdin != Stdin::Inherited
            && arguments.iter().all(|word| word.shown().starts_with('-'))
        {
            self.unreadable("what `parallel` reads cannot be read");
        }
        let replaced = replaced_by(arguments);
        let is_replaced = |word: &Word| {
            let shown = word.shown();
            shown.contains('{') || replaced.as_deref().is_some_and(|replaced| shown.contains(replaced))
        };
        let mut words = vec![Word::of(name)];
        let as_run = |word: &Word| if is_replaced(word) && !is_replace(word) { Word::unknown() } else { word.clone() };
        words.extend(arguments.iter().map(as_run));
        words.push(Word::unknown());
        let last = words.len() - 1;
        for (index, word) in words.iter().enumerate().take(last.min(MOST_WORDS)).skip(1) {
            if self.full {
                return;
            }
            match word.text() {
                Some(text) if text.contains(char::is_whitespace) => self.script(&text, depth + 1),
                Some(text) if text.starts_with('-') => {}
                None if is_value_of_replace(&words, index) => {}
                _ => self.command(words.get(index..).unwrap_or_default().to_vec(), &Stdin::Unknown, depth, false),
            }
        }
    }
}

/// A replaced token of `xargs -I` stands there as an option's value, not as the command.
fn is_value_of_replace(words: &[Word], index: usize) -> bool {
    index.checked_sub(1).and_then(|before| words.get(before)).is_some_and(|word| is(word, "-I") || is(word, "-J"))
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
