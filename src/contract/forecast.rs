use super::time::rfc3339;
use crate::domain::{ForecastReport, LoadForecast, SeriesForecast};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Expected load and cost of the next hours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HourlyForecast {
    /// Number of hours, the present one included.
    pub hours: u32,
    /// RFC 3339.
    pub generated_at: String,
    /// Start of the first hour, RFC 3339.
    pub from: String,
    /// Mean number of client requests in flight to expect in this hour and the next; as in the last
    /// hour where there is no forecast.
    pub expected_in_flight: f64,
    /// Load of the busiest minute of an hour as a multiple of its mean.
    pub peak_factor: f64,
    /// Client requests.
    pub total: LoadForecastReport,
    /// Attempts by provider.
    pub providers: Vec<ProviderLoadForecast>,
    /// The hour that needs most of today's limits; `null` without a forecast or without limits.
    pub need: Option<CapacityNeedReport>,
    /// One sentence where today's limits will not suffice.
    pub hint: Option<String>,
}

/// Expected values by hour; `null` where a forecast is not better than "as the last hour".
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadForecastReport {
    /// Requests in each hour.
    pub requests: Option<SeriesForecastReport>,
    /// Mean number of them in flight.
    pub in_flight: Option<SeriesForecastReport>,
    /// Cost in USD.
    pub usd: Option<SeriesForecastReport>,
}

/// Expected values of one figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeriesForecastReport {
    /// How it was forecast, for example `holt-winters week`.
    pub model: String,
    /// Error over the recent past as a share of that of "as the last hour".
    pub error_share: f64,
    /// One value for each hour.
    pub values: Vec<f64>,
}

/// Expected load of one provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderLoadForecast {
    /// Name of the provider.
    pub provider: String,
    /// Its load.
    #[serde(flatten)]
    pub load: LoadForecastReport,
}

/// What an hour needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapacityNeedReport {
    /// Start of the hour, RFC 3339.
    pub at: String,
    /// Multiple of the limit.
    pub factor: f64,
    /// The limit.
    pub limit: String,
}

impl HourlyForecast {
    /// The forecast of so many hours.
    pub fn new(report: &ForecastReport, hours: u32) -> Self {
        let need = report.need.as_ref();
        let hint = need.filter(|need| need.factor > 1.0).map(|need| {
            let minute = need.at.unix_seconds() / 60 % 1_440;
            format!(
                "at {:02}:{:02} UTC you need {:.1} x today's limits ({})",
                minute / 60,
                minute % 60,
                need.factor,
                need.limit
            )
        });
        let providers = report.providers.iter();
        Self {
            hours,
            generated_at: rfc3339(report.at),
            from: rfc3339(report.from),
            expected_in_flight: report.expected_in_flight,
            peak_factor: report.peak_factor,
            total: (&report.total).into(),
            providers: providers
                .map(|(name, load)| ProviderLoadForecast {
                    provider: name.to_string(),
                    load: load.into(),
                })
                .collect(),
            need: need.map(|need| CapacityNeedReport {
                at: rfc3339(need.at),
                factor: need.factor,
                limit: need.limit.to_owned(),
            }),
            hint,
        }
    }
}

impl From<&LoadForecast> for LoadForecastReport {
    fn from(load: &LoadForecast) -> Self {
        let series = |series: &Option<SeriesForecast>| {
            series.as_ref().map(|series| SeriesForecastReport {
                model: series.model.as_str().to_owned(),
                error_share: series.error_share,
                values: series.values.clone(),
            })
        };
        Self {
            requests: series(&load.requests),
            in_flight: series(&load.in_flight),
            usd: series(&load.usd),
        }
    }
}
