//! Pure. Lays pages out in columns of the screen.

use comfy_table::{Attribute, Cell as Drawn, CellAlignment, Color, ContentArrangement, Table as Drawing};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Look;
use crate::report::page::{Align, Block, Cell, Column, Item, Page, Table, Tone, Worth};

/// Between two columns.
pub(super) const GAP: usize = 2;

/// The page as text. Lists follow their table closely, everything else stands apart.
pub(super) fn render(page: &Page, look: Look) -> String {
    let mut text = String::new();
    for (index, block) in page.blocks.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| page.blocks.get(index));
        if let Some(before) = before
            && !belongs(before, block)
        {
            text.push('\n');
        }
        match block {
            Block::Title(title) => {
                for line in wrapped(title, look.width) {
                    text += &format!("{}\n", paint(&line, Tone::Strong, look));
                }
            }
            Block::Table(drawn) => text += &table(drawn, look),
            Block::List(items) => text += &list(items, look),
            Block::Command(line) => text += &format!("    {line}\n"),
        }
    }
    text
}

/// No empty line between the two.
fn belongs(before: &Block, block: &Block) -> bool {
    matches!(
        (before, block),
        (Block::Title(_), _)
            | (Block::List(_) | Block::Command(_), Block::Command(_))
            | (Block::List(_), Block::List(_))
    )
}

/// A table's rows alone, without its head and rules.
pub fn rows(table: &Table, look: Look) -> Vec<String> {
    let table = without_spare_columns(table, look.width);
    let widths = fitted(&table, look.width);
    let mut lines = drawn(&table, &widths, look);
    lines.drain(..1.min(lines.len()));
    lines
}

fn table(table: &Table, look: Look) -> String {
    let table = &without_spare_columns(table, look.width);
    let widths = fitted(table, look.width);
    let mut lines = drawn(table, &widths, look);
    let rule = paint(&"─".repeat(together(&widths).min(look.width)), Tone::Quiet, look);
    if table.totals.is_some() && !lines.is_empty() {
        lines.insert(lines.len() - 1, rule.clone());
    }
    lines.insert(1.min(lines.len()), rule);
    lines.join("\n") + "\n"
}

/// The head, the rows and the totals, one line each.
fn drawn(table: &Table, widths: &[usize], look: Look) -> Vec<String> {
    let mut drawing = Drawing::new();
    drawing.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if look.colour {
        drawing.enforce_styling();
    } else {
        drawing.force_no_tty();
    }
    let draw = |text: &str, tone: Tone, width: usize, align: Align| {
        let alignment = match align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        };
        toned(Drawn::new(elided(text, width)).set_alignment(alignment), tone)
    };
    let columns = || table.columns.iter().zip(widths);
    drawing.set_header(columns().map(|(column, width)| draw(&column.title, Tone::Quiet, *width, column.align)));
    for row in table.rows.iter().chain(&table.totals) {
        let cells = row.iter().zip(columns());
        drawing.add_row(cells.map(|(cell, (column, width))| draw(&cell.text, cell.tone, *width, column.align)));
    }
    let last = table.columns.len().saturating_sub(1);
    for (place, column) in drawing.column_iter_mut().enumerate() {
        // Behind the last one nothing stands: a coloured gap there is not trimmed, and would break a row as wide as the screen.
        let gap = if place == last { 0 } else { GAP };
        column.set_padding((0, u16::try_from(gap).unwrap_or(2)));
    }
    drawing.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// Where even the shortest names would not fit, columns are left out: the least worth first, among equals the last, and
/// all parts of a sum at once. What then fits beside whole names comes back.
pub(super) fn without_spare_columns(table: &Table, width: usize) -> Table {
    let natural = natural(table);
    let least: Vec<usize> =
        table.columns.iter().zip(&natural).map(|(column, width)| shortest(column, *width)).collect();
    let mut kept = vec![true; table.columns.len()];
    let mut dropped = Vec::new();
    let of = |widths: &[usize], kept: &[bool]| {
        together(&widths.iter().zip(kept).filter(|(_, kept)| **kept).map(|(width, _)| *width).collect::<Vec<_>>())
    };
    while of(&least, &kept) > width {
        let shown = || table.columns.iter().zip(&kept).enumerate().filter(|(_, (_, kept))| **kept);
        let Some(worth) = shown().map(|(_, (column, _))| column.worth).min().filter(|worth| *worth < Worth::Needed)
        else {
            break;
        };
        let mut places: Vec<usize> =
            shown().filter(|(_, (column, _))| column.worth == worth).map(|(place, _)| place).collect();
        if worth != Worth::Part {
            places.drain(..places.len().saturating_sub(1));
        }
        kept.iter_mut().enumerate().filter(|(place, _)| places.contains(place)).for_each(|(_, kept)| *kept = false);
        dropped.push(places);
    }
    for places in dropped.into_iter().rev() {
        let mut more = kept.clone();
        more.iter_mut().enumerate().filter(|(place, _)| places.contains(place)).for_each(|(_, kept)| *kept = true);
        if of(&natural, &more) <= width {
            kept = more;
        }
    }
    only(table, &kept)
}

/// The table's columns that are kept.
fn only(table: &Table, kept: &[bool]) -> Table {
    let of = |row: &Vec<Cell>| row.iter().zip(kept).filter(|(_, kept)| **kept).map(|(cell, _)| cell.clone()).collect();
    Table {
        columns: table.columns.iter().zip(kept).filter(|(_, kept)| **kept).map(|(column, _)| column.clone()).collect(),
        rows: table.rows.iter().map(of).collect(),
        totals: table.totals.as_ref().map(of),
    }
}

/// How wide each column would be if there were room.
fn natural(table: &Table) -> Vec<usize> {
    let width = |(index, column): (usize, &Column)| {
        let cells = table.rows.iter().chain(&table.totals).filter_map(|row| row.get(index));
        cells.map(|cell| cell.text.width()).chain([column.title.width()]).max().unwrap_or(0)
    };
    table.columns.iter().enumerate().map(width).collect()
}

/// What a column must keep, if it can give way at all: its title stays whole.
fn least(column: &Column) -> Option<usize> {
    column.least.map(|least| least.max(column.title.width()))
}

/// The least that it can be where it would be so wide if there were room.
fn shortest(column: &Column, natural: usize) -> usize {
    least(column).map_or(natural, |least| least.min(natural))
}

fn together(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

/// The width of each column: names give way, the widest first, until all fit or none can give more.
pub(super) fn fitted(table: &Table, width: usize) -> Vec<usize> {
    let mut widths = natural(table);
    loop {
        if together(&widths) <= width {
            return widths;
        }
        let widest = table
            .columns
            .iter()
            .zip(&mut widths)
            .filter(|(column, width)| least(column).is_some_and(|least| least < **width))
            .max_by_key(|(_, width)| **width);
        match widest {
            Some((_, width)) => *width -= 1,
            None => return squeezed(table, widths, width),
        }
    }
}

/// Where nothing may give way any more, names and words do still rather than that every row breaks in two; figures,
/// which would lie, never.
fn squeezed(table: &Table, mut widths: Vec<usize>, width: usize) -> Vec<usize> {
    const SHORTEST: usize = 4;
    while together(&widths) > width {
        let names = table.columns.iter().zip(&mut widths).filter(|(column, _)| column.align == Align::Left);
        match names.map(|(_, width)| width).filter(|width| **width > SHORTEST).max() {
            Some(widest) => *widest -= 1,
            None => return widths,
        }
    }
    widths
}

/// The text in no more than `width` columns: the middle gives way, for names tell apart by both ends.
pub(super) fn elided(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let ends = || text.char_indices().map(|(at, _)| at).chain([text.len()]);
    // A character may make the one before it wider: what counts is how wide they are together.
    let head = ends().filter_map(|at| text.get(..at)).take_while(|head| head.width() <= room / 2).last();
    let tail = ends().rev().filter_map(|at| text.get(at..)).take_while(|tail| tail.width() <= room - room / 2).last();
    // What belongs to the character before has lost it.
    let tail = tail.unwrap_or_default().trim_start_matches(|c: char| c.width() == Some(0));
    format!("{}…{tail}", head.unwrap_or_default())
}

/// Leads below one another, sentences broken between words and indented below themselves.
fn list(items: &[Item], look: Look) -> String {
    let lead = items.iter().map(|item| item.lead.width()).max().unwrap_or(0);
    let indent = if lead == 0 { 0 } else { lead + GAP };
    let mut text = String::new();
    for item in items {
        for (index, line) in wrapped(&item.text, look.width.saturating_sub(indent).max(20)).iter().enumerate() {
            let before = if index == 0 { item.lead.as_str() } else { "" };
            let gap = " ".repeat(indent.saturating_sub(before.width()));
            let line = if lead == 0 { paint(line, item.tone, look) } else { line.clone() };
            text += format!("{}{gap}{line}", paint(before, item.tone, look)).trim_end();
            text.push('\n');
        }
    }
    text
}

/// Broken between words; a word that is wider than a line gets a line of its own.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    lines.push(line);
    lines
}

fn toned(cell: Drawn, tone: Tone) -> Drawn {
    match tone {
        Tone::Plain => cell,
        Tone::Quiet => cell.add_attribute(Attribute::Dim),
        Tone::Strong => cell.add_attribute(Attribute::Bold),
        // As [`paint`] has them: the plain ones, which are read on white, too. Those without `Dark` are the bright ones.
        Tone::Good => cell.fg(Color::DarkGreen),
        Tone::Warn => cell.fg(Color::DarkYellow),
        Tone::Bad => cell.fg(Color::DarkRed).add_attribute(Attribute::Bold),
    }
}

/// `plan      | `: the name, padded to the widest, and coloured by its place among all, where colour is wanted.
pub(super) fn prefix(name: &str, all: &[&str], look: Look) -> String {
    /// Those of the eight that are read on dark and on light (SGR, ECMA-48); red and yellow say something else.
    const COLOURS: [&str; 6] = ["36", "35", "34", "32", "1;36", "1;35"];
    let widest = all.iter().map(|name| name.width()).max().unwrap_or(0);
    let padded = format!("{name}{} |", " ".repeat(widest.saturating_sub(name.width())));
    let place = all.iter().position(|one| *one == name).unwrap_or(0);
    match COLOURS.get(place % COLOURS.len()).filter(|_| look.colour) {
        Some(colour) => format!("\u{1b}[{colour}m{padded}\u{1b}[0m "),
        None => format!("{padded} "),
    }
}

/// The text in its tone (SGR, ECMA-48), where colour is wanted.
pub(super) fn paint(text: &str, tone: Tone, look: Look) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Quiet => "2",
        Tone::Strong => "1",
        Tone::Good => "32",
        Tone::Warn => "33",
        Tone::Bad => "1;31",
    };
    if look.colour && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(names: &[&str]) -> Page {
        let mut page = Page::default();
        page.title("Spend");
        page.table(Table {
            columns: vec![Column::name("agent", 8), Column::figure("cost")],
            rows: names.iter().map(|name| vec![Cell::new(name), Cell::new("$1.00")]).collect(),
            totals: Some(vec![Cell::toned("total", Tone::Strong), Cell::toned("$2.00", Tone::Strong)]),
        });
        page
    }

    #[test]
    fn names_give_way_in_their_middle() {
        for (text, width, shown) in [
            ("short", 8, "short"),
            ("019a8b7c-1111-7222-8333-00a1b2c3d4e5", 13, "019a8b…c3d4e5"),
            ("日本語のエージェント", 9, "日本…ント"),
            ("abc", 1, "…"),
            // A digit that is shown as a picture is two wide.
            ("0\u{fe0f}1\u{fe0f}2\u{fe0f}3\u{fe0f}", 6, "0\u{fe0f}…3\u{fe0f}"),
        ] {
            assert_eq!(elided(text, width), shown);
        }
    }

    #[test]
    fn prefixes_are_as_wide_as_one_another_and_tell_agents_apart_by_colour() {
        let all = ["plan", "implement"];
        assert_eq!(all.map(|name| prefix(name, &all, Look::plain(80))), ["plan      | ", "implement | "]);
        let coloured = all.map(|name| prefix(name, &all, Look { width: 80, colour: true }));
        assert_eq!(coloured, ["\u{1b}[36mplan      |\u{1b}[0m ", "\u{1b}[35mimplement |\u{1b}[0m "]);
    }

    /// What a terminal shows of a text with colours.
    fn without_colours(text: &str) -> String {
        let (mut shown, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            shown += before;
            rest = after.split_once('m').unwrap().1;
        }
        shown + rest
    }

    #[test]
    fn no_coloured_row_is_wider_than_a_plain_one_at_any_width() {
        let page = sample(&["a-name-that-is-long-enough-to-be-cut", "b"]);
        for width in 40..60 {
            for line in (Look { width, colour: true }).render(&page).lines() {
                let shown = without_colours(line).width();
                assert!(shown <= width, "{shown} of {width}: {line:?}");
            }
        }
    }

    #[test]
    fn plain_pages_have_no_escape_sequences_and_coloured_ones_say_the_same() {
        let page = sample(&["web", "a\u{1b}[31mgent"]);
        let plain = Look::plain(80).render(&page);
        assert!(!plain.contains('\u{1b}'), "{plain}");
        let coloured = Look { width: 80, colour: true }.render(&page);
        assert!(coloured.contains("\u{1b}[1m"), "{coloured}");
        let stripped = without_colours(&coloured);
        let lines = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
        assert_eq!(lines(&stripped), lines(&plain));
    }

    proptest! {
        #[test]
        fn no_line_of_a_table_is_wider_than_the_screen(names in prop::collection::vec("\\PC{0,60}", 1..6), width in 40_usize..140) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            for line in Look::plain(width).render(&sample(&names)).lines() {
                prop_assert!(line.width() <= width, "{line:?} is {} wide, not {width}", line.width());
            }
        }

        #[test]
        fn wrapping_loses_no_word(text in "[a-z ]{0,200}", width in 1_usize..60) {
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&wrapped(&text, width).join(" ")), words(&text));
        }
    }
}
