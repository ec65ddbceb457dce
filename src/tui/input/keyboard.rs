//! The terminal's reading end, and how long an ESC may wait for its rest.

use super::{Decoder, Input};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};

/// A lone ESC is the key after so long on this machine, and over a line.
const NEAR: Duration = Duration::from_millis(25);
const FAR: Duration = Duration::from_millis(100);

/// Reads keys without a thread of its own: it waits for the terminal beside everything else.
#[derive(Debug)]
pub struct Keyboard {
    terminal: AsyncFd<OwnedFd>,
    decoder: Decoder,
    patience: Duration,
    /// When something that was begun is decided by time.
    decided_at: Option<Instant>,
}

impl Keyboard {
    /// The terminal behind stdin, else the one that controls this process.
    pub fn open(over_line: bool) -> io::Result<Self> {
        let stdin = io::stdin();
        let terminal = if stdin.is_terminal() {
            stdin.as_fd().try_clone_to_owned()?
        } else {
            File::open("/dev/tty")?.into()
        };
        #[expect(
            deprecated,
            reason = "sound here: the descriptor is owned, and open for as long as it is registered"
        )]
        let terminal = AsyncFd::with_interest(terminal, Interest::READABLE)?;
        Ok(Self {
            terminal,
            decoder: Decoder::default(),
            patience: if over_line { FAR } else { NEAR },
            decided_at: None,
        })
    }

    /// What comes next, perhaps nothing. An error is the end of the terminal. Nothing is lost when
    /// the future is dropped.
    pub async fn next(&mut self) -> io::Result<Vec<Input>> {
        let mut inputs = Vec::new();
        let silence = async {
            match self.decided_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ready = self.terminal.readable() => {
                let mut bytes = [0; 1_024];
                let read = rustix::io::read(self.terminal.get_ref(), &mut bytes[..]);
                let mut ready = ready?;
                // The terminal is read in blocking mode, so that readiness must not outlast what
                // there is; and it is told of once, so that it must not end before that either.
                if !has_more(self.terminal.get_ref()) {
                    ready.clear_ready();
                }
                match read {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(count) => self.decoder.feed(&bytes[..count], &mut inputs),
                    Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            () = silence => self.decoder.silence(&mut inputs),
        }
        self.decided_at = self
            .decoder
            .is_waiting()
            .then(|| Instant::now() + self.patience);
        Ok(inputs)
    }
}

/// Whether a read would not wait.
fn has_more(terminal: &OwnedFd) -> bool {
    let mut asked = [PollFd::new(terminal, PollFlags::IN)];
    matches!(poll(&mut asked, Some(&Timespec::default())), Ok(1..))
}
