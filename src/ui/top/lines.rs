//! Pages as lines of a full screen: the same columns and words as everywhere, in styles in the place of escapes.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::report::Page;
use crate::report::page::{Align, Block, Cell, Column, Item, Table, Tone};
use crate::ui::layout::{GAP, elided, fitted, keys_above, without_spare_columns, wrapped};

/// How a tone looks; without colour all look alike.
pub(super) fn style(tone: Tone, colour: bool) -> Style {
    let plain = Style::new();
    if !colour {
        return plain;
    }
    match tone {
        Tone::Plain => plain,
        Tone::Quiet => plain.add_modifier(Modifier::DIM),
        Tone::Strong => plain.add_modifier(Modifier::BOLD),
        Tone::Good => plain.fg(Color::Green),
        Tone::Warn => plain.fg(Color::Yellow),
        Tone::Bad => plain.fg(Color::Red).add_modifier(Modifier::BOLD),
    }
}

/// A page, from top to bottom.
pub(super) fn page(page: &Page, width: usize, colour: bool) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (place, block) in page.blocks.iter().enumerate() {
        if place > 0 && matches!(block, Block::Title(_)) {
            lines.push(Line::default());
        }
        match block {
            Block::Title(title) => {
                lines.extend(
                    wrapped(title, width).into_iter().map(|text| Line::styled(text, style(Tone::Strong, colour))),
                );
            }
            Block::Table(drawn) => lines.extend(table(drawn, width, colour)),
            Block::List(items) => lines.extend(list(items, width, colour)),
            Block::Command(line) => lines.push(Line::raw(format!("    {line}"))),
        }
    }
    lines
}

/// A table with its head: each row is one line, with its keys in lines above where they have no room in it.
pub(super) fn table(table: &Table, width: usize, colour: bool) -> Vec<Line<'static>> {
    let table = without_spare_columns(table, width);
    let widths = fitted(&table, width);
    let line = |cells: &[Cell], above: bool| {
        let shown = cells.iter().zip(table.columns.iter().zip(&widths)).filter(|(_, (_, width))| **width > 0);
        let spans = shown.enumerate().flat_map(|(place, (cell, (column, width)))| {
            let gap = Span::raw(" ".repeat(if place == 0 { 0 } else { GAP }));
            let text = if above && column.key { "" } else { &cell.text };
            let (before, text, after) = placed(text, column, *width);
            [gap, Span::raw(before), Span::styled(text, style(cell.tone, colour)), Span::raw(after)]
        });
        Line::from_iter(spans.filter(|span| !span.content.is_empty()))
    };
    let head: Vec<Cell> = table.columns.iter().map(|column| Cell::toned(&column.title, Tone::Quiet)).collect();
    let rows = std::iter::once(&head).chain(&table.rows).chain(&table.totals);
    rows.flat_map(|cells| {
        let above = keys_above(&table, cells, &widths, width);
        let row = line(cells, !above.is_empty());
        let styled = |(text, tone)| Span::styled(text, style(tone, colour));
        let above: Vec<Line<'static>> =
            above.into_iter().map(|parts| Line::from_iter(parts.into_iter().map(styled))).collect();
        above.into_iter().chain([row])
    })
    .collect()
}

/// The text at its side of the column, and the blanks at both.
fn placed(text: &str, column: &Column, width: usize) -> (String, String, String) {
    let text = elided(text, width);
    let blank = " ".repeat(width.saturating_sub(text.width()));
    match column.align {
        Align::Left => (String::new(), text, blank),
        Align::Right => (blank, text, String::new()),
    }
}

/// Leads below one another, sentences broken between words.
pub(super) fn list(items: &[Item], width: usize, colour: bool) -> Vec<Line<'static>> {
    let lead = items.iter().map(|item| item.lead.width()).max().unwrap_or(0);
    let indent = if lead == 0 { 0 } else { lead + GAP };
    let mut lines = Vec::new();
    for item in items {
        for (place, text) in wrapped(&item.text, width.saturating_sub(indent).max(20)).into_iter().enumerate() {
            let before = if place == 0 { item.lead.clone() } else { String::new() };
            let gap = " ".repeat(indent.saturating_sub(before.width()));
            let tone = style(item.tone, colour);
            let text = if lead == 0 { Span::styled(text, tone) } else { Span::raw(text) };
            let spans = [Span::styled(before, tone), Span::raw(gap), text];
            lines.push(Line::from_iter(spans.into_iter().filter(|span| !span.content.is_empty())));
        }
    }
    lines
}
