//! Persons of all layers: who says who answers says who is who.

use crate::model::Person;
use crate::policy::check::{Draft, clash};
use crate::policy::mistake::Severity;

use super::Join;

/// The persons of the outermost files. Those of a file nearer than one that names who answers do not count: they could
/// make anybody one of those.
pub(super) fn persons(join: &mut Join<'_>, drafts: &mut [Draft]) -> Vec<Person> {
    let names = |draft: &Draft| draft.approvers.is_some() || draft.not_self.is_some();
    let outermost = drafts.iter().position(names).unwrap_or(usize::MAX);
    let mut persons: Vec<Person> = Vec::new();
    for (index, draft) in drafts.iter_mut().enumerate() {
        for said in std::mem::take(&mut draft.persons) {
            if index > outermost {
                let message = format!("`{}` does not count: an outer file says who answers", said.person.name);
                let hint = "the file that has `approvers` or `not_self` has the persons, too";
                join.add(index, &said.span, Severity::Warning, message, hint, None);
            } else if persons.contains(&said.person) {
            } else if let Some(clash) = persons.iter().find_map(|outer| clash(outer, &said.person)) {
                let message = format!("{clash}: the outer file's stays");
                let hint = "what an outer file says, a nearer one cannot change";
                join.add(index, &said.span, Severity::Warning, message, hint, None);
            } else {
                persons.push(said.person);
            }
        }
    }
    persons
}
