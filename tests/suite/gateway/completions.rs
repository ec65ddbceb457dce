//! Completions of a text, and paths of other gateways' clients.

use super::{ASK, error};
use crate::bench::{limits, start};
use crate::upstream::{Behaviour, DONE, Ending, HELLO, ROLE, STOP, USAGE, Upstream};
use serde_json::{Value, json};

const TEXT: &str = r#"{"id":"x","object":"text_completion","created":1,"model":"m","choices":[{"text":"Hello","index":0,"finish_reason":"stop","x":1.10}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;
const PIECE: &str = r#"{"id":"x","object":"text_completion","created":1,"model":"m","choices":[{"text":"Hello","index":0,"finish_reason":"stop"}]}"#;
const PIECE_USAGE: &str = r#"{"id":"x","object":"text_completion","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;
const PROMPT: &str = r#"{"model":"shared","prompt":"let a","suffix":";","max_tokens":9}"#;

#[tokio::test]
async fn a_server_that_completes_texts_gets_the_clients_own_request() {
    let a = Upstream::start(Behaviour::Status(200, TEXT, vec![])).await;
    let bench = start(&[&a], limits()).await;

    let response = bench.send("/v1/completions", PROMPT).await;
    assert_eq!(response.text().await.unwrap(), TEXT);
    assert_eq!(a.last_path(), "POST /v1/completions");
    assert_eq!(
        a.last().1,
        r#"{"prompt":"let a","suffix":";","max_tokens":9,"model":"shared"}"#
    );
    a.behave(Behaviour::Events(
        vec![PIECE, PIECE_USAGE, DONE],
        Ending::Close,
    ));
    let stream = PROMPT.replace("\"max_tokens\":9", "\"stream\":true");
    let text = bench
        .send("/v1/completions", &stream)
        .await
        .text()
        .await
        .unwrap();
    assert_eq!(text, format!("data: {PIECE}\n\ndata: [DONE]\n\n"));
    let picture = bench.until(|picture| picture.totals.requests == 2).await;
    assert_eq!(picture.totals.tokens, 10);
}

#[tokio::test]
async fn an_implausible_count_of_tokens_is_ignored() {
    const MANY: &str = r#"{"id":"x","object":"text_completion","created":1,"model":"m","choices":[{"text":"Hello","index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1e300}}}"#;
    let a = Upstream::start(Behaviour::Status(200, MANY, vec![])).await;
    let bench = start(&[&a], limits()).await;

    let response = bench.send("/v1/completions", PROMPT).await;
    assert_eq!(response.text().await.unwrap(), MANY);
    let images = r#"{"model":"shared","prompt":"a boat"}"#;
    let response = bench.send("/v1/images/generations", images).await;
    assert_eq!(response.text().await.unwrap(), MANY);
    let picture = bench.until(|picture| picture.totals.requests == 2).await;
    assert!(picture.totals.tokens < 100, "{}", picture.totals.tokens);
}

#[tokio::test]
async fn a_server_that_only_chats_gets_a_conversation() {
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&a], limits()).await;
    let none = || Behaviour::Status(404, r#"{"detail":"Not Found"}"#, vec![]);

    a.script([none()]);
    let response = bench.send("/v1/completions", PROMPT).await;
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["object"], "text_completion");
    assert_eq!(
        answer["choices"],
        json!([{"text": "Hello", "index": 0, "logprobs": null, "finish_reason": "stop"}])
    );
    assert_eq!(answer["usage"]["total_tokens"], 30);
    assert_eq!(a.last_path(), "POST /v1/chat/completions");
    assert!(a.last().1.contains("<after>;</after>"));

    a.script([
        none(),
        Behaviour::Events(vec![ROLE, HELLO, STOP, USAGE, DONE], Ending::Close),
    ]);
    let stream = PROMPT.replace("\"max_tokens\":9", "\"stream\":true");
    let text = bench
        .send("/v1/completions", &stream)
        .await
        .text()
        .await
        .unwrap();
    assert!(
        text.contains(r#""text":"Hello""#) && text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
    let picture = bench.until(|picture| picture.totals.requests == 2).await;
    assert_eq!(picture.totals.success_rate, Some(1.0));
}

#[tokio::test]
async fn the_paths_of_other_gateways_clients_work() {
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&a], limits()).await;
    let unnamed = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
    for (path, body) in [
        (
            "/openai/deployments/shared/chat/completions?api-version=2025-01-01",
            unnamed,
        ),
        ("/openai/v1/chat/completions", ASK),
    ] {
        let response = bench.send(path, body).await;
        assert_eq!(response.status(), 200, "{path}");
    }

    for path in ["/v1/model/info", "/model/info"] {
        let info: Value = bench.fetch(path).await.json().await.unwrap();
        let models = info["data"].as_array().unwrap();
        let shared = models
            .iter()
            .find(|model| model["model_name"] == "shared")
            .unwrap();
        assert_eq!(shared["litellm_params"]["model"], "a/shared");
        let price = shared["model_info"]["input_cost_per_token"]
            .as_f64()
            .unwrap();
        assert!((price - 1e-6).abs() < 1e-12, "{shared}");
    }
    let health: Value = bench.fetch("/health").await.json().await.unwrap();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["healthy_count"], 2);
    let root = bench.url.trim_end_matches("/v1");
    let head = bench.client.head(root).send().await.unwrap();
    assert_eq!(head.status(), 200);
}

#[tokio::test]
async fn a_wrong_method_has_the_shape_of_its_path() {
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&a], limits()).await;

    let response = bench.fetch("/v1/chat/completions").await;
    assert_eq!(response.status(), 405);
    assert_eq!(error(response).await["code"], "method_not_allowed");
    let answer: Value = bench.fetch("/v1/messages").await.json().await.unwrap();
    assert_eq!(answer["type"], "error");
    let response = bench.fetch("/api/chat").await;
    assert_eq!(response.status(), 405);
    let answer: Value = response.json().await.unwrap();
    assert!(answer["error"].is_string(), "{answer}");
}
