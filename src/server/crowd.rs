//! All connections, and who has to go when there is no room for one more.

use super::Limits;
use super::connection::Service;
use super::place::{Place, Told};
use crate::access::Peer;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::{JoinError, JoinSet};

/// What one for whom there is no room is told. Nobody has read what it asks for, so it is in the
/// shape of the door that most ask at.
const FULL: &str = concat!(
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
pub(super) struct Crowd {
    connections: JoinSet<u64>,
    /// By the order in which they came.
    places: BTreeMap<u64, Arc<Place>>,
    /// Those whom the cap does not count: our owner's.
    uncounted: BTreeMap<u64, Arc<Place>>,
    newest: u64,
    limits: Arc<Limits>,
    /// Whether it was said that there is no room.
    said_full: bool,
}

impl Crowd {
    pub fn new(limits: Arc<Limits>) -> Self {
        Self {
            connections: JoinSet::new(),
            places: BTreeMap::new(),
            uncounted: BTreeMap::new(),
            newest: 0,
            limits,
            said_full: false,
        }
    }

    /// Serves one more.
    pub fn welcome<S>(&mut self, service: Service, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let place = Arc::new(Place::new());
        self.newest += 1;
        let number = self.newest;
        let places = match peer {
            Peer::Tcp(_) => &mut self.places,
            Peer::Unix => &mut self.uncounted,
        };
        places.insert(number, Arc::clone(&place));
        self.connections.spawn(async move {
            service.attend(stream, peer, place).await;
            number
        });
    }

    /// Waits for one to end; nothing where there is none.
    pub async fn next_ended(&mut self) -> Option<()> {
        let ended = self.connections.join_next().await?;
        self.forget(&ended);
        Some(())
    }

    fn forget(&mut self, ended: &Result<u64, JoinError>) {
        if let Ok(number) = ended {
            self.places.remove(number);
            self.uncounted.remove(number);
        } else {
            // Which one it was that panicked is not told, but nobody else holds its place any more.
            let is_held = |_: &u64, place: &mut Arc<Place>| Arc::strong_count(place) > 1;
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
                .filter_map(|place| Some((place.dispensable(&self.limits)?, place)))
                .min_by_key(|(loss, _)| *loss);
            let Some((_, slowest)) = slowest else {
                return false;
            };
            slowest.tell(Told::Go);
            self.next_ended().await;
        }
        true
    }

    /// Has everybody finish; after `drain` what is left is cut.
    pub async fn empty(mut self, drain: Duration) {
        for place in self.places.values().chain(self.uncounted.values()) {
            place.tell(Told::Finish);
        }
        let finished = async { while self.connections.join_next().await.is_some() {} };
        if tokio::time::timeout(drain, finished).await.is_err() {
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
    let _gone = stream.try_write(FULL.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_is_as_long_as_it_says() {
        let (head, body) = FULL.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{}",
            body.len()
        );
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
