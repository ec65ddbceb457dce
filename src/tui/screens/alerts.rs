//! Providers in trouble, and recent problems.
//!
//! ```text
//! ── ALERTS 2 providers in trouble ──
//! STATE   SINCE     FOR    PROVIDER     SUCCESS        WHY
//! >✗OPEN  03:10:11  4m     openai       ▇▇▇▇▇▇▅▃▁▁·▁   breaker open for 12 s more
//! ── RECENT PROBLEMS ──
//! 03:10:11 BREAKER openai: gpt-5.1 OPEN …
//! ```

use super::listing::{first_row, plain, rows};
use crate::contract::{EventReport, ProviderStatus, Status};
use crate::tui::format;
use crate::tui::model::{Model, trouble};
use crate::tui::panels::{alert_text, event_text, so_far};
use crate::tui::widgets::line::line;
use crate::tui::widgets::line::rule;
use crate::tui::widgets::strip;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

pub fn draw(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let all = model.rows();
    let troubled = model.troubled();
    let idle: Vec<String> = all
        .iter()
        .filter(|row| trouble(row.performance.state) == 0)
        .map(|row| {
            let state = theme.state_word(row.performance.state);
            format!("{state} {}", row.performance.provider)
        })
        .collect();
    rule(
        &format!("ALERTS: {} in trouble", troubled.len()),
        theme,
        area,
        buffer,
    );
    let wanted = u16::try_from(troubled.len().max(1)).unwrap_or(u16::MAX);
    let height = wanted.saturating_add(1).min(area.height / 2);
    let list = rows(area, 1, height);
    let strip_width = if area.width >= 100 { 20 } else { 12 };
    let head = format!(
        "  {} {} {} {} {} WHY",
        format::left("STATE", 7),
        format::left("SINCE", 8),
        format::right("FOR", 6),
        format::left("PROVIDER", 14),
        format::left("SUCCESS", strip_width)
    );
    line(Line::styled(head, theme.dim()), list, 0, buffer);
    if troubled.is_empty() {
        line(
            Line::styled("  all providers are healthy", theme.good()),
            list,
            1,
            buffer,
        );
    }
    let selected = model.selected_name();
    let is_selected = |row: &ProviderStatus| Some(&row.performance.provider) == selected.as_ref();
    let at = troubled
        .iter()
        .position(|row| is_selected(row))
        .unwrap_or(0);
    let first = first_row(at, usize::from(list.height.saturating_sub(1)));
    for (y, row) in (1..list.height).zip(troubled.into_iter().skip(first)) {
        line(
            alert(model, status, row, is_selected(row), strip_width),
            list,
            y,
            buffer,
        );
    }
    let mut below = height + 1;
    if !idle.is_empty() {
        let text = format!("  not in use: {}", idle.join("  "));
        line(Line::styled(text, theme.dim()), area, below, buffer);
        below += 1;
    }
    below += active(model, status, rows(area, below, area.height), buffer);
    problems(model, status, rows(area, below, area.height), buffer);
}

/// Active alerts, with what operators did; returns the number of lines.
fn active(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) -> u16 {
    let wanted = u16::try_from(status.alerts.len()).unwrap_or(u16::MAX);
    let shown = wanted.min(area.height.saturating_sub(1) / 2);
    if shown == 0 {
        return 0;
    }
    let theme = model.theme();
    let title = format!("ACTIVE ALERTS: {wanted}");
    rule(&title, theme, area, buffer);
    for (y, alert) in (1..=shown).zip(&status.alerts) {
        let style = if alert.state == "firing" {
            theme.bad()
        } else {
            theme.dim()
        };
        let head = format!(
            "  {} {:8} {:12} ",
            format::clock(&alert.since),
            alert.severity.to_uppercase(),
            alert.state
        );
        let spans = vec![
            Span::styled(head, style),
            Span::raw(plain(&alert_text(alert, theme), theme)),
        ];
        line(Line::from(spans), area, y, buffer);
    }
    shown + 1
}

fn alert<'a>(
    model: &Model,
    status: &Status,
    row: &ProviderStatus,
    is_selected: bool,
    width: usize,
) -> Line<'a> {
    let theme = model.theme();
    let performance = &row.performance;
    let since = &row.state_since;
    let mut spans = vec![
        Span::styled(if is_selected { " >" } else { "  " }, theme.accent()),
        Span::styled(
            format::left(&theme.state_word(performance.state), 7),
            theme.state(performance.state),
        ),
        Span::raw(format!(
            " {} {} {} ",
            format::clock(since),
            format::right(&format::between(since, &status.generated_at), 6),
            format::left(&performance.provider, 14)
        )),
    ];
    spans.extend(strip::success(&row.series, width, theme));
    spans.push(Span::raw(format!(" {}", plain(&row.why, theme))));
    Line::from(spans)
}

fn problems(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    if area.height < 2 {
        return;
    }
    let theme = model.theme();
    let is_problem = |event: &&EventReport| event.bad || event.trouble.is_some();
    let bad: Vec<_> = status.events.iter().filter(is_problem).collect();
    rule(
        &format!("RECENT PROBLEMS: {}", bad.len()),
        theme,
        area,
        buffer,
    );
    if bad.is_empty() {
        let text = "  none in the latest events";
        line(Line::styled(text, theme.dim()), area, 1, buffer);
    }
    for (y, event) in (1..area.height).zip(bad) {
        let style = if event.bad { theme.bad() } else { theme.dim() };
        let head = format!("  {} {:8} ", format::clock(&event.at), event.kind.label());
        let spans = vec![
            Span::styled(head, style),
            Span::raw(event_text(event, theme) + &so_far(event, status)),
        ];
        line(Line::from(spans), area, y, buffer);
    }
}
