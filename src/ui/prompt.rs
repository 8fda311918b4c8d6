//! The person at the terminal: one question, answered there or taken back.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::stat::Mode;
use nix::sys::termios::{FlushArg, LocalFlags, tcflush, tcgetattr};
use nix::unistd::{getpgrp, read, tcgetpgrp, write};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::Layout;
use super::answer::PromptQuestion;
use super::foreign_output::ForeignOutput;
use crate::model::event::Answer;
use crate::report::text::printable;

/// A longer line is no answer; the terminal itself hands out 4,095 bytes at most.
const LONGEST_LINE: usize = 4_096;

/// Between two looks at a terminal that others have: a shell's `fg` tells a job that runs nothing.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// So long nothing is written before the question is put once more below what was.
const QUIET: Duration = Duration::from_millis(300);

/// Below what is written without a pause it is put this often.
const AT_LEAST: Duration = Duration::from_secs(5);

/// govern's own terminal, apart from what the agent reads: a file description of its own, so that
/// not waiting for it changes nothing for others.
#[derive(Debug)]
pub struct Prompt {
    terminal: AsyncFd<OwnedFd>,
    /// What others write there, where that can be told.
    written: Option<ForeignOutput>,
}

/// How a question at the terminal ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptEnd {
    /// Somebody answered.
    Answer(Answer),
    /// The terminal was closed, or Ctrl-D was typed: no answer will come from here.
    Nobody,
}

impl Prompt {
    /// The controlling terminal, if there is one. Must be called within a tokio runtime.
    pub fn open() -> io::Result<Option<Self>> {
        let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let terminal = open("/dev/tty", flags, Mode::empty()).ok();
        terminal.map(|terminal| Self::over(terminal, ForeignOutput::to_own_terminal())).transpose()
    }

    fn over(terminal: OwnedFd, written: Option<ForeignOutput>) -> io::Result<Self> {
        let flags = OFlag::from_bits_truncate(fcntl(&terminal, FcntlArg::F_GETFL)?);
        fcntl(&terminal, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe for types that may change their descriptor; OwnedFd does not"
        )]
        let terminal = AsyncFd::with_interest(terminal, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { terminal, written })
    }

    /// Puts the question until it has an answer, again below whatever is written after it, with the lines of `others`
    /// above. May be dropped at any time; call [`Prompt::forget_typing`] then, before the agent goes on. Waits until
    /// [`Prompt::may_ask`].
    pub async fn ask(
        &self,
        question: &PromptQuestion,
        look: Layout,
        mut others: watch::Receiver<Vec<String>>,
    ) -> io::Result<PromptEnd> {
        let mut again = false;
        'put: loop {
            let mut others_typed = !again;
            while !self.may_ask() {
                others_typed = true;
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            if others_typed {
                // What was typed before there was a question is no answer to it. Once it stands there, half an answer may
                // have been typed.
                self.forget_typing();
            }
            let above = others.borrow_and_update().clone();
            self.forget_written();
            let gap = if again { "\n" } else { "" };
            self.say(&format!("{gap}{}", question.draw(look, &above))).await?;
            again = true;
            loop {
                let line = tokio::select! {
                    biased;
                    line = self.line() => line?,
                    () = self.is_buried(&mut others) => continue 'put,
                };
                let Some(line) = line else {
                    self.say("\n").await?;
                    return Ok(PromptEnd::Nobody);
                };
                match question.parse(&line) {
                    Ok(answer) => return Ok(PromptEnd::Answer(answer)),
                    Err(mistake) => self.say(&format!("govern: {mistake}\n? ")).await?,
                }
            }
        }
    }

    /// Something was written below the question, or more is open, and nothing else came for a moment.
    async fn is_buried(&self, others: &mut watch::Receiver<Vec<String>>) {
        let Some(written) = &self.written else {
            return more_open(others).await;
        };
        tokio::select! {
            () = written.more() => {}
            () = more_open(others) => {}
        }
        let latest = Instant::now() + AT_LEAST;
        while timeout_at(latest.min(Instant::now() + QUIET), written.more()).await.is_ok() {}
    }

    fn forget_written(&self) {
        if let Some(written) = &self.written {
            written.forget();
        }
    }

    /// govern is in the foreground, and no full-screen program has taken the terminal out of line mode.
    pub fn may_ask(&self) -> bool {
        let lines =
            || tcgetattr(self.terminal.get_ref()).is_ok_and(|modes| modes.local_flags.contains(LocalFlags::ICANON));
        match front(self.terminal.get_ref()) {
            Front::Ours => lines(),
            Front::Others => false,
            // To read from it will tell.
            Front::Gone => true,
        }
    }

    /// Says what became of a question that was not answered here, on a line of its own below it; nothing but the
    /// line's end if there is nothing to say. A terminal that takes no more (Ctrl-S) is not waited for.
    pub fn withdraw(&self, because: Option<&str>) {
        let mut text = "\n".to_owned();
        if let Some(because) = because {
            text += &format!("govern: {}\n", printable(because));
        }
        // A terminal that went away has nobody to tell.
        let _ = write(self.terminal.get_ref(), text.as_bytes());
    }

    /// Drops what was typed and not read yet. Call it before the agent goes on, or it reads half an answer.
    pub fn forget_typing(&self) {
        // In the background the typing is the shell's, and to touch it would stop govern.
        if front(self.terminal.get_ref()) == Front::Ours {
            let _ = tcflush(self.terminal.get_ref(), FlushArg::TCIFLUSH);
        }
    }

    /// One line without its end; `None` at the end of input.
    async fn line(&self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        loop {
            let mut buffer = [0_u8; 512];
            let read_some = |terminal: &OwnedFd| match front(terminal) {
                Front::Ours => Ok(read(terminal.as_fd(), &mut buffer)?),
                // Whoever has the terminal reads this; to try would stop govern.
                Front::Others => Err(io::ErrorKind::WouldBlock.into()),
                Front::Gone => Ok(0),
            };
            let count = self.terminal.async_io(Interest::READABLE, read_some).await?;
            line.extend_from_slice(buffer.get(..count).unwrap_or_default());
            if count == 0 {
                return Ok(None);
            }
            if line.ends_with(b"\n") || line.len() > LONGEST_LINE {
                return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
            }
        }
    }

    async fn say(&self, text: &str) -> io::Result<()> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let written =
                self.terminal.async_io(Interest::WRITABLE, |terminal| Ok(write(terminal.as_fd(), rest)?)).await?;
            rest = rest.get(written..).unwrap_or_default();
        }
        Ok(())
    }
}

/// Other questions were put or answered.
async fn more_open(others: &mut watch::Receiver<Vec<String>>) {
    if others.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Who has the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Front {
    /// govern's process group: it is in the foreground, or this is nobody's controlling terminal.
    Ours,
    /// Another group: govern is in the background.
    Others,
    /// It was closed.
    Gone,
}

fn front(terminal: &OwnedFd) -> Front {
    match tcgetpgrp(terminal) {
        Ok(group) if group == getpgrp() => Front::Ours,
        Ok(_) => Front::Others,
        Err(Errno::ENOTTY) => Front::Ours,
        Err(_) => Front::Gone,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};

    use nix::pty::openpty;
    use nix::sys::termios::{SetArg, tcsetattr};

    use super::super::answer::sample;
    use super::*;

    /// A terminal with a person at its other end.
    fn terminal() -> (File, OwnedFd, Prompt) {
        let pair = openpty(None, None).unwrap();
        let agents = pair.slave.try_clone().unwrap();
        let path = nix::unistd::ttyname(&pair.slave).unwrap();
        // A file description of its own, as /dev/tty gives.
        let own = open(&path, OFlag::O_RDWR | OFlag::O_NOCTTY, Mode::empty()).unwrap();
        (File::from(pair.master), agents, Prompt::over(own, None).unwrap())
    }

    /// No other question is open.
    fn alone() -> watch::Receiver<Vec<String>> {
        watch::channel(Vec::new()).1
    }

    fn within_tokio<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    /// Reads what the person sees until it ends with the text.
    fn seen(person: &mut File, end: &str) -> String {
        let mut text = Vec::new();
        while !String::from_utf8_lossy(&text).ends_with(end) {
            let mut byte = [0];
            person.read_exact(&mut byte).unwrap();
            text.push(byte[0]);
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    #[test]
    fn a_wrong_answer_is_explained_and_asked_again() {
        within_tokio(async {
            let (mut person, _agent, prompt) = terminal();
            let typing = std::thread::spawn(move || {
                seen(&mut person, "? ");
                person.write_all(b"yes\n").unwrap();
                let said = seen(&mut person, "or k\r\n? ");
                person.write_all(b"e 2usd\n").unwrap();
                (said, person)
            });
            let answer = prompt.ask(&sample(), Layout::plain(80), alone()).await.unwrap();
            assert_eq!(answer, PromptEnd::Answer(Answer::Extend { amount: 2_000_000_000 }));
            let (said, _person) = typing.join().unwrap();
            assert!(said.contains("`yes` is no answer"), "{said}");
        });
    }

    #[test]
    fn what_was_typed_before_the_question_is_no_answer() {
        within_tokio(async {
            let (mut person, _agent, prompt) = terminal();
            person.write_all(b"k\n").unwrap();
            let typing = std::thread::spawn(move || {
                seen(&mut person, "? ");
                person.write_all(b"s\n").unwrap();
                person
            });
            assert_eq!(
                prompt.ask(&sample(), Layout::plain(80), alone()).await.unwrap(),
                PromptEnd::Answer(Answer::Stop)
            );
            typing.join().unwrap();
        });
    }

    #[test]
    fn a_question_that_is_taken_back_leaves_nothing_typed_and_steals_nothing_later() {
        within_tokio(async {
            let (mut person, agent, prompt) = terminal();
            {
                let question = sample();
                let asking = prompt.ask(&question, Layout::plain(80), alone());
                tokio::pin!(asking);
                let half = std::thread::spawn(move || {
                    seen(&mut person, "? ");
                    person.write_all(b"e 2").unwrap();
                    seen(&mut person, "e 2");
                    person
                });
                let mut half = tokio::task::spawn_blocking(move || half.join().unwrap());
                person = tokio::select! {
                    _ = &mut asking => panic!("half a line is no answer"),
                    person = &mut half => person.unwrap(),
                };
            }
            prompt.forget_typing();
            prompt.withdraw(Some("bob extended it by $2.00"));
            assert!(seen(&mut person, "$2.00\r\n").contains("govern: bob extended"));
            person.write_all(b"for the agent\n").unwrap();
            let mut line = [0; 64];
            let count = read(&agent, &mut line).unwrap();
            assert_eq!(&line[..count], b"for the agent\n");
        });
    }

    #[test]
    fn what_else_is_asked_is_listed_and_the_question_is_last_again() {
        within_tokio(async {
            let (mut person, _agent, prompt) = terminal();
            let (open, others) = watch::channel(Vec::new());
            let typing = std::thread::spawn(move || {
                seen(&mut person, "? ");
                open.send(vec!["also open: govern approve 8".to_owned()]).unwrap();
                let again = seen(&mut person, "? ");
                person.write_all(b"s\n").unwrap();
                (again, person)
            });
            assert_eq!(
                prompt.ask(&sample(), Layout::plain(80), others).await.unwrap(),
                PromptEnd::Answer(Answer::Stop)
            );
            let (again, _person) = typing.join().unwrap();
            assert!(again.starts_with("\r\nalso open: govern approve 8\r\ngovern: $4.93"), "{again}");
        });
    }

    #[test]
    fn ctrl_d_leaves_the_answer_to_others() {
        within_tokio(async {
            let (mut person, _agent, prompt) = terminal();
            let typing = std::thread::spawn(move || {
                seen(&mut person, "? ");
                person.write_all(b"\x04").unwrap();
                person
            });
            assert_eq!(prompt.ask(&sample(), Layout::plain(80), alone()).await.unwrap(), PromptEnd::Nobody);
            typing.join().unwrap();
        });
    }

    #[test]
    fn a_full_screen_program_is_not_written_into_and_the_question_follows_it() {
        within_tokio(async {
            let (mut person, agent, prompt) = terminal();
            let lines = tcgetattr(&agent).unwrap();
            let mut raw = lines.clone();
            nix::sys::termios::cfmakeraw(&mut raw);
            tcsetattr(&agent, SetArg::TCSANOW, &raw).unwrap();
            assert!(!prompt.may_ask());
            write(&agent, b"the end of its screen").unwrap();
            let typing = std::thread::spawn(move || {
                let before = seen(&mut person, "its screen");
                tcsetattr(&agent, SetArg::TCSANOW, &lines).unwrap();
                seen(&mut person, "? ");
                person.write_all(b"s\n").unwrap();
                (before, person, agent)
            });
            assert_eq!(
                prompt.ask(&sample(), Layout::plain(80), alone()).await.unwrap(),
                PromptEnd::Answer(Answer::Stop)
            );
            assert_eq!(typing.join().unwrap().0, "the end of its screen");
        });
    }
}
