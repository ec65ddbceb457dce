//! The weights: a draft of the five, and what it would do, before it is applied.
//!
//! ```text
//! ── WEIGHTS · DRAFT on rev 42 (not applied) ──
//! > cost          30 → 55  ███████████▌········
//!   latency       40 → 26  █████▌··············
//! ── IF APPLIED (estimate from this moment's factors) ──
//!   PROVIDER   STATE    PRIORITY   SHARE%      SCORE     RANK  COST LAT REL LOAD PRIO
//! > ollama     ●OK      50 → 60    12 → 61 ▲   66 → 81   2→1   1.00 .61 …
//!   now   [openai 40     |google 30 |…
//!   draft [ollama 61                |…
//! ```

use super::rows;
use crate::contract::{Factors, ProviderStatus, Status};
use crate::tui::draft::{Draft, NAMES, Row};
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::panels::rule;
use crate::tui::preview::{Outlook, drafted, moved, present};
use crate::tui::theme::Theme;
use crate::tui::update::is_of;
use crate::tui::view::line;
use crate::tui::widgets::stack::stack;
use crate::tui::widgets::strip;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Less than this part of the traffic is no movement worth an arrow.
const MOVED: f64 = 0.005;

pub fn draw(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    // Somebody who came here before any news had nothing to draft on.
    let fresh = Draft::new(&status.weights, status.revision);
    let draft = model.draft.as_ref().unwrap_or(&fresh);
    let state = match (draft.is_changed(), draft.revision == status.revision) {
        (false, _) => format!("WEIGHTS in force, rev {}", status.revision),
        (true, true) => format!("WEIGHTS · DRAFT on rev {} (not applied)", draft.revision),
        (true, false) => format!(
            "WEIGHTS · DRAFT on rev {}, but rev {} is in force",
            draft.revision, status.revision
        ),
    };
    let state = if model.theme().ascii {
        state.replace('·', "-")
    } else {
        state
    };
    rule(&state, model, area, buffer);
    let mut y = 1;
    for (row, name) in NAMES.iter().enumerate() {
        if row == 3 {
            line(
                Line::styled("  beside them, 0..100 each:", model.theme().dim()),
                area,
                y,
                buffer,
            );
            y += 1;
        }
        line(weight(model, draft, row, name, area.width), area, y, buffer);
        y += 1;
    }
    y += 1;
    if y + 2 >= area.height {
        return;
    }
    let below = Rect {
        y: area.y + y,
        height: area.height - y,
        ..area
    };
    preview(model, status, draft, below, buffer);
}

fn weight<'a>(model: &Model, draft: &Draft, row: usize, name: &str, width: u16) -> Line<'a> {
    let theme = model.theme();
    let (from, to) = (draft.from()[row], draft.points()[row]);
    let here = draft.row == Row::Objective(row);
    let arrow = theme.mark('→', '>');
    let numbers = if from == to {
        format!("{to:>3}      ")
    } else {
        format!("{from:>3} {arrow} {to:<3}")
    };
    let style = if from == to {
        Style::default()
    } else {
        theme.accent()
    };
    let room = usize::from(width.saturating_sub(32)).min(60);
    let filled = usize::from(to) * room / 100;
    let was = usize::from(from) * room / 100;
    let bar: String = (0..room)
        .map(|cell| match cell {
            cell if cell < filled => theme.mark('█', '#'),
            cell if cell == was && from != to => theme.mark('│', '|'),
            _ => theme.mark('·', '.'),
        })
        .collect();
    Line::from(vec![
        Span::styled(if here { " > " } else { "   " }, theme.accent()),
        Span::styled(
            format::left(name, 13),
            if here {
                theme.strong()
            } else {
                Style::default()
            },
        ),
        Span::styled(format!("{numbers}  "), style),
        Span::styled(bar, style),
    ])
}

fn preview(model: &Model, status: &Status, draft: &Draft, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    rule(
        "IF APPLIED (estimate from current factors, for usual chat requests)",
        model,
        area,
        buffer,
    );
    let now = present(status);
    let then = drafted(status, draft);
    let wide = area.width >= 100;
    let arrow = theme.mark('→', '>');
    line(Line::styled(head(wide), theme.dim()), area, 1, buffer);
    let all = model.rows();
    let stacks = if area.height >= 10 { 2 } else { 0 };
    let room = usize::from(area.height.saturating_sub(4 + stacks)).max(1);
    let at = match &draft.row {
        Row::Provider(name) => all.iter().position(|row| row.performance.provider == *name),
        Row::Objective(_) => None,
    };
    let first = super::first_row(at.unwrap_or(0), room);
    let mut y = 2;
    for provider in all.iter().skip(first).take(room) {
        let name = &provider.performance.provider;
        let Some(at) = status
            .providers
            .iter()
            .position(|p| p.performance.provider == *name)
        else {
            continue;
        };
        let ranks = (rank(&now, at), rank(&then, at));
        let row = outlook_row(
            model,
            (provider, draft),
            (now[at], then[at]),
            ranks,
            (wide, arrow),
        );
        line(row, area, y, buffer);
        y += 1;
    }
    if all.len() > first + room {
        let text = format!("   +{} more below", all.len() - first - room);
        line(Line::styled(text, theme.dim()), area, y, buffer);
        y += 1;
    }
    if stacks > 0 {
        shares(status, (&now, &then), theme, rows(area, y, 2), buffer);
        y += 2;
    }
    let part = moved(&now, &then);
    let text = if draft.is_changed() {
        format!(
            "   moves about {}% of the traffic; Enter reviews, then applies",
            format::share(part)
        )
    } else {
        "   move a weight to see what it would do; Tab goes to the providers' priorities".to_owned()
    };
    line(Line::styled(text, theme.accent()), area, y, buffer);
    if let Some(text) = predicted(model, draft).filter(|_| draft.is_changed()) {
        line(text, area, y + 1, buffer);
        y += 1;
    }
    let rest = rows(area, y + 2, area.height.saturating_sub(y + 2));
    scores(model, status, draft, rest, buffer);
}

/// The requests of the window, decided again with the draft; dim while an older draft's answer
/// stands there.
fn predicted<'a>(model: &Model, draft: &Draft) -> Option<Line<'a>> {
    let theme = model.theme();
    let report = model.what_if.as_ref()?;
    let (now, then) = (report.total.now, report.total.then);
    let arrow = theme.mark('→', '>');
    let pair = |now: String, then: String| format!("{now}{arrow}{then}");
    let text = format!(
        "   {} requests of {} decided again: ok {}%  p95 {}  mean {}  $/1k {}; {} of them a guess",
        report.decisions,
        model.window.word(),
        pair(
            format::percent(now.success_rate),
            format::percent(then.success_rate)
        ),
        pair(format::latency(now.p95), format::latency(then.p95)),
        pair(
            format::latency(now.mean_latency_ms),
            format::latency(then.mean_latency_ms)
        ),
        pair(
            format::usd(now.usd_per_1k_requests),
            format::usd(then.usd_per_1k_requests)
        ),
        report.extrapolated
    );
    let style = if is_of(report, draft.points()) {
        Style::default()
    } else {
        theme.dim()
    };
    Some(Line::styled(text, style))
}

/// What the best scores under the draft are made of, as far as there is room.
fn scores(model: &Model, status: &Status, draft: &Draft, area: Rect, buffer: &mut Buffer) {
    if area.height < 3 {
        return;
    }
    let title =
        "WHAT THE SCORES ARE MADE OF: Cost Latency Reliability lOad Priority, now and drafted";
    rule(title, model, area, buffer);
    let mut best: Vec<(&ProviderStatus, Outlook)> = status
        .providers
        .iter()
        .zip(drafted(status, draft))
        .collect();
    best.sort_by(|a, b| {
        b.1.score
            .unwrap_or(0.0)
            .total_cmp(&a.1.score.unwrap_or(0.0))
    });
    let width = usize::from(area.width).saturating_sub(28).min(100);
    let lines = best.iter().flat_map(|(provider, _)| {
        let name = &provider.performance.provider;
        let factors = provider.factors.unwrap_or_default();
        let mut wished = factors;
        if let Some(points) = draft.priority(name) {
            wished.priority = f64::from(points) / 100.0;
        }
        let now = strip::score_bar(&factors, &status.weights, width);
        let then = strip::score_bar(&wished, &draft.weights(), width);
        [
            format!("   {} now   {now}", format::left(name, 14)),
            format!("   {} draft {then}", format::left("", 14)),
        ]
    });
    for (y, text) in (1..area.height).zip(lines) {
        line(Line::raw(text), area, y, buffer);
    }
}

/// The names of the columns.
fn head(wide: bool) -> String {
    let factors = if wide {
        "  COST LAT  REL  LOAD PRIO  (factors, 1 is best)"
    } else {
        ""
    };
    format!(
        "   {} {} {} {:>12}  {:>11} {:>8}{factors}",
        format::left("PROVIDER", 12),
        format::left("STATE", 7),
        format::left("PRIORITY", 9),
        "SHARE%",
        "SCORE",
        "RANK"
    )
}

/// Both shares of the traffic as rows of parts.
fn shares(
    status: &Status,
    (now, then): (&[Outlook], &[Outlook]),
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let width = usize::from(area.width).saturating_sub(11).min(120);
    for (y, (name, outlook)) in (0..area.height).zip([("now  ", now), ("draft", then)]) {
        let parts: Vec<(&str, f64)> = status
            .providers
            .iter()
            .zip(outlook)
            .map(|(provider, outlook)| (provider.performance.provider.as_str(), outlook.share))
            .collect();
        let row = super::plain(&stack(&parts, width), theme);
        line(Line::raw(format!("   {name} {row}")), area, y, buffer);
    }
}

/// Place by score among all, 1 the best; nothing where it has no score.
fn rank(outlook: &[Outlook], at: usize) -> Option<usize> {
    let own = outlook[at].score?;
    Some(
        outlook
            .iter()
            .filter(|other| other.score > Some(own))
            .count()
            + 1,
    )
}

fn outlook_row<'a>(
    model: &Model,
    (provider, draft): (&ProviderStatus, &Draft),
    (now, then): (Outlook, Outlook),
    ranks: (Option<usize>, Option<usize>),
    (wide, arrow): (bool, char),
) -> Line<'a> {
    let name = &provider.performance.provider;
    let here = draft.row == Row::Provider(name.clone());
    let drafted = draft.priority(name).filter(|to| *to != provider.priority);
    let priority = match drafted {
        Some(to) => format!("{:>3} {arrow} {to:<3}", provider.priority),
        None => format!("{:>3}", provider.priority),
    };
    let theme = model.theme();
    let state = provider.performance.state;
    let (mark, style) = if then.share > now.share + MOVED {
        (theme.mark('▲', '^'), theme.good())
    } else if then.share + MOVED < now.share {
        (theme.mark('▼', 'v'), theme.warn())
    } else {
        (' ', Style::default())
    };
    let points = |score: Option<f64>| {
        score.map_or_else(
            || format::NOTHING.to_owned(),
            |score| format!("{:.0}", score * 100.0),
        )
    };
    Line::from(vec![
        Span::styled(if here { " > " } else { "   " }, theme.accent()),
        Span::raw(format!("{} ", format::left(name, 12))),
        Span::styled(
            format::left(&theme.state_word(state), 7),
            theme.state(state),
        ),
        Span::styled(
            format!(" {}", format::left(&priority, 9)),
            if drafted.is_some() {
                theme.accent()
            } else {
                Style::default()
            },
        ),
        Span::styled(
            format!(
                " {:>4} {arrow} {:>3} {mark}  ",
                format::share(now.share),
                format::share(then.share)
            ),
            style,
        ),
        Span::raw(format!(
            "{:>4} {arrow} {:>3}",
            points(now.score),
            points(then.score)
        )),
        Span::raw(format!("{:>8}  ", rank_text(ranks, arrow))),
        Span::raw(factor_text(provider.factors.as_ref(), wide)),
    ])
}

fn rank_text((now, then): (Option<usize>, Option<usize>), arrow: char) -> String {
    let place = |rank: Option<usize>| {
        rank.map_or_else(|| format::NOTHING.to_owned(), |rank| rank.to_string())
    };
    if now == then {
        place(now)
    } else {
        format!("{}{arrow}{}", place(now), place(then))
    }
}

/// The factors, where there is room for them.
fn factor_text(factors: Option<&Factors>, wide: bool) -> String {
    let Some(factors) = factors.filter(|_| wide) else {
        return String::new();
    };
    let parts = [
        factors.cost,
        factors.latency,
        factors.reliability,
        factors.load,
        factors.priority,
    ];
    parts.map(|part| format!("{part:.2}")).join(" ")
}
