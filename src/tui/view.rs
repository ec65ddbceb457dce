//! The picture of a model, pure: the same model gives the same cells.
//!
//! ```text
//! header     where am I, is it live, since when         never scrolls
//! service    are callers hurt                            never scrolls
//! trouble    what is broken                              never scrolls
//! table      one row for each provider, trouble first
//! panels     latency, success, cost, events             (or the weights view below the trouble)
//! notice     what came of the last wish
//! footer     what may I do here
//! ```

use super::format;
use super::keymap::BINDINGS;
use super::model::{FRESH, Link, Model, trouble};
use super::panels::{self, boxes, weights};
use super::widgets::strip;
use crate::contract::{ProviderStatus, Status};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

/// Smaller than this there is room for one line per trouble and no more.
const SMALLEST: (u16, u16) = (60, 15);

/// Draws everything.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    if area.width == 0 || area.height == 0 {
        return;
    }
    let Some(status) = model.shown() else {
        waiting(model, area, buffer);
        boxes::draw(model, area, buffer);
        return;
    };
    line(header(model, status, area.width), area, 0, buffer);
    line(service(model, status, area.width), area, 1, buffer);
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        emergency(model, status, area, buffer);
    } else {
        line(trouble_line(model, status), area, 2, buffer);
        let body = Rect {
            y: area.y + 3,
            height: area.height.saturating_sub(5),
            ..area
        };
        if model.in_weights {
            weights::draw(model, status, body, buffer);
        } else {
            panels::draw(model, status, body, buffer);
        }
        line(notice(model), area, area.height - 2, buffer);
    }
    if area.height > 3 {
        line(footer(model, area.width), area, area.height - 1, buffer);
    }
    boxes::draw(model, area, buffer);
}

/// A line of the screen, by its distance from the top.
pub(super) fn line(text: Line<'_>, area: Rect, y: u16, buffer: &mut Buffer) {
    if y < area.height {
        let too_long = text.width() > usize::from(area.width);
        text.render(
            Rect {
                y: area.y + y,
                height: 1,
                ..area
            },
            buffer,
        );
        if too_long && let Some(cell) = buffer.cell_mut((area.x + area.width - 1, area.y + y)) {
            cell.set_char('~');
        }
    }
}

fn waiting(model: &Model, area: Rect, buffer: &mut Buffer) {
    let text = match &model.link {
        Link::Lost(why) => format!(
            " {} does not answer: {why}; trying again",
            model.options.place
        ),
        _ => format!(" waiting for {}", model.options.place),
    };
    line(Line::raw(text), area, 0, buffer);
    line(footer(model, area.width), area, area.height - 1, buffer);
}

fn header<'a>(model: &Model, status: &'a Status, width: u16) -> Line<'a> {
    let theme = model.theme();
    let environment = match status.environment.as_str() {
        "prod" | "production" => Span::styled(" PROD ", theme.bad()),
        other => Span::styled(format!(" {} ", other.to_uppercase()), theme.strong()),
    };
    let (link, style) = link(model);
    let mut spans = vec![
        environment,
        Span::raw(format!("{} ", model.options.place)),
        Span::styled(link, style),
    ];
    spans.push(Span::raw(format!(
        "  {}Z",
        format::clock(&status.generated_at)
    )));
    spans.push(Span::raw(format!("  rev {}", status.revision)));
    let weights = &status.weights;
    let draft = model
        .draft
        .as_ref()
        .filter(|draft| draft.is_changed())
        .map(|_| " DRAFT");
    if width >= 100 {
        spans.push(Span::raw(format!(
            "  {}  cost {:.0} latency {:.0} reliability {:.0}",
            status.strategy, weights.cost, weights.latency, weights.reliability
        )));
    } else {
        spans.push(Span::raw(format!(
            "  c{:.0} l{:.0} r{:.0}",
            weights.cost, weights.latency, weights.reliability
        )));
    }
    spans.push(Span::styled(draft.unwrap_or_default(), theme.accent()));
    spans.push(Span::raw(format!("  win {}", status.window.word())));
    if model.options.read_only {
        spans.push(Span::styled("  READ-ONLY", theme.warn()));
    }
    Line::from(spans)
}

fn link(model: &Model) -> (String, Style) {
    let theme = model.theme();
    let age = model.age().as_secs();
    if model.frozen.is_some() {
        return (format!("{} FROZEN", theme.mark('❚', '=')), theme.warn());
    }
    match &model.link {
        Link::Lost(_) => (
            format!("{} OFFLINE {age}s", theme.mark('✗', 'X')),
            theme.bad(),
        ),
        _ if model.age() > FRESH => (
            format!("{} STALE {age}s", theme.mark('○', 'o')),
            theme.warn(),
        ),
        _ => (format!("{} LIVE", theme.mark('●', '*')), theme.good()),
    }
}

fn service<'a>(model: &Model, status: &Status, width: u16) -> Line<'a> {
    let theme = model.theme();
    let totals = &status.totals;
    let (word, style) = theme.service(status.state);
    let retried = totals.attempts.saturating_sub(totals.requests);
    let part = if totals.requests > 0 {
        retried as f64 / totals.requests as f64
    } else {
        0.0
    };
    let success = match totals.success_rate {
        Some(rate) if rate < 0.99 => theme.bad(),
        Some(rate) if rate < 0.999 => theme.warn(),
        _ => Style::default(),
    };
    let mut spans = vec![
        Span::styled(format!(" {word} "), style),
        Span::styled(
            format!("{}%", format::percent(totals.success_rate)),
            success,
        ),
        Span::raw(format!(" of {} ok", format::count(totals.requests))),
        Span::raw(format!(
            "  p50 {} p95 {}",
            format::latency(totals.latency_ms.p50),
            format::latency(totals.latency_ms.p95),
        )),
    ];
    if width >= 100 {
        spans.push(Span::raw(format!(
            " p99 {}",
            format::latency(totals.latency_ms.p99)
        )));
    }
    spans.push(Span::raw(format!(
        "  {} req/s",
        format::rate(status.requests_per_second)
    )));
    spans.push(Span::raw(format!(
        "  {}/h",
        format::sum(Some(status.usd_per_hour), totals.cost_basis, model.theme())
    )));
    let digits = usize::from(width >= 100);
    spans.push(Span::raw(format!("  retried {:.digits$}%", part * 100.0)));
    Line::from(spans)
}

fn trouble_line<'a>(model: &Model, status: &Status) -> Line<'a> {
    let theme = model.theme();
    let mut spans = Vec::new();
    if status.dropped.total() > 0 {
        spans.push(Span::styled(
            format!(" {} DROPPED ", status.dropped.total()),
            theme.bad(),
        ));
    }
    let troubled = troubled(status);
    if troubled.is_empty() && spans.is_empty() {
        return Line::styled(" no provider in trouble", theme.dim());
    }
    if !troubled.is_empty() {
        spans.push(Span::styled(format!(" !!{} ", troubled.len()), theme.bad()));
    }
    for provider in troubled {
        let performance = &provider.performance;
        spans.push(Span::styled(
            theme.state_word(performance.state),
            theme.state(performance.state),
        ));
        spans.push(Span::raw(format!(
            " {}: {}   ",
            performance.provider, provider.why
        )));
    }
    Line::from(spans)
}

fn troubled(status: &Status) -> Vec<&ProviderStatus> {
    let mut troubled: Vec<&ProviderStatus> = status
        .providers
        .iter()
        .filter(|provider| trouble(provider.performance.state) > 1)
        .collect();
    troubled.sort_by_key(|provider| std::cmp::Reverse(trouble(provider.performance.state)));
    troubled
}

fn notice<'a>(model: &Model) -> Line<'a> {
    let theme = model.theme();
    match &model.notice {
        Some(notice) if notice.bad => Line::styled(
            format!(" {} {}  (Esc)", theme.mark('✗', 'X'), notice.text),
            theme.bad(),
        ),
        Some(notice) => Line::styled(
            format!(" {} {}", theme.mark('✓', '+'), notice.text),
            theme.good(),
        ),
        None => Line::default(),
    }
}

fn footer<'a>(model: &Model, width: u16) -> Line<'a> {
    let theme = model.theme();
    let place = model.place();
    let mut spans = Vec::new();
    let mut used = 0;
    for binding in BINDINGS
        .iter()
        .filter(|binding| binding.places.contains(&place) && !binding.short.is_empty())
    {
        let key = shown_key(binding.keys[0], theme.ascii);
        let text = format!(" {}  ", binding.short);
        used += key.chars().count() + text.chars().count();
        if used + 1 > usize::from(width) {
            break;
        }
        spans.push(Span::styled(format!(" {key}"), theme.strong()));
        spans.push(Span::styled(text.trim_end().to_owned() + " ", theme.dim()));
    }
    Line::from(spans)
}

/// A key as it can be shown.
pub(super) fn shown_key(key: &'static str, ascii: bool) -> &'static str {
    match key {
        "↓" if ascii => "down",
        "↑" if ascii => "up",
        "→" if ascii => "right",
        "←" if ascii => "left",
        key => key,
    }
}

/// One line for each trouble, then how many are well.
fn emergency(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let mut y = 2;
    let troubled = troubled(status);
    for provider in troubled
        .iter()
        .take(usize::from(area.height.saturating_sub(5)))
    {
        let performance = &provider.performance;
        let text = Line::from(vec![
            Span::styled(
                format!(" {:6}", theme.state_word(performance.state)),
                theme.state(performance.state),
            ),
            Span::raw(format!(" {} {}", performance.provider, provider.why)),
        ]);
        line(text, area, y, buffer);
        y += 1;
    }
    let well = status.providers.len() - troubled.len();
    line(
        Line::raw(format!(" +{well} not in trouble")),
        area,
        y,
        buffer,
    );
    let buckets = strip::success(
        &status.series,
        usize::from(area.width.saturating_sub(6)),
        theme,
    );
    line(Line::raw(format!(" ok {buckets}")), area, y + 1, buffer);
    line(
        Line::styled(" small screen: 60x15 shows charts", theme.dim()),
        area,
        y + 2,
        buffer,
    );
}
