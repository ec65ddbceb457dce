//! Recorded answers of `GET /api/decisions/{id}` → decisions that can be replayed without the
//! instance that made them.
//!
//! Only numbers and codes are read; texts are kept as they are. Recordings without `reasonCode` and
//! `exclusion.code` are rejected: a replay needs both, and guessing them would falsify its result.

use super::codes::{ALREADY_TRIED, parse_reason};
use super::decision::DecisionOutcome;
use super::selection_round::{CandidateReport, DecisionDetail, SelectionRoundReport};
use super::time::parse_rfc3339;
use crate::domain::{
    CacheSaving, DecisionId, DecisionRecord, Eligibility, ExclusionReason, Failure, MeasuredUsage,
    ModelType, Money, Penalties, Prediction, ProviderIdx, RandomDraw, RecordedCandidate,
    RejectionReason, RequestClass, RequestEnd, RequestOutcome, Risk, ScoredCandidate,
    SelectionReason, SelectionRound, Strategy, TargetId, TargetIdx, Tuning, Usage, UsageBasis,
    WeightOverride, Weights, temperature,
};
use std::sync::Arc;
use std::time::Duration;

/// Decisions read from a file, and the targets that they name.
#[derive(Debug, Default)]
pub struct DecisionFile {
    targets: Vec<TargetId>,
    providers: Vec<String>,
    /// In the order of the file.
    pub decisions: Vec<Arc<DecisionRecord>>,
}

impl DecisionFile {
    /// Reads one line of JSON; the error names the mistake.
    pub fn read(&mut self, line: &str) -> Result<(), String> {
        let detail: DecisionDetail = serde_json::from_str(line).map_err(|error| {
            format!("is not a decision as GET /api/decisions/{{id}} returns it: {error}")
        })?;
        let id: DecisionId = detail.summary.decision_id.parse()?;
        let mut rounds = Vec::new();
        for round in &detail.rounds {
            rounds.push(self.round(id, round)?);
        }
        let end = self.end(id, &detail)?;
        self.decisions.push(Arc::new(DecisionRecord {
            id,
            rounds,
            // A replay needs what was selected, not what came of it.
            attempts: Vec::new(),
            end,
        }));
        Ok(())
    }

    /// Target by its index in the recorded decisions.
    pub fn target(&self, index: TargetIdx) -> Option<&TargetId> {
        self.targets.get(index.get())
    }

    /// Weights of the newest decision.
    pub fn weights(&self) -> Option<Weights> {
        let rounds = self.decisions.iter().flat_map(|decision| &decision.rounds);
        rounds
            .max_by_key(|round| round.at)
            .map(|round| round.weights)
    }

    fn target_index(&mut self, provider: &str, model: &str) -> TargetIdx {
        let is_it = |id: &TargetId| &*id.provider == provider && &*id.model == model;
        self.targets
            .iter()
            .position(is_it)
            .unwrap_or_else(|| {
                self.targets.push(TargetId::new(provider, model));
                self.targets.len() - 1
            })
            .into()
    }

    fn provider_index(&mut self, name: &str) -> ProviderIdx {
        let known = self.providers.iter().position(|known| known == name);
        known
            .unwrap_or_else(|| {
                self.providers.push(name.to_owned());
                self.providers.len() - 1
            })
            .into()
    }

    fn end(
        &mut self,
        id: DecisionId,
        detail: &DecisionDetail,
    ) -> Result<Option<RequestEnd>, String> {
        let summary = &detail.summary;
        let outcome = match summary.outcome {
            DecisionOutcome::Pending => return Ok(None),
            DecisionOutcome::Ok => RequestOutcome::Ok,
            // The kind of failure is not recorded; a replay does not need it.
            DecisionOutcome::Error => RequestOutcome::Error(Failure::Server),
            DecisionOutcome::Cancelled => RequestOutcome::Cancelled,
            // The kind of rejection is not recorded; a replay does not need it.
            DecisionOutcome::Refused => RequestOutcome::Rejected(RejectionReason::NoTarget),
        };
        let ended = parse_rfc3339(&summary.at)?;
        let latency = summary.latency_ms.unwrap_or(0.0).max(0.0) / 1e3;
        let target = match (&summary.provider, &summary.model) {
            (Some(provider), Some(model)) => Some(self.target_index(provider, model)),
            _ => None,
        };
        let estimated = summary.cost_basis == UsageBasis::as_str(Some(UsageBasis::Estimated));
        let usage = detail.output_tokens.map(|output| MeasuredUsage {
            usage: Usage {
                input: detail.input_tokens.unwrap_or(0),
                output,
                ..Usage::default()
            },
            basis: if estimated {
                UsageBasis::Estimated
            } else {
                UsageBasis::Exact
            },
        });
        Ok(Some(RequestEnd {
            decision: id,
            identity: Arc::default(),
            request_id: summary.request_id.clone().unwrap_or_default(),
            started: ended.minus(Duration::try_from_secs_f64(latency).unwrap_or_default()),
            ended,
            outcome,
            target,
            score: summary.score,
            reason: summary.reason.clone(),
            attempts: summary
                .attempts
                .max(u32::try_from(detail.rounds.len()).unwrap_or(u32::MAX)),
            fallbacks: 0,
            hedge: None,
            first_content: None,
            gateway_seconds: None,
            usage,
            cost: summary.cost_usd.map(|usd| Money::per_token(usd * 1e6)),
            status: detail.status,
            message: None,
            dropped_fields: detail.dropped_fields.clone(),
        }))
    }

    fn round(
        &mut self,
        decision: DecisionId,
        round: &SelectionRoundReport,
    ) -> Result<SelectionRound, String> {
        let chosen = match (&round.provider, &round.model) {
            (Some(provider), Some(model)) => Some(self.target_index(provider, model)),
            _ => None,
        };
        let tuning = &round.tuning;
        let tuning = Tuning {
            temperature: tuning.temperature_points / 100.0,
            exploration: tuning.exploration_percent / 100.0,
            first_token_reference: tuning.first_token_reference_ms / 1e3,
            token_reference: tuning.token_reference_ms / 1e3,
            guard: tuning.guard,
            hedge: None,
        };
        let weights = Weights::from(round.weights);
        let mut candidates = Vec::with_capacity(round.candidates.len());
        for candidate in &round.candidates {
            candidates.push(self.candidate(candidate, &weights, &tuning)?);
        }
        Ok(SelectionRound {
            decision,
            is_dry_run: false,
            at: parse_rfc3339(&round.at)?,
            attempt: round.attempt,
            strategy: round.strategy.parse::<Strategy>()?,
            tuning,
            weights,
            revision: round.revision,
            class: RequestClass::new(round.model_type.parse::<ModelType>()?, round.stream),
            input: round.expected_input_tokens,
            output: round.expected_output_tokens,
            terms: None,
            luck: RandomDraw {
                gate: round.gate,
                draw: round.draw,
            },
            chosen,
            reason: selection_reason(round)?,
            candidates,
            left_out: round.left_out,
        })
    }

    fn candidate(
        &mut self,
        candidate: &CandidateReport,
        weights: &Weights,
        tuning: &Tuning,
    ) -> Result<RecordedCandidate, String> {
        let bads = &candidate.bads;
        let penalties = Penalties {
            cost: bads.cost,
            latency: bads.latency,
            risk: bads.risk,
            load: bads.load,
        };
        let own = candidate
            .own_weights
            .map_or_else(WeightOverride::default, WeightOverride::from);
        let entry = eligibility(candidate)?;
        Ok(RecordedCandidate {
            row: ScoredCandidate {
                target: self.target_index(&candidate.provider, &candidate.model),
                provider: self.provider_index(&candidate.provider),
                entry,
                bads: penalties,
                priority: candidate.priority,
                risk: Risk {
                    failure: bads.failure,
                    limited: bads.limited,
                    miss: bads.deadline_miss,
                },
                predicted: Prediction {
                    first_token: candidate.first_token_ms / 1e3,
                    per_token: candidate.token_ms / 1e3,
                },
                headroom: candidate.headroom,
                cache: CacheSaving {
                    tokens: candidate.cached_tokens,
                    usd: candidate.cache_saving_usd,
                    ..CacheSaving::default()
                },
                in_flight: candidate.in_flight,
                temperature: temperature(&weights.with_override(&own), &penalties, tuning),
                utility: candidate.points / 100.0,
                odds: candidate.share,
            },
            own,
            price: candidate
                .usd_per_input_token
                .zip(candidate.usd_per_output_token),
        })
    }
}

fn selection_reason(round: &SelectionRoundReport) -> Result<Option<SelectionReason>, String> {
    match (&round.reason_code, &round.reason) {
        (Some(code), _) => match parse_reason(code) {
            Some(reason) => Ok(Some(reason)),
            None => Err(format!("reasonCode is {code:?}, which is unknown")),
        },
        (None, None) => Ok(None),
        (None, Some(_)) => Err(without_codes("reasonCode")),
    }
}

/// A replay distinguishes one exclusion from all others: the targets that failed earlier in the
/// same request.
fn eligibility(candidate: &CandidateReport) -> Result<Eligibility, String> {
    match &*candidate.entry {
        "admitted" => Ok(Eligibility::Eligible),
        "trial" => Ok(Eligibility::HalfOpenProbe),
        "out" => match &candidate.exclusion {
            None => Err(without_codes("exclusion.code")),
            Some(exclusion) if exclusion.code == ALREADY_TRIED => {
                Ok(Eligibility::Excluded(ExclusionReason::AlreadyTried))
            }
            Some(exclusion) => {
                let why = candidate.why.as_deref().unwrap_or(&exclusion.code);
                Ok(Eligibility::Excluded(ExclusionReason::Off(why.into())))
            }
        },
        other => Err(format!("entry is {other:?}, which is unknown")),
    }
}

fn without_codes(member: &str) -> String {
    format!("{member} is missing: an older version recorded this file; record it again")
}
