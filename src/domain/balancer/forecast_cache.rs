//! The latest forecasts.

use crate::domain::load_forecast::LoadForecast;

/// The latest forecasts.
#[derive(Debug, Default)]
pub(super) struct ForecastCache {
    /// Hour for which they are renewed, and the next entry to renew: 0 for the total.
    pub hour: u64,
    pub next: usize,
    pub total: LoadForecast,
    /// By the provider's index.
    pub providers: Vec<LoadForecast>,
    pub peak_factor: Option<f64>,
}
