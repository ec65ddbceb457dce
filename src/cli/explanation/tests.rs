use super::*;
use crate::contract::{AttemptReport, DecisionOutcome, DecisionReport, RequestTrouble};

#[test]
fn a_failure_is_printed_with_the_vendors_words_on_one_line() {
    let detail = DecisionDetail {
        summary: DecisionReport {
            decision_id: "8f41000000000000".to_owned(),
            at: "2026-11-24T03:14:41.000Z".to_owned(),
            request_id: Some("req-1".to_owned()),
            provider: Some("google".to_owned()),
            model: Some("flash".to_owned()),
            score: Some(0.9),
            reason: "best score".to_owned(),
            outcome: DecisionOutcome::Error,
            trouble: Some(RequestTrouble::Failed),
            error_class: Some("server".to_owned()),
            client: Some("ann".to_owned()),
            model_asked: None,
            chain: vec!["google".to_owned()],
            latency_ms: Some(120.0),
            cost_usd: None,
            cost_basis: "unknown".to_owned(),
            attempts: 1,
        },
        tag: None,
        status: Some(502),
        message: None,
        attempts: vec![AttemptReport {
            attempt: 1,
            provider: "google".to_owned(),
            model: "flash".to_owned(),
            key: Some(1),
            outcome: DecisionOutcome::Error,
            status: Some(503),
            error_class: Some("server".to_owned()),
            message: Some("over\nloaded \u{1b}[31m".to_owned()),
            latency_ms: 118.0,
            time_to_first_token_ms: None,
            input_tokens: None,
            output_tokens: None,
            cost_usd: None,
        }],
        input_tokens: None,
        output_tokens: None,
        dropped_fields: vec!["seed".to_owned()],
        rounds: Vec::new(),
    };
    insta::assert_snapshot!(render_decision(&detail), @r#"
    decision  8f41000000000000
    result    failed (502) after 1 attempt, in 120 ms
    cause     google/flash answered 503 (server): "over\nloaded \u001b[31m"
    try 1     google/flash answered 503 (server); in 118 ms, key 1
    request   req-1 of client ann, ended 2026-11-24T03:14:41.000Z
    left out  seed: the target's protocol has no place for it
    "#);
}
