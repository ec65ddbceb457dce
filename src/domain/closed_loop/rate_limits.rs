//! Rate limits of a target, or of each of its keys.

use super::learnt_target::RateTerms;
use crate::domain::ids::KeyIdx;
use crate::domain::traffic_recording::{AttemptResult, RecordedAttempt};
use crate::domain::units::UnixTime;
use crate::domain::upstream_quota::{BucketTerms, UpstreamQuota};
use std::collections::BTreeMap;

/// 429s that show a limit that the provider does not state, and its size in seconds of its refill.
const MIN_LIMITED: usize = 3;
const HIDDEN_BUCKET_S: f64 = 15.0;

/// Returns the limits that belong to each of these quotas, as the provider states them or as its 429s
/// show them, and true if it states some. Several quotas are those of the keys.
pub fn rate_limits(
    attempts: &[RecordedAttempt],
    quotas: &[UpstreamQuota],
    now: UnixTime,
) -> (Vec<RateTerms>, bool) {
    let stated: Vec<RateTerms> = quotas.iter().map(UpstreamQuota::terms).collect();
    if stated.iter().flatten().any(Option::is_some) {
        return (stated, true);
    }
    let shown = match quotas.len() {
        0 | 1 => vec![shown_limits(attempts.iter(), now)],
        several => KeyIdx::all(several)
            .map(|key| {
                let own = attempts.iter().filter(|it| it.key == Some(key));
                shown_limits(own, now)
            })
            .collect(),
    };
    (shown, false)
}

/// Returns the limits that 429s show.
fn shown_limits<'a>(
    attempts: impl Iterator<Item = &'a RecordedAttempt>,
    now: UnixTime,
) -> RateTerms {
    // Accepted and rejected attempts by their age in minutes.
    let mut minutes: BTreeMap<u64, (f64, usize)> = BTreeMap::new();
    for attempt in attempts {
        let minute = minutes
            .entry(now.since(attempt.ended).as_secs() / 60)
            .or_default();
        if attempt.result == AttemptResult::Limited {
            minute.1 += 1;
        } else {
            minute.0 += 1.0;
        }
    }
    let limited = minutes.values().filter(|(_, rejected)| *rejected > 0);
    let (accepted, rejected, count) = limited.fold((0.0, 0, 0.0), |sum, minute| {
        (sum.0 + minute.0, sum.1 + minute.1, sum.2 + 1.0)
    });
    if rejected < MIN_LIMITED {
        return [None, None];
    }
    let refill = (accepted / count / 60.0_f64).max(1e-3);
    let limit = (HIDDEN_BUCKET_S * refill).max(2.0);
    let bucket = BucketTerms {
        limit,
        refill,
        level: limit,
    };
    [Some(bucket), None]
}
