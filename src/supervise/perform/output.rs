//! What agents write to their files, shown line by line with their names, while they work.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::Duration;

use crate::model::AgentName;
use crate::process;
use crate::report::text::printable;
use crate::ui::Layout;

use crate::supervise::journal::Journal;
use crate::supervise::run::Run;

/// How often files are looked at.
pub(in crate::supervise) const OFTEN: Duration = Duration::from_millis(250);

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

/// What is to be shown on one of govern's own streams: whole lines.
struct Said {
    stream: Stream,
    text: String,
}

/// The files of all agents.
#[derive(Default)]
pub(in crate::supervise) struct Output {
    sources: Vec<Source>,
    /// All writers are gone: a last line that is not ended is one.
    ended: bool,
}

impl Output {
    pub(in crate::supervise) fn add(&mut self, agent: &AgentName, out: PathBuf, err: PathBuf) {
        for (path, stream) in [(out, Stream::Out), (err, Stream::Err)] {
            self.sources.push(Source { agent: agent.clone(), path, stream, read: 0, rest: Vec::new() });
        }
    }

    pub(in crate::supervise) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    pub(in crate::supervise) fn end(&mut self) {
        self.ended = true;
    }

    /// Shows what agents wrote since. That nobody reads it any more is no reason to stop governing.
    pub(in crate::supervise) fn show(&mut self, run: &Run, journal: &mut Journal) {
        if self.is_empty() {
            return;
        }
        let news = self.news(&Prefixes::of(&run.order));
        if !news.is_empty() {
            journal.notices().around(|| news.iter().for_each(Said::write));
        }
    }

    /// What is new, each line with its agent before it.
    fn news(&mut self, prefixes: &Prefixes) -> Vec<Said> {
        let mut news = Vec::new();
        for source in &mut self.sources {
            let mut lines = source.lines();
            if self.ended && !source.rest.is_empty() {
                lines.push(std::mem::take(&mut source.rest));
            }
            if !lines.is_empty() {
                news.push(Said { stream: source.stream, text: source.text(&lines, prefixes) });
            }
        }
        news
    }
}

impl Said {
    /// At once and under its stream's lock, so that nothing mixes with a line.
    fn write(&self) {
        let _unread = match self.stream {
            Stream::Out => {
                let mut out = std::io::stdout().lock();
                out.write_all(self.text.as_bytes()).and_then(|()| out.flush())
            }
            Stream::Err => std::io::stderr().lock().write_all(self.text.as_bytes()),
        };
    }
}

/// How lines begin: the name, padded so that all lines of all agents begin at one place, in the agent's own colour.
struct Prefixes {
    names: Vec<AgentName>,
    out: Layout,
    err: Layout,
}

impl Prefixes {
    fn of(names: &[AgentName]) -> Self {
        Self { names: names.to_vec(), out: Layout::stdout(), err: Layout::stderr() }
    }

    fn of_agent(&self, agent: &AgentName, stream: Stream) -> String {
        let look = match stream {
            Stream::Out => self.out,
            Stream::Err => self.err,
        };
        let names: Vec<&str> = self.names.iter().map(AgentName::as_str).collect();
        look.prefix(agent.as_str(), &names)
    }
}

impl Source {
    /// Whole lines that were added. A file that is not there has none yet.
    fn lines(&mut self) -> Vec<Vec<u8>> {
        let mut added = Vec::new();
        // Its agent may have put a pipe there.
        let plain = process::open_to_read(&self.path).and_then(|file| match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(std::io::ErrorKind::InvalidInput.into()),
        });
        let read = plain.and_then(|mut file| {
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

    fn text(&self, lines: &[Vec<u8>], prefixes: &Prefixes) -> String {
        let prefix = prefixes.of_agent(&self.agent, self.stream);
        let mut text = String::new();
        for line in lines {
            let line = String::from_utf8_lossy(line);
            text += &format!("{prefix}{}\n", printable(line.trim_end_matches('\r')));
        }
        text
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
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(b"one\ntwo\nthr").unwrap();
        assert_eq!(source.lines(), [b"one".to_vec(), b"two".to_vec()]);
        file.write_all(b"ee\n\n").unwrap();
        assert_eq!(source.lines(), [b"three".to_vec(), b"".to_vec()]);
        assert_eq!(source.lines(), Vec::<Vec<u8>>::new());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes a pipe")]
    fn what_is_shown_is_whole_lines_and_the_rest_when_all_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut echo = Output::default();
        echo.add(&"a".into(), path("a.out"), path("a.err"));
        echo.add(&"longer".into(), path("b.out"), path("b.err"));
        let prefixes =
            Prefixes { names: vec!["a".into(), "longer".into()], out: Layout::plain(80), err: Layout::plain(80) };
        let shown = |echo: &mut Output| echo.news(&prefixes).into_iter().map(|said| said.text).collect::<String>();
        std::fs::write(path("a.out"), "one\nhal").unwrap();
        std::fs::write(path("b.err"), "oops \u{1b}[2J\n").unwrap();
        assert_eq!(shown(&mut echo), "a      | one\nlonger | oops \u{fffd}[2J\n");
        assert_eq!(shown(&mut echo), "");
        // Its agent has put a pipe there, which nobody writes: it is not waited for.
        let pipe = path("b.out");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(shown(&mut echo), "");
        echo.end();
        assert_eq!(shown(&mut echo), "a      | hal\n");
        assert_eq!(shown(&mut echo), "");
    }
}
