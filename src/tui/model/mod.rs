//! The state of the dashboard. Screens and panels hold no state of their own; they draw this.

mod alert_rows;
mod client_rows;
mod connection;
mod decision_view;
mod dialog;
mod listing;
mod log_rows;
mod log_view;
mod model_rows;
mod options;
mod past;
mod rows;
pub mod vendors;
mod views;

pub use alert_rows::AlertListRow;
pub use client_rows::is_troubled;
pub use connection::{LinkState, Notice, Pending};
pub use decision_view::DecisionView;
pub use dialog::{Dialog, Help, Subject};
pub use listing::Listing;
pub use log_view::{LogSource, LogView};
pub use model_rows::ModelRow;
pub use options::{BellMode, Options, WriteProtection};
pub use past::{STEP_S, ShownPast};
pub use rows::{is_blocked, trouble, trouble_rank};
pub use views::{ClientsView, Grouping, ModelsView};

use super::applied_forecast::AppliedForecast;
use super::change::Undo;
use super::clock_skew::ClockSkew;
use super::confirm_dialog::ConfirmDialog;
use super::draft::Draft;
use super::effect::Effect;
use super::filter::Filter;
use super::format;
use super::input_context::{InputContext, Screen};
use super::keymap::{Action, SortOrder};
use super::theme::Theme;
use super::what_if::WhatIfResult;
use super::widgets::chart::Measure;
use crate::contract::{
    AdviceRequest, AlertReport, DecisionDetail, DecisionReport, RevisionReport, Status,
    WhatIfRequest, Window,
};
use ratatui::layout::Rect;
use std::sync::Arc;
use std::time::Duration;

/// The order of rows is held for this time after a movement, so that the row under the cursor
/// stays.
pub const ORDER_HOLD: Duration = Duration::from_secs(5);
/// A notice that is not a failure disappears after this time.
pub const NOTICE_DURATION: Duration = Duration::from_secs(5);
/// Older data is shown as stale; a new status arrives every second.
pub const STALE_AFTER: Duration = Duration::from_millis(2_500);
/// Minimum time between two rings of the bell.
pub const BELL_INTERVAL: Duration = Duration::from_mins(2);
/// Arming allows changes for this time.
pub const ARMED_DURATION: Duration = Duration::from_mins(5);

/// The whole state.
#[derive(Debug)]
pub struct Model {
    pub options: Options,
    pub status: Option<Arc<Status>>,
    /// Arrival of `status`, since the start of the dashboard.
    pub status_at: Duration,
    pub link: LinkState,
    pub window: Window,
    pub screen: Screen,
    /// The screen to open with the first status.
    pub opens_on: Option<Screen>,
    pub dialog: Option<Dialog>,
    pub draft: Option<Draft>,
    /// Name of the provider under the cursor. The cursor follows the provider, not the row.
    pub cursor: Option<String>,
    /// Provider names in display order.
    pub order: Vec<String>,
    pub order_by: SortOrder,
    /// The operator holds the order.
    pub locked: bool,
    pub held_until: Duration,
    /// The filter of the overview.
    pub filter: Filter,
    /// The filter of the decisions.
    pub decisions_filter: Filter,
    pub models: ModelsView,
    pub clients: ClientsView,
    /// The selected panel.
    pub panel: usize,
    /// The selected panel has the whole screen.
    pub zoomed: bool,
    pub decisions: Listing<DecisionReport>,
    /// How the decisions are looked at.
    pub decision_view: DecisionView,
    /// Limits the decisions to this provider.
    pub decisions_of: Option<String>,
    pub revisions: Listing<RevisionReport>,
    pub alerts: Listing<AlertReport>,
    /// The row of the alerts screen that the cursor was moved to.
    pub alert_key: Option<String>,
    /// The latest explained decision; usually the one under the cursor.
    pub explained: Option<DecisionDetail>,
    /// The error of the latest request for an explanation.
    pub explain_error: Option<String>,
    /// The decision whose explanation is under way.
    pub explaining: Option<String>,
    /// The latest forecast, of an older draft while a new one is under way.
    pub what_if: Option<WhatIfResult>,
    /// What was predicted of the latest change that was applied here.
    pub applied: Option<AppliedForecast>,
    /// The request that failed to forecast, and the time of the failure.
    pub forecast_error: Option<(WhatIfRequest, Duration)>,
    /// The forecast request under way.
    pub deciding: Option<WhatIfRequest>,
    /// The goal of the search for weights that is under way.
    pub advising: Option<AdviceRequest>,
    /// The quantity in the chart of the provider screen.
    pub measure: Measure,
    pub log: LogView,
    /// The frozen status that the screens show.
    pub frozen: Option<Arc<Status>>,
    /// The window of the past that the screens show.
    pub past: Option<ShownPast>,
    pub notice: Option<Notice>,
    pub pending: Option<Pending>,
    /// Changes made here that can be undone, the latest last.
    pub undo: Vec<Undo>,
    pub armed_until: Option<Duration>,
    pub mouse: bool,
    /// Round trip to the terminal, if measured.
    pub distance: Option<Duration>,
    /// The size of the last frame.
    pub size: Option<Rect>,
    /// Skew between the clock of the instance and the local one.
    pub clock_skew: ClockSkew,
    /// The last ring of the bell.
    pub rung_at: Option<Duration>,
    /// The last Ctrl-C.
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
            opens_on: None,
            dialog: None,
            draft: None,
            cursor: None,
            order: Vec::new(),
            order_by: SortOrder::default(),
            locked: false,
            held_until: Duration::ZERO,
            filter: Filter::default(),
            decisions_filter: Filter::default(),
            models: ModelsView::default(),
            clients: ClientsView::default(),
            panel: 0,
            zoomed: false,
            decisions: Listing::default(),
            decision_view: DecisionView::default(),
            decisions_of: None,
            revisions: Listing::default(),
            alerts: Listing::default(),
            alert_key: None,
            explained: None,
            explain_error: None,
            explaining: None,
            what_if: None,
            advising: None,
            applied: None,
            forecast_error: None,
            deciding: None,
            measure: Measure::default(),
            log: LogView::default(),
            frozen: None,
            past: None,
            notice: None,
            pending: None,
            undo: Vec::new(),
            armed_until: None,
            mouse: false,
            distance: None,
            size: None,
            clock_skew: ClockSkew::default(),
            rung_at: None,
            interrupted_at: None,
            now: Duration::ZERO,
        }
    }

    /// A live dashboard that shows this status.
    pub fn showing(options: Options, status: Status) -> Self {
        let mut model = Self::new(options);
        model.link = LinkState::Live;
        model.status = Some(Arc::new(status));
        model.sort();
        model
    }

    /// The first effects.
    pub fn start(&self) -> Vec<Effect> {
        vec![Effect::Watch(self.window)]
    }

    pub fn theme(&self) -> Theme {
        self.options.theme
    }

    /// The context of the next key.
    pub fn input_context(&self) -> InputContext {
        match &self.dialog {
            Some(Dialog::Help(help)) if help.is_typing => InputContext::HelpSearch,
            Some(Dialog::Help(_)) => InputContext::Help,
            Some(Dialog::Menu(_)) => InputContext::Menu,
            Some(Dialog::Sort) => InputContext::Sort,
            Some(Dialog::Presets) => InputContext::Presets,
            Some(Dialog::Filter(_)) => InputContext::Filter,
            Some(Dialog::Palette { .. }) => InputContext::Palette,
            Some(Dialog::Confirm(confirm)) if confirm.has_fields() => InputContext::Field,
            Some(Dialog::Confirm(_)) => InputContext::Confirm,
            Some(Dialog::Report { .. }) => InputContext::Report,
            None => InputContext::On(self.screen),
        }
    }

    /// Begins a new list of decisions.
    pub fn forget_decisions(&mut self) {
        self.decisions = Listing::default();
        self.decision_view = DecisionView::default();
    }

    /// The open confirm dialog.
    pub fn confirm_dialog(&mut self) -> Option<&mut ConfirmDialog> {
        if let Some(Dialog::Confirm(dialog)) = &mut self.dialog {
            Some(dialog)
        } else {
            None
        }
    }

    /// The status to draw.
    pub fn shown(&self) -> Option<&Arc<Status>> {
        let past = self.past.as_ref().and_then(|past| past.status.as_ref());
        past.or(self.frozen.as_ref()).or(self.status.as_ref())
    }

    /// The window of the numbers on the screen; another one may have been requested.
    pub fn shown_window(&self) -> Window {
        self.shown().map_or(self.window, |status| status.window)
    }

    /// Age of the data.
    pub fn age(&self) -> Duration {
        self.now.saturating_sub(self.status_at)
    }

    /// Returns whether the data is current.
    pub fn is_live(&self) -> bool {
        self.link == LinkState::Live && self.age() <= STALE_AFTER
    }

    /// Returns whether changes must be armed first.
    pub fn is_protected(&self) -> bool {
        let environment = self
            .status
            .as_ref()
            .map(|status| status.environment.as_str());
        match self.options.protection {
            WriteProtection::Always => true,
            WriteProtection::Never => false,
            // An unknown environment may be production.
            WriteProtection::Production => environment.is_none_or(|environment| {
                let is = |word: &str| environment.trim().eq_ignore_ascii_case(word);
                is("prod") || is("production")
            }),
        }
    }

    /// Remaining time of arming.
    pub fn armed_for(&self) -> Option<Duration> {
        let left = self.armed_until?.saturating_sub(self.now);
        (!left.is_zero()).then_some(left)
    }

    /// The reason why changes are refused now.
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

    /// The key of an action on this screen, for use in a sentence.
    pub fn key(&self, action: Action) -> String {
        let (keymap, context) = (&self.options.keymap, InputContext::On(self.screen));
        keymap.hint(context, action, self.theme().ascii)
    }

    /// What a dialog says while the screen shows the past.
    pub fn past_warning(&self) -> Option<String> {
        let until = self.past.as_ref()?.until;
        let key = self.key(Action::Back);
        Some(format!(
            "The screen shows the past, up to {}Z ({key} leaves it); this acts on the present.",
            format::minute(until)
        ))
    }

    /// Shows a notice. A failure stays until Esc, and only another failure replaces it.
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
