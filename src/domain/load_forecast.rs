//! Forecasts of the load and cost of providers, and what they need of the limits.

use super::forecast::SeriesForecast;
use super::units::UnixTime;
use std::sync::Arc;

/// Seconds of an hour.
pub(super) const HOUR_S: u64 = 3_600;

/// Expected load of the next hours; what is no better than "as the last hour" is left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoadForecast {
    /// Number of the first hour since the epoch.
    pub first_hour: u64,
    /// Requests, or attempts of a provider, in each hour.
    pub requests: Option<SeriesForecast>,
    /// Mean number of them in flight.
    pub in_flight: Option<SeriesForecast>,
    /// Cost in USD.
    pub usd: Option<SeriesForecast>,
}

impl LoadForecast {
    /// Returns the forecast from a later hour on, and no further than `hours`.
    #[must_use]
    pub fn starting_at(&self, hour: u64, hours: usize) -> Self {
        let passed = usize::try_from(hour.saturating_sub(self.first_hour)).unwrap_or(usize::MAX);
        let rest = |series: &Option<SeriesForecast>| {
            let mut series = series.clone()?;
            series.values = series.values.into_iter().skip(passed).take(hours).collect();
            (!series.values.is_empty()).then_some(series)
        };
        Self {
            first_hour: hour.max(self.first_hour),
            requests: rest(&self.requests),
            in_flight: rest(&self.in_flight),
            usd: rest(&self.usd),
        }
    }

    /// Returns the expected cost in USD between two times; `None` if it is not forecast that far.
    pub fn usd_between(&self, from: UnixTime, until: UnixTime) -> Option<f64> {
        let values = &self.usd.as_ref()?.values;
        let (from, until) = (from.unix_seconds(), until.unix_seconds());
        let mut sum = 0.0;
        for hour in from / HOUR_S..until.div_ceil(HOUR_S) {
            let index = usize::try_from(hour.checked_sub(self.first_hour)?).ok()?;
            let (start, end) = ((hour * HOUR_S).max(from), ((hour + 1) * HOUR_S).min(until));
            let part = end.saturating_sub(start) as f64 / HOUR_S as f64;
            sum += values.get(index)? * part;
        }
        Some(sum)
    }
}

/// The hour that needs the largest part of today's limits.
#[derive(Debug, Clone, PartialEq)]
pub struct CapacityNeed {
    /// Start of the hour.
    pub at: UnixTime,
    /// What its busiest minute needs, as a multiple of the limit.
    pub factor: f64,
    /// The limit.
    pub limit: &'static str,
}

/// Forecasts of all providers.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastReport {
    /// Time of the report.
    pub at: UnixTime,
    /// Start of the first hour, which is the present one.
    pub from: UnixTime,
    /// Load of the busiest minute of an hour as a multiple of its mean.
    pub peak_factor: f64,
    /// Mean number of requests in flight to expect in this hour and the next; as in the last hour where
    /// there is no forecast.
    pub expected_in_flight: f64,
    /// Client requests.
    pub total: LoadForecast,
    /// Attempts by provider.
    pub providers: Vec<(Arc<str>, LoadForecast)>,
    /// `None` without a forecast or without limits.
    pub need: Option<CapacityNeed>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::forecast::ForecastModel;

    fn hourly(first_hour: u64, values: Vec<f64>) -> LoadForecast {
        LoadForecast {
            first_hour,
            usd: Some(SeriesForecast {
                model: ForecastModel::SeasonalNaive(24),
                error_share: 0.5,
                values,
            }),
            ..LoadForecast::default()
        }
    }

    #[test]
    fn a_cost_between_two_times_counts_parts_of_hours() {
        let forecast = hourly(10, vec![1.0, 2.0, 4.0]);
        let at = |hour: u64, minute: u64| UnixTime::from_seconds(hour * HOUR_S + minute * 60);

        let usd = forecast.usd_between(at(10, 30), at(12, 15));
        assert_eq!(usd, Some(3.5));
        assert_eq!(forecast.usd_between(at(10, 0), at(13, 0)), Some(7.0));
        assert_eq!(forecast.usd_between(at(10, 0), at(13, 30)), None);
        assert_eq!(forecast.usd_between(at(9, 30), at(11, 0)), None);
        assert_eq!(
            LoadForecast::default().usd_between(at(1, 0), at(2, 0)),
            None
        );
    }

    #[test]
    fn passed_hours_are_left_out() {
        let rest = hourly(10, vec![1.0, 2.0, 4.0]).starting_at(11, 1);

        assert_eq!(rest.first_hour, 11);
        assert_eq!(rest.usd.unwrap().values, [2.0]);
        assert_eq!(hourly(10, vec![1.0]).starting_at(12, 9).usd, None);
    }
}
