//! The form of a stream that a client wants.

use super::operation::Operation;
use crate::clock;
use crate::protocols::RawObject;
use bytes::Bytes;

/// The form of a stream that a client wants.
#[derive(Debug)]
pub(super) struct StreamForm {
    /// Its media type.
    pub kind: &'static str,
    /// Bytes that break the client's silence.
    pub keep_alive: Bytes,
    /// Whether such bytes may come before any content.
    pub may_open_early: bool,
}

impl StreamForm {
    pub fn new(operation: Operation, object: &RawObject<'_>) -> Option<Self> {
        let Operation::Generate(dialect) = operation else {
            return None;
        };
        let api = dialect.client_api();
        Some(Self {
            kind: api.stream_type(object),
            keep_alive: api.keep_alive(object, clock::now().unix_seconds()),
            may_open_early: api.may_open_early(object),
        })
    }
}
