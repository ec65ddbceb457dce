//! The one socket: a pool of connections for each provider, TLS, and how long a connect may take.

use super::Outgoing;
use crate::domain::Failure;
use std::time::Duration;

/// How connections are made.
#[derive(Debug, Clone, Copy)]
pub struct TransportOptions {
    pub connect_timeout: Duration,
}

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unanswered {
    pub failure: Failure,
    /// No connection was made.
    pub unsent: bool,
}

/// Pools by the provider's place in the catalogue.
#[derive(Debug, Clone)]
pub struct Transport {
    clients: Vec<reqwest::Client>,
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
        Ok(Self {
            clients: (0..providers).map(|_| client()).collect::<Result<_, _>>()?,
        })
    }

    /// Sends, and waits for the answer's head. An error is said in its class; its text may hold
    /// an address and is for nobody but the client.
    pub async fn send(
        &self,
        provider: usize,
        outgoing: Outgoing,
    ) -> Result<reqwest::Response, Failure> {
        let answer = self.exchange(provider, outgoing).await;
        answer.map_err(|unanswered| unanswered.failure)
    }

    /// The same, with whether anything can have reached the provider.
    pub async fn exchange(
        &self,
        provider: usize,
        outgoing: Outgoing,
    ) -> Result<reqwest::Response, Unanswered> {
        let client = self.clients.get(provider).ok_or(Unanswered {
            failure: Failure::Disconnected,
            unsent: true,
        })?;
        let request = client
            .request(outgoing.method, outgoing.url)
            .headers(outgoing.headers)
            .body(outgoing.body)
            .send();
        request.await.map_err(|error| Unanswered {
            failure: failure(&error),
            unsent: error.is_connect(),
        })
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
