//! The one outgoing socket: pools of connections for each provider, TLS, and how long a connect may
//! take.

mod connection;
mod options;
mod pool;
mod tls_roots;

use crate::domain::ProviderIdx;
pub use connection::ConnectionConfig;
pub use options::TransportOptions;
pub use pool::body_of;
pub use tls_roots::certificates;

use super::OutboundRequest;
use crate::domain::Failure;
use connection::ConnectObserver;
use pool::Pool;
use reqwest::Url;
use std::cell::Cell;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tls_roots::Roots;
use tokio::time::Instant;

/// A connection that the other side had closed already shows that as soon as something is sent.
/// Later it is an answer that failed.
const STALE_CONNECTION_WINDOW: Duration = Duration::from_secs(1);

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportError {
    pub failure: Failure,
    /// No connection was made.
    pub unsent: bool,
}

impl TransportError {
    /// There is nobody to ask.
    const NO_ENDPOINT: Self = Self {
        failure: Failure::Disconnected,
        unsent: true,
    };
}

thread_local! {
    static THREAD_POOL: Cell<usize> = const { Cell::new(0) };
}

/// From now on this thread uses the connections of that lane, which nobody else does.
pub fn use_thread_pool(number: usize) {
    THREAD_POOL.set(number + 1);
}

/// One provider's pools: one for everybody, and one for each lane.
type ThreadPools = Arc<[Arc<Pool>]>;

/// Pools by the provider's place in the catalogue.
#[derive(Debug, Clone)]
pub struct Transport {
    pools: Vec<ThreadPools>,
    options: TransportOptions,
}

impl Transport {
    /// Pools of its own for each line, so that one provider's trouble takes no other's
    /// connections.
    pub fn over(
        lines: &[ConnectionConfig],
        options: TransportOptions,
    ) -> Result<Self, reqwest::Error> {
        let mut roots = Roots::default();
        let pools = lines.iter().map(|line| lanes(line, &mut roots, options));
        Ok(Self {
            pools: pools.collect::<Result<_, _>>()?,
            options,
        })
    }

    /// Pools for a directory that comes after another: the same as here for those that are `kept`,
    /// as long as the options are.
    pub fn updated(
        &self,
        lines: &[ConnectionConfig],
        options: TransportOptions,
        kept: impl Fn(ProviderIdx) -> bool,
    ) -> Result<Self, reqwest::Error> {
        let mut roots = Roots::default();
        let pools = lines.iter().enumerate().map(|(place, line)| {
            let old = self.pools.get(place);
            let old = old.filter(|_| options == self.options && kept(place.into()));
            old.map_or_else(
                || lanes(line, &mut roots, options),
                |old| Ok(Arc::clone(old)),
            )
        });
        Ok(Self {
            pools: pools.collect::<Result<_, _>>()?,
            options,
        })
    }

    /// Sends, and waits for the answer's head. An error is said in its class; its text may hold
    /// an address and is for nobody but the client.
    ///
    /// Where a connection that was kept turns out to be closed already, the provider has not seen
    /// the request, and it is sent once more over a new one.
    pub async fn send(
        &self,
        provider: ProviderIdx,
        outgoing: OutboundRequest,
    ) -> Result<reqwest::Response, Failure> {
        let answer = self.exchange(provider, outgoing).await;
        answer.map_err(|unanswered| unanswered.failure)
    }

    /// The same, with whether anything can have reached the provider.
    pub async fn exchange(
        &self,
        provider: ProviderIdx,
        outgoing: OutboundRequest,
    ) -> Result<reqwest::Response, TransportError> {
        let lanes = self
            .pools
            .get(provider.get())
            .ok_or(TransportError::NO_ENDPOINT)?;
        let pool = &lanes[THREAD_POOL.get() % lanes.len()];
        let url = pool
            .address(&outgoing.url)
            .ok_or(TransportError::NO_ENDPOINT)?;
        let (place, began) = (pool.checkout(), Instant::now());
        let first = dispatch(place.client(), url.clone(), &outgoing);
        let (sent, connected) = ConnectObserver::watch(first).await;
        let sent = match sent {
            Err(error)
                if !connected && began.elapsed() < STALE_CONNECTION_WINDOW && broke_off(&error) =>
            {
                tracing::debug!("a kept connection was closed already; asking over a new one");
                dispatch(pool.unpooled(), url, &outgoing).await
            }
            sent => sent,
        };
        let mut answer = sent.map_err(|error| TransportError {
            failure: classify_transport_error(&error),
            unsent: error.is_connect(),
        })?;
        place.into_permit(&mut answer);
        Ok(answer)
    }
}

fn lanes(
    line: &ConnectionConfig,
    roots: &mut Roots,
    options: TransportOptions,
) -> Result<ThreadPools, reqwest::Error> {
    let tls = roots.trusting(&line.authorities);
    let pool = |_| {
        Ok(Arc::new(Pool::new(
            line.clone(),
            Arc::clone(&tls),
            options,
        )?))
    };
    (0..=options.lanes).map(pool).collect()
}

async fn dispatch(
    client: &reqwest::Client,
    url: Url,
    outgoing: &OutboundRequest,
) -> Result<reqwest::Response, reqwest::Error> {
    client
        .request(outgoing.method.clone(), url)
        .headers(outgoing.headers.clone())
        .body(outgoing.body.clone())
        .send()
        .await
}

/// The class of a transport's error.
pub fn classify_transport_error(error: &reqwest::Error) -> Failure {
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
