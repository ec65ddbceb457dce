//! Warnings about risky weights.

use super::BalancerState;
use super::warning::Warning;
use crate::domain::event::{Effect, EventKind};
use crate::domain::model_type::ModelType;
use crate::domain::score::risk_excess;
use crate::domain::selection::{CandidateSet, RequestProfile};
use crate::domain::strategy::Strategy;
use crate::domain::tuning::{GUARD_FREE_RISK, Tuning};
use crate::domain::units::UnixTime;

/// Above this weight, cost decides alone: all traffic goes to the cheapest provider until it fails,
/// with every strategy.
const COST_WARNING_POINTS: f64 = 70.0;

impl BalancerState {
    /// Returns the active warnings with their texts.
    pub(super) fn warnings(&self, now: UnixTime) -> Vec<(Warning, String)> {
        let mut warnings = Vec::new();
        if self.strategy.uses_weights() && self.weights.cost > COST_WARNING_POINTS {
            let text = format!(
                "cost weighs {}, and above {COST_WARNING_POINTS} traffic goes to the cheapest provider until it breaks",
                self.weights.cost
            );
            warnings.push((Warning::CostAlone, text));
        }
        warnings.extend(self.risky_favourite(now));
        warnings
    }

    /// Warns if the guard keeps traffic away from the target with the highest score by weights.
    fn risky_favourite(&self, now: UnixTime) -> Option<(Warning, String)> {
        if self.strategy != Strategy::Adaptive {
            return None;
        }
        let mut table = self.routing_table(now);
        table.tuning = Tuning {
            guard: 0.0,
            ..table.tuning
        };
        let mut candidates = CandidateSet::default();
        candidates.evaluate(&table, &RequestProfile::usual(ModelType::Chat), now);
        let eligible = candidates.rows().iter().filter(|row| row.is_eligible());
        let favourite = eligible.max_by(|a, b| a.utility.total_cmp(&b.utility))?;
        let risk = favourite.bads.risk;
        (risk_excess(risk) > 0.0).then(|| {
            let text = format!(
                "the weights favour {}, which is expected to fail {:.0} % of the time; above {:.0} % the guard holds traffic back",
                table.candidates[favourite.target].id,
                risk * 100.0,
                GUARD_FREE_RISK * 100.0
            );
            (Warning::Favourite(favourite.target), text)
        })
    }

    /// Emits the new warnings.
    pub(super) fn warn(&mut self, now: UnixTime, effects: &mut Vec<Effect>) {
        let warnings = self.warnings(now);
        for (warning, text) in &warnings {
            if !self.warned.contains(warning) {
                effects.push(self.emit(EventKind::Info, true, None, text.clone(), now));
            }
        }
        self.warned = warnings.into_iter().map(|(warning, _)| warning).collect();
    }
}
