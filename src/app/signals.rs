//! Signals of the operating system.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal that the program handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OsSignal {
    /// TERM: drain, then exit with 0.
    Terminate,
    /// INT: drain, then exit with 130.
    Interrupt,
    /// QUIT: end at once.
    Quit,
    /// HUP: the terminal is gone; without a terminal, reload the configuration.
    HangUp,
}

impl OsSignal {
    /// Its name, as `kill -l` lists it with `SIG`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
            Self::Quit => "SIGQUIT",
            Self::HangUp => "SIGHUP",
        }
    }

    /// The exit code of a process that the signal ends.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Terminate | Self::HangUp => 0,
            Self::Interrupt => 130,
            Self::Quit => 131,
        }
    }
}

/// Receives all handled signals; none of them ends the process by itself any more.
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

    /// The result of a start, unless a signal ends the process before.
    pub async fn unless_ended<T>(&mut self, start: impl Future<Output = T>) -> Result<T, OsSignal> {
        tokio::select! {
            biased;
            end = self.next_end() => Err(end),
            started = start => Ok(started),
        }
    }

    /// The next signal that ends the process; others are ignored.
    pub async fn next_end(&mut self) -> OsSignal {
        loop {
            match self.next().await {
                OsSignal::HangUp => {}
                end => return end,
            }
        }
    }
}
