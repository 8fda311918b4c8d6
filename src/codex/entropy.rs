//! Keys of no known shape: long words that look as if chance had made them.
//!
//! A word of a language, also of one made of words (`AbstractFactoryBean`, `my-app-v2`), is told from a made-up one by its
//! pairs of letters: nine of ten pairs in words are among 230 of the 676 that there are, and a third of a random key's.
//! Hashes, which are as random, stay readable: hexadecimal numbers as long as hashes are, and what stands behind a word
//! such as `sha512-`.

/// Shorter ones are left alone, in letters and digits.
const SHORTEST: usize = 20;

/// So long must a random key be that has signs in it.
const SHORTEST_WITH_SIGNS: usize = 24;

/// Parts that are shorter tell nothing.
const PART: usize = 8;

/// By first letter, the second letters of the pairs that words are made of: 90 % of those in the documentation and code of
/// this project and of some 300 others.
const PAIRS: [&str; 26] = [
    "bcdgiklmnprstuvy",
    "aeilorsu",
    "acehiklortu",
    "adeilorsu",
    "abcdefgilmnprstvwx",
    "aefiloru",
    "aehinorsu",
    "aeior",
    "abcdefglmnoprstvz",
    "",
    "aeis",
    "adeilostuy",
    "abeimopsu",
    "acdefgiknostuv",
    "bcdfgilmnoprstuvw",
    "aehiloprstu",
    "u",
    "acdegiklmnorstuy",
    "acehilopstuy",
    "acehilorstuy",
    "abceilmnprst",
    "aei",
    "aei",
    "ep",
    "ps",
    "e",
];

/// Words before a random text that say that it is none of a person's secrets.
const HASHES: &[&str] = &[
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "md5",
    "h1",
    "hash",
    "digest",
    "checksum",
    "fingerprint",
    "integrity",
    "etag",
    "rev",
    "commit",
    "base64",
];

/// Beginnings of ids and of public keys.
const PUBLIC: &[&str] = &[
    "AAAAB3", "AAAAC3", "AAAAE2", "resp_", "call_", "msg_", "fc_", "rs_", "req_", "run_", "thread_", "file_", "toolu_",
];

/// Where in the text such keys stand, in bytes, from the first to the last.
pub(super) fn keys(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut rest = 0;
    while let Some((start, end)) = next_run(text, rest) {
        rest = end;
        let run = text.get(start..end).unwrap_or_default();
        if run.len() < SHORTEST || is_address(text, start) || is_hash(text.get(..start).unwrap_or_default()) {
            continue;
        }
        found.extend(pieces(run).into_iter().filter(|(_, piece)| is_key(piece)).map(|(at, piece)| {
            let begin = start + at;
            let dashes = piece.len() - piece.trim_start_matches('-').len();
            (begin + dashes, begin + piece.len())
        }));
    }
    found
}

/// The next run of characters that keys are made of, from this byte on.
fn next_run(text: &str, from: usize) -> Option<(usize, usize)> {
    let is_of_key = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-' | b'=');
    let bytes = text.as_bytes();
    let start = from + bytes.get(from..)?.iter().position(is_of_key)?;
    let length = bytes.get(start..)?.iter().position(|byte| !is_of_key(byte));
    Some((start, length.map_or(bytes.len(), |length| start + length)))
}

/// It stands in a URL, or is a path from a folder that is named.
fn is_address(text: &str, start: usize) -> bool {
    let before = text.get(..start).unwrap_or_default();
    let word =
        before.rsplit(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '(')).next().unwrap_or_default();
    let run = text.get(start..).unwrap_or_default();
    let is_path = run.starts_with('/') && (word.is_empty() || word.ends_with(['.', '~', '$', '}', ':']));
    word.contains("://") || (word.ends_with(':') && run.starts_with("//")) || is_path
}

/// What stands before it says that a hash follows.
fn is_hash(before: &str) -> bool {
    let before = before.trim_end_matches(['"', '\'', ' ', ':', '=', ',']);
    let word = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    word.len() <= 12 && HASHES.contains(&word.to_ascii_lowercase().as_str())
}

/// A run without the names of its values (`NAME=value`), and a path as its parts.
fn pieces(run: &str) -> Vec<(usize, &str)> {
    let mut pieces = Vec::new();
    let mut at = 0;
    let padding = run.trim_end_matches('=').len();
    let parts = run.get(..padding).unwrap_or(run).split('=');
    let mut hashed = false;
    for part in parts {
        let begin = at;
        at += part.len() + 1;
        let is_digest = hashed || part.split_once('-').is_some_and(|(name, _)| is_hash(name));
        hashed = is_hash(part);
        if is_digest {
            continue;
        }
        let known = |part: &str| part.split('/').filter(|part| odd(part) == 0).map(str::len).sum::<usize>();
        if part.contains('/') && (part.starts_with('/') || known(part) * 2 > part.len()) {
            let mut inner = begin;
            for segment in part.split('/') {
                pieces.push((inner, segment));
                inner += segment.len() + 1;
            }
        } else {
            pieces.push((begin, part));
        }
    }
    pieces
}

/// Chance seems to have made it, and it is no hash and no id.
fn is_key(piece: &str) -> bool {
    let word = piece.trim_matches(['-', '_', '+', '/']);
    if word.len() < SHORTEST || PUBLIC.iter().any(|known| word.starts_with(known)) || is_ulid(word) || is_in_order(word)
    {
        return false;
    }
    let odd: usize = word.split(is_sign).map(odd).sum();
    (odd >= SHORTEST || is_scattered(word)) && is_varied(word) && !is_text(word)
}

fn is_sign(c: char) -> bool {
    !c.is_ascii_alphanumeric()
}

/// How much of a part without signs looks random: all of it, or nothing.
fn odd(part: &str) -> usize {
    let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
    if part.len() < PART || is_number || is_hexadecimal(part) || is_in_order(part) {
        return 0;
    }
    let Tally { pairs, known, changes, letters, one_case } = Tally::of(part);
    let is_mixed = changes >= 4 && changes * 6 >= part.len();
    // Words of another language than these may have other pairs.
    let least = if letters == part.len() && one_case { 50 } else { 62 };
    let is_strange = pairs >= 6 && known * 100 < pairs * least;
    if is_mixed || is_strange { part.len() } else { 0 }
}

/// A number as long as a hash, or a part of one.
fn is_hexadecimal(part: &str) -> bool {
    let lower = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let upper = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    (lower || upper) && (part.len() <= 40 || matches!(part.len(), 56 | 64 | 96 | 128))
}

/// An alphabet, or the same sign again and again.
fn is_in_order(part: &str) -> bool {
    let lower = part.to_ascii_lowercase();
    let rises = lower.bytes().zip(lower.bytes().skip(1)).filter(|(one, next)| next >= one).count();
    rises * 20 >= part.len().saturating_sub(1) * 17
}

/// What a word is made of.
#[derive(Default)]
struct Tally {
    /// Letters beside letters, but for an upper one behind a lower one, where a word begins.
    pairs: usize,
    /// Of those, the ones that words are made of.
    known: usize,
    /// From letters to digits or signs and back.
    changes: usize,
    letters: usize,
    /// No letter but the first differs in case from the last.
    one_case: bool,
}

impl Tally {
    fn of(word: &str) -> Self {
        let bytes = word.as_bytes();
        let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
        let rest = bytes.get(1..).unwrap_or_default();
        let one_case = !(rest.iter().any(u8::is_ascii_lowercase) && rest.iter().any(u8::is_ascii_uppercase));
        let mut tally = Self { letters, one_case, ..Self::default() };
        for (one, next) in bytes.iter().zip(rest) {
            if one.is_ascii_alphabetic() != next.is_ascii_alphabetic() {
                tally.changes += 1;
            } else if one.is_ascii_alphabetic() && !(one.is_ascii_lowercase() && next.is_ascii_uppercase()) {
                tally.pairs += 1;
                tally.known += usize::from(is_known(*one, *next));
            }
        }
        tally
    }
}

fn is_known(one: u8, next: u8) -> bool {
    let place = usize::from(one.to_ascii_lowercase().wrapping_sub(b'a'));
    PAIRS.get(place).is_some_and(|seconds| seconds.bytes().any(|second| second == next.to_ascii_lowercase()))
}

/// Signs divide it into short parts: it has letters of both cases and digits, few signs, and strange pairs.
fn is_scattered(word: &str) -> bool {
    let signs = word.chars().filter(|c| is_sign(*c)).count();
    let has = |is: fn(&u8) -> bool| word.as_bytes().iter().any(is);
    let all = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    let Tally { pairs, known, .. } = Tally::of(word);
    word.len() >= SHORTEST_WITH_SIGNS && signs * 6 <= word.len() && all && pairs >= 6 && known * 100 < pairs * 56
}

/// It has so many different characters that 3.3 bits or more are in each.
fn is_varied(word: &str) -> bool {
    let mut counts = [0_u32; 128];
    for byte in word.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let length = f64::from(u32::try_from(word.len()).unwrap_or(u32::MAX));
    let share = |count: u32| f64::from(count) / length;
    let bits: f64 = counts.iter().filter(|count| **count > 0).map(|count| -share(*count) * share(*count).log2()).sum();
    bits >= 3.3
}

/// 26 signs of Crockford's base32, a time first.
fn is_ulid(word: &str) -> bool {
    let is_of_it = |byte: u8| byte.is_ascii_digit() || (byte.is_ascii_uppercase() && !b"ILOU".contains(&byte));
    word.len() == 26 && word.starts_with('0') && word.bytes().all(is_of_it)
}

/// It is text in base64.
fn is_text(word: &str) -> bool {
    let digit = |byte: u8| {
        Some(u32::from(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        }))
    };
    let is_printed = |byte: u32| matches!(byte, 9 | 10 | 13 | 32..=126);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in word.bytes() {
        let Some(value) = digit(byte) else { return false };
        bits = (bits << 6) | value;
        held += 6;
        if held >= 8 {
            held -= 8;
            if !is_printed((bits >> held) & 0xff) {
                return false;
            }
            bits &= (1 << held) - 1;
        }
    }
    true
}

#[cfg(test)]
mod tests;
