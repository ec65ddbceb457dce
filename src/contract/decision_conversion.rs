//! Recorded decisions → their reports, with numbers, codes and texts.

use super::attempt::AttemptReport;
use super::codes::{exclusion_code, reason_code};
use super::decision::{DecisionOutcome, DecisionReport, RequestTrouble};
use super::score::{Contributions, Factors, PenaltiesReport};
use super::selection_round::{
    CandidateReport, CounterfactualReport, DecisionDetail, Exclusion, SelectionRoundReport,
    TuningReport,
};
use super::time::rfc3339;
use super::weights::WeightOverride;
use crate::domain::{
    AttemptRecord, Catalogue, DecisionRecord, DecisionTrouble, Eligibility, GUARD_FREE_RISK,
    KeyIdx, Money, Outcome, Penalties, RecordedCandidate, Replay, RequestOutcome, SelectionReason,
    SelectionRound, Strategy, TargetId, TargetIdx, UnixTime, UsageBasis, Weights, cost_basis,
};

/// Providers in a chain.
const MAX_CHAIN: usize = 16;

impl DecisionReport {
    /// Report of one request, finished or still running.
    pub fn new(decision: &DecisionRecord, catalogue: &Catalogue) -> Self {
        let end = decision.end.as_ref();
        let last = decision.rounds.last();
        let target = match end {
            Some(end) => end.target,
            None => last.and_then(|round| round.chosen),
        };
        let target = target.and_then(|target| catalogue.targets.get(target.get()));
        let outcome = match end.map(|end| end.outcome) {
            None => DecisionOutcome::Pending,
            Some(RequestOutcome::Ok) => DecisionOutcome::Ok,
            Some(RequestOutcome::Error(_)) => DecisionOutcome::Error,
            Some(RequestOutcome::Cancelled) => DecisionOutcome::Cancelled,
            Some(RequestOutcome::Rejected(_)) => DecisionOutcome::Refused,
        };
        let reason = last
            .and_then(|round| round.reason)
            .map_or("", SelectionReason::text);
        let at = end.map_or_else(|| last.map(|round| round.at), |end| Some(end.ended));
        let identity = end.map(|end| &*end.identity);
        Self {
            decision_id: decision.id.to_string(),
            at: at.map(rfc3339).unwrap_or_default(),
            request_id: end.map(|end| end.request_id.clone()),
            provider: target.map(|target| target.id.provider.to_string()),
            model: target.map(|target| target.id.model.to_string()),
            score: end.and_then(|end| end.score),
            reason: end.map_or_else(|| reason.to_owned(), |end| end.reason.clone()),
            outcome,
            trouble: decision.trouble().map(RequestTrouble::from),
            error_class: error_class(decision),
            client: identity.and_then(|identity| non_empty(&identity.client)),
            model_asked: identity.and_then(|identity| non_empty(&identity.model)),
            chain: chain(decision, catalogue),
            latency_ms: end.map(|end| end.ended.seconds_since(end.started) * 1e3),
            cost_usd: end.and_then(|end| end.cost).map(Money::usd),
            cost_basis: UsageBasis::as_str(end.and_then(|end| cost_basis(end.usage, end.cost)))
                .to_owned(),
            attempts: end.map_or_else(|| last.map_or(0, |round| round.attempt), |end| end.attempts),
        }
    }
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Class of the request's failure; of a saved request that of its first failed attempt.
fn error_class(decision: &DecisionRecord) -> Option<String> {
    let class = match decision.end.as_ref()?.outcome {
        RequestOutcome::Error(failure) => failure.as_str(),
        RequestOutcome::Rejected(reason) => reason.as_str(),
        RequestOutcome::Ok | RequestOutcome::Cancelled => decision.saved_from()?.as_str(),
    };
    Some(class.to_owned())
}

/// Providers of the attempts by their numbers; while none has ended, those that were selected.
fn chain(decision: &DecisionRecord, catalogue: &Catalogue) -> Vec<String> {
    let mut attempts: Vec<&AttemptRecord> = decision.attempts.iter().collect();
    attempts.sort_by_key(|attempt| attempt.number);
    let targets: Vec<TargetIdx> = if attempts.is_empty() {
        let rounds = decision.rounds.iter();
        rounds.filter_map(|round| round.chosen).collect()
    } else {
        attempts.iter().map(|attempt| attempt.target).collect()
    };
    let names = targets.into_iter().filter_map(|target| {
        let target = catalogue.targets.get(target.get())?;
        Some(target.id.provider.to_string())
    });
    names.take(MAX_CHAIN).collect()
}

impl From<DecisionTrouble> for RequestTrouble {
    fn from(trouble: DecisionTrouble) -> Self {
        match trouble {
            DecisionTrouble::Failed => Self::Failed,
            DecisionTrouble::Saved => Self::Saved,
        }
    }
}

impl DecisionDetail {
    /// Report of one request with all its selections.
    pub fn new(decision: &DecisionRecord, catalogue: &Catalogue) -> Self {
        let end = decision.end.as_ref();
        let usage = end.and_then(|end| end.usage);
        let identity = end.map(|end| &*end.identity);
        Self {
            summary: DecisionReport::new(decision, catalogue),
            tag: identity.and_then(|identity| Some(identity.tag.as_ref()?.to_string())),
            status: end.and_then(|end| end.status),
            message: end.and_then(|end| Some(end.message.as_ref()?.to_string())),
            attempts: decision
                .attempts
                .iter()
                .filter_map(|attempt| AttemptReport::new(attempt, catalogue))
                .collect(),
            input_tokens: usage.map(|metered| metered.usage.input),
            output_tokens: usage.map(|metered| metered.usage.output),
            dropped_fields: decision
                .end
                .as_ref()
                .map_or_else(Vec::new, |end| end.dropped_fields.clone()),
            rounds: decision
                .rounds
                .iter()
                .filter_map(|round| SelectionRoundReport::new(round, catalogue))
                .collect(),
        }
    }
}

impl AttemptReport {
    /// Report of one attempt; `None` where the catalogue lacks its target.
    pub fn new(attempt: &AttemptRecord, catalogue: &Catalogue) -> Option<Self> {
        let id = &catalogue.targets.get(attempt.target.get())?.id;
        let usage = attempt.usage.map(|metered| metered.usage);
        let (outcome, failure) = match attempt.outcome {
            Outcome::Success => (DecisionOutcome::Ok, None),
            Outcome::Failed(failure) => (DecisionOutcome::Error, Some(failure)),
            Outcome::Cancelled => (DecisionOutcome::Cancelled, None),
        };
        Some(Self {
            attempt: attempt.number,
            provider: id.provider.to_string(),
            model: id.model.to_string(),
            key: attempt.key.map(KeyIdx::get),
            outcome,
            status: attempt.status,
            error_class: failure.map(|failure| failure.as_str().to_owned()),
            message: attempt.message.as_deref().map(str::to_owned),
            latency_ms: attempt.ended.seconds_since(attempt.started) * 1e3,
            time_to_first_token_ms: attempt.first_token.map(|seconds| seconds * 1e3),
            input_tokens: usage.map(|usage| usage.input),
            output_tokens: usage.map(|usage| usage.output),
            cost_usd: attempt.cost.map(Money::usd),
        })
    }
}

impl SelectionRoundReport {
    /// Report of one selection; `None` where the catalogue lacks one of its targets.
    pub fn new(round: &SelectionRound, catalogue: &Catalogue) -> Option<Self> {
        let name = |target: TargetIdx| Some(&catalogue.targets.get(target.get())?.id);
        let chosen = round.chosen.and_then(name);
        let mut candidates = Vec::with_capacity(round.candidates.len());
        for considered in &round.candidates {
            candidates.push(candidate(considered, name(considered.row.target)?, round));
        }
        let tuning = &round.tuning;
        Some(Self {
            at: rfc3339(round.at),
            attempt: round.attempt,
            strategy: round.strategy.as_str().to_owned(),
            revision: round.revision,
            weights: round.weights.into(),
            tuning: TuningReport {
                temperature_points: tuning.temperature * 100.0,
                exploration_percent: tuning.exploration * 100.0,
                first_token_reference_ms: tuning.first_token_reference * 1e3,
                token_reference_ms: tuning.token_reference * 1e3,
                guard: tuning.guard,
            },
            model_type: round.class.kind().as_str().to_owned(),
            stream: round.class.is_streamed(),
            expected_input_tokens: round.input,
            expected_output_tokens: round.output,
            gate: round.luck.gate,
            draw: round.luck.draw,
            provider: chosen.map(|id| id.provider.to_string()),
            model: chosen.map(|id| id.model.to_string()),
            reason: round.reason.map(|reason| reason.text().to_owned()),
            reason_code: round.reason.map(|reason| reason_code(reason).to_owned()),
            text: text(round, &candidates),
            flip: flip(round, catalogue),
            candidates,
            left_out: round.left_out,
        })
    }
}

fn candidate(
    considered: &RecordedCandidate,
    id: &TargetId,
    round: &SelectionRound,
) -> CandidateReport {
    let row = &considered.row;
    let weights = round.weights.with_override(&considered.own);
    let contributions = contributions(&row.bads, row.priority, &weights, round);
    let lost = |bads| losses(bads, row.priority, &weights, round);
    let losses = lost(&row.bads);
    let without_cache = lost(&row.bads.plus(&row.cache.avoided));
    let cache_points = losses.sum() - without_cache.sum();
    let score = row.score(round.strategy, &weights);
    CandidateReport {
        provider: id.provider.to_string(),
        model: id.model.to_string(),
        entry: match row.entry {
            Eligibility::Eligible => "admitted",
            Eligibility::HalfOpenProbe => "trial",
            Eligibility::Excluded(_) => "out",
        }
        .to_owned(),
        why: why(&row.entry, round.at),
        exclusion: exclusion(&row.entry),
        share: row.odds,
        odds: row.odds,
        score,
        losses,
        points: 100.0 + contributions.sum(),
        contributions,
        factors: Factors::from(row.factors()),
        bads: PenaltiesReport {
            cost: row.bads.cost,
            latency: row.bads.latency,
            risk: row.bads.risk,
            load: row.bads.load,
            failure: row.risk.failure,
            limited: row.risk.limited,
            deadline_miss: row.risk.miss,
        },
        priority: row.priority,
        headroom: row.headroom,
        in_flight: row.in_flight,
        estimated_latency_ms: row.predicted.latency(round.output) * 1e3,
        first_token_ms: row.predicted.first_token * 1e3,
        token_ms: row.predicted.per_token * 1e3,
        estimated_cost_usd: considered
            .price
            .map(|(input, output)| input * round.input + output * round.output - row.cache.usd),
        cached_tokens: row.cache.tokens,
        cache_saving_usd: row.cache.usd,
        cache_points,
        cache: cache((row.cache.tokens, cache_points), round.input),
        usd_per_input_token: considered.price.map(|(input, _)| input),
        usd_per_output_token: considered.price.map(|(_, output)| output),
        own_weights: WeightOverride::from_domain(considered.own),
    }
}

/// Says what a prompt cache gains a target in points, and holds in thousands of tokens.
fn cache((tokens, points): (f64, f64), input: f64) -> Option<String> {
    let (held, all) = (tokens / 1e3, input / 1e3);
    // A gain that rounds to 0 has no sign but this.
    let points = (points * 10.0).round() / 10.0 + 0.0;
    (tokens > 0.0).then(|| format!("{points:+.1}: its cache holds {held:.1}k of {all:.1}k tokens"))
}

fn why(entry: &Eligibility, at: UnixTime) -> Option<String> {
    match entry {
        Eligibility::Excluded(why) => Some(why.text(at)),
        Eligibility::Eligible | Eligibility::HalfOpenProbe => None,
    }
}

fn exclusion(entry: &Eligibility) -> Option<Exclusion> {
    match entry {
        Eligibility::Excluded(reason) => Some(Exclusion {
            code: exclusion_code(reason).to_owned(),
        }),
        Eligibility::Eligible | Eligibility::HalfOpenProbe => None,
    }
}

fn contributions(
    bads: &Penalties,
    priority: f64,
    weights: &Weights,
    round: &SelectionRound,
) -> Contributions {
    let guard = if round.strategy == Strategy::Adaptive {
        round.tuning.guard * (bads.risk - GUARD_FREE_RISK).max(0.0) * 100.0
    } else {
        0.0
    };
    Contributions {
        cost: 0.0 - weights.cost * bads.cost,
        latency: 0.0 - weights.latency * bads.latency,
        reliability: 0.0 - weights.reliability * bads.risk,
        load: 0.0 - weights.load * bads.load,
        priority: weights.priority * priority,
        guard: 0.0 - guard,
    }
}

/// Points of the score that each objective costs: 100 plus their sum is the score, as long as that
/// is not below 0.
fn losses(
    bads: &Penalties,
    priority: f64,
    weights: &Weights,
    round: &SelectionRound,
) -> Contributions {
    let lost = contributions(bads, priority, weights, round);
    let is_adaptive = round.strategy == Strategy::Adaptive;
    // Without `adaptive` a factor is never below 0, whatever its penalty.
    let limit = |weight: f64, lost: f64| if is_adaptive { lost } else { lost.max(-weight) };
    let total = weights.total();
    let scale = if total > 0.0 { 100.0 / total } else { 0.0 };
    Contributions {
        cost: scale * limit(weights.cost, lost.cost),
        latency: scale * limit(weights.latency, lost.latency),
        reliability: scale * limit(weights.reliability, lost.reliability),
        load: scale * lost.load,
        priority: scale * (lost.priority - weights.priority),
        guard: scale * lost.guard,
    }
}

/// One line: the selected target with its losses, the runner-up with its largest disadvantage, and
/// the excluded targets.
fn text(round: &SelectionRound, candidates: &[CandidateReport]) -> String {
    let mut parts = Vec::new();
    let mut recorded = round.candidates.iter();
    let chosen = recorded
        .position(|considered| Some(considered.row.target) == round.chosen)
        .map(|index| &candidates[index]);
    if let Some(chosen) = chosen {
        let lost = chosen.losses.named().into_iter();
        let lost: Vec<String> = lost
            .filter(|(_, points)| *points <= -0.05)
            .map(|(name, points)| format!("{name} {:.1}", -points))
            .collect();
        let reason = round.reason.map_or("", SelectionReason::text);
        let name = format!("{}/{}", chosen.provider, chosen.model);
        parts.push(format!(
            "{name} {:.1} ({:.0} %), {reason} - {}",
            chosen.score * 100.0,
            chosen.odds * 100.0,
            lost.join(", ")
        ));
    }
    let eligible = candidates.iter().filter(|other| other.entry == "admitted");
    let runner_up = eligible
        .filter(|other| !chosen.is_some_and(|chosen| std::ptr::eq(*other, chosen)))
        .max_by(|a, b| a.score.total_cmp(&b.score));
    if let Some(other) = runner_up {
        let against = chosen.map_or([("", 0.0); 6], |chosen| chosen.losses.named());
        let set_back = other.losses.named().into_iter().zip(against);
        let worst = set_back
            .map(|((name, its), (_, best))| (name, its - best))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        let worst = worst.filter(|(_, points)| *points < -0.05);
        let worst = worst.map_or(String::new(), |(name, points)| {
            format!(": {name} {points:+.1}")
        });
        parts.push(format!(
            "runner-up {}/{} {:.1} ({:.0} %){worst}",
            other.provider,
            other.model,
            other.score * 100.0,
            other.odds * 100.0
        ));
    }
    for out in candidates {
        if let Some(why) = &out.why {
            parts.push(format!("{}/{} out: {why}", out.provider, out.model));
        }
    }
    parts.join(" | ")
}

fn flip(round: &SelectionRound, catalogue: &Catalogue) -> Option<CounterfactualReport> {
    let flip = Replay::default().counterfactual(round)?;
    let id = &catalogue.targets.get(flip.target.get())?.id;
    let objective = flip.objective.as_str();
    Some(CounterfactualReport {
        objective: objective.to_owned(),
        from: flip.from,
        to: flip.to,
        provider: id.provider.to_string(),
        model: id.model.to_string(),
        text: format!(
            "{objective} {:.0} instead of {:.0} would have chosen {id}",
            flip.to, flip.from
        ),
    })
}

#[cfg(test)]
mod tests;
