//! All that the dashboard knows. Screens and panels hold nothing; they draw this.

mod listing;
mod rows;

pub use listing::Listing;
pub use rows::trouble;

use super::change::{Change, Undo};
use super::clock_skew::ClockSkew;
use super::confirm_dialog::ConfirmDialog;
use super::draft::Draft;
use super::filter::Filter;
use super::input_context::{InputContext, Screen};
use super::keymap::{Action, Keymap, SortOrder};
use super::message::Effect;
use super::theme::Theme;
use super::widgets::chart::Measure;
use crate::contract::{
    DecisionDetail, DecisionReport, RevisionReport, Status, WhatIfReport, WhatIfRequest, Window,
};
use crate::logs::RecentLines;
use ratatui::layout::Rect;
use std::sync::Arc;
use std::time::Duration;

/// How long the order of rows is held after a movement, so that nothing moves under the cursor.
pub const ORDER_HOLD: Duration = Duration::from_secs(5);
/// How long a notice stays that is no failure.
pub const NOTICE_DURATION: Duration = Duration::from_secs(5);
/// Older data than this is called stale: pictures come every second.
pub const STALE_AFTER: Duration = Duration::from_millis(2_500);
/// The bell is quiet for so long after it rang.
pub const BELL_INTERVAL: Duration = Duration::from_mins(2);
/// How long changes are allowed once they are.
pub const ARMED_DURATION: Duration = Duration::from_mins(5);

/// When changes must be allowed by hand first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriteProtection {
    /// In production.
    #[default]
    Production,
    Always,
    Never,
}

/// The terminal's bell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BellMode {
    #[default]
    Quiet,
    /// For new trouble.
    Rings,
}

/// How the dashboard was started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The gateway runs in this process: leaving asks first.
    pub all_in_one: bool,
    /// Changes are refused here already.
    pub read_only: bool,
    pub protection: WriteProtection,
    pub theme: Theme,
    pub keymap: Keymap,
    pub window: Window,
    /// At most one picture of new data in this time.
    pub refresh: Duration,
    /// Where the instance is, for the header.
    pub place: String,
    pub bell: BellMode,
    /// The number of this process.
    pub process: u32,
    /// A line is between this process and the terminal.
    pub over_line: bool,
    /// The latest log lines of this process.
    pub logs: RecentLines,
}

/// A box on top of the screen.
#[derive(Debug, Clone, PartialEq)]
pub enum Dialog {
    /// Scrolled by so many rows.
    Help(usize),
    /// What may be done to a provider, or to a revision.
    Menu(Subject),
    Sort,
    Presets,
    Filter(String),
    Palette {
        text: String,
        row: usize,
    },
    Question(Box<ConfirmDialog>),
    /// What is too long for one line, scrolled by so many rows.
    Report {
        title: String,
        lines: Vec<String>,
        first: usize,
    },
}

/// What a menu is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Provider(String),
    Revision(u64),
}

/// How good the line to the instance is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
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

/// What a draft would have done, and which one that was.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatIfResult {
    pub request: WhatIfRequest,
    pub report: WhatIfReport,
    /// Since the start of the dashboard.
    pub at: Duration,
}

/// Changes that were sent and not answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    pub what: String,
    pub at: Duration,
    pub changes: Vec<Change>,
    /// What undoes each of them once they hold.
    pub inverse: Vec<Change>,
    /// The revision that was in force.
    pub on: u64,
    /// They undo the last change made here.
    pub undoes: bool,
    /// They are the draft.
    pub applies: bool,
}

/// Everything.
#[derive(Debug)]
pub struct Model {
    pub options: Options,
    pub status: Option<Arc<Status>>,
    /// When `status` came.
    pub status_at: Duration,
    pub link: LinkState,
    pub window: Window,
    pub screen: Screen,
    pub dialog: Option<Dialog>,
    pub draft: Option<Draft>,
    /// The provider under the cursor, by name: the cursor follows it, not the row.
    pub cursor: Option<String>,
    /// Names in the order in which they are drawn.
    pub order: Vec<String>,
    pub order_by: SortOrder,
    /// The order is held until somebody lets it go.
    pub locked: bool,
    pub held_until: Duration,
    /// Which providers the overview shows.
    pub filter: Filter,
    /// Which decisions their list shows.
    pub decisions_filter: Filter,
    /// The panel in front, and whether it has the whole screen.
    pub panel: usize,
    pub zoomed: bool,
    pub decisions: Listing<DecisionReport>,
    /// Decisions of this provider only.
    pub decisions_of: Option<String>,
    pub revisions: Listing<RevisionReport>,
    /// The decision under the cursor, explained, or the last one that was.
    pub explained: Option<DecisionDetail>,
    /// Why the last one asked about could not be.
    pub explain_error: Option<String>,
    /// The decision that is being asked about.
    pub explaining: Option<String>,
    /// What the draft would have done, or an older draft while the answer is under way.
    pub what_if: Option<WhatIfResult>,
    /// What could not be told about a draft, and when that was said.
    pub forecast_error: Option<(WhatIfRequest, Duration)>,
    /// What is being asked about the draft.
    pub deciding: Option<WhatIfRequest>,
    /// The revision that the question about going back to one is about.
    pub going_back: Option<u64>,
    /// What the chart of the provider's screen is of.
    pub measure: Measure,
    /// First line of the log, counted from the newest.
    pub log_at: usize,
    /// The picture that stays while everything moves on.
    pub frozen: Option<Arc<Status>>,
    pub notice: Option<Notice>,
    pub pending: Option<Pending>,
    /// The changes made here that can be undone, the latest last.
    pub undo: Vec<Undo>,
    pub armed_until: Option<Duration>,
    pub mouse: bool,
    /// How far away the terminal is, where that was measured.
    pub distance: Option<Duration>,
    /// The size of the last picture.
    pub size: Option<Rect>,
    /// How far apart the instance's clock and this one are.
    pub lag: ClockSkew,
    /// When the bell rang.
    pub rung_at: Option<Duration>,
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
            link: LinkState::Waiting,
            screen: Screen::default(),
            dialog: None,
            draft: None,
            cursor: None,
            order: Vec::new(),
            order_by: SortOrder::default(),
            locked: false,
            held_until: Duration::ZERO,
            filter: Filter::default(),
            decisions_filter: Filter::default(),
            panel: 0,
            zoomed: false,
            decisions: Listing::default(),
            decisions_of: None,
            revisions: Listing::default(),
            explained: None,
            explain_error: None,
            explaining: None,
            what_if: None,
            forecast_error: None,
            deciding: None,
            going_back: None,
            measure: Measure::default(),
            log_at: 0,
            frozen: None,
            notice: None,
            pending: None,
            undo: Vec::new(),
            armed_until: None,
            mouse: false,
            distance: None,
            size: None,
            lag: ClockSkew::default(),
            rung_at: None,
            interrupted_at: None,
            now: Duration::ZERO,
        }
    }

    /// A dashboard that shows a status, as if it had just come.
    pub fn showing(options: Options, status: Status) -> Self {
        let mut model = Self::new(options);
        model.link = LinkState::Live;
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
    pub fn place(&self) -> InputContext {
        match &self.dialog {
            Some(Dialog::Help(_)) => InputContext::Help,
            Some(Dialog::Menu(_)) => InputContext::Menu,
            Some(Dialog::Sort) => InputContext::Sort,
            Some(Dialog::Presets) => InputContext::Presets,
            Some(Dialog::Filter(_)) => InputContext::Filter,
            Some(Dialog::Palette { .. }) => InputContext::Palette,
            Some(Dialog::Question(question)) if question.is_on_field() => InputContext::Field,
            Some(Dialog::Question(_)) => InputContext::Question,
            Some(Dialog::Report { .. }) => InputContext::Report,
            None => InputContext::On(self.screen),
        }
    }

    /// The question that is open.
    pub fn question(&mut self) -> Option<&mut ConfirmDialog> {
        match &mut self.dialog {
            Some(Dialog::Question(question)) => Some(question),
            _ => None,
        }
    }

    /// The picture to draw.
    pub fn shown(&self) -> Option<&Arc<Status>> {
        self.frozen.as_ref().or(self.status.as_ref())
    }

    /// The window that the numbers on the screen are of. Another one may have been asked for.
    pub fn shown_window(&self) -> Window {
        self.shown().map_or(self.window, |status| status.window)
    }

    /// How old the data is.
    pub fn age(&self) -> Duration {
        self.now.saturating_sub(self.status_at)
    }

    /// Whether the data may be acted on as the present.
    pub fn is_live(&self) -> bool {
        self.link == LinkState::Live && self.age() <= STALE_AFTER
    }

    /// Whether changes must be allowed by `!` first.
    pub fn is_protected(&self) -> bool {
        let environment = self
            .status
            .as_ref()
            .map(|status| status.environment.as_str());
        match self.options.protection {
            WriteProtection::Always => true,
            WriteProtection::Never => false,
            // What is not known yet may be production.
            WriteProtection::Production => environment.is_none_or(|environment| {
                let is = |word: &str| environment.trim().eq_ignore_ascii_case(word);
                is("prod") || is("production")
            }),
        }
    }

    /// For how much longer changes are allowed, where they had to be.
    pub fn armed_for(&self) -> Option<Duration> {
        let left = self.armed_until?.saturating_sub(self.now);
        (!left.is_zero()).then_some(left)
    }

    /// Why nothing can be changed now.
    pub fn refusal(&self) -> Option<String> {
        if self.options.read_only {
            return Some("read-only: this dashboard was started with --read-only".to_owned());
        }
        if self.is_protected() && self.armed_for().is_none() {
            let arm = self.key(Action::Arm);
            return Some(format!("view-only: {arm} allows changes for five minutes"));
        }
        if let Some(pending) = &self.pending {
            return Some(format!(
                "one change at a time: {} is under way",
                pending.what
            ));
        }
        None
    }

    /// The key of an action on this screen, as it is named in a sentence.
    pub fn key(&self, action: Action) -> String {
        let (keymap, place) = (&self.options.keymap, InputContext::On(self.screen));
        keymap.hint(place, action, self.theme().ascii)
    }

    /// Tells the operator something. A failure stays until Esc: only another takes its place.
    pub fn notify(&mut self, text: impl Into<String>, bad: bool) {
        if !bad && self.notice.as_ref().is_some_and(|notice| notice.bad) {
            return;
        }
        self.notice = Some(Notice {
            text: text.into(),
            bad,
            at: self.now,
        });
    }
}
