//! What a change did, as the store keeps it beside the revision.

use crate::domain::{ChangeEffect, EffectFigures, Money, PeriodFigures};
use serde::{Deserialize, Serialize};

/// [`ChangeEffect`] as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EffectShape {
    before: PeriodShape,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<PeriodShape>,
}

#[derive(Debug, Serialize, Deserialize)]
struct PeriodShape {
    seconds: u64,
    requests: FiguresShape,
    providers: Vec<(String, FiguresShape)>,
}

/// Count, share, success, p95 in milliseconds, cost in pico-dollars.
type FiguresShape = (u64, f64, Option<f64>, Option<f64>, Option<u64>);

impl From<&ChangeEffect> for EffectShape {
    fn from(effect: &ChangeEffect) -> Self {
        Self {
            before: PeriodShape::from(&effect.before),
            after: effect.after.as_ref().map(PeriodShape::from),
        }
    }
}

impl From<EffectShape> for ChangeEffect {
    fn from(shape: EffectShape) -> Self {
        Self {
            before: shape.before.into(),
            after: shape.after.map(PeriodFigures::from),
        }
    }
}

impl From<&PeriodFigures> for PeriodShape {
    fn from(period: &PeriodFigures) -> Self {
        let providers = period.providers.iter();
        Self {
            seconds: period.seconds,
            requests: shape(period.requests),
            providers: providers
                .map(|(name, figures)| (name.to_string(), shape(*figures)))
                .collect(),
        }
    }
}

impl From<PeriodShape> for PeriodFigures {
    fn from(period: PeriodShape) -> Self {
        let providers = period.providers.into_iter();
        Self {
            seconds: period.seconds,
            requests: figures(period.requests),
            providers: providers
                .map(|(name, shape)| (name.into(), figures(shape)))
                .collect(),
        }
    }
}

fn shape(figures: EffectFigures) -> FiguresShape {
    let cost = figures.cost.map(Money::pico);
    (
        figures.count,
        figures.share,
        figures.success_rate,
        figures.p95_ms,
        cost,
    )
}

fn figures((count, share, success_rate, p95_ms, cost): FiguresShape) -> EffectFigures {
    EffectFigures {
        count,
        share,
        success_rate,
        p95_ms,
        cost: cost.map(Money::from_pico),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_written_is_read_again() {
        let figures = EffectFigures {
            count: 30,
            share: 0.25,
            success_rate: Some(0.9),
            p95_ms: None,
            cost: Some(Money::from_pico(7)),
        };
        let period = PeriodFigures {
            seconds: 120,
            requests: figures,
            providers: vec![("a".into(), figures)],
        };
        for after in [None, Some(period.clone())] {
            let effect = ChangeEffect {
                before: period.clone(),
                after,
            };
            let json = serde_json::to_string(&EffectShape::from(&effect)).expect("JSON");
            let read: EffectShape = serde_json::from_str(&json).expect("the same");
            assert_eq!(ChangeEffect::from(read), effect);
        }
    }
}
