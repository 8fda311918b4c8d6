//! The terminal while a full screen is on it: its modes, what is drawn, the keys; all is as it was in the end.

use std::io::{self, BufWriter, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::ask::Key;
use super::state::Top;

/// What comes from a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalInput {
    /// A key.
    Key(Key),
    /// It has another size.
    Resized,
}

/// The terminal is not what it was before.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A terminal that shows nothing else. What it was is there again when this is dropped, and before a panic is told.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    colour: bool,
}

impl Screen {
    /// Takes it.
    ///
    /// # Errors
    ///
    /// It is no terminal, or went away.
    pub fn open(colour: bool) -> io::Result<Self> {
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            leave();
            before(panic);
        }));
        // A frame is written as a whole.
        let mut out = BufWriter::new(io::stdout());
        let taken = execute!(out, EnterAlternateScreen, Hide);
        let opened = taken.and_then(|()| Terminal::new(CrosstermBackend::new(out)));
        match opened {
            Ok(terminal) => Ok(Self { terminal, colour }),
            Err(error) => {
                leave();
                Err(error)
            }
        }
    }

    /// Draws what has changed since.
    ///
    /// # Errors
    ///
    /// The terminal went away.
    pub fn draw(&mut self, top: &mut Top) -> io::Result<()> {
        let colour = self.colour;
        self.terminal.draw(|frame| {
            let area = frame.area();
            top.draw(area, frame.buffer_mut(), colour);
        })?;
        Ok(())
    }

    /// Keys and sizes, as they come; ends when the terminal goes away.
    pub fn listen(&self) -> UnboundedReceiver<TerminalInput> {
        let (say, heard) = unbounded_channel();
        // It is never joined: a read from a terminal cannot be taken back, and ends with the process.
        let _listener = std::thread::spawn(move || {
            while let Ok(event) = event::read() {
                let heard = match event {
                    Event::Key(key) => named(key).map(TerminalInput::Key),
                    Event::Resize(..) => Some(TerminalInput::Resized),
                    Event::FocusGained | Event::FocusLost | Event::Mouse(_) | Event::Paste(_) => None,
                };
                if heard.is_some_and(|heard| say.send(heard).is_err()) {
                    return;
                }
            }
        });
        heard
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Gives it back, once: a terminal that is told so again goes back to where it was before, and what was told of a panic is
/// written over.
fn leave() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    // A terminal that went away shows nothing.
    let _gone = execute!(out, LeaveAlternateScreen, Show).and_then(|()| out.flush());
    let _gone = disable_raw_mode();
}

fn named(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    let key = match event.code {
        KeyCode::Char('c' | 'd') if control => Key::Interrupt,
        KeyCode::Char(c) if !control && !event.modifiers.contains(KeyModifiers::ALT) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    };
    Some(key)
}
