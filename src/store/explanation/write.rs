//! A recorded decision → its JSON.

use super::exclusion::StoredExclusion;
use super::names::Names;
use super::shape::{StoredAttempt, StoredCandidate, StoredDecision, StoredRound};
use super::terms::StoredTerms;
use crate::domain::{
    AttemptRecord, CacheSaving, Catalogue, DecisionRecord, Eligibility, MeasuredUsage, Money,
    Outcome, Penalties, RecordedCandidate, RequestClass, SelectionReason, SelectionRound,
    UsageBasis, WeightOverride,
};

/// Significant digits of a stored number.
const DIGITS: i32 = 9;

pub(super) fn decision(decision: &DecisionRecord, catalogue: &Catalogue) -> String {
    let mut names = Names::of(catalogue);
    let rounds = decision.rounds.iter();
    let rounds = rounds.map(|it| round(it, &mut names)).collect();
    let dropped = decision.end.as_ref().map(|end| end.dropped_fields.clone());
    let attempts = decision.attempts.iter();
    let attempts = attempts.map(|it| attempt(it, &mut names)).collect();
    let stored = StoredDecision {
        t: names.texts(),
        r: rounds,
        a: attempts,
        d: dropped.unwrap_or_default(),
    };
    serde_json::to_string(&stored).unwrap_or_default()
}

fn round(round: &SelectionRound, names: &mut Names<'_>) -> StoredRound {
    let (tuning, weights) = (&round.tuning, &round.weights);
    let plain = RequestClass::new(round.class.kind(), round.class.is_streamed());
    let is_it = |reason: SelectionReason| SelectionReason::ALL.iter().position(|it| *it == reason);
    StoredRound {
        at: round.at.micros(),
        n: round.attempt,
        s: round.strategy.as_str().to_owned(),
        g: [
            tuning.temperature,
            tuning.exploration,
            tuning.first_token_reference,
            tuning.token_reference,
            tuning.guard,
        ],
        w: [
            weights.cost,
            weights.latency,
            weights.reliability,
            weights.load,
            weights.priority,
        ],
        v: round.revision,
        c: (
            round.class.kind().as_str().to_owned(),
            round.class.is_streamed(),
        ),
        i: (round.class != plain).then(|| round.class.index()),
        io: (short(round.input), short(round.output)),
        q: StoredTerms::of(round, names),
        // The draw decides, so all its digits count.
        l: (round.luck.gate, round.luck.draw),
        x: round.chosen.map(|chosen| names.place(chosen)),
        y: round.reason.and_then(is_it),
        k: round
            .candidates
            .iter()
            .map(|it| candidate(it, names))
            .collect(),
        o: round.left_out,
    }
}

fn attempt(record: &AttemptRecord, names: &mut Names<'_>) -> StoredAttempt {
    let outcome = match record.outcome {
        Outcome::Success => "ok",
        Outcome::Cancelled => "cancelled",
        Outcome::Failed(failure) => failure.as_str(),
    };
    StoredAttempt {
        t: names.place(record.target),
        n: record.number,
        k: record.key.and_then(|key| u16::try_from(key.get()).ok()),
        at: (record.started.micros(), record.ended.micros()),
        o: outcome.to_owned(),
        h: record.status,
        m: record.message.as_deref().map(str::to_owned),
        f: record.first_token.map(short),
        u: record.usage.map(|MeasuredUsage { usage, basis }| {
            let tokens = [
                usage.input,
                usage.output,
                usage.cached,
                usage.written,
                usage.written_long,
                usage.reasoning,
            ];
            (tokens, basis == UsageBasis::Exact)
        }),
        c: record.cost.map(Money::pico),
    }
}

fn candidate(recorded: &RecordedCandidate, names: &mut Names<'_>) -> StoredCandidate {
    let row = &recorded.row;
    let numbers = [
        row.bads.cost,
        row.bads.latency,
        row.bads.risk,
        row.bads.load,
        row.priority,
        row.risk.failure,
        row.risk.limited,
        row.risk.miss,
        row.predicted.first_token,
        row.predicted.per_token,
        row.headroom,
        row.temperature,
        row.utility,
        row.odds,
    ];
    let (own, avoided) = (recorded.own, row.cache.avoided);
    StoredCandidate {
        t: names.place(row.target),
        e: match &row.entry {
            Eligibility::Excluded(reason) => Some(StoredExclusion::new(reason)),
            Eligibility::Eligible | Eligibility::HalfOpenProbe => None,
        },
        p: row.entry == Eligibility::HalfOpenProbe,
        v: numbers.map(short),
        f: row.in_flight,
        w: (own != WeightOverride::default()).then_some([own.cost, own.latency, own.reliability]),
        c: recorded
            .price
            .map(|(input, output)| (short(input), short(output))),
        h: (row.cache != CacheSaving::default())
            .then_some((short(row.cache.tokens), short(row.cache.usd))),
        b: (avoided != Penalties::default())
            .then_some([avoided.cost, avoided.latency, avoided.risk].map(short)),
    }
}

/// The number with nine significant digits; one that is none becomes 0, because JSON has none.
pub(super) fn short(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return 0.0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the logarithm of a float is below 400"
    )]
    let magnitude = number.abs().log10().floor() as i32;
    let decimals = DIGITS - 1 - magnitude;
    if decimals > 22 {
        // Powers of ten above that are not exact; nothing so small matters.
        return number;
    }
    if decimals >= 0 {
        let scale = 10_f64.powi(decimals);
        (number * scale).round() / scale
    } else {
        number.round()
    }
}
