//! What of each commit is counted, where agents have done the same in several.

use std::collections::BTreeMap;

use super::landed::{LandedBy, Landing};
use super::run_result::Counts;
use crate::model::{CommitId, LineKind, Lines};

/// A commit of an agent that came to the default branch in the same commit as others.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    /// The commit.
    pub id: &'a CommitId,
    /// Its run.
    pub run: usize,
    /// Where it landed.
    pub landing: &'a Landing,
    /// Its lines.
    pub lines: &'a BTreeMap<LineKind, Lines>,
}

/// What of each of these is counted, so that no line counts twice. They are known by the same commit of the default branch, and
/// stand in the order in which they were made.
pub fn counts(claims: &[Claim<'_>]) -> Vec<Counts> {
    let whole = claims.iter().find(|claim| claim.id == &claim.landing.as_commit);
    let mut copied = false;
    let mut others: BTreeMap<LineKind, Lines> = BTreeMap::new();
    let mut melted = false;
    let mut counts: Vec<Counts> = Vec::new();
    for claim in claims {
        counts.push(match claim.landing.way {
            _ if claim.id == &claim.landing.as_commit => Counts::Whole,
            // Of several that do the same the first one counts.
            LandedBy::Rebased if copied => Counts::Nothing,
            LandedBy::Rebased => {
                copied = true;
                Counts::Whole
            }
            // What a run melted into one itself is that one.
            _ if whole.is_some_and(|whole| whole.run == claim.run) => Counts::Nothing,
            _ => {
                melted = true;
                for (kind, lines) in claim.lines {
                    let of_kind = others.entry(*kind).or_default();
                    of_kind.added = of_kind.added.saturating_add(lines.added);
                    of_kind.removed = of_kind.removed.saturating_add(lines.removed);
                }
                Counts::Whole
            }
        });
    }
    for (claim, counts) in claims.iter().zip(&mut counts) {
        if claim.id != &claim.landing.as_commit {
            continue;
        }
        let nothing_left = || {
            claim.lines.iter().all(|(kind, lines)| {
                others.get(kind).is_some_and(|other| other.added >= lines.added && other.removed >= lines.removed)
            })
        };
        *counts = match () {
            () if copied || (melted && nothing_left()) => Counts::Nothing,
            () if melted => Counts::Without(others.clone()),
            () => Counts::Whole,
        };
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> CommitId {
        CommitId::parse(&format!("{n:02x}").repeat(20)).unwrap()
    }

    fn counted_of(claims: &[(u8, usize, LandedBy, u64)]) -> Vec<Counts> {
        let lines = |added| BTreeMap::from([(LineKind::Code, Lines { added, removed: 0 })]);
        let owned: Vec<_> = claims
            .iter()
            .map(|(n, run, way, added)| {
                (id(*n), *run, Landing { way: *way, as_commit: id(9), unit: id(9) }, lines(*added))
            })
            .collect();
        counts(
            &owned.iter().map(|(id, run, landing, lines)| Claim { id, run: *run, landing, lines }).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_line_counts_for_one_commit_only() {
        let less = |added| Counts::Without(BTreeMap::from([(LineKind::Code, Lines { added, removed: 0 })]));
        let own =
            counted_of(&[(1, 0, LandedBy::Squashed, 2), (2, 0, LandedBy::Squashed, 1), (9, 0, LandedBy::Direct, 3)]);
        assert_eq!(own, [Counts::Nothing, Counts::Nothing, Counts::Whole], "a run's own squash is one commit");
        let later = counted_of(&[(1, 0, LandedBy::Squashed, 2), (9, 1, LandedBy::Direct, 3)]);
        assert_eq!(later, [Counts::Whole, less(2)], "a later run has what it added");
        let whole =
            counted_of(&[(1, 0, LandedBy::Squashed, 2), (2, 1, LandedBy::Squashed, 1), (9, 2, LandedBy::Direct, 3)]);
        assert_eq!(whole, [Counts::Whole, Counts::Whole, Counts::Nothing]);
        let picked =
            counted_of(&[(1, 0, LandedBy::Rebased, 2), (2, 1, LandedBy::Rebased, 2), (9, 2, LandedBy::Direct, 2)]);
        assert_eq!(picked, [Counts::Whole, Counts::Nothing, Counts::Nothing]);
        assert_eq!(
            counted_of(&[(1, 0, LandedBy::Squashed, 2), (2, 1, LandedBy::Squashed, 1)]),
            [Counts::Whole, Counts::Whole]
        );
    }
}
