//! Forecasts of hourly series: seasonal-naive and Holt-Winters, over a day or a week.
//!
//! A forecast is judged on the series' own recent past against "as the last hour", and left out where
//! it is not clearly better. Hours without observations are gaps, not zeros.

/// Hours that a forecast covers at most, and over which it is judged.
pub const MAX_FORECAST_HOURS: usize = 48;
const JUDGED_HOURS: usize = 24;
/// Hours of history that are used: eight weeks.
pub const MAX_HISTORY_HOURS: usize = 1_344;
/// Points in the past from which forecasts are judged, and the hours between two.
const ORIGINS: usize = 8;
const ORIGIN_STEP: usize = 9;
/// Seasons in hours: a day and a week.
const SEASONS: [usize; 2] = [24, 168];
/// A forecast must have at most this share of the error of "as the last hour".
const MAX_ERROR_SHARE: f64 = 0.9;
/// Share of the hours that must have observations.
const MIN_OBSERVED_SHARE: f64 = 0.5;
/// Smoothing of the level, the trend and the season: one that follows best is selected.
const LEVELS: [f64; 3] = [0.1, 0.3, 0.6];
const TRENDS: [f64; 2] = [0.0, 0.02];
const SEASONAL: [f64; 2] = [0.1, 0.3];
/// A trend fades by this factor an hour, because no load grows without end.
const DAMPING: f64 = 0.9;

/// A way to forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForecastModel {
    /// As at the same time of the last season, of that many hours.
    SeasonalNaive(usize),
    /// Exponential smoothing of level, trend and season, of that many hours.
    HoltWinters(usize),
}

/// Expected values of the next hours.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesForecast {
    /// The model that was best in the past.
    pub model: ForecastModel,
    /// Its error in the past as a share of that of "as the last hour".
    pub error_share: f64,
    /// One value for each hour after the history.
    pub values: Vec<f64>,
}

/// Forecasts the hours after a history, oldest first; `None` where no model was clearly better than
/// "as the last hour".
pub fn forecast_series(history: &[Option<f64>], hours: usize) -> Option<SeriesForecast> {
    let history = history.get(history.len().saturating_sub(MAX_HISTORY_HOURS)..)?;
    let first = history.iter().position(Option::is_some)?;
    let history = history.get(first..)?;
    let naive = judge(history, |past, hours| Some(vec![last(past)?; hours]))?;
    let models = SEASONS
        .into_iter()
        .filter(|season| has_seasons(history, *season))
        .flat_map(|season| {
            [
                ForecastModel::SeasonalNaive(season),
                ForecastModel::HoltWinters(season),
            ]
        });
    let judged = models.filter_map(|model| {
        let error = judge(history, |past, hours| model.forecast(past, hours))?;
        Some((model, error))
    });
    let (model, error) = judged.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
    if naive <= 0.0 || error > naive * MAX_ERROR_SHARE {
        return None;
    }
    Some(SeriesForecast {
        model,
        error_share: error / naive,
        values: model.forecast(history, hours.min(MAX_FORECAST_HOURS))?,
    })
}

/// Two seasons and what is judged must be there, and mostly observed.
fn has_seasons(history: &[Option<f64>], season: usize) -> bool {
    let observed = history.iter().flatten().count();
    history.len() >= 2 * season + JUDGED_HOURS
        && observed as f64 >= MIN_OBSERVED_SHARE * history.len() as f64
}

fn last(past: &[Option<f64>]) -> Option<f64> {
    past.iter().rev().find_map(|value| *value)
}

/// Mean absolute error of forecasts from several points in the past; `None` if nothing can be compared.
fn judge(
    history: &[Option<f64>],
    forecast: impl Fn(&[Option<f64>], usize) -> Option<Vec<f64>>,
) -> Option<f64> {
    let (mut error, mut count) = (0.0, 0.0);
    for step in 0..ORIGINS {
        let Some(origin) = history.len().checked_sub(JUDGED_HOURS + step * ORIGIN_STEP) else {
            break;
        };
        let (past, future) = history.split_at(origin);
        let Some(values) = forecast(past, future.len().min(JUDGED_HOURS)) else {
            continue;
        };
        for (actual, expected) in future.iter().zip(values) {
            if let Some(actual) = actual {
                error += (actual - expected).abs();
                count += 1.0;
            }
        }
    }
    (count > 0.0).then(|| error / count)
}

impl ForecastModel {
    /// Returns the name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SeasonalNaive(24) => "seasonal-naive day",
            Self::SeasonalNaive(_) => "seasonal-naive week",
            Self::HoltWinters(24) => "holt-winters day",
            Self::HoltWinters(_) => "holt-winters week",
        }
    }

    fn forecast(self, past: &[Option<f64>], hours: usize) -> Option<Vec<f64>> {
        match self {
            Self::SeasonalNaive(season) => seasonal_naive(past, season, hours),
            Self::HoltWinters(season) => {
                let fits = LEVELS.iter().flat_map(|&level| {
                    let pairs = TRENDS
                        .iter()
                        .flat_map(|trend| SEASONAL.map(|it| (*trend, it)));
                    pairs.map(move |(trend, seasonal)| [level, trend, seasonal])
                });
                let fits = fits.filter_map(|weights| Smoothing::fit(past, season, weights));
                let best = fits.min_by(|a, b| a.error.total_cmp(&b.error))?;
                Some(best.forecast(hours))
            }
        }
    }
}

/// The value at the same time of the latest season that has one.
fn seasonal_naive(past: &[Option<f64>], season: usize, hours: usize) -> Option<Vec<f64>> {
    let value = |ahead: usize| {
        let back = season - ahead % season;
        let seasons = (0..).map(|turn| back + turn * season);
        let indices = seasons.map_while(|back| past.len().checked_sub(back));
        let mut values = indices.map(|index| past.get(index).copied().flatten());
        values.find_map(|value| value)
    };
    (0..hours).map(value).collect()
}

/// Additive Holt-Winters smoothing with a damped trend.
#[derive(Debug, Clone)]
struct Smoothing {
    level: f64,
    trend: f64,
    seasonal: Vec<f64>,
    /// Number of hours seen.
    hours: usize,
    /// Sum of the absolute errors of one hour ahead.
    error: f64,
}

impl Smoothing {
    fn fit(
        past: &[Option<f64>],
        season: usize,
        [level, trend, seasonal]: [f64; 3],
    ) -> Option<Self> {
        let first: Vec<f64> = past.get(..season)?.iter().flatten().copied().collect();
        let mean = first.iter().sum::<f64>() / first.len().max(1) as f64;
        let start = past.iter().take(season);
        let mut fit = Self {
            level: mean,
            trend: 0.0,
            seasonal: start.map(|it| it.map_or(0.0, |it| it - mean)).collect(),
            hours: season,
            error: 0.0,
        };
        for value in past.get(season..)? {
            let at = fit.hours % season;
            fit.hours += 1;
            let (expected, usual) = (fit.level + DAMPING * fit.trend, *fit.seasonal.get(at)?);
            // A gap moves nothing.
            let Some(value) = value else { continue };
            fit.error += (value - expected - usual).abs();
            let before = fit.level;
            fit.level = expected + level * (value - usual - expected);
            fit.trend = DAMPING * fit.trend * (1.0 - trend) + trend * (fit.level - before);
            *fit.seasonal.get_mut(at)? += seasonal * (value - fit.level - usual);
        }
        Some(fit)
    }

    fn forecast(&self, hours: usize) -> Vec<f64> {
        let season = self.seasonal.len();
        let (mut trend, mut sum) = (self.trend, 0.0);
        let value = |ahead: usize| {
            trend *= DAMPING;
            sum += trend;
            let seasonal = self.seasonal.get((self.hours + ahead) % season);
            (self.level + sum + seasonal.copied().unwrap_or_default()).max(0.0)
        };
        (0..hours).map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::SplitMix64;

    /// Hourly load with a day and a week season and some noise.
    fn load(hour: usize, random: &mut SplitMix64) -> f64 {
        let of_day = (hour % 24) as f64;
        let is_weekend = hour / 24 % 7 >= 5;
        let shape = 1.0 + (std::f64::consts::TAU * (of_day - 8.0) / 24.0).sin();
        let noise = 0.9 + 0.2 * random.next_f64();
        let week = if is_weekend { 0.4 } else { 1.0 };
        (20.0 + 100.0 * shape * week) * noise
    }

    fn series(hours: usize, seed: u64) -> Vec<Option<f64>> {
        let mut random = SplitMix64::new(seed);
        (0..hours)
            .map(|hour| Some(load(hour, &mut random)))
            .collect()
    }

    /// Errors of the forecast and of "as the last hour" over the held-out end of a series; the first is
    /// `None` where the forecast is left out.
    fn held_out(series: &[Option<f64>], hours: usize) -> (Option<f64>, f64) {
        let (past, future) = series.split_at(series.len() - hours);
        let error = |values: &[f64]| {
            let pairs = future.iter().zip(values);
            let errors = pairs.filter_map(|(actual, value)| Some((actual.as_ref()? - value).abs()));
            errors.sum::<f64>() / hours as f64
        };
        let naive = vec![last(past).unwrap(); hours];
        let forecast = forecast_series(past, hours);
        (forecast.map(|it| error(&it.values)), error(&naive))
    }

    /// The mean share of the naive error over several held-out days, and how many were forecast.
    fn mean_share(series: &[Option<f64>]) -> (f64, usize) {
        let shares: Vec<f64> = (0..14)
            .filter_map(|day| {
                let end = series.len() - day * 13;
                let (error, naive) = held_out(&series[..end], 24);
                Some(error? / naive)
            })
            .collect();
        (
            shares.iter().sum::<f64>() / shares.len() as f64,
            shares.len(),
        )
    }

    #[test]
    fn a_load_with_day_and_week_is_forecast_far_better_than_by_its_last_hour() {
        let (share, count) = mean_share(&series(24 * 42, 1));

        assert_eq!(count, 14);
        assert!(share < 0.25, "{share}");
        let forecast = forecast_series(&series(24 * 42, 1), 24).unwrap();
        assert!(forecast.model.as_str().ends_with("week"), "{forecast:?}");
    }

    #[test]
    fn gaps_are_not_zeros() {
        let mut gappy = series(24 * 42, 2);
        for (hour, value) in gappy.iter_mut().enumerate() {
            // Every fifth day half a day is missing, and three days in a row.
            if (hour / 24 % 5 == 1 && hour % 24 < 12) || (700..772).contains(&hour) {
                *value = None;
            }
        }
        let (share, count) = mean_share(&gappy);

        assert!(count >= 12, "{count}");
        assert!(share < 0.4, "{share}");
    }

    #[test]
    fn a_level_shift_is_followed_or_the_forecast_is_left_out() {
        for since in [6, 24, 72, 168] {
            let mut shifted = series(24 * 42, 3);
            let start = shifted.len() - 24 - since;
            for value in shifted.iter_mut().skip(start) {
                *value = value.map(|it| it * 3.0);
            }
            let (error, naive) = held_out(&shifted, 24);
            assert!(
                error.is_none_or(|error| error < naive),
                "{since}: {error:?} {naive}"
            );
            assert!(since < 168 || error.is_some(), "a week later it is known");
        }
    }

    #[test]
    fn a_random_walk_and_short_or_empty_series_have_no_forecast() {
        for seed in 0..10 {
            let mut random = SplitMix64::new(seed);
            let mut level = 1_000.0;
            let walk: Vec<Option<f64>> = (0..24 * 42)
                .map(|_| {
                    level += random.next_f64() * 20.0 - 10.0;
                    Some(level)
                })
                .collect();
            let (error, naive) = held_out(&walk, 24);
            assert!(error.is_none_or(|error| error < 1.5 * naive), "{seed}");
        }
        assert_eq!(forecast_series(&[], 24), None);
        assert_eq!(forecast_series(&[None; 500], 24), None);
        assert_eq!(forecast_series(&series(71, 1), 24), None);
        assert_eq!(
            forecast_series(&[Some(5.0); 900], 24),
            None,
            "as the last hour"
        );
    }

    #[test]
    fn values_are_never_negative_and_the_horizon_is_bounded() {
        let mut series = series(24 * 20, 4);
        for value in series.iter_mut().skip(24 * 18) {
            *value = Some(0.0);
        }
        if let Some(forecast) = forecast_series(&series, 1_000) {
            assert_eq!(forecast.values.len(), MAX_FORECAST_HOURS);
            assert!(forecast.values.iter().all(|value| *value >= 0.0));
        }
    }
}
