//! ONE FACE, TWO BACKS: the dashboard and the command line talk to an instance through
//! [`Client`], and cannot tell whether it runs in this process or elsewhere.

mod address;
mod api_error;
mod backoff;
mod local;
mod probe_callback;
mod reload_callback;
mod remote;
mod selection;
mod validation;

pub use address::{Address, socket_path};
pub use api_error::ApiError;
pub use local::LocalClient;
pub use probe_callback::ProbeCallback;
pub use reload_callback::ReloadCallback;
pub use remote::RemoteClient;
pub use selection::find_provider;

use crate::contract::{
    DecisionDetail, DecisionList, DecisionReport, InstanceInfo, Performance, ProbeReport,
    ProviderChange, ProviderReport, ReloadReport, RevisionList, RevisionReport, SelectRequest,
    Selection, Status, WeightsChange, WeightsReport, WhatIfReport, WhatIfRequest, Window,
};
use crate::engine::EngineHandle;
use reqwest::Method;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Updates that wait for a watcher; it wants the newest only.
const UPDATE_QUEUE: usize = 4;
/// Who the record of changes names for a change from within the process.
const LOCAL_ACTOR: &str = "local";

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
    Disconnected(String),
}

/// A running instance; cheap to clone.
#[derive(Debug, Clone)]
pub enum Client {
    Local(LocalClient),
    Remote(RemoteClient),
}

impl Client {
    /// The instance in this process.
    pub fn local(handle: EngineHandle, instance: InstanceInfo) -> Self {
        Self::Local(LocalClient::new(handle, instance))
    }

    /// An instance elsewhere; nothing is sent before the first call. Fails where the token cannot
    /// be sent.
    pub fn remote(address: Address, token: Option<&str>) -> Result<Self, ClientError> {
        RemoteClient::new(address, token).map(Self::Remote)
    }

    /// Whether the instance runs in another process.
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::Remote(_))
    }

    /// Where the instance is, for the header: `local` or a host and port.
    pub fn display_address(&self) -> String {
        match self {
            Self::Local(_) => LOCAL_ACTOR.to_owned(),
            Self::Remote(remote) => remote.address().to_string(),
        }
    }

    /// Watches the instance over a window: a status at once, then whenever the numbers move (at
    /// most 4 a second). Spawns a task on the current runtime; it ends when the receiver is
    /// dropped.
    pub fn watch(&self, window: Window) -> mpsc::Receiver<Update> {
        let (sender, updates) = mpsc::channel(UPDATE_QUEUE);
        match self.clone() {
            Self::Local(local) => tokio::spawn(local.watch(window, sender)),
            Self::Remote(remote) => tokio::spawn(remote.watch(window, sender)),
        };
        updates
    }

    /// The numbers over a window, once.
    pub async fn status(&self, window: Window) -> Result<Status, ClientError> {
        match self {
            Self::Local(local) => Ok(local.status(window).await.map_err(ApiError::from)?),
            Self::Remote(remote) => {
                let path = format!("/api/status?window={}", window.as_str());
                remote.get(&path).await
            }
        }
    }

    /// The report of the last 1..=8760 hours.
    pub async fn performance(&self, hours: u32) -> Result<Performance, ClientError> {
        match self {
            Self::Local(local) => Ok(local.performance(hours).await?),
            Self::Remote(remote) => {
                let path = format!("/api/monitoring/performance?hours={hours}");
                remote.get(&path).await
            }
        }
    }

    /// Who would serve such a request now, and why.
    pub async fn select(&self, request: SelectRequest) -> Result<Selection, ClientError> {
        match self {
            Self::Local(local) => Ok(local.select(&request)?),
            Self::Remote(remote) => {
                // Before JSON can lose a number that is none, and the constraint with it.
                selection::check(&request).map_err(ApiError::from)?;
                let path = "/api/load-balancing/select";
                remote.send(Method::POST, path, &request).await
            }
        }
    }

    /// What other weights would have done.
    pub async fn what_if(&self, request: WhatIfRequest) -> Result<WhatIfReport, ClientError> {
        match self {
            Self::Local(local) => Ok(local.what_if(&request).await?),
            Self::Remote(remote) => remote.send(Method::POST, "/api/what-if", &request).await,
        }
    }

    /// Changes weights; missing fields keep their value.
    pub async fn set_weights(&self, change: WeightsChange) -> Result<WeightsReport, ClientError> {
        match self {
            Self::Local(local) => Ok(local.set_weights(change, LOCAL_ACTOR).await?),
            Self::Remote(remote) => remote.send(Method::PUT, "/api/weights", &change).await,
        }
    }

    /// Keeps the weights that are on trial.
    pub async fn confirm_weights(&self) -> Result<WeightsReport, ClientError> {
        match self {
            Self::Local(local) => Ok(local.confirm_weights(LOCAL_ACTOR).await?),
            Self::Remote(remote) => {
                let nothing = serde_json::json!({});
                remote
                    .send(Method::POST, "/api/weights/keep", &nothing)
                    .await
            }
        }
    }

    /// Changes one provider; missing fields keep their value.
    pub async fn change_provider(
        &self,
        name: &str,
        change: ProviderChange,
    ) -> Result<ProviderReport, ClientError> {
        match self {
            Self::Local(local) => Ok(local.change_provider(name, change, LOCAL_ACTOR).await?),
            Self::Remote(remote) => {
                let path = format!("/api/providers/{}", escaped(name));
                remote.send(Method::PATCH, &path, &change).await
            }
        }
    }
}

impl Client {
    /// The latest requests, newest first: of one provider, or of all.
    pub async fn decisions(
        &self,
        most: usize,
        provider: Option<&str>,
    ) -> Result<Vec<DecisionReport>, ClientError> {
        match self {
            Self::Local(local) => Ok(local.decisions(most, provider).await?),
            Self::Remote(remote) => {
                let of = provider.map(|name| format!("&provider={}", escaped(name)));
                let path = format!("/api/decisions?limit={most}{}", of.unwrap_or_default());
                Ok(remote.get::<DecisionList>(&path).await?.decisions)
            }
        }
    }

    /// One decision, explained.
    pub async fn decision(&self, id: &str) -> Result<DecisionDetail, ClientError> {
        match self {
            Self::Local(local) => Ok(local.decision(id).await?),
            Self::Remote(remote) => remote.get(&format!("/api/decisions/{}", escaped(id))).await,
        }
    }

    /// Every change that is still remembered, newest first.
    pub async fn revisions(&self) -> Result<Vec<RevisionReport>, ClientError> {
        match self {
            Self::Local(local) => Ok(local.revisions().await.map_err(ApiError::from)?),
            Self::Remote(remote) => Ok(remote
                .get::<RevisionList>("/api/revisions")
                .await?
                .revisions),
        }
    }

    /// Has the instance read its configuration again.
    pub async fn reload(&self) -> Result<ReloadReport, ClientError> {
        match self {
            Self::Local(local) => Ok(local.reload(LOCAL_ACTOR).await?),
            Self::Remote(remote) => {
                let nothing = serde_json::json!({});
                remote.send(Method::POST, "/api/reload", &nothing).await
            }
        }
    }

    /// Has a provider probed now.
    pub async fn probe(&self, name: &str) -> Result<ProbeReport, ClientError> {
        match self {
            Self::Local(local) => Ok(local.probe(name).await?),
            Self::Remote(remote) => {
                let path = format!("/api/providers/{}/probe", escaped(name));
                let nothing = serde_json::json!({});
                remote.send(Method::POST, &path, &nothing).await
            }
        }
    }
}

/// A name as one segment of a path.
fn escaped(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escape = |byte: u8| {
        if is_plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    name.bytes().map(escape).collect()
}
