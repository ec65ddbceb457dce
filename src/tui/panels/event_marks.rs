//! Events as marks below a chart.

use crate::contract::{EventKind, EventReport};
use crate::tui::model::Model;
use crate::tui::widgets::chart::Mark;

/// Events of a provider and changes of the configuration, as marks for its chart.
pub fn event_marks(model: &Model, provider: &str) -> Vec<Mark> {
    let events = model.shown().map(|status| status.events.as_slice());
    let is_meant = |event: &&EventReport| match event.kind {
        EventKind::Change => true,
        EventKind::Breaker | EventKind::Limit | EventKind::Probe => {
            event.provider.as_deref() == Some(provider)
        }
        EventKind::Request | EventKind::Budget | EventKind::Alert | EventKind::Info => false,
    };
    let mark = |event: &EventReport| {
        let at = event.at.parse::<jiff::Timestamp>().ok()?;
        let word = match event.kind {
            EventKind::Change => event.text.split_whitespace().nth(1).map_or_else(
                || "change".to_owned(),
                |revisions| format!("r{}", revisions.rsplit('→').next().unwrap_or("?")),
            ),
            EventKind::Limit => "429".to_owned(),
            EventKind::Breaker if event.text.contains("OPEN") => "OPEN".to_owned(),
            EventKind::Breaker => "breaker".to_owned(),
            EventKind::Probe
            | EventKind::Request
            | EventKind::Budget
            | EventKind::Alert
            | EventKind::Info => if event.bad { "DOWN" } else { "back" }.to_owned(),
        };
        Some((u64::try_from(at.as_second()).ok()?, word))
    };
    let events = events.unwrap_or_default().iter();
    events.rev().filter(is_meant).filter_map(mark).collect()
}
