//! A row of the action table.

use super::action::Action;
use crate::tui::input_context::InputContext;

/// One row of the action table.
#[derive(Debug)]
pub struct Binding {
    /// Its id in the configuration and on the command line.
    pub id: &'static str,
    pub action: Action,
    /// Default keys as the help shows them; `0-9` stands for every digit.
    pub keys: &'static [&'static str],
    /// A short description.
    pub text: &'static str,
    /// The word in the footer; empty for actions that the footer leaves out.
    pub short: &'static str,
    pub contexts: &'static [InputContext],
}
