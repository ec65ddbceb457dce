//! Domain values → what we promise.

use super::{
    CostBasisCounts, Dropped, EventKind, EventReport, ExcludedTarget, Factors, FailureCount,
    Fallback, HealthState, ModelPerformance, Percentiles, Performance, ProviderPerformance,
    ProviderStatus, RateReport, Revised, RevisionReport, Selection, Series, ServiceState, Status,
    TimeBucket, Totals, WeightOverride, WeightPoints, WeightsReport, Window,
};
use crate::domain;
use crate::domain::TargetIdx;
use crate::domain::{Money, UnixTime};

/// A moment as RFC 3339 in UTC, to the millisecond.
pub fn rfc3339(moment: UnixTime) -> String {
    let micros = i64::try_from(moment.micros()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_microsecond(micros)
        .map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

/// What a status says of the instance itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceInfo {
    pub version: String,
    pub environment: String,
}

impl Status {
    /// A picture as we promise it.
    pub fn new(
        picture: &domain::Snapshot,
        window: Window,
        instance: &InstanceInfo,
        dropped: Dropped,
    ) -> Self {
        let providers: Vec<ProviderStatus> = picture
            .providers
            .iter()
            .map(|provider| ProviderStatus::new(provider, picture))
            .collect();
        Self {
            version: instance.version.clone(),
            environment: instance.environment.clone(),
            revision: picture.revision,
            revised: picture.revised.as_ref().map(|(at, who)| Revised {
                at: rfc3339(*at),
                who: who.clone(),
            }),
            since: rfc3339(picture.since),
            generated_at: rfc3339(picture.at),
            window,
            state: service_state(&picture.providers),
            strategy: picture.strategy.as_str().to_owned(),
            totals: picture.totals.into(),
            requests_per_second: picture.requests_per_second,
            usd_per_hour: picture.usd_per_hour,
            budget: (&picture.budget).into(),
            weights: picture.weights.into(),
            reverts_at: picture.reverts_at.map(rfc3339),
            providers,
            series: series(&picture.columns, picture),
            alerts: Vec::new(),
            dropped,
            cache: None,
            events: picture.events.iter().map(EventReport::from).collect(),
        }
    }
}

impl ProviderStatus {
    pub fn new(provider: &domain::ProviderSnapshot, picture: &domain::Snapshot) -> Self {
        Self {
            performance: provider.into(),
            kind: provider.kind.to_string(),
            enabled: provider.enabled,
            draining: provider.draining,
            pinned_until: provider.pinned_until.map(rfc3339),
            priority: provider.priority,
            weights: WeightOverride::of(provider.weights),
            max_concurrent: provider.max_concurrent,
            rates: RateReport::new(provider.rates, provider.rates_left),
            share: provider.share,
            score: provider.score,
            factors: provider.factors.map(Factors::from),
            requests_per_second: provider.requests_per_second,
            usd_per_hour: provider.usd_per_hour,
            why: provider.why.clone(),
            state_since: rfc3339(provider.state_since),
            trouble_since: provider.trouble_since.map(rfc3339),
            failures: provider.failures.iter().map(FailureCount::from).collect(),
            cancelled: provider.cancelled,
            series: series(&provider.columns, picture),
        }
    }
}

fn service_state(providers: &[domain::ProviderSnapshot]) -> ServiceState {
    if !providers.iter().any(|provider| provider.state.is_usable()) {
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

fn series(columns: &[domain::TimeBucket], picture: &domain::Snapshot) -> Series {
    Series {
        bucket_seconds: picture.column_width.as_secs(),
        last_start: picture.last_column.unix_seconds(),
        buckets: columns.iter().map(TimeBucket::from).collect(),
    }
}

impl From<&domain::TimeBucket> for TimeBucket {
    fn from(column: &domain::TimeBucket) -> Self {
        let count = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "seven digits of a latency are plenty"
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
        }
    }
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
        let percentiles = |[p50, p95, p99]: [Option<f64>; 3]| Percentiles { p50, p95, p99 };
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
            success_rate: model.success_rate,
            cost_per_token: model.usd_per_token,
            types: model
                .types
                .iter()
                .map(|it| it.as_str().to_owned())
                .collect(),
            state: model.state.into(),
            why: model.why.clone(),
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

impl From<domain::Factors> for Factors {
    fn from(factors: domain::Factors) -> Self {
        let domain::Factors {
            cost,
            latency,
            reliability,
            load,
            priority,
        } = factors;
        Self {
            cost,
            latency,
            reliability,
            load,
            priority,
        }
    }
}

impl From<domain::Weights> for WeightPoints {
    fn from(weights: domain::Weights) -> Self {
        let domain::Weights {
            cost,
            latency,
            reliability,
            load,
            priority,
        } = weights;
        Self {
            cost,
            latency,
            reliability,
            load,
            priority,
        }
    }
}

impl WeightsReport {
    /// The engine's answer; `saved` says where the change lives, where there was one.
    pub fn new(answer: &domain::CommandReply, saved: Option<String>) -> Option<Self> {
        let domain::CommandReply::Weights {
            weights,
            revision,
            reverts_at,
            warnings,
        } = answer
        else {
            return None;
        };
        Some(Self {
            weights: (*weights).into(),
            revision: *revision,
            reverts_at: reverts_at.map(rfc3339),
            saved,
            warnings: warnings.clone(),
        })
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
                domain::EventKind::Change => EventKind::Change,
                domain::EventKind::Request => EventKind::Request,
                domain::EventKind::Budget => EventKind::Budget,
                domain::EventKind::Info => EventKind::Info,
            },
            bad: event.bad,
            provider: event.provider.as_deref().map(str::to_owned),
            text: event.text.clone(),
        }
    }
}

impl From<&domain::Revision> for RevisionReport {
    fn from(revision: &domain::Revision) -> Self {
        Self {
            revision: revision.number,
            at: rfc3339(revision.at),
            who: revision.who.clone(),
            reason: revision.reason.clone(),
            what: revision.what.clone(),
            before: revision.before.into(),
            after: revision.after.into(),
        }
    }
}

impl Selection {
    /// A choice as we promise it.
    pub fn new(
        decision: domain::DecisionId,
        choice: &domain::TargetSelection,
        table: &domain::RoutingTable,
        field: &domain::CandidateSet,
        model_type: domain::ModelType,
        now: UnixTime,
    ) -> Self {
        let name = |target: TargetIdx| {
            let id = &table.candidates[target].id;
            (id.provider.to_string(), id.model.to_string())
        };
        let fallbacks = field.fallbacks(table, choice.target);
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
            rejected: rejections(&field.rejected(), table, now),
            explanation: None,
        }
    }
}

/// Who was out of a decision, and why.
pub fn rejections(
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
