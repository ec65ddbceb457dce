//! Request bodies: each is buffered up to its limit, and all together up to theirs, because slow clients
//! can hold much memory for a long time. Each client has a fair share; while memory is short, a body
//! must arrive fast.

use super::error::{GatewayError, InvalidRequest};
use super::fair_budget::{ClientShare, FairBudget, FairReservation};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Bytes of all bodies that are buffered at once, beyond [`UNCOUNTED_BYTES_PER_BODY`] of each.
const MAX_TOTAL_BYTES: usize = 512 * 1024 * 1024;
/// Bytes of each body that do not count: requests of usual size are always accepted, and their number
/// is limited by `max_in_flight`.
const UNCOUNTED_BYTES_PER_BODY: usize = 64 * 1024;
/// Time before a counted body must keep [`MIN_RATE_WHILE_SHORT`].
const GRACE_WHILE_SHORT: Duration = Duration::from_secs(2);
/// Average rate of a counted body while more than half of the memory is held, in bytes per second.
const MIN_RATE_WHILE_SHORT: f64 = 128.0 * 1024.0;

/// Buffers request bodies within a common bound; cheap to clone.
#[derive(Debug, Clone)]
pub struct BodyBuffer(FairBudget);

impl Default for BodyBuffer {
    fn default() -> Self {
        Self(FairBudget::new(MAX_TOTAL_BYTES))
    }
}

/// A body, which counts until it is dropped.
#[derive(Debug)]
pub(super) struct BufferedBody {
    pub bytes: Bytes,
    _reservation: Option<FairReservation>,
}

/// A body that is being read.
struct BodyReader {
    budget: FairBudget,
    share: ClientShare,
    /// Present once the body counts.
    reservation: Option<FairReservation>,
    started: Instant,
    /// A first piece that may be all, which is not copied then.
    first: Bytes,
    whole: BytesMut,
}

impl BodyBuffer {
    /// Reads the whole body of a client, at most `limit` bytes. A body whose stated length is too large
    /// is not read, so that a client with `Expect: 100-continue` does not send it.
    pub(super) async fn read(
        &self,
        body: Body,
        limit: usize,
        (token, address): (&Arc<str>, Option<IpAddr>),
    ) -> Result<BufferedBody, GatewayError> {
        let length = body.size_hint().lower();
        if length > limit as u64 {
            return Err(GatewayError::BodyTooLarge { limit });
        }
        let mut reader = BodyReader {
            budget: self.0.clone(),
            share: self.0.share(token, address),
            reservation: None,
            started: Instant::now(),
            first: Bytes::new(),
            whole: BytesMut::new(),
        };
        let mut body = Limited::new(body, limit);
        while let Some(frame) = reader.next_frame(&mut body).await? {
            let frame = frame.map_err(|error| read_error(&*error, limit))?;
            if let Ok(data) = frame.into_data() {
                reader.add(data)?;
            }
        }
        Ok(reader.finish())
    }
}

/// One piece of a body, or why it could not be read.
type BodyFrame = Result<http_body::Frame<Bytes>, Box<dyn std::error::Error + Send + Sync>>;

impl BodyReader {
    /// The next piece. A body that does not count yet waits without a timer.
    async fn next_frame(
        &self,
        body: &mut Limited<Body>,
    ) -> Result<Option<BodyFrame>, GatewayError> {
        if self.reservation.is_none() {
            return Ok(body.frame().await);
        }
        loop {
            if self.budget.is_short() && self.is_slow() {
                return Err(GatewayError::BodyTooSlow);
            }
            if let Ok(frame) = timeout(GRACE_WHILE_SHORT, body.frame()).await {
                return Ok(frame);
            }
        }
    }

    fn len(&self) -> usize {
        self.first.len() + self.whole.len()
    }

    fn is_slow(&self) -> bool {
        let elapsed = self.started.elapsed();
        let least = elapsed.as_secs_f64() * MIN_RATE_WHILE_SHORT;
        elapsed >= GRACE_WHILE_SHORT && (self.len() as f64) < least
    }

    fn add(&mut self, data: Bytes) -> Result<(), GatewayError> {
        let bytes = self.len() + data.len();
        let counted = bytes.saturating_sub(UNCOUNTED_BYTES_PER_BODY);
        if counted > 0 {
            let share = &self.share;
            let reservation = self.reservation.get_or_insert_with(|| share.reservation());
            if !reservation.try_grow(counted) {
                return Err(GatewayError::BodyMemoryExhausted);
            }
        }
        if bytes == data.len() {
            self.first = data;
            return Ok(());
        }
        self.whole
            .extend_from_slice(&std::mem::take(&mut self.first));
        self.whole.extend_from_slice(&data);
        Ok(())
    }

    fn finish(self) -> BufferedBody {
        let bytes = if self.whole.is_empty() {
            self.first
        } else {
            self.whole.freeze()
        };
        BufferedBody {
            bytes,
            _reservation: self.reservation,
        }
    }
}

/// Finds the cause of a body that could not be read.
fn read_error(error: &(dyn std::error::Error + 'static), limit: usize) -> GatewayError {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if inner.is::<LengthLimitError>() {
            return GatewayError::BodyTooLarge { limit };
        }
        // The listener reports a slow upload with this kind.
        let io_error = inner.downcast_ref::<std::io::Error>();
        if io_error.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut) {
            return GatewayError::BodyTooSlow;
        }
        cause = inner.source();
    }
    InvalidRequest::BodyIncomplete.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use futures_util::{StreamExt as _, stream};

    const PIECE: usize = UNCOUNTED_BYTES_PER_BODY;
    const LIMIT: usize = 20 * PIECE;

    fn piece() -> Bytes {
        Bytes::from(vec![b'x'; PIECE])
    }

    fn body(pieces: usize) -> Body {
        Body::from_stream(stream::iter(
            (0..pieces).map(|_| Ok::<_, std::io::Error>(piece())),
        ))
    }

    /// Pieces at an interval.
    fn slow_body(pieces: usize, every: Duration) -> Body {
        Body::from_stream(stream::iter(0..pieces).then(move |_| async move {
            tokio::time::sleep(every).await;
            Ok::<_, std::io::Error>(piece())
        }))
    }

    async fn read(
        bodies: &BodyBuffer,
        body: Body,
        token: &str,
        last: u8,
    ) -> Result<BufferedBody, StatusCode> {
        let client = (&token.into(), Some(IpAddr::from([192, 0, 2, last])));
        let read = bodies.read(body, LIMIT, client).await;
        read.map_err(|error| error.status())
    }

    #[tokio::test]
    async fn large_bodies_share_a_limit_and_small_ones_are_always_accepted() {
        let bodies = BodyBuffer(FairBudget::new(4 * PIECE));
        let held = read(&bodies, body(3), "a", 1).await.unwrap();
        assert_eq!(held.bytes.len(), 3 * PIECE, "two of the three parts count");

        let rejected = read(&bodies, body(2), "a", 1).await.unwrap_err();
        assert_eq!(rejected, StatusCode::SERVICE_UNAVAILABLE);
        let small = read(&bodies, body(1), "a", 1).await.unwrap();
        assert_eq!(small.bytes.len(), PIECE);
        let other = read(&bodies, body(2), "b", 2).await.unwrap();
        assert_eq!(other.bytes.len(), 2 * PIECE, "another client has its share");

        drop(held);
        assert!(read(&bodies, body(2), "a", 1).await.is_ok());
        let client = (&"c".into(), None);
        let rejected = bodies.read(body(2), PIECE, client).await.unwrap_err();
        assert_eq!(rejected.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_drips_bodies_keeps_no_other_out_and_is_ended_while_memory_is_short() {
        let bodies = BodyBuffer(FairBudget::new(20 * PIECE));
        // 64 KB each 2 s: enough where memory is free.
        let every = Duration::from_secs(2);
        let alone = read(&bodies, slow_body(6, every), "slow", 1).await;
        assert_eq!(alone.unwrap().bytes.len(), 6 * PIECE);

        let held = read(&bodies, body(11), "a", 2).await.unwrap();
        let second = read(&bodies, body(4), "b", 3).await.unwrap();
        let slow = read(&bodies, slow_body(6, every), "slow", 1).await;
        assert_eq!(slow.unwrap_err(), StatusCode::REQUEST_TIMEOUT);
        assert!(read(&bodies, body(3), "fast", 4).await.is_ok());
        drop((held, second));
        assert!(read(&bodies, slow_body(6, every), "slow", 1).await.is_ok());
    }
}
