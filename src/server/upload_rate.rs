//! Request bodies with a minimum rate: one that is too slow ends with an error of the kind
//! [`io::ErrorKind::TimedOut`].

use super::connection_limits::ConnectionLimits;
use super::connection_state::{ConnectionState, UploadGuard};
use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// A request body with a minimum rate.
#[derive(Debug)]
pub(super) struct MinRateBody<B> {
    body: B,
    limits: Arc<ConnectionLimits>,
    /// `None` once the body is complete.
    upload: Option<UploadGuard>,
    /// Start of the first read; the limits count from there.
    started: Option<Instant>,
    last_chunk: Instant,
    bytes: u64,
    /// Created at the first read that has to wait.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<B> MinRateBody<B> {
    pub fn new(body: B, state: &Arc<ConnectionState>, limits: &Arc<ConnectionLimits>) -> Self {
        Self {
            body,
            limits: Arc::clone(limits),
            upload: Some(UploadGuard::begin(state)),
            started: None,
            last_chunk: Instant::now(),
            bytes: 0,
            alarm: None,
        }
    }

    /// The deadline of the next chunk.
    fn deadline(&self, started: Instant) -> Instant {
        let rate = self.limits.upload_rate.max(1);
        let earned = Duration::from_millis(self.bytes.saturating_mul(1_000) / rate);
        let average = started + self.limits.upload_grace + earned;
        average.min(self.last_chunk + self.limits.upload_pause)
    }

    /// Ready when the next chunk is too late.
    fn poll_late(&mut self, started: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline(started);
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        alarm.as_mut().poll(cx)
    }

    fn end(&mut self) {
        if let Some(mut upload) = self.upload.take() {
            upload.complete = true;
        }
    }
}

impl<B> Body for MinRateBody<B>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let started = *this.started.get_or_insert_with(|| {
            this.last_chunk = Instant::now();
            this.last_chunk
        });
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
            ready!(this.poll_late(started, cx));
            let text = format!("the body arrived too slowly: {} bytes so far", this.bytes);
            let error = io::Error::new(io::ErrorKind::TimedOut, text);
            return Poll::Ready(Some(Err(error.into())));
        };
        match &frame {
            Some(Ok(frame)) => {
                this.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                this.last_chunk = Instant::now();
            }
            Some(Err(_)) => {}
            None => this.end(),
        }
        if this.body.is_end_stream() {
            this.end();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
