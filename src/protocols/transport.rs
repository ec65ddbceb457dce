//! The one socket: a pool of connections for each provider, TLS, and how long a connect may take.

use super::Outgoing;
use super::addresses::Addresses;
use crate::domain::Failure;
use std::sync::Arc;
use std::time::Duration;

/// How connections are made.
#[derive(Debug, Clone, Copy)]
pub struct TransportOptions {
    pub connect_timeout: Duration,
}

/// Pools by the provider's place in the catalogue.
#[derive(Debug, Clone)]
pub struct Transport {
    pools: Arc<[Pool]>,
}

/// One provider's connections.
#[derive(Debug)]
struct Pool {
    client: reqwest::Client,
    addresses: Addresses,
}

impl Transport {
    /// A pool of its own for each of so many providers, so that one provider's trouble takes no
    /// other's connections.
    pub fn new(providers: usize, options: TransportOptions) -> Result<Self, reqwest::Error> {
        let client = || {
            reqwest::Client::builder()
                .connect_timeout(options.connect_timeout)
                .redirect(reqwest::redirect::Policy::none())
                .tcp_nodelay(true)
                .pool_idle_timeout(Duration::from_mins(1))
                .user_agent(concat!("aibal-tui/", env!("CARGO_PKG_VERSION")))
                .build()
        };
        let pool = || {
            Ok::<_, reqwest::Error>(Pool {
                client: client()?,
                addresses: Addresses::default(),
            })
        };
        Ok(Self {
            pools: (0..providers).map(|_| pool()).collect::<Result<_, _>>()?,
        })
    }

    /// Sends, and waits for the answer's head. An error is said in its class; its text may hold
    /// an address and is for nobody but the client.
    pub async fn send(
        &self,
        provider: usize,
        outgoing: Outgoing,
    ) -> Result<reqwest::Response, Failure> {
        let pool = self.pools.get(provider).ok_or(Failure::Disconnected)?;
        let url = pool.addresses.read(outgoing.url);
        let request = pool
            .client
            .request(outgoing.method, url.ok_or(Failure::Disconnected)?)
            .headers(outgoing.headers)
            .body(outgoing.body)
            .send();
        request.await.map_err(|error| failure(&error))
    }
}

/// The class of a transport's error.
pub fn failure(error: &reqwest::Error) -> Failure {
    if error.is_timeout() && !error.is_connect() {
        Failure::Timeout
    } else {
        Failure::Disconnected
    }
}
