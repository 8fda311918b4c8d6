//! Tokens: what a message carries so that its reader can answer a question, once.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Without letters that are taken for digits.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Bits of a letter.
const BITS: u32 = 5;

/// What the message carries. It is shown nowhere else, and kept nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// The token of these random bits.
    pub fn of(bits: u128) -> Self {
        let letter = |place: u32| {
            let five = bits.checked_shr(place * BITS).unwrap_or_default() & 31;
            let at = usize::try_from(five).unwrap_or_default();
            LETTERS.get(at).copied().map_or('a', char::from)
        };
        Self((0..u128::BITS.div_ceil(BITS)).map(letter).collect())
    }

    /// As somebody has typed or pasted it: spaces and capitals do not matter. Whether it is one shows by its hash.
    pub fn typed(text: &str) -> Self {
        Self(text.chars().filter(|c| !c.is_whitespace()).take(100).map(|c| c.to_ascii_lowercase()).collect())
    }

    /// As the message has it.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(&self.0).into())
    }
}

/// What is kept of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// As a ledger keeps it, in hexadecimal digits.
    pub fn digits(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether both are of one token; how long that takes does not tell how much of them agrees.
    pub fn is(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_all_its_bits_and_is_known_by_its_hash_however_it_was_typed() {
        let (all, none) = (Token::of(u128::MAX), Token::of(0));
        assert_eq!(none.text(), "aaaaaaaaaaaaaaaaaaaaaaaaaa");
        assert_eq!(all.text(), "9999999999999999999999999h");
        for place in 0..128 {
            assert_ne!(Token::of(1 << place), none, "{place}");
        }
        assert!(Token::typed(" 99999 99999999999999999999H\n").hash().is(&all.hash()));
        assert!(!none.hash().is(&all.hash()));
        assert_eq!(format!("{all:?}"), "Token(…)");
    }
}
