//! Owns the wait of what runs for long and starts nothing: until somebody asks it to end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears INT and TERM from now on, in the place of ending by them.
#[derive(Debug)]
pub struct AskedToEnd {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl AskedToEnd {
    /// Begins to hear, inside a runtime.
    pub fn new() -> io::Result<Self> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, hangup: None })
    }

    /// Hears HUP, too: what has a terminal ends with it, even where `nohup` is before it.
    pub fn or_hung_up() -> io::Result<Self> {
        Ok(Self { hangup: Some(signal(SignalKind::hangup())?), ..Self::new()? })
    }

    /// Until one of them comes. Nothing is lost if this is dropped while it waits.
    pub async fn wait(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = hangup => {}
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
