//! What a person reads, before the terminal or Markdown lays it out.

use super::text::printable;

/// Blocks, one below another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// From top to bottom.
    pub blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Names what follows.
    Title(String),
    /// Columns of figures.
    Table(Table),
    /// One line per thing that is said.
    List(Vec<Item>),
    /// A command to copy, never broken or cut.
    Command(String),
}

/// One line of a list: a short lead, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Such as `14:02:11  warned`; leads of a list stand below one another. Empty: none.
    pub lead: String,
    /// The sentence.
    pub text: String,
    /// How it feels.
    pub tone: Tone,
}

/// Figures in columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// From left to right.
    pub columns: Vec<Column>,
    /// As many cells each as there are columns.
    pub rows: Vec<Vec<Cell>>,
    /// Stands below a rule.
    pub totals: Option<Vec<Cell>>,
}

/// A column's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its title.
    pub title: String,
    /// Figures stand right.
    pub align: Align,
    /// Where space is short: what it must keep, in columns of the screen. `None` is never cut.
    pub least: Option<usize>,
    /// It tells rows apart, and is never cut: where it has no room beside a row's figures, it stands above them.
    pub key: bool,
    /// Left out where the names would not fit otherwise: the spare ones first.
    pub worth: Worth,
}

/// How soon a column is left out where space is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Worth {
    /// First.
    Spare,
    /// Next, and all of these at once: they are parts of a sum that stays.
    Part,
    /// When neither is left.
    Useful,
    /// Never.
    Needed,
}

/// Where a column's cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Names.
    Left,
    /// Figures.
    Right,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// As shown.
    pub text: String,
    /// How it feels.
    pub tone: Tone,
    /// What it is, for a layout that can do more with it than show it.
    pub known: Known,
}

/// What is known of a value beside its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    #[default]
    Nothing,
    /// It is the id of a run.
    Run,
    /// So many thousandths of what may be used are.
    Share(u16),
}

/// What a text means to its reader; colour only repeats it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// Of less weight.
    Quiet,
    /// Of more weight.
    Strong,
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Wrong, over, ended.
    Bad,
}

impl Column {
    /// A column of names that may be cut in their middle down to `least` columns of the screen.
    pub fn name(title: impl Into<String>, least: usize) -> Self {
        Self { title: title.into(), align: Align::Left, least: Some(least), key: false, worth: Worth::Needed }
    }

    /// A column by which rows are told apart: it is never cut. Where it would be narrower than `least` columns of the
    /// screen, other columns are left out.
    pub fn key(title: impl Into<String>, least: usize) -> Self {
        Self { key: true, ..Self::name(title, least) }
    }

    /// A column of short words that are never cut.
    pub fn word(title: impl Into<String>) -> Self {
        Self { title: title.into(), align: Align::Left, least: None, key: false, worth: Worth::Needed }
    }

    /// A column of figures.
    pub fn figure(title: impl Into<String>) -> Self {
        Self { title: title.into(), align: Align::Right, least: None, key: false, worth: Worth::Needed }
    }

    /// The column may be left out where space is short.
    #[must_use]
    pub fn spare(self) -> Self {
        Self { worth: Worth::Spare, ..self }
    }

    /// The column may be left out with all others that are parts of a sum, where no spare one is left.
    #[must_use]
    pub fn part(self) -> Self {
        Self { worth: Worth::Part, ..self }
    }

    /// The column may be left out where all spare ones were, and space is short still.
    #[must_use]
    pub fn useful(self) -> Self {
        Self { worth: Worth::Useful, ..self }
    }
}

impl Cell {
    /// A value in a tone; what could drive a terminal is taken out.
    pub fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self { text: printable(text.as_ref()), tone, known: Known::Nothing }
    }

    /// The id of a run.
    pub fn of_run(id: impl AsRef<str>) -> Self {
        Self { known: Known::Run, ..Self::new(id) }
    }

    /// The same value, which stands for so many thousandths of what may be used.
    #[must_use]
    pub fn share(self, thousandths: i64) -> Self {
        let known = Known::Share(u16::try_from(thousandths.max(0)).unwrap_or(u16::MAX));
        Self { known, ..self }
    }

    /// A value.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self::toned(text, Tone::Plain)
    }

    /// What is not known.
    pub fn unknown() -> Self {
        Self::toned("—", Tone::Quiet)
    }

    /// A name, or that it is not known.
    pub fn or_unknown(text: Option<&str>) -> Self {
        text.map_or_else(Self::unknown, Self::new)
    }
}

impl Item {
    /// A line with a lead.
    pub fn new(lead: impl AsRef<str>, text: impl AsRef<str>, tone: Tone) -> Self {
        Self { lead: printable(lead.as_ref()), text: printable(text.as_ref()), tone }
    }

    /// A line of its own.
    pub fn note(text: impl AsRef<str>) -> Self {
        Self::new("", text, Tone::Plain)
    }

    /// A line of its own that warns.
    pub fn warning(text: impl AsRef<str>) -> Self {
        Self::new("", text, Tone::Warn)
    }
}

impl Page {
    /// A page of one list of lines.
    pub fn of_notes<S: AsRef<str>>(notes: impl IntoIterator<Item = S>) -> Self {
        let mut page = Self::default();
        page.list(notes.into_iter().map(Item::note).collect());
        page
    }

    /// Adds a title.
    pub fn title(&mut self, text: impl AsRef<str>) {
        self.blocks.push(Block::Title(printable(text.as_ref())));
    }

    /// Adds a table.
    pub fn table(&mut self, table: Table) {
        self.blocks.push(Block::Table(table));
    }

    /// Adds a list, unless it is empty.
    pub fn list(&mut self, items: Vec<Item>) {
        if !items.is_empty() {
            self.blocks.push(Block::List(items));
        }
    }

    /// Adds a command to copy.
    pub fn command(&mut self, line: impl AsRef<str>) {
        self.blocks.push(Block::Command(printable(line.as_ref())));
    }
}
