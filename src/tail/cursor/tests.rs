//! Bytes in any pieces, files that shrink, lines too long.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

type Taken = Vec<(u64, Vec<u8>)>;

fn read(cursor: &mut Cursor) -> (Taken, Progress) {
    let mut taken = Vec::new();
    let progress = cursor.read(|start, line| taken.push((start, line.to_vec()))).unwrap();
    (taken, progress)
}

fn lines(lines: &[(u64, &str)]) -> Taken {
    lines.iter().map(|(start, line)| (*start, line.as_bytes().to_vec())).collect()
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollout-x.jsonl");
    fs::write(&path, "").unwrap();
    (folder, path)
}

#[test]
fn a_torn_line_is_delivered_once_it_is_complete() {
    let (_folder, path) = file();
    let mut cursor = Cursor::open(&path).unwrap();
    assert_eq!(read(&mut cursor), (Vec::new(), Progress::default()));
    append(&path, "one\ntw");
    assert_eq!(read(&mut cursor).0, lines(&[(0, "one")]));
    append(&path, "");
    assert_eq!(read(&mut cursor).0, Vec::new());
    append(&path, "o\n\nthree\n");
    assert_eq!(read(&mut cursor).0, lines(&[(4, "two"), (9, "three")]));
}

#[test]
fn a_last_line_without_line_feed_is_delivered_at_the_end_and_not_again() {
    let (_folder, path) = file();
    append(&path, "one\ntwo");
    let mut cursor = Cursor::open(&path).unwrap();
    let mut taken = Vec::new();
    cursor.finish(|start, line| taken.push((start, line.to_vec()))).unwrap();
    assert_eq!(taken, lines(&[(0, "one"), (4, "two")]));
    append(&path, " more\nthree\n");
    assert_eq!(read(&mut cursor).0, lines(&[(13, "three")]));
    assert_eq!(cursor.finish(|_, _| panic!("nothing is left")).unwrap(), Progress::default());
}

#[test]
fn a_file_that_was_cut_or_written_over_is_read_from_its_beginning_once_more() {
    let long = "x".repeat(2 * COMPARED);
    for (what, before, after) in [
        ("shorter", "one\ntwo\n", "new\n".to_owned()),
        ("emptied", "one\n", String::new()),
        ("as long as it was", "one\n", "uno\n".to_owned()),
        ("longer, and another", "one\ntwo\n", format!("{long}\n")),
        ("cut within a line that was not complete", "one\ntw", "one\nt".to_owned()),
        ("its end is another", &format!("{long}\none\n"), format!("{long}\nuno\nmore\n")),
    ] {
        let (_folder, path) = file();
        append(&path, before);
        let mut cursor = Cursor::open(&path).unwrap();
        assert!(!cursor.rewind_if_rewritten().unwrap(), "{what}");
        read(&mut cursor);
        assert!(!cursor.rewind_if_rewritten().unwrap(), "{what}");
        fs::write(&path, &after).unwrap();
        assert!(cursor.rewind_if_rewritten().unwrap(), "{what}");
        assert!(!cursor.rewind_if_rewritten().unwrap(), "{what}: told once");
        let taken: Vec<String> =
            read(&mut cursor).0.into_iter().map(|(_, line)| String::from_utf8(line).unwrap()).collect();
        let whole: Vec<&str> = after.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).collect();
        assert_eq!(taken, whole, "{what}");
        append(&path, "more\n");
        assert!(!cursor.rewind_if_rewritten().unwrap(), "{what}");
        assert_eq!(read(&mut cursor).0.len(), 1, "{what}");
    }
}

#[test]
fn a_file_is_read_to_its_end_whatever_its_name_leads_to() {
    let (folder, path) = file();
    append(&path, "one\ntw");
    let mut cursor = Cursor::open(&path).unwrap();
    let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
    assert_eq!(read(&mut cursor).0, lines(&[(0, "one")]));
    let other = folder.path().join("other");
    fs::write(&other, "uno\ndue\ntre\n").unwrap();
    fs::rename(&other, &path).unwrap();
    writer.write_all(b"o\n").unwrap();
    assert_eq!(read(&mut cursor).0, lines(&[(4, "two")]));
    fs::remove_file(&path).unwrap();
    writer.write_all(b"three\n").unwrap();
    assert_eq!(read(&mut cursor).0, lines(&[(8, "three")]));
    assert!(!cursor.rewind_if_rewritten().unwrap());
}

#[test]
fn a_compressed_file_reads_like_a_plain_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollout-x.jsonl.zst");
    let text = "one\n".repeat(100_000) + "last";
    fs::write(&path, zstd::encode_all(text.as_bytes(), 3).unwrap()).unwrap();
    let mut cursor = Cursor::open(&path).unwrap();
    assert_eq!(read(&mut cursor).1, Progress { lines: 100_000, too_long: 0 });
    assert_eq!(read(&mut cursor).1, Progress::default());
    let mut last = Vec::new();
    cursor.finish(|start, line| last.push((start, line.to_vec()))).unwrap();
    assert_eq!(last, lines(&[(400_000, "last")]));
    assert_eq!(read(&mut cursor).1, Progress::default(), "once");
    fs::write(&path, "not compressed at all").unwrap();
    assert!(Cursor::open(&path).unwrap().read(|_, _| ()).is_err());
}

#[test]
fn a_line_over_the_bound_is_skipped_and_counted() {
    let long = "x".repeat(11);
    for chunks in
        [vec![format!("a\n{long}\nb\n")], vec!["a\n".to_owned(), long.clone(), long.clone(), "\nb\n".to_owned()]]
    {
        let mut taken = Vec::new();
        let mut progress = Progress::default();
        let mut split = Lines::new(10);
        for chunk in &chunks {
            split.take(chunk.as_bytes(), &mut |_, line: &[u8]| taken.push(line.to_vec()), &mut progress);
            assert!(split.open.len() <= 10);
        }
        assert_eq!(taken, [b"a", b"b"]);
        assert_eq!(progress, Progress { lines: 2, too_long: 1 });
    }
}

#[test]
fn a_line_of_many_megabytes_is_delivered_whole_and_its_memory_returned() {
    let (_folder, path) = file();
    let huge = "x".repeat(20 << 20);
    append(&path, &format!("{huge}\nnext\n"));
    let mut cursor = Cursor::open(&path).unwrap();
    let mut lengths = Vec::new();
    cursor.read(|start, line| lengths.push((start, line.len()))).unwrap();
    assert_eq!(lengths, [(0, 20 << 20), ((20 << 20) + 1, 4)]);
    assert!(cursor.lines.open.capacity() <= 4 * CHUNK);
}

proptest! {
    #[test]
    fn any_chunking_of_the_same_bytes_gives_the_same_lines(
        bytes in prop::collection::vec(prop_oneof![3 => Just(b'\n'), 10 => any::<u8>()], 0..400),
        cuts in prop::collection::vec(0_usize..400, 0..20),
    ) {
        let split = |cuts: &[usize]| {
            let mut taken = Vec::new();
            let mut progress = Progress::default();
            let mut split = Lines::new(30);
            let mut start = 0;
            for cut in cuts.iter().copied().filter(|cut| *cut < bytes.len()).chain([bytes.len()]) {
                split.take(&bytes[start..cut], &mut |at, line: &[u8]| taken.push((at, line.to_vec())), &mut progress);
                start = cut;
            }
            split.flush(&mut |at, line: &[u8]| taken.push((at, line.to_vec())), &mut progress);
            (taken, progress)
        };
        let mut cuts = cuts;
        cuts.sort_unstable();
        let whole = split(&[]);
        prop_assert_eq!(&split(&cuts), &whole);
        for (at, line) in whole.0 {
            let at = usize::try_from(at).unwrap();
            prop_assert_eq!(&bytes[at..at + line.len()], &line[..]);
            prop_assert!(at == 0 || bytes[at - 1] == b'\n');
            prop_assert!(bytes.get(at + line.len()).is_none_or(|next| *next == b'\n'));
        }
    }
}

#[test]
fn a_small_file_that_comes_to_gigabytes_is_read_no_further_than_a_session_might() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollout-x.jsonl.zst");
    let line = format!("{}\n", "a".repeat((1 << 20) - 1));
    let mut packed = zstd::Encoder::new(File::create(&path).unwrap(), 1).unwrap();
    (0..256).for_each(|_| packed.write_all(line.as_bytes()).unwrap());
    packed.finish().unwrap();
    let most = most_decompressed(fs::metadata(&path).unwrap().len());
    assert!(most < 128 << 20, "{most}");
    let mut read = 0;
    let error = Cursor::open(&path).unwrap().read(|_, line| read += as_u64(line.len())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(read <= most);
}
