//! The end of a program with responses in flight.

use super::{ASK, Entry, STREAM, TestInstance, configuration};
use crate::upstream::{Behaviour, Ending, HELLO, ROLE, Upstream};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn an_open_stream_completes_during_the_drain() {
    let a = Upstream::start(Behaviour::Held).await;
    let mut instance = TestInstance::open(&configuration("", &[Entry::of("a", &a)]));
    let stream = instance.ask(STREAM).await;
    assert_eq!(stream.status(), 200);

    instance.running.signal("TERM");
    let address = instance.url.trim_start_matches("http://").to_owned();
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    a.let_go();

    let text = stream.text().await.unwrap();
    assert!(
        text.contains("Hello") && text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
    assert_eq!(tokio::task::block_in_place(|| instance.running.code()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_outlast_the_drain_get_an_error() {
    let stalls = Behaviour::Events(vec![ROLE, HELLO], Ending::Stall);
    let a = Upstream::start(stalls).await;
    // Before the reload the drain would take half a minute.
    let mut instance = TestInstance::open(&configuration("", &[Entry::of("a", &a)]));
    let short = configuration("[server]\ndrain_seconds = 0\n", &[Entry::of("a", &a)]);
    instance.write(&short);
    assert_eq!(instance.reload().await.0, 200);
    let chat = instance.ask(STREAM).await;
    let url = format!("{}/v1/messages", instance.url);
    let body = STREAM.replace("\"stream\"", "\"max_tokens\":9,\"stream\"");
    let messages = instance.client.post(url).body(body).send().await.unwrap();
    assert!(chat.status().is_success() && messages.status().is_success());
    a.script([Behaviour::Hang]);
    let waiting = tokio::spawn({
        let (client, url) = (instance.client.clone(), instance.url.clone());
        let url = format!("{url}/v1/chat/completions");
        async move { client.post(url).body(ASK).send().await.unwrap() }
    });
    for _ in 0..1_200 {
        if a.requests() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    instance.running.signal("TERM");

    let text = chat.text().await.unwrap();
    assert!(
        text.contains("Hello") && text.contains("shutting_down"),
        "{text}"
    );
    assert!(!text.contains("[DONE]"), "{text}");
    let text = messages.text().await.unwrap();
    assert!(
        text.contains("event: error") && !text.contains("message_stop"),
        "{text}"
    );
    let answer = waiting.await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(tokio::task::block_in_place(|| instance.running.code()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_sigterm_an_instance_is_not_ready_and_serves_for_the_pre_stop_time() {
    let a = Upstream::start(Behaviour::Good).await;
    let settings = "[server]\npre_stop_seconds = 3600\n";
    let mut instance = TestInstance::open(&configuration(settings, &[Entry::of("a", &a)]));
    let ready = format!("{}/readyz", instance.url);
    let status = async |client: &reqwest::Client| client.get(&ready).send().await.unwrap().status();
    assert_eq!(status(&instance.client).await, 200);

    instance.running.signal("TERM");
    while status(&instance.client).await != 503 {
        tokio::task::yield_now().await;
    }
    let answer = instance.ask(ASK).await;
    assert_eq!(answer.status(), 200);

    // A second signal does not wait.
    instance.running.signal("TERM");
    assert_eq!(tokio::task::block_in_place(|| instance.running.code()), 0);
}
