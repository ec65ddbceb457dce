//! Adapts a request in the neutral form to what its target accepts, and undoes it in the response.
//!
//! Each protocol describes its limits as data, in [`ProtocolLimits`]. [`adapt`] changes a request by
//! them before it is written, and returns a [`ToolIndex`], with which [`Restoring`] gives the
//! response the client's own tools again.

mod caps;
mod free_text;
mod history;
mod limits;
mod media;
mod pairs;
mod reasoning;
mod request;
mod restoring;
mod schema;
#[cfg(test)]
mod tests;
mod tool_index;

pub use limits::{NameRule, ProtocolLimits, ReasoningReturn, SchemaRule, UserRule};
pub use request::{TranslationTarget, adapt, shorten_user};
pub use restoring::Restoring;
pub use tool_index::ToolIndex;
