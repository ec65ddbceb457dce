//! A fake upstream: a real HTTP server with scripted behaviour.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use axum::serve::ListenerExt;
use futures_util::stream::{self, StreamExt};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// The response to one request.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// A valid response, streamed if the request says so.
    Good,
    /// A status with a body and headers.
    Status(u16, &'static str, Vec<(&'static str, &'static str)>),
    /// Accepts the request and never responds.
    Hang,
    /// A 200 with these events and this ending.
    Events(Vec<&'static str>, Ending),
    /// A 200 with these bytes of a stream; the connection stays open without more.
    Unfinished(&'static str),
    /// A valid response that waits for [`Upstream::let_go`]; a stream waits after its first word.
    Held,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The connection is cut.
    Cut,
    /// The connection stays open without data.
    Stall,
    /// The body ends normally.
    Close,
}

pub const ROLE: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;
pub const HELLO: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}"#;
pub const STOP: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
pub const USAGE: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}"#;
pub const DONE: &str = "[DONE]";
pub const WHOLE: &str = r#"{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30},"x_unknown":{"kept":1.10}}"#;

/// One server, which ends with the runtime of the test.
#[derive(Debug, Clone)]
pub struct Upstream {
    pub base_url: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    script: Mutex<VecDeque<Behaviour>>,
    usual: Mutex<Behaviour>,
    requests: AtomicUsize,
    probes: AtomicUsize,
    abandoned: AtomicUsize,
    seen: Mutex<Vec<(HeaderMap, String)>>,
    paths: Mutex<Vec<String>>,
    models: Mutex<Vec<&'static str>>,
    connections: AtomicUsize,
    gate: watch::Sender<bool>,
}

impl Upstream {
    /// Starts a server with this behaviour unless a script overrides it.
    pub async fn start(usual: Behaviour) -> Self {
        let shared = Arc::new(Shared {
            script: Mutex::default(),
            usual: Mutex::new(usual),
            requests: AtomicUsize::new(0),
            probes: AtomicUsize::new(0),
            abandoned: AtomicUsize::new(0),
            seen: Mutex::default(),
            paths: Mutex::default(),
            models: Mutex::new(vec!["m"]),
            connections: AtomicUsize::new(0),
            gate: watch::Sender::new(false),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        let counted = Arc::clone(&shared);
        let listener = listener.tap_io(move |_| {
            counted.connections.fetch_add(1, Ordering::SeqCst);
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base_url, shared }
    }

    /// Sets the behaviour for the next requests, one each.
    pub fn script(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.shared.script.lock().unwrap().extend(behaviours);
    }

    pub fn behave(&self, usual: Behaviour) {
        *self.shared.usual.lock().unwrap() = usual;
    }

    /// Sets the models that it lists.
    pub fn list(&self, models: &[&'static str]) {
        *self.shared.models.lock().unwrap() = models.to_vec();
    }

    /// Releases held responses.
    pub fn let_go(&self) {
        self.shared.gate.send_replace(true);
    }

    /// Chat requests so far.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub fn probes(&self) -> usize {
        self.shared.probes.load(Ordering::SeqCst)
    }

    /// Requests whose client disconnected before the end.
    pub fn abandoned(&self) -> usize {
        self.shared.abandoned.load(Ordering::SeqCst)
    }

    /// Method and path of the newest chat request.
    pub fn last_path(&self) -> String {
        self.shared.paths.lock().unwrap().last().cloned().unwrap()
    }

    /// Headers and body of the newest chat request.
    pub fn last(&self) -> (HeaderMap, String) {
        self.shared.seen.lock().unwrap().last().cloned().unwrap()
    }
}

/// Counts a request as abandoned on drop unless it was completed.
struct Watch(Arc<Shared>, bool);

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.1 {
            self.0.abandoned.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if parts.uri.path().ends_with("/models") {
        shared.probes.fetch_add(1, Ordering::SeqCst);
        let usual = shared.usual.lock().unwrap().clone();
        return match usual {
            Behaviour::Status(status, body, _) if status >= 500 => whole(status, body, &[]),
            _ => list(&shared.models.lock().unwrap()),
        };
    }
    shared.requests.fetch_add(1, Ordering::SeqCst);
    let path = format!("{} {}", parts.method, parts.uri);
    shared.paths.lock().unwrap().push(path);
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let stream = text.contains("\"stream\":true") || text.contains("\"stream\": true");
    shared.seen.lock().unwrap().push((parts.headers, text));
    let scripted = shared.script.lock().unwrap().pop_front();
    let behaviour = scripted.unwrap_or_else(|| shared.usual.lock().unwrap().clone());
    let mut watch = Watch(Arc::clone(&shared), false);
    match behaviour {
        Behaviour::Good if stream => {
            events(vec![ROLE, HELLO, STOP, USAGE, DONE], Ending::Close, watch)
        }
        Behaviour::Good => {
            watch.1 = true;
            whole(200, WHOLE, &[("x-ratelimit-remaining-requests", "41")])
        }
        Behaviour::Status(status, body, headers) => {
            watch.1 = true;
            whole(status, body, &headers)
        }
        Behaviour::Hang => {
            std::future::pending::<()>().await;
            drop(watch);
            whole(500, "", &[])
        }
        Behaviour::Events(data, ending) => events(data, ending, watch),
        Behaviour::Unfinished(text) => unfinished(text, watch),
        Behaviour::Held if stream => held(shared.gate.subscribe(), watch),
        Behaviour::Held => {
            let mut gate = shared.gate.subscribe();
            gate.wait_for(|is_open| *is_open).await.unwrap();
            watch.1 = true;
            whole(200, WHOLE, &[])
        }
    }
}

fn list(models: &[&str]) -> Response<Body> {
    let data: Vec<_> = models
        .iter()
        .map(|id| serde_json::json!({ "id": id }))
        .collect();
    let body = serde_json::json!({ "object": "list", "data": data });
    let response = Response::builder().header(CONTENT_TYPE, "application/json");
    response.body(Body::from(body.to_string())).unwrap()
}

fn whole(
    status: u16,
    body: &'static str,
    headers: &[(&'static str, &'static str)],
) -> Response<Body> {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    response = response.header(CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::from(body)).unwrap()
}

fn held(mut gate: watch::Receiver<bool>, mut watch: Watch) -> Response<Body> {
    let event = |data: &str| Ok::<_, io::Error>(Bytes::from(format!("data: {data}\n\n")));
    let rest = stream::once(async move {
        let watch = &mut watch;
        gate.wait_for(|is_open| *is_open).await.unwrap();
        watch.1 = true;
        event(&[STOP, USAGE, DONE].join("\n\ndata: "))
    });
    let first = stream::iter([event(ROLE), event(HELLO)]);
    let response = Response::builder().header(CONTENT_TYPE, "text/event-stream");
    response.body(Body::from_stream(first.chain(rest))).unwrap()
}

fn unfinished(text: &'static str, watch: Watch) -> Response<Body> {
    let rest = stream::once(async move {
        let _watch = watch;
        std::future::pending::<io::Result<Bytes>>().await
    });
    let first = stream::iter([Ok(Bytes::from(text))]);
    let response = Response::builder().header(CONTENT_TYPE, "text/event-stream");
    response.body(Body::from_stream(first.chain(rest))).unwrap()
}

fn events(data: Vec<&'static str>, ending: Ending, mut watch: Watch) -> Response<Body> {
    let events = data
        .into_iter()
        .map(|data| Ok(Bytes::from(format!("data: {data}\n\n"))));
    let end = stream::once(async move {
        // A body that is dropped earlier counts as abandoned.
        let watch = &mut watch;
        match ending {
            Ending::Close => {
                watch.1 = true;
                Ok(Bytes::new())
            }
            Ending::Cut => {
                // Written data must be sent before the connection is cut, or it is lost.
                tokio::time::sleep(Duration::from_millis(50)).await;
                watch.1 = true;
                Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut"))
            }
            Ending::Stall => {
                std::future::pending::<()>().await;
                Ok::<Bytes, io::Error>(Bytes::new())
            }
        }
    });
    let body = Body::from_stream(stream::iter(events).chain(end));
    let response = Response::builder().header(CONTENT_TYPE, "text/event-stream");
    response.body(body).unwrap()
}
