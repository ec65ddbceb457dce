use super::time::rfc3339;
use super::what_if::{
    CapacityReport, ClosedLoopReport, TargetWhatIfReport, TotalWhatIfReport, WhatIfReport,
    WhatIfTotalsReport,
};
use crate::domain::{self, Spread, TargetId};

impl WhatIfReport {
    /// The report with the figures of the closed loop, unless there was too little traffic; `name`
    /// returns a target by its index.
    #[must_use]
    pub fn with_closed_loop<'n>(
        mut self,
        forecast: &domain::ClosedLoopForecast,
        name: impl Fn(domain::TargetIdx) -> Option<&'n TargetId>,
    ) -> Self {
        self.closed_loop = Some(Box::new(ClosedLoopReport {
            runs: forecast.runs,
            requests: forecast.requests,
            since: forecast.since.map(rfc3339),
            self_test_points: forecast.self_test_points,
            moving: forecast.is_moving,
            too_little_traffic: forecast.is_too_little,
        }));
        if forecast.is_too_little {
            return self;
        }
        let is_doubtful = |it: &domain::TargetForecast| it.is_hardly_measured || it.is_beyond_seen;
        let target = |target: &domain::TargetForecast| {
            let id = name(target.target)?;
            let capacity = Some(CapacityReport {
                slots: target.capacity.slots,
                per_second: target.capacity.per_second,
            });
            let then = WhatIfTotalsReport::from(&target.then);
            let gains = target.then.share.value > target.now.share.high;
            Some(TargetWhatIfReport {
                provider: id.provider.to_string(),
                model: id.model.to_string(),
                now: (&target.now).into(),
                then: WhatIfTotalsReport { capacity, ..then },
                extrapolated: is_doubtful(target) && gains,
                hardly_measured: target.is_hardly_measured,
                beyond_seen: target.is_beyond_seen,
            })
        };
        self.targets = forecast.targets.iter().filter_map(target).collect();
        self.total = TotalWhatIfReport {
            now: (&forecast.now).into(),
            then: (&forecast.then).into(),
        };
        self.decisions = forecast.requests;
        self.since = forecast.since.map(rfc3339);
        let guessed = self.targets.iter().filter(|target| target.extrapolated);
        let guessed: f64 = guessed
            .map(|target| (target.then.share - target.now.share).max(0.0))
            .sum();
        self.extrapolated = whole(guessed * self.decisions as f64);
        self
    }
}

impl From<&domain::ForecastFigures> for WhatIfTotalsReport {
    fn from(figures: &domain::ForecastFigures) -> Self {
        let value = |spread: Option<Spread>| spread.map(|spread| spread.value);
        let range = |spread: Option<Spread>| spread.map(|spread| [spread.low, spread.high]);
        Self {
            requests: whole(figures.requests),
            share: figures.share.value,
            mean_latency_ms: figures.mean_latency_ms,
            p50: figures.p50_ms,
            p95: value(figures.p95_ms),
            success_rate: figures.success_rate,
            usd_per_hour: value(figures.usd_per_hour),
            usd_per_1k_requests: value(figures.usd_per_1k),
            share_range: range(Some(figures.share)),
            p95_range: range(figures.p95_ms),
            usd_per_hour_range: range(figures.usd_per_hour),
            usd_per_1k_requests_range: range(figures.usd_per_1k),
            capacity: None,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and counts are not negative"
)]
fn whole(count: f64) -> usize {
    count.round() as usize
}
