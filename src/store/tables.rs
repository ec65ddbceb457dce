//! Tables and their columns: the statements that insert rows.

use super::database::{Backend, Connection, Value};
use super::error::StoreError;
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
    // Only what the same change did may be added; a row of another change stays.
    conflict: Conflict::Replace {
        key: "instance, number",
        columns: &["json"],
        condition: "excluded.at = revisions.at",
    },
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

pub(super) const TOKENS: Table = Table {
    name: "tokens",
    columns: &[
        "name",
        "sha256",
        "json",
        "created",
        "created_by",
        "rotated",
        "revoked",
        "version",
    ],
    conflict: Conflict::Keep,
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
            let sql = self.statement(chunk.len(), connection.backend());
            connection
                .run(&sql, chunk.into_iter().flatten().collect())
                .await?;
        }
        Ok(())
    }

    /// SQLite looks a numbered parameter up by its name, through all others; 64 rows have 1,856. So
    /// there they have none.
    fn statement(&self, rows: usize, backend: Backend) -> String {
        let names = self.column_list();
        let mut sql = format!("INSERT INTO {} ({names}) VALUES ", self.name);
        let width = self.columns.len();
        for row in 0..rows {
            sql.push_str(if row == 0 { "(" } else { ", (" });
            for column in 0..width {
                let comma = if column == 0 { "" } else { "," };
                // Writing into a text cannot fail.
                let _ = match backend {
                    Backend::Sqlite => write!(sql, "{comma}?"),
                    Backend::Postgres => write!(sql, "{comma}${}", row * width + column + 1),
                };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_names_only_where_their_lookup_is_cheap() {
        let sqlite = STATE.statement(2, Backend::Sqlite);
        let postgres = STATE.statement(2, Backend::Postgres);

        assert!(
            sqlite.contains("VALUES (?,?,?,?), (?,?,?,?) ON"),
            "{sqlite}"
        );
        assert!(
            postgres.contains("VALUES ($1,$2,$3,$4), ($5,$6,$7,$8) ON"),
            "{postgres}"
        );
    }
}
