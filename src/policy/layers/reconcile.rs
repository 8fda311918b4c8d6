//! Where an organisation's costs are asked for, as all layers say it.

use crate::policy::check::{Draft, ReconcileDraft};
use crate::policy::reconcile::ReconcileRule;

use super::Join;

/// The outermost file that says a key says what it is.
pub(super) fn reconcile(join: &mut Join<'_>, drafts: &mut [Draft]) -> ReconcileRule {
    let mut said: Vec<Option<ReconcileDraft>> = drafts.iter_mut().map(|draft| draft.reconcile.take()).collect();
    let admin_key = said.iter_mut().map(|draft| draft.as_mut()?.admin_key.take()).collect();
    let admin_key = join.outermost("reconcile.admin_key", admin_key);
    let api = said.iter_mut().map(|draft| draft.as_mut()?.api.take()).collect();
    let api = join.outermost("reconcile.api", api);
    let projects = said.iter_mut().map(|draft| draft.as_mut()?.projects.take()).collect();
    ReconcileRule { admin_key, api, projects: join.outermost("reconcile.projects", projects).unwrap_or_default() }
}
