//! What `GET /api/decisions/{id}` answered → decisions that can be decided again, elsewhere and
//! later, without the instance that made them.

use super::selection_round::{CandidateReport, DecisionDetail, SelectionRoundReport};
use crate::domain::{
    DecisionId, DecisionRecord, Eligibility, ExclusionReason, Failure, MeasuredUsage, ModelType,
    Money, Penalties, Prediction, RandomDraw, RecordedCandidate, RejectionReason, RequestClass,
    RequestEnd, RequestOutcome, Risk, ScoredCandidate, SelectionReason, SelectionRound, Strategy,
    TargetId, Tuning, UnixTime, Usage, UsageBasis, WeightOverride, Weights,
};
use crate::domain::{ProviderIdx, TargetIdx};
use std::sync::Arc;
use std::time::Duration;

/// Decisions read from a file, and the targets that they name.
#[derive(Debug, Default)]
pub struct DecisionFile {
    targets: Vec<TargetId>,
    providers: Vec<String>,
    pub decisions: Vec<Arc<DecisionRecord>>,
}

impl DecisionFile {
    /// One line of JSON; the error says what is wrong with it.
    pub fn read(&mut self, line: &str) -> Result<(), String> {
        let detail: DecisionDetail = serde_json::from_str(line).map_err(|error| {
            format!("is not a decision as GET /api/decisions/{{id}} answers it: {error}")
        })?;
        let id: DecisionId = detail.summary.decision_id.parse()?;
        let mut rounds = Vec::new();
        for round in &detail.rounds {
            rounds.push(self.round(id, round)?);
        }
        let end = self.end(id, &detail)?;
        self.decisions
            .push(Arc::new(DecisionRecord { id, rounds, end }));
        Ok(())
    }

    /// The target at a place.
    pub fn target(&self, place: TargetIdx) -> Option<&TargetId> {
        self.targets.get(place.get())
    }

    /// The weights that the newest decision was made under.
    pub fn weights(&self) -> Option<Weights> {
        let rounds = self.decisions.iter().flat_map(|decision| &decision.rounds);
        rounds
            .max_by_key(|round| round.at)
            .map(|round| round.weights)
    }

    fn place(&mut self, provider: &str, model: &str) -> TargetIdx {
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

    fn provider(&mut self, name: &str) -> ProviderIdx {
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
        let outcome = match &*summary.outcome {
            "pending" => return Ok(None),
            "ok" => RequestOutcome::Ok,
            // Which failure it was is not told, and makes no difference here.
            "error" => RequestOutcome::Error(Failure::Server),
            "cancelled" => RequestOutcome::Cancelled,
            // What it was refused for want of is not told, and makes no difference here.
            "refused" => RequestOutcome::Rejected(RejectionReason::NoTarget),
            other => return Err(format!("outcome is {other:?}, which is unknown")),
        };
        let ended = moment(&summary.at)?;
        let latency = summary.latency_ms.unwrap_or(0.0).max(0.0) / 1e3;
        let target = match (&summary.provider, &summary.model) {
            (Some(provider), Some(model)) => Some(self.place(provider, model)),
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
            request_id: summary.request_id.clone().unwrap_or_default(),
            started: ended.minus(Duration::try_from_secs_f64(latency).unwrap_or_default()),
            ended,
            outcome,
            target,
            score: summary.score,
            reason: summary.reason.clone(),
            attempts: summary.attempts,
            usage,
            cost: summary.cost_usd.map(|usd| Money::per_token(usd * 1e6)),
        }))
    }

    fn round(
        &mut self,
        decision: DecisionId,
        round: &SelectionRoundReport,
    ) -> Result<SelectionRound, String> {
        let chosen = match (&round.provider, &round.model) {
            (Some(provider), Some(model)) => Some(self.place(provider, model)),
            _ => None,
        };
        let reason = round.reason.as_deref().map(|text| {
            let known = SelectionReason::ALL
                .into_iter()
                .find(|reason| reason.text() == text);
            known.ok_or_else(|| format!("reason is {text:?}, which is unknown"))
        });
        let tuning = &round.tuning;
        let weights = &round.weights;
        Ok(SelectionRound {
            decision,
            is_dry_run: false,
            at: moment(&round.at)?,
            attempt: round.attempt,
            strategy: round.strategy.parse::<Strategy>()?,
            tuning: Tuning {
                temperature: tuning.temperature_points / 100.0,
                exploration: tuning.exploration_percent / 100.0,
                first_token_reference: tuning.first_token_reference_ms / 1e3,
                token_reference: tuning.token_reference_ms / 1e3,
                guard: tuning.guard,
            },
            weights: Weights {
                cost: weights.cost,
                latency: weights.latency,
                reliability: weights.reliability,
                load: weights.load,
                priority: weights.priority,
            },
            revision: round.revision,
            class: RequestClass::new(round.model_type.parse::<ModelType>()?, round.stream),
            input: round.expected_input_tokens,
            output: round.expected_output_tokens,
            luck: RandomDraw {
                gate: round.gate,
                draw: round.draw,
            },
            chosen,
            reason: reason.transpose()?,
            candidates: round
                .candidates
                .iter()
                .map(|candidate| self.considered(candidate))
                .collect(),
            left_out: round.left_out,
        })
    }

    fn considered(&mut self, candidate: &CandidateReport) -> RecordedCandidate {
        let bads = &candidate.bads;
        let entry = match (&*candidate.entry, candidate.why.as_deref()) {
            ("admitted", _) => Eligibility::Eligible,
            ("trial", _) => Eligibility::HalfOpenProbe,
            (_, Some("tried already")) => Eligibility::Excluded(ExclusionReason::AlreadyTried),
            (_, why) => Eligibility::Excluded(ExclusionReason::Off(why.unwrap_or("out").into())),
        };
        RecordedCandidate {
            row: ScoredCandidate {
                target: self.place(&candidate.provider, &candidate.model),
                provider: self.provider(&candidate.provider),
                entry,
                bads: Penalties {
                    cost: bads.cost,
                    latency: bads.latency,
                    risk: bads.risk,
                    load: bads.load,
                },
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
                in_flight: candidate.in_flight,
                utility: candidate.points / 100.0,
                odds: candidate.share,
            },
            own: candidate
                .own_weights
                .map_or_else(WeightOverride::default, |own| WeightOverride {
                    cost: own.cost,
                    latency: own.latency,
                    reliability: own.reliability,
                }),
            price: candidate
                .usd_per_input_token
                .zip(candidate.usd_per_output_token),
        }
    }
}

fn moment(text: &str) -> Result<UnixTime, String> {
    let wrong = |_| format!("{text:?} is not a time as RFC 3339 writes it");
    let time: jiff::Timestamp = text.parse().map_err(wrong)?;
    Ok(UnixTime::from_micros(
        u64::try_from(time.as_microsecond()).unwrap_or(0),
    ))
}
