//! Measures what each revision did: the time before it, and the time after it once that is over.

use super::BalancerState;
use crate::domain::change_effect::{
    ChangeEffect, EFFECT_TIME, EffectFigures, FEWEST_MEASURED, LONG_EFFECT_TIME, PeriodFigures,
};
use crate::domain::index::{ProviderIdx, TargetIdx};
use crate::domain::timeline::{BucketCounts, Merge, Timeline};
use crate::domain::units::UnixTime;
use std::ops::Range;
use std::sync::Arc;

/// The buckets of a second reach back this far.
const REACH_S: u64 = 300;

impl BalancerState {
    /// Returns the number of effects that were measured to their end.
    pub fn effect_changes(&self) -> u64 {
        self.effects_measured
    }

    /// The effect of a change that is made now: what is known of it already.
    pub(super) fn begun_effect(&self, now: UnixTime) -> ChangeEffect {
        let until = now.unix_seconds();
        let last = |time: std::time::Duration| {
            let seconds = time.as_secs().min(until);
            self.period_figures(until - seconds..until)
        };
        let usual = last(EFFECT_TIME);
        let before = if usual.requests.is_few() {
            last(LONG_EFFECT_TIME)
        } else {
            usual
        };
        ChangeEffect {
            before,
            after: None,
        }
    }

    /// Ends the measurement of earlier changes, because another one is made now.
    pub(super) fn cut_effects(&mut self, now: UnixTime) {
        self.end_effects(now, |_| true);
    }

    /// Ends the measurement of changes whose time is over.
    pub(super) fn measure_effects(&mut self, now: UnixTime) {
        // The second of the change belongs to neither side, so one more passes.
        let is_over =
            |changed: UnixTime| now.unix_seconds() > ChangeEffect::due(changed).unix_seconds();
        self.end_effects(now, is_over);
    }

    fn end_effects(&mut self, now: UnixTime, is_over: impl Fn(UnixTime) -> bool) {
        let reaches = |at: UnixTime| at.unix_seconds() + REACH_S >= now.unix_seconds();
        let recent = self.revisions.iter().rev().take_while(|it| reaches(it.at));
        let is_open = |effect: &ChangeEffect| effect.after.is_none();
        let open = recent.filter(|it| it.effect.as_ref().is_some_and(is_open) && is_over(it.at));
        let measured: Vec<(u64, PeriodFigures)> = open
            .map(|revision| {
                let first = revision.at.unix_seconds() + 1;
                let last = first + EFFECT_TIME.as_secs();
                let end = last.min(now.unix_seconds()).max(first);
                (revision.number, self.period_figures(first..end))
            })
            .collect();
        for (number, after) in measured {
            let mut revisions = self.revisions.iter_mut();
            let revision = revisions.find(|revision| revision.number == number);
            if let Some(effect) = revision.and_then(|it| it.effect.as_mut()) {
                effect.after = Some(after);
                self.effects_measured += 1;
            }
        }
    }

    /// The figures of what ended in these seconds.
    fn period_figures(&self, seconds: Range<u64>) -> PeriodFigures {
        let targets = &self.catalogue.targets;
        let mut counts: Vec<BucketCounts> = Vec::new();
        counts.resize_with(self.providers.len(), BucketCounts::default);
        for target in TargetIdx::all(self.targets.len()) {
            let sum = &mut counts[targets[target].provider.get()];
            sum.merge(&sum_of(&self.targets[target].history, &seconds));
        }
        let named = ProviderIdx::all(self.providers.len()).zip(counts);
        let named = named.map(|(at, counts)| (Arc::clone(&self.providers[at].name), counts));
        period(
            seconds.end - seconds.start,
            &sum_of(&self.requests, &seconds),
            named.collect(),
        )
    }
}

fn sum_of(timeline: &Timeline<BucketCounts>, seconds: &Range<u64>) -> BucketCounts {
    let mut sum = BucketCounts::default();
    let from = UnixTime::from_seconds(seconds.start);
    for (_, counts) in timeline
        .stored(1, from)
        .filter(|(start, _)| seconds.contains(start))
    {
        sum.merge(counts);
    }
    sum
}

/// The figures of `seconds`: what clients asked, and the attempts at each provider.
fn period(
    seconds: u64,
    requests: &BucketCounts,
    providers: Vec<(Arc<str>, BucketCounts)>,
) -> PeriodFigures {
    let mut attempts = BucketCounts::default();
    for (_, counts) in &providers {
        attempts.merge(counts);
    }
    let all = attempts.all();
    let providers = providers.into_iter();
    let providers = providers.filter(|(_, counts)| counts.all() > 0);
    PeriodFigures {
        seconds,
        requests: EffectFigures {
            cost: attempts.known_cost(),
            ..figures(requests, requests.all())
        },
        providers: providers
            .map(|(name, counts)| (name, figures(&counts, all)))
            .collect(),
    }
}

/// The figures of these counts, which are a part of `all`.
pub(super) fn figures(counts: &BucketCounts, all: u64) -> EffectFigures {
    let enough = |count: u64| count >= FEWEST_MEASURED;
    let rate = counts.success_rate();
    let p95 = counts.latency.quantile(0.95);
    EffectFigures {
        count: counts.all(),
        share: counts.all() as f64 / all.max(1) as f64,
        success_rate: rate.filter(|_| enough(counts.rate_base())),
        p95_ms: p95.filter(|_| enough(counts.succeeded)),
        cost: counts.known_cost(),
    }
}
