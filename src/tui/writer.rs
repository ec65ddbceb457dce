//! Writes frames to the terminal, in a thread of its own because a write to a stalled terminal
//! blocks.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// The state of the gate.
static GATE: Mutex<WriteGate> = Mutex::new(WriteGate {
    is_open: false,
    is_writing: false,
});
static WRITTEN: Condvar = Condvar::new();

#[derive(Debug)]
struct WriteGate {
    /// Frames may be written.
    is_open: bool,
    /// A frame is being written.
    is_writing: bool,
}

fn gate() -> MutexGuard<'static, WriteGate> {
    // Two flags stay consistent after a panic.
    GATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stops frames: one written after the terminal was given back would hide the cursor again. Waits
/// for a frame that is being written, at most [`FINAL_FRAME_TIMEOUT`].
pub fn shut() {
    let mut gate = gate();
    gate.is_open = false;
    let waited = WRITTEN.wait_timeout_while(gate, FINAL_FRAME_TIMEOUT, |gate| gate.is_writing);
    drop(waited);
}

/// Writes a frame unless the gate is closed.
fn pass(frame: &[u8]) -> io::Result<()> {
    {
        let mut gate = gate();
        if !gate.is_open {
            return Ok(());
        }
        gate.is_writing = true;
    }
    let result = write_whole(frame);
    gate().is_writing = false;
    WRITTEN.notify_all();
    result
}

/// The end waits this long for a frame that is being written.
const FINAL_FRAME_TIMEOUT: Duration = Duration::from_millis(300);

/// Writes one frame at a time. The next is drawn only when the last is written, so it always shows
/// the newest state.
#[derive(Debug)]
pub struct Writer {
    frames: SyncSender<Vec<u8>>,
    written: mpsc::Receiver<io::Result<()>>,
    busy: bool,
    /// Closed when the thread ends; nothing is ever sent.
    ended: Receiver<()>,
}

impl Writer {
    pub fn start() -> io::Result<Self> {
        gate().is_open = true;
        let (frames, pending) = sync_channel::<Vec<u8>>(1);
        let (results, written) = mpsc::channel(1);
        let (ends, ended) = sync_channel(0);
        std::thread::Builder::new()
            .name("dashboard-writer".to_owned())
            .spawn(move || {
                let _until_the_end: SyncSender<()> = ends;
                while let Ok(frame) = pending.recv() {
                    if results.blocking_send(pass(&frame)).is_err() {
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

    /// Returns whether a frame is being written.
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Starts writing a frame. A frame is lost while another is being written, so check
    /// [`Self::is_busy`] first.
    pub fn send(&mut self, frame: Vec<u8>) {
        self.busy = self.frames.try_send(frame).is_ok();
    }

    /// Resolves when the frame is written; never without one. An error means the terminal is gone.
    pub async fn written(&mut self) -> io::Result<()> {
        if !self.busy {
            return std::future::pending().await;
        }
        let result = self.written.recv().await;
        self.busy = false;
        result.unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into()))
    }

    /// Waits for the frame that is being written, at most [`FINAL_FRAME_TIMEOUT`].
    pub fn finish(self) {
        let Self {
            frames,
            written,
            ended,
            ..
        } = self;
        drop(frames);
        drop(written);
        let _ended_or_stuck = ended.recv_timeout(FINAL_FRAME_TIMEOUT);
    }
}

/// Writes to the file descriptor: the standard handle would split a frame into pieces of a
/// kilobyte.
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
