//! Pages as HTML: the same blocks that the terminal and Markdown lay out.

pub mod chart;
pub mod document;
pub mod door;
pub mod front;
pub mod markup;
pub mod question;
pub mod run;
pub mod story;
pub mod whole;

pub use markup::{Html, tag};

use super::page::{Align, Block, Cell, Column, Item, Known, Page, Table, Tone, Worth};

/// How a page is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// The level of its titles: 2 is `<h2>`.
    pub level: u8,
    /// Where runs are found, such as `/runs/`; `None`: nowhere.
    pub runs: Option<&'static str>,
}

/// The blocks of a page, one below another. A table is called by the title above it.
pub fn of_page(page: &Page, manner: Manner) -> Html {
    of_blocks(&page.blocks, "", manner)
}

/// Blocks below a title that stands elsewhere.
fn of_blocks(blocks: &[Block], title: &str, manner: Manner) -> Html {
    let mut title = title;
    let mut html = Html::default();
    for block in blocks {
        html.add(match block {
            Block::Title(text) => {
                title = text;
                heading(manner.level).with(Html::sentence(text))
            }
            Block::Table(table) => of_table(table, title, manner),
            Block::List(items) => tag("ul").class("said").with(items.iter().map(of_item).collect()),
            // Whoever reads on a narrow screen moves it by the arrow keys.
            Block::Command(line) => tag("pre").attr("tabindex", "0").with(tag("code").text(line)),
        });
    }
    html
}

/// A few sums side by side, each with its name; `true`: it asks for something.
fn of_sums(sums: Vec<(&str, String, bool)>) -> Html {
    let sum = |(name, value, asks): (&str, String, bool)| {
        let both = [tag("dt").text(name), tag("dd").text(value)];
        tag("div").class(if asks { "asks" } else { "" }).with(both.into_iter().collect())
    };
    tag("dl").class("sums").with(sums.into_iter().map(sum).collect())
}

/// What is known of a thing, line by line; what is not known is left out.
fn of_facts<'a>(facts: impl IntoIterator<Item = (&'a str, Option<String>)>) -> Html {
    let known = facts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let fact = |(name, value): (&str, String)| [tag("dt").text(name), tag("dd").text(value)].into_iter().collect();
    tag("dl").class("facts").with(known.map(fact).collect::<Html>())
}

fn heading(level: u8) -> markup::Tag {
    tag(match level {
        0 | 1 => "h1",
        2 => "h2",
        3 => "h3",
        _ => "h4",
    })
}

fn of_item(item: &Item) -> Html {
    let mut line = Html::default();
    let lead = item.lead.trim();
    if !lead.is_empty() {
        line.add(tag("b").text(lead));
        line.add(Html::text(" "));
    }
    line.add(Html::sentence(&item.text));
    tag("li").class(of_tone(item.tone)).with(line)
}

/// A table with its caption, which is seen by whoever does not see the title above it.
pub fn of_table(table: &Table, caption: &str, manner: Manner) -> Html {
    let heads =
        table.columns.iter().map(|column| tag("th").attr("scope", "col").class(&of_column(column)).text(&column.title));
    let mut parts = tag("caption").text(caption);
    parts.add(tag("thead").with(tag("tr").with(heads.collect())));
    parts.add(tag("tbody").with(table.rows.iter().map(|row| of_row(table, row, manner)).collect()));
    if let Some(totals) = &table.totals {
        parts.add(tag("tfoot").with(of_row(table, totals, manner)));
    }
    let scrolls = tag("div").class("wide").attr("tabindex", "0").attr("role", "region").attr("aria-label", caption);
    scrolls.with(tag("table").class(if is_wide(table) { "many" } else { "" }).with(parts))
}

/// It does not fit on a phone: there each row becomes a card, its cells with their titles.
fn is_wide(table: &Table) -> bool {
    table.columns.iter().filter(|column| matches!(column.worth, Worth::Needed | Worth::Useful)).count() > 4
}

fn of_row(table: &Table, row: &[Cell], manner: Manner) -> Html {
    let cells = row.iter().zip(&table.columns).enumerate().map(|(place, (cell, column))| {
        let classes = [of_column(column).as_str(), of_tone(cell.tone)].join(" ");
        let element =
            if place == 0 { tag("th").attr("scope", "row") } else { tag("td").attr("data-title", &column.title) };
        element.class(classes.trim()).with(of_cell(cell, manner))
    });
    tag("tr").with(cells.collect())
}

fn of_cell(cell: &Cell, manner: Manner) -> Html {
    match (&cell.known, manner.runs) {
        (Known::Run, Some(runs)) if is_plain(&cell.text) => {
            tag("a").attr("href", format!("{runs}{}", cell.text)).text(&cell.text)
        }
        (Known::Share(share), _) => {
            let mut html = Html::text(&cell.text);
            html.add(bar(*share));
            html
        }
        (Known::Run | Known::Nothing, _) => Html::text(&cell.text),
    }
}

/// Nothing in it means anything in an address.
fn is_plain(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// A bar of so many thousandths; what is over is as long as the whole. The figure beside it says the same.
fn bar(share: u16) -> Html {
    let part = tag("rect").attr("width", share.min(1_000).to_string()).attr("height", "4").with(Html::default());
    let bar = tag("svg").class("bar").attr("viewBox", "0 0 1000 4").attr("preserveAspectRatio", "none");
    bar.attr("aria-hidden", "true").with(part)
}

fn of_column(column: &Column) -> String {
    let align = match column.align {
        Align::Left => "",
        Align::Right => "figure",
    };
    let worth = match column.worth {
        Worth::Spare => "spare",
        Worth::Part => "part",
        Worth::Useful | Worth::Needed => "",
    };
    let cut = if column.least.is_some() { "name" } else { "" };
    [align, worth, cut].into_iter().filter(|class| !class.is_empty()).collect::<Vec<_>>().join(" ")
}

fn of_tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "",
        Tone::Quiet => "quiet",
        Tone::Strong => "strong",
        Tone::Good => "good",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    const MANNER: Manner = Manner { level: 2, runs: Some("/runs/") };

    #[test]
    fn a_page_is_titles_tables_lists_and_commands() {
        let mut page = Page::default();
        page.title("Spend <b>");
        page.table(Table {
            columns: vec![Column::name("who", 8), Column::figure("cost"), Column::figure("used").spare()],
            rows: vec![
                vec![Cell::of_run("k3f9x27m1a"), Cell::new("$1.00"), Cell::new("42 %").share(420)],
                vec![Cell::of_run("../../<x>"), Cell::toned("$9.00", Tone::Bad), Cell::new("900 %").share(9_000)],
            ],
            totals: Some(vec![Cell::new("total"), Cell::new("$1.50"), Cell::new("")]),
        });
        page.list(vec![Item::new("14:02:11  warned", "`each run` at 50 %", Tone::Warn), Item::note("a note")]);
        page.command("echo '<script>'");
        insta::assert_snapshot!(of_page(&page, MANNER).as_str().replace("><", ">\n<"));
    }

    #[test]
    fn what_runs_leads_to_its_run() {
        let html = of_page(&sample::status().page(), MANNER);
        assert!(html.as_str().contains("<a href=\"/runs/k3f9x27m1a\">k3f9x27m1a</a>"), "{}", html.as_str());
        let nowhere = of_page(&sample::status().page(), Manner { runs: None, ..MANNER });
        assert!(!nowhere.as_str().contains("<a "));
    }
}
