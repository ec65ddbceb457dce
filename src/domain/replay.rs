//! Replay of a recorded selection under other weights, with the same code and the same random
//! numbers, and the smallest change of a weight that would have selected another target.

use super::score::temperature;
use super::selection::{
    Eligibility, ExclusionReason, ScoredCandidate, SelectionReason, assign_probabilities,
    draw_weighted, next_after_failure, strategy_utility,
};
use super::selection_round::SelectionRound;
use super::weights::{Objective, WeightOverride, Weights};
use crate::domain::index::{ProviderIdx, TargetIdx};
use std::collections::BTreeMap;

/// Settings of a replay: global weights, and overrides by provider.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatIfSettings {
    /// Global weights.
    pub weights: Weights,
    /// Overrides of single providers.
    pub providers: BTreeMap<ProviderIdx, ProviderOverride>,
}

/// Settings of one provider in a replay; `None` keeps the recorded value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ProviderOverride {
    /// Priority, 0..1.
    pub priority: Option<f64>,
    /// Weight override.
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

/// Replays rounds with a reused buffer.
#[derive(Debug, Default)]
pub struct Replay {
    rows: Vec<ScoredCandidate>,
}

/// Change of one weight that would have selected another target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counterfactual {
    /// Changed weight.
    pub objective: Objective,
    /// Recorded points.
    pub from: f64,
    /// Changed points.
    pub to: f64,
    /// Target that it would have selected.
    pub target: TargetIdx,
}

impl Replay {
    /// Returns the target selected under other global weights; `None` if none was eligible.
    ///
    /// Repeats only selections that depend on weights: pins, preferences, half-open probes,
    /// explorations and last resorts keep their result.
    pub fn choose(&mut self, round: &SelectionRound, weights: &Weights) -> Option<TargetIdx> {
        self.simulate(round, &WhatIfSettings::from(*weights))
    }

    /// Returns the target selected under other settings.
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
            let patch = supposed.providers.get(&row.provider);
            let patch = patch.copied().unwrap_or_default();
            let own = patch.weights.unwrap_or(considered.own);
            let own = supposed.weights.with_override(&own);
            let priority = patch.priority.unwrap_or(row.priority);
            let again = (round.strategy, &round.tuning);
            self.rows.push(ScoredCandidate {
                temperature: temperature(&own, &row.bads, &round.tuning),
                utility: strategy_utility(again, &own, &row.bads, priority),
                priority,
                ..row.clone()
            });
        }
        assign_probabilities(&mut self.rows, round.strategy);
        let position = if matches!(reason, SelectionReason::Fallback | SelectionReason::Hedge) {
            next_after_failure(&self.rows, |provider| self.failed(provider))
        } else {
            draw_weighted(&self.rows, round.luck.draw)
        };
        // Candidates left out of the record cannot be selected again.
        position.map_or(round.chosen, |position| Some(self.rows[position].target))
    }

    fn failed(&self, provider: ProviderIdx) -> bool {
        let tried = |row: &ScoredCandidate| {
            row.entry == Eligibility::Excluded(ExclusionReason::AlreadyTried)
        };
        self.rows
            .iter()
            .any(|row| row.provider == provider && tried(row))
    }

    /// Returns the smallest change of one weight, in whole points, that would have selected another
    /// target; `None` if no change would.
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
