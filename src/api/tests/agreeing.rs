//! The dashboard of this process shows what a script reads.

use super::TestApi;
use crate::client::{Client, Update};
use crate::contract::{InstanceInfo, Status, WeightsChange, Window};
use std::sync::Arc;
use tokio::sync::mpsc;

async fn until(updates: &mut mpsc::Receiver<Update>, is: impl Fn(&Status) -> bool) -> Arc<Status> {
    loop {
        if let Update::Status(status) = updates.recv().await.unwrap()
            && is(&status)
        {
            return status;
        }
    }
}

async fn until_lost(updates: &mut mpsc::Receiver<Update>) -> String {
    loop {
        if let Update::Disconnected(why) = updates.recv().await.unwrap() {
            return why;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_local_client_sees_what_the_api_answers() {
    let api = TestApi::new();
    let instance = InstanceInfo {
        version: "0.0.0".to_owned(),
        environment: "test".to_owned(),
    };
    let client = Client::local(api.handle.clone(), instance);
    let mut updates = client.watch(Window::Day);

    let first = until(&mut updates, |_| true).await;
    // Through text, like the API's answer: otherwise the last digit of a number may differ.
    let text = serde_json::to_string(&*first).unwrap();
    let first: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(first, *api.get("/api/status").await.ok());
    assert!(!client.is_remote());
    assert_eq!(client.display_address(), "local");

    let change = WeightsChange {
        load: Some(30.0),
        ..WeightsChange::default()
    };
    client.set_weights(change).await.unwrap();
    until(&mut updates, |status| status.weights.load == 30.0).await;

    api.stop.cancel();
    assert_eq!(
        until_lost(&mut updates).await,
        "the engine does not respond"
    );
}
