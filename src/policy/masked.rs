//! A policy's text as it may be shown: without the secrets that stand in it where none should.

use std::borrow::Cow;
use std::ops::Range;

/// Keys whose values are secrets, whatever table they stand in.
const SECRET_KEYS: [&str; 6] = ["password", "secret", "bot_token", "app_token", "token", "api_key"];

/// The same text, each secret of it as long as it was and of stars: places stay what they were. It works on what is no
/// TOML as well, since that is quoted, too.
pub(super) fn masked(text: &str) -> Cow<'_, str> {
    let secrets = secrets(text);
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for secret in secrets {
        if secret.start < shown.len() {
            continue;
        }
        shown.push_str(text.get(shown.len()..secret.start).unwrap_or_default());
        let hidden = text.get(secret).unwrap_or_default().bytes();
        shown.extend(hidden.map(|byte| if byte == b'\n' { '\n' } else { '*' }));
    }
    shown.push_str(text.get(shown.len()..).unwrap_or_default());
    Cow::Owned(shown)
}

/// Where they stand, in order.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = SECRET_KEYS.iter().flat_map(|key| values_of(text, key)).collect();
    found.extend(credentials(text));
    found.sort_by_key(|place| place.start);
    found
}

/// What is set to this key, where that is no table: tables name where a secret lies.
fn values_of<'t>(text: &'t str, key: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices(key).filter_map(move |(at, _)| {
        let before = text.get(..at)?.chars().next_back();
        let after = text.get(at + key.len()..)?;
        if before.is_some_and(is_word) || after.starts_with(is_word) {
            return None;
        }
        // The key may be quoted itself.
        let value = after.trim_start_matches(['"', '\'']).trim_start_matches([' ', '\t']).strip_prefix('=')?;
        let value = value.trim_start_matches([' ', '\t']);
        let start = text.len() - value.len();
        (!value.starts_with('{')).then(|| start..start + length(value))
    })
}

/// A value up to its end, or where none can be told, the rest of its line.
fn length(value: &str) -> usize {
    for quote in ["\"\"\"", "'''"] {
        if let Some(rest) = value.strip_prefix(quote) {
            return rest.find(quote).map_or(value.len(), |at| at + 2 * quote.len());
        }
    }
    let line = value.find('\n').unwrap_or(value.len());
    let rest = value.get(..line).unwrap_or(value);
    let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return rest.find(['#', ',', '}']).unwrap_or(rest.len());
    };
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if !escaped && c == quote {
            return at + 1;
        }
        escaped = !escaped && quote == '"' && c == '\\';
    }
    rest.len()
}

/// The user and password of addresses.
fn credentials(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    text.match_indices("://").filter_map(move |(at, marks)| {
        let start = at + marks.len();
        let rest = text.get(start..)?;
        let authority =
            rest.get(..rest.find(|c: char| c.is_whitespace() || "/?#\"'".contains(c)).unwrap_or(rest.len()))?;
        Some(start..start + authority.rfind('@')?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_left_and_nothing_moves() {
        let cases = [
            ("secret = \"hunter2\"", "secret = *********"),
            ("password='hun\"ter2' # why", "password=********** # why"),
            (
                "mail = { user = \"u\", password = \"hunter2\", to = [] }",
                "mail = { user = \"u\", password = *********, to = [] }",
            ),
            ("secret = \"hunter2", "secret = ********"),
            ("secret = hunter2 # x", "secret = ********# x"),
            ("\"secret\" = \"hun\\\"ter2\"\nnext = \"a\"", "\"secret\" = ***********\nnext = \"a\""),
            ("token = \"\"\"hun\nter\"\"\"\nb = 1", "token = ******\n******\nb = 1"),
            ("secret = \"hünter\"", "secret = *********"),
            ("url = \"https://me:word@host/p\"", "url = \"https://*******@host/p\""),
            ("secret = { env = \"NAME\" }", "secret = { env = \"NAME\" }"),
            ("secrets = \"not one\"", "secrets = \"not one\""),
            ("model = \"a\"", "model = \"a\""),
        ];
        for (text, wanted) in cases {
            let shown = masked(text);
            assert_eq!(shown, wanted);
            assert_eq!(shown.len(), text.len(), "{text}");
        }
    }
}
