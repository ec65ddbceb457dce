//! Alerts and providers in trouble, all that is known of the one under the cursor, and recent problems.
//!
//! ```text
//! ── ALERTS: 1 in trouble, 2 firing, 1 acknowledged, 3 over ──
//!   STATE   SINCE     FOR    PROVIDER       WHAT
//!  >ERROR   03:10:11  4m     openai         FIRING 12 % of 97 attempts failed in 5 min
//!  ✗OPEN    03:10:11  4m     openai         ▇▇▇▇▇▇▅▃▁▁·▁   breaker open for 12 s more
//! ── error_rate openai ──
//!  effect   callers saw no error in 1240 requests; openai failed 12 of 97 attempts
//! ── RECENT PROBLEMS ──
//! ```

mod details;

use super::listing::{first_row, plain, rows};
use crate::contract::{AlertReport, EventReport, ProviderStatus, Status};
use crate::tui::format;
use crate::tui::model::{AlertListRow, Model, trouble};
use crate::tui::panels::{event_text, so_far};
use crate::tui::theme::Theme;
use crate::tui::widgets::line::line;
use crate::tui::widgets::line::rule;
use crate::tui::widgets::strip;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Lines of the list that stay visible, however much there is to say of the row under the cursor.
const FEWEST_ROWS: u16 = 4;

pub fn draw(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let all = model.alert_rows();
    let at = model.alert_at();
    rule(&title(model, &all), theme, area, buffer);
    let details = match all.get(at) {
        Some(AlertListRow::Alert(alert)) => details::lines(model, status, alert, area.width),
        _ => Vec::new(),
    };
    let idle = idle(model);
    let below = u16::try_from(details.len()).unwrap_or(u16::MAX);
    let below = below.saturating_add(u16::from(below > 0) + u16::from(idle.is_some()));
    let wanted = u16::try_from(all.len().max(1)).unwrap_or(u16::MAX);
    // Without details, half of the screen is for recent problems.
    let most = if details.is_empty() {
        area.height / 2
    } else {
        area.height.saturating_sub(below + 1).max(FEWEST_ROWS + 1)
    };
    let height = wanted.saturating_add(1).min(most);
    let list = rows(area, 1, height);
    draw_list(model, status, (&all, at), list, buffer);
    let mut below = height + 1;
    if let (Some(AlertListRow::Alert(alert)), false) = (all.get(at), details.is_empty()) {
        let part = rows(area, below, area.height);
        let subject = alert.provider.as_deref().unwrap_or_default();
        let head = format!("{} {subject}", alert.rule);
        if part.height > 1 {
            rule(head.trim_end(), theme, part, buffer);
            below += 1;
        }
        for (y, text) in (1..part.height).zip(details) {
            line(text, part, y, buffer);
            below += 1;
        }
    }
    if let Some(idle) = idle {
        line(Line::styled(idle, theme.dim()), area, below, buffer);
        below += 1;
    }
    problems(model, status, rows(area, below, area.height), buffer);
}

/// `ALERTS: 1 in trouble, 2 firing, 1 acknowledged, 3 over`.
fn title(model: &Model, all: &[AlertListRow<'_>]) -> String {
    let count = |wanted: &str| {
        let alerts = all.iter();
        let found =
            alerts.filter(|row| matches!(row, AlertListRow::Alert(it) if it.state == wanted));
        found.count()
    };
    let mut parts = vec![format!("ALERTS: {} in trouble", model.troubled().len())];
    for (state, word) in [
        ("firing", "firing"),
        ("acknowledged", "acknowledged"),
        ("muted", "muted"),
        ("resolved", "over"),
    ] {
        let count = count(state);
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    parts.join(", ")
}

/// Providers that take no traffic and are in no trouble.
fn idle(model: &Model) -> Option<String> {
    let theme = model.theme();
    let all = model.rows().into_iter();
    let idle: Vec<String> = all
        .filter(|row| trouble(row.performance.state) == 0)
        .map(|row| {
            let state = theme.state_word(row.performance.state);
            format!("{state} {}", row.performance.provider)
        })
        .collect();
    (!idle.is_empty()).then(|| format!("  not in use: {}", idle.join("  ")))
}

fn draw_list(
    model: &Model,
    status: &Status,
    (all, at): (&[AlertListRow<'_>], usize),
    list: Rect,
    buffer: &mut Buffer,
) {
    let theme = model.theme();
    let head = format!(
        "  {} {} {} {} WHAT",
        format::left("STATE", 8),
        format::left("SINCE", 8),
        format::right("FOR", 6),
        format::left("PROVIDER", 14),
    );
    line(Line::styled(head, theme.dim()), list, 0, buffer);
    if all.is_empty() {
        let text = "  all providers are healthy, and no alert is known";
        line(Line::styled(text, theme.good()), list, 1, buffer);
    }
    let width = if list.width >= 100 { 20 } else { 12 };
    let first = first_row(at, usize::from(list.height.saturating_sub(1)));
    for (y, (index, row)) in (1..list.height).zip(all.iter().enumerate().skip(first)) {
        let spans = match row {
            AlertListRow::Alert(alert) => alert_row(alert, status, theme),
            AlertListRow::Provider(row) => provider_row(row, status, width, theme),
        };
        let mark = if index == at { " >" } else { "  " };
        let mut all = vec![Span::styled(mark, theme.accent())];
        all.extend(spans);
        line(Line::from(all), list, y, buffer);
    }
}

fn alert_row<'a>(alert: &AlertReport, status: &Status, theme: Theme) -> Vec<Span<'a>> {
    let style = match (alert.state.as_str(), alert.severity.as_str()) {
        ("firing", "critical" | "error") => theme.bad(),
        ("firing", _) => theme.warn(),
        _ => theme.dim(),
    };
    let end = alert.until.as_ref().unwrap_or(&status.generated_at);
    let word = if alert.until.is_some() {
        "over".to_owned()
    } else {
        alert.severity.to_uppercase()
    };
    let state = match alert.state.as_str() {
        "firing" => "FIRING ",
        "acknowledged" => "acknowledged ",
        "muted" => "muted ",
        _ => "",
    };
    // Amounts stand in the messages of alerts about no provider.
    let message = match alert.provider {
        Some(_) => alert.message.clone(),
        None => theme.secret(&alert.message),
    };
    let rest = if alert.until.is_some() {
        theme.dim()
    } else {
        Style::default()
    };
    vec![
        Span::styled(format::left(&word, 8), style),
        Span::styled(
            format!(
                " {} {} {} ",
                format::clock(&alert.since),
                format::right(&format::between(&alert.since, end), 6),
                format::left(alert.provider.as_deref().unwrap_or("-"), 14)
            ),
            rest,
        ),
        Span::styled(state, style),
        Span::styled(plain(&message, theme), rest),
    ]
}

fn provider_row<'a>(
    row: &ProviderStatus,
    status: &Status,
    width: usize,
    theme: Theme,
) -> Vec<Span<'a>> {
    let performance = &row.performance;
    let since = &row.state_since;
    let mut spans = vec![
        Span::styled(
            format::left(&theme.state_word(performance.state), 8),
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
    spans
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
