//! The actions that keys and commands perform.

use crate::tui::input_context::Screen;

/// The sort order of providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortOrder {
    #[default]
    Trouble,
    Name,
    Share,
    Latency,
    Success,
    Cost,
}

impl SortOrder {
    pub const ALL: [Self; 6] = [
        Self::Trouble,
        Self::Name,
        Self::Share,
        Self::Latency,
        Self::Success,
        Self::Cost,
    ];

    /// Its name in the header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trouble => "trouble",
            Self::Name => "name",
            Self::Share => "share",
            Self::Latency => "latency",
            Self::Success => "success",
            Self::Cost => "cost",
        }
    }
}

/// An action of a key or a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Help,
    HelpSearch,
    Info,
    Palette,
    Back,
    Open,
    Move(isize),
    First,
    Last,
    /// Moves to the adjacent provider, or changes a weight by this many points.
    Side(isize),
    Points(i16),
    Digit,
    Even,
    /// Gives a provider its own weights, or removes them.
    Own,
    Presets,
    /// Asks for weights that meet a goal.
    Advise,
    Preset([u8; 3]),
    ResetRow,
    Reset,
    Panel(isize),
    Number,
    Zoom,
    /// Switches the chart between first token and whole response.
    Measure,
    Window(isize),
    /// Moves the window back or forth through the past.
    Past(isize),
    Freeze,
    Filter,
    Next(isize),
    Sort,
    /// Groups the models by model or by route.
    Group,
    /// Switches between the log of the gateway and that of the dashboard.
    LogSource,
    SortBy(SortOrder),
    Hold,
    Go(Screen),
    Explain,
    Menu,
    Drain,
    Enable,
    Probe,
    /// Closes the circuit breakers of a provider.
    ResetBreaker,
    Rollback,
    /// Notes that an operator knows of an alert.
    Acknowledge,
    /// Silences an alert.
    Mute,
    /// Reloads the configuration.
    Reload,
    Undo,
    Keep,
    Arm,
    Copy,
    CopyAll,
    Export,
    Mouse,
    /// Hides amounts, names of people and addresses.
    Mask,
    Bell,
    Repaint,
    Suspend,
    Quit,
    QuitHard,
    Focus(isize),
    Press,
    Yes,
    /// Half an hour, for a drain.
    HalfHour,
    /// An hour, for a drain.
    Hour,
    /// Drops the draft.
    Discard,
    Stop,
    Detach,
    /// Types a character into a field.
    Type(char),
    Erase,
    Clear,
    Accept,
    Choose(isize),
    Scroll(isize),
}
