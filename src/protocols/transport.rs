//! The only outgoing socket: pools of connections for each provider, TLS, and the connect timeout.

mod connection;
mod options;
mod pool;
mod tls_roots;
mod transport_error;

pub use connection::ConnectionConfig;
pub use options::TransportOptions;
pub use pool::body_of;
pub use tls_roots::certificates;
pub use transport_error::{TransportError, classify_transport_error};

use super::OutboundRequest;
use crate::domain::ProviderIdx;
use connection::ConnectObserver;
use pool::Pool;
use reqwest::Url;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;
use tls_roots::Roots;
use tokio::time::Instant;
use transport_error::is_interrupted;

/// Time within which a kept connection that the peer had closed shows it. A later interruption is a
/// failed response.
const STALE_CONNECTION_WINDOW: Duration = Duration::from_secs(1);

thread_local! {
    static THREAD_POOL: Cell<usize> = const { Cell::new(0) };
}

/// Lets this thread use the connections of pool `number`, which no other thread uses. Numbers start
/// at 0; a thread that never calls this uses the shared pool.
pub fn use_thread_pool(number: usize) {
    THREAD_POOL.set(number + 1);
}

/// One provider's pools: the shared one first, then one for each thread.
type ThreadPools = Arc<[Arc<Pool>]>;

/// Connections to all providers, by the provider's catalogue index. Each provider has pools of its
/// own, so that a failing provider takes no other's connections.
#[derive(Debug, Clone)]
pub struct Transport {
    pools: Vec<ThreadPools>,
    options: TransportOptions,
}

impl Transport {
    /// Builds pools for each connection configuration. An error means that no HTTP client can be
    /// built from it.
    pub fn over(
        connections: &[ConnectionConfig],
        options: TransportOptions,
    ) -> Result<Self, reqwest::Error> {
        let mut roots = Roots::default();
        let pools = connections
            .iter()
            .map(|connection| thread_pools(connection, &mut roots, options));
        Ok(Self {
            pools: pools.collect::<Result<_, _>>()?,
            options,
        })
    }

    /// Builds the transport of a new configuration. Providers for which `reuse` holds keep their
    /// pools, unless the options changed.
    pub fn updated(
        &self,
        connections: &[ConnectionConfig],
        options: TransportOptions,
        reuse: impl Fn(ProviderIdx) -> bool,
    ) -> Result<Self, reqwest::Error> {
        let mut roots = Roots::default();
        let pools = connections.iter().enumerate().map(|(index, connection)| {
            let old = self.pools.get(index);
            let old = old.filter(|_| options == self.options && reuse(index.into()));
            old.map_or_else(
                || thread_pools(connection, &mut roots, options),
                |old| Ok(Arc::clone(old)),
            )
        });
        Ok(Self {
            pools: pools.collect::<Result<_, _>>()?,
            options,
        })
    }

    /// Sends a request and waits for the response's head.
    ///
    /// A kept connection that turns out to be closed already means that the provider has not seen
    /// the request, so it is sent once more over a new connection.
    pub async fn send(
        &self,
        provider: ProviderIdx,
        request: OutboundRequest,
    ) -> Result<reqwest::Response, TransportError> {
        let thread_pools = self
            .pools
            .get(provider.get())
            .ok_or_else(TransportError::no_endpoint)?;
        let pool = &thread_pools[THREAD_POOL.get() % thread_pools.len()];
        let url = pool
            .url(&request.url)
            .ok_or_else(TransportError::no_endpoint)?;
        let (permit, started) = (pool.checkout(), Instant::now());
        let first = dispatch(permit.client(), url.clone(), &request);
        let (result, connected) = ConnectObserver::watch(first).await;
        let result = match result {
            Err(error)
                if !connected
                    && started.elapsed() < STALE_CONNECTION_WINDOW
                    && is_interrupted(&error) =>
            {
                tracing::debug!("a kept connection was closed already; retrying over a new one");
                dispatch(pool.unpooled(), url, &request).await
            }
            result => result,
        };
        let mut response = result?;
        permit.into_permit(&mut response);
        Ok(response)
    }
}

fn thread_pools(
    connection: &ConnectionConfig,
    roots: &mut Roots,
    options: TransportOptions,
) -> Result<ThreadPools, reqwest::Error> {
    let tls = roots.trusting(&connection.authorities);
    let pool = |_| {
        Ok(Arc::new(Pool::new(
            connection.clone(),
            Arc::clone(&tls),
            options,
        )?))
    };
    (0..=options.thread_pools).map(pool).collect()
}

async fn dispatch(
    client: &reqwest::Client,
    url: Url,
    request: &OutboundRequest,
) -> Result<reqwest::Response, reqwest::Error> {
    client
        .request(request.method.clone(), url)
        .headers(request.headers.clone())
        .body(request.body.clone())
        .send()
        .await
}
