//! Line ends and a byte order mark, kept while a text is edited by what knows neither.

/// What some editors put before a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Edits a text as if it had plain line feeds and no byte order mark. Each line that stays keeps its own end; new ones
/// get the one that most lines have.
pub(super) fn kept<E>(text: &str, edit: impl FnOnce(&str) -> Result<String, E>) -> Result<String, E> {
    let (mark, rest) = match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => (&text[..BYTE_ORDER_MARK.len_utf8()], rest),
        None => ("", text),
    };
    let plain = rest.replace("\r\n", "\n");
    let edited = edit(&plain)?;
    if plain.len() == rest.len() {
        return Ok(format!("{mark}{edited}"));
    }
    let returns = rest.matches("\r\n").count();
    let most = if returns * 2 > rest.matches('\n').count() { "\r\n" } else { "\n" };
    let before: Vec<&str> = rest.split_inclusive('\n').collect();
    let after: Vec<&str> = edited.split_inclusive('\n').collect();
    let stayed = stayed(&before, &after);
    let mut whole = mark.to_owned();
    for (line, from) in after.iter().zip(stayed) {
        match (from.and_then(|from| before.get(from)), line.strip_suffix('\n')) {
            (Some(original), _) => whole.push_str(original),
            (None, Some(new)) => whole.extend([new, most]),
            (None, None) => whole.push_str(line),
        }
    }
    Ok(whole)
}

/// For each line of `after` the place in `before` that it comes from.
fn stayed(before: &[&str], after: &[&str]) -> Vec<Option<usize>> {
    let same = |(a, b): &(&&str, &&str)| is_same(a, b);
    let first = before.iter().zip(after).take_while(same).count();
    let (rest_before, rest_after) = (before.get(first..).unwrap_or_default(), after.get(first..).unwrap_or_default());
    let last = rest_before.iter().rev().zip(rest_after.iter().rev()).take_while(same).count();
    let middle = |lines: &[&str]| lines.len().saturating_sub(last);
    let (end_before, end_after) = (middle(rest_before), middle(rest_after));
    let between =
        in_common(rest_before.get(..end_before).unwrap_or_default(), rest_after.get(..end_after).unwrap_or_default());
    let mut from: Vec<Option<usize>> = (0..first).map(Some).collect();
    from.extend(between.into_iter().map(|place| place.map(|place| place + first)));
    from.extend((first + end_before..before.len()).map(Some));
    from
}

fn is_same(one: &str, other: &str) -> bool {
    one.trim_end_matches(['\r', '\n']) == other.trim_end_matches(['\r', '\n'])
}

/// The same by the longest that both have in common.
fn in_common(before: &[&str], after: &[&str]) -> Vec<Option<usize>> {
    let same = |a: usize, b: usize| before.get(a).zip(after.get(b)).is_some_and(|(a, b)| is_same(a, b));
    let width = after.len() + 1;
    let mut longest = vec![0_u32; (before.len() + 1) * width];
    let at = |a: usize, b: usize| a * width + b;
    let read = |longest: &[u32], a: usize, b: usize| longest.get(at(a, b)).copied().unwrap_or(0);
    for a in (0..before.len()).rev() {
        for b in (0..after.len()).rev() {
            let length = match same(a, b) {
                true => read(&longest, a + 1, b + 1) + 1,
                false => read(&longest, a + 1, b).max(read(&longest, a, b + 1)),
            };
            if let Some(place) = longest.get_mut(at(a, b)) {
                *place = length;
            }
        }
    }
    let (mut a, mut b) = (0, 0);
    let mut from = Vec::with_capacity(after.len());
    while b < after.len() {
        if same(a, b) {
            from.push(Some(a));
            (a, b) = (a + 1, b + 1);
        } else if a < before.len() && read(&longest, a + 1, b) >= read(&longest, a, b + 1) {
            a += 1;
        } else {
            from.push(None);
            b += 1;
        }
    }
    from
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn edited(text: &str, edit: impl FnOnce(&str) -> String) -> String {
        kept(text, |plain| Ok::<_, Infallible>(edit(plain))).unwrap()
    }

    #[test]
    fn lines_that_stay_keep_their_ends_and_new_ones_get_the_usual_one() {
        for (before, after) in [
            ("a\r\nb\r\n", "a\r\nnew\r\nb\r\n"),
            ("a\nb\r\nc\r\n", "a\nnew\r\nb\r\nc\r\n"),
            ("a\r\nb\nc\n", "a\r\nnew\nb\nc\n"),
            ("\u{feff}a\r\nb", "\u{feff}a\r\nnew\r\nb"),
            ("\u{feff}a\nb\n", "\u{feff}a\nnew\nb\n"),
        ] {
            let put_in = |plain: &str| {
                assert!(!plain.contains(['\r', '\u{feff}']), "{plain:?}");
                plain.replacen("a\n", "a\nnew\n", 1)
            };
            let with = edited(before, put_in);
            assert_eq!(with, after);
            assert_eq!(edited(&with, |plain| plain.replacen("new\n", "", 1)), before, "taken out again");
        }
    }
}
