//! Whatever bytes a session file has, in whatever pieces they come, nothing breaks and nothing counts twice.
//!
//! `PROPTEST_CASES=100000 cargo test --release --lib damage` looks for longer.

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::expected::{folders, metered, session_files};
use super::*;
use crate::rollout::{Refused, after_torn, read_for_accounting};
use crate::tail::cursor::{Cursor, LONGEST_LINE, Progress};

/// All plain fixtures, by their bytes.
static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let paths = folders().into_iter().flat_map(|folder| session_files(&folder));
    let plain = paths.filter(|path| path.extension().is_some_and(|end| end == "jsonl"));
    plain.map(|path| fs::read(path).unwrap()).collect()
});

/// What is done to bytes before they are read.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Cut(Index),
    /// A part of another file goes in.
    Splice(Index, Index, Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = || any::<Index>();
    let byte = prop_oneof![prop::sample::select(b"\n\"\\{}[],:019e \0\xff".to_vec()), any::<u8>()];
    prop_oneof![
        (at(), byte.clone()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), prop::collection::vec(byte, 1..20)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), 1_usize..3_000).prop_map(|(at, length)| Change::Remove(at, length)),
        at().prop_map(Change::Cut),
        (at(), at(), at(), 1_usize..3_000).prop_map(|(at, file, from, length)| Change::Splice(at, file, from, length)),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match change {
            Change::Set(at, byte) => bytes[at.index(length)] = *byte,
            Change::Insert(at, more) => {
                bytes.splice(at.index(length)..at.index(length), more.iter().copied());
            }
            Change::Remove(at, count) => {
                bytes.drain(at.index(length)..(at.index(length) + count).min(length));
            }
            Change::Cut(at) => bytes.truncate(at.index(length)),
            Change::Splice(at, file, from, count) => {
                let other = file.get(&FILES);
                if !other.is_empty() {
                    let from = from.index(other.len());
                    let part = other[from..(from + count).min(other.len())].to_vec();
                    bytes.splice(at.index(length)..at.index(length), part);
                }
            }
        }
    }
    bytes
}

/// Bytes as they are, and as they come after damage.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => prop::collection::vec(prop_oneof![1 => Just(b'\n'), 12 => any::<u8>()], 0..2_000),
        6 => (any::<Index>(), prop::collection::vec(change(), 0..8))
            .prop_map(|(file, changes)| changed(file.get(&FILES).clone(), &changes)),
    ]
}

/// How lines fared.
#[derive(Debug, Default, PartialEq)]
struct Fared {
    delivered: u64,
    accepted: u64,
    refused: u64,
    answers: Vec<(Answer, u64)>,
}

/// Reads a file to its end.
fn fare(path: &Path, read: fn(&[u8]) -> Result<Record, Refused>) -> std::io::Result<(Fared, Progress)> {
    let mut meter = Meter::new(None, all());
    let mut fared = Fared::default();
    let progress = Cursor::open(path)?.finish(|position, line| {
        fared.delivered += 1;
        let record = read(line);
        *(if record.is_ok() { &mut fared.accepted } else { &mut fared.refused }) += 1;
        if let Some((position, record)) =
            record.ok().map(|record| (position, record)).or_else(|| after_torn(position, line))
        {
            let answer = meter.push(position, &record);
            fared.answers.extend(answer.map(|answer| (Answer { has_tool_calls: false, ..answer }, position)));
        }
    })?;
    assert!(meter.totals().len() as u64 <= fared.delivered);
    Ok((fared, progress))
}

fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

const NAME: &str = "rollout-2026-11-22T05-37-28-01a201ce-a0f3-7b93-b4d8-4d4302cd5f8a.jsonl";

fn lines_of(bytes: &[u8]) -> u64 {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64
}

#[test]
fn a_small_compressed_file_that_holds_a_huge_line_takes_no_memory_for_it() {
    let mut bytes = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    let mut huge = std::io::Read::take(std::io::repeat(b'x'), LONGEST_LINE as u64 + 2);
    std::io::copy(&mut huge, &mut bytes).unwrap();
    bytes.write_all(b"\n{}\n").unwrap();
    let (_folder, path) = file(&format!("{NAME}.zst"), &bytes.finish().unwrap());
    let (fared, progress) = fare(&path, read).unwrap();
    assert_eq!((fared.delivered, fared.refused), (1, 1));
    assert_eq!(progress, Progress { lines: 1, too_long: 1 });
}

proptest! {
    #[test]
    fn any_bytes_are_read_and_every_line_is_accounted_for(bytes in bytes()) {
        let (_folder, path) = file(NAME, &bytes);
        let (fared, progress) = fare(&path, read).unwrap();
        prop_assert_eq!(fared.delivered, lines_of(&bytes));
        prop_assert_eq!(progress, Progress { lines: fared.delivered, too_long: 0 });
        prop_assert_eq!(fared.accepted + fared.refused, fared.delivered);
        let keys: HashSet<_> = fared.answers.iter().map(|(answer, _)| (&answer.thread, &answer.key)).collect();
        prop_assert_eq!(keys.len(), fared.answers.len(), "no response has another's identity");
        // What is read for accounting differs only where a damaged line that spends nothing was passed over.
        let (accounting, _) = fare(&path, read_for_accounting).unwrap();
        prop_assert!(accounting.refused <= fared.refused);
        if accounting.refused == fared.refused {
            prop_assert_eq!(accounting, fared);
        }
    }

    #[test]
    fn compressed_bytes_are_read_as_plain_ones_and_damaged_ones_as_far_as_they_go(
        bytes in bytes(),
        changes in prop::collection::vec(change(), 0..3),
    ) {
        let compressed = zstd::encode_all(bytes.as_slice(), 1).unwrap();
        let (_folder, path) = file(&format!("{NAME}.zst"), &changed(compressed, &changes));
        match fare(&path, read) {
            Ok((fared, progress)) => {
                prop_assert_eq!(fared.accepted + fared.refused, progress.lines);
                if changes.is_empty() {
                    prop_assert_eq!(progress.lines, lines_of(&bytes));
                }
            }
            Err(_) => prop_assert!(!changes.is_empty()),
        }
    }

    #[test]
    fn lines_in_any_order_come_to_the_same_for_both_readers(
        file in any::<Index>(),
        other in any::<Index>(),
        order in prop::collection::vec(any::<Index>(), 1..120),
    ) {
        let lines: Vec<&[u8]> = [file, other]
            .iter()
            .flat_map(|file| file.get(&FILES).split(|byte| *byte == b'\n'))
            .collect();
        let mut shuffled = Vec::new();
        for nth in order {
            shuffled.extend_from_slice(lines[nth.index(lines.len())]);
            shuffled.push(b'\n');
        }
        let (_folder, path) = self::file(NAME, &shuffled);
        prop_assert_eq!(fare(&path, read).unwrap(), fare(&path, read_for_accounting).unwrap());
    }

    #[test]
    fn any_pieces_in_any_order_of_files_come_to_the_same(
        folder in any::<Index>(),
        pieces in prop::collection::vec((any::<Index>(), 1_usize..4_000), 0..60),
        again in any::<bool>(),
    ) {
        let folders = folders();
        let folder = folder.get(&folders);
        let whole: HashSet<_> = metered(folder, read).0.iter().map(|answer| format!("{answer:?}")).collect();
        let copy = tempfile::tempdir().unwrap();
        let mut files: Vec<Growing> = session_files(folder)
            .into_iter()
            .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
            .map(|path| Growing::new(&path, copy.path()))
            .collect();
        prop_assume!(files.len() == session_files(folder).len());
        let mut answers = Vec::new();
        // A fork begins when its parent's lines are there: files start in order, and then grow as they like.
        for nth in 0..files.len() {
            for (file, length) in &pieces {
                files[file.index(nth + 1)].grow(*length);
                answers.extend(read_all(&mut files[..=nth]));
            }
            files[..=nth].iter_mut().for_each(|file| file.grow(usize::MAX));
            answers.extend(read_all(&mut files[..=nth]));
        }
        if again {
            files.iter_mut().for_each(Growing::start_again);
            answers.extend(read_all(&mut files));
        }
        let answers: HashSet<_> = answers.iter().map(|answer| format!("{answer:?}")).collect();
        prop_assert_eq!(answers, whole);
    }
}

/// A file that is written while it is read.
struct Growing {
    bytes: Vec<u8>,
    written: usize,
    path: PathBuf,
    cursor: Cursor,
    meter: Meter,
}

impl Growing {
    fn new(original: &Path, folder: &Path) -> Self {
        let path = folder.join(original.file_name().unwrap());
        fs::write(&path, "").unwrap();
        // The last line is never finished: what it is is another test's business.
        let mut bytes = fs::read(original).unwrap();
        if bytes.last().is_some_and(|last| *last != b'\n') {
            bytes.push(b'\n');
        }
        Self { bytes, written: 0, cursor: Cursor::open(&path).unwrap(), meter: Self::meter(&path), path }
    }

    fn meter(path: &Path) -> Meter {
        Meter::new(SessionName::parse(path.file_name().unwrap().to_str().unwrap()).as_ref(), all())
    }

    fn grow(&mut self, length: usize) {
        let end = self.written.saturating_add(length).min(self.bytes.len());
        let mut file = OpenOptions::new().append(true).open(&self.path).unwrap();
        file.write_all(&self.bytes[self.written..end]).unwrap();
        self.written = end;
    }

    fn start_again(&mut self) {
        self.cursor = Cursor::open(&self.path).unwrap();
        self.meter = Self::meter(&self.path);
    }
}

fn read_all(files: &mut [Growing]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for nth in 0..files.len() {
        let (earlier, rest) = files.split_at_mut(nth);
        let Growing { cursor, meter, .. } = &mut rest[0];
        let mut on_line = |position: u64, line: &[u8]| {
            let whole = read(line).ok().map(|record| (position, record));
            if let Some((position, record)) = whole.or_else(|| after_torn(position, line)) {
                answers.extend(meter.push(position, &record));
                let parent = meter
                    .wants_parent()
                    .and_then(|parent| earlier.iter().find(|other| other.meter.thread() == Some(parent)));
                if let Some(parent) = parent {
                    meter.inherit(parent.meter.totals());
                }
            }
        };
        cursor.read(&mut on_line).unwrap();
    }
    answers
}
