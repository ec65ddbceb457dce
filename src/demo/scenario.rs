//! WHAT HAPPENS WHEN: a scenario is a list of strikes, repeated every period. The clockwork that
//! plays it is in `scenario_runner.rs`.

use super::fault::Fault;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Whom a strike hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultTarget {
    /// This vendor.
    Named(&'static str),
    /// Whoever had the most requests in the ten seconds before. Where the traffic goes is the
    /// balancer's decision and the operator's weights', so a fixed name could strike an idle
    /// vendor and show nothing. With no traffic at all: the first vendor, openai.
    Busiest,
}

/// One fault over one stretch of the period, in world time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultWindow {
    /// Whom it hits.
    pub victim: FaultTarget,
    /// Its beginning, from the beginning of the period.
    pub from: Duration,
    /// Its end, from the beginning of the period; after `from` and not after the period's end.
    pub until: Duration,
    /// What is wrong meanwhile.
    pub fault: Fault,
}

/// A script of faults, known by its name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// What people call it on the command line.
    pub name: &'static str,
    /// After this the script starts again.
    pub period: Duration,
    /// What happens in one period.
    pub strikes: &'static [FaultWindow],
}

const PERIOD: Duration = Duration::from_mins(3);
const FROM: Duration = Duration::from_secs(20);
const UNTIL: Duration = Duration::from_secs(80);

static SCENARIOS: [Scenario; 4] = [
    Scenario {
        name: "steady",
        period: PERIOD,
        strikes: &[],
    },
    Scenario {
        name: "outage",
        period: PERIOD,
        strikes: &[strike(Fault::Outage)],
    },
    Scenario {
        name: "brownout",
        period: PERIOD,
        strikes: &[strike(Fault::Slow(5.0))],
    },
    Scenario {
        name: "rate-limit",
        period: PERIOD,
        strikes: &[strike(Fault::RateLimit(10))],
    },
];

const fn strike(fault: Fault) -> FaultWindow {
    FaultWindow {
        victim: FaultTarget::Busiest,
        from: FROM,
        until: UNTIL,
        fault,
    }
}

impl Scenario {
    /// Every vendor as its profile says, for ever.
    pub fn steady() -> Self {
        SCENARIOS[0]
    }

    /// The names people can choose from.
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

/// Says: `no scenario is called "storm"; known are steady, outage, brownout, rate-limit`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no scenario is called {name:?}; known are {}", Scenario::names().collect::<Vec<_>>().join(", "))]
pub struct UnknownScenario {
    /// What was asked for.
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
    fn every_listed_name_is_understood_and_says_itself() {
        for name in Scenario::names() {
            assert_eq!(
                name.parse::<Scenario>().expect("a known name").to_string(),
                name
            );
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "storm".parse::<Scenario>().expect_err("not a scenario");

        assert_eq!(
            error.to_string(),
            "no scenario is called \"storm\"; known are steady, outage, brownout, rate-limit"
        );
    }

    #[test]
    fn every_strike_ends_after_it_began_and_within_its_period() {
        for scenario in &SCENARIOS {
            for strike in scenario.strikes {
                assert!(strike.from < strike.until, "{scenario}");
                assert!(strike.until <= scenario.period, "{scenario}");
            }
        }
    }
}
