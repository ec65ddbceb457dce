//! Record of one selection: the candidates with their scores, the random numbers, and the result.
//! It holds enough to repeat the selection, under the same weights or others.

use super::ids::DecisionId;
use super::index::TargetIdx;
use super::model_type::RequestClass;
use super::random::RandomDraw;
use super::request_terms::RequestTerms;
use super::selection::{CandidateSet, ScoredCandidate, SelectionReason, TargetSelection};
use super::snapshot::RoutingTable;
use super::strategy::Strategy;
use super::tuning::Tuning;
use super::units::UnixTime;
use super::weights::{WeightOverride, Weights};
use std::sync::Arc;

/// Candidates recorded per selection: the best ones, and the selected one among them.
const MAX_CANDIDATES_PER_ROUND: usize = 64;

/// One candidate, with the values needed to score it again.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedCandidate {
    /// Its evaluation.
    pub row: ScoredCandidate,
    /// Weight override of its provider.
    pub own: WeightOverride,
    /// USD per token in and out; `None` if the price is unknown.
    pub price: Option<(f64, f64)>,
}

/// One selection: for the first attempt of a request, or for a fallback.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectionRound {
    /// Decision that it belongs to.
    pub decision: DecisionId,
    /// True for a dry run: nothing was sent.
    pub is_dry_run: bool,
    /// Time of the selection.
    pub at: UnixTime,
    /// Number of the attempt, 1 for the first.
    pub attempt: u32,
    /// Strategy in effect.
    pub strategy: Strategy,
    /// Tuning in effect.
    pub tuning: Tuning,
    /// Global weights in effect.
    pub weights: Weights,
    /// Revision of the weights.
    pub revision: u64,
    /// Class of the request.
    pub class: RequestClass,
    /// Estimated tokens of the prompt.
    pub input: f64,
    /// Expected tokens of the response.
    pub output: f64,
    /// What else the request asked for; `None` if nothing is sent.
    pub terms: Option<Arc<RequestTerms>>,
    /// Random numbers of the selection.
    pub luck: RandomDraw,
    /// The selected target; `None` if no target was eligible.
    pub chosen: Option<TargetIdx>,
    /// Reason of the selection.
    pub reason: Option<SelectionReason>,
    /// Candidates by target index.
    pub candidates: Vec<RecordedCandidate>,
    /// Number of candidates left out of the record.
    pub left_out: usize,
}

/// Request that a selection belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SelectionContext {
    /// Decision of the request.
    pub decision: DecisionId,
    /// True if nothing is sent.
    pub is_dry_run: bool,
    /// Number of the attempt, 1 for the first.
    pub attempt: u32,
    /// Class of the request.
    pub class: RequestClass,
    /// Estimated tokens of the prompt.
    pub input: f64,
    /// Random numbers of the selection.
    pub luck: RandomDraw,
    /// Time of the selection.
    pub at: UnixTime,
}

impl SelectionRound {
    /// Records a selection from the evaluated candidates.
    pub fn of(
        table: &RoutingTable,
        field: &CandidateSet,
        choice: Option<&TargetSelection>,
        on: SelectionContext,
    ) -> Self {
        let chosen = choice.map(|choice| choice.target);
        let mut rows: Vec<&ScoredCandidate> = field.rows().iter().collect();
        let left_out = rows.len().saturating_sub(MAX_CANDIDATES_PER_ROUND);
        if left_out > 0 {
            let rank = |row: &&ScoredCandidate| (Some(row.target) == chosen, row.is_eligible());
            rows.sort_by(|a, b| rank(b).cmp(&rank(a)).then(b.utility.total_cmp(&a.utility)));
            rows.truncate(MAX_CANDIDATES_PER_ROUND);
            rows.sort_by_key(|row| row.target);
        }
        let considered = |row: &ScoredCandidate| {
            let candidate = &table.candidates[row.target];
            RecordedCandidate {
                row: row.clone(),
                own: candidate.own_weights,
                price: candidate
                    .price
                    .as_ref()
                    .map(|price| (price.input.usd(), price.output.usd())),
            }
        };
        Self {
            decision: on.decision,
            is_dry_run: on.is_dry_run,
            at: on.at,
            attempt: on.attempt,
            strategy: table.strategy,
            tuning: table.tuning,
            weights: table.weights,
            revision: table.revision,
            class: on.class,
            input: on.input,
            output: field.output,
            terms: None,
            luck: on.luck,
            chosen,
            reason: choice.map(|choice| choice.reason),
            candidates: rows.into_iter().map(considered).collect(),
            left_out,
        }
    }

    /// The record of a request that is sent, with what else it asked for.
    #[must_use]
    pub fn with_terms(self, terms: RequestTerms) -> Self {
        Self {
            terms: Some(Arc::new(terms)),
            ..self
        }
    }
}
