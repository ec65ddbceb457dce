//! The terminal's writing end: a thread that may be stuck in it, so that nobody else is.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long a frame under way may hold up the end.
const FAREWELL: Duration = Duration::from_millis(300);

/// Writes one frame at a time. The next is made only when the last is out, so the newest picture
/// wins by itself.
#[derive(Debug)]
pub struct Writer {
    frames: SyncSender<Vec<u8>>,
    written: mpsc::Receiver<io::Result<()>>,
    busy: bool,
    /// Closed by the end of the thread; nothing is ever sent.
    ended: Receiver<()>,
}

impl Writer {
    pub fn start() -> io::Result<Self> {
        let (frames, pending) = sync_channel::<Vec<u8>>(1);
        let (tell, written) = mpsc::channel(1);
        let (ends, ended) = sync_channel(0);
        std::thread::Builder::new()
            .name("dashboard-writer".to_owned())
            .spawn(move || {
                let _until_the_end: SyncSender<()> = ends;
                while let Ok(frame) = pending.recv() {
                    if tell.blocking_send(write_whole(&frame)).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self {
            frames,
            written,
            busy: false,
            ended,
        })
    }

    /// Whether a frame is under way.
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Sends a frame on its way; one that comes while another is under way is lost, so ask first.
    pub fn send(&mut self, frame: Vec<u8>) {
        self.busy = self.frames.try_send(frame).is_ok();
    }

    /// Resolves when the frame under way is out; never where there is none. The error is the end
    /// of the terminal.
    pub async fn written(&mut self) -> io::Result<()> {
        if !self.busy {
            return std::future::pending().await;
        }
        let result = self.written.recv().await;
        self.busy = false;
        result.unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into()))
    }

    /// Lets the frame under way end, within bounds.
    pub fn finish(self) {
        let Self {
            frames,
            written,
            ended,
            ..
        } = self;
        drop(frames);
        drop(written);
        let _ended_or_stuck = ended.recv_timeout(FAREWELL);
    }
}

/// Raw file writing: the standard handle would cut a frame into pieces of a kilobyte.
pub fn write_whole(bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => rest = &rest[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
