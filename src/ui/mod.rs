//! The terminal: tables, colour, prompts.

pub mod answer;
pub mod board;
mod foreign_output;
pub mod layout;
pub mod notice;
pub mod progress;
pub mod prompt;
pub mod top;

#[cfg(test)]
pub(crate) mod tests;

use std::io::{IsTerminal, Write};

use crate::report::Page;
use crate::report::page::Table;

/// How wide a page may be where nobody says.
const UNKNOWN_WIDTH: usize = 120;
/// Narrower is taken for a mistake.
const LEAST_WIDTH: usize = 40;

/// govern's own words while stdout belongs to the child. Nobody reading is no reason to fail.
pub fn to_stderr(text: &str) {
    let mut err = std::io::stderr().lock();
    // A name out of a cloned repository may hold controls by which some terminals take orders.
    let text = text.replace(|c| matches!(c, '\u{80}'..='\u{9f}'), "\u{fffd}");
    let _unread = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// How a page is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// In columns of the screen.
    pub width: usize,
    /// Escape sequences may be used.
    pub colour: bool,
}

impl Layout {
    /// Without colour.
    pub const fn plain(width: usize) -> Self {
        Self { width, colour: false }
    }

    /// As standard output wants it.
    pub fn stdout() -> Self {
        Self::of(std::io::stdout().is_terminal(), false)
    }

    /// As standard error wants it.
    pub fn stderr() -> Self {
        Self::of(std::io::stderr().is_terminal(), true)
    }

    /// As a question at the controlling terminal wants it, wherever the streams lead.
    pub fn terminal() -> Self {
        Self::of(true, true)
    }

    fn of(terminal: bool, stderr: bool) -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let told = variable("COLUMNS").and_then(|columns| columns.parse::<usize>().ok());
        let mut probe = comfy_table::Table::new();
        if stderr {
            probe.use_stderr();
        }
        let width = probe.width().map(usize::from).filter(|width| *width > 0).or(told).unwrap_or(UNKNOWN_WIDTH);
        let colour = wants_colour(
            terminal,
            variable("NO_COLOR").as_deref(),
            variable("CLICOLOR_FORCE").as_deref(),
            variable("TERM").as_deref(),
        );
        Self { width: width.max(LEAST_WIDTH), colour }
    }

    /// A table's rows as lines, without its head.
    pub fn rows(&self, table: &Table) -> Vec<String> {
        layout::rows(table, *self)
    }

    /// How a line of one of several begins that share a screen: all as wide, each in a colour of its own.
    pub fn prefix(&self, name: &str, all: &[&str]) -> String {
        layout::prefix(name, all, *self)
    }

    /// The page as text, each line ended.
    pub fn render(&self, page: &Page) -> String {
        layout::render(page, *self)
    }
}

/// `NO_COLOR` wins (no-color.org), then `CLICOLOR_FORCE`, then whether there is a terminal that can.
fn wants_colour(terminal: bool, no_color: Option<&str>, force: Option<&str>, term: Option<&str>) -> bool {
    if no_color.is_some() {
        return false;
    }
    force.is_some_and(|force| force != "0") || (terminal && term != Some("dumb"))
}
