//! Reads an answer that is needed as a whole, up to a limit. Every such answer is read here.

use super::connection_fault::ConnectionFault;
use bytes::{Bytes, BytesMut};

/// An answer that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The body is larger than the caller allows.
    #[error("the response is too large")]
    TooLarge,
    /// The body ended early. The source never holds the URL.
    #[error("the response ended early: {}", ConnectionFault::of(.0))]
    Interrupted(#[source] reqwest::Error),
}

/// Reads the whole body, at most `max_bytes` after decompression. A body whose `content-length` is
/// larger is rejected before anything of it is read.
pub async fn read_body(
    mut response: reqwest::Response,
    max_bytes: usize,
) -> Result<Bytes, BodyError> {
    let length = response.content_length().unwrap_or(0);
    if length > max_bytes as u64 {
        return Err(BodyError::TooLarge);
    }
    let mut body = BytesMut::with_capacity(usize::try_from(length).unwrap_or(0));
    let interrupted = |error: reqwest::Error| BodyError::Interrupted(error.without_url());
    while let Some(chunk) = response.chunk().await.map_err(interrupted)? {
        if body.len() + chunk.len() > max_bytes {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(body: &'static [u8]) -> reqwest::Response {
        http::Response::new(body).into()
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_the_limit_and_no_further() {
        let whole = read_body(response(b"12345"), 5).await.unwrap();
        assert_eq!(&whole[..], b"12345");

        let error = read_body(response(b"123456"), 5).await.unwrap_err();
        assert!(matches!(error, BodyError::TooLarge));
    }
}
