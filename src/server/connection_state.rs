//! State of one connection: what it does, and since when.
//!
//! The connection's own task updates it with every read and write, so all of it is atomic, and times
//! are exact to one millisecond.

use super::connection_limits::ConnectionLimits;
use super::http2_responses::Http2Responses;
use futures_util::task::AtomicWaker;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::Waker;
use std::time::Duration;
use tokio::time::Instant;

/// The value of a time that has not occurred.
const NOT_YET: u64 = u64::MAX;
/// First bytes of an HTTP/2 connection; no method of HTTP/1 begins so.
const HTTP2_PREFACE_PREFIX: &[u8] = b"PRI";

/// Time for a client to close its connection after it was asked to.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// The state of one connection.
#[derive(Debug)]
pub(super) struct ConnectionState {
    /// Start of the times below, which are in milliseconds.
    opened: Instant,
    /// Requests whose response is not complete.
    requests: AtomicU32,
    /// Those of them whose body is not complete.
    uploads: AtomicU32,
    /// Since when there have been any of those.
    uploading_since: AtomicU64,
    /// The end of the last request, or the last byte that was written after it.
    idle_since: AtomicU64,
    /// The first byte of an incomplete request head.
    head_since: AtomicU64,
    /// The first write that the client did not take.
    write_blocked_since: AtomicU64,
    has_read: AtomicBool,
    http2: AtomicBool,
    /// Whether a request body was not read to its end.
    has_unread_body: AtomicBool,
    command: AtomicU8,
    waker: AtomicWaker,
    /// The responses in progress; only of HTTP/2.
    pub responses: Http2Responses,
}

/// A command to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionCommand {
    Serve,
    /// Finish the requests in flight, and close.
    Drain,
    /// Close at once.
    Close,
}

/// Reasons for which the server closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CloseReason {
    Idle,
    SlowHead,
    WriteStalled,
    Evicted,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "it was idle",
            Self::SlowHead => "the head of a request took too long",
            Self::WriteStalled => "the client stopped reading",
            Self::Evicted => "another connection needed its place under the limit",
        })
    }
}

impl ConnectionState {
    pub fn new() -> Self {
        Self {
            opened: Instant::now(),
            requests: AtomicU32::new(0),
            uploads: AtomicU32::new(0),
            uploading_since: AtomicU64::new(NOT_YET),
            idle_since: AtomicU64::new(0),
            head_since: AtomicU64::new(NOT_YET),
            write_blocked_since: AtomicU64::new(NOT_YET),
            has_read: AtomicBool::new(false),
            http2: AtomicBool::new(false),
            has_unread_body: AtomicBool::new(false),
            command: AtomicU8::new(ConnectionCommand::Serve as u8),
            waker: AtomicWaker::new(),
            responses: Http2Responses::default(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(NOT_YET)
    }

    /// Records that bytes arrived.
    pub fn on_read(&self, bytes: &[u8]) {
        if !self.has_read.swap(true, Relaxed) && bytes.starts_with(HTTP2_PREFACE_PREFIX) {
            self.http2.store(true, Relaxed);
        }
        let begins = self.requests.load(Relaxed) == 0 && self.head_since.load(Relaxed) == NOT_YET;
        if begins && !self.http2.load(Relaxed) {
            self.head_since.store(self.now(), Relaxed);
        }
    }

    /// Records that the connection speaks HTTP/2: its first bytes may arrive in pieces.
    pub fn set_http2(&self) {
        self.http2.store(true, Relaxed);
    }

    /// Whether it speaks HTTP/2.
    pub fn is_http2(&self) -> bool {
        self.http2.load(Relaxed)
    }

    /// Records that bytes were written.
    pub fn on_write(&self) {
        if self.write_blocked_since.load(Relaxed) != NOT_YET {
            self.write_blocked_since.store(NOT_YET, Relaxed);
        }
        // HTTP/2 also writes frames that belong to no request.
        if self.requests.load(Relaxed) == 0 && !self.http2.load(Relaxed) {
            self.idle_since.store(self.now(), Relaxed);
        }
    }

    /// Records that the client takes no bytes.
    pub fn on_write_blocked(&self) {
        if self.write_blocked_since.load(Relaxed) == NOT_YET {
            self.write_blocked_since.store(self.now(), Relaxed);
        }
    }

    /// Whether closing at once could destroy a response that the client has not read, because the client
    /// is still sending a body that is not read.
    pub fn lingers(&self) -> bool {
        self.has_unread_body.load(Relaxed) && !self.http2.load(Relaxed)
    }

    /// When the connection is closed unless something happens before, and why. `None` while a request is
    /// in flight, which has its own limits.
    pub fn next_deadline(&self, limits: &ConnectionLimits) -> Option<(Instant, CloseReason)> {
        let after =
            |since: u64, limit: Duration| self.opened + Duration::from_millis(since) + limit;
        let blocked = self.write_blocked_since.load(Relaxed);
        if blocked != NOT_YET {
            return Some((after(blocked, limits.stuck), CloseReason::WriteStalled));
        }
        if self.requests.load(Relaxed) > 0 {
            return None;
        }
        let head = self.head_since.load(Relaxed);
        if head != NOT_YET {
            return Some((after(head, limits.head), CloseReason::SlowHead));
        }
        let idle = match self.command() {
            ConnectionCommand::Serve => limits.keep_alive,
            ConnectionCommand::Drain | ConnectionCommand::Close => CLOSE_GRACE,
        };
        Some((
            after(self.idle_since.load(Relaxed), idle),
            CloseReason::Idle,
        ))
    }

    /// Sort key for eviction, the first to be evicted being the smallest: idle connections, then slow
    /// uploads, the oldest first. `None` where it must not be evicted.
    pub fn eviction_priority(&self, limits: &ConnectionLimits) -> Option<(bool, Instant)> {
        if self.command() == ConnectionCommand::Close {
            return None;
        }
        let since = |millis: u64| self.opened + Duration::from_millis(millis);
        let (requests, uploads) = (self.requests.load(Relaxed), self.uploads.load(Relaxed));
        if requests == 0 {
            return Some((false, since(self.idle_since.load(Relaxed))));
        }
        let uploading_since = self.uploading_since.load(Relaxed);
        let is_slow = || self.now().saturating_sub(uploading_since) > millis(limits.head);
        (requests == uploads && uploading_since != NOT_YET && is_slow())
            .then(|| (true, since(uploading_since)))
    }

    pub fn command(&self) -> ConnectionCommand {
        match self.command.load(Relaxed) {
            0 => ConnectionCommand::Serve,
            1 => ConnectionCommand::Drain,
            _ => ConnectionCommand::Close,
        }
    }

    /// Sends a command; a weaker one than the present one has no effect.
    pub fn send_command(&self, command: ConnectionCommand) {
        self.idle_since.store(self.now(), Relaxed);
        self.command.fetch_max(command as u8, Relaxed);
        self.waker.wake();
    }

    /// Registers the waker for [`ConnectionState::send_command`].
    pub fn register_waker(&self, waker: &Waker) {
        self.waker.register(waker);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NOT_YET)
}

/// A request in flight, from its head to the last byte of its response.
#[derive(Debug)]
pub(super) struct ActiveRequestGuard(Arc<ConnectionState>);

impl ActiveRequestGuard {
    pub fn enter(state: &Arc<ConnectionState>) -> Self {
        state.requests.fetch_add(1, Relaxed);
        state.head_since.store(NOT_YET, Relaxed);
        Self(Arc::clone(state))
    }
}

impl Drop for ActiveRequestGuard {
    fn drop(&mut self) {
        if self.0.requests.fetch_sub(1, Relaxed) == 1 {
            self.0.idle_since.store(self.0.now(), Relaxed);
        }
    }
}

/// A request body that is not complete.
#[derive(Debug)]
pub(super) struct UploadGuard {
    state: Arc<ConnectionState>,
    /// Whether it was read to its end.
    pub complete: bool,
}

impl UploadGuard {
    pub fn begin(state: &Arc<ConnectionState>) -> Self {
        if state.uploads.fetch_add(1, Relaxed) == 0 {
            state.uploading_since.store(state.now(), Relaxed);
        }
        let state = Arc::clone(state);
        Self {
            state,
            complete: false,
        }
    }
}

impl Drop for UploadGuard {
    fn drop(&mut self) {
        if self.state.uploads.fetch_sub(1, Relaxed) == 1 {
            self.state.uploading_since.store(NOT_YET, Relaxed);
        }
        if !self.complete {
            self.state.has_unread_body.store(true, Relaxed);
        }
    }
}
