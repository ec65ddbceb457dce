//! Panics while a response is read: they are the provider's failure, like any other answer that cannot
//! be read, so another target may respond and the client is told.

use super::response_adapter::{ResponseAdapter, StreamEventKind};
use super::{ErrorBody, Event, Framing, ResponseFault, UpstreamError};
use crate::domain::Usage;
use bytes::{Bytes, BytesMut};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs work on a provider's request or response; a panic in it is an error.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, UpstreamError>) -> Result<T, UpstreamError> {
    // What a panic leaves half-done is only read to end the response.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(ResponseFault::Panic.into()))
}

/// An adapter whose panics are errors.
pub struct GuardedAdapter(Box<dyn ResponseAdapter>);

impl GuardedAdapter {
    /// Wraps an adapter.
    pub fn wrap(adapter: Box<dyn ResponseAdapter>) -> Box<dyn ResponseAdapter> {
        Box::new(Self(adapter))
    }
}

impl fmt::Debug for GuardedAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedAdapter").finish_non_exhaustive()
    }
}

impl ResponseAdapter for GuardedAdapter {
    fn framing(&self) -> Framing {
        self.0.framing()
    }

    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        guarded(|| self.0.whole(body))
    }

    fn next_body(&mut self) -> Option<Bytes> {
        self.0.next_body()
    }

    fn part(&mut self, body: &Bytes) -> Result<(), UpstreamError> {
        guarded(|| self.0.part(body))
    }

    fn is_opaque(&self) -> bool {
        self.0.is_opaque()
    }

    fn folded(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        guarded(|| self.0.folded(body))
    }

    fn unfolded(&mut self, body: &Bytes, out: &mut BytesMut) -> Result<(), UpstreamError> {
        guarded(|| self.0.unfolded(body, out))
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        let begun = out.len();
        let read = guarded(|| Ok(self.0.read(event, out)));
        read.unwrap_or_else(|error| {
            // An event that is half written would hide the one that tells the end.
            out.truncate(begun);
            StreamEventKind::Broken(error)
        })
    }

    fn may_end(&self) -> bool {
        self.0.may_end()
    }

    fn close(&mut self, out: &mut BytesMut) {
        let _ends_anyway = guarded(|| {
            self.0.close(out);
            Ok(())
        });
    }

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        let _ends_anyway = guarded(|| {
            self.0.broken(error, out);
            Ok(())
        });
    }

    fn usage(&self) -> Option<Usage> {
        self.0.usage()
    }

    fn text_bytes(&self) -> usize {
        self.0.text_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::test_support::feed;

    /// An adapter with a mistake, which writes half an event before it.
    struct Mistaken;

    impl ResponseAdapter for Mistaken {
        fn whole(&mut self, _body: &Bytes) -> Result<Bytes, UpstreamError> {
            panic!("whole")
        }

        fn read(&mut self, _event: &Event, out: &mut BytesMut) -> StreamEventKind {
            out.extend_from_slice(b"data: {");
            panic!("read")
        }

        fn may_end(&self) -> bool {
            false
        }

        fn close(&mut self, _out: &mut BytesMut) {
            panic!("close")
        }

        fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
            out.extend_from_slice(error.message.as_bytes());
        }

        fn usage(&self) -> Option<Usage> {
            None
        }

        fn text_bytes(&self) -> usize {
            0
        }
    }

    #[test]
    fn a_panic_is_the_providers_failure_and_ends_the_stream_with_an_error() {
        let mut adapter = GuardedAdapter::wrap(Box::new(Mistaken));
        let failure = UpstreamError::from(ResponseFault::Panic);
        assert_eq!(adapter.whole(&Bytes::new()), Err(failure.clone()));
        assert!(failure.failure.is_retryable(), "another target may respond");

        let stream = feed(&mut *adapter, [&b"data: {}\n\n"[..]]);
        assert_eq!(stream.end, Err(failure.clone()));
        assert_eq!(stream.output, failure.message);
        adapter.close(&mut BytesMut::new());
    }
}
