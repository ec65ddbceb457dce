//! Changes, newest first, and what the one under the cursor did. `.` then `r` rolls back to it.

mod effect;

use super::listing::{emptiness, first_row, plain, rows};
use crate::contract::{RevisionReport, Status};
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::widgets::line::{line, rule};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Lines of the list that stay visible, however much there is to say of the change below.
const FEWEST_ROWS: u16 = 3;

pub fn draw(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let title = format!("CHANGES: rev {} is in effect", status.revision);
    rule(&title, theme, area, buffer);
    let head = format!(
        " {} {} {} WHAT",
        format::right("REV", 5),
        format::left("TIME", 8),
        format::left("WHO", who_width(area))
    );
    line(Line::styled(head, theme.dim()), area, 1, buffer);
    let revisions = &model.revisions;
    if let Some(text) = emptiness(revisions, "no changes since the start") {
        let text = Line::styled(plain(&text, theme), theme.dim());
        line(text, area, 2, buffer);
        return;
    }
    let selected = revisions.rows.get(revisions.at);
    let below = selected.map(|it| details(model, status, it, area.width));
    let wanted = below.as_ref().map_or(0, Vec::len) + 1;
    let wanted = u16::try_from(wanted).unwrap_or(u16::MAX);
    let most = area.height.saturating_sub(2 + FEWEST_ROWS);
    let below_height = wanted.min(most);
    let list = rows(area, 2, area.height.saturating_sub(2 + below_height));
    let first = first_row(revisions.at, usize::from(list.height));
    let shown = revisions.rows.iter().enumerate().skip(first);
    for (y, (index, revision)) in (0..list.height).zip(shown) {
        let is_selected = index == revisions.at;
        line(row(model, revision, is_selected, area), list, y, buffer);
    }
    let below_area = rows(area, 2 + list.height, below_height);
    if let Some((revision, details)) = selected.zip(below) {
        if below_height == 0 {
            return;
        }
        rule(&title_of(revision), theme, below_area, buffer);
        for (y, text) in (1..below_area.height).zip(details) {
            line(text, below_area, y, buffer);
        }
    }
}

fn who_width(area: Rect) -> usize {
    if area.width >= 110 { 22 } else { 12 }
}

fn title_of(revision: &RevisionReport) -> String {
    let number = revision.revision;
    let Some(effect) = &revision.effect else {
        return format!("REV {number}");
    };
    let before = format::span(effect.before.seconds);
    match &effect.after {
        Some(after) => format!(
            "REV {number}: {before} BEFORE | {} AFTER",
            format::span(after.seconds)
        ),
        None => format!("REV {number}: {before} BEFORE | AFTER"),
    }
}

fn details<'a>(
    model: &Model,
    status: &Status,
    revision: &RevisionReport,
    width: u16,
) -> Vec<Line<'a>> {
    let theme = model.theme();
    let reason = revision.reason.as_ref();
    let reason = reason.map_or_else(|| "none given".to_owned(), |it| theme.secret(it));
    let why = format!(
        " by {}; reason: {reason}",
        theme.secret(revision.who.as_str())
    );
    let weights = &revision.after;
    let since = format!(
        " weights since then: cost {:.0} latency {:.0} reliability {:.0} load {:.0} priority {:.0}",
        weights.cost, weights.latency, weights.reliability, weights.load, weights.priority
    );
    let mut lines = vec![
        Line::raw(plain(&why, theme)),
        Line::styled(since, theme.dim()),
    ];
    lines.extend(effect::lines(model, status, revision, width));
    lines
}

fn row<'a>(model: &Model, revision: &RevisionReport, is_selected: bool, area: Rect) -> Line<'a> {
    let theme = model.theme();
    let reason = revision.reason.as_ref();
    let reason = reason
        .map(|reason| format!("  \"{}\"", theme.secret(reason)))
        .unwrap_or_default();
    let style = if is_selected {
        theme.strong()
    } else {
        Style::default()
    };
    Line::from(vec![
        Span::styled(if is_selected { ">" } else { " " }, theme.accent()),
        Span::styled(
            format!(
                "{} {} {} ",
                format::right(&revision.revision.to_string(), 5),
                format::clock(&revision.at),
                format::left(&theme.secret(&revision.who), who_width(area))
            ),
            style,
        ),
        Span::raw(plain(&revision.what, theme)),
        Span::styled(plain(&reason, theme), theme.dim()),
    ])
}
