//! Pages as GitHub's Markdown, for CI summaries and documents.

use super::page::{Align, Block, Cell, Page, Table, Tone};

/// The page: titles at this level (2 is `##`).
pub fn of_page(page: &Page, level: usize) -> String {
    let blocks: Vec<String> = page
        .blocks
        .iter()
        .map(|block| match block {
            Block::Title(title) => format!("{} {}\n", "#".repeat(level.clamp(1, 6)), escaped(title)),
            Block::Table(table) => of_table(table),
            Block::List(items) => items
                .iter()
                .map(|item| {
                    let lead = if item.lead.is_empty() {
                        String::new()
                    } else {
                        format!("**{}** ", escaped(item.lead.trim()))
                    };
                    format!("- {lead}{}\n", escaped(&item.text))
                })
                .collect(),
            Block::Command(line) => {
                // A fence longer than any run of backticks inside it.
                let fence = "`".repeat(longest_ticks(line).max(2) + 1);
                format!("{fence}sh\n{line}\n{fence}\n")
            }
        })
        .collect();
    blocks.join("\n")
}

fn of_table(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(table.columns.iter().map(|column| escaped(&column.title)).collect());
    text += &line(
        table
            .columns
            .iter()
            .map(|column| match column.align {
                Align::Left => ":--".to_owned(),
                Align::Right => "--:".to_owned(),
            })
            .collect(),
    );
    for row in &table.rows {
        text += &line(row.iter().map(cell).collect());
    }
    if let Some(totals) = &table.totals {
        text += &line(totals.iter().map(|cell| strong(&escaped(&cell.text))).collect());
    }
    text
}

fn cell(cell: &Cell) -> String {
    // Indentation shows lineage: Markdown would swallow plain spaces.
    let indent = cell.text.len() - cell.text.trim_start_matches(' ').len();
    let text = format!("{}{}", "&nbsp;".repeat(indent), escaped(cell.text.trim_start_matches(' ')));
    match cell.tone {
        Tone::Strong | Tone::Bad => strong(&text),
        Tone::Plain | Tone::Quiet | Tone::Good | Tone::Warn => text,
    }
}

fn strong(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("**{text}**") }
}

/// Text that Markdown shows as it is. Words in backticks stay code, if they are paired.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let paired = text.matches('`').count().is_multiple_of(2);
    let mut code = false;
    for c in text.chars() {
        match c {
            '`' if paired => {
                code = !code;
                shown.push('`');
            }
            // In a table a pipe ends the cell even inside code.
            '|' => shown.push_str("\\|"),
            '<' if !code => shown.push_str("&lt;"),
            '&' if !code => shown.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '#' if !code => {
                shown.push('\\');
                shown.push(c);
            }
            // A name must not call a person or close an issue.
            '@' if !code => shown.push_str("&#64;"),
            c => shown.push(c),
        }
    }
    shown
}

fn longest_ticks(line: &str) -> usize {
    line.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::page::{Column, Item};
    use super::*;

    #[test]
    fn names_from_outside_stay_text() {
        for (name, shown) in [
            ("a|b", "a\\|b"),
            ("*x* _y_", "\\*x\\* \\_y\\_"),
            ("<img src=x>", "&lt;img src=x>"),
            ("@everyone #1", "&#64;everyone \\#1"),
            ("budget `each run`", "budget `each run`"),
            ("odd ` tick", "odd \\` tick"),
        ] {
            assert_eq!(escaped(name), shown);
        }
    }

    #[test]
    fn a_page_is_titles_tables_lists_and_fenced_commands() {
        let mut page = Page::default();
        page.title("Spend");
        page.table(Table {
            columns: vec![Column::name("who", 8), Column::figure("cost")],
            rows: vec![vec![Cell::new("codex"), Cell::new("$1.00")], vec![Cell::new("  └ scout"), Cell::new("$0.50")]],
            totals: Some(vec![Cell::new("total"), Cell::new("$1.50")]),
        });
        page.list(vec![Item::new("14:02:11  warned", "`each run` at 50 %", Tone::Warn), Item::note("a note")]);
        page.command("echo '```'");
        insta::assert_snapshot!(of_page(&page, 3));
    }
}
