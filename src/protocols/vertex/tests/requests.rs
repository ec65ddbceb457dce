use super::*;
use crate::domain::Failure;
use std::time::Duration;

const MODELS: &str = "https://aiplatform.googleapis.com/v1/projects/fx-proj/locations/global/publishers/google/models";

fn ask(request: &[u8]) -> Result<PreparedCall, TranslationError> {
    with_call(request, false, |call| {
        Vertex.build_request(&endpoint(Some("oauth-fx")), call)
    })
}

#[test]
fn requests_use_the_projects_path_and_a_bearer_token() {
    let table = [
        ("text", ":generateContent"),
        ("tools", ":generateContent"),
        ("multi_turn_request", ":generateContent"),
        ("stream_error", ":streamGenerateContent?alt=sse"),
    ];
    for (case, verb) in table {
        let prepared = ask(&fixture(&format!("vertex/{case}/request.openai.json"))).unwrap();

        assert_eq!(
            prepared.request.url,
            format!("{MODELS}/gemini-3.5-flash{verb}")
        );
        let authorization = &prepared.request.headers[AUTHORIZATION];
        assert_eq!(authorization, "Bearer oauth-fx");
        assert!(authorization.is_sensitive());
        assert_eq!(
            body_of(&prepared.request),
            json_of(&format!("vertex/{case}/request.json")),
            "{case}"
        );
    }
}

#[test]
fn the_recorded_response_is_translated_for_a_chat_client() {
    let mut prepared = ask(&fixture("vertex/tools/request.openai.json")).unwrap();
    let body = prepared
        .adapter
        .whole(&fixture("vertex/tools/response.json"));

    let body: Value = serde_json::from_slice(&body.unwrap()).unwrap();
    let recorded = json_of("vertex/tools/expected.openai.json");
    assert_eq!(body["usage"], recorded["usage"]);
    assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");
}

#[test]
fn a_model_of_another_company_is_an_error_of_this_target_only() {
    let error = ask(br#"{"model":"claude-haiku-5-5","messages":[]}"#).unwrap_err();

    assert!(error.is_target_specific);
    assert_eq!(error.param.as_deref(), Some("model"));
}

#[test]
fn texts_are_embedded_as_predictions() {
    let request = br#"{"model":"text-embedding-005","input":["a","b"],"dimensions":2}"#;
    let mut prepared = with_call(request, false, |call| {
        Vertex.build_embeddings(&endpoint(Some("t")), call).unwrap()
    });
    let answer = br#"{"predictions":[
        {"embeddings":{"values":[0.5,1],"statistics":{"token_count":3,"truncated":false}}},
        {"embeddings":{"values":[0.25,2],"statistics":{"token_count":4.0}}}]}"#;
    let body = prepared.adapter.whole(&Bytes::from_static(answer)).unwrap();

    assert_eq!(
        prepared.request.url,
        format!("{MODELS}/text-embedding-005:predict")
    );
    assert_eq!(
        body_of(&prepared.request),
        json!({"instances": [{"content": "a"}, {"content": "b"}],
            "parameters": {"outputDimensionality": 2}})
    );
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["data"][1]["embedding"], json!([0.25, 2.0]));
    assert_eq!(body["usage"]["prompt_tokens"], 7);
}

#[test]
fn a_count_request_has_no_tool_choice() {
    let counting = with_call(
        &fixture("vertex/tools/request.openai.json"),
        false,
        |call| {
            Vertex
                .build_token_count(&endpoint(Some("t")), call)
                .unwrap()
        },
    );

    let mut recorded = json_of("vertex/tools/request.json");
    recorded.as_object_mut().unwrap().remove("toolConfig");
    assert_eq!(body_of(&counting.request), recorded);
    assert!(counting.request.url.ends_with(":countTokens"));
}

#[test]
fn the_probe_costs_nothing_and_shows_a_working_provider() {
    let mut endpoint = endpoint(Some("t"));
    endpoint.probe_model = Some("gemini-3.5-flash".into());
    let probe = Vertex.build_probe(&endpoint);

    assert_eq!(probe.url, format!("{MODELS}/gemini-3.5-flash:countTokens"));
    assert!(Vertex.is_probe_ok(StatusCode::OK, br#"{"totalTokens": 1}"#));
    assert!(!Vertex.is_probe_ok(StatusCode::UNAUTHORIZED, b"{}"));
    assert!(!Vertex.is_probe_ok(StatusCode::OK, b"<html>"));
    endpoint.probe_model = None;
    assert!(
        Vertex
            .build_probe(&endpoint)
            .url
            .ends_with("/v1/projects/fx-proj/locations/global")
    );
}

#[test]
fn a_rejected_token_may_be_renewed_and_a_plain_key_never() {
    let source = TokenSource::new(None, || 0);
    let renewing = endpoint(None).with_tokens(source);
    let plain = endpoint(Some("t"));
    let mut rejected = UpstreamError::without_response(Failure::Auth, "expired");
    rejected.status = 401;
    let limit = Failure::RateLimit(Some(Duration::ZERO));
    let mut limited = UpstreamError::without_response(limit, "");
    limited.status = 429;

    assert!(renewing.may_renew_credential(&rejected));
    assert!(!renewing.may_renew_credential(&limited));
    assert!(!plain.may_renew_credential(&rejected));
}
