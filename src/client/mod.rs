//! ONE FACE, TWO BACKS: the dashboard and the command line talk to an instance through
//! [`Client`], and cannot tell whether it runs in this process or elsewhere.

use crate::contract::{
    ProviderChange, ProviderStatus, Status, WeightsChange, WeightsReport, Window,
};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Why a wish was not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ClientError {
    /// HTTP status; 0 where no answer came at all.
    pub status: u16,
    /// One sentence for people.
    pub detail: String,
}

/// What a watcher hears.
#[derive(Debug, Clone)]
pub enum Update {
    /// The newest numbers; older ones still queued are worthless.
    Status(Arc<Status>),
    /// The instance does not answer; the watcher keeps trying by itself. Says why.
    Lost(String),
}

/// A running instance.
#[derive(Debug, Clone)]
pub struct Client;

impl Client {
    /// Whether the instance runs in another process.
    pub fn is_remote(&self) -> bool {
        false
    }

    /// Where the instance is, for the header: `local` or a host and port.
    pub fn place(&self) -> String {
        "local".to_owned()
    }

    /// Watches the instance over a window: a status at once, then whenever the numbers move (at
    /// most 4 a second). Spawns a task on the current runtime; it ends when the receiver is
    /// dropped.
    pub fn watch(&self, _window: Window) -> mpsc::Receiver<Update> {
        mpsc::channel(4).1
    }

    /// Changes weights; missing fields keep their value.
    pub async fn set_weights(&self, _change: WeightsChange) -> Result<WeightsReport, ClientError> {
        std::future::ready(()).await;
        Err(ClientError {
            status: 0,
            detail: "not connected".to_owned(),
        })
    }

    /// Changes one provider; missing fields keep their value.
    pub async fn change_provider(
        &self,
        _name: &str,
        _change: ProviderChange,
    ) -> Result<ProviderStatus, ClientError> {
        std::future::ready(()).await;
        Err(ClientError {
            status: 0,
            detail: "not connected".to_owned(),
        })
    }
}
