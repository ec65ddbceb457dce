//! Deciding again: a recorded round under other weights, by the code that decided it and with the
//! chance that it had. And the smallest change of a weight that would have chosen otherwise.

use super::selection::{
    Eligibility, ExclusionReason, ScoredCandidate, SelectionReason, assign_probabilities,
    draw_weighted, next_after_failure, strategy_utility,
};
use super::selection_round::SelectionRound;
use super::weights::{Objective, WeightOverride, Weights};
use crate::domain::index::{ProviderIdx, TargetIdx};
use std::collections::BTreeMap;

/// What might have been set otherwise: the global weights, and single providers by their places.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatIfSettings {
    pub weights: Weights,
    pub providers: BTreeMap<ProviderIdx, ProviderOverride>,
}

/// What might have been set otherwise of one provider; what is missing stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ProviderOverride {
    /// 0..1.
    pub priority: Option<f64>,
    pub weights: Option<WeightOverride>,
}

impl From<Weights> for WhatIfSettings {
    fn from(weights: Weights) -> Self {
        Self {
            weights,
            providers: BTreeMap::new(),
        }
    }
}

/// Room for one round after the other.
#[derive(Debug, Default)]
pub struct Replay {
    rows: Vec<ScoredCandidate>,
}

/// A weight that would have chosen otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counterfactual {
    pub objective: Objective,
    pub from: f64,
    pub to: f64,
    /// Place of the target in the catalogue that it would have chosen.
    pub target: TargetIdx,
}

impl Replay {
    /// Returns the target selected under other global weights; none if none was eligible.
    ///
    /// Only what follows from weights is decided again: a wish, a trial, an exploration or a need
    /// stay what they were.
    pub fn choose(&mut self, round: &SelectionRound, weights: &Weights) -> Option<TargetIdx> {
        self.simulate(round, &WhatIfSettings::from(*weights))
    }

    /// The same with more than the global weights set otherwise.
    pub fn simulate(
        &mut self,
        round: &SelectionRound,
        supposed: &WhatIfSettings,
    ) -> Option<TargetIdx> {
        let reason = round.reason?;
        if !reason.is_weighed() || !round.strategy.uses_weights() {
            return round.chosen;
        }
        self.rows.clear();
        for considered in &round.candidates {
            let row = &considered.row;
            let wished = supposed.providers.get(&row.provider);
            let wished = wished.copied().unwrap_or_default();
            let own = wished.weights.unwrap_or(considered.own);
            let own = supposed.weights.with_override(&own);
            let priority = wished.priority.unwrap_or(row.priority);
            let again = (round.strategy, &round.tuning);
            self.rows.push(ScoredCandidate {
                utility: strategy_utility(again, &own, &row.bads, priority),
                priority,
                ..row.clone()
            });
        }
        assign_probabilities(&mut self.rows, round.strategy, &round.tuning);
        let place = if reason == SelectionReason::Fallback {
            next_after_failure(&self.rows, |provider| self.failed(provider))
        } else {
            draw_weighted(&self.rows, round.luck.draw)
        };
        // What was left out of the record cannot be chosen again.
        place.map_or(round.chosen, |place| Some(self.rows[place].target))
    }

    fn failed(&self, provider: ProviderIdx) -> bool {
        let tried = |row: &ScoredCandidate| {
            row.entry == Eligibility::Excluded(ExclusionReason::AlreadyTried)
        };
        self.rows
            .iter()
            .any(|row| row.provider == provider && tried(row))
    }

    /// The smallest change of one weight, in whole points, that would have selected another target;
    /// nothing where none would.
    pub fn counterfactual(&mut self, round: &SelectionRound) -> Option<Counterfactual> {
        if !round.reason?.is_weighed() || !round.strategy.uses_weights() {
            return None;
        }
        for step in 1..=100_u32 {
            for objective in Objective::ALL {
                let from = round.weights.of(objective);
                for to in [from + f64::from(step), from - f64::from(step)] {
                    if !(0.0..=100.0).contains(&to) {
                        continue;
                    }
                    let weights = round.weights.with_points(objective, to);
                    let chosen = self.choose(round, &weights);
                    if let Some(target) = chosen.filter(|_| chosen != round.chosen) {
                        return Some(Counterfactual {
                            objective,
                            from,
                            to,
                            target,
                        });
                    }
                }
            }
        }
        None
    }
}
