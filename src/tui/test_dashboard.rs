//! A dashboard without a terminal, for tests.

use super::effect::Effect;
use super::input::Input;
use super::key::Key;
use super::keymap::Keymap;
use super::message::Message;
use super::model::{BellMode, Model, Options, WriteProtection};
use super::theme::Theme;
use super::update::update;
use super::view::draw;
use crate::client::Update;
use crate::contract::{Status, Window};
use crate::logs::RecentLines;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::Arc;
use std::time::Duration;

/// Time between two messages, long enough for a dialog to be read.
const STEP: Duration = Duration::from_secs(1);

/// The default options.
pub(super) fn options(theme: Theme, all_in_one: bool) -> Options {
    Options {
        all_in_one,
        read_only: false,
        protection: WriteProtection::default(),
        theme,
        keymap: Keymap::default(),
        window: Window::Quarter,
        refresh: Duration::from_secs(1),
        address: "local".to_owned(),
        bell: BellMode::default(),
        process: 4_242,
        over_line: false,
        logs: RecentLines::default(),
        incidents: None,
    }
}

#[derive(Debug)]
pub struct TestDashboard {
    model: Model,
}

impl TestDashboard {
    /// An all-in-one dashboard.
    pub fn new(theme: Theme) -> Self {
        Self {
            model: Model::new(options(theme, true)),
        }
    }

    /// Handles a status, one second later.
    pub fn handle(&mut self, status: Status) {
        let message = Message::Update(Update::Status(Arc::new(status)));
        self.take(message);
        self.take(Message::Tick);
    }

    /// Presses keys by their names, such as `w > Enter`, one second apart. Returns whether they
    /// requested a change; the error names an invalid key.
    pub fn press(&mut self, names: &str) -> Result<bool, String> {
        let mut changes = false;
        for name in names.split_whitespace() {
            let key: Key = name.parse()?;
            let effects = self.take(Message::Input(Input::Key(key)));
            changes |= effects.iter().any(|it| matches!(it, Effect::Change(_)));
            let now = self.model.now;
            update(&mut self.model, Message::Drawn, now);
            update(&mut self.model, Message::Seen, now);
        }
        Ok(changes)
    }

    /// The screen as text.
    pub fn screen(&self, width: u16, height: u16) -> String {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        draw(&self.model, area, &mut buffer);
        let row = |y: u16| -> String {
            let cells = (0..width).map(|x| buffer[(x, y)].symbol());
            cells.collect::<String>().trim_end().to_owned()
        };
        (0..height).map(row).collect::<Vec<_>>().join("\n")
    }

    /// The number of rows in all lists of the dashboard.
    pub fn stored_rows(&self) -> usize {
        let model = &self.model;
        let events = model
            .status
            .as_ref()
            .map_or(0, |status| status.events.len());
        model.order.len()
            + model.decisions.rows.len()
            + model.revisions.rows.len()
            + model.undo.len()
            + events
    }

    fn take(&mut self, message: Message) -> Vec<Effect> {
        let at = match message {
            Message::Tick => self.model.now,
            Message::Input(_)
            | Message::Update(_)
            | Message::Changed(_)
            | Message::Decisions(_)
            | Message::Clients(_)
            | Message::Log(_)
            | Message::Revisions(_)
            | Message::Explained(..)
            | Message::Alerts(_)
            | Message::Past(..)
            | Message::WhatIf(_)
            | Message::Advice(_)
            | Message::Exported(_)
            | Message::Drawn
            | Message::Seen => self.model.now + STEP,
        };
        update(&mut self.model, message, at)
    }
}
