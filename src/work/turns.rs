//! Follows a thread from turn to turn: which class the turn has by now.

use std::collections::HashSet;
use std::sync::Arc;

use super::class::class;
use super::evidence::Evidence;
use super::rules::Own;
use crate::model::WorkClass;
use crate::rollout::{ActKind, Meta, Record, RecordKind, TurnAct};

/// The most calls of a turn that are told apart.
const MOST: usize = 1 << 16;

/// A thread's turns.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    own: Arc<Own>,
    /// Where names of files begin.
    folder: String,
    /// Codex's own reviewer: its thread has no other work.
    is_reviewer: bool,
    /// It says where turns begin; else what a person says begins one.
    has_starts: bool,
    /// It tells of commands by items, so that calls need not be looked at.
    has_items: bool,
    turn: Evidence,
    calls: HashSet<String>,
    answers: u64,
    /// Codex's own review was begun after so many of these: what is answered from then on is one. It is told of before its
    /// turn begins.
    review: Option<u64>,
}

impl Turns {
    /// Of a thread that has not begun.
    pub fn new(own: Arc<Own>) -> Self {
        Self { own, ..Self::default() }
    }

    /// A record of it; where that begins a turn, the class of the one before.
    pub fn record(&mut self, record: &Record) -> Option<WorkClass> {
        match &record.kind {
            RecordKind::Meta(meta) => self.meta(meta),
            RecordKind::TurnContext { cwd: Some(cwd), .. } if *cwd != self.folder => self.folder.clone_from(cwd),
            RecordKind::TurnStarted { .. } => {
                self.has_starts = true;
                return Some(self.begin());
            }
            RecordKind::UserMessage if !self.has_starts => return Some(self.begin()),
            RecordKind::Review { begins: true } => self.review = Some(self.answers),
            _ => {}
        }
        None
    }

    fn meta(&mut self, meta: &Meta) {
        if self.folder.is_empty()
            && let Some(cwd) = &meta.cwd
        {
            self.folder.clone_from(cwd);
        }
        self.is_reviewer |= meta.is_review;
    }

    fn begin(&mut self) -> WorkClass {
        let before = self.class();
        self.review = self.review.filter(|begun| *begun == self.answers).map(|_| 0);
        self.turn = Evidence::default();
        self.calls.clear();
        self.answers = 0;
        before
    }

    /// It tells of commands and patches by items: its calls need not be read.
    pub fn has_items(&self) -> bool {
        self.has_items
    }

    /// Something that it did.
    pub fn did(&mut self, act: &TurnAct<'_>) {
        self.has_items |=
            act.is_item && matches!(act.kind, ActKind::Command(_) | ActKind::Words(_) | ActKind::Changed(_));
        if !act.call.is_empty() && self.calls.len() < MOST && !self.calls.insert(act.call.to_string()) {
            return;
        }
        if act.kind == ActKind::Reviews {
            self.review = Some(self.answers);
        } else if self.own.said.is_none() && !self.is_reviewer {
            self.turn.add(&act.kind, &self.folder, &self.own);
        }
    }

    /// It was answered.
    pub fn answered(&mut self) {
        self.answers = self.answers.saturating_add(1);
    }

    /// The class of the turn by now.
    pub fn class(&self) -> WorkClass {
        match self.own.said {
            Some(said) => said,
            None if self.is_reviewer || self.review.is_some_and(|begun| self.answers > begun) => WorkClass::Review,
            None => class(&self.turn),
        }
    }
}
