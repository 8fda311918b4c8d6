//! Whether a command line is one that a gate means: patterns against what the reader of bash has found.
//!
//! What only the shell will know is a gap in a command, and a pattern matches if *any* way to fill the gaps does. What
//! cannot be read at all is one gap, which every pattern matches.

mod argument;
mod pattern;
#[cfg(test)]
mod tests;

use crate::shell::{Command, Reading};
pub use argument::{ArgumentPattern, ArgumentSet};
pub use pattern::CommandPattern;

/// Commands that are let past: those that match one of the patterns, and have the arguments of one of the sets; where there
/// are none of either, whatever they are, or have.
#[derive(Clone, Copy, Debug)]
pub struct Exceptions<'a> {
    /// Patterns on the command.
    pub commands: &'a [CommandPattern],
    /// Arguments that it surely has.
    pub arguments: &'a [ArgumentSet],
}

impl Exceptions<'_> {
    /// None at all.
    pub fn are_none(self) -> bool {
        self.commands.is_empty() && self.arguments.is_empty()
    }

    fn has(self, command: &Command) -> bool {
        let is = |pattern: &CommandPattern| may_match(command, pattern);
        let with = |set: &ArgumentSet| set.surely_matches(command.arguments());
        !self.are_none()
            && (self.commands.is_empty() || self.commands.iter().any(is))
            && (self.arguments.is_empty() || self.arguments.iter().any(with))
    }
}

/// Why the command line is one that is meant by `wanted` and not by `except`, for a person; `None` if it is not.
/// It is meant if *any* of its commands may match a pattern of `wanted` (all do, where that is empty), has the arguments
/// of a set, and is none of `except`. These only count where the whole line is understood.
pub fn because(
    reading: &Reading,
    wanted: &[CommandPattern],
    arguments: &[ArgumentSet],
    except: Exceptions<'_>,
) -> Option<String> {
    let is_clear = reading.doubts().is_empty()
        && reading.commands().iter().all(|command| command.is_known() || command.is_carried());
    let mut found: Option<(bool, String)> = None;
    for command in reading.commands() {
        let pattern = wanted.iter().find(|pattern| may_match(command, pattern));
        let is_meant =
            if wanted.is_empty() { !command.only_starts() && !command.is_carried() } else { pattern.is_some() };
        let is_excepted = is_clear && except.has(command);
        let set = arguments.iter().find(|set| set.may_match(command.arguments()));
        let is_meant = is_meant && (arguments.is_empty() || set.is_some());
        if is_meant && !is_excepted {
            let known = command.is_known() && !command.is_carried();
            // What is certain says more than what may be.
            if found.as_ref().is_none_or(|(certain, _)| known && !certain) {
                let with = set.filter(|_| command.unreadable().is_none()).map(|set| format!(" with `{set}`"));
                found = Some((known, in_words(command, pattern) + &with.unwrap_or_default()));
            }
        }
    }
    let doubt = || reading.doubts().first().filter(|_| wanted.is_empty()).cloned();
    found.map(|(_, because)| because).or_else(doubt)
}

fn may_match(command: &Command, pattern: &CommandPattern) -> bool {
    command.forms().any(|form| pattern.may_match(form))
}

fn in_words(command: &Command, pattern: Option<&CommandPattern>) -> String {
    match (command.unreadable(), pattern) {
        (Some(why), Some(pattern)) => format!("{why}: it may be `{pattern}`"),
        (Some(why), None) => why.to_owned(),
        (None, Some(pattern)) if command.is_carried() => {
            format!("`{}`, which a program that is not known is given, matches `{pattern}`", command.shown())
        }
        (None, Some(pattern)) if command.is_known() => format!("`{}` matches `{pattern}`", command.shown()),
        (None, Some(pattern)) => format!("`{}` may be `{pattern}`", command.shown()),
        (None, None) => format!("`{}`", command.shown()),
    }
}
