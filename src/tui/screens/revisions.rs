//! Revisions, newest first. `.` then `r` rolls back to the one under the cursor.

use super::listing::{emptiness, first_row, plain, rows};
use crate::contract::{RevisionReport, Status};
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::widgets::line::line;
use crate::tui::widgets::line::rule;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

pub fn draw(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let title = format!("REVISIONS: rev {} is in effect", status.revision);
    rule(&title, model.theme(), area, buffer);
    let head = format!(
        " {} {} {} WHAT",
        format::right("REV", 5),
        format::left("TIME", 8),
        format::left("WHO", 10)
    );
    line(Line::styled(head, theme.dim()), area, 1, buffer);
    let list = rows(area, 2, area.height.saturating_sub(5));
    let revisions = &model.revisions;
    if let Some(text) = emptiness(revisions, "no changes since the start") {
        line(
            Line::styled(plain(&text, theme), theme.dim()),
            list,
            0,
            buffer,
        );
        return;
    }
    let first = first_row(revisions.at, usize::from(list.height));
    let shown = revisions.rows.iter().enumerate().skip(first);
    for (y, (index, revision)) in (0..list.height).zip(shown) {
        line(row(model, revision, index == revisions.at), list, y, buffer);
    }
    if let Some(revision) = revisions.rows.get(revisions.at) {
        let below = rows(area, area.height.saturating_sub(3), 3);
        rule(
            &format!("REV {}", revision.revision),
            model.theme(),
            below,
            buffer,
        );
        let weights = &revision.after;
        let text = format!(
            " weights since then: cost {:.0} latency {:.0} reliability {:.0} load {:.0} priority {:.0}",
            weights.cost, weights.latency, weights.reliability, weights.load, weights.priority
        );
        line(Line::raw(text), below, 1, buffer);
        let reason = revision.reason.as_ref();
        let reason = reason.map_or_else(|| "none given".to_owned(), |it| theme.secret(it));
        line(
            Line::raw(plain(&format!(" reason: {reason}"), theme)),
            below,
            2,
            buffer,
        );
    }
}

fn row<'a>(model: &Model, revision: &RevisionReport, is_selected: bool) -> Line<'a> {
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
                format::left(&theme.secret(&revision.who), 10)
            ),
            style,
        ),
        Span::raw(plain(&revision.what, theme)),
        Span::styled(plain(&reason, theme), theme.dim()),
    ])
}
