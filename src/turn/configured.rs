//! What is read of a Codex's configuration: for a thread of which no session file tells, and before anything tells.

use std::ffi::OsString;
use std::path::Path;

use crate::codex::{Defaults, Invocation, Layers};
use crate::model::ModelId;
use crate::tail::settings;

/// The configuration of a Codex with this command line and home, for a thread that works in this folder.
pub(crate) fn layers(command: &[OsString], home: Option<&Path>, folder: Option<&Path>) -> Layers {
    let profile = Invocation::parse(command).and_then(|own| own.profile());
    Layers {
        home: home.and_then(settings::of),
        profile: home.zip(profile).and_then(|(home, name)| settings::of_profile(home, &name)),
        project: folder.map(settings::of_project).unwrap_or_default(),
    }
}

/// The model that a Codex with this command line and home begins with, in this folder; `None`: it is Codex's own default, or
/// cannot be told.
pub(crate) fn begins_with(command: &[OsString], home: Option<&Path>, folder: Option<&Path>) -> Option<ModelId> {
    Invocation::parse(command)?;
    Defaults::of(command, &layers(command, home, folder)).model
}
