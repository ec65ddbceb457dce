//! Scenarios: lists of fault windows, repeated every period. `scenario_runner.rs` runs them.

use super::fault::Fault;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The vendor that a fault affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultTarget {
    /// This vendor.
    Named(&'static str),
    /// The vendor with the most requests in the ten seconds before. The balancer and the operator's
    /// weights decide where traffic goes, so a fixed name could be an idle vendor and show nothing.
    /// Without traffic: the first vendor, openai.
    Busiest,
}

/// One fault during a part of the period, in simulated time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultWindow {
    /// The affected vendor.
    pub target: FaultTarget,
    /// The start, from the beginning of the period.
    pub from: Duration,
    /// The end, from the beginning of the period; after `from`, not after the end of the period.
    pub until: Duration,
    /// The fault.
    pub fault: Fault,
}

/// A named schedule of faults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// The name on the command line.
    pub name: &'static str,
    /// The time after which the schedule repeats.
    pub period: Duration,
    /// The faults of one period.
    pub windows: &'static [FaultWindow],
}

const PERIOD: Duration = Duration::from_mins(3);
const FROM: Duration = Duration::from_secs(20);
const UNTIL: Duration = Duration::from_secs(80);

static SCENARIOS: [Scenario; 4] = [
    Scenario {
        name: "steady",
        period: PERIOD,
        windows: &[],
    },
    Scenario {
        name: "outage",
        period: PERIOD,
        windows: &[fault_of_busiest(Fault::Outage)],
    },
    Scenario {
        name: "brownout",
        period: PERIOD,
        windows: &[fault_of_busiest(Fault::Slow(5.0))],
    },
    Scenario {
        name: "rate-limit",
        period: PERIOD,
        windows: &[fault_of_busiest(Fault::RateLimit(10))],
    },
];

const fn fault_of_busiest(fault: Fault) -> FaultWindow {
    FaultWindow {
        target: FaultTarget::Busiest,
        from: FROM,
        until: UNTIL,
        fault,
    }
}

impl Scenario {
    /// The scenario without faults.
    pub fn steady() -> Self {
        SCENARIOS[0]
    }

    /// The names of all scenarios.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SCENARIOS.iter().map(|scenario| scenario.name)
    }
}

impl Default for Scenario {
    fn default() -> Self {
        Self::steady()
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// Reads: `no scenario is called "storm"; known are steady, outage, brownout, rate-limit`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no scenario is called {name:?}; known are {}", Scenario::names().collect::<Vec<_>>().join(", "))]
pub struct UnknownScenario {
    /// The unknown name.
    pub name: String,
}

impl FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        SCENARIOS
            .iter()
            .find(|scenario| scenario.name == name)
            .copied()
            .ok_or_else(|| UnknownScenario {
                name: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_parses_and_displays_itself() {
        for name in Scenario::names() {
            assert_eq!(
                name.parse::<Scenario>().expect("a known name").to_string(),
                name
            );
        }
    }

    #[test]
    fn the_error_for_an_unknown_name_lists_the_known_ones() {
        let error = "storm".parse::<Scenario>().expect_err("not a scenario");

        assert_eq!(
            error.to_string(),
            "no scenario is called \"storm\"; known are steady, outage, brownout, rate-limit"
        );
    }

    #[test]
    fn every_fault_window_ends_after_its_start_and_within_the_period() {
        for scenario in &SCENARIOS {
            for window in scenario.windows {
                assert!(window.from < window.until, "{scenario}");
                assert!(window.until <= scenario.period, "{scenario}");
            }
        }
    }
}
