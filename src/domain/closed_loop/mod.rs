//! Forecast of the traffic under other settings, in a closed loop: recorded requests run through a
//! copy of the balancer against targets that are learnt from recorded attempts.
//!
//! What moves traffic changes load, latency, quotas and breakers, and those move traffic again. Only a
//! run of the whole loop shows where that ends; a replay of single decisions ([`super::simulate`])
//! explains one decision, but its shares do not come true.
//!
//! Reading order: `load_curve` and `learnt_target` (what is known of a target), `learning`,
//! `rate_limits` (its own or those of its keys), `simulated_target` (what it does in a run), `run` (one
//! run) with `run_keys`, `forecast` (eight runs, ranges),
//! `advice` (a search over many weights).

mod advice;
mod attempt_limits;
mod draft;
mod failure_rate;
mod forecast;
mod goal;
mod learning;
mod learnt_target;
mod load_curve;
mod luck;
mod rate_limits;
mod run;
mod run_figures;
mod run_keys;
mod run_traffic;
mod simulated_target;
mod slowness;
#[cfg(test)]
mod tests;
mod traffic_data;

pub use advice::{JudgedWeights, WeightAdvice, advise};
pub use attempt_limits::RunLimits;
pub use draft::SettingsDraft;
pub use forecast::{ClosedLoopForecast, ForecastEffort, forecast};
pub use goal::{GoalPart, MissedGoal, ServiceGoal};
pub use run_figures::{Capacity, ForecastFigures, Spread, TargetForecast};
pub use traffic_data::TrafficData;
