//! The time before a demo: what clients asked and how vendors answered, in simulated time, so that
//! a demo need not open on an empty screen. Nothing is sent; the same profiles, faults and draws
//! are used as for the vendors that run.

use super::behaviour::Draws;
use super::clients::DemoClient;
use super::fault::Fault;
use super::limit::Bucket;
use super::profile::{PROFILES, Profile};
use super::random::{DrawPurpose, RequestRandom};
use super::scenario::{FaultWindow, Scenario};
use super::traffic::RequestShape;
use super::vendor_error::VendorError;
use std::time::Duration;

/// Tokens of a word of the prompts, times two.
const HALF_TOKENS_PER_WORD: u32 = 3;

/// A request of the past.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PastRequest {
    /// Its client's place in [`super::CLIENTS`].
    pub client: usize,
    /// Time from the beginning of the past.
    pub at: Duration,
    /// Estimated tokens of the prompt.
    pub prompt_tokens: u32,
    pub max_tokens: u32,
    pub is_stream: bool,
    pub has_tools: bool,
}

/// What a vendor answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PastAnswer {
    /// A whole answer, with the times from the request to its first token and to its end.
    Complete {
        first_token: Duration,
        total: Duration,
        tokens: u32,
    },
    /// 429, with the seconds to wait.
    RateLimited { retry_after: u64 },
    /// A 500 or a 503 after this time.
    Failed { status: u16, after: Duration },
}

/// The past of a demo.
#[derive(Debug)]
pub struct SimulatedPast {
    seed: u64,
    per_second: f64,
    length: Duration,
    scenario: Scenario,
    vendors: Vec<Vendor>,
}

/// A vendor of the past, and the number of requests that it got.
#[derive(Debug)]
struct Vendor {
    profile: &'static Profile,
    bucket: Bucket,
    requests: u64,
}

impl SimulatedPast {
    /// The `length` before a demo with `count` vendors, in their order.
    pub fn new(
        seed: u64,
        per_second: f64,
        length: Duration,
        scenario: Scenario,
        count: usize,
    ) -> Self {
        let vendor = |profile: &'static Profile| Vendor {
            profile,
            bucket: Bucket::full(profile.requests_per_minute.unwrap_or(u32::MAX)),
            requests: 0,
        };
        Self {
            // Other draws than those of the vendors that run.
            seed: seed.wrapping_add(1),
            per_second,
            length,
            scenario,
            vendors: PROFILES.iter().cycle().take(count).map(vendor).collect(),
        }
    }

    /// Its length.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// All requests in the order of their times.
    pub fn requests(&self) -> Vec<PastRequest> {
        let mut requests = Vec::new();
        let mut at = Duration::ZERO;
        for number in 0.. {
            let random = RequestRandom::new(self.seed, "past", number);
            let pause = random.exponential(DrawPurpose::Arrival) / self.per_second;
            at += Duration::from_secs_f64(pause.min(self.length.as_secs_f64()));
            if self.length <= at {
                break;
            }
            let shape = RequestShape::of(random);
            requests.push(PastRequest {
                client: DemoClient::of(random),
                at,
                prompt_tokens: shape.words * HALF_TOKENS_PER_WORD / 2,
                max_tokens: shape.max_tokens,
                is_stream: shape.is_stream,
                has_tools: shape.has_tools,
            });
        }
        requests
    }

    /// The faults, as if the scenario had always run: their start and end from the beginning of the
    /// past. The last period ends with the past.
    pub fn faults(&self) -> Vec<(Duration, Duration, FaultWindow)> {
        let period = self.scenario.period;
        let mut faults = Vec::new();
        let mut left = self.length;
        while let Some(rest) = left.checked_sub(period) {
            let windows = self.scenario.windows.iter();
            faults.extend(windows.map(|&it| (rest + it.from, rest + it.until, it)));
            left = rest;
        }
        faults
    }

    /// The answer of a vendor to a request at this time, with a fault in force or none.
    pub fn answer(
        &mut self,
        vendor: usize,
        request: &PastRequest,
        at: Duration,
        fault: Option<Fault>,
    ) -> PastAnswer {
        let vendor = &mut self.vendors[vendor];
        let random = RequestRandom::new(self.seed, vendor.profile.name, vendor.requests);
        vendor.requests += 1;
        if matches!(fault, Some(Fault::Outage | Fault::Refused | Fault::Hang)) {
            let after = Duration::from_millis(2);
            return PastAnswer::Failed { status: 503, after };
        }
        let limit = match fault {
            Some(Fault::RateLimit(limit)) => Some(limit),
            _ => vendor.profile.requests_per_minute,
        };
        if let Some(limit) = limit
            && vendor.bucket.take(limit, at).is_err()
        {
            let retry_after = 2 + random.choice(DrawPurpose::RetryAfter, 7);
            return PastAnswer::RateLimited { retry_after };
        }
        match Draws::of(vendor.profile, fault, random) {
            Err((error, after)) => PastAnswer::Failed {
                status: match error {
                    VendorError::Unavailable => 503,
                    _ => 500,
                },
                after,
            },
            Ok(draws) => {
                let tokens = draws.length.min(request.max_tokens).max(1);
                PastAnswer::Complete {
                    first_token: draws.first_token,
                    total: draws.first_token + draws.per_token * (tokens - 1),
                    tokens,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(scenario: &str) -> SimulatedPast {
        let scenario = scenario.parse().expect("a known scenario");
        SimulatedPast::new(1, 8.0, Duration::from_mins(15), scenario, 5)
    }

    #[test]
    fn requests_come_in_order_at_about_the_rate() {
        let requests = past("steady").requests();
        assert!(
            (6_800..7_600).contains(&requests.len()),
            "{}",
            requests.len()
        );
        assert!(requests.is_sorted_by(|one, next| one.at <= next.at));
        assert_eq!(requests, past("steady").requests());
    }

    #[test]
    fn the_last_outage_ends_before_the_demo_begins() {
        let past = past("outage");
        let faults = past.faults();
        assert_eq!(faults.len(), 5);
        let last = faults.iter().map(|(_, until, _)| *until).max();
        assert_eq!(
            last.map(|it| it + Duration::from_secs(100)),
            Some(past.length())
        );
    }

    #[test]
    fn an_outage_fails_at_once_and_a_slow_vendor_answers_late() {
        let mut past = past("outage");
        let request = past.requests()[0];
        let mut total = |fault| match past.answer(3, &request, request.at, fault) {
            PastAnswer::Complete { total, .. } => Some(total),
            _ => None,
        };
        assert_eq!(total(Some(Fault::Outage)), None);
        let mean = |total: &mut dyn FnMut() -> Option<Duration>| {
            (0..50).filter_map(|_| total()).sum::<Duration>() / 50
        };
        let usual = mean(&mut || total(None));
        let slow = mean(&mut || total(Some(Fault::Slow(5.0))));
        assert!(usual * 3 < slow, "{usual:?} {slow:?}");
    }
}
