//! Pages of decisions, newest first: those in memory together with those in the store.

use super::decision_filter::DecisionFilter;
use super::error::ApiError;
use super::local::LocalClient;
use super::selection::find_provider;
use super::store_report::unavailable;
use crate::contract::{
    DecisionList, DecisionOutcome, DecisionReport, Problem, RequestTrouble, TroubledReport,
};
use crate::domain::{Catalogue, DecisionId, DecisionRecord, UnixTime};
use crate::store::{RequestFilter, RequestRow, TroubleFilter, stored_decision};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A report with what orders and filters it.
struct Entry {
    at: UnixTime,
    report: DecisionReport,
}

impl LocalClient {
    /// A page of decisions. What memory does not hold any more comes from the store.
    pub async fn decision_page(&self, filter: &DecisionFilter) -> Result<DecisionList, ApiError> {
        let catalogue = Arc::clone(&self.handle().routing_table().catalogue);
        if let Some(name) = &filter.provider {
            find_provider(&catalogue, name)?;
        }
        let troubled = self.handle().troubled().await?;
        let counts = TroubledReport {
            kept: troubled.decisions.len() as u64,
            dropped: troubled.dropped,
        };
        let mut requests = if filter.trouble.is_some() {
            Vec::new()
        } else {
            let mut latest = self.handle().decisions().await?;
            latest.retain(|decision| !decision.is_dry_run());
            latest
        };
        // Without a store nothing else is known of the time before the latest.
        if filter.trouble.is_some() || !self.store().is_on() {
            let known: BTreeSet<DecisionId> = requests.iter().map(|it| it.id).collect();
            let older = troubled.decisions.into_iter();
            requests.extend(older.filter(|decision| !known.contains(&decision.id)));
        }
        let decisions = self.page_of(&requests, filter, &catalogue).await?;
        Ok(DecisionList {
            decisions,
            troubled: counts,
        })
    }

    async fn page_of(
        &self,
        requests: &[Arc<DecisionRecord>],
        filter: &DecisionFilter,
        catalogue: &Catalogue,
    ) -> Result<Vec<DecisionReport>, ApiError> {
        let cursor = match &filter.before {
            Some(id) => Some(self.cursor(id, requests).await?),
            None => filter.until.map(|until| (until, 0)),
        };
        let is_older = |at: UnixTime| cursor.is_none_or(|(cursor, _)| at < cursor);
        let mut page: Vec<Entry> = requests
            .iter()
            .filter(|decision| is_older(time(decision)))
            .map(|decision| entry(decision, catalogue))
            .filter(|entry| matches(&entry.report, filter))
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
            page.extend(rows.filter_map(|row| stored_entry(&row)));
        }
        // What ran on may have ended before what was selected after it.
        page.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        page.truncate(filter.limit);
        let is_within = |entry: &Entry| filter.since.is_none_or(|since| entry.at >= since);
        let page = page.into_iter().filter(is_within);
        Ok(page.map(|entry| entry.report).collect())
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
            trouble: filter.trouble,
            since: filter.since,
            before,
            limit: filter.limit as u64,
            with_explanation: true,
        };
        let rows = self.store().load_requests(&filter).await;
        rows.map_err(|error| unavailable(&error))
    }

    /// End and number of the decision that a page begins after.
    async fn cursor(
        &self,
        id: &str,
        requests: &[Arc<DecisionRecord>],
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

/// Time of the end, or of the latest selection while the request runs.
fn time(decision: &DecisionRecord) -> UnixTime {
    let selected = decision.rounds.last().map(|round| round.at);
    let end = decision.end.as_ref().map(|end| end.ended);
    end.or(selected).unwrap_or_default()
}

fn entry(decision: &DecisionRecord, catalogue: &Catalogue) -> Entry {
    Entry {
        at: time(decision),
        report: DecisionReport::new(decision, catalogue),
    }
}

fn stored_entry(row: &RequestRow) -> Option<Entry> {
    // What it names may not be configured any more.
    let mut names = Catalogue::default();
    let decision = stored_decision(row, &mut names)?;
    Some(entry(&decision, &names))
}

fn matches(report: &DecisionReport, filter: &DecisionFilter) -> bool {
    let is = |wanted: &Option<String>, value: &Option<String>| wanted.is_none() || wanted == value;
    let is_wanted = |wanted: TroubleFilter| match wanted {
        TroubleFilter::Any => report.trouble.is_some(),
        TroubleFilter::Failed => report.trouble == Some(RequestTrouble::Failed),
        TroubleFilter::Saved => report.trouble == Some(RequestTrouble::Saved),
    };
    is(&filter.provider, &report.provider)
        && is(&filter.model, &report.model)
        && is(&filter.client, &report.client)
        && filter.trouble.is_none_or(is_wanted)
        && filter
            .outcome
            .is_none_or(|outcome| report.outcome == outcome)
}
