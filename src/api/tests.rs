//! The management API as scripts see it, with a real engine behind it.

mod advising;
mod agreeing;
mod auth;
mod compressing;
mod counting;
mod events;
mod exporting;
mod mutations;
mod reading;
mod replaying;
mod selecting;

use super::{Api, router};
use crate::access::{Peer, TokenAuth};
use crate::client::{DroppedLines, InstanceControls, LocalClient, RecentLines};
use crate::clock;
use crate::contract::{InstanceInfo, ProbeReport};
use crate::domain::ProviderIdx;
use crate::domain::{
    BalancerState, Capabilities, Catalogue, ModelType, ModelTypes, Price, Provider, Route,
    RouteOrder, Strategy, Target, TargetId, Weights,
};
use crate::engine::{self, EngineHandle};
use crate::telemetry::Metrics;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt;

/// Three providers: `alpha` with two models, `beta` with one, `gamma` switched off.
fn catalogue() -> Catalogue {
    let provider = |name: &str, enabled| Provider {
        max_concurrent: Some(8),
        enabled,
        ..Provider::new(name, "word")
    };
    let target = |provider, name: &str, model: &str, types, price| Target {
        id: TargetId::new(name, model),
        provider,
        types,
        capabilities: Capabilities::default(),
        price,
        max_concurrent: None,
    };
    let vision = ModelTypes::from_iter([ModelType::Chat, ModelType::Vision]);
    Catalogue {
        providers: vec![
            provider("alpha", true),
            provider("beta", true),
            provider("gamma", false),
        ],
        targets: vec![
            target(
                0.into(),
                "alpha",
                "small",
                ModelTypes::CHAT,
                Some(Price::flat(1.0, 2.0)),
            ),
            target(
                0.into(),
                "alpha",
                "large",
                vision,
                Some(Price::flat(5.0, 20.0)),
            ),
            target(1.into(), "beta", "small", ModelTypes::CHAT, None),
            target(2.into(), "gamma", "tiny", ModelTypes::CHAT, None),
        ],
        routes: vec![Route {
            order: RouteOrder::Balanced,
            model: "good".into(),
            targets: vec![1.into(), 2.into()],
        }],
        ..Catalogue::default()
    }
}

/// Event streams at once.
const MAX_FEEDS: usize = 4;

/// A router with an engine that runs until the router is dropped.
struct TestApi {
    router: Router,
    handle: EngineHandle,
    logs: RecentLines,
    stop: CancellationToken,
    _stops: DropGuard,
}

impl TestApi {
    fn new() -> Self {
        Self::with(TokenAuth::default())
    }

    fn with(access: TokenAuth) -> Self {
        let balancer = BalancerState::new(
            catalogue(),
            Strategy::Best,
            Weights::default(),
            7,
            clock::now(),
        );
        let (engine, handle, _) = engine::build(balancer, 7);
        let stop = CancellationToken::new();
        tokio::spawn(engine.run(stop.clone()));
        let instance = InstanceInfo {
            version: "0.0.0".to_owned(),
            environment: "test".to_owned(),
        };
        let logs = RecentLines::default();
        let api = Api {
            local: LocalClient::new(handle.clone(), instance)
                .with_saved_to("config.toml")
                .with_logs(logs.clone(), DroppedLines::default())
                .with_controls(OnlyAlpha),
            metrics: Arc::new(Metrics::new(handle.clone(), "0.0.0", Duration::ZERO)),
            access,
            leaving: CancellationToken::new(),
            stop: stop.clone(),
            max_feeds: MAX_FEEDS,
        };
        Self {
            router: router(api),
            handle,
            logs,
            _stops: stop.clone().drop_guard(),
            stop,
        }
    }

    /// Sends a request from this machine.
    async fn ask(&self, request: Request<Body>) -> Answer {
        let peer = Peer::Tcp(([127, 0, 0, 1], 9).into());
        self.ask_from(peer, request).await
    }

    async fn ask_from(&self, peer: Peer, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(peer);
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap();
        Answer {
            status,
            headers,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "").await
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let request = Request::builder().method(method).uri(path);
        self.ask(request.body(Body::from(body.to_owned())).unwrap())
            .await
    }
}

/// Probes reach `alpha` and no other provider.
#[derive(Debug)]
struct OnlyAlpha;

impl InstanceControls for OnlyAlpha {
    fn probe(&self, provider: ProviderIdx) -> BoxFuture<'_, Option<ProbeReport>> {
        let report = (provider.get() == 0).then(|| ProbeReport {
            ok: true,
            status: "200".to_owned(),
            latency_ms: 12.5,
            at: "2026-01-01T00:00:00.000Z".to_owned(),
        });
        Box::pin(std::future::ready(report))
    }
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Detail of a problem with this status.
    fn problem(&self, status: u16) -> &str {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["type"], "about:blank");
        self.body["detail"].as_str().unwrap()
    }

    fn ok(&self) -> &Value {
        assert_eq!(self.status, StatusCode::OK, "{:?}", self.body);
        &self.body
    }

    /// The body with placeholders for values that differ between runs.
    fn shape(&self) -> Value {
        scrubbed(self.ok().clone())
    }
}

fn scrubbed(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() == 24 && text.ends_with('Z') => json!("[time]"),
        Value::String(text) if text.parse::<crate::domain::DecisionId>().is_ok() => json!("[id]"),
        Value::Array(items) => items.into_iter().map(scrubbed).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| {
                let value = match &*name {
                    "buckets" => json!(value.as_array().map(Vec::len)),
                    "lastStart" => json!("[second]"),
                    _ => scrubbed(value),
                };
                (name, value)
            })
            .collect(),
        other => other,
    }
}
