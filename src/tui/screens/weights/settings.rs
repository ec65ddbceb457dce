//! The rows of strategy, budgets and breakers, beside those of the objectives.

use crate::tui::draft::{Draft, DraftRow, DraftedSettings, Setting};
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::widgets::line::line;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Width of the column on screens of this width and more, and on narrower ones.
const WIDE: (u16, u16) = (110, 48);
const NARROW: (u16, u16) = (76, 34);
/// Cells in front of a value.
const LABEL: usize = 16;

/// Width of the column beside the objectives; 0 where there is no room for both.
pub(super) fn width(draft: &Draft, screen: u16) -> u16 {
    if draft.settings().is_none() {
        return 0;
    }
    let fits = |(least, _): &(u16, u16)| screen >= *least;
    [WIDE, NARROW]
        .into_iter()
        .find(fits)
        .map_or(0, |(_, width)| width)
}

/// Whether the column takes the place of the objectives, for lack of room.
pub(super) fn is_alone(draft: &Draft, screen: u16) -> bool {
    matches!(draft.row, DraftRow::Setting(_)) && width(draft, screen) == 0
}

pub(super) fn draw(model: &Model, draft: &Draft, area: Rect, buffer: &mut Buffer) {
    let Some(drafted) = draft.settings() else {
        return;
    };
    for (y, setting) in (0..area.height).zip(Setting::ALL) {
        let is_selected = draft.row == DraftRow::Setting(setting);
        let row = row(model, drafted, (setting, is_selected), area.width);
        line(row, area, y, buffer);
    }
}

fn row<'a>(
    model: &Model,
    drafted: &DraftedSettings,
    (setting, is_selected): (Setting, bool),
    width: u16,
) -> Line<'a> {
    let theme = model.theme();
    let text = |values| setting.text(values, |usd| theme.secret(format!("${usd}")));
    let (from, to) = (text(&drafted.from), text(&drafted.to));
    let arrow = theme.mark('→', '>');
    let is_moved = drafted.moves(setting);
    let both = format!("{from} {arrow} {to}");
    let room = usize::from(width).saturating_sub(LABEL);
    let value = match is_moved {
        false => to,
        true if both.chars().count() <= room => both,
        true => format!("{arrow} {to}"),
    };
    let label = if is_selected {
        theme.strong()
    } else {
        Style::default()
    };
    let style = if is_moved {
        theme.accent()
    } else {
        Style::default()
    };
    Line::from(vec![
        Span::styled(if is_selected { " > " } else { "   " }, theme.accent()),
        Span::styled(format::left(setting.label(), LABEL - 3), label),
        Span::styled(value, style),
    ])
}
