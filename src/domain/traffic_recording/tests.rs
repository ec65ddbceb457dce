use super::*;
use crate::domain::{
    BalancerState, CandidateSet, Catalogue, DecisionRecord, MeasuredUsage, ModelType, RandomDraw,
    RequestClass, RequestProfile, RequestTerms, SelectionContext, Strategy, Usage, Weights,
};

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_seconds(100_000 + seconds)
}

fn round(decision: u64, seconds: u64) -> SelectionRound {
    let (catalogue, weights) = (Catalogue::default(), Weights::default());
    let state = BalancerState::new(catalogue, Strategy::Adaptive, weights, 1, at(0));
    let context = SelectionContext {
        decision: DecisionId(decision),
        is_dry_run: false,
        attempt: 1,
        class: RequestClass::new(ModelType::Chat, true),
        input: 10.0,
        luck: RandomDraw::default(),
        at: at(seconds),
    };
    let table = state.routing_table(at(seconds));
    let profile = RequestProfile::usual(ModelType::Chat);
    SelectionRound::of(&table, &CandidateSet::default(), None, context)
        .with_terms(RequestTerms::of(&profile, None))
}

fn end(decision: u64, tokens: u64) -> RequestEnd {
    let usage = Usage {
        output: tokens,
        ..Usage::default()
    };
    RequestEnd {
        decision: DecisionId(decision),
        identity: Arc::default(),
        request_id: String::new(),
        started: at(0),
        ended: at(0),
        outcome: RequestOutcome::Ok,
        status: None,
        message: None,
        target: None,
        score: None,
        reason: String::new(),
        attempts: 1,
        fallbacks: 0,
        hedge: None,
        first_content: None,
        gateway_seconds: None,
        usage: Some(MeasuredUsage::exact(usage)),
        cost: None,
        dropped_fields: Vec::new(),
    }
}

#[test]
fn a_request_keeps_its_real_length_for_a_quarter_of_an_hour() {
    let mut recording = TrafficRecording::default();
    recording.add_round(&round(1, 0));
    recording.add_round(&round(2, 600));
    recording.end_request(&end(2, 77));
    recording.end_request(&end(9, 5));

    let requests = recording.requests(at(600));
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].output, 77.0);
    assert!(Arc::ptr_eq(&requests[0].terms, &requests[1].terms));

    recording.add_round(&round(3, 901));
    recording.end_request(&end(1, 33));
    let requests = recording.requests(at(901));
    let decisions: Vec<u64> = requests.iter().map(|request| request.decision.0).collect();
    assert_eq!(decisions, [2, 3], "the first one is too old");
    assert!(recording.running.len() <= 2, "{:?}", recording.running);
}

#[test]
fn a_fallback_and_a_dry_run_are_no_requests() {
    let mut recording = TrafficRecording::default();
    let mut fallback = round(1, 0);
    fallback.attempt = 2;
    recording.add_round(&fallback);
    let mut dry_run = round(2, 0);
    dry_run.is_dry_run = true;
    recording.add_round(&dry_run);

    assert!(recording.requests(at(0)).is_empty());
}

#[test]
fn the_number_of_requests_is_bounded() {
    let mut recording = TrafficRecording::default();
    let one = round(0, 0);
    for decision in 0..(MAX_REQUESTS as u64 + 5) {
        let mut next = one.clone();
        next.decision = DecisionId(decision);
        recording.add_round(&next);
    }
    assert_eq!(recording.requests(at(0)).len(), MAX_REQUESTS);
    assert_eq!(recording.running.len(), MAX_REQUESTS);
    assert!(recording.is_full());
}

fn ended(decision: u64, seconds: u64) -> DecisionRecord {
    DecisionRecord {
        id: DecisionId(decision),
        rounds: vec![round(decision, seconds)],
        attempts: Vec::new(),
        end: Some(end(decision, 40 + decision)),
    }
}

#[test]
fn the_requests_of_an_earlier_process_come_first_without_the_pause_between() {
    let decisions = [ended(3, 110), ended(2, 100), ended(1, 0), ended(6, 950)];
    let past = PastTraffic {
        decisions: &decisions,
        attempts: &[],
        is_cut: true,
    };
    let mut recording = TrafficRecording::default();
    recording.add_round(&round(5, 930));
    recording.restore(&past, at(960));
    recording.end_request(&end(5, 77));

    let requests = recording.requests(at(960));
    let seen: Vec<(u64, UnixTime, f64)> = requests
        .iter()
        .map(|request| (request.decision.0, request.at, request.output))
        .collect();
    assert_eq!(
        seen,
        [(2, at(920), 42.0), (3, at(930), 43.0), (5, at(930), 77.0)]
    );
    assert!(recording.is_full(), "it had more requests");
    recording.add_round(&round(7, 1_825));
    assert!(!recording.is_full(), "what is missing is too old by now");
}
