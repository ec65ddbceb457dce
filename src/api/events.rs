//! Server-sent events: a full status first, then deltas, and events by kind.

use super::extract::QueryParams;
use super::query::WindowQuery;
use super::state::SharedState;
use crate::access::Permission;
use crate::client::{ApiError, LocalClient};
use crate::contract::{EventReport, OpenBucket, Status, Window};
use crate::domain::{self, EventKind, Snapshot};
use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_stream::wrappers::{BroadcastStream, WatchStream};
use tokio_stream::{Stream, StreamExt};

/// Shortest time between two deltas: people do not read faster, and a hundred readers stay cheap.
const DELTA_INTERVAL: Duration = Duration::from_secs(1);
/// Time between two deltas with the time bucket that is still being filled, so that an outage is
/// visible long before a bucket of a wide window is complete.
const OPEN_BUCKET_INTERVAL: Duration = Duration::from_secs(10);
/// Keeps proxies from closing an idle connection.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Keeps proxies from buffering the stream.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// `GET /api/events`
pub(super) async fn events(
    State(state): SharedState,
    QueryParams(query): QueryParams<WindowQuery>,
    request: Request,
) -> Result<impl IntoResponse, ApiError> {
    let permit = state.feeds.open(request.extensions().get())?;
    let feed = EventStream::new(&state.api.local, query.window).await?;
    let events = stream::unfold(feed, |mut feed| async move {
        let event = feed.next().await?;
        Some((Ok::<_, axum::Error>(event), feed))
    });
    let stop = state.api.stop.clone().cancelled_owned();
    let access = state.api.access.clone();
    let denied = access.until_denied(request.map(|_body| ()), Permission::Read);
    let events = futures_util::StreamExt::take_until(events, async move {
        let _until_the_end = permit;
        tokio::select! {
            () = stop => {}
            () = denied => {}
        }
    });
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(NO_BUFFERING, HeaderValue::from_static("no"));
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok((headers, Sse::new(events).keep_alive(keep_alive)))
}

/// Event stream of one reader.
struct EventStream {
    local: LocalClient,
    window: Window,
    turns: Pin<Box<dyn Stream<Item = StreamTurn> + Send>>,
    /// The status as the reader knows it.
    last: Status,
    snapshot_sent: bool,
    next_open_bucket: Instant,
    id: u64,
}

/// Next thing to send.
enum StreamTurn {
    Event(domain::Event),
    /// Number of events that were overwritten before they were read.
    Missed(u64),
    Snapshot(Arc<Snapshot>),
}

impl EventStream {
    async fn new(local: &LocalClient, window: Window) -> Result<Self, ApiError> {
        let local = local.clone();
        // Both are subscribed to before the status is taken, so that nothing falls in between.
        let events = BroadcastStream::new(local.handle().events());
        let snapshots = WatchStream::new(local.handle().watch(window.seconds()));
        let last = local.status(window).await?;
        let events = events.map(|event| match event {
            Ok(event) => StreamTurn::Event(event),
            Err(BroadcastStreamRecvError::Lagged(count)) => StreamTurn::Missed(count),
        });
        // The first snapshot is the status itself.
        let snapshots = snapshots.throttle(DELTA_INTERVAL).skip(1);
        let turns = events.merge(snapshots.map(StreamTurn::Snapshot));
        Ok(Self {
            local,
            window,
            turns: Box::pin(turns),
            last,
            snapshot_sent: false,
            next_open_bucket: Instant::now() + OPEN_BUCKET_INTERVAL,
            id: 0,
        })
    }

    async fn next(&mut self) -> Option<Event> {
        if !self.snapshot_sent {
            return self.snapshot();
        }
        loop {
            match self.turns.next().await? {
                StreamTurn::Event(event) => {
                    if let Some(event) = event_by_kind(&event) {
                        return Some(event);
                    }
                }
                StreamTurn::Missed(count) => {
                    self.local.handle().missed_events(count);
                    self.last = self.local.status(self.window).await.ok()?;
                    return self.snapshot();
                }
                StreamTurn::Snapshot(snapshot) => return self.delta(&snapshot),
            }
        }
    }

    fn snapshot(&mut self) -> Option<Event> {
        self.snapshot_sent = true;
        self.next_open_bucket = Instant::now() + OPEN_BUCKET_INTERVAL;
        self.id += 1;
        status_event("snapshot", self.id, &self.last)
    }

    fn delta(&mut self, snapshot: &Snapshot) -> Option<Event> {
        let status = self.local.status_from(snapshot, self.window);
        let open_bucket = if self.next_open_bucket <= Instant::now() {
            self.next_open_bucket = Instant::now() + OPEN_BUCKET_INTERVAL;
            OpenBucket::Sent
        } else {
            OpenBucket::Left
        };
        let delta = status.delta(&self.last, open_bucket);
        self.last = status;
        self.id += 1;
        status_event("delta", self.id, &delta)
    }
}

fn status_event(kind: &str, id: u64, status: &Status) -> Option<Event> {
    let event = Event::default().event(kind).id(id.to_string());
    event.json_data(status).ok()
}

/// Event with a kind of its own; the others are part of the next delta.
fn event_by_kind(event: &domain::Event) -> Option<Event> {
    let kind = match event.kind {
        EventKind::Change => "config",
        EventKind::Request => "decision",
        EventKind::Breaker
        | EventKind::Probe
        | EventKind::Limit
        | EventKind::Key
        | EventKind::Trouble
        | EventKind::Budget
        | EventKind::Alert => "alert",
        EventKind::Info => return None,
    };
    let report = Event::default().event(kind);
    report.json_data(EventReport::from(event)).ok()
}
