//! Request bodies: each is buffered up to its limit, and all together up to theirs, because slow clients
//! can hold much memory for a long time.

use super::byte_budget::{ByteBudget, ByteReservation};
use super::error::{GatewayError, InvalidRequest};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// Bytes of all bodies that are buffered at once, beyond [`UNCOUNTED_BYTES_PER_BODY`] of each.
const MAX_TOTAL_BYTES: usize = 512 * 1024 * 1024;
/// Bytes of each body that do not count: requests of usual size are always accepted, and their number
/// is limited by `max_in_flight`.
const UNCOUNTED_BYTES_PER_BODY: usize = 64 * 1024;

/// Buffers request bodies within a common bound; cheap to clone.
#[derive(Debug, Clone)]
pub struct BodyBuffer(ByteBudget);

impl Default for BodyBuffer {
    fn default() -> Self {
        Self::with_max_total(MAX_TOTAL_BYTES)
    }
}

/// A body, which counts until it is dropped.
#[derive(Debug)]
pub(super) struct BufferedBody {
    pub bytes: Bytes,
    _reservation: ByteReservation,
}

impl BodyBuffer {
    fn with_max_total(max_bytes: usize) -> Self {
        Self(ByteBudget::new(usize::MAX, max_bytes))
    }

    /// Reads the whole body, at most `limit` bytes. A body whose stated length is too large is not read,
    /// so that a client with `Expect: 100-continue` does not send it.
    pub(super) async fn read(
        &self,
        body: Body,
        limit: usize,
    ) -> Result<BufferedBody, GatewayError> {
        let length = body.size_hint().lower();
        if length > limit as u64 {
            return Err(GatewayError::BodyTooLarge { limit });
        }
        let mut reservation = self.0.reservation();
        let mut body = Limited::new(body, limit);
        let mut first = Bytes::new();
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame
                .map_err(|error| read_error(&*error, limit))?
                .into_data()
            else {
                continue;
            };
            let bytes = first.len() + whole.len() + data.len();
            if !reservation.try_grow(bytes.saturating_sub(UNCOUNTED_BYTES_PER_BODY)) {
                return Err(GatewayError::BodyMemoryExhausted);
            }
            if bytes == data.len() {
                first = data;
                continue;
            }
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&data);
        }
        let bytes = if whole.is_empty() {
            first
        } else {
            whole.freeze()
        };
        Ok(BufferedBody {
            bytes,
            _reservation: reservation,
        })
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
    use futures_util::stream;

    fn body(chunks: usize, bytes: usize) -> Body {
        let chunk = move |_| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; bytes]));
        Body::from_stream(stream::iter((0..chunks).map(chunk)))
    }

    #[tokio::test]
    async fn large_bodies_share_a_limit_and_small_ones_are_always_accepted() {
        let bodies = BodyBuffer::with_max_total(2 * UNCOUNTED_BYTES_PER_BODY);
        let limit = 10 * UNCOUNTED_BYTES_PER_BODY;
        let held = bodies
            .read(body(6, UNCOUNTED_BYTES_PER_BODY / 2), limit)
            .await
            .unwrap();
        assert_eq!(
            held.bytes.len(),
            3 * UNCOUNTED_BYTES_PER_BODY,
            "two of the three parts count"
        );

        let rejected = bodies
            .read(body(2, UNCOUNTED_BYTES_PER_BODY), limit)
            .await
            .unwrap_err();
        assert_eq!(rejected.status(), StatusCode::SERVICE_UNAVAILABLE);
        let small = bodies
            .read(body(1, UNCOUNTED_BYTES_PER_BODY), limit)
            .await
            .unwrap();
        assert_eq!(small.bytes.len(), UNCOUNTED_BYTES_PER_BODY);

        drop(held);
        assert!(
            bodies
                .read(body(3, UNCOUNTED_BYTES_PER_BODY), limit)
                .await
                .is_ok()
        );
        let rejected = bodies
            .read(
                body(3, UNCOUNTED_BYTES_PER_BODY),
                2 * UNCOUNTED_BYTES_PER_BODY,
            )
            .await
            .unwrap_err();
        assert_eq!(rejected.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}
