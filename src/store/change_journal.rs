//! Writes what operators change: revisions, and the changes that no file holds.

use super::held_changes::write_held;
use super::record::{Record, RevisionRow};
use super::saved_alerts::alerts_to_json;
use super::store::Store;
use crate::domain::{BalancerState, HeldChanges, UnixTime};
use std::time::Duration;

/// Name of the state that holds the changes of no file.
pub(super) const HELD_CHANGES: &str = "held_changes";

/// Name of the state that holds the alerts.
pub(super) const ALERTS: &str = "alerts";

/// Revisions this old are not measured any more.
const MEASURED: Duration = Duration::from_mins(10);

/// What was written last.
#[derive(Debug, Default)]
pub(super) struct ChangeJournal {
    revision: u64,
    /// Number of effects of revisions that were measured.
    effects: u64,
    held: Option<HeldChanges>,
    /// Number of changes of the alerts.
    alerts: u64,
}

impl ChangeJournal {
    /// Knows the revisions up to this one: they are in the store.
    pub(super) fn up_to(revision: u64) -> Self {
        Self {
            revision,
            ..Self::default()
        }
    }

    /// Writes what changed since the last call.
    pub(super) fn write(&mut self, store: &Store, state: &BalancerState, now: UnixTime) {
        let mut newest = self.revision;
        let has_measured = self.effects != state.effect_changes();
        self.effects = state.effect_changes();
        for revision in state.revisions() {
            let is_new = revision.number > self.revision;
            // The same row again, now with what the change did.
            let is_measured = has_measured && revision.at.plus(MEASURED) >= now;
            if !is_new && !is_measured {
                break;
            }
            newest = newest.max(revision.number);
            store.record(Record::Revision(Box::new(RevisionRow::from(revision))));
        }
        self.revision = newest;
        let held = state.held_changes();
        if self.held.as_ref() != Some(&held) {
            store.record(Record::State {
                name: HELD_CHANGES,
                json: write_held(&held),
                at: now,
            });
            self.held = Some(held);
        }
        if self.alerts != state.alert_changes() {
            self.alerts = state.alert_changes();
            store.record(Record::State {
                name: ALERTS,
                json: alerts_to_json(&state.saved_alerts()).to_string(),
                at: now,
            });
        }
    }
}
