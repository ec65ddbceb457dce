//! Which entries of the audit log a list has.

use super::error::ApiError;
use crate::clock;
use crate::contract::{PastMoment, Problem};
use crate::store::{AuditKey, AuditPlace, AuditRange};

/// Entries of one page, unless the query says otherwise.
const DEFAULT_LIMIT: u32 = 100;

/// Which entries of the audit log a list has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those from this moment on.
    pub since: Option<PastMoment>,
    /// Only those before this moment.
    pub until: Option<PastMoment>,
    /// The `next` of an earlier list, whose order is newest first.
    pub before: Option<String>,
    /// The same with the oldest first; [`AuditFilter::OLDEST`] begins such a list.
    pub after: Option<String>,
    /// Most entries.
    pub limit: Option<u32>,
}

impl AuditFilter {
    /// Place before all entries.
    pub const OLDEST: &str = "0/0/";

    pub(super) fn range(&self) -> Result<AuditRange, ApiError> {
        let now = clock::now();
        let from = match (&self.before, &self.after) {
            (None, None) => AuditPlace::Newest,
            (Some(before), None) => AuditPlace::Before(key("before", before)?),
            (None, Some(after)) => AuditPlace::After(key("after", after)?),
            (Some(_), Some(_)) => {
                return Err(Problem::new(400, "before and after exclude each other").into());
            }
        };
        Ok(AuditRange {
            since: self.since.map(|since| since.seen_from(now)),
            until: self.until.map(|until| until.seen_from(now)),
            from,
            limit: self.limit.unwrap_or(DEFAULT_LIMIT).into(),
        })
    }
}

/// Time in microseconds, number and instance of an entry.
fn key(name: &str, text: &str) -> Result<AuditKey, Problem> {
    let read = text.split_once('/').and_then(|(at, rest)| {
        let (number, instance) = rest.split_once('/')?;
        Some(AuditKey {
            at: at.parse().ok()?,
            instance: instance.to_owned(),
            sequence: number.parse().ok()?,
        })
    });
    read.ok_or_else(|| {
        let shown: String = text.chars().take(100).collect();
        let detail = format!("{name} is {shown:?}, but must be the `next` of an earlier list");
        Problem::new(400, detail)
    })
}
