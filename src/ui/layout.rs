//! Lays pages out in columns of the screen.

use comfy_table::{Attribute, Cell as Drawn, CellAlignment, Color, ContentArrangement, Table as Drawing};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Layout;
use crate::report::page::{Align, Block, Cell, Column, Item, Page, Table, Tone, Worth};

/// Between two columns.
pub(super) const GAP: usize = 2;

/// The page as text. Lists follow their table closely, everything else stands apart.
pub(super) fn render(page: &Page, look: Layout) -> String {
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
pub fn rows(table: &Table, look: Layout) -> Vec<String> {
    let table = without_spare_columns(table, look.width);
    let widths = fitted(&table, look.width);
    drawn(&table, &widths, look).into_iter().skip(1).flatten().collect()
}

fn table(table: &Table, look: Layout) -> String {
    let table = &without_spare_columns(table, look.width);
    let widths = fitted(table, look.width);
    let mut rows = drawn(table, &widths, look);
    let rule = vec![paint(&"─".repeat(together(&widths).min(look.width)), Tone::Quiet, look)];
    if table.totals.is_some() && !rows.is_empty() {
        rows.insert(rows.len() - 1, rule.clone());
    }
    rows.insert(1.min(rows.len()), rule);
    rows.concat().join("\n") + "\n"
}

/// The head, the rows and the totals: one line each, and before it the row's keys where they have no room in it.
fn drawn(table: &Table, widths: &[usize], look: Layout) -> Vec<Vec<String>> {
    let mut drawing = Drawing::new();
    drawing.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if look.colour {
        drawing.enforce_styling();
    } else {
        drawing.force_no_tty();
    }
    let draw = |cell: &Cell, above: bool, (column, width): (&Column, &usize)| {
        let alignment = match column.align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        };
        let text = if above && column.key { String::new() } else { elided(&cell.text, *width) };
        toned(Drawn::new(text).set_alignment(alignment), cell.tone)
    };
    let columns = || table.columns.iter().zip(widths);
    let head: Vec<Cell> = table.columns.iter().map(|column| Cell::toned(&column.title, Tone::Quiet)).collect();
    let all = || std::iter::once(&head).chain(&table.rows).chain(&table.totals);
    let painted = |parts: Vec<(String, Tone)>| {
        let text: String = parts.iter().map(|(text, tone)| paint(text, *tone, look)).collect();
        text.trim_end().to_owned()
    };
    let above: Vec<Vec<String>> =
        all().map(|row| keys_above(table, row, widths, look.width).into_iter().map(painted).collect()).collect();
    for (place, (row, above)) in all().zip(&above).enumerate() {
        let cells = row.iter().zip(columns()).filter(|(_, (_, width))| **width > 0);
        let cells = cells.map(|(cell, column)| draw(cell, !above.is_empty(), column));
        if place == 0 {
            drawing.set_header(cells);
        } else {
            drawing.add_row(cells);
        }
    }
    let last = widths.iter().filter(|width| **width > 0).count().saturating_sub(1);
    for (place, column) in drawing.column_iter_mut().enumerate() {
        // Behind the last one nothing stands: a coloured gap there is not trimmed, and would break a row as wide as the screen.
        let gap = if place == last { 0 } else { GAP };
        column.set_padding((0, u16::try_from(gap).unwrap_or(2)));
    }
    let lines = drawing.lines().map(|line| line.trim_end().to_owned());
    above.into_iter().zip(lines).map(|(above, line)| above.into_iter().chain([line]).collect()).collect()
}

/// A row's keys as lines of their own, in parts, where one of them is wider than its column; else nothing.
pub(super) fn keys_above(table: &Table, row: &[Cell], widths: &[usize], screen: usize) -> Vec<Vec<(String, Tone)>> {
    let columns = table.columns.iter().zip(widths);
    let keys: Vec<(&Cell, usize)> = row
        .iter()
        .zip(columns)
        .filter(|(_, (column, _))| column.key)
        .map(|(cell, (_, width))| (cell, *width))
        .collect();
    if keys.iter().all(|(cell, width)| cell.text.width() <= *width) {
        return Vec::new();
    }
    let gap = || (" ".repeat(GAP), Tone::Plain);
    let parts: Vec<(String, Tone)> =
        keys.iter().flat_map(|(cell, _)| [gap(), (cell.text.clone(), cell.tone)]).skip(1).collect();
    let whole: String = parts.iter().map(|(text, _)| text.as_str()).collect();
    if whole.trim_end().width() <= screen {
        return vec![parts];
    }
    let tone = keys.first().map_or(Tone::Plain, |(cell, _)| cell.tone);
    broken(&whole, screen).into_iter().map(|line| vec![(line.trim_end().to_owned(), tone)]).collect()
}

/// What of a screen's width a key may take beside its row's figures: two fifths, or less where there are several. A wider
/// one stands above them.
fn most_of_key(width: usize, keys: usize) -> usize {
    (width * 2 / 5).min(width * 3 / 5 / keys.max(1))
}

/// Where even the shortest names would not fit beside whole keys, columns are left out: the least worth first, among
/// equals the last, and all parts of a sum at once. Before a useful one is, keys are moved above their figures. What
/// then fits beside whole names comes back.
pub(super) fn without_spare_columns(table: &Table, width: usize) -> Table {
    let natural: Vec<usize> =
        table.columns.iter().enumerate().map(|(place, column)| wanted(table, place, column, width)).collect();
    let least = |keys_whole: bool| -> Vec<usize> {
        let of = |(column, natural): (&Column, &usize)| {
            if keys_whole && column.key { *natural } else { shortest(column, *natural) }
        };
        table.columns.iter().zip(&natural).map(of).collect()
    };
    let (beside, above) = (least(true), least(false));
    let mut kept = vec![true; table.columns.len()];
    let mut dropped = Vec::new();
    let of = |widths: &[usize], kept: &[bool]| {
        together(&widths.iter().zip(kept).filter(|(_, kept)| **kept).map(|(width, _)| *width).collect::<Vec<_>>())
    };
    loop {
        let shown = || table.columns.iter().zip(&kept).enumerate().filter(|(_, (_, kept))| **kept);
        let Some(worth) = shown().map(|(_, (column, _))| column.worth).min().filter(|worth| *worth < Worth::Needed)
        else {
            break;
        };
        let short = if worth < Worth::Useful { &beside } else { &above };
        if of(short, &kept) <= width {
            break;
        }
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
    let width =
        |(place, column): (usize, &Column)| widths_of(table, place).chain([column.title.width()]).max().unwrap_or(0);
    table.columns.iter().enumerate().map(width).collect()
}

/// How wide a column's cells are.
fn widths_of(table: &Table, place: usize) -> impl Iterator<Item = usize> + '_ {
    table.rows.iter().chain(&table.totals).filter_map(move |row| row.get(place)).map(|cell| cell.text.width())
}

/// How wide a column should be on a screen of this width: as wide as all that stands in it, save keys that stand above
/// their figures in any case.
fn wanted(table: &Table, place: usize, column: &Column, width: usize) -> usize {
    let most = most_of_key(width, table.columns.iter().filter(|column| column.key).count());
    let stays = |cell: &usize| !column.key || *cell <= most;
    widths_of(table, place).filter(stays).chain([column.title.width()]).max().unwrap_or(0)
}

/// What a column must keep, if it can give way at all: its title stays whole.
fn least(column: &Column) -> Option<usize> {
    column.least.map(|least| least.max(column.title.width()))
}

/// The least that it can be where it would be so wide if there were room.
fn shortest(column: &Column, natural: usize) -> usize {
    least(column).map_or(natural, |least| least.min(natural))
}

/// Columns without any width are not drawn.
fn together(widths: &[usize]) -> usize {
    let drawn = widths.iter().filter(|width| **width > 0).count();
    widths.iter().sum::<usize>() + GAP * drawn.saturating_sub(1)
}

/// How far columns give way, one kind after the other.
#[derive(Clone, Copy)]
enum Yield {
    /// Names are cut, down to the least that they keep.
    Names,
    /// Wide keys are moved above their figures.
    WideKeys,
    /// All keys are.
    Keys,
    /// Names and words are cut further rather than that every row breaks in two; figures, which would lie, never.
    Words,
}

impl Yield {
    /// How narrow it makes a column; `None`: it leaves that alone.
    fn down_to(self, column: &Column) -> Option<usize> {
        const SHORTEST: usize = 4;
        match self {
            Self::Names => least(column).filter(|_| !column.key),
            Self::WideKeys => least(column).filter(|_| column.key),
            Self::Keys => column.key.then_some(0),
            Self::Words => (!column.key && column.align == Align::Left).then_some(SHORTEST),
        }
    }
}

/// The width of each column: the widest give way first, until all fit or none can give more.
pub(super) fn fitted(table: &Table, width: usize) -> Vec<usize> {
    let mut widths = natural(table);
    for how in [Yield::Names, Yield::WideKeys, Yield::Keys, Yield::Words] {
        while together(&widths) > width {
            let may =
                |(column, width): &(&Column, &mut usize)| how.down_to(column).is_some_and(|least| least < **width);
            match table.columns.iter().zip(&mut widths).filter(may).max_by_key(|(_, width)| **width) {
                Some((_, width)) => *width -= 1,
                None => break,
            }
        }
    }
    // What stands above leaves no gap behind.
    for (place, column) in table.columns.iter().enumerate().filter(|(_, column)| column.key) {
        if let Some(width) = widths.get_mut(place) {
            let inside = widths_of(table, place).chain([column.title.width()]).filter(|cell| *cell <= *width);
            *width = inside.max().unwrap_or(0);
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
fn list(items: &[Item], look: Layout) -> String {
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

/// Broken between words, and where one is wider than a line, inside it.
pub(super) fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in wrapped(text, width) {
        let mut part = String::new();
        for c in line.chars() {
            let wider = format!("{part}{c}");
            if wider.width() > width && !part.is_empty() {
                lines.push(std::mem::replace(&mut part, c.to_string()));
            } else {
                part = wider;
            }
        }
        lines.push(part);
    }
    lines
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
pub(super) fn prefix(name: &str, all: &[&str], look: Layout) -> String {
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
pub(super) fn paint(text: &str, tone: Tone, look: Layout) -> String {
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

    /// Rows that only their keys tell apart, more than a narrow screen has room for.
    fn keyed(keys: &[(&str, &str)]) -> Page {
        let cells = |(project, model): &(&str, &str)| {
            [project, model, "cargo test --all", "123,456", "$1.00", "12 %"].map(Cell::new).to_vec()
        };
        let columns = vec![
            Column::key("project", 8),
            Column::key("model", 13),
            Column::name("command", 8),
            Column::figure("tokens").useful(),
            Column::figure("cost"),
            Column::figure("share").spare(),
        ];
        let totals = Some(["total", "", "", "1M", "$2.00", "100 %"].map(Cell::new).to_vec());
        Page { blocks: vec![Block::Table(Table { columns, rows: keys.iter().map(cells).collect(), totals })] }
    }

    #[test]
    fn a_key_that_has_no_room_stands_above_its_figures() {
        let page = keyed(&[
            ("shop", "gpt-6-astra"),
            ("", "gpt-6.1-sol"),
            ("a-project-with-a-rather-long-name", "gpt-6.1-terra"),
            ("(none)", "a-model-with-a-name-of-its-own-that-is-long"),
        ]);
        let drawn = [80, 60, 40].map(|width| Layout::plain(width).render(&page));
        insta::assert_snapshot!(drawn.join("\n"));
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
        assert_eq!(all.map(|name| prefix(name, &all, Layout::plain(80))), ["plan      | ", "implement | "]);
        let coloured = all.map(|name| prefix(name, &all, Layout { width: 80, colour: true }));
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
            for line in (Layout { width, colour: true }).render(&page).lines() {
                let shown = without_colours(line).width();
                assert!(shown <= width, "{shown} of {width}: {line:?}");
            }
        }
    }

    #[test]
    fn plain_pages_have_no_escape_sequences_and_coloured_ones_say_the_same() {
        let page = sample(&["web", "a\u{1b}[31mgent"]);
        let plain = Layout::plain(80).render(&page);
        assert!(!plain.contains('\u{1b}'), "{plain}");
        let coloured = Layout { width: 80, colour: true }.render(&page);
        assert!(coloured.contains("\u{1b}[1m"), "{coloured}");
        let stripped = without_colours(&coloured);
        let lines = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
        assert_eq!(lines(&stripped), lines(&plain));
    }

    proptest! {
        #[test]
        fn no_line_of_a_table_is_wider_than_the_screen(names in prop::collection::vec("\\PC{0,60}", 1..6), width in 40_usize..140) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            for line in Layout::plain(width).render(&sample(&names)).lines() {
                prop_assert!(line.width() <= width, "{line:?} is {} wide, not {width}", line.width());
            }
        }

        #[test]
        fn no_key_is_cut_and_no_row_is_wider_than_the_screen(
            keys in prop::collection::vec(("[a-z-]{0,70}", "[A-Z-]{1,70}"), 1..6), width in 40_usize..140,
        ) {
            let keys: Vec<(&str, &str)> = keys.iter().map(|(one, other)| (one.as_str(), other.as_str())).collect();
            let text = Layout::plain(width).render(&keyed(&keys));
            for line in text.lines() {
                prop_assert!(line.width() <= width, "{line:?} is {} wide, not {width}", line.width());
            }
            let whole: String = text.split_whitespace().collect();
            for (one, other) in keys {
                let (shown, broken) = (format!("{text}\n").contains(other), one.len() + GAP + other.len() > width);
                prop_assert!(shown || broken && whole.contains(other), "{other} is not in\n{text}");
                prop_assert!(text.contains(one) || broken && whole.contains(one), "{one} is not in\n{text}");
            }
        }

        #[test]
        fn wrapping_loses_no_word(text in "[a-z ]{0,200}", width in 1_usize..60) {
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&wrapped(&text, width).join(" ")), words(&text));
        }
    }
}
