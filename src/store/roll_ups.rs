//! Sums that the store holds, as they were in memory.

use super::database::{Row, Value};
use super::error::StoreError;
use super::histogram_text;
use super::record::{RollUpKey, RollUpRow};
use super::store::Store;
use crate::domain::{BucketCounts, CostBasisCounts, Histogram, Money, RejectionCounts, Uptime};

/// Widths of the stored sums in seconds. The narrow ones fill the dashboard after a restart.
pub(super) const WIDTHS: [u64; 3] = [15, 60, 3_600];
/// What sums may cover.
const SCOPES: [&str; 4] = ["requests", "provider", "target", "client"];

/// Which sums to read.
#[derive(Debug, Clone, Default)]
pub struct RollUpFilter {
    /// Width in seconds: 15, 60 or 3600; of clients 60, 3600 or 86400.
    pub width_s: u64,
    /// `requests`, `provider`, `target` or `client`.
    pub scope: &'static str,
    /// Start of the oldest period, in seconds since the epoch.
    pub from_s: u64,
    /// End of the newest period.
    pub until_s: u64,
    /// Only of this provider.
    pub provider: Option<String>,
    /// Only of this model.
    pub model: Option<String>,
    /// Only of this client.
    pub client: Option<String>,
    /// Only of one of these clients.
    pub clients: Option<Vec<String>>,
    /// Only of this tag.
    pub tag: Option<String>,
}

/// What a column of a sum holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// Start of the period.
    Start,
    /// What the sum covers.
    Name,
    Count,
    Real,
    /// Counts of a histogram, or by code.
    Cells,
}

/// Columns in the order in which a row is read.
pub(super) const COLUMNS: [(&str, Column); 26] = [
    ("start_s", Column::Start),
    ("provider", Column::Name),
    ("model", Column::Name),
    ("client", Column::Name),
    ("tag", Column::Name),
    ("succeeded", Column::Count),
    ("failed", Column::Count),
    ("cancelled", Column::Count),
    ("client_errors", Column::Count),
    ("rejected_target", Column::Count),
    ("rejected_budget", Column::Count),
    ("rejected_room", Column::Count),
    ("retries", Column::Count),
    ("latency_sum_ms", Column::Real),
    ("cost_pico", Column::Count),
    ("cost_exact", Column::Count),
    ("cost_estimated", Column::Count),
    ("cost_unknown", Column::Count),
    ("metered", Column::Count),
    ("tokens", Column::Count),
    ("dropped_fields", Column::Count),
    ("watched_us", Column::Count),
    ("usable_us", Column::Count),
    ("latency", Column::Cells),
    ("first_token", Column::Cells),
    ("failures", Column::Cells),
];

impl RollUpFilter {
    /// The condition of a query for the rows of an instance, and its values.
    pub(super) fn condition(&self, instance: &str) -> (String, Vec<Value>) {
        let mut sql = "width_s = $1 AND scope = $2 AND start_s >= $3 AND start_s < $4 \
                       AND instance = $5"
            .to_owned();
        let mut values: Vec<Value> = vec![
            self.width_s.into(),
            self.scope.into(),
            self.from_s.into(),
            self.until_s.into(),
            instance.into(),
        ];
        for (column, wanted) in [
            ("provider", &self.provider),
            ("model", &self.model),
            ("client", &self.client),
            ("tag", &self.tag),
        ] {
            if let Some(wanted) = wanted {
                values.push(wanted.as_str().into());
                sql = format!("{sql} AND {column} = ${}", values.len());
            }
        }
        if let Some(clients) = &self.clients {
            // NULL equals nothing, so that no client means no row.
            sql.push_str(" AND client IN (NULL");
            for client in clients {
                values.push(client.as_str().into());
                sql = format!("{sql}, ${}", values.len());
            }
            sql.push(')');
        }
        (sql, values)
    }
}

impl Store {
    /// Sums of this instance, oldest first.
    pub async fn load_roll_ups(&self, filter: &RollUpFilter) -> Result<Vec<RollUpRow>, StoreError> {
        let (condition, values) = filter.condition(self.instance());
        let columns = COLUMNS.map(|(name, _)| name).join(", ");
        let sql = format!("SELECT {columns} FROM roll_ups WHERE {condition} ORDER BY start_s");
        let rows = self.database()?.fetch(&sql, values).await?;
        rows.iter().map(|row| roll_up(row, filter)).collect()
    }
}

/// Reads the columns of [`COLUMNS`].
pub(super) fn roll_up(row: &Row, filter: &RollUpFilter) -> Result<RollUpRow, StoreError> {
    let scope = SCOPES.into_iter().find(|scope| *scope == filter.scope);
    Ok(RollUpRow {
        key: RollUpKey {
            width_s: filter.width_s,
            start_s: row.count(0)?,
            scope: scope.unwrap_or_default(),
            provider: row.string(1)?.into(),
            model: row.string(2)?.into(),
            client: row.string(3)?.into(),
            tag: row.string(4)?.into(),
        },
        counts: BucketCounts {
            succeeded: row.count(5)?,
            failed: row.count(6)?,
            cancelled: row.count(7)?,
            client_errors: row.count(8)?,
            rejected: RejectionCounts {
                target: row.count(9)?,
                budget: row.count(10)?,
                room: row.count(11)?,
            },
            retries: row.count(12)?,
            latency_sum_ms: row.real(13)?.unwrap_or(0.0),
            cost: Money::from_pico(row.count(14)?),
            cost_basis: CostBasisCounts {
                exact: row.count(15)?,
                estimated: row.count(16)?,
                unknown: row.count(17)?,
            },
            metered: row.count(18)?,
            tokens: row.count(19)?,
            dropped_fields: row.count(20)?,
            latency: Histogram::from_cells(histogram_text::read(&row.string(23)?)),
            first_token: Histogram::from_cells(histogram_text::read(&row.string(24)?)),
            failures: histogram_text::read_counts(&row.string(25)?),
        },
        uptime: Uptime {
            watched_us: row.count(21)?,
            usable_us: row.count(22)?,
        },
    })
}
