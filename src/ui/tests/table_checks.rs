//! What holds of every table on every screen; the tests of pages ask it.

use unicode_width::UnicodeWidthStr;

use crate::report::Page;
use crate::report::page::{Block, Column, Table};
use crate::ui::Layout;

/// No line of the page's tables is wider than the screen, at 60, 80 and 100 columns, and every key stands there whole.
#[track_caller]
pub(crate) fn tables_are_readable(page: &Page) {
    for table in page.blocks.iter().filter_map(|block| if let Block::Table(table) = block { Some(table) } else { None })
    {
        [60, 80, 100].into_iter().for_each(|width| is_readable(table, width));
    }
}

#[track_caller]
fn is_readable(table: &Table, width: usize) {
    let text = Layout::plain(width).render(&Page { blocks: vec![Block::Table(table.clone())] });
    for line in text.lines() {
        assert!(line.width() <= width, "{} columns of {width}: {line}\n{text}", line.width());
    }
    assert!(table.columns.iter().any(is_key), "no column tells rows apart:\n{text}");
    for row in table.rows.iter().chain(&table.totals) {
        for (cell, _) in row.iter().zip(&table.columns).filter(|(_, column)| column.key) {
            let key = cell.text.trim();
            assert!(key.width() > width || text.contains(key), "`{key}` is cut at {width}:\n{text}");
        }
    }
}

/// Figures, such as the number of a question, are never cut.
fn is_key(column: &Column) -> bool {
    column.key || column.title == "id" || column.title == "#"
}
