//! The behaviour of a vendor, independent of its format: plans the response to each request from
//! profile, fault, limit and the request's random draws.

use super::fault::{Fault, FaultSwitch};
use super::limit::{Allowance, Bucket};
use super::pace::Pace;
use super::profile::{ANSWER_SIGMA, ANSWER_TOKENS, FIRST_TOKEN_SIGMA, PER_TOKEN_SIGMA, Profile};
use super::random::{DrawPurpose, RequestRandom};
use super::simulated_request::SimulatedRequest;
use super::simulated_response::Content;
use super::vendor_error::VendorError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Requests that wait at a vendor with slots; above, it reports an overload.
const MAX_QUEUE: usize = 64;

/// How a vendor treats every request before it reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenState {
    Open,
    /// 503 for all requests.
    Closed,
    /// Accepted, and never answered.
    Silent,
    /// The connection is reset.
    Reset,
}

/// The planned response to one request. Times are real time.
#[derive(Debug, Clone, PartialEq)]
pub enum PlannedResponse {
    Reject { error: VendorError, after: Duration },
    Send(StreamTiming),
}

/// The timing and content of a response.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamTiming {
    /// Time from the request to the first token.
    pub first_token: Duration,
    /// Time between two tokens.
    pub per_token: Duration,
    /// At least 1 token.
    pub content: Content,
    /// Whether the request's `max_tokens` ended it.
    pub is_cut_short: bool,
    /// Where it breaks, if it does.
    pub stream_fault: Option<StreamFault>,
}

/// A fault within a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamFault {
    /// Tokens sent before it.
    pub after_tokens: u32,
    /// Whether the connection stays open without data, instead of being cut.
    pub is_stall: bool,
}

/// The plan for one request, with its random draws and the state of the limit.
#[derive(Debug)]
pub struct ResponsePlan {
    pub random: RequestRandom,
    pub allowance: Option<Allowance>,
    pub response: PlannedResponse,
}

/// The permit to run at a vendor with slots; released on drop.
#[derive(Debug)]
pub struct Slot {
    _running: OwnedSemaphorePermit,
    _queued: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Slots {
    running: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

/// The state of one vendor.
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
    /// A vendor without a fault and with a full limit, started now.
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
                queue: Arc::new(Semaphore::new(count as usize + MAX_QUEUE)),
            }),
        }
    }

    /// How requests are treated now, probes included.
    pub fn listen_state(&self) -> ListenState {
        match self.switch.current() {
            Some(Fault::Outage) => ListenState::Closed,
            Some(Fault::Hang) => ListenState::Silent,
            Some(Fault::Refused) => ListenState::Reset,
            _ => ListenState::Open,
        }
    }

    /// Requests planned so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Real time since the start.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Plans the response to a valid request.
    pub fn plan(&self, request: &SimulatedRequest) -> ResponsePlan {
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        let random = RequestRandom::new(self.seed, self.profile.name, count);
        let fault = self.switch.current();

        let (allowance, waiting) = self.take_from_bucket(fault, random);
        let response = match waiting {
            Some(retry_after) => PlannedResponse::Reject {
                error: VendorError::RateLimited { retry_after },
                after: Duration::ZERO,
            },
            None => self.plan_response(request, fault, random),
        };
        ResponsePlan {
            random,
            allowance,
            response,
        }
    }

    /// Waits for a slot, if the vendor has slots.
    ///
    /// # Errors
    /// If the queue is full.
    pub async fn slot(&self) -> Result<Option<Slot>, VendorError> {
        let Some(slots) = &self.slots else {
            return Ok(None);
        };
        let queued = Arc::clone(&slots.queue)
            .try_acquire_owned()
            .map_err(|_full| VendorError::Unavailable)?;
        let running = Arc::clone(&slots.running)
            .acquire_owned()
            .await
            .map_err(|_closed| VendorError::Unavailable)?;
        Ok(Some(Slot {
            _running: running,
            _queued: queued,
        }))
    }

    /// The state of the limit, and the seconds to wait if it is reached.
    fn take_from_bucket(
        &self,
        fault: Option<Fault>,
        random: RequestRandom,
    ) -> (Option<Allowance>, Option<u64>) {
        let limit = match fault {
            Some(Fault::RateLimit(limit)) => limit,
            _ => match self.profile.requests_per_minute {
                Some(limit) => limit,
                None => return (None, None),
            },
        };
        let now = self.pace.to_simulated(self.started.elapsed());
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);

        match bucket.take(limit, now) {
            Ok(allowance) => (Some(allowance), None),
            Err(wait) => {
                let retry_after = match fault {
                    Some(Fault::RateLimit(_)) => 2 + random.choice(DrawPurpose::RetryAfter, 7),
                    _ => self.pace.to_real(wait).as_secs() + 1,
                };
                (Some(bucket.allowance()), Some(retry_after))
            }
        }
    }

    fn plan_response(
        &self,
        request: &SimulatedRequest,
        fault: Option<Fault>,
        random: RequestRandom,
    ) -> PlannedResponse {
        let draws = match Draws::of(self.profile, fault, random) {
            Ok(draws) => draws,
            Err((error, after)) => {
                return PlannedResponse::Reject {
                    error,
                    after: self.pace.to_real(after),
                };
            }
        };
        let dimensions = self
            .profile
            .embedder
            .map_or(0, |embedder| embedder.dimensions);
        let content = Content::generate(&request.want, random, draws.length, dimensions);
        let length = content.tokens();
        let tokens = request
            .max_tokens
            .map_or(length, |max| max.clamp(1, length));
        PlannedResponse::Send(StreamTiming {
            first_token: self.pace.to_real(draws.first_token),
            per_token: self.pace.to_real(draws.per_token),
            content: content.cut(tokens),
            is_cut_short: tokens < length,
            stream_fault: stream_fault(fault, tokens, random),
        })
    }
}

/// What chance decides about one response, in simulated time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draws {
    /// Time to the first token.
    pub first_token: Duration,
    /// Time per further token.
    pub per_token: Duration,
    /// Tokens without a limit of the request.
    pub length: u32,
}

impl Draws {
    /// The draws of a vendor's response under a fault.
    ///
    /// # Errors
    /// The error in place of a response, and the time to it.
    pub fn of(
        profile: &Profile,
        fault: Option<Fault>,
        random: RequestRandom,
    ) -> Result<Self, (VendorError, Duration)> {
        let slowness = match fault {
            Some(Fault::Slow(factor)) => factor.max(0.0),
            _ => 1.0,
        };
        let timed =
            |mean: Duration, draw, sigma| mean.mul_f64(random.lognormal(draw, sigma) * slowness);
        let first_token = timed(
            profile.first_token,
            DrawPurpose::FirstToken,
            FIRST_TOKEN_SIGMA,
        );
        let error_rate = match fault {
            Some(Fault::Errors(probability)) => probability,
            _ => profile.error_rate,
        };
        if random.happens(DrawPurpose::Failure, error_rate) {
            let is_overload = random.happens(DrawPurpose::FailureKind, 0.3);
            let error = if is_overload {
                VendorError::Unavailable
            } else {
                VendorError::Broken
            };
            return Err((error, first_token / 2));
        }
        Ok(Self {
            first_token,
            per_token: timed(profile.per_token, DrawPurpose::PerToken, PER_TOKEN_SIGMA),
            length: response_length(random),
        })
    }
}

/// The length of a response without `max_tokens`: 12 to 200 tokens.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 12..=200 just before"
)]
fn response_length(random: RequestRandom) -> u32 {
    let tokens = ANSWER_TOKENS * random.lognormal(DrawPurpose::Length, ANSWER_SIGMA);
    tokens.clamp(12.0, 200.0) as u32
}

/// A fault in the middle half of the response, after its first token if it has more than one.
fn stream_fault(fault: Option<Fault>, tokens: u32, random: RequestRandom) -> Option<StreamFault> {
    let is_stall = match fault {
        Some(Fault::CutMidStream) => false,
        Some(Fault::StallMidStream) => true,
        _ => return None,
    };
    let quarter = u64::from(tokens / 4);
    let offset = random.choice(DrawPurpose::BreakPoint, u64::from(tokens / 2).max(1));
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
