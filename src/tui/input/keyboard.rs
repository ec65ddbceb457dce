//! Reads keys from the terminal.

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

/// After this time a lone ESC is the key, on a local terminal and over a network.
const NEAR: Duration = Duration::from_millis(25);
const FAR: Duration = Duration::from_millis(100);

/// Reads keys asynchronously, without a thread.
#[derive(Debug)]
pub struct Keyboard {
    terminal: AsyncFd<OwnedFd>,
    decoder: Decoder,
    patience: Duration,
    /// The timeout of an incomplete sequence.
    decided_at: Option<Instant>,
}

impl Keyboard {
    /// Opens the terminal of stdin, else the controlling terminal of the process.
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

    /// The next inputs, possibly none. An error means the terminal is gone. Nothing is lost when
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
                // The terminal is in blocking mode, so readiness must not outlast the available
                // input; and it is reported once, so it must not end before that either.
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

/// Returns whether a read would not block.
fn has_more(terminal: &OwnedFd) -> bool {
    let mut asked = [PollFd::new(terminal, PollFlags::IN)];
    matches!(poll(&mut asked, Some(&Timespec::default())), Ok(1..))
}
