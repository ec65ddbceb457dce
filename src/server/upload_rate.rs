//! A request's body, for as long as it keeps coming: one that trickles is broken off, with the
//! error that says so ([`io::ErrorKind::TimedOut`]).

use super::ConnectionLimits;
use super::connection_state::{ConnectionState, UploadGuard};
use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// A body that must keep pace.
#[derive(Debug)]
pub(super) struct MinRateBody<B> {
    body: B,
    limits: Arc<ConnectionLimits>,
    /// Gone once the body has come to its end.
    upload: Option<UploadGuard>,
    /// When somebody began to read; nothing is late before.
    begun: Option<Instant>,
    newest: Instant,
    bytes: u64,
    /// Made with the first piece that is not there yet.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<B> MinRateBody<B> {
    pub fn new(body: B, place: &Arc<ConnectionState>, limits: &Arc<ConnectionLimits>) -> Self {
        Self {
            body,
            limits: Arc::clone(limits),
            upload: Some(UploadGuard::begin(place)),
            begun: None,
            newest: Instant::now(),
            bytes: 0,
            alarm: None,
        }
    }

    /// When it will be too late for the next piece.
    fn due(&self, begun: Instant) -> Instant {
        let rate = self.limits.upload_rate.max(1);
        let earned = Duration::from_millis(self.bytes.saturating_mul(1_000) / rate);
        let whole = begun + self.limits.upload_grace + earned;
        whole.min(self.newest + self.limits.upload_pause)
    }

    /// Ready when it is too late.
    fn poll_late(&mut self, begun: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let due = self.due(begun);
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if alarm.deadline() != due {
            alarm.as_mut().reset(due);
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
        let begun = *this.begun.get_or_insert_with(|| {
            this.newest = Instant::now();
            this.newest
        });
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
            ready!(this.poll_late(begun, cx));
            let text = format!("{} bytes of the body came, and too slowly", this.bytes);
            let error = io::Error::new(io::ErrorKind::TimedOut, text);
            return Poll::Ready(Some(Err(error.into())));
        };
        match &frame {
            Some(Ok(frame)) => {
                this.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                this.newest = Instant::now();
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
