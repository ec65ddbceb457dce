//! What a client's request says outside its conversation.

use super::field_names::raw;
use crate::protocols::RawObject;

/// The field for the form of a stream, which the query of the path states: `sse`, or a list.
pub const STREAM_FORM: &str = "alt";
/// Fields that the path states, and that no provider reads in the body.
pub(super) const PATH_FIELDS: [&str; 3] = ["model", "stream", STREAM_FORM];

/// Returns an object within the request.
pub(super) fn inner<'a>(object: &RawObject<'a>, camel: &str, snake: &str) -> Option<RawObject<'a>> {
    serde_json::from_str(raw(object, camel, snake)?.get()).ok()
}

/// Returns the settings of the generation.
pub(super) fn config<'a>(object: &RawObject<'a>) -> Option<RawObject<'a>> {
    inner(object, "generationConfig", "generation_config")
}

/// Checks whether the client wants to see reasoning.
pub(super) fn shows_thoughts(object: &RawObject<'_>) -> bool {
    let config = config(object);
    let thinking = config.and_then(|config| inner(&config, "thinkingConfig", "thinking_config"));
    let shown = thinking.and_then(|thinking| raw(&thinking, "includeThoughts", "include_thoughts"));
    shown.is_some_and(|shown| shown.get() == "true")
}

/// Checks whether the client wants its stream as a list.
pub(super) fn wants_list(object: &RawObject<'_>) -> bool {
    object.read::<String>(STREAM_FORM).as_deref() != Some("sse")
}
