//! All that is known of one alert: rule, effect, what operators did, history, and what to do.

use super::super::listing::plain;
use crate::contract::{AlertReport, Status};
use crate::tui::format;
use crate::tui::keymap::Action;
use crate::tui::model::Model;
use ratatui::text::{Line, Span};

/// Cells of the words on the left.
const LABEL: usize = 9;

/// The lines below the list.
pub(super) fn lines<'a>(
    model: &Model,
    status: &Status,
    alert: &AlertReport,
    width: u16,
) -> Vec<Line<'a>> {
    let theme = model.theme();
    let rows = [
        ("rule", rule_text(alert)),
        ("since", since_text(alert, status)),
        ("effect", effect_text(alert)),
        ("state", state_text(model, alert, status)),
        ("before", before_text(alert)),
        ("do", alert.help.clone()),
        ("keys", keys_text(model, alert)),
    ];
    let text_width = usize::from(width).saturating_sub(LABEL + 2);
    let mut lines = Vec::new();
    for (label, text) in rows {
        for (at, part) in format::wrap(&plain(&text, theme), text_width, 0)
            .into_iter()
            .enumerate()
        {
            let label = if at == 0 { label } else { "" };
            lines.push(Line::from(vec![
                Span::styled(format!(" {}", format::left(label, LABEL)), theme.dim()),
                Span::raw(part),
            ]));
        }
    }
    lines
}

fn rule_text(alert: &AlertReport) -> String {
    let number = |value: f64| {
        let text = format!("{value:.3}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        text.to_owned()
    };
    format!(
        "{}: {}, the threshold is {}",
        alert.rule,
        number(alert.value),
        number(alert.threshold)
    )
}

fn since_text(alert: &AlertReport, status: &Status) -> String {
    let end = alert.until.as_ref().unwrap_or(&status.generated_at);
    let lasted = format::between(&alert.since, end);
    match &alert.until {
        Some(until) => format!(
            "{}, over at {} after {lasted}",
            alert.since,
            format::clock(until)
        ),
        None => format!("{}, for {lasted} now", alert.since),
    }
}

/// What callers saw while it lasted.
fn effect_text(alert: &AlertReport) -> String {
    let Some(effect) = alert.effect else {
        return "not known: figures do not reach back so far".to_owned();
    };
    let callers = match (effect.requests, effect.failed_requests) {
        (0, _) => "callers sent nothing meanwhile".to_owned(),
        (all, 0) => format!("callers saw no error in {} requests", format::count(all)),
        (all, failed) => format!(
            "callers saw {} of {} requests fail",
            format::count(failed),
            format::count(all)
        ),
    };
    match &alert.provider {
        Some(provider) if effect.attempts > 0 => format!(
            "{callers}; {provider} failed {} of {} attempts",
            format::count(effect.failed_attempts),
            format::count(effect.attempts)
        ),
        Some(provider) => format!("{callers}; no attempt at {provider} ended"),
        None => callers,
    }
}

fn state_text(model: &Model, alert: &AlertReport, status: &Status) -> String {
    let mut parts = vec![alert.state.clone()];
    if let Some(who) = &alert.acknowledged_by {
        let who = model.theme().secret(who.as_str());
        parts.push(format!("acknowledged by {who}"));
    }
    if let Some(until) = &alert.muted_until {
        let left = format::between(&status.generated_at, until);
        parts.push(format!("muted until {} ({left})", format::clock(until)));
    }
    parts.join(", ")
}

fn before_text(alert: &AlertReport) -> String {
    let Some(history) = &alert.history else {
        return "loading".to_owned();
    };
    if history.times == 0 {
        return "not among the last 50 alerts that ended".to_owned();
    }
    let times = match history.times {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    let longest = history.longest_seconds.unwrap_or_default();
    let ended = history.ended.as_deref().unwrap_or_default();
    let day = ended.get(..10).unwrap_or_default();
    format!(
        "{times} among the last 50 alerts; the longest {}; the latest ended {day} {}",
        length(longest),
        format::clock(ended)
    )
}

fn length(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{seconds:.0}s"),
        ..7_200.0 => format!("{:.0}m", seconds / 60.0),
        _ => format!("{:.0}h", seconds / 3_600.0),
    }
}

fn keys_text(model: &Model, alert: &AlertReport) -> String {
    let mut keys = Vec::new();
    let acknowledge = model.key(Action::Acknowledge);
    if alert.until.is_none() && alert.acknowledged_by.is_none() {
        keys.push(format!("{acknowledge} acknowledge"));
    }
    let what = if alert.provider.is_some() {
        "mute, drain, probe"
    } else {
        "mute"
    };
    keys.push(format!("{} {what}", model.key(Action::Menu)));
    if alert.provider.is_some() {
        keys.push(format!("{} provider", model.key(Action::Open)));
    }
    keys.join("  ")
}
