//! What is known of one connection: what it is busy with, and since when.
//!
//! The connection's own task writes it with every read and write, so all of it is atomic and none
//! of it is exact to more than a millisecond.

use super::ConnectionLimits;
use super::response_body::Http2Responses;
use futures_util::task::AtomicWaker;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::Waker;
use std::time::Duration;
use tokio::time::Instant;

/// It has not happened.
const NOT_YET: u64 = u64::MAX;
/// How a connection that speaks HTTP/2 begins; no method of HTTP/1 does.
const HTTP2_PREFACE_PREFIX: &[u8] = b"PRI";

/// As long is waited for a client to go that was told that nothing more is answered.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// One connection's place among all.
#[derive(Debug)]
pub(super) struct ConnectionState {
    /// What the milliseconds below count from.
    born: Instant,
    /// Requests that are not answered in full.
    requests: AtomicU32,
    /// Those of them whose body is still coming, and since when there have been any.
    uploads: AtomicU32,
    uploading: AtomicU64,
    /// The last request's end, or the last byte that was written after it.
    quiet: AtomicU64,
    /// The first byte of a head that is not complete.
    head: AtomicU64,
    /// The first write that the client did not take.
    stuck: AtomicU64,
    heard: AtomicBool,
    multiplexed: AtomicBool,
    /// A body was left unread.
    unread: AtomicBool,
    told: AtomicU8,
    waker: AtomicWaker,
    /// Where it speaks HTTP/2.
    pub answers: Http2Responses,
}

/// What a connection was told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionCommand {
    Serve,
    /// Finish what it has begun.
    Drain,
    /// Make room at once.
    Close,
}

/// Why a connection was ended from our side.
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
            Self::WriteStalled => "the client takes no more bytes",
            Self::Evicted => "room was needed for another",
        })
    }
}

impl ConnectionState {
    pub fn new() -> Self {
        Self {
            born: Instant::now(),
            requests: AtomicU32::new(0),
            uploads: AtomicU32::new(0),
            uploading: AtomicU64::new(NOT_YET),
            quiet: AtomicU64::new(0),
            head: AtomicU64::new(NOT_YET),
            stuck: AtomicU64::new(NOT_YET),
            heard: AtomicBool::new(false),
            multiplexed: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            told: AtomicU8::new(ConnectionCommand::Serve as u8),
            waker: AtomicWaker::new(),
            answers: Http2Responses::default(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(NOT_YET)
    }

    /// Bytes came in.
    pub fn on_read(&self, bytes: &[u8]) {
        if !self.heard.swap(true, Relaxed) && bytes.starts_with(HTTP2_PREFACE_PREFIX) {
            self.multiplexed.store(true, Relaxed);
        }
        let begins = self.requests.load(Relaxed) == 0 && self.head.load(Relaxed) == NOT_YET;
        if begins && !self.multiplexed.load(Relaxed) {
            self.head.store(self.now(), Relaxed);
        }
    }

    /// It turned out to speak HTTP/2, whose beginning may come in pieces.
    pub fn is_now_multiplexed(&self) {
        self.multiplexed.store(true, Relaxed);
    }

    /// Whether it speaks HTTP/2.
    pub fn is_multiplexed(&self) -> bool {
        self.multiplexed.load(Relaxed)
    }

    /// Bytes went out.
    pub fn on_write(&self) {
        if self.stuck.load(Relaxed) != NOT_YET {
            self.stuck.store(NOT_YET, Relaxed);
        }
        // HTTP/2 also writes for its own sake.
        if self.requests.load(Relaxed) == 0 && !self.multiplexed.load(Relaxed) {
            self.quiet.store(self.now(), Relaxed);
        }
    }

    /// Bytes could not go out.
    pub fn on_write_blocked(&self) {
        if self.stuck.load(Relaxed) == NOT_YET {
            self.stuck.store(self.now(), Relaxed);
        }
    }

    /// Whether closing at once could destroy an answer that the client has not read: it is still
    /// sending what nobody wants.
    pub fn lingers(&self) -> bool {
        self.unread.load(Relaxed) && !self.multiplexed.load(Relaxed)
    }

    /// When it will have to end, and why, unless something happens before. `None` while a request
    /// is answered: that has limits of its own.
    pub fn next_deadline(&self, limits: &ConnectionLimits) -> Option<(Instant, CloseReason)> {
        let after = |since: u64, limit: Duration| self.born + Duration::from_millis(since) + limit;
        let stuck = self.stuck.load(Relaxed);
        if stuck != NOT_YET {
            return Some((after(stuck, limits.stuck), CloseReason::WriteStalled));
        }
        if self.requests.load(Relaxed) > 0 {
            return None;
        }
        let head = self.head.load(Relaxed);
        if head != NOT_YET {
            return Some((after(head, limits.head), CloseReason::SlowHead));
        }
        let idle = match self.command() {
            ConnectionCommand::Serve => limits.keep_alive,
            ConnectionCommand::Drain | ConnectionCommand::Close => CLOSE_GRACE,
        };
        Some((after(self.quiet.load(Relaxed), idle), CloseReason::Idle))
    }

    /// How little it would lose by going, the least first; `None` where it is being served.
    pub fn eviction_priority(&self, limits: &ConnectionLimits) -> Option<(bool, Instant)> {
        if self.command() == ConnectionCommand::Close {
            return None;
        }
        let since = |millis: u64| self.born + Duration::from_millis(millis);
        let (requests, uploads) = (self.requests.load(Relaxed), self.uploads.load(Relaxed));
        if requests == 0 {
            return Some((false, since(self.quiet.load(Relaxed))));
        }
        let uploading = self.uploading.load(Relaxed);
        let is_slow = || self.now().saturating_sub(uploading) > millis(limits.head);
        (requests == uploads && uploading != NOT_YET && is_slow()).then(|| (true, since(uploading)))
    }

    pub fn command(&self) -> ConnectionCommand {
        match self.told.load(Relaxed) {
            0 => ConnectionCommand::Serve,
            1 => ConnectionCommand::Drain,
            _ => ConnectionCommand::Close,
        }
    }

    pub fn send_command(&self, what: ConnectionCommand) {
        self.quiet.store(self.now(), Relaxed);
        self.told.fetch_max(what as u8, Relaxed);
        self.waker.wake();
    }

    /// Who is woken by [`ConnectionState::send_command`].
    pub fn command_changed(&self, waker: &Waker) {
        self.waker.register(waker);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NOT_YET)
}

/// A request from its head to the last byte of its answer.
#[derive(Debug)]
pub(super) struct ActiveRequestGuard(Arc<ConnectionState>);

impl ActiveRequestGuard {
    pub fn enter(place: &Arc<ConnectionState>) -> Self {
        place.requests.fetch_add(1, Relaxed);
        place.head.store(NOT_YET, Relaxed);
        Self(Arc::clone(place))
    }
}

impl Drop for ActiveRequestGuard {
    fn drop(&mut self) {
        if self.0.requests.fetch_sub(1, Relaxed) == 1 {
            self.0.quiet.store(self.0.now(), Relaxed);
        }
    }
}

/// A request's body that is still coming.
#[derive(Debug)]
pub(super) struct UploadGuard {
    place: Arc<ConnectionState>,
    /// Whether it came to its end.
    pub complete: bool,
}

impl UploadGuard {
    pub fn begin(place: &Arc<ConnectionState>) -> Self {
        if place.uploads.fetch_add(1, Relaxed) == 0 {
            place.uploading.store(place.now(), Relaxed);
        }
        let place = Arc::clone(place);
        Self {
            place,
            complete: false,
        }
    }
}

impl Drop for UploadGuard {
    fn drop(&mut self) {
        if self.place.uploads.fetch_sub(1, Relaxed) == 1 {
            self.place.uploading.store(NOT_YET, Relaxed);
        }
        if !self.complete {
            self.place.unread.store(true, Relaxed);
        }
    }
}
