//! Patches, branches and landings, from what git writes.

use std::collections::HashMap;

use super::landed::{Series, Sought, by_history, by_patch, take_back_by_patch};
use super::patch::{LineMark, changes};
use super::*;
use crate::model::{CommitId, LineKind, Lines};

fn id(n: u8) -> CommitId {
    CommitId::parse(&format!("{n:02x}").repeat(20)).unwrap()
}

/// A commit's head as git writes it.
fn head(n: u8, parents: &[u8], at: i64, body: &str) -> String {
    let parents: Vec<String> = parents.iter().map(|parent| id(*parent).to_string()).collect();
    format!("\u{1}{}\0{}\0{at}\0{at}\0{body}\0\n", id(n), parents.join(" "))
}

/// A file in which one line stands in the place of another.
fn edit(file: &str, from: &str, to: &str) -> String {
    format!(
        "\ndiff --git a/{file} b/{file}\nindex 1..2 100644\n--- a/{file}\n+++ b/{file}\n@@ -3 +3 @@ fn x\n-{from}\n+{to}\n"
    )
}

fn trunk(tip: u8, log: &str) -> Trunk {
    Trunk::new(&id(tip), &changes(log.as_bytes()))
}

fn sought(commits: &[(u8, &str)]) -> Vec<Sought> {
    let one = |(n, patch): &(u8, &str)| Sought { id: id(*n), patch: Patch::parse(patch.as_bytes()).fingerprint() };
    commits.iter().map(one).collect()
}

#[test]
fn heads_and_patches_are_read_whatever_their_lines_say() {
    let log = format!(
        "{}{}{}",
        head(1, &[2], 100, "a subject\n\nand --- a/more\n"),
        concat!(
            "\ndiff --git a/src/a.rs b/src/a.rs\n--- a/src/a.rs\n+++ b/src/a.rs\n",
            "@@ -1,2 +1,3 @@\n--- a/src/z.rs\n-@@ -1 +1 @@\n+++ b/src/z.rs\n+two\n+\u{1}three\n",
            "@@ -9,0 +11 @@\n+last\n\\ No newline at end of file\n",
            "diff --git a/old b/new name\nsimilarity index 100%\nrename from old\nrename to new name\n",
            "diff --git a/b.png b/b.png\nBinary files a/b.png and b/b.png differ\n",
            "diff --git \"a/\\303\\244\\t.md\" \"b/\\303\\244\\t.md\"\n--- /dev/null\n+++ \"b/\\303\\244\\t.md\"\n@@ -0,0 +1 @@\n+x\n",
        ),
        head(2, &[], 99, "the first"),
    );
    let found = changes(log.as_bytes());
    assert_eq!(
        found.iter().map(|change| (change.id.clone(), change.at)).collect::<Vec<_>>(),
        [(id(1), 100), (id(2), 99)]
    );
    assert_eq!(found[0].parents, [id(2)]);
    let patch = &found[0].patch;
    let names: Vec<_> = patch.files.iter().map(|file| (file.old.as_deref(), file.new.as_deref())).collect();
    assert_eq!(names, [(Some("src/a.rs"), Some("src/a.rs")), (Some("old"), Some("new name")), (None, Some("ä\t.md"))]);
    assert_eq!((patch.files[0].added.len(), patch.files[0].removed.len()), (4, 2));
    assert_eq!(patch.files[0].added[1], LineMark::of(b"two"));
    assert_eq!(patch.lines()[&LineKind::Code], Lines { added: 4, removed: 2 });
    assert_eq!(patch.lines()[&LineKind::Documentation], Lines { added: 1, removed: 0 });
}

#[test]
fn the_same_change_elsewhere_has_the_same_fingerprint_and_its_opposite_goes_back() {
    let patch = |text: &str| Patch::parse(text.as_bytes());
    let one = patch(&edit("a.rs", "x = 1", "x = 2"));
    let moved = patch(&edit("a.rs", "x = 1", "  x = 2").replace("-3 +3", "-40 +41"));
    let back = patch(&edit("a.rs", "x = 2", "x = 1"));
    assert_eq!(one.fingerprint(), moved.fingerprint());
    assert_eq!(one.backward(), back.fingerprint());
    assert_ne!(one.fingerprint(), back.fingerprint());
    assert_ne!(one.fingerprint(), patch(&edit("b.rs", "x = 1", "x = 2")).fingerprint());
    assert_eq!(patch("").fingerprint(), None);
}

#[test]
fn a_commit_lands_itself_or_by_the_first_merge_that_brings_it() {
    // 5 merges 4 (4 on 3), 7 merges 6 which goes on from 4.
    let log = [
        head(7, &[5, 6], 700, ""),
        head(6, &[4], 600, ""),
        head(5, &[2, 4], 500, ""),
        head(4, &[3], 400, ""),
        head(3, &[1], 300, ""),
        head(2, &[1], 200, ""),
        head(1, &[], 100, ""),
    ]
    .concat();
    let trunk = trunk(7, &log);
    let commits = [2, 3, 4, 6, 9].map(|n| (n, ""));
    let landed = by_history(&sought(&commits), &trunk);
    let unit = |n: u8| landed.get(&id(n)).map(|landing| (landing.way, landing.unit.clone()));
    assert_eq!(unit(2), Some((LandedBy::Direct, id(2))));
    assert_eq!(unit(3), Some((LandedBy::Merged, id(5))));
    assert_eq!(unit(4), Some((LandedBy::Merged, id(5))));
    assert_eq!(unit(6), Some((LandedBy::Merged, id(7))));
    assert_eq!(unit(9), None);
    let later = |from: u8, to: u8| trunk.plain_since(&id(from), &id(to)).map(<[_]>::len);
    assert_eq!([later(1, 2), later(2, 2), later(2, 5), later(3, 5), later(5, 2)], [Some(1), Some(0), None, None, None]);
    assert_eq!(trunk.at(699), Some(&id(5)));
    assert_eq!(trunk.at(200), Some(&id(2)));
    assert_eq!(trunk.at(99), None);
}

#[test]
fn rebased_commits_that_follow_one_another_are_one_change_and_a_squash_is_one() {
    let (a, b) = (edit("a.rs", "1", "2"), edit("b.rs", "1", "2"));
    let (c, d) = (edit("c.rs", "1", "2"), edit("d.rs", "1", "2"));
    let log = [
        head(25, &[24], 250, "") + &c + &d,
        head(24, &[23], 240, ""),
        head(23, &[22], 230, "") + &b,
        head(22, &[21], 220, "") + &a,
        head(21, &[], 210, ""),
    ]
    .concat();
    let trunk = trunk(25, &log);
    let commits = sought(&[(1, &a), (2, &b), (3, &c), (4, &d), (5, &edit("e.rs", "1", "2"))]);
    let together = Patch::parse((c + &d).as_bytes()).fingerprint().unwrap();
    let series = [Series { commits: vec![id(3), id(4)], patch: together }];
    let mut landed = HashMap::new();
    by_patch(&commits, &series, &changes(log.as_bytes()), &trunk, &mut landed);
    let landing = |n: u8| landed.get(&id(n)).map(|one: &Landing| (one.way, one.as_commit.clone(), one.unit.clone()));
    assert_eq!(landing(1), Some((LandedBy::Rebased, id(22), id(22))));
    assert_eq!(landing(2), Some((LandedBy::Rebased, id(23), id(22))));
    assert_eq!(landing(3), Some((LandedBy::Squashed, id(25), id(25))));
    assert_eq!(landing(4), Some((LandedBy::Squashed, id(25), id(25))));
    assert_eq!(landing(5), None);
}

#[test]
fn what_was_taken_back_is_known_by_its_name_or_by_its_opposite_and_may_come_again() {
    let revert = |n: u8| format!("Revert \"x\"\n\nThis reverts commit {}.\n", id(n));
    let log = [
        head(6, &[5], 600, "back again") + &edit("b.rs", "2", "1"),
        head(5, &[4], 500, &revert(4)),
        head(4, &[3], 400, &revert(1)),
        head(3, &[2], 300, &revert(9)),
        head(2, &[1], 200, "") + &edit("b.rs", "1", "2"),
        head(1, &[], 100, ""),
    ]
    .concat();
    let mut trunk = trunk(6, &log);
    assert!(!trunk.is_reverted(&id(1)), "what took it back was taken back");
    assert!(trunk.is_reverted(&id(9)) && trunk.is_reverted(&id(4)));
    assert!(!trunk.is_reverted(&id(2)));
    take_back_by_patch(&changes(log.as_bytes()), &mut trunk);
    assert!(trunk.is_reverted(&id(2)));
    assert!(!trunk.is_reverted(&id(6)), "what came before takes nothing back");
}

#[test]
fn lines_are_counted_by_the_commit_that_they_come_from() {
    let told = format!(
        "{} 1 1 2\nauthor A\nsummary {}\nfilename a.rs\n\tone\n{} 2 2\n\ttwo\n{} 7 3 1\nauthor B\nboundary\nfilename b.rs\n\tone\n",
        id(1),
        id(3),
        id(1),
        id(2)
    );
    let lines = blame::lines(told.as_bytes());
    assert_eq!(lines.len(), 3);
    assert_eq!((blame::count(&lines, &id(1)), blame::count(&lines, &id(2))), (2, 1));
    let added = [LineMark::of(b"two"), LineMark::of(b"two"), LineMark::of(b"three")];
    assert_eq!(blame::count_among(&lines, &[id(1)], &[], &added), 1);
    assert_eq!(blame::count_among(&lines, &[id(1)], &[vec![LineMark::of(b"two")]], &added), 0, "another one had it");
    let again = [LineMark::of(b"one"), LineMark::of(b"one")];
    assert_eq!(blame::count_among(&lines, &[id(1), id(2)], &[], &again), 2);
}

#[test]
fn a_file_is_followed_over_its_renames() {
    let told = b"R100\0a.rs\0b.rs\0\nR090\0x.rs\0y.rs\0R100\0b.rs\0src/c.rs\0";
    assert_eq!(blame::renamed(told, "a.rs"), "src/c.rs");
    assert_eq!(blame::renamed(told, "y.rs"), "y.rs");
    assert_eq!(blame::renamed(b"", "y.rs"), "y.rs");
}
