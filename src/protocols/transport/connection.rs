//! Connection settings of one provider, and HTTP clients that use them.

use super::options::TransportOptions;
use http::HeaderValue;
use http::header::ACCEPT_ENCODING;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use std::cell::Cell;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::{Layer, Service};

/// Most concurrent requests of one client.
pub(super) const MAX_STREAMS_PER_CLIENT: u32 = 80;
/// Bytes of one response that may wait unread for its client. All streams of a connection together
/// may have that many each, so that a client that does not read delays no other.
const STREAM_WINDOW: u32 = 256 * 1024;
/// Interval of pings to a silent HTTP/2 peer, while a response is awaited.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// Time in which the peer must answer a ping.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for which an idle connection is kept. Many servers close after a minute.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(55);

const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// Connection settings of one provider. By default connections go to its address, through the
/// proxies of the environment.
#[derive(Debug, Clone, Default)]
pub struct ConnectionConfig {
    /// The socket that all connections use, whatever the URL says.
    pub unix_socket: Option<PathBuf>,
    /// Certificates that are trusted in addition to the system's.
    pub authorities: Arc<[CertificateDer<'static>]>,
    /// Connections never go through a proxy.
    pub direct: bool,
}

impl ConnectionConfig {
    /// Creates the default settings for a URL. Loopback addresses are never reached through a
    /// proxy.
    pub fn to(base_url: &str) -> Self {
        Self {
            direct: is_loopback(base_url),
            ..Self::default()
        }
    }

    /// Builds an HTTP client with connections of its own, kept if `pooled`.
    pub(super) fn client(
        &self,
        tls: &ClientConfig,
        options: TransportOptions,
        pooled: bool,
    ) -> Result<reqwest::Client, reqwest::Error> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .connect_timeout(options.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            // Compressed pieces come late, so none are requested; a server that sends them anyway
            // is understood.
            .default_headers([(ACCEPT_ENCODING, IDENTITY)].into_iter().collect())
            .gzip(true)
            .tcp_nodelay(true)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(STREAM_WINDOW * MAX_STREAMS_PER_CLIENT)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .http2_keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .connector_layer(ConnectObserver)
            .user_agent(concat!("aibal-tui/", env!("CARGO_PKG_VERSION")));
        if !pooled {
            builder = builder.pool_max_idle_per_host(0);
        }
        if self.direct {
            builder = builder.no_proxy();
        }
        if let Some(path) = &self.unix_socket {
            builder = builder.unix_socket(path.clone());
        }
        builder.build()
    }
}

fn is_loopback(base_url: &str) -> bool {
    let Ok(uri) = base_url.parse::<http::Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

tokio::task_local! {
    /// True if a connection was opened for the current request.
    static CONNECTED: Cell<bool>;
}

/// Records for a request whether a connection is opened for it. Without one it got a kept
/// connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectObserver;

impl ConnectObserver {
    /// Runs `work`; the flag is true where a connection was opened for it.
    pub async fn watch<T>(work: impl Future<Output = T>) -> (T, bool) {
        let watched = async {
            let done = work.await;
            (done, CONNECTED.with(Cell::get))
        };
        CONNECTED.scope(Cell::new(false), watched).await
    }
}

impl<S> Layer<S> for ConnectObserver {
    type Service = ObservedConnector<S>;

    fn layer(&self, inner: S) -> ObservedConnector<S> {
        ObservedConnector(inner)
    }
}

/// Opens connections and records that.
#[derive(Debug, Clone)]
pub(super) struct ObservedConnector<S>(S);

impl<S: Service<R>, R> Service<R> for ObservedConnector<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, to: R) -> S::Future {
        // Outside of a watched request there is nothing to record.
        let _unwatched = CONNECTED.try_with(|connected| connected.set(true));
        self.0.call(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_this_machine_is_reached_directly() {
        let cases = [
            ("http://127.0.0.1:11434", true),
            ("http://127.8.0.1/v1", true),
            ("http://[::1]:8000/v1", true),
            ("http://LocalHost:8000/v1", true),
            ("http://10.0.0.7:8000/v1", false),
            ("https://api.example/v1", false),
            ("https://localhost.example/v1", false),
            ("no address", false),
        ];
        for (base_url, expected) in cases {
            assert_eq!(
                ConnectionConfig::to(base_url).direct,
                expected,
                "{base_url}"
            );
        }
    }
}
