use super::TestApi;
use crate::access::Peer;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use tower::ServiceExt;

async fn ask(api: &TestApi, path: &str, accepted: &str) -> Response {
    let request = Request::get(path).header("accept-encoding", accepted);
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer::Unix);
    api.router.clone().oneshot(request).await.unwrap()
}

fn encoding(response: &Response) -> &str {
    let encoding = response.headers().get("content-encoding");
    encoding.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn long_responses_are_compressed_as_the_client_accepts() {
    let api = TestApi::new();
    let plain = ask(&api, "/api/status", "identity").await;
    assert_eq!(encoding(&plain), "");
    let plain = axum::body::to_bytes(plain.into_body(), usize::MAX).await;
    let plain = plain.unwrap().len();

    for accepted in ["gzip", "br", "zstd"] {
        let response = ask(&api, "/api/status", accepted).await;

        assert_eq!(encoding(&response), accepted);
        assert_eq!(response.headers()["vary"], "accept-encoding");
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        let length = body.unwrap().len();
        assert!(length * 3 < plain, "{accepted}: {length} of {plain}");
    }
    let refused = ask(&api, "/api/status", "gzip;q=0, compress").await;
    assert_eq!(encoding(&refused), "");
}

#[tokio::test]
async fn short_responses_are_not_compressed() {
    let api = TestApi::new();
    for path in ["/api/weights", "/api/nothing", "/healthz"] {
        assert_eq!(encoding(&ask(&api, path, "gzip").await), "", "{path}");
    }
}
