//! Where a run's spend belongs, as its place and the environment tell.

use std::path::PathBuf;

use super::here::{env, known};
use crate::codex::redact;
use crate::model::Attribution;
use crate::place::Place;
use crate::policy::attribute;
use crate::policy::rule::Policy;

/// Where spend belongs: as said, else by the environment, the policy's rules and the place.
pub(crate) fn attribute_with(policy: &Policy, place: &Place, said: Attribution) -> Attribution {
    let known = known(place, env("HOME").map(PathBuf::from));
    let text = |name: &str| env(name).and_then(|value| value.into_string().ok());
    attribute::attribute(&policy.attribute, &known, said, attribute::said_by(text)).map_values(redact)
}

/// The same for a user with this home, by what his environment says.
pub(crate) fn attribute_at(policy: &Policy, place: &Place, home: Option<PathBuf>, said: Attribution) -> Attribution {
    attribute::attribute(&policy.attribute, &known(place, home), Attribution::default(), said).map_values(redact)
}
