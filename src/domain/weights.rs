//! Weights of the objectives of balancing.
//!
//! Cost, latency and reliability sum to 100 points; load and priority have 0..100 points each.
//! Defaults: 30/40/30, 10 and 10.

/// Weights in points, 0..100 each; cost, latency and reliability sum to 100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Points of a low price.
    pub cost: f64,
    /// Points of a low latency.
    pub latency: f64,
    /// Points of a low failure rate.
    pub reliability: f64,
    /// Points of few requests in flight.
    pub load: f64,
    /// Points of the configured priority.
    pub priority: f64,
}

impl Weights {
    /// Returns the middle one of the points of cost, latency and reliability.
    pub fn middle_objective(&self) -> f64 {
        let [a, b, c] = [self.cost, self.latency, self.reliability];
        a.max(b).min(c).max(a.min(b))
    }
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

/// Objective that a weight applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// Low price.
    Cost,
    /// Low latency.
    Latency,
    /// Low failure rate.
    Reliability,
    /// Few requests in flight.
    Load,
    /// Configured priority.
    Priority,
}

impl Objective {
    /// All objectives.
    pub const ALL: [Self; 5] = [
        Self::Cost,
        Self::Latency,
        Self::Reliability,
        Self::Load,
        Self::Priority,
    ];

    /// Returns the name in the configuration and the API.
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

/// Error of an invalid set of weights.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WeightsError {
    /// A weight is outside 0..100.
    #[error("{name} is {value}, but must be a number from 0 to 100")]
    Range {
        /// Name of the objective.
        name: &'static str,
        /// Rejected points.
        value: f64,
    },
    /// Cost, latency and reliability do not sum to 100.
    #[error(
        "cost + latency + reliability are {sum}, but must be 100 (cost {cost}, latency {latency}, reliability {reliability})"
    )]
    Sum {
        /// Sum of the three.
        sum: f64,
        /// Points of cost.
        cost: f64,
        /// Points of latency.
        latency: f64,
        /// Points of reliability.
        reliability: f64,
    },
}

impl Weights {
    /// Returns the weights if they are valid.
    ///
    /// # Errors
    ///
    /// A weight is outside 0..100, or cost, latency and reliability do not sum to 100 within 0.002,
    /// a tolerance for values such as 33.333.
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

    /// Applies the override of a provider. Missing values come from `self`, and cost, latency and
    /// reliability are scaled to a sum of 100.
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

    /// Sets one objective to `points`. If it is cost, latency or reliability, the other two are
    /// scaled in proportion, so that the three still sum to 100.
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

    /// Returns the points of one objective.
    pub fn of(&self, objective: Objective) -> f64 {
        match objective {
            Objective::Cost => self.cost,
            Objective::Latency => self.latency,
            Objective::Reliability => self.reliability,
            Objective::Load => self.load,
            Objective::Priority => self.priority,
        }
    }

    /// Returns the sum of all five; never 0 if the weights are valid.
    pub fn total(&self) -> f64 {
        self.cost + self.latency + self.reliability + self.load + self.priority
    }
}

/// Weights of a provider that override the global ones; `None` keeps the global value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct WeightOverride {
    /// Points of cost.
    pub cost: Option<f64>,
    /// Points of latency.
    pub latency: Option<f64>,
    /// Points of reliability.
    pub reliability: Option<f64>,
}

impl WeightOverride {
    /// Returns true if it overrides nothing.
    pub fn is_empty(&self) -> bool {
        self.cost.is_none() && self.latency.is_none() && self.reliability.is_none()
    }

    /// Returns the names and values in the order cost, latency, reliability.
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
    fn the_defaults_are_valid() {
        assert!(Weights::default().validated().is_ok());
    }

    #[test]
    fn a_wrong_sum_is_rejected_with_its_parts() {
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
    fn values_out_of_range_are_rejected() {
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
