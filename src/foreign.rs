//! What strangers send: answers are read up to a limit, and texts are shown without characters that
//! control a terminal or forge a line.

mod body;
mod controls;

pub use body::{BodyError, read_body};
pub use controls::{EscapeControls, is_unsafe};
