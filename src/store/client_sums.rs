//! Sums of the attempts of each client and tag, which no timeline has.

use super::record::{RollUpKey, RollUpRow};
use super::summed_roll_ups::DAY_S;
use crate::domain::{AttemptEnd, BucketCounts, Merge as _, Target, UnixTime, Uptime};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Widths of these sums in seconds.
pub(super) const CLIENT_WIDTHS: [u64; 3] = [60, 3_600, DAY_S];
/// Sums of one width that are held; beyond that the tags of further ones are not told apart.
const MAX_SUMS: usize = 20_000;
/// Seconds after its end in which an attempt may still belong to a bucket.
const LATE_S: u64 = 60;
/// Tag of those that are not told apart, as for too many tags.
const OTHER: &str = "other";

/// Sums of the buckets that are not over yet, or not written yet.
#[derive(Debug, Default)]
pub(super) struct ClientSums {
    /// For each width.
    sums: [BTreeMap<RollUpKey, ClientSum>; CLIENT_WIDTHS.len()],
}

#[derive(Debug, Default)]
struct ClientSum {
    counts: BucketCounts,
    is_written: bool,
}

impl ClientSums {
    /// Counts one attempt.
    pub(super) fn add(&mut self, end: &AttemptEnd, target: &Target) {
        let tag = end.identity.tag.as_ref().map(|tag| Arc::from(tag.as_str()));
        for (sums, width_s) in self.sums.iter_mut().zip(CLIENT_WIDTHS) {
            let mut key = RollUpKey {
                width_s,
                start_s: end.ended.unix_seconds() / width_s * width_s,
                scope: "client",
                provider: target.id.provider.clone(),
                model: target.id.model.clone(),
                client: end.identity.client.clone(),
                tag: tag.clone().unwrap_or_default(),
            };
            if sums.len() >= MAX_SUMS && !sums.contains_key(&key) {
                key.tag = OTHER.into();
            }
            let sum = sums.entry(key).or_default();
            sum.counts.add(end);
            sum.is_written = false;
        }
    }

    /// Adds what an earlier process counted in buckets that are not over yet.
    pub(super) fn restore(&mut self, rows: Vec<RollUpRow>) {
        for row in rows {
            let widths = self.sums.iter_mut().zip(CLIENT_WIDTHS);
            if let Some((sums, _)) = { widths }.find(|(_, width)| *width == row.key.width_s) {
                sums.entry(row.key).or_default().counts.merge(&row.counts);
            }
        }
    }

    /// Returns the sums that changed, and forgets those that are over.
    pub(super) fn changed(&mut self, now: UnixTime) -> Vec<RollUpRow> {
        let mut changed = Vec::new();
        for (key, sum) in self.sums.iter_mut().flatten() {
            if !sum.is_written {
                sum.is_written = true;
                changed.push(RollUpRow {
                    key: key.clone(),
                    counts: sum.counts.clone(),
                    uptime: Uptime::default(),
                });
            }
        }
        let oldest = now.unix_seconds().saturating_sub(LATE_S);
        for sums in &mut self.sums {
            sums.retain(|key, _| key.start_s + key.width_s > oldest);
        }
        changed
    }

    /// Writes all again, because some may be lost.
    pub(super) fn rewrite(&mut self) {
        for sum in self.sums.iter_mut().flat_map(BTreeMap::values_mut) {
            sum.is_written = false;
        }
    }
}
