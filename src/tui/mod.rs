//! THE DASHBOARD. A key or a piece of news is a message; `update` turns model and message into
//! effects; `view` draws the model. It draws `contract` and speaks through `client`, so it cannot
//! tell an instance in this process from one elsewhere.

mod change;
mod clipboard;
mod draft;
mod export;
mod filter;
mod format;
mod input;
mod key;
mod keymap;
mod lag;
mod message;
mod model;
mod pacing;
mod panels;
mod panicking;
mod place;
mod preview;
mod question;
mod rehearsal;
mod run;
mod screens;
pub mod specimen;
mod terminal;
mod theme;
mod title;
mod update;
mod view;
mod widgets;
mod writer;

#[cfg(test)]
mod tests;

pub use keymap::{Keymap, readme_table};
pub use message::Ending;
pub use model::{Bell, Model, Options, Protection};
pub use rehearsal::Rehearsal;
pub use run::{Strings, spawn};
pub use terminal::restore;
pub use theme::{Palette, Theme};
pub use view::draw;
