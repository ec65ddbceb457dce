//! Screens, and the contexts in which keys are interpreted.

/// A screen; the overview is the home screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Screen {
    #[default]
    Overview,
    /// The details of one provider.
    Detail,
    Weights,
    Decisions,
    /// One row for each model of each provider.
    Models,
    /// Who calls.
    Clients,
    Alerts,
    Revisions,
    Log,
}

/// The context of a key: a screen, or the box on top of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputContext {
    On(Screen),
    Help,
    /// The search of the help.
    HelpSearch,
    /// The actions on a provider or a revision.
    Menu,
    Sort,
    Presets,
    /// The filter field.
    Filter,
    /// The command line.
    Palette,
    /// A confirm dialog without text fields.
    Confirm,
    /// A confirm dialog with text fields: letters are text.
    Field,
    /// A list of changes or errors.
    Report,
}

pub const OVERVIEW: InputContext = InputContext::On(Screen::Overview);
pub const DETAIL: InputContext = InputContext::On(Screen::Detail);
pub const WEIGHTS: InputContext = InputContext::On(Screen::Weights);
pub const DECISIONS: InputContext = InputContext::On(Screen::Decisions);
pub const MODELS: InputContext = InputContext::On(Screen::Models);
pub const CLIENTS: InputContext = InputContext::On(Screen::Clients);
pub const ALERTS: InputContext = InputContext::On(Screen::Alerts);
pub const REVISIONS: InputContext = InputContext::On(Screen::Revisions);
pub const LOG: InputContext = InputContext::On(Screen::Log);

/// Every screen.
pub const SCREENS: &[InputContext] = &[
    OVERVIEW, DETAIL, WEIGHTS, DECISIONS, MODELS, CLIENTS, ALERTS, REVISIONS, LOG,
];

/// Every context.
#[cfg(test)]
pub const CONTEXTS: &[InputContext] = &[
    OVERVIEW,
    DETAIL,
    WEIGHTS,
    DECISIONS,
    MODELS,
    CLIENTS,
    ALERTS,
    REVISIONS,
    LOG,
    InputContext::Help,
    InputContext::HelpSearch,
    InputContext::Menu,
    InputContext::Sort,
    InputContext::Presets,
    InputContext::Filter,
    InputContext::Palette,
    InputContext::Confirm,
    InputContext::Field,
    InputContext::Report,
];

impl Screen {
    /// Its name in the header, in help and in docs/dashboard.md.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Detail => "provider",
            Self::Weights => "weights",
            Self::Decisions => "decisions",
            Self::Models => "models",
            Self::Clients => "clients",
            Self::Alerts => "alerts",
            Self::Revisions => "revisions",
            Self::Log => "log",
        }
    }
}

impl InputContext {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::On(screen) => screen.as_str(),
            Self::Help => "help",
            Self::HelpSearch => "help search",
            Self::Menu => "action menu",
            Self::Sort => "sort menu",
            Self::Presets => "presets",
            Self::Filter => "filter",
            Self::Palette => "command line",
            Self::Confirm => "confirmation",
            Self::Field => "field",
            Self::Report => "report",
        }
    }

    /// Returns whether characters are typed into a field here.
    pub fn takes_text(self) -> bool {
        matches!(
            self,
            Self::Filter | Self::Palette | Self::Field | Self::HelpSearch
        )
    }
}
