//! The command line: what may be typed, and reports as text.

pub mod arguments;
mod plain;
mod selection;
mod status;
pub mod whereabouts;

pub use selection::render_selection;
pub use status::{exit_code, render_status};
