//! All connections, and who has to go when there is no room for one more.

use super::connection::ConnectionService;
use super::connection_state::{ConnectionCommand, ConnectionState};
use super::{ConnectionLimits, Drain, WorkerThreads};
use crate::access::Peer;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::{JoinError, JoinSet};

/// What one for whom there is no room is told. Nobody has read what it asks for, so it is in the
/// shape of the door that most ask at.
const TOO_MANY_CONNECTIONS: &str = concat!(
    "HTTP/1.1 503 Service Unavailable\r\n",
    "content-type: application/json\r\n",
    "retry-after: 1\r\n",
    "connection: close\r\n",
    "content-length: 182\r\n\r\n",
    r#"{"error":{"message":"every connection that [server] max_connections allows is being served; "#,
    r#"try again","type":"service_unavailable_error","param":null,"code":"too_many_connections"}}"#,
);

/// Who is connected.
#[derive(Debug)]
pub(super) struct ConnectionTracker {
    connections: JoinSet<u64>,
    /// By the order in which they came.
    places: BTreeMap<u64, Arc<ConnectionState>>,
    /// Those whom the cap does not count: our owner's.
    uncounted: BTreeMap<u64, Arc<ConnectionState>>,
    newest: u64,
    limits: Arc<ConnectionLimits>,
    workers: WorkerThreads,
    /// Whether it was said that there is no room.
    said_full: bool,
}

impl ConnectionTracker {
    pub fn new(limits: Arc<ConnectionLimits>, workers: WorkerThreads) -> Self {
        Self {
            connections: JoinSet::new(),
            places: BTreeMap::new(),
            uncounted: BTreeMap::new(),
            newest: 0,
            limits,
            workers,
            said_full: false,
        }
    }

    /// Serves one more, on whichever thread's turn it is.
    pub fn accept(&mut self, service: ConnectionService, stream: TcpStream, peer: Peer) {
        let (number, place) = self.track(peer);
        let Some(worker) = self.workers.next_worker() else {
            return self.spawn(service, stream, peer, (number, place));
        };
        let Ok(stream) = stream.into_std() else {
            return self.give_back(number);
        };
        let work = async move {
            match TcpStream::from_std(stream) {
                Ok(stream) => service.serve_connection(stream, peer, place).await,
                Err(error) => tracing::warn!("a connection could not be served: {error}"),
            }
            number
        };
        self.connections.spawn_on(work, worker);
    }

    /// Serves one of our owner's, on this thread.
    pub fn accept_owner(&mut self, service: ConnectionService, stream: UnixStream) {
        let place = self.track(Peer::Unix);
        self.spawn(service, stream, Peer::Unix, place);
    }

    fn spawn<S>(
        &mut self,
        service: ConnectionService,
        stream: S,
        peer: Peer,
        (number, place): (u64, Arc<ConnectionState>),
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.connections.spawn(async move {
            service.serve_connection(stream, peer, place).await;
            number
        });
    }

    /// A place of its own for one more.
    fn track(&mut self, peer: Peer) -> (u64, Arc<ConnectionState>) {
        let place = Arc::new(ConnectionState::new());
        self.newest += 1;
        let number = self.newest;
        let places = match peer {
            Peer::Tcp(_) => &mut self.places,
            Peer::Unix => &mut self.uncounted,
        };
        places.insert(number, Arc::clone(&place));
        (number, place)
    }

    fn give_back(&mut self, number: u64) {
        self.places.remove(&number);
        self.uncounted.remove(&number);
    }

    /// Waits for one to end; nothing where there is none.
    pub async fn next_ended(&mut self) -> Option<()> {
        let ended = self.connections.join_next().await?;
        self.forget(&ended);
        Some(())
    }

    fn forget(&mut self, ended: &Result<u64, JoinError>) {
        if let Ok(number) = ended {
            self.give_back(*number);
        } else {
            // Which one it was that panicked is not told, but nobody else holds its place any more.
            let is_held = |_: &u64, place: &mut Arc<ConnectionState>| Arc::strong_count(place) > 1;
            self.places.retain(is_held);
            self.uncounted.retain(is_held);
        }
        if self.places.len() <= self.limits.connections / 10 * 9 {
            self.said_full = false;
        }
    }

    /// Whether there is room for one more. Where there is none, whoever has kept us waiting for
    /// the longest makes it; those who are being served stay.
    pub async fn has_room(&mut self) -> bool {
        while self.places.len() >= self.limits.connections {
            if !self.said_full {
                self.said_full = true;
                let most = self.limits.connections;
                tracing::warn!(most, "every connection that is allowed is in use");
            }
            let places = self.places.values();
            let slowest = places
                .filter_map(|place| Some((place.eviction_priority(&self.limits)?, place)))
                .min_by_key(|(loss, _)| *loss);
            let Some((_, slowest)) = slowest else {
                return false;
            };
            slowest.send_command(ConnectionCommand::Close);
            self.next_ended().await;
        }
        true
    }

    /// Has everybody finish; after `drain` what is left is cut.
    pub async fn drain(mut self, drain: Drain) {
        for place in self.places.values().chain(self.uncounted.values()) {
            place.send_command(ConnectionCommand::Drain);
        }
        let finished = async { while self.connections.join_next().await.is_some() {} };
        if !drain.wait(finished).await {
            let cut = self.connections.len();
            tracing::warn!(cut, "connections were cut at the end of the drain");
        }
        self.connections.shutdown().await;
    }
}

/// Tells one for whom there is no room, and waits for nothing.
pub(super) fn refuse(stream: &TcpStream) {
    // What it has sent already is taken, or closing would have its system drop our answer.
    let _nothing_yet = stream.try_read(&mut [0; 4096]);
    let _gone = stream.try_write(TOO_MANY_CONNECTIONS.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_is_as_long_as_it_says() {
        let (head, body) = TOO_MANY_CONNECTIONS.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{}",
            body.len()
        );
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
