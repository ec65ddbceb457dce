//! Who may be chosen at all: what nothing relaxes, then what is of the moment.

use super::exclusion::Exclusion;
use super::field::Entry;
use super::{Ask, Most};
use crate::domain::pricing::Price;
use crate::domain::rates::Shortage;
use crate::domain::snapshot::{Candidate, RoutingTable, Standing};
use crate::domain::units::Moment;
use std::sync::Arc;

/// Whether a target may be chosen for a request that should take so many seconds and have an answer
/// of so many tokens.
pub(super) fn entry(
    table: &RoutingTable,
    target: usize,
    ask: &Ask<'_>,
    (latency, output): (f64, f64),
    now: Moment,
) -> Entry {
    let candidate = &table.candidates[target];
    let tokens = ask.input + output;
    let admitted = ask
        .suits(table, candidate)
        .and_then(|()| constraints(candidate, target, ask, latency))
        .and_then(|()| {
            let most = Most::of(candidate, ask, output).tokens;
            moment(candidate, (tokens, most), now)
        });
    admitted.unwrap_or_else(Entry::Out)
}

/// What else nothing relaxes.
fn constraints(
    candidate: &Candidate,
    target: usize,
    ask: &Ask<'_>,
    latency: f64,
) -> Result<(), Exclusion> {
    match &candidate.standing {
        Standing::Off(why) => return Err(Exclusion::Off(Arc::clone(why))),
        Standing::Draining => return Err(Exclusion::Draining),
        _ => {}
    }
    if let Some(max_cost) = ask.max_cost {
        let price = candidate.price.as_ref().map(Price::dearest);
        let price = price.ok_or(Exclusion::UnknownPrice)?;
        if price.usd() > max_cost {
            return Err(Exclusion::TooDear);
        }
    }
    if ask
        .max_latency
        .is_some_and(|most| candidate.estimate.measured && latency > most)
    {
        return Err(Exclusion::TooSlow);
    }
    if ask.tried.contains(&target) {
        return Err(Exclusion::Tried);
    }
    Ok(())
}

/// What is of the moment, for a request of so many tokens and at most so many.
fn moment(
    candidate: &Candidate,
    (tokens, most): (f64, u64),
    now: Moment,
) -> Result<Entry, Exclusion> {
    let entry = match candidate.standing {
        Standing::Down => return Err(Exclusion::Down),
        Standing::Open(until) if now < until => return Err(Exclusion::BreakerOpen(until)),
        // Past its time it is half-open, whether or not a tick has said so yet.
        Standing::Open(_) | Standing::HalfOpen => Entry::Trial,
        Standing::Off(_) | Standing::Draining | Standing::Usable => Entry::Admitted,
    };
    if let Some(until) = candidate.blocked_until.filter(|&until| now < until) {
        return Err(Exclusion::Limited(until, candidate.blocked_by));
    }
    if entry == Entry::Trial && candidate.gauge.on_trial() {
        return Err(Exclusion::HalfOpen);
    }
    if let Some(limit) = candidate.max_concurrent
        && candidate.provider_gauge.in_flight() >= limit
    {
        return Err(Exclusion::Full(limit));
    }
    if let Some(limit) = candidate.own_max_concurrent
        && candidate.gauge.in_flight() >= limit
    {
        return Err(Exclusion::Crowded(limit));
    }
    if let Some(shortage) = shortage(candidate, most, now) {
        return Err(Exclusion::Metered(shortage));
    }
    // A trial costs one request, and the shadow may be as old as the outage.
    let wait = match entry {
        Entry::Trial => 0.0,
        _ => candidate.quota.wait(tokens, candidate.gauge.ledger(), now),
    };
    if wait > 0.0 {
        return Err(Exclusion::Exhausted(wait));
    }
    Ok(entry)
}

/// What of its operator's limits per minute has no room.
fn shortage(candidate: &Candidate, most: u64, now: Moment) -> Option<Shortage> {
    let rates = Some(candidate.rates).filter(|rates| !rates.is_unlimited())?;
    candidate.provider_gauge.shortage(rates, most, now)
}

/// A breaker or a probe that says no is worth a wait of that many seconds.
pub(super) const ILL: f64 = 3.0;

/// Seconds after which a target that only our guess keeps out might serve all the same; nothing
/// where its provider's own word or its operator's binds.
pub(super) fn need(
    candidate: &Candidate,
    why: &Exclusion,
    (tokens, most): (f64, u64),
    now: Moment,
) -> Option<f64> {
    if !why.is_guess() {
        return None;
    }
    let blocked = candidate
        .blocked_until
        .map_or(0.0, |until| until.seconds_since(now));
    let is_full = candidate
        .max_concurrent
        .is_some_and(|limit| candidate.provider_gauge.in_flight() >= limit)
        || candidate
            .own_max_concurrent
            .is_some_and(|limit| candidate.gauge.in_flight() >= limit)
        || shortage(candidate, most, now).is_some();
    if is_full || (blocked > 0.0 && candidate.block_binds) {
        return None;
    }
    let quota = candidate.quota.wait(tokens, candidate.gauge.ledger(), now);
    let ill = match candidate.standing {
        Standing::Usable => 0.0,
        _ => ILL,
    };
    Some(blocked.max(quota) + ill)
}
