//! What a new process takes over from the store: sums, decisions and events.

use super::attempts::{KeysOfAttempts, PastAttempt};
use super::change_journal::{ALERTS, HELD_CHANGES};
use super::client_sums::CLIENT_WIDTHS;
use super::error::StoreError;
use super::explanation::{Explanation, NamedTargets, read_explanation};
use super::held_changes::read_held;
use super::journal_start::JournalStart;
use super::record::{EventRow, RequestRow, RollUpRow};
use super::requests::{RequestFilter, TroubleFilter, event};
use super::roll_ups::{RollUpFilter, WIDTHS};
use super::saved_alerts::alerts_from_json;
use super::store::Store;
use crate::domain::{
    AttemptEnd, BalancerState, Catalogue, DecisionId, DecisionRecord, Effect, Failure, HeldChanges,
    MeasuredUsage, Money, PastTraffic, RejectionReason, RequestEnd, RequestIdentity,
    RequestOutcome, Revision, SavedAlerts, Tag, UnixTime, Usage, UsageBasis,
};
use std::sync::Arc;
use std::time::Duration;

/// Decisions that are taken over.
const DECISIONS: u64 = 10_000;
/// Requests in trouble that are taken over, and how far back they go.
const TROUBLED: u64 = 10_000;
const TROUBLED_REACH: Duration = Duration::from_hours(24);
/// Events that are taken over.
const EVENTS: u64 = 100;
/// Attempts that the balancer learns from again, and how far back: a day says something of targets
/// that are seldom used, and the rest has faded.
const LEARNT_ATTEMPTS: u64 = 20_000;
const LEARNING_REACH: Duration = Duration::from_hours(24);
/// How far back charts by the second and forecasts go, which are filled from rows.
const ROWS_REACH: Duration = Duration::from_mins(15);
/// Revisions that are taken over.
const REVISIONS: u64 = 200;
/// How far back the sums of each width go, in seconds.
const REACH_S: [u64; 3] = [1_800, 86_400 + 60, 8_760 * 3_600];

/// The past of an instance.
#[derive(Debug, Default)]
pub struct StoredHistory {
    roll_ups: Vec<RollUpRow>,
    /// Oldest first.
    requests: Vec<RequestRow>,
    /// Requests in trouble before those, oldest first.
    troubled: Vec<RequestRow>,
    /// Oldest first.
    events: Vec<EventRow>,
    attempts: Vec<PastAttempt>,
    /// Oldest first.
    revisions: Vec<Revision>,
    held: Option<HeldChanges>,
    alerts: Option<SavedAlerts>,
    since: Option<UnixTime>,
    /// Sums of clients in buckets that are not over yet.
    clients: Vec<RollUpRow>,
}

/// Name of the state that holds the time since which there are figures, in microseconds.
pub(super) const SINCE: &str = "since";

impl Store {
    /// Reads what a new process takes over.
    pub async fn load_history(&self, now: UnixTime) -> Result<StoredHistory, StoreError> {
        let mut history = StoredHistory::default();
        for (width_s, reach) in WIDTHS.into_iter().zip(REACH_S) {
            for scope in ["requests", "provider", "target"] {
                let filter = RollUpFilter {
                    width_s,
                    scope,
                    from_s: now.unix_seconds().saturating_sub(reach),
                    until_s: now.unix_seconds() + 1,
                    ..RollUpFilter::default()
                };
                history.roll_ups.extend(self.load_roll_ups(&filter).await?);
            }
        }
        for width_s in CLIENT_WIDTHS {
            let open = RollUpFilter {
                width_s,
                scope: "client",
                from_s: now.unix_seconds() / width_s * width_s,
                until_s: now.unix_seconds() + 1,
                ..RollUpFilter::default()
            };
            history.clients.extend(self.load_roll_ups(&open).await?);
        }
        let newest = RequestFilter {
            limit: DECISIONS,
            with_explanation: true,
            ..RequestFilter::default()
        };
        history.requests = self.load_requests(&newest).await?;
        history.requests.reverse();
        history.troubled = self.load_troubled(history.requests.first(), now).await?;
        history.events = self.load_events(EVENTS).await?;
        history.events.reverse();
        self.continue_audit().await?;
        let since = now.minus(LEARNING_REACH);
        history.attempts = self.load_attempts(since, LEARNT_ATTEMPTS).await?;
        history.revisions = self.load_revisions(REVISIONS).await?;
        let held = self.load_state(HELD_CHANGES).await?;
        history.held = held.and_then(|(json, _)| read_held(&json));
        let alerts = self.load_state(ALERTS).await?;
        history.alerts = alerts.and_then(|(json, _)| {
            let json = serde_json::from_str(&json).ok()?;
            alerts_from_json(json).ok()
        });
        let since = self.load_state(SINCE).await?;
        let micros = since.and_then(|(text, _)| text.parse().ok());
        history.since = micros.map(UnixTime::from_micros);
        Ok(history)
    }
}

impl Store {
    /// Requests in trouble that ended before this one, oldest first.
    async fn load_troubled(
        &self,
        oldest: Option<&RequestRow>,
        now: UnixTime,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let filter = RequestFilter {
            limit: TROUBLED,
            trouble: Some(TroubleFilter::Any),
            since: Some(now.minus(TROUBLED_REACH)),
            before: oldest.map(|oldest| (oldest.at, oldest.sequence)),
            with_explanation: true,
            ..RequestFilter::default()
        };
        let mut rows = self.load_requests(&filter).await?;
        rows.reverse();
        Ok(rows)
    }
}

impl StoredHistory {
    /// Puts the past into the state of a balancer. Sums of targets that are not configured any more
    /// count in totals; what else names one is left out. Returns the events of it, and what a journal continues.
    #[must_use]
    pub fn apply(
        mut self,
        state: &mut BalancerState,
        now: UnixTime,
    ) -> (Vec<Effect>, JournalStart) {
        if let Some(since) = self.since {
            state.restore_since(since);
        }
        let catalogue = Arc::clone(state.catalogue());
        for row in &self.roll_ups {
            apply_roll_up(row, state, &catalogue, now);
        }
        let decisions = self.requests.iter();
        let decisions: Vec<DecisionRecord> = decisions
            .filter_map(|row| stored_decision(row, &mut &*catalogue))
            .collect();
        let keys = keys_of_attempts(&decisions);
        for attempt in &mut self.attempts {
            attempt.find_key(&keys);
        }
        let from = now.minus(ROWS_REACH);
        let recent = self.attempts.iter().rev();
        let recent: Vec<AttemptEnd> = recent
            .filter_map(|attempt| attempt.counted_since(from, &catalogue))
            .collect();
        state.restore_seconds(&recent, &decisions, now);
        let past = PastTraffic {
            decisions: &decisions,
            attempts: &recent,
            is_cut: self.requests.len() as u64 >= DECISIONS
                && self.requests.first().is_some_and(|first| first.at > from),
        };
        state.restore_traffic(&past, now);
        state.restore_decisions(decisions);
        let troubled = self.troubled.iter();
        let troubled = troubled.filter_map(|row| stored_decision(row, &mut &*catalogue));
        state.restore_troubled(troubled.collect());
        state.restore_events(self.events.into_iter().map(event).collect());
        let attempts = self.attempts.into_iter();
        let attempts: Vec<AttemptEnd> = attempts
            .filter_map(|attempt| attempt.at_target(&catalogue))
            .collect();
        state.warm_start(&attempts, now);
        if let Some(alerts) = self.alerts {
            state.restore_alerts(alerts);
        }
        let start = JournalStart {
            clients: self.clients,
            revision: self.revisions.last().map_or(0, |last| last.number),
        };
        let effects = state.restore_changes(self.revisions, self.held.as_ref(), now);
        (effects, start)
    }
}

fn keys_of_attempts(decisions: &[DecisionRecord]) -> KeysOfAttempts {
    let attempts = decisions.iter().flat_map(|decision| {
        let attempts = decision.attempts.iter();
        attempts.map(|attempt| (decision.id, attempt))
    });
    attempts
        .filter_map(|(decision, attempt)| Some(((decision, attempt.number), attempt.key?)))
        .collect()
}

fn apply_roll_up(row: &RollUpRow, state: &mut BalancerState, catalogue: &Catalogue, now: UnixTime) {
    let key = &row.key;
    let place = (key.width_s, key.start_s);
    match key.scope {
        "requests" => state.restore_requests(key.width_s, key.start_s, &row.counts, now),
        "target" => match catalogue.target(&key.provider, &key.model) {
            Some(target) => state.restore_target(target, place, &row.counts, now),
            None => state.restore_removed(place, &row.counts, now),
        },
        "provider" => {
            if let Some(provider) = catalogue.provider(&key.provider) {
                state.restore_uptime(provider, place, &row.uptime, now);
            }
        }
        _ => {}
    }
}

/// A decision as it was; `None` if its row cannot be read.
pub fn stored_decision(row: &RequestRow, names: &mut impl NamedTargets) -> Option<DecisionRecord> {
    let id: DecisionId = row.decision.parse().ok()?;
    let json = match &row.explanation {
        Explanation::Json(json) => json.as_str(),
        Explanation::Decision(..) => "",
    };
    let mut read = read_explanation(json, id, names).unwrap_or_default();
    for terms in read.rounds.iter_mut().filter_map(|it| it.terms.as_mut()) {
        Arc::make_mut(terms).payer = Some(row.client.clone());
    }
    let mut end = request_end(row, id, read.dropped_fields)?;
    if !row.provider.is_empty() {
        end.target = names
            .find(&row.provider, &row.model)
            .map(|(target, _)| target);
    }
    Some(DecisionRecord {
        id,
        rounds: read.rounds,
        attempts: read.attempts,
        end: Some(end),
    })
}

fn request_end(row: &RequestRow, id: DecisionId, dropped: Vec<String>) -> Option<RequestEnd> {
    let outcome = match row.outcome {
        "ok" => RequestOutcome::Ok,
        "cancelled" => RequestOutcome::Cancelled,
        "refused" => {
            let mut reasons = RejectionReason::ALL.into_iter();
            let reason = reasons.find(|reason| reason.as_str() == row.failure);
            RequestOutcome::Rejected(reason.unwrap_or(RejectionReason::NoTarget))
        }
        "error" => RequestOutcome::Error(Failure::parse(row.failure).unwrap_or(Failure::Server)),
        _ => return None,
    };
    let is_exact = row.cost_basis == UsageBasis::as_str(Some(UsageBasis::Exact));
    let usage = row.tokens.map(|[input, output, cached]| MeasuredUsage {
        usage: Usage {
            input,
            output,
            cached,
            ..Usage::default()
        },
        basis: if is_exact {
            UsageBasis::Exact
        } else {
            UsageBasis::Estimated
        },
    });
    Some(RequestEnd {
        decision: id,
        identity: Arc::new(RequestIdentity {
            model: row.model_asked.clone(),
            client: row.client.clone(),
            tag: Tag::parse(&row.tag).ok(),
            ..RequestIdentity::default()
        }),
        request_id: row.request_id.clone(),
        started: row.started,
        ended: row.at,
        outcome,
        status: Some(row.status).filter(|status| *status > 0),
        message: Some(row.message.as_str().into()).filter(|_| !row.message.is_empty()),
        target: None,
        score: row.score,
        reason: row.reason.clone(),
        attempts: row.attempts,
        fallbacks: 0,
        hedge: None,
        first_content: None,
        gateway_seconds: None,
        usage,
        cost: row.cost_pico.map(Money::from_pico),
        dropped_fields: dropped,
    })
}
