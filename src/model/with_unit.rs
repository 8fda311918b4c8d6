//! A number with what it counts, in a sentence.

/// `1 run`, `2 runs`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// How long a text is, in words: `1 byte`, `12 bytes`.
pub fn bytes(length: usize) -> String {
    counted(u64::try_from(length).unwrap_or(u64::MAX), "byte", "bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "run", "runs")), ["0 runs", "1 run", "2 runs"]);
        assert_eq!([1, 20].map(bytes), ["1 byte", "20 bytes"]);
    }
}
