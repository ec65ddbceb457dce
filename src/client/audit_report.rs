//! The audit log in the shapes of the contract.

use super::audit_filter::AuditFilter;
use super::error::ApiError;
use super::local::LocalClient;
use super::store_report::unavailable;
use crate::contract::{AuditChainReport, AuditCheckReport, AuditList, AuditReport, rfc3339};
use crate::store::{AuditCheck, AuditLog, AuditRow, StoreError};

impl LocalClient {
    /// Entries of the audit log.
    pub async fn audit_log(&self, filter: &AuditFilter) -> Result<AuditList, ApiError> {
        audit_list(&self.readable_audit()?, filter).await
    }

    /// Checks every chain of the audit log.
    pub async fn check_audit_log(&self) -> Result<AuditCheckReport, ApiError> {
        audit_check(&self.readable_audit()?).await
    }

    fn readable_audit(&self) -> Result<AuditLog, ApiError> {
        let log = self.store().audit_log();
        log.map_err(|error| unavailable(&error))
    }
}

/// Entries of an audit log.
pub async fn audit_list(log: &AuditLog, filter: &AuditFilter) -> Result<AuditList, ApiError> {
    let range = filter.range()?;
    let rows = log.entries(&range).await;
    let rows = rows.map_err(|error| unavailable(&error))?;
    let is_full = rows.len() as u64 >= range.limit;
    let next = rows
        .last()
        .filter(|_| is_full)
        .map(|(instance, row)| format!("{}/{}/{instance}", row.at.micros(), row.sequence));
    let entries = rows.into_iter().map(report).collect();
    Ok(AuditList { entries, next })
}

/// Checks every chain of an audit log.
pub async fn audit_check(log: &AuditLog) -> Result<AuditCheckReport, ApiError> {
    let checks = log.check().await;
    let checks = checks.map_err(|error: StoreError| unavailable(&error))?;
    let chains: Vec<AuditChainReport> = checks.into_iter().map(chain).collect();
    Ok(AuditCheckReport {
        is_intact: chains.iter().all(|chain| chain.broken_at.is_none()),
        chains,
    })
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
        expired_up_to: check.expired_up_to,
        broken_at: check.broken.map(|(number, _)| number),
        why: check.broken.map(|(_, why)| why.to_owned()),
        last_hash: check.last_hash,
    }
}
