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
pub enum Place {
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

pub const OVERVIEW: Place = Place::On(Screen::Overview);
pub const DETAIL: Place = Place::On(Screen::Detail);
pub const WEIGHTS: Place = Place::On(Screen::Weights);
pub const DECISIONS: Place = Place::On(Screen::Decisions);
pub const ALERTS: Place = Place::On(Screen::Alerts);
pub const REVISIONS: Place = Place::On(Screen::Revisions);
pub const LOG: Place = Place::On(Screen::Log);

/// Every screen.
pub const SCREENS: &[Place] = &[OVERVIEW, DETAIL, WEIGHTS, DECISIONS, ALERTS, REVISIONS, LOG];

/// Every place.
#[cfg(test)]
pub const PLACES: &[Place] = &[
    OVERVIEW,
    DETAIL,
    WEIGHTS,
    DECISIONS,
    ALERTS,
    REVISIONS,
    LOG,
    Place::Help,
    Place::Menu,
    Place::Sort,
    Place::Presets,
    Place::Filter,
    Place::Palette,
    Place::Question,
    Place::Field,
    Place::Report,
];

impl Screen {
    /// Its word in the header, in help and in the README.
    pub fn word(self) -> &'static str {
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

impl Place {
    pub fn word(self) -> &'static str {
        match self {
            Self::On(screen) => screen.word(),
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
