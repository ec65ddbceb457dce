//! Snapshots and reports for users.

use super::BalancerState;
use crate::domain::failure::Failure;
use crate::domain::hedging::{HedgeRefusal, HedgeResult};
use crate::domain::ids::KeyIdx;
use crate::domain::index::{ProviderIdx, TargetIdx};
use crate::domain::score::Estimate;
use crate::domain::snapshot::{
    HedgingSnapshot, KeySnapshot, ModelSnapshot, PerformanceReport, ProviderSnapshot, SPREAD_MS,
    Snapshot, TimeBucket, Totals,
};
use crate::domain::timeline::{BucketCounts, BucketRange, Merge};
use crate::domain::traffic_forecast::{TrafficForecast, model_odds, traffic_forecasts};
use crate::domain::units::{Money, UnixTime};
use std::sync::Arc;
use std::time::Duration;

/// Reported quantiles of a latency.
pub(super) const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// Forecasts and estimates for a typical chat request.
pub(super) struct TrafficView {
    forecasts: Vec<TrafficForecast>,
    /// Part of the latest attempts of each target.
    pub(super) shares: Vec<f64>,
    /// Odds of each target among all that serve the same model.
    pub(super) odds: Vec<f64>,
    /// Estimate of each target.
    pub(super) estimates: Vec<Estimate>,
    /// Prompt and output tokens of a typical request.
    pub(super) usual: (f64, f64),
}

impl BalancerState {
    fn view(&self, now: UnixTime) -> TrafficView {
        let table = self.routing_table(now);
        TrafficView {
            forecasts: traffic_forecasts(&table, now),
            odds: model_odds(&table, now),
            shares: self.recent_shares(now),
            estimates: self.estimates(now),
            usual: self.usual_request(now),
        }
    }

    /// Returns the state over a window of `window_seconds`, in sixty columns.
    pub fn snapshot(&self, window_seconds: u64, now: UnixTime) -> Snapshot {
        let span = BucketRange::window(window_seconds);
        let columns: Vec<Vec<BucketCounts>> = self
            .targets
            .iter()
            .map(|record| record.history.buckets(span, now))
            .collect();
        let view = self.view(now);
        let mut providers: Vec<ProviderSnapshot> = ProviderIdx::all(self.providers.len())
            .map(|at| self.provider_snapshot(at, &view, (&columns, span.columns), now))
            .collect();
        for (at, provider) in ProviderIdx::enumerate(&mut providers) {
            provider.availability = self.providers[at].uptime.total(span, now).part();
            let known = provider.cost;
            provider.usd_per_hour = known.and_then(|_| self.spending_rate(at, now));
        }
        let requests = self.requests.buckets(span, now);
        let removed = self.removed.buckets(span, now);
        // Totals include removed providers.
        let totals = totals(&requests, &providers, &merged_all(&removed));
        let spending: Vec<TimeBucket> = (0..span.columns)
            .map(|at| request_bucket(&requests[at], &providers, &removed[at], at))
            .collect();
        let providers = self.active(providers);
        Snapshot {
            at: now,
            since: span.start(now).max(self.started),
            window: Duration::from_secs(window_seconds),
            revision: self.revision,
            revised: self
                .revisions
                .back()
                .map(|revision| (revision.at, revision.who.clone())),
            settings: self.global_settings(),
            weights: self.weights,
            reverts_at: self.pending_revert.as_ref().map(|pending| pending.until),
            totals,
            latest: self.latest_requests(now),
            last_minute: self.latest_figures(now),
            requests_per_second: self.request_rate.per_second(now),
            // The sum of nothing would be a negative zero.
            usd_per_hour: providers
                .iter()
                .filter_map(|provider| provider.usd_per_hour)
                .fold(0.0, |sum, rate| sum + rate),
            routes: self.route_snapshots(now),
            budget: self.projected_budgets(now),
            hedging: self.hedging(now),
            providers,
            columns: spending,
            column_width: Duration::from_secs(span.width),
            last_column: UnixTime::from_seconds(now.unix_seconds() / span.width * span.width),
            expected_in_flight: self.expected_in_flight(now),
            alerts: self.active_alerts(),
            events: self.events.iter().rev().cloned().collect(),
        }
    }

    fn hedging(&self, now: UnixTime) -> Option<HedgingSnapshot> {
        let policy = self.tuning.hedge?;
        let of = |wanted: Option<HedgeResult>| {
            let counts = self.counters.hedges.iter();
            let counts = counts.filter(|((_, result), _)| wanted.is_none_or(|it| it == *result));
            counts.map(|(_, count)| count).sum()
        };
        let refused = |why| self.counters.hedges_refused.get(&why).copied();
        Some(HedgingSnapshot {
            policy,
            hedges: of(None),
            won: of(Some(HedgeResult::Won)),
            too_many: refused(HedgeRefusal::Attempts).unwrap_or_default(),
            over_spending: refused(HedgeRefusal::Spending).unwrap_or_default(),
            spent_last_hour: self.hedges.spent_last_hour(now),
        })
    }

    /// Returns the statistics of the last `hours` hours, without columns.
    pub fn performance(&self, hours: u32, now: UnixTime) -> PerformanceReport {
        let span = BucketRange::hours(hours);
        let sums: Vec<Vec<BucketCounts>> = self
            .targets
            .iter()
            .map(|record| vec![record.history.total(span, now)])
            .collect();
        let view = self.view(now);
        let mut providers: Vec<ProviderSnapshot> = ProviderIdx::all(self.providers.len())
            .map(|at| self.provider_snapshot(at, &view, (&sums, 1), now))
            .collect();
        for (at, provider) in ProviderIdx::enumerate(&mut providers) {
            provider.availability = self.providers[at].uptime.total(span, now).part();
        }
        let removed = self.removed.total(span, now);
        let totals = totals(&[self.requests.total(span, now)], &providers, &removed);
        let providers = self.active(providers);
        PerformanceReport {
            hours,
            at: now,
            since: span.start(now).max(self.started),
            totals,
            providers,
        }
    }

    /// Drops removed providers.
    fn active(&self, snapshots: Vec<ProviderSnapshot>) -> Vec<ProviderSnapshot> {
        let retired = &self.catalogue.retired.providers;
        let all = ProviderIdx::enumerate(snapshots);
        all.filter(|(at, _)| !retired.contains(at))
            .map(|(_, snapshot)| snapshot)
            .collect()
    }

    fn provider_snapshot(
        &self,
        at: ProviderIdx,
        view: &TrafficView,
        (columns, count): (&[Vec<BucketCounts>], usize),
        now: UnixTime,
    ) -> ProviderSnapshot {
        let record = &self.providers[at];
        let targets = self.targets_of(at);
        let models: Vec<ModelSnapshot> = targets
            .iter()
            .map(|&target| self.model_snapshot(target, view, &columns[target.get()], now))
            .collect();
        let specs = self.catalogue.targets.iter().zip(columns);
        let own: Vec<&Vec<BucketCounts>> = specs
            .filter(|(spec, _)| spec.provider == at)
            .map(|(_, columns)| columns)
            .collect();
        let merged: Vec<BucketCounts> = (0..count)
            .map(|column| merged(own.iter().map(|columns| &columns[column])))
            .collect();
        let sum = merged_all(&merged);
        let TrafficForecast { share: odds, best } = view.forecasts[at];
        ProviderSnapshot {
            name: Arc::clone(&record.name),
            kind: Arc::clone(&self.catalogue.providers[at].kind),
            enabled: record.enabled,
            draining: record.draining,
            drains_until: record.drain_end(),
            pinned_until: self
                .pinned_at(now)
                .and_then(|(pinned, until)| (pinned == at).then_some(until)),
            priority: record.priority,
            max_concurrent: record.max_concurrent,
            rates: record.rates,
            rates_left: record.load_counters.rates_left(record.rates, now),
            weights: record.weights,
            state: record.health.state,
            state_since: record.state_since,
            trouble_since: record.trouble_since,
            why: record.health.why.clone(),
            is_usable: record.health.is_usable,
            in_flight: record.load_counters.in_flight(),
            share: targets.iter().map(|target| view.shares[target.get()]).sum(),
            odds,
            score: best.map(|(_, score)| score),
            factors: best.map(|(factors, _)| factors),
            requests_per_second: record.rate.per_second(now),
            usd_per_hour: None,
            requests: sum.all(),
            success_rate: sum.success_rate(),
            availability: None,
            mean_latency_ms: sum.mean_latency_ms(),
            latency_ms: QUANTILES.map(|q| sum.latency.quantile(q)),
            first_token_ms: QUANTILES.map(|q| sum.first_token.quantile(q)),
            cost: sum.known_cost(),
            cost_basis: sum.cost_basis,
            tokens: sum.tokens,
            mean_tokens: (sum.metered > 0).then(|| sum.tokens as f64 / sum.metered as f64),
            dropped_fields: sum.dropped_fields,
            keys: self.key_snapshots(at, &targets, now),
            models,
            failures: sum.failures.clone(),
            cancelled: sum.cancelled,
            columns: merged.iter().map(TimeBucket::from).collect(),
        }
    }

    fn key_snapshots(
        &self,
        at: ProviderIdx,
        targets: &[TargetIdx],
        now: UnixTime,
    ) -> Vec<KeySnapshot> {
        let specs = &self.catalogue.providers[at].keys;
        let keys = KeyIdx::all(specs.keys.len()).zip(&specs.keys);
        keys.map(|(key, spec)| {
            let states = targets
                .iter()
                .filter_map(|&target| self.targets[target].keys.get(Some(key)));
            let mut shown = KeySnapshot {
                name: Arc::clone(&spec.name),
                weight: spec.weight,
                blocked: None,
                left: [None, None],
                attempts: 0,
            };
            let mut is_blocked = true;
            for state in states {
                let sent = state.sent.totals();
                let cooldown = state.cooldown.at(now);
                is_blocked &= cooldown.is_some();
                let ends = |cooldown: &(UnixTime, Failure)| cooldown.0;
                let both = [shown.blocked, cooldown];
                shown.blocked = both.into_iter().flatten().min_by_key(ends);
                shown.attempts += sent.requests;
                for (least, left) in shown.left.iter_mut().zip(state.quota.left(sent, now)) {
                    *least = [*least, left].into_iter().flatten().min_by(f64::total_cmp);
                }
            }
            shown.blocked = shown.blocked.filter(|_| is_blocked);
            shown
        })
        .collect()
    }
}

fn totals(
    requests: &[BucketCounts],
    providers: &[ProviderSnapshot],
    removed: &BucketCounts,
) -> Totals {
    let sum = merged_all(requests);
    let mut cost_basis = removed.cost_basis;
    for provider in providers {
        cost_basis.merge(provider.cost_basis);
    }
    let costs: Vec<Money> = providers
        .iter()
        .filter_map(|provider| provider.cost)
        .chain(removed.known_cost().filter(|_| removed.all() > 0))
        .collect();
    Totals {
        requests: sum.all(),
        attempts: removed.all() + sum_of(providers, |provider| provider.requests),
        retries: sum.retries,
        success_rate: sum.success_rate(),
        mean_latency_ms: sum.mean_latency_ms(),
        p50_ms: sum.latency.quantile(0.5),
        p95_ms: sum.latency.quantile(0.95),
        p99_ms: sum.latency.quantile(0.99),
        first_token_ms: QUANTILES.map(|q| sum.first_token.quantile(q)),
        cost: (!costs.is_empty() || providers.is_empty()).then(|| costs.into_iter().sum()),
        cost_basis,
        tokens: removed.tokens + sum_of(providers, |provider| provider.tokens),
        refused: sum.rejected,
    }
}

fn sum_of(providers: &[ProviderSnapshot], count: impl Fn(&ProviderSnapshot) -> u64) -> u64 {
    providers.iter().map(count).sum()
}

impl From<&BucketCounts> for TimeBucket {
    fn from(tally: &BucketCounts) -> Self {
        Self {
            rated: tally.rate_base(),
            failed: tally.failed,
            p50_ms: tally.latency.quantile(0.5),
            p95_ms: tally.latency.quantile(0.95),
            p99_ms: tally.latency.quantile(0.99),
            first_token_ms: QUANTILES.map(|q| tally.first_token.quantile(q)),
            spread: tally
                .latency
                .spread(SPREAD_MS)
                .try_into()
                .unwrap_or_default(),
            cost: tally.cost,
        }
    }
}

/// Returns one column of client requests with the cost of all providers.
fn request_bucket(
    requests: &BucketCounts,
    providers: &[ProviderSnapshot],
    removed: &BucketCounts,
    at: usize,
) -> TimeBucket {
    let cost: Money = providers
        .iter()
        .map(|provider| provider.columns[at].cost)
        .sum();
    TimeBucket {
        cost: cost + removed.cost,
        ..TimeBucket::from(requests)
    }
}

fn merged<'t>(parts: impl Iterator<Item = &'t BucketCounts>) -> BucketCounts {
    parts.fold(BucketCounts::default(), |mut sum, part| {
        sum.merge(part);
        sum
    })
}

pub(super) fn merged_all(parts: &[BucketCounts]) -> BucketCounts {
    merged(parts.iter())
}
