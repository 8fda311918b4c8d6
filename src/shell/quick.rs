//! A command line read quickly: its simple commands by words, where they write, and what a here-document feeds them.
//!
//! For those who count what was run, at a million command lines in seconds. What is to be kept from running is read by
//! [`super::Reading`], which overlooks nothing and takes fifty times as long.

use std::borrow::Cow;

/// How deep a script may stand in another.
const MOST_NESTED: usize = 4;

/// The most simple commands that are looked at.
const MOST: usize = 200;

/// One simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simple<'a> {
    /// Its words, quotes taken away; what only the shell will know stands as it is written.
    pub words: Vec<Cow<'a, str>>,
    /// The files that `>` and `>>` name.
    pub writes: Vec<Cow<'a, str>>,
    /// What a here-document hands it.
    pub input: Option<&'a str>,
    /// It is handed names by the command before it: `… | xargs`.
    pub is_fed: bool,
}

/// Words that only carry the command behind them, options and settings included.
const CARRIERS: &[&str] = &[
    "sudo", "doas", "env", "time", "nice", "ionice", "nohup", "timeout", "stdbuf", "exec", "command", "builtin",
    "setsid", "if", "then", "else", "elif", "while", "until", "do", "!", "{", "xargs",
];

/// Carriers that have a word of their own before the command: `timeout 60 make`.
const WITH_OPERAND: &[&str] = &["timeout"];

const SHELLS: &[&str] = &["sh", "bash", "zsh", "dash", "ksh"];

/// The simple commands of a command line, in their order.
pub fn quick(text: &str) -> Vec<Simple<'_>> {
    let mut found = Vec::new();
    script(text, 0, &mut found);
    found
}

fn script<'a>(text: &'a str, depth: usize, found: &mut Vec<Simple<'a>>) {
    let mut lexer = Lexer { text, at: 0, awaited: Vec::new() };
    let mut one = Simple::default();
    let first = found.len();
    let mut is_fed = false;
    while found.len() < MOST {
        match lexer.next() {
            Token::Word(word) => one.words.push(word),
            Token::Writes => {
                if let Token::Word(file) = lexer.next() {
                    one.writes.push(file);
                }
            }
            Token::Reads => {
                lexer.next();
            }
            Token::HereDocument { end, tabs } => lexer.awaited.push((end, tabs, found.len())),
            end @ (Token::Piped | Token::Ends | Token::Nothing) => {
                let done = std::mem::take(&mut one);
                if !done.words.is_empty() || !done.writes.is_empty() {
                    settle(Simple { is_fed, ..done }, depth, found);
                }
                is_fed = end == Token::Piped;
                for (body, index) in lexer.bodies(end == Token::Nothing) {
                    if let Some(simple) = found.get_mut(index.max(first)) {
                        simple.input = Some(body);
                    }
                }
                if end == Token::Nothing {
                    return;
                }
            }
        }
    }
}

/// Takes away what only carries the command; follows it into a script of its own.
fn settle<'a>(mut one: Simple<'a>, depth: usize, found: &mut Vec<Simple<'a>>) {
    let is_setting = |word: &str| {
        let name = word.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
    };
    let mut start = 0;
    while let Some(word) = one.words.get(start) {
        let name = base(word);
        if is_setting(word) {
            start += 1;
        } else if CARRIERS.contains(&name) {
            let (fed, operand) = (name == "xargs", WITH_OPERAND.contains(&name));
            one.is_fed |= fed;
            start += 1;
            while one.words.get(start).is_some_and(|word| word.starts_with('-') && word.len() > 1) {
                // `xargs -n 1`: an option's own number.
                let apart = one.words.get(start).is_some_and(|word| word.len() == 2);
                let number = one.words.get(start + 1).is_some_and(|word| word.bytes().all(|b| b.is_ascii_digit()));
                start += if apart && number { 2 } else { 1 };
            }
            start += usize::from(operand);
        } else {
            break;
        }
    }
    one.words.drain(..start.min(one.words.len()));
    let inner = match one.words.first() {
        Some(program) if SHELLS.contains(&base(program)) && depth < MOST_NESTED => {
            let flag = one.words.iter().position(|word| word.starts_with('-') && word.ends_with('c'));
            flag.and_then(|flag| one.words.get(flag + 1).cloned())
        }
        _ => None,
    };
    match inner {
        Some(Cow::Borrowed(text)) => script(text, depth + 1, found),
        Some(Cow::Owned(text)) => {
            let mut below = Vec::new();
            script(&text, depth + 1, &mut below);
            found.extend(below.into_iter().map(Simple::owned));
        }
        None => found.push(one),
    }
}

impl Simple<'_> {
    /// Apart from the text that it was read from. What a here-document hands over is let go.
    fn owned<'b>(self) -> Simple<'b> {
        let own = |words: Vec<Cow<'_, str>>| words.into_iter().map(|word| Cow::Owned(word.into_owned())).collect();
        Simple { words: own(self.words), writes: own(self.writes), input: None, is_fed: self.is_fed }
    }

    /// The program's name, without its folder.
    pub fn program(&self) -> &str {
        self.words.first().map(|word| base(word)).unwrap_or_default()
    }
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(Cow<'a, str>),
    Writes,
    Reads,
    HereDocument { end: Cow<'a, str>, tabs: bool },
    Piped,
    Ends,
    Nothing,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Here-documents whose text begins at the next line: their last line, whether tabs go, and whose they are.
    awaited: Vec<(Cow<'a, str>, bool, usize)>,
}

impl<'a> Lexer<'a> {
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn next(&mut self) -> Token<'a> {
        loop {
            match self.byte(0) {
                None => return Token::Nothing,
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\\') if self.byte(1) == Some(b'\n') => self.at += 2,
                Some(b'#') => self.at = self.line_end(),
                Some(_) => break,
            }
        }
        match (self.byte(0), self.byte(1)) {
            (Some(b'|'), Some(b'|')) | (Some(b'&'), Some(b'&')) | (Some(b';'), Some(b';')) => self.skip(2, Token::Ends),
            (Some(b'|'), _) => self.skip(1, Token::Piped),
            (Some(b'&'), Some(b'>')) => self.skip(2, Token::Writes),
            (Some(b';' | b'\n' | b'&' | b'(' | b')'), _) => self.skip(1, Token::Ends),
            (Some(b'<'), Some(b'<')) if self.byte(2) == Some(b'<') => self.skip(3, Token::Reads),
            (Some(b'<'), Some(b'<')) => self.here_document(),
            (Some(b'<'), Some(b'&')) => self.skip(2, Token::Reads),
            (Some(b'<'), _) => self.skip(1, Token::Reads),
            (Some(b'>'), Some(b'&')) => self.skip(2, Token::Reads),
            (Some(b'>'), Some(b'>' | b'|')) => self.skip(2, Token::Writes),
            (Some(b'>'), _) => self.skip(1, Token::Writes),
            (Some(b'0'..=b'9'), Some(b'>')) => {
                // `2>&1` writes no file.
                let (to_other, more) = (self.byte(2) == Some(b'&'), self.byte(2) == Some(b'>'));
                match (to_other, more) {
                    (true, _) => self.skip(3, Token::Reads),
                    (false, true) => self.skip(3, Token::Writes),
                    (false, false) => self.skip(2, Token::Writes),
                }
            }
            _ => Token::Word(self.word()),
        }
    }

    fn skip(&mut self, bytes: usize, token: Token<'a>) -> Token<'a> {
        self.at += bytes;
        token
    }

    fn line_end(&self) -> usize {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        memchr::memchr(b'\n', rest).map_or(self.text.len(), |end| self.at + end)
    }

    fn here_document(&mut self) -> Token<'a> {
        self.at += 2;
        let tabs = self.byte(0) == Some(b'-');
        self.at += usize::from(tabs);
        while self.byte(0) == Some(b' ') {
            self.at += 1;
        }
        Token::HereDocument { end: self.word(), tabs }
    }

    /// A word up to a blank or an operator.
    fn word(&mut self) -> Cow<'a, str> {
        let start = self.at;
        while let Some(byte) = self.byte(0) {
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'|' | b'&' | b'<' | b'>' | b'(' | b')' => {
                    return Cow::Borrowed(self.slice(start, self.at));
                }
                b'\'' | b'"' | b'\\' | b'`' | b'$' => break,
                _ => self.at += 1,
            }
        }
        // A word that is one quoted text, as most are.
        if start == self.at
            && let Some(quote @ (b'\'' | b'"')) = self.byte(0)
            && let Some(inner) = self.plain_quoted(quote)
        {
            return Cow::Borrowed(inner);
        }
        Cow::Owned(self.pieces(start))
    }

    /// What stands between these quotes, where nothing in it means anything else and a word ends behind it.
    fn plain_quoted(&mut self, quote: u8) -> Option<&'a str> {
        let rest = self.text.as_bytes().get(self.at + 1..)?;
        let end = memchr::memchr(quote, rest)?;
        let inner = self.slice(self.at + 1, self.at + 1 + end);
        let ends = matches!(rest.get(end + 1), None | Some(b' ' | b'\t' | b'\n' | b';' | b'|' | b'&' | b')'));
        let is_plain = quote == b'\'' || memchr::memchr2(b'\\', b'`', inner.as_bytes()).is_none();
        (ends && is_plain).then(|| {
            self.at += end + 2;
            inner
        })
    }

    fn pieces(&mut self, start: usize) -> String {
        let mut word = self.slice(start, self.at).to_owned();
        while let Some(byte) = self.byte(0) {
            let from = self.at;
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'|' | b'&' | b'<' | b'>' | b'(' | b')' => break,
                b'\'' => {
                    self.at = self.until(b'\'', from + 1);
                    word.push_str(self.slice(from + 1, self.at));
                    self.at += 1;
                }
                b'"' => self.double_quoted(&mut word),
                b'`' => {
                    self.at = self.until(b'`', from + 1) + 1;
                    word.push_str(self.slice(from, self.at));
                }
                b'$' if self.byte(1) == Some(b'(') => {
                    self.substitution();
                    word.push_str(self.slice(from, self.at));
                }
                b'\\' => {
                    self.at += 1;
                    let next = self.slice(self.at, self.text.len()).chars().next();
                    self.at += next.map_or(0, char::len_utf8);
                    word.extend(next.filter(|c| *c != '\n'));
                }
                _ => {
                    self.at += 1;
                    while !self.text.is_char_boundary(self.at) {
                        self.at += 1;
                    }
                    word.push_str(self.slice(from, self.at));
                }
            }
        }
        word
    }

    fn until(&self, byte: u8, from: usize) -> usize {
        let rest = self.text.as_bytes().get(from..).unwrap_or_default();
        memchr::memchr(byte, rest).map_or(self.text.len(), |end| from + end)
    }

    fn double_quoted(&mut self, word: &mut String) {
        self.at += 1;
        let mut from = self.at;
        while let Some(byte) = self.byte(0) {
            match byte {
                b'"' => break,
                b'\\' => {
                    word.push_str(self.slice(from, self.at));
                    from = self.at + 1;
                    let next = self.slice(from, self.text.len()).chars().next();
                    if !matches!(next, Some('"' | '\\' | '$' | '`')) {
                        word.push('\\');
                    }
                    self.at = from + next.map_or(0, char::len_utf8);
                }
                b'$' if self.byte(1) == Some(b'(') => self.substitution(),
                _ => self.at += 1,
            }
        }
        word.push_str(self.slice(from, self.at));
        self.at = (self.at + 1).min(self.text.len());
    }

    /// Passes `$( … )`, quotes inside it heeded.
    fn substitution(&mut self) {
        let mut open = 0_usize;
        while let Some(byte) = self.byte(0) {
            match byte {
                b'(' => open += 1,
                b')' => open -= 1,
                b'\'' => self.at = self.until(b'\'', self.at + 1),
                b'\\' => self.at += 1,
                _ => {}
            }
            self.at += 1;
            if open == 0 && byte == b')' {
                break;
            }
        }
        self.at = self.at.min(self.text.len());
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
    }

    /// The here-documents that begin at this line, if a line has begun, each with the place of its command.
    fn bodies(&mut self, at_end: bool) -> Vec<(&'a str, usize)> {
        let begins = at_end || self.text.as_bytes().get(self.at.wrapping_sub(1)) == Some(&b'\n');
        if self.awaited.is_empty() || !begins {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (end, tabs, index) in std::mem::take(&mut self.awaited) {
            let from = self.at;
            let mut to = from;
            while self.at < self.text.len() {
                let line = self.slice(self.at, self.line_end());
                to = self.at;
                self.at = (self.line_end() + 1).min(self.text.len());
                let line = if tabs { line.trim_start_matches('\t') } else { line };
                if line == end {
                    break;
                }
                to = self.at;
            }
            found.push((self.slice(from, to), index));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let one = |simple: &Simple<'_>| {
            let mut shown = simple.words.join("·");
            simple.writes.iter().for_each(|file| shown.push_str(&format!(" >{file}")));
            if let Some(input) = simple.input {
                shown.push_str(&format!(" <<{input:?}"));
            }
            if simple.is_fed {
                shown.push_str(" fed");
            }
            shown
        };
        quick(text).iter().map(one).collect()
    }

    #[test]
    fn command_lines_are_taken_apart() {
        for (text, expected) in [
            ("cargo test -q", &["cargo·test·-q"][..]),
            ("cd a && npm test; ls | head -5", &["cd·a", "npm·test", "ls", "head·-5 fed"]),
            ("cat > a.md <<'EOF'\n# A\n\nb; c\nEOF\nls", &["cat >a.md <<\"# A\\n\\nb; c\\n\"", "ls"]),
            ("sed -i 's/a b/c/' x.rs 2>&1 >>log", &["sed·-i·s/a b/c/·x.rs >log"]),
            ("echo \"it's $(date \"+%s\") \\\" x\" 2>/dev/null", &["echo·it's $(date \"+%s\") \" x >/dev/null"]),
            ("RUST_LOG=debug sudo -E timeout 60 make -j2", &["make·-j2"]),
            ("bash -lc 'make test && ls'", &["make·test", "ls"]),
            ("grep -rl x src | xargs -n 1 sed -i s/x/y/", &["grep·-rl·x·src", "sed·-i·s/x/y/ fed"]),
            ("for i in 1 2; do pytest -q || break; done", &["for·i·in·1·2", "pytest·-q", "break", "done"]),
            ("python3 - <<'PY'\np.write_text('x')\nPY", &["python3·- <<\"p.write_text('x')\\n\""]),
            ("git diff $(git merge-base HEAD main) # why\nls", &["git·diff·$(git merge-base HEAD main)", "ls"]),
            ("(cd a; ls) & wait", &["cd·a", "ls", "wait"]),
            ("cat <<A > x\n1\nA", &["cat >x <<\"1\\n\""]),
            ("echo 'ä' \"ö\"ü\\ß", &["echo·ä·öüß"]),
            ("cat <<EOF", &["cat <<\"\""]),
            ("echo 'open", &["echo·open"]),
            ("$(", &["$("]),
            ("", &[]),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_much(text in "[a\"'`$()<>|&; \\\\\n\tEOFä-]{0,60}") {
            quick(&text);
        }
    }
}
