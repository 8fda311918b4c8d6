//! Sed: scripts are read command by command; `e` and the flag `e` of `s` start others.

use super::super::word::Word;
use super::Found;

/// The script is the first operand, unless `-e` or `-f` give it.
pub(super) fn programs(arguments: &[Word]) -> Found {
    let mut found = Found { operand: arguments.len(), says_only: true, ..Found::default() };
    if arguments.iter().any(|word| word.shown() == "--sandbox") {
        return found;
    }
    let mut given = false;
    let mut operand = None;
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        at += 1;
        let shown = word.shown();
        let rest = |from: usize| word.part(word.pieces.get(from..));
        if let Some(value) = shown.strip_prefix("--expression=") {
            found.programs.push(rest(shown.len() - value.len()));
            given = true;
        } else if shown == "--expression" {
            found.programs.extend(arguments.get(at).cloned());
            given = true;
            at += 1;
        } else if shown.starts_with("--file") {
            given = true;
            let next = arguments.get(at).filter(|_| shown == "--file").cloned();
            at += usize::from(next.is_some());
            found.reads(&next.unwrap_or_else(|| rest("--file=".len())));
        } else if let Some(letters) = shown.strip_prefix('-').filter(|l| !l.is_empty() && !l.starts_with('-')) {
            let mut letters = letters.char_indices().peekable();
            while let Some((index, letter)) = letters.next() {
                let is_last = letters.peek().is_none();
                match letter {
                    'e' | 'f' | 'l' => {
                        let value = if is_last { arguments.get(at).cloned() } else { Some(rest(index + 2)) };
                        at += usize::from(is_last);
                        given |= letter != 'l';
                        value.iter().filter(|_| letter == 'f').for_each(|file| found.reads(file));
                        found.programs.extend(value.filter(|_| letter == 'e'));
                        break;
                    }
                    // What follows is the suffix of the copy.
                    'i' => break,
                    _ => {}
                }
            }
        } else if !shown.starts_with("--") && operand.is_none() {
            operand = Some(word.clone());
        }
    }
    found.programs.extend(operand.filter(|_| !given));
    found
}

pub(super) fn starts_processes(text: &str) -> Option<String> {
    let mut script = Script { rest: text };
    while !script.rest.trim_start_matches([' ', '\t', '\n', ';', '}']).is_empty() {
        script.rest = script.rest.trim_start_matches([' ', '\t', '\n', ';', '}']);
        let Some(clear) = script.command() else { return Some("a command that is not known here".to_owned()) };
        if !clear {
            return Some("`e`, which starts a command".to_owned());
        }
    }
    None
}

struct Script<'t> {
    rest: &'t str,
}

impl Script<'_> {
    /// One command with its addresses: whether it starts none; `None` where it cannot be read.
    fn command(&mut self) -> Option<bool> {
        while self.address()? {}
        let command = self.take()?;
        match command {
            '{' | '}' | '=' | 'd' | 'D' | 'g' | 'G' | 'h' | 'H' | 'n' | 'N' | 'p' | 'P' | 'x' | 'z' | 'F' => {}
            'q' | 'Q' | 'l' | 'L' => self.skip_while(|c| c.is_ascii_digit() || c == ' '),
            '#' => self.line(),
            'a' | 'i' | 'c' => self.text(),
            ':' | 'b' | 't' | 'T' | 'v' => self.skip_while(|c| c != ';' && c != '\n' && c != '}'),
            'r' | 'R' | 'w' | 'W' => self.line(),
            'y' => {
                let delimiter = self.take()?;
                self.until(delimiter)?;
                self.until(delimiter)?;
            }
            's' => {
                let delimiter = self.take()?;
                self.until(delimiter)?;
                self.until(delimiter)?;
                return self.flags();
            }
            'e' => return Some(false),
            _ => return None,
        }
        Some(true)
    }

    /// Skips one part of the addresses, if there is one.
    fn address(&mut self) -> Option<bool> {
        let Some(c) = self.rest.chars().next() else { return Some(false) };
        match c {
            '0'..='9' | '$' | ',' | '+' | '~' | '!' | ' ' | '\t' => {
                self.take();
            }
            '/' => {
                self.take();
                self.until('/')?;
                self.skip_while(|c| matches!(c, 'I' | 'M'));
            }
            '\\' => {
                self.take();
                let delimiter = self.take()?;
                self.until(delimiter)?;
                self.skip_while(|c| matches!(c, 'I' | 'M'));
            }
            _ => return Some(false),
        }
        Some(true)
    }

    fn take(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = self.rest.get(c.len_utf8()..)?;
        Some(c)
    }

    fn skip_while(&mut self, is: impl Fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(is);
    }

    fn line(&mut self) {
        self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
    }

    /// Text to the end of the line, which goes on behind a backslash.
    fn text(&mut self) {
        while let Some(c) = self.take() {
            match c {
                '\\' => {
                    self.take();
                }
                '\n' => return,
                _ => {}
            }
        }
    }

    /// Up to the delimiter. In brackets it stands for itself in some kinds of sed and not in others: then nothing is known.
    fn until(&mut self, delimiter: char) -> Option<()> {
        loop {
            match self.take()? {
                '\\' => {
                    self.take()?;
                }
                c if c == delimiter => return Some(()),
                _ => {}
            }
        }
    }

    fn flags(&mut self) -> Option<bool> {
        let mut clear = true;
        while let Some(c) = self.rest.chars().next() {
            match c {
                'g' | 'p' | 'i' | 'I' | 'm' | 'M' | '0'..='9' => {
                    self.take();
                }
                'e' => {
                    clear = false;
                    self.take();
                }
                'w' => {
                    self.line();
                    return Some(clear);
                }
                ' ' | '\t' | '\n' | ';' | '}' | '#' => return Some(clear),
                _ => return None,
            }
        }
        Some(clear)
    }
}
