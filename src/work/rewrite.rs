//! What programs that write files write: stream editors, one-liners, copies, patches in here-documents.

use std::borrow::Cow;

use super::path;
use crate::rollout::{Change, patched};
use crate::shell::quick::Simple;

/// What such a command comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Comes<'a> {
    /// It only reads.
    Reads,
    /// It is a program of the project's own, or nobody knows.
    Runs,
    /// It writes these.
    Writes(Vec<Write<'a>>),
    /// It hands this file to a database.
    Feeds(Cow<'a, str>),
    /// A patch.
    Patches(Vec<Change>),
}

/// One file that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Write<'a> {
    /// Its name; empty where the names came from another command.
    pub(super) path: Cow<'a, str>,
    /// How.
    pub(super) how: How,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Anew, or more of it.
    Text,
    /// Something in it is replaced by something else.
    Replaced,
    /// A comment comes into it.
    Commented,
    /// It goes away, or has another name.
    Moved,
    /// With all others that a pattern or a search names.
    Among,
}

/// What a command of the table's writers does.
pub(super) fn rewrite<'a>(simple: &Simple<'a>) -> Comes<'a> {
    match simple.program() {
        "sed" | "gsed" => sed(simple),
        "perl" | "ruby" if has_in_place(simple) => perl(simple),
        "awk" | "gawk" if simple.words.iter().any(|word| word == "inplace") => perl(simple),
        "awk" | "gawk" => Comes::Reads,
        "python" | "python3" | "node" | "ruby" | "perl" => script(simple),
        "tee" | "sponge" => writes(operands(simple), How::Text),
        "cp" | "install" => writes(operands(simple).last().cloned().into_iter().collect(), How::Text),
        "mv" | "rm" | "truncate" => writes(operands(simple), How::Moved),
        "git" => writes(operands(simple).into_iter().skip(1).collect(), How::Moved),
        "apply_patch" => {
            let text = simple.input.or_else(|| simple.words.get(1).map(|word| &**word));
            text.map_or(Comes::Runs, |text| Comes::Patches(patched(text)))
        }
        "psql" => {
            let flag = simple.words.iter().position(|word| word == "-f" || word == "--file");
            let apart = flag.and_then(|flag| simple.words.get(flag + 1).cloned());
            let joined =
                simple.words.iter().find_map(|word| word.strip_prefix("--file=").map(|file| file.to_owned().into()));
            apart.or(joined).map_or(Comes::Reads, Comes::Feeds)
        }
        _ => Comes::Runs,
    }
}

fn operands<'a>(simple: &Simple<'a>) -> Vec<Cow<'a, str>> {
    simple.words.iter().skip(1).filter(|word| !word.starts_with('-')).cloned().collect()
}

fn writes(paths: Vec<Cow<'_, str>>, how: How) -> Comes<'_> {
    Comes::Writes(paths.into_iter().map(|path| Write { path, how }).collect())
}

fn has_in_place(simple: &Simple<'_>) -> bool {
    let is_it = |word: &str| {
        word.starts_with("--in-place")
            || (word.starts_with('-') && !word.starts_with("--") && word.len() < 8 && word.contains('i'))
    };
    simple.words.iter().skip(1).any(|word| is_it(word))
}

fn sed<'a>(simple: &Simple<'a>) -> Comes<'a> {
    if !has_in_place(simple) {
        return Comes::Reads;
    }
    let mut script: Option<Cow<'a, str>> = None;
    let mut files = Vec::new();
    let mut words = simple.words.iter().skip(1);
    while let Some(word) = words.next() {
        match &**word {
            "-e" | "--expression" | "-f" => script = words.next().cloned(),
            word if word.starts_with('-') => {}
            // BSD's `-i ''`.
            "" => {}
            _ if script.is_none() => script = Some(word.clone()),
            _ => files.push(word.clone()),
        }
    }
    in_place(simple, files, &script.unwrap_or_default())
}

fn perl<'a>(simple: &Simple<'a>) -> Comes<'a> {
    let mut script: Option<Cow<'a, str>> = None;
    let mut files = Vec::new();
    let mut words = simple.words.iter().skip(1);
    while let Some(word) = words.next() {
        if word.starts_with('-') && !word.starts_with("--") && word.ends_with('e') {
            script = words.next().cloned();
        } else if word == "inplace" || word.starts_with('-') {
        } else if script.is_none() && simple.program().ends_with("awk") {
            script = Some(word.clone());
        } else {
            files.push(word.clone());
        }
    }
    in_place(simple, files, &script.unwrap_or_default())
}

fn in_place<'a>(simple: &Simple<'a>, files: Vec<Cow<'a, str>>, script: &str) -> Comes<'a> {
    if files.is_empty() {
        let among = Write { path: Cow::Borrowed(""), how: How::Among };
        return if simple.is_fed { Comes::Writes(vec![among]) } else { Comes::Reads };
    }
    let how = |path: &str| match path.contains('*') || path.contains('$') || path == "{}" {
        true => How::Among,
        false if inserted(script).is_some_and(|text| path::is_comment_of(path, text)) => How::Commented,
        false => How::Replaced,
    };
    Comes::Writes(files.into_iter().map(|path| Write { how: how(&path), path }).collect())
}

/// The text that a stream editor puts in as a line of its own: `2i /* so */`, `/^fn/i\// so`.
fn inserted(script: &str) -> Option<&str> {
    let command = match script.strip_prefix('/') {
        Some(pattern) => pattern.get(pattern.find('/')? + 1..)?,
        None => script.trim_start_matches(|c: char| c.is_ascii_digit() || c == '$' || c == ','),
    };
    let text = command.strip_prefix(['i', 'a'])?;
    Some(text.trim_start_matches(['\\', ' ', '\n']))
}

/// What in a script opens a file for writing.
const WRITERS: &[&str] = &[
    "write_text",
    "write_bytes",
    "writeFile",
    "appendFile",
    "File.write",
    "'w'",
    "\"w\"",
    "'a'",
    "\"a\"",
    "'w+'",
    "\"w+\"",
    ".rename(",
    "shutil.",
    "os.replace",
    "fileinput",
    "json.dump(",
    "yaml.dump(",
    "toml.dump(",
];

/// How long a script is looked through.
const LONGEST: usize = 1 << 16;

fn script<'a>(simple: &Simple<'a>) -> Comes<'a> {
    let flag = simple
        .words
        .iter()
        .position(|word| word == "-c" || word == "-e" || word == "-p" || word == "-pe" || word == "-ne");
    let inline = flag.and_then(|flag| simple.words.get(flag + 1));
    let text = match (inline, simple.input) {
        (Some(text), _) => text.clone(),
        (None, Some(text)) => Cow::Borrowed(text),
        (None, None) if simple.words.iter().any(|word| word == "--version" || word == "-V" || word == "--check") => {
            return Comes::Reads;
        }
        (None, None) => return Comes::Runs,
    };
    let text = text.get(..LONGEST).unwrap_or(&text);
    if !WRITERS.iter().any(|writer| text.contains(writer)) {
        return Comes::Reads;
    }
    let found = quoted(text).filter(|word| is_file_name(word));
    let found: Vec<_> = found.take(8).map(|path| Write { path: path.to_owned().into(), how: How::Text }).collect();
    match found.is_empty() {
        true => Comes::Writes(vec![Write { path: Cow::Borrowed(""), how: How::Among }]),
        false => Comes::Writes(found),
    }
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(['\'', '"'])?;
        let quote = rest.as_bytes().get(start).copied()?;
        let inner = rest.get(start + 1..)?;
        let end = inner.find(char::from(quote))?;
        rest = inner.get(end + 1..).unwrap_or_default();
        inner.get(..end)
    })
}

/// Short, without blanks, and with an ending: `docs/usage.rst`.
fn is_file_name(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    let ends = name.rsplit_once('.').is_some_and(|(stem, ending)| {
        !stem.is_empty() && (1..=6).contains(&ending.len()) && ending.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    let is_number = word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    ends && !is_number && word.len() < 200 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-*".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::quick::quick;

    fn told(text: &str) -> String {
        let found = quick(text);
        match rewrite(&found[0]) {
            Comes::Writes(writes) => {
                let one = |write: &Write<'_>| format!("{}:{:?}", write.path, write.how);
                writes.iter().map(one).collect::<Vec<_>>().join(" ")
            }
            Comes::Patches(changes) => changes.iter().map(|change| change.path.clone()).collect::<Vec<_>>().join(" "),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn writers_are_told_by_what_they_write() {
        for (text, expected) in [
            ("sed -n '1,40p' a.rs", "Reads"),
            ("sed -i 's/a/b/' a.rs b.rs", "a.rs:Replaced b.rs:Replaced"),
            ("sed -i.bak -E -e 's/a/b/' a.rs", "a.rs:Replaced"),
            ("sed -i '2i /* so */' a.c", "a.c:Commented"),
            ("sed -i '/^fn/i // so' a.rs", "a.rs:Commented"),
            ("sed -i '2i int x;' a.c", "a.c:Replaced"),
            ("xargs sed -i s/a/b/", ":Among"),
            ("sed -i s/a/b/ src/*.ts", "src/*.ts:Among"),
            ("perl -pi -e 's/a/b/' a.ts", "a.ts:Replaced"),
            ("perl -ne print a.ts", "Reads"),
            ("python3 - <<'P'\np = Path('docs/a.rst')\np.write_text(p.read_text())\nP", "docs/a.rst:Text"),
            ("python3 -c 'print(1)'", "Reads"),
            ("python3 run.py", "Runs"),
            ("node -e \"require('fs').writeFileSync('a.json', x)\"", "a.json:Text"),
            ("tee -a a.md", "a.md:Text"),
            ("cp x y", "y:Text"),
            ("mv a b", "a:Moved b:Moved"),
            ("git mv a b", "a:Moved b:Moved"),
            ("psql shop -f db/migrations/3.sql", "Feeds(\"db/migrations/3.sql\")"),
            ("apply_patch <<'P'\n*** Begin Patch\n*** Update File: a.rs\n+x\n*** End Patch\nP", "a.rs"),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }
}
