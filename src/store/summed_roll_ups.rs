//! Sums over a period, added up by the database: a long period has many rows.

use super::error::StoreError;
use super::record::{RollUpKey, RollUpRow};
use super::roll_ups::{COLUMNS, Column, RollUpFilter, roll_up};
use super::store::Store;
use crate::domain::Merge as _;
use std::collections::BTreeMap;

const HOUR_S: u64 = 3_600;
pub(super) const DAY_S: u64 = 86_400;

/// What sums are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumBy {
    /// Provider and model, with histograms.
    Target,
    /// Provider, without histograms.
    Provider,
    /// Model, without histograms.
    Model,
    /// Client, without histograms.
    Client,
    /// Tag, without histograms.
    Tag,
}

impl SumBy {
    fn has(self, column: &str) -> bool {
        match self {
            Self::Target => matches!(column, "provider" | "model"),
            Self::Provider => column == "provider",
            Self::Model => column == "model",
            Self::Client => column == "client",
            Self::Tag => column == "tag",
        }
    }
}

impl Store {
    /// Sums of this instance over a period, told apart by names and by steps of some seconds, if any.
    /// The key of a row has these names and the start of its step, or of the period. Where wider sums
    /// lie within the period or step, they stand for the narrow ones.
    pub async fn sum_roll_ups(
        &self,
        filter: &RollUpFilter,
        by: SumBy,
        step_s: Option<u64>,
    ) -> Result<Vec<RollUpRow>, StoreError> {
        let mut sums: BTreeMap<RollUpKey, RollUpRow> = BTreeMap::new();
        let (select, group) = columns(by, filter.from_s, step_s);
        for part in parts(filter, step_s) {
            let (condition, values) = part.condition(self.instance());
            let sql = format!("SELECT {select} FROM roll_ups WHERE {condition} GROUP BY {group}");
            for row in self.database()?.fetch(&sql, values).await? {
                let row = roll_up(&row, filter)?;
                let sum = sums.entry(row.key.clone()).or_insert_with(|| RollUpRow {
                    key: row.key.clone(),
                    ..RollUpRow::default()
                });
                sum.counts.merge(&row.counts);
                sum.uptime.merge(&row.uptime);
            }
        }
        Ok(sums.into_values().collect())
    }
}

/// The columns of a row as [`roll_up`] reads them, added up, and the places of those that group them.
fn columns(by: SumBy, from_s: u64, step_s: Option<u64>) -> (String, String) {
    let mut group = Vec::new();
    let mut texts = Vec::new();
    for (place, (name, kind)) in COLUMNS.iter().enumerate() {
        let is_grouped = match kind {
            Column::Start => step_s.is_some(),
            Column::Name => by.has(name),
            Column::Count | Column::Real | Column::Cells => false,
        };
        if is_grouped {
            group.push((place + 1).to_string());
        }
        texts.push(match (kind, step_s) {
            (Column::Start, None) => format!("CAST({from_s} AS BIGINT)"),
            (Column::Start, Some(step)) => {
                format!("CAST({from_s} + ({name} - {from_s}) / {step} * {step} AS BIGINT)")
            }
            (Column::Name, _) if is_grouped => (*name).to_owned(),
            (Column::Count, _) => format!("CAST(SUM({name}) AS BIGINT)"),
            (Column::Real, _) => format!("SUM({name})"),
            (Column::Cells, _) if by == SumBy::Target => format!("string_agg({name}, ' ')"),
            (Column::Name | Column::Cells, _) => "''".to_owned(),
        });
    }
    (texts.join(", "), group.join(", "))
}

/// The period in parts: narrow sums up to the first full hour, those of hours up to the first full day,
/// and so on, as far as steps allow it.
fn parts(filter: &RollUpFilter, step_s: Option<u64>) -> Vec<RollUpFilter> {
    let mut parts = Vec::new();
    let mut rest = filter.clone();
    let wider: &[u64] = match filter.scope {
        // Only these have sums of days.
        "client" => &[HOUR_S, DAY_S],
        _ => &[HOUR_S],
    };
    for &width in wider.iter().filter(|width| **width > filter.width_s) {
        let fits = |step: u64| step.is_multiple_of(width) && filter.from_s.is_multiple_of(width);
        let full = rest.from_s.next_multiple_of(width);
        if !step_s.is_none_or(fits) || full >= filter.until_s {
            break;
        }
        if full > rest.from_s {
            parts.push(RollUpFilter {
                until_s: full,
                ..rest.clone()
            });
        }
        rest.from_s = full;
        rest.width_s = width;
    }
    parts.push(rest);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn periods(scope: &'static str, from_s: u64, step_s: Option<u64>) -> Vec<(u64, u64, u64)> {
        let filter = RollUpFilter {
            width_s: 60,
            scope,
            from_s,
            until_s: 10 * DAY_S + 1,
            ..RollUpFilter::default()
        };
        let parts = parts(&filter, step_s);
        let period = |part: &RollUpFilter| (part.width_s, part.from_s, part.until_s);
        parts.iter().map(period).collect()
    }

    #[test]
    fn wide_sums_stand_for_narrow_ones_where_they_lie_within() {
        let (start, end) = (7 * DAY_S - HOUR_S - 120, 10 * DAY_S + 1);
        let (hour, day) = (7 * DAY_S - HOUR_S, 7 * DAY_S);

        let expected = [(60, start, hour), (HOUR_S, hour, day), (DAY_S, day, end)];
        assert_eq!(periods("client", start, None), expected);
        assert_eq!(
            periods("target", start, None),
            [(60, start, hour), (HOUR_S, hour, end)]
        );
        assert_eq!(periods("client", hour, Some(HOUR_S)), [(HOUR_S, hour, end)]);
        assert_eq!(periods("client", start, Some(HOUR_S)), [(60, start, end)]);
        assert_eq!(periods("client", day, None), [(DAY_S, day, end)]);
        assert_eq!(periods("client", end - 1, None), [(DAY_S, end - 1, end)]);
    }
}
