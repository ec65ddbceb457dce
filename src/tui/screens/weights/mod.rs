//! The draft of the weights, and its effect.
//!
//! ```text
//! ── WEIGHTS · DRAFT on rev 42 (not applied) ──
//! > cost          30 → 55  ━━━━━━━━━━━━········
//!   latency       40 → 26  ━━━━━━··············
//! ── IF APPLIED (estimate from current factors) ──
//!   PROVIDER   STATE    PRIORITY   SHARE%      SCORE     RANK  COST LAT REL LOAD PRIO
//! > ollama     ●OK      50 → 60    12 → 61 ▲   66 → 81   2→1   1.00 .61 …
//!   now   [openai 40     |google 30 |…
//!   draft [ollama 61                |…
//! ```

mod applied;
mod comparison;
mod prediction;
mod settings;

use super::listing::{first_row, rows};
use crate::contract::Status;
use crate::tui::draft::{CurrentSettings, Draft, DraftRow, NAMES};
use crate::tui::format;
use crate::tui::keymap::Action;
use crate::tui::model::Model;
use crate::tui::preview::{self, Preview, insensitivity, moved};
use crate::tui::view::next_schedule;
use crate::tui::widgets::line::line;
use crate::tui::widgets::line::rule;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Width of the widest rows of objectives.
const MAX_OBJECTIVES_WIDTH: u16 = 92;

pub fn draw(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    // Without a draft, which needs a status to start from, the weights in effect are shown.
    let fresh = Draft::of(status);
    let draft = model.draft.as_ref().unwrap_or(&fresh);
    let state = match (draft.is_changed(), draft.revision == status.revision) {
        (false, _) => format!("WEIGHTS in effect, rev {}", status.revision),
        (true, true) => format!("WEIGHTS · DRAFT on rev {} (not applied)", draft.revision),
        (true, false) => format!(
            "WEIGHTS · DRAFT on rev {}, but rev {} is in effect",
            draft.revision, status.revision
        ),
    };
    let state = if model.theme().ascii {
        state.replace('·', "-")
    } else {
        state
    };
    let state = match next_schedule(status) {
        Some(next) => format!("{state}; {next}"),
        None => state,
    };
    rule(&state, model.theme(), area, buffer);
    let y = 1 + draw_rows(model, draft, rows(area, 1, area.height), buffer);
    if y + 3 >= area.height {
        // There is room for one line.
        let row = rows(area, y, 1);
        line(one_line(model, status, draft), row, 0, buffer);
        return;
    }
    let y = y + 1;
    let below = Rect {
        y: area.y + y,
        height: area.height - y,
        ..area
    };
    if_applied(model, status, draft, below, buffer);
}

/// Draws the objectives, and beside them the settings; returns the number of lines.
fn draw_rows(model: &Model, draft: &Draft, area: Rect, buffer: &mut Buffer) -> u16 {
    let beside = settings::width(draft, area.width);
    let left = Rect {
        width: (area.width - beside).min(MAX_OBJECTIVES_WIDTH),
        ..area
    };
    let right = Rect {
        x: area.x + left.width,
        width: beside,
        ..area
    };
    if settings::is_alone(draft, area.width) {
        settings::draw(model, draft, area, buffer);
        return 6;
    }
    settings::draw(model, draft, right, buffer);
    let mut y = 0;
    for (row, name) in NAMES.iter().enumerate() {
        if row == 3 {
            line(
                Line::styled("  independent, 0..100 each:", model.theme().dim()),
                left,
                y,
                buffer,
            );
            y += 1;
        }
        line(weight(model, draft, row, name, left.width), left, y, buffer);
        y += 1;
    }
    y
}

fn weight<'a>(model: &Model, draft: &Draft, row: usize, name: &str, width: u16) -> Line<'a> {
    let theme = model.theme();
    let (from, to) = (draft.from()[row], draft.points()[row]);
    let is_selected = draft.row == DraftRow::Objective(row);
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
    let available = usize::from(width.saturating_sub(32)).min(60);
    let filled = usize::from(to) * available / 100;
    let was = usize::from(from) * available / 100;
    let bar: String = (0..available)
        .map(|cell| match cell {
            cell if cell < filled => theme.mark('━', '='),
            cell if cell == was && from != to => theme.mark('│', '|'),
            _ => theme.mark('·', '.'),
        })
        .collect();
    Line::from(vec![
        Span::styled(if is_selected { " > " } else { "   " }, theme.accent()),
        Span::styled(
            format::left(name, 13),
            if is_selected {
                theme.strong()
            } else {
                Style::default()
            },
        ),
        Span::styled(format!("{numbers}  "), style),
        Span::styled(bar, style),
    ])
}

fn if_applied(model: &Model, status: &Status, draft: &Draft, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let known = model.what_if.as_ref().filter(|_| draft.is_changed());
    let Preview { now, then, basis } = preview::preview(status, draft, known);
    rule(&prediction::title(model, basis), theme, area, buffer);
    let wide = area.width >= 100;
    line(
        Line::styled(comparison::head(basis, wide), theme.dim()),
        area,
        1,
        buffer,
    );
    let providers: Vec<(String, CurrentSettings)> = model
        .rows()
        .iter()
        .map(|row| {
            let current = CurrentSettings::new(row, &status.weights);
            (row.performance.provider.clone(), current)
        })
        .collect();
    let mut all = draft.rows(&providers);
    all.retain(|row| row.provider().is_some());
    let stacks = if area.height >= 10 { 2 } else { 0 };
    let available = usize::from(area.height.saturating_sub(4 + stacks)).max(1);
    let at = all.iter().position(|row| *row == draft.row);
    let first = first_row(at.unwrap_or(0), available);
    let mut y = 2;
    for row in all.iter().skip(first).take(available) {
        let text = comparison::row(model, status, draft, (&now, &then), (row, area.width));
        if let Some(text) = text {
            line(text, area, y, buffer);
            y += 1;
        }
    }
    if all.len() > first + available {
        let text = format!("   +{} more below", all.len() - first - available);
        line(Line::styled(text, theme.dim()), area, y, buffer);
        y += 1;
    }
    if stacks > 0 {
        comparison::shares(status, (&now, &then), theme, rows(area, y, 2), buffer);
        y += 2;
    }
    let text = summary(model, status, draft, moved(&now, &then));
    line(Line::styled(text, theme.accent()), area, y, buffer);
    if let Some(text) = prediction::predicted(model, draft).filter(|_| draft.is_changed()) {
        line(text, area, y + 1, buffer);
        y += 1;
    }
    let rest = rows(area, y + 2, area.height.saturating_sub(y + 2));
    if !draft.is_changed() && applied::draw(model, status, rest, buffer) {
        return;
    }
    prediction::scores(model, status, draft, rest, buffer);
}

/// The shares that change most, on a screen without room for a preview:
/// ` google 33>41% ollama 19>12%; Enter reviews`.
fn one_line<'a>(model: &Model, status: &Status, draft: &Draft) -> Line<'a> {
    let theme = model.theme();
    if !draft.is_changed() || insensitivity(status, draft).is_some() {
        let text = summary(model, status, draft, 0.0);
        return Line::styled(text, theme.dim());
    }
    let Preview { now, then, .. } = preview::preview(status, draft, model.what_if.as_ref());
    let mut changes: Vec<(&str, f64, f64)> = status
        .providers
        .iter()
        .zip(now.iter().zip(&then))
        .map(|(it, (now, then))| (it.performance.provider.as_str(), now.share, then.share))
        .collect();
    changes.sort_by(|one, other| {
        let moved = |it: &(&str, f64, f64)| (it.2 - it.1).abs();
        moved(other).total_cmp(&moved(one))
    });
    let arrow = theme.mark('→', '>');
    let words: Vec<String> = changes
        .iter()
        .take(3)
        .map(|(name, now, then)| {
            let (now, then) = (format::share(*now), format::share(*then));
            format!("{} {now}{arrow}{then}%", format::cut(name, 12))
        })
        .collect();
    let review = model.key(Action::Open);
    let text = format!(" {}; {review} reviews", words.join(" "));
    Line::styled(text, theme.accent())
}

/// The effect of the draft and the next step, in one line.
fn summary(model: &Model, status: &Status, draft: &Draft, part: f64) -> String {
    if let Some(why) = insensitivity(status, draft) {
        format!("   no effect on the selection: {why}")
    } else if draft.is_changed() {
        format!(
            "   moves {}% of the traffic; {} reviews, then applies",
            format::share(part),
            model.key(Action::Open)
        )
    } else {
        format!(
            "   move a weight to see its effect; {} goes to settings, then priorities",
            model.key(Action::Panel(1))
        )
    }
}
