//! The rules: figures → conditions. Each rule has a level at which it begins and a lower one at which
//! it ends, so that a value near the threshold does not raise an alert again and again.

use super::alert::AlertSubject;
use super::config::AlertConfig;
use super::figures::{AlertFigures, Availability, ProviderFigures, WINDOW_S};
use super::rule::{AlertRule, AlertSeverity};

/// Share of a threshold below which a problem counts as gone.
const CLEAR_SHARE: f64 = 0.8;
/// Openings of a breaker that are flapping, and the most that are none any more.
const FLAPPING_OPENINGS: usize = 3;
const SETTLED_OPENINGS: usize = 1;
/// Consecutive failed probes that are told; at three the provider is down.
const FAILED_PROBES: u32 = 2;

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Beyond the threshold.
    Raised,
    /// Neither beyond it nor clearly below.
    Between,
    /// Clearly below, or without evidence.
    Cleared,
    /// The rule does not apply any more: an end needs no confirmation.
    Gone,
}

/// State of one rule about one subject at one time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AlertCondition {
    pub rule: AlertRule,
    pub subject: AlertSubject,
    pub level: Level,
    pub severity: AlertSeverity,
    pub value: f64,
    pub threshold: f64,
    pub message: String,
}

/// The rule about all providers together; it says nothing with fewer than two in service, where the
/// alert of the one provider says the same.
pub(super) fn no_provider(figures: &AlertFigures) -> AlertCondition {
    let count = |of: fn(&ProviderFigures) -> bool| {
        let matching = figures.providers.iter().filter(|provider| of(provider));
        matching.count()
    };
    let in_service = count(|it| it.availability != Availability::OutOfService);
    let usable = count(|it| it.availability == Availability::Usable);
    let unusable = count(|it| it.availability == Availability::Unusable);
    let level = if in_service < 2 {
        Level::Gone
    } else if unusable == in_service {
        Level::Raised
    } else if usable > 0 {
        Level::Cleared
    } else {
        Level::Between
    };
    let reasons: Vec<String> = figures
        .providers
        .iter()
        .filter(|provider| provider.availability == Availability::Unusable)
        .take(3)
        .map(|provider| format!("{} ({})", provider.name, provider.why))
        .collect();
    AlertCondition {
        rule: AlertRule::NoProvider,
        subject: AlertSubject::default(),
        level,
        severity: AlertSeverity::Critical,
        value: unusable as f64,
        threshold: in_service as f64,
        message: format!(
            "none of {in_service} providers can be used: {}",
            reasons.join(", ")
        ),
    }
}

/// The rules about one provider, in the order of [`AlertRule::OF_PROVIDER`].
pub(super) fn of_provider(
    provider: &ProviderFigures,
    is_only_one: bool,
    config: &AlertConfig,
) -> [AlertCondition; 5] {
    let subject = AlertSubject::provider(&provider.name);
    let is_off = provider.availability == Availability::OutOfService;
    let condition =
        |rule, level, severity, (value, threshold): (f64, f64), message| AlertCondition {
            rule,
            subject: subject.clone(),
            level: if is_off { Level::Gone } else { level },
            severity,
            value,
            threshold,
            message,
        };
    [
        condition(
            AlertRule::ProviderUnavailable,
            outage_level(provider),
            outage_severity(is_only_one),
            (1.0, 1.0),
            format!("cannot be used: {}", provider.why),
        ),
        condition(
            AlertRule::BreakerFlapping,
            flapping(provider),
            AlertSeverity::Warning,
            (provider.openings as f64, FLAPPING_OPENINGS as f64),
            format!(
                "its breaker opened {} times in 10 minutes",
                provider.openings
            ),
        ),
        condition(
            AlertRule::ErrorRate,
            error_rate_level(provider, config),
            AlertSeverity::Error,
            (error_rate(provider), config.error_rate),
            error_rate_text(provider, config),
        ),
        condition(
            AlertRule::Latency,
            latency_level(provider, config),
            AlertSeverity::Warning,
            (mean_latency(provider), config.latency_ms),
            format!(
                "{:.1} s mean latency in {} minutes, above {:.1} s",
                mean_latency(provider) / 1e3,
                WINDOW_S / 60,
                config.latency_ms / 1e3
            ),
        ),
        condition(
            AlertRule::ProbeFailing,
            probe_level(provider),
            AlertSeverity::Warning,
            (f64::from(provider.failed_probes), f64::from(FAILED_PROBES)),
            format!(
                "{} probes failed running, the last with {}",
                provider.failed_probes, provider.probe_detail
            ),
        ),
    ]
}

fn outage_severity(is_only_one: bool) -> AlertSeverity {
    if is_only_one {
        AlertSeverity::Critical
    } else {
        AlertSeverity::Error
    }
}

fn outage_level(provider: &ProviderFigures) -> Level {
    match provider.availability {
        Availability::Unusable => Level::Raised,
        Availability::Unclear => Level::Between,
        Availability::Usable | Availability::OutOfService => Level::Cleared,
    }
}

fn flapping(provider: &ProviderFigures) -> Level {
    match provider.openings {
        FLAPPING_OPENINGS.. => Level::Raised,
        0..=SETTLED_OPENINGS => Level::Cleared,
        _ => Level::Between,
    }
}

fn error_rate(provider: &ProviderFigures) -> f64 {
    provider.failed as f64 / provider.rated.max(1) as f64
}

fn error_rate_level(provider: &ProviderFigures, config: &AlertConfig) -> Level {
    level(
        error_rate(provider),
        config.error_rate,
        provider.rated,
        config,
    )
}

fn error_rate_text(provider: &ProviderFigures, config: &AlertConfig) -> String {
    format!(
        "{:.1} % of {} attempts failed in {} minutes, above {:.1} %",
        error_rate(provider) * 100.0,
        provider.rated,
        WINDOW_S / 60,
        config.error_rate * 100.0
    )
}

fn mean_latency(provider: &ProviderFigures) -> f64 {
    let succeeded = provider.rated.saturating_sub(provider.failed);
    provider.latency_sum_ms / succeeded.max(1) as f64
}

fn latency_level(provider: &ProviderFigures, config: &AlertConfig) -> Level {
    let succeeded = provider.rated.saturating_sub(provider.failed);
    level(mean_latency(provider), config.latency_ms, succeeded, config)
}

/// A value with too few samples says nothing: it neither raises an alert nor keeps one for long. Half
/// as many suffice to keep one, so that the number of samples does not make it flap either.
fn level(value: f64, threshold: f64, samples: u64, config: &AlertConfig) -> Level {
    if samples < config.min_samples.div_ceil(2) || value <= threshold * CLEAR_SHARE {
        Level::Cleared
    } else if samples < config.min_samples || value <= threshold {
        Level::Between
    } else {
        Level::Raised
    }
}

fn probe_level(provider: &ProviderFigures) -> Level {
    match provider.failed_probes {
        FAILED_PROBES.. => Level::Raised,
        0 => Level::Cleared,
        _ => Level::Between,
    }
}
