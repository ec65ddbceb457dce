//! A deterministic instance, for tests of the screen and for measuring frames.

use crate::contract::{
    BreakerValues, BudgetReport, BudgetValues, CallersReport, CostBasisCounts, Dropped, EventKind,
    EventReport, Factors, FailureCount, HealthState, ModelPerformance, Percentiles,
    ProviderPerformance, ProviderStatus, RateLeft, RateReport, RejectionReport, Series,
    ServiceState, SettingsValues, SpendingReport, Status, TimeBucket, Totals, WeightPoints, Window,
};

const NAMES: [&str; 5] = ["aurora", "borealis", "cumulus", "google", "local"];
const STATES: [HealthState; 5] = [
    HealthState::Open,
    HealthState::Ok,
    HealthState::Limited,
    HealthState::Ok,
    HealthState::Ok,
];
const REASONS: [&str; 5] = [
    "breaker open for 12 s more",
    "",
    "rate_limit, asked to wait 8 s more",
    "",
    "",
];

/// A status of `providers` providers, `step` seconds after a fixed time.
pub fn status(providers: usize, step: u64) -> Status {
    let providers: Vec<ProviderStatus> = (0..providers)
        .map(|at| provider(at, providers, step))
        .collect();
    Status {
        schedule: None,
        version: "0.1.0".to_owned(),
        environment: "dev".to_owned(),
        revision: 42,
        revised: None,
        since: "2026-11-24T02:59:07.000Z".to_owned(),
        generated_at: format!("2026-11-24T03:14:{:02}.000Z", step % 60),
        window: Window::Quarter,
        state: ServiceState::Degraded,
        callers: CallersReport {
            state: Some(ServiceState::Ok),
            requests: 2_290,
            failed: 9,
            seconds: 60,
        },
        last_minute: None,
        strategy: "weighted".to_owned(),
        settings: Some(settings()),
        totals: totals(step),
        requests_per_second: 38.2 + (step % 7) as f64 / 10.0,
        usd_per_hour: 4.12,
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
        series: series(1, step),
        providers,
        routes: Vec::new(),
        alerts: Vec::new(),
        dropped: Dropped::default(),
        cache: None,
        store: None,
        events: events(),
        past: None,
    }
}

fn totals(step: u64) -> Totals {
    Totals {
        requests: 12_840 + step * 38,
        attempts: 13_100 + step * 39,
        retries: 260 + step,
        success_rate: Some(0.9962),
        error_rate: Some(0.0038),
        average_latency_ms: Some(914.0),
        latency_ms: Percentiles {
            p50: Some(612.0 + step as f64),
            p95: Some(1_930.0),
            p99: Some(4_100.0),
        },
        time_to_first_token_ms: Percentiles {
            p50: Some(204.0),
            p95: Some(580.0),
            p99: Some(900.0),
        },
        total_cost_usd: Some(3.2),
        cost_basis: CostBasisCounts {
            exact: 10_000,
            estimated: 12,
            unknown: 2_600,
        },
        total_tokens: 4_100_000,
        refused: RejectionReport::default(),
    }
}

fn settings() -> SettingsValues {
    SettingsValues {
        strategy: "weighted".to_owned(),
        budget: BudgetValues {
            usd_per_day: Some(50.0),
            usd_per_month: None,
            on_limit: "refuse".to_owned(),
        },
        breaker: BreakerValues {
            failures: 4,
            max_open_seconds: 30,
        },
    }
}

fn budget() -> BudgetReport {
    let spending = |limit_usd, spent_usd, resets: &str| SpendingReport {
        limit_usd,
        spent_usd,
        reserved_usd: 0.35,
        resets_at: format!("2026-{resets}T00:00:00.000Z"),
        ..SpendingReport::default()
    };
    BudgetReport {
        on_limit: "refuse".to_owned(),
        since: "2026-11-20T08:00:00.000Z".to_owned(),
        day: spending(Some(50.0), 12.4, "11-25"),
        month: spending(Some(1_000.0), 846.0, "12-01"),
        ..BudgetReport::default()
    }
}

/// Limits of the first provider; the others have none.
fn rates(kind: usize) -> RateReport {
    let rate = |limit, left| Some(RateLeft { limit, left }).filter(|_| kind == 0);
    RateReport {
        requests_per_minute: rate(500, 462),
        tokens_per_minute: rate(200_000, 121_400),
    }
}

fn provider(at: usize, all: usize, step: u64) -> ProviderStatus {
    let kind = at % NAMES.len();
    let name = if all <= NAMES.len() {
        NAMES[kind].to_owned()
    } else {
        format!("{}-{at}", NAMES[kind])
    };
    let well = STATES[kind] == HealthState::Ok;
    ProviderStatus {
        performance: performance(at, name, step),
        kind: "compatible".to_owned(),
        enabled: true,
        draining: false,

        draining_until: None,
        pinned_until: None,
        priority: 50,
        weights: None,
        max_concurrent: Some(64),
        rates: rates(kind),
        keys: Vec::new(),
        share: if well { 1.0 / 3.0 } else { 0.0 },
        odds: if well { 1.0 / 3.0 } else { 0.0 },
        score: Some(0.5 + 0.07 * kind as f64),
        factors: Some(Factors {
            cost: 0.2 * kind as f64,
            latency: 0.9 - 0.1 * kind as f64,
            reliability: 0.97,
            load: 0.95,
            priority: 0.5,
        }),
        requests_per_second: if well { 9.6 } else { 0.0 },
        usd_per_hour: [Some(0.0), Some(1.88), None, Some(0.22), Some(0.0)][kind],
        why: REASONS[kind].to_owned(),
        state_since: "2026-11-24T03:09:50.000Z".to_owned(),
        trouble_since: (!well).then(|| "2026-11-24T03:09:50.000Z".to_owned()),
        failures: if kind == 0 {
            vec![
                FailureCount {
                    kind: "timeout".to_owned(),
                    count: 41,
                },
                FailureCount {
                    kind: "server".to_owned(),
                    count: 207,
                },
            ]
        } else {
            Vec::new()
        },
        cancelled: 9,
        series: if kind == 4 {
            Series {
                buckets: vec![TimeBucket::default(); 60],
                ..series(5, step)
            }
        } else {
            series(kind, step)
        },
    }
}

fn performance(at: usize, name: String, step: u64) -> ProviderPerformance {
    let kind = at % NAMES.len();
    let well = STATES[kind] == HealthState::Ok;
    let base = 300.0 + 170.0 * kind as f64;
    ProviderPerformance {
        provider: name,
        requests: if at == 4 {
            0
        } else {
            2_000 + step * 7 + 311 * kind as u64
        },
        success_rate: [Some(0.876), Some(0.9991), Some(0.962), Some(1.0), None][kind],
        error_rate: [Some(0.124), Some(0.0009), Some(0.038), Some(0.0), None][kind],
        availability: Some(0.98),
        average_latency_ms: Some(base),
        latency_ms: Percentiles {
            p50: (kind != 4).then_some(base + (step % 5) as f64),
            p95: (kind != 4).then_some(base * 3.1),
            p99: (kind != 4).then_some(base * 5.3),
        },
        time_to_first_token_ms: Percentiles {
            p50: Some(base / 3.0),
            p95: None,
            p99: None,
        },
        cost_basis: CostBasisCounts {
            exact: [2_000, 2_200, 0, 2_900, 0][kind],
            estimated: [12, 0, 0, 0, 0][kind],
            unknown: [0, 0, 2_600, 0, 0][kind],
        },
        total_cost_usd: [Some(1.21), Some(1.4), None, Some(0.0031), Some(0.0)][kind],
        average_tokens: Some(312.0),
        lost_in_translation: 0,
        in_flight: if well {
            3 + u32::try_from(kind).unwrap_or(0)
        } else {
            0
        },
        state: STATES[kind],
        models: vec![ModelPerformance {
            model: format!("model-{kind}"),
            requests: 10,
            average_latency_ms: Some(base),
            latency_ms: Percentiles {
                p50: Some(base),
                p95: Some(base * 3.1),
                p99: Some(base * 5.3),
            },
            success_rate: Some(1.0),
            total_cost_usd: None,
            cost_per_token: None,
            share: if well { 1.0 / 3.0 } else { 0.0 },
            odds: f64::from(u8::from(well)),
            breaker: if kind == 0 { "open" } else { "closed" }.to_owned(),
            types: vec!["chat".to_owned()],
            state: STATES[kind],
            why: REASONS[kind].to_owned(),
            idle: false,
        }],
    }
}

/// Sixty columns of 15 seconds, with a hole and, for the first kind, an outage at the end.
fn series(kind: usize, step: u64) -> Series {
    let column = |at: usize| {
        if at < 6 || (30..33).contains(&at) {
            return TimeBucket::default();
        }
        let wave = ((at * 7 + kind * 13) % 17) as f32;
        let errors = if kind == 0 && at > 50 {
            20
        } else {
            u32::from(at.is_multiple_of(19))
        };
        TimeBucket {
            requests: 40
                + u32::try_from(at % 5).unwrap_or(0)
                + u32::try_from(step % 3).unwrap_or(0),
            errors,
            p50_ms: Some(300.0 + wave * 20.0),
            p95_ms: Some(900.0 + wave * 120.0 + if kind == 0 && at > 45 { 6_000.0 } else { 0.0 }),
            p99_ms: Some(1_500.0 + wave * 200.0),
            first_token_p50_ms: Some(90.0 + wave * 6.0),
            first_token_p95_ms: Some(270.0 + wave * 40.0),
            first_token_p99_ms: Some(450.0 + wave * 60.0),
            spread: [20, 12, 5, 2, u32::from(kind == 0 && at > 45) * 9],
            cost_usd: 0.01 + 0.001 * f64::from(wave),
        }
    };
    Series {
        bucket_seconds: 15,
        last_start: 1_795_489_200,
        buckets: (0..60).map(column).collect(),
    }
}

fn events() -> Vec<EventReport> {
    let event = |id: u64, at: &str, kind, bad, provider: Option<&str>, text: &str| EventReport {
        id,
        at: format!("2026-11-24T{at}.000Z"),
        kind,
        bad,
        provider: provider.map(str::to_owned),
        text: text.to_owned(),
        alert: None,
        trouble: None,
    };
    vec![
        event(
            4,
            "03:13:27",
            EventKind::Breaker,
            true,
            Some("aurora"),
            "model-0 OPEN: nothing is sent for 12 s",
        ),
        event(
            3,
            "03:13:26",
            EventKind::Request,
            false,
            Some("google"),
            "saved by a fallback after 2 attempts",
        ),
        event(
            2,
            "03:09:50",
            EventKind::Limit,
            true,
            Some("cumulus"),
            "model-2: rate_limit, no requests for 8 s",
        ),
        event(
            1,
            "03:08:02",
            EventKind::Change,
            false,
            None,
            "rev 41→42 alice: cost 25→30, latency 45→40",
        ),
    ]
}
