//! Alerts: rules over figures, hold times, grouping, and what operators do with them.
//!
//! A condition must last for the hold time before its alert is told, and be gone for as long before
//! the end is told; between the two thresholds nothing changes. Rates and means need a number of
//! samples. A provider has one alert at a time, and an outage of all providers is one alert.

mod alert;
mod board;
mod budget_spent;
mod condition;
mod config;
mod details;
mod figures;
mod losses;
mod rule;
mod saved;
mod spending;
#[cfg(test)]
mod tests;
mod tracker;

pub use alert::{Acknowledgement, Alert, AlertChange, AlertId, AlertNotice, AlertSubject, Mute};
pub use board::{AlertBoard, AlertError};
pub use config::AlertConfig;
pub use details::{AlertDetails, AlertEffect, AlertHistory};
pub use figures::{
    AlertFigures, Availability, BudgetFigures, FLAPPING_WINDOW_S, LossCounts, ProviderFigures,
    WINDOW_S,
};
pub use rule::{AlertRule, AlertSeverity};
pub use saved::{SavedAlerts, ToldFraction};
