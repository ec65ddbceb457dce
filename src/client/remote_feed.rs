//! Event stream of an instance over HTTP → updates for a watcher.

use super::backoff::Backoff;
use super::error::ClientError;
use super::http_connection::{CALL_TIMEOUT, HttpConnection, MAX_ANSWER_BYTES};
use super::update::{Update, send_latest};
use crate::contract::{Status, Window};
use reqwest::Method;
use sse_stream::{Sse, SseByteStream};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_stream::StreamExt;

/// Deltas come every second, so a longer silence is a fault; a watcher learns of it within two
/// seconds.
const SILENCE_TIMEOUT: Duration = Duration::from_millis(1_800);
/// Silences in a row after which the stream is given up and opened anew.
const MAX_SILENCES: u32 = 5;

/// Sends updates until the receiver is dropped; reconnects by itself.
pub(super) async fn send_updates(
    connection: HttpConnection,
    window: Window,
    updates: mpsc::Sender<Update>,
) {
    let mut backoff = Backoff::default();
    loop {
        let error = tokio::select! {
            () = updates.closed() => return,
            error = follow_stream(&connection, window, &updates, &mut backoff) => error,
        };
        // Waits while the queue is full: unlike a status, no later update replaces this one.
        let update = Update::Disconnected(error.to_string());
        if updates.send(update).await.is_err() {
            return;
        }
        tokio::select! {
            () = updates.closed() => return,
            () = tokio::time::sleep(backoff.pause()) => {}
        }
    }
}

/// End of an event stream.
#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error(transparent)]
    Call(#[from] ClientError),
    #[error("{0} is silent")]
    Silent(String),
    #[error("the connection to {address} broke: {source}")]
    Broken {
        address: String,
        source: sse_stream::Error,
    },
    #[error("{0} closed the connection")]
    Closed(String),
    #[error("an event of {address} cannot be read: {source}")]
    Unreadable {
        address: String,
        source: serde_json::Error,
    },
}

/// Follows one event stream to its end.
async fn follow_stream(
    connection: &HttpConnection,
    window: Window,
    updates: &mpsc::Sender<Update>,
    backoff: &mut Backoff,
) -> FeedError {
    let address = connection.address().to_string();
    let request = connection.request(Method::GET, "/api/events");
    let request = request.query(&[("window", window.as_str())]);
    // Only the headers have a time limit: the stream lasts as long as both sides live.
    let Ok(response) = timeout(CALL_TIMEOUT, request.send()).await else {
        return connection.no_answer(None).into();
    };
    let response = match connection.accepted(response).await {
        Ok(response) => response,
        Err(error) => return error.into(),
    };
    let mut event = EventSize::default();
    let chunks = response.bytes_stream().map(move |chunk| {
        let chunk = chunk.map_err(io::Error::other)?;
        if event.exceeds(&chunk, MAX_ANSWER_BYTES) {
            return Err(io::Error::other("an event is too large"));
        }
        Ok(chunk)
    });
    let events = SseByteStream::new(chunks);
    let mut silence = interval_at(Instant::now() + SILENCE_TIMEOUT, SILENCE_TIMEOUT);
    silence.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut events = pin!(events.timeout_repeating(silence));
    let mut last: Option<Status> = None;
    let mut silences = 0;
    loop {
        let event = match events.next().await {
            Some(Ok(Ok(event))) => event,
            Some(Ok(Err(source))) => return FeedError::Broken { address, source },
            Some(Err(_)) if silences < MAX_SILENCES => {
                silences += 1;
                let silent = FeedError::Silent(address.clone()).to_string();
                send_latest(updates, Update::Disconnected(silent));
                continue;
            }
            Some(Err(_)) => return FeedError::Silent(address),
            None => return FeedError::Closed(address),
        };
        silences = 0;
        match apply(&mut last, &event) {
            Ok(None) => {}
            Ok(Some(status)) => {
                backoff.reset();
                send_latest(updates, Update::Status(Arc::new(status.clone())));
            }
            Err(source) => return FeedError::Unreadable { address, source },
        }
    }
}

/// Bytes of an event that is still incomplete.
#[derive(Debug, Default)]
struct EventSize {
    bytes: usize,
    /// Whether the current line is empty so far.
    is_line_empty: bool,
}

impl EventSize {
    /// Counts a chunk; returns whether an event in it is larger than `max`.
    fn exceeds(&mut self, chunk: &[u8], max: usize) -> bool {
        for &byte in chunk {
            self.bytes += 1;
            match byte {
                b'\n' if self.is_line_empty => self.bytes = 0,
                b'\n' => self.is_line_empty = true,
                b'\r' => {}
                _ => self.is_line_empty = false,
            }
            if self.bytes > max {
                return true;
            }
        }
        false
    }
}

/// Updates the last status; `None` for an event that does not change it.
fn apply<'s>(
    last: &'s mut Option<Status>,
    event: &Sse,
) -> Result<Option<&'s Status>, serde_json::Error> {
    let data = event.data.as_deref().unwrap_or_default();
    match (event.event.as_deref(), &mut *last) {
        (Some("snapshot"), last) => *last = Some(serde_json::from_str(data)?),
        (Some("delta"), Some(last)) => last.apply(serde_json::from_str(data)?),
        _ => return Ok(None),
    }
    Ok(last.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_a_limit_and_a_stream_has_none() {
        let mut size = EventSize::default();
        for _ in 0..100 {
            assert!(!size.exceeds(b"data: 1\ndata: 2\n\n", 20));
            assert!(!size.exceeds(b"data: 1\r\n", 20) && !size.exceeds(b"\r\n", 20));
        }
        assert!(!size.exceeds(b"data: 1\ndata: 2\n", 20));
        assert!(size.exceeds(b"data: 3\n", 20));
    }
}
