use super::TestApi;
use crate::domain::{Command, ProviderPatch};
use axum::body::Body;
use axum::http::Request;

const SELECT: &str = "/api/load-balancing/select";

#[tokio::test(start_paused = true)]
async fn a_selection_has_its_promised_shape() {
    let api = TestApi::new();

    let answer = api.send("POST", SELECT, r#"{"modelType":"chat"}"#).await;

    insta::assert_json_snapshot!(answer.shape());
}

#[tokio::test(start_paused = true)]
async fn query_and_body_select_the_same_target() {
    let api = TestApi::new();

    let query = api
        .get("/api/load-balancing?modelType=chat&preferredProvider=beta&maxLatency=20000")
        .await;
    let body = r#"{"modelType":"chat","preferredProvider":"beta","maxLatency":20000}"#;
    let body = api.send("POST", SELECT, body).await;

    assert_eq!(query.shape(), body.shape());
    assert_eq!(query.body["provider"], "beta");
    assert_eq!(query.body["reason"], "preferred provider");
}

#[tokio::test(start_paused = true)]
async fn the_model_accepts_every_name_that_clients_use() {
    let api = TestApi::new();
    let cases = [
        (r#"{"model":"auto"}"#, "alpha", "small", "chat"),
        (r#"{"model":"auto:vision"}"#, "alpha", "large", "vision"),
        (r#"{"model":"good","maxTokens":1}"#, "beta", "small", "chat"),
        (r#"{"model":"alpha/large"}"#, "alpha", "large", "chat"),
        (r#"{"model":"tiny/none"}"#, "", "", ""),
        (
            r#"{"model":"small","preferredProvider":"beta"}"#,
            "beta",
            "small",
            "chat",
        ),
    ];

    for (body, provider, model, kind) in cases {
        let answer = api.send("POST", SELECT, body).await;
        if provider.is_empty() {
            answer.problem(404);
            continue;
        }
        let chosen = answer.ok();
        assert_eq!(chosen["provider"], provider, "{body}");
        assert_eq!(chosen["model"], model, "{body}");
        assert_eq!(chosen["modelType"], kind, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_values_are_rejected_by_name() {
    let api = TestApi::new();
    let cases = [
        (r#"{"modelType":"poetry"}"#, "modelType"),
        (r#"{"modelType":7}"#, "modelType"),
        (r#"{"maxCost":-0.1}"#, "maxCost"),
        (r#"{"maxLatency":-1}"#, "maxLatency"),
        (r#"{"maxCost":"cheap"}"#, "maxCost"),
        (r#"{"maxTokens":0}"#, "maxTokens"),
        (r#"{"maxTokens":1.5}"#, "maxTokens"),
        (r#"{"stream":"yes"}"#, "stream"),
        (r#"{"temperature":"hot"}"#, "temperature"),
        (r#"{"preferredProvidr":"beta"}"#, "preferredProvidr"),
        ("[]", "body"),
    ];

    for (body, field) in cases {
        let answer = api.send("POST", SELECT, body).await;

        answer.problem(422);
        assert_eq!(answer.body["errors"][0]["field"], field, "{body}");
        assert!(answer.body["errors"][0]["expected"].is_string());
    }
}

#[tokio::test(start_paused = true)]
async fn every_mistake_is_named_at_once() {
    let api = TestApi::new();

    let body = r#"{"maxCost":-1,"maxTokens":0,"modelType":"poetry"}"#;
    let answer = api.send("POST", SELECT, body).await;

    insta::assert_json_snapshot!(answer.body);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_query_is_a_bad_request() {
    let api = TestApi::new();
    for query in [
        "maxCost=-1",
        "maxCost=cheap",
        "maxCost=NaN",
        "maxLatency=inf",
        "modelType=poetry",
        "maxTokens=0",
        "stream=perhaps",
        "preferedProvider=beta",
    ] {
        let answer = api.get(&format!("/api/load-balancing?{query}")).await;

        answer.problem(400);
        let field = query.split('=').next().unwrap();
        assert_eq!(answer.body["errors"][0]["field"], field, "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_json_is_a_bad_request() {
    let api = TestApi::new();
    for body in ["", "{", "{\"maxCost\":NaN}", "not json"] {
        let answer = api.send("POST", SELECT, body).await;

        assert!(answer.problem(400).starts_with("the body is not JSON"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_beyond_the_limit_is_too_large() {
    let api = TestApi::new();
    let body = format!(r#"{{"model":"{}"}}"#, "x".repeat(65 * 1024));

    let answer = api.send("POST", SELECT, &body).await;

    assert_eq!(answer.problem(413), "the body is longer than 64 KB");
}

#[tokio::test(start_paused = true)]
async fn any_content_type_is_read_as_json() {
    let api = TestApi::new();
    for kind in ["text/plain", "application/json; charset=utf-8"] {
        let request = Request::post(SELECT).header("content-type", kind);

        let answer = api.ask(request.body(Body::from("{}")).unwrap()).await;

        answer.ok();
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_names_are_answered_with_the_known_ones() {
    let api = TestApi::new();

    let provider = api
        .send("POST", SELECT, r#"{"preferredProvider":"delta"}"#)
        .await;
    let model = api.send("POST", SELECT, r#"{"model":"smal"}"#).await;

    assert_eq!(
        provider.problem(404),
        "provider \"delta\" is unknown; there are alpha, beta, gamma"
    );
    assert!(model.problem(404).contains("small"));
}

#[tokio::test(start_paused = true)]
async fn without_an_eligible_target_the_answer_names_each_reason() {
    let api = TestApi::new();

    let answer = api.send("POST", SELECT, r#"{"maxCost":0.0000001}"#).await;

    assert_eq!(
        answer.problem(503),
        "no_target: no target is eligible now: alpha/small: more expensive than maxCost; \
         alpha/large: more expensive than maxCost; beta/small: price unknown, so maxCost cannot be checked; \
         gamma/tiny: disabled"
    );
    assert_eq!(answer.header("retry-after"), "");
}

#[tokio::test(start_paused = true)]
async fn a_type_without_a_model_is_named() {
    let api = TestApi::new();

    let answer = api.get("/api/load-balancing?modelType=embedding").await;

    assert_eq!(
        answer.problem(503),
        "no_target: no configured model serves embedding"
    );
}

#[tokio::test(start_paused = true)]
async fn where_waiting_helps_the_answer_says_how_long() {
    let api = TestApi::new();
    for provider in ["alpha", "beta"] {
        let command = Command::ChangeProvider {
            name: provider.to_owned(),
            patch: ProviderPatch {
                max_concurrent: Some(1),
                ..ProviderPatch::default()
            },
            who: "test".to_owned(),
        };
        api.handle.execute(command).await.unwrap();
        let body = format!(r#"{{"provider":"{provider}","action":"increment"}}"#);
        api.send("POST", "/api/load-balancing", &body).await.ok();
    }

    let answer = api.send("POST", SELECT, "{}").await;

    assert!(
        answer
            .problem(503)
            .contains("its concurrency limit of 1 is reached")
    );
    assert_eq!(answer.header("retry-after"), "1");
}
