//! Clients' request bodies: read whole, each up to its limit, and all of them together up to
//! theirs, for whoever sends slowly may bring much.

use super::byte_budget::{ByteBudget, ByteReservation};
use super::error::GatewayError;
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// All bodies at once have no more bytes than this,
const MAX_TOTAL_BYTES: usize = 512 * 1024 * 1024;
/// not counting so many of each: usual requests find room whatever others bring, and only so many
/// of them run.
const UNCOUNTED_BYTES_PER_BODY: usize = 64 * 1024;

/// What all requests bring; cheap to clone.
#[derive(Debug, Clone)]
pub struct BodyBuffer(ByteBudget);

impl Default for BodyBuffer {
    fn default() -> Self {
        Self::up_to(MAX_TOTAL_BYTES)
    }
}

/// A body, which counts for as long as it is kept.
#[derive(Debug)]
pub(super) struct BufferedBody {
    pub bytes: Bytes,
    _place: ByteReservation,
}

impl BodyBuffer {
    fn up_to(most: usize) -> Self {
        Self(ByteBudget::new(usize::MAX, most))
    }

    /// The whole body. One that says it is too large is not read at all, so that a client that
    /// asks first (`Expect: 100-continue`) does not even send it.
    pub(super) async fn read(
        &self,
        body: Body,
        limit: usize,
    ) -> Result<BufferedBody, GatewayError> {
        let length = body.size_hint().lower();
        if length > limit as u64 {
            return Err(GatewayError::too_large(limit));
        }
        let mut place = self.0.reservation();
        let mut body = Limited::new(body, limit);
        let mut first = Bytes::new();
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|error| broken(&*error, limit))?.into_data() else {
                continue;
            };
            let bytes = first.len() + whole.len() + data.len();
            if !place.try_grow(bytes.saturating_sub(UNCOUNTED_BYTES_PER_BODY)) {
                return Err(GatewayError::no_room_for_body());
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
            _place: place,
        })
    }
}

fn broken(error: &(dyn std::error::Error + 'static), limit: usize) -> GatewayError {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if inner.is::<LengthLimitError>() {
            return GatewayError::too_large(limit);
        }
        // So the listener says that it came too slowly.
        let broke = inner.downcast_ref::<std::io::Error>();
        if broke.is_some_and(|broke| broke.kind() == std::io::ErrorKind::TimedOut) {
            return GatewayError::too_slow();
        }
        cause = inner.source();
    }
    GatewayError::invalid(None, "the request's body broke off")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use futures_util::stream;

    fn body(pieces: usize, of: usize) -> Body {
        let piece = move |_| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; of]));
        Body::from_stream(stream::iter((0..pieces).map(piece)))
    }

    #[tokio::test]
    async fn large_bodies_share_a_bound_and_small_ones_need_none() {
        let bodies = BodyBuffer::up_to(2 * UNCOUNTED_BYTES_PER_BODY);
        let limit = 10 * UNCOUNTED_BYTES_PER_BODY;
        let kept = bodies
            .read(body(6, UNCOUNTED_BYTES_PER_BODY / 2), limit)
            .await
            .unwrap();
        assert_eq!(
            kept.bytes.len(),
            3 * UNCOUNTED_BYTES_PER_BODY,
            "of which two count"
        );

        let refused = bodies
            .read(body(2, UNCOUNTED_BYTES_PER_BODY), limit)
            .await
            .unwrap_err();
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        let small = bodies
            .read(body(1, UNCOUNTED_BYTES_PER_BODY), limit)
            .await
            .unwrap();
        assert_eq!(small.bytes.len(), UNCOUNTED_BYTES_PER_BODY);

        drop(kept);
        assert!(
            bodies
                .read(body(3, UNCOUNTED_BYTES_PER_BODY), limit)
                .await
                .is_ok()
        );
        let refused = bodies
            .read(
                body(3, UNCOUNTED_BYTES_PER_BODY),
                2 * UNCOUNTED_BYTES_PER_BODY,
            )
            .await
            .unwrap_err();
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
