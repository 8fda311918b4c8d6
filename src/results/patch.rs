//! What `git log` tells with `process::git`'s format: heads of commits, and patches without context.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use sha2::{Digest, Sha256};

use crate::model::{CommitId, LineKind, Lines};
use crate::work::line_kind;

/// A commit as git tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub id: CommitId,
    /// What it follows on, the first one first.
    pub parents: Vec<CommitId>,
    /// When it was committed, in seconds since 1970.
    pub at: i64,
    /// All that was written about it.
    pub body: String,
    /// What it changes, where that was asked for.
    pub patch: Patch,
}

/// A patch, file by file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// The files that it changes.
    pub files: Vec<FileChange>,
}

/// What a patch does to a file. Lines are kept by what tells them apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileChange {
    /// Its name before; `None`: it is new.
    pub old: Option<String>,
    /// Its name after; `None`: it is gone.
    pub new: Option<String>,
    /// Lines that were added.
    pub added: Vec<LineMark>,
    /// Lines that were removed.
    pub removed: Vec<LineMark>,
    plus: Digested,
    minus: Digested,
}

/// Tells a line from others, byte by byte, within this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineMark(u64);

impl LineMark {
    /// That of a line without its end.
    pub fn of(line: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        line.strip_suffix(b"\r").unwrap_or(line).hash(&mut hasher);
        // The last bit says whether there is a word in it.
        let telling = line.iter().any(u8::is_ascii_alphanumeric) || !line.is_ascii();
        Self((hasher.finish() & !1) | u64::from(telling))
    }

    /// There is a word in it, or a number: not only a brace, such as many files have.
    pub fn is_telling(self) -> bool {
        self.0 & 1 == 1
    }
}

/// Lines without their whitespace, one after the other.
#[derive(Clone, Debug, Default)]
struct Digested(Sha256);

impl PartialEq for Digested {
    fn eq(&self, other: &Self) -> bool {
        self.0.clone().finalize() == other.0.clone().finalize()
    }
}

impl Eq for Digested {}

impl Digested {
    fn add(&mut self, line: &[u8]) {
        let bare: Vec<u8> = line.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        self.0.update((bare.len() as u64).to_le_bytes());
        self.0.update(&bare);
    }
}

impl Patch {
    /// Reads a patch that git has written.
    pub fn parse(text: &[u8]) -> Self {
        Reader { rest: text }.patch()
    }

    /// Lines by what their files are for.
    pub fn lines(&self) -> BTreeMap<LineKind, Lines> {
        let mut lines: BTreeMap<LineKind, Lines> = BTreeMap::new();
        for file in self.files.iter().filter(|file| !file.added.is_empty() || !file.removed.is_empty()) {
            let kind = line_kind(file.new.as_deref().or(file.old.as_deref()).unwrap_or_default());
            let of_kind = lines.entry(kind).or_default();
            of_kind.added = of_kind.added.saturating_add(file.added.len() as u64);
            of_kind.removed = of_kind.removed.saturating_add(file.removed.len() as u64);
        }
        lines
    }

    /// What the patch does, wherever its lines stand and whatever whitespace they have: the same on another commit.
    /// `None`: it does nothing.
    pub fn fingerprint(&self) -> Option<String> {
        self.digest(|file| (&file.old, &file.new, &file.minus, &file.plus))
    }

    /// The fingerprint of the patch that takes it back.
    pub fn backward(&self) -> Option<String> {
        self.digest(|file| (&file.new, &file.old, &file.plus, &file.minus))
    }

    fn digest<'p>(
        &'p self,
        parts: impl Fn(&'p FileChange) -> (&'p Option<String>, &'p Option<String>, &'p Digested, &'p Digested),
    ) -> Option<String> {
        if self.files.is_empty() {
            return None;
        }
        let mut files: Vec<_> = self.files.iter().map(parts).collect();
        files.sort_by(|one, other| (one.1, one.0).cmp(&(other.1, other.0)));
        let mut whole = Sha256::new();
        for (from, to, minus, plus) in files {
            for name in [from, to] {
                let name = name.as_deref().unwrap_or("/dev/null");
                whole.update((name.len() as u64).to_le_bytes());
                whole.update(name);
            }
            whole.update(minus.0.clone().finalize());
            whole.update(plus.0.clone().finalize());
        }
        Some(whole.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Files that have lines of it, by their names after it.
    pub fn grown(&self) -> impl Iterator<Item = (&str, &[LineMark])> {
        let grown = self.files.iter().filter(|file| !file.added.is_empty());
        grown.filter_map(|file| Some((file.new.as_deref()?, file.added.as_slice())))
    }

    /// All names that it touches.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().flat_map(|file| [file.old.as_deref(), file.new.as_deref()]).flatten()
    }
}

/// The commits of a log, each with its patch if it has one. What cannot be read ends it.
pub fn changes(log: &[u8]) -> Vec<Change> {
    let mut reader = Reader { rest: log };
    std::iter::from_fn(|| reader.change()).collect()
}

/// Begins a head.
const START: u8 = 1;

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn change(&mut self) -> Option<Change> {
        while let [b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest = self.rest.strip_prefix(&[START])?;
        let id = CommitId::parse(&self.field()?)?;
        let parents = self.field()?.split(' ').filter_map(CommitId::parse).collect();
        let at = self.field()?.parse().ok()?;
        let _authored = self.field()?;
        let body = self.field()?;
        Some(Change { id, parents, at, body, patch: self.patch() })
    }

    fn field(&mut self) -> Option<String> {
        let end = self.rest.iter().position(|byte| *byte == 0)?;
        let (field, rest) = (self.rest.get(..end)?, self.rest.get(end.saturating_add(1)..)?);
        self.rest = rest;
        Some(String::from_utf8_lossy(field).into_owned())
    }

    fn line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|byte| *byte == b'\n').unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..).unwrap_or_default();
        Some(line)
    }

    fn patch(&mut self) -> Patch {
        let mut files: Vec<FileChange> = Vec::new();
        while self.rest.first().is_some_and(|byte| *byte != START) {
            let Some(line) = self.line() else { break };
            if line.starts_with(b"diff --git ") {
                files.push(FileChange::default());
            }
            let Some(file) = files.last_mut() else { continue };
            let after = |start: &str| line.strip_prefix(start.as_bytes());
            if let Some(name) = after("--- ") {
                file.old = named(name);
            } else if let Some(name) = after("+++ ") {
                file.new = named(name);
            } else if let Some(name) = after("rename from ").or_else(|| after("copy from ")) {
                file.old = Some(unquoted(name));
            } else if let Some(name) = after("rename to ").or_else(|| after("copy to ")) {
                file.new = Some(unquoted(name));
            } else if let Some((removed, added)) = hunk(line) {
                self.hunk(file, removed, added);
            }
        }
        // What has no lines and no new name is a mode, or binary: nothing is counted of it.
        files.retain(|file| file.old.is_some() || file.new.is_some());
        Patch { files }
    }

    fn hunk(&mut self, file: &mut FileChange, mut removed: u64, mut added: u64) {
        while removed > 0 || added > 0 {
            match self.line() {
                Some([b'-', line @ ..]) => {
                    file.removed.push(LineMark::of(line));
                    file.minus.add(line);
                    removed = removed.saturating_sub(1);
                }
                Some([b'+', line @ ..]) => {
                    file.added.push(LineMark::of(line));
                    file.plus.add(line);
                    added = added.saturating_sub(1);
                }
                // `\ No newline at end of file`.
                Some([b'\\', ..]) => {}
                Some(_) | None => return,
            }
        }
    }
}

/// `@@ -3,2 +3 @@`: so many lines were removed, so many added.
fn hunk(line: &[u8]) -> Option<(u64, u64)> {
    let line = std::str::from_utf8(line.strip_prefix(b"@@ -")?.split(|byte| *byte == b'@').next()?).ok()?;
    let (old, new) = line.trim_end().split_once(" +")?;
    let count = |part: &str| match part.split_once(',') {
        Some((_, count)) => count.parse().ok(),
        None => Some(1),
    };
    Some((count(old)?, count(new)?))
}

/// `a/name`, `"b/n\"ame"`, `/dev/null`.
fn named(name: &[u8]) -> Option<String> {
    let name = unquoted(name.strip_suffix(b"\t").unwrap_or(name));
    name.strip_prefix("a/").or_else(|| name.strip_prefix("b/")).map(str::to_owned)
}

/// A name as git writes it where it holds what would end it: in quotes, with C's escapes.
fn unquoted(name: &[u8]) -> String {
    let Some(inner) = name.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else {
        return String::from_utf8_lossy(name).into_owned();
    };
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => bytes.push(b'\n'),
            Some(b't') => bytes.push(b'\t'),
            Some(b'r') => bytes.push(b'\r'),
            Some(b'a') => bytes.push(7),
            Some(b'b') => bytes.push(8),
            Some(b'v') => bytes.push(11),
            Some(b'f') => bytes.push(12),
            Some(first @ b'0'..=b'7') => {
                let mut value = u32::from(first - b'0');
                while let Some(digit) = rest.next_if(|byte| (b'0'..=b'7').contains(byte) && value < 32) {
                    value = value * 8 + u32::from(digit - b'0');
                }
                bytes.push(u8::try_from(value).unwrap_or(b'?'));
            }
            Some(other) => bytes.push(other),
            None => {}
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
