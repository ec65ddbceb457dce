//! Responses that clients refer to by their ids.

use super::{error, header};
use crate::bench::{Bench, limits, start};
use crate::upstream::{Behaviour, DONE, Ending, HELLO, ROLE, STOP, USAGE, Upstream};
use serde_json::{Value, json};

impl Bench {
    async fn respond(&self, body: &Value) -> reqwest::Response {
        self.send("/v1/responses", &body.to_string()).await
    }
}

#[tokio::test]
async fn a_conversation_goes_on_with_any_provider() {
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&a], limits()).await;

    let first = bench
        .respond(&json!({"model": "shared", "input": "hi"}))
        .await;
    let first: Value = first.json().await.unwrap();
    a.behave(Behaviour::Events(
        vec![ROLE, HELLO, STOP, USAGE, DONE],
        Ending::Close,
    ));
    let body = json!({"model": "shared", "stream": true, "input": "more",
        "previous_response_id": first["id"]});
    let second = bench.respond(&body).await.text().await.unwrap();
    let sent: Value = serde_json::from_str(&a.last().1).unwrap();
    let roles: Vec<&str> = sent["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
    assert!(sent["messages"][1].to_string().contains("Hello"), "{sent}");

    let last = second
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .next_back();
    let last: Value = serde_json::from_str(last.unwrap()).unwrap();
    a.behave(Behaviour::Good);
    let body = json!({"model": "shared", "input": "and more",
        "previous_response_id": last["response"]["id"]});
    assert_eq!(bench.respond(&body).await.status(), 200);
    let sent: Value = serde_json::from_str(&a.last().1).unwrap();
    assert_eq!(sent["messages"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn stored_responses_are_read_listed_and_removed() {
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&a], limits()).await;
    let response = bench
        .respond(&json!({"model": "shared", "input": "hi"}))
        .await;
    let response: Value = response.json().await.unwrap();
    let path = format!("/v1/responses/{}", response["id"].as_str().unwrap());

    let read: Value = bench.fetch(&path).await.json().await.unwrap();
    assert_eq!(read, response);
    let items = bench.fetch(&format!("{path}/input_items")).await;
    let items: Value = items.json().await.unwrap();
    assert_eq!(items["data"][0]["content"], "hi");
    let root = bench.url.trim_end_matches("/v1");
    let removed = bench
        .client
        .delete(format!("{root}{path}"))
        .send()
        .await
        .unwrap();
    assert_eq!(removed.json::<Value>().await.unwrap()["deleted"], true);
    let gone = bench.fetch(&path).await;
    assert_eq!(gone.status(), 404);
    assert_eq!(error(gone).await["code"], "response_not_found");

    let body = json!({"model": "shared", "input": "more", "previous_response_id": response["id"]});
    let gone = bench.respond(&body).await;
    assert_eq!(gone.status(), 400);
    let gone = error(gone).await;
    assert_eq!(gone["param"], "previous_response_id");
    assert_eq!(gone["code"], "previous_response_not_found");
    let id = response["id"].as_str().unwrap();
    assert!(gone["message"].as_str().unwrap().contains(id), "{gone}");

    let unstored = json!({"model": "shared", "input": "hi", "store": false});
    let unstored: Value = bench.respond(&unstored).await.json().await.unwrap();
    let path = format!("/v1/responses/{}", unstored["id"].as_str().unwrap());
    assert_eq!(bench.fetch(&path).await.status(), 404);
}

#[tokio::test]
async fn a_conversation_is_compacted_and_its_tokens_are_counted() {
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&a], limits()).await;
    let body = json!({"model": "shared", "instructions": "Be brief.", "input": [
        {"role": "user", "content": "hi"}], "tools": [{"type": "function", "name": "f"}]});

    let response = bench.send("/v1/responses/compact", &body.to_string()).await;
    assert_eq!(header(&response, "x-aibal-provider"), "a");
    let compacted: Value = response.json().await.unwrap();
    assert_eq!(compacted["object"], "response.compaction");
    let text = &compacted["output"][0]["content"][0]["text"];
    assert!(text.as_str().unwrap().ends_with("Hello"), "{compacted}");
    let sent: Value = serde_json::from_str(&a.last().1).unwrap();
    assert!(sent.get("tools").is_none(), "{sent}");
    assert_eq!(sent["messages"].as_array().unwrap().len(), 3);

    let counted = bench
        .send("/v1/responses/input_tokens", &body.to_string())
        .await;
    let counted: Value = counted.json().await.unwrap();
    assert_eq!(counted["object"], "response.input_tokens");
    assert!(counted["input_tokens"].as_u64().unwrap() > 0);
}
