//! Health of a provider or target, for display.

/// Health of a provider or target, for display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthState {
    /// No problem.
    Ok,
    /// Slower than usual.
    Slow,
    /// In a cooldown, or out of quota.
    Limited,
    /// High failure rate, breaker closed.
    Failing,
    /// Breaker open.
    Open,
    /// Breaker half-open.
    HalfOpen,
    /// Probes do not reach it.
    Down,
    /// Draining.
    Draining,
    /// Disabled or unusable.
    Off,
    /// Not measured yet.
    Unknown,
}

impl HealthState {
    /// Returns true if the selection may use it.
    pub fn is_usable(self) -> bool {
        matches!(
            self,
            Self::Ok | Self::Slow | Self::Failing | Self::HalfOpen | Self::Unknown
        )
    }

    /// Returns true if most requests are expected to succeed.
    pub fn is_healthy(self) -> bool {
        matches!(self, Self::Ok | Self::Slow | Self::Limited | Self::Unknown)
    }

    /// Returns true if it is the same state as another one, for the time since it began: a breaker
    /// that opens again after a trial was not closed between.
    pub fn continues(self, other: Self) -> bool {
        let is_breaker = |state| matches!(state, Self::Open | Self::HalfOpen);
        self == other || (is_breaker(self) && is_breaker(other))
    }

    /// Returns the severity, 0 without a problem.
    pub fn severity(self) -> u8 {
        match self {
            Self::Down => 6,
            Self::Open => 5,
            Self::Failing => 4,
            Self::HalfOpen => 3,
            Self::Limited => 2,
            Self::Slow => 1,
            Self::Ok | Self::Unknown | Self::Draining | Self::Off => 0,
        }
    }

    /// Returns the word in the texts of events.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Slow => "SLOW",
            Self::Limited => "LIMITED",
            Self::Failing => "ERR",
            Self::Open => "OPEN",
            Self::HalfOpen => "HALF-OPEN",
            Self::Down => "DOWN",
            Self::Draining => "DRAINING",
            Self::Off => "OFF",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// Returns true if an operator should look at it.
    pub fn needs_attention(self) -> bool {
        self.severity() > 0
    }
}

/// Health of a provider or model.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// State.
    pub state: HealthState,
    /// Reason of the state; empty if there is no problem.
    pub why: String,
    /// True if it takes requests.
    pub is_usable: bool,
}

impl Health {
    /// Creates the health in a state, for a reason.
    pub fn new(state: HealthState, why: impl Into<String>) -> Self {
        Self {
            state,
            why: why.into(),
            is_usable: state.is_usable(),
        }
    }
}
