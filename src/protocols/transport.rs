//! The one socket: a pool of connections for each provider, TLS, and how long a connect may take.

use super::Outgoing;
use super::addresses::Addresses;
use crate::domain::Failure;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

/// How connections are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportOptions {
    pub connect_timeout: Duration,
    /// How many threads have connections of their own, so that none is woken by another's.
    pub lanes: usize,
}

thread_local! {
    static LANE: Cell<usize> = const { Cell::new(0) };
}

/// From now on this thread uses the connections of that lane, which nobody else does.
pub fn enter_lane(number: usize) {
    LANE.set(number + 1);
}

impl TransportOptions {
    /// Without lanes: every thread uses the same connections.
    pub const fn new(connect_timeout: Duration) -> Self {
        Self {
            connect_timeout,
            lanes: 0,
        }
    }
}

/// Pools by the provider's place in the catalogue.
#[derive(Debug, Clone)]
pub struct Transport {
    pools: Vec<Arc<Pool>>,
    options: TransportOptions,
}

/// One provider's connections.
#[derive(Debug)]
struct Pool {
    /// One for each lane, behind one for everybody else.
    clients: Vec<reqwest::Client>,
    addresses: Addresses,
}

impl Transport {
    /// A pool of its own for each of so many providers, so that one provider's trouble takes no
    /// other's connections.
    pub fn new(providers: usize, options: TransportOptions) -> Result<Self, reqwest::Error> {
        let pools = (0..providers).map(|_| Pool::new(options));
        Ok(Self {
            pools: pools.collect::<Result<_, _>>()?,
            options,
        })
    }

    /// Pools for so many providers: the same as here for those that are `kept`, as long as the
    /// options are.
    pub fn succeeded_by(
        &self,
        providers: usize,
        options: TransportOptions,
        kept: impl Fn(usize) -> bool,
    ) -> Result<Self, reqwest::Error> {
        let pool = |provider: usize| {
            let old = self.pools.get(provider);
            let old = old.filter(|_| options == self.options && kept(provider));
            old.map_or_else(|| Pool::new(options), |old| Ok(Arc::clone(old)))
        };
        Ok(Self {
            pools: (0..providers).map(pool).collect::<Result<_, _>>()?,
            options,
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
        let lane = LANE.get() % pool.clients.len();
        let request = pool.clients[lane]
            .request(outgoing.method, url.ok_or(Failure::Disconnected)?)
            .headers(outgoing.headers)
            .body(outgoing.body)
            .send();
        request.await.map_err(|error| failure(&error))
    }
}

impl Pool {
    fn new(options: TransportOptions) -> Result<Arc<Self>, reqwest::Error> {
        Ok(Arc::new(Self {
            clients: (0..=options.lanes)
                .map(|_| client(options))
                .collect::<Result<_, _>>()?,
            addresses: Addresses::default(),
        }))
    }
}

fn client(options: TransportOptions) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(options.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .pool_idle_timeout(Duration::from_mins(1))
        .user_agent(concat!("aibal-tui/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The class of a transport's error.
pub fn failure(error: &reqwest::Error) -> Failure {
    if error.is_timeout() && !error.is_connect() {
        Failure::Timeout
    } else {
        Failure::Disconnected
    }
}
