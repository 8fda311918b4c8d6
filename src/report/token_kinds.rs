//! Kinds of tokens that add up: Codex counts cached and written input within its input, prices do not.

use crate::model::Tokens;

/// A kind of tokens with a price of its own. No token is of two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Sent, and neither read from a cache nor written to one.
    Input,
    /// Sent, and read from the provider's cache.
    CachedInput,
    /// Sent, and written to the provider's cache.
    CacheWrite,
    /// Answered; reasoning is a part of it.
    Output,
}

impl Kind {
    /// Each of them, in the order in which they are shown.
    pub(super) const ALL: [Self; 4] = [Self::Input, Self::CachedInput, Self::CacheWrite, Self::Output];

    /// How many of it there are. More cached or written than was sent, which no real response has, does not count.
    pub(super) fn count(self, tokens: &Tokens) -> u64 {
        let cached = tokens.cached_input.min(tokens.input);
        let written = tokens.cache_write_input.min(tokens.input - cached);
        match self {
            Self::Input => tokens.input - cached - written,
            Self::CachedInput => cached,
            Self::CacheWrite => written,
            Self::Output => tokens.output,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn kinds_add_up_to_all_tokens(counts in prop::array::uniform4(0_u64..1_000_000)) {
            let [input, cached_input, cache_write_input, output] = counts;
            let tokens = Tokens { input, cached_input, cache_write_input, output, reasoning_output: 0 };
            prop_assert_eq!(Kind::ALL.map(|kind| kind.count(&tokens)).iter().sum::<u64>(), tokens.total());
        }
    }
}
