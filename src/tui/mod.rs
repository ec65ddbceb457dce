//! The dashboard. Keys, updates and replies are messages; `update` applies a message to the model
//! and returns effects; `view` draws the model. It knows only `contract` and `client`, so it works
//! the same with an instance in this process and a remote one.

mod applied_forecast;
mod change;
mod clipboard;
mod clock_skew;
mod confirm_dialog;
mod draft;
mod effect;
mod erasing_backend;
mod export;
mod filter;
pub mod fixture;
mod format;
mod frame_pacer;
mod held_messages;
mod incidents;
mod input;
mod input_context;
mod kept_view;
mod key;
mod keymap;
mod message;
mod model;
mod panels;
mod panic_hook;
mod preview;
mod run;
mod screens;
mod state_folder;
mod style_codes;
mod takeover;
mod terminal;
mod test_dashboard;
mod theme;
mod title;
mod update;
mod view;
mod what_if;
mod widgets;
mod writer;

#[cfg(test)]
mod tests;

pub use effect::ExitReason;
pub use incidents::Incidents;
pub use keymap::Keymap;
pub use model::{BellMode, Model, Options, WriteProtection};
pub use run::{DashboardShutdown, spawn};
pub use terminal::restore;
pub use test_dashboard::TestDashboard;
pub use theme::{Palette, Theme};
pub use view::draw;
