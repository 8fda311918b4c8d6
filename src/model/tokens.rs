//! Token counts of one or many responses.

use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// Tokens as Codex counts them: `cached_input` and `cache_write_input` are parts of `input`,
/// `reasoning_output` is a part of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tokens {
    /// All that was sent, cached or not.
    pub input: u64,
    /// The part of `input` that the provider read from its cache.
    pub cached_input: u64,
    /// The part of `input` that the provider wrote to its cache.
    pub cache_write_input: u64,
    /// All that was answered, reasoning included.
    pub output: u64,
    /// The part of `output` that was reasoning.
    pub reasoning_output: u64,
}

impl Tokens {
    /// Input and output: the `all tok` unit, and Codex's own `total_tokens`.
    pub fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// Uncached input and output: the `tok` unit, what Codex's own screen counts.
    pub fn uncached(&self) -> u64 {
        self.input.saturating_sub(self.cached_input).saturating_add(self.output)
    }

    /// Nothing at all was counted.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// What `self` has more than `earlier`, kind by kind; a kind that fell counts as zero.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            input: self.input.saturating_sub(earlier.input),
            cached_input: self.cached_input.saturating_sub(earlier.cached_input),
            cache_write_input: self.cache_write_input.saturating_sub(earlier.cache_write_input),
            output: self.output.saturating_sub(earlier.output),
            reasoning_output: self.reasoning_output.saturating_sub(earlier.reasoning_output),
        }
    }
}

impl Add for Tokens {
    type Output = Self;

    /// Saturates: a counter at its end is absurd, not a reason to stop counting the rest.
    fn add(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cached_input: self.cached_input.saturating_add(other.cached_input),
            cache_write_input: self.cache_write_input.saturating_add(other.cache_write_input),
            output: self.output.saturating_add(other.output),
            reasoning_output: self.reasoning_output.saturating_add(other.reasoning_output),
        }
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Tokens {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Add::add)
    }
}
