//! The one outgoing socket: pools of connections for each provider, TLS, and how long a connect may
//! take.

mod line;
mod pool;
mod roots;

pub use line::Line;
pub use pool::body_of;
pub use roots::certificates;

use super::{Directory, Outgoing};
use crate::domain::Failure;
use line::Connected;
use pool::Pool;
use roots::Roots;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A connection that the other side had closed already shows that as soon as something is sent.
/// Later it is an answer that failed.
const STALE: Duration = Duration::from_secs(1);

/// How connections are made.
#[derive(Debug, Clone, Copy)]
pub struct TransportOptions {
    pub connect_timeout: Duration,
}

/// Pools by the provider's place in the catalogue.
#[derive(Debug, Clone)]
pub struct Transport {
    pools: Vec<Arc<Pool>>,
}

impl Transport {
    /// So many providers that are reached in the usual way.
    pub fn new(providers: usize, options: TransportOptions) -> Result<Self, reqwest::Error> {
        Self::over(&vec![Line::default(); providers], options)
    }

    /// One pool for each provider of a directory.
    pub fn to(directory: &Directory, options: TransportOptions) -> Result<Self, reqwest::Error> {
        let endpoints = directory.endpoints.iter();
        let lines = endpoints.map(|endpoint| {
            let line = endpoint.as_ref().map(|endpoint| endpoint.line.clone());
            line.unwrap_or_default()
        });
        Self::over(&lines.collect::<Vec<_>>(), options)
    }

    /// A pool of its own for each line, so that one provider's trouble takes no other's
    /// connections.
    pub fn over(lines: &[Line], options: TransportOptions) -> Result<Self, reqwest::Error> {
        let mut roots = Roots::default();
        let pool = |line: &Line| {
            let tls = roots.trusting(&line.authorities);
            Ok(Arc::new(Pool::new(line.clone(), tls, options)?))
        };
        Ok(Self {
            pools: lines.iter().map(pool).collect::<Result<_, _>>()?,
        })
    }

    /// Sends, and waits for the answer's head. An error is said in its class; its text may hold
    /// an address and is for nobody but the client.
    ///
    /// Where a connection that was kept turns out to be closed already, the provider has not seen
    /// the request, and it is sent once more over a new one.
    pub async fn send(
        &self,
        provider: usize,
        outgoing: Outgoing,
    ) -> Result<reqwest::Response, Failure> {
        let pool = self.pools.get(provider).ok_or(Failure::Disconnected)?;
        let (place, began) = (pool.seat(), Instant::now());
        let again = outgoing.clone();
        let (sent, connected) = Connected::watch(dispatch(place.client(), outgoing)).await;
        let sent = match sent {
            Err(error) if !connected && began.elapsed() < STALE && broke_off(&error) => {
                tracing::debug!("a kept connection was closed already; asking over a new one");
                dispatch(pool.fresh(), again).await
            }
            sent => sent,
        };
        let mut answer = sent.map_err(|error| failure(&error))?;
        place.stay(&mut answer);
        Ok(answer)
    }
}

async fn dispatch(
    client: &reqwest::Client,
    outgoing: Outgoing,
) -> Result<reqwest::Response, reqwest::Error> {
    client
        .request(outgoing.method, outgoing.url)
        .headers(outgoing.headers)
        .body(outgoing.body)
        .send()
        .await
}

/// The class of a transport's error.
pub fn failure(error: &reqwest::Error) -> Failure {
    if error.is_timeout() && !error.is_connect() {
        Failure::Timeout
    } else {
        Failure::Disconnected
    }
}

/// Whether the connection ended before the answer began.
fn broke_off(error: &reqwest::Error) -> bool {
    if error.is_timeout() || error.is_connect() {
        return false;
    }
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(inner) = cause {
        let told = inner.downcast_ref::<hyper::Error>();
        let ended = |error: &hyper::Error| error.is_incomplete_message() || error.is_closed();
        let system = inner.downcast_ref::<io::Error>().map(io::Error::kind);
        let gone = [
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::ConnectionAborted,
            io::ErrorKind::BrokenPipe,
            io::ErrorKind::NotConnected,
        ];
        if told.is_some_and(ended) || system.is_some_and(|kind| gone.contains(&kind)) {
            return true;
        }
        cause = inner.source();
    }
    false
}
