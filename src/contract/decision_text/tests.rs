use super::*;

fn attempt(number: u32, provider: &str, outcome: DecisionOutcome) -> AttemptReport {
    AttemptReport {
        attempt: number,
        provider: provider.to_owned(),
        model: "m".to_owned(),
        key: None,
        outcome,
        status: Some(200),
        error_class: None,
        message: None,
        latency_ms: 1_250.0,
        time_to_first_token_ms: Some(310.0),
        input_tokens: Some(12),
        output_tokens: Some(40),
        cost_usd: Some(0.0012),
    }
}

fn failed(number: u32, provider: &str) -> AttemptReport {
    AttemptReport {
        status: Some(503),
        error_class: Some("server".to_owned()),
        message: Some("overloaded, try later".to_owned()),
        time_to_first_token_ms: None,
        input_tokens: None,
        cost_usd: None,
        ..attempt(number, provider, DecisionOutcome::Error)
    }
}

/// A request that the second provider answered.
fn saved() -> DecisionDetail {
    DecisionDetail {
        summary: DecisionReport {
            decision_id: "8f41000000000000".to_owned(),
            at: "2026-11-24T03:14:41.000Z".to_owned(),
            request_id: Some("req-1".to_owned()),
            provider: Some("b".to_owned()),
            model: Some("m".to_owned()),
            score: Some(0.9),
            reason: "fallback after a failure".to_owned(),
            outcome: DecisionOutcome::Ok,
            trouble: Some(RequestTrouble::Saved),
            error_class: Some("server".to_owned()),
            client: Some("ann".to_owned()),
            model_asked: Some("auto".to_owned()),
            chain: vec!["a".to_owned(), "b".to_owned()],
            latency_ms: Some(2_500.0),
            cost_usd: Some(0.0012),
            cost_basis: "exact".to_owned(),
            attempts: 2,
        },
        tag: Some("nightly".to_owned()),
        status: Some(200),
        message: None,
        attempts: vec![failed(1, "a"), attempt(2, "b", DecisionOutcome::Ok)],
        input_tokens: Some(12),
        output_tokens: Some(40),
        dropped_fields: Vec::new(),
        rounds: Vec::new(),
    }
}

fn told(detail: &DecisionDetail, hide: Privacy<'_>) -> String {
    let lines = detail.told(hide).into_iter();
    let lines: Vec<String> = lines
        .map(|line| format!("{}: {}", line.label, line.text))
        .collect();
    lines.join("\n")
}

#[test]
fn a_saved_request_is_told_with_its_cause_and_every_attempt() {
    assert_eq!(
        told(&saved(), &|text| text),
        "result: saved by another attempt (200) after 2 attempts, in 2.5 s, 12 + 40 tokens, \
         $0.00120 exact, a → b\n\
         cause: a/m answered 503 (server): \"overloaded, try later\"\n\
         try 1: a/m answered 503 (server); in 1.2 s\n\
         try 2: b/m ok 200; in 1.2 s, first token 310 ms, 12 + 40 tokens, $0.00120\n\
         request: req-1 of client ann, asked for auto, tag nightly, ended 2026-11-24T03:14:41.000Z"
    );
    assert_eq!(
        saved().summary.trouble_text().as_deref(),
        Some("saved: a → b after server")
    );
}

#[test]
fn a_failed_request_blames_the_last_attempt_that_failed() {
    let mut detail = saved();
    detail.summary.outcome = DecisionOutcome::Error;
    detail.summary.trouble = Some(RequestTrouble::Failed);
    detail.status = Some(502);
    detail.attempts[1] = AttemptReport {
        status: None,
        error_class: Some("timeout".to_owned()),
        message: None,
        ..failed(2, "b")
    };
    let text = told(&detail, &|text| text);
    assert!(
        text.contains("result: failed (502) after 2 attempts"),
        "{text}"
    );
    assert!(
        text.contains("cause: b/m gave no answer (timeout)\n"),
        "{text}"
    );
}

#[test]
fn a_rejected_request_tells_what_it_was_told() {
    let mut detail = saved();
    detail.summary.outcome = DecisionOutcome::Refused;
    detail.summary.trouble = Some(RequestTrouble::Failed);
    detail.summary.error_class = Some("no_target".to_owned());
    detail.summary.chain.clear();
    detail.summary.attempts = 0;
    detail.attempts.clear();
    detail.message = Some("every target is excluded".to_owned());
    let text = told(&detail, &|text| text);
    assert!(
        text.contains("cause: no_target: every target is excluded\n"),
        "{text}"
    );
    assert_eq!(
        detail.summary.trouble_text().as_deref(),
        Some("failed: no_target")
    );
}

#[test]
fn amounts_and_names_of_people_can_be_hidden() {
    let text = told(&saved(), &|_| "***".to_owned());
    for hidden in ["0.0012", "ann", "nightly"] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    assert!(
        text.contains("$*** exact") && text.contains("of client ***"),
        "{text}"
    );
}

#[test]
fn attempts_beyond_those_recorded_are_counted() {
    let mut detail = saved();
    detail.summary.attempts = 20;
    let text = told(&detail, &|text| text);
    assert!(
        text.contains("tries: 18 more, of which nothing is recorded"),
        "{text}"
    );
}
