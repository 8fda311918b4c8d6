//! What is known of the world around a fleet file.

use std::path::Path;

use super::Ground;
use crate::codex::Invocation;
use crate::model::Timestamp;
use crate::usage::price::PriceTable;

/// What is known of the world around a fleet file.
pub struct Around<'a> {
    /// The folder that it lies in, absolute.
    pub base: &'a Path,
    /// What is where a path leads to.
    pub ground: &'a dyn Fn(&Path) -> Ground,
    /// The price table, without the policy's own prices.
    pub prices: &'a PriceTable,
    /// The time: prices have days.
    pub now: Timestamp,
    /// Whether a Codex tells hooks what its requests use.
    pub tells: &'a dyn Fn(&Invocation) -> bool,
}
