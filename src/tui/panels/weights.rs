//! The weights: a draft of the five, and what it would do, before it is applied.
//!
//! ```text
//! ── WEIGHTS · DRAFT on rev 42 (not applied) ──
//! > cost          30 → 55  ███████████▌········
//!   latency       40 → 26  █████▌··············
//! ── IF APPLIED (estimate from this moment's factors) ──
//!   PROVIDER   STATE    SHARE%      SCORE     COST LAT REL LOAD PRIO
//!   ollama     ●OK      12 → 61 ▲   66 → 81   1.00 .61 …
//! ```

use super::rule;
use crate::contract::{Factors, ProviderStatus, Status};
use crate::tui::draft::{Draft, NAMES};
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::preview::{Outlook, outlook};
use crate::tui::view::line;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Less than this part of the traffic is no movement worth an arrow.
const MOVED: f64 = 0.005;

pub fn draw(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    let Some(draft) = &model.draft else { return };
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
    let here = draft.row == row;
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
    let now = outlook(status, &status.weights);
    let then = outlook(status, &draft.weights());
    let wide = area.width >= 100;
    let arrow = theme.mark('→', '>');
    let factors = if wide {
        "  COST LAT  REL  LOAD PRIO  (factors, 1 is best)"
    } else {
        "  COST LAT  REL"
    };
    let head = format!(
        "   {} {} {:>12}  {:>11} {factors}",
        format::left("PROVIDER", 12),
        format::left("STATE", 7),
        "SHARE%",
        "SCORE"
    );
    line(Line::styled(head, theme.dim()), area, 1, buffer);
    let mut y = 2;
    for provider in model.rows() {
        let name = &provider.performance.provider;
        let Some(at) = status
            .providers
            .iter()
            .position(|p| p.performance.provider == *name)
        else {
            continue;
        };
        line(
            outlook_row(model, provider, now[at], then[at], (wide, arrow)),
            area,
            y,
            buffer,
        );
        y += 1;
    }
    let moved: f64 = now
        .iter()
        .zip(&then)
        .map(|(now, then)| (then.share - now.share).max(0.0))
        .sum();
    let text = if draft.is_changed() {
        format!(
            "   moves about {}% of the traffic; Enter reviews, then applies",
            format::share(moved)
        )
    } else {
        "   move a weight to see what it would do".to_owned()
    };
    line(Line::styled(text, theme.accent()), area, y + 1, buffer);
}

fn outlook_row<'a>(
    model: &Model,
    provider: &ProviderStatus,
    now: Outlook,
    then: Outlook,
    (wide, arrow): (bool, char),
) -> Line<'a> {
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
        Span::raw(format!(
            "   {} ",
            format::left(&provider.performance.provider, 12)
        )),
        Span::styled(
            format::left(&theme.state_word(state), 7),
            theme.state(state),
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
        Span::raw(format!(
            "    {}",
            factor_text(provider.factors.as_ref(), wide)
        )),
    ])
}

fn factor_text(factors: Option<&Factors>, wide: bool) -> String {
    let Some(factors) = factors else {
        return format::NOTHING.to_owned();
    };
    let mut parts = vec![factors.cost, factors.latency, factors.reliability];
    if wide {
        parts.extend([factors.load, factors.priority]);
    }
    parts
        .iter()
        .map(|part| format!("{part:.2}"))
        .collect::<Vec<_>>()
        .join(" ")
}
