//! Patterns on commands, and whether one may match what is only partly known.

use std::fmt;

use crate::shell::Piece;

/// A pattern on a command's words joined by single spaces: `*` stands for anything, `?` for one character,
/// everything else for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandPattern {
    written: String,
    tokens: Vec<Token>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Character(char),
    One,
    Any,
}

impl CommandPattern {
    /// Reads a pattern; white space between words counts as one space.
    pub fn new(text: &str) -> Self {
        let written = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let tokens = written
            .chars()
            .map(|c| match c {
                '*' => Token::Any,
                '?' => Token::One,
                other => Token::Character(other),
            })
            .collect();
        Self { written, tokens }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Matches every command there is.
    pub fn matches_all(&self) -> bool {
        !self.tokens.is_empty() && self.tokens.iter().all(|token| *token == Token::Any)
    }

    /// There is a command that both patterns match.
    pub fn meets(&self, other: &Self) -> bool {
        let piece = |token: &Token| match token {
            Token::Character(c) => Piece::Character(*c),
            Token::One | Token::Any => Piece::Unknown,
        };
        self.may_match(&other.tokens.iter().map(piece).collect::<Vec<_>>())
    }

    /// Every command that the other pattern matches, this one does: its `*` stands for what only a `*` takes in. (Of two
    /// that say the same in unlike ways not all are found.)
    pub fn covers(&self, other: &Self) -> bool {
        let mut places = vec![false; self.tokens.len() + 1];
        if let Some(first) = places.first_mut() {
            *first = true;
        }
        self.skip_any(&mut places);
        for token in &other.tokens {
            places = match token {
                Token::Character(c) => self.step(&places, *c),
                Token::One => self.step_over(&places, true),
                Token::Any => self.step_over(&places, false),
            };
            self.skip_any(&mut places);
        }
        places.last() == Some(&true)
    }

    /// The places after what only `*` takes in, or `?` as well where it is `one` character.
    fn step_over(&self, places: &[bool], one: bool) -> Vec<bool> {
        let mut next = vec![false; places.len()];
        for (index, token) in self.tokens.iter().enumerate().filter(|(index, _)| places.get(*index) == Some(&true)) {
            let to = match token {
                Token::Any => index,
                Token::One if one => index + 1,
                Token::One | Token::Character(_) => continue,
            };
            if let Some(place) = next.get_mut(to) {
                *place = true;
            }
        }
        next
    }

    /// Some text that the pieces may stand for matches. Both sides may hold gaps: this follows all ways at once
    /// to fill them, a set of places in the pattern for each piece.
    pub(super) fn may_match(&self, pieces: &[Piece]) -> bool {
        let mut places = vec![false; self.tokens.len() + 1];
        if let Some(first) = places.first_mut() {
            *first = true;
        }
        self.skip_any(&mut places);
        for piece in pieces {
            places = match piece {
                Piece::Unknown => reach_on(&places),
                Piece::Within => self.within(&places),
                Piece::Character(c) => self.step(&places, *c),
            };
            self.skip_any(&mut places);
            if !places.contains(&true) {
                return false;
            }
        }
        places.last() == Some(&true)
    }

    /// From a place before `*`, the place behind it is reached for nothing.
    fn skip_any(&self, places: &mut [bool]) {
        let mut reached = false;
        for (place, token) in places.iter_mut().zip(self.tokens.iter().map(Some).chain([None])) {
            *place |= reached;
            reached = *place && token == Some(&Token::Any);
        }
    }

    /// The places after any text without a space.
    fn within(&self, places: &[bool]) -> Vec<bool> {
        let mut next = places.to_vec();
        for (index, token) in self.tokens.iter().enumerate() {
            let reached = next.get(index) == Some(&true) && *token != Token::Character(' ');
            if let Some(place) = next.get_mut(index + 1).filter(|_| reached) {
                *place = true;
            }
        }
        next
    }

    /// The places after one character.
    fn step(&self, places: &[bool], c: char) -> Vec<bool> {
        let mut next = vec![false; places.len()];
        for (index, token) in self.tokens.iter().enumerate() {
            if places.get(index) != Some(&true) {
                continue;
            }
            let to = match token {
                Token::Any => index,
                Token::One => index + 1,
                Token::Character(own) if *own == c => index + 1,
                Token::Character(_) => continue,
            };
            if let Some(place) = next.get_mut(to) {
                *place = true;
            }
        }
        next
    }
}

/// An unknown piece may stand for any part of the pattern that follows.
fn reach_on(places: &[bool]) -> Vec<bool> {
    let first = places.iter().position(|place| *place).unwrap_or(places.len());
    (0..places.len()).map(|index| index >= first).collect()
}

impl fmt::Display for CommandPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `⊤` stands for what is not known.
    fn pieces(text: &str) -> Vec<Piece> {
        text.chars().map(|c| if c == '⊤' { Piece::Unknown } else { Piece::Character(c) }).collect()
    }

    fn may_match(pattern: &str, text: &str) -> bool {
        CommandPattern::new(pattern).may_match(&pieces(text))
    }

    #[test]
    fn patterns_match_the_whole_of_a_command() {
        for (pattern, text, matches) in [
            ("git push*", "git push", true),
            ("git push*", "git push origin main", true),
            ("git  push *", "git push", false),
            ("git push", "git push origin", false),
            ("git push*", "echo git push", false),
            ("*push*", "git push", true),
            ("git p?sh", "git push", true),
            ("rm -rf /", "rm -rf /", true),
            ("a[b]", "a[b]", true),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(may_match(pattern, text), matches, "{pattern} on {text}");
        }
    }

    #[test]
    fn what_is_not_known_may_be_what_the_pattern_wants_and_no_more() {
        for (pattern, text, matches) in [
            ("git push*", "⊤", true),
            ("git push*", "git⊤", true),
            ("git push*", "⊤ push", true),
            ("git push*", "git⊤push", true),
            ("git push*", "git commit -m ⊤", false),
            ("git push*", "ls ⊤", false),
            ("rm * /etc*", "rm -rf ⊤", true),
            ("git push --force*", "git push⊤", true),
            ("git push", "git push⊤x", false),
        ] {
            assert_eq!(may_match(pattern, text), matches, "{pattern} on {text}");
        }
    }

    #[test]
    fn patterns_meet_where_one_command_matches_both() {
        let meet = |one: &str, other: &str| CommandPattern::new(one).meets(&CommandPattern::new(other));
        assert!(meet("git push*", "git push --dry-run*") && meet("git push*", "*--dry-run*") && meet("a*", "?b"));
        assert!(!meet("git push*", "npm publish*") && !meet("git push", "git push --dry-run*"));
    }

    #[test]
    fn a_pattern_covers_what_says_more() {
        let covers = |one: &str, other: &str| CommandPattern::new(one).covers(&CommandPattern::new(other));
        assert!(covers("git push*", "git push --force*") && covers("*", "a?*") && covers("a?c", "abc"));
        assert!(covers("git *", "git push*") && covers("git push*", "git push*"));
        assert!(!covers("git push --dry-run*", "git push*") && !covers("a?", "a*") && !covers("abc", "a?c"));
    }

    proptest! {
        #[test]
        fn what_a_covered_pattern_matches_the_other_does(
            one in "[ab*?]{0,6}", other in "[ab*?]{0,6}", text in "[ab]{0,8}"
        ) {
            let (one, other) = (CommandPattern::new(&one), CommandPattern::new(&other));
            let matches = |pattern: &CommandPattern| pattern.may_match(&pieces(&text));
            prop_assert!(!one.covers(&other) || !matches(&other) || matches(&one));
        }

        /// Whatever stood in the gap, a match of the whole is found in the text with the gap.
        #[test]
        fn hiding_a_part_never_hides_a_match(
            pattern in "[ab*? ]{0,8}", text in "[ab ]{0,8}", from in 0_usize..9, length in 0_usize..9
        ) {
            let from = from.min(text.len());
            let to = (from + length).min(text.len());
            let hidden = format!("{}⊤{}", &text[..from], &text[to..]);
            prop_assert!(!may_match(&pattern, &text) || may_match(&pattern, &hidden));
        }

        #[test]
        fn without_gaps_it_is_what_a_regular_expression_says(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let expression = format!("^{}$", pattern.replace('*', ".*").replace('?', "."));
            let expected = regex::Regex::new(&expression).unwrap().is_match(&text);
            prop_assert_eq!(may_match(&pattern, &text), expected);
        }
    }
}
