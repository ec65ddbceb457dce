//! A server that sends the recorded responses, with one path prefix for each provider.

use super::case::Case;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use futures_util::stream::{self, StreamExt};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

/// A request that a provider got.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

/// A server for all recorded providers.
#[derive(Debug, Clone)]
pub struct Vendors {
    pub host: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    cases: BTreeMap<String, Case>,
    seen: Mutex<BTreeMap<String, Seen>>,
    /// Bytes of each piece of a stream.
    piece: Mutex<usize>,
}

impl Vendors {
    pub async fn start(cases: &[Case]) -> Self {
        let shared = Arc::new(Shared {
            cases: cases
                .iter()
                .map(|case| (case.slug(), case.clone()))
                .collect(),
            seen: Mutex::default(),
            piece: Mutex::new(usize::MAX),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { host, shared }
    }

    /// Sets the number of bytes in each piece of a stream.
    pub fn cut(&self, piece: usize) {
        *self.shared.piece.lock().unwrap() = piece;
    }

    /// Takes the last request that a case's provider got on its path.
    pub fn seen(&self, case: &Case) -> Option<Seen> {
        self.shared.seen.lock().unwrap().remove(&case.slug())
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().unwrap().as_str();
    let (slug, rest) = path[1..].split_once('/').unwrap_or_default();
    let path = format!("/{rest}");
    let case = &shared.cases[slug];
    let is_stream_path = path == case.stream_path();
    if !is_stream_path && path != case.upstream_path() {
        return response(StatusCode::NOT_FOUND, &BTreeMap::new(), Body::empty());
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let streams = if path.contains("Generate") {
        is_stream_path
    } else {
        body["stream"] == true
    };
    let seen = Seen {
        method: parts.method.to_string(),
        path,
        headers: parts.headers,
        body,
    };
    shared.seen.lock().unwrap().insert(slug.to_owned(), seen);
    let status = StatusCode::from_u16(case.upstream.status).unwrap();
    let mut headers = case.upstream.headers.clone();
    let body = match (case.file("stream"), case.file("response")) {
        (Some(stream), whole) if streams || whole.is_none() => {
            let kind = if stream.contains(".ndjson") {
                "application/x-ndjson"
            } else {
                "text/event-stream"
            };
            headers.insert("content-type".to_owned(), kind.to_owned());
            pieces(&case.bytes(stream), *shared.piece.lock().unwrap())
        }
        (_, Some(whole)) => Body::from(case.bytes(whole)),
        _ => Body::empty(),
    };
    response(status, &headers, body)
}

fn response(status: StatusCode, headers: &BTreeMap<String, String>, body: Body) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(body).unwrap()
}

fn pieces(bytes: &[u8], piece: usize) -> Body {
    let pieces: Vec<Bytes> = bytes
        .chunks(piece.min(bytes.len().max(1)))
        .map(Bytes::copy_from_slice)
        .collect();
    // Each piece is a separate frame, and the reader can run between two.
    let pieces = stream::iter(pieces).then(|piece| async move {
        tokio::task::yield_now().await;
        Ok::<_, io::Error>(piece)
    });
    Body::from_stream(pieces)
}
