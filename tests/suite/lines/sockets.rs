//! Upstreams behind a Unix socket.

use crate::program::{program, serving};
use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use tempfile::TempDir;
use tokio::net::UnixListener;

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_behind_a_unix_socket_is_reached() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("vllm.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let answer = post(|headers: HeaderMap| async move {
        assert_eq!(headers["host"], "localhost");
        ([(CONTENT_TYPE, "application/json")], crate::upstream::WHOLE)
    });
    let router = Router::new().route("/v1/chat/completions", answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = home.path().join("config.toml");
    let text = format!(
        "[[providers]]\nname = \"vllm\"\nkind = \"openai-compatible\"\nunix_socket = {path:?}\n\
         [[providers.models]]\nid = \"m\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let mut command = program(&home);
    // The socket is used without the proxy.
    command
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(&config);
    let (_running, url) = tokio::task::spawn_blocking(move || serving(&mut command))
        .await
        .unwrap();

    let request = reqwest::Client::new()
        .post(format!("{url}/v1/chat/completions"))
        .body(r#"{"model":"vllm/m","messages":[{"role":"user","content":"hi"}]}"#);
    let response = request.send().await.unwrap();

    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-aibal-provider"], "vllm");
    assert_eq!(response.text().await.unwrap(), crate::upstream::WHOLE);
}
