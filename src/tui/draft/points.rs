//! Weights in whole points.

use crate::contract::{WeightOverride, WeightPoints};

/// The five objectives, in display order.
pub const NAMES: [&str; 5] = ["cost", "latency", "reliability", "load", "priority"];
/// The first objectives, which share 100 points.
pub const SHARED: usize = 3;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded and clamped to 0..=100"
)]
pub(super) fn whole(weights: &WeightPoints) -> [u8; 5] {
    let round = |value: f64| value.round().clamp(0.0, 100.0) as u8;
    let (cost, latency) = (
        round(weights.cost),
        round(weights.latency).min(100 - round(weights.cost)),
    );
    [
        cost,
        latency,
        100 - cost - latency,
        round(weights.load),
        round(weights.priority),
    ]
}

/// Sets one of three to a value; the other two change in proportion, so that the sum stays 100.
pub(super) fn shared_out(mut points: [u8; SHARED], at: usize, value: u8) -> [u8; SHARED] {
    points[at] = value;
    let (one, other) = ((at + 1) % SHARED, (at + 2) % SHARED);
    let (one, other) = (one.min(other), one.max(other));
    let rest = 100 - u16::from(value);
    let (a, b) = (u16::from(points[one]), u16::from(points[other]));
    let first = match a + b {
        // Both are 0, so they share the rest equally.
        0 => rest / 2,
        sum => (rest * a + sum / 2) / sum,
    };
    points[one] = u8::try_from(first).unwrap_or(100);
    points[other] = u8::try_from(rest - first).unwrap_or(0);
    points
}

/// Own weights from whole points.
pub fn overriding([cost, latency, reliability]: [u8; SHARED]) -> WeightOverride {
    let points = |points: u8| Some(f64::from(points));
    WeightOverride {
        cost: points(cost),
        latency: points(latency),
        reliability: points(reliability),
    }
}

/// The effective weights of a provider: values it does not override come from the global weights,
/// and cost, latency and reliability are scaled to 100 points.
pub fn effective(weights: &WeightPoints, own: Option<&WeightOverride>) -> WeightPoints {
    let Some(own) = own else { return *weights };
    let raw = [
        own.cost.unwrap_or(weights.cost),
        own.latency.unwrap_or(weights.latency),
        own.reliability.unwrap_or(weights.reliability),
    ];
    let sum: f64 = raw.iter().sum();
    if sum <= 0.0 {
        return *weights;
    }
    let [cost, latency, reliability] = raw.map(|points| points * 100.0 / sum);
    WeightPoints {
        cost,
        latency,
        reliability,
        ..*weights
    }
}
