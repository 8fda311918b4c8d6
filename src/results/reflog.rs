//! The log of a work tree's `HEAD`: what was checked out and committed there, in its order.
//!
//! Git writes it itself, for every branch that is checked out in this work tree, and in no other one's.

use std::collections::HashSet;

use crate::model::CommitId;

/// One line of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// From where; `None`: there was nothing before.
    pub old: Option<CommitId>,
    /// To where.
    pub new: Option<CommitId>,
    /// When, in seconds since 1970.
    pub at: i64,
    /// By what, such as `commit (amend): …`.
    pub by: String,
}

/// What was made, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Commits, without those that were amended or melted into others meanwhile.
    pub commits: Vec<CommitId>,
    /// Histories were rewritten: some of these may stand for others of them.
    pub rebased: bool,
}

/// The lines of a log, those that can be read.
pub fn moves(log: &[u8]) -> Vec<Move> {
    log.split(|byte| *byte == b'\n').filter_map(|line| one(&String::from_utf8_lossy(line))).collect()
}

/// `OLD NEW Name <mail> SECONDS ZONE\tBY`.
fn one(line: &str) -> Option<Move> {
    let (head, by) = line.split_once('\t').unwrap_or((line, ""));
    let mut words = head.split(' ');
    let (old, new) = (words.next()?, words.next()?);
    let mut last = head.rsplit(' ');
    let (_zone, at) = (last.next()?, last.next()?);
    let is_hash = |text: &str| matches!(text.len(), 40 | 64);
    (is_hash(old) && is_hash(new)).then_some(())?;
    Some(Move { old: CommitId::parse(old), new: CommitId::parse(new), at: at.parse().ok()?, by: by.to_owned() })
}

/// What a line says of the commit that is checked out after it.
enum Makes {
    /// It was there before.
    Nothing,
    /// It is a new one.
    One,
    /// It stands in the place of the one before.
    InPlace,
}

/// What was committed. What was fetched, merged without a commit, checked out or reset was there before.
pub fn made(moves: &[Move]) -> Made {
    let mut made = Made::default();
    let mut known = HashSet::new();
    for step in moves {
        made.rebased |= step.by.starts_with("rebase") || step.by.contains(" --rebase");
        let makes = makes(&step.by);
        let Some(new) = step.new.clone().filter(|_| !matches!(makes, Makes::Nothing)) else { continue };
        if let (Makes::InPlace, Some(old)) = (&makes, &step.old) {
            made.commits.retain(|commit| commit != old);
        }
        if known.insert(new.clone()) {
            made.commits.push(new);
        }
    }
    made
}

fn makes(by: &str) -> Makes {
    let (action, what) = by.split_once(": ").unwrap_or((by, ""));
    let is = |step: &str| action.ends_with(step);
    match action.split(' ').next().unwrap_or_default() {
        "commit" if is("(amend)") => Makes::InPlace,
        "commit" | "cherry-pick" | "revert" | "am" => Makes::One,
        _ if is("(squash)") || is("(fixup)") => Makes::InPlace,
        _ if is("(pick)") || is("(reword)") || is("(edit)") || is("(continue)") => Makes::One,
        "merge" | "pull" if what.starts_with("Merge made by") => Makes::One,
        _ => Makes::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> String {
        format!("{n:02x}").repeat(20)
    }

    fn log(steps: &[(u8, u8, &str)]) -> String {
        let line = |(old, new, by): &(u8, u8, &str)| {
            format!("{} {} Ann B <a@b.example> 1764547200 +0100\t{by}\n", id(*old), id(*new))
        };
        steps.iter().map(line).collect()
    }

    fn made_of(steps: &[(u8, u8, &str)]) -> Vec<u8> {
        let made = made(&moves(log(steps).as_bytes()));
        made.commits.iter().map(|commit| u8::from_str_radix(&commit.as_str()[..2], 16).unwrap()).collect()
    }

    #[test]
    fn what_was_committed_is_told_from_what_was_there() {
        assert_eq!(
            made_of(&[
                (0, 1, "commit (initial): first"),
                (1, 2, "commit: second"),
                (2, 1, "checkout: moving from main to other"),
                (1, 3, "commit: on another branch"),
                (3, 9, "merge origin/main: Fast-forward"),
                (9, 4, "merge topic: Merge made by the 'ort' strategy."),
                (4, 8, "pull: Fast-forward"),
                (8, 5, "cherry-pick: picked"),
                (5, 6, "revert: Revert \"picked\""),
                (6, 1, "reset: moving to HEAD~3"),
                (1, 7, "commit (merge): Merge branch 'x'"),
            ]),
            [1, 2, 3, 4, 5, 6, 7]
        );
    }

    #[test]
    fn what_was_amended_or_melted_into_another_counts_once() {
        assert_eq!(made_of(&[(1, 2, "commit: a"), (2, 3, "commit (amend): a"), (3, 4, "commit (amend): a")]), [4]);
        // The commit that was amended is somebody else's, who made it before.
        assert_eq!(made_of(&[(1, 3, "commit (amend): a")]), [3]);
        let steps = [
            (1, 2, "commit: a"),
            (2, 1, "rebase (start): checkout main"),
            (1, 5, "rebase (pick): a"),
            (5, 6, "rebase (squash): a"),
            (6, 6, "rebase (finish): returning to refs/heads/x"),
        ];
        assert_eq!(made_of(&steps), [2, 6]);
        assert!(made(&moves(log(&steps).as_bytes())).rebased);
    }

    #[test]
    fn lines_that_are_none_are_passed_over() {
        assert_eq!(moves(b"torn\n\n\xff\xfe x y\n"), []);
        let no_words = format!("{} {} A <a> 17 +0000", id(0), id(1));
        assert_eq!(moves(no_words.as_bytes())[0].at, 17);
    }
}
