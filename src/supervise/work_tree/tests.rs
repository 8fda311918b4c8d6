//! Looks at real repositories.

use std::fs;

use super::*;
use crate::model::Timestamp;
use crate::supervise::handoff;

fn git(folder: &Path, arguments: &[&str]) {
    let all: Vec<&str> = ["-C", folder.to_str().unwrap(), "-c", "user.name=t", "-c", "user.email=t@example.org"]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    process::ask(Path::new("git"), &all).unwrap();
}

fn repository() -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    git(temp.path(), &["init", "--quiet"]);
    fs::write(temp.path().join("a.txt"), "one\n").unwrap();
    git(temp.path(), &["add", "."]);
    git(temp.path(), &["commit", "--quiet", "--message=first"]);
    temp
}

fn files(look: &WorkTreeState) -> Vec<&str> {
    look.dirty.keys().map(String::as_str).collect()
}

#[test]
fn what_is_not_as_committed_is_seen_and_changes_its_mark_when_it_changes() {
    let temp = repository();
    let folder = temp.path().join("new/folder");
    let first = look(temp.path(), &Since::default()).unwrap();
    assert_eq!((files(&first), first.commits), (vec![], 0));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("ä b.txt"), "1").unwrap();
    fs::write(temp.path().join("a.txt"), "two\n").unwrap();
    let second = look(&folder, &Since::default()).unwrap();
    assert_eq!(files(&second), ["a.txt", "new/folder/ä b.txt"]);
    fs::write(temp.path().join("a.txt"), "three\n").unwrap();
    let third = look(temp.path(), &Since::default()).unwrap();
    assert_ne!(third.dirty["a.txt"], second.dirty["a.txt"]);
    assert_eq!(third.dirty["new/folder/ä b.txt"], second.dirty["new/folder/ä b.txt"]);
}

#[test]
fn the_first_look_leaves_out_what_the_agent_was_quick_to_change() {
    let temp = repository();
    fs::write(temp.path().join("a.txt"), "before\n").unwrap();
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000);
    fs::File::options().write(true).open(temp.path().join("a.txt")).unwrap().set_modified(long_ago).unwrap();
    let began = long_ago + COARSE;
    fs::write(temp.path().join("new.txt"), "1").unwrap();
    let mut first = look(temp.path(), &Since::default()).unwrap();
    assert!(leave_out(&mut first, began));
    assert_eq!(files(&first), ["a.txt"]);
    assert!(!leave_out(&mut first, began), "nothing else");
}

#[test]
fn commits_since_the_start_are_counted_with_their_files() {
    let temp = repository();
    let start = look(temp.path(), &Since::default()).unwrap().head;
    for (file, message) in [("b.txt", "second"), ("c.txt", "third")] {
        fs::write(temp.path().join(file), "x").unwrap();
        git(temp.path(), &["add", "."]);
        git(temp.path(), &["commit", "--quiet", "--message", message]);
    }
    let found = look(temp.path(), &Since { first: start.clone(), last: start }).unwrap();
    assert_eq!((found.commits, found.committed), (2, vec!["b.txt".to_owned(), "c.txt".to_owned()]));
}

#[test]
fn nothing_that_the_repository_configures_is_run() {
    let temp = repository();
    let trap = temp.path().join(".git/trap");
    let touch = format!("touch {}; cat", trap.display());
    for (name, value) in
        [("core.fsmonitor", touch.as_str()), ("filter.x=y.clean", &touch), ("filter.z.process", &touch)]
    {
        git(temp.path(), &["config", name, value]);
    }
    fs::write(temp.path().join(".git/info/attributes"), "* filter=x=y\n").unwrap();
    fs::write(temp.path().join(".gitattributes"), "*.txt filter=z\n").unwrap();
    fs::write(temp.path().join("a.txt"), "tw0\n").unwrap();
    look(temp.path(), &Since::default()).unwrap();
    let changed = handoff::changed_since(temp.path(), Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(changed, [".gitattributes", "a.txt"]);
    assert!(!trap.exists());
    // Without that, they are run.
    let _status = process::ask(Path::new("git"), &["-C", temp.path().to_str().unwrap(), "status"]);
    assert!(trap.exists());
}

#[test]
fn a_folder_without_a_repository_has_no_work_tree() {
    let temp = tempfile::tempdir().unwrap();
    assert!(look(temp.path(), &Since::default()).is_err());
}

#[test]
fn what_changed_since_a_commit_is_counted_by_file_and_line_whatever_of_it_is_committed() {
    let temp = repository();
    let first = look(temp.path(), &Since::default()).unwrap().head.unwrap();
    assert_eq!(changed(temp.path(), Some(&first)).unwrap(), Changed::default());
    fs::write(temp.path().join("a.txt"), "two\nthree\n").unwrap();
    git(temp.path(), &["commit", "--quiet", "--all", "--message=second"]);
    fs::create_dir(temp.path().join("new")).unwrap();
    fs::write(temp.path().join("new/ä b.txt"), "1\n2\nlast").unwrap();
    fs::write(temp.path().join("staged.txt"), "1\n").unwrap();
    git(temp.path(), &["add", "staged.txt"]);
    let found = changed(&temp.path().join("new"), Some(&first)).unwrap();
    assert_eq!(found, Changed { files: 3, added: 6, removed: 1 });
    assert_eq!(changed(temp.path(), None).unwrap(), Changed { files: 3, added: 6, removed: 0 });
    assert!(changed(Path::new("/"), None).is_err(), "no work tree");
}
