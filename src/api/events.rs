//! Server-sent events: a whole status first, then what changed, and news by their kinds.

use super::SharedState;
use super::extract::QueryFields;
use super::monitoring::WINDOWS;
use crate::client::{ApiError, LocalClient};
use crate::contract::{EventReport, OpenBucket, Status, Window};
use crate::domain::{self, EventKind, Snapshot};
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// People cannot read faster, and a hundred readers shall not matter.
const DELTA_INTERVAL: Duration = Duration::from_secs(1);
/// How often a column of time is sent that is still being filled, so that an outage is seen long
/// before a column of a wide window is finished.
const OPEN_BUCKET_INTERVAL: Duration = Duration::from_secs(10);
/// So that proxies do not take a quiet line for a dead one.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Keeps proxies from collecting what should flow.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// `GET /api/events`
pub(super) async fn events(
    State(desk): SharedState,
    QueryFields(mut form): QueryFields,
) -> Result<impl IntoResponse, ApiError> {
    let window = form.parsed("window", WINDOWS).unwrap_or(Window::Day);
    form.finish()?;
    let feed = EventStream::new(&desk.api.local, window, desk.api.stop.clone()).await?;
    let events = stream::unfold(feed, |mut feed| async move {
        let event = feed.next().await?;
        Some((Ok::<_, axum::Error>(event), feed))
    });
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(NO_BUFFERING, HeaderValue::from_static("no"));
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok((headers, Sse::new(events).keep_alive(keep_alive)))
}

/// One reader's line.
struct EventStream {
    local: LocalClient,
    window: Window,
    pictures: watch::Receiver<Arc<Snapshot>>,
    news: broadcast::Receiver<domain::Event>,
    stop: CancellationToken,
    /// What the reader has, and whether it has been told.
    last: Status,
    is_told: bool,
    next_delta: Instant,
    next_column: Instant,
    id: u64,
}

/// What can happen next.
enum StreamTurn {
    News(domain::Event),
    Missed(u64),
    Picture(Arc<Snapshot>),
}

impl EventStream {
    async fn new(
        local: &LocalClient,
        window: Window,
        stop: CancellationToken,
    ) -> Result<Self, ApiError> {
        let local = local.clone();
        // Both are subscribed before the picture is taken, so that nothing falls between.
        let news = local.handle().events();
        let pictures = local.handle().watch(window.seconds());
        let last = local.status(window).await?;
        Ok(Self {
            local,
            window,
            pictures,
            news,
            stop,
            last,
            is_told: false,
            next_delta: Instant::now() + DELTA_INTERVAL,
            next_column: Instant::now() + OPEN_BUCKET_INTERVAL,
            id: 0,
        })
    }

    /// The next event, or nothing once the instance stops.
    async fn next(&mut self) -> Option<Event> {
        if !self.is_told {
            return self.snapshot();
        }
        loop {
            match self.turn().await? {
                StreamTurn::News(event) => {
                    if let Some(told) = news(&event) {
                        return Some(told);
                    }
                }
                StreamTurn::Missed(count) => {
                    self.local.handle().missed_events(count);
                    self.last = self.local.status(self.window).await.ok()?;
                    return self.snapshot();
                }
                StreamTurn::Picture(picture) => return self.delta(&picture),
            }
        }
    }

    async fn turn(&mut self) -> Option<StreamTurn> {
        let (pictures, next_delta) = (&mut self.pictures, self.next_delta);
        let picture = async {
            sleep_until(next_delta).await;
            pictures.changed().await.ok()?;
            Some(Arc::clone(&pictures.borrow_and_update()))
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            news = self.news.recv() => match news {
                Ok(event) => Some(StreamTurn::News(event)),
                Err(RecvError::Lagged(count)) => Some(StreamTurn::Missed(count)),
                Err(RecvError::Closed) => None,
            },
            picture = picture => Some(StreamTurn::Picture(picture?)),
        }
    }

    fn snapshot(&mut self) -> Option<Event> {
        self.is_told = true;
        self.next_delta = Instant::now() + DELTA_INTERVAL;
        self.next_column = Instant::now() + OPEN_BUCKET_INTERVAL;
        self.id += 1;
        status_event("snapshot", self.id, &self.last)
    }

    fn delta(&mut self, picture: &Snapshot) -> Option<Event> {
        let status = self.local.status_from(picture, self.window);
        let newest = if self.next_column <= Instant::now() {
            self.next_column = Instant::now() + OPEN_BUCKET_INTERVAL;
            OpenBucket::Sent
        } else {
            OpenBucket::Left
        };
        let delta = status.delta(&self.last, newest);
        self.last = status;
        self.next_delta = Instant::now() + DELTA_INTERVAL;
        self.id += 1;
        status_event("delta", self.id, &delta)
    }
}

fn status_event(kind: &str, id: u64, status: &Status) -> Option<Event> {
    let event = Event::default().event(kind).id(id.to_string());
    event.json_data(status).ok()
}

/// News that have a kind of their own; the others stand among the events of the next delta.
fn news(event: &domain::Event) -> Option<Event> {
    let kind = match event.kind {
        EventKind::Change => "config",
        EventKind::Request => "decision",
        EventKind::Breaker | EventKind::Probe | EventKind::Limit | EventKind::Budget => "alert",
        EventKind::Info => return None,
    };
    let told = Event::default().event(kind);
    told.json_data(EventReport::from(event)).ok()
}
