//! What two patches have in common, line by line: whether one lives on in the other, or was taken back by it.

use std::collections::HashMap;

use super::patch::{FileChange, LineMark, Patch};

/// How much of what one patch adds another one adds, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Overlap {
    /// Nothing that says anything.
    Nothing,
    /// Some lines with words in them, in files of the same name.
    Some,
    /// All of it.
    All,
}

/// How many lines of each kind there are.
fn counted<'m>(marks: impl IntoIterator<Item = &'m LineMark>) -> HashMap<LineMark, u64> {
    let mut counted = HashMap::new();
    for mark in marks {
        *counted.entry(*mark).or_default() += 1;
    }
    counted
}

fn all_in(few: &[LineMark], many: &HashMap<LineMark, u64>) -> bool {
    counted(few).iter().all(|(mark, count)| many.get(mark).is_some_and(|there| there >= count))
}

/// How much of what `own` adds `other` adds, too.
pub fn overlap(own: &Patch, other: &Patch) -> Overlap {
    let theirs: HashMap<&str, HashMap<LineMark, u64>> =
        other.grown().map(|(name, added)| (name, counted(added))).collect();
    let (mut all, mut some) = (true, false);
    for (name, added) in own.grown() {
        let Some(there) = theirs.get(name) else {
            all = false;
            continue;
        };
        all &= all_in(added, there);
        some |= added.iter().any(|mark| mark.is_telling() && there.contains_key(mark));
    }
    match (some, all) {
        (true, true) => Overlap::All,
        (true, false) => Overlap::Some,
        (false, _) => Overlap::Nothing,
    }
}

/// All that `own` adds is removed by `other`, and all that it removes comes again. It may do more: several commits can be taken
/// back in one.
pub fn takes_back(own: &Patch, other: &Patch) -> bool {
    let undone = |file: &FileChange| {
        let name = file.new.as_ref().or(file.old.as_ref());
        let same = |there: &&FileChange| there.old.as_ref().or(there.new.as_ref()) == name;
        other.files.iter().find(same).is_some_and(|there| {
            all_in(&file.added, &counted(&there.removed)) && all_in(&file.removed, &counted(&there.added))
        })
    };
    !own.files.is_empty() && own.files.iter().all(undone)
}

/// All that a patch adds was there before, as far as these know what was removed of each file: it restores and makes nothing new.
pub fn only_restores(patch: &Patch, removed: &HashMap<String, HashMap<LineMark, u64>>) -> bool {
    let restored = |file: &FileChange| {
        let known = file.new.as_ref().and_then(|name| removed.get(name));
        file.added.is_empty() || known.is_some_and(|known| file.added.iter().all(|mark| known.contains_key(mark)))
    };
    patch.files.iter().all(restored)
}

/// What was removed of each file by these patches.
pub fn removed_by<'p>(patches: impl Iterator<Item = &'p Patch>) -> HashMap<String, HashMap<LineMark, u64>> {
    let mut removed: HashMap<String, HashMap<LineMark, u64>> = HashMap::new();
    for file in patches.flat_map(|patch| &patch.files) {
        let Some(name) = &file.old else { continue };
        let of_file = removed.entry(name.clone()).or_default();
        file.removed.iter().for_each(|mark| *of_file.entry(*mark).or_default() += 1);
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(name: &str, removed: &[&str], added: &[&str]) -> Patch {
        let lines = |sign: char, lines: &[&str]| lines.iter().map(|line| format!("{sign}{line}\n")).collect::<String>();
        let text = format!(
            "diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -1,{} +1,{} @@\n{}{}",
            removed.len(),
            added.len(),
            lines('-', removed),
            lines('+', added)
        );
        Patch::parse(text.as_bytes())
    }

    #[test]
    fn a_patch_lives_on_in_one_that_adds_all_of_it_and_some_of_it_may() {
        let own = patch("a.rs", &[], &["one", "}"]);
        assert_eq!(overlap(&own, &patch("a.rs", &[], &["zero", "}", "one"])), Overlap::All);
        assert_eq!(overlap(&own, &patch("a.rs", &[], &["one", "two"])), Overlap::Some);
        assert_eq!(overlap(&own, &patch("a.rs", &[], &["}", "two"])), Overlap::Nothing, "a brace says nothing");
        assert_eq!(overlap(&own, &patch("b.rs", &[], &["one", "}"])), Overlap::Nothing);
        assert_eq!(overlap(&patch("a.rs", &["x"], &[]), &own), Overlap::Nothing);
    }

    #[test]
    fn what_removes_all_of_it_and_makes_nothing_new_takes_it_back() {
        let own = patch("a.rs", &["old"], &["new", "newer"]);
        assert!(takes_back(&own, &patch("a.rs", &["other", "newer", "new"], &["old"])));
        assert!(!takes_back(&own, &patch("a.rs", &["new"], &["old"])), "a part of it stands");
        assert!(!takes_back(&own, &patch("a.rs", &["new", "newer"], &[])), "what it removed is still gone");
        let removed = removed_by([&own].into_iter());
        assert!(only_restores(&patch("a.rs", &["new", "newer"], &["old"]), &removed));
        assert!(!only_restores(&patch("a.rs", &["new", "newer"], &["old", "newest"]), &removed));
    }
}
