//! What the operating system tells us.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal that means something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OsSignal {
    /// TERM: drain, then exit with 0.
    Terminate,
    /// INT: drain, then exit with 130.
    Interrupt,
    /// QUIT: end at once.
    Quit,
    /// HUP: the terminal is gone; where there is none, read the configuration again.
    HangUp,
}

impl OsSignal {
    /// What a process that ends because of it returns.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Terminate | Self::HangUp => 0,
            Self::Interrupt => 130,
            Self::Quit => 131,
        }
    }
}

/// All of them, from now on. From here on none of them ends the process by itself.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hang_up: Signal,
}

impl Signals {
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    pub async fn next(&mut self) -> OsSignal {
        tokio::select! {
            _ = self.terminate.recv() => OsSignal::Terminate,
            _ = self.interrupt.recv() => OsSignal::Interrupt,
            _ = self.quit.recv() => OsSignal::Quit,
            _ = self.hang_up.recv() => OsSignal::HangUp,
        }
    }

    /// The next one that asks to end; what else comes is passed over.
    pub async fn next_end(&mut self) -> OsSignal {
        loop {
            match self.next().await {
                OsSignal::HangUp => {}
                end => return end,
            }
        }
    }
}
