//! OpenAI's responses: a side that clients see, and a side for upstreams that have it.

mod decode;
mod encode;
mod events;
mod front;
mod kept;
mod open_item;
mod pass_through;
mod read;
mod shape;
#[cfg(test)]
mod tests;
mod upstream;
mod write;

pub use front::ResponsesFront;
pub(super) use upstream::{pass_through, translate};
