//! How much each objective counts.
//!
//! Cost, latency and reliability share 100 points; load and priority stand beside them with
//! 0..100 each (the founding document: 30/40/30, and 10 and 10).

/// The operator's weights in points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    pub cost: f64,
    pub latency: f64,
    pub reliability: f64,
    pub load: f64,
    pub priority: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            cost: 30.0,
            latency: 40.0,
            reliability: 30.0,
            load: 10.0,
            priority: 10.0,
        }
    }
}

/// What a weight is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    Cost,
    Latency,
    Reliability,
    Load,
    Priority,
}

impl Objective {
    pub const ALL: [Self; 5] = [
        Self::Cost,
        Self::Latency,
        Self::Reliability,
        Self::Load,
        Self::Priority,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Latency => "latency",
            Self::Reliability => "reliability",
            Self::Load => "load",
            Self::Priority => "priority",
        }
    }
}

/// What is wrong with a set of weights.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WeightsError {
    #[error("{name} is {value}, but must be a number from 0 to 100")]
    Range { name: &'static str, value: f64 },
    #[error(
        "cost + latency + reliability are {sum}, but must be 100 (cost {cost}, latency {latency}, reliability {reliability})"
    )]
    Sum {
        sum: f64,
        cost: f64,
        latency: f64,
        reliability: f64,
    },
}

impl Weights {
    /// Refuses numbers outside 0..100 and objectives that do not share exactly 100 points (to a
    /// thousandth, for those who write 33.333).
    pub fn validated(self) -> Result<Self, WeightsError> {
        let named = [
            ("cost", self.cost),
            ("latency", self.latency),
            ("reliability", self.reliability),
            ("load", self.load),
            ("priority", self.priority),
        ];
        for (name, value) in named {
            if !(0.0..=100.0).contains(&value) {
                return Err(WeightsError::Range { name, value });
            }
        }
        let sum = self.cost + self.latency + self.reliability;
        if (sum - 100.0).abs() > 0.002 {
            return Err(WeightsError::Sum {
                sum,
                cost: self.cost,
                latency: self.latency,
                reliability: self.reliability,
            });
        }
        Ok(self)
    }

    /// The same with a provider's own objectives: what it does not name comes from here, and the
    /// three are brought back to 100 points.
    #[must_use]
    pub fn with_override(self, own: &WeightOverride) -> Self {
        let raw = [
            own.cost.unwrap_or(self.cost),
            own.latency.unwrap_or(self.latency),
            own.reliability.unwrap_or(self.reliability),
        ];
        let sum: f64 = raw.iter().sum();
        if sum <= 0.0 {
            return self;
        }
        let [cost, latency, reliability] = raw.map(|points| points * 100.0 / sum);
        Self {
            cost,
            latency,
            reliability,
            ..self
        }
    }

    /// The same with one objective at so many points; of cost, latency and reliability the other
    /// two give way in proportion, so that the three still share 100.
    #[must_use]
    pub fn with_points(self, objective: Objective, points: f64) -> Self {
        let (left, right) = match objective {
            Objective::Cost => (self.latency, self.reliability),
            Objective::Latency => (self.cost, self.reliability),
            Objective::Reliability => (self.cost, self.latency),
            Objective::Load => {
                return Self {
                    load: points,
                    ..self
                };
            }
            Objective::Priority => {
                return Self {
                    priority: points,
                    ..self
                };
            }
        };
        let rest = 100.0 - points;
        let part = if left + right > 0.0 {
            left / (left + right)
        } else {
            0.5
        };
        let (left, right) = (rest * part, rest * (1.0 - part));
        match objective {
            Objective::Cost => Self {
                cost: points,
                latency: left,
                reliability: right,
                ..self
            },
            Objective::Latency => Self {
                cost: left,
                latency: points,
                reliability: right,
                ..self
            },
            _ => Self {
                cost: left,
                latency: right,
                reliability: points,
                ..self
            },
        }
    }

    /// The points of one objective.
    pub fn of(&self, objective: Objective) -> f64 {
        match objective {
            Objective::Cost => self.cost,
            Objective::Latency => self.latency,
            Objective::Reliability => self.reliability,
            Objective::Load => self.load,
            Objective::Priority => self.priority,
        }
    }

    /// The sum of all five, never 0.
    pub fn total(&self) -> f64 {
        self.cost + self.latency + self.reliability + self.load + self.priority
    }
}

/// A provider's own weights.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct WeightOverride {
    pub cost: Option<f64>,
    pub latency: Option<f64>,
    pub reliability: Option<f64>,
}

impl WeightOverride {
    pub fn is_empty(&self) -> bool {
        self.cost.is_none() && self.latency.is_none() && self.reliability.is_none()
    }

    /// The objectives that are named, in the order cost, latency, reliability.
    pub fn named(&self) -> [(&'static str, Option<f64>); 3] {
        [
            ("cost", self.cost),
            ("latency", self.latency),
            ("reliability", self.reliability),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_founding_ones() {
        assert!(Weights::default().validated().is_ok());
    }

    #[test]
    fn a_wrong_sum_is_refused_with_its_parts() {
        let error = Weights {
            cost: 50.0,
            ..Weights::default()
        }
        .validated()
        .unwrap_err();

        assert_eq!(
            error.to_string(),
            "cost + latency + reliability are 120, but must be 100 (cost 50, latency 40, reliability 30)"
        );
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for value in [f64::NAN, -1.0, 100.5, f64::INFINITY] {
            assert!(
                Weights {
                    load: value,
                    ..Weights::default()
                }
                .validated()
                .is_err()
            );
        }
    }

    #[test]
    fn an_override_is_completed_and_normalised() {
        let own = WeightOverride {
            cost: Some(80.0),
            ..WeightOverride::default()
        };
        let weights = Weights::default().with_override(&own);

        assert!((weights.cost - 80.0 / 150.0 * 100.0).abs() < 1e-9);
        assert!(weights.validated().is_ok());
    }
}
