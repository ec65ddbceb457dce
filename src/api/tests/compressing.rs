use super::House;
use crate::access::Peer;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use tower::ServiceExt;

async fn ask(house: &House, path: &str, accepted: &str) -> Response {
    let request = Request::get(path).header("accept-encoding", accepted);
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer::Unix);
    house.router.clone().oneshot(request).await.unwrap()
}

fn encoding(response: &Response) -> &str {
    let encoding = response.headers().get("content-encoding");
    encoding.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn long_answers_are_compressed_as_the_client_wishes() {
    let house = House::new();
    let plain = ask(&house, "/api/status", "identity").await;
    assert_eq!(encoding(&plain), "");
    let plain = axum::body::to_bytes(plain.into_body(), usize::MAX).await;
    let plain = plain.unwrap().len();

    for wish in ["gzip", "br", "zstd"] {
        let response = ask(&house, "/api/status", wish).await;

        assert_eq!(encoding(&response), wish);
        assert_eq!(response.headers()["vary"], "accept-encoding");
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        let length = body.unwrap().len();
        assert!(length * 3 < plain, "{wish}: {length} of {plain}");
    }
    let refused = ask(&house, "/api/status", "gzip;q=0, compress").await;
    assert_eq!(encoding(&refused), "");
}

#[tokio::test]
async fn short_answers_stay_as_they_are() {
    let house = House::new();
    for path in ["/api/weights", "/api/nothing", "/healthz"] {
        assert_eq!(encoding(&ask(&house, path, "gzip").await), "", "{path}");
    }
}
