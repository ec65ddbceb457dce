//! Status report of an instance, as text.

use super::text_format::{cell, dollars, line, milliseconds, or_dash, percent, score_points};
use crate::contract::{
    CostBasisCounts, HealthState, HedgingReport, ProviderStatus, ScheduledTimeReport, ServiceState,
    SpendingReport, Status,
};

/// Number of latest events in the report.
const EVENTS_SHOWN: usize = 5;
/// Columns of the table: provider, state, share, score, requests, success, p50, p95, cost, in
/// flight. Their sum with a space between is 97.
const WIDTHS: [usize; 10] = [16, 9, 8, 6, 9, 8, 9, 9, 10, 4];
const TITLES: [&str; 10] = [
    "provider", "state", "share", "score", "requests", "success", "p50", "p95", "cost", "now",
];

/// 0 healthy, 1 degraded, 2 no target usable.
pub fn exit_code(state: ServiceState) -> u8 {
    match state {
        ServiceState::Ok => 0,
        ServiceState::Degraded => 1,
        ServiceState::Down => 2,
    }
}

/// A table without escape bytes, at most 100 columns wide.
pub fn render_status(status: &Status) -> String {
    let mut report = head(status);
    report.push('\n');
    report.push_str(&row(&TITLES.map(str::to_owned)));
    for provider in &status.providers {
        report.push_str(&row(&cells(provider)));
        if !provider.why.is_empty() {
            report.push_str(&line(&format!("  {}", provider.why)));
        }
    }
    if !status.events.is_empty() {
        report.push('\n');
    }
    for event in status.events.iter().take(EVENTS_SHOWN) {
        let provider = event.provider.as_deref().unwrap_or_default();
        report.push_str(&line(&format!(
            "{} {:<8} {provider} {}",
            event.at,
            event.kind.label(),
            event.text
        )));
    }
    report
}

fn head(status: &Status) -> String {
    let state = state_of_service(status.state);
    let totals = &status.totals;
    let weights = &status.weights;
    let mut head = line(&format!(
        "aibal-tui {} ({}): {state}, revision {}, strategy {}, {}",
        status.version, status.environment, status.revision, status.strategy, status.generated_at
    ));
    head.push_str(&callers(status));
    head.push_str(&line(&format!(
        "last {}: {} requests, {} attempts, success {}, p95 {}, {}, {} tokens",
        status.window.as_str(),
        totals.requests,
        totals.attempts,
        or_dash(totals.success_rate, percent),
        or_dash(totals.latency_ms.p95, milliseconds),
        or_dash(totals.total_cost_usd, |cost| sum(cost, totals.cost_basis)),
        totals.total_tokens,
    )));
    head.push_str(&line(&format!(
        "now: {:.1} requests/s (10 s), {}/h (5 min)",
        status.requests_per_second,
        or_dash(status.known_usd_per_hour(), |rate| {
            sum(rate, totals.cost_basis)
        })
    )));
    let budget = &status.budget;
    head.push_str(&line(&format!(
        "spent: {} today, {} this month",
        spending(&budget.day),
        spending(&budget.month)
    )));
    head.push_str(&hedges(status.hedging.as_ref()));
    let reverts = status.reverts_at.as_ref();
    let reverts = reverts.map_or_else(String::new, |at| {
        format!(" (an unconfirmed change reverts at {at})")
    });
    head.push_str(&line(&format!(
        "weights: cost {}, latency {}, reliability {}, load {}, priority {}{reverts}",
        weights.cost, weights.latency, weights.reliability, weights.load, weights.priority
    )));
    if let Some(schedule) = &status.schedule {
        let shown = |scheduled: &Option<ScheduledTimeReport>| {
            let shown = scheduled
                .as_ref()
                .map(|it| format!("{} at {}", it.name, it.at));
            shown.unwrap_or_else(|| "none".to_owned())
        };
        head.push_str(&line(&format!(
            "schedule: {}, next: {}",
            shown(&schedule.current),
            shown(&schedule.next)
        )));
    }
    if status.dropped.total() > 0 {
        head.push_str(&line(&format!(
            "dropped: {} observations, {} events, {} log lines, {} held responses, {} refused responses, {} deliveries",
            status.dropped.observations,
            status.dropped.events,
            status.dropped.log_lines,
            status.dropped.held_answers,
            status.dropped.refused_answers,
            status.dropped.deliveries
        )));
    }
    head
}

/// The line about second attempts beside late ones, where there may be some.
fn hedges(hedging: Option<&HedgingReport>) -> String {
    let Some(hedging) = hedging else {
        return String::new();
    };
    line(&format!(
        "hedges ({}): {}, {} began first, {} of {} within an hour; not made: {} too many late, {} over the cost",
        hedging.percentile,
        hedging.hedges,
        hedging.won,
        dollars(hedging.usd_last_hour),
        dollars(hedging.usd_per_hour),
        hedging.too_many,
        hedging.over_spending
    ))
}

fn callers(status: &Status) -> String {
    let callers = status.callers;
    line(&format!(
        "callers: {}, {} of {} requests failed in {} s",
        callers.state.map_or("too few requests", state_of_service),
        callers.failed,
        callers.requests,
        callers.seconds
    ))
}

fn state_of_service(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Ok => "ok",
        ServiceState::Degraded => "degraded",
        ServiceState::Down => "down",
    }
}

fn cells(provider: &ProviderStatus) -> [String; 10] {
    let performance = &provider.performance;
    [
        performance.provider.clone(),
        state_word(performance.state).to_owned(),
        percent(provider.share),
        or_dash(provider.score, score_points),
        performance.requests.to_string(),
        or_dash(performance.success_rate, percent),
        or_dash(performance.latency_ms.p50, milliseconds),
        or_dash(performance.latency_ms.p95, milliseconds),
        or_dash(performance.total_cost_usd, |cost| {
            sum(cost, performance.cost_basis)
        }),
        performance.in_flight.to_string(),
    ]
}

fn row(cells: &[String; 10]) -> String {
    let padded: Vec<String> = cells
        .iter()
        .zip(WIDTHS)
        .map(|(text, columns)| cell(text, columns))
        .collect();
    line(&padded.join(" "))
}

fn state_word(state: HealthState) -> &'static str {
    match state {
        HealthState::Ok => "ok",
        HealthState::Slow => "slow",
        HealthState::Limited => "limited",
        HealthState::Failing => "failing",
        HealthState::Open => "open",
        HealthState::HalfOpen => "half-open",
        HealthState::Down => "down",
        HealthState::Draining => "draining",
        HealthState::Off => "off",
        HealthState::Unknown => "unknown",
    }
}

/// `$12.40 of $50.00`, or the sum alone without a limit.
fn spending(spending: &SpendingReport) -> String {
    let limit = spending.limit_usd.map(dollars);
    let limit = limit.map_or_else(String::new, |limit| format!(" of {limit}"));
    let spent = spending.known_usd().map_or_else(
        || "an unknown amount".to_owned(),
        |usd| {
            let mark = if spending.uncounted > 0 { "≥" } else { "" };
            format!("{mark}{}", dollars(usd))
        },
    );
    spent + &limit
}

/// Dollars with the mark of their certainty.
fn sum(usd: f64, basis: CostBasisCounts) -> String {
    let mark = basis.mark().map(String::from).unwrap_or_default();
    format!("{mark}{}", dollars(usd))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::text_format::COLUMNS;
    use crate::contract::{
        BudgetReport, CallersReport, Dropped, EventKind, EventReport, Percentiles,
        ProviderPerformance, RateReport, Series, Totals, WeightPoints, Window,
    };

    fn provider(name: &str, state: HealthState, why: &str) -> ProviderStatus {
        ProviderStatus {
            performance: ProviderPerformance {
                provider: name.to_owned(),
                requests: 1_200,
                success_rate: Some(0.994),
                error_rate: Some(0.006),
                availability: Some(1.0),
                average_latency_ms: Some(650.0),
                latency_ms: Percentiles {
                    p50: Some(610.4),
                    p95: Some(1_204.0),
                    p99: None,
                },
                time_to_first_token_ms: Percentiles::default(),
                total_cost_usd: None,
                cost_basis: CostBasisCounts::default(),
                average_tokens: None,
                lost_in_translation: 0,
                in_flight: 3,
                state,
                models: Vec::new(),
            },
            kind: "word".to_owned(),
            enabled: true,
            draining: false,
            draining_until: None,

            pinned_until: None,
            weights: None,
            priority: 50,
            max_concurrent: None,
            rates: RateReport::default(),
            keys: Vec::new(),
            share: 0.625,
            odds: 0.6,
            score: Some(0.8127),
            factors: None,
            requests_per_second: 1.0,
            usd_per_hour: None,
            why: why.to_owned(),
            trouble_since: None,
            state_since: String::new(),
            failures: Vec::new(),
            cancelled: 0,
            series: Series::default(),
        }
    }

    fn budget() -> BudgetReport {
        BudgetReport {
            day: SpendingReport {
                limit_usd: Some(50.0),
                spent_usd: 12.4,
                ..SpendingReport::default()
            },
            ..BudgetReport::default()
        }
    }

    fn status() -> Status {
        Status {
            settings: None,
            schedule: None,
            version: "0.1.0".to_owned(),
            environment: "test".to_owned(),
            revision: 3,
            revised: None,
            since: "2026-01-01T00:00:00.000Z".to_owned(),
            generated_at: "2026-01-01T10:00:00.000Z".to_owned(),
            window: Window::Day,
            state: ServiceState::Degraded,
            callers: CallersReport {
                state: Some(ServiceState::Ok),
                requests: 310,
                failed: 1,
                seconds: 60,
            },
            last_minute: None,
            strategy: "weighted".to_owned(),
            totals: Totals {
                requests: 1_180,
                attempts: 1_200,
                success_rate: Some(0.999),
                total_cost_usd: Some(1.5),
                ..Totals::default()
            },
            requests_per_second: 2.04,
            usd_per_hour: 0.25,
            hedging: None,
            budget: budget(),
            weights: WeightPoints {
                cost: 30.0,
                latency: 40.0,
                reliability: 30.0,
                load: 10.0,
                priority: 10.0,
            },
            reverts_at: None,
            providers: vec![
                provider("alpha", HealthState::Ok, ""),
                provider(
                    "a-name-that-is-far-too-long\u{1b}[31m",
                    HealthState::HalfOpen,
                    "breaker half-open",
                ),
            ],
            routes: Vec::new(),
            series: Series::default(),
            alerts: Vec::new(),
            dropped: Dropped::default(),
            cache: None,
            past: None,
            store: None,
            events: vec![event()],
        }
    }

    fn event() -> EventReport {
        EventReport {
            id: 1,
            at: "2026-01-01T09:59:00.000Z".to_owned(),
            kind: EventKind::Breaker,
            bad: true,
            provider: Some("alpha".to_owned()),
            text: "opened ".repeat(20),
            alert: None,
            trouble: None,
        }
    }

    #[test]
    fn the_report_is_plain_and_narrow() {
        let report = render_status(&status());

        assert!(report.lines().all(|line| line.chars().count() <= COLUMNS));
        assert!(!report.contains('\u{1b}'));
        insta::assert_snapshot!(report);
    }

    #[test]
    fn the_exit_code_reflects_the_state() {
        let codes = [ServiceState::Ok, ServiceState::Degraded, ServiceState::Down].map(exit_code);

        assert_eq!(codes, [0, 1, 2]);
    }
}
