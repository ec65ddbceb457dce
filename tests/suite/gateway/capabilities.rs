//! Eligibility of targets by capabilities.

use super::{error, header};
use crate::bench::{Bench, limits, provider, start_fleet};
use crate::upstream::{Behaviour, Upstream};
use aibal_tui::domain::{
    Capabilities, Catalogue, ModelType, ModelTypes, Price, Strategy, Target, TargetId,
};
use aibal_tui::protocols::{Endpoint, EndpointRegistry, by_kind};

const TOO_LONG: &str = r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
const NUMBERS: &str = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,0.25]}],"model":"m","usage":{"prompt_tokens":1,"total_tokens":1}}"#;
const UNSTATED: Capabilities = Capabilities {
    talk: None,
    embeddings: None,
    vision: None,
    tools: None,
    json_schema: None,
    reasoning: None,
    prefill: None,
    context_window: None,
    max_output: None,
};

fn holds(tokens: u64) -> Capabilities {
    Capabilities {
        context_window: Some(tokens),
        ..UNSTATED
    }
}

fn embedder() -> Capabilities {
    Capabilities::of([ModelType::Embedding].into_iter().collect())
}

/// Providers `a`, `b`, …, one for each upstream, with one model each: the first is the cheapest.
async fn start(targets: &[(&Upstream, &str, Capabilities)]) -> Bench {
    start_of_kind("openai-compatible", targets).await
}

/// The same where the first provider is of another kind.
async fn start_of_kind(first: &str, targets: &[(&Upstream, &str, Capabilities)]) -> Bench {
    let (mut catalogue, mut directory) = (Catalogue::default(), EndpointRegistry::default());
    for (place, (upstream, model, capabilities)) in targets.iter().enumerate() {
        let name = char::from(b'a' + u8::try_from(place).unwrap()).to_string();
        catalogue.targets.push(Target {
            id: TargetId::new(&name, model),
            provider: place.into(),
            types: ModelTypes::CHAT,
            capabilities: *capabilities,
            price: Some(Price::flat(1.0 + place as f64 * 3.0, 9.0)),
            max_concurrent: None,
        });
        catalogue.providers.push(provider(&name));
        let kind = if place == 0 {
            first
        } else {
            "openai-compatible"
        };
        let protocol = by_kind(kind).unwrap();
        let endpoint = Endpoint::new(&upstream.base_url, None, kind, protocol);
        directory.endpoints.push(endpoint);
    }
    start_fleet(catalogue, directory, Strategy::Best, limits(), None).await
}

fn too_long() -> Behaviour {
    Behaviour::Status(400, TOO_LONG, vec![])
}

fn ask(model: &str) -> String {
    format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]}}"#)
}

const SHOWS_A_PICTURE: &str = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}"#;

#[tokio::test]
async fn a_prompt_that_was_too_long_goes_to_a_larger_context_and_never_to_the_same_again() {
    let (a, b, c) = (
        Upstream::start(too_long()).await,
        Upstream::start(Behaviour::Good).await,
        Upstream::start(Behaviour::Good).await,
    );
    let (small, large) = (holds(8_192), holds(128_000));
    let bench = start(&[(&a, "s", small), (&b, "s2", small), (&c, "l", large)]).await;

    let response = bench.post(&ask("auto")).await;

    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "x-aibal-provider"), "c");
    assert_eq!(header(&response, "x-aibal-attempts"), "2");
    assert_eq!((a.requests(), b.requests(), c.requests()), (1, 0, 1));
}

#[tokio::test]
async fn without_a_larger_context_the_providers_error_is_passed_on_after_one_attempt() {
    let (a, b) = (
        Upstream::start(too_long()).await,
        Upstream::start(too_long()).await,
    );
    // Of neither it is stated what it holds, but it is the same model.
    let bench = start(&[(&a, "m", UNSTATED), (&b, "m", UNSTATED)]).await;

    let response = bench.post(&ask("m")).await;

    assert_eq!(response.status(), 400);
    assert_eq!(header(&response, "x-aibal-attempts"), "1");
    assert_eq!(error(response).await["code"], "context_length_exceeded");
    assert_eq!((a.requests(), b.requests()), (1, 0));
}

#[tokio::test]
async fn a_request_that_no_target_can_serve_says_why_for_each() {
    let a = Upstream::start(Behaviour::Good).await;
    let blind = Capabilities {
        vision: Some(false),
        ..UNSTATED
    };
    let bench = start(&[(&a, "m", blind), (&a, "m", embedder())]).await;

    let response = bench.post(SHOWS_A_PICTURE).await;

    assert_eq!(response.status(), 400);
    assert_eq!(header(&response, "x-should-retry"), "false");
    let told = error(response).await;
    assert_eq!(told["code"], "no_target");
    assert_eq!(
        told["message"],
        "no target may serve this request now: a/m: cannot see pictures; if it can, set vision = true for the model; b/m: is an embedding model"
    );

    // A name of its own does not make a model see.
    let pinned = SHOWS_A_PICTURE.replace("\"m\"", "\"a/m\"");
    let refused = bench.post(&pinned).await;
    assert_eq!(refused.status(), 400);
    let message = error(refused).await["message"].to_string();
    assert!(message.contains("set vision = true"), "{message}");
    let pinned = bench.post(&ask("b/m")).await;
    let message = error(pinned).await["message"].to_string();
    assert!(message.contains("b/m: is an embedding model"), "{message}");
    assert_eq!(a.requests(), 0);
}

#[tokio::test]
async fn a_request_that_a_protocol_cannot_represent_fails_over_every_time() {
    let (a, b) = (
        Upstream::start(Behaviour::Good).await,
        Upstream::start(Behaviour::Good).await,
    );
    let bench = start_of_kind("ollama", &[(&a, "m", UNSTATED), (&b, "m", UNSTATED)]).await;

    for _ in 0..60 {
        let request = bench.client.post(format!("{}/chat/completions", bench.url));
        let wishing = request.header("x-aibal-preferred-provider", "a");
        let response = wishing.body(SHOWS_A_PICTURE).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "x-aibal-attempts"), "2");
    }

    assert_eq!((a.requests(), b.requests()), (0, 60));
}

#[tokio::test]
async fn embeddings_are_served_by_embedding_models_on_their_own_path() {
    let (a, b) = (
        Upstream::start(Behaviour::Good).await,
        Upstream::start(Behaviour::Status(200, NUMBERS, vec![])).await,
    );
    let talker = Capabilities::of(ModelTypes::CHAT);
    let bench = start(&[(&a, "m", talker), (&b, "m", embedder())]).await;
    let embed = |model: &str| {
        let request = bench.client.post(format!("{}/embeddings", bench.url));
        let body = format!(r#"{{"model":"{model}","input":"hi"}}"#);
        request.body(body).send()
    };

    let refused = error(embed("a/m").await.unwrap()).await["message"].to_string();
    assert!(refused.contains("a/m: makes no embeddings"), "{refused}");
    assert_eq!(header(&embed("m").await.unwrap(), "x-aibal-provider"), "b");
    assert_eq!((a.requests(), b.requests()), (0, 1));

    let mistaken = bench.post(&ask("auto:embedding")).await;
    assert_eq!(mistaken.status(), 400);
    assert_eq!(
        error(mistaken).await["message"],
        "the requested model type is embedding, but embeddings are served at /v1/embeddings"
    );
}

#[tokio::test]
async fn an_image_in_the_prompt_counts_as_few_tokens() {
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start(&[(&a, "m", holds(8_192))]).await;
    let body = |text: &str| {
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}]}}"#)
    };

    assert_eq!(
        bench.post(&body(&"iVBORw0K".repeat(90_000))).await.status(),
        200
    );
    let words = error(bench.post(&body(&"so many words ".repeat(9_000))).await).await;
    let message = words["message"].to_string();
    assert!(
        message.contains("has a context window of 8192 tokens, the prompt has about 31500"),
        "{message}"
    );
}
