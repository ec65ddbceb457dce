//! What strangers send: answers are read up to a limit, texts are shown without characters that
//! control a terminal or forge a line, and a connection that fails says in which way.

mod body;
mod connection_fault;
mod controls;

pub use body::{BodyError, read_body};
pub use connection_fault::{ConnectionFault, TlsFault};
pub use controls::{EscapeControls, is_unsafe};

#[cfg(test)]
mod tests;
