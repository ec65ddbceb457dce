use super::write::short;
use super::*;
use crate::domain::{
    AttemptRecord, BalancerState, CacheSaving, CandidateSet, DecisionId, Eligibility,
    ExclusionReason, Failure, KeyIdx, MeasuredUsage, MissingCapability, ModelType, Money, Outcome,
    Penalties, Provider, RandomDraw, RateLimitExceeded, RequestClass, RequestProfile, RequestTerms,
    RouteOrder, SelectionContext, SelectionReason, SelectionRound, Strategy, Target, TargetId,
    UnixTime, Weights, select_target,
};

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    for name in ["near", "far"] {
        catalogue.providers.push(Provider::new(name, "openai"));
        catalogue.targets.push(Target {
            id: TargetId::new(name, "large"),
            provider: (catalogue.providers.len() - 1).into(),
            types: crate::domain::ModelTypes::CHAT,
            capabilities: crate::domain::Capabilities::default(),
            price: Some(crate::domain::Price::flat(0.3, 1.7)),
            max_concurrent: None,
        });
    }
    catalogue
}

fn decision(catalogue: &Catalogue) -> DecisionRecord {
    let now = UnixTime::from_seconds(1_700_000_000);
    let weights = Weights::default();
    let state = BalancerState::new(catalogue.clone(), Strategy::Adaptive, weights, 1, now);
    let table = state.routing_table(now);
    let mut field = CandidateSet::default();
    let ask = RequestProfile::usual(ModelType::Chat);
    let luck = RandomDraw {
        gate: 0.123_456_789_012_345,
        draw: 0.987_654_321_098_765,
    };
    let chosen = select_target(&table, &ask, now, luck, &mut field).expect("a target");
    let context = SelectionContext {
        decision: DecisionId(7),
        is_dry_run: false,
        attempt: 1,
        class: RequestClass::new(ModelType::Chat, true).with_tools(true),
        input: 12.5,
        luck,
        at: now,
    };
    let terms = RequestTerms {
        only: Some(vec![0.into(), 1.into()]),
        order: RouteOrder::Weighted(vec![3, 1]),
        preferred: Some(1.into()),
        max_tokens: Some(300.0),
        time_limit: Some(29.5),
        ..RequestTerms::of(&ask, None)
    };
    let round = SelectionRound::of(&table, &field, Some(&chosen), context).with_terms(terms);
    DecisionRecord {
        id: DecisionId(7),
        rounds: vec![round],
        attempts: Vec::new(),
        end: None,
    }
}

fn reasons() -> Vec<ExclusionReason> {
    let at = UnixTime::from_micros(1_700_000_000_123_456);
    let (limit, seconds) = (7, 2.5);
    let mut reasons = vec![
        ExclusionReason::Off("no key".into()),
        ExclusionReason::Draining,
        ExclusionReason::Down,
        ExclusionReason::BreakerOpen(at),
        ExclusionReason::HalfOpen,
        ExclusionReason::CoolingDown(at, None),
        ExclusionReason::CoolingDown(at, Some(Failure::Quota)),
        ExclusionReason::UpstreamRateLimited(3.5),
        ExclusionReason::ProviderAtCapacity(3),
        ExclusionReason::ModelAtCapacity(4),
        ExclusionReason::RateLimited(RateLimitExceeded::Requests { limit, seconds }),
        ExclusionReason::RateLimited(RateLimitExceeded::Tokens { limit, seconds }),
        ExclusionReason::AlreadyTried,
        ExclusionReason::UnknownPrice,
        ExclusionReason::AboveMaxCost,
        ExclusionReason::AboveMaxLatency,
        ExclusionReason::OverBudget {
            needed: Money::from_pico(5),
            left: Money::from_pico(3),
        },
        ExclusionReason::OverProviderBudget {
            needed: Money::from_pico(6),
            left: Money::from_pico(2),
        },
        ExclusionReason::NotCheapest,
    ];
    let context = MissingCapability::Context {
        window: 1,
        prompt: 2,
    };
    let output = MissingCapability::Output { most: 3, wanted: 4 };
    let missing = [
        MissingCapability::Chat,
        MissingCapability::Embeddings,
        MissingCapability::Vision,
        MissingCapability::Tools,
        MissingCapability::JsonSchema,
        MissingCapability::Reasoning,
        MissingCapability::Prefill,
        context,
        output,
        MissingCapability::ContextExceeded,
    ];
    reasons.extend(missing.map(ExclusionReason::MissingCapability));
    reasons
}

#[test]
fn a_decision_is_read_as_it_was_written() {
    let catalogue = catalogue();
    let mut record = decision(&catalogue);
    for (number, outcome) in (1..).zip([
        Outcome::Success,
        Outcome::Cancelled,
        Outcome::Failed(Failure::Server),
    ]) {
        record.attempts.push(AttemptRecord {
            key: Some(KeyIdx::new(1)),
            number,
            target: 1.into(),
            started: UnixTime::from_seconds(5),
            ended: UnixTime::from_seconds(6),
            outcome,
            status: Some(503),
            message: Some("busy".into()),
            first_token: Some(0.25),
            usage: Some(MeasuredUsage::ZERO),
            cost: Some(Money::from_pico(3)),
        });
    }
    let template = record.rounds[0].candidates[0].clone();
    for reason in reasons() {
        let mut candidate = template.clone();
        candidate.row.entry = Eligibility::Excluded(reason);
        record.rounds[0].candidates.push(candidate);
    }
    for candidate in &mut record.rounds[0].candidates {
        let row = &mut candidate.row;
        row.cache = CacheSaving {
            tokens: 28_000.0,
            usd: 0.012_5,
            avoided: Penalties {
                cost: 0.25,
                latency: 0.125,
                ..Penalties::default()
            },
        };
        row.bads.latency = short(row.bads.latency);
        row.predicted.first_token = short(row.predicted.first_token);
        row.predicted.per_token = short(row.predicted.per_token);
        for number in [
            &mut row.bads.cost,
            &mut row.bads.risk,
            &mut row.bads.load,
            &mut row.risk.failure,
            &mut row.risk.limited,
            &mut row.risk.miss,
            &mut row.headroom,
            &mut row.temperature,
            &mut row.utility,
            &mut row.odds,
        ] {
            *number = short(*number);
        }
    }
    record.rounds[0].output = short(record.rounds[0].output);

    let json = write::decision(&record, &catalogue);
    let read = read_explanation(&json, record.id, &mut &catalogue).expect("readable");

    assert_eq!(read.rounds, record.rounds);
    assert_eq!(read.attempts, record.attempts);
    assert!(read.dropped_fields.is_empty());
}

#[test]
fn six_candidates_take_less_than_two_kilobytes() {
    let catalogue = catalogue();
    let mut record = decision(&catalogue);
    let template = record.rounds[0].candidates[0].clone();
    record.rounds[0].candidates = vec![template; 6];
    for candidate in &mut record.rounds[0].candidates {
        candidate.row.odds = 1.0 / 7.0;
        candidate.row.utility = 2.0 / 3.0;
    }

    let json = write::decision(&record, &catalogue);

    assert!(json.len() < 2_000, "{} bytes: {json}", json.len());
}

#[test]
fn a_target_that_is_gone_is_left_out() {
    let catalogue = catalogue();
    let json = write::decision(&decision(&catalogue), &catalogue);
    let mut smaller = catalogue.clone();
    smaller.targets.pop();

    let read = read_explanation(&json, DecisionId(7), &mut &smaller).expect("readable");

    let round = &read.rounds[0];
    assert_eq!((round.candidates.len(), round.left_out), (1, 1));
    let terms = round.terms.as_deref().expect("of the first attempt");
    assert_eq!(terms.only.as_deref(), Some(&[0.into()][..]));
    assert_eq!(terms.order, RouteOrder::Weighted(vec![3]));
}

#[test]
fn reasons_are_stored_by_their_place_so_the_order_never_changes() {
    let texts = SelectionReason::ALL.map(|reason| format!("{reason:?}"));
    assert_eq!(
        texts.join(" "),
        "Best WeightedRandom Pinned Preferred Only HalfOpenProbe Exploration Fallback Cheapest \
         LastResort RouteOrder RouteShare Hedge"
    );
}

#[test]
fn a_short_number_has_nine_digits() {
    assert_eq!(short(1.0 / 3.0), 0.333_333_333);
    assert_eq!(short(-123_456.789_123), -123_456.789);
    assert_eq!(short(0.3), 0.3);
    assert_eq!(short(f64::NAN), 0.0);
    assert_eq!(short(3e-7 / 7.0), 4.285_714_29e-8);
}
