//! The JSON of a decision → its selections.

use super::exclusion::StoredExclusion;
use super::shape::{StoredAttempt, StoredCandidate, StoredDecision, StoredRound};
use crate::domain::{
    AttemptRecord, CacheSaving, Capabilities, Catalogue, DecisionId, Eligibility, Failure, KeyIdx,
    MeasuredUsage, ModelType, ModelTypes, Money, Outcome, Penalties, Prediction, Provider,
    ProviderIdx, RandomDraw, RecordedCandidate, RequestClass, Risk, ScoredCandidate,
    SelectionReason, SelectionRound, Strategy, Target, TargetId, TargetIdx, Tuning, UnixTime,
    Usage, UsageBasis, WeightOverride, Weights,
};
use std::sync::Arc;

/// Finds the targets that a stored decision names.
pub trait NamedTargets {
    /// Indices of a target and of its provider; `None` if there is none of that name.
    fn find(&mut self, provider: &str, model: &str) -> Option<(TargetIdx, ProviderIdx)>;
}

/// Only what is configured.
impl NamedTargets for &Catalogue {
    fn find(&mut self, provider: &str, model: &str) -> Option<(TargetIdx, ProviderIdx)> {
        let target = self.target(provider, model)?;
        Some((target, self.targets[target].provider))
    }
}

/// Adds what is missing, for a catalogue that only names things.
impl NamedTargets for Catalogue {
    fn find(&mut self, provider: &str, model: &str) -> Option<(TargetIdx, ProviderIdx)> {
        let owner = self.provider(provider).unwrap_or_else(|| {
            self.providers.push(Provider::new(provider, ""));
            (self.providers.len() - 1).into()
        });
        let target = self.target(provider, model).unwrap_or_else(|| {
            self.targets.push(Target {
                id: TargetId::new(provider, model),
                provider: owner,
                types: ModelTypes::default(),
                capabilities: Capabilities::default(),
                price: None,
                max_concurrent: None,
            });
            (self.targets.len() - 1).into()
        });
        Some((target, owner))
    }
}

/// What explains a decision.
#[derive(Debug, Default)]
pub struct StoredExplanation {
    /// Selections, oldest first.
    pub rounds: Vec<SelectionRound>,
    /// Attempts, oldest first.
    pub attempts: Vec<AttemptRecord>,
    /// Dropped fields of the request.
    pub dropped_fields: Vec<String>,
}

/// Reads the selections and attempts of a decision. Candidates that are not found are left out.
pub fn read_explanation(
    json: &str,
    decision: DecisionId,
    names: &mut impl NamedTargets,
) -> Option<StoredExplanation> {
    let stored: StoredDecision = serde_json::from_str(json).ok()?;
    let found = stored.t.iter();
    let found = found.map(|(provider, model)| names.find(provider, model));
    let targets: Vec<Option<(TargetIdx, ProviderIdx)>> = found.collect();
    let rounds = stored.r.iter();
    let attempts = stored.a.iter();
    Some(StoredExplanation {
        rounds: rounds
            .filter_map(|it| round(it, decision, &targets))
            .collect(),
        attempts: attempts.filter_map(|it| attempt(it, &targets)).collect(),
        dropped_fields: stored.d,
    })
}

fn attempt(
    stored: &StoredAttempt,
    targets: &[Option<(TargetIdx, ProviderIdx)>],
) -> Option<AttemptRecord> {
    let (target, _) = (*targets.get(stored.t)?)?;
    let usage = stored.u.map(|(tokens, is_exact)| {
        let [input, output, cached, written, written_long, reasoning] = tokens;
        MeasuredUsage {
            usage: Usage {
                input,
                output,
                cached,
                written,
                written_long,
                reasoning,
            },
            basis: if is_exact {
                UsageBasis::Exact
            } else {
                UsageBasis::Estimated
            },
        }
    });
    Some(AttemptRecord {
        number: stored.n,
        target,
        key: stored.k.map(KeyIdx::new),
        started: UnixTime::from_micros(stored.at.0),
        ended: UnixTime::from_micros(stored.at.1),
        outcome: match &*stored.o {
            "ok" => Outcome::Success,
            "cancelled" => Outcome::Cancelled,
            code => Outcome::Failed(Failure::parse(code)?),
        },
        status: stored.h,
        message: stored.m.as_deref().map(Into::into),
        first_token: stored.f,
        usage,
        cost: stored.c.map(Money::from_pico),
    })
}

fn round(
    stored: &StoredRound,
    decision: DecisionId,
    targets: &[Option<(TargetIdx, ProviderIdx)>],
) -> Option<SelectionRound> {
    let [
        temperature,
        exploration,
        first_token_reference,
        token_reference,
        guard,
    ] = stored.g;
    let [cost, latency, reliability, load, priority] = stored.w;
    let candidates: Vec<RecordedCandidate> = stored
        .k
        .iter()
        .filter_map(|it| candidate(it, targets))
        .collect();
    let chosen = stored.x.and_then(|place| *targets.get(place)?);
    let plain = RequestClass::new(stored.c.0.parse::<ModelType>().ok()?, stored.c.1);
    let class = stored.i.and_then(RequestClass::from_index).unwrap_or(plain);
    let terms = stored.q.as_ref();
    let terms = terms.and_then(|terms| terms.terms(class.kind(), targets));
    Some(SelectionRound {
        decision,
        is_dry_run: false,
        at: UnixTime::from_micros(stored.at),
        attempt: stored.n,
        strategy: stored.s.parse::<Strategy>().ok()?,
        tuning: Tuning {
            temperature,
            exploration,
            first_token_reference,
            token_reference,
            guard,
            hedge: None,
        },
        weights: Weights {
            cost,
            latency,
            reliability,
            load,
            priority,
        },
        revision: stored.v,
        class,
        input: stored.io.0,
        output: stored.io.1,
        terms: terms.map(Arc::new),
        luck: RandomDraw {
            gate: stored.l.0,
            draw: stored.l.1,
        },
        chosen: chosen.map(|(target, _)| target),
        reason: stored
            .y
            .and_then(|place| SelectionReason::ALL.get(place).copied()),
        left_out: stored.o + stored.k.len() - candidates.len(),
        candidates,
    })
}

fn candidate(
    stored: &StoredCandidate,
    targets: &[Option<(TargetIdx, ProviderIdx)>],
) -> Option<RecordedCandidate> {
    let (target, provider) = (*targets.get(stored.t)?)?;
    let [
        cost,
        latency,
        risk,
        load,
        priority,
        failure,
        limited,
        miss,
        first_token,
        per_token,
        headroom,
        temperature,
        utility,
        odds,
    ] = stored.v;
    Some(RecordedCandidate {
        row: ScoredCandidate {
            target,
            provider,
            entry: match (&stored.e, stored.p) {
                (Some(reason), _) => Eligibility::Excluded(StoredExclusion::reason(reason)),
                (None, true) => Eligibility::HalfOpenProbe,
                (None, false) => Eligibility::Eligible,
            },
            bads: Penalties {
                cost,
                latency,
                risk,
                load,
            },
            priority,
            risk: Risk {
                failure,
                limited,
                miss,
            },
            predicted: Prediction {
                first_token,
                per_token,
            },
            headroom,
            cache: cache(stored),
            in_flight: stored.f,
            temperature,
            utility,
            odds,
        },
        own: stored
            .w
            .map_or_else(WeightOverride::default, |[cost, latency, reliability]| {
                WeightOverride {
                    cost,
                    latency,
                    reliability,
                }
            }),
        price: stored.c,
    })
}

fn cache(stored: &StoredCandidate) -> CacheSaving {
    let (tokens, usd) = stored.h.unwrap_or_default();
    let [cost, latency, risk] = stored.b.unwrap_or_default();
    CacheSaving {
        tokens,
        usd,
        avoided: Penalties {
            cost,
            latency,
            risk,
            load: 0.0,
        },
    }
}
