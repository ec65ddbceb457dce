//! How a stream is cut into events.

/// What cuts a stream into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Events,
    /// One JSON object a line.
    Lines,
}

impl Framing {
    /// The media type that a stream of it has.
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
