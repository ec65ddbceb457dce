//! One provider: latency with events, models, latency breakdown, errors, latency distribution, and
//! the last decisions.
//!
//! ```text
//! azure ▲ SLOW for 5m  share 25%  rank 6/7  score 58
//! ── LATENCY 15m ──            p99 7.2s p95 3.9s p50 512
//! ── LATENCY BREAKDOWN ──      ── ERRORS 15m ──
//! ── LATENCY DISTRIBUTION ──
//! ── LAST DECISIONS ──
//! ```

use super::decision_list::decision_list;
use super::listing::{emptiness, plain, rows};
use super::models;
use crate::contract::{DecisionReport, ProviderStatus, RateLeft, Status};
use crate::tui::draft::effective;
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::panels::event_marks;
use crate::tui::widgets::chart::{self, Measure};
use crate::tui::widgets::line::line;
use crate::tui::widgets::line::rule;
use crate::tui::widgets::{heat, strip};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Cells for the numbers right of the chart.
const NUMBERS: u16 = 12;
/// Two columns from this width on.
const WIDE: u16 = 100;
/// Rows of the heat map with its title.
const HEAT: u16 = 6;

pub fn draw(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    let Some(provider) = model.selected() else {
        line(Line::raw(" no provider to show"), area, 0, buffer);
        return;
    };
    let heads = head(model, status, provider, area.width);
    let heads = heads.into_iter().chain(keys(status, provider, area.width));
    let mut y = 0;
    for text in heads {
        line(text, area, y, buffer);
        y += 1;
    }
    let wide = area.width >= WIDE;
    let tall = area.height >= 30;
    let heat_height = if tall { HEAT } else { 0 };
    // Two columns side by side on a wide screen, else fewer rows.
    let middle = if wide { 6 } else { 3 };
    let decisions = if tall { 8 } else { 4 };
    let models = models::height(provider, area.height);
    let chart = area
        .height
        .saturating_sub(y + 1 + middle + heat_height + decisions + models);
    latency(model, provider, rows(area, y, chart), buffer);
    y += chart;
    line(share(model, status, provider, area.width), area, y, buffer);
    y += 1;
    models::draw(model, provider, rows(area, y, models), buffer);
    y += models;
    if wide {
        let half = area.width / 2;
        let left = rows(
            Rect {
                width: half,
                ..area
            },
            y,
            middle,
        );
        let right = Rect {
            x: area.x + half,
            width: area.width - half,
            ..area
        };
        time(model, provider, left, buffer);
        errors(model, provider, rows(right, y, middle), buffer);
    } else {
        rule("TIME AND ERRORS", model.theme(), rows(area, y, 1), buffer);
        line(time_line(provider), area, y + 1, buffer);
        line(error_line(model, provider), area, y + 2, buffer);
    }
    y += middle;
    if tall {
        let spread = rows(area, y, heat_height);
        let title = "LATENCY DISTRIBUTION: the darker, the larger the part of the responses";
        rule(title, model.theme(), spread, buffer);
        heat::draw(
            &provider.series,
            model.theme(),
            rows(spread, 1, HEAT - 1),
            buffer,
        );
        y += heat_height;
    }
    last_decisions(model, provider, rows(area, y, decisions), buffer);
}

fn head<'a>(
    model: &Model,
    status: &Status,
    provider: &ProviderStatus,
    width: u16,
) -> [Line<'a>; 2] {
    let theme = model.theme();
    let performance = &provider.performance;
    let state = performance.state;
    let serving = status.providers.iter().filter(|it| it.may_serve());
    let rank = status.rank(provider).map_or_else(
        || "no rank".to_owned(),
        |rank| format!("rank {rank}/{}", serving.count()),
    );
    let score = format::score(provider.score);
    let since = format::between(&provider.state_since, &status.generated_at);
    let weights = effective(&status.weights, provider.weights.as_ref());
    let own = provider.weights.map_or_else(String::new, |_| {
        let parts = [weights.cost, weights.latency, weights.reliability];
        format!(
            "  own weights {}",
            parts.map(|part| format!("{part:.0}")).join("/")
        )
    });
    let first = Line::from(vec![
        Span::styled(format!(" {} ", performance.provider), theme.strong()),
        Span::styled(theme.state_word(state), theme.state(state)),
        Span::raw(format!(
            " for {since}  share {}%  {rank}  score {score}  priority {}{own}  {}",
            format::share(provider.share),
            provider.priority,
            plain(&provider.why, theme),
        )),
    ]);
    let limit = provider
        .max_concurrent
        .map(|max| format!(" of {max}"))
        .unwrap_or_default();
    // Wide screens show them in the latency breakdown.
    let rates = rates_left(provider).filter(|_| width < WIDE);
    let rates = rates.map_or_else(String::new, |rates| format!(", {rates}"));
    let bar = provider
        .factors
        .map(|factors| format!("  {}", strip::score_bar(&factors, &weights, 20)));
    let second = format!(
        " {} requests, {} running{limit}{rates}, {} req/s, {}/h, available {}%{}",
        format::count(performance.requests),
        performance.in_flight,
        format::rate(provider.requests_per_second),
        format::usd(provider.usd_per_hour, theme),
        format::percent(performance.availability),
        bar.unwrap_or_default(),
    );
    [first, Line::raw(second)]
}

/// The keys of a provider with several: name, state, and what is left of their rate limits.
fn keys<'a>(status: &Status, provider: &ProviderStatus, width: u16) -> Option<Line<'a>> {
    let shown = provider.keys.iter().map(|key| {
        let left = match (&key.until, key.requests_left) {
            (Some(until), _) => format!(" for {}", format::between(&status.generated_at, until)),
            (None, Some(left)) => format!(", {left:.0} req left"),
            (None, None) => String::new(),
        };
        format!("{} {}{left}", key.name, key.state.as_str())
    });
    let shown: Vec<String> = shown.collect();
    let text = format!(" keys: {}", shown.join("   "));
    (!shown.is_empty()).then(|| Line::raw(format::cut(&text, width.into())))
}

/// The share of all attempts over time, on the time axis of the chart above.
fn share<'a>(model: &Model, status: &Status, provider: &ProviderStatus, width: u16) -> Line<'a> {
    let own = &provider.series.buckets;
    let part = |at: usize| {
        let here = |it: &ProviderStatus| it.series.buckets.get(at).map_or(0, |it| it.requests);
        let all: u64 = status.providers.iter().map(|it| u64::from(here(it))).sum();
        let own = own.get(at)?;
        (all > 0).then(|| f64::from(own.requests) / all as f64)
    };
    let parts: Vec<Option<f64>> = (0..own.len()).map(part).collect();
    let available = usize::from(width.saturating_sub(NUMBERS + chart::AXIS));
    let cells: Vec<Option<f64>> = (0..available)
        .filter_map(|cell| parts.get(cell * parts.len() / available).copied())
        .collect();
    let now = format!("{}%", format::share(provider.share));
    Line::from(vec![
        Span::styled(
            format::left("share", usize::from(chart::AXIS)),
            model.theme().dim(),
        ),
        Span::raw(strip::bars(&cells, 1.0, model.theme())),
        Span::styled(" now ", model.theme().dim()),
        Span::raw(format::right(&now, 6)),
    ])
}

fn latency(model: &Model, provider: &ProviderStatus, area: Rect, buffer: &mut Buffer) {
    if area.height < 2 {
        return;
    }
    let theme = model.theme();
    let width = provider.series.bucket_seconds;
    let (of, latency) = match model.measure {
        Measure::Whole => ("LATENCY", &provider.performance.latency_ms),
        Measure::FirstToken => ("FIRST TOKEN", &provider.performance.time_to_first_token_ms),
    };
    let title = format!(
        "{of} {}, {width} s a column, log scale",
        model.shown_window().as_str()
    );
    rule(&title, model.theme(), area, buffer);
    let inside = rows(area, 1, area.height - 1);
    let plot = Rect {
        width: inside.width.saturating_sub(NUMBERS),
        ..inside
    };
    let marks = event_marks(model, &provider.performance.provider);
    let shown = (&provider.series, model.measure);
    chart::draw(shown, &marks, theme, plot, buffer);
    let numbers = Rect {
        x: inside.x + plot.width + 1,
        width: NUMBERS.min(inside.width).saturating_sub(1),
        ..inside
    };
    let values = [
        ("p99", latency.p99, theme.dim()),
        ("p95", latency.p95, theme.warn()),
        ("p50", latency.p50, theme.good()),
    ];
    for (y, (name, value, style)) in (0..inside.height).zip(values) {
        let text = Line::from(vec![
            Span::styled(format!("{name} "), style),
            Span::raw(format::right(&format::latency(value), 6)),
        ]);
        line(text, numbers, y, buffer);
    }
}

/// First token and whole response, as bars on one scale.
fn time(model: &Model, provider: &ProviderStatus, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    rule("LATENCY BREAKDOWN", model.theme(), area, buffer);
    let latency = &provider.performance.latency_ms;
    let first = &provider.performance.time_to_first_token_ms;
    let most = latency.p95.or(first.p95).unwrap_or(0.0).max(1.0);
    let values = [
        ("first token p50", first.p50),
        ("first token p95", first.p95),
        ("response p50", latency.p50),
        ("response p95", latency.p95),
    ];
    let available = usize::from(area.width).saturating_sub(28);
    for (y, (name, value)) in (1..area.height).zip(values) {
        let bar = value.map_or(String::new(), |value| {
            let cells =
                (0..available).take_while(|cell| (*cell as f64) < value / most * available as f64);
            theme.mark('▇', '#').to_string().repeat(cells.count())
        });
        let number = format::right(&format::latency(value), 6);
        line(
            Line::raw(format!(" {} {number} {bar}", format::left(name, 16))),
            area,
            y,
            buffer,
        );
    }
    if let Some(rates) = rates_left(provider).filter(|_| area.height > 5) {
        line(Line::raw(format!(" {rates}")), area, 5, buffer);
    }
}

/// The rest of the configured limits per minute, if any: `left/min 462/500 req, 121.4k/200.0k tok`.
fn rates_left(provider: &ProviderStatus) -> Option<String> {
    let rates = &provider.rates;
    let left = |rate: Option<RateLeft>, unit: &str| {
        rate.map(|RateLeft { limit, left }| {
            let (left, limit) = (format::count(left), format::count(limit));
            format!("{left}/{limit} {unit}")
        })
    };
    let both = [
        left(rates.requests_per_minute, "req"),
        left(rates.tokens_per_minute, "tok"),
    ];
    let both: Vec<String> = both.into_iter().flatten().collect();
    (!both.is_empty()).then(|| format!("left/min {}", both.join(", ")))
}

fn time_line<'a>(provider: &ProviderStatus) -> Line<'a> {
    let latency = &provider.performance.latency_ms;
    let first = &provider.performance.time_to_first_token_ms;
    Line::raw(format!(
        " first token p50 {} p95 {}   response p50 {} p95 {}",
        format::latency(first.p50),
        format::latency(first.p95),
        format::latency(latency.p50),
        format::latency(latency.p95)
    ))
}

fn errors(model: &Model, provider: &ProviderStatus, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let title = format!("ERRORS {}", model.shown_window().as_str());
    rule(&title, model.theme(), area, buffer);
    let rate = provider.performance.error_rate.map(|rate| rate * 100.0);
    let rate = rate.map_or_else(
        || "no counted requests".to_owned(),
        |rate| format!("{rate:.2}% of counted requests"),
    );
    let all: u64 = provider.failures.iter().map(|failure| failure.count).sum();
    let mut lines = vec![format!(" {all} failed, {rate}")];
    let mut failures: Vec<_> = provider.failures.iter().collect();
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    let counts = failures
        .iter()
        .map(|failure| format!(" {} {:>6}", format::left(&failure.kind, 16), failure.count));
    lines.extend(counts.take(3));
    lines.push(format!(
        " {} {:>6}  not counted",
        format::left("client cancelled", 16),
        provider.cancelled
    ));
    for (y, text) in (1..area.height).zip(lines) {
        let style = if y == 1 && all > 0 {
            theme.warn()
        } else {
            ratatui::style::Style::default()
        };
        line(Line::styled(text, style), area, y, buffer);
    }
}

fn error_line<'a>(model: &Model, provider: &ProviderStatus) -> Line<'a> {
    let kinds: Vec<String> = provider
        .failures
        .iter()
        .map(|failure| format!("{} {}", failure.kind, failure.count))
        .collect();
    let kinds = if kinds.is_empty() {
        format!("none in {}", model.shown_window().as_str())
    } else {
        kinds.join("  ")
    };
    Line::raw(format!(
        " errors: {kinds}   client cancelled: {} (not counted)",
        provider.cancelled
    ))
}

fn last_decisions(model: &Model, provider: &ProviderStatus, area: Rect, buffer: &mut Buffer) {
    if area.height < 2 {
        return;
    }
    let theme = model.theme();
    rule("LAST DECISIONS", model.theme(), area, buffer);
    let inside = rows(area, 1, area.height - 1);
    let name = Some(&provider.performance.provider);
    let own = |row: &&DecisionReport| row.provider.as_ref() == name;
    let decisions: Vec<&DecisionReport> = model.decisions.rows.iter().filter(own).collect();
    match emptiness(&model.decisions, "none of the latest requests went here") {
        Some(text) => line(
            Line::styled(plain(&text, theme), theme.dim()),
            inside,
            0,
            buffer,
        ),
        None => decision_list(&decisions, None, theme, inside, buffer),
    }
}
