//! Log writer that never blocks its callers: lines go into a bounded buffer, and a separate thread writes
//! what has gathered there at most some fifty times a second, so that it is seldom woken.
//!
//! `tracing-appender` is not used, because its queue is bounded by the number of lines instead of bytes,
//! and it does not count lines that fail to be written, for example to a full disk. It also copies each
//! line into an allocation of its own and may wake its thread for each of them.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes that may be pending: the lines of half a second at ten thousand requests per second.
const MAX_PENDING_BYTES: usize = 4 * 1024 * 1024;
/// Pending bytes from which they are written at once.
const FLUSH_FROM_BYTES: usize = 64 * 1024;
/// Longest time until pending bytes are written.
const FLUSH_INTERVAL: Duration = Duration::from_millis(20);
/// Time to wait at the end for an output that blocks.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The writer for callers; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct NonBlockingWriter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Signals new lines, or the end.
    changed: Condvar,
    /// Signals that the thread has ended.
    done: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    is_ending: bool,
    is_done: bool,
}

/// Count of lines that were not written; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct DroppedLines(Option<NonBlockingWriter>);

impl DroppedLines {
    pub fn count(&self) -> u64 {
        let dropped = |writer: &NonBlockingWriter| writer.0.dropped.load(Ordering::Relaxed);
        self.0.as_ref().map_or(0, dropped)
    }
}

/// Writes pending lines on drop.
#[derive(Debug)]
pub(super) struct WriterGuard(NonBlockingWriter);

impl NonBlockingWriter {
    /// Starts the thread that writes to `out`.
    pub fn open(out: impl Write + Send + 'static) -> io::Result<(Self, WriterGuard)> {
        let writer = Self(Arc::default());
        let shared = Arc::clone(&writer.0);
        thread::Builder::new()
            .name("logs".to_owned())
            .spawn(move || shared.write_to(out))?;
        Ok((writer.clone(), WriterGuard(writer)))
    }

    /// The count of lines that were not written.
    pub fn dropped(&self) -> DroppedLines {
        DroppedLines(Some(self.clone()))
    }
}

impl Write for NonBlockingWriter {
    /// Takes one line; a line that does not fit into the buffer is dropped and counted.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.lines.len();
        if before + line.len() > MAX_PENDING_BYTES {
            drop(state);
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return Ok(line.len());
        }
        state.lines.extend_from_slice(line);
        drop(state);
        if before == 0 || (before < FLUSH_FROM_BYTES && before + line.len() >= FLUSH_FROM_BYTES) {
            self.0.changed.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn write_to(&self, mut out: impl Write) {
        let mut lines = Vec::new();
        loop {
            let is_ending = self.gather(&mut lines);
            // Fails on a full disk, and when the reader is gone.
            if out.write_all(&lines).and_then(|()| out.flush()).is_err() {
                let dropped = memchr::memchr_iter(b'\n', &lines).count();
                self.dropped.fetch_add(dropped as u64, Ordering::Relaxed);
            }
            lines.clear();
            // Frees what a slow disk let gather.
            lines.shrink_to(2 * FLUSH_FROM_BYTES);
            if is_ending {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.is_done = true;
                self.done.notify_all();
                return;
            }
        }
    }

    /// Waits for lines, and for a moment for more; returns whether these are the last.
    fn gather(&self, lines: &mut Vec<u8>) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_empty = |state: &mut State| state.lines.is_empty() && !state.is_ending;
        let state = self.changed.wait_while(state, is_empty);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let may_wait = |state: &mut State| state.lines.len() < FLUSH_FROM_BYTES && !state.is_ending;
        let gathered = self
            .changed
            .wait_timeout_while(state, FLUSH_INTERVAL, may_wait);
        let (mut state, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(lines, &mut state.lines);
        state.is_ending
    }
}

impl Drop for WriterGuard {
    fn drop(&mut self) {
        let shared = &self.0.0;
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_ending = true;
        shared.changed.notify_one();
        let is_running = |state: &mut State| !state.is_done;
        let _may_time_out = shared
            .done
            .wait_timeout_while(state, CLOSE_TIMEOUT, is_running);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    /// An output that blocks until the test allows a write.
    struct Reader {
        permits: Receiver<()>,
        read: SyncSender<Vec<u8>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _disconnected = self.permits.recv();
            let _disconnected = self.read.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A full disk.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let (mut writer, guard) = NonBlockingWriter::open(Full).unwrap();
        let dropped = writer.dropped();
        writer.write_all(b"first\n").unwrap();
        writer.write_all(b"second\n").unwrap();
        drop(guard);
        assert_eq!(dropped.count(), 2);
    }

    #[test]
    fn a_blocked_output_blocks_no_caller_and_lines_over_the_limit_are_counted() {
        let (allow, permits) = sync_channel(10);
        let (read, texts) = sync_channel(10);
        let (mut writer, guard) = NonBlockingWriter::open(Reader { permits, read }).unwrap();
        let dropped = writer.dropped();

        let line = vec![b'x'; 1024 * 1024];
        writer.write_all(b"first\n").unwrap();
        // The bytes of the first line count until it reaches the output.
        while dropped.count() < 3 {
            writer.write_all(&line).unwrap();
        }

        allow.send(()).unwrap();
        assert!(texts.recv().unwrap().starts_with(b"first\n"));
        let dropped_before = dropped.count();
        drop(allow);
        drop(guard);
        assert_eq!(dropped.count(), dropped_before);
    }
}
