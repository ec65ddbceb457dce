//! The audit log in the shapes of the contract.

use super::error::ApiError;
use super::local::LocalClient;
use crate::clock;
use crate::contract::{
    AuditChainReport, AuditCheckReport, AuditList, AuditReport, PastMoment, Problem, rfc3339,
};
use crate::domain::UnixTime;
use crate::store::{AuditCheck, AuditRow, StoreError};

/// Entries of one page, unless the query says otherwise.
const DEFAULT_LIMIT: u32 = 100;

impl LocalClient {
    /// The newest entries of the audit log, newest first; `before` is the `next` of an earlier list.
    pub async fn audit_log(
        &self,
        since: Option<PastMoment>,
        before: Option<&str>,
        limit: Option<u32>,
    ) -> Result<AuditList, ApiError> {
        let since = since.map_or(UnixTime::default(), |since| since.seen_from(clock::now()));
        let before = before.map(|text| position(text).ok_or_else(|| invalid_position(text)));
        let before = before.transpose()?;
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        let rows = self.store().newest_audit(since, before, limit.into()).await;
        let rows = rows.map_err(|error| unreadable(&error))?;
        let is_full = rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let next = rows
            .last()
            .filter(|_| is_full)
            .map(|(instance, row)| format!("{}/{}/{instance}", row.at.micros(), row.sequence));
        let entries = rows.into_iter().map(report).collect();
        Ok(AuditList { entries, next })
    }

    /// Checks every chain of the audit log.
    pub async fn check_audit_log(&self) -> Result<AuditCheckReport, ApiError> {
        let checks = self.store().check_audit().await;
        let checks = checks.map_err(|error| unreadable(&error))?;
        let chains: Vec<AuditChainReport> = checks.into_iter().map(chain).collect();
        Ok(AuditCheckReport {
            is_intact: chains.iter().all(|chain| chain.broken_at.is_none()),
            chains,
        })
    }
}

/// Time in microseconds, instance and number of an entry.
fn position(text: &str) -> Option<(u64, &str, u64)> {
    let (at, rest) = text.split_once('/')?;
    let (number, instance) = rest.split_once('/')?;
    Some((at.parse().ok()?, instance, number.parse().ok()?))
}

fn invalid_position(text: &str) -> Problem {
    let shown: String = text.chars().take(100).collect();
    let detail = format!("before is {shown:?}, but must be the `next` of an earlier list");
    Problem::new(400, detail)
}

fn unreadable(error: &StoreError) -> Problem {
    Problem::new(503, format!("the store cannot be read now: {error}"))
}

fn report((instance, row): (String, AuditRow)) -> AuditReport {
    AuditReport {
        instance,
        number: row.sequence,
        at: rfc3339(row.at),
        actor: row.actor,
        origin: row.origin,
        action: row.action,
        subject: row.subject,
        outcome: row.outcome,
        reason: row.reason,
        before: row.before,
        after: row.after,
        previous: row.previous,
        hash: row.hash,
    }
}

fn chain(check: AuditCheck) -> AuditChainReport {
    AuditChainReport {
        instance: check.instance,
        entries: check.entries,
        broken_at: check.broken.map(|(number, _)| number),
        why: check.broken.map(|(_, why)| why.to_owned()),
        last_hash: check.last_hash,
    }
}
