//! The header: instance, liveness and revision, and below it how the callers fare.

use crate::contract::Status;
use crate::tui::draft::Draft;
use crate::tui::format;
use crate::tui::frame_pacer::is_slow;
use crate::tui::input_context::Screen;
use crate::tui::keymap::Action;
use crate::tui::model::{LinkState, Model, STALE_AFTER, ShownPast};
use crate::tui::theme::Theme;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Parts of a line, each with a rank: higher ranks are left out first, 0 never.
type Parts<'a> = Vec<(u8, Span<'a>)>;

/// The parts that fit; those with the highest rank are left out first.
fn fitted(mut parts: Parts<'_>, width: u16) -> Line<'_> {
    let available = usize::from(width);
    loop {
        let used: usize = parts.iter().map(|(_, span)| span.width()).sum();
        let least = parts.iter().map(|(rank, _)| *rank).max().unwrap_or(0);
        if used <= available || least == 0 {
            return Line::from(parts.into_iter().map(|(_, span)| span).collect::<Vec<_>>());
        }
        parts.retain(|(rank, _)| *rank != least);
    }
}

pub(super) fn header<'a>(model: &Model, status: &'a Status, width: u16) -> Line<'a> {
    let theme = model.theme();
    let environment = match status.environment.to_lowercase().as_str() {
        "prod" | "production" => Span::styled(" PROD ", theme.bad()),
        other => Span::styled(format!(" {} ", other.to_uppercase()), theme.strong()),
    };
    let (link, style) = link(model);
    let weights = &status.weights;
    let mut parts: Parts<'a> = vec![
        (0, environment),
        (
            7,
            Span::raw(format!("{} ", theme.secret(&model.options.address))),
        ),
        (0, Span::styled(link, style)),
        (
            0,
            Span::raw(format!(" {}Z", format::clock(&status.generated_at))),
        ),
        (0, Span::raw(format!(" rev {}", status.revision))),
        (6, Span::raw(revised(model, status))),
        (9, Span::raw(format!("  {}", status.strategy))),
        (
            8,
            Span::raw(format!(
                "  cost {:.0} latency {:.0} reliability {:.0}",
                weights.cost, weights.latency, weights.reliability
            )),
        ),
    ];
    parts.extend(permission(model));
    parts.push((2, Span::raw(format!("  win {}", status.window.as_str()))));
    if model.window != status.window {
        let text = format!(", loading {}", model.window.as_str());
        parts.push((2, Span::styled(text, theme.warn())));
    }
    parts.extend(order(model));
    parts.extend(distance(model));
    if let Some(text) = model.clock_skew.flag() {
        parts.push((1, Span::styled(format!("  {text}"), theme.warn())));
    }
    if theme.masked {
        parts.push((1, Span::styled(" MASKED", theme.accent())));
    }
    if model.mouse {
        parts.push((4, Span::styled(" MOUSE", theme.accent())));
    }
    if let Some(filter) = model.filter_here().filter(|filter| !filter.is_empty()) {
        let text = format!("  filter {}", filter.as_str());
        parts.push((3, Span::styled(text, theme.accent())));
    }
    fitted(parts, width)
}

/// The order of the rows, if it is not the default.
fn order<'a>(model: &Model) -> Option<(u8, Span<'a>)> {
    let text = match (model.order_by.as_str(), model.is_held()) {
        ("trouble", false) => return None,
        ("trouble", true) => "  order held".to_owned(),
        (word, held) => format!("  by {word}{}", if held { ", held" } else { "" }),
    };
    let is_shown = model.screen == Screen::Overview;
    is_shown.then(|| (6, Span::styled(text, model.theme().dim())))
}

/// Round trip to the terminal, in steps of 20 ms so that jitter does not redraw the screen.
fn distance<'a>(model: &Model) -> Option<(u8, Span<'a>)> {
    let distance = model.distance?;
    let milliseconds = distance.as_millis().div_ceil(20) * 20;
    let (word, style) = if is_slow(distance) {
        (" slow", model.theme().warn())
    } else {
        ("", model.theme().dim())
    };
    let text = format!("  link {milliseconds}ms{word}");
    Some((5, Span::styled(text, style)))
}

/// The author and age of the revision, such as ` alice 6m ago`.
fn revised(model: &Model, status: &Status) -> String {
    status.revised.as_ref().map_or_else(String::new, |revised| {
        let who = revised.who.split(" (").next().unwrap_or_default();
        let who = model.theme().secret(format::cut(who, 16));
        let ago = format::between(&revised.at, &status.generated_at);
        format!(" {who} {ago} ago")
    })
}

/// Draft and trial marks, and whether changes are allowed.
fn permission<'a>(model: &Model) -> Parts<'a> {
    let theme = model.theme();
    let mut parts = Parts::new();
    if model.draft.as_ref().is_some_and(Draft::is_changed) {
        parts.push((1, Span::styled(" DRAFT", theme.accent())));
    }
    if let Some(left) = trial_left(model) {
        let text = format!("  TRIAL {}", format::countdown(left));
        parts.push((0, Span::styled(text, theme.warn())));
        let keep = format!(" {} keeps", model.key(Action::Keep));
        parts.push((3, Span::styled(keep, theme.warn())));
    }
    if model.options.read_only {
        parts.push((0, Span::styled("  READ-ONLY", theme.warn())));
    } else if let Some(left) = model.armed_for().filter(|_| model.is_protected()) {
        let left = left.as_secs();
        let text = format!("  ARMED {}:{:02}", left / 60, left % 60);
        parts.push((0, Span::styled(text, theme.bad())));
    } else if model.is_protected() {
        parts.push((0, Span::styled("  VIEW-ONLY", theme.good())));
    }
    parts
}

/// Seconds until the change on trial reverts, by the clock of the instance. It is never frozen.
fn trial_left(model: &Model) -> Option<u64> {
    let status = model.status.as_ref()?;
    let until = status.reverts_at.as_ref()?;
    let left = format::seconds_between(&status.generated_at, until)?;
    Some(
        u64::try_from(left)
            .unwrap_or(0)
            .saturating_sub(model.age().as_secs()),
    )
}

fn link(model: &Model) -> (String, Style) {
    let theme = model.theme();
    let age = model.age().as_secs();
    let (live, style) = liveness(model, theme, age);
    // A frozen screen still shows that the connection is lost.
    let frozen = if let Some(past) = &model.past {
        past_text(past, theme)
    } else if model.frozen.is_some() {
        format!("{} FROZEN", theme.mark('❚', '='))
    } else {
        return (live, style);
    };
    if model.is_live() {
        (frozen, theme.warn())
    } else {
        (format!("{frozen} {live}"), style)
    }
}

/// `◀ PAST 03:00..03:15`, with the date where it is not the one of the clock beside it.
fn past_text(past: &ShownPast, theme: Theme) -> String {
    let shown = past.status.as_ref().and_then(|it| it.past.as_ref());
    let mark = theme.mark('◀', '<');
    let Some(window) = shown else {
        return format!("{mark} PAST loading");
    };
    let minute = |time: &str| time.get(11..16).unwrap_or_default().to_owned();
    let day = window.from.get(5..10).unwrap_or_default();
    let loading = if past.asked { " loading" } else { "" };
    format!(
        "{mark} PAST {day} {}..{}{loading}",
        minute(&window.from),
        minute(&window.until)
    )
}

fn liveness(model: &Model, theme: Theme, age: u64) -> (String, Style) {
    match &model.link {
        LinkState::Lost(_) => (
            format!("{} STALE {age}s, retrying", theme.mark('✗', 'X')),
            theme.bad(),
        ),
        LinkState::Waiting | LinkState::Live if model.age() > STALE_AFTER => (
            format!("{} STALE {age}s", theme.mark('○', 'o')),
            theme.warn(),
        ),
        LinkState::Waiting | LinkState::Live => {
            (format!("{} LIVE", theme.mark('●', '*')), theme.good())
        }
    }
}

pub(super) fn service<'a>(model: &Model, status: &Status, width: u16) -> Line<'a> {
    let theme = model.theme();
    let totals = &status.totals;
    let (word, style) = match status.callers.state {
        Some(state) => {
            let (word, style) = theme.service(state);
            (format!(" CALLERS {word} "), style)
        }
        None => (" CALLERS ".to_owned(), theme.dim()),
    };
    let part = if totals.requests > 0 {
        totals.retries as f64 / totals.requests as f64
    } else {
        0.0
    };
    let success = match totals.success_rate {
        Some(rate) if rate < 0.99 => theme.bad(),
        Some(rate) if rate < 0.999 => theme.warn(),
        _ => Style::default(),
    };
    let (rate, of) = match totals.success_rate {
        Some(_) => (
            format!("{}%", format::percent(totals.success_rate)),
            format!(" of {}", format::count(totals.requests)),
        ),
        None => ("no requests".to_owned(), String::new()),
    };
    let parts: Parts<'a> = vec![
        (0, Span::styled(word, style)),
        (0, Span::styled(rate, success)),
        (2, Span::raw(of)),
        (
            0,
            Span::raw(format!(
                "  p50 {} p95 {}",
                format::latency(totals.latency_ms.p50),
                format::latency(totals.latency_ms.p95),
            )),
        ),
        (
            5,
            Span::raw(format!(" p99 {}", format::latency(totals.latency_ms.p99))),
        ),
        (
            0,
            Span::raw(format!(
                "  {} req/s",
                format::rate(status.requests_per_second)
            )),
        ),
        (
            1,
            Span::raw(format!(
                "  {}/h",
                format::sum(status.known_usd_per_hour(), totals.cost_basis, theme)
            )),
        ),
        (4, Span::raw(format!("  retried {:.1}%", part * 100.0))),
    ];
    fitted(parts, width)
}
