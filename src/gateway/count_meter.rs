//! Limits on token counts, which are free and so in no budget: each client has its own share of calls.

use crate::domain::UnixTime;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts of one client in one minute that a provider is asked for; more are estimated.
const MAX_ASKED: u32 = 300;
/// Counts of one client in one minute; more are rejected.
const MAX_COUNTS: u32 = 3_000;
/// Clients that are counted within one minute; all others share one place.
const MAX_CLIENTS: usize = 1_024;
const MINUTE_S: u64 = 60;

/// Token counts of all clients in the present minute; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct CountMeter(Arc<Mutex<Minute>>);

#[derive(Debug, Default)]
struct Minute {
    number: u64,
    clients: BTreeMap<Arc<str>, u32>,
}

/// What becomes of one more count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CountAllowance {
    /// A provider may be asked.
    Provider,
    /// Only the estimate is used; true with the first such count of a minute.
    Estimate { is_first: bool },
    /// The client counts too often; true with the first such count of a minute.
    Reject { is_first: bool },
}

impl CountMeter {
    /// Counts a call of a client.
    pub(super) fn count(&self, client: &Arc<str>, now: UnixTime) -> CountAllowance {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.unix_seconds() / MINUTE_S;
        if minute.number != number {
            minute.number = number;
            minute.clients.clear();
        }
        let is_known = minute.clients.contains_key(client);
        let place = if is_known || minute.clients.len() < MAX_CLIENTS {
            Arc::clone(client)
        } else {
            "".into()
        };
        let calls = minute.clients.entry(place).or_default();
        *calls = calls.saturating_add(1);
        match *calls {
            calls if calls <= MAX_ASKED => CountAllowance::Provider,
            calls if calls <= MAX_COUNTS => CountAllowance::Estimate {
                is_first: calls == MAX_ASKED + 1,
            },
            calls => CountAllowance::Reject {
                is_first: calls == MAX_COUNTS + 1,
            },
        }
    }

    /// Seconds until a client may count again.
    pub(super) fn wait_s(now: UnixTime) -> u64 {
        MINUTE_S - now.unix_seconds() % MINUTE_S
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_counts_too_often_gets_estimates_and_then_nothing_for_a_minute() {
        let meter = CountMeter::default();
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        let now = UnixTime::from_seconds(6_000);
        let seen: Vec<CountAllowance> = (0..=MAX_COUNTS).map(|_| meter.count(&one, now)).collect();
        let (asked, more) = seen.split_at(MAX_ASKED as usize);
        assert!(asked.iter().all(|one| *one == CountAllowance::Provider));
        let estimate = |is_first| CountAllowance::Estimate { is_first };
        assert_eq!(more[..2], [estimate(true), estimate(false)]);
        let rejected = CountAllowance::Reject { is_first: true };
        assert_eq!(more.last(), Some(&rejected));
        assert_eq!(meter.count(&other, now), CountAllowance::Provider);
        assert_eq!(CountMeter::wait_s(now), 60);
        let later = UnixTime::from_seconds(6_060);
        assert_eq!(meter.count(&one, later), CountAllowance::Provider);
    }
}
