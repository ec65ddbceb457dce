//! Where one can be: a closed list of screens, and of boxes on top of them.

/// A screen. The first is home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Screen {
    #[default]
    Overview,
    /// Everything about one provider.
    Detail,
    Weights,
    Decisions,
    Alerts,
    Revisions,
    Log,
}

/// Where keys go: a screen, or the box on top of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputContext {
    On(Screen),
    Help,
    /// What may be done to a provider.
    Menu,
    Sort,
    Presets,
    /// The words that rows must match.
    Filter,
    /// Commands by name.
    Palette,
    /// Something that must be confirmed.
    Question,
    /// A field of a question.
    Field,
    /// A list of what changed, or of mistakes.
    Report,
}

pub const OVERVIEW: InputContext = InputContext::On(Screen::Overview);
pub const DETAIL: InputContext = InputContext::On(Screen::Detail);
pub const WEIGHTS: InputContext = InputContext::On(Screen::Weights);
pub const DECISIONS: InputContext = InputContext::On(Screen::Decisions);
pub const ALERTS: InputContext = InputContext::On(Screen::Alerts);
pub const REVISIONS: InputContext = InputContext::On(Screen::Revisions);
pub const LOG: InputContext = InputContext::On(Screen::Log);

/// Every screen.
pub const SCREENS: &[InputContext] =
    &[OVERVIEW, DETAIL, WEIGHTS, DECISIONS, ALERTS, REVISIONS, LOG];

/// Every place.
#[cfg(test)]
pub const PLACES: &[InputContext] = &[
    OVERVIEW,
    DETAIL,
    WEIGHTS,
    DECISIONS,
    ALERTS,
    REVISIONS,
    LOG,
    InputContext::Help,
    InputContext::Menu,
    InputContext::Sort,
    InputContext::Presets,
    InputContext::Filter,
    InputContext::Palette,
    InputContext::Question,
    InputContext::Field,
    InputContext::Report,
];

impl Screen {
    /// Its word in the header, in help and in docs/dashboard.md.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Detail => "provider",
            Self::Weights => "weights",
            Self::Decisions => "decisions",
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
            Self::Menu => "action menu",
            Self::Sort => "sort menu",
            Self::Presets => "presets",
            Self::Filter => "filter",
            Self::Palette => "command line",
            Self::Question => "confirmation",
            Self::Field => "field",
            Self::Report => "report",
        }
    }

    /// Whether characters are typed here, and are no keys.
    pub fn takes_text(self) -> bool {
        matches!(self, Self::Filter | Self::Palette | Self::Field)
    }
}
