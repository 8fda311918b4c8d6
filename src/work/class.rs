//! From what a turn did to its class.

use super::evidence::Evidence;
use crate::model::WorkClass;

/// The class of a turn. What was written weighs most, then what was judged, run and kept in order, and last what was read.
pub(super) fn class(turn: &Evidence) -> WorkClass {
    if let Some(class) = turn.own {
        return class;
    }
    if turn.commented > 0 {
        return WorkClass::Review;
    }
    if turn.wrote() { of_what_was_written(turn) } else { of_what_was_done(turn) }
}

fn of_what_was_written(turn: &Evidence) -> WorkClass {
    let Evidence { code, comments, tests, documents, notes, migrations, manifests, versions, sweeps, .. } = *turn;
    // A feature may bring a step of the schema along; nothing but the step, and what feeds it, is a migration.
    let only_schema = migrations > 0 && code == 0;
    if turn.migrated > 0 && (code > 0 || manifests > 0 || tests == 0 && documents == 0)
        || versions > 0
        || sweeps > 0
        || only_schema
    {
        return WorkClass::Migration;
    }
    if code > 0 {
        return WorkClass::Edit;
    }
    if tests > 0 {
        return WorkClass::Test;
    }
    if turn.judged > 0 && notes > 0 && documents == 0 && comments == 0 {
        return WorkClass::Review;
    }
    if documents + comments + notes > 0 {
        return WorkClass::Documentation;
    }
    WorkClass::Edit
}

fn of_what_was_done(turn: &Evidence) -> WorkClass {
    let looked = turn.reads.saturating_add(turn.searched);
    match () {
        () if turn.migrated > 0 => WorkClass::Migration,
        // Looked at before it is committed.
        () if turn.judged > 0 && turn.chores > 0 => WorkClass::Other,
        () if turn.judged > 0 => WorkClass::Review,
        () if turn.tested > 0 => WorkClass::Test,
        () if turn.documented > 0 => WorkClass::Documentation,
        () if turn.chores > 0 && turn.searched == 0 && looked < turn.chores.saturating_mul(4) => WorkClass::Other,
        () if looked > 0 => WorkClass::Research,
        () if turn.built > 0 && turn.ran == 0 => WorkClass::Test,
        () => WorkClass::Other,
    }
}
