//! The wait of what runs for long and starts nothing: until somebody asks it to end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears INT and TERM from now on, in the place of ending by them.
#[derive(Debug)]
pub struct AskedToEnd {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
    quit: Option<Signal>,
}

impl AskedToEnd {
    /// Begins to hear, inside a runtime.
    pub fn new() -> io::Result<Self> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, hangup: None, quit: None })
    }

    /// Hears HUP and QUIT, too: what has a terminal ends with it, even where `nohup` is before it, and leaves it as it was.
    pub fn or_hung_up() -> io::Result<Self> {
        let (hangup, quit) = (Some(signal(SignalKind::hangup())?), Some(signal(SignalKind::quit())?));
        Ok(Self { hangup, quit, ..Self::new()? })
    }

    /// Until one of them comes. Nothing is lost if this is dropped while it waits.
    pub async fn wait(&mut self) {
        tokio::select! {
            () = arrives(self.hangup.as_mut()) => {}
            () = arrives(self.quit.as_mut()) => {}
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Until it comes; for ever where it is not heard.
async fn arrives(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
