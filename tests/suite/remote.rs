//! The HTTP client against a real management API: what a dashboard in another process shows.

use aibal_tui::access::{Sites, TokenAuth};
use aibal_tui::api::{self, Api};
use aibal_tui::client::{Address, Client, LocalClient, Update, socket_path};
use aibal_tui::contract::{
    InstanceInfo, ProviderChange, SelectRequest, Status, WeightsChange, Window,
};
use aibal_tui::domain::{
    BalancerState, Capabilities, Catalogue, ModelTypes, Provider, Strategy, Target, TargetId,
    Weights,
};
use aibal_tui::telemetry::Metrics;
use aibal_tui::{clock, engine, server};
use axum::Router;
use axum::body::Body;
use futures_util::{StreamExt, stream};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

/// An engine with a router that no listener serves yet.
struct TestApi {
    router: Router,
    local: LocalClient,
    _stops: DropGuard,
}

impl TestApi {
    fn new() -> Self {
        let now = clock::now();
        let balancer = BalancerState::new(catalogue(), Strategy::Best, Weights::default(), 7, now);
        let (engine, handle, _) = engine::build(balancer, 7);
        let stop = CancellationToken::new();
        tokio::spawn(engine.run(stop.clone()));
        let instance = InstanceInfo {
            version: "0.0.0".to_owned(),
            environment: "test".to_owned(),
        };
        let metrics = Metrics::new(handle.clone(), "0.0.0", Duration::ZERO);
        let local = LocalClient::new(handle, instance);
        let api = Api {
            local: local.clone(),
            metrics: Arc::new(metrics),
            // A test asks over an address that does not count as loopback.
            access: TokenAuth::default().with_sites(Sites::new(&["0.0.0.0".to_owned()], &[])),
            leaving: CancellationToken::new(),
            stop: stop.clone(),
            max_feeds: 8,
        };
        Self {
            router: api::router(api),
            local,
            _stops: stop.drop_guard(),
        }
    }
}

fn catalogue() -> Catalogue {
    let provider = |name: &str| Provider::new(name, "word");
    let target = |provider, name: &str| Target {
        id: TargetId::new(name, "small"),
        provider,
        types: ModelTypes::CHAT,
        capabilities: Capabilities::default(),
        price: None,
        max_concurrent: None,
    };
    Catalogue {
        providers: vec![provider("alpha"), provider("beta")],
        targets: vec![target(0.into(), "alpha"), target(1.into(), "beta")],
        ..Catalogue::default()
    }
}

struct Open {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

async fn open(api: &TestApi, at: SocketAddr) -> Open {
    let listener = TcpListener::bind(at).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let limits =
        server::ConnectionLimits::new(100, Duration::from_mins(2), Duration::from_millis(20));
    let serving = server::serve(
        listener,
        None,
        api.router.clone(),
        limits,
        server::WorkerThreads::default(),
        stop.clone(),
    );
    Open {
        address,
        stop,
        serving: tokio::spawn(serving),
    }
}

impl Open {
    fn client(&self) -> Client {
        let address: Address = self.address.to_string().parse().unwrap();
        Client::remote(address, None, None).unwrap()
    }

    async fn close(self) -> SocketAddr {
        self.stop.cancel();
        self.serving.await.unwrap().unwrap();
        self.address
    }
}

fn anywhere() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// Longer than any step of these tests takes.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// First status that fulfils a condition.
async fn until(updates: &mut mpsc::Receiver<Update>, is: impl Fn(&Status) -> bool) -> Arc<Status> {
    let found = async {
        loop {
            if let Update::Status(status) = updates.recv().await.unwrap()
                && is(&status)
            {
                return status;
            }
        }
    };
    timeout(TEST_TIMEOUT, found).await.unwrap()
}

async fn until_lost(updates: &mut mpsc::Receiver<Update>) -> String {
    let lost = async {
        loop {
            if let Update::Disconnected(why) = updates.recv().await.unwrap() {
                return why;
            }
        }
    };
    timeout(TEST_TIMEOUT, lost).await.unwrap()
}

#[tokio::test]
async fn every_call_reaches_the_instance() {
    let api = TestApi::new();
    let open = open(&api, anywhere()).await;
    let client = open.client();

    assert!(client.is_remote());
    assert_eq!(client.display_address(), open.address.to_string());
    let status = client.status(Window::Hour).await.unwrap();
    assert_eq!(status.window, Window::Hour);
    let request = SelectRequest {
        model: Some("beta/small".to_owned()),
        ..SelectRequest::default()
    };
    assert_eq!(client.select(request).await.unwrap().provider, "beta");
    assert_eq!(client.performance(24).await.unwrap().hours, 24);
    let change = WeightsChange {
        load: Some(30.0),
        revert_after_seconds: Some(60),
        ..WeightsChange::default()
    };
    let report = client.set_weights(change).await.unwrap();
    assert_eq!(report.weights.load, 30.0);
    assert!(client.confirm_weights().await.unwrap().reverts_at.is_none());
    let change = ProviderChange {
        draining: Some(true),
        revision: Some(2),
        revert_after_seconds: Some(60),
        ..ProviderChange::default()
    };
    let report = client.change_provider("alpha", change).await.unwrap();
    assert!(report.status.draining);
    assert_eq!(report.revision, Some(3));
    assert!(report.reverts_at.is_some());
    open.close().await;
}

#[tokio::test]
async fn rejections_keep_their_status_and_text() {
    let api = TestApi::new();
    let open = open(&api, anywhere()).await;
    let client = open.client();

    let change = ProviderChange::default();
    let unknown = client.change_provider("no/body", change).await.unwrap_err();
    let request = SelectRequest {
        max_cost: Some(f64::NAN),
        ..SelectRequest::default()
    };
    let none = client.select(request).await.unwrap_err();

    assert_eq!(unknown.status(), Some(404));
    assert!(
        unknown
            .to_string()
            .starts_with("provider \"no/body\" is unknown")
    );
    assert_eq!(none.status(), Some(422));
    open.close().await;
}

#[tokio::test]
async fn a_watcher_survives_the_instance_going_away_and_coming_back() {
    let api = TestApi::new();
    let first = open(&api, anywhere()).await;
    let mut updates = first.client().watch(Window::Quarter);
    until(&mut updates, |status| status.revision == 1).await;

    let address = first.close().await;
    let why = until_lost(&mut updates).await;
    assert!(why.contains(&address.to_string()), "{why}");

    let change = WeightsChange {
        load: Some(25.0),
        ..WeightsChange::default()
    };
    api.local.set_weights(change).await.unwrap();
    let second = open(&api, address).await;
    let status = until(&mut updates, |status| status.revision == 2).await;
    assert_eq!(status.weights.load, 25.0);
    assert_eq!(status.series.buckets.len(), 60);
    second.close().await;
}

#[tokio::test]
async fn a_silent_event_stream_is_reported() {
    let api = TestApi::new();
    let status = api.local.status(Window::Minute).await.unwrap();
    let snapshot = format!(
        "event: snapshot\ndata: {}\n\n",
        serde_json::to_string(&status).unwrap()
    );
    let silent = axum::routing::get(move || async move {
        let first = stream::iter([Ok::<_, std::io::Error>(snapshot)]);
        Body::from_stream(first.chain(stream::pending()))
    });
    let router = Router::new().route("/api/events", silent);
    let api = TestApi { router, ..api };
    let open = open(&api, anywhere()).await;

    let mut updates = open.client().watch(Window::Minute);

    until(&mut updates, |seen| {
        seen.generated_at == status.generated_at
    })
    .await;
    let why = until_lost(&mut updates).await;
    assert_eq!(why, format!("{} is silent", open.address));
    open.close().await;
}

#[tokio::test]
async fn a_watcher_without_an_instance_reports_that_no_answer_came() {
    let listener = TcpListener::bind(anywhere()).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = Client::remote(Address::Http(format!("http://{address}")), None, None).unwrap();

    let mut updates = client.watch(Window::Minute);

    let why = until_lost(&mut updates).await;
    assert!(
        why.starts_with(&format!("no answer from {address}")),
        "{why}"
    );
    let error = client.status(Window::Minute).await.unwrap_err();
    assert_eq!(error.status(), None);
}

#[tokio::test]
async fn the_socket_reaches_the_same_instance() {
    let api = TestApi::new();
    let folder = tempfile::tempdir().unwrap();
    let path = socket_path(folder.path(), 8080);
    let socket = server::bind_socket(&path).unwrap();
    let listener = TcpListener::bind(anywhere()).await.unwrap();
    let stop = CancellationToken::new();
    let limits =
        server::ConnectionLimits::new(100, Duration::from_mins(2), Duration::from_millis(20));
    let router = api.router.clone();
    let serving = tokio::spawn(server::serve(
        listener,
        Some(socket),
        router,
        limits,
        server::WorkerThreads::default(),
        stop.clone(),
    ));

    let address = Address::local(Some(folder.path()), ([127, 0, 0, 1], 8080).into());
    let client = Client::remote(address, None, None).unwrap();
    let mut updates = client.watch(Window::Hour);
    until(&mut updates, |status| status.revision == 1).await;
    assert_eq!(client.display_address(), "socket 8080");
    let status = client.status(Window::Minute).await.unwrap();
    assert_eq!(status.window, Window::Minute);

    stop.cancel();
    serving.await.unwrap().unwrap();
    assert!(
        !path.exists(),
        "the socket file is removed with the instance"
    );
}

#[tokio::test]
async fn a_compressed_event_stream_is_not_delayed() {
    let api = TestApi::new();
    let open = open(&api, anywhere()).await;
    let url = format!("http://{}/api/events", open.address);
    let request = reqwest::Client::builder().no_gzip().build().unwrap();
    let request = request.get(&url).header("accept-encoding", "gzip");
    let raw = request.send().await.unwrap();
    assert_eq!(raw.headers()["content-encoding"], "gzip");

    // This address does not count as loopback, so the client asks for compression.
    let far = format!("0.0.0.0:{}", open.address.port());
    let client = Client::remote(far.parse().unwrap(), None, None).unwrap();
    let mut updates = client.watch(Window::Hour);
    until(&mut updates, |status| status.revision == 1).await;
    for revision in 2..5 {
        let change = WeightsChange {
            load: Some(revision as f64),
            ..WeightsChange::default()
        };
        client.set_weights(change).await.unwrap();
        until(&mut updates, |status| status.revision == revision).await;
    }
}
