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
    /// Width in seconds: 15, 60 or 3600.
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

impl Store {
    /// Sums of this instance, oldest first.
    pub async fn load_roll_ups(&self, filter: &RollUpFilter) -> Result<Vec<RollUpRow>, StoreError> {
        let mut sql = "SELECT start_s, provider, model, client, tag, succeeded, failed, \
                       cancelled, client_errors, rejected_target, rejected_budget, rejected_room, \
                       retries, latency_sum_ms, cost_pico, cost_exact, cost_estimated, \
                       cost_unknown, metered, tokens, dropped_fields, watched_us, usable_us, \
                       latency, first_token, failures FROM roll_ups WHERE width_s = $1 \
                       AND scope = $2 AND start_s >= $3 AND start_s < $4 AND instance = $5"
            .to_owned();
        let mut values: Vec<Value> = vec![
            filter.width_s.into(),
            filter.scope.into(),
            filter.from_s.into(),
            filter.until_s.into(),
            self.instance().into(),
        ];
        for (column, wanted) in [
            ("provider", &filter.provider),
            ("model", &filter.model),
            ("client", &filter.client),
            ("tag", &filter.tag),
        ] {
            if let Some(wanted) = wanted {
                values.push(wanted.as_str().into());
                sql = format!("{sql} AND {column} = ${}", values.len());
            }
        }
        if let Some(clients) = &filter.clients {
            // NULL equals nothing, so that no client means no row.
            sql.push_str(" AND client IN (NULL");
            for client in clients {
                values.push(client.as_str().into());
                sql = format!("{sql}, ${}", values.len());
            }
            sql.push(')');
        }
        sql.push_str(" ORDER BY start_s");
        let rows = self.database()?.fetch(&sql, values).await?;
        rows.iter().map(|row| roll_up(row, filter)).collect()
    }
}

fn roll_up(row: &Row, filter: &RollUpFilter) -> Result<RollUpRow, StoreError> {
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
