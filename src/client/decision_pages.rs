//! Pages of decisions, newest first: those in memory together with those in the store.

use super::error::ApiError;
use super::local::LocalClient;
use super::selection::find_provider;
use super::store_report::unavailable;
use crate::contract::{DecisionOutcome, DecisionReport, Problem};
use crate::domain::{Catalogue, DecisionId, DecisionRecord, Money, UnixTime};
use crate::store::{RequestFilter, RequestRow};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Which decisions a page shows.
#[derive(Debug, Clone, Default)]
pub struct DecisionFilter {
    /// Number of decisions.
    pub limit: usize,
    /// Only of this provider.
    pub provider: Option<String>,
    /// Only of this model.
    pub model: Option<String>,
    /// Only of this client's token.
    pub client: Option<String>,
    /// Only with this outcome.
    pub outcome: Option<DecisionOutcome>,
    /// Only older than this one: the last one of the page before.
    pub before: Option<String>,
}

/// A report with what orders and filters it.
struct Entry {
    at: UnixTime,
    client: Arc<str>,
    report: DecisionReport,
}

impl LocalClient {
    /// A page of decisions. What memory does not hold any more comes from the store.
    pub async fn decision_page(
        &self,
        filter: &DecisionFilter,
    ) -> Result<Vec<DecisionReport>, ApiError> {
        let catalogue = Arc::clone(&self.handle().routing_table().catalogue);
        if let Some(name) = &filter.provider {
            find_provider(&catalogue, name)?;
        }
        let decisions = self.handle().decisions().await?;
        let requests: Vec<&Arc<DecisionRecord>> = decisions
            .iter()
            .filter(|decision| !decision.is_dry_run())
            .collect();
        let cursor = match &filter.before {
            Some(id) => Some(self.cursor(id, &requests).await?),
            None => None,
        };
        let is_older = |at: UnixTime| cursor.is_none_or(|(cursor, _)| at < cursor);
        let mut page: Vec<Entry> = requests
            .iter()
            .map(|decision| entry(decision, &catalogue))
            .filter(|entry| is_older(entry.at) && matches(entry, filter))
            .take(filter.limit)
            .collect();
        if self.store().is_on() && (page.len() < filter.limit || cursor.is_some()) {
            // Without a cursor memory holds everything newer than its oldest.
            let oldest = requests
                .iter()
                .filter_map(|decision| Some(decision.end.as_ref()?.ended));
            let oldest = oldest.min().map(|at| (at, 0));
            let rows = self.stored(filter, cursor.or(oldest)).await?;
            let known: BTreeSet<String> = page
                .iter()
                .map(|entry| entry.report.decision_id.clone())
                .collect();
            let rows = rows
                .into_iter()
                .filter(|row| !known.contains(&row.decision));
            page.extend(rows.map(stored_entry));
            page.sort_by_key(|entry| std::cmp::Reverse(entry.at));
            page.truncate(filter.limit);
        }
        Ok(page.into_iter().map(|entry| entry.report).collect())
    }

    async fn stored(
        &self,
        filter: &DecisionFilter,
        before: Option<(UnixTime, u64)>,
    ) -> Result<Vec<RequestRow>, ApiError> {
        let outcome = filter.outcome.filter(|it| *it != DecisionOutcome::Pending);
        if outcome != filter.outcome {
            return Ok(Vec::new());
        }
        let filter = RequestFilter {
            provider: filter.provider.clone(),
            model: filter.model.clone(),
            client: filter.client.clone(),
            outcome: outcome.map(|outcome| outcome.as_str().to_owned()),
            before,
            limit: filter.limit as u64,
            with_explanation: false,
        };
        let rows = self.store().load_requests(&filter).await;
        rows.map_err(|error| unavailable(&error))
    }

    /// End and number of the decision that a page begins after.
    async fn cursor(
        &self,
        id: &str,
        requests: &[&Arc<DecisionRecord>],
    ) -> Result<(UnixTime, u64), ApiError> {
        if self.store().is_on() {
            let row = self.store().load_request(id).await;
            if let Some(row) = row.map_err(|error| unavailable(&error))? {
                return Ok((row.at, row.sequence));
            }
        }
        let parsed: Option<DecisionId> = id.parse().ok();
        let known = requests.iter().find(|decision| Some(decision.id) == parsed);
        let end = known.and_then(|decision| decision.end.as_ref());
        end.map(|end| (end.ended, 0)).ok_or_else(|| {
            Problem::field("before", id, "the decisionId of a finished request").into()
        })
    }
}

fn entry(decision: &DecisionRecord, catalogue: &Catalogue) -> Entry {
    let end = decision.end.as_ref();
    let started = decision.rounds.last().map(|round| round.at);
    Entry {
        at: end.map_or(started.unwrap_or_default(), |end| end.ended),
        client: end
            .map(|end| end.identity.client.clone())
            .unwrap_or_default(),
        report: DecisionReport::new(decision, catalogue),
    }
}

fn matches(entry: &Entry, filter: &DecisionFilter) -> bool {
    let report = &entry.report;
    let is = |wanted: &Option<String>, value: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| value == Some(wanted))
    };
    is(&filter.provider, report.provider.as_deref())
        && is(&filter.model, report.model.as_deref())
        && is(&filter.client, Some(&entry.client))
        && filter
            .outcome
            .is_none_or(|outcome| report.outcome == outcome)
}

fn stored_entry(row: RequestRow) -> Entry {
    let name = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
    Entry {
        at: row.at,
        client: row.client.clone(),
        report: DecisionReport {
            decision_id: row.decision,
            at: crate::contract::rfc3339(row.at),
            request_id: Some(row.request_id),
            provider: name(&row.provider),
            model: name(&row.model),
            score: row.score,
            reason: row.reason,
            outcome: DecisionOutcome::parse(row.outcome).unwrap_or(DecisionOutcome::Error),
            latency_ms: Some(row.latency_us as f64 / 1e3),
            cost_usd: row.cost_pico.map(|pico| Money::from_pico(pico).usd()),
            cost_basis: row.cost_basis.to_owned(),
            attempts: row.attempts,
        },
    }
}
