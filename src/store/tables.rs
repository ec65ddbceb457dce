//! Rows as columns: the statements that insert them.

use super::database::{Connection, Value};
use super::error::StoreError;
use super::histogram_text;
use super::record::{
    AlertRow, AttemptRow, AuditRow, EventRow, LedgerRow, RequestRow, RevisionRow, RollUpRow,
};
use std::fmt::Write as _;

/// Rows of one statement, largest first. Few sizes, so that few statements are prepared.
const CHUNKS: [usize; 3] = [64, 8, 1];

/// A table with the columns that rows fill, and what happens if a row exists.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    columns: &'static [&'static str],
    conflict: Conflict,
}

/// What happens if a row exists.
#[derive(Debug)]
enum Conflict {
    /// It stays.
    Keep,
    /// These columns are replaced, if the condition holds.
    Replace {
        key: &'static str,
        columns: &'static [&'static str],
        condition: &'static str,
    },
}

pub(super) const ATTEMPTS: Table = Table {
    name: "attempts",
    columns: &[
        "instance",
        "seq",
        "at",
        "decision",
        "attempt",
        "provider",
        "model",
        "client",
        "tag",
        "model_asked",
        "outcome",
        "failure",
        "status",
        "message",
        "latency_us",
        "first_token_us",
        "input_tokens",
        "output_tokens",
        "cached_tokens",
        "cost_pico",
        "cost_basis",
        "dropped_fields",
        "streamed",
        "load",
        "prompt",
        "class",
        "trial",
        "client_deadline",
        "silent_us",
    ],
    conflict: Conflict::Keep,
};

pub(super) const REQUESTS: Table = Table {
    name: "requests",
    columns: &[
        "instance",
        "seq",
        "at",
        "started",
        "decision",
        "request_id",
        "provider",
        "model",
        "client",
        "tag",
        "model_asked",
        "outcome",
        "failure",
        "status",
        "message",
        "score",
        "reason",
        "attempts",
        "latency_us",
        "input_tokens",
        "output_tokens",
        "cached_tokens",
        "cost_pico",
        "cost_basis",
        "explanation",
    ],
    conflict: Conflict::Keep,
};

pub(super) const EVENTS: Table = Table {
    name: "events",
    columns: &[
        "instance", "seq", "at", "number", "kind", "bad", "provider", "text",
    ],
    conflict: Conflict::Keep,
};

pub(super) const AUDIT: Table = Table {
    name: "audit",
    columns: &[
        "instance", "seq", "at", "actor", "origin", "action", "subject", "outcome", "reason",
        "before", "after", "previous", "hash",
    ],
    conflict: Conflict::Keep,
};

pub(super) const REVISIONS: Table = Table {
    name: "revisions",
    columns: &["instance", "number", "at", "who", "reason", "what", "json"],
    conflict: Conflict::Keep,
};

pub(super) const ALERTS: Table = Table {
    name: "alerts",
    columns: &["instance", "id", "rule", "state", "since", "at", "json"],
    conflict: Conflict::Replace {
        key: "instance, id",
        columns: &["rule", "state", "since", "at", "json"],
        condition: "excluded.at >= alerts.at",
    },
};

pub(super) const STATE: Table = Table {
    name: "state",
    columns: &["instance", "name", "json", "at"],
    conflict: Conflict::Replace {
        key: "instance, name",
        columns: &["json", "at"],
        condition: "excluded.at >= state.at",
    },
};

pub(super) const LEDGER: Table = Table {
    name: "ledger",
    columns: &[
        "instance",
        "epoch",
        "budget",
        "period",
        "spent_pico",
        "leased_pico",
        "at",
    ],
    conflict: Conflict::Replace {
        key: "instance, epoch, budget, period",
        columns: &["spent_pico", "leased_pico", "at"],
        condition: "excluded.spent_pico >= ledger.spent_pico",
    },
};

pub(super) const ROLL_UPS: Table = Table {
    name: "roll_ups",
    columns: &[
        "width_s",
        "start_s",
        "instance",
        "scope",
        "provider",
        "model",
        "client",
        "tag",
        "counted",
        "succeeded",
        "failed",
        "cancelled",
        "client_errors",
        "rejected_target",
        "rejected_budget",
        "rejected_room",
        "retries",
        "latency_sum_ms",
        "cost_pico",
        "cost_exact",
        "cost_estimated",
        "cost_unknown",
        "metered",
        "tokens",
        "dropped_fields",
        "watched_us",
        "usable_us",
        "latency",
        "first_token",
        "failures",
    ],
    conflict: Conflict::Replace {
        key: "width_s, start_s, instance, scope, provider, model, client, tag",
        columns: &[
            "counted",
            "succeeded",
            "failed",
            "cancelled",
            "client_errors",
            "rejected_target",
            "rejected_budget",
            "rejected_room",
            "retries",
            "latency_sum_ms",
            "cost_pico",
            "cost_exact",
            "cost_estimated",
            "cost_unknown",
            "metered",
            "tokens",
            "dropped_fields",
            "watched_us",
            "usable_us",
            "latency",
            "first_token",
            "failures",
        ],
        condition: "excluded.counted >= roll_ups.counted",
    },
};

impl Table {
    /// Names of its columns, in the words of a statement.
    pub(super) fn column_list(&self) -> String {
        self.columns.join(", ")
    }

    /// Inserts rows, many with one statement.
    pub(super) async fn insert(
        &self,
        connection: &mut Connection,
        rows: Vec<Vec<Value>>,
    ) -> Result<(), StoreError> {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let chunk: Vec<Vec<Value>> = {
                let left = rows.len();
                let size = CHUNKS.into_iter().find(|size| *size <= left).unwrap_or(1);
                rows.by_ref().take(size).collect()
            };
            let sql = self.statement(chunk.len());
            connection
                .run(&sql, chunk.into_iter().flatten().collect())
                .await?;
        }
        Ok(())
    }

    fn statement(&self, rows: usize) -> String {
        let names = self.column_list();
        let mut sql = format!("INSERT INTO {} ({names}) VALUES ", self.name);
        let width = self.columns.len();
        for row in 0..rows {
            sql.push_str(if row == 0 { "(" } else { ", (" });
            for column in 0..width {
                let comma = if column == 0 { "" } else { "," };
                // Writing into a text cannot fail.
                let _ = write!(sql, "{comma}${}", row * width + column + 1);
            }
            sql.push(')');
        }
        match &self.conflict {
            Conflict::Keep => sql.push_str(" ON CONFLICT DO NOTHING"),
            Conflict::Replace {
                key,
                columns,
                condition,
            } => {
                let set: Vec<String> = columns
                    .iter()
                    .map(|column| format!("{column} = excluded.{column}"))
                    .collect();
                let set = set.join(", ");
                let _ = write!(
                    sql,
                    " ON CONFLICT ({key}) DO UPDATE SET {set} WHERE {condition}"
                );
            }
        }
        sql
    }
}

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
