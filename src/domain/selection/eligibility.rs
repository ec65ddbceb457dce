//! Who may be chosen at all: what nothing relaxes, then what is of the moment.

use super::exclusion::ExclusionReason;
use super::max_usage::MaxUsage;
use super::request_profile::RequestProfile;
use super::scored_candidate::Eligibility;
use crate::domain::index::TargetIdx;
use crate::domain::pricing::Price;
use crate::domain::rate_limiter::RateLimitExceeded;
use crate::domain::snapshot::{Candidate, RoutingState, RoutingTable};
use crate::domain::units::UnixTime;
use std::sync::Arc;

/// Whether a target may be chosen for a request that should take so many seconds and have an answer
/// of so many tokens.
pub(super) fn entry(
    table: &RoutingTable,
    target: TargetIdx,
    ask: &RequestProfile<'_>,
    (latency, output): (f64, f64),
    now: UnixTime,
) -> Eligibility {
    let candidate = &table.candidates[target];
    let tokens = ask.input + output;
    let admitted = ask
        .check_capabilities(table, candidate)
        .and_then(|()| constraints(candidate, target, ask, latency))
        .and_then(|()| {
            let most = MaxUsage::of(candidate, ask, output).tokens;
            moment(candidate, (tokens, most), now)
        });
    admitted.unwrap_or_else(Eligibility::Excluded)
}

/// What else nothing relaxes.
fn constraints(
    candidate: &Candidate,
    target: TargetIdx,
    ask: &RequestProfile<'_>,
    latency: f64,
) -> Result<(), ExclusionReason> {
    match &candidate.standing {
        RoutingState::Off(why) => return Err(ExclusionReason::Off(Arc::clone(why))),
        RoutingState::Draining => return Err(ExclusionReason::Draining),
        _ => {}
    }
    if let Some(max_cost) = ask.max_cost {
        let price = candidate.price.as_ref().map(Price::max_per_token);
        let price = price.ok_or(ExclusionReason::UnknownPrice)?;
        if price.usd() > max_cost {
            return Err(ExclusionReason::AboveMaxCost);
        }
    }
    if ask
        .max_latency
        .is_some_and(|most| candidate.estimate.measured && latency > most)
    {
        return Err(ExclusionReason::AboveMaxLatency);
    }
    if ask.tried.contains(&target) {
        return Err(ExclusionReason::AlreadyTried);
    }
    Ok(())
}

/// What is of the moment, for a request of so many tokens and at most so many.
fn moment(
    candidate: &Candidate,
    (tokens, most): (f64, u64),
    now: UnixTime,
) -> Result<Eligibility, ExclusionReason> {
    let entry = match candidate.standing {
        RoutingState::Down => return Err(ExclusionReason::Down),
        RoutingState::Open(until) if now < until => {
            return Err(ExclusionReason::BreakerOpen(until));
        }
        // Past its time it is half-open, whether or not a tick has said so yet.
        RoutingState::Open(_) | RoutingState::HalfOpen => Eligibility::HalfOpenProbe,
        RoutingState::Off(_) | RoutingState::Draining | RoutingState::Usable => {
            Eligibility::Eligible
        }
    };
    if let Some(until) = candidate.blocked_until.filter(|&until| now < until) {
        return Err(ExclusionReason::CoolingDown(until, candidate.blocked_by));
    }
    if entry == Eligibility::HalfOpenProbe && candidate.load_counters.has_half_open_probe() {
        return Err(ExclusionReason::HalfOpen);
    }
    if let Some(limit) = candidate.max_concurrent
        && candidate.provider_load_counters.in_flight() >= limit
    {
        return Err(ExclusionReason::ProviderAtCapacity(limit));
    }
    if let Some(limit) = candidate.own_max_concurrent
        && candidate.load_counters.in_flight() >= limit
    {
        return Err(ExclusionReason::ModelAtCapacity(limit));
    }
    if let Some(shortage) = shortage(candidate, most, now) {
        return Err(ExclusionReason::RateLimited(shortage));
    }
    // A trial costs one request, and the shadow may be as old as the outage.
    let wait = match entry {
        Eligibility::HalfOpenProbe => 0.0,
        _ => candidate
            .quota
            .wait(tokens, candidate.load_counters.sent_totals(), now),
    };
    if wait > 0.0 {
        return Err(ExclusionReason::UpstreamRateLimited(wait));
    }
    Ok(entry)
}

/// What of its operator's limits per minute has no room.
fn shortage(candidate: &Candidate, most: u64, now: UnixTime) -> Option<RateLimitExceeded> {
    let rates = Some(candidate.rates).filter(|rates| !rates.is_unlimited())?;
    candidate
        .provider_load_counters
        .check_rate_limits(rates, most, now)
}

/// A breaker or a probe that says no is worth a wait of that many seconds.
pub(super) const UNHEALTHY_WAIT_S: f64 = 3.0;

/// Seconds after which a target that only our guess keeps out might serve all the same; nothing
/// where its provider's own word or its operator's binds.
pub(super) fn need(
    candidate: &Candidate,
    why: &ExclusionReason,
    (tokens, most): (f64, u64),
    now: UnixTime,
) -> Option<f64> {
    if !why.allows_last_resort() {
        return None;
    }
    let blocked = candidate
        .blocked_until
        .map_or(0.0, |until| until.seconds_since(now));
    let is_full = candidate
        .max_concurrent
        .is_some_and(|limit| candidate.provider_load_counters.in_flight() >= limit)
        || candidate
            .own_max_concurrent
            .is_some_and(|limit| candidate.load_counters.in_flight() >= limit)
        || shortage(candidate, most, now).is_some();
    if is_full || (blocked > 0.0 && candidate.block_binds) {
        return None;
    }
    let quota = candidate
        .quota
        .wait(tokens, candidate.load_counters.sent_totals(), now);
    let ill = match candidate.standing {
        RoutingState::Usable => 0.0,
        _ => UNHEALTHY_WAIT_S,
    };
    Some(blocked.max(quota) + ill)
}
