//! Properties of a request that the selection uses.

use super::exclusion::ExclusionReason;
use crate::domain::budget::BudgetHeadroom;
use crate::domain::capability::{MissingCapability, RequiredCapabilities};
use crate::domain::index::{ProviderIdx, TargetIdx};
use crate::domain::key_pool::KeyScope;
use crate::domain::model_type::{ModelType, RequestClass};
use crate::domain::prompt_cache::CachedPrompt;
use crate::domain::snapshot::{Candidate, RoutingTable};
use crate::domain::target::RouteOrder;

/// Targets that a request's model name allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetScope<'a> {
    /// All targets of a model type.
    Type(ModelType),
    /// These targets.
    Only(&'a [TargetIdx]),
}

/// Properties of a request, known before it is sent.
#[derive(Debug, Clone, Copy)]
pub struct RequestProfile<'a> {
    /// Targets that the model name allows.
    pub scope: TargetScope<'a>,
    /// How one of the targets in scope is selected.
    pub order: &'a RouteOrder,
    /// Model type and form of the response; decides which targets fit and the expected length.
    pub class: RequestClass,
    /// Capabilities that a target must have.
    pub needs: RequiredCapabilities,
    /// True if the client named the target. Stated capabilities may be outdated, so the provider
    /// itself decides.
    pub pinned: bool,
    /// Estimated tokens of the prompt.
    pub input: f64,
    /// Maximum output tokens of each choice that the client allows.
    pub max_tokens: Option<f64>,
    /// Number of choices that the client wants, 1 or more.
    pub choices: f64,
    /// Preferred provider.
    pub preferred: Option<ProviderIdx>,
    /// Maximum price, in USD per token.
    pub max_cost: Option<f64>,
    /// Maximum predicted latency, in seconds.
    pub max_latency: Option<f64>,
    /// Seconds left for the whole response.
    pub remaining: Option<f64>,
    /// Remaining budget; `None` without a limit.
    pub means: Option<BudgetHeadroom>,
    /// Targets that already failed this request, or are late.
    pub tried: &'a [TargetIdx],
    /// True if the target is to run beside one whose first content is late.
    pub is_hedge: bool,
    /// Keys that the request may use, of providers with several.
    pub keys: KeyScope<'a>,
    /// Targets in `tried` whose context window was exceeded.
    pub outgrown: &'a [TargetIdx],
    /// What caches of providers are expected to hold of the prompt.
    pub cached: &'a [CachedPrompt],
}

impl RequestProfile<'_> {
    /// Returns the profile of a typical request of a model type.
    pub fn usual(kind: ModelType) -> Self {
        Self {
            scope: TargetScope::Type(kind),
            order: &RouteOrder::Balanced,
            class: RequestClass::new(kind, true),
            needs: RequiredCapabilities::default(),
            pinned: false,
            input: 500.0,
            max_tokens: None,
            choices: 1.0,
            preferred: None,
            max_cost: None,
            max_latency: None,
            remaining: None,
            means: None,
            tried: &[],
            is_hedge: false,
            keys: KeyScope::default(),
            outgrown: &[],
            cached: &[],
        }
    }

    /// Returns the estimated tokens of the prompt that the cache of a target is expected to hold.
    pub fn cached_at(&self, target: TargetIdx) -> f64 {
        let held = self.cached.iter().find(|cached| cached.target == target);
        held.map_or(0.0, |cached| cached.tokens.clamp(0.0, self.input.max(0.0)))
    }

    /// Checks the stated capabilities of the model against the request.
    pub(super) fn check_capabilities(
        &self,
        table: &RoutingTable,
        candidate: &Candidate,
    ) -> Result<(), ExclusionReason> {
        let capabilities = &candidate.capabilities;
        let lack = match capabilities.unsupported_type(self.class.kind()) {
            None if self.pinned => capabilities.blind_to(self.needs),
            None => capabilities.missing(self.needs, self.input).or_else(|| {
                self.is_outgrown(table, candidate)
                    .then_some(MissingCapability::ContextExceeded)
            }),
            lack => lack,
        };
        lack.map_or(Ok(()), |lack| Err(ExclusionReason::MissingCapability(lack)))
    }

    /// Returns the wish that the model does not fulfil. A named target has no alternative.
    pub(super) fn unmet_wish(&self, candidate: &Candidate) -> Option<ExclusionReason> {
        let capabilities = candidate.capabilities;
        let unmet = capabilities
            .unmet_wish(self.needs, self.max_tokens)
            .filter(|_| !self.pinned)?;
        Some(ExclusionReason::MissingCapability(unmet))
    }

    /// Returns true if the prompt exceeded the context window of a target with the same model or
    /// with a window at least as large.
    fn is_outgrown(&self, table: &RoutingTable, candidate: &Candidate) -> bool {
        let window = |candidate: &Candidate| candidate.capabilities.context_window;
        self.outgrown.iter().any(|&at| {
            let small = &table.candidates[at];
            let holds_no_more = window(small)
                .zip(window(candidate))
                .is_some_and(|(small, other)| other <= small);
            holds_no_more || small.id.model == candidate.id.model
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::selection::tests::{NOW, candidate, table};
    use crate::domain::selection::{
        CandidateSet, NoEligibleTarget, SelectionReason, TargetSelection, select_target,
    };
    use crate::domain::{Capabilities, RandomDraw, RoutingState, UnixTime};

    /// Targets with these context windows; each one is more expensive and slower than the one before.
    fn windows(models: &[(&str, Option<u64>)]) -> RoutingTable {
        let target = |(at, (model, window)): (usize, &(&str, Option<u64>))| Candidate {
            capabilities: Capabilities {
                context_window: *window,
                ..Capabilities::default()
            },
            ..candidate(at, model, 1.0 + at as f64, 0.5 + at as f64, 0.02)
        };
        table(models.iter().enumerate().map(target).collect())
    }

    fn decide(
        table: &RoutingTable,
        ask: &RequestProfile<'_>,
        candidates: &mut CandidateSet,
    ) -> Result<TargetSelection, NoEligibleTarget> {
        select_target(
            table,
            ask,
            NOW,
            RandomDraw::without_exploration(0.0),
            candidates,
        )
    }

    fn why(table: &RoutingTable, ask: &RequestProfile<'_>) -> Vec<String> {
        let mut candidates = CandidateSet::default();
        candidates.evaluate(table, ask, NOW);
        let rejected = candidates.rejected();
        let text =
            |(at, why): &(TargetIdx, ExclusionReason)| format!("{} {}", at.get(), why.text(NOW));
        rejected.iter().map(text).collect()
    }

    #[test]
    fn a_target_without_a_required_capability_is_excluded() {
        let mut table = windows(&[("a", None), ("b", None)]);
        table.candidates[0].capabilities.vision = Some(false);
        let ask = RequestProfile {
            needs: RequiredCapabilities {
                images: true,
                ..RequiredCapabilities::default()
            },
            ..RequestProfile::usual(ModelType::Chat)
        };

        let choice = decide(&table, &ask, &mut CandidateSet::default()).expect("a target");

        assert_eq!(choice.target.get(), 1);
        assert_eq!(
            why(&table, &ask),
            ["0 cannot see pictures; if it can, set vision = true for the model"]
        );
    }

    #[test]
    fn a_named_target_that_is_said_to_be_blind_gets_no_picture() {
        let mut table = windows(&[("a", None)]);
        let ask = RequestProfile {
            needs: RequiredCapabilities {
                images: true,
                ..RequiredCapabilities::default()
            },
            pinned: true,
            ..RequestProfile::usual(ModelType::Chat)
        };
        assert!(why(&table, &ask).is_empty(), "no configuration says so");

        table.candidates[0].capabilities.vision = Some(false);
        assert_eq!(
            why(&table, &ask),
            ["0 cannot see pictures; if it can, set vision = true for the model"]
        );
    }

    #[test]
    fn a_wish_decides_between_targets_and_excludes_no_last_one() {
        let mut table = windows(&[("plain", None), ("thinker", None)]);
        table.candidates[0].capabilities.reasoning = Some(false);
        let needs = RequiredCapabilities {
            reasoning: true,
            ..RequiredCapabilities::default()
        };
        let ask = RequestProfile {
            needs,
            ..RequestProfile::usual(ModelType::Chat)
        };
        let choice = decide(&table, &ask, &mut CandidateSet::default()).expect("a target");
        assert_eq!(choice.target.get(), 1);
        assert_eq!(why(&table, &ask), ["0 does not support reasoning"]);

        let failed = RequestProfile {
            tried: &[1.into()],
            ..ask
        };
        let choice = decide(&table, &failed, &mut CandidateSet::default()).expect("a target");
        assert_eq!(choice.target.get(), 0);

        table.candidates[1].capabilities.max_output = Some(10);
        let long = RequestProfile {
            max_tokens: Some(20.0),
            ..ask
        };
        assert!(decide(&table, &long, &mut CandidateSet::default()).is_ok());
        assert!(why(&table, &long).is_empty());
    }

    #[test]
    fn a_pin_overrides_stated_capabilities_but_not_the_model_type() {
        let mut table = windows(&[("a", Some(10))]);
        table.candidates[0].capabilities.tools = Some(false);
        let ask = RequestProfile {
            scope: TargetScope::Only(&[0.into()]),
            pinned: true,
            needs: RequiredCapabilities {
                tools: true,
                ..RequiredCapabilities::default()
            },
            ..RequestProfile::usual(ModelType::Chat)
        };
        assert!(decide(&table, &ask, &mut CandidateSet::default()).is_ok());

        table.candidates[0].capabilities.talk = Some(false);
        assert_eq!(why(&table, &ask), ["0 is an embedding model"]);
    }

    #[test]
    fn after_an_exceeded_context_only_larger_or_unknown_windows_are_tried() {
        let models = [
            ("small", Some(8_000)),
            ("same", Some(8_000)),
            ("large", Some(128_000)),
            ("silent", None),
            ("small", None),
        ];
        let table = windows(&models);
        let ask = RequestProfile {
            tried: &[0.into()],
            outgrown: &[0.into()],
            ..RequestProfile::usual(ModelType::Chat)
        };
        let no_more = "holds no more than one that the prompt was too long for";

        let mut candidates = CandidateSet::default();
        let choice = decide(&table, &ask, &mut candidates).expect("a target");

        assert_eq!(choice.target.get(), 2);
        let fallbacks = candidates.fallbacks(&table, choice.target);
        let ranked: Vec<TargetIdx> = fallbacks.iter().map(|other| other.target).collect();
        assert_eq!(ranked, [3.into()]);
        assert_eq!(
            why(&table, &ask),
            [0, 1, 4].map(|at| format!("{at} {no_more}"))
        );
    }

    #[test]
    fn the_last_resort_still_needs_the_required_capability() {
        let mut table = windows(&[("blind", None), ("a", None)]);
        table.candidates[0].capabilities.vision = Some(false);
        let open = RoutingState::Open(UnixTime::from_seconds(1_030));
        table.candidates[1].standing = open;
        let ask = RequestProfile {
            needs: RequiredCapabilities::of(ModelType::Vision),
            ..RequestProfile::usual(ModelType::Chat)
        };

        let choice = decide(&table, &ask, &mut CandidateSet::default()).expect("a target");
        assert_eq!(
            (choice.target, choice.reason),
            (1.into(), SelectionReason::LastResort)
        );

        table.candidates[1].capabilities.vision = Some(false);
        assert!(decide(&table, &ask, &mut CandidateSet::default()).is_err());
    }
}
