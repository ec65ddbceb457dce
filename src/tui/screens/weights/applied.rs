//! After a draft was applied: what was predicted beside what is measured now.

use crate::contract::{EffectFiguresReport, Status, WhatIfTotalsReport};
use crate::tui::applied_forecast::AppliedForecast;
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::widgets::line::{line, rule};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use std::time::Duration;

/// Shares are those of so much time, so before that the change is only a part of them.
const SHARE_TIME: Duration = Duration::from_mins(1);
/// A share this far outside of its range did not come true; nor did a p95 or a cost beyond it by this
/// part.
const TOLERANCE: f64 = 0.05;
const TOLERANCE_PART: f64 = 0.25;

/// Draws the comparison for two minutes after the change. Returns false if there is none to draw.
pub(super) fn draw(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) -> bool {
    let shown = model.applied.as_ref();
    let shown = shown.and_then(|it| Some((it, it.time_left(model.now)?)));
    let in_force = |(it, _): &(&AppliedForecast, Duration)| {
        it.revision
            .is_none_or(|revision| revision == status.revision)
    };
    let shown = shown.filter(in_force).filter(|_| area.height >= 3);
    let Some((forecast, left)) = shown else {
        return false;
    };
    let revision = forecast
        .revision
        .map_or_else(String::new, |revision| format!("rev {revision}, "));
    let age = model.now.saturating_sub(forecast.at).as_secs();
    let title = format!(
        "PREDICTED | NOW ({revision}{age} s ago, now = the last 60 s; shown for {} s more)",
        left.as_secs()
    );
    rule(&title, model.theme(), area, buffer);
    for (y, text) in (1..area.height).zip(rows(model, status, forecast)) {
        line(text, area, y, buffer);
    }
    true
}

fn rows<'a>(model: &Model, status: &Status, forecast: &AppliedForecast) -> Vec<Line<'a>> {
    let theme = model.theme();
    let is_early = model.now.saturating_sub(forecast.at) < SHARE_TIME;
    let style = |came_true: bool| {
        if came_true {
            Style::default()
        } else {
            theme.warn()
        }
    };
    let row = |(name, predicted, range): &(String, f64, Option<[f64; 2]>)| {
        let provider = status
            .providers
            .iter()
            .find(|it| it.performance.provider == *name)?;
        let [low, high] = range.unwrap_or([*predicted; 2]);
        let came_true = is_early || (low - TOLERANCE..=high + TOLERANCE).contains(&provider.share);
        let expected = if low == high {
            format::share(*predicted)
        } else {
            format!("{}..{}", format::share(low), format::share(high))
        };
        let text = format!(
            "   {} {expected:>9}% | {:>3}%",
            format::left(name, 14),
            format::share(provider.share)
        );
        Some(Line::styled(text, style(came_true)))
    };
    let mut rows: Vec<Line<'a>> = forecast.shares.iter().filter_map(row).collect();
    let now = status.last_minute.unwrap_or_default();
    for (name, predicted, measured, came_true) in totals(&forecast.total, now, theme) {
        let text = format!(
            "   {} {predicted:>10} | {measured:>4}",
            format::left(name, 14)
        );
        rows.push(Line::styled(text, style(is_early || came_true)));
    }
    rows
}

/// Name, predicted and measured figure of all requests together, and whether it came true.
fn totals(
    predicted: &WhatIfTotalsReport,
    now: EffectFiguresReport,
    theme: Theme,
) -> [(&'static str, String, String, bool); 2] {
    let holds = |range: Option<[f64; 2]>, measured: Option<f64>| {
        let (Some([low, high]), Some(measured)) = (range, measured) else {
            return true;
        };
        (low * (1.0 - TOLERANCE_PART)..=high * (1.0 + TOLERANCE_PART)).contains(&measured)
    };
    let alone = |value: Option<f64>| value.map(|value| [value; 2]);
    let usd = predicted.usd_per_1k_requests;
    let usd_range = predicted.usd_per_1k_requests_range.or(alone(usd));
    [
        (
            "p95, all",
            format::latency_range(predicted.p95, predicted.p95_range),
            format::latency(now.p95),
            holds(predicted.p95_range.or(alone(predicted.p95)), now.p95),
        ),
        (
            "$ per 1k, all",
            format::usd(usd, theme),
            format::usd(now.usd_per_1k, theme),
            holds(usd_range, now.usd_per_1k),
        ),
    ]
}
