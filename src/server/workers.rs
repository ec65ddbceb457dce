//! The threads that serve connections. Each has its own event loop, and a connection stays on its thread
//! together with its upstream calls: waking another thread would cost more time than the gateway
//! itself takes for a request.

use std::io;
use std::thread;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Worker threads. Dropping this ends each of them after the task that it is running.
#[derive(Debug, Default)]
pub struct WorkerThreads {
    handles: Vec<Handle>,
    next: usize,
    _stop: Option<DropGuard>,
}

impl WorkerThreads {
    /// Starts `count` threads with this name; each calls `begin` with its number, from 0, first.
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
                    // Does not wait for threads that resolve a host name.
                    runtime.shutdown_background();
                })?;
        }
        Ok(Self {
            handles,
            next: 0,
            _stop: Some(stop.drop_guard()),
        })
    }

    /// The runtimes of all threads, in their order.
    pub fn handles(&self) -> &[Handle] {
        &self.handles
    }

    /// The runtime for the next connection, in turn; `None` without threads, where the caller's own
    /// runtime serves all.
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
    fn work_is_spread_over_threads_that_end_with_the_workers() {
        let (sender, numbers) = channel();
        let mut workers =
            WorkerThreads::start("worker", 2, move |number| sender.send(number).unwrap()).unwrap();
        let (done, ended) = channel();

        for _ in 0..4 {
            let done = done.clone();
            let handle = workers.next_worker().expect("a thread").clone();
            handle.spawn(async move { done.send(thread::current().name().map(str::to_owned)) });
        }

        let mut names: Vec<_> = (0..4).map(|_| ended.recv().unwrap().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["worker-0", "worker-0", "worker-1", "worker-1"]);
        let mut begun: Vec<usize> = (0..2).map(|_| numbers.recv().unwrap()).collect();
        begun.sort_unstable();
        assert_eq!(begun, [0, 1]);

        let held = done.clone();
        workers.next_worker().expect("a thread").spawn(async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        drop((done, workers));
        // The channel closes when the last sender is dropped.
        while ended.recv_timeout(Duration::from_secs(30)).is_ok() {}
        assert!(ended.recv().is_err());
    }

    #[test]
    fn without_threads_there_is_no_next_worker() {
        assert!(WorkerThreads::default().next_worker().is_none());
    }
}
