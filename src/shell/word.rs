//! Pure. A word of a command as far as it is known before the shell has expanded it.

/// A part of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// What the command will see.
    Character(char),
    /// What only the shell will know: nothing, or any text, also several words.
    Unknown,
}

/// A word, quotes and escapes taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word(pub(super) Vec<Piece>);

impl Word {
    /// A word of known text.
    pub(super) fn of(text: &str) -> Self {
        Self(text.chars().map(Piece::Character).collect())
    }

    /// A word of which nothing is known.
    pub(super) fn unknown() -> Self {
        Self(vec![Piece::Unknown])
    }

    /// The text, if all of it is known.
    pub(super) fn text(&self) -> Option<String> {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Character(c) => Some(*c),
                Piece::Unknown => None,
            })
            .collect()
    }

    /// The last part of a path, if it is known, such as `git` of `/usr/bin/git` and of `$HOME/bin/git`.
    pub(super) fn file_name(&self) -> Self {
        let slash = self.0.iter().rposition(|piece| *piece == Piece::Character('/'));
        Self(self.0.get(slash.map_or(0, |at| at + 1)..).unwrap_or_default().to_vec())
    }

    /// For a person: `…` stands for what is not known.
    pub(super) fn shown(&self) -> String {
        let mut shown = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Character(c) if c.is_control() => shown.push(' '),
                Piece::Character(c) => shown.push(*c),
                Piece::Unknown if shown.ends_with('…') => {}
                Piece::Unknown => shown.push('…'),
            }
        }
        shown
    }

    /// Adds what stands bare on a command line: a backslash keeps the next character, patterns and lists in braces
    /// become what the shell will make of them.
    pub(super) fn push_bare(&mut self, raw: &str) {
        let mut characters = raw.chars();
        while let Some(c) = characters.next() {
            match c {
                '\\' => match characters.next() {
                    Some('\n') => {}
                    Some(kept) => self.0.push(Piece::Character(kept)),
                    None => self.0.push(Piece::Character('\\')),
                },
                '*' | '?' | '[' | '$' | '`' => self.0.push(Piece::Unknown),
                other => self.0.push(Piece::Character(other)),
            }
        }
    }

    /// Adds what stands in double quotes: a backslash keeps only what would have a meaning there.
    pub(super) fn push_quoted(&mut self, raw: &str) {
        let mut characters = raw.chars().peekable();
        while let Some(c) = characters.next() {
            match (c, characters.peek()) {
                ('\\', Some('\n')) => {
                    characters.next();
                }
                ('\\', Some(kept @ ('$' | '`' | '"' | '\\'))) => {
                    self.0.push(Piece::Character(*kept));
                    characters.next();
                }
                (other, _) => self.0.push(Piece::Character(other)),
            }
        }
    }

    /// Adds what stands in `$'…'`.
    pub(super) fn push_ansi_c(&mut self, raw: &str) {
        let mut rest = raw;
        while let Some((before, escape)) = rest.split_once('\\') {
            self.0.extend(before.chars().map(Piece::Character));
            let (pieces, after) = ansi_c_escape(escape);
            self.0.extend(pieces);
            rest = after;
        }
        self.0.extend(rest.chars().map(Piece::Character));
    }
}

/// What stands behind a backslash in `$'…'`, and the rest.
fn ansi_c_escape(escape: &str) -> (Vec<Piece>, &str) {
    let mut characters = escape.chars();
    let Some(c) = characters.next() else { return (vec![Piece::Character('\\')], "") };
    let rest = characters.as_str();
    match c {
        'n' => (vec![Piece::Character('\n')], rest),
        't' => (vec![Piece::Character('\t')], rest),
        '\\' | '\'' | '"' | '?' => (vec![Piece::Character(c)], rest),
        'a' | 'b' | 'e' | 'E' | 'f' | 'v' | 'r' => (vec![Piece::Unknown], rest),
        'c' => (vec![Piece::Unknown], rest.get(1..).unwrap_or_default()),
        'x' => number(rest, 16, 2),
        'u' => number(rest, 16, 4),
        'U' => number(rest, 16, 8),
        '0'..='7' => number(escape, 8, 3),
        other => (vec![Piece::Character('\\'), Piece::Character(other)], rest),
    }
}

/// A character by its number.
fn number(digits: &str, radix: u32, most: usize) -> (Vec<Piece>, &str) {
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len()).min(most);
    let value = digits.get(..end).and_then(|digits| u32::from_str_radix(digits, radix).ok());
    // A byte beyond ASCII is a part of a character, and a zero ends the text: both are left to the shell.
    let c = value.and_then(char::from_u32).filter(|c| c.is_ascii() && *c != '\0');
    (vec![c.map_or(Piece::Unknown, Piece::Character)], digits.get(end..).unwrap_or_default())
}

/// A command's words with one space between them; where an unknown part touches a space, that space is part of what
/// is not known, since a variable may be nothing at all.
pub(super) fn joined(words: &[Word]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let touches = pieces.last() == Some(&Piece::Unknown) || word.0.first() == Some(&Piece::Unknown);
        if index > 0 && !touches {
            pieces.push(Piece::Character(' '));
        }
        pieces.extend(&word.0);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(push: fn(&mut Word, &str), raw: &str) -> String {
        let mut word = Word::default();
        push(&mut word, raw);
        word.shown()
    }

    #[test]
    fn quotes_and_escapes_are_taken_away_as_a_shell_does() {
        for (raw, word) in [(r"g\it", "git"), ("a\\\nb", "ab"), ("*.rs", "….rs"), (r"\*", "*"), ("x\\", "x\\")] {
            assert_eq!(read(Word::push_bare, raw), word, "{raw}");
        }
        for (raw, word) in [(r#"a\"b"#, "a\"b"), (r"a\n", r"a\n"), ("a*", "a*"), (r"\\", r"\")] {
            assert_eq!(read(Word::push_quoted, raw), word, "{raw}");
        }
        for (raw, word) in
            [(r"\x67it", "git"), (r"\147it", "git"), (r"gi\u0074", "git"), (r"\xff", "…"), (r"\q", r"\q")]
        {
            assert_eq!(read(Word::push_ansi_c, raw), word, "{raw}");
        }
    }

    #[test]
    fn a_path_gives_its_last_part_as_far_as_that_is_known() {
        for (raw, name) in [("/usr/bin/git", "git"), ("git", "git"), ("*/git", "git"), ("bin/*", "…"), ("/", "")] {
            let mut word = Word::default();
            word.push_bare(raw);
            assert_eq!(word.file_name().shown(), name, "{raw}");
        }
    }
}
