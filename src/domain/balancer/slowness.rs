//! Detects brownouts: a target that answers, but much slower than it usually does.
//!
//! The responses of the last minute are compared with the 95th percentile of the quarter of an hour
//! before. A few are enough, because the balancer takes its requests away from a slow target, so that
//! only those that explore remain. That every target got slower is no brownout of one of them, and a
//! target that always takes long is no brownout either.

use crate::domain::histogram::Histogram;
use crate::domain::index::PerTarget;
use crate::domain::model_type::ModelTypes;
use crate::domain::units::UnixTime;
use std::time::Duration;

/// Responses that it takes to know what is usual, and what the peers do.
const USUAL_SAMPLES: u64 = 20;
const PEER_SAMPLES: u64 = 10;
/// Slow responses that it takes.
const SLOW_SAMPLES: u64 = 3;
/// Part of the responses above a bound from which the 95th percentile is above it.
const TAIL: f64 = 0.05;
/// Multiples of the usual latency: of a brownout, and below which it is over.
const SLOW_FACTOR: f64 = 2.0;
const OVER_FACTOR: f64 = 1.5;
/// How much more than its peers it must have slowed down.
const PEER_FACTOR: f64 = 1.5;
/// Multiple of the peers' latency for a target of which nothing usual is known.
const UNKNOWN_FACTOR: f64 = 2.5;
/// Time after which nothing is known of a target without responses.
const FORGET: Duration = Duration::from_mins(5);

/// Whether a target is slower than usual.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Brownout {
    /// True if the last check found it slow; the second one in a row counts.
    is_suspected: bool,
    shown: Option<Slowness>,
}

#[derive(Debug, Clone, Copy)]
struct Slowness {
    /// What was usual when it began, milliseconds.
    usual_ms: f64,
    /// 95th percentile of the latest responses, milliseconds.
    p95_ms: f64,
    /// Time of the latest check that had responses.
    seen: UnixTime,
    /// True if the usual latency is that of its peers.
    is_of_peers: bool,
}

impl Brownout {
    /// Describes the brownout, if there is one.
    pub fn text(&self) -> Option<String> {
        let slow = self.shown?;
        let (p95, usual) = (slow.p95_ms / 1e3, slow.usual_ms / 1e3);
        let whose = if slow.is_of_peers {
            "its peers\'"
        } else {
            "its usual"
        };
        let times = slow.p95_ms / slow.usual_ms;
        Some(format!(
            "p95 {p95:.1} s, {times:.1} times {whose} {usual:.1} s"
        ))
    }
}

impl PerTarget for Latencies {}

/// Latencies of one target.
pub(super) struct Latencies {
    types: ModelTypes,
    provider: usize,
    recent: Histogram,
    usual_p95: Option<f64>,
}

impl Latencies {
    /// Latencies of a target of some types, which the provider of that index serves: in the last minute,
    /// and before.
    pub fn new(
        (types, provider): (ModelTypes, usize),
        recent: Histogram,
        usual: &Histogram,
    ) -> Self {
        Self {
            types,
            provider,
            recent,
            usual_p95: usual
                .quantile(1.0 - TAIL)
                .filter(|_| usual.total() >= USUAL_SAMPLES),
        }
    }

    fn recent_p95(&self) -> Option<f64> {
        self.recent.quantile(1.0 - TAIL)
    }

    /// Returns how many times slower than usual it is, if it has enough responses to be a peer.
    fn slowdown(&self) -> Option<f64> {
        let enough = self.recent.total() >= PEER_SAMPLES;
        let ratio = self.recent_p95()? / self.usual_p95?;
        enough.then_some(ratio)
    }
}

/// Returns what is known of a target after another check.
pub(super) fn next(last: Brownout, own: &Latencies, all: &[Latencies], now: UnixTime) -> Brownout {
    let Some(p95_ms) = own.recent_p95() else {
        let lasts = last.shown.filter(|slow| now.since(slow.seen) < FORGET);
        return Brownout {
            is_suspected: false,
            shown: lasts,
        };
    };
    // Against the peers it is judged only as long as nothing is known of its own past.
    let judged = |slow: &Slowness| !slow.is_of_peers || own.usual_p95.is_none();
    if let Some(slow) = last.shown.filter(judged) {
        let is_over = own.recent.total() >= SLOW_SAMPLES
            && tail(&own.recent, OVER_FACTOR * slow.usual_ms) <= TAIL;
        let slow = Slowness {
            p95_ms,
            seen: now,
            ..slow
        };
        return Brownout {
            is_suspected: false,
            shown: (!is_over).then_some(slow),
        };
    }
    let others = all.iter().filter(|it| it.provider != own.provider);
    let alike = others.clone().filter(|it| it.types.intersects(own.types));
    let known = alike.filter(|it| it.recent.total() >= PEER_SAMPLES);
    let peers_p95 = median(known.filter_map(Latencies::recent_p95));
    let peers_slowdown = median(others.filter_map(Latencies::slowdown));
    let (usual_ms, factor) = match (own.usual_p95, peers_p95) {
        (Some(usual), _) => (usual, SLOW_FACTOR),
        (None, Some(peers)) => (peers, UNKNOWN_FACTOR),
        (None, None) => return Brownout::default(),
    };
    let bound = factor * usual_ms;
    let slow_ones = own.recent.above(bound);
    let is_slow = slow_ones >= SLOW_SAMPLES && tail(&own.recent, bound) > TAIL;
    let is_slower = peers_p95.is_none_or(|peers| p95_ms >= peers);
    let slowdown = p95_ms / usual_ms;
    let is_alone = own.usual_p95.is_none()
        || peers_slowdown.is_none_or(|peers| slowdown >= PEER_FACTOR * peers);
    let is_suspected = is_slow && is_slower && is_alone;
    let slow = Slowness {
        usual_ms,
        p95_ms,
        seen: now,
        is_of_peers: own.usual_p95.is_none(),
    };
    Brownout {
        is_suspected,
        shown: (is_suspected && last.is_suspected).then_some(slow),
    }
}

/// Returns the part of the latencies above a bound, 0..1.
fn tail(latencies: &Histogram, bound_ms: f64) -> f64 {
    latencies.above(bound_ms) as f64 / latencies.total().max(1) as f64
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
