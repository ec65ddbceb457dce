//! Lines on their way to a file or a terminal: whoever logs puts them into a bounded buffer and
//! goes on; a thread of its own writes what has gathered there, some fifty times a second and not
//! once for each line, so that it is seldom woken.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// So many bytes may wait: half a second of ten thousand requests a second.
const MAX_PENDING_BYTES: usize = 4 * 1024 * 1024;
/// With so many waiting it is time to write.
const FLUSH_FROM_BYTES: usize = 64 * 1024;
/// And after this long in any case.
const FLUSH_INTERVAL: Duration = Duration::from_millis(20);
/// At the end, a reader that does not read is waited for that long.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The end that lines are put into; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct NonBlockingWriter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Something came, or the end.
    news: Condvar,
    /// The thread is done.
    done: Condvar,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    is_ending: bool,
    is_done: bool,
}

/// A count of lines that were not written; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct DroppedLines(Option<NonBlockingWriter>);

impl DroppedLines {
    pub fn count(&self) -> u64 {
        let lost = |pipe: &NonBlockingWriter| pipe.0.lost.load(Ordering::Relaxed);
        self.0.as_ref().map_or(0, lost)
    }
}

/// Writes what waits when it is dropped.
#[derive(Debug)]
pub(super) struct WriterGuard(NonBlockingWriter);

impl NonBlockingWriter {
    /// With a thread that writes to `out`.
    pub fn open(out: impl Write + Send + 'static) -> io::Result<(Self, WriterGuard)> {
        let pipe = Self(Arc::default());
        let shared = Arc::clone(&pipe.0);
        thread::Builder::new()
            .name("logs".to_owned())
            .spawn(move || shared.write_to(out))?;
        Ok((pipe.clone(), WriterGuard(pipe)))
    }

    pub fn lost(&self) -> DroppedLines {
        DroppedLines(Some(self.clone()))
    }
}

impl Write for NonBlockingWriter {
    /// Takes one line; one for which there is no room is counted.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.lines.len();
        if before + line.len() > MAX_PENDING_BYTES {
            drop(state);
            self.0.lost.fetch_add(1, Ordering::Relaxed);
            return Ok(line.len());
        }
        state.lines.extend_from_slice(line);
        drop(state);
        if before == 0 || (before < FLUSH_FROM_BYTES && before + line.len() >= FLUSH_FROM_BYTES) {
            self.0.news.notify_one();
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
            // A full disk, or nobody who reads any more.
            if out.write_all(&lines).and_then(|()| out.flush()).is_err() {
                let lost = memchr::memchr_iter(b'\n', &lines).count();
                self.lost.fetch_add(lost as u64, Ordering::Relaxed);
            }
            lines.clear();
            // What gathered while the disk was slow is not kept for ever.
            lines.shrink_to(2 * FLUSH_FROM_BYTES);
            if is_ending {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.is_done = true;
                self.done.notify_all();
                return;
            }
        }
    }

    /// Waits for lines, and a moment for more; whether these are the last.
    fn gather(&self, lines: &mut Vec<u8>) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_empty = |state: &mut State| state.lines.is_empty() && !state.is_ending;
        let state = self.news.wait_while(state, is_empty);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let may_wait = |state: &mut State| state.lines.len() < FLUSH_FROM_BYTES && !state.is_ending;
        let gathered = self
            .news
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
        shared.news.notify_one();
        let is_going_on = |state: &mut State| !state.is_done;
        let _may_be_stuck = shared
            .done
            .wait_timeout_while(state, CLOSE_TIMEOUT, is_going_on);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    /// Somebody who reads when he is let.
    struct Reader {
        leave: Receiver<()>,
        read: SyncSender<Vec<u8>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _gone = self.leave.recv();
            let _gone = self.read.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A disk without room.
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
        let (mut pipe, end) = NonBlockingWriter::open(Full).unwrap();
        let lost = pipe.lost();
        pipe.write_all(b"first\n").unwrap();
        pipe.write_all(b"second\n").unwrap();
        drop(end);
        assert_eq!(lost.count(), 2);
    }

    #[test]
    fn a_reader_that_does_not_read_holds_nobody_up_and_what_is_too_much_is_counted() {
        let (let_read, leave) = sync_channel(10);
        let (read, texts) = sync_channel(10);
        let (mut pipe, end) = NonBlockingWriter::open(Reader { leave, read }).unwrap();
        let lost = pipe.lost();

        let line = vec![b'x'; 1024 * 1024];
        pipe.write_all(b"first\n").unwrap();
        // Until the first is with the reader its bytes count; then as many more fit.
        while lost.count() < 3 {
            pipe.write_all(&line).unwrap();
        }

        let_read.send(()).unwrap();
        assert!(texts.recv().unwrap().starts_with(b"first\n"));
        let lost_before = lost.count();
        drop(let_read);
        drop(end);
        assert_eq!(lost.count(), lost_before);
    }
}
