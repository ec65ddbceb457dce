use super::*;
use crate::domain::{
    AttemptStart, Capabilities, DecisionId, ModelTypes, Provider, RequestIdentity, Target,
    TargetId, UnixTime, UpstreamLimits,
};
use std::sync::Arc;

fn counters() -> Counters {
    let catalogue = Catalogue {
        providers: vec![Provider::new("a", "openai-compatible")],
        targets: vec![Target {
            id: TargetId::new("a", "m"),
            provider: 0.into(),
            types: ModelTypes::default(),
            capabilities: Capabilities::default(),
            price: None,
            max_concurrent: None,
        }],
        ..Catalogue::default()
    };
    let mut counters = Counters::default();
    counters.add_labels(&catalogue);
    counters
}

fn identity(operation: &'static str, model: &str) -> Arc<RequestIdentity> {
    let model = model.into();
    Arc::new(RequestIdentity {
        operation,
        model,
        ..RequestIdentity::default()
    })
}

fn attempt(model: &str, outcome: Outcome) -> AttemptEnd {
    AttemptEnd {
        decision: DecisionId(7),
        identity: identity("chat", model),
        number: 1,
        status: None,
        message: None,
        target: 0.into(),
        started: UnixTime::from_seconds(10),
        ended: UnixTime::from_seconds(12),
        outcome,
        first_token: None,
        usage: Some(MeasuredUsage::exact(Usage {
            input: 10,
            output: 5,
            cached: 4,
            ..Usage::default()
        })),
        cost: Some(Money::from_pico(3)),
        streamed: false,
        trial: false,
        dropped_fields: 2,
        ticket: AttemptStart::default(),
        limits: UpstreamLimits::default(),
        client_deadline_hit: false,
        abandoned_after: None,
    }
}

fn request(model: &str, outcome: RequestOutcome) -> RequestEnd {
    RequestEnd {
        decision: DecisionId(7),
        identity: identity("chat", model),
        request_id: String::new(),
        started: UnixTime::from_seconds(10),
        ended: UnixTime::from_seconds(13),
        outcome,
        target: Some(0.into()),
        score: None,
        reason: String::new(),
        attempts: 2,
        fallbacks: 1,
        hedge: None,
        first_content: Some(1.0),
        gateway_seconds: Some(0.002),
        usage: Some(MeasuredUsage::exact(Usage {
            output: 5,
            ..Usage::default()
        })),
        cost: None,
        status: None,
        message: None,
        dropped_fields: Vec::new(),
    }
}

#[test]
fn names_that_are_not_configured_share_one_label() {
    let mut counters = counters();
    for name in 0..10_000 {
        let name = format!("junk-{name}");
        counters.count_attempt(&attempt(&name, Outcome::Success));
        counters.count_request(&request(&name, RequestOutcome::Ok));
    }
    for known in ["m", "a/m", "auto"] {
        counters.count_attempt(&attempt(known, Outcome::Success));
    }
    let names: Vec<&str> = counters
        .attempts
        .keys()
        .map(|labels| counters.model_name(labels.model))
        .collect();

    assert_eq!(names, ["other", "auto", "m", "a/m"]);
    assert_eq!(counters.requests.len(), 1);
}

#[test]
fn kinds_of_calls_beyond_the_bound_count_as_other() {
    let mut calls: BTreeMap<CallLabels, AttemptCounts> = BTreeMap::new();
    for target in 0..MAX_CALLS + 3 {
        let labels = CallLabels {
            operation: "chat",
            model: counters().labels.of("m"),
            target: Some((target % MAX_CALLS).into()),
        };
        entry(&mut calls, labels);
    }
    let beyond = CallLabels {
        operation: "embeddings",
        model: counters().labels.of("m"),
        target: Some(0.into()),
    };
    entry(&mut calls, beyond).unknown_costs += 1;

    assert_eq!(calls.len(), MAX_CALLS + 1);
    let other = CallLabels {
        model: ModelLabel::OTHER,
        ..beyond
    };
    assert_eq!(calls[&other].unknown_costs, 1);
}

#[test]
fn an_attempt_counts_its_outcome_tokens_and_cost() {
    let mut counters = counters();
    counters.count_attempt(&attempt("m", Outcome::Success));
    counters.count_attempt(&attempt("m", Outcome::Failed(Failure::Server)));
    counters.count_attempt(&AttemptEnd {
        usage: Some(MeasuredUsage::ZERO),
        cost: None,
        ..attempt("m", Outcome::Cancelled)
    });
    let counts = counters.attempts.values().next().unwrap();
    let outcomes: Vec<&str> = counts.durations.keys().map(|it| it.error).collect();
    let tokens = |name| counts.tokens.get(name).map(|it| (it.count(), it.sum()));

    assert_eq!(outcomes, ["cancelled", "server", ""]);
    assert_eq!(counts.durations[&OutcomeLabels::OK].sum(), 2.0);
    assert_eq!(tokens("input"), Some((2, 20.0)));
    assert_eq!(tokens("cached_input"), Some((2, 8.0)));
    assert_eq!(tokens("reasoning"), None);
    assert_eq!(counts.cost, Money::from_pico(6));
    assert_eq!((counts.unknown_costs, counts.dropped_fields), (1, 6));
}

#[test]
fn a_request_counts_its_class_its_fallbacks_and_its_stream() {
    let mut counters = counters();
    counters.count_request(&request("m", RequestOutcome::Ok));
    let failed = RequestOutcome::Error(Failure::Timeout);
    counters.count_request(&request("m", failed));
    let refused = RequestOutcome::Rejected(RejectionReason::BudgetExceeded);
    counters.count_request(&RequestEnd {
        attempts: 0,
        fallbacks: 0,
        target: None,
        gateway_seconds: None,
        ..request("m", refused)
    });
    let served = &counters.requests[&CallLabels {
        operation: "chat",
        model: counters.labels.of("m"),
        target: Some(0.into()),
    }];

    let refused = counters.requests.values().flat_map(|it| &it.durations);
    let outcomes: Vec<(&str, &str)> = refused.map(|(it, _)| (it.class, it.error)).collect();
    let expected = [
        ("budget_exceeded", "budget_exceeded"),
        ("error", "timeout"),
        ("ok", ""),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!((counters.retries, counters.gateway.count()), (2, 2));
    assert_eq!(counters.fallbacks[&(Some(0.into()), true)], 1);
    assert_eq!(
        (served.first_token.count(), served.first_token.sum()),
        (1, 1.0)
    );
    assert_eq!(served.per_token.sum(), 0.5);
}
