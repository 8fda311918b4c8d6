//! What agents write to their files, shown line by line with their names, while they work.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::Duration;

use crate::model::AgentName;
use crate::report::text::printable;

/// How often files are looked at.
pub(super) const OFTEN: Duration = Duration::from_millis(150);

/// A line that is longer is shown in parts.
const LONGEST: usize = 16 * 1024;

/// Which of govern's own streams shows it.
#[derive(Clone, Copy)]
enum Stream {
    Out,
    Err,
}

struct Source {
    agent: AgentName,
    path: PathBuf,
    stream: Stream,
    /// How far it was read.
    read: u64,
    /// The beginning of a line that is not whole.
    rest: Vec<u8>,
}

/// The files of all agents.
#[derive(Default)]
pub(super) struct Echo {
    sources: Vec<Source>,
}

impl Echo {
    pub(super) fn add(&mut self, agent: &AgentName, out: PathBuf, err: PathBuf) {
        for (path, stream) in [(out, Stream::Out), (err, Stream::Err)] {
            self.sources.push(Source { agent: agent.clone(), path, stream, read: 0, rest: Vec::new() });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Shows what is new. That nobody reads it any more is no reason to stop governing.
    pub(super) fn show(&mut self) {
        for source in &mut self.sources {
            let lines = source.lines();
            source.print(&lines);
        }
    }

    /// The same, with last lines that were not ended.
    pub(super) fn show_all(&mut self) {
        self.show();
        for source in &mut self.sources {
            let rest = std::mem::take(&mut source.rest);
            if !rest.is_empty() {
                source.print(&[rest]);
            }
        }
    }
}

impl Source {
    /// Whole lines that were added. A file that is not there has none yet.
    fn lines(&mut self) -> Vec<Vec<u8>> {
        let mut added = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.read))?;
            file.read_to_end(&mut added)
        });
        self.read += read.map_or(0, |read| read as u64);
        self.rest.extend_from_slice(&added);
        let mut lines = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let mut line: Vec<u8> = self.rest.drain(..=end).collect();
            line.pop();
            lines.push(line);
        }
        if self.rest.len() > LONGEST {
            lines.push(std::mem::take(&mut self.rest));
        }
        lines
    }

    fn print(&self, lines: &[Vec<u8>]) {
        let mut text = String::new();
        for line in lines {
            let line = String::from_utf8_lossy(line);
            text += &format!("{} | {}\n", self.agent, printable(line.trim_end_matches('\r')));
        }
        let _unread = match self.stream {
            Stream::Out => std::io::stdout().lock().write_all(text.as_bytes()),
            Stream::Err => std::io::stderr().lock().write_all(text.as_bytes()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_shown_and_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.out");
        let mut source =
            Source { agent: "a".into(), path: path.clone(), stream: Stream::Out, read: 0, rest: Vec::new() };
        assert_eq!(source.lines(), Vec::<Vec<u8>>::new(), "no file yet");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\ntwo\nthr").unwrap();
        assert_eq!(source.lines(), [b"one".to_vec(), b"two".to_vec()]);
        file.write_all(b"ee\n\n").unwrap();
        assert_eq!(source.lines(), [b"three".to_vec(), b"".to_vec()]);
        assert_eq!(source.lines(), Vec::<Vec<u8>>::new());
    }
}
