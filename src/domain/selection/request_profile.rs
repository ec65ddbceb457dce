//! What is asked of the balancer.

use super::exclusion::ExclusionReason;
use crate::domain::budget::BudgetHeadroom;
use crate::domain::capability::{MissingCapability, RequiredCapabilities};
use crate::domain::index::{ProviderIdx, TargetIdx};
use crate::domain::model_type::{ModelType, RequestClass};
use crate::domain::snapshot::{Candidate, RoutingTable};

/// Which targets a request's model name allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetScope<'a> {
    /// All that serve a type of work.
    Type(ModelType),
    /// These, by their places in the catalogue.
    Only(&'a [TargetIdx]),
}

/// What is known of a request before it is sent.
#[derive(Debug, Clone, Copy)]
pub struct RequestProfile<'a> {
    pub scope: TargetScope<'a>,
    /// Its sort: the type of work, however the targets were named, and how the answer comes. It
    /// says who can do it at all, and how long the answer may be.
    pub class: RequestClass,
    pub needs: RequiredCapabilities,
    /// The client insists on this very target: what is stated of the model may be stale, and the
    /// provider says by itself what it cannot do.
    pub pinned: bool,
    /// Estimated tokens of the prompt.
    pub input: f64,
    pub max_tokens: Option<f64>,
    /// Place of the preferred provider in the catalogue.
    pub preferred: Option<ProviderIdx>,
    /// USD per token.
    pub max_cost: Option<f64>,
    /// Seconds.
    pub max_latency: Option<f64>,
    /// Seconds that are left for the whole answer.
    pub remaining: Option<f64>,
    /// What may be spent on it; nothing where there is no limit.
    pub means: Option<BudgetHeadroom>,
    /// Targets that failed this request already.
    pub tried: &'a [TargetIdx],
    /// Those of them for which the prompt was too long.
    pub outgrown: &'a [TargetIdx],
}

impl RequestProfile<'_> {
    /// A usual request of a type.
    pub fn usual(kind: ModelType) -> Self {
        Self {
            scope: TargetScope::Type(kind),
            class: RequestClass::new(kind, true),
            needs: RequiredCapabilities::default(),
            pinned: false,
            input: 500.0,
            max_tokens: None,
            preferred: None,
            max_cost: None,
            max_latency: None,
            remaining: None,
            means: None,
            tried: &[],
            outgrown: &[],
        }
    }

    /// Whether the model can do what is asked, as far as is stated.
    pub(super) fn check_capabilities(
        &self,
        table: &RoutingTable,
        candidate: &Candidate,
    ) -> Result<(), ExclusionReason> {
        let able = &candidate.capabilities;
        let lack = match able.unsupported_type(self.class.kind()) {
            None if !self.pinned => able
                .missing(self.needs, self.input, self.max_tokens)
                .or_else(|| {
                    self.is_outgrown(table, candidate)
                        .then_some(MissingCapability::ContextExceeded)
                }),
            lack => lack,
        };
        lack.map_or(Ok(()), |lack| Err(ExclusionReason::MissingCapability(lack)))
    }

    /// Whether a prompt that was too long for another target is too long for this one: because it
    /// is the same model, or holds no more.
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

    /// Targets that hold so many tokens, each the dearer and slower the more.
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
        field: &mut CandidateSet,
    ) -> Result<TargetSelection, NoEligibleTarget> {
        select_target(table, ask, NOW, RandomDraw::without_exploration(0.0), field)
    }

    fn why(table: &RoutingTable, ask: &RequestProfile<'_>) -> Vec<String> {
        let mut field = CandidateSet::default();
        field.evaluate(table, ask, NOW);
        let rejected = field.rejected();
        let text =
            |(at, why): &(TargetIdx, ExclusionReason)| format!("{} {}", at.get(), why.text(NOW));
        rejected.iter().map(text).collect()
    }

    #[test]
    fn only_who_can_do_what_is_asked_may_serve() {
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
        assert_eq!(why(&table, &ask), ["0 cannot see pictures"]);
    }

    #[test]
    fn a_pin_outranks_what_is_stated_of_a_model_but_not_its_trade() {
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
    fn after_a_prompt_that_was_too_long_only_who_holds_more_or_says_nothing_is_asked() {
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

        let mut field = CandidateSet::default();
        let choice = decide(&table, &ask, &mut field).expect("a target");

        assert_eq!(choice.target.get(), 2);
        let fallbacks = field.fallbacks(&table, choice.target);
        let ranked: Vec<TargetIdx> = fallbacks.iter().map(|other| other.target).collect();
        assert_eq!(ranked, [3.into()]);
        assert_eq!(
            why(&table, &ask),
            [0, 1, 4].map(|at| format!("{at} {no_more}"))
        );
    }

    #[test]
    fn in_need_nobody_is_asked_for_what_he_cannot_do() {
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
