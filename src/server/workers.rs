//! The threads that serve connections. Each has an event loop of its own, and a connection stays
//! on its thread with all that it asks of others: between two that wake each other up across
//! threads a request would lose more time than it takes.

use std::io;
use std::thread;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Threads that end when it is dropped, each after what it does at that moment.
#[derive(Debug, Default)]
pub struct WorkerThreads {
    handles: Vec<Handle>,
    next: usize,
    _stop: Option<DropGuard>,
}

impl WorkerThreads {
    /// So many threads of that name; each is told its number, from 0, before it serves.
    pub fn start(
        name: &str,
        count: usize,
        begin: impl Fn(usize) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let mut handles = Vec::with_capacity(count);
        for number in 0..count {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            handles.push(runtime.handle().clone());
            let (stop, begin) = (stop.clone(), begin.clone());
            thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || {
                    begin(number);
                    runtime.block_on(stop.cancelled());
                    // A thread that looks a name up is not waited for.
                    runtime.shutdown_background();
                })?;
        }
        Ok(Self {
            handles,
            next: 0,
            _stop: Some(stop.drop_guard()),
        })
    }

    /// Whoever serves the next connection; nobody where there are no threads, and the caller's own
    /// serves all.
    pub fn next_worker(&mut self) -> Option<&Handle> {
        self.next = (self.next + 1) % self.handles.len().max(1);
        self.handles.get(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn work_goes_round_on_threads_that_end_with_their_workers() {
        let (said, heard) = channel();
        let mut workers =
            WorkerThreads::start("worker", 2, move |number| said.send(number).unwrap()).unwrap();
        let (done, ended) = channel();

        for _ in 0..4 {
            let done = done.clone();
            let handle = workers.next_worker().expect("a thread").clone();
            handle.spawn(async move { done.send(thread::current().name().map(str::to_owned)) });
        }

        let mut names: Vec<_> = (0..4).map(|_| ended.recv().unwrap().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["worker-0", "worker-0", "worker-1", "worker-1"]);
        let mut numbers: Vec<usize> = (0..2).map(|_| heard.recv().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1]);

        let held = done.clone();
        workers.next_worker().expect("a thread").spawn(async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        drop((done, workers));
        // The channel closes when the last who could say something on it is gone.
        while ended.recv_timeout(Duration::from_secs(30)).is_ok() {}
        assert!(ended.recv().is_err());
    }

    #[test]
    fn without_threads_nobody_takes_a_turn() {
        assert!(WorkerThreads::default().next_worker().is_none());
    }
}
