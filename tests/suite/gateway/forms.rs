//! Answers in another form than was asked for, and errors in unusual places.

use super::{ASK, STREAM, error, header};
use crate::bench::{Bench, limits, start};
use crate::upstream::{Behaviour, Upstream, WHOLE};
use serde_json::Value;

const EVENTS: &str = concat!(
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Low \"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"water.\"},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":31,\"completion_tokens\":6,\"total_tokens\":37}}\n\n",
    "data: [DONE]\n\n",
);
const LINES: &str = concat!(
    "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Low \"}}]}\n",
    "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"water.\"},\"finish_reason\":\"stop\"}]}\n",
);

async fn answering(
    status: u16,
    body: &'static str,
    headers: Vec<(&'static str, &'static str)>,
) -> (Upstream, Bench) {
    let upstream = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&upstream], limits()).await;
    upstream.behave(Behaviour::Status(status, body, headers));
    (upstream, bench)
}

/// Returns the text of a chat stream, and checks its end.
fn streamed(text: &str) -> String {
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    let data = text.lines().filter_map(|line| line.strip_prefix("data: {"));
    let chunks = data.map(|json| serde_json::from_str::<Value>(&format!("{{{json}")).unwrap());
    chunks
        .filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect()
}

#[tokio::test]
async fn a_stream_is_one_whatever_it_is_called() {
    for label in [
        "text/plain; charset=utf-8",
        "application/json",
        "text/event-stream",
        "x",
    ] {
        let (_upstream, bench) = answering(200, EVENTS, vec![("content-type", label)]).await;
        let response = bench.post(STREAM).await;
        assert_eq!(response.status(), 200, "{label}");
        assert!(header(&response, "content-type").starts_with("text/event-stream"));
        assert_eq!(
            streamed(&response.text().await.unwrap()),
            "Low water.",
            "{label}"
        );
    }
}

#[tokio::test]
async fn a_whole_answer_becomes_a_stream() {
    for (body, text) in [(WHOLE, "Hello"), (LINES, "Low water.")] {
        for label in ["application/json", "text/event-stream"] {
            let (_upstream, bench) = answering(200, body, vec![("content-type", label)]).await;
            let response = bench.post(STREAM).await;
            assert_eq!(response.status(), 200, "{body}");
            assert!(header(&response, "content-type").starts_with("text/event-stream"));
            assert_eq!(streamed(&response.text().await.unwrap()), text);
            let snapshot = bench.until(|picture| picture.totals.requests == 1).await;
            assert_eq!(snapshot.totals.success_rate, Some(1.0));
        }
    }
}

#[tokio::test]
async fn a_stream_becomes_a_whole_answer() {
    for body in [EVENTS, LINES] {
        let (_upstream, bench) =
            answering(200, body, vec![("content-type", "text/event-stream")]).await;
        let response = bench.post(ASK).await;
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "content-type"), "application/json");
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["object"], "chat.completion");
        assert_eq!(answer["choices"][0]["message"]["content"], "Low water.");
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        if body == EVENTS {
            assert_eq!(answer["usage"]["prompt_tokens"], 31);
        }
    }
}

#[tokio::test]
async fn json_is_read_whatever_it_is_called() {
    let (_upstream, bench) = answering(200, WHOLE, vec![("content-type", "text/html")]).await;
    let response = bench.post(ASK).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), WHOLE);
}

#[tokio::test]
async fn a_stream_that_is_cut_never_becomes_a_whole_answer() {
    let cut = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Low\"}}]}\n\n";
    let (_upstream, bench) = answering(200, cut, vec![]).await;
    let response = bench.post(ASK).await;
    assert_eq!(response.status(), 502);
}

#[tokio::test]
async fn the_words_and_the_delay_of_an_error_in_a_list_reach_the_client() {
    let body = r#"[{"error":{"code":429,"message":"You exceeded your quota. Please retry in 41.2s.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"41s"}]}}]"#;
    for (status, ask) in [(429, ASK), (429, STREAM), (200, ASK), (200, STREAM)] {
        let (_upstream, bench) = answering(status, body, vec![]).await;
        let response = bench.post(ask).await;
        assert_eq!(response.status(), 429);
        assert_eq!(header(&response, "retry-after"), "41");
        let message = error(response).await["message"].clone();
        assert!(
            message.as_str().unwrap().contains("exceeded your quota"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn an_error_of_a_stream_is_read_wherever_it_stands() {
    for body in [
        "error: {\"code\":400,\"message\":\"the request exceeds the available context size\",\"type\":\"exceed_context_size_error\"}\n\n",
        "data: {\"error\":{\"code\":400,\"message\":\"the request exceeds the available context size\"}}\n\n",
        "{\"code\":400,\"message\":\"the request exceeds the available context size\"}\n",
        "event: error\ndata: {\"code\":400,\"message\":\"the request exceeds the available context size\"}\n\n",
        ": wait\n\n{\"error\":{\"code\":400,\n\"message\":\"the request exceeds the available context size\"}}\n",
    ] {
        let (_upstream, bench) =
            answering(200, body, vec![("content-type", "text/event-stream")]).await;
        let response = bench.post(STREAM).await;
        assert_eq!(response.status(), 400, "{body}");
        let told = error(response).await;
        assert_eq!(told["code"], "context_length_exceeded");
        let message = told["message"].as_str().unwrap();
        assert!(message.contains("available context size"), "{message}");
        assert!(message.contains("maximum context length"), "{message}");
    }
}

#[tokio::test]
async fn refused_usage_options_are_left_out_from_then_on() {
    for (status, refusal) in [
        (
            400,
            r#"{"error_code":"BAD_REQUEST","message":"Bad request: json: unknown field \"stream_options\"\n"}"#,
        ),
        (
            422,
            r#"{"detail":[{"loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#,
        ),
    ] {
        let upstream = Upstream::start(Behaviour::Good).await;
        let bench = start(&[&upstream], limits()).await;
        upstream.script([Behaviour::Status(status, refusal, vec![])]);

        for (asked, requests) in [(1, 2), (2, 3)] {
            let response = bench.post(STREAM).await;
            assert_eq!(response.status(), 200);
            assert_eq!(header(&response, "x-aibal-attempts"), "1");
            assert!(response.text().await.unwrap().contains("Hello"));
            assert_eq!(upstream.requests(), requests, "after {asked}");
            assert!(!upstream.last().1.contains("stream_options"));
        }
    }
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_told_in_the_clients_words() {
    let body = r#"{"error":{"message":"request (9001 tokens) exceeds the available context size (4096 tokens)","type":"exceed_context_size_error","code":400}}"#;
    let (_upstream, bench) = answering(400, body, vec![]).await;
    let request = bench.client.post(format!("{}/messages", bench.url));
    let response = request
        .body(ASK.replace("\"messages\"", "\"max_tokens\":9,\"messages\""))
        .send();
    let response = response.await.unwrap();

    assert_eq!(response.status(), 400);
    let told: Value = response.json().await.unwrap();
    assert_eq!(
        (&told["type"], &told["error"]["type"]),
        (&"error".into(), &"invalid_request_error".into())
    );
    let message = told["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("prompt is too long: 9001 tokens > 4096 maximum"),
        "{message}"
    );
    assert!(told["request_id"].is_string());

    let response = bench.post(ASK).await;
    let told = error(response).await;
    assert_eq!(told["code"], "context_length_exceeded");
    let message = told["message"].as_str().unwrap();
    assert!(
        message.starts_with("This model's maximum context length is 4096 tokens."),
        "{message}"
    );
}

#[tokio::test]
async fn a_model_that_reads_no_images_is_left_for_another_one_and_not_blamed() {
    let body = r#"{"error":{"code":500,"message":"image input is not supported - hint: if this is unexpected, you may need to provide the mmproj","type":"server_error"}}"#;
    let first = Upstream::start(Behaviour::Good).await;
    let second = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&first, &second], limits()).await;
    first.behave(Behaviour::Status(500, body, vec![]));

    let response = bench.post(ASK).await;

    assert_eq!(response.status(), 200);
    assert_eq!((first.requests(), second.requests()), (1, 1));
    second.behave(Behaviour::Status(500, body, vec![]));
    let response = bench.post(ASK).await;
    assert!(response.status().is_client_error(), "{}", response.status());
}
