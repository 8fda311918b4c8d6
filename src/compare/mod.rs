//! A run beside others like it: what like ones took, which cost far more, and what would have cost less.

pub mod advice;
mod context;
pub mod likely;
mod models;
pub mod outlier;
pub mod remedy;
mod repeated;
pub mod saved;
pub mod story;
pub mod surprise;
#[cfg(test)]
mod tests;
mod tools;
pub mod tools_by_cost;

pub use advice::advise;
pub use likely::{ENOUGH, Like, Likely, likely, likely_by};
pub use outlier::{FACTOR, Outlier, outliers};
pub use remedy::{Advice, Case, Remedy};
pub use saved::{ActedRun, Amount, Intervention, Saved, saved};
pub use story::Story;
pub use surprise::{Surprise, surprises};

use crate::model::{Cost, ModelId, ServiceTier, Timestamp, Tokens};

/// What tokens would cost with a model.
pub type Quote<'a> = &'a dyn Fn(&ModelId, &ServiceTier, Timestamp, &Tokens) -> Cost;
