//! The verb `decide`: a step that lets the governor choose. A written rule chooses; where that is not sure, a model
//! may be asked, within a share of the limit.

pub mod advisor;
pub(super) mod choosing;
pub(super) mod offering;
pub mod prompt;
pub mod rule;
