//! The count of lines that stand: what is known from before, and what git is asked for.

use std::collections::{HashMap, HashSet};
use std::io;

use crate::error::Result;
use crate::ledger::Ledger;
use crate::ledger::committed::{Stand, keep_lines, kept_lines};
use crate::model::{CommitId, Timestamp};
use crate::process::git::{GitQuery, Repository};
use crate::results::blame::{Owned, count, count_among, lines, renamed};
use crate::results::patch::{Change, LineMark};
use crate::results::{LandedBy, Landing, Patch, Trunk};

/// What was found out before, and what is found out now.
pub(super) struct Findings<'a> {
    ledger: &'a Ledger,
    new: Vec<([CommitId; 3], u64)>,
}

impl<'a> Findings<'a> {
    /// What this ledger has.
    pub(super) fn of(ledger: &'a Ledger) -> Self {
        Self { ledger, new: Vec::new() }
    }

    fn lines(&self, stand: Stand<'_>) -> Option<u64> {
        // What cannot be read is found out again.
        kept_lines(self.ledger, stand).ok().flatten()
    }

    fn learn(&mut self, stand: Stand<'_>, lines: u64) {
        self.new.push(([stand.commit, stand.stands_as, stand.at].map(CommitId::clone), lines));
    }

    /// What was found out now.
    pub(super) fn into_new(self) -> Vec<([CommitId; 3], u64)> {
        self.new
    }
}

/// Keeps what was found out for the next report.
pub(super) fn keep(ledger: &mut Ledger, new: &[([CommitId; 3], u64)], now: Timestamp) -> Result<()> {
    ledger.turn(now, |turn| {
        new.iter()
            .try_for_each(|([commit, stands_as, at], lines)| keep_lines(turn, Stand { commit, stands_as, at }, *lines))
    })?;
    Ok(())
}

/// Whose the lines of files are, at commits of the default branch.
pub(super) struct LineOwners<'a> {
    repository: &'a Repository,
    trunk: &'a Trunk,
    changes: &'a HashMap<&'a CommitId, &'a Change>,
    /// Commits of agents: each has its own lines.
    own: HashSet<&'a CommitId>,
    /// All of the branch's own commits that touch these files are among them.
    complete: bool,
    renames: HashMap<(CommitId, CommitId), Vec<u8>>,
    files: HashMap<(CommitId, CommitId, String), Vec<Owned>>,
}

impl<'a> LineOwners<'a> {
    /// Of this branch, and these commits with their patches; whether they are all that touch these files.
    pub(super) fn new(
        repository: &'a Repository,
        trunk: &'a Trunk,
        (changes, complete): (&'a HashMap<&'a CommitId, &'a Change>, bool),
        own: HashSet<&'a CommitId>,
    ) -> Self {
        Self { repository, trunk, changes, own, complete, renames: HashMap::new(), files: HashMap::new() }
    }

    /// How many lines of a commit stand on the branch then, in seconds since 1970. `before` are those that came there in the same
    /// commit, and whose lines are theirs first.
    pub(super) fn lines(
        &mut self,
        commit: &CommitId,
        (landing, own): (&Landing, Option<&Patch>),
        before: &[(LandedBy, Option<&Patch>)],
        when: i64,
        known: &mut Findings<'_>,
    ) -> io::Result<u64> {
        let at = self.trunk.at(when).filter(|at| self.trunk.has_at(&landing.as_commit, at)).cloned();
        let Some(at) = at else { return Ok(0) };
        let stand = Stand { commit, stands_as: &landing.as_commit, at: &at };
        let mut owners = vec![landing.as_commit.clone()];
        owners.extend(self.trunk.reinstated_by(&landing.as_commit).into_iter().filter(|by| !self.own.contains(by)));
        // What depends on other commits may change with them.
        let alone = before.is_empty() && owners.len() == 1;
        if let Some(lines) = known.lines(stand).filter(|_| alone) {
            return Ok(lines);
        }
        let Some(change) = self.changes.get(&landing.as_commit).copied() else { return Ok(0) };
        let mut stood = 0_u64;
        for (name, added) in change.patch.grown() {
            let all: Vec<Owned>;
            let lines = match self.is_untouched(change, name, &at) {
                // As it was committed, so it stands: git need not be asked.
                true => {
                    all = added.iter().map(|mark| (change.id.clone(), *mark)).collect();
                    all.as_slice()
                }
                false => self.file(change, name, &at)?,
            };
            let of = |way: LandedBy, own: Option<&Patch>| match (way, own) {
                (LandedBy::Squashed, Some(own)) => added_to(own, name, &change.patch),
                _ => added.to_vec(),
            };
            let found = match (landing.way, own) {
                (LandedBy::Direct | LandedBy::Merged | LandedBy::Rebased, _) if alone => count(lines, &change.id),
                (way, own) => {
                    let before: Vec<_> = before.iter().map(|(way, patch)| of(*way, *patch)).collect();
                    count_among(lines, &owners, &before, &of(way, own))
                }
            };
            stood = stood.saturating_add(found);
        }
        if alone {
            known.learn(stand, stood);
        }
        Ok(stood)
    }

    /// No later commit up to there has touched the file.
    fn is_untouched(&self, change: &Change, name: &str, at: &CommitId) -> bool {
        let touches = |id: &CommitId| {
            self.changes.get(id).is_some_and(|later| later.patch.names().any(|touched| touched == name))
        };
        let later = self.trunk.plain_since(&change.id, at).filter(|_| self.complete);
        later.is_some_and(|later| later.iter().all(|(id, _)| !touches(id)))
    }

    /// Whose the lines of a file are that a commit has changed, whatever it is called there.
    fn file(&mut self, change: &Change, name: &str, at: &CommitId) -> io::Result<&[Owned]> {
        let key = (change.id.clone(), at.clone(), name.to_owned());
        if !self.files.contains_key(&key) {
            let name = self.name_at(&change.id, name, at)?;
            let after = change.parents.first();
            let told = match self.repository.ask(&GitQuery::Blame { at, after, path: &name }) {
                Ok(told) => told,
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(error),
                // The file is gone there.
                Err(_) => Vec::new(),
            };
            self.files.insert(key.clone(), lines(&told));
        }
        Ok(self.files.get(&key).map_or(&[], Vec::as_slice))
    }

    fn name_at(&mut self, from: &CommitId, name: &str, at: &CommitId) -> io::Result<String> {
        let key = (from.clone(), at.clone());
        if !self.renames.contains_key(&key) {
            let told = self.repository.ask(&GitQuery::Renames(from, at))?;
            self.renames.insert(key.clone(), told);
        }
        Ok(renamed(self.renames.get(&key).map_or(&[], Vec::as_slice), name))
    }
}

/// The lines that a commit added to a file of the one that it was melted into: those of the same name, else of files that are
/// called otherwise there.
fn added_to(own: &Patch, name: &str, whole: &Patch) -> Vec<LineMark> {
    if let Some((_, added)) = own.grown().find(|(known, _)| *known == name) {
        return added.to_vec();
    }
    let elsewhere = own.grown().filter(|(known, _)| whole.names().all(|other| other != *known));
    elsewhere.flat_map(|(_, added)| added.to_vec()).collect()
}
