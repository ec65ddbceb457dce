//! Providers that come, go and change while requests are under way.

use super::{ASK, Entry, STREAM, TestInstance, configuration, has_event, spare, weights};
use crate::upstream::{Behaviour, Upstream};
use serde_json::Value;
use std::time::Duration;
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread")]
async fn an_added_provider_is_selected_and_a_removed_one_appears_nowhere() {
    let (a, b) = (
        Upstream::start(Behaviour::Good).await,
        Upstream::start(Behaviour::Good).await,
    );
    let instance = TestInstance::open(&configuration("", &[Entry::of("a", &a)]));
    assert_eq!(instance.ask(ASK).await.status(), 200);
    assert_eq!((a.requests(), b.requests()), (1, 0));

    instance.write(&configuration(
        "",
        &[Entry::of("a", &a), Entry::of("b", &b)],
    ));
    assert_eq!(instance.reload().await.0, 200);
    let only = ASK.replace("\"m\"", "\"b/m\"");
    assert_eq!(instance.ask(&only).await.status(), 200);
    assert_eq!(b.requests(), 1);

    instance.write(&configuration("", &[Entry::of("b", &b)]));
    assert_eq!(instance.reload().await.0, 200);
    let before = a.requests();
    for _ in 0..5 {
        assert_eq!(instance.ask(ASK).await.headers()["x-aibal-provider"], "b");
    }
    assert_eq!(a.requests(), before);
    let models = instance.get("/v1/models").await.to_string();
    assert!(
        !models.contains("only-a") && models.contains("only-b"),
        "{models}"
    );
    assert_eq!(
        instance
            .ask(&ASK.replace("\"m\"", "\"only-a\""))
            .await
            .status(),
        404
    );
    let status = instance.get("/api/status").await;
    let names: Vec<&Value> = status["providers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|provider| &provider["provider"])
        .collect();
    assert_eq!(names, ["b"]);

    instance.write(&configuration(
        "",
        &[Entry::of("a", &a), Entry::of("b", &b)],
    ));
    assert_eq!(instance.reload().await.0, 200);
    let status = instance.get("/api/status").await;
    assert_eq!(status["providers"][0]["provider"], "a");
    assert_eq!(
        status["providers"][0]["requests"], before,
        "its past is back"
    );
    let url = format!("{}/readyz", instance.url);
    assert_eq!(instance.client.get(url).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_complete_after_their_provider_is_removed() {
    const REQUESTS: usize = 100;
    let (a, b) = (
        Upstream::start(Behaviour::Held).await,
        Upstream::start(Behaviour::Good).await,
    );
    let instance = TestInstance::open(&configuration("", &[Entry::of("a", &a)]));
    let asked = (0..REQUESTS).map(|at| {
        let (client, url) = (instance.client.clone(), instance.url.clone());
        tokio::spawn(async move {
            let body = if at % 2 == 0 { ASK } else { STREAM };
            let url = format!("{url}/v1/chat/completions");
            let answer = client.post(url).body(body).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        })
    });
    let asked: Vec<_> = asked.collect();
    for _ in 0..1_200 {
        if a.requests() == REQUESTS {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(a.requests(), REQUESTS);

    instance.write(&configuration("", &[Entry::of("b", &b)]));
    assert_eq!(instance.reload().await.0, 200);
    assert_eq!(instance.ask(ASK).await.headers()["x-aibal-provider"], "b");

    a.let_go();
    for answer in asked {
        let (status, text) = answer.await.unwrap();
        assert_eq!(status, 200, "{text}");
        assert!(text.contains("Hello") && !text.contains("error"), "{text}");
        assert!(text.starts_with('{') || text.contains("[DONE]"), "{text}");
    }
    assert_eq!(a.abandoned(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchanged_key_is_used_at_once_and_the_old_one_no_more() {
    let a = Upstream::start(Behaviour::Good).await;
    let keyed = |more| Entry {
        more,
        ..Entry::of("a", &a)
    };
    let home = TempDir::new().unwrap();
    let key = home.path().join("key");
    let text = configuration("", &[keyed("api_key = \"file:key\"\n")]);
    std::fs::write(home.path().join("aibal.toml"), text).unwrap();
    std::fs::write(&key, "sk-one").unwrap();
    let instance = TestInstance::open_at(home, &[]);

    for secret in ["sk-one", "sk-two"] {
        std::fs::write(&key, secret).unwrap();
        assert_eq!(instance.reload().await.0, 200);
        for _ in 0..3 {
            assert_eq!(instance.ask(ASK).await.status(), 200);
            let (headers, _) = a.last();
            assert_eq!(headers["authorization"], format!("Bearer {secret}"));
        }
    }

    // The key file is watched too.
    std::fs::write(&key, "sk-three").unwrap();
    let is_reported = |status: &Value| {
        let events = status["events"].as_array().unwrap();
        let exchanged = |event: &&Value| event["text"].to_string().contains("api_key exchanged");
        events.iter().filter(exchanged).count() == 2
    };
    instance.until("/api/status", is_reported).await;
    instance.ask(ASK).await;
    assert_eq!(a.last().0["authorization"], "Bearer sk-three");
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_with_the_same_address_keep_their_connections() {
    let a = Upstream::start(Behaviour::Good).await;
    let instance = TestInstance::open(&configuration("", &[Entry::of("a", &a)]));
    // Every worker thread has a connection of its own, and clients are assigned to them in turn.
    let ask_everywhere = async || {
        for _ in 0..2 * std::thread::available_parallelism().unwrap().get() {
            let asked =
                reqwest::Client::new().post(format!("{}/v1/chat/completions", instance.url));
            let body = ASK.replace("\"m\"", "\"a/m\"");
            assert_eq!(asked.body(body).send().await.unwrap().status(), 200);
        }
        a.connections()
    };
    let at_first = ask_everywhere().await;
    let longer = "[balancing]\nconnect_timeout_ms = 4000\n";
    for (top, connections) in [(&*weights(50, 20), at_first), (longer, 2 * at_first)] {
        instance.write(&configuration(top, &[Entry::of("a", &a), spare()]));
        assert_eq!(instance.reload().await.0, 200);

        assert_eq!(ask_everywhere().await, connections, "{top}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_with_another_address_starts_with_new_statistics_and_a_disabled_one_gets_no_request()
 {
    let bad = Behaviour::Status(500, "{}", Vec::new());
    let (a, b) = (
        Upstream::start(bad).await,
        Upstream::start(Behaviour::Good).await,
    );
    let instance = TestInstance::open(&configuration("", &[Entry::of("a", &a)]));
    for _ in 0..20 {
        assert_eq!(instance.ask(ASK).await.status(), 500);
        if has_event(&instance.get("/api/status").await, "m OPEN") {
            break;
        }
    }
    let state = async || instance.get("/api/status").await["providers"][0]["state"].clone();
    assert_eq!(state().await, "failing");

    instance.write(&configuration("", &[Entry::of("a", &b)]));
    assert_eq!(instance.reload().await.0, 200);

    assert_eq!(state().await, "unknown");
    assert_eq!(instance.ask(ASK).await.status(), 200);
    assert_eq!(b.requests(), 1);

    let off = Entry {
        more: "enabled = false\napi_key = \"sk-first\"\n",
        ..Entry::of("a", &b)
    };
    instance.write(&configuration("", &[off, spare()]));
    assert_eq!(instance.reload().await.0, 200);
    let refused = instance.ask(&ASK.replace("\"m\"", "\"a/m\"")).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.text().await.unwrap().contains("disabled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_tokens_and_the_drain_timeout_apply_after_the_reload() {
    let a = Upstream::start(Behaviour::Good).await;
    let instance = TestInstance::open(&configuration("", &[Entry::of("a", &a)]));
    let long = ASK.replace("hi", &"x".repeat(1_100_000));
    assert_eq!(instance.ask(&long).await.status(), 200);
    // printf secret | sha256sum
    let sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    let top = format!(
        "[server]\nmax_body_mb = 1\n[[auth.tokens]]\nname = \"app\"\nsha256 = \"{sha256}\"\nrole = \"operator\"\n"
    );

    instance.write(&configuration(&top, &[Entry::of("a", &a)]));
    assert_eq!(instance.reload().await.0, 200);

    assert_eq!(instance.ask(ASK).await.status(), 401);
    assert_eq!(instance.reload().await.0, 401);
    let url = format!("{}/v1/chat/completions", instance.url);
    let with_token = |body: String| instance.client.post(&url).bearer_auth("secret").body(body);
    let answer = with_token(ASK.to_owned()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer = with_token(long).send().await.unwrap();
    assert_eq!(answer.status(), 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manual_probe_needs_no_scheduled_one() {
    let (a, b) = (
        Upstream::start(Behaviour::Good).await,
        Upstream::start(Behaviour::Good).await,
    );
    let instance = TestInstance::open(&configuration("", &[Entry::of("a", &a)]));
    instance.write(&configuration(
        "",
        &[Entry::of("a", &a), Entry::of("b", &b)],
    ));
    assert_eq!(instance.reload().await.0, 200);

    for name in ["b", "a"] {
        let url = format!("{}/api/providers/{name}/probe", instance.url);
        let answer = instance.client.post(url).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{name}");
    }
    assert_eq!(instance.ask(ASK).await.status(), 200);
}

/// A configuration of one provider whose models are its own list, or those that fit a pattern.
fn listing(base_url: &str, models: &str) -> String {
    format!(
        "[probe]\ninterval_seconds = 1\n[[providers]]\nname = \"a\"\nkind = \"openai-compatible\"\n\
         base_url = \"{base_url}\"\napi_key = \"sk-first\"\n{models}"
    )
}

/// Waits until the list of models has, or has not, a name.
async fn until_listed(instance: &TestInstance, name: &str, is_listed: bool) -> String {
    for _ in 0..600 {
        let models = instance.get("/v1/models").await.to_string();
        if models.contains(&format!("\"{name}\"")) == is_listed {
            return models;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{name} never came or never went");
}

#[tokio::test(flavor = "multi_thread")]
async fn models_that_a_provider_lists_later_appear_by_themselves() {
    let a = Upstream::start(Behaviour::Good).await;
    a.list(&["m"]);
    let instance = TestInstance::open(&listing(&a.base_url, ""));
    until_listed(&instance, "m", true).await;

    a.list(&["pulled", "m"]);
    until_listed(&instance, "pulled", true).await;
    let pulled = ASK.replace("\"m\"", "\"pulled\"");
    assert_eq!(instance.ask(&pulled).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_starts_after_the_gateway_is_found() {
    // An address that nothing listens on yet.
    let spare = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = spare.local_addr().unwrap();
    drop(spare);
    let instance = TestInstance::open(&listing(&format!("http://{address}/v1"), ""));
    let ready = format!("{}/readyz", instance.url);
    let answer = instance.client.get(&ready).send().await.unwrap();
    assert_eq!(answer.status(), 503);

    let list = r#"{"object":"list","data":[{"id":"late","object":"model"}]}"#;
    let app = axum::Router::new().route("/v1/models", axum::routing::get(async move || list));
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    until_listed(&instance, "late", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_serves_what_the_provider_lists_and_a_default_serves_unknown_names() {
    let a = Upstream::start(Behaviour::Good).await;
    a.list(&["gpt-one", "gpt-two", "other"]);
    let models = "[[providers.models]]\nid = \"gpt-*\"\nmax_concurrent = 7\n\
                  [[providers.models]]\nid = \"named\"\n";
    let text = listing(&a.base_url, models);
    let text = format!("[server]\ndefault_model = \"gpt-two\"\n{text}");
    let instance = TestInstance::open(&text);
    let listed = until_listed(&instance, "gpt-one", true).await;
    assert!(
        listed.contains("\"named\"") && listed.contains("\"gpt-two\""),
        "{listed}"
    );
    assert!(
        !listed.contains("\"other\"") && !listed.contains('*'),
        "{listed}"
    );

    let answer = instance.ask(&ASK.replace("\"m\"", "\"gpt-one\"")).await;
    assert_eq!(answer.headers()["x-aibal-model"], "gpt-one");
    let answer = instance
        .ask(&ASK.replace("\"m\"", "\"unknown-name\""))
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["x-aibal-model"], "gpt-two");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_a_provider_and_listed_ones_of_the_client_reach_it_and_no_others() {
    let a = Upstream::start(Behaviour::Good).await;
    let more = "headers = { \"X-Org\" = \"acme\" }\nforward_headers = [\"traceparent\"]\n\
                models = [{ id = \"m\" }]\n";
    let instance = TestInstance::open(&listing(&a.base_url, more));
    let request = instance
        .client
        .post(format!("{}/v1/chat/completions", instance.url));
    let request = request
        .header("traceparent", "00-1-2-01")
        .header("x-org", "mine");
    let request = request.header("cookie", "c=1").header("x-tenant", "t");
    assert_eq!(request.body(ASK).send().await.unwrap().status(), 200);
    let (headers, _) = a.last();
    assert_eq!(headers["traceparent"], "00-1-2-01");
    assert_eq!(headers["x-org"], "acme");
    assert_eq!(headers["authorization"], "Bearer sk-first");
    assert!(!headers.contains_key("cookie") && !headers.contains_key("x-tenant"));
}
