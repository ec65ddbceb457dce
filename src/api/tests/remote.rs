//! The client against the real door on a port: what the dashboard of another process sees.

use super::House;
use crate::client::{Address, Client, Update, socket_path};
use crate::contract::{ProviderChange, SelectRequest, Status, WeightsChange, Window};
use crate::server;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

struct Open {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

async fn open(house: &House, at: SocketAddr) -> Open {
    let listener = TcpListener::bind(at).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let drain = Duration::from_millis(20);
    let serving = server::serve(listener, None, house.router.clone(), drain, stop.clone());
    Open {
        address,
        stop,
        serving: tokio::spawn(serving),
    }
}

impl Open {
    fn client(&self) -> Client {
        let address: Address = self.address.to_string().parse().unwrap();
        Client::remote(address, None).unwrap()
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

async fn next(updates: &mut mpsc::Receiver<Update>) -> Update {
    timeout(Duration::from_secs(30), updates.recv())
        .await
        .unwrap()
        .unwrap()
}

/// The first status that is as wished.
async fn until(updates: &mut mpsc::Receiver<Update>, is: impl Fn(&Status) -> bool) -> Arc<Status> {
    loop {
        if let Update::Status(status) = next(updates).await
            && is(&status)
        {
            return status;
        }
    }
}

async fn until_lost(updates: &mut mpsc::Receiver<Update>) -> String {
    loop {
        if let Update::Lost(why) = next(updates).await {
            return why;
        }
    }
}

#[tokio::test]
async fn every_wish_reaches_the_instance() {
    let house = House::new();
    let open = open(&house, anywhere()).await;
    let client = open.client();

    assert!(client.is_remote());
    assert_eq!(client.place(), open.address.to_string());
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
    assert!(client.keep_weights().await.unwrap().reverts_at.is_none());
    let change = ProviderChange {
        draining: Some(true),
        ..ProviderChange::default()
    };
    let provider = client.change_provider("alpha", change).await.unwrap();
    assert!(provider.draining);
    open.close().await;
}

#[tokio::test]
async fn refusals_keep_their_status_and_sentence() {
    let house = House::new();
    let open = open(&house, anywhere()).await;
    let client = open.client();

    let change = ProviderChange::default();
    let unknown = client.change_provider("no/body", change).await.unwrap_err();
    let request = SelectRequest {
        max_cost: Some(f64::NAN),
        ..SelectRequest::default()
    };
    let none = client.select(request).await.unwrap_err();

    assert_eq!(unknown.status, 404);
    assert!(
        unknown
            .detail
            .starts_with("provider \"no/body\" is unknown")
    );
    assert_eq!(none.status, 422);
    open.close().await;
}

#[tokio::test]
async fn a_watcher_survives_the_instance_going_away_and_coming_back() {
    let house = House::new();
    let first = open(&house, anywhere()).await;
    let mut updates = first.client().watch(Window::Quarter);
    until(&mut updates, |status| status.revision == 1).await;

    let address = first.close().await;
    let why = until_lost(&mut updates).await;
    assert!(why.contains(&address.to_string()), "{why}");

    house
        .send("PUT", "/api/weights", r#"{"load":25}"#)
        .await
        .ok();
    let second = open(&house, address).await;
    let status = until(&mut updates, |status| status.revision == 2).await;
    assert_eq!(status.weights.load, 25.0);
    assert_eq!(status.series.buckets.len(), 60);
    second.close().await;
}

#[tokio::test]
async fn a_watcher_of_nobody_says_so_and_ends_with_its_reader() {
    let listener = TcpListener::bind(anywhere()).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = Client::remote(Address::Http(format!("http://{address}")), None).unwrap();

    let mut updates = client.watch(Window::Minute);

    let why = until_lost(&mut updates).await;
    assert!(
        why.starts_with(&format!("no answer from {address}")),
        "{why}"
    );
    let error = client.status(Window::Minute).await.unwrap_err();
    assert_eq!(error.status, 0);
}

#[tokio::test]
async fn the_socket_leads_to_the_same_instance() {
    let house = House::new();
    let folder = tempfile::tempdir().unwrap();
    let path = socket_path(folder.path(), 8080);
    let socket = server::bind_socket(&path).unwrap();
    let listener = TcpListener::bind(anywhere()).await.unwrap();
    let stop = CancellationToken::new();
    let drain = Duration::from_millis(20);
    let router = house.router.clone();
    let serving = tokio::spawn(server::serve(
        listener,
        Some(socket),
        router,
        drain,
        stop.clone(),
    ));

    let address = Address::local(Some(folder.path()), 8080);
    let client = Client::remote(address, None).unwrap();
    let mut updates = client.watch(Window::Hour);
    until(&mut updates, |status| status.revision == 1).await;
    assert_eq!(client.place(), "socket 8080");
    let status = client.status(Window::Minute).await.unwrap();
    assert_eq!(status.window, Window::Minute);

    stop.cancel();
    serving.await.unwrap().unwrap();
    assert!(!path.exists(), "the socket's file goes with the instance");
}

#[tokio::test(start_paused = true)]
async fn the_local_client_sees_what_the_door_sees() {
    let house = House::new();
    let instance = crate::contract::Instance {
        version: "0.0.0".to_owned(),
        environment: "test".to_owned(),
    };
    let client = Client::local(house.handle.clone(), instance);
    let mut updates = client.watch(Window::Day);

    let first = until(&mut updates, |_| true).await;
    // Through text, as the door's answer came: the last digit of a number may differ otherwise.
    let text = serde_json::to_string(&*first).unwrap();
    let first: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(first, *house.get("/api/status").await.ok());
    assert!(!client.is_remote());
    assert_eq!(client.place(), "local");

    let change = WeightsChange {
        load: Some(30.0),
        ..WeightsChange::default()
    };
    client.set_weights(change).await.unwrap();
    until(&mut updates, |status| status.weights.load == 30.0).await;

    house.stop.cancel();
    assert_eq!(until_lost(&mut updates).await, "the engine says nothing");
}
