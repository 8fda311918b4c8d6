//! What a limit of its own is for: the keys of a budget's `limits`.

use std::fmt;

/// The values that a limit is for, in the order of the budget's `per`. `None` stands for any value, `*` in a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LimitKey {
    parts: Vec<Option<String>>,
}

/// Why a key is none. The texts complete "`…` ".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitKeyError {
    /// As many values as the budget has dimensions are needed.
    #[error("does not name one value for each of what the budget is `per`")]
    Count,
    /// Nothing stands where a value should.
    #[error("has an empty value")]
    Empty,
    /// A backslash that escapes nothing.
    #[error("has a `\\` that stands before neither `/`, `*` nor `\\`")]
    Escape,
}

impl LimitKey {
    /// Of a single value, as it is: nothing in it has another meaning.
    pub fn single(value: &str) -> Self {
        Self { parts: vec![Some(value.to_owned())] }
    }

    /// Reads `web/alice` for a budget per two dimensions: `/` stands between values, `*` alone is any value, and `\`
    /// before `/`, `*` and `\` takes their meaning away. Of a budget per one dimension it is the value itself.
    ///
    /// # Errors
    ///
    /// It does not name as many values as there are dimensions.
    pub fn parse(key: &str, dimensions: usize) -> Result<Self, LimitKeyError> {
        if dimensions == 1 {
            return if key.is_empty() { Err(LimitKeyError::Empty) } else { Ok(Self::single(key)) };
        }
        let mut parts = Vec::new();
        let (mut part, mut plain) = (String::new(), true);
        let mut letters = key.chars();
        loop {
            match letters.next() {
                Some('\\') => match letters.next() {
                    Some(letter @ ('/' | '*' | '\\')) => {
                        part.push(letter);
                        plain = false;
                    }
                    Some(_) | None => return Err(LimitKeyError::Escape),
                },
                Some('/') | None if part.is_empty() => return Err(LimitKeyError::Empty),
                letter @ (Some('/') | None) => {
                    let value = std::mem::take(&mut part);
                    parts.push(if plain && value == "*" { None } else { Some(value) });
                    plain = true;
                    if letter.is_none() {
                        break;
                    }
                }
                Some(letter) => part.push(letter),
            }
        }
        if parts.len() == dimensions { Ok(Self { parts }) } else { Err(LimitKeyError::Count) }
    }

    /// It is for this: its values, in the order of `per`; more that follow do not matter.
    pub fn is_for(&self, values: &[Option<&str>]) -> bool {
        self.parts.len() <= values.len()
            && self.parts.iter().zip(values).all(|(part, value)| part.is_none() || part.as_deref() == *value)
    }

    /// The more values it names, the sooner it applies; of as many, the one that names the first.
    pub fn precedence(&self) -> (usize, Vec<bool>) {
        let named: Vec<bool> = self.parts.iter().map(Option::is_some).collect();
        (named.iter().filter(|named| **named).count(), named)
    }

    /// Its values; `None` for any.
    pub fn parts(&self) -> impl Iterator<Item = Option<&str>> {
        self.parts.iter().map(Option::as_deref)
    }
}

impl fmt::Display for LimitKey {
    /// As a policy writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [Some(single)] = self.parts.as_slice() {
            return f.pad(single);
        }
        let escaped = |value: &str| value.replace('\\', "\\\\").replace('/', "\\/").replace('*', "\\*");
        let parts: Vec<String> = self.parts().map(|part| part.map_or_else(|| "*".to_owned(), escaped)).collect();
        f.pad(&parts.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> LimitKey {
        LimitKey::parse(text, 2).unwrap()
    }

    #[test]
    fn each_value_stands_for_its_dimension() {
        let cases = [
            ("web/alice", [Some("web"), Some("alice")], true),
            ("web/alice", [Some("web"), Some("bob")], false),
            ("web/alice", [Some("alice"), Some("web")], false),
            ("web/*", [Some("web"), Some("bob")], true),
            ("web/*", [Some("web"), None], true),
            ("web/*", [None, Some("bob")], false),
            (r"release\/1/\*", [Some("release/1"), Some("*")], true),
            (r"release\/1/\*", [Some("release/1"), Some("x")], false),
            (r"a*/b\\", [Some("a*"), Some("b\\")], true),
        ];
        for (text, values, is) in cases {
            assert_eq!(key(text).is_for(&values), is, "{text} {values:?}");
            assert!(!key(text).is_for(&values[..1]), "{text}");
        }
        let branch = LimitKey::parse("release/*", 1).unwrap();
        assert!(branch.is_for(&[Some("release/*"), Some("run")]) && !branch.is_for(&[Some("release/1")]));
    }

    #[test]
    fn what_names_more_goes_before() {
        let mut keys = ["*/*", "web/alice", "*/alice", "web/*"].map(key);
        keys.sort_by_key(|key| std::cmp::Reverse(key.precedence()));
        assert_eq!(keys.map(|key| key.to_string()), ["web/alice", "web/*", "*/alice", "*/*"]);
    }

    #[test]
    fn what_names_too_few_or_too_many_says_so() {
        let cases = [
            ("web", LimitKeyError::Count),
            ("web/alice/x", LimitKeyError::Count),
            ("web/", LimitKeyError::Empty),
            ("/alice", LimitKeyError::Empty),
            ("", LimitKeyError::Empty),
            (r"web\alice", LimitKeyError::Escape),
            (r"web/alice\", LimitKeyError::Escape),
        ];
        for (text, error) in cases {
            assert_eq!(LimitKey::parse(text, 2), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_read_as_it_is_shown(parts in proptest::collection::vec("[a-z/*\\\\]{1,4}", 2..4)) {
            let key = LimitKey { parts: parts.into_iter().map(Some).collect() };
            prop_assert_eq!(LimitKey::parse(&key.to_string(), key.parts.len()), Ok(key));
        }
    }
}
