//! Pure. A run beside others like it: what like ones took, which cost far more, and what would have cost less.

pub mod advice;
mod context;
pub mod likely;
mod models;
pub mod outlier;
pub mod remedy;
mod repeated;
pub mod story;
#[cfg(test)]
mod tests;
mod tools;

pub use advice::advise;
pub use likely::{ENOUGH, Like, Likely, likely, likely_by};
pub use outlier::{FACTOR, Outlier, outliers};
pub use remedy::{Advice, Case, Remedy};
pub use story::Story;

use crate::model::{Cost, ModelId, ServiceTier, Timestamp, Tokens};

/// What tokens would cost with a model.
pub type Quote<'a> = &'a dyn Fn(&ModelId, &ServiceTier, Timestamp, &Tokens) -> Cost;
