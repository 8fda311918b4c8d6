//! What is about to change in a file, line by line.

/// Lines that stay, shown before and after those that change.
const AROUND: usize = 2;

/// The change from one text to another: `-` before a line that goes, `+` before one that comes, a space before one that
/// stays; `…` for what is not shown. Empty where nothing changes.
pub fn lines(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let mut all: Vec<(char, &str)> = Vec::new();
    for step in steps(&old, &new) {
        all.push(step);
    }
    let near = |at: usize| {
        let from = at.saturating_sub(AROUND);
        all.iter().skip(from).take(at - from + AROUND + 1).any(|(sign, _)| *sign != ' ')
    };
    let mut shown = Vec::new();
    let mut left_out = false;
    for (at, (sign, line)) in all.iter().enumerate() {
        if near(at) {
            shown.push(format!("{sign} {line}").trim_end().to_owned());
            left_out = false;
        } else if !std::mem::replace(&mut left_out, true) {
            shown.push("…".to_owned());
        }
    }
    if all.iter().all(|(sign, _)| *sign == ' ') { Vec::new() } else { shown }
}

/// The shortest way from one to the other, by their longest common subsequence.
fn steps<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    let same_start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (old.get(same_start..).unwrap_or_default(), new.get(same_start..).unwrap_or_default());
    let same_end = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let old_mid = old_rest.get(..old_rest.len() - same_end).unwrap_or_default();
    let new_mid = new_rest.get(..new_rest.len() - same_end).unwrap_or_default();
    let mut steps: Vec<(char, &str)> = old.iter().take(same_start).map(|line| (' ', *line)).collect();
    // lengths[i][j]: of the longest common subsequence of what follows i and j.
    let mut lengths = vec![vec![0_usize; new_mid.len() + 1]; old_mid.len() + 1];
    let at = |lengths: &[Vec<usize>], i: usize, j: usize| -> usize {
        lengths.get(i).and_then(|row| row.get(j)).copied().unwrap_or_default()
    };
    for i in (0..old_mid.len()).rev() {
        for j in (0..new_mid.len()).rev() {
            let longest = if old_mid.get(i) == new_mid.get(j) {
                at(&lengths, i + 1, j + 1) + 1
            } else {
                at(&lengths, i + 1, j).max(at(&lengths, i, j + 1))
            };
            if let Some(cell) = lengths.get_mut(i).and_then(|row| row.get_mut(j)) {
                *cell = longest;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old_mid.len() || j < new_mid.len() {
        match (old_mid.get(i), new_mid.get(j)) {
            (Some(line), Some(other)) if line == other => {
                steps.push((' ', line));
                (i, j) = (i + 1, j + 1);
            }
            (Some(line), other) if other.is_none() || at(&lengths, i + 1, j) >= at(&lengths, i, j + 1) => {
                steps.push(('-', line));
                i += 1;
            }
            (_, Some(line)) => {
                steps.push(('+', line));
                j += 1;
            }
            (_, None) => break,
        }
    }
    steps.extend(old_rest.iter().skip(old_rest.len() - same_end).map(|line| (' ', *line)));
    steps
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn what_goes_and_what_comes_is_shown_with_a_little_of_what_stays() {
        for (before, after, shown) in [
            ("a\nb\n", "a\nb\n", ""),
            ("", "a\n", "+ a"),
            ("a\n", "", "- a"),
            ("1\n2\n3\n4\n5\n6\n7\n", "1\n2\n3\nx\n4\n5\n6\n7\n", "…|  2|  3|+ x|  4|  5|…"),
            ("a\nb\nc\n", "a\nx\nc\n", "  a|- b|+ x|  c"),
            ("a\nb\nc\nd\n", "b\nx\nd\n", "- a|  b|- c|+ x|  d"),
        ] {
            assert_eq!(lines(before, after).join("|"), shown, "{before:?} {after:?}");
        }
    }
}
