//! Failed logins by address: repeated ones are answered late, and operators are told.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Addresses that are remembered; the one that failed longest ago is forgotten first.
const MAX_ADDRESSES: usize = 1_024;
/// Time without a failure after which an address is forgotten.
const MEMORY: Duration = Duration::from_mins(15);
/// Failures that are answered at once: a person mistypes.
const FREE_FAILURES: u32 = 3;
/// Delay of the next failure; doubles with each further one.
const FIRST_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(5);
/// Doublings beyond this one exceed [`MAX_DELAY`].
const MAX_DOUBLINGS: u32 = 6;

/// Where texts about failures go.
type Report = Box<dyn Fn(&str) + Send + Sync>;

/// The failed logins of one instance.
#[derive(Default)]
pub(super) struct FailedLogins {
    addresses: Mutex<BTreeMap<IpAddr, Failures>>,
    report: OnceLock<Report>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl fmt::Debug for FailedLogins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailedLogins").finish_non_exhaustive()
    }
}

impl FailedLogins {
    /// Sends a text about each failure to `report`; only the first call counts.
    pub fn report_to(&self, report: Report) {
        let _first_counts = self.report.set(report);
    }

    /// Records a failure from an address; returns how long its answer is delayed.
    pub fn record(&self, address: IpAddr, why: &str) -> Duration {
        let now = Instant::now();
        let mut addresses = self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let key = network(address);
        if addresses.len() >= MAX_ADDRESSES && !addresses.contains_key(&key) {
            let oldest = addresses.iter().min_by_key(|(_, failures)| failures.last);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                addresses.remove(&oldest);
            }
        }
        let failures = addresses.entry(key).or_insert(Failures {
            count: 0,
            last: now,
        });
        if now.saturating_duration_since(failures.last) > MEMORY {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        let count = failures.count;
        drop(addresses);
        if let Some(report) = self.report.get() {
            report(&format!(
                "a login from {key} failed, {count} in a row: {why}"
            ));
        }
        match count.checked_sub(FREE_FAILURES + 1) {
            Some(more) => (FIRST_DELAY * 2_u32.pow(more.min(MAX_DOUBLINGS))).min(MAX_DELAY),
            None => Duration::ZERO,
        }
    }
}

/// The address that stands for all that its owner has: of IPv6 the network of 64 bits.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test(start_paused = true)]
    async fn repeated_failures_of_one_address_are_delayed_more_and_more() {
        let failed = FailedLogins::default();
        let delay = |address: &str| failed.record(address.parse().unwrap(), "x").as_millis();
        let delays: Vec<u128> = (0..11).map(|_| delay("2001:db8::1")).collect();
        assert_eq!(
            delays,
            [0, 0, 0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]
        );
        assert_eq!(delay("2001:db8::2"), 5_000, "the same network");
        assert_eq!(delay("192.0.2.1"), 0);
        tokio::time::advance(MEMORY + Duration::from_secs(1)).await;
        assert_eq!(delay("2001:db8::1"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_reported_and_their_memory_is_bounded() {
        let failed = FailedLogins::default();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        failed.report_to(Box::new(move |text| {
            log.lock().unwrap().push(text.to_owned());
        }));
        for number in 0..3_000_u32 {
            failed.record(IpAddr::V4(number.into()), "the token is unknown");
        }
        assert_eq!(failed.addresses.lock().unwrap().len(), MAX_ADDRESSES);
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 3_000);
        assert_eq!(
            seen[1],
            "a login from 0.0.0.1 failed, 1 in a row: the token is unknown"
        );
    }
}
