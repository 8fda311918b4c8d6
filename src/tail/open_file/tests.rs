//! A file that is held, and what is done to its name.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;

use super::*;

fn file() -> (tempfile::TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().canonicalize().unwrap().join("sessions");
    fs::create_dir(&folder).unwrap();
    let path = folder.join("rollout-x.jsonl");
    fs::write(&path, "one\n").unwrap();
    (temp, path)
}

fn lines(held: &mut Held) -> Vec<String> {
    let mut taken = Vec::new();
    held.read(|_, line| taken.push(String::from_utf8(line.to_vec()).unwrap())).unwrap();
    taken
}

#[test]
fn what_becomes_of_a_name_is_told_and_the_file_is_read_all_the_same() {
    type Deed = fn(&Path, &Path);
    let table: &[(&str, Deed, Whereabouts)] = &[
        ("nothing", |_, _| {}, Whereabouts::Known),
        ("moved", |path, folder| fs::rename(path, folder.join("moved")).unwrap(), Whereabouts::Known),
        ("its folder moved", |_, folder| fs::rename(folder, folder.with_file_name("old")).unwrap(), Whereabouts::Known),
        (
            "a link to it in its place",
            |path, folder| {
                fs::rename(path, folder.join("moved")).unwrap();
                symlink(folder.join("moved"), path).unwrap();
            },
            Whereabouts::Known,
        ),
        ("removed", |path, _| fs::remove_file(path).unwrap(), Whereabouts::Lost),
        ("its folder removed", |_, folder| fs::remove_dir_all(folder).unwrap(), Whereabouts::Lost),
        (
            "its folder is a file now",
            |_, folder| {
                fs::remove_dir_all(folder).unwrap();
                File::create(folder).unwrap();
            },
            Whereabouts::Lost,
        ),
        (
            "its folder is a circle of links, and is nowhere else",
            |_, folder| {
                fs::remove_dir_all(folder).unwrap();
                symlink("sessions", folder).unwrap();
            },
            Whereabouts::Lost,
        ),
        (
            "copied, and the copy moved over it",
            |path, folder| {
                fs::copy(path, folder.join("copy")).unwrap();
                fs::rename(folder.join("copy"), path).unwrap();
            },
            Whereabouts::Replaced,
        ),
        (
            "moved, and a copy in its place",
            |path, folder| {
                fs::rename(path, folder.join("moved")).unwrap();
                fs::copy(folder.join("moved"), path).unwrap();
            },
            Whereabouts::Replaced,
        ),
        (
            "removed and made anew",
            |path, _| {
                fs::remove_file(path).unwrap();
                File::create(path).unwrap();
            },
            Whereabouts::Replaced,
        ),
        (
            "a link to another file in its place",
            |path, folder| {
                fs::copy(path, folder.join("copy")).unwrap();
                fs::remove_file(path).unwrap();
                symlink(folder.join("copy"), path).unwrap();
            },
            Whereabouts::Replaced,
        ),
    ];
    for (what, deed, expected) in table {
        let (_temp, path) = file();
        let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
        let mut held = Held::open(&path).unwrap();
        assert_eq!(lines(&mut held), ["one"], "{what}");
        deed(&path, path.parent().unwrap());
        assert_eq!(held.whereabouts(), *expected, "{what}");
        writer.write_all(b"two\n").unwrap();
        assert_eq!(lines(&mut held), ["two"], "{what}");
        assert_eq!(held.whereabouts(), *expected, "{what}: a second look");
        assert!(!held.rewind_if_rewritten().unwrap(), "{what}");
    }
}

#[test]
fn a_file_is_opened_through_its_writers_descriptor_whatever_has_its_name() {
    let (_temp, path) = file();
    let writer = OpenOptions::new().append(true).open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "another\n").unwrap();
    let link = format!("/proc/{}/fd/{}", std::process::id(), writer.as_raw_fd());
    let id = file_at(Path::new(&link)).unwrap();
    let mut held = Held::open_through(Path::new(&link), id, path.clone()).unwrap();
    assert_eq!(lines(&mut held), ["one"]);
    assert_ne!(file_at(&path), Some(held.id()));
    assert_eq!(file_at(&held.own_link()), Some(held.id()));
    assert_eq!(held.whereabouts(), Whereabouts::Replaced);
}

#[test]
fn a_descriptor_that_is_something_else_by_now_is_not_found() {
    let (temp, path) = file();
    let id = file_at(&path).unwrap();
    let other = temp.path().join("other");
    fs::write(&other, "another\n").unwrap();
    let (pipe, _writer) = std::io::pipe().unwrap();
    let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
    let another = File::open(&other).unwrap();
    for descriptor in [pipe.as_raw_fd(), socket.as_raw_fd(), another.as_raw_fd(), 1 << 20] {
        let link = format!("/proc/self/fd/{descriptor}");
        let error = Held::open_through(Path::new(&link), id, path.clone()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{link}: {error}");
    }
}

#[test]
fn one_whose_name_is_given_to_another_after_it_was_moved_is_replaced() {
    let (_temp, path) = file();
    let mut held = Held::open(&path).unwrap();
    fs::rename(&path, path.with_extension("old")).unwrap();
    assert_eq!(held.whereabouts(), Whereabouts::Known);
    assert_eq!(held.path(), path.with_extension("old"));
    fs::copy(path.with_extension("old"), &path).unwrap();
    assert_eq!(held.whereabouts(), Whereabouts::Replaced);
}
