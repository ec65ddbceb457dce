//! THE DASHBOARD. A key or a piece of news is a message; `update` turns model and message into
//! effects; `view` draws the model. It draws `contract` and speaks through `client`, so it cannot
//! tell an instance in this process from one elsewhere.

mod draft;
mod format;
mod keymap;
mod message;
mod model;
pub mod panels;
mod preview;
mod run;
pub mod specimen;
mod terminal;
mod theme;
mod update;
mod view;
mod widgets;

#[cfg(test)]
mod tests;

pub use keymap::readme_table;
pub use message::Ending;
pub use model::{Model, Options};
pub use run::{Strings, spawn};
pub use terminal::restore;
pub use theme::Theme;
pub use view::draw;
