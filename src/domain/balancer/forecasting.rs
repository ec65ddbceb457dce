//! Forecasts of load and cost, renewed after each full hour, one series of a provider at a time.

use super::BalancerState;
use crate::domain::forecast::{MAX_FORECAST_HOURS, MAX_HISTORY_HOURS, forecast_series};
use crate::domain::index::ProviderIdx;
use crate::domain::load_forecast::{CapacityNeed, ForecastReport, HOUR_S, LoadForecast};
use crate::domain::timeline::{BucketCounts, BucketRange, Timeline, Uptime};
use crate::domain::units::UnixTime;
use std::sync::Arc;

/// Peak of a minute over the mean of its hour, while too little is measured.
const USUAL_PEAK: f64 = 1.5;
const MAX_PEAK: f64 = 10.0;
/// Requests of an hour whose busiest minute says something.
const MIN_PEAK_REQUESTS: u64 = 120;
const MINUTE_S: u64 = 60;

/// Values of an hour: requests, milliseconds in flight, USD; `None` if it was not observed.
type HourValues = Option<[f64; 3]>;

impl BalancerState {
    /// Renews one of the forecasts, if one is due.
    pub(super) fn renew_forecast(&mut self, now: UnixTime) {
        let hour = now.unix_seconds() / HOUR_S;
        if self.forecasts.hour != hour {
            self.forecasts.hour = hour;
            self.forecasts.next = 0;
        }
        let next = self.forecasts.next;
        if next > self.providers.len() {
            return;
        }
        self.forecasts.next = next + 1;
        if next == 0 {
            self.forecasts.peak_factor = peak_factor(&self.requests, now);
            self.forecasts.total = self.total_forecast(now);
        } else {
            let forecast = self.provider_forecast((next - 1).into(), now);
            let providers = &mut self.forecasts.providers;
            providers.resize(self.providers.len(), LoadForecast::default());
            if let Some(slot) = providers.get_mut(next - 1) {
                *slot = forecast;
            }
        }
    }

    /// Returns the forecasts of the next hours, the present one included.
    pub fn forecast(&self, hours: usize, now: UnixTime) -> ForecastReport {
        let hour = now.unix_seconds() / HOUR_S;
        let cache = &self.forecasts;
        let total = cache.total.starting_at(hour, hours);
        let peak_factor = cache.peak_factor.unwrap_or(USUAL_PEAK);
        let providers = self.catalogue.active_providers().map(|(at, provider)| {
            let forecast = cache.providers.get(at.get());
            let forecast = forecast.map(|it| it.starting_at(hour, hours));
            (Arc::clone(&provider.name), forecast.unwrap_or_default())
        });
        ForecastReport {
            at: now,
            from: UnixTime::from_seconds(hour * HOUR_S),
            peak_factor,
            expected_in_flight: self.expected_in_flight(now),
            need: self.capacity_need(&total, peak_factor),
            providers: providers.collect(),
            total,
        }
    }

    /// Returns the mean number of client requests in flight to expect in this hour and the next: by the
    /// forecast, or as in the last hour where there is none.
    pub fn expected_in_flight(&self, now: UnixTime) -> f64 {
        let hour = now.unix_seconds() / HOUR_S;
        let forecast = self.forecasts.total.starting_at(hour, 2).in_flight;
        if let Some(forecast) = forecast {
            return forecast.values.into_iter().fold(0.0, f64::max);
        }
        let mut milliseconds = 0.0;
        let last = BucketRange::hours(1);
        self.requests
            .visit(last, now, |_, counts| milliseconds += counts.latency_sum_ms);
        let passed = now
            .seconds_since(last.start(now).max(self.started))
            .max(1.0);
        milliseconds / 1e3 / passed
    }

    /// Returns the expected cost until a time: of one provider, or of all.
    pub(super) fn expected_usd(
        &self,
        provider: Option<ProviderIdx>,
        now: UnixTime,
        until: UnixTime,
    ) -> Option<f64> {
        let forecast = match provider {
            Some(at) => self.forecasts.providers.get(at.get())?,
            None => &self.forecasts.total,
        };
        forecast.usd_between(now, until)
    }

    fn total_forecast(&self, now: UnixTime) -> LoadForecast {
        let mut hours: Vec<HourValues> = vec![None; MAX_HISTORY_HOURS];
        for provider in &self.providers {
            mark_observed(&mut hours, &provider.uptime, now);
        }
        add(&mut hours, &self.requests, now, |counts| {
            [counts.all() as f64, counts.latency_sum_ms, 0.0]
        });
        for target in &self.targets {
            add(&mut hours, &target.history, now, |counts| {
                [0.0, 0.0, counts.cost.usd()]
            });
        }
        load_forecast(&hours, now)
    }

    fn provider_forecast(&self, at: ProviderIdx, now: UnixTime) -> LoadForecast {
        let mut hours: Vec<HourValues> = vec![None; MAX_HISTORY_HOURS];
        mark_observed(&mut hours, &self.providers[at].uptime, now);
        for target in self.targets_of(at) {
            add(&mut hours, &self.targets[target].history, now, |counts| {
                [
                    counts.all() as f64,
                    counts.latency_sum_ms,
                    counts.cost.usd(),
                ]
            });
        }
        load_forecast(&hours, now)
    }

    /// Compares the expected peaks with the limits of all providers in service together, where each has
    /// one, and with that of the instance.
    fn capacity_need(&self, total: &LoadForecast, peak_factor: f64) -> Option<CapacityNeed> {
        let in_service = || {
            let providers = self.catalogue.active_providers();
            let providers = providers.map(|(at, _)| &self.providers[at]);
            providers.filter(|it| it.off_reason().is_none() && !it.draining)
        };
        let slots: Option<u64> = in_service()
            .map(|it| it.max_concurrent.map(u64::from))
            .sum();
        let per_minute: Option<u64> = in_service().map(|it| it.rates.requests).sum();
        let whole = self.max_in_flight.map(u64::from);
        let (in_flight, requests) = (total.in_flight.as_ref(), total.requests.as_ref());
        let limits = [
            (in_flight, slots, 1.0, "max_concurrent of all providers"),
            (in_flight, whole, 1.0, "max_in_flight"),
            (
                requests,
                per_minute,
                60.0,
                "requests_per_minute of all providers",
            ),
        ];
        let needs = limits
            .into_iter()
            .filter_map(|(series, limit, unit, name)| {
                let limit = limit.filter(|limit| *limit > 0)? as f64;
                let values = series?.values.iter().enumerate();
                let (index, most) = values.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
                Some(CapacityNeed {
                    at: UnixTime::from_seconds((total.first_hour + index as u64) * HOUR_S),
                    factor: most / unit * peak_factor / limit,
                    limit: name,
                })
            });
        needs.max_by(|a, b| a.factor.total_cmp(&b.factor))
    }
}

/// The complete hours of the history: the present one is not over.
fn complete_hours() -> BucketRange {
    BucketRange {
        width: HOUR_S,
        columns: MAX_HISTORY_HOURS + 1,
    }
}

/// The index of an hour among the complete ones, counted from the end of the history.
fn slot(start: u64, now: UnixTime) -> Option<usize> {
    let back = (now.unix_seconds() / HOUR_S).checked_sub(start / HOUR_S)?;
    MAX_HISTORY_HOURS.checked_sub(usize::try_from(back).ok()?)
}

fn mark_observed(hours: &mut [HourValues], uptime: &Timeline<Uptime>, now: UnixTime) {
    uptime.visit(complete_hours(), now, |start, uptime| {
        let slot = slot(start, now).and_then(|at| hours.get_mut(at));
        if let Some(slot) = slot.filter(|_| uptime.watched_us > 0) {
            slot.get_or_insert([0.0; 3]);
        }
    });
}

fn add(
    hours: &mut [HourValues],
    history: &Timeline<BucketCounts>,
    now: UnixTime,
    values: impl Fn(&BucketCounts) -> [f64; 3],
) {
    history.visit(complete_hours(), now, |start, counts| {
        let slot = slot(start, now).and_then(|at| hours.get_mut(at));
        let Some(slot) = slot else { return };
        let sums = slot.get_or_insert([0.0; 3]);
        for (sum, value) in sums.iter_mut().zip(values(counts)) {
            *sum += value;
        }
    });
}

fn load_forecast(hours: &[HourValues], now: UnixTime) -> LoadForecast {
    let series = |index: usize, scale: f64| {
        let values = hours
            .iter()
            .map(|it| it.and_then(|it| Some(it.get(index)? * scale)));
        forecast_series(&values.collect::<Vec<_>>(), MAX_FORECAST_HOURS)
    };
    LoadForecast {
        first_hour: now.unix_seconds() / HOUR_S,
        requests: series(0, 1.0),
        in_flight: series(1, 1e-3 / HOUR_S as f64),
        usd: series(2, 1.0),
    }
}

/// The median over the hours of the last day; `None` while none had enough requests.
fn peak_factor(requests: &Timeline<BucketCounts>, now: UnixTime) -> Option<f64> {
    let mut hours: Vec<(u64, u64, u64)> = Vec::new();
    requests.visit(BucketRange::hours(24), now, |start, counts| {
        let (hour, count) = (start / HOUR_S, counts.all());
        match hours.last_mut().filter(|(last, ..)| *last == hour) {
            Some((_, sum, most)) => {
                *sum += count;
                *most = (*most).max(count);
            }
            None => hours.push((hour, count, count)),
        }
    });
    let present = now.unix_seconds() / HOUR_S;
    let complete = hours
        .into_iter()
        .filter(|&(hour, sum, _)| hour != present && sum >= MIN_PEAK_REQUESTS);
    let mut factors: Vec<f64> = complete
        .map(|(_, sum, most)| most as f64 * (HOUR_S / MINUTE_S) as f64 / sum as f64)
        .collect();
    factors.sort_by(f64::total_cmp);
    let median = factors.get(factors.len() / 2)?;
    Some(median.clamp(1.0, MAX_PEAK))
}
