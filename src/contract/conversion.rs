//! Domain values → wire shapes.

use super::alert::AlertReport;
use super::budget::RateReport;
use super::effect::EffectFiguresReport;
use super::event::{EventKind, EventReport};
use super::key_report::KeyReport;
use super::performance::{
    CostBasisCounts, HealthState, ModelPerformance, Percentiles, Performance, ProviderPerformance,
    Totals,
};
use super::score::Factors;
use super::selection::{ExcludedTarget, Fallback, Selection};
use super::status::{
    CallersReport, Dropped, FailureCount, ProviderStatus, Revised, Series, ServiceState, Status,
    TimeBucket, Window,
};
use super::time::rfc3339;
use super::weights::WeightOverride;
use crate::domain::{self, Money, TargetIdx, UnixTime};

/// Facts about the instance that its configuration and build define.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceInfo {
    /// Version of the program.
    pub version: String,
    /// `[server] environment` of the configuration.
    pub environment: String,
}

impl Status {
    /// Status of an instance over a window.
    pub fn new(
        snapshot: &domain::Snapshot,
        window: Window,
        instance: &InstanceInfo,
        dropped: Dropped,
    ) -> Self {
        let providers: Vec<ProviderStatus> = snapshot
            .providers
            .iter()
            .map(|provider| ProviderStatus::new(provider, snapshot))
            .collect();
        Self {
            version: instance.version.clone(),
            environment: instance.environment.clone(),
            revision: snapshot.revision,
            revised: snapshot.revised.as_ref().map(|(at, who)| Revised {
                at: rfc3339(*at),
                who: who.clone(),
            }),
            since: rfc3339(snapshot.since),
            generated_at: rfc3339(snapshot.at),
            window,
            state: service_state(&snapshot.providers),
            callers: snapshot.latest.into(),
            last_minute: Some(EffectFiguresReport::new(snapshot.last_minute, 60)),
            strategy: snapshot.settings.strategy.as_str().to_owned(),
            settings: Some((&snapshot.settings).into()),
            totals: snapshot.totals.into(),
            requests_per_second: snapshot.requests_per_second,
            usd_per_hour: snapshot.usd_per_hour,
            budget: (&snapshot.budget).into(),
            hedging: snapshot.hedging.map(Into::into),
            weights: snapshot.weights.into(),
            reverts_at: snapshot.reverts_at.map(rfc3339),
            schedule: None,
            providers,
            routes: snapshot.routes.iter().map(Into::into).collect(),
            series: series(&snapshot.columns, snapshot),
            alerts: snapshot.alerts.iter().map(AlertReport::from).collect(),
            dropped,
            cache: None,
            store: None,
            events: snapshot.events.iter().map(EventReport::from).collect(),
            past: None,
        }
    }
}

impl ProviderStatus {
    /// State of one provider; `snapshot` gives the time axis of its series.
    pub fn new(provider: &domain::ProviderSnapshot, snapshot: &domain::Snapshot) -> Self {
        Self {
            performance: provider.into(),
            kind: provider.kind.to_string(),
            enabled: provider.enabled,
            draining: provider.draining,
            draining_until: provider.drains_until.map(rfc3339),
            pinned_until: provider.pinned_until.map(rfc3339),
            priority: provider.priority,
            weights: WeightOverride::from_domain(provider.weights),
            max_concurrent: provider.max_concurrent,
            rates: RateReport::new(provider.rates, provider.rates_left),
            keys: KeyReport::all(&provider.keys),
            share: provider.share,
            odds: provider.odds,
            score: provider.score,
            factors: provider.factors.map(Factors::from),
            requests_per_second: provider.requests_per_second,
            usd_per_hour: provider.usd_per_hour,
            why: provider.why.clone(),
            state_since: rfc3339(provider.state_since),
            trouble_since: provider.trouble_since.map(rfc3339),
            failures: provider.failures.iter().map(FailureCount::from).collect(),
            cancelled: provider.cancelled,
            series: series(&provider.columns, snapshot),
        }
    }
}

impl From<domain::LatestRequests> for CallersReport {
    fn from(latest: domain::LatestRequests) -> Self {
        Self {
            state: CallersReport::judge(latest.rated, latest.failed),
            requests: latest.rated,
            failed: latest.failed,
            seconds: latest.seconds,
        }
    }
}

fn service_state(providers: &[domain::ProviderSnapshot]) -> ServiceState {
    if !providers.iter().any(|provider| provider.is_usable) {
        ServiceState::Down
    } else if providers
        .iter()
        .any(|provider| provider.state.needs_attention())
    {
        ServiceState::Degraded
    } else {
        ServiceState::Ok
    }
}

fn series(columns: &[domain::TimeBucket], snapshot: &domain::Snapshot) -> Series {
    Series {
        bucket_seconds: snapshot.column_width.as_secs(),
        last_start: snapshot.last_column.unix_seconds(),
        buckets: columns.iter().map(TimeBucket::from).collect(),
    }
}

impl From<&domain::TimeBucket> for TimeBucket {
    fn from(column: &domain::TimeBucket) -> Self {
        let count = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "seven digits of a latency suffice"
        )]
        let narrow = |value: f64| value as f32;
        Self {
            requests: count(column.rated),
            errors: count(column.failed),
            p50_ms: column.p50_ms.map(narrow),
            p95_ms: column.p95_ms.map(narrow),
            p99_ms: column.p99_ms.map(narrow),
            first_token_p50_ms: column.first_token_ms[0].map(narrow),
            first_token_p95_ms: column.first_token_ms[1].map(narrow),
            first_token_p99_ms: column.first_token_ms[2].map(narrow),
            spread: column.spread,
            cost_usd: column.cost.usd(),
        }
    }
}

impl From<&domain::PerformanceReport> for Performance {
    fn from(report: &domain::PerformanceReport) -> Self {
        Self {
            hours: report.hours,
            since: rfc3339(report.since),
            generated_at: rfc3339(report.at),
            totals: report.totals.into(),
            providers: report
                .providers
                .iter()
                .map(ProviderPerformance::from)
                .collect(),
            series: Vec::new(),
        }
    }
}

fn percentiles([p50, p95, p99]: [Option<f64>; 3]) -> Percentiles {
    Percentiles { p50, p95, p99 }
}

impl From<domain::Totals> for Totals {
    fn from(totals: domain::Totals) -> Self {
        Self {
            requests: totals.requests,
            attempts: totals.attempts,
            retries: totals.retries,
            success_rate: totals.success_rate,
            error_rate: totals.success_rate.map(|rate| 1.0 - rate),
            average_latency_ms: totals.mean_latency_ms,
            latency_ms: Percentiles {
                p50: totals.p50_ms,
                p95: totals.p95_ms,
                p99: totals.p99_ms,
            },
            time_to_first_token_ms: percentiles(totals.first_token_ms),
            total_cost_usd: totals.cost.map(Money::usd),
            cost_basis: totals.cost_basis.into(),
            total_tokens: totals.tokens,
            refused: totals.refused.into(),
        }
    }
}

impl From<domain::CostBasisCounts> for CostBasisCounts {
    fn from(basis: domain::CostBasisCounts) -> Self {
        let domain::CostBasisCounts {
            exact,
            estimated,
            unknown,
        } = basis;
        Self {
            exact,
            estimated,
            unknown,
        }
    }
}

impl From<&domain::ProviderSnapshot> for ProviderPerformance {
    fn from(provider: &domain::ProviderSnapshot) -> Self {
        Self {
            provider: provider.name.to_string(),
            requests: provider.requests,
            success_rate: provider.success_rate,
            error_rate: provider.success_rate.map(|rate| 1.0 - rate),
            availability: provider.availability,
            average_latency_ms: provider.mean_latency_ms,
            latency_ms: percentiles(provider.latency_ms),
            time_to_first_token_ms: percentiles(provider.first_token_ms),
            total_cost_usd: provider.cost.map(Money::usd),
            cost_basis: provider.cost_basis.into(),
            average_tokens: provider.mean_tokens,
            lost_in_translation: provider.dropped_fields,
            in_flight: provider.in_flight,
            state: provider.state.into(),
            models: provider.models.iter().map(ModelPerformance::from).collect(),
        }
    }
}

impl From<&domain::ModelSnapshot> for ModelPerformance {
    fn from(model: &domain::ModelSnapshot) -> Self {
        Self {
            model: model.model.to_string(),
            requests: model.requests,
            average_latency_ms: model.mean_latency_ms,
            latency_ms: percentiles(model.latency_ms),
            success_rate: model.success_rate,
            total_cost_usd: model.cost.map(Money::usd),
            cost_per_token: model.usd_per_token,
            share: model.share,
            odds: model.odds,
            breaker: match model.breaker {
                domain::BreakerState::Closed => "closed",
                domain::BreakerState::Open(_) => "open",
                domain::BreakerState::HalfOpen => "half-open",
            }
            .to_owned(),
            types: model
                .types
                .iter()
                .map(|it| it.as_str().to_owned())
                .collect(),
            state: model.state.into(),
            why: model.why.clone(),
            idle: model.is_idle,
        }
    }
}

impl From<domain::HealthState> for HealthState {
    fn from(state: domain::HealthState) -> Self {
        match state {
            domain::HealthState::Ok => Self::Ok,
            domain::HealthState::Slow => Self::Slow,
            domain::HealthState::Limited => Self::Limited,
            domain::HealthState::Failing => Self::Failing,
            domain::HealthState::Open => Self::Open,
            domain::HealthState::HalfOpen => Self::HalfOpen,
            domain::HealthState::Down => Self::Down,
            domain::HealthState::Draining => Self::Draining,
            domain::HealthState::Off => Self::Off,
            domain::HealthState::Unknown => Self::Unknown,
        }
    }
}

impl From<&domain::Event> for EventReport {
    fn from(event: &domain::Event) -> Self {
        Self {
            id: event.id,
            at: rfc3339(event.at),
            kind: match event.kind {
                domain::EventKind::Breaker => EventKind::Breaker,
                domain::EventKind::Probe => EventKind::Probe,
                domain::EventKind::Limit => EventKind::Limit,
                domain::EventKind::Key => EventKind::Key,
                domain::EventKind::Trouble => EventKind::Trouble,
                domain::EventKind::Change => EventKind::Change,
                domain::EventKind::Request => EventKind::Request,
                domain::EventKind::Budget => EventKind::Budget,
                domain::EventKind::Alert => EventKind::Alert,
                domain::EventKind::Info => EventKind::Info,
            },
            bad: event.bad,
            provider: event.provider.as_deref().map(str::to_owned),
            text: event.text.clone(),
            alert: event.alert.as_deref().map(|notice| Box::new(notice.into())),
            trouble: event.trouble.map(|trouble| Box::new(trouble.into())),
        }
    }
}

impl Selection {
    /// Answer to a selection request.
    pub fn new(
        decision: domain::DecisionId,
        choice: &domain::TargetSelection,
        table: &domain::RoutingTable,
        candidates: &domain::CandidateSet,
        model_type: domain::ModelType,
        now: UnixTime,
    ) -> Self {
        let name = |target: TargetIdx| {
            let id = &table.candidates[target].id;
            (id.provider.to_string(), id.model.to_string())
        };
        let fallbacks = candidates.fallbacks(table, choice.target);
        let (provider, model) = name(choice.target);
        let fallback = |ranked: &domain::RankedTarget| {
            let (provider, model) = name(ranked.target);
            Fallback {
                provider,
                model,
                score: ranked.score,
            }
        };
        Self {
            decision_id: decision.to_string(),
            provider,
            model,
            model_type: model_type.as_str().to_owned(),
            score: choice.score,
            factors: choice.factors.into(),
            weights: table.candidates[choice.target].weights.into(),
            estimated_cost_usd: choice.expected_usd,
            estimated_latency_ms: choice.expected_latency * 1e3,
            reason: choice.reason.text().to_owned(),
            fallbacks: fallbacks.iter().map(fallback).collect(),
            rejected: rejections(&candidates.rejected(), table, now),
            explanation: None,
        }
    }
}

/// Excluded targets with their reasons.
fn rejections(
    rejected: &[(TargetIdx, domain::ExclusionReason)],
    table: &domain::RoutingTable,
    now: UnixTime,
) -> Vec<ExcludedTarget> {
    let rejection = |(target, why): &(TargetIdx, domain::ExclusionReason)| {
        let id = &table.candidates[*target].id;
        ExcludedTarget {
            provider: id.provider.to_string(),
            model: id.model.to_string(),
            why: why.text(now),
        }
    };
    rejected.iter().map(rejection).collect()
}
