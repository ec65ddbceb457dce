//! Selections in the audit log: some of those that succeeded, and those that failed.

use super::audit_chain::AuditEntry;
use super::audit_sample::AuditSample;
use super::store::Store;
use crate::domain::{Catalogue, Failure, RequestEnd, RequestOutcome, UnixTime};
use std::time::Duration;

/// What entries of selections say was done.
pub(super) const SELECTION: &str = "selection";
/// Entries of requests that succeeded: one in two seconds says who uses what.
const OF_SUCCESSES: (u32, Duration) = (1, Duration::from_secs(2));
/// Entries of requests that failed: all, up to an outage's flood.
const OF_FAILURES: (u32, Duration) = (50, Duration::from_secs(1));

/// Adds selections to the audit log.
#[derive(Debug)]
pub(super) struct SelectionAudit {
    succeeded: AuditSample,
    failed: AuditSample,
}

impl Default for SelectionAudit {
    fn default() -> Self {
        Self {
            succeeded: AuditSample::new(OF_SUCCESSES.0, OF_SUCCESSES.1),
            failed: AuditSample::new(OF_FAILURES.0, OF_FAILURES.1),
        }
    }
}

impl SelectionAudit {
    pub(super) fn add(
        &mut self,
        store: &Store,
        end: &RequestEnd,
        catalogue: &Catalogue,
        now: UnixTime,
    ) {
        let (sample, why) = match end.outcome {
            RequestOutcome::Ok | RequestOutcome::Cancelled => (&mut self.succeeded, ""),
            RequestOutcome::Error(failure) => (&mut self.failed, Failure::as_str(failure)),
            RequestOutcome::Rejected(reason) => (&mut self.failed, reason.as_str()),
        };
        let Some(left_out) = sample.admit(now) else {
            return;
        };
        let target = end
            .target
            .and_then(|target| catalogue.targets.get(target.get()));
        let after = serde_json::json!({
            "decisionId": end.decision.to_string(),
            "target": target.map(|target| target.id.to_string()),
            "modelAsked": &*end.identity.model,
            "attempts": end.attempts,
            "leftOutBefore": left_out,
        });
        store.audit(AuditEntry {
            actor: end.identity.client.to_string(),
            origin: String::new(),
            action: SELECTION,
            subject: end.request_id.clone(),
            is_done: why.is_empty(),
            reason: if why.is_empty() {
                end.reason.clone()
            } else {
                why.to_owned()
            },
            before: String::new(),
            after: after.to_string(),
        });
    }
}
