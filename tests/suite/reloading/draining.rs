//! The end of a program with answers under way.

use super::{ASK, Entry, House, STREAM, configuration};
use crate::upstream::{Behaviour, Ending, HELLO, ROLE, Upstream};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn an_open_stream_ends_whole_during_the_drain() {
    let a = Upstream::start(Behaviour::Held).await;
    let mut house = House::open(&configuration("", &[Entry::of("a", &a)]));
    let stream = house.ask(STREAM).await;
    assert_eq!(stream.status(), 200);

    house.running.signal("TERM");
    let address = house.url.trim_start_matches("http://").to_owned();
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    a.let_go();

    let text = stream.text().await.unwrap();
    assert!(
        text.contains("Hello") && text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
    assert_eq!(tokio::task::block_in_place(|| house.running.code()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_still_waits_after_the_drain_is_told_so() {
    let stalls = Behaviour::Events(vec![ROLE, HELLO], Ending::Stall);
    let a = Upstream::start(stalls).await;
    // Before the reload the drain would take half a minute.
    let mut house = House::open(&configuration("", &[Entry::of("a", &a)]));
    let short = configuration("[server]\ndrain_seconds = 0\n", &[Entry::of("a", &a)]);
    house.write(&short);
    assert_eq!(house.reload().await.0, 200);
    let chat = house.ask(STREAM).await;
    let url = format!("{}/v1/messages", house.url);
    let body = STREAM.replace("\"stream\"", "\"max_tokens\":9,\"stream\"");
    let messages = house.client.post(url).body(body).send().await.unwrap();
    assert!(chat.status().is_success() && messages.status().is_success());
    a.script([Behaviour::Hang]);
    let waiting = tokio::spawn({
        let (client, url) = (house.client.clone(), house.url.clone());
        let url = format!("{url}/v1/chat/completions");
        async move { client.post(url).body(ASK).send().await.unwrap() }
    });
    for _ in 0..1_200 {
        if a.requests() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    house.running.signal("TERM");

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
    assert_eq!(tokio::task::block_in_place(|| house.running.code()), 0);
}
