//! HOW A VENDOR BEHAVES, whatever its bytes look like: what it does with a request is decided here
//! once, from its profile, the fault that holds, its limit and the request's luck.

use super::answer::Content;
use super::fault::{Fault, FaultSwitch};
use super::limit::{Allowance, Bucket};
use super::pace::Pace;
use super::profile::{ANSWER_SIGMA, ANSWER_TOKENS, FIRST_TOKEN_SIGMA, PER_TOKEN_SIGMA, Profile};
use super::random::{DrawPurpose, RequestRandom};
use super::simulated_request::SimulatedRequest;
use super::vendor_error::VendorError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How many wait in line at a vendor with slots before it says that it is overloaded.
const MAX_QUEUE: usize = 64;

/// What a vendor does with every request before it looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenState {
    Open,
    /// 503 to everybody.
    Closed,
    /// Taken, and never answered.
    Silent,
    /// The connection is reset.
    Reset,
}

/// What a vendor does with one request for work. Times are real time.
#[derive(Debug, Clone, PartialEq)]
pub enum PlannedResponse {
    Refuse {
        refusal: VendorError,
        after: Duration,
    },
    Tell(StreamTiming),
}

/// How an answer is told.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamTiming {
    /// From the request to the first token.
    pub first_token: Duration,
    /// Between two tokens.
    pub per_token: Duration,
    /// What is told, of at least 1 token.
    pub content: Content,
    /// Whether the request's `max_tokens` ended it.
    pub is_cut_short: bool,
    /// Where it breaks, if it does.
    pub rupture: Option<StreamFault>,
}

/// An answer that does not reach its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamFault {
    /// Tokens told before it.
    pub after_tokens: u32,
    /// Whether the connection stays open, silent, instead of being cut.
    pub is_stall: bool,
}

/// A decision: the luck behind it, what is left of the limit, and what to do.
#[derive(Debug)]
pub struct Decision {
    pub luck: RequestRandom,
    pub allowance: Option<Allowance>,
    pub course: PlannedResponse,
}

/// A place at a vendor with slots; given back on drop.
#[derive(Debug)]
pub struct Slot {
    _running: OwnedSemaphorePermit,
    _place_in_line: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Slots {
    running: Arc<Semaphore>,
    line: Arc<Semaphore>,
}

/// One vendor at work.
#[derive(Debug)]
pub struct Behaviour {
    pub profile: &'static Profile,
    pub switch: FaultSwitch,
    pace: Pace,
    seed: u64,
    started: Instant,
    requests: AtomicU64,
    bucket: Mutex<Bucket>,
    slots: Option<Slots>,
}

impl Behaviour {
    /// A rested vendor without a fault, started now.
    pub fn new(profile: &'static Profile, seed: u64, pace: Pace) -> Self {
        Self {
            profile,
            switch: FaultSwitch::new(),
            pace,
            seed,
            started: Instant::now(),
            requests: AtomicU64::new(0),
            bucket: Mutex::new(Bucket::full(
                profile.requests_per_minute.unwrap_or(u32::MAX),
            )),
            slots: profile.slots.map(|count| Slots {
                running: Arc::new(Semaphore::new(count as usize)),
                line: Arc::new(Semaphore::new(count as usize + MAX_QUEUE)),
            }),
        }
    }

    /// What is done with whatever comes, probes included.
    pub fn door(&self) -> ListenState {
        match self.switch.current() {
            Some(Fault::Outage) => ListenState::Closed,
            Some(Fault::Hang) => ListenState::Silent,
            Some(Fault::Refused) => ListenState::Reset,
            _ => ListenState::Open,
        }
    }

    /// Requests for work decided so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Real time since the start.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Decides what becomes of a well-formed request.
    pub fn decide(&self, ask: &SimulatedRequest) -> Decision {
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        let luck = RequestRandom::of(self.seed, self.profile.name, count);
        let fault = self.switch.current();

        let (allowance, waiting) = self.take_from_limit(fault, luck);
        let course = match waiting {
            Some(retry_after) => PlannedResponse::Refuse {
                refusal: VendorError::RateLimited { retry_after },
                after: Duration::ZERO,
            },
            None => self.course(ask, fault, luck),
        };
        Decision {
            luck,
            allowance,
            course,
        }
    }

    /// Waits for a slot where the vendor has slots; `Err` where the line is full.
    pub async fn slot(&self) -> Result<Option<Slot>, VendorError> {
        let Some(slots) = &self.slots else {
            return Ok(None);
        };
        let place_in_line = Arc::clone(&slots.line)
            .try_acquire_owned()
            .map_err(|_full| VendorError::Unavailable)?;
        let running = Arc::clone(&slots.running)
            .acquire_owned()
            .await
            .map_err(|_closed| VendorError::Unavailable)?;
        Ok(Some(Slot {
            _running: running,
            _place_in_line: place_in_line,
        }))
    }

    /// What is left of the limit, and the seconds to wait where nothing is.
    fn take_from_limit(
        &self,
        fault: Option<Fault>,
        luck: RequestRandom,
    ) -> (Option<Allowance>, Option<u64>) {
        let limit = match fault {
            Some(Fault::RateLimit(limit)) => limit,
            _ => match self.profile.requests_per_minute {
                Some(limit) => limit,
                None => return (None, None),
            },
        };
        let now = self.pace.world(self.started.elapsed());
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);

        match bucket.take(limit, now) {
            Ok(allowance) => (Some(allowance), None),
            Err(wait) => {
                let retry_after = match fault {
                    Some(Fault::RateLimit(_)) => 2 + luck.choice(DrawPurpose::RetryAfter, 7),
                    _ => self.pace.real(wait).as_secs() + 1,
                };
                (Some(bucket.allowance()), Some(retry_after))
            }
        }
    }

    fn course(
        &self,
        ask: &SimulatedRequest,
        fault: Option<Fault>,
        luck: RequestRandom,
    ) -> PlannedResponse {
        let slowness = match fault {
            Some(Fault::Slow(factor)) => factor.max(0.0),
            _ => 1.0,
        };
        let timed = |mean: Duration, draw, sigma| {
            let jitter = luck.lognormal(draw, sigma);
            self.pace.real(mean.mul_f64(jitter * slowness))
        };
        let first_token = timed(
            self.profile.first_token,
            DrawPurpose::FirstToken,
            FIRST_TOKEN_SIGMA,
        );
        let error_rate = match fault {
            Some(Fault::Errors(probability)) => probability,
            _ => self.profile.error_rate,
        };

        if luck.happens(DrawPurpose::Failure, error_rate) {
            let is_overload = luck.happens(DrawPurpose::FailureKind, 0.3);
            return PlannedResponse::Refuse {
                refusal: if is_overload {
                    VendorError::Unavailable
                } else {
                    VendorError::Broken
                },
                after: first_token / 2,
            };
        }
        let dimensions = self
            .profile
            .embedder
            .map_or(0, |embedder| embedder.dimensions);
        let content = Content::of(&ask.want, luck, length(luck), dimensions);
        let wanted = content.tokens();
        let tokens = ask.max_tokens.map_or(wanted, |most| most.clamp(1, wanted));
        PlannedResponse::Tell(StreamTiming {
            first_token,
            per_token: timed(
                self.profile.per_token,
                DrawPurpose::PerToken,
                PER_TOKEN_SIGMA,
            ),
            content: content.cut(tokens),
            is_cut_short: tokens < wanted,
            rupture: rupture(fault, tokens, luck),
        })
    }
}

/// How long the answer would be if nobody limited it: 12 to 200 tokens.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 12..=200 just before"
)]
fn length(luck: RequestRandom) -> u32 {
    let tokens = ANSWER_TOKENS * luck.lognormal(DrawPurpose::Length, ANSWER_SIGMA);
    tokens.clamp(12.0, 200.0) as u32
}

/// Somewhere in the middle half of the answer, after its first token where it has more than one.
fn rupture(fault: Option<Fault>, tokens: u32, luck: RequestRandom) -> Option<StreamFault> {
    let is_stall = match fault {
        Some(Fault::CutMidStream) => false,
        Some(Fault::StallMidStream) => true,
        _ => return None,
    };
    let quarter = u64::from(tokens / 4);
    let offset = luck.choice(DrawPurpose::BreakPoint, u64::from(tokens / 2).max(1));
    Some(StreamFault {
        after_tokens: u32::try_from(quarter + offset)
            .unwrap_or(0)
            .clamp(1, tokens),
        is_stall,
    })
}

#[cfg(test)]
#[path = "behaviour_tests.rs"]
mod tests;
