//! Owns the wait of what runs for long and starts nothing: until somebody asks it to end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears INT and TERM from now on, in the place of ending by them.
#[derive(Debug)]
pub struct AskedToEnd {
    interrupt: Signal,
    terminate: Signal,
}

impl AskedToEnd {
    /// Begins to hear, inside a runtime.
    pub fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Until one of them comes. Nothing is lost if this is dropped while it waits.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
