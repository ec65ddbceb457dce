//! Runs a scenario: one task per fault window, which turns the vendor's fault on and off.

use super::behaviour::Behaviour;
use super::pace::Pace;
use super::scenario::{FaultTarget, FaultWindow, Scenario};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Period over which requests are counted to find the busiest vendor, in simulated time.
const WATCH_DURATION: Duration = Duration::from_secs(10);

/// All vendors, in the order of their profiles.
pub type VendorList = Arc<[Arc<Behaviour>]>;

/// Starts a scenario, which ends with `stop`.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn run(scenario: Scenario, vendors: &VendorList, pace: Pace, stop: &CancellationToken) {
    let started = Instant::now();
    for &window in scenario.windows {
        let (vendors, stop) = (Arc::clone(vendors), stop.clone());
        tokio::spawn(async move {
            let cycles = run_window(window, scenario.period, &vendors, pace, started);
            let _ended = stop.run_until_cancelled(cycles).await;
        });
    }
}

async fn run_window(
    window: FaultWindow,
    period: Duration,
    vendors: &VendorList,
    pace: Pace,
    started: Instant,
) {
    let mut cycle = Duration::ZERO;
    loop {
        let at = |offset: Duration| started + pace.to_real(cycle + offset);

        sleep_until(at(window.from.saturating_sub(WATCH_DURATION))).await;
        let before: Vec<u64> = vendors.iter().map(|vendor| vendor.requests()).collect();
        sleep_until(at(window.from)).await;

        if let Some(target) = find_target(window.target, vendors, &before) {
            target.switch.set_scripted(Some(window.fault));
            sleep_until(at(window.until)).await;
            target.switch.set_scripted(None);
        }
        cycle += period;
    }
}

fn find_target<'a>(
    fault_target: FaultTarget,
    vendors: &'a VendorList,
    before: &[u64],
) -> Option<&'a Behaviour> {
    let chosen = match fault_target {
        FaultTarget::Named(name) => vendors.iter().find(|vendor| vendor.profile.name == name),
        FaultTarget::Busiest => {
            let recent = |index: usize| vendors[index].requests() - before[index];
            // Reversed: of equal values `max_by_key` takes the last one, and the first vendor is
            // wanted.
            (0..vendors.len())
                .rev()
                .max_by_key(|&index| recent(index))
                .map(|index| &vendors[index])
        }
    };
    chosen.map(Arc::as_ref)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::fault::Fault;
    use crate::demo::profile::PROFILES;
    use crate::demo::simulated_request::{ResponseKind, SimulatedRequest, Thinking};
    use tokio::time::advance;

    fn vendors() -> VendorList {
        PROFILES
            .iter()
            .map(|profile| Arc::new(Behaviour::new(profile, 1, Pace::new(1.0))))
            .collect()
    }

    fn faults(vendors: &VendorList) -> Vec<(&'static str, Fault)> {
        vendors
            .iter()
            .filter_map(|vendor| Some((vendor.profile.name, vendor.switch.current()?)))
            .collect()
    }

    async fn pass(seconds: u64) {
        advance(Duration::from_secs(seconds)).await;
        // Lets the tasks run that the new time has woken.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_starts_ends_and_repeats() {
        let (vendors, stop) = (vendors(), CancellationToken::new());
        let outage = "outage".parse().expect("a known scenario");
        run(outage, &vendors, Pace::new(1.0), &stop);
        let _guard = stop.drop_guard();

        let mut seen = Vec::new();
        pass(0).await;
        for seconds in [10, 9, 2, 58, 2, 109, 9, 3, 57, 4] {
            pass(seconds).await;
            seen.push(!faults(&vendors).is_empty());
        }

        // At 10, 19, 21, 79, 81, 190, 199, 202, 259 and 263 seconds.
        let expected = [
            false, false, true, true, false, false, false, true, true, false,
        ];
        assert_eq!(seen, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn the_busiest_vendor_of_the_last_seconds_gets_the_fault() {
        let (vendors, stop) = (vendors(), CancellationToken::new());
        let brownout = "brownout".parse().expect("a known scenario");
        run(brownout, &vendors, Pace::new(1.0), &stop);
        let _guard = stop.drop_guard();
        let request = SimulatedRequest {
            model: String::new(),
            prompt_tokens: 1,
            max_tokens: None,
            is_stream: false,
            wants_usage: false,
            thinking: Thinking::Off,
            want: ResponseKind::Text,
        };
        let serve = |index: usize, count: usize| {
            for _ in 0..count {
                vendors[index].plan(&request);
            }
        };

        serve(0, 50);
        pass(0).await;
        pass(10).await;
        serve(3, 5);
        pass(11).await;

        assert_eq!(
            faults(&vendors),
            [(vendors[3].profile.name, Fault::Slow(5.0))],
            "what was served before the watch does not count"
        );
    }
}
