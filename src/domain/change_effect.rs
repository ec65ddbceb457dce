//! What a change did: figures of the time before it, and of the time after it.

use super::units::{Money, UnixTime};
use std::sync::Arc;
use std::time::Duration;

/// Time after a change over which its effect is measured, and usually before it.
pub const EFFECT_TIME: Duration = Duration::from_mins(2);
/// Time before a change that is measured where the usual one had too few requests.
pub const LONG_EFFECT_TIME: Duration = Duration::from_mins(5);
/// Fewer attempts or requests than this say nothing of a rate or a quantile.
pub const FEWEST_MEASURED: u64 = 20;

/// Figures before and after a change.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeEffect {
    /// The time that ended with the change.
    pub before: PeriodFigures,
    /// The time that began with it, once it is over: two minutes, or less where another change
    /// followed.
    pub after: Option<PeriodFigures>,
}

impl ChangeEffect {
    /// Returns the end of the time after a change that was made at `changed`.
    pub fn due(changed: UnixTime) -> UnixTime {
        changed.plus(EFFECT_TIME)
    }
}

/// Figures of one stretch of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PeriodFigures {
    /// Length in seconds.
    pub seconds: u64,
    /// Client requests; the money is that of all attempts.
    pub requests: EffectFigures,
    /// Attempts at each provider that had some, in the order of the configuration.
    pub providers: Vec<(Arc<str>, EffectFigures)>,
}

/// Figures of the requests, or of the attempts at one provider.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EffectFigures {
    /// Those that ended in the time.
    pub count: u64,
    /// Part of all of them, 0..1.
    pub share: f64,
    /// Part that succeeded, 0..1; `None` where too few count.
    pub success_rate: Option<f64>,
    /// 95th percentile of the latency of successes in milliseconds; `None` with too few successes.
    pub p95_ms: Option<f64>,
    /// Known cost.
    pub cost: Option<Money>,
}

impl EffectFigures {
    /// Returns whether there were too few to judge by.
    pub fn is_few(&self) -> bool {
        self.count < FEWEST_MEASURED
    }

    /// Returns the cost of a thousand in dollars; `None` with too few, or an unknown cost.
    pub fn usd_per_1k(&self) -> Option<f64> {
        let cost = self.cost.filter(|_| !self.is_few())?;
        Some(cost.usd() / self.count as f64 * 1e3)
    }

    /// Returns the spending in dollars per hour over `seconds`.
    pub fn usd_per_hour(&self, seconds: u64) -> Option<f64> {
        let cost = self.cost.filter(|_| seconds > 0)?;
        Some(cost.usd() / seconds as f64 * 3_600.0)
    }
}
