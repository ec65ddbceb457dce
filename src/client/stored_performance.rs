//! Figures of one provider, model, client, group of clients or tag, and their course, from the sums in
//! the store.

use super::error::ApiError;
use super::local::LocalClient;
use super::store_report::unavailable;
use super::stored_figures::{PerformanceFilter, TokenGroups};
use crate::clock;
use crate::contract::{Performance, PerformanceStep, Problem, ProviderPerformance, Totals};
use crate::domain::{BucketCounts, BucketRange, Merge as _, UnixTime};
use crate::store::{RollUpFilter, RollUpRow, SumBy};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Longest course, in steps.
const MAX_STEPS: u64 = 1_500;

impl LocalClient {
    /// Report of the last hours. What is not filtered comes from memory, the rest from the store; such
    /// an answer is repeated for a while.
    pub async fn performance_of(
        &self,
        filter: &PerformanceFilter,
    ) -> Result<Performance, ApiError> {
        if !filter.is_filtered() && filter.step.is_none() {
            return self.performance(filter.hours).await;
        }
        let make = self.stored_performance(filter);
        self.stored.answers.get(filter, make).await
    }

    /// Sets which tokens belong to a group, and how long an answer from the store is repeated.
    pub fn configure_performance(&self, groups: TokenGroups, cache_time: Duration) {
        self.stored.configure(groups, cache_time);
    }

    /// Sets which tokens of the store belong to a group.
    pub fn set_stored_groups(&self, groups: TokenGroups) {
        self.stored.set_stored_groups(groups);
    }

    async fn stored_performance(
        &self,
        filter: &PerformanceFilter,
    ) -> Result<Performance, ApiError> {
        let mut report = self.performance(filter.hours).await?;
        let span = BucketRange::hours(filter.hours);
        let step = filter
            .step
            .map(|step| checked_step(step, span))
            .transpose()?;
        let now = clock::now();
        let rows = self.sums(filter, span, step, now).await?;
        if filter.is_filtered() {
            narrow(&mut report, &rows);
        }
        if step.is_some() {
            report.series = course(&rows);
        }
        Ok(report)
    }

    async fn sums(
        &self,
        filter: &PerformanceFilter,
        span: BucketRange,
        step: Option<u64>,
        now: UnixTime,
    ) -> Result<Vec<RollUpRow>, ApiError> {
        let group = filter.group.as_deref();
        let clients = group
            .map(|group| self.stored.tokens_of(group))
            .transpose()?;
        let is_of_clients = filter.token.is_some() || clients.is_some() || filter.tag.is_some();
        let scope = match (is_of_clients, filter.is_filtered()) {
            (true, _) => "client",
            (false, true) => "target",
            (false, false) => "requests",
        };
        let filter = RollUpFilter {
            width_s: span.width,
            scope,
            from_s: span.start(now).unix_seconds(),
            until_s: now.unix_seconds() + 1,
            provider: filter.provider.clone(),
            model: filter.model.clone(),
            client: filter.token.clone(),
            clients,
            tag: filter.tag.clone(),
        };
        let rows = self
            .store()
            .sum_roll_ups(&filter, SumBy::Target, step)
            .await;
        rows.map_err(|error| unavailable(&error))
    }
}

fn checked_step(step: u64, span: BucketRange) -> Result<u64, ApiError> {
    let seconds = span.width * span.columns as u64;
    if step > 0 && step.is_multiple_of(span.width) && seconds / step <= MAX_STEPS {
        return Ok(step);
    }
    let expected = format!(
        "a multiple of {} seconds that makes at most {MAX_STEPS} steps",
        span.width
    );
    Err(Problem::field("step", step, &expected).into())
}

/// Replaces the figures of a report by those of some sums.
fn narrow(report: &mut Performance, rows: &[RollUpRow]) {
    let mut targets: BTreeMap<(Arc<str>, Arc<str>), BucketCounts> = BTreeMap::new();
    let mut all = BucketCounts::default();
    for row in rows {
        let key = (row.key.provider.clone(), row.key.model.clone());
        targets.entry(key).or_default().merge(&row.counts);
        all.merge(&row.counts);
    }
    report.totals = Totals::of_attempts(&all);
    report.providers.retain_mut(|provider| {
        let own = targets
            .iter()
            .filter(|((name, _), _)| **name == *provider.provider);
        let own: Vec<(&str, &BucketCounts)> =
            own.map(|((_, model), counts)| (&**model, counts)).collect();
        replace(provider, &own);
        !own.is_empty()
    });
}

fn replace(provider: &mut ProviderPerformance, models: &[(&str, &BucketCounts)]) {
    let mut sum = BucketCounts::default();
    for (_, counts) in models {
        sum.merge(counts);
    }
    provider.set_figures(&sum);
    provider.models.retain_mut(|model| {
        let found = models.iter().find(|(name, _)| *name == model.model);
        if let Some((_, counts)) = found {
            model.set_figures(counts);
        }
        found.is_some()
    });
}

/// Sums of each step, oldest first; empty steps are left out.
fn course(rows: &[RollUpRow]) -> Vec<PerformanceStep> {
    let mut steps: BTreeMap<u64, BucketCounts> = BTreeMap::new();
    for row in rows {
        let step = steps.entry(row.key.start_s).or_default();
        step.merge(&row.counts);
    }
    steps
        .into_iter()
        .map(|(start, counts)| PerformanceStep::new(UnixTime::from_seconds(start), &counts))
        .collect()
}
