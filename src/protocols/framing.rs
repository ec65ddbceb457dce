//! The framing of a stream.

/// How a stream is divided into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Events,
    /// One JSON object a line.
    Lines,
}

impl Framing {
    /// Checks whether a stream with this framing may have the media type.
    pub fn is_of(self, content_type: &str) -> bool {
        match self {
            Self::Events => content_type.starts_with("text/event-stream"),
            Self::Lines => {
                content_type.starts_with("application/x-ndjson")
                    || content_type.starts_with("application/json")
            }
        }
    }
}
