//! Events, newest first.

use super::panel::Panel;
use crate::contract::{EventKind, EventReport, Status};
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::widgets::line::line;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

#[derive(Debug)]
pub struct Events;

impl Panel for Events {
    fn title(&self, _model: &Model) -> String {
        "EVENTS".to_owned()
    }

    fn draw(&self, model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
        let theme = model.theme();
        if status.events.is_empty() {
            line(Line::styled("no events yet", theme.dim()), area, 0, buffer);
        }
        for (y, event) in (0..area.height).zip(&status.events) {
            let style = if event.bad {
                theme.bad()
            } else {
                Style::default()
            };
            let head = format!("{} {:8} ", format::clock(&event.at), event.kind.label());
            let available = usize::from(area.width).saturating_sub(head.chars().count());
            let spans = vec![
                Span::styled(head, style),
                Span::raw(format::cut(&event_text(event, theme), available)),
            ];
            line(Line::from(spans), area, y, buffer);
        }
    }
}

/// The text of an event; amounts and names of people are hidden if masked.
pub fn event_text(event: &EventReport, theme: Theme) -> String {
    // Changes contain names of people, budgets amounts.
    let text = match event.kind {
        EventKind::Change | EventKind::Budget => theme.secret(&event.text),
        EventKind::Breaker
        | EventKind::Limit
        | EventKind::Probe
        | EventKind::Request
        | EventKind::Info => event.text.clone(),
    };
    let text = match &event.provider {
        Some(provider) => format!("{provider}: {text}"),
        None => text,
    };
    if theme.ascii {
        text.replace('→', "->")
            .replace(|c: char| !c.is_ascii(), "?")
    } else {
        text
    }
}
