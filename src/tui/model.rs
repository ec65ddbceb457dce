//! All that the dashboard knows. Panels hold nothing; they draw this.

use super::draft::Draft;
use super::message::Effect;
use super::theme::Theme;
use crate::contract::{ProviderChange, ProviderStatus, State, Status, Window};
use std::sync::Arc;
use std::time::Duration;

/// How long the order of rows is held after a movement, so that nothing moves under the cursor.
pub const HOLD: Duration = Duration::from_secs(5);
/// How long a notice stays that is no failure.
pub const NOTICE: Duration = Duration::from_secs(5);
/// Older data than this is called stale.
pub const FRESH: Duration = Duration::from_secs(3);

/// How the dashboard was started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The gateway runs in this process: leaving asks first.
    pub all_in_one: bool,
    /// Changes are refused here already.
    pub read_only: bool,
    pub theme: Theme,
    pub window: Window,
    /// At most one picture of new data in this time.
    pub refresh: Duration,
    /// Where the instance is, for the header.
    pub place: String,
}

/// Where keys go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Overview,
    Weights,
    Help,
    Menu,
    Confirm,
    Review,
    Leave,
}

impl Place {
    pub const ALL: [Self; 7] = [
        Self::Overview,
        Self::Weights,
        Self::Help,
        Self::Menu,
        Self::Confirm,
        Self::Review,
        Self::Leave,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Weights => "weights",
            Self::Help => "help",
            Self::Menu => "action menu",
            Self::Confirm => "confirmation",
            Self::Review => "review",
            Self::Leave => "leaving",
        }
    }
}

/// A box on top of the view.
#[derive(Debug, Clone, PartialEq)]
pub enum Dialog {
    Help,
    Menu {
        provider: String,
    },
    Confirm {
        provider: String,
        what: String,
        change: ProviderChange,
    },
    Review,
    Leave,
}

/// How good the line to the instance is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    Waiting,
    Live,
    Lost(String),
}

/// A line for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    /// A failure stays until Esc.
    pub bad: bool,
    /// Since the start of the dashboard.
    pub at: Duration,
}

/// Everything.
#[derive(Debug)]
pub struct Model {
    pub options: Options,
    pub status: Option<Arc<Status>>,
    /// When `status` came.
    pub status_at: Duration,
    pub link: Link,
    pub window: Window,
    pub in_weights: bool,
    pub dialog: Option<Dialog>,
    pub draft: Option<Draft>,
    /// The provider under the cursor, by name: the cursor follows it, not the row.
    pub cursor: Option<String>,
    /// Names in the order in which they are drawn.
    pub order: Vec<String>,
    pub held_until: Duration,
    /// The picture that stays while everything moves on.
    pub frozen: Option<Arc<Status>>,
    pub notice: Option<Notice>,
    /// A first Ctrl-C.
    pub interrupted_at: Option<Duration>,
    /// Time since the dashboard started.
    pub now: Duration,
}

impl Model {
    pub fn new(options: Options) -> Self {
        Self {
            window: options.window,
            options,
            status: None,
            status_at: Duration::ZERO,
            link: Link::Waiting,
            in_weights: false,
            dialog: None,
            draft: None,
            cursor: None,
            order: Vec::new(),
            held_until: Duration::ZERO,
            frozen: None,
            notice: None,
            interrupted_at: None,
            now: Duration::ZERO,
        }
    }

    /// A dashboard that shows a status, as if it had just come.
    pub fn showing(options: Options, status: Status) -> Self {
        let mut model = Self::new(options);
        model.link = Link::Live;
        model.status = Some(Arc::new(status));
        model.sort();
        model
    }

    /// What to do first.
    pub fn start(&self) -> Vec<Effect> {
        vec![Effect::Watch(self.window)]
    }

    pub fn theme(&self) -> Theme {
        self.options.theme
    }

    /// Where the next key goes.
    pub fn place(&self) -> Place {
        match &self.dialog {
            Some(Dialog::Help) => Place::Help,
            Some(Dialog::Menu { .. }) => Place::Menu,
            Some(Dialog::Confirm { .. }) => Place::Confirm,
            Some(Dialog::Review) => Place::Review,
            Some(Dialog::Leave) => Place::Leave,
            None => self.view(),
        }
    }

    /// The view below any box.
    pub fn view(&self) -> Place {
        if self.in_weights {
            Place::Weights
        } else {
            Place::Overview
        }
    }

    /// The picture to draw.
    pub fn shown(&self) -> Option<&Arc<Status>> {
        self.frozen.as_ref().or(self.status.as_ref())
    }

    /// How old the data is.
    pub fn age(&self) -> Duration {
        self.now.saturating_sub(self.status_at)
    }

    /// Providers in the order in which they are drawn.
    pub fn rows(&self) -> Vec<&ProviderStatus> {
        let Some(status) = self.shown() else {
            return Vec::new();
        };
        let find = |name: &String| {
            status
                .providers
                .iter()
                .find(|p| p.performance.provider == *name)
        };
        self.order.iter().filter_map(find).collect()
    }

    /// The provider under the cursor.
    pub fn chosen(&self) -> Option<&ProviderStatus> {
        let rows = self.rows();
        let cursor = self.cursor.as_ref();
        let chosen = rows
            .iter()
            .find(|row| Some(&row.performance.provider) == cursor);
        chosen.or(rows.first()).copied()
    }

    pub fn is_held(&self) -> bool {
        self.now < self.held_until
    }

    pub fn notify(&mut self, text: impl Into<String>, bad: bool) {
        self.notice = Some(Notice {
            text: text.into(),
            bad,
            at: self.now,
        });
    }

    /// Sorts the rows: trouble first, then by share; nothing moves while the order is held, but
    /// names come and go.
    pub fn sort(&mut self) {
        let Some(status) = self.shown().cloned() else {
            return;
        };
        let known = |name: &String| {
            status
                .providers
                .iter()
                .any(|p| p.performance.provider == *name)
        };
        if self.is_held()
            && self.order.iter().all(known)
            && self.order.len() == status.providers.len()
        {
            return;
        }
        let mut rows: Vec<&ProviderStatus> = status.providers.iter().collect();
        rows.sort_by(|a, b| {
            let key = |p: &ProviderStatus| trouble(p.performance.state);
            key(b)
                .cmp(&key(a))
                .then_with(|| b.share.total_cmp(&a.share))
        });
        self.order = rows
            .iter()
            .map(|p| p.performance.provider.clone())
            .collect();
    }
}

/// How much an operator must look at it.
pub fn trouble(state: State) -> u8 {
    match state {
        State::Down => 7,
        State::Open => 6,
        State::Failing => 5,
        State::HalfOpen => 4,
        State::Limited => 3,
        State::Slow => 2,
        State::Ok => 1,
        State::Unknown | State::Draining | State::Off => 0,
    }
}
