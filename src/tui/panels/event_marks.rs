//! Events as marks below a chart.

use crate::contract::{EventKind, EventReport, HealthState, TroubleReport};
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::widgets::chart::Mark;

/// Events of a provider and changes of the configuration, as marks for its chart.
pub fn event_marks(model: &Model, provider: &str) -> Vec<Mark> {
    let is_meant = |event: &&EventReport| {
        event.kind == EventKind::Change || event.provider.as_deref() == Some(provider)
    };
    let events = events(model).iter().filter(is_meant);
    sorted(events.flat_map(marks_of).collect())
}

/// Events of all providers and changes of the configuration, as marks for the chart of all requests,
/// each with the name of its provider.
pub(super) fn all_marks(model: &Model) -> Vec<Mark> {
    let named = |event: &EventReport| -> Vec<Mark> {
        let marks = marks_of(event).into_iter();
        let of = event.provider.as_ref();
        marks
            .map(|mark| Mark {
                of: of.cloned(),
                ..mark
            })
            .collect()
    };
    sorted(events(model).iter().flat_map(named).collect())
}

fn events(model: &Model) -> &[EventReport] {
    model.shown().map_or(&[], |status| &status.events)
}

fn sorted(mut marks: Vec<Mark>) -> Vec<Mark> {
    marks.sort_by_key(|mark| mark.at);
    marks
}

/// The marks of one event: of a trouble at its begin and at its end.
fn marks_of(event: &EventReport) -> Vec<Mark> {
    if let Some(trouble) = &event.trouble {
        return trouble_marks(trouble);
    }
    let word = match event.kind {
        EventKind::Change => event.text.split_whitespace().nth(1).map_or_else(
            || "change".to_owned(),
            |revisions| format!("r{}", revisions.rsplit('→').next().unwrap_or("?")),
        ),
        EventKind::Limit if event.text.contains("not_found") => "404".to_owned(),
        EventKind::Limit if event.text.contains("overloaded") => "busy".to_owned(),
        EventKind::Limit => "429".to_owned(),
        EventKind::Key => "key".to_owned(),
        EventKind::Breaker if event.text.contains("OPEN") => "OPEN".to_owned(),
        EventKind::Breaker => "breaker".to_owned(),
        EventKind::Probe if event.bad => "DOWN".to_owned(),
        EventKind::Probe => "back".to_owned(),
        EventKind::Trouble
        | EventKind::Request
        | EventKind::Budget
        | EventKind::Alert
        | EventKind::Info => return Vec::new(),
    };
    mark(&event.at, &word).into_iter().collect()
}

fn trouble_marks(trouble: &TroubleReport) -> Vec<Mark> {
    let Some(worst) = trouble.worst else {
        return Vec::new();
    };
    let word = match worst {
        HealthState::Down => "DOWN",
        HealthState::Open | HealthState::HalfOpen => "OPEN",
        HealthState::Failing => "ERR",
        HealthState::Limited => "429",
        HealthState::Slow => "SLOW",
        HealthState::Ok | HealthState::Draining | HealthState::Off | HealthState::Unknown => "?",
    };
    let end = trouble.until.as_ref();
    let both = [
        mark(&trouble.since, word),
        end.and_then(|at| mark(at, "OK")),
    ];
    both.into_iter().flatten().collect()
}

fn mark(at: &str, word: &str) -> Option<Mark> {
    Some(Mark {
        at: format::unix_seconds(at)?,
        word: word.to_owned(),
        of: None,
    })
}
