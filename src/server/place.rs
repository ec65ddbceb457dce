//! What is known of one connection: what it is busy with, and since when.
//!
//! The connection's own task writes it with every read and write, so all of it is atomic and none
//! of it is exact to more than a millisecond.

use super::Limits;
use super::answer::Answers;
use futures_util::task::AtomicWaker;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::Waker;
use std::time::Duration;
use tokio::time::Instant;

/// It has not happened.
const NEVER: u64 = u64::MAX;
/// How a connection that speaks HTTP/2 begins; no method of HTTP/1 does.
const MULTIPLEXED: &[u8] = b"PRI";

/// As long is waited for a client to go that was told that nothing more is answered.
const FAREWELL: Duration = Duration::from_secs(1);

/// One connection's place among all.
#[derive(Debug)]
pub(super) struct Place {
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
    pub answers: Answers,
}

/// What a connection was told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Stay,
    /// Finish what it has begun.
    Finish,
    /// Make room at once.
    Go,
}

/// Why a connection was ended from our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Idle,
    SlowHead,
    Stuck,
    SentAway,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "it was idle",
            Self::SlowHead => "the head of a request took too long",
            Self::Stuck => "the client takes no more bytes",
            Self::SentAway => "room was needed for another",
        })
    }
}

impl Place {
    pub fn new() -> Self {
        Self {
            born: Instant::now(),
            requests: AtomicU32::new(0),
            uploads: AtomicU32::new(0),
            uploading: AtomicU64::new(NEVER),
            quiet: AtomicU64::new(0),
            head: AtomicU64::new(NEVER),
            stuck: AtomicU64::new(NEVER),
            heard: AtomicBool::new(false),
            multiplexed: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            told: AtomicU8::new(Told::Stay as u8),
            waker: AtomicWaker::new(),
            answers: Answers::default(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(NEVER)
    }

    /// Bytes came in.
    pub fn heard(&self, bytes: &[u8]) {
        if !self.heard.swap(true, Relaxed) && bytes.starts_with(MULTIPLEXED) {
            self.multiplexed.store(true, Relaxed);
        }
        let begins = self.requests.load(Relaxed) == 0 && self.head.load(Relaxed) == NEVER;
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
    pub fn said(&self) {
        if self.stuck.load(Relaxed) != NEVER {
            self.stuck.store(NEVER, Relaxed);
        }
        // HTTP/2 also writes for its own sake.
        if self.requests.load(Relaxed) == 0 && !self.multiplexed.load(Relaxed) {
            self.quiet.store(self.now(), Relaxed);
        }
    }

    /// Bytes could not go out.
    pub fn held_up(&self) {
        if self.stuck.load(Relaxed) == NEVER {
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
    pub fn due(&self, limits: &Limits) -> Option<(Instant, Ended)> {
        let after = |since: u64, limit: Duration| self.born + Duration::from_millis(since) + limit;
        let stuck = self.stuck.load(Relaxed);
        if stuck != NEVER {
            return Some((after(stuck, limits.stuck), Ended::Stuck));
        }
        if self.requests.load(Relaxed) > 0 {
            return None;
        }
        let head = self.head.load(Relaxed);
        if head != NEVER {
            return Some((after(head, limits.head), Ended::SlowHead));
        }
        let idle = match self.told() {
            Told::Stay => limits.keep_alive,
            Told::Finish | Told::Go => FAREWELL,
        };
        Some((after(self.quiet.load(Relaxed), idle), Ended::Idle))
    }

    /// How little it would lose by going, the least first; `None` where it is being served.
    pub fn dispensable(&self, limits: &Limits) -> Option<(bool, Instant)> {
        if self.told() == Told::Go {
            return None;
        }
        let since = |millis: u64| self.born + Duration::from_millis(millis);
        let (requests, uploads) = (self.requests.load(Relaxed), self.uploads.load(Relaxed));
        if requests == 0 {
            return Some((false, since(self.quiet.load(Relaxed))));
        }
        let uploading = self.uploading.load(Relaxed);
        let is_slow = || self.now().saturating_sub(uploading) > millis(limits.head);
        (requests == uploads && uploading != NEVER && is_slow()).then(|| (true, since(uploading)))
    }

    pub fn told(&self) -> Told {
        match self.told.load(Relaxed) {
            0 => Told::Stay,
            1 => Told::Finish,
            _ => Told::Go,
        }
    }

    pub fn tell(&self, what: Told) {
        self.quiet.store(self.now(), Relaxed);
        self.told.fetch_max(what as u8, Relaxed);
        self.waker.wake();
    }

    /// Who is woken by [`Place::tell`].
    pub fn listen(&self, waker: &Waker) {
        self.waker.register(waker);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NEVER)
}

/// A request from its head to the last byte of its answer.
#[derive(Debug)]
pub(super) struct Guest(Arc<Place>);

impl Guest {
    pub fn enter(place: &Arc<Place>) -> Self {
        place.requests.fetch_add(1, Relaxed);
        place.head.store(NEVER, Relaxed);
        Self(Arc::clone(place))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if self.0.requests.fetch_sub(1, Relaxed) == 1 {
            self.0.quiet.store(self.0.now(), Relaxed);
        }
    }
}

/// A request's body that is still coming.
#[derive(Debug)]
pub(super) struct Upload {
    place: Arc<Place>,
    /// Whether it came to its end.
    pub complete: bool,
}

impl Upload {
    pub fn begin(place: &Arc<Place>) -> Self {
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

impl Drop for Upload {
    fn drop(&mut self) {
        if self.place.uploads.fetch_sub(1, Relaxed) == 1 {
            self.place.uploading.store(NEVER, Relaxed);
        }
        if !self.complete {
            self.place.unread.store(true, Relaxed);
        }
    }
}
