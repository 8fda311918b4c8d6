//! Real inotify over folders that appear, fill and go.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use notify::ErrorKind;

use super::*;

const DAY: &str = "sessions/2026/11/22";
const FILE: &str = "rollout-2026-11-22T05-37-28-aaaa.jsonl";

struct Watched {
    _folder: tempfile::TempDir,
    home: PathBuf,
    watcher: Watcher,
    notices: Receiver<Notice>,
}

/// A home, watched after `prepare` has put something there.
fn watched(prepare: impl FnOnce(&Path)) -> Watched {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("some/where/home");
    prepare(&home);
    let (send, notices) = mpsc::channel();
    let mut watcher = Watcher::new(move |notice| {
        let _ = send.send(notice);
    })
    .unwrap();
    watcher.add_home(&home).unwrap();
    Watched { _folder: folder, home, watcher, notices }
}

impl Watched {
    fn next(&self) -> Notice {
        match self.notices.recv_timeout(Duration::from_secs(20)) {
            Ok(notice) => notice,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => panic!("no notice came"),
        }
    }

    /// Waits for a file's first notice; says which others came before.
    fn touched(&self, path: &Path) -> Vec<Notice> {
        let wanted = Notice::Touched(path.to_owned());
        std::iter::from_fn(|| Some(self.next()).filter(|notice| *notice != wanted)).collect()
    }
}

fn write(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(b"x\n").unwrap();
}

#[test]
fn a_session_file_is_noticed_when_it_is_made_and_when_it_grows() {
    let watched = watched(|home| fs::create_dir_all(home.join(DAY)).unwrap());
    let file = watched.home.join(DAY).join(FILE);
    write(&file);
    assert_eq!(watched.touched(&file), []);
    // Notices come in order: after the other file's, none of this one's are left.
    let other = watched.home.join(DAY).join("rollout-2026-11-22T05-37-28-bbbb.jsonl");
    write(&other);
    watched.touched(&other);
    write(&file);
    watched.touched(&file);
}

#[test]
fn an_old_file_is_noticed_when_its_session_goes_on_and_not_before() {
    let old = "sessions/2025/01/31";
    let watched = watched(|home| {
        write(&home.join(old).join(FILE));
        write(&home.join(DAY).join(FILE));
    });
    let file = watched.home.join(old).join(FILE);
    write(&file);
    assert_eq!(watched.touched(&file), []);
}

#[test]
fn the_oldest_of_very_many_days_is_watched_as_well() {
    let old = "sessions/2015/01/31";
    let watched = watched(|home| {
        fs::create_dir_all(home.join(old)).unwrap();
        (0..DAYS_AT_ONCE * 2).for_each(|n| fs::create_dir_all(home.join(format!("sessions/2026/{n}/01"))).unwrap());
    });
    // Taken in order: once this is through, so are the days that were left.
    let new = watched.home.join("sessions/2027/01/01").join(FILE);
    write(&new);
    watched.touched(&new);
    let file = watched.home.join(old).join(FILE);
    write(&file);
    watched.touched(&file);
}

#[test]
fn only_session_files_are_noticed() {
    let watched = watched(|home| fs::create_dir_all(home.join(DAY)).unwrap());
    write(&watched.home.join(DAY).join("notes.jsonl"));
    write(&watched.home.join("history.jsonl"));
    let file = watched.home.join(DAY).join(FILE);
    write(&file);
    assert_eq!(watched.touched(&file), []);
}

#[test]
fn a_home_and_sessions_that_come_later_are_noticed() {
    for there in
        ["some", "some/where", "some/where/home", "some/where/home/sessions", "some/where/home/sessions/2026/10"]
    {
        let watched = watched(|home| fs::create_dir_all(home.ancestors().nth(3).unwrap().join(there)).unwrap());
        let file = watched.home.join(DAY).join(FILE);
        write(&file);
        assert_eq!(watched.touched(&file), [], "{there}");
        let tomorrow = watched.home.join("sessions/2026/12/01").join(FILE);
        write(&tomorrow);
        watched.touched(&tomorrow);
    }
}

#[test]
fn folders_made_one_after_the_other_lose_no_file() {
    let watched = watched(|_| {});
    let files: Vec<_> =
        (1..=60).map(|n| watched.home.join(format!("sessions/{}/{:02}/{n:02}/{FILE}", 2020 + n % 5, n % 7))).collect();
    files.iter().for_each(|file| write(file));
    let mut missing: Vec<_> = files.iter().cloned().map(Notice::Touched).collect();
    while !missing.is_empty() {
        let notice = watched.next();
        missing.retain(|missing| *missing != notice);
    }
}

#[test]
fn sessions_that_are_removed_and_made_anew_are_noticed() {
    let watched = watched(|home| write(&home.join(DAY).join(FILE)));
    for n in 0..4 {
        fs::remove_dir_all(watched.home.join("sessions")).unwrap();
        let file = watched.home.join(DAY).join(format!("rollout-2026-11-22T05-37-2{n}-aaaa.jsonl"));
        write(&file);
        watched.touched(&file);
    }
}

#[test]
fn a_file_moved_into_a_watched_folder_is_noticed() {
    let watched = watched(|home| {
        write(&home.join(DAY).join(FILE));
        fs::create_dir_all(home.join("archived_sessions")).unwrap();
    });
    let archived = watched.home.join("archived_sessions").join(FILE);
    fs::rename(watched.home.join(DAY).join(FILE), &archived).unwrap();
    assert_eq!(watched.touched(&archived), []);
}

#[test]
fn sessions_may_be_a_link_to_another_disk() {
    let disk = tempfile::tempdir().unwrap();
    let watched = watched(|home| fs::create_dir_all(home).unwrap());
    std::os::unix::fs::symlink(disk.path(), watched.home.join("sessions")).unwrap();
    write(&disk.path().join("2026/11/22").join(FILE));
    watched.touched(&watched.home.join(DAY).join(FILE));
}

#[test]
fn a_single_folder_may_be_watched_as_well() {
    let other = tempfile::tempdir().unwrap();
    let mut watched = watched(|_| {});
    watched.watcher.add_folder(other.path()).unwrap();
    let file = other.path().join(FILE);
    write(&file);
    assert_eq!(watched.touched(&file), []);
    let error = watched.watcher.add_folder(&other.path().join("none")).unwrap_err();
    assert!(error.is_missing(), "{error}");
}

#[test]
fn what_was_missed_is_looked_up() {
    let watched = watched(|home| write(&home.join(DAY).join(FILE)));
    watched.watcher.changes.send(Change::Missed).unwrap();
    assert_eq!(watched.touched(&watched.home.join(DAY).join(FILE)), []);
}

#[test]
fn limits_of_the_system_are_named_with_a_hint() {
    let emfile = io::Error::from_raw_os_error(nix::errno::Errno::EMFILE as i32);
    let cases = [
        (notify::Error::new(ErrorKind::MaxFilesWatch), "max_user_watches"),
        (notify::Error::io(emfile), "max_user_instances"),
    ];
    for (error, limit) in cases {
        let error = WatchError::of(error, Path::new("/h/sessions"));
        assert!(error.hint().unwrap().contains(limit), "{error}");
        assert!(matches!(error.trouble(), Notice::Trouble(text) if text.contains(limit)));
    }
    let denied = WatchError::of(notify::Error::io(io::ErrorKind::PermissionDenied.into()), Path::new("/h/sessions"));
    assert_eq!(denied.trouble(), Notice::Trouble("cannot watch `/h/sessions`: permission denied".to_owned()));
}

#[test]
fn a_file_that_is_held_is_followed_whatever_has_become_of_its_name() {
    type Deed = fn(&Path, &mut fs::File);
    let remove: Deed = |path, _| fs::remove_file(path).unwrap();
    let rename: Deed = |path, _| fs::rename(path, path.with_extension("old")).unwrap();
    let write: Deed = |_, writer| writer.write_all(b"more\n").unwrap();
    let nothing: Deed = |_, _| {};
    for (what, before, deed) in [
        ("written", nothing, write),
        ("moved", nothing, rename),
        ("removed", nothing, remove),
        ("written after it was moved", rename, write),
        ("written after it was removed", remove, write),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, "").unwrap();
        let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
        let held = Held::open(&path).unwrap();
        before(&path, &mut writer);
        let (send, notices) = mpsc::channel();
        let watcher = Watcher::new(move |notice| {
            let _ = send.send(notice);
        })
        .unwrap();
        watcher.add_held(&held).unwrap();
        let watched = notices.try_recv();
        assert!(watched.is_err(), "{what}: nothing has happened yet");
        deed(&path, &mut writer);
        let notice = notices.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| panic!("{what}: no notice came"));
        let Notice::Touched(touched) = notice else { panic!("{what}: {notice:?}") };
        assert_eq!(crate::tail::open_file::file_at(&touched), Some(held.id()), "{what}");
    }
}
