//! Events: troubles that last, then the others, newest first.

use super::panel::Panel;
use crate::contract::{AlertReport, EventKind, EventReport, Status};
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
        for (y, event) in (0..area.height).zip(ordered(status)) {
            let style = if event.bad {
                theme.bad()
            } else {
                Style::default()
            };
            let head = format!("{} {:8} ", format::clock(&event.at), event.kind.label());
            let available = usize::from(area.width).saturating_sub(head.chars().count());
            let text = event_text(event, theme) + &so_far(event, status);
            let spans = vec![
                Span::styled(head, style),
                Span::raw(format::cut(&text, available)),
            ];
            line(Line::from(spans), area, y, buffer);
        }
    }
}

/// The events with those of troubles that last in front.
fn ordered(status: &Status) -> impl Iterator<Item = &EventReport> {
    let is_ongoing = |event: &&EventReport| {
        let trouble = event.trouble.as_ref();
        trouble.is_some_and(|trouble| trouble.is_ongoing())
    };
    let others = status.events.iter().filter(move |it| !is_ongoing(it));
    status.events.iter().filter(is_ongoing).chain(others)
}

/// How long a trouble lasts already, such as `, 58s so far`.
pub fn so_far(event: &EventReport, status: &Status) -> String {
    let trouble = event.trouble.as_ref();
    let trouble = trouble.filter(|trouble| trouble.is_ongoing());
    trouble.map_or_else(String::new, |trouble| {
        let lasts = format::between(&trouble.since, &status.generated_at);
        format!(", {lasts} so far")
    })
}

/// The text of an alert; amounts are hidden if masked.
pub fn alert_text(alert: &AlertReport, theme: Theme) -> String {
    let text = match &alert.provider {
        Some(provider) => format!("{provider}: {}", alert.message),
        None => theme.secret(&alert.message),
    };
    ascii_only(text, theme)
}

/// Whether an alert tells only of a provider's state: not of a budget, and not of an operator.
fn is_about_provider(event: &EventReport) -> bool {
    let by_operator = ["acknowledged", "muted"];
    let change = event.alert.as_ref().map(|alert| alert.change.as_str());
    event.provider.is_some() && !change.is_some_and(|change| by_operator.contains(&change))
}

/// The text of an event; amounts and names of people are hidden if masked.
pub fn event_text(event: &EventReport, theme: Theme) -> String {
    // Changes contain names of people, budgets amounts.
    let text = match event.kind {
        EventKind::Change | EventKind::Budget => theme.secret(&event.text),
        EventKind::Alert if !is_about_provider(event) => theme.secret(&event.text),
        EventKind::Breaker
        | EventKind::Limit
        | EventKind::Key
        | EventKind::Trouble
        | EventKind::Probe
        | EventKind::Request
        | EventKind::Alert
        | EventKind::Info => event.text.clone(),
    };
    let text = match &event.provider {
        Some(provider) => format!("{provider}: {text}"),
        None => text,
    };
    ascii_only(text, theme)
}

fn ascii_only(text: String, theme: Theme) -> String {
    if theme.ascii {
        text.replace('→', "->")
            .replace(|c: char| !c.is_ascii(), "?")
    } else {
        text
    }
}
