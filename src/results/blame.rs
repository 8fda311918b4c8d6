//! Whose the lines of a file are, and which of them a commit still has.

use std::collections::HashMap;

use super::patch::LineMark;
use crate::model::CommitId;

/// A line of a file, by the commit that it comes from.
pub type Owned = (CommitId, LineMark);

/// What `git blame --porcelain` tells, line by line.
pub fn lines(told: &[u8]) -> Vec<Owned> {
    let mut owned = Vec::new();
    let mut owner: Option<CommitId> = None;
    for line in told.split(|byte| *byte == b'\n') {
        if let [b'\t', text @ ..] = line {
            owned.extend(owner.take().map(|owner| (owner, LineMark::of(text))));
            continue;
        }
        let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        if owner.is_none() {
            owner = std::str::from_utf8(word).ok().and_then(CommitId::parse);
        }
    }
    owned
}

/// How many lines this commit has of the file.
pub fn count(lines: &[Owned], commit: &CommitId) -> u64 {
    lines.iter().filter(|(owner, _)| owner == commit).count() as u64
}

/// How many of these lines stand among those that some commits have of the file, each once, after `before` have had theirs: of a
/// commit that took the lines of several others together, or whose lines came again in another one.
pub fn count_among(lines: &[Owned], commits: &[CommitId], before: &[Vec<LineMark>], added: &[LineMark]) -> u64 {
    let mut standing: HashMap<LineMark, u64> = HashMap::new();
    for (_, mark) in lines.iter().filter(|(owner, _)| commits.contains(owner)) {
        *standing.entry(*mark).or_default() += 1;
    }
    let mut take = |mark: &LineMark| match standing.get_mut(mark) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    };
    for mark in before.iter().flatten() {
        take(mark);
    }
    added.iter().filter(|mark| take(mark)).count() as u64
}

/// Where a file is called what after these renames, the oldest first: `R100 NUL old NUL new NUL …`.
pub fn renamed(told: &[u8], name: &str) -> String {
    let mut name = name.to_owned();
    let mut words = told.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).trim_start().to_owned());
    while let Some(word) = words.next() {
        if !word.starts_with('R') {
            continue;
        }
        let (Some(old), Some(new)) = (words.next(), words.next()) else { break };
        if old == name {
            name = new;
        }
    }
    name
}
