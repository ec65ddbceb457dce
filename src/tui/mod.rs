//! THE DASHBOARD. A key or a piece of news is a message; `update` turns model and message into
//! effects; `view` draws the model. It draws `contract` and speaks through `client`, so it cannot
//! tell an instance in this process from one elsewhere.

mod change;
mod clipboard;
mod clock_skew;
mod confirm_dialog;
mod draft;
mod export;
mod filter;
pub mod fixture;
mod format;
mod frame_pacer;
mod input;
mod input_context;
mod key;
mod keymap;
mod message;
mod model;
mod panels;
mod panic_hook;
mod preview;
mod run;
mod screens;
mod terminal;
mod test_dashboard;
mod theme;
mod title;
mod update;
mod view;
mod widgets;
mod writer;

#[cfg(test)]
mod tests;

pub use keymap::{Keymap, readme_table};
pub use message::ExitReason;
pub use model::{BellMode, Model, Options, WriteProtection};
pub use run::{DashboardShutdown, spawn};
pub use terminal::restore;
pub use test_dashboard::TestDashboard;
pub use theme::{Palette, Theme};
pub use view::draw;
