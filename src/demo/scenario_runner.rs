//! PLAYING A SCENARIO: one small task per strike, which turns the victim's switch on and off.

use super::pace::Pace;
use super::scenario::{FaultTarget, FaultWindow, Scenario};
use super::vendor_behaviour::Behaviour;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long the traffic is watched to find the busiest vendor, in world time.
const WATCH_DURATION: Duration = Duration::from_secs(10);

/// All vendors, in the order of their profiles.
pub type VendorList = Arc<[Arc<Behaviour>]>;

/// Starts a scenario; it ends with `stop`. Must be called within a runtime.
pub fn play(scenario: Scenario, cast: &VendorList, pace: Pace, stop: &CancellationToken) {
    let started = Instant::now();
    for &strike in scenario.strikes {
        let (cast, stop) = (Arc::clone(cast), stop.clone());
        tokio::spawn(async move {
            let cycles = repeat(strike, scenario.period, &cast, pace, started);
            let _ended = stop.run_until_cancelled(cycles).await;
        });
    }
}

async fn repeat(
    strike: FaultWindow,
    period: Duration,
    cast: &VendorList,
    pace: Pace,
    started: Instant,
) {
    let mut cycle = Duration::ZERO;
    loop {
        let at = |offset: Duration| started + pace.real(cycle + offset);

        sleep_until(at(strike.from.saturating_sub(WATCH_DURATION))).await;
        let before: Vec<u64> = cast.iter().map(|vendor| vendor.requests()).collect();
        sleep_until(at(strike.from)).await;

        if let Some(victim) = victim(strike.victim, cast, &before) {
            victim.switch.turn_by_script(Some(strike.fault));
            sleep_until(at(strike.until)).await;
            victim.switch.turn_by_script(None);
        }
        cycle += period;
    }
}

fn victim<'a>(who: FaultTarget, cast: &'a VendorList, before: &[u64]) -> Option<&'a Behaviour> {
    let chosen = match who {
        FaultTarget::Named(name) => cast.iter().find(|vendor| vendor.profile.name == name),
        FaultTarget::Busiest => {
            let recent = |index: usize| cast[index].requests() - before[index];
            // Reversed, because the last of equals wins and the first vendor should.
            (0..cast.len())
                .rev()
                .max_by_key(|&index| recent(index))
                .map(|index| &cast[index])
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

    fn cast() -> VendorList {
        PROFILES
            .iter()
            .map(|profile| Arc::new(Behaviour::new(profile, 1, Pace::new(1.0))))
            .collect()
    }

    fn faults(cast: &VendorList) -> Vec<(&'static str, Fault)> {
        cast.iter()
            .filter_map(|vendor| Some((vendor.profile.name, vendor.switch.current()?)))
            .collect()
    }

    async fn pass(seconds: u64) {
        advance(Duration::from_secs(seconds)).await;
        // The tasks woken by the new time get their turn.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_comes_goes_and_comes_again() {
        let (cast, stop) = (cast(), CancellationToken::new());
        let outage = "outage".parse().expect("a known scenario");
        play(outage, &cast, Pace::new(1.0), &stop);
        let _guard = stop.drop_guard();

        let mut seen = Vec::new();
        pass(0).await;
        for seconds in [10, 9, 2, 58, 2, 109, 9, 3, 57, 4] {
            pass(seconds).await;
            seen.push(!faults(&cast).is_empty());
        }

        // At 10, 19, 21, 79, 81, 190, 199, 202, 259 and 263 seconds.
        let expected = [
            false, false, true, true, false, false, false, true, true, false,
        ];
        assert_eq!(seen, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn the_busiest_vendor_of_the_last_seconds_is_struck() {
        let (cast, stop) = (cast(), CancellationToken::new());
        let brownout = "brownout".parse().expect("a known scenario");
        play(brownout, &cast, Pace::new(1.0), &stop);
        let _guard = stop.drop_guard();
        let ask = SimulatedRequest {
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
                cast[index].decide(&ask);
            }
        };

        serve(0, 50);
        pass(0).await;
        pass(10).await;
        serve(3, 5);
        pass(11).await;

        assert_eq!(
            faults(&cast),
            [(cast[3].profile.name, Fault::Slow(5.0))],
            "what was served before the watch does not count"
        );
    }
}
