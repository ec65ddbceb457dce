//! What the engine observes, as rows and sums to store.

use super::change_journal::ChangeJournal;
use super::client_sums::ClientSums;
use super::explanation::Explanation;
use super::history::SINCE;
use super::journal_start::JournalStart;
use super::record::{
    AlertRow, AttemptRow, EventRow, LearningColumns, Record, RequestRow, RollUpKey, RollUpRow,
};
use super::roll_ups::WIDTHS;
use super::selection_audit::SelectionAudit;
use super::status::{StoreState, StoreStatus};
use super::store::Store;
use crate::domain::{
    Alert, AttemptEnd, BalancerState, BucketCounts, Event, Failure, MeasuredUsage, Money,
    Observation, Outcome, ProviderIdx, RequestEnd, RequestIdentity, RequestOutcome, Target,
    TargetIdx, Timeline, UnixTime, Uptime, UsageBasis, cost_basis,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Time between two looks at the sums.
const INTERVAL: Duration = Duration::from_millis(500);
/// The same for monitored time, which always grows.
const UPTIME_INTERVAL: Duration = Duration::from_secs(10);

/// Series of sums: what they cover and their width.
type Series = (Covered, u64);

/// What a series covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Covered {
    Requests,
    Target(TargetIdx),
    Uptime(ProviderIdx),
}

/// The last bucket of a series that was sent: its start in seconds, and a count that grows with it.
#[derive(Debug, Clone, Copy)]
struct Sent {
    start: u64,
    count: u64,
}

/// Writes what happens to the store. Without a store it does nothing.
#[derive(Debug, Default)]
pub struct Journal {
    store: Store,
    clients: ClientSums,
    sent: BTreeMap<Series, Sent>,
    /// Buckets that ended before are not written: they are in the store, or not restored yet.
    from: UnixTime,
    /// `None` until the history is restored.
    changes: Option<ChangeJournal>,
    has_since: bool,
    selections: SelectionAudit,
    looked: UnixTime,
    looked_at_uptime: UnixTime,
    /// Start of a failure whose lost sums are sent again.
    failing_since: Option<UnixTime>,
    said: StoreState,
    dropped: u64,
}

impl Journal {
    /// A journal of a process that starts now. Sums and changes are written once the history is
    /// restored: they continue it.
    pub fn new(store: Store, now: UnixTime) -> Self {
        Self {
            store,
            from: now,
            said: StoreState::Ok,
            ..Self::default()
        }
    }

    /// Says that the history is in the state now, and continues it.
    pub fn restored(&mut self, start: JournalStart) {
        self.changes = Some(ChangeJournal::up_to(start.revision));
        self.clients.restore(start.clients);
    }

    /// Writes what operators changed.
    pub fn changed(&mut self, state: &BalancerState, now: UnixTime) {
        if let Some(changes) = self.changes.as_mut().filter(|_| self.store.is_on()) {
            changes.write(&self.store, state, now);
        }
    }

    /// Writes the row of an observation that the state has seen.
    pub fn observed(&mut self, observation: &Observation, state: &BalancerState) {
        if !self.store.is_on() {
            return;
        }
        match observation {
            Observation::Attempt(end) => {
                if let Some(target) = state.catalogue().targets.get(end.target.get()) {
                    self.clients.add(end, target);
                    let row = self.attempt(end, target);
                    self.store.record(Record::Attempt(Box::new(row)));
                }
            }
            Observation::Request(end) => {
                let catalogue = state.catalogue();
                self.selections.add(&self.store, end, catalogue, end.ended);
                let row = self.request(end, state);
                self.store.record(Record::Request(Box::new(row)));
            }
            Observation::Selection(_) | Observation::FirstToken(_) | Observation::Probe(_) => {}
        }
    }

    /// Writes an event.
    pub fn event(&mut self, event: &Event) {
        if self.store.is_on() {
            self.store.record(Record::Event(EventRow {
                sequence: self.store.next_sequence(),
                at: event.at,
                number: event.id,
                kind: event.kind.as_str(),
                bad: event.bad,
                provider: event.provider.clone().unwrap_or_default(),
                text: event.text.clone(),
            }));
            if let Some(notice) = &event.alert {
                self.store
                    .record(Record::Alert(Box::new(alert_row(&notice.alert, event.at))));
            }
        }
    }

    /// Rows that the store dropped since the start.
    pub fn dropped_rows(&self) -> u64 {
        if self.store.is_on() {
            self.store.status().dropped
        } else {
            0
        }
    }

    /// Writes the sums that changed; returns what an operator must know of the store, and whether it is
    /// bad.
    pub fn tick(&mut self, state: &BalancerState, now: UnixTime) -> Option<(String, bool)> {
        if !self.store.is_on() || now.since(self.looked) < INTERVAL {
            return None;
        }
        self.looked = now;
        let status = self.store.status();
        self.follow(&status, now);
        if status.state != StoreState::Failing {
            let with_uptime = now.since(self.looked_at_uptime) >= UPTIME_INTERVAL;
            self.write_sums(state, with_uptime, now);
        }
        self.news(&status)
    }

    /// Writes all sums for the last time.
    pub fn stop(&mut self, state: &BalancerState, now: UnixTime) {
        if self.store.is_on() {
            self.write_sums(state, true, now);
        }
    }

    /// Remembers a failure, and sends the sums since then again after it.
    fn follow(&mut self, status: &StoreStatus, now: UnixTime) {
        if status.state == StoreState::Failing {
            self.failing_since.get_or_insert(now);
        } else if let Some(since) = self.failing_since.take() {
            self.clients.rewrite();
            // What waited before the failure may be lost as well.
            let start = since.minus(Duration::from_mins(1)).unix_seconds();
            for ((_, width), sent) in &mut self.sent {
                let start = start / width * width;
                if sent.start >= start {
                    *sent = Sent { start, count: 0 };
                }
            }
        }
    }

    fn news(&mut self, status: &StoreStatus) -> Option<(String, bool)> {
        let is_failing = status.state == StoreState::Failing;
        let was_failing = self.said == StoreState::Failing;
        self.said = status.state;
        if is_failing && !was_failing {
            let why = status.last_error.as_deref().unwrap_or("no answer");
            return Some((format!("the store does not write: {why}"), true));
        }
        if was_failing && !is_failing {
            let lost = status.dropped - self.dropped;
            self.dropped = status.dropped;
            let text = match lost {
                0 => "the store writes again, nothing is lost".to_owned(),
                lost => format!("the store writes again, {lost} rows are lost"),
            };
            return Some((text, lost > 0));
        }
        None
    }

    fn write_sums(&mut self, state: &BalancerState, with_uptime: bool, now: UnixTime) {
        if self.changes.is_none() {
            return;
        }
        if !self.has_since {
            self.has_since = true;
            self.store.record(Record::State {
                name: SINCE,
                json: state.since().micros().to_string(),
                at: now,
            });
        }
        self.write_counts(
            Covered::Requests,
            state.request_history(),
            &RollUpKey {
                scope: "requests",
                ..RollUpKey::default()
            },
        );
        for (target, spec) in TargetIdx::enumerate(&state.catalogue().targets) {
            let key = RollUpKey {
                scope: "target",
                provider: spec.id.provider.clone(),
                model: spec.id.model.clone(),
                ..RollUpKey::default()
            };
            self.write_counts(Covered::Target(target), state.target_history(target), &key);
        }
        for row in self.clients.changed(now) {
            self.store.record(Record::RollUp(Box::new(row)));
        }
        if with_uptime {
            self.looked_at_uptime = now;
            for (provider, spec) in ProviderIdx::enumerate(&state.catalogue().providers) {
                let key = RollUpKey {
                    scope: "provider",
                    provider: spec.name.clone(),
                    ..RollUpKey::default()
                };
                self.write_uptime(provider, state.provider_uptime(provider), &key);
            }
        }
    }

    fn write_counts(
        &mut self,
        covered: Covered,
        history: &Timeline<BucketCounts>,
        key: &RollUpKey,
    ) {
        let size = |counts: &BucketCounts| counts.all();
        for (width, start, counts) in self.changed_buckets(covered, history, size) {
            self.store.record(Record::RollUp(Box::new(RollUpRow {
                key: RollUpKey {
                    width_s: width,
                    start_s: start,
                    ..key.clone()
                },
                counts,
                uptime: Uptime::default(),
            })));
        }
    }

    fn write_uptime(&mut self, provider: ProviderIdx, history: &Timeline<Uptime>, key: &RollUpKey) {
        let size = |uptime: &Uptime| uptime.watched_us;
        for (width, start, uptime) in self.changed_buckets(Covered::Uptime(provider), history, size)
        {
            self.store.record(Record::RollUp(Box::new(RollUpRow {
                key: RollUpKey {
                    width_s: width,
                    start_s: start,
                    ..key.clone()
                },
                counts: BucketCounts::default(),
                uptime,
            })));
        }
    }

    /// Buckets that changed since they were sent.
    fn changed_buckets<T: Clone + crate::domain::Merge>(
        &mut self,
        covered: Covered,
        history: &Timeline<T>,
        size: impl Fn(&T) -> u64,
    ) -> Vec<(u64, u64, T)> {
        let mut changed = Vec::new();
        for width in WIDTHS {
            let first = self.from.unix_seconds() / width * width;
            let before = self.sent.get(&(covered, width)).copied();
            let mut last = before.unwrap_or(Sent {
                start: first,
                count: 0,
            });
            let from = UnixTime::from_seconds(last.start);
            for (start, value) in history.stored(width, from) {
                let count = size(value);
                if start != last.start || count != last.count {
                    changed.push((width, start, value.clone()));
                    last = Sent { start, count };
                }
            }
            self.sent.insert((covered, width), last);
        }
        changed
    }

    fn attempt(&self, end: &AttemptEnd, target: &Target) -> AttemptRow {
        let (outcome, failure) = match end.outcome {
            Outcome::Success => ("ok", ""),
            Outcome::Failed(failure) => ("error", failure.as_str()),
            Outcome::Cancelled => ("cancelled", ""),
        };
        AttemptRow {
            sequence: self.store.next_sequence(),
            at: end.ended,
            decision: end.decision.to_string(),
            attempt: end.number,
            client: end.identity.client.clone(),
            tag: tag(&end.identity),
            status: end.status.unwrap_or(0),
            message: end.message.as_deref().unwrap_or_default().to_owned(),
            provider: target.id.provider.clone(),
            model: target.id.model.clone(),
            model_asked: end.identity.model.clone(),
            outcome,
            failure,
            latency_us: micros(end.ended.since(end.started)),
            first_token_us: end.first_token.and_then(seconds_to_micros),
            tokens: tokens(end.usage),
            cost_pico: end.cost.map(Money::pico),
            cost_basis: UsageBasis::as_str(cost_basis(end.usage, end.cost)),
            dropped_fields: end.dropped_fields,
            learning: LearningColumns {
                streamed: end.streamed,
                load: end.ticket.load,
                prompt: end.ticket.prompt,
                class: end.ticket.class.index() as u64,
                trial: end.trial,
                client_deadline: end.client_deadline_hit,
                silent_us: end.abandoned_after.and_then(seconds_to_micros),
            },
        }
    }

    fn request(&self, end: &RequestEnd, state: &BalancerState) -> RequestRow {
        let catalogue = state.catalogue();
        let target = end
            .target
            .and_then(|target| catalogue.targets.get(target.get()));
        let (outcome, failure) = match end.outcome {
            RequestOutcome::Ok => ("ok", ""),
            RequestOutcome::Error(failure) => ("error", Failure::as_str(failure)),
            RequestOutcome::Cancelled => ("cancelled", ""),
            RequestOutcome::Rejected(reason) => ("refused", reason.as_str()),
        };
        let decision = state.decisions().get(end.decision);
        let failure = match decision.and_then(|decision| decision.saved_from()) {
            Some(saved_from) => saved_from.as_str(),
            None => failure,
        };
        RequestRow {
            sequence: self.store.next_sequence(),
            started: end.started,
            at: end.ended,
            decision: end.decision.to_string(),
            request_id: end.request_id.clone(),
            client: end.identity.client.clone(),
            tag: tag(&end.identity),
            status: end.status.unwrap_or(0),
            message: end.message.as_deref().unwrap_or_default().to_owned(),
            provider: target
                .map(|target| target.id.provider.clone())
                .unwrap_or_default(),
            model: target
                .map(|target| target.id.model.clone())
                .unwrap_or_default(),
            model_asked: end.identity.model.clone(),
            outcome,
            failure,
            score: end.score,
            reason: end.reason.clone(),
            attempts: end.attempts,
            latency_us: micros(end.ended.since(end.started)),
            tokens: tokens(end.usage),
            cost_pico: end.cost.map(Money::pico),
            cost_basis: UsageBasis::as_str(cost_basis(end.usage, end.cost)),
            explanation: decision.map_or_else(Explanation::default, |decision| {
                Explanation::Decision(decision.clone(), catalogue.clone())
            }),
        }
    }
}

fn tag(identity: &RequestIdentity) -> Arc<str> {
    let tag = identity.tag.as_ref();
    tag.map_or_else(Arc::default, |tag| tag.as_str().into())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn seconds_to_micros(seconds: f64) -> Option<u64> {
    Duration::try_from_secs_f64(seconds).ok().map(micros)
}

fn tokens(usage: Option<MeasuredUsage>) -> Option<[u64; 3]> {
    usage.map(|MeasuredUsage { usage, .. }| [usage.input, usage.output, usage.cached])
}

/// The row of an alert after a change.
fn alert_row(alert: &Alert, at: UnixTime) -> AlertRow {
    let json = serde_json::json!({
        "severity": alert.severity.as_str(),
        "provider": alert.subject.provider.as_deref(),
        "model": alert.subject.model.as_deref(),
        "budget": alert.subject.budget.as_deref(),
        "value": alert.value,
        "threshold": alert.threshold,
        "message": alert.message,
    });
    AlertRow {
        id: alert.id.to_string(),
        rule: alert.rule.as_str().to_owned(),
        state: alert.state().to_owned(),
        since: alert.since,
        at,
        json: json.to_string(),
    }
}
