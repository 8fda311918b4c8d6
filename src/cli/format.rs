//! What verbs write to standard output: pages and documents.

use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::report::{Page, markdown};
use crate::ui::Layout;

/// How a verb answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs; a contract.
    Json,
    /// GitHub's Markdown.
    Markdown,
}

/// Writes a text. Who reads no further (`| head`) has what they want.
pub fn put(out: &mut dyn Write, text: &str) -> Result<()> {
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes a long text line by line, so that all of it is never held.
pub fn put_lines(out: &mut dyn Write, lines: impl Iterator<Item = String>) -> Result<()> {
    let mut out = BufWriter::new(out);
    let mut lines = lines;
    written(lines.try_for_each(|line| out.write_all(line.as_bytes())).and_then(|()| out.flush()))
}

/// Writes a long document as JSON, part by part; it reads as [`to_text`] writes it.
///
/// [`to_text`]: crate::report::json::to_text
pub fn put_json(out: &mut dyn Write, value: &impl Serialize) -> Result<()> {
    let mut out = BufWriter::new(out);
    let done = serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from);
    written(done.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()))
}

fn written(done: io::Result<()>) -> Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Error::new("the answer cannot be written").caused_by(&error)),
        Ok(()) => Ok(()),
    }
}

/// Writes a page in one of its forms, or the document that programs read.
pub fn put_as(
    out: &mut dyn Write,
    look: Layout,
    format: Format,
    page: &Page,
    json: impl FnOnce() -> String,
) -> Result<()> {
    match format {
        Format::Table => put(out, &look.render(page)),
        Format::Json => put(out, &json()),
        Format::Markdown => put(out, &markdown::of_page(page, 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed(io::ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_who_has_enough_is_no_failure_but_a_full_disk_is() {
        assert_eq!(put(&mut Closed(io::ErrorKind::BrokenPipe), "text"), Ok(()));
        assert!(put(&mut Closed(io::ErrorKind::StorageFull), "text").is_err());
    }
}
