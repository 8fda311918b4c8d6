//! A word of a command as far as it is known before the shell has expanded it.

/// A part of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// What the command will see.
    Character(char),
    /// What only the shell will know: nothing, or any text, also several words.
    Unknown,
    /// The same within one word, which no space is part of.
    Within,
}

impl Piece {
    /// The character, if it is known.
    pub fn character(&self) -> Option<char> {
        match self {
            Self::Character(c) => Some(*c),
            Self::Unknown | Self::Within => None,
        }
    }
}

/// A word, quotes and escapes taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) pieces: Vec<Piece>,
    /// What is not known of it may be several words: it stands without quotes.
    pub(super) splits: bool,
    /// Some of what is not known of it was not there before the command line: it may hold anything.
    pub(super) is_made: bool,
    /// All that is not known of it comes of a pattern on the names of files: no space is part of that.
    pub(super) is_pattern: bool,
}

impl Word {
    /// A word of known text.
    pub(super) fn of(text: &str) -> Self {
        Self { pieces: text.chars().map(Piece::Character).collect(), ..Self::default() }
    }

    /// A word of which nothing is known.
    pub(super) fn unknown() -> Self {
        Self { pieces: vec![Piece::Unknown], splits: true, is_made: true, is_pattern: false }
    }

    /// Of this one word nothing is known.
    pub(super) fn unknown_in_quotes() -> Self {
        Self { pieces: vec![Piece::Unknown], is_made: true, ..Self::default() }
    }

    /// A value in quotes that this command line has not made: what the environment holds, a date, a folder.
    pub(super) fn found() -> Self {
        Self { pieces: vec![Piece::Unknown], ..Self::default() }
    }

    /// The text of a program in another language, where what is not known of it was found and not made: a name stands
    /// for that.
    pub(super) fn as_program(&self, gap: &str) -> Option<String> {
        let text = |piece: &Piece| match piece {
            Piece::Character(c) => c.to_string(),
            Piece::Unknown | Piece::Within => gap.to_owned(),
        };
        (self.is_known() || !self.is_made).then(|| self.pieces.iter().map(text).collect())
    }

    /// Some pieces of it.
    pub(super) fn part(&self, pieces: Option<&[Piece]>) -> Self {
        let Self { splits, is_made, is_pattern, .. } = *self;
        Self { pieces: pieces.unwrap_or_default().to_vec(), splits, is_made, is_pattern }
    }

    /// What is not known of it is within one word.
    pub(super) fn within(&mut self) {
        self.pieces.iter_mut().filter(|piece| **piece == Piece::Unknown).for_each(|piece| *piece = Piece::Within);
    }

    /// One word after the other, as one.
    pub(super) fn extend(&mut self, other: &Self) {
        let gaps = [&*self, other].map(|word| (word.is_known(), word.is_pattern));
        self.is_pattern =
            gaps.iter().all(|(known, pattern)| *known || *pattern) && gaps.iter().any(|(_, pattern)| *pattern);
        self.pieces.extend(&other.pieces);
        self.splits |= other.splits;
        self.is_made |= other.is_made;
    }

    /// Every part of it is known.
    pub(super) fn is_known(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Character(_)))
    }

    /// The text, if all of it is known.
    pub(super) fn text(&self) -> Option<String> {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Character(c) => Some(*c),
                Piece::Unknown | Piece::Within => None,
            })
            .collect()
    }

    /// It is this text, for certain.
    pub(super) fn is(&self, text: &str) -> bool {
        self.text().as_deref() == Some(text)
    }

    /// The last part of a path, if it is known, such as `git` of `/usr/bin/git`, of `$HOME/bin/git`, of zsh's `=git` and,
    /// under WSL, of `git.exe`.
    pub(super) fn file_name(&self) -> Self {
        let slash = self.pieces.iter().rposition(|piece| *piece == Piece::Character('/'));
        let name = self.pieces.get(slash.map_or(0, |at| at + 1)..).unwrap_or_default();
        let name = name.strip_prefix(&[Piece::Character('=')]).filter(|rest| !rest.is_empty()).unwrap_or(name);
        let exe = ['.', 'e', 'x', 'e'].map(Piece::Character);
        self.part(Some(name.strip_suffix(&exe).filter(|rest| !rest.is_empty()).unwrap_or(name)))
    }

    /// For a person: `…` stands for what is not known.
    pub(super) fn shown(&self) -> String {
        let mut shown = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Character(c) if c.is_control() => shown.push(' '),
                Piece::Character(c) => shown.push(*c),
                Piece::Unknown | Piece::Within if shown.ends_with('…') => {}
                Piece::Unknown | Piece::Within => shown.push('…'),
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
                    Some(kept) => self.pieces.push(Piece::Character(kept)),
                    None => self.pieces.push(Piece::Character('\\')),
                },
                // The grammar makes the end of a line a part of the next word behind a comment.
                ' ' | '\t' | '\n' if self.pieces.is_empty() => {}
                '*' | '?' => self.extend(&Self { is_pattern: true, ..Self::unknown() }),
                ' ' | '\t' | '\n' | '[' | '$' | '`' => self.extend(&Self::unknown()),
                other => self.pieces.push(Piece::Character(other)),
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
                    self.pieces.push(Piece::Character(*kept));
                    characters.next();
                }
                (other, _) => self.pieces.push(Piece::Character(other)),
            }
        }
    }

    /// Adds what stands in `$'…'`.
    pub(super) fn push_ansi_c(&mut self, raw: &str) {
        let mut rest = raw;
        while let Some((before, escape)) = rest.split_once('\\') {
            self.pieces.extend(before.chars().map(Piece::Character));
            let (pieces, after) = ansi_c_escape(escape);
            self.pieces.extend(pieces);
            rest = after;
        }
        self.pieces.extend(rest.chars().map(Piece::Character));
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
        let touches = pieces.last() == Some(&Piece::Unknown) || word.pieces.first() == Some(&Piece::Unknown);
        if index > 0 && !touches {
            pieces.push(Piece::Character(' '));
        }
        pieces.extend(&word.pieces);
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
        for (raw, name) in [
            ("/usr/bin/git", "git"),
            ("git", "git"),
            ("=git", "git"),
            ("x/git.exe", "git"),
            ("=", "="),
            ("*/git", "git"),
            ("bin/*", "…"),
            ("/", ""),
        ] {
            let mut word = Word::default();
            word.push_bare(raw);
            assert_eq!(word.file_name().shown(), name, "{raw}");
        }
    }
}
