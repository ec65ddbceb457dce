//! Eligibility of targets: permanent constraints, then transient ones.

use super::exclusion::ExclusionReason;
use super::max_usage::MaxUsage;
use super::request_profile::RequestProfile;
use super::scored_candidate::Eligibility;
use crate::domain::index::TargetIdx;
use crate::domain::key_pool::{KeyChoice, KeyWait};
use crate::domain::pricing::Price;
use crate::domain::rate_limiter::RateLimitExceeded;
use crate::domain::snapshot::{Candidate, RoutingState, RoutingTable};
use crate::domain::units::UnixTime;
use std::sync::Arc;

/// Returns the eligibility of a target for a request with the expected `latency` in seconds and
/// `output` tokens.
pub(super) fn entry(
    table: &RoutingTable,
    target: TargetIdx,
    ask: &RequestProfile<'_>,
    (latency, output): (f64, f64),
    now: UnixTime,
) -> Eligibility {
    let candidate = &table.candidates[target];
    let tokens = ask.input + output;
    let checked = ask
        .check_capabilities(table, candidate)
        .and_then(|()| permanent_constraints(candidate, target, ask, latency))
        .and_then(|()| {
            let most = MaxUsage::of(candidate, ask, output).tokens;
            transient_constraints(candidate, (tokens, most), now)
        })
        .and_then(|entry| {
            // A probe is one request, and the estimated quota may be as old as the outage.
            let tokens = (entry == Eligibility::Eligible).then_some(tokens);
            key_constraints(key_choice((candidate, target), ask, tokens, now))?;
            Ok(entry)
        });
    checked.unwrap_or_else(Eligibility::Excluded)
}

/// Checks the state set by operators and the constraints of the request.
fn permanent_constraints(
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

/// Checks breaker, cooldown and limits, for a request of `tokens` expected and at most `most` tokens.
fn transient_constraints(
    candidate: &Candidate,
    (tokens, most): (f64, u64),
    now: UnixTime,
) -> Result<Eligibility, ExclusionReason> {
    let entry = match candidate.standing {
        RoutingState::Down => return Err(ExclusionReason::Down),
        RoutingState::Open(until) if now < until => {
            return Err(ExclusionReason::BreakerOpen(until));
        }
        // After its open time it is half-open, even before the next tick.
        RoutingState::Open(_) | RoutingState::HalfOpen => Eligibility::HalfOpenProbe,
        RoutingState::Off(_) | RoutingState::Draining | RoutingState::Usable => {
            Eligibility::Eligible
        }
    };
    if let Some(until) = candidate.blocked_until.filter(|&until| now < until) {
        return Err(ExclusionReason::CoolingDown(until, candidate.blocked_by));
    }
    if entry == Eligibility::HalfOpenProbe
        && candidate.load_counters.half_open_probes() >= candidate.max_trials
    {
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
    if let Some(exceeded) = exceeded_rate_limit(candidate, most, now) {
        return Err(ExclusionReason::RateLimited(exceeded));
    }
    // A probe is one request, and the estimated quota may be as old as the outage.
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

/// Returns the keys of a target that a request of `tokens` expected tokens may use.
pub(super) fn key_choice<'t>(
    (candidate, target): (&'t Candidate, TargetIdx),
    ask: &RequestProfile<'t>,
    tokens: Option<f64>,
    now: UnixTime,
) -> KeyChoice<'t> {
    KeyChoice {
        keys: &candidate.keys,
        target,
        scope: ask.keys,
        tokens,
        now,
    }
}

/// Checks that one of several keys may be used.
fn key_constraints(choice: KeyChoice<'_>) -> Result<(), ExclusionReason> {
    if choice.keys.is_empty() {
        return Ok(());
    }
    choice.check().map_err(|wait| match wait {
        Some(KeyWait::Blocked(until, failure)) => {
            ExclusionReason::CoolingDown(until, Some(failure))
        }
        Some(KeyWait::Quota(seconds)) => ExclusionReason::UpstreamRateLimited(seconds),
        None => ExclusionReason::AlreadyTried,
    })
}

/// Returns the configured limit per minute that the request exceeds.
fn exceeded_rate_limit(
    candidate: &Candidate,
    most: u64,
    now: UnixTime,
) -> Option<RateLimitExceeded> {
    let rates = Some(candidate.rates).filter(|rates| !rates.is_unlimited())?;
    candidate
        .provider_load_counters
        .check_rate_limits(rates, most, now)
}

/// Assumed recovery time in seconds of a target that a breaker or a probe excludes.
pub(super) const UNHEALTHY_WAIT_S: f64 = 3.0;

/// Returns the estimated seconds until an excluded target recovers; `None` if the exclusion is binding,
/// because the provider or the operator set it.
pub(super) fn recovery_wait(
    (candidate, keys): (&Candidate, KeyChoice<'_>),
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
        || exceeded_rate_limit(candidate, most, now).is_some();
    if is_full || (blocked > 0.0 && candidate.block_binds) {
        return None;
    }
    let quota = candidate
        .quota
        .wait(tokens, candidate.load_counters.sent_totals(), now);
    let key = if keys.keys.is_empty() {
        0.0
    } else {
        keys.recovery_wait()?
    };
    let unhealthy = match candidate.standing {
        RoutingState::Usable => 0.0,
        _ => UNHEALTHY_WAIT_S,
    };
    Some(blocked.max(quota).max(key) + unhealthy)
}
