//! What a recorded selection says of its candidates.

use super::*;
use crate::domain::{
    BalancerState, CachedPrompt, CandidateSet, Capabilities, DecisionId, ModelType, ModelTypes,
    Price, Provider, RandomDraw, RequestProfile, SelectionContext, Target, WeightOverride,
    select_target,
};

#[test]
fn a_cache_is_explained_with_the_points_that_it_gains() {
    let mut catalogue = Catalogue::default();
    for (place, name) in ["a", "b"].into_iter().enumerate() {
        catalogue.providers.push(Provider::new(name, "openai"));
        catalogue.targets.push(Target {
            id: TargetId::new(name, "large"),
            provider: place.into(),
            types: ModelTypes::CHAT,
            capabilities: Capabilities::default(),
            price: Some(Price {
                cached: Some(Money::per_token(0.1)),
                ..Price::flat(1.0, 2.0)
            }),
            max_concurrent: None,
        });
    }
    let at = UnixTime::from_seconds(1_700_000_000);
    let (strategy, weights) = (Strategy::Adaptive, Weights::default());
    let state = BalancerState::new(catalogue.clone(), strategy, weights, 1, at);
    let table = state.routing_table(at);
    let profile = RequestProfile {
        input: 30_000.0,
        cached: &[CachedPrompt {
            target: 1.into(),
            tokens: 28_000.0,
        }],
        ..RequestProfile::usual(ModelType::Chat)
    };
    let (luck, mut field) = (RandomDraw::default(), CandidateSet::default());
    let chosen = select_target(&table, &profile, at, luck, &mut field).ok();
    let context = SelectionContext {
        decision: DecisionId(1),
        is_dry_run: false,
        attempt: 1,
        class: profile.class,
        input: profile.input,
        luck,
        at,
    };
    let round = SelectionRound::of(&table, &field, chosen.as_ref(), context);

    let report = SelectionRoundReport::new(&round, &catalogue).expect("known targets");

    let [a, b] = &report.candidates[..] else {
        panic!("{report:?}");
    };
    let difference = 100.0 * (b.score - a.score);
    assert!(b.cache_points > 10.0 && (b.cache_points - difference).abs() < 1e-6);
    let text = format!("+{difference:.1}: its cache holds 28.0k of 30.0k tokens");
    assert_eq!((&a.cache, &b.cache), (&None, &Some(text)));
}

/// Two providers; the second, with weights of its own, is the dearest and has no measurements.
fn round(strategy: Strategy) -> (SelectionRoundReport, f64) {
    let target = |provider: usize, name: &str, price| Target {
        id: TargetId::new(name, "m"),
        provider: provider.into(),
        types: ModelTypes::CHAT,
        capabilities: Capabilities::default(),
        price: Some(Price::flat(price, 2.0 * price)),
        max_concurrent: Some(4),
    };
    let own = Provider {
        weights: WeightOverride {
            latency: Some(70.0),
            cost: Some(20.0),
            reliability: Some(10.0),
        },
        ..Provider::new("b", "word")
    };
    let catalogue = Catalogue {
        providers: vec![Provider::new("a", "word"), own],
        targets: vec![target(0, "a", 1.0), target(1, "b", 3.0)],
        ..Catalogue::default()
    };
    let now = UnixTime::from_seconds(1_000_000);
    let state = BalancerState::new(catalogue, strategy, Weights::default(), 1, now);
    let table = state.routing_table(now);
    let profile = RequestProfile::usual(ModelType::Chat);
    let (luck, mut candidates) = (RandomDraw::default(), CandidateSet::default());
    let choice = select_target(&table, &profile, now, luck, &mut candidates).unwrap();
    let context = SelectionContext {
        decision: DecisionId(1),
        is_dry_run: false,
        attempt: 1,
        class: profile.class,
        input: profile.input,
        luck,
        at: now,
    };
    let round = SelectionRound::of(&table, &candidates, Some(&choice), context);
    let report = SelectionRoundReport::new(&round, &table.catalogue).unwrap();
    (report, choice.score)
}

#[test]
fn a_candidate_has_one_score_which_its_losses_explain() {
    for strategy in [Strategy::Adaptive, Strategy::Best, Strategy::Weighted] {
        let (report, score) = round(strategy);
        for candidate in &report.candidates {
            let explained = 100.0 + candidate.losses.sum();
            let shown = candidate.score * 100.0;
            assert!(
                (explained - shown).abs() < 1e-9,
                "{strategy:?} {candidate:?}"
            );
        }
        let is_chosen = |it: &&CandidateReport| Some(&it.provider) == report.provider.as_ref();
        let chosen = report.candidates.iter().find(is_chosen).unwrap();
        assert_eq!(chosen.score, score, "{strategy:?}");
        let start = format!("{}/m {:.1} (", chosen.provider, 100.0 * score);
        assert!(report.text.starts_with(&start), "{}", report.text);
    }
}
