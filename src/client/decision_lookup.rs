//! One decision, by its id, the id of its request, or the beginning of either.

use super::error::ApiError;
use super::local::LocalClient;
use super::store_report::unavailable;
use crate::contract::{DecisionDetail, FieldProblem};
use crate::domain::{Catalogue, DecisionId, DecisionRecord};
use crate::store::{RequestRow, stored_decision};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Characters of a beginning that is looked up.
const MIN_START: usize = 4;
/// Decisions that an answer about an ambiguous beginning names.
const NAMED: usize = 4;

impl LocalClient {
    /// One request with all its selections: by the id of its decision, by its own id, or by a
    /// beginning of either with at least four characters that no other request shares.
    pub async fn decision(&self, text: &str) -> Result<DecisionDetail, ApiError> {
        let catalogue = &self.handle().routing_table().catalogue;
        if let Ok(id) = text.parse::<DecisionId>()
            && let Some(decision) = self.handle().decision(id).await?
        {
            return Ok(DecisionDetail::new(&decision, catalogue));
        }
        let unknown = || ApiError::UnknownDecision(text.to_owned());
        if text.chars().count() < MIN_START {
            return Err(unknown());
        }
        let found = self.remembered(text).await?;
        let rows = self.stored_requests(text).await?;
        let is_whole = |it: &DecisionRecord| request_id(it) == Some(text);
        let is_whole_row = |row: &RequestRow| row.request_id == text || row.decision == text;
        // A whole id is meant before the beginning of others.
        let is_exact = found.iter().any(|it| is_whole(it)) || rows.iter().any(is_whole_row);
        let in_memory = found.iter().filter(|it| !is_exact || is_whole(it));
        let in_store = rows.iter().filter(|row| !is_exact || is_whole_row(row));
        let ids: BTreeSet<String> = in_memory
            .clone()
            .map(|it| it.id.to_string())
            .chain(in_store.clone().map(|row| row.decision.clone()))
            .collect();
        if ids.len() > 1 {
            return Err(ambiguous(text, ids.into_iter().collect()));
        }
        if let Some(decision) = in_memory.clone().next() {
            return Ok(DecisionDetail::new(decision, catalogue));
        }
        // What it names may not be configured any more.
        let mut names = Catalogue::default();
        let row = in_store.clone().next();
        let decision = row.and_then(|row| stored_decision(row, &mut names));
        let decision = decision.ok_or_else(unknown)?;
        Ok(DecisionDetail::new(&decision, &names))
    }

    /// Decisions in memory that begin so.
    async fn remembered(&self, start: &str) -> Result<Vec<Arc<DecisionRecord>>, ApiError> {
        let mut decisions = self.handle().decisions().await?;
        let known: BTreeSet<DecisionId> = decisions.iter().map(|it| it.id).collect();
        let troubled = self.handle().troubled().await?.decisions;
        decisions.extend(troubled.into_iter().filter(|it| !known.contains(&it.id)));
        decisions.retain(|decision| {
            request_id(decision).is_some_and(|id| id.starts_with(start))
                || decision.id.to_string().starts_with(start)
        });
        Ok(decisions)
    }

    async fn stored_requests(&self, start: &str) -> Result<Vec<RequestRow>, ApiError> {
        if !self.store().is_on() {
            return Ok(Vec::new());
        }
        let rows = self.store().find_requests(start, NAMED as u64 + 1).await;
        rows.map_err(|error| unavailable(&error))
    }
}

fn request_id(decision: &DecisionRecord) -> Option<&str> {
    decision.end.as_ref().map(|end| end.request_id.as_str())
}

fn ambiguous(text: &str, mut ids: Vec<String>) -> ApiError {
    let more = if ids.len() > NAMED { " and more" } else { "" };
    ids.truncate(NAMED);
    let expected = format!("the id of one request, not of {}{more}", ids.join(", "));
    ApiError::Invalid(vec![FieldProblem::new("id", text, &expected)])
}
