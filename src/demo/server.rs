//! A VENDOR'S CONNECTIONS. Not `axum::serve`, because a vendor must be able to reset a connection
//! without a word of HTTP.

use super::vendor_behaviour::{Behaviour, ListenState};
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

/// Pause after a failed accept (no file descriptors, most likely), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`; connections end with it, also in the middle of an answer.
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
        if behaviour.door() == ListenState::Reset {
            reset(&socket);
            continue;
        }
        // Small pieces must not wait for each other; without the option they are only late.
        let _late_at_worst = socket.set_nodelay(true);
        let conversation = converse(socket, Arc::clone(&behaviour), router.clone());
        let stop = stop.clone();
        tokio::spawn(async move {
            let _ended = stop.run_until_cancelled(conversation).await;
        });
    }
}

/// One connection, until either side has enough of it.
async fn converse(socket: TcpStream, behaviour: Arc<Behaviour>, router: Router) {
    let service = service_fn(move |request: Request<Incoming>| {
        let is_reset = behaviour.door() == ListenState::Reset;
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
    // An error here is a client that left or a fault that was meant: nothing to report.
    let _ended = http1::Builder::new()
        .serve_connection(TokioIo::new(socket), service)
        .await;
}

/// Makes the coming drop a TCP reset instead of a polite end.
fn reset(socket: &TcpStream) {
    let _polite_at_worst = socket.set_zero_linger();
}
