//! All open connections, and the eviction of idle ones at the limit.

use super::connection::ConnectionService;
use super::connection_limits::ConnectionLimits;
use super::connection_state::{ConnectionCommand, ConnectionState};
use super::drain::Drain;
use super::workers::WorkerThreads;
use crate::access::Peer;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::{JoinError, JoinSet};

/// The response to a connection over the limit. Its request is not read, so the error has the shape of the
/// API that most clients use.
const TOO_MANY_CONNECTIONS: &str = concat!(
    "HTTP/1.1 503 Service Unavailable\r\n",
    "content-type: application/json\r\n",
    "retry-after: 1\r\n",
    "connection: close\r\n",
    "content-length: 172\r\n\r\n",
    r#"{"error":{"message":"all connections that [server] max_connections allows are in use; "#,
    r#"retry","type":"service_unavailable_error","param":null,"code":"too_many_connections"}}"#,
);

/// Connections of the Unix socket at once.
const MAX_LOCAL: usize = 64;

/// All open connections.
#[derive(Debug)]
pub(super) struct ConnectionTracker {
    connections: JoinSet<u64>,
    /// TCP connections by number, the oldest first.
    counted: BTreeMap<u64, Arc<ConnectionState>>,
    /// Connections of the Unix socket, which have a limit of their own.
    local: BTreeMap<u64, Arc<ConnectionState>>,
    newest: u64,
    limits: Arc<ConnectionLimits>,
    workers: WorkerThreads,
    /// Whether the log says already that the limit is reached.
    has_warned: bool,
}

impl ConnectionTracker {
    pub fn new(limits: Arc<ConnectionLimits>, workers: WorkerThreads) -> Self {
        Self {
            connections: JoinSet::new(),
            counted: BTreeMap::new(),
            local: BTreeMap::new(),
            newest: 0,
            limits,
            workers,
            has_warned: false,
        }
    }

    /// Serves a TCP connection on the next worker thread.
    pub fn accept(&mut self, service: ConnectionService, stream: TcpStream, peer: Peer) {
        let (number, state) = self.track(peer);
        let Some(worker) = self.workers.next_worker() else {
            return self.spawn(service, stream, peer, (number, state));
        };
        let Ok(stream) = stream.into_std() else {
            return self.remove(number);
        };
        let work = async move {
            match TcpStream::from_std(stream) {
                Ok(stream) => service.serve_connection(stream, peer, state).await,
                Err(error) => tracing::warn!("a connection could not be served: {error}"),
            }
            number
        };
        self.connections.spawn_on(work, worker);
    }

    /// Serves a connection of the Unix socket on this thread.
    pub fn accept_local(&mut self, service: ConnectionService, stream: UnixStream) {
        let tracked = self.track(Peer::Unix);
        self.spawn(service, stream, Peer::Unix, tracked);
    }

    fn spawn<S>(
        &mut self,
        service: ConnectionService,
        stream: S,
        peer: Peer,
        (number, state): (u64, Arc<ConnectionState>),
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.connections.spawn(async move {
            service.serve_connection(stream, peer, state).await;
            number
        });
    }

    /// Adds a connection; returns its number and state.
    fn track(&mut self, peer: Peer) -> (u64, Arc<ConnectionState>) {
        let state = Arc::new(ConnectionState::new());
        self.newest += 1;
        let number = self.newest;
        let connections = match peer {
            Peer::Tcp(_) => &mut self.counted,
            Peer::Unix => &mut self.local,
        };
        connections.insert(number, Arc::clone(&state));
        (number, state)
    }

    fn remove(&mut self, number: u64) {
        self.counted.remove(&number);
        self.local.remove(&number);
    }

    /// Waits until a connection ends; `None` without any.
    pub async fn next_ended(&mut self) -> Option<()> {
        let ended = self.connections.join_next().await?;
        self.on_ended(&ended);
        Some(())
    }

    fn on_ended(&mut self, ended: &Result<u64, JoinError>) {
        if let Ok(number) = ended {
            self.remove(*number);
        } else {
            // The error does not say which connection panicked, but no task holds its state any more.
            let is_held = |_: &u64, state: &mut Arc<ConnectionState>| Arc::strong_count(state) > 1;
            self.counted.retain(is_held);
            self.local.retain(is_held);
        }
        if self.counted.len() <= self.limits.connections / 10 * 9 {
            self.has_warned = false;
        }
    }

    /// Makes room for one more TCP connection: at the limit, the longest idle one is closed. `false` if
    /// every connection has a request in flight.
    pub async fn make_room(&mut self) -> bool {
        if self.counted.len() >= self.limits.connections && !self.has_warned {
            self.has_warned = true;
            let most = self.limits.connections;
            tracing::warn!(
                most,
                "all connections that [server] max_connections allows are in use"
            );
        }
        self.evict(|tracker| (&tracker.counted, tracker.limits.connections))
            .await
    }

    /// The same for a connection of the Unix socket.
    pub async fn make_local_room(&mut self) -> bool {
        self.evict(|tracker| (&tracker.local, MAX_LOCAL)).await
    }

    /// Closes idle connections of a class, until it is below its limit.
    async fn evict(
        &mut self,
        class: impl Fn(&Self) -> (&BTreeMap<u64, Arc<ConnectionState>>, usize),
    ) -> bool {
        loop {
            let (connections, most) = class(self);
            if connections.len() < most {
                return true;
            }
            let states = connections.values();
            let evicted = states
                .filter_map(|state| Some((state.eviction_priority(&self.limits)?, state)))
                .min_by_key(|(priority, _)| *priority);
            let Some((_, evicted)) = evicted else {
                return false;
            };
            evicted.send_command(ConnectionCommand::Close);
            self.next_ended().await;
        }
    }

    /// Lets all requests in flight finish; after the drain the remaining connections are closed.
    pub async fn drain(mut self, drain: Drain) {
        for state in self.counted.values().chain(self.local.values()) {
            state.send_command(ConnectionCommand::Drain);
        }
        let finished = async { while self.connections.join_next().await.is_some() {} };
        if !drain.wait(finished).await {
            let cut = self.connections.len();
            tracing::warn!(cut, "connections were closed at the end of the drain");
        }
        self.connections.shutdown().await;
    }
}

/// Rejects a connection over the limit, without waiting.
pub(super) fn refuse(stream: &TcpStream) {
    // Bytes that arrived are read, because closing before would make the client's system discard the
    // response.
    let _may_be_empty = stream.try_read(&mut [0; 4096]);
    let _may_be_closed = stream.try_write(TOO_MANY_CONNECTIONS.as_bytes());
}

/// The same for a connection of the Unix socket.
pub(super) fn refuse_local(stream: &UnixStream) {
    let _may_be_empty = stream.try_read(&mut [0; 4096]);
    let _may_be_closed = stream.try_write(TOO_MANY_CONNECTIONS.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rejection_states_its_length() {
        let (head, body) = TOO_MANY_CONNECTIONS.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{}",
            body.len()
        );
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
