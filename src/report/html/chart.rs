//! Drawings: columns beside one another, with a line to hold them against. What they show is written beside them in
//! HTML, so that it can be read at any width and aloud.

use super::markup::{Html, tag};

/// Columns, one beside another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// What the drawing shows, for whoever does not see it.
    pub label: String,
    /// From left to right.
    pub columns: Vec<Bar>,
    /// What they are held against.
    pub line: Option<i64>,
    /// The height of the drawing in units of its amounts; `None`: of the highest of all.
    pub most: Option<i64>,
}

/// One column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bar {
    /// What is said where somebody points at it.
    pub name: String,
    /// How high it is.
    pub amount: i64,
    /// It has not been yet.
    pub expected: bool,
}

/// Units of the drawing, which is as wide and as high as the page has it.
const WIDE: usize = 10;
/// Fewer columns than these leave room beside them, and are no blocks.
const ROOM: usize = 16;
const HIGH: i64 = 1_000;
/// What is there at all is seen.
const LEAST: i64 = 12;

impl Columns {
    /// The highest of what is drawn.
    pub fn highest(&self) -> i64 {
        let columns = self.columns.iter().map(|bar| bar.amount);
        self.most.unwrap_or_else(|| columns.chain(self.line).max().unwrap_or(0))
    }

    /// The drawing.
    pub fn draw(&self) -> Html {
        let highest = self.highest().max(1);
        let width = self.columns.len().max(ROOM).saturating_mul(WIDE);
        let high = |amount: i64| {
            let part = i128::from(amount.clamp(0, highest)) * i128::from(HIGH) / i128::from(highest);
            i64::try_from(part).unwrap_or(HIGH)
        };
        let mut inside = tag("title").text(&self.label);
        for (place, bar) in self.columns.iter().enumerate() {
            if bar.amount <= 0 {
                continue;
            }
            let height = high(bar.amount).max(LEAST);
            let rect = tag("rect")
                .attr("x", place.saturating_mul(WIDE).saturating_add(1).to_string())
                .attr("y", HIGH.saturating_sub(height).to_string())
                .attr("width", WIDE.saturating_sub(2).to_string())
                .attr("height", height.to_string())
                .class(if bar.expected { "expected" } else { "" });
            inside.add(rect.with(tag("title").text(&bar.name)));
        }
        if let Some(line) = self.line {
            let y = HIGH.saturating_sub(high(line)).to_string();
            let ends = tag("line").attr("x1", "0").attr("x2", width.to_string()).attr("y1", &y).attr("y2", &y);
            inside.add(ends.class("limit").with(Html::default()));
        }
        tag("svg")
            .class("columns")
            .attr("viewBox", format!("0 0 {width} {HIGH}"))
            .attr("preserveAspectRatio", "none")
            .attr("role", "img")
            .attr("aria-label", &self.label)
            .with(inside)
    }

    /// The drawing with its scale above and what its ends are below.
    pub fn with_scale(&self, highest: &str, first: &str, last: &str) -> Html {
        let mut html = tag("p").class("scale").text(highest);
        html.add(self.draw());
        let ends = match self.columns.len() {
            ..=1 => vec![first.to_owned()],
            2..ROOM => vec![format!("{first} – {last}")],
            _ => vec![first.to_owned(), last.to_owned()],
        };
        html.add(tag("p").class("ends").with(ends.iter().map(|end| tag("span").text(end)).collect()));
        tag("div").class("chart").with(html)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, amount: i64, expected: bool) -> Bar {
        Bar { name: name.to_owned(), amount, expected }
    }

    #[test]
    fn columns_stand_on_the_ground_and_what_is_little_is_seen() {
        let columns =
            vec![bar("<b>", 500, false), bar("no", 0, false), bar("little", 1, false), bar("to come", 2_000, true)];
        let drawn = Columns { label: "by \"day\"".to_owned(), columns, line: Some(1_000), most: None };
        insta::assert_snapshot!(drawn.with_scale("$2.00", "first", "last").as_str().replace("><", ">\n<"));
    }

    #[test]
    fn nothing_and_the_absurd_can_be_drawn() {
        assert!(Columns::default().draw().as_str().contains("viewBox=\"0 0 160 1000\""));
        let absurd =
            Columns { columns: vec![bar("", i64::MAX, false), bar("", i64::MIN, false)], ..Columns::default() };
        assert!(absurd.draw().as_str().contains("height=\"1000\""));
    }
}
