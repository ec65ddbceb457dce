//! The options of a dashboard.

use crate::contract::Window;
use crate::logs::RecentLines;
use crate::tui::incidents::Incidents;
use crate::tui::keymap::Keymap;
use crate::tui::theme::Theme;
use std::time::Duration;

/// The environments in which changes must be armed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriteProtection {
    /// In production.
    #[default]
    Production,
    Always,
    Never,
}

/// The terminal bell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BellMode {
    #[default]
    Quiet,
    /// Rings for new trouble.
    Rings,
}

/// The options that the dashboard was started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The gateway runs in this process, so leaving asks first.
    pub all_in_one: bool,
    /// Changes are refused by the dashboard itself.
    pub read_only: bool,
    pub protection: WriteProtection,
    pub theme: Theme,
    pub keymap: Keymap,
    pub window: Window,
    /// Minimum time between two frames with new data.
    pub refresh: Duration,
    /// Address of the instance, for the header.
    pub address: String,
    pub bell: BellMode,
    /// The id of this process.
    pub process: u32,
    /// A network connection, such as SSH, leads to the terminal.
    pub over_line: bool,
    /// The latest log lines of this process.
    pub logs: RecentLines,
    /// Incidents that an exercise runs.
    pub incidents: Option<Incidents>,
}
