//! The record of decisions: who was considered, what each was worth, what chance said, and how it
//! went. Enough is kept to decide again, under the same weights or others.

use super::ids::DecisionId;
use super::observation::RequestEnd;
use super::random::RandomDraw;
use super::selection::{CandidateSet, ScoredCandidate, SelectionReason, TargetSelection};
use super::snapshot::{RoutingTable, Strategy};
use super::target::RequestClass;
use super::tuning::Tuning;
use super::units::UnixTime;
use super::weights::{WeightOverride, Weights};
use crate::domain::index::TargetIdx;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Of a larger field the best so many are kept, the chosen one among them.
const MAX_CANDIDATES_PER_ROUND: usize = 64;
/// So many decisions are kept, and so many candidates in all of them together: some 40 MB.
const MAX_DECISIONS: usize = 10_000;
const MAX_CANDIDATES: usize = 200_000;

/// One candidate, with what is needed to weigh it again.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedCandidate {
    pub row: ScoredCandidate,
    /// Its provider's own weights.
    pub own: WeightOverride,
    /// USD per token in and out; nothing where the price is unknown.
    pub price: Option<(f64, f64)>,
}

/// One choice: of a request's first attempt, or of a fallback.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectionRound {
    pub decision: DecisionId,
    /// Whether somebody only asked; then nothing was sent.
    pub is_dry_run: bool,
    pub at: UnixTime,
    /// 1 for the first.
    pub attempt: u32,
    pub strategy: Strategy,
    pub tuning: Tuning,
    /// The global weights, and their revision.
    pub weights: Weights,
    pub revision: u64,
    pub class: RequestClass,
    /// Tokens that were expected.
    pub input: f64,
    pub output: f64,
    pub luck: RandomDraw,
    /// Place of the chosen target in the catalogue; nothing where nobody might serve.
    pub chosen: Option<TargetIdx>,
    pub reason: Option<SelectionReason>,
    pub candidates: Vec<RecordedCandidate>,
    /// How many more there were.
    pub left_out: usize,
}

/// What a round is part of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SelectionContext {
    pub decision: DecisionId,
    pub is_dry_run: bool,
    pub attempt: u32,
    pub class: RequestClass,
    /// Estimated tokens of the prompt.
    pub input: f64,
    pub luck: RandomDraw,
    pub at: UnixTime,
}

impl SelectionRound {
    /// From a field that was just decided on.
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
            luck: on.luck,
            chosen,
            reason: choice.map(|choice| choice.reason),
            candidates: rows.into_iter().map(considered).collect(),
            left_out,
        }
    }
}

/// All that is known of one decision.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRecord {
    pub id: DecisionId,
    /// Oldest first; empty where the record of them was lost.
    pub rounds: Vec<SelectionRound>,
    /// Nothing while the request runs.
    pub end: Option<RequestEnd>,
}

impl DecisionRecord {
    pub fn is_dry_run(&self) -> bool {
        self.rounds.iter().any(|round| round.is_dry_run)
    }

    fn size(&self) -> usize {
        self.rounds.iter().map(|round| round.candidates.len()).sum()
    }
}

/// The latest decisions.
#[derive(Debug, Default)]
pub struct DecisionLog {
    kept: BTreeMap<DecisionId, Arc<DecisionRecord>>,
    candidates: usize,
}

impl DecisionLog {
    /// Keeps one round.
    pub fn add(&mut self, round: SelectionRound) {
        self.change(round.decision, |decision| decision.rounds.push(round));
    }

    /// Keeps how a request ended.
    pub fn end(&mut self, end: RequestEnd) {
        self.change(end.decision, |decision| decision.end = Some(end));
    }

    pub fn get(&self, id: DecisionId) -> Option<&Arc<DecisionRecord>> {
        self.kept.get(&id)
    }

    /// Newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<DecisionRecord>> {
        self.kept.values().rev()
    }

    fn change(&mut self, id: DecisionId, change: impl FnOnce(&mut DecisionRecord)) {
        let empty = || {
            Arc::new(DecisionRecord {
                id,
                // Most have one, and ten thousand are kept.
                rounds: Vec::with_capacity(1),
                end: None,
            })
        };
        let decision = Arc::make_mut(self.kept.entry(id).or_insert_with(empty));
        let before = decision.size();
        change(decision);
        self.candidates = self.candidates + decision.size() - before;
        while self.kept.len() > MAX_DECISIONS || self.candidates > MAX_CANDIDATES {
            let Some((_, oldest)) = self.kept.pop_first() else {
                return;
            };
            self.candidates -= oldest.size();
        }
    }
}
