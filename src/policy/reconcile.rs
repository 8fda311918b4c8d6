//! Where an organisation's costs are asked for: the `[reconcile]` table.

use std::path::PathBuf;

use http::Uri;

/// All of `[reconcile]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReconcileRule {
    /// The file of the organisation's admin key.
    pub admin_key: Option<PathBuf>,
    /// Where its API is; `None`: at OpenAI's.
    pub api: Option<Uri>,
    /// The projects whose costs are asked for; all, where none is named.
    pub projects: Vec<String>,
}

/// It may be the id of a project: `proj_…`.
pub fn is_project(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    !text.is_empty() && text.len() <= 100 && text.chars().all(is_part)
}
