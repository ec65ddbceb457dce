//! Rows as the values of their table's columns.

use super::database::Value;
use super::histogram_text;
use super::record::{
    AlertRow, AttemptRow, AuditRow, EventRow, LedgerRow, RequestRow, RevisionRow, RollUpRow,
};

fn part(tokens: Option<[u64; 3]>, place: usize) -> Value {
    Value::from(tokens.and_then(|tokens| tokens.get(place).copied()))
}

/// A row of one table.
pub(super) trait Columns {
    /// Its values, in the order of the table's columns.
    fn values(&self, instance: &str) -> Vec<Value>;
}

impl Columns for AttemptRow {
    fn values(&self, instance: &str) -> Vec<Value> {
        vec![
            instance.into(),
            self.sequence.into(),
            self.at.micros().into(),
            self.decision.as_str().into(),
            u64::from(self.attempt).into(),
            (&*self.provider).into(),
            (&*self.model).into(),
            (&*self.client).into(),
            (&*self.tag).into(),
            (&*self.model_asked).into(),
            self.outcome.into(),
            self.failure.into(),
            u64::from(self.status).into(),
            self.message.as_str().into(),
            self.latency_us.into(),
            self.first_token_us.into(),
            part(self.tokens, 0),
            part(self.tokens, 1),
            part(self.tokens, 2),
            self.cost_pico.into(),
            self.cost_basis.into(),
            u64::from(self.dropped_fields).into(),
            u64::from(self.learning.streamed).into(),
            self.learning.load.into(),
            self.learning.prompt.into(),
            self.learning.class.into(),
            u64::from(self.learning.trial).into(),
            u64::from(self.learning.client_deadline).into(),
            self.learning.silent_us.into(),
        ]
    }
}

impl Columns for RequestRow {
    fn values(&self, instance: &str) -> Vec<Value> {
        vec![
            instance.into(),
            self.sequence.into(),
            self.at.micros().into(),
            self.started.micros().into(),
            self.decision.as_str().into(),
            self.request_id.as_str().into(),
            (&*self.provider).into(),
            (&*self.model).into(),
            (&*self.client).into(),
            (&*self.tag).into(),
            (&*self.model_asked).into(),
            self.outcome.into(),
            self.failure.into(),
            u64::from(self.status).into(),
            self.message.as_str().into(),
            self.score.into(),
            self.reason.as_str().into(),
            u64::from(self.attempts).into(),
            self.latency_us.into(),
            part(self.tokens, 0),
            part(self.tokens, 1),
            part(self.tokens, 2),
            self.cost_pico.into(),
            self.cost_basis.into(),
            (&*self.explanation.json()).into(),
        ]
    }
}

impl Columns for EventRow {
    fn values(&self, instance: &str) -> Vec<Value> {
        vec![
            instance.into(),
            self.sequence.into(),
            self.at.micros().into(),
            self.number.into(),
            self.kind.into(),
            u64::from(self.bad).into(),
            (&*self.provider).into(),
            self.text.as_str().into(),
        ]
    }
}

impl Columns for AuditRow {
    fn values(&self, instance: &str) -> Vec<Value> {
        vec![
            instance.into(),
            self.sequence.into(),
            self.at.micros().into(),
            self.actor.as_str().into(),
            self.origin.as_str().into(),
            self.action.as_str().into(),
            self.subject.as_str().into(),
            self.outcome.as_str().into(),
            self.reason.as_str().into(),
            self.before.as_str().into(),
            self.after.as_str().into(),
            self.previous.as_str().into(),
            self.hash.as_str().into(),
        ]
    }
}

impl Columns for RevisionRow {
    fn values(&self, instance: &str) -> Vec<Value> {
        vec![
            instance.into(),
            self.number.into(),
            self.at.micros().into(),
            self.who.as_str().into(),
            self.reason.as_str().into(),
            self.what.as_str().into(),
            self.json.as_str().into(),
        ]
    }
}

impl Columns for AlertRow {
    fn values(&self, instance: &str) -> Vec<Value> {
        vec![
            instance.into(),
            self.id.as_str().into(),
            self.rule.as_str().into(),
            self.state.as_str().into(),
            self.since.micros().into(),
            self.at.micros().into(),
            self.json.as_str().into(),
        ]
    }
}

impl Columns for LedgerRow {
    fn values(&self, instance: &str) -> Vec<Value> {
        vec![
            instance.into(),
            self.epoch.into(),
            self.budget.as_str().into(),
            self.period.as_str().into(),
            self.spent_pico.into(),
            self.leased_pico.into(),
            self.at.micros().into(),
        ]
    }
}

impl Columns for RollUpRow {
    fn values(&self, instance: &str) -> Vec<Value> {
        let (key, counts) = (&self.key, &self.counts);
        vec![
            key.width_s.into(),
            key.start_s.into(),
            instance.into(),
            key.scope.into(),
            (&*key.provider).into(),
            (&*key.model).into(),
            (&*key.client).into(),
            (&*key.tag).into(),
            // Grows with every change of the row.
            (counts.all() + self.uptime.watched_us).into(),
            counts.succeeded.into(),
            counts.failed.into(),
            counts.cancelled.into(),
            counts.client_errors.into(),
            counts.rejected.target.into(),
            counts.rejected.budget.into(),
            counts.rejected.room.into(),
            counts.retries.into(),
            counts.latency_sum_ms.into(),
            counts.cost.pico().into(),
            counts.cost_basis.exact.into(),
            counts.cost_basis.estimated.into(),
            counts.cost_basis.unknown.into(),
            counts.metered.into(),
            counts.tokens.into(),
            counts.dropped_fields.into(),
            self.uptime.watched_us.into(),
            self.uptime.usable_us.into(),
            histogram_text::write(counts.latency.cells())
                .as_str()
                .into(),
            histogram_text::write(counts.first_token.cells())
                .as_str()
                .into(),
            histogram_text::write_counts(&counts.failures)
                .as_str()
                .into(),
        ]
    }
}
