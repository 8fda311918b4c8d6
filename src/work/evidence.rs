//! What the tools of one turn did, counted.

use std::borrow::Cow;

use super::path;
use super::rewrite::{Comes, How, Write, rewrite};
use super::rules::{Does, Kind, LAUNCHERS, Own, does, may_launch};
use crate::model::WorkClass;
use crate::rollout::{ActKind, Change, patched};
use crate::shell::quick::{Simple, quick};

/// A longer command line is looked at so far.
const LONGEST: usize = 1 << 18;

/// What speaks for which class, of one turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// By the policy's own rules; the first that fits.
    pub(super) own: Option<WorkClass>,
    /// Files that were written, by what they are.
    pub(super) code: u32,
    pub(super) comments: u32,
    pub(super) tests: u32,
    pub(super) documents: u32,
    /// Documents beside the usual ones, such as a review's notes.
    pub(super) notes: u32,
    pub(super) migrations: u32,
    pub(super) manifests: u32,
    /// Something in a manifest was replaced by something else.
    pub(super) versions: u32,
    /// Files were rewritten by the dozen.
    pub(super) sweeps: u32,
    /// Looked at changes that were there, before the turn changed anything.
    pub(super) judged: u32,
    pub(super) commented: u32,
    pub(super) tested: u32,
    pub(super) built: u32,
    pub(super) migrated: u32,
    pub(super) documented: u32,
    pub(super) edited: u32,
    pub(super) chores: u32,
    pub(super) reads: u32,
    pub(super) searched: u32,
    /// Programs of which nothing is known.
    pub(super) ran: u32,
}

impl Evidence {
    /// Something of the project was written.
    pub(super) fn wrote(&self) -> bool {
        let Self { code, comments, tests, documents, notes, migrations, manifests, sweeps, edited, .. } = self;
        [code, comments, tests, documents, notes, migrations, manifests, sweeps, edited]
            .into_iter()
            .any(|count| *count > 0)
    }

    /// Counts what a turn did. `folder` is where file names begin.
    pub(super) fn add(&mut self, act: &ActKind<'_>, folder: &str, own: &Own) {
        match act {
            ActKind::Command(text) => self.command_line(text, folder, own),
            ActKind::Words(words) => {
                let words = words.iter().map(|word| Cow::Borrowed(word.as_str())).collect();
                self.simple(&Simple { words, ..Simple::default() }, folder, own);
            }
            ActKind::Patch(text) => self.changes(&patched(text), folder, own),
            ActKind::Changed(changes) => self.changes(changes, folder, own),
            ActKind::Searched => more(&mut self.searched),
            ActKind::Looked => more(&mut self.reads),
            // Of Codex's own review the turn itself keeps count.
            ActKind::Reviews => {}
        }
    }

    fn command_line(&mut self, text: &str, folder: &str, own: &Own) {
        let text = text.get(..LONGEST).unwrap_or(text);
        let mut inside: Cow<'_, str> = Cow::Borrowed(folder);
        for simple in quick(text) {
            if simple.program() == "cd"
                && let Some(to) = simple.words.get(1)
            {
                inside = if to.starts_with('/') { Cow::Owned(to.to_string()) } else { inside };
                // Names that follow are told from there; a folder elsewhere is no part of the project.
                if !inside.starts_with(folder) {
                    continue;
                }
            }
            self.simple(&simple, folder, own);
        }
    }

    fn simple(&mut self, simple: &Simple<'_>, folder: &str, own: &Own) {
        if let Some(class) = own.of_command(simple) {
            self.own.get_or_insert(class);
        }
        for file in &simple.writes {
            self.written(&Write { path: file.clone(), how: How::Text }, folder, own);
        }
        let words: Vec<&str> = simple.words.iter().map(|word| &**word).collect();
        let found = words.split_first().map(|(program, arguments)| {
            let name = program.rsplit('/').next().unwrap_or(program);
            let direct: Vec<&str> = std::iter::once(name).chain(arguments.iter().copied()).collect();
            match launched(&direct) {
                Some(inner) => does(inner).unwrap_or(Does::Builds),
                None => does(&direct).unwrap_or_else(|| of_a_script(name)),
            }
        });
        match found {
            None | Some(Does::Nothing) => {}
            Some(Does::Reads) => more(&mut self.reads),
            Some(Does::Judges) if self.wrote() => more(&mut self.reads),
            Some(Does::Judges) => more(&mut self.judged),
            Some(Does::Comments) => more(&mut self.commented),
            Some(Does::Tests | Does::RenewsTests) => more(&mut self.tested),
            Some(Does::Builds) => more(&mut self.built),
            Some(Does::Migrates) => more(&mut self.migrated),
            Some(Does::Documents) => more(&mut self.documented),
            Some(Does::Edits) => more(&mut self.edited),
            Some(Does::Chores) => more(&mut self.chores),
            Some(Does::Rewrites) => self.rewritten(simple, folder, own),
        }
    }

    fn rewritten(&mut self, simple: &Simple<'_>, folder: &str, own: &Own) {
        match rewrite(simple) {
            Comes::Reads => more(&mut self.reads),
            Comes::Runs => more(&mut self.ran),
            Comes::Patches(changes) => self.changes(&changes, folder, own),
            Comes::Writes(writes) => writes.iter().for_each(|write| self.written(write, folder, own)),
            Comes::Feeds(file) => match path::kind(folder, &file) {
                Kind::Migration => more(&mut self.migrated),
                Kind::Test => more(&mut self.tested),
                _ => more(&mut self.chores),
            },
        }
    }

    fn changes(&mut self, changes: &[Change], folder: &str, own: &Own) {
        for change in changes {
            let replaces = !change.removed.is_empty() && !change.added.is_empty();
            let how = match (path::only_comments(change), replaces) {
                (true, _) => How::Commented,
                (false, true) => How::Replaced,
                (false, false) => How::Text,
            };
            self.written(&Write { path: Cow::Borrowed(&change.path), how }, folder, own);
        }
    }

    fn written(&mut self, write: &Write<'_>, folder: &str, own: &Own) {
        if let Some(class) = path::within(folder, &write.path).and_then(|path| own.of_path(&path)) {
            self.own.get_or_insert(class);
        }
        if write.path.is_empty() && write.how == How::Among {
            return more(&mut self.sweeps);
        }
        match (path::kind(folder, &write.path), write.how) {
            (Kind::Scratch, _) => {}
            (Kind::Lock, _) => more(&mut self.migrated),
            (Kind::Manifest, How::Replaced | How::Among) => {
                more(&mut self.manifests);
                more(&mut self.versions);
            }
            (Kind::Manifest, _) => more(&mut self.manifests),
            (Kind::Migration, _) => more(&mut self.migrations),
            (Kind::Test, _) => more(&mut self.tests),
            (Kind::Document, _) if is_usual(&write.path) => more(&mut self.documents),
            (Kind::Document, _) => more(&mut self.notes),
            (Kind::Code, How::Commented) => more(&mut self.comments),
            (Kind::Code, How::Among) => more(&mut self.sweeps),
            (Kind::Code, How::Moved) if is_made(&write.path) => more(&mut self.chores),
            (Kind::Code, _) => more(&mut self.code),
        }
    }
}

fn more(count: &mut u32) {
    *count = count.saturating_add(1);
}

/// What stands behind `npx`, `uv run`, `python -m`: the program that is meant, and its words.
fn launched<'w, 'a>(words: &'w [&'a str]) -> Option<&'w [&'a str]> {
    let mut inner = words;
    if !words.first().is_some_and(|word| may_launch(word)) {
        return None;
    }
    while let Some(behind) = LAUNCHERS.iter().find_map(|launcher| behind(inner, launcher)) {
        inner = behind;
    }
    (inner.len() < words.len() && !inner.is_empty()).then_some(inner)
}

fn behind<'w, 'a>(words: &'w [&'a str], launcher: &str) -> Option<&'w [&'a str]> {
    let mut rest = words;
    for wanted in launcher.split(' ') {
        let (word, after) = rest.split_first()?;
        rest = (*word == wanted).then_some(after)?;
    }
    // Options of the launcher's own: `npx --no-install jest`.
    let own = rest.iter().take_while(|word| word.starts_with("--") && launcher.starts_with("npx")).count();
    rest.get(own..)
}

/// A program that the table does not have, by what its name says.
fn of_a_script(name: &str) -> Does {
    let lower = name.to_ascii_lowercase();
    let says = |word: &str| lower.contains(word);
    match () {
        () if says("test") || says("bench") => Does::Tests,
        () if says("migrat") => Does::Migrates,
        () if ["deploy", "release", "backup", "publish", "start", "stop", "restart", "setup", "install"]
            .iter()
            .any(|word| says(word)) =>
        {
            Does::Chores
        }
        () => Does::Rewrites,
    }
}

/// Where documents usually are; a review writes its notes elsewhere.
fn is_usual(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let is_notes = ["review", "finding", "notes", "report", "audit", "feedback"].iter().any(|word| name.contains(word));
    !is_notes
}

/// What programs make and anybody may take away.
fn is_made(path: &str) -> bool {
    let made =
        ["node_modules", "target", "dist", "build", ".venv", "venv", "__pycache__", ".cache", "out", "coverage", "tmp"];
    path.split('/').any(|part| made.contains(&part)) || path.ends_with(".log") || path.ends_with(".pyc")
}
