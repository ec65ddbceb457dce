//! OpenAI's Responses API: the client's side, and the provider's for providers that have it.

mod client_api;
mod client_tools;
mod compaction;
mod decode;
mod encode;
mod events;
mod item_store;
mod open_item;
mod pass_through;
mod read;
mod read_tools;
mod response_store;
mod shape;
mod stored_items;
mod storing;
#[cfg(test)]
mod tests;
mod upstream;
mod whole_and_stream;
mod write;

pub use client_api::ResponsesApi;
pub use compaction::{compacted, compaction_request};
pub use response_store::{PendingResponse, ResponseStore, removed_response};
pub use storing::StoringAdapter;
pub(super) use upstream::{pass_through, token_count, translate};
