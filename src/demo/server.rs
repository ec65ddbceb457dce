//! The connections of one vendor. Not `axum::serve`, because a vendor must be able to reset a
//! connection before any HTTP.

use super::behaviour::{Behaviour, ListenState};
use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Pause after a failed accept (usually no file descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`, which also ends open connections and responses under way.
pub async fn serve(
    listener: TcpListener,
    behaviour: Arc<Behaviour>,
    router: Router,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((socket, _client)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if behaviour.listen_state() == ListenState::Reset {
            reset(&socket);
            continue;
        }
        // Without the option small pieces are delayed; that is not an error.
        let _only_slower_on_error = socket.set_nodelay(true);
        let connection = serve_connection(socket, Arc::clone(&behaviour), router.clone());
        let stop = stop.clone();
        tokio::spawn(async move {
            let _ended = stop.run_until_cancelled(connection).await;
        });
    }
}

/// Serves one connection until either side closes it.
async fn serve_connection(socket: TcpStream, behaviour: Arc<Behaviour>, router: Router) {
    let service = service_fn(move |request: Request<Incoming>| {
        let is_reset = behaviour.listen_state() == ListenState::Reset;
        let router = router.clone();
        async move {
            if is_reset {
                return Err(io::Error::from(io::ErrorKind::ConnectionReset));
            }
            router
                .oneshot(request.map(Body::new))
                .await
                .map_err(|never| match never {})
        }
    });
    // An error here is a client that disconnected, or an injected fault; nothing to report.
    let _ended = http1::Builder::new()
        .serve_connection(TokioIo::new(socket), service)
        .await;
}

/// Makes the coming drop of the socket a TCP reset instead of an orderly close.
fn reset(socket: &TcpStream) {
    let _closes_normally_on_error = socket.set_zero_linger();
}
