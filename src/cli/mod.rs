//! The command line: what may be typed, and reports as text.

pub mod arguments;
mod plain;
mod reloading;
mod selection;
mod simulation;
mod status;
pub mod whereabouts;

pub use reloading::render_reload;
pub use selection::render_selection;
pub use simulation::{render_what_if, weights};
pub use status::{exit_code, render_status};
